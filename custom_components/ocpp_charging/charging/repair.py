"""Makes plans that give exactly the energy out of the relaxed task's choices.

Greedy: what is too much is taken away where it costs most, what is missing is added
where it costs least. The better the plan found here, the less `search` has to do.
"""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from math import inf
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
    for _ in range(4 * task.count + 4):
        missing = task.energy - draft.spared - sum(draft.energies.values())
        if abs(missing) <= small or draft.parts:
            break
        if missing < 0:
            change = max(_less(task, draft), key=lambda one: one.slope, default=None)
            if change is None:
                return None
            _take(draft, change, min(change.width, -missing))
        else:
            ways = _more(task, draft, missing)
            change = min(ways, key=lambda one: one.slope, default=None)
            if change is None:
                return None
            _add(draft, change, min(change.width, missing))
    missing = task.energy - draft.spared - sum(draft.energies.values())
    return None if abs(missing) > 2 * small else _answer(task, draft)


def _less(task: Task, draft: _Draft) -> Iterator[_Change]:
    """Yield the ways to give less."""
    if draft.spared > 0:
        yield _Change(task.spare_price, draft.spared, -1, -1)
    for slot, energy in draft.energies.items():
        corners = task.vertices[slot]
        if energy > corners[0][0] + _TINY:
            at = bisect_right(corners, (energy - _TINY, inf))
            (low, low_cost), (high, high_cost) = corners[at - 1 : at + 1]
            yield _Change((high_cost - low_cost) / (high - low), energy - low, slot, -1)
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
    """Yield the ways to give more."""
    if draft.spared < task.spare:
        yield _Change(task.spare_price, task.spare - draft.spared, -1, -1)
    for slot, energy in draft.energies.items():
        corners = task.vertices[slot]
        at = bisect_right(corners, (energy + _TINY, inf))
        if at < len(corners):
            (low, low_cost), (high, high_cost) = corners[at - 1 : at + 1]
            yield _Change(
                (high_cost - low_cost) / (high - low), high - energy, slot, -1
            )
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
