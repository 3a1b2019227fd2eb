"""What a plan says of this moment."""

from datetime import datetime

from homeassistant.util import dt as dt_util

from ..charging import Plan, Problem, Reason
from .need import Need


class Planned:
    """The last plan that was made, and what it was made from; None without a car."""

    def __init__(self) -> None:
        """Begin without a plan."""
        self.plan: Plan | None = None
        self.problem: Problem | None = None
        self.need: Need | None = None
        self.failed = False
        """Whether the plan could not be made: there is an error in the log."""

    @property
    def reason(self) -> Reason | None:
        """Return why it charges now, or waits; None without a plan."""
        if self.plan is None:
            return None
        now = dt_util.utcnow()
        for step in self.plan.steps:
            if step.start <= now < step.end:
                return step.reason
        return self.plan.reason if now < self.plan.made_at else None

    @property
    def planned_power_w(self) -> float | None:
        """Return the power that the plan has now; None without a plan."""
        return None if self.plan is None else self.plan.power_at(dt_util.utcnow())

    @property
    def next_start(self) -> datetime | None:
        """Return when charging begins next; None when it charges, or will not."""
        now = dt_util.utcnow()
        if self.plan is None or self.plan.power_at(now):
            return None
        return next((one.start for one in self.plan.periods if one.start > now), None)

    @property
    def expected_end(self) -> datetime | None:
        """Return when the car will have what it needs."""
        return None if self.plan is None else self.plan.totals.finish

    @property
    def reachable(self) -> bool | None:
        """Say whether the goal will be met in time; None without a plan."""
        return None if self.plan is None else self.plan.met

    @property
    def needed_kwh(self) -> float | None:
        """Return what the car still needs; None without a car."""
        return None if self.need is None else self.need.kwh

    @property
    def ready_by(self) -> datetime | None:
        """Return when the car is to be ready; None where no time is set."""
        return None if self.problem is None else self.problem.goal.ready_by
