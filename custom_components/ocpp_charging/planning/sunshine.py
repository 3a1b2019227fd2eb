"""What the roof leaves for the car at one connector, from the house's meter."""

from datetime import datetime
from typing import TYPE_CHECKING, Final

from homeassistant.util import dt as dt_util

from ..charging.phases import PhaseRules, PhaseState
from ..charging.plan import ReasonKey
from ..charging.surplus import Measurement, SolarRules, SolarState, SunShare, follow_sun
from .connector_plan import ConnectorPlan
from .situation import MIN_CURRENT_A, VOLTAGE_V
from .wishes import Mode

if TYPE_CHECKING:
    from ..hub import Hub

DEFAULT_PHASES: Final = 3
"""On so many phases a car draws of which nothing is known: it begins rather late."""


class Sunshine:
    """Follows the sun for one connector; carries what has to last between two looks."""

    def __init__(self, hub: Hub, plan: ConnectorPlan) -> None:
        """Begin with nothing seen."""
        self._hub = hub
        self._plan = plan
        self._state = SolarState()
        self.share_now: SunShare | None = None
        """What it was last given."""

    def forget(self) -> None:
        """Begin anew: the car has left, or is not steered any more."""
        self._state, self.share_now = SolarState(), None

    def share(self, now: datetime) -> SunShare | None:
        """Return what the car gets; None while its plan is still being made."""
        plan = self._plan
        if plan.plan is None and not plan.failed:
            return None
        phases = DEFAULT_PHASES if plan.problem is None else plan.problem.car.phases
        state = self._state
        if state.phases.phases != phases:
            state = SolarState(
                sun_w=state.sun_w,
                at=state.at,
                charging=state.charging,
                since=state.since,
                running=state.running,
                turning_since=state.turning_since,
                phases=PhaseState(phases=phases, switches=state.phases.switches),
            )
        given = follow_sun(
            SolarRules(),
            self._rules(),
            self._measured(),
            state,
            now,
            plan_w=self._planned_w(),
        )
        self._state, self.share_now = given.state, given
        return given

    def _rules(self) -> PhaseRules:
        plan, vehicle = self._plan, self._plan.vehicle
        least = MIN_CURRENT_A if vehicle is None else vehicle.settings.min_current_a
        limits = (
            plan.charger.settings.max_current_a,
            plan.connector.limit_a,
            None if vehicle is None else vehicle.settings.max_current_a,
        )
        most = min(limit for limit in limits if limit is not None)
        return PhaseRules(min_a=least, max_a=max(least, most), voltage_v=VOLTAGE_V)

    def _planned_w(self) -> float:
        """Return the power that counts besides the sun.

        Of the sun alone that is only what has to be in the battery at any price.
        """
        power_w = self._plan.planned_power_w or 0.0
        if self._plan.wishes.mode is Mode.SMART_SOLAR:
            return power_w
        reason = self._plan.reason
        return power_w if reason and reason.key is ReasonKey.MINIMUM else 0.0

    def _measured(self) -> Measurement | None:
        """Return what the meter tells, None where it is silent or tells no power."""
        told = self._hub.board.meter.measured()
        if told.power_w is None or told.at is None or told.missing:
            return None
        drawn = self._plan.connector.reading("power") or 0.0
        yielding = 0.0
        return Measurement(
            grid_w=told.power_w,
            car_w=max(0.0, drawn),
            yielding_w=yielding,
            at=min(told.at, dt_util.utcnow()),
        )
