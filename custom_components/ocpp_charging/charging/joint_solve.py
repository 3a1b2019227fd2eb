"""From good plans for several cars to the best: solves their program, reads it back."""

from collections.abc import Mapping

from .joint_draft import Desk, Draft
from .joint_load import Load, Track, energies, spread
from .joint_model import Model
from .joint_part import Part, counts_starts
from .joint_program import Solved

GAP = 5e-4
"""Which share of its cost a plan may be above the best: then the search ends."""
ROUGH = 1e-3
"""The same where not all times are tried."""
CHECKS = 22
"""After how many halts of the solver a search ends: within about half a second."""
CHECKS_SMALL = 32
"""The same for what is not large, where a halt comes sooner."""
LONG_S = 4.0
"""From which time limit on it does not end before that."""
SPARE = 2e-4
"""How much more a car is given, in kWh, than it asks for. Powers are rounded when a
plan is made of a solution: it must not start once more for what that takes away."""
FIRST = 100.0
"""How many times more a kWh counts that is missing one priority higher."""


def solved(
    desk: Desk,
    draft: Draft,
    fixed: bool,
    time_limit_s: float,
    *,
    usable: Mapping[str, list[Load]] | None = None,
) -> tuple[dict[str, Load], float] | None:
    """Return better loads than a draft's, and what none can be below.

    `fixed` says that no car can get more than in the draft. Only times of `usable`
    loads are used, if given. None: nothing was found.
    """
    wishes = [one.preferences for one in desk.rooms.cars.values()]
    counted = any(counts_starts(one) for one in wishes)
    model = Model(desk, draft, SPARE if fixed and counted else 0.0)
    checks: int | None = CHECKS if desk.is_large else CHECKS_SMALL
    if time_limit_s >= LONG_S or not counted:
        checks = None
    if usable is not None:
        for part in model.parts:
            _narrow(model, part, usable[part.key])
    program = model.program
    start = _start(model, draft)
    if fixed:
        for part in model.parts:
            if part.short >= 0:
                program.upper[part.short] = start[part.short] + 1e-6
    else:
        first = _least_missing(model, start, time_limit_s / 2, checks)
        if first is None:
            return None
        start = list(first.values)
        _hold_missing(model, start)
    gap = (GAP if usable is None else ROUGH) * abs(
        sum(a * b for a, b in zip(program.costs, start, strict=True))
    )
    best = program.solve(time_limit_s=time_limit_s, gap=gap, start=start, checks=checks)
    if best is None:
        return None
    loads = {part.key: _load(model, part, best) for part in model.parts}
    paid = sum(a * b for a, b in zip(program.costs, best.values, strict=True))
    spared = model.spare * sum(desk.worths[part.key].scale for part in model.parts)
    return loads, desk.loads_cost(loads) - paid + best.bound - spared


def _narrow(model: Model, part: Part, usable: list[Load]) -> None:
    """Leave only the times of some loads to a car."""
    rows = [spread(load.power, model.points) for load in usable]
    count = len(model.hours)
    used = [any(row[at] for row in rows) for at in range(count)]
    always = [all(row[at] for row in rows) for at in range(count)]
    for at, cell in part.cells.items():
        if cell.on >= 0 and always[at]:
            model.program.lower[cell.on] = 1.0
        if used[at]:
            continue
        for place in (cell.energy, cell.sun, cell.on, cell.power):
            if place >= 0:
                model.program.upper[place] = 0.0


def _ranks(model: Model) -> list[list[int]]:
    """Return the places of what is missing, by priority, the highest first."""
    desk = model.desk
    return [
        [
            part.short
            for part in model.parts
            if part.short >= 0 and desk.rooms.site.place(part.key).priority == priority
        ]
        for priority in desk.ranks
    ]


def _least_missing(
    model: Model, start: list[float], time_limit_s: float, checks: int | None
) -> Solved | None:
    """Return a solution in which as little as possible is missing."""
    program, costs = model.program, model.program.costs
    program.costs = [0.0] * len(costs)
    ranks = _ranks(model)
    for rank, places in enumerate(reversed(ranks)):
        for place in places:
            program.costs[place] = FIRST**rank
    best = program.solve(
        time_limit_s=time_limit_s, gap=1e-3, start=start, checks=checks
    )
    program.costs = costs
    return best


def _hold_missing(model: Model, values: list[float]) -> None:
    """Let no more be missing than in a solution."""
    for places in _ranks(model):
        if places:
            most = sum(values[place] for place in places) + 1e-4
            model.program.row([(place, 1.0) for place in places], high=most)


def _start(model: Model, draft: Draft) -> list[float]:
    """Return what a draft is in the program's variables."""
    program = model.program
    values = list(program.lower)
    for part in model.parts:
        load = draft.loads[part.key]
        drawn = energies(load.power, model.points)
        suns = energies(load.sun, model.points)
        highest = spread(load.power, model.points)
        total = 0.0
        for at, cell in part.cells.items():
            energy = min(drawn[at], program.upper[cell.energy])
            total += energy
            values[cell.energy] = energy
            if cell.sun >= 0:
                values[cell.sun] = min(suns[at], energy, program.upper[cell.sun])
            if cell.on >= 0:
                values[cell.on] = float(energy > 1e-7)
            if cell.power >= 0 and energy > 1e-7:
                mean = energy / model.hours[at]
                values[cell.power] = max(cell.least, mean, min(highest[at], cell.most))
        missing = part.wanted + part.extra - total
        if part.spared >= 0:
            values[part.spared] = min(part.extra, max(0.0, missing))
            missing -= values[part.spared]
            values[part.short] = min(part.wanted, max(0.0, missing))
        _start_runs(part, values)
        if part.again >= 0:
            last = part.cells.get(max(part.cells))
            values[part.again] = 1.0 - (values[last.on] if last else 0.0)
    if model.peak >= 0:
        values[model.peak] = max(values[model.peak], model.rooms.peak(draft.loads))
    return values


def _start_runs(part: Part, values: list[float]) -> None:
    """Count where a draft goes on."""
    for at, place in part.starts.items():
        before = part.cells.get(at - 1)
        ran = values[before.on] if before else 0.0
        values[place] = max(0.0, values[part.cells[at].on] - ran)


def _load(model: Model, part: Part, best: Solved) -> Load:
    """Return what a car draws in a solution."""
    values = best.values
    power: Track = list(part.settled.power)
    sun: Track = list(part.settled.sun)
    for at, cell in part.cells.items():
        hours, energy = model.hours[at], values[cell.energy]
        start, end = model.points[at], model.points[at + 1]
        if energy <= 1e-6:
            continue
        mean = min(energy / hours, cell.most)
        kw = max(mean, cell.least)
        length = (end - start) * min(1.0, mean / kw)
        if length < end - start - 1e-2:
            following = part.cells.get(at + 1)
            late = following is not None and values[following.energy] > 1e-6
            start, end = (end - length, end) if late else (start, start + length)
        power.append((round(start, 3), round(end, 3), kw))
        if cell.sun >= 0 and values[cell.sun] > 1e-6:
            own = min(kw, values[cell.sun] / hours * (kw / mean), cell.slot.sun)
            sun.append((round(start, 3), round(end, 3), own))
    return Load(power=sorted(power), sun=sorted(sun))
