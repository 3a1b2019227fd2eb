"""Keeps to the plan so far when another one gains too little."""

from dataclasses import replace

from .draft import Ask, Found, Piece, find
from .plan import ReasonKey
from .problem import Car, Preferences
from .slots import clip, split
from .worth import Worth

type Spans = list[tuple[float, float]]
"""Starts and ends in seconds since now."""


def stabilised(
    found: Found,
    ask: Ask,
    worth: Worth,
    preferences: Preferences,
    car: Car,
    spans: Spans,
) -> tuple[Found, float]:
    """Return what was found, or the plan so far, and what another would gain.

    First the very times of the plan so far are tried. If they don't do any more, and it
    is charging, then going on until this time of charging was to end; then those times
    with the slots beside them, for when a little more is needed.
    """
    if not spans:
        return found, 0.0
    for kept in (
        _same(ask, worth, preferences, car, spans),
        _going_on(ask, worth, preferences, car, spans),
        _same(ask, worth, preferences, car, _beside(ask, spans)),
    ):
        if kept is None:
            continue
        gain = kept.cost - found.cost
        if gain <= preferences.threshold:
            begin = ask.slots[0].start
            if _on_at(kept, begin) and not _on_at(found, begin):
                kept = replace(kept, pieces=_marked(kept.pieces, begin))
            return kept, max(0.0, gain)
    return found, 0.0


def _same(
    ask: Ask, worth: Worth, preferences: Preferences, car: Car, spans: Spans
) -> Found | None:
    """Return the best within the times of the plan so far."""
    powers = {slot.start: one for slot, one in zip(ask.slots, ask.powers, strict=True)}
    slots = split(ask.slots, [point for span in spans for point in span])
    edges = sorted(powers)
    inside = []
    at = -1
    for slot in slots:
        while at + 1 < len(edges) and edges[at + 1] <= slot.start:
            at += 1
        planned = any(
            start <= slot.start + 1e-3 and slot.end <= end + 1e-3
            for start, end in spans
        )
        inside.append(powers[edges[at]] if planned else None)
    within = replace(ask, slots=slots, powers=inside)
    return find(within, worth, preferences, car)


def _beside(ask: Ask, spans: Spans) -> Spans:
    """Return times with the slots that they touch, and the ones before and after."""
    wider: Spans = []
    for start, end in spans:
        touched = [
            at
            for at, slot in enumerate(ask.slots)
            if slot.start < end - 1e-3 and start + 1e-3 < slot.end
        ]
        if touched:
            first = ask.slots[max(0, touched[0] - 1)]
            last = ask.slots[min(len(ask.slots) - 1, touched[-1] + 1)]
            wider.append((first.start, last.end))
    return wider


def _going_on(
    ask: Ask, worth: Worth, preferences: Preferences, car: Car, spans: Spans
) -> Found | None:
    """Return the best that goes on as planned until this time of charging ends."""
    begin = ask.slots[0].start
    until = next(
        (end for start, end in spans if start <= begin + 1e-3 < end - 1e-3), None
    )
    if not ask.running or until is None:
        return None
    until = min(until, ask.slots[-1].end)
    powers = {slot.start: one for slot, one in zip(ask.slots, ask.powers, strict=True)}
    pieces: list[Piece] = []
    left, cost = ask.energy - ask.extra, 0.0
    for slot in clip(ask.slots, begin, until):
        span = powers[slot.start]
        if span is None:
            return None
        hours = min(slot.hours, left / span[1])
        if hours <= 0:
            break
        end = slot.start + hours * 3600
        pieces.append(Piece(start=slot.start, end=end, power=span[1]))
        cost += worth.cost(slot, span[1]) * hours
        left -= hours * span[1]
    if left <= 1e-9 * ask.energy and not ask.extra:
        return Found(pieces=pieces, extra=0.0, cost=cost, gap=0.0)
    slots = clip(ask.slots, until, ask.slots[-1].end)
    if not slots:
        return None
    rest = replace(
        ask,
        slots=slots,
        powers=[powers.get(slot.start, _power_at(ask, slot.start)) for slot in slots],
        energy=left + ask.extra,
    )
    after = find(rest, worth, preferences, car)
    if after is None:
        return None
    return replace(after, pieces=[*pieces, *after.pieces], cost=cost + after.cost)


def _power_at(ask: Ask, time: float) -> tuple[float, float] | None:
    """Return the powers of the slot that a time is in."""
    for slot, powers in zip(ask.slots, ask.powers, strict=True):
        if slot.start <= time < slot.end:
            return powers
    return None


def _on_at(found: Found, time: float) -> bool:
    """Return whether it charges at a time."""
    return any(one.start <= time + 1e-3 < one.end for one in found.pieces)


def _marked(pieces: list[Piece], begin: float) -> list[Piece]:
    """Return the pieces, those that go on from a time named as kept."""
    marked: list[Piece] = []
    end = begin
    for piece in pieces:
        if abs(piece.start - end) < 1e-3 and end >= begin:
            end = piece.end
            marked.append(replace(piece, why=ReasonKey.KEPT))
        else:
            end = -1.0
            marked.append(piece)
    return marked
