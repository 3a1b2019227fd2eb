"""What a session took, worked out from all that is known of it.

The facts are a set: the start, the stop and the register values, each with its own
time. In which order they came, how late and how often, is no part of it, so it cannot
matter. Registers come in every kind (OCPP 1.6 §4.7 and errata 3.9): lifetimes, such
that count from the session's start beside a meterStart that does not, such that fall
to 0 in the middle of a session or show a stray 0 or a number that no cable carries.

Energy is in Wh and never negative.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import accumulate, pairwise
from typing import Final

from .records import RegisterKind, shifted

JITTER_WH: Final = 50
"""A register that falls by no more than this has not fallen."""

MAX_POWER_W: Final = 400_000
SLACK_WH: Final = 1000
"""More than this power for the time, and the slack, has not flowed."""

CLOSING: Final = timedelta(minutes=5)
"""A value this long after a stop without a meter value may be its closing one."""

_LOOK_AHEAD: Final = 500
"""So many values decide whether one before them is a stray."""


class Note(StrEnum):
    """What was wrong with a session's facts.

    `RELATIVE`: the register counts from the session's start. `RESET`: it began anew
    meanwhile; what flowed between the values on both sides is not known. `JUMP`: it
    rose by more than can have flowed, which is not counted. `NO_START`, `NO_STOP`:
    that was never told. `STOP_UNUSABLE`: the meter's value in it fits nothing.
    """

    RELATIVE = "relative"
    RESET = "reset"
    JUMP = "jump"
    NO_START = "no_start"
    NO_STOP = "no_stop"
    STOP_UNUSABLE = "stop_unusable"


@dataclass(frozen=True, kw_only=True)
class Value:
    """What a register showed, in Wh, at a moment by the charger's clock."""

    at: datetime
    wh: int
    kind: RegisterKind = RegisterKind.SAMPLE


@dataclass(frozen=True, kw_only=True)
class Facts:
    """All that is known of a session, by the charger's clock and in Wh.

    `meter_start_wh` is None for one that was found running, `started_at` then when it
    was found. `ended_at` is None while no stop was told.
    """

    started_at: datetime
    meter_start_wh: int | None
    ended_at: datetime | None = None
    meter_stop_wh: int | None = None
    values: Sequence[Value] = ()


@dataclass(frozen=True, kw_only=True)
class SessionEnergy:
    """What a session took; `energy_wh` is None when nothing tells.

    `gap` is for how long it is not known what flowed.
    """

    energy_wh: int | None
    gap: timedelta = timedelta()
    notes: frozenset[Note] = frozenset()


@dataclass(frozen=True, kw_only=True)
class _Step:
    """From one value to the next: what flowed, as far as it can be told."""

    value: Value
    added: int = 0
    gap: timedelta = timedelta()
    note: Note | None = None


def session_energy(facts: Facts) -> SessionEnergy:
    """Return what a session took."""
    steps = _steps(_sequence(facts))
    path = _sum(steps)
    if facts.ended_at is None or facts.meter_stop_wh is None:
        return path
    start = steps[0].value if steps and facts.meter_start_wh is not None else None
    closed = _close(path, start, steps[-1].value if steps else None, facts)
    if Note.STOP_UNUSABLE not in closed.notes:
        return closed
    # What came after the stop is then the better witness.
    late = session_energy(replace(facts, meter_stop_wh=None))
    return replace(late, notes=late.notes | {Note.STOP_UNUSABLE})


def energy_path(facts: Facts) -> list[tuple[datetime, int]]:
    """Return when a session had taken how much in all; times and Wh never fall.

    The last is what `session_energy` tells, at its end, or while it runs at the last
    value. Empty when nothing tells.
    """
    result = session_energy(facts)
    total = result.energy_wh
    if total is None:
        return []
    if Note.STOP_UNUSABLE in result.notes:
        facts = replace(facts, meter_stop_wh=None)
    taken = 0
    points: list[tuple[datetime, int]] = []
    for step in _steps(_sequence(facts)):
        taken += step.added
        points.append((step.value.at, min(taken, total)))
    if facts.ended_at is not None:
        points.append((facts.ended_at, total))
    points.sort()
    risen = accumulate((wh for _, wh in points), max)
    path = [(at, wh) for (at, _), wh in zip(points, risen, strict=True)]
    return [*path[:-1], (path[-1][0], total)]


def essential(facts: Facts) -> list[Value]:
    """Return few of the values that give the same energy as all of them do."""
    sequence = _sequence(facts)
    steps = _steps(sequence)
    chosen = {0, 1, 2, len(sequence) - 2, len(sequence) - 1}
    places = {id(value): place for place, value in enumerate(sequence)}
    for before, step in pairwise(steps):
        if step.note is not None:
            at, previous = places[id(step.value)], places[id(before.value)]
            chosen.update((previous - 1, previous, at, at + 1))
    few = [sequence[place] for place in sorted(chosen) if 0 <= place < len(sequence)]
    known = {id(value) for value in facts.values}
    begins = [value for value in facts.values if value.kind is RegisterKind.BEGIN]
    kept = [value for value in few if id(value) in known and value not in begins]
    fewer = replace(facts, values=[*begins[:1], *kept])
    if session_energy(fewer) == session_energy(facts):
        return list(fewer.values)
    return list(facts.values)


def could_flow(wh: float, begin: datetime, end: datetime) -> bool:
    """Say whether so much can have flowed between two moments, in either order."""
    hours = abs((end - begin).total_seconds()) / 3600
    return wh <= SLACK_WH + MAX_POWER_W * hours


