"""What a plan says: when, how much, what for, and what it comes to."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class ReasonKey(StrEnum):
    """Why it is charging, or not. What numbers each has is said at `Reason`."""

    CHEAP = "cheap"
    """Charging: among the cheapest. `price`; `percent` below the mean."""
    SUN = "sun"
    """Charging: from the roof. `percent` of the energy."""
    EXTRA = "extra"
    """Charging more than asked for: it costs little. `price`, `limit`."""
    MINIMUM = "minimum"
    """Charging: below the least that is to be in the battery. `energy_kwh` of it."""
    RESERVE = "reserve"
    """Charging: just before departure, as asked for. `at` the departure."""
    DEADLINE = "deadline"
    """Charging: all the time until then is needed. `at` the time."""
    OVERRUN = "overrun"
    """Charging: the time has passed, and the goal is not met. `at` the time."""
    AT_ONCE = "at_once"
    """Charging: nothing is known and no time is given, so there is nothing to wait
    for."""
    NO_PRICES = "no_prices"
    """Charging: as late as safely possible, as no prices are known."""
    PRICES_LATER = "prices_later"
    """Charging, or not yet: at a time whose prices are still to come. `at`: when the
    known ones end."""
    BRIDGE = "bridge"
    """Charging, though it is cheaper at other times: they would take another start, or
    a pause that is not wished. `price`."""
    KEPT = "kept"
    """Charging as planned before: another plan gains too little. `price`: the gain."""

    CHEAPER_LATER = "cheaper_later"
    """Waiting. `at` is `percent` cheaper: `price` instead of `limit`."""
    AS_GOOD_LATER = "as_good_later"
    """Waiting: `at` is as good, and better for the battery, or it saves a start."""
    PRICE_CAP = "price_cap"
    """Waiting: the `price` is above the `limit`."""
    CO2_CAP = "co2_cap"
    """Waiting: the CO2, in g/kWh, as `price` is above the `limit`."""
    POWER_LIMIT = "power_limit"
    """Waiting: what may be drawn is too little to charge. `limit` in W."""
    FUSE = "fuse"
    """Waiting: what else is on leaves too little of the main fuse. `limit` in W: what
    is left."""
    CIRCUIT = "circuit"
    """Waiting: the same of a circuit below the main fuse. `limit` in W."""
    OTHER_CAR = "other_car"
    """Waiting: what another car draws leaves too little. `limit` in W; `at`: when
    this one's turn comes; `car`: the one that draws most."""
    PEAK = "peak"
    """Waiting, or charging slower: more would raise the peak that is paid for. `limit`
    in W."""
    LATE_START = "late_start"
    """Waiting until `at`, as no price is known: where none is at all, as late as safely
    possible; in a gap, when there is one."""
    NOT_BEFORE = "not_before"
    """Waiting: charging may begin `at`, or the reserve before departure does."""
    DONE = "done"
    """Not charging: the goal is met."""
    PLANNED_DONE = "planned_done"
    """Not charging: by then the goal is met, or all that can be done is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reason:
    """A reason and its numbers, to be put into words where they are shown."""

    key: ReasonKey
    at: datetime | None = None
    percent: float | None = None
    price: float | None = None
    limit: float | None = None
    energy_kwh: float | None = None
    car: str | None = None
    """Another car, by its key among those that are planned together."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Period:
    """A time of charging at one power."""

    start: datetime
    end: datetime
    power_w: float
    """What it is told to draw at most. A car that is nearly full draws less."""
    energy_kwh: float
    """What it will draw."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """A time in which the plan and its reason are the same, charging or not."""

    start: datetime
    end: datetime
    power_w: float
    """0 when it does not charge."""
    reason: Reason


@dataclass(frozen=True, kw_only=True, slots=True)
class Totals:
    """What some way of charging comes to."""

    energy_kwh: float
    cost: float
    """Money for the grid's energy, and what the sun's would have earned."""
    co2_kg: float
    solar_share: float
    """Of the energy, 0 to 1."""
    unpriced_kwh: float
    """Energy at times without a known price: in no cost."""
    starts: int
    finish: datetime | None
    """When it ends, None when nothing is charged."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shortfall:
    """What is missing at the time the car is to be ready."""

    energy_kwh: float
    ready_at: datetime | None
    """When it could be ready at best, None when that can't be said."""
    power_w: float | None
    """The power that would do, None when no power would."""
    capped_kwh: float
    """How much of what is missing is missing for a cap."""
    cap_cost: float | None
    """What these kWh would cost without the cap, None when that can't be said."""


class Eased(StrEnum):
    """A preference that was not kept, as the goal would have been missed."""

    ONE_BLOCK = "one_block"
    MINIMUM_RUN = "minimum_run"
    MINIMUM_PAUSE = "minimum_pause"
    MARGIN = "margin"


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """A plan for one car, made at a time."""

    made_at: datetime
    periods: tuple[Period, ...]
    """The times of charging, in order. Their energies add up to `totals.energy_kwh`."""
    steps: tuple[Step, ...]
    """Everything from `made_at` on without a gap, with its reasons."""
    totals: Totals
    needed_kwh: float
    """What was asked for."""
    met: bool
    """Whether it is there in time."""
    shortfall: Shortfall | None
    """What is missing, None when `met`."""
    eased: tuple[Eased, ...]
    at_once: Totals | None
    """The same energy charged at once, for comparison."""
    at_the_latest: Totals | None
    """The same energy charged just in time, None without a time to be ready by."""
    gap: float
    """How much the plan may cost more than the best one, in money: 0 but for rare and
    hard cases, where the search is cut off."""

    @property
    def reason(self) -> Reason:
        """Return the reason for what it does when it is made."""
        return self.steps[0].reason if self.steps else Reason(key=ReasonKey.DONE)

    def power_at(self, moment: datetime) -> float:
        """Return the power in W that the plan has at a moment."""
        for period in self.periods:
            if period.start <= moment < period.end:
                return period.power_w
        return 0.0
