"""What nobody can wish of a plan, refused in words before anything is changed."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from homeassistant.util import dt as dt_util

from .helpers import invalid
from .planning import ConnectorPlan, effective

FARTHEST: Final = timedelta(days=8)
"""No plan is longer: a time beyond is most likely a slip of the pen."""


def in_reach(moment: datetime) -> datetime:
    """Return a time by which a car can be planned to be ready.

    Raises a translated error for one that is past or too far away.
    """
    now, shown = dt_util.utcnow(), f"{dt_util.as_local(moment):%Y-%m-%d %H:%M}"
    if moment <= now:
        raise invalid("time_is_past", time=shown)
    if moment > now + FARTHEST:
        raise invalid("time_too_far", time=shown, days=FARTHEST.days)
    return moment


def agree(plan: ConnectorPlan, wished: Mapping[str, Any]) -> None:
    """Raise a translated error where wishes contradict each other.

    `wished` are those that are new, by the names of `set_goal` and `get_plan`; what
    they leave out is as it holds at the connector.
    """
    energy_kwh = wished.get("target_kwh", wished.get("energy_kwh"))
    target, minimum = wished.get("target_soc"), wished.get("minimum_soc")
    if target is not None and energy_kwh is not None:
        raise invalid("two_targets", percent=f"{target:g}", energy=f"{energy_kwh:g}")
    minimum_kwh = wished.get("minimum_kwh", 0.0)
    if energy_kwh is not None and minimum_kwh > energy_kwh:
        _contradict(minimum_kwh, energy_kwh, "kWh")
    if target is None and minimum is None:
        return
    if target is None:
        counts_kwh = energy_kwh is not None or plan.wishes.target_kwh is not None
        target = 100.0 if counts_kwh else effective.wanted_soc(plan)
    if minimum is None:
        minimum = effective.minimum_soc(plan)
    if minimum > target:
        _contradict(minimum, target, "%")


def _contradict(minimum: float, target: float, unit: str) -> None:
    raise invalid(
        "minimum_above_target",
        minimum=f"{minimum:g} {unit}",
        target=f"{target:g} {unit}",
    )
