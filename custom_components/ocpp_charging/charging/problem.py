"""What a plan is made from: signals, a car, its goal, the owner's preferences, now.

Energies and powers are those at the charger's meter, in kWh and W. Money is in the
owner's currency. Times are aware; intervals are half-open.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise

from .checks import at_least_0, aware, finite, percent
from .plan import Plan
from .series import Series

GREENEST = 5.0
"""What a kg of CO2 costs at the green end of the slider, in the owner's currency."""


def co2_price(greenness: float, greenest: float = GREENEST) -> float:
    """Return the price of a kg of CO2 at a place of the owner's slider, 0 to 100.

    0 is cheapest: CO2 costs nothing. 100 is greenest. It grows with the square, as the
    lower half is where the two are weighed: 25 is 0.31, 50 is 1.25, 75 is 2.81 of 5.
    """
    return greenest * (max(0.0, min(100.0, greenness)) / 100) ** 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Signals:
    """What is known of the time to come. Each may be empty, and may have gaps.

    A known price may be followed by an estimated one: the planner takes what it gets.
    """

    price: Series = field(default_factory=Series)
    """Of energy from the grid, all in, per kWh."""
    feed_in: Series = field(default_factory=Series)
    """What energy from the roof earns when it is not used, per kWh. 0 where unknown."""
    co2: Series = field(default_factory=Series)
    """Of energy from the grid, in g/kWh. Where unknown, the mean of what is known."""
    solar: Series = field(default_factory=Series)
    """Power from the roof that the house does not use, in W. 0 where unknown."""
    limit: Series = field(default_factory=Series)
    """What the car may draw at most, wherever it comes from, in W. No limit where
    unknown."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Car:
    """What a car can draw at its charger.

    Raises `ValueError` for limits that contradict each other.
    """

    max_power_w: float
    min_power_w: float = 0.0
    """Below this it draws nothing. 0: it can draw as little as it is given."""
    step_w: float = 0.0
    """The steps of its power. 0: any power between the least and the most."""
    phases: int = 3
    voltage_v: float = 230.0
    """Of one phase against neutral. With the phases, for limits in A."""
    battery_kwh: float | None = None
    """What the battery holds from 0 to 100 %. Needed for goals in %."""
    efficiency: float = 0.9
    """How much of a kWh drawn reaches the battery."""
    taper: tuple[tuple[float, float], ...] = ()
    """Points (state of charge in %, most power in W), ascending: what the car still
    draws when nearly full. Straight between them, no limit below the first."""

    def __post_init__(self) -> None:
        """Refuse what no car can be."""
        at_least_0(
            max_power_w=self.max_power_w,
            min_power_w=self.min_power_w,
            step_w=self.step_w,
            battery_kwh=self.battery_kwh,
        )
        finite(efficiency=self.efficiency, voltage_v=self.voltage_v)
        if self.phases not in {1, 2, 3} or self.voltage_v <= 0:
            raise ValueError("a car has one to three phases, of more than 0 V")
        for charge, power in self.taper:
            finite(taper=charge)
            finite(taper=power)
        if not 0 <= self.min_power_w <= self.max_power_w or self.max_power_w <= 0:
            raise ValueError("the least power must be at most the most, which is > 0")
        if not 0 < self.efficiency <= 1:
            raise ValueError("an efficiency is above 0 and at most 1")
        if self.battery_kwh is not None and self.battery_kwh <= 0:
            raise ValueError("a battery holds more than 0 kWh")
        if any(later[0] <= one[0] for one, later in pairwise(self.taper)):
            raise ValueError("the points of a taper ascend")
        if any(power <= 0 for _, power in self.taper):
            raise ValueError("a taper stays above 0 W")

    @classmethod
    def of_current(
        cls,
        *,
        max_a: float,
        min_a: float = 6.0,
        step_a: float = 0.0,
        phases: int = 3,
        voltage_v: float = 230.0,
        battery_kwh: float | None = None,
        efficiency: float = 0.9,
        taper: tuple[tuple[float, float], ...] = (),
    ) -> Car:
        """Return a car whose limits are currents per phase, in A."""
        watts = phases * voltage_v
        return cls(
            max_power_w=max_a * watts,
            min_power_w=min_a * watts,
            step_w=step_a * watts,
            phases=phases,
            voltage_v=voltage_v,
            battery_kwh=battery_kwh,
            efficiency=efficiency,
            taper=taper,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Goal:
    """What the owner wants. An energy in % needs the car's battery and its charge.

    Raises `ValueError` for what is no number, for a charge outside 0 to 100 %, and for
    a time without zone. An energy below 0 is none.
    """

    energy_kwh: float | None = None
    """How much is still to be drawn. Wins over `target_soc`."""
    target_soc: float | None = None
    """The state of charge to reach, in %."""
    ready_by: datetime | None = None
    """When. Without it the plan reaches as far as something is known."""
    not_before: datetime | None = None
    """When charging may begin; only `minimum_soc` and `minimum_kwh` are not bound."""
    minimum_kwh: float = 0.0
    """How much is drawn at once, at any price."""
    minimum_soc: float | None = None
    """The same as a state of charge in %; the larger of both counts."""
    essential_kwh: float = 0.0
    """How much is drawn by `ready_by` at any price, but in the cheapest time."""
    essential_soc: float | None = None
    """The same as a state of charge in %; the larger of both counts."""
    price_cap: float | None = None
    """Nothing is taken from the grid above this price per kWh, 0 and below included.
    Where no price is known it can't be judged, and does not count."""
    co2_cap: float | None = None
    """Nothing is taken from the grid above this many g/kWh, in the same way."""
    reserve: timedelta = timedelta(0)
    """The time before `ready_by` that is kept for charging at any price, so that the
    battery is warm: as much of the energy as fits goes there."""
    extra_kwh: float = 0.0
    """How much more may be drawn, as long as it is cheap."""
    extra_below: float = 0.0
    """The most a kWh of that may cost, in money and CO2 together, starts included."""
    overrun: bool = True
    """Whether to go on after `ready_by` until the goal is met."""

    def __post_init__(self) -> None:
        """Refuse what can't be wanted."""
        finite(
            energy_kwh=self.energy_kwh,
            minimum_kwh=self.minimum_kwh,
            essential_kwh=self.essential_kwh,
            price_cap=self.price_cap,
            co2_cap=self.co2_cap,
            extra_kwh=self.extra_kwh,
            extra_below=self.extra_below,
        )
        percent(
            target_soc=self.target_soc,
            minimum_soc=self.minimum_soc,
            essential_soc=self.essential_soc,
        )
        at_least_0(reserve=self.reserve)
        aware(ready_by=self.ready_by, not_before=self.not_before)


