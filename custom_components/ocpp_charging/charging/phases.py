"""Charging on one phase or on three, where a charger can switch between them.

One phase bears less: from 1.4 kW on, where three begin at 4.1 kW. A switch stops the
car for a while and wears the charger, so there are rests between switches, and only so
many in a day.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

ALL = 3
"""On so many phases a charger charges that was told nothing else."""

DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class PhaseRules:
    """How a connector's phases may be switched. Currents are A on each phase.

    Raises `ValueError` for limits that contradict each other.
    """

    min_a: float = 6.0
    max_a: float = 16.0
    voltage_v: float = 230.0
    can_switch: bool = False
    """Whether the charger can; otherwise it stays with the phases that it has."""
    after: timedelta = timedelta(minutes=2)
    """How long the other number of phases has to be the better one."""
    rest: timedelta = timedelta(minutes=10)
    """The least time between two switches."""
    most_per_day: int = 10
    """How often it may switch within 24 hours."""

    def __post_init__(self) -> None:
        """Refuse what no charger is."""
        if not 0 < self.min_a <= self.max_a or self.voltage_v <= 0:
            raise ValueError("0 < least current <= greatest current, and a voltage")

    def least_w(self, phases: int) -> float:
        """Return the least power on so many phases."""
        return self.min_a * phases * self.voltage_v

    def greatest_w(self, phases: int) -> float:
        """Return the greatest power on so many phases."""
        return self.max_a * phases * self.voltage_v


@dataclass(frozen=True, kw_only=True, slots=True)
class PhaseState:
    """How many phases there are, and what is carried to the next decision."""

    phases: int = 3
    better: int | None = None
    """The number that would be better, where it is another."""
    better_since: datetime | None = None
    switches: tuple[datetime, ...] = ()
    """When it switched in the last day, the latest last."""


def best_phases(rules: PhaseRules, power_w: float, phases: int) -> int:
    """Return how many phases suit a power, when there are so many now.

    Three as soon as three bear it; one when they don't.
    """
    if not rules.can_switch or phases == 2:
        return phases
    return 3 if power_w >= rules.least_w(3) else 1


def may_switch(rules: PhaseRules, state: PhaseState, now: datetime) -> bool:
    """Say whether a switch is allowed now."""
    lately = [at for at in state.switches if now - at < DAY]
    return (
        rules.can_switch
        and len(lately) < rules.most_per_day
        and (not lately or now - lately[-1] >= rules.rest)
    )


def free_at(rules: PhaseRules, state: PhaseState, now: datetime) -> datetime:
    """Return from when on a switch is allowed again, now where it is."""
    lately = [at for at in state.switches if now - at < DAY]
    rests = [at + rules.rest for at in lately[-1:]]
    spent = [at + DAY for at in lately[: len(lately) - rules.most_per_day + 1]]
    return max([now, *rests, *spent])


def choose_phases(
    rules: PhaseRules,
    power_w: float,
    state: PhaseState,
    now: datetime,
    *,
    charging: bool,
) -> PhaseState:
    """Return the phases for a power. Without a car that charges nothing is waited for.

    `power_w` is what the car is to have, smoothed.
    """
    best = best_phases(rules, power_w, state.phases)
    if best == state.phases:
        return replace(state, better=None, better_since=None)
    since = now
    if state.better == best and state.better_since is not None:
        since = state.better_since
    waiting = charging and now - since < rules.after
    if waiting or not may_switch(rules, state, now):
        return replace(state, better=best, better_since=since)
    lately = tuple(at for at in state.switches if now - at < DAY)
    return PhaseState(phases=best, switches=(*lately, now))
