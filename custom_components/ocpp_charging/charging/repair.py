"""Makes plans that give exactly the energy out of the relaxed task's choices.

Greedy: what is too much is taken away where it costs most, what is missing is added
where it costs least. The better the plan found here, the less `search` has to do.
"""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import pairwise
from math import inf
from operator import attrgetter
from typing import NamedTuple

from .multiplier import Trace, corner
from .task import Answer, Task, Use

_TINY = 1e-9


class _Change(NamedTuple):
    """One way to change a draft, up to a width."""

    slope: float
    """Cost per kWh."""
    width: float
    slot: int
    run: int
    """Whose end the slot is; -1: within a run, or none at all."""
    from_start: bool = True
    """Whether a part of the slot that remains, or is added, is at its beginning."""


@dataclass(slots=True)
class _Draft:
    """Runs and their energies."""

    runs: list[list[int]]
    energies: dict[int, float]
    spared: float
    parts: dict[int, bool] = field(default_factory=dict)
    """Slots that are on in part, and whether from their start."""


def repaired(task: Task, traced: Trace, price: float) -> Answer | None:
    """Return a plan near the choice at a price, None if there is none."""
    draft = _Draft(
        runs=[list(run) for run in traced.runs],
        energies={
            slot: task.vertices[slot][corner(task, slot, price)][0]
            for begin, until in traced.runs
            for slot in range(begin, until)
        },
        spared=traced.spared,
    )
    small = 1e-9 * task.energy
    missing = _missing(task, draft)
    inner = _Inner(task, draft, up=missing > 0)
    for _ in range(4 * task.count + 4):
        if abs(missing) <= small or draft.parts:
            break
        ways = [*inner.first(), *_spare(task, draft, up=inner.up)]
        if inner.up:
            ways += _more(task, draft, missing)
            change = min(ways, key=attrgetter("slope"), default=None)
        else:
            ways += _less(task, draft)
            change = max(ways, key=attrgetter("slope"), default=None)
        if change is None:
            return None
        energy = min(change.width, abs(missing))
        if inner.up:
            _add(draft, change, energy)
        else:
            _take(draft, change, energy)
        inner.changed(change.slot)
        missing -= energy if inner.up else -energy
    return None if abs(_missing(task, draft)) > 2 * small else _answer(task, draft)


def _missing(task: Task, draft: _Draft) -> float:
    """Return how much less a draft gives than demanded, kWh."""
    return task.energy - draft.spared - sum(draft.energies.values())


class _Inner:
    """What the slots that are on cost more, or save, at another power.

    Either all to give more, or all to give less.
    """

    def __init__(self, task: Task, draft: _Draft, *, up: bool) -> None:
        """Take the slots of a draft."""
        self.up = up
        self._task = task
        self._draft = draft
        self._heap: list[tuple[float, int, float, float]] = []
        """Slope, negative to give less; slot; width; its energy then."""
        for slot in draft.energies:
            self.changed(slot)

    def changed(self, slot: int) -> None:
        """Take a slot in, or anew after its energy has changed."""
        energy = self._draft.energies.get(slot)
        if energy is None or slot in self._draft.parts:
            return
        corners = self._task.vertices[slot]
        if self.up:
            at = bisect_right(corners, (energy + _TINY, inf))
            if at == len(corners):
                return
        elif energy > corners[0][0] + _TINY:
            at = bisect_right(corners, (energy - _TINY, inf))
        else:
            return
        (low, low_cost), (high, high_cost) = corners[at - 1 : at + 1]
        slope = (high_cost - low_cost) / (high - low)
        if self.up:
            heappush(self._heap, (slope, slot, high - energy, energy))
        else:
            heappush(self._heap, (-slope, slot, energy - low, energy))

    def first(self) -> Iterator[_Change]:
        """Yield the best change, if there is any."""
        heap, energies = self._heap, self._draft.energies
        while heap and energies.get(heap[0][1]) != heap[0][3]:
            heappop(heap)
        if heap:
            slope, slot, width, _ = heap[0]
            yield _Change(slope if self.up else -slope, width, slot, -1)


def _spare(task: Task, draft: _Draft, *, up: bool) -> Iterator[_Change]:
    """Yield the change of what is left out."""
    width = task.spare - draft.spared if up else draft.spared
    if width > 0:
        yield _Change(task.spare_price, width, -1, -1)


def _less(task: Task, draft: _Draft) -> Iterator[_Change]:
    """Yield the ways to make a run shorter."""
    for run, (begin, until) in enumerate(draft.runs):
        if task.hold is not None and run < len(draft.runs) - 1:
            continue
        if not (task.resumes and until == task.count):
            yield _cut(task, draft, until - 1, run, from_start=True)
        if not _goes_on(task, begin):
            yield _cut(task, draft, begin, run, from_start=False)


def _goes_on(task: Task, begin: int) -> bool:
    """Return whether the run that begins at a point is the one under way."""
    return task.on and begin == 0


