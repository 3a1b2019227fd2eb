"""Several series made one: added up, or the lowest of each moment."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from ..charging.series import Interval, Series

HOUR = timedelta(hours=1)


def combined(
    series: Iterable[Series], join: Callable[[Sequence[float]], float]
) -> Series:
    """Return what `join` makes of the values known at each moment.

    Where none is known there is a gap. Neighbours with the same value stay apart: a
    step of a source is one of the result.
    """
    known = [one for one in series if one]
    if len(known) == 1:
        return known[0].map(lambda value: join([value]))
    edges = sorted({edge for one in known for item in one for edge in _edges(item)})
    found: list[Interval] = []
    for start, end in pairwise(edges):
        values = [value for one in known if (value := one.at(start)) is not None]
        if values:
            found.append(Interval(start=start, end=end, value=join(values)))
    return Series(found)


def total(series: Iterable[Series]) -> Series:
    """Return the sum; what is unknown adds nothing."""
    return combined(series, sum)


def lowest(series: Iterable[Series]) -> Series:
    """Return the least; what is unknown does not count."""
    return combined(series, min)


def plus(series: Series, more: Series) -> Series:
    """Return `series` with what `more` adds to it; unknown where `series` is."""
    if not more:
        return series
    found: list[Interval] = []
    for item in series:
        parts = more.between(item.start, item.end)
        edges = {
            item.start,
            item.end,
            *(edge for part in parts for edge in _edges(part)),
        }
        found += [
            Interval(start=start, end=end, value=item.value + (parts.at(start) or 0.0))
            for start, end in pairwise(sorted(edges))
        ]
    return Series(found)


def _edges(item: Interval) -> tuple[datetime, datetime]:
    return item.start, item.end
