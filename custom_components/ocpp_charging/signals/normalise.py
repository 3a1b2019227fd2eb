"""From points in any order and of any step to a series: the rules, in one place.

- Times are UTC at full minutes; an interval begins at its start and ends just before
  its end.
- A missing end is the next start, where that is a step the list keeps (it occurs again
  beside it) or a shorter one than usual; else there is a gap, and the end is the usual
  step of the list after the start. So is the end of the last one. No step that is
  guessed is longer than an hour.
- Where intervals overlap, the shorter one counts: it says more. Of equally long ones
  the one that begins later counts, and of two prices for the same time the dearer: a
  plan must not promise too much. The order in which a source tells is never a reason.
- Gaps stay gaps.
"""

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise

from ..charging.series import Interval, Series
from .told import Point, Problem

HOUR = timedelta(hours=1)
MAX_LENGTH = timedelta(days=62)
"""A longer interval is a mistake."""


@dataclass(frozen=True, kw_only=True)
class Normal:
    """A series, its usual step, and what did not fit into it."""

    series: Series
    step: timedelta | None
    problems: Mapping[Problem, int] = field(default_factory=dict)


def normalise(points: Iterable[Point]) -> Normal:
    """Return the series of the points; see the module for the rules."""
    problems: Counter[Problem] = Counter()
    told = set(points)
    starts = sorted({point.start for point in told if point.end is None})
    ends = dict(zip(starts, _ends(starts), strict=True))
    intervals: set[Interval] = set()
    for point in told:
        end = point.end or ends[point.start]
        if not timedelta() < end - point.start <= MAX_LENGTH:
            problems[Problem.NO_LENGTH] += 1
        else:
            intervals.add(Interval(start=point.start, end=end, value=point.value))
    spans = Counter((item.start, item.end) for item in intervals)
    if conflicts := sum(spans.values()) - len(spans):
        problems[Problem.CONFLICT] += conflicts
    return Normal(
        series=Series(_without_overlaps(intervals)),
        step=_usual(item.end - item.start for item in intervals),
        problems=problems,
    )


def fill(known: Series, more: Series) -> Series:
    """Return `known`, and what `more` knows where `known` has a gap."""
    free: list[Interval] = []
    for item in more:
        free += _free_parts(item, known.between(item.start, item.end))
    return Series([*known, *free])


def _usual(steps: Iterable[timedelta]) -> timedelta | None:
    """Return the most frequent step, of equally frequent ones the shortest."""
    counted = Counter(steps)
    return min(counted, key=lambda step: (-counted[step], step)) if counted else None


def _ends(starts: list[datetime]) -> list[datetime]:
    """Return the ends of points that told none."""
    steps = [later - earlier for earlier, later in pairwise(starts)]
    usual = _usual(step for step in steps if step <= HOUR) or HOUR
    ends: list[datetime] = []
    for index, start in enumerate(starts):
        if index == len(steps):
            # The last one is like the one before it.
            before = steps[-1] if steps else usual
            kept = _kept(steps, index - 1)
            ends.append(start + (before if kept else min(before, usual)))
            continue
        step = steps[index]
        kept = step <= usual or _kept(steps, index)
        ends.append(start + (step if kept else usual))
    return ends


def _kept(steps: list[timedelta], index: int) -> bool:
    """Say whether a step is one that the list keeps, and not a gap."""
    if not 0 <= index < len(steps) or steps[index] > HOUR:
        return False
    beside = steps[max(0, index - 1) : index] + steps[index + 1 : index + 2]
    return steps[index] in beside


def _without_overlaps(intervals: Iterable[Interval]) -> list[Interval]:
    """Return the intervals, cut to where none counts more."""
    taken: list[Interval] = []
    begins: list[datetime] = []
    # A value is a price: of two for the same time the higher one is taken first.
    for item in sorted(
        intervals,
        key=lambda item: (item.end - item.start, -item.start.timestamp(), -item.value),
    ):
        first = max(0, bisect_left(begins, item.start) - 1)
        beyond = bisect_left(begins, item.end)
        for part in _free_parts(item, taken[first:beyond]):
            insort(taken, part)
            insort(begins, part.start)
    return taken


def _free_parts(item: Interval, taken: Iterable[Interval]) -> list[Interval]:
    """Return the parts of an interval that those in the order of time leave."""
    parts: list[Interval] = []
    start = item.start
    for other in taken:
        if other.end <= start:
            continue
        if other.start > start:
            parts.append(
                Interval(start=start, end=min(other.start, item.end), value=item.value)
            )
        start = max(start, other.end)
    if start < item.end:
        parts.append(Interval(start=start, end=item.end, value=item.value))
    return parts
