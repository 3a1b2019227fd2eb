"""Finds the price of energy with the highest bound.

By chords, as in Handler and Zang 1980.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf
from operator import itemgetter

from .relaxation import FREE, Layer, Sweep, sweep
from .task import Task

ROUNDS = 60


@dataclass(slots=True, frozen=True)
class Trace:
    """The relaxed task's best at one price of energy."""

    runs: tuple[tuple[int, int], ...]
    """Each run's first point and the point where it ends."""
    spared: float
    """What is left out, kWh."""
    energy: float
    """With what is spared, kWh."""
    cost: float


def trace(task: Task, swept: Sweep) -> Trace:
    """Follow a sweep's choices from the first point."""
    runs = list(_runs(task, swept))
    price = swept.price
    spared = task.spare if task.spare_price < price else 0.0
    energy = spared + sum(_given(task, begin, until, price) for begin, until in runs)
    return Trace(
        runs=tuple(runs),
        spared=spared,
        energy=energy,
        cost=swept.bound - price * (task.energy - energy),
    )


def _given(task: Task, begin: int, until: int, price: float) -> float:
    """Return the energy of a run at a price of energy, in kWh."""
    energy = sum(
        most if price > slope else least
        for slope, least, _, most, _ in task.ends[begin:until]
    )
    first = bisect_left(task.bent, begin, key=itemgetter(0))
    for slot, slopes, corners in task.bent[first:]:
        if slot >= until:
            break
        slope, least, _, most, _ = task.ends[slot]
        energy += corners[bisect_left(slopes, price)][0]
        energy -= most if price > slope else least
    return energy


def corner(task: Task, slot: int, price: float) -> int:
    """Return the corner where an open slot is best, at a price of energy."""
    corners = task.vertices[slot]
    if len(corners) < 3:
        return len(corners) - 1 if price > task.ends[slot][0] else 0
    return min(
        range(len(corners)), key=lambda at: corners[at][1] - price * corners[at][0]
    )


def _runs(task: Task, swept: Sweep) -> Iterator[tuple[int, int]]:
    """Yield the runs of a sweep's choices, without those of no length."""
    free = len(swept.layers) == 1
    left = len(swept.layers) - 1
    at, fresh = task.rests_to, True
    if task.on:
        until, final = _end(task, swept, swept.layers[left], 0, task.held_to)
        if until:
            yield 0, until
        if final:
            return
        fresh = False
        at = task.rest[until] if task.rest else until
    while at < task.count:
        if not fresh and free and task.one_block:
            return
        layer = swept.layers[left]
        values = swept.fresh if fresh else layer.off
        while at < task.count and values[at + 1] <= values[at]:
            at += 1
        if at == task.count:
            return
        if not free:
            if not left:
                return
            left -= 1
            layer = swept.layers[left]
        held = task.hold[at] if task.hold else 0
        until, final = _end(task, swept, layer, at, held)
        if until > at:
            yield at, until
        if final:
            return
        fresh = False
        at = task.rest[until] if task.rest else until


def _end(
    task: Task, swept: Sweep, layer: Layer, at: int, held: int
) -> tuple[int, bool]:
    """Return the point where a run under way ends, and whether it is the last."""
    if held > at and swept.sums:
        if layer.last[at] <= swept.running(at, held, layer):
            return _last_end(task, swept, layer, at), True
        at = held
    on, paid = layer.on, swept.paid
    while at < task.count and on[at] >= paid[at] + on[at + 1]:
        at += 1
    if at == task.count:
        return at, True
    if swept.sums and on[at] == layer.last[at]:
        return _last_end(task, swept, layer, at), True
    return at, False


def _last_end(task: Task, swept: Sweep, layer: Layer, at: int) -> int:
    """Return the point where the last run ends, under way at a point."""
    last, paid = layer.last, swept.paid
    while at < task.count and last[at] == paid[at] + last[at + 1]:
        at += 1
    return at


