"""A bound from below: each kWh is paid for instead of being demanded.

With a price on energy (a Lagrangian multiplier) the slots know of each other only by
runs and pauses, and the best is found in one sweep from the last point to the first.
Each price gives a lower bound of the true cost; the best price is where the bound is
highest (Geoffrion 1974): `multiplier` finds it.

Where starts cost much the bound is too low: it spreads a start's cost over more energy
than is needed. With the number of starts given it is close again.
"""
# The sweeps are most of a plan's time, and min() is the slower half of one.
# ruff: noqa: FURB136, PLR1730

from bisect import bisect_left
from dataclasses import dataclass, replace
from itertools import accumulate
from math import inf

from .task import Task

FREE = -1
"""Any number of starts."""


@dataclass(slots=True)
class Layer:
    """What remains to be paid from each point on, with some starts still to come."""

    off: list[float]
    """Off, after a run."""
    on: list[float]
    """On, and free to end."""
    last: list[float]
    """On in a run that may end whenever all is charged, and is the last then."""
    start: list[float]
    """The run that begins at a point and all after it, without its start."""


@dataclass(slots=True)
class Sweep:
    """What remains to be paid from each point on, at one price of energy."""

    price: float
    bound: float
    """The lower bound of the task's cost at this price."""
    paid: list[float]
    """Each slot's cost when it is on, less what its energy earns; inf: closed."""
    fresh: list[float]
    """Off, and never on so far."""
    layers: list[Layer]
    """By the number of starts to come; only one where there may be any number."""
    sums: list[float]
    """`paid` added up from point 0, without closed slots. Empty where runs and pauses
    may have any length."""
    closed: list[int]
    """The first closed slot at or after each point."""

    def running(self, at: int, held: int, layer: Layer) -> float:
        """Return what being on at a point leads to, when held until another."""
        if held <= at or not self.sums:
            return layer.on[at]
        if held > self.closed[at]:
            return layer.last[at]
        whole = self.sums[held] - self.sums[at] + layer.on[held]
        return min(layer.last[at], whole)

    def bound_with(self, task: Task, starts: int) -> float:
        """Return the bound of just so many starts, where they are given."""
        layer = self.layers[starts]
        if task.on:
            first = self.running(0, task.held_to, layer)
        else:
            first = layer.off[task.rests_to]
        return first + self.price * task.energy

    def with_starts(self, task: Task, starts: int) -> Sweep:
        """Return the sweep of a lower number of starts."""
        layers = self.layers[: starts + 1]
        return replace(
            self,
            bound=self.bound_with(task, starts),
            layers=layers,
            fresh=layers[-1].off,
        )


def sweep(task: Task, price: float, starts: int = FREE) -> Sweep:
    """Return the relaxed task's values from every point, at a price per kWh.

    With a number of starts the values are those of exactly so many.
    """
    paid = [
        high - price * most if price > slope else low - price * least
        for slope, least, low, most, high in task.ends
    ]
    for slot, slopes, corners in task.bent:
        energy, cost = corners[bisect_left(slopes, price)]
        paid[slot] = cost - price * energy
    end = min(0.0, (task.spare_price - price) * task.spare)
    done = end + (task.start_cost if task.resumes else 0.0)
    swept = Sweep(
        price=price, bound=0.0, paid=paid, fresh=[], layers=[], sums=[], closed=[]
    )
    if not task.plain:
        swept.sums = [0.0, *accumulate(0.0 if one == inf else one for one in paid)]
        swept.closed = task.closed
    make = _plain if task.plain else _counted
    if starts == FREE:
        layer = make(task, swept, end, done, None)
        swept.layers = [layer]
        swept.fresh = _fresh(task, layer, end, done)
    else:
        following: list[float] = []
        for _ in range(starts + 1):
            swept.layers.append(make(task, swept, end, done, following))
            following = swept.layers[-1].start
        swept.fresh = swept.layers[-1].off
    if task.on:
        first = swept.running(0, task.held_to, swept.layers[-1])
    else:
        first = swept.fresh[task.rests_to]
    swept.bound = first + price * task.energy
    return swept


def _fresh(task: Task, layer: Layer, end: float, done: float) -> list[float]:
    """Return what being off leads to, never having been on.

    Something must be charged, so there is a start: this is what makes the bound
    sharp where one run is enough.
    """
    cost = task.start_cost
    if task.resumes:
        value = done
    elif task.energy - task.spare > 0:
        value = cost + end
    else:
        value = end
    begun = [cost + start for start in reversed(layer.start[:-1])]
    values = list(accumulate(begun, min, initial=value))
    values.reverse()
    return values


def _plain(
    task: Task, swept: Sweep, end: float, done: float, following: list[float] | None
) -> Layer:
    """Sweep one layer of a task whose runs and pauses may have any length.

    `following` is the layer with one start less, empty when none is to come, None
    when this layer follows itself.
    """
    cost = task.start_cost
    if following is None:
        again = inf if task.one_block else cost
        return _endless(swept.paid, again, end, done)
    on, off = end, done
    if following:
        on = off = cost + following[-1]
    begun = [cost + one for one in reversed(following[:-1])] or [off] * task.count
    offs = list(accumulate(begun, min, initial=off))
    ons = [on]
    ons += [
        on := start if (start := slot + on) < off else off
        for slot, off in zip(reversed(swept.paid), offs[1:], strict=True)
    ]
    offs.reverse()
    ons.reverse()
    return Layer(off=offs, on=ons, last=ons, start=ons)


def _endless(paid: list[float], again: float, end: float, done: float) -> Layer:
    """Sweep the only layer, where there may be any number of starts at a cost."""
    on, off = end, done
    ons, offs, starts = [on], [off], [on]
    for slot in reversed(paid):
        start = slot + on
        on = start if start < off else off
        if again + start < off:
            off = again + start
        ons.append(on)
        offs.append(off)
        starts.append(start)
    ons.reverse()
    offs.reverse()
    starts.reverse()
    return Layer(off=offs, on=ons, last=ons, start=starts)


def _counted(
    task: Task, swept: Sweep, end: float, done: float, following: list[float] | None
) -> Layer:
    """Sweep one layer of a task whose runs or pauses have a least length."""
    count = task.count
    cost = task.start_cost
    paid, sums, closed = swept.paid, swept.sums, swept.closed
    hold = task.hold or range(count + 1)
    rest = task.rest or range(count + 1)
    still = bool(following)
    on = [inf if still else end] * (count + 1)
    last = list(on)
    start = list(on)
    off = [inf if still else done] * (count + 1)
    if following:
        off[count] = cost + following[count]
    finished = inf if still else done
    free = following is None and not task.one_block
    for at in range(count - 1, -1, -1):
        slot = paid[at]
        ended = slot + last[at + 1]
        if ended > finished:
            ended = finished
        last[at] = ended
        if following or free:
            off[at] = off[at + 1]
        if following:
            begun = cost + following[at]
            if begun < off[at]:
                off[at] = begun
        value = slot + on[at + 1]
        then = off[rest[at]]
        if then < value:
            value = then
        on[at] = value if value < ended else ended
        until = hold[at]
        if until <= closed[at]:
            held = sums[until] - sums[at] + on[until]
            if held < ended:
                ended = held
        start[at] = ended
        if free and cost + ended < off[at]:
            off[at] = cost + ended
    return Layer(off=off, on=on, last=last, start=start)
