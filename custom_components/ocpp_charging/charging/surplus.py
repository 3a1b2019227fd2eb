"""Charging with what the roof gives beyond the house's need: the solar mode.

What is measured is smoothed, and begins and ends nothing before it has lasted, so that
a cloud or a kettle doesn't start and stop the car.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from math import exp, floor, inf

from .phases import PhaseRules, PhaseState, best_phases, choose_phases, may_switch

TINY = 1e-6
LEFT_OVER_W = 100.0
"""So much has to be fed in for a battery that comes first to have all it takes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SolarRules:
    """How the owner wants the sun followed.

    Raises `ValueError` for a share that there can't be.
    """

    grid_share: float = 0.0
    """How much of the car's energy may come from the grid, in %. 100: any."""
    start_w: float = 0.0
    """How much more than its least power is needed for the car to begin."""
    start_after: timedelta = timedelta(minutes=1)
    """How long that has to last."""
    stop_after: timedelta = timedelta(minutes=3)
    """How long there has to be too little for the car to end."""
    minimum_on: timedelta = timedelta(minutes=5)
    """How long it charges at least."""
    minimum_off: timedelta = timedelta(minutes=5)
    """How long it rests at least."""
    smoothing: timedelta = timedelta(minutes=1)
    """In this time two thirds of a change have arrived. 0: at once."""
    stale_after: timedelta = timedelta(minutes=2)
    """A measurement that is older is not what is so now."""
    step_a: float = 1.0
    """The steps of what the charger can be told."""
    battery_reserve_w: float = 0.0
    """What the house's battery is left, as long as it isn't full."""
    battery_first_soc: float | None = None
    """Below this charge, in %, the battery is left all that it would take.

    Where its charge isn't known it is held to be below."""
    battery_full_soc: float = 98.0
    """From this charge on, in %, the battery needs nothing."""

    def __post_init__(self) -> None:
        """Refuse a share that there can't be."""
        if not 0 <= self.grid_share <= 100:
            raise ValueError("a share is from 0 to 100 %")
        if self.step_a <= 0:
            raise ValueError("steps are above 0")

    def bearable(self, sun_w: float) -> float:
        """Return what a car may draw when the sun gives so much, in W."""
        own = 1 - self.grid_share / 100
        return inf if own <= TINY else max(0.0, sun_w) / own


@dataclass(frozen=True, kw_only=True, slots=True)
class Measurement:
    """What is measured at one moment, in W."""

    grid_w: float
    """Drawn from the grid; below 0 is what is fed in."""
    car_w: float
    """Drawn by the car that follows the sun."""
    yielding_w: float = 0.0
    """Drawn by cars that follow the sun too, but come after it: it may have that."""
    battery_w: float = 0.0
    """Taken by the house's battery; below 0 is what it gives."""
    battery_soc: float | None = None
    """Its charge in %, None where it isn't known."""
    at: datetime


class SunWhy(StrEnum):
    """Why the car gets what it gets of the sun."""

    SUN = "sun"
    """There is enough."""
    NO_SUN = "no_sun"
    """There is not enough."""
    STARTING = "starting"
    """There is enough, but not for long enough yet."""
    RESTING = "resting"
    """There is enough, but it has ended a moment ago."""
    LASTING = "lasting"
    """There is too little, but not for long enough yet: its least power."""
    BATTERY_FIRST = "battery_first"
    """There would be enough, but for the house's battery."""
    UNKNOWN = "unknown"
    """Nothing that is so now is measured."""
    PLAN = "plan"
    """The plan wants more than the sun gives."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SolarState:
    """What is carried from one decision to the next. Begin with an empty one."""

    sun_w: float | None = None
    """What the sun gives the car, smoothed."""
    at: datetime | None = None
    """When that was measured."""
    charging: bool = False
    """Whether the sun charges the car."""
    since: datetime | None = None
    """Since when it does, or doesn't."""
    running: bool = False
    """Whether anything does, the plan included."""
    turning_since: datetime | None = None
    """Since when there is enough to begin, or too little to go on."""
    phases: PhaseState = field(default_factory=PhaseState)


@dataclass(frozen=True, kw_only=True, slots=True)
class SunShare:
    """What a car gets."""

    current_a: float
    """On each of `phases`. 0, or at least the least current."""
    phases: int
    power_w: float
    why: SunWhy
    sun_w: float | None
    """What the sun gives the car, smoothed; below 0 where the house lacks it."""
    state: SolarState


def left_for_car(rules: SolarRules, measured: Measurement) -> tuple[float, float]:
    """Return what the sun gives the car, and what the battery is left before, in W.

    It is all that is fed in, or that the cars or the battery take already.
    """
    soc = measured.battery_soc
    reserved = rules.battery_reserve_w
    if soc is not None and soc >= rules.battery_full_soc:
        reserved = 0.0
    elif rules.battery_first_soc is not None and (
        soc is None or soc < rules.battery_first_soc
    ):
        # What the car takes the battery doesn't show that it wants: only where
        # something is fed in besides has it all.
        reserved = max(reserved, measured.battery_w + LEFT_OVER_W)
    cars = measured.car_w + measured.yielding_w
    left = cars - measured.grid_w + measured.battery_w
    return left - reserved, reserved