def _cut(
    task: Task, draft: _Draft, slot: int, run: int, *, from_start: bool
) -> _Change:
    """Return the change that takes away a slot at an end of a run."""
    energy = draft.energies[slot]
    cost = _cost(task, slot, energy)
    return _Change(cost / energy, energy, slot, run, from_start)


def _take(draft: _Draft, change: _Change, energy: float) -> None:
    """Give less."""
    if change.slot < 0:
        draft.spared -= energy
        return
    draft.energies[change.slot] -= energy
    if change.run < 0:
        return
    if energy < change.width:
        draft.parts[change.slot] = change.from_start
        return
    del draft.energies[change.slot]
    run = draft.runs[change.run]
    run[change.from_start] += -1 if change.from_start else 1
    if run[0] == run[1]:
        del draft.runs[change.run]


def _more(task: Task, draft: _Draft, missing: float) -> Iterator[_Change]:
    """Yield the ways to make a run longer, or to begin the only one."""
    for run in range(len(draft.runs)):
        yield from _longer(task, draft, run, missing)
    if not draft.runs and not task.on:
        for slot in range(task.rests_to, task.count):
            if task.vertices[slot]:
                yield _grow(task, slot, -2, from_start=False)


def _longer(task: Task, draft: _Draft, run: int, missing: float) -> Iterator[_Change]:
    """Yield the ways to make a run longer; it may grow into the next one only whole."""
    begin, until = draft.runs[run]
    after = draft.runs[run + 1][0] if run + 1 < len(draft.runs) else task.count + 1
    before = draft.runs[run - 1][1] if run else -1
    if until < task.count and task.vertices[until] and until != after:
        change = _grow(task, until, run, from_start=True)
        rested = not task.rest or task.rest[until + 1] <= after
        if rested or (until + 1 == after and change.width <= missing):
            yield change
    first = begin - 1
    earliest = task.rest[0] if task.on and task.rest else task.rests_to
    if first >= max(earliest, before) and task.vertices[first]:
        change = _grow(task, first, run, from_start=False)
        rested = not task.rest or before < 0 or task.rest[before] <= first
        if rested or (first == before and change.width <= missing):
            yield change


def _grow(task: Task, slot: int, run: int, *, from_start: bool) -> _Change:
    """Return the change that adds a slot to a run."""
    energy, cost = task.vertices[slot][task.ratio[slot]]
    return _Change(cost / energy, energy, slot, run, from_start)


def _add(draft: _Draft, change: _Change, energy: float) -> None:
    """Give more."""
    if change.slot < 0:
        draft.spared += energy
        return
    draft.energies[change.slot] = draft.energies.get(change.slot, 0.0) + energy
    if change.run == -1:
        return
    if energy < change.width:
        draft.parts[change.slot] = change.from_start
    if change.run < 0:
        draft.runs.append([change.slot, change.slot + 1])
        return
    run = draft.runs[change.run]
    run[change.from_start] += 1 if change.from_start else -1
    draft.runs = _merged(draft.runs)


def _merged(runs: list[list[int]]) -> list[list[int]]:
    """Join runs that have grown together."""
    joined: list[list[int]] = []
    for begin, until in runs:
        if joined and joined[-1][1] == begin:
            joined[-1][1] = until
        else:
            joined.append([begin, until])
    return joined


def _cost(task: Task, slot: int, energy: float) -> float:
    """Return what an energy costs in a slot that is on for its whole length."""
    corners = task.vertices[slot]
    for (low, low_cost), (high, high_cost) in pairwise(corners):
        if energy <= high:
            share = (energy - low) / (high - low)
            return low_cost + share * (high_cost - low_cost)
    return corners[-1][1]


def _answer(task: Task, draft: _Draft) -> Answer:
    """Return a draft as an answer with its cost."""
    uses = []
    cost = draft.spared * task.spare_price
    for slot in sorted(draft.energies):
        energy = draft.energies[slot]
        part = draft.parts.get(slot)
        uses.append(
            Use(
                slot=slot,
                energy=energy,
                partial=part is not None,
                from_start=part is not False,
            )
        )
        if part is None:
            cost += _cost(task, slot, energy)
        else:
            ratio_energy, ratio_cost = task.vertices[slot][task.ratio[slot]]
            cost += energy * ratio_cost / ratio_energy
    starts = len(draft.runs) + _split(draft)
    if draft.runs and _goes_on(task, draft.runs[0][0]) and draft.parts.get(0, True):
        starts -= 1
    ends_on = bool(draft.runs) and draft.runs[-1][1] == task.count
    if task.resumes and (not ends_on or draft.parts.get(task.count - 1) is True):
        starts += 1
    return Answer(
        uses=tuple(uses),
        spared=draft.spared,
        cost=cost + max(0, starts) * task.start_cost,
        bound=cost,
    )


def _split(draft: _Draft) -> int:
    """Return how many runs are broken by a slot that is on in part."""
    return sum(
        (slot + 1 in draft.energies) if from_start else (slot - 1 in draft.energies)
        for slot, from_start in draft.parts.items()
    )
