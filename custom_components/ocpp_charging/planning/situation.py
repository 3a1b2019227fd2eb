"""Makes the planner's problem of what is known at a connector."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from ..charging import Car, Goal, Plan, Problem, Series, Signals, State
from ..csms.charger import Charger
from ..csms.connector import Connector
from ..vehicles import Vehicle, VehicleSettings
from .need import Need, need_of
from .settings import PlanningSettings
from .wishes import Mode, Wishes

VOLTAGE_V: Final = 230.0
"""Of a phase against neutral."""
MIN_CURRENT_A: Final = 6.0
"""The least that a charger can give (IEC 61851-1)."""
USED_A: Final = 1.0
"""A phase with less than this while charging is one that the car does not use."""
FULL_SHARE: Final = 0.25
"""What a car that takes less when it is nearly full still takes just before 100 %."""
WITHIN: Final = timedelta(days=1)
"""In what time a car is charged that is to be ready by no certain time."""
LIMITED: Final = timedelta(days=8)
"""How far a limit that forbids charging reaches; no plan is longer."""


@dataclass(frozen=True, kw_only=True)
class Situation:
    """What is so at a connector, now."""

    now: datetime
    signals: Signals
    settings: PlanningSettings
    charger: Charger
    connector: Connector
    wishes: Wishes
    vehicle: Vehicle | None
    """None for a guest."""
    soc: float | None
    """In %; None where it, or the battery's size, is not known."""
    taken_kwh: float
    """What the car took since it was plugged in."""
    usual_kwh: float | None
    """What cars like this took in past sessions."""
    since: datetime | None
    """When it began to charge, or ended."""
    began: datetime
    """When the car was plugged in."""
    before: Plan | None
    """The plan so far; None when something was wished since."""
    phases: int
    """On how many phases the car charges here. Where nothing is known it is one: a plan
    then begins too early rather than too late."""
    takes_a: float | None
    """The most that the car was seen to take, in A per phase; None: all it may."""
    due: datetime | None
    """A time to be ready by that has just passed without the goal being met."""

    @property
    def need(self) -> Need:
        """Return what the car still needs."""
        return need_of(
            self.wishes,
            self.vehicle,
            self.connector,
            soc=self.soc,
            taken_kwh=self.taken_kwh,
            usual_kwh=self.usual_kwh,
        )

    @property
    def ready_by(self) -> datetime | None:
        """Return when the car is to be ready."""
        if self.due is not None:
            return self.due
        wished = self.wishes.next_ready_by(self.now)
        if wished is None and self.vehicle is not None:
            return self.vehicle.next_departure(self.now)
        return wished

    @property
    def horizon(self) -> datetime | None:
        """Return how far is planned; None as far as anything is known.

        Without a time to be ready by a car is charged within a day of being plugged in:
        what may always wait for a better day never begins.
        """
        if self.ready_by is not None:
            return None
        days = (self.now - self.began) // WITHIN + 1
        return self.began + days * WITHIN

    @property
    def most_a(self) -> float:
        """Return the most that the connector may give, in A per phase."""
        return most_a(self.charger, self.connector, self.vehicle)


def most_a(charger: Charger, connector: Connector, vehicle: Vehicle | None) -> float:
    """Return the most that charger, owner and car allow, in A per phase."""
    limits = (
        charger.settings.max_current_a,
        connector.limit_a,
        None if vehicle is None else vehicle.settings.max_current_a,
    )
    return min(limit for limit in limits if limit is not None)


