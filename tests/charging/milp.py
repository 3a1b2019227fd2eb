"""The cheapest plan as a mixed-integer program, solved by HiGHS.

Made from the problem itself, with nothing of the planner's: on or off in each slot, or
on in a part at its beginning or end; energy from the roof and from the grid; starts
where it is on after it was off.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import highspy
from highspy.highs import highs_linear_expression, highs_var

type Sum = highs_linear_expression


@dataclass(kw_only=True)
class Case:
    """Slots of one length and what is asked of them. Energies in kWh, powers in kW."""

    hours: float
    prices: Sequence[float]
    suns: Sequence[float]
    feed_in: float
    limits: Sequence[float]
    least: float
    most: float
    energy: float
    start_cost: float = 0.0
    run: int = 0
    """The least length of a run in slots, of a pause likewise."""
    pause: int = 0
    one_block: bool = False
    running: bool = False
    extra: float = 0.0
    extra_below: float = 0.0
    open: list[bool] = field(init=False)

    def __post_init__(self) -> None:
        self.open = [limit >= self.least - 1e-9 for limit in self.limits]


def cheapest(case: Case) -> float | None:
    """Return the least cost, None when it can't be done."""
    model = highspy.Highs()
    model.silent()
    model.setOptionValue("mip_rel_gap", 0.0)
    model.setOptionValue("mip_abs_gap", 1e-9)
    model.setOptionValue("mip_feasibility_tolerance", 1e-9)
    model.setOptionValue("primal_feasibility_tolerance", 1e-9)
    model.setOptionValue("threads", 1)
    count = len(case.prices)
    on = [model.addBinary() for _ in range(count)]
    early = [model.addBinary() for _ in range(count)]
    late = [model.addBinary() for _ in range(count)]
    ended = [model.addBinary() for _ in range(count + 1)]
    cost: list[Sum] = []
    energy: list[Sum] = []
    starts: list[highs_var] = []
    for slot in range(count):
        if not case.open[slot]:
            model.addConstr(on[slot] + early[slot] + late[slot] <= 0)
        model.addConstr(on[slot] + early[slot] + late[slot] <= 1)
        share = model.addVariable(0, 1)
        model.addConstr(share >= on[slot])
        model.addConstr(share <= on[slot] + early[slot] + late[slot])
        sun, grid = model.addVariable(0), model.addVariable(0)
        most = min(case.most, case.limits[slot])
        model.addConstr(sun + grid <= case.hours * most * share)
        model.addConstr(sun + grid >= case.hours * case.least * share)
        model.addConstr(sun <= case.hours * case.suns[slot] * share)
        cost += [case.feed_in * sun, case.prices[slot] * grid]
        energy += [1 * sun, 1 * grid]
        starts.append(_start(model, case, slot, on, early, late))
        cost.append(case.start_cost * (starts[slot] + late[slot]))
        _last(model, slot, on, early, late, ended)
    spared = model.addVariable(0, case.extra)
    cost.append(case.extra_below * spared)
    model.addConstr(model.qsum(energy) + spared == case.energy + case.extra)
    if case.one_block:
        model.addConstr(model.qsum([1 * one for one in [*starts, *late]]) <= 1)
    _lengths(model, case, on, early, late, ended)
    model.minimize(model.qsum(cost))
    if model.getModelStatus() != highspy.HighsModelStatus.kOptimal:
        return None
    return float(model.getObjectiveValue())


def _start(
    model: highspy.Highs,
    case: Case,
    slot: int,
    on: list[highs_var],
    early: list[highs_var],
    late: list[highs_var],
) -> highs_var:
    """Return whether it goes on at the beginning of a slot."""
    start = model.addVariable(0, 1)
    if slot:
        model.addConstr(start >= on[slot] + early[slot] - on[slot - 1] - late[slot - 1])
    elif not case.running:
        model.addConstr(start >= on[slot] + early[slot])
    return start


def _last(
    model: highspy.Highs,
    slot: int,
    on: list[highs_var],
    early: list[highs_var],
    late: list[highs_var],
    ended: list[highs_var],
) -> None:
    """Let `ended` say that it is off from a slot on until the last."""
    model.addConstr(on[slot] + early[slot] + late[slot] <= 1 - ended[slot])
    model.addConstr(ended[slot] <= ended[slot + 1])


def _lengths(
    model: highspy.Highs,
    case: Case,
    on: list[highs_var],
    early: list[highs_var],
    late: list[highs_var],
    ended: list[highs_var],
) -> None:
    """Hold runs, but for the last, and pauses to their least length.

    A part of a slot does not count for a run.
    """
    count = len(on)
    over = []
    for slot in range(count):
        # Whether the last run is over in a slot: before it, or within it.
        within = model.addVariable(0, 1)
        model.addConstr(within <= early[slot])
        model.addConstr(within <= ended[slot + 1])
        over.append(ended[slot] + within)
    for slot in range(count):
        before = on[slot - 1] + late[slot - 1] if slot else int(case.running)
        for ahead in range(slot, min(count, slot + case.run)):
            begins = on[slot] + early[slot] - before
            model.addConstr(on[ahead] >= begins - over[ahead])
            if slot:
                model.addConstr(on[ahead] >= late[slot - 1] - over[ahead])
        for ahead in range(slot, min(count, slot + case.pause)):
            begins = on[ahead] + early[ahead] + late[ahead]
            now = on[slot] + early[slot]
            if slot:
                stops = on[slot - 1] + late[slot - 1] - now
                model.addConstr(begins <= 1 - stops)
                model.addConstr(begins <= 1 - early[slot - 1])
            elif case.running:
                model.addConstr(begins <= now)
