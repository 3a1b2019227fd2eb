"""A problem in seconds since now and kWh, and charging without any choice."""

from dataclasses import dataclass, field
from datetime import datetime

from .battery import Battery
from .draft import Piece
from .needs import Needs, needs_of
from .plan import ReasonKey
from .problem import Problem
from .slots import Slot, allowed, clip, cut, power_range

AHEAD = 12 * 3600.0
"""How far the slots reach beyond what is asked for, in seconds."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Scene:
    """A problem at a time."""

    problem: Problem
    now: datetime
    battery: Battery
    needs: Needs
    power: float
    """The car's most, in kW."""
    line: list[Slot]
    """All slots from now on, one after the other."""
    begin: float
    """When charging may begin, in seconds since now."""
    ready: float | None
    """When the car is to be ready, in seconds since now."""
    horizon: float
    """When the plan ends: then, or when nothing is known any more."""
    ranges: dict[float, tuple[float, float] | None] = field(default_factory=dict)
    """The least and the most power under each limit, all in kW."""

    def units(self, begin: float, end: float) -> float:
        """Return what to plan with, from one energy drawn to another, in kWh.

        For a battery that takes less when nearly full, as much as would be drawn at
        full power in the time that it needs.
        """
        return self.battery.full_power(begin, end, self.power)

    def powers(self, slot: Slot, *, capped: bool = True) -> tuple[float, float] | None:
        """Return the least and the most power in kW in a slot."""
        limit = allowed(slot, self.problem.goal) if capped else slot.limit
        if limit not in self.ranges:
            self.ranges[limit] = power_range(self.problem.car, limit)
        return self.ranges[limit]

    def is_open(self, slot: Slot) -> bool:
        """Return whether the car may draw enough to charge in a slot, caps aside."""
        return self.powers(slot, capped=False) is not None

    def since(self) -> float | None:
        """Return when the car began to charge or ended, in seconds since now."""
        since = self.problem.state.since
        return None if since is None else (since - self.now).total_seconds()

    def at_once(
        self, begin: float, units: float, why: ReasonKey, *, capped: bool = False
    ) -> list[Piece]:
        """Return charging at full power from a time on.

        Capped, also without the times at which a cap can't be judged.
        """
        pieces: list[Piece] = []
        for slot in clip(self.line, begin, self.line[-1].end):
            powers = self.powers(slot, capped=capped)
            if powers is None or (capped and self._unjudged(slot)):
                continue
            hours = min(slot.hours, units / powers[1])
            if hours <= 1e-9:
                break
            units -= hours * powers[1]
            end = slot.start + hours * 3600
            pieces.append(Piece(start=slot.start, end=end, power=powers[1], why=why))
        return pieces

    def _unjudged(self, slot: Slot) -> bool:
        """Return whether a cap is set that a slot's missing value leaves open."""
        goal, signals = self.problem.goal, self.problem.signals
        return (
            goal.price_cap is not None and slot.price is None and len(signals.price) > 0
        ) or (goal.co2_cap is not None and slot.co2 is None and len(signals.co2) > 0)

    def just_in_time(
        self, begin: float, end: float, units: float, why: ReasonKey
    ) -> list[Piece]:
        """Return charging at full power until a time, as late as possible."""
        pieces: list[Piece] = []
        for slot in reversed(clip(self.line, begin, end)):
            powers = self.powers(slot, capped=False)
            if powers is None:
                continue
            hours = min(slot.hours, units / powers[1])
            if hours <= 1e-9:
                break
            units -= hours * powers[1]
            start = slot.end - hours * 3600
            pieces.append(Piece(start=start, end=slot.end, power=powers[1], why=why))
        return pieces[::-1]


def set_up(problem: Problem, now: datetime) -> Scene:
    """Return a problem as it is at a time."""
    goal, signals, car = problem.goal, problem.signals, problem.car
    needs = needs_of(problem)
    battery = Battery(car, problem.state.soc)
    power = car.max_power_w / 1000
    begin = 0.0
    if goal.not_before is not None:
        begin = max(0.0, (goal.not_before - now).total_seconds())
    ready = None
    if goal.ready_by is not None:
        ready = (goal.ready_by - now).total_seconds()
        horizon = max(0.0, ready)
    else:
        ends = [one.end for one in (signals.price, signals.co2) if one.end is not None]
        if not ends and signals.solar.end is not None:
            ends = [signals.solar.end]
        horizon = max((0.0, *((end - now).total_seconds() for end in ends)))
    hours = battery.hours(0.0, needs.total + needs.extra, power)
    return Scene(
        problem=problem,
        now=now,
        battery=battery,
        needs=needs,
        power=power,
        line=cut(signals, now, 0.0, max(horizon, begin) + 10800 * hours + AHEAD),
        begin=begin,
        ready=ready,
        horizon=horizon,
    )


def energy_of(pieces: list[Piece]) -> float:
    """Return what the pieces give at their powers, in kWh."""
    return sum(one.power * (one.end - one.start) / 3600 for one in pieces)
