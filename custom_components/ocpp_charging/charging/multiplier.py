"""Finds the price of energy with the highest bound.

By chords, as in Handler and Zang 1980.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import dataclass
from math import copysign, inf
from operator import attrgetter, itemgetter

from .relaxation import Layer, Sweep, sweep
from .task import Task

ROUNDS = 60
"""How many prices are tried at most."""
BESIDE = 2
"""How many prices are tried at most to find one on the other side of the demand."""
ROUNDED = 0.05
"""Which part of what a bound is short of it may lack where more is no use."""


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


def _offers(task: Task) -> list[tuple[float, float]]:
    """Return the prices per kWh of all energy, ascending, were starts free.

    With how much there is of each, in kWh.
    """
    offers: list[tuple[float, float]] = []
    for slot, corners in enumerate(task.vertices):
        if not corners:
            continue
        first = task.ratio[slot]
        energy, cost = corners[first]
        offers.append((cost / energy, energy))
        for upper_energy, upper_cost in corners[first + 1 :]:
            width = upper_energy - energy
            offers.append(((upper_cost - cost) / width, width))
            energy, cost = upper_energy, upper_cost
    if task.spare:
        offers.append((task.spare_price, task.spare))
    return sorted(offers)


def _marginal(offers: list[tuple[float, float]], energy: float) -> float:
    """Return the price per kWh of the dearest energy needed, were starts free."""
    for price, width in offers:
        energy -= width
        if energy <= 0:
            return price
    return offers[-1][0] if offers else 0.0


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
    task: Task, price: float | None = None, rounds: int = ROUNDS
) -> Relaxed | None:
    """Find the price of energy with the highest bound.

    The search begins at a price, if one is given. None when the runs and pauses that
    are demanded can't give the energy.
    """
    small = 1e-9 * task.energy
    if not any(task.vertices):
        return None
    low = _nothing(task)
    if task.plain and not task.one_block:
        high = _all(task)
    else:
        most = extreme(task)
        top = sweep(task, most)
        if top.bound == inf:
            return None
        high = trace(task, top)
        if task.held_to:
            low = trace(task, sweep(task, -most))
    if high.energy < task.energy - small:
        return None
    chords = _Chords(task, low, high)
    if price is None:
        _near(task, chords)
    else:
        chords.add(sweep(task, price))
    for _ in range(rounds - 1):
        meeting = chords.next()
        if meeting is None:
            break
        chords.add(sweep(task, meeting))
    return chords.found()


def _near(task: Task, chords: _Chords) -> None:
    """Add choices on both sides of the demand, not far from it.

    At prices that are paid for about so much energy, were starts free.
    """
    offers, asked = _offers(task), task.energy
    lacking = chords.add(sweep(task, _marginal(offers, asked)))
    for _ in range(BESIDE):
        if chords.done:
            return
        before = lacking
        asked += 1.5 * lacking + copysign(0.1 * task.energy, lacking)
        lacking = chords.add(sweep(task, _marginal(offers, asked)))
        if lacking * before < 0:
            return


def relax_starts(
    task: Task, starts: int, enough: float, known: list[Sweep]
) -> Relaxed | None:
    """Find the price with the highest bound of exactly so many starts.

    `known` are sweeps of as many starts or more, in the order of their prices, from one
    at which no slot is on to one at which all are; those that are made are added. The
    search ends where the bound is enough, or can't be much nearer to it. None when so
    many starts can't give the energy.
    """
    bounds = [one.bound_with(task, starts) for one in known]
    if bounds[-1] == inf:
        return None
    at = max(range(len(known)), key=bounds.__getitem__)
    first = known[at].with_starts(task, starts)
    traced = trace(task, first)
    below = traced.energy < task.energy - 1e-9 * task.energy
    beside = at + 1 if below else at - 1
    if beside == len(known):
        return None
    other = trace(task, known[max(0, beside)].with_starts(task, starts))
    chords = _Chords(task, *((traced, other) if below else (other, traced)))
    chords.best, chords.done = first, first.bound >= enough
    for _ in range(ROUNDS):
        meeting = chords.next(enough)
        if meeting is None:
            break
        made = sweep(task, meeting, len(known[0].layers) - 1)
        insort(known, made, key=attrgetter("price"))
        chords.add(made.with_starts(task, starts))
    return chords.found()


class _Chords:
    """Looks for the highest bound between two choices: one less energy, one more."""

    def __init__(self, task: Task, low: Trace, high: Trace) -> None:
        """Begin with two choices."""
        self.low, self.high = low, high
        self.best: Sweep | None = None
        self.done = False
        self._task = task
        self._small = 1e-9 * task.energy

    def add(self, swept: Sweep) -> float:
        """Take the choice at a price in place of one of the two.

        Return how much less it gives than demanded, in kWh.
        """
        if self.best is None or swept.bound > self.best.bound:
            self.best = swept
        traced = trace(self._task, swept)
        lacking = self._task.energy - traced.energy
        if lacking > self._small:
            self.low = traced
        else:
            self.high = traced
        self.done = abs(lacking) <= self._small
        return lacking

    def next(self, enough: float = inf) -> float | None:
        """Return the price at which the two cost the same; None where that is best.

        No bound is above what they cost there. What is short of enough by nearly as
        much in any case needs no better bound.
        """
        low, high = self.low, self.high
        width = high.energy - low.energy
        if self.done or width <= self._small:
            return None
        price = (high.cost - low.cost) / width
        if self.best is None:
            return price
        bound = self.best.bound
        most = low.cost + price * (self._task.energy - low.energy)
        if bound >= enough or most - bound <= 1e-13 * (abs(low.cost) + abs(high.cost)):
            return None
        if most < enough < inf and most - bound <= ROUNDED * (enough - most):
            return None
        return price

    def found(self) -> Relaxed:
        """Return the best bound, and the choices next to it."""
        assert self.best is not None
        return Relaxed(best=self.best, low=self.low, high=self.high)


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