class Tie(StrEnum):
    """Which of two times that cost the same is taken."""

    LATER = "later"
    """The battery is full for a shorter time, and new prices may still come."""
    EARLIER = "earlier"


@dataclass(frozen=True, kw_only=True, slots=True)
class Preferences:
    """How the owner wants it done. None of it makes a goal be missed.

    Raises `ValueError` for what is below 0 or no number.
    """

    co2_price: float = 0.0
    """What a kg of CO2 counts, in money: see `co2_price`."""
    start_cost: float = 0.0
    """What a start counts, in money. At equal cost the fewest starts win anyway."""
    minimum_run: timedelta = timedelta(0)
    """How long charging lasts at least. The last time may be shorter."""
    minimum_pause: timedelta = timedelta(0)
    """How long a pause lasts at least."""
    one_block: bool = False
    """Whether to charge without a pause."""
    tie: Tie = Tie.LATER
    threshold: float = 0.05
    """What must be gained for a plan to be left for another, in money."""
    margin: timedelta = timedelta(minutes=15)
    """How long before `ready_by` charging at unknown prices is done."""

    def __post_init__(self) -> None:
        """Refuse what can't be preferred."""
        at_least_0(
            co2_price=self.co2_price,
            start_cost=self.start_cost,
            minimum_run=self.minimum_run,
            minimum_pause=self.minimum_pause,
            threshold=self.threshold,
            margin=self.margin,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class State:
    """What is so now.

    Raises `ValueError` for a charge that is no number, and for a time without zone.
    """

    soc: float | None = None
    """The state of charge in %."""
    running: bool = False
    """Whether the car is charging."""
    since: datetime | None = None
    """When it began to charge, or ended."""
    plan: Plan | None = None
    """The plan so far. Leave it out when the owner has changed the goal."""

    def __post_init__(self) -> None:
        """Refuse what can't be so."""
        finite(soc=self.soc)
        aware(since=self.since)


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """All that a plan for one car is made from."""

    signals: Signals = field(default_factory=Signals)
    car: Car
    goal: Goal
    preferences: Preferences = field(default_factory=Preferences)
    state: State = field(default_factory=State)
