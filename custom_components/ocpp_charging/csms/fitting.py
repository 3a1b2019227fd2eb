"""Makes a plan fit into what one charger can hold: so many periods, so much current.

Pure: no clock, no charger.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import pairwise
import math

from .schedules import MINIMUM_A, STEP_A, Fitted, PlannedCurrent, PlannedSchedule

_DAY = timedelta(days=1)

_SHORTFALL_WEIGHT = 1e6
"""Energy that is missing at the end counts more than any deviation before it."""


def fit(
    schedule: PlannedSchedule,
    now: datetime,
    *,
    limit_a: float | None = None,
    most: int | None = None,
) -> Fitted | None:
    """Return what is left of a plan in a form that a charger can hold.

    `limit_a` is the owner's limit, which nothing exceeds, and `most` how many periods
    the charger takes. The present period stays what it is as long as there is room for
    two: while it is renewed at each change, a charger that takes few keeps to the plan
    all the same. Periods on different numbers of phases are never made one. Returns
    None when the plan is over and nothing holds after it.
    """
    after = schedule.after_a
    if after is not None:
        after = _allowed(after, limit_a)
        if limit_a is not None and after >= limit_a:
            after = None
    if schedule.end <= now:
        if after is None:
            return None
        rest = PlannedCurrent(
            start=now,
            end=now + _DAY,
            current_a=after,
            phases=schedule.periods[-1].phases,
        )
        return Fitted(periods=(rest,), after_a=after, exact=True)
    periods = joined(_left(schedule, now, limit_a))
    room = max(1, most or len(periods) + 1)
    needs = len(periods) + (after not in {None, periods[-1].current_a})
    if needs <= room:
        return Fitted(periods=periods, after_a=after, exact=True)
    if after is not None and room == 1:
        after = None
    room -= after is not None
    if room == 1:
        # With one value for the whole night the car would charge at the wrong hours;
        # this one ends with its period, and is renewed then.
        return Fitted(periods=periods[:1], after_a=after, exact=False)
    later = _of_few_phases(periods[1:], room - 1)
    fitted = (periods[0], *_merged_before(later, room - 1))
    return Fitted(periods=joined(fitted), after_a=after, exact=False)


def _of_few_phases(
    periods: tuple[PlannedCurrent, ...], most: int
) -> tuple[PlannedCurrent, ...]:
    """Return what comes before the phases have changed so often that no room is left.

    What is cut off is sent when its time has come: a plan is renewed at each change.
    """
    stretches = 1
    for place, (one, two) in enumerate(pairwise(periods), 1):
        stretches += one.phases != two.phases
        if stretches > most:
            return periods[:place]
    return periods


def _left(
    schedule: PlannedSchedule, now: datetime, limit_a: float | None
) -> list[PlannedCurrent]:
    """Return the periods that are not over, rounded and within what is allowed."""
    left = []
    if schedule.start > now:
        first = schedule.periods[0]
        left.append(
            replace(first, start=now, end=first.start, current_a=0, ceiling_a=None)
        )
    for each in schedule.periods:
        if each.end <= now:
            continue
        known = [a for a in (each.ceiling_a, limit_a) if a is not None]
        ceiling = min(known, default=None)
        left.append(
            replace(
                each,
                start=max(now, each.start),
                current_a=_allowed(each.current_a, ceiling),
                ceiling_a=ceiling,
            )
        )
    return left


def _allowed(current_a: float, ceiling_a: float | None) -> float:
    """Return a current as it can be sent: one decimal, and none below the minimum."""
    value = round(current_a, 1)
    if ceiling_a is not None and value > ceiling_a:
        value = _floor(ceiling_a)
    return value if value >= MINIMUM_A else 0.0


def _floor(value: float) -> float:
    return round(math.floor(value / STEP_A + 1e-6) * STEP_A, 1)


def _ceil(value: float) -> float:
    return round(math.ceil(value / STEP_A - 1e-6) * STEP_A, 1)


def joined(periods: Iterable[PlannedCurrent]) -> tuple[PlannedCurrent, ...]:
    """Return the periods with neighbours of the same current and phases made one.

    The lower of their ceilings is that of both.
    """
    result: list[PlannedCurrent] = []
    for each in periods:
        if result and _alike(result[-1], each):
            ceiling = _lower(result[-1].ceiling_a, each.ceiling_a)
            result[-1] = replace(result[-1], end=each.end, ceiling_a=ceiling)
        else:
            result.append(each)
    return tuple(result)


def _alike(one: PlannedCurrent, two: PlannedCurrent) -> bool:
    return (one.current_a, one.phases) == (two.current_a, two.phases)


def _lower(one: float | None, two: float | None) -> float | None:
    return min((a for a in (one, two) if a is not None), default=None)


def merged(periods: Sequence[PlannedCurrent], most: int) -> tuple[PlannedCurrent, ...]:
    """Return at most so many periods in place of more, as near to them as can be.

    Neighbours become one period that brings at least their energy: their mean, or the
    least current that there is. It never exceeds the lowest ceiling among them; only
    where there is no other way does energy miss for that, and then as little as can
    be. Of all ways to merge, that one is taken whose squared deviation from the plan
    over time is least: an hour of nothing is not filled where a small step can go.
    The phases must not change more often than leaves room.

    Takes quadratic time in the number of periods, times `most`.
    """
    count = len(periods)
    if count <= most:
        return tuple(periods)
    groups = _Groups(periods)
    # best[j] is the least cost of the first j periods in so many groups.
    best = [0.0, *([math.inf] * count)]
    cuts: list[list[int]] = []
    for _ in range(most):
        costs, cut = [math.inf] * (count + 1), [0] * (count + 1)
        for end in range(1, count + 1):
            for begin in range(end):
                if best[begin] == math.inf or not groups.may_be_one(begin, end):
                    continue
                cost = best[begin] + groups.cost(begin, end)
                if cost < costs[end]:
                    costs[end], cut[end] = cost, begin
        best = costs
        cuts.append(cut)
    result: list[PlannedCurrent] = []
    end = count
    for cut in reversed(cuts):
        result.insert(0, groups.as_one(cut[end], end))
        end = cut[end]
    return joined(result)


_merged_before = lru_cache(maxsize=32)(merged)
"""A plan is fitted anew at every reading of a meter, and is merged once."""


class _Groups:
    """What becomes of neighbouring periods as one; each answer in constant time."""

    def __init__(self, periods: Sequence[PlannedCurrent]) -> None:
        self._periods = periods
        self._hours, self._charge, self._squares = [0.0], [0.0], [0.0]
        for each in periods:
            self._hours.append(self._hours[-1] + each.hours)
            charge = each.current_a * each.hours
            self._charge.append(self._charge[-1] + charge)
            self._squares.append(self._squares[-1] + charge * each.current_a)
        self._ceilings: list[list[float]] = []
        for begin in range(len(periods)):
            lowest, row = math.inf, []
            for each in periods[begin:]:
                if each.ceiling_a is not None:
                    lowest = min(lowest, each.ceiling_a)
                row.append(lowest)
            self._ceilings.append(row)
        self._changes = [0]
        for one, two in pairwise(periods):
            self._changes.append(self._changes[-1] + (one.phases != two.phases))

    def may_be_one(self, begin: int, end: int) -> bool:
        """Say whether all of a group is on as many phases."""
        return self._changes[begin] == self._changes[end - 1]

    def current(self, begin: int, end: int) -> float:
        """Return the one current of a group."""
        charge = self._charge[end] - self._charge[begin]
        if charge < 1e-9:
            return 0.0
        mean = charge / (self._hours[end] - self._hours[begin])
        ceiling = self._ceilings[begin][end - begin - 1]
        value = max(_ceil(mean), MINIMUM_A)
        if value > ceiling:
            value = _floor(ceiling)
        return value if value >= MINIMUM_A else 0.0

    def cost(self, begin: int, end: int) -> float:
        """Return by how much a group differs from its periods."""
        hours = self._hours[end] - self._hours[begin]
        charge = self._charge[end] - self._charge[begin]
        squares = self._squares[end] - self._squares[begin]
        value = self.current(begin, end)
        deviation = value * value * hours - 2 * value * charge + squares
        missing = max(0.0, charge - value * hours)
        missing = missing if missing > 1e-6 else 0.0
        return max(0.0, deviation) + missing * _SHORTFALL_WEIGHT

    def as_one(self, begin: int, end: int) -> PlannedCurrent:
        """Return a group as a period."""
        ceiling = self._ceilings[begin][end - begin - 1]
        return PlannedCurrent(
            start=self._periods[begin].start,
            end=self._periods[end - 1].end,
            current_a=self.current(begin, end),
            ceiling_a=None if ceiling == math.inf else ceiling,
            phases=self._periods[begin].phases,
        )