def follow_sun(
    rules: SolarRules,
    phase_rules: PhaseRules,
    measured: Measurement | None,
    state: SolarState,
    now: datetime,
    *,
    plan_w: float = 0.0,
) -> SunShare:
    """Return what a car gets of the sun, or of its plan where that is more.

    `plan_w` is the power that the plan wants now: with it this is smart + solar.
    """
    if measured is None or now - measured.at > rules.stale_after:
        lost = replace(state, sun_w=None, at=None, turning_since=None)
        return _share(rules, phase_rules, 0.0, SunWhy.UNKNOWN, lost, now, plan_w)
    left, reserved = left_for_car(rules, measured)
    state = _smooth(rules, left, measured.at, state)
    sun_w = state.sun_w or 0.0
    power = rules.bearable(sun_w)
    state, why = _turn(rules, phase_rules, power, state, now)
    if why is SunWhy.NO_SUN and reserved:
        least = least_w(phase_rules, power, state, now)
        if rules.bearable(sun_w + reserved) >= least:
            why = SunWhy.BATTERY_FIRST
    power = power if state.charging else 0.0
    return _share(rules, phase_rules, power, why, state, now, plan_w)


def _smooth(
    rules: SolarRules, left: float, at: datetime, state: SolarState
) -> SolarState:
    """Return a state with one more measurement in its mean."""
    if state.sun_w is None or state.at is None:
        return replace(state, sun_w=left, at=at)
    passed = (at - state.at) / rules.smoothing if rules.smoothing else inf
    if passed <= 0:
        return state
    return replace(
        state, sun_w=left + (state.sun_w - left) * exp(-min(passed, 700.0)), at=at
    )


def least_w(
    phase_rules: PhaseRules, power_w: float, state: SolarState, now: datetime
) -> float:
    """Return the least power with which the car can charge now, or after a switch."""
    phases = state.phases.phases
    if may_switch(phase_rules, state.phases, now):
        phases = min(phases, best_phases(phase_rules, power_w, phases))
    return phase_rules.least_w(phases)


def _turn(
    rules: SolarRules,
    phase_rules: PhaseRules,
    power_w: float,
    state: SolarState,
    now: datetime,
) -> tuple[SolarState, SunWhy]:
    """Return whether the car charges with the sun, and why."""
    least = least_w(phase_rules, power_w, state, now)
    if not state.charging:
        least += rules.bearable(rules.start_w) if rules.grid_share < 100 else 0.0
    enough = power_w >= least - TINY
    if enough == state.charging:
        why = SunWhy.SUN if enough else SunWhy.NO_SUN
        return replace(state, turning_since=None), why
    turning = state.turning_since or now
    lasts = rules.stop_after if state.charging else rules.start_after
    rest = rules.minimum_on if state.charging else rules.minimum_off
    state = replace(state, turning_since=turning)
    if now - turning < lasts:
        return state, SunWhy.LASTING if state.charging else SunWhy.STARTING
    if state.since is not None and now - state.since < rest:
        return state, SunWhy.LASTING if state.charging else SunWhy.RESTING
    turned = replace(state, charging=enough, since=now, turning_since=None)
    return turned, SunWhy.SUN if enough else SunWhy.NO_SUN


def _share(
    rules: SolarRules,
    phase_rules: PhaseRules,
    power_w: float,
    why: SunWhy,
    state: SolarState,
    now: datetime,
    plan_w: float,
) -> SunShare:
    """Return what a power comes to at the charger."""
    if why is SunWhy.UNKNOWN and state.charging:
        state = replace(state, charging=False, since=now)
    runs = state.charging or plan_w > 0
    if plan_w > 0 and plan_w > power_w:
        power_w, why = plan_w, SunWhy.PLAN
    sun_w = state.sun_w
    if not runs:
        # Phases are switched only for a car that charges, or is about to.
        phases = state.phases.phases
        return SunShare(
            current_a=0.0,
            phases=phases,
            power_w=0.0,
            why=why,
            sun_w=sun_w,
            state=replace(state, running=False),
        )
    chosen = choose_phases(
        phase_rules, power_w, state.phases, now, charging=state.running
    )
    watts = chosen.phases * phase_rules.voltage_v
    steps = floor(min(power_w, phase_rules.greatest_w(3)) / watts / rules.step_a + TINY)
    current = min(
        max(round(steps * rules.step_a, 6), phase_rules.min_a), phase_rules.max_a
    )
    return SunShare(
        current_a=current,
        phases=chosen.phases,
        power_w=current * watts,
        why=why,
        sun_w=sun_w,
        state=replace(state, phases=chosen, running=True),
    )