def _sequence(facts: Facts) -> list[Value]:
    """Return one value for each moment, in order, the start's own before them.

    Of several at one moment the sample counts, and of those the greatest.
    """
    start = facts.meter_start_wh
    begins = [each.wh for each in facts.values if each.kind is RegisterKind.BEGIN]
    if start is None and begins:
        start = min(begins)
    end = facts.ended_at
    if end is not None and facts.meter_stop_wh is None:
        end = shifted(end, CLOSING)
    chosen: dict[datetime, Value] = {}
    for value in facts.values:
        if value.kind is RegisterKind.BEGIN or (end is not None and value.at > end):
            continue
        known = chosen.get(value.at)
        if known is None or _rank(value) > _rank(known):
            chosen[value.at] = value
    ordered = sorted(chosen.values(), key=lambda each: each.at)
    if start is None:
        return ordered
    return [Value(at=facts.started_at, wh=start), *ordered]


def _rank(value: Value) -> tuple[bool, int]:
    return value.kind is RegisterKind.SAMPLE, value.wh


def _steps(values: Sequence[Value]) -> list[_Step]:
    """Go through the values; those that are strays are passed over."""
    if not values:
        return []
    steps = [_Step(value=values[0])]
    place = 1
    while place < len(values):
        last = steps[-1].value
        if values[place].wh >= last.wh - JITTER_WH:
            place, step = _rise(values, place, last)
        else:
            place, step = _fall(values, place, last, first=len(steps) == 1)
        if step is not None:
            steps.append(step)
    return steps


def _rise(values: Sequence[Value], place: int, last: Value) -> tuple[int, _Step | None]:
    """Take a value that is no lower than the last; return where to go on."""
    value = values[place]
    if could_flow(value.wh - last.wh, last.at, value.at):
        if value.wh < last.wh:
            return place + 1, None
        return place + 1, _Step(value=value, added=value.wh - last.wh)
    for later in range(place + 1, min(len(values), place + _LOOK_AHEAD)):
        wh = values[later].wh
        fits = last.wh - JITTER_WH <= wh < value.wh - JITTER_WH
        if fits and could_flow(wh - last.wh, last.at, values[later].at):
            return later, None
    gap = abs(value.at - last.at)
    return place + 1, _Step(value=value, gap=gap, note=Note.JUMP)


def _fall(
    values: Sequence[Value], place: int, last: Value, *, first: bool
) -> tuple[int, _Step | None]:
    """Take a value that is lower than the last; return where to go on.

    One that rises again at once, or by more than can have flowed, was a stray. One
    that did not fall by half went back to what it had saved. Else it began from 0.
    """
    value = values[place]
    back = next(
        (
            later
            for later in range(place + 1, min(len(values), place + _LOOK_AHEAD))
            if values[later].wh >= last.wh - JITTER_WH
        ),
        None,
    )
    if back is not None:
        low, high = values[back - 1], values[back]
        if back == place + 1 or not could_flow(high.wh - low.wh, low.at, high.at):
            return back, None
    if value.wh > last.wh / 2 or not could_flow(value.wh, last.at, value.at):
        return place + 1, None
    added = max(value.wh, 0)
    if first:
        return place + 1, _Step(value=value, added=added, note=Note.RELATIVE)
    gap = abs(value.at - last.at)
    return place + 1, _Step(value=value, added=added, gap=gap, note=Note.RESET)


def _sum(steps: Sequence[_Step]) -> SessionEnergy:
    notes = {step.note for step in steps if step.note is not None}
    return SessionEnergy(
        energy_wh=sum(step.added for step in steps) if steps else None,
        gap=sum((step.gap for step in steps), timedelta()),
        notes=frozenset(notes),
    )


def _close(
    path: SessionEnergy, start: Value | None, last: Value | None, facts: Facts
) -> SessionEnergy:
    """Add the stop: of what its value can mean, the nearest to what is known counts.

    It goes on from the last sample, or from the start, or it counts from 0.
    """
    at, wh = facts.ended_at, facts.meter_stop_wh
    assert at is not None
    assert wh is not None
    if last is None or path.energy_wh is None:
        return SessionEnergy(energy_wh=None, notes=path.notes | {Note.NO_START})
    known = path.energy_wh
    meanings: list[tuple[int, Note | None]] = []
    if start is not None and wh >= start.wh - JITTER_WH:
        meanings.append((max(wh - start.wh, 0), None))
    if wh >= last.wh - JITTER_WH:
        meanings.append((known + max(wh - last.wh, 0), None))
    if start is not None and wh >= 0:
        meanings.append((wh, Note.RELATIVE))
    fitting = [
        (total, note)
        for total, note in meanings
        if total >= known - JITTER_WH and could_flow(total - known, last.at, at)
    ]
    if fitting:
        total, note = min(fitting, key=lambda each: abs(each[0] - known))
        difference, _ = fitting[0]
        if abs(difference - total) <= JITTER_WH:
            # The samples on the way jitter: the difference is the session's.
            total, note = fitting[0]
        found = path.notes if note is None else path.notes | {note}
        return replace(path, energy_wh=total, notes=found)
    if 0 <= wh <= last.wh / 2 and could_flow(wh, last.at, at):
        gap = path.gap + abs(at - last.at)
        notes = path.notes | {Note.RESET}
        return SessionEnergy(energy_wh=known + wh, gap=gap, notes=notes)
    return replace(path, notes=path.notes | {Note.STOP_UNUSABLE})
