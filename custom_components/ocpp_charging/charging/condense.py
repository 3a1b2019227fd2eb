"""Makes a task smaller: without what no plan better than the best known does.

A sweep tells what each choice costs at least: that a run begins at a point, or ends
there, or that a slot is on. Where that is more than the best known costs, it is out
(fixing by reduced costs, as in Dantzig, Fulkerson and Johnson 1954). Slots between
points at which nothing can change any more are all on or all off, so they are one. Most
tasks become a tenth of their size, and the search goes through that.
"""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from math import inf

from .multiplier import Trace
from .relaxation import Sweep
from .task import Answer, Task, Use, Vertex

type Piece = tuple[float, int, float, float]
"""Of what a slot may give above its least: the cost per kWh, the slot counted back from
the last, the energy in kWh, and its cost."""


@dataclass(slots=True, frozen=True)
class Condensed:
    """A task, and what is left of it."""

    whole: Task
    task: Task
    points: list[int]
    """Of each point of what is left, the point of the whole."""
    unit: float
    """What costs per kWh are rounded to."""
    least: float
    """The lowest price of any energy of the whole."""
    eps: float
    """Costs of the whole that differ by less are equal."""
    widest: float
    """The most that one slot of the whole gives, in kWh."""

    def single(self, slot: int) -> bool:
        """Return whether a slot of what is left is one slot of the whole."""
        return self.points[slot + 1] - self.points[slot] == 1

    def trace(self, traced: Trace) -> Trace:
        """Return a choice with its runs at the points of the whole."""
        points = self.points
        runs = tuple((points[begin], points[until]) for begin, until in traced.runs)
        return replace(traced, runs=runs)

    def answer(self, answer: Answer) -> Answer:
        """Return an answer in terms of the whole."""
        uses = tuple(one for use in answer.uses for one in self._uses(use))
        return replace(answer, uses=uses)

    def _uses(self, use: Use) -> Iterator[Use]:
        """Yield how the slots are used that one of what is left stands for.

        The cheapest energy is taken, of equals that of the last slot.
        """
        begin, until = self.points[use.slot : use.slot + 2]
        if until - begin == 1:
            yield replace(use, slot=begin)
            return
        energies = [corners[0][0] for corners in self.whole.vertices[begin:until]]
        left = use.energy - sum(energies)
        for _, back, width, _ in _pieces(self.whole, begin, until):
            taken = min(width, max(0.0, left))
            energies[-1 - back] += taken
            left -= taken
        for slot, energy in enumerate(energies, start=begin):
            yield Use(slot=slot, energy=energy)


def uncondensed(task: Task) -> Condensed:
    """Return a task of which everything is left."""
    corners = [corner for row in task.vertices for corner in row]
    rates = [cost / energy for energy, cost in corners]
    slopes = [slope for slope, *_ in task.ends if slope > -inf]
    slopes += [first for _, (first, *_), _ in task.bent]
    if task.spare:
        slopes.append(task.spare_price)
    dearest = max(abs(cost) for _, cost in corners)
    return Condensed(
        whole=task,
        task=task,
        points=list(range(task.count + 1)),
        unit=1e-10 * max(map(abs, rates)) or 1.0,
        least=min([*rates, *slopes]),
        eps=1e-13 * max(task.start_cost, dearest) * (task.count + 10),
        widest=max(energy for energy, _ in corners),
    )


def condensed(before: Condensed, swept: Sweep, cost: float) -> Condensed:
    """Return what is left of a task for plans that cost no more than this."""
    task, whole = before.task, before.whole
    points, off = _left(task, swept, cost)
    if len(points) > task.count:
        return before
    small = Task(
        vertices=[
            []
            if begin in off
            else _together(whole, before.points[begin], before.points[until])
            if until - begin > 1
            else task.vertices[begin]
            for begin, until in pairwise(points)
        ],
        energy=task.energy,
        spare=task.spare,
        spare_price=task.spare_price,
        start_cost=task.start_cost,
        hold=_nearest(task.hold, points),
        rest=_nearest(task.rest, points),
        one_block=task.one_block,
        on=task.on,
        held_to=bisect_left(points, task.held_to),
        rests_to=bisect_left(points, task.rests_to),
        resumes=task.resumes,
        tie=task.tie,
    )
    return replace(before, task=small, points=[before.points[at] for at in points])


def _nearest(row: list[int] | None, points: list[int]) -> list[int] | None:
    """Return the points of a row that are left, or those after them."""
    return None if row is None else [bisect_left(points, row[at]) for at in points]


def _left(task: Task, swept: Sweep, cost: float) -> tuple[list[int], set[int]]:
    """Return the points that are left, and those after which it can only be off.

    A slot that is on in part lies between one that is on and one that is off, so the
    points on both sides of each are left as well.
    """
    earned = swept.price * task.energy
    limit = cost - earned + 1e-9 * (abs(cost) + abs(earned))
    turns, ons = _turns(task, swept, limit)
    count = task.count
    points = {0, count}
    for at in turns:
        points |= {max(0, at - 1), at, min(count, at + 1)}
    found = sorted(points)
    off = {
        begin
        for begin, until in pairwise(found)
        if task.closed[begin] < until
        or (not turns & {begin, until} and not ons.issuperset(range(begin, until)))
    }
    return found, off


def _turns(task: Task, swept: Sweep, limit: float) -> tuple[set[int], set[int]]:
    """Return where runs may begin or end, and the slots that may be on.

    From the first point on, what was paid so far: by the number of starts to come,
    where it is given. Any run and any pause may be short here.
    """
    turns: set[int] = set()
    ons: set[int] = set()
    count, start, paid = task.count, task.start_cost, swept.paid
    free = len(swept.layers) == 1
    again = free and not task.one_block
    never = [inf if task.on or at < task.rests_to else 0.0 for at in range(count + 1)]
    before = never if free else [inf] * (count + 1)
    on = 0.0 if task.on else inf
    for layer in reversed(swept.layers):
        off = inf
        offs: list[float] = []
        for at, (after, begin) in enumerate(zip(layer.off, layer.start, strict=True)):
            off = min(off, on)
            offs.append(off)
            begun = start + (off if again and off < before[at] else before[at])
            on = min(on, begun)
            if begun + begin <= limit or on + after <= limit:
                turns.add(at)
            if at < count:
                on += paid[at]
                if on + layer.on[at + 1] <= limit:
                    ons.add(at)
        if layer is swept.layers[-1]:
            offs = [min(pair) for pair in zip(never, offs, strict=True)]
        before, on = offs, inf
    return turns, ons


def _together(task: Task, begin: int, until: int) -> list[Vertex]:
    """Return the corners of slots that are all on."""
    rows = task.vertices[begin:until]
    energy, cost = (sum(one) for one in zip(*(row[0] for row in rows), strict=True))
    found = [(energy, cost)]
    last = -inf
    for slope, _, width, more in _pieces(task, begin, until):
        energy += width
        cost += more
        if slope - last <= 1e-12 * abs(slope):
            found.pop()
        else:
            last = slope
        found.append((energy, cost))
    return found


def _pieces(task: Task, begin: int, until: int) -> list[Piece]:
    """Return what some slots give above their least, the cheapest first."""
    return sorted(
        ((high - low) / (most - least), until - 1 - slot, most - least, high - low)
        for slot in range(begin, until)
        for (least, low), (most, high) in pairwise(task.vertices[slot])
    )
