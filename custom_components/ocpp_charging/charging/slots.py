"""Cuts time into slots in which every signal is constant.

Times are seconds since now. Neighbours that are alike are one slot, so it makes no
difference in how many intervals a signal comes.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from datetime import datetime
from math import floor, inf
from typing import NamedTuple

from .problem import Car, Goal, Signals
from .series import Series

type Track = list[tuple[float, float, float]]
"""Start, end and value of a series' intervals."""


class Slot(NamedTuple):
    """A time in which every signal is constant."""

    start: float
    end: float
    price: float | None
    """Of energy from the grid, per kWh."""
    co2: float | None
    """In g/kWh."""
    feed_in: float
    sun: float
    """What the roof has to spare, in kW."""
    limit: float
    """What may be drawn, in kW; inf where there is no limit."""

    @property
    def hours(self) -> float:
        """Return how long it is."""
        return (self.end - self.start) / 3600


def track(series: Series, now: datetime, begin: float, end: float) -> Track:
    """Return what a series says between two times."""
    found: Track = []
    last, until = None, 0.0
    for item in series:
        # Most intervals begin where the one before ended.
        start = until if item.start == last else (item.start - now).total_seconds()
        if start >= end:
            break
        last, until = item.end, (item.end - now).total_seconds()
        if until > begin:
            found.append((max(start, begin), min(until, end), item.value))
    return found


def cut(signals: Signals, now: datetime, begin: float, end: float) -> list[Slot]:
    """Return the slots of a time."""
    tracks = [
        track(series, now, begin, end)
        for series in (
            signals.price,
            signals.co2,
            signals.feed_in,
            signals.solar,
            signals.limit,
        )
    ]
    edges = {begin, end}
    for one in tracks:
        for start, until, _ in one:
            edges.add(start)
            edges.add(until)
    inside = sorted(edges)
    columns = [_values(one, inside) for one in tracks]
    slots: list[Slot] = []
    begun = begin
    last = tuple(column[0] for column in columns)
    for start, values in zip(inside, zip(*columns, strict=True), strict=False):
        if values != last:
            slots.append(_made(begun, start, last))
            begun, last = start, values
    slots.append(_made(begun, end, last))
    return slots


def _values(one: Track, edges: list[float]) -> list[float | None]:
    """Return the value between each two edges."""
    values: list[float | None] = []
    if not one:
        return [None] * (len(edges) - 1)
    at = 0
    for start in edges[:-1]:
        while at < len(one) and one[at][1] <= start:
            at += 1
        known = at < len(one) and one[at][0] <= start
        values.append(one[at][2] if known else None)
    return values


def _made(start: float, end: float, values: tuple[float | None, ...]) -> Slot:
    price, co2, feed_in, solar, limit = values
    return Slot(
        start,
        end,
        price,
        co2,
        feed_in or 0.0,
        max(0.0, solar or 0.0) / 1000,
        inf if limit is None else max(0.0, limit) / 1000,
    )


def clip(slots: list[Slot], begin: float, end: float) -> list[Slot]:
    """Return the slots of a part of their time; they follow each other."""
    if end <= begin:
        return []
    first = bisect_right(slots, begin, key=_end_of)
    after = bisect_left(slots, end, key=_start_of)
    part = slots[first:after]
    if part and part[0].start < begin:
        part[0] = part[0]._replace(start=begin)
    if part and part[-1].end > end:
        part[-1] = part[-1]._replace(end=end)
    return part


def slot_at(slots: list[Slot], time: float) -> Slot:
    """Return the slot that a time is in, or the nearest."""
    at = bisect_right(slots, time + 1e-6, key=_start_of)
    return slots[max(0, at - 1)]


def _start_of(slot: Slot) -> float:
    return slot.start


def _end_of(slot: Slot) -> float:
    return slot.end


def split(slots: list[Slot], points: Iterable[float]) -> list[Slot]:
    """Return the slots, cut at some more points."""
    edges = {slot.start for slot in slots}
    wanted = sorted(
        point
        for point in points
        if slots and slots[0].start < point < slots[-1].end and point not in edges
    )
    parts: list[Slot] = []
    at = 0
    for slot in slots:
        start = slot.start
        while at < len(wanted) and wanted[at] < slot.end:
            parts.append(slot._replace(start=start, end=wanted[at]))
            start = wanted[at]
            at += 1
        parts.append(slot if start == slot.start else slot._replace(start=start))
    return parts


def turns(slots: list[Slot], lengths: Iterable[float]) -> set[float]:
    """Return when a run or pause of these least lengths may have to begin or end.

    One that begins or ends at an edge lasts its least length at the best, or ends or
    begins at another edge.
    """
    edges = [slots[0].start, *(slot.end for slot in slots)]
    # By the millisecond: two that are nearly equal would make a slot of no length.
    known = {int(edge * 1000 + 0.5) for edge in edges}
    found = {
        int(point * 1000 + 0.5): point
        for length in lengths
        if length > 0
        for edge in edges
        for point in (edge - length, edge + length)
    }
    return {point for key, point in found.items() if key not in known}


def power_range(car: Car, limit: float) -> tuple[float, float] | None:
    """Return the least and the most power in kW under a limit, None when there is none.

    A car that can draw as little as it is given draws a hundredth of its most at
    least: below that there is no telling it from one that is off.
    """
    most = min(car.max_power_w / 1000, limit)
    least = max(car.min_power_w, car.max_power_w / 100) / 1000
    step = car.step_w / 1000
    if step:
        most = floor(most / step + 1e-9) * step
        least = -floor(-least / step + 1e-9) * step
    tiny = 1e-9 * car.max_power_w / 1000
    return None if most < least - tiny or most <= 0 else (min(least, most), most)


def above_cap(slot: Slot, goal: Goal) -> bool:
    """Return whether nothing may be taken from the grid."""
    price, co2 = goal.price_cap, goal.co2_cap
    return (
        price is not None and slot.price is not None and slot.price > price + 1e-9
    ) or (co2 is not None and slot.co2 is not None and slot.co2 > co2 + 1e-9)


def allowed(slot: Slot, goal: Goal) -> float:
    """Return the limit of a slot in kW under the goal's caps.

    Above a cap it is the sun's power, as long as that earns no more than the cap.
    """
    if not above_cap(slot, goal):
        return slot.limit
    if goal.price_cap is not None and slot.feed_in > goal.price_cap + 1e-9:
        return 0.0
    return min(slot.limit, slot.sun)
