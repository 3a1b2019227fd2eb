"""Several cars as a mixed-integer program of another make, for comparison.

On for a whole slot, or in a part at its beginning or end; the power is the same for as
long as it is on, and counts for the fuse and the limit of the whole slot. Plans in
which cars take turns within a slot may cost less than its optimum.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import highspy

VOLTS = 230.0
FIRST = 100.0
"""How many times more a kWh counts that is missing one priority higher."""


@dataclass(kw_only=True)
class Wish:
    """What a car asks for: kWh by the end of a slot. Powers in kW."""

    energy: float
    ready: int
    least: float
    most: float
    phases: tuple[int, ...] = (0, 1, 2)
    """Those of the house that it draws from, all alike."""
    priority: int = 0


@dataclass(kw_only=True)
class House:
    """Slots of one length, and what all cars share in them."""

    hours: float
    prices: Sequence[float]
    limits: Sequence[float]
    """What all may draw, in kW."""
    cars: Sequence[Wish]
    amps: Sequence[Sequence[float]] = ()
    """For each phase and slot what the fuse leaves to the cars, in A."""
    start_cost: float = 0.0
    peak_price: float = 0.0
    window: int = 4


@dataclass
class Use:
    """What a car does in a slot."""

    car: Wish
    power: highspy.highs.highs_var
    energy: highspy.highs.highs_var


@dataclass
class Program:
    """A house as a program."""

    house: House
    model: highspy.Highs = field(default_factory=highspy.Highs)
    cost: list[highspy.highs.highs_linear_expression] = field(default_factory=list)
    uses: list[list[Use]] = field(default_factory=list)
    lacks: list[highspy.highs.highs_var] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Build it."""
        self.model.silent()
        self.model.setOptionValue("threads", 1)
        self.model.setOptionValue("mip_rel_gap", 1e-4)
        self.uses = [[] for _ in self.house.prices]
        for car in self.house.cars:
            self._add_car(car)
        for slot, uses in enumerate(self.uses):
            if uses:
                self._add_room(slot, uses)
        if self.house.peak_price:
            self._add_peak()

    def _add_car(self, car: Wish) -> None:
        house, model = self.house, self.model
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
            self.cost.append(house.start_cost * (start + late))
            self.cost.append(house.prices[slot] * energy)
            before = whole + late
            self.uses[slot].append(Use(car, power, energy))
            taken.append(1 * energy)
        lack = model.addVariable(0, 0)
        model.addConstr(model.qsum(taken) + lack == car.energy)
        self.lacks.append(lack)

    def _add_room(self, slot: int, uses: list[Use]) -> None:
        model = self.model
        drawn = model.qsum([1 * one.power for one in uses])
        model.addConstr(drawn <= self.house.limits[slot])
        for phase, amps in enumerate(self.house.amps):
            currents = [
                1000 / VOLTS / len(one.car.phases) * one.power
                for one in uses
                if phase in one.car.phases
            ]
            if currents:
                model.addConstr(model.qsum(currents) <= amps[slot])

    def _add_peak(self) -> None:
        house, model = self.house, self.model
        peak = model.addVariable(0)
        self.cost.append(house.peak_price * peak)
        for first in range(0, len(house.prices), house.window):
            slots = self.uses[first : first + house.window]
            inside = [1 * one.energy for uses in slots for one in uses]
            if inside:
                model.addConstr(model.qsum(inside) <= house.hours * house.window * peak)

    def least(
        self, terms: list[highspy.highs.highs_linear_expression], seconds: float
    ) -> tuple[float, float] | None:
        """Return the least sum that is found in some time, and none can be below."""
        self.model.setOptionValue("time_limit", seconds)
        self.model.minimize(self.model.qsum(terms))
        info = self.model.getInfo()
        if (
            info.primal_solution_status
            != highspy.SolutionStatus.kSolutionStatusFeasible
        ):
            return None
        return float(info.objective_function_value), float(info.mip_dual_bound)


def cheapest(
    house: House, seconds: float, lacks: Sequence[float] = ()
) -> tuple[float, float] | None:
    """Return the least cost that is found in some time, and what none can be below.

    `lacks` says how many kWh each car may lack; none where not given.
    """
    program = Program(house)
    for one, most in zip(program.lacks, lacks, strict=False):
        program.model.changeColBounds(one.index, 0, most)
    return program.least(program.cost, seconds)


def least_missing(house: House, seconds: float) -> dict[int, float]:
    """Return how much must be missing, in kWh by priority, the highest first."""
    program = Program(house)
    for one, car in zip(program.lacks, house.cars, strict=True):
        program.model.changeColBounds(one.index, 0, car.energy)
    ranks = sorted({car.priority for car in house.cars})
    terms = [
        FIRST ** ranks.index(car.priority) * one
        for one, car in zip(program.lacks, house.cars, strict=True)
    ]
    assert program.least(terms, seconds) is not None
    found = dict.fromkeys(reversed(ranks), 0.0)
    for one, car in zip(program.lacks, house.cars, strict=True):
        found[car.priority] += program.model.variableValue(one)
    return found
