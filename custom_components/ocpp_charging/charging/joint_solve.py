"""From good plans for several cars to the best: solves their program, reads it back."""

from bisect import bisect_left

from .joint_draft import Desk, Draft
from .joint_model import Model
from .joint_part import Part
from .joint_program import Solved
from .joint_room import Load, Track, spread

GAP = 5e-4
"""Which share of its cost a plan may be above the best: then the search ends."""
FIRST = 100.0
"""How many times more a kWh counts that is missing one priority higher."""


def solved(
    desk: Desk, draft: Draft, fixed: bool, time_limit_s: float
) -> tuple[dict[str, Load], float] | None:
    """Return better loads than a draft's, and what none can be below.

    `fixed` says that no car can get more than in the draft. None: nothing was found.
    """
    model = Model(desk, draft)
    program = model.program
    start = _start(model, draft)
    if fixed:
        for part in model.parts:
            if part.short >= 0:
                program.upper[part.short] = start[part.short] + 1e-6
    else:
        first = _least_missing(model, start, time_limit_s / 2)
        if first is None:
            return None
        start = list(first.values)
        _hold_missing(model, start)
    gap = GAP * abs(sum(a * b for a, b in zip(program.costs, start, strict=True)))
    best = program.solve(time_limit_s=time_limit_s, gap=gap, start=start)
    if best is None:
        return None
    loads = {part.key: _load(model, part, best) for part in model.parts}
    paid = sum(a * b for a, b in zip(program.costs, best.values, strict=True))
    return loads, desk.loads_cost(loads) - paid + best.bound


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
    model: Model, start: list[float], time_limit_s: float
) -> Solved | None:
    """Return a solution in which as little as possible is missing."""
    program, costs = model.program, model.program.costs
    program.costs = [0.0] * len(costs)
    ranks = _ranks(model)
    for rank, places in enumerate(reversed(ranks)):
        for place in places:
            program.costs[place] = FIRST**rank
    best = program.solve(time_limit_s=time_limit_s, gap=1e-3, start=start)
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
        energies = _by_cell(load.power, model.points)
        suns = _by_cell(load.sun, model.points)
        highest = spread(load.power, model.points)
        total = 0.0
        for at, cell in part.cells.items():
            energy = min(energies[at], program.upper[cell.energy])
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


def _by_cell(track: Track, points: list[float]) -> list[float]:
    """Return a track's energy between each two points, in kWh."""
    values = [0.0] * (len(points) - 1)
    for start, end, kw in track:
        at = max(0, bisect_left(points, start + 1e-6) - 1)
        while at < len(values) and points[at] < end:
            inside = min(end, points[at + 1]) - max(start, points[at])
            values[at] += kw * max(0.0, inside) / 3600
            at += 1
    return values


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
