"""Closes the gap between the bound and the best known: labels over the points.

A label is a beginning of a plan: what it has given and cost up to a point. It is
dropped when it can't lead to a better plan than the best known, by the bounds of
`relaxation`, or when another at the same point is at least as good whatever follows
(labels as in Desrochers and Soumis 1988, completion bounds as in Dumitrescu and Boland
2003). Two facts keep the labels few, both because energy may move between two slots
that are on at a constant gain until one of them is at a corner:

- Only energy of one price, that of the plan's last kWh, is taken in part. So labels
  take corners only, but for what is left open until the end: all pieces of one price.
- In a best plan no slot goes without energy cheaper than the dearest that is taken, as
  long as it is on. So a label knows between which two prices its last kWh lies, and
  takes no corner that contradicts them.
"""

from itertools import accumulate, pairwise
from math import inf

from .condense import Condensed
from .relaxation import FREE, Sweep
from .rivals import Label, Rivals, Step
from .task import Answer, Use, Vertex

type Corner = tuple[float, float, float, float, float]
"""Energy and cost; the slopes below and above; the width above."""
type Levels = list[tuple[float, float]]
"""For each sweep its price of energy, and its value of what follows."""


class Search:
    """The search for one task's best answer."""

    def __init__(
        self,
        left: Condensed,
        sweeps: list[Sweep],
        cost: float,
        starts: int = FREE,
    ) -> None:
        """Look for an answer of so many starts that costs less than the best known.

        The first of the sweeps has the best bound. `made` counts the labels, `found` is
        the best answer that costs less, in terms of what is left of the task.
        """
        task = left.task
        self.made = 0
        self.found: Answer | None = None
        self._task = task
        self._sweeps = sweeps
        self._top = len(sweeps[0].layers) - 1
        self._down = 0 if starts == FREE else 1
        self._price = sweeps[0].price
        self._limit = cost
        self._small = 1e-9 * task.energy
        self._eps = left.eps
        self._corners = [_described(corners, left.unit) for corners in task.vertices]
        self._parts = [_part(left, slot) for slot in range(task.count)]
        most = [row[-1][0] if row else 0.0 for row in reversed(task.vertices)]
        rooms = accumulate(most, initial=task.spare + self._small)
        self._rooms = list(rooms)[::-1]
        self._rivals = Rivals(
            price=self._price,
            least=-inf if task.resumes else left.least,
            small=self._small,
            eps=left.eps,
            margin=left.eps + 2 * left.unit * task.energy,
        )
        self._on: list[list[Label]] = [[] for _ in range(task.count + 1)]
        self._back: list[list[Label]] = [[] for _ in range(task.count + 1)]

    def run(self, most: int) -> bool:
        """Find the best answer; False when more labels would have to be made."""
        task = self._task
        held = task.held_to
        first: Label = (0.0, 0.0, 0.0, 0.0, held, self._top, -inf, inf, None, 0.0)
        if task.on:
            self._on[0].append(first)
        if task.energy <= task.spare:
            self._finish(first, task.start_cost if task.resumes else 0.0)
        waiting: list[Label] = []
        for at in range(task.count):
            if self.made > most:
                return False
            running = self._rivals.thinned(self._on[at])
            self._on[at] = []
            if not task.one_block:
                for label in running:
                    if label[4] <= at:
                        self._return(at, label)
            if self._back[at]:
                waiting = self._rivals.thinned([*waiting, *self._back[at]])
            if task.vertices[at]:
                fresh = not task.on and at >= task.rests_to
                self._use(at, running, [first, *waiting] if fresh else waiting)
            if waiting:
                waiting = self._worth_waiting(waiting, at + 1)
        return True

    def _use(self, at: int, running: list[Label], waiting: list[Label]) -> None:
        """Be on in a slot, or in a part of it, from every label."""
        open_to = self._open_to()
        for label in waiting:
            if self._begun(label, at) <= open_to:
                self._start(at, label)
        for label in running:
            self._full(at, label)
            if not label[2]:
                self._end_within(at, label)

    def _open_to(self) -> float:
        """Return what a label's reduced cost and what follows may be at most."""
        return self._limit - self._eps - self._price * self._task.energy

    def _begun(self, label: Label, at: int) -> float:
        """Return the least that a run begun in a slot leads to, by the first sweep."""
        layer = self._sweeps[0].layers[max(0, label[5] - self._down)]
        begun = min(layer.start[at], layer.on[at + 1])
        return label[9] + begun + self._task.start_cost

    def _worth_waiting(self, labels: list[Label], at: int) -> list[Label]:
        """Return those of which being off at a point may lead to a better plan."""
        off = [self._open_to() - one.off[at] for one in self._sweeps[0].layers]
        return [one for one in labels if one[9] <= off[one[5]]]

    def _start(self, at: int, label: Label) -> None:
        """Begin a run at a point, or within the slot."""
        task = self._task
        energy, cost, width, slope, _, left, low, high, before, _ = label
        left -= self._down
        if left < 0:
            return
        cost += task.start_cost
        held = task.hold[at] if task.hold else 0
        self._full(at, (energy, cost, width, slope, held, left, low, high, before, 0.0))
        if width:
            return
        part, slope = self._parts[at]
        if part and low <= slope <= high:
            held = task.hold[at + 1] if task.hold else 0
            levels = self._levels(at + 1, held, left)
            self._keep(
                at + 1,
                levels,
                energy,
                cost,
                part,
                slope,
                held,
                left,
                slope,
                slope,
                (before, at, 0.0, part, True, False),
            )

    def _end_within(self, at: int, label: Label) -> None:
        """End a run within a slot."""
        task = self._task
        energy, cost, _, _, held, left, low, high, before, _ = label
        part, slope = self._parts[at]
        if not part or not low <= slope <= high:
            return
        step = (before, at, 0.0, part, True, True)
        value = self._rivals.reduced(energy, cost, part, slope)
        ends = (slope, slope, step, value)
        opened: Label = (energy, cost, part, slope, held, left, *ends)
        self._finish(opened, task.start_cost if task.resumes else 0.0)
        if held <= at and not task.one_block:
            self._return(at + 1, opened)

    def _full(self, at: int, label: Label) -> None:
        """Be on for a whole slot: at each corner, or open between two."""
        energy, cost, width, slope, held, left, low, high, before, _ = label
        levels = self._levels(at + 1, held, left)
        point = at + 1
        keep = self._keep
        for more, price, below, above, wide in self._corners[at]:
            if width:
                if above < slope or below >= slope:
                    continue
                if above > slope:
                    wide = 0.0
                keep(
                    point,
                    levels,
                    energy + more,
                    cost + price,
                    width + wide,
                    slope,
                    held,
                    left,
                    low,
                    high,
                    (before, at, more, wide, False, False),
                )
                return
            if below >= high:
                return
            if above > low:
                keep(
                    point,
                    levels,
                    energy + more,
                    cost + price,
                    0.0,
                    0.0,
                    held,
                    left,
                    max(low, below),
                    min(high, above),
                    (before, at, more, 0.0, False, False),
                )
            if wide and low < above < high:
                keep(
                    point,
                    levels,
                    energy + more,
                    cost + price,
                    wide,
                    above,
                    held,
                    left,
                    above,
                    above,
                    (before, at, more, wide, False, False),
                )

    def _levels(self, at: int, held: int, left: int) -> Levels:
        """Return what being on at a point leads to in each sweep."""
        return [
            (one.price, one.running(at, held, one.layers[left])) for one in self._sweeps
        ]

    def _keep(
        self,
        at: int,
        levels: Levels,
        energy: float,
        cost: float,
        width: float,
        slope: float,
        held: int,
        left: int,
        low: float,
        high: float,
        step: Step,
    ) -> None:
        """Keep a label of a run at a point, when it may lead to a better answer."""
        self.made += 1
        task = self._task
        missing = task.energy - energy
        if missing < -self._small or missing > width + self._rooms[at]:
            return
        limit = self._limit - self._eps - cost
        for price, value in levels:
            value += price * missing
            if slope < price and width:
                value += (slope - price) * width
            if value > limit:
                return
        value = self._rivals.reduced(energy, cost, width, slope)
        label = (energy, cost, width, slope, held, left, low, high, step, value)
        if missing <= width + task.spare + self._small:
            early = task.resumes and at < task.count
            self._finish(label, task.start_cost if early else 0.0)
        if at < task.count:
            self._on[at].append(label)

    def _may_wait(self, at: int, label: Label) -> bool:
        """Return whether a later run may lead to a better answer."""
        energy, cost, width, slope = label[:4]
        missing = self._task.energy - energy
        if missing > width + self._rooms[at]:
            return False
        limit = self._limit - self._eps - cost
        for swept in self._sweeps:
            price = swept.price
            value = price * missing + swept.layers[label[5]].off[at]
            if slope < price and width:
                value += (slope - price) * width
            if value > limit:
                return False
        return True

    def _return(self, at: int, label: Label) -> None:
        """End a run at a point, with another to come."""
        then = self._task.rest[at] if self._task.rest else at
        if then < self._task.count and self._may_wait(then, label):
            self._back[then].append((*label[:4], 0, *label[5:]))

    def _finish(self, label: Label, more: float) -> None:
        """Take a label as a whole plan, when its energy is right and it is better."""
        task = self._task
        energy, cost, width, slope = label[:4]
        missing = max(0.0, task.energy - energy)
        if task.spare_price < slope or not width:
            spared = min(task.spare, missing)
            added = missing - spared
        else:
            added = min(width, missing)
            spared = missing - added
        if added > width + self._small or spared > task.spare + self._small:
            return
        cost += added * slope + spared * task.spare_price + more
        if cost < self._limit - self._eps:
            self._limit = cost
            self.found = Answer(
                uses=_uses(label[8], added), spared=spared, cost=cost, bound=cost
            )


