"""What a plan comes to at its connector: currents over time, later by chance."""

from datetime import datetime, timedelta
import random
from typing import TYPE_CHECKING, Final

from ..charging import ReasonKey
from ..csms.schedules import PlannedSchedule
from .connector_plan import ConnectorPlan
from .course import catching_up, planned
from .random_delay import RandomDelay
from .situation import VOLTAGE_V, most_a

if TYPE_CHECKING:
    from ..hub import Hub

ENOUGH_PERIODS: Final = 6
"""A charger that takes fewer has no room for more than its plan."""
SETTLES: Final = timedelta(seconds=10)
"""So long a quick plan waits for the better one that is being searched for."""
_AT_ONCE: Final = {
    ReasonKey.MINIMUM,
    ReasonKey.RESERVE,
    ReasonKey.DEADLINE,
    ReasonKey.OVERRUN,
}
"""Why it charges now, and can't wait for chance."""
_DELAY: Final = "delay"
"""What is kept of a stay: what chance said."""


class Scheduled:
    """The schedule that one connector's plan comes to."""

    def __init__(self, hub: Hub, plan: ConnectorPlan) -> None:
        """Bind a connector."""
        self._hub = hub
        self._plan = plan
        self._delay = RandomDelay(random.SystemRandom().random)
        self._recalled = False
        self._drafted: datetime | None = None

    def forget(self) -> None:
        """Begin anew: the car has left, or something else counts than its plan."""
        self._recalled = True
        self._delay.forget()

    @property
    def waits_until(self) -> datetime | None:
        """Return until when a start or an end that is planned for now waits."""
        return self._delay.until

    def is_draft(self, now: datetime) -> bool:
        """Say whether a better plan is about to come, which takes a second or two.

        Cars that share a fuse have a quick plan first. A car that begins by it, and
        ends by the better one, would have begun for nothing.
        """
        jointly = self._plan.jointly
        if jointly is None or not jointly.searching:
            self._drafted = None
            return False
        self._drafted = self._drafted or now
        return now - self._drafted < SETTLES

    def delayed(self, now: datetime) -> PlannedSchedule | None:
        """Return the plan, later by chance where the owner wants that."""
        made = self._plan.plan
        if made is None or not self._hub.planning.settings.random_delay:
            return self.planned(now)
        schedule = self.planned(made.made_at)
        if schedule is None:
            return None
        kept, key = self._hub.planning.kept, self._plan.key
        if not self._recalled:
            self._recalled = True
            self._delay.recall(kept.stay(key).get(_DELAY))
        charging = self._plan.connector.charging is True
        most = self._most_delay
        delayed = self._delay.delayed(schedule, now, most=most, running=charging)
        kept.async_note(key, _DELAY, self._delay.kept())
        return delayed

    @property
    def _most_delay(self) -> timedelta:
        """Return by how much may be delayed: nothing that cannot wait."""
        plan = self._plan
        made, need, reason = plan.plan, plan.need, plan.reason
        if need is None or need.kwh <= 0 or (reason and reason.key in _AT_ONCE):
            return timedelta(0)
        most = self._hub.planning.settings.random_delay
        if made is None or plan.ready_by is None:
            return most
        finish = made.totals.finish
        left = timedelta(0) if finish is None else plan.ready_by - finish
        return max(timedelta(0), min(most, left))

    def planned(self, now: datetime) -> PlannedSchedule | None:
        """Return the plan, and after it what a lost share of a fuse has cost it."""
        plan = self._plan
        made, problem = plan.plan, plan.problem
        if made is None or problem is None:
            return None
        watts = problem.car.phases * VOLTAGE_V
        schedule = planned(
            made,
            now,
            watts_per_a=watts,
            full_w=problem.car.max_power_w,
            most_a=self.most_a,
        )
        safe_a = self._hub.fuse.safe_a(plan.key)
        room = plan.charger.features.max_periods
        if safe_a is None or (room is not None and room < ENOUGH_PERIODS):
            return schedule
        return catching_up(schedule, safe_a, plan.ready_by)

    @property
    def most_a(self) -> float:
        """Return the most that charger, owner and car allow, in A per phase."""
        plan = self._plan
        return most_a(plan.charger, plan.connector, plan.vehicle)