def _marginal(task: Task) -> float:
    """Return the price per kWh of the dearest energy needed, were starts free."""
    pieces: list[tuple[float, float]] = []
    for slot, corners in enumerate(task.vertices):
        if not corners:
            continue
        first = task.ratio[slot]
        energy, cost = corners[first]
        pieces.append((cost / energy, energy))
        for upper_energy, upper_cost in corners[first + 1 :]:
            width = upper_energy - energy
            pieces.append(((upper_cost - cost) / width, width))
            energy, cost = upper_energy, upper_cost
    if task.spare:
        pieces.append((task.spare_price, task.spare))
    pieces.sort()
    missing = task.energy
    for slope, width in pieces:
        missing -= width
        if missing <= 0:
            return slope
    return pieces[-1][0] if pieces else 0.0


@dataclass(slots=True, frozen=True)
class Relaxed:
    """The best bound, and the choices next to it."""

    best: Sweep
    low: Trace
    """The best choice of those that give less than demanded, or just that."""
    high: Trace
    """The same of those that give more."""


def extreme(task: Task) -> float:
    """Return a price of energy at which every slot is on, and below 0 none."""
    slopes = [abs(cost / energy) for row in task.vertices for energy, cost in row]
    least = min(energy for row in task.vertices for energy, _ in row)
    return 10 * (max(slopes) + abs(task.spare_price) + task.start_cost / least) + 1e-6


def relax(
    task: Task,
    starts: int = FREE,
    price: float | None = None,
    enough: float = inf,
    known: Sequence[Sweep] = (),
    rounds: int = ROUNDS,
) -> Relaxed | None:
    """Find the price of energy with the highest bound, or one that is enough.

    The search begins at a price, if one is given. It uses what is known of as many
    starts or more. None when the runs and pauses that are demanded can't give the
    energy.
    """
    small = 1e-9 * task.energy
    if not any(task.vertices):
        return None
    most = extreme(task)
    swept_at = {one.price: one for one in known}

    def at(price: float) -> Sweep:
        one = swept_at.get(price)
        return (
            sweep(task, price, starts) if one is None else one.with_starts(task, starts)
        )

    if starts == FREE and task.plain and not task.one_block:
        low, high = _nothing(task), _all(task)
    else:
        top = at(most)
        if top.bound == inf:
            return None
        low, high = trace(task, at(-most)), trace(task, top)
    if high.energy < task.energy - small:
        return None
    best: Sweep | None = None
    price = _marginal(task) if price is None else price
    for _ in range(rounds):
        swept = at(price)
        if best is None or swept.bound > best.bound:
            best = swept
        if swept.bound >= enough:
            break
        traced = trace(task, swept)
        if traced.energy < task.energy - small:
            low = traced
        else:
            high = traced
        width = high.energy - low.energy
        if abs(traced.energy - task.energy) <= small or width <= small:
            break
        chord = (high.cost - low.cost) / width
        if abs(chord - price) <= 1e-12 * most:
            break
        price = chord
    assert best is not None
    return Relaxed(best=best, low=low, high=high)


def _nothing(task: Task) -> Trace:
    """Return the choice to be on in no slot: where energy earns nothing."""
    must = task.resumes or (not task.on and task.energy > task.spare)
    return Trace(runs=(), spared=0.0, energy=0.0, cost=task.start_cost if must else 0.0)


def _all(task: Task) -> Trace:
    """Return the choice to be on in every open slot: where energy earns very much."""
    runs: list[tuple[int, int]] = []
    energy, cost = task.spare, task.spare * task.spare_price
    for slot, corners in enumerate(task.vertices):
        if not corners or slot < task.rests_to:
            continue
        energy += corners[-1][0]
        cost += corners[-1][1]
        if runs and runs[-1][1] == slot:
            runs[-1] = (runs[-1][0], slot + 1)
        else:
            runs.append((slot, slot + 1))
    starts = len(runs)
    starts -= bool(runs) and task.on and runs[0][0] == 0
    starts += task.resumes and not (runs and runs[-1][1] == task.count)
    cost += starts * task.start_cost
    return Trace(runs=tuple(runs), spared=task.spare, energy=energy, cost=cost)
