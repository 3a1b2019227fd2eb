"""The cheapest plan by trying every pattern of slots that are on: slow and simple.

Shares nothing with the planner but the description of the task. In one pattern the
energies are a continuous knapsack: every slot that is on takes its least, and the rest
goes to the cheapest pieces.
"""

from collections.abc import Iterator
from itertools import pairwise, product
from math import inf

from custom_components.ocpp_charging.charging.task import Task

OFF, ON, BEGINNING, END = range(4)
"""A slot is off, on, on in a part at its beginning, or on in a part at its end."""


def runs_of(states: tuple[int, ...]) -> list[tuple[int, int, bool, bool]]:
    """Return (first, after, part at the left, part at the right) of each run."""
    runs: list[tuple[int, int, bool, bool]] = []
    open_at: tuple[int, bool] | None = None
    for slot, state in enumerate(states):
        if state in {OFF, END} and open_at is not None:
            runs.append((open_at[0], slot, open_at[1], False))
            open_at = None
        if state == END:
            open_at = (slot, True)
        elif state == ON and open_at is None:
            open_at = (slot, False)
        elif state == BEGINNING:
            first, late = open_at or (slot, False)
            runs.append((first, slot + 1, late, True))
            open_at = None
    if open_at is not None:
        runs.append((open_at[0], len(states), open_at[1], False))
    return runs


def starts(task: Task, states: tuple[int, ...]) -> int | None:
    """Return how many starts a pattern has, None when it may not be."""
    runs = runs_of(states)
    running = task.on and bool(runs) and runs[0][0] == 0 and not runs[0][2]
    count = len(runs) - running
    if task.one_block and len(runs) + (task.on and not running) > 1:
        return None
    if not task.on and runs and runs[0][0] < task.rests_to:
        return None
    if task.on and not running and runs and task.rest and runs[0][0] < task.rest[0]:
        return None
    if task.on and not running and runs and task.held_to > 0:
        return None
    for at, (first, after, late, early) in enumerate(runs):
        if at == len(runs) - 1:
            break
        full_from = first + 1 if late else first
        full_to = after - 1 if early else after
        if running and at == 0:
            if full_to < task.held_to:
                return None
        elif task.hold is not None and full_to < task.hold[full_from]:
            return None
        if task.rest is not None and runs[at + 1][0] < task.rest[after]:
            return None
    if task.resumes and (not runs or runs[-1][1] != len(states) or runs[-1][3]):
        count += 1
    return count


def energy_cost(task: Task, states: tuple[int, ...]) -> float | None:
    """Return the least cost of the energy in a pattern, None when it doesn't fit."""
    missing = task.energy
    cost = 0.0
    pieces = [(task.spare_price, task.spare)] if task.spare else []
    for slot, state in enumerate(states):
        corners = task.vertices[slot]
        if state == ON:
            missing -= corners[0][0]
            cost += corners[0][1]
            pieces += [
                ((c1 - c0) / (e1 - e0), e1 - e0)
                for (e0, c0), (e1, c1) in pairwise(corners)
            ]
        elif state != OFF:
            ratio, energy = min((c / e, -e) for e, c in corners)
            pieces.append(
                (ratio, -energy)
            )  # `energy` is negative: the larger of equals
    if missing < -1e-9:
        return None
    for slope, width in sorted(pieces):
        taken = min(width, max(missing, 0.0))
        missing -= taken
        cost += taken * slope
    return None if missing > 1e-9 else cost


def patterns(task: Task) -> Iterator[tuple[int, ...]]:
    """Yield every pattern with at most one slot that is on in part."""
    choices = [(OFF, ON) if corners else (OFF,) for corners in task.vertices]
    for states in product(*choices):
        yield states
        for slot, state in enumerate(states):
            if state == ON:
                yield (*states[:slot], BEGINNING, *states[slot + 1 :])
                yield (*states[:slot], END, *states[slot + 1 :])


def cheapest(task: Task) -> float:
    """Return the least cost of all patterns; inf when none gives the energy."""
    best = inf
    for states in patterns(task):
        count = starts(task, states)
        if count is None:
            continue
        cost = energy_cost(task, states)
        if cost is not None:
            best = min(best, cost + count * task.start_cost)
    return best
