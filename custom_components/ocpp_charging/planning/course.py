"""What a connector is to give over the next hours, of mode, override and plan.

Pure: who sends it is `steering`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Final

from ..charging import Plan
from ..charging.phases import ALL
from ..csms.schedules import MINIMUM_A, PlannedCurrent, PlannedSchedule
from .wishes import Mode, Override, Wishes

AFTER_PLAN: Final = timedelta(hours=12)
"""So long after its plan a car that has what it needs is given nothing: then anything,
as nobody has said anything for so long."""
BEFORE_CATCHING_UP: Final = timedelta(minutes=3)
"""So long after its plan a car begins to catch up: time to tell it that it need not."""
_DAY: Final = timedelta(days=1)
_HOUR: Final = timedelta(hours=1)
_SUN_LASTS: Final = timedelta(minutes=15)
"""What the sun gives is renewed so often; a charger that hears nothing more goes on
with it for at most twice as long."""


class Because(StrEnum):
    """By what a connector is steered."""

    OVERRIDE_ON = "override_on"
    OVERRIDE_OFF = "override_off"
    """The owner has switched charging on or off, until the car is unplugged."""
    BOOST = "boost"
    OFF = "off"
    FAST = "fast"
    PLAN = "plan"
    SUN = "sun"
    NO_PLAN = "no_plan"
    """No plan could be made: it charges at once rather than not at all."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Course:
    """What a connector is to give, and because of what."""

    because: Because
    schedule: PlannedSchedule


def because_of(wishes: Wishes, *, failed: bool) -> Because:
    """Return what counts at a connector that is steered."""
    if wishes.override is not None:
        on = wishes.override is Override.ON
        return Because.OVERRIDE_ON if on else Because.OVERRIDE_OFF
    if wishes.boost:
        return Because.BOOST
    if wishes.mode is Mode.OFF:
        return Because.OFF
    if wishes.mode is Mode.FAST:
        return Because.FAST
    if wishes.mode in {Mode.SOLAR, Mode.SMART_SOLAR}:
        return Because.SUN
    return Because.NO_PLAN if failed else Because.PLAN


def constant(current_a: float, now: datetime) -> PlannedSchedule:
    """Return one current from now on.

    It ends, and goes on as what holds after it, at a time that is the same all day, so
    that it is the same schedule each time it is made.
    """
    return PlannedSchedule(
        periods=(PlannedCurrent(start=now, end=_next_day(now), current_a=current_a),),
        after_a=current_a,
    )


def planned(
    plan: Plan, now: datetime, *, watts_per_a: float, full_w: float, most_a: float
) -> PlannedSchedule:
    """Return the currents of a plan, from now on.

    `watts_per_a` are those of all phases that the car uses. `full_w` is what it takes
    at most: for that it gets `most_a`, so that it can take more if it will. When the
    plan is over and the car has what it needs it gets nothing for `AFTER_PLAN`, then up
    to `most_a`; where it lacks something it goes on at once.
    """
    rows: list[PlannedCurrent] = []
    at = now
    for one in plan.periods:
        if one.end <= now:
            continue
        start = max(one.start, now)
        if start > at:
            rows.append(PlannedCurrent(start=at, end=start, current_a=0.0))
        full = one.power_w >= full_w - 1
        current_a = most_a if full else max(0.0, min(most_a, one.power_w / watts_per_a))
        rows.append(PlannedCurrent(start=start, end=one.end, current_a=current_a))
        at = one.end
    if plan.met or not rows:
        rest = _next_hour(at + AFTER_PLAN) if rows else _next_day(at)
        rows.append(PlannedCurrent(start=at, end=rest, current_a=0.0))
    return PlannedSchedule(periods=tuple(rows), after_a=most_a)


def catching_up(
    schedule: PlannedSchedule, safe_a: float, until: datetime | None
) -> PlannedSchedule:
    """Return a plan that makes up afterwards for what a share of the fuse may cost it.

    When nobody renews its share a charger falls to `safe_a`, and what is planned with
    more does not come. That much is then charged after the plan, in `safe_a`, but not
    after `until`. While all is well there is another plan by then, without it.
    """
    charging = [one for one in schedule.periods if one.current_a > 0]
    lacking = sum(max(0.0, one.current_a - safe_a) * one.hours for one in charging)
    last = schedule.periods[-1]
    if safe_a < MINIMUM_A or lacking <= 0 or last.current_a > 0:
        return schedule
    begin = last.start + BEFORE_CATCHING_UP
    end = min(begin + timedelta(hours=lacking / safe_a), until or last.end, last.end)
    if end <= begin:
        return schedule
    rows = [
        replace(last, end=begin),
        replace(last, start=begin, end=end, current_a=safe_a),
        replace(last, start=end),
    ]
    kept = tuple(one for one in rows if one.end > one.start)
    return replace(schedule, periods=(*schedule.periods[:-1], *kept))


def blinking(
    schedule: PlannedSchedule, now: datetime, off: timedelta
) -> PlannedSchedule:
    """Return a schedule that gives nothing for a moment, then what it gave."""
    until = now + off
    pause = PlannedCurrent(start=now, end=until, current_a=0.0)
    rows = (pause, *_after(schedule, until))
    return PlannedSchedule(periods=rows, after_a=schedule.after_a)


def gives(schedule: PlannedSchedule, moment: datetime) -> float:
    """Return the current in A per phase that a schedule has at a moment."""
    return next(
        (one.current_a for one in schedule.periods if one.start <= moment < one.end),
        0.0,
    )


def sunny(
    current_a: float,
    now: datetime,
    plan: PlannedSchedule | None = None,
    *,
    phases: int | None = None,
) -> PlannedSchedule:
    """Return what the sun gives now, and after a while the plan, or nothing.

    With a plan the current is already the larger of both for this moment. `phases` is
    on how many it flows, None where they cannot be switched; a plan is for all.
    """
    begun = now.timestamp() // _SUN_LASTS.total_seconds() * _SUN_LASTS.total_seconds()
    end = datetime.fromtimestamp(begun, UTC) + 2 * _SUN_LASTS
    first = PlannedCurrent(start=now, end=end, current_a=current_a, phases=phases)
    if plan is None:
        return PlannedSchedule(periods=(first,), after_a=0.0)
    return PlannedSchedule(
        periods=(*_larger(first, plan), *_after(plan, end)), after_a=plan.after_a
    )


def _larger(sun: PlannedCurrent, plan: PlannedSchedule) -> Iterator[PlannedCurrent]:
    """Yield the larger of sun and plan, as long as the sun's current holds."""
    inner = {each.end for each in plan.periods if sun.start < each.end < sun.end}
    for start, end in pairwise((sun.start, *sorted(inner), sun.end)):
        wanted = next(
            (one.current_a for one in plan.periods if one.start <= start < one.end),
            plan.after_a or 0.0,
        )
        more = wanted * ALL > sun.current_a * (sun.phases or ALL)
        # At once they are switched as the sun's rules say, which know of the plan.
        if more and (sun.phases in {None, ALL} or start > sun.start):
            phases = None if sun.phases is None else ALL
            yield PlannedCurrent(start=start, end=end, current_a=wanted, phases=phases)
        else:
            yield replace(sun, start=start, end=end)


def _after(plan: PlannedSchedule, moment: datetime) -> Iterator[PlannedCurrent]:
    for one in plan.periods:
        if one.end > moment:
            start = max(one.start, moment)
            yield replace(one, start=start)


def _next_day(moment: datetime) -> datetime:
    day = moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return day + 2 * _DAY


def _next_hour(moment: datetime) -> datetime:
    hour = moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return hour + _HOUR
