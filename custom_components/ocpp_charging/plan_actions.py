"""The actions about plans: ask for one, say what is wished, have it made anew."""

from datetime import datetime, time
from typing import Any, Final

from homeassistant.const import ATTR_DEVICE_ID
from homeassistant.core import ServiceCall, ServiceResponse
from homeassistant.helpers import config_validation as cv
from homeassistant.util import dt as dt_util
import probatio

from . import devices
from .actions import ATTR_CONNECTOR, target_of
from .helpers import invalid
from .plan_checks import agree, in_reach
from .planning import Asked, ConnectorPlan, Mode
from .planning.telling import beside_response, plan_response
from .profile_form import aware, choice

MODES: Final = {mode.value: mode for mode in Mode}


def _number(low: float, high: float) -> probatio.All[Any]:
    return probatio.All(probatio.Coerce(float), probatio.Range(min=low, max=high))


def _time_or_moment(value: object) -> time | datetime:
    """Validate a time of day, or a moment."""
    if isinstance(value, str) and len(value.strip()) <= len("07:00:00"):
        return cv.time(value.strip())
    if isinstance(value, time):
        return value
    moment: datetime = aware(value)
    return moment


_PERCENT: Final = _number(0, 100)
_PRICE: Final = _number(-1_000_000, 1_000_000)
_COMMON: Final[dict[probatio.Marker, Any]] = {
    probatio.Optional("target_soc"): _PERCENT,
    probatio.Optional("minimum_soc"): _PERCENT,
    probatio.Optional("price_cap"): _PRICE,
    probatio.Optional("co2_cap"): _number(0, 5000),
    probatio.Optional("greenness"): _PERCENT,
}
PLAN_FIELDS: Final[dict[probatio.Marker, Any]] = {
    probatio.Optional("energy_kwh"): _number(0, 1000),
    probatio.Optional("ready_by"): aware,
    probatio.Optional("not_before"): aware,
    probatio.Optional("minimum_kwh"): _number(0, 1000),
    probatio.Optional("one_block"): cv.boolean,
    **_COMMON,
}
GOAL_FIELDS: Final[dict[probatio.Marker, Any]] = {
    probatio.Optional("mode"): choice(MODES),
    probatio.Optional("ready_by"): _time_or_moment,
    probatio.Optional("target_kwh"): _number(0, 1000),
    **_COMMON,
}


def some(data: dict[str, Any]) -> dict[str, Any]:
    """Validate that something is wished."""
    if not data.keys() - {ATTR_DEVICE_ID, ATTR_CONNECTOR}:
        raise probatio.Invalid("say what is wished")
    return data


def _plan_of(call: ServiceCall) -> ConnectorPlan:
    """Return the plan of the connector that the action is for."""
    hub, charger, _ = devices.resolve(call.hass, call.data[ATTR_DEVICE_ID])
    number = target_of(call).one_connector()
    found: ConnectorPlan = hub.planning.connectors[
        hub.subentry_id_of(charger.identity) or "", number
    ]
    return found


async def get_plan(call: ServiceCall) -> ServiceResponse:
    """Return the plan that would be made, for the wishes or for another goal."""
    plan = _plan_of(call)
    given = {
        name: value
        for name, value in call.data.items()
        if name not in {ATTR_DEVICE_ID, ATTR_CONNECTOR}
    }
    if "ready_by" in given:
        in_reach(given["ready_by"])
        _begins_before(given["ready_by"], given.get("not_before"))
    agree(plan, given)
    asked = Asked(**given)
    if asked.needs_soc and not plan.knows_soc:
        raise invalid("soc_unknown", charger=plan.title)
    made = await plan.async_what_if(asked)
    return {
        ATTR_CONNECTOR: plan.key[1],
        **plan_response(made.plan, made.problem, plan.words, plan.currency),
        "others": [beside_response(each) for each in made.others],
    }


def _begins_before(ready_by: datetime, not_before: datetime | None) -> None:
    if not_before is not None and not_before >= ready_by:
        times = {"not_before": not_before, "ready_by": ready_by}
        shown = {
            name: f"{dt_util.as_local(one):%Y-%m-%d %H:%M}"
            for name, one in times.items()
        }
        raise invalid("begins_after_end", **shown)


async def set_goal(call: ServiceCall) -> ServiceResponse:
    """Set wishes at a connector; those that are not named stay as they are."""
    plan = _plan_of(call)
    changes = {
        name: value
        for name, value in call.data.items()
        if name not in {ATTR_DEVICE_ID, ATTR_CONNECTOR}
    }
    agree(plan, changes)
    ready_by = changes.get("ready_by")
    if isinstance(ready_by, datetime):
        local = dt_util.as_local(in_reach(ready_by))
        changes |= {"ready_by": local.time(), "ready_on": local.date()}
    elif ready_by is not None:
        changes["ready_on"] = None
    await plan.async_set(**changes)
    return _response(plan)


async def clear_goal(call: ServiceCall) -> ServiceResponse:
    """Forget the goal that was set at a connector: then the car's own holds."""
    plan = _plan_of(call)
    await plan.async_clear_goal()
    return _response(plan)


async def replan(call: ServiceCall) -> ServiceResponse:
    """Make the plan anew, without holding to the one so far."""
    plan = _plan_of(call)
    if not plan.plugged_in:
        raise invalid("no_car", charger=plan.title)
    await plan.async_replan(afresh=True)
    return _response(plan)


def _response(plan: ConnectorPlan) -> dict[str, Any]:
    """Return the plan that is now; without a car only the connector."""
    told: dict[str, Any] = {ATTR_CONNECTOR: plan.key[1], "plan": None}
    if plan.plan is not None and plan.problem is not None:
        told["plan"] = plan_response(plan.plan, plan.problem, plan.words, plan.currency)
    return told