def problem_of(situation: Situation) -> Problem:
    """Return what the planner is asked.

    Raises `ValueError` for what contradicts itself.
    """
    wishes, need = situation.wishes, situation.need
    preferences = situation.settings.preferences(wishes.greenness)
    goal = Goal(
        energy_kwh=None if need.target_soc is not None else need.kwh,
        target_soc=need.target_soc,
        ready_by=situation.ready_by,
        minimum_soc=None if need.soc is None else _minimum_soc(situation),
        price_cap=wishes.price_cap,
        co2_cap=wishes.co2_cap,
    )
    signals = _known(situation)
    extra_below = _sun_is_worth(signals, situation.now)
    if wishes.mode is Mode.SOLAR:
        # All of it is welcome, and none is demanded: it costs no more than the sun.
        goal = replace(
            goal,
            energy_kwh=0.0,
            target_soc=None,
            extra_kwh=need.kwh,
            extra_below=extra_below,
        )
        preferences = replace(preferences, start_cost=0.0)
    elif wishes.mode is Mode.SMART_SOLAR:
        goal = replace(goal, extra_kwh=_room(situation, need), extra_below=extra_below)
    car, signals = _car(situation, signals)
    return Problem(
        signals=signals,
        car=car,
        goal=goal,
        preferences=preferences,
        state=State(
            soc=need.soc,
            running=situation.connector.charging is True,
            since=situation.since,
            plan=situation.before,
        ),
    )


def _known(situation: Situation) -> Signals:
    """Return what is known of the time that is planned."""
    signals, end = situation.signals, situation.horizon
    if end is None:
        return signals
    now = situation.now
    return replace(
        signals,
        price=signals.price.between(now, end),
        co2=signals.co2.between(now, end),
        solar=signals.solar.between(now, end),
    )


def _car(situation: Situation, signals: Signals) -> tuple[Car, Signals]:
    """Return the car as it is at this charger, and the signals with its limit.

    Where the owner allows less than a car can take, nothing may be drawn.
    """
    settings = None if situation.vehicle is None else situation.vehicle.settings
    least_a = MIN_CURRENT_A if settings is None else settings.min_current_a
    most_a, phases = situation.most_a, situation.phases
    taken_a = most_a if situation.takes_a is None else min(most_a, situation.takes_a)
    car = Car.of_current(
        max_a=max(taken_a, least_a),
        min_a=least_a,
        phases=phases,
        voltage_v=VOLTAGE_V,
        battery_kwh=None if settings is None else settings.battery_kwh,
        efficiency=1.0 if settings is None else settings.efficiency,
        taper=() if settings is None else _taper(settings, phases),
    )
    if most_a >= least_a:
        return car, signals
    now = situation.now
    allowed = Series.constant(most_a * phases * VOLTAGE_V, now, now + LIMITED)
    return car, replace(signals, limit=allowed)


def _taper(settings: VehicleSettings, phases: int) -> tuple[tuple[float, float], ...]:
    """Return what the car still draws when it is nearly full, in % and W."""
    if settings.taper_from is None:
        return ()
    most_w = settings.max_current_a * phases * VOLTAGE_V
    return (settings.taper_from, most_w), (100.0, FULL_SHARE * most_w)


def _minimum_soc(situation: Situation) -> float | None:
    """Return what is charged at once, in %: never above the car's own limit."""
    wished, vehicle = situation.wishes.minimum_soc, situation.vehicle
    if vehicle is None:
        return wished
    if wished is None:
        wished = vehicle.settings.minimum_soc
    limit = vehicle.charge_limit
    return wished if wished is None or limit is None else min(wished, limit)


def _room(situation: Situation, need: Need) -> float:
    """Return what the car takes beyond the goal, in kWh; 0 where that is not known."""
    vehicle = situation.vehicle
    if vehicle is None or need.soc is None or vehicle.settings.battery_kwh is None:
        return 0.0
    limit = 100.0 if vehicle.charge_limit is None else vehicle.charge_limit
    left = (limit - need.soc) / 100 * vehicle.settings.battery_kwh
    return max(0.0, left / vehicle.settings.efficiency - need.kwh)


def _sun_is_worth(signals: Signals, now: datetime) -> float:
    """Return just more than a kWh from the roof would earn, at most."""
    earns = (item.value for item in signals.feed_in if item.end > now)
    return max((0.0, *earns)) + 1e-4
