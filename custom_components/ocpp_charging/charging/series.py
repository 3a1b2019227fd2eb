"""A value over time: half-open UTC intervals of any length, gaps allowed."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isfinite
from typing import Self, override


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Interval:
    """A value from `start` until just before `end`, both aware, and kept in UTC.

    So an hour lasts an hour also when clocks are changed. The unit is that of the
    series. Raises `ValueError` when it has no length, a
    time without zone, or a value that is no number.
    """

    start: datetime
    end: datetime
    value: float

    def __post_init__(self) -> None:
        """Refuse what is not an interval."""
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ValueError("an interval needs times with a time zone")
        if self.start.tzinfo is not UTC or self.end.tzinfo is not UTC:
            object.__setattr__(self, "start", self.start.astimezone(UTC))
            object.__setattr__(self, "end", self.end.astimezone(UTC))
        if self.end <= self.start:
            raise ValueError("an interval ends after it has begun")
        if not isfinite(self.value):
            raise ValueError(f"an interval has a value, not {self.value}")

    @property
    def hours(self) -> float:
        """Return how long it lasts."""
        return (self.end - self.start).total_seconds() / 3600


class Series:
    """Intervals in the order of time that do not overlap; never changed."""

    __slots__ = ("_intervals", "_starts")

    def __init__(self, intervals: Iterable[Interval] = ()) -> None:
        """Sort the intervals. Raises `ValueError` when two overlap."""
        self._intervals = tuple(sorted(intervals))
        self._starts = [item.start for item in self._intervals]
        for earlier, later in zip(
            self._intervals[:-1], self._intervals[1:], strict=True
        ):
            if later.start < earlier.end:
                raise ValueError(f"two intervals overlap at {later.start.isoformat()}")

    @classmethod
    def constant(cls, value: float, start: datetime, end: datetime) -> Self:
        """Return one interval's series."""
        return cls([Interval(start=start, end=end, value=value)])

    def __iter__(self) -> Iterator[Interval]:
        """Yield the intervals in the order of time."""
        return iter(self._intervals)

    def __len__(self) -> int:
        """Return how many intervals there are."""
        return len(self._intervals)

    @override
    def __eq__(self, other: object) -> bool:
        """Say whether the other series has the same intervals."""
        return isinstance(other, Series) and self._intervals == other._intervals

    @override
    def __hash__(self) -> int:
        """Return a hash of the intervals."""
        return hash(self._intervals)

    @override
    def __repr__(self) -> str:
        """Return what it covers."""
        if not self._intervals:
            return "Series()"
        return f"Series({len(self)} intervals, {self.start} to {self.end})"

    @property
    def start(self) -> datetime | None:
        """Return when the first interval begins."""
        return self._intervals[0].start if self._intervals else None

    @property
    def end(self) -> datetime | None:
        """Return when the last interval ends."""
        return self._intervals[-1].end if self._intervals else None

    def at(self, moment: datetime) -> float | None:
        """Return the value at a moment, None in a gap."""
        index = bisect_right(self._starts, moment) - 1
        if index < 0 or moment >= self._intervals[index].end:
            return None
        return self._intervals[index].value

    def between(self, start: datetime, end: datetime) -> Series:
        """Return what lies in [start, end), its ends cut."""
        first = max(0, bisect_right(self._starts, start) - 1)
        cut: list[Interval] = []
        for item in self._intervals[first:]:
            if item.start >= end:
                break
            begin, until = max(item.start, start), min(item.end, end)
            if begin < until:
                cut.append(Interval(start=begin, end=until, value=item.value))
        return Series(cut)

    def map(self, change: Callable[[float], float]) -> Series:
        """Return the series with each value changed."""
        return Series(
            Interval(start=item.start, end=item.end, value=change(item.value))
            for item in self._intervals
        )

    def covered(self, start: datetime, end: datetime) -> float:
        """Return how many seconds of [start, end) have a value."""
        return sum(
            (item.end - item.start).total_seconds() for item in self.between(start, end)
        )

    def mean(self, start: datetime, end: datetime) -> float | None:
        """Return the mean over time of what is known in [start, end)."""
        known = self.between(start, end)
        hours = sum(item.hours for item in known)
        if not hours:
            return None
        return sum(item.value * item.hours for item in known) / hours