def _part(left: Condensed, slot: int) -> tuple[float, float]:
    """Return the energy that a part of a slot gives at most, and its price.

    The energy is 0 where it can't be on in part.
    """
    corners = left.task.vertices[slot]
    if not corners or not left.single(slot):
        return 0.0, 0.0
    energy, cost = corners[left.task.ratio[slot]]
    return energy, round(cost / energy / left.unit) * left.unit


def _described(corners: list[Vertex], unit: float) -> list[Corner]:
    """Return each corner with the slopes on both sides and the width above it.

    Slopes are rounded, so that those of equal prices are equal.
    """
    if not corners:
        return []
    pairs = list(pairwise(corners))
    widths = [e1 - e0 for (e0, _), (e1, _) in pairs]
    slopes = [
        round((c1 - c0) / (e1 - e0) / unit) * unit for (e0, c0), (e1, c1) in pairs
    ]
    return [
        (energy, cost, below, above, wide)
        for (energy, cost), below, above, wide in zip(
            corners, [-inf, *slopes], [*slopes, inf], [*widths, 0.0], strict=True
        )
    ]


def _uses(step: Step | None, added: float) -> tuple[Use, ...]:
    """Return how the slots are used, from the last step back.

    What is added to open slots goes to the last of them first.
    """
    uses = []
    while step is not None:
        step, slot, energy, width, partial, from_start = step
        taken = min(width, added)
        energy += taken
        added -= taken
        if energy > 0:
            uses.append(
                Use(slot=slot, energy=energy, partial=partial, from_start=from_start)
            )
    return tuple(reversed(uses))
