"""How much a goal asks for, in kWh at the charger's meter."""

from dataclasses import dataclass

from .problem import Problem


@dataclass(frozen=True, kw_only=True, slots=True)
class Needs:
    """Energies still to be drawn, each counted from now on, in kWh."""

    minimum: float
    """At once."""
    essential: float
    """By the time the car is to be ready, whatever it costs."""
    total: float
    """By then; at least the two above."""
    extra: float
    """On top of that, if it is cheap."""


def needs_of(problem: Problem) -> Needs:
    """Return what a problem's goal asks for.

    Raises `ValueError` for a goal in % when the battery or its charge is not known.
    """
    goal = problem.goal

    def drawn(kwh: float, percent: float | None) -> float:
        return max(0.0, kwh, 0.0 if percent is None else _energy(problem, percent))

    minimum = drawn(goal.minimum_kwh, goal.minimum_soc)
    essential = max(minimum, drawn(goal.essential_kwh, goal.essential_soc))
    wanted = goal.energy_kwh
    if wanted is None:
        wanted = drawn(0.0, goal.target_soc)
    total = max(essential, wanted)
    extra = max(0.0, goal.extra_kwh)
    room = _room(problem)
    if room is not None and goal.energy_kwh is None:
        extra = min(extra, max(0.0, room - total))
    return Needs(minimum=minimum, essential=essential, total=total, extra=extra)


def _energy(problem: Problem, percent: float) -> float:
    """Return what it takes to reach a state of charge, below 0 when it is above."""
    car, soc = problem.car, problem.state.soc
    if car.battery_kwh is None or soc is None:
        raise ValueError("a goal in % needs the battery's size and its charge")
    return (percent - soc) / 100 * car.battery_kwh / car.efficiency


def _room(problem: Problem) -> float | None:
    """Return what the battery still takes, None when that is not known."""
    if problem.car.battery_kwh is None or problem.state.soc is None:
        return None
    return max(0.0, _energy(problem, 100.0))
