"""What the roof leaves for the car at one connector, from the house's meter."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from homeassistant.util import dt as dt_util

from ..charging.phases import PhaseRules
from ..charging.plan import ReasonKey
from ..charging.surplus import Measurement, SolarState, SunShare, SunWhy, follow_sun
from ..vehicles.settings import NORMAL_PRIORITY
from .connector_plan import ConnectorPlan
from .course import Because
from .phase_switching import can_switch, carried
from .situation import MIN_CURRENT_A, VOLTAGE_V
from .sun_told import SunTold
from .wishes import Mode

if TYPE_CHECKING:
    from ..hub import Hub

BEGINS: Final = timedelta(minutes=2)
"""By then a car that has begun draws what it was given, or does not want it."""


class Sunshine:
    """Follows the sun for one connector; carries what has to last between two looks."""

    def __init__(self, hub: Hub, plan: ConnectorPlan) -> None:
        """Begin with nothing seen."""
        self._hub = hub
        self._plan = plan
        self._state = SolarState()
        self._last: Measurement | None = None
        self._awaits: datetime | None = None
        self._plan_w = 0.0
        self.share_now: SunShare | None = None
        """What it was last given."""

    def forget(self) -> None:
        """Begin anew: the car has left, or is not steered any more."""
        self._state, self.share_now, self._last = SolarState(), None, None
        self._awaits = None

    def share(self, now: datetime, waits_a: float | None = None) -> SunShare | None:
        """Return what the car gets; None while that isn't known yet.

        So it is while its plan is being made, and after a restart. `waits_a` is what
        counts besides the sun while what is planned for now waits by chance.
        """
        plan = self._plan
        if plan.plan is None and not plan.failed:
            return None
        measured = self._measured(now)
        if measured is None and self._goes_on(now):
            return None
        self._plan_w = self._planned_w()
        if waits_a is not None and plan.problem is not None:
            self._plan_w = waits_a * plan.problem.car.phases * VOLTAGE_V
        phases = carried(plan, self._state.phases, now)
        state = replace(self._state, phases=phases)
        if self.share_now is None and plan.because is None:
            # A car that charges while nobody steers yet did so before a restart: it
            # goes on for as long as it would through a cloud.
            charging = plan.connector.charging is True
            state = replace(state, charging=charging, running=charging)
        given = follow_sun(
            self._hub.board.sun.rules,
            self._rules(),
            measured,
            state,
            now,
            plan_w=self._plan_w,
        )
        self._state, self.share_now = given.state, given
        return given

    def _goes_on(self, now: datetime) -> bool:
        """Say whether a car that charged before a restart goes on without a meter.

        That has as long to come back as it may be silent at any time.
        """
        before = self.share_now is None and self._plan.because is None
        if not before or self._plan.connector.charging is not True:
            return False
        self._awaits = self._awaits or now
        return now - self._awaits < self._hub.board.sun.rules.stale_after

    @property
    def told(self) -> SunTold | None:
        """Return what is shown of what it was last given."""
        if self.share_now is None:
            return None
        rules = self._hub.board.sun.rules
        return SunTold.of(self.share_now, rules, self._rules(), dt_util.utcnow())

    def _rules(self) -> PhaseRules:
        plan, vehicle = self._plan, self._plan.vehicle
        least = MIN_CURRENT_A if vehicle is None else vehicle.settings.min_current_a
        limits = (
            plan.charger.settings.max_current_a,
            plan.connector.limit_a,
            None if vehicle is None else vehicle.settings.max_current_a,
        )
        most = min(limit for limit in limits if limit is not None)
        return PhaseRules(
            min_a=least,
            max_a=max(least, most),
            voltage_v=VOLTAGE_V,
            can_switch=can_switch(plan),
        )

    def _planned_w(self) -> float:
        """Return the power that counts besides the sun.

        Of the sun alone that is only what has to be in the battery at any price.
        """
        power_w = self._plan.planned_power_w or 0.0
        if self._plan.wishes.mode is Mode.SMART_SOLAR:
            return power_w
        reason = self._plan.reason
        return power_w if reason and reason.key is ReasonKey.MINIMUM else 0.0

    def _measured(self, now: datetime) -> Measurement | None:
        """Return what meter and battery tell, and what other cars take of it.

        While one of them tells nothing it is what they told last, which is soon too old
        to count: of a battery that isn't seen it isn't known that it doesn't give.
        """
        told, battery = self._hub.board.meter.measured(), self._hub.board.battery()
        if told.power_w is None or told.at is None or told.missing:
            return self._last
        if battery.power_w is None:
            return self._last
        awaited = yielding = 0.0
        for other in self._others():
            if other.rank < self.rank:
                awaited += other.awaited_w(now)
            else:
                yielding += other.yields_w
        self._last = Measurement(
            grid_w=told.power_w + awaited,
            car_w=self._drawn_w,
            yielding_w=yielding,
            battery_w=battery.power_w,
            battery_soc=battery.soc,
            at=min(told.at, dt_util.utcnow()),
        )
        return self._last

    # Several cars

    def _others(self) -> Iterator[Sunshine]:
        """Return those of the other cars that follow the sun now."""
        for each in self._hub.steering.sunshines:
            if each is not self and each.follows:
                yield each

    @property
    def follows(self) -> bool:
        """Say whether the car gets what the sun gives."""
        return self.share_now is not None and self._plan.because is Because.SUN

    @property
    def rank(self) -> tuple[int, datetime, tuple[str, int]]:
        """Return what orders the cars: by priority, then who was plugged in first."""
        vehicle, plan = self._plan.vehicle, self._plan
        priority = NORMAL_PRIORITY if vehicle is None else vehicle.settings.priority
        return -priority, plan.plugged_in_at, plan.key

    @property
    def _drawn_w(self) -> float:
        return max(0.0, self._plan.connector.reading("power") or 0.0)

    @property
    def yields_w(self) -> float:
        """Return what the car draws, and only because the sun shines."""
        return max(0.0, self._drawn_w - self._plan_w)

    def awaited_w(self, now: datetime) -> float:
        """Return what the car is about to draw of the sun, and doesn't yet.

        Later that counts no more: a car that could have it and doesn't take it leaves
        it to others.
        """
        share = self.share_now
        if share is None:
            return 0.0
        if share.why is SunWhy.STARTING:
            rules, sun_w = self._rules(), share.sun_w or 0.0
            given = min(self._hub.board.sun.rules.bearable(sun_w), rules.greatest_w(3))
        elif share.state.charging and now - (share.state.since or now) < BEGINS:
            given = share.power_w
        else:
            return 0.0
        return max(0.0, given - self._drawn_w)
