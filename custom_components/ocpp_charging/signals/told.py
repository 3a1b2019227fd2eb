"""What a source told, made points in time: tolerant of shapes, strict about meaning.

Nothing here raises on bad data: what cannot be understood is left out and counted.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from math import isfinite

from .units import Unit

MAX_POINTS = 5000
"""Points that are read of one list: over two weeks of five minutes."""
MAX_VALUE = 1e6
"""No price of a kWh or MWh, in any currency, is farther from zero."""

_MINUTE = timedelta(minutes=1)
_MILLISECONDS = 1e11
"""Numbers above it are milliseconds since 1970; below, seconds until the year 5138."""


class Problem(StrEnum):
    """What is wrong with a point that was left out, or made to fit."""

    NO_POINT = "no_point"
    NO_TIME = "no_time"
    NO_VALUE = "no_value"
    NO_LENGTH = "no_length"
    CONFLICT = "conflict"
    TOO_MANY = "too_many"


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """A value from `start` on, in the source's own unit; `end` where it was told."""

    start: datetime
    end: datetime | None = None
    value: float


@dataclass(frozen=True, kw_only=True)
class Told:
    """The points of a source in any order, and what was wrong with the others.

    `unit` is set where what was told says more about it than the source's own unit.
    """

    points: tuple[Point, ...] = ()
    problems: Mapping[Problem, int] = field(default_factory=dict)
    unit: Unit | None = None

    def in_unit(self, unit: Unit) -> Told:
        """Return the same, its unit known."""
        return replace(self, unit=unit)


def number(value: object) -> float | None:
    """Return a number, also one that is written as text (`0.25`, `0,25`)."""
    if isinstance(value, str):
        value = value.strip()
        if "." not in value:
            value = value.replace(",", ".")
    elif isinstance(value, bool) or value is None:
        return None
    try:
        found = float(value)  # type: ignore[arg-type]
    except TypeError, ValueError, OverflowError:
        return None
    return found if isfinite(found) and abs(found) <= MAX_VALUE else None


def moment(value: object, zone: tzinfo, seen: set[datetime]) -> datetime | None:
    """Return a time in UTC at a full minute, None when it is not one.

    Times without zone are local. A local time that the clocks jump over is none; one
    that they run through twice is the second when it is in `seen`, the local times
    that the list told before.
    """
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            return None
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            seconds = value / 1000 if abs(value) > _MILLISECONDS else value
            found = datetime.fromtimestamp(seconds, UTC)
        elif isinstance(value, datetime):
            local = value if value.tzinfo else value.replace(tzinfo=zone)
            wall = local.replace(tzinfo=None, fold=0)
            if wall in seen and not local.fold:
                local = local.replace(fold=1)
            seen.add(wall)
            found = local.astimezone(UTC)
            back = found.astimezone(local.tzinfo)
            if back.replace(tzinfo=None) != wall:
                return None
        else:
            return None
        return to_minute(found)
    except OverflowError, ValueError, OSError:
        return None


def to_minute(when: datetime) -> datetime:
    """Return the nearest full minute: some tell 00:00:01, others 23:59:59."""
    return (when + _MINUTE / 2).replace(second=0, microsecond=0)


def first(item: Mapping[str, object], keys: Iterable[str]) -> object:
    """Return the value of the first of the keys that an item has, else None."""
    for key in keys:
        if item.get(key) is not None:
            return item[key]
    return None


def points(
    items: object,
    zone: tzinfo,
    *,
    start: Iterable[str],
    value: Iterable[str],
    end: Iterable[str] = (),
) -> Told:
    """Return the points of a list of mappings.

    `start`, `value` and `end` are the keys that may hold them, the best first.
    """
    starts, values, ends = tuple(start), tuple(value), tuple(end)
    if items is None:
        return Told()
    if not isinstance(items, list | tuple):
        return Told(problems={Problem.NO_POINT: 1})
    problems: Counter[Problem] = Counter()
    if len(items) > MAX_POINTS:
        problems[Problem.TOO_MANY] += len(items) - MAX_POINTS
    found: list[Point] = []
    seen: set[datetime] = set()
    seen_ends: set[datetime] = set()
    for item in items[:MAX_POINTS]:
        if not isinstance(item, Mapping):
            problems[Problem.NO_POINT] += 1
            continue
        begins = moment(first(item, starts), zone, seen)
        until = moment(first(item, ends), zone, seen_ends) if ends else None
        price = number(first(item, values))
        if begins is None:
            problems[Problem.NO_TIME] += 1
        elif price is None:
            problems[Problem.NO_VALUE] += 1
        else:
            found.append(Point(start=begins, end=until, value=price))
    return Told(points=tuple(found), problems=problems)
