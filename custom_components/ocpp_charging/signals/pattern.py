"""What an hour of the week is usually like, learned from the hours of the past.

Numbers only: where the hours come from is another file's matter. An hour of the week
that was seen seldom is drawn towards what that hour of the day is like on all days, and
that towards the mean of all: so a pattern is of use after two days, and better after
some weeks. Weeks of long ago count less.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from ..charging.series import Interval, Series

HALF_LIFE: Final = timedelta(days=21)
"""After how long an hour counts half."""
LEAST_HOURS: Final = 48
"""Fewer hours are no pattern."""
FADING: Final = timedelta(hours=6)
"""After how long half of a difference from the pattern is gone."""

_HOUR: Final = timedelta(hours=1)
_DRAW_TO_DAY: Final = 2.0
_DRAW_TO_ALL: Final = 0.5


@dataclass(frozen=True, kw_only=True, slots=True)
class Hour:
    """What was measured in the hour that began at `start`, on average."""

    start: datetime
    value: float


@dataclass(frozen=True, kw_only=True)
class Pattern:
    """The expected value of each local hour of the week, beginning on Monday."""

    values: tuple[float, ...]
    hours_seen: int

    def at(self, when: datetime, zone: tzinfo) -> float:
        """Return what is expected at a moment."""
        return self.values[_of_week(when, zone)]

    def series(self, start: datetime, end: datetime, zone: tzinfo) -> Series:
        """Return what is expected over [start, end), hour by hour, in UTC."""
        return Series(
            Interval(start=begin, end=until, value=self.at(begin, zone))
            for begin, until in _hours(start, end)
        )

    def extended(
        self, present: float, start: datetime, end: datetime, zone: tzinfo
    ) -> Series:
        """Return how a value that is `present` at `start` will go on, never below 0.

        It keeps its difference from what is usual, ever less of it.
        """
        difference = present - self.at(start, zone)
        return Series(
            Interval(
                start=begin,
                end=until,
                value=max(
                    0.0,
                    self.at(begin, zone)
                    + difference * 0.5 ** (max(begin - start, timedelta()) / FADING),
                ),
            )
            for begin, until in _hours(start, end)
        )


def learn(hours: Iterable[Hour], now: datetime, zone: tzinfo) -> Pattern | None:
    """Return the pattern of hours of the past, None when they are too few."""
    weights = [0.0] * 168
    sums = [0.0] * 168
    count = 0
    for hour in hours:
        age = max(now - hour.start, timedelta())
        weight = 0.5 ** (age / HALF_LIFE)
        index = _of_week(hour.start, zone)
        weights[index] += weight
        sums[index] += weight * hour.value
        count += 1
    if count < LEAST_HOURS:
        return None
    mean = sum(sums) / sum(weights)
    of_day = [
        _drawn(sum(sums[hour::24]), sum(weights[hour::24]), mean, _DRAW_TO_ALL)
        for hour in range(24)
    ]
    return Pattern(
        values=tuple(
            _drawn(sums[index], weights[index], of_day[index % 24], _DRAW_TO_DAY)
            for index in range(168)
        ),
        hours_seen=count,
    )


def _drawn(total: float, weight: float, towards: float, strength: float) -> float:
    return (total + strength * towards) / (weight + strength)


def _of_week(when: datetime, zone: tzinfo) -> int:
    local = when.astimezone(zone)
    return local.weekday() * 24 + local.hour


def _hours(start: datetime, end: datetime) -> Iterable[tuple[datetime, datetime]]:
    """Yield [start, end) cut at the full hours of UTC, as statistics are."""
    begin, end = start.astimezone(UTC), end.astimezone(UTC)
    while begin < end:
        until = begin.replace(minute=0, second=0, microsecond=0) + _HOUR
        yield begin, min(until, end)
        begin = until
