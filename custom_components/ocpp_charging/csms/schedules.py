"""What a connector shall get over time, and as a charger's schedule.

Pure: no clock, no charger. A plan is a row of currents (`PlannedSchedule`); a charger
takes only so many periods (`ChargingScheduleMaxPeriods`, OCPP 1.6 §9.4), in its own
unit, and counts them from a moment of its choice. What fits is a `Fitted`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from itertools import pairwise
import math

from .model import ChargingSchedule, RateUnit, SchedulePeriod

NOMINAL_VOLTAGE = 230.0
"""Volts between a phase and neutral, to turn a current into a power limit."""

MINIMUM_A = 6.0
"""Below it IEC 61851-1 knows no current to offer: less is nothing."""

STEP_A = 0.1
"""Limits have one decimal (OCPP 1.6 §7.14)."""

_EDGE = timedelta(seconds=5)
"""Clocks and whole seconds may shift a period by so much."""


@dataclass(frozen=True, kw_only=True)
class PlannedCurrent:
    """A current in A per phase from `start` until `end`; 0 is none.

    `ceiling_a` is what may flow at most at that time, whatever is planned (the fuse, a
    demand-response event); None where nothing but the owner's limit bounds it.
    `phases` is on how many phases it flows (numberPhases, OCPP 1.6 §7.14), with a
    charger that can switch; None where that is not said.
    """

    start: datetime
    end: datetime
    current_a: float
    ceiling_a: float | None = None
    phases: int | None = None

    @property
    def hours(self) -> float:
        """Return how long it lasts."""
        return (self.end - self.start).total_seconds() / 3600


@dataclass(frozen=True, kw_only=True)
class PlannedSchedule:
    """Currents that follow one another without a gap, and what holds after them.

    Until the first one begins nothing may flow. `after_a` is the safe value in A per
    phase that a charger falls to when nobody renews the plan; with None the plan just
    ends, and what the charger would allow without it holds. Raises `ValueError` for
    periods that do not follow one another.
    """

    periods: tuple[PlannedCurrent, ...]
    after_a: float | None = None

    def __post_init__(self) -> None:
        """Check that the periods are in order and leave no gap."""
        if not self.periods:
            raise ValueError("a plan without a period")
        ends = None
        for period in self.periods:
            if period.end <= period.start or ends not in {None, period.start}:
                raise ValueError("the periods of a plan do not follow one another")
            if period.current_a < 0 or not math.isfinite(period.current_a):
                raise ValueError("a planned current is not one")
            ends = period.end

    @property
    def start(self) -> datetime:
        """Return when the first period begins."""
        return self.periods[0].start

    @property
    def end(self) -> datetime:
        """Return when the last period ends."""
        return self.periods[-1].end


def in_phases(
    schedule: PlannedSchedule, phases: int | None, *, anew: bool = True
) -> PlannedSchedule:
    """Return a plan on so many phases; without `anew` only where it does not say."""
    return replace(
        schedule,
        periods=tuple(
            replace(each, phases=phases) if anew or each.phases is None else each
            for each in schedule.periods
        ),
    )


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """A plan as one charger can hold it, from `start` on.

    After the last period `after_a` holds, or with None what the charger allows without
    a plan. `exact` says that no periods had to be merged.
    """

    periods: tuple[PlannedCurrent, ...]
    after_a: float | None
    exact: bool

    @property
    def start(self) -> datetime:
        """Return from when on it says what holds."""
        return self.periods[0].start

    @property
    def end(self) -> datetime:
        """Return when the last period ends."""
        return self.periods[-1].end

    def at(self, moment: datetime) -> float | None:
        """Return what may flow in A per phase, None where the plan does not say."""
        if moment >= self.end:
            return self.after_a
        return next(each.current_a for each in self.periods if moment < each.end)

    def phases_at(self, moment: datetime) -> int | None:
        """Return on how many phases that is, None where the plan does not say.

        What holds after the plan is on those of its last period.
        """
        found = (each.phases for each in self.periods if moment < each.end)
        return next(found, self.periods[-1].phases)

    def phases_ahead(self, now: datetime) -> int | None:
        """Return on how many phases a current flows now, or next."""
        found = (
            each.phases for each in self.periods if each.end > now and each.current_a
        )
        return next(found, None)

    def zero_since(self, now: datetime) -> datetime | None:
        """Return since when nothing may flow, None when something may."""
        since = self.start
        for each in self.periods:
            if each.current_a > 0:
                since = each.end
            if now < each.end:
                break
        return since if since <= now and self.at(now) == 0 else None

    def next_edge(self, now: datetime) -> datetime | None:
        """Return when the current changes next by plan, None when it does no more."""
        return next((each.end for each in self.periods if each.end > now), None)

    def same_as(self, other: Fitted, now: datetime) -> bool:
        """Say whether two hold the same from now on, but for a rounding."""
        edges = {each.end for each in (*self.periods, *other.periods)}
        for moment in _middles(now, edges):
            one, two = self.at(moment), other.at(moment)
            if (one is None) != (two is None):
                return False
            if one is None or two is None:
                continue
            if abs(one - two) > STEP_A * 1.5:
                return False
            if one > 0 and self.phases_at(moment) != other.phases_at(moment):
                return False
        return True


def charging_schedule(
    fitted: Fitted,
    *,
    unit: RateUnit,
    phases: int | None,
    lead: timedelta,
    start: datetime | None,
    keeps_after: timedelta | None,
) -> ChargingSchedule:
    """Write a plan as the schedule of a charging profile (OCPP 1.6 §7.13).

    Periods are counted from `lead` before the plan's start: that is `start` by the
    charger's clock, None in a relative schedule. `phases` is for how many phases a
    limit in watts is where the plan does not say, None while not known: then for one,
    which is the safe guess, and is said: three would be assumed (§7.14). `keeps_after`
    is for how long the safe value stays; None is without end. Periods begin at whole
    seconds (OCPP 1.6 §7.14); what is too short for one is left out.
    """
    in_watts = unit is RateUnit.WATT
    rows = [(each.start, each.current_a, each.phases) for each in fitted.periods]
    if fitted.after_a is not None and fitted.after_a != rows[-1][1]:
        rows.append((fitted.end, fitted.after_a, rows[-1][2]))
    begins = [_whole(begin - fitted.start + lead) for begin, _, _ in rows]
    begins[0] = timedelta(0)
    periods = tuple(
        SchedulePeriod(
            start=begins[place],
            limit=round(current_a * NOMINAL_VOLTAGE * (planned_on or phases or 1), 1)
            if in_watts
            else round(current_a, 1),
            phases=planned_on or ((phases or 1) if in_watts else None),
        )
        for place, (_, current_a, planned_on) in enumerate(rows)
        # Of two that begin in the same second the first has no time to hold.
        if begins[place] not in begins[place + 1 : place + 2]
    )
    planned = fitted.end - fitted.start + lead
    duration: timedelta | None = planned
    if fitted.after_a is not None:
        duration = None if keeps_after is None else planned + keeps_after
    return ChargingSchedule(unit=unit, periods=periods, duration=duration, start=start)


def _whole(span: timedelta) -> timedelta:
    return timedelta(seconds=round(span.total_seconds()))


class Kept(Enum):
    """What a composite schedule says of a plan."""

    YES = "yes"
    """It is the plan, or what a constant lower limit leaves of it."""
    LESS = "less"
    """It never allows more than the plan; sometimes less."""
    NO = "no"
    UNTOLD = "untold"


def keeps_to(
    answer: ChargingSchedule,
    fitted: Fitted,
    now: datetime,
    *,
    phases: int,
    most_a: float,
    tolerance_a: float = 0.5,
) -> Kept:
    """Compare a composite schedule, which begins now, with a plan.

    That it allows less is no fault: other limits count in. A negative limit means that
    nothing limits, so that `most_a` flows.
    """
    if all(period.limit < 0 for period in answer.periods):
        return Kept.UNTOLD
    ends = fitted.end if answer.duration is None else now + answer.duration
    edges = {each.end for each in fitted.periods}
    edges |= {now + period.start for period in answer.periods}
    edges.add(ends)
    rows = [
        (meant, offered)
        for moment in _middles(now, edges)
        if moment < ends
        and (meant := fitted.at(moment)) is not None
        and (
            offered := _offered(
                answer, moment - now, fitted.phases_at(moment) or phases, most_a
            )
        )
        is not None
    ]
    if any(offered > meant + tolerance_a for meant, offered in rows):
        return Kept.NO
    highest = max((offered for _, offered in rows), default=most_a)
    if all(offered >= min(meant, highest) - tolerance_a for meant, offered in rows):
        return Kept.YES
    return Kept.LESS


def _offered(
    answer: ChargingSchedule, offset: timedelta, phases: int, most_a: float
) -> float | None:
    period = next(
        (each for each in reversed(answer.periods) if each.start <= offset), None
    )
    if period is None:
        return None
    if period.limit < 0:
        return most_a
    if answer.unit is RateUnit.WATT:
        return period.limit / (NOMINAL_VOLTAGE * (period.phases or phases))
    return period.limit


def _middles(now: datetime, edges: Iterable[datetime]) -> list[datetime]:
    """Return a moment in each stretch between edges that is longer than a shift.

    The last is after all of them.
    """
    ordered = sorted({now, *(edge for edge in edges if edge > now)})
    middles = [
        one + (two - one) / 2 for one, two in pairwise(ordered) if two - one > _EDGE
    ]
    return [*middles, ordered[-1] + _EDGE]
