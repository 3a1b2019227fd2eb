"""Several cars as a mixed-integer program of another make, for comparison.

On for a whole slot, or in a part at its beginning or end; the power is the same for as
long as it is on, and counts for the limit of the whole slot.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import highspy


@dataclass(kw_only=True)
class Wish:
    """What a car asks for: kWh by the end of a slot. Powers in kW."""

    energy: float
    ready: int
    least: float
    most: float


@dataclass(kw_only=True)
class House:
    """Slots of one length, and what all cars share in them."""

    hours: float
    prices: Sequence[float]
    limits: Sequence[float]
    cars: Sequence[Wish]
    start_cost: float = 0.0
    peak_price: float = 0.0
    window: int = 4


def cheapest(house: House, seconds: float) -> tuple[float, float] | None:
    """Return the least cost that is found in some time, and what none can be below."""
    model = highspy.Highs()
    model.silent()
    model.setOptionValue("threads", 1)
    model.setOptionValue("time_limit", seconds)
    model.setOptionValue("mip_rel_gap", 1e-4)
    cost = []
    count = len(house.prices)
    powers: list[list[highspy.highs.highs_var]] = [[] for _ in range(count)]
    energies: list[list[highspy.highs.highs_var]] = [[] for _ in range(count)]
    for car in house.cars:
        before = None
        taken = []
        for slot in range(car.ready):
            whole, early, late = (model.addBinary() for _ in range(3))
            power = model.addVariable(0, car.most)
            energy = model.addVariable(0, car.most * house.hours)
            model.addConstr(whole + early + late <= 1)
            model.addConstr(power <= car.most * (whole + early + late))
            model.addConstr(power >= car.least * (whole + early + late))
            model.addConstr(energy <= house.hours * power)
            model.addConstr(
                energy >= house.hours * power - house.hours * car.most * (1 - whole)
            )
            start = model.addVariable(0, 1)
            going = whole + early
            if before is not None:
                going = going - before
            model.addConstr(start >= going)
            cost.append(house.start_cost * (start + late))
            cost.append(house.prices[slot] * energy)
            before = whole + late
            powers[slot].append(power)
            energies[slot].append(energy)
            taken.append(1 * energy)
        model.addConstr(model.qsum(taken) == car.energy)
    for slot in range(count):
        if powers[slot]:
            used = model.qsum([1 * one for one in powers[slot]])
            model.addConstr(used <= house.limits[slot])
    if house.peak_price:
        peak = model.addVariable(0)
        cost.append(house.peak_price * peak)
        for first in range(0, count, house.window):
            inside = [
                1 * e for es in energies[first : first + house.window] for e in es
            ]
            if inside:
                model.addConstr(model.qsum(inside) <= house.hours * house.window * peak)
    model.minimize(model.qsum(cost))
    info = model.getInfo()
    if info.primal_solution_status != 2:
        return None
    return float(info.objective_function_value), float(info.mip_dual_bound)
