"""The house of the simulated week: its loads, its roof, its prices, its cars' days.

All is drawn from one seed and known to the second. What is forecast of it is not the
truth: the house as it is on average, the sun as a weather service would have it.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
import math
import random

from custom_components.ocpp_charging.charging import Interval, Series

from .planner import prices as day_ahead

MONDAY = datetime(2026, 4, 13, tzinfo=UTC)
"""The week's first day. The simulated home is in Iceland's time, which is UTC."""
DAYS = 7
QUARTER = timedelta(minutes=15)
QUARTERS = (DAYS + 1) * 96
VOLTAGE = 230.0
FUSE_A = 25.0
FEED_IN = 0.08
PUBLISHED = timedelta(hours=13)
"""When the prices of the next day are told."""

type Phases = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class Stay:
    """One time at home, plugged in, of one car."""

    arrives: datetime
    leaves: datetime
    soc: float
    """What is in the battery when it comes, in %."""
    target: float


@dataclass(frozen=True, kw_only=True)
class Span:
    """A time in which something is so."""

    kind: str
    start: datetime
    end: datetime
    car: str = ""


@dataclass(frozen=True, kw_only=True)
class Draw:
    """A load of the house: on which phases, how much, from when until when."""

    start: int
    end: int
    amperes: Phases


def at(day: int, hours: float) -> datetime:
    """Return a time of the week."""
    return MONDAY + timedelta(days=day, hours=hours)


def second(moment: datetime) -> int:
    """Return a time as whole seconds of the week."""
    return int((moment - MONDAY).total_seconds())


class House:
    """All that happens in the week but for charging."""

    def __init__(self, seed: int) -> None:
        """Draw everything."""
        self.dice = random.Random(seed)
        values = day_ahead(random.Random(seed), (DAYS + 1) * 24, 4)
        self.prices = _quarters(values)
        self.clouds = [self._clouds() for _ in range(DAYS + 1)]
        self.forecast_error = [self.dice.uniform(0.8, 1.2) for _ in range(DAYS + 1)]
        self.draws = sorted(self._draws(), key=lambda draw: draw.start)
        self.stays = {"family": self._family(), "city": self._city()}
        self.demand = Span(kind="grid limit", start=at(2, 18), end=at(2, 20.5))
        self.demand_w = 4600.0
        self.demand_told = at(2, 12)
        self.faults = self._faults()
        self._loads = self._by_second()

    def load(self, moment: int) -> Phases:
        """Return what the house draws in a second, without sun and cars, in A."""
        return self._loads[moment]

    def sun_w(self, moment: datetime) -> float:
        """Return what comes from the roof."""
        day = (moment - MONDAY).days
        return _clear_sky(moment) * self.clouds[day][moment.hour]

    def forecast(self) -> Series:
        """Return the power that is expected to be left of the sun, in W."""
        found = []
        for index in range(QUARTERS):
            moment = MONDAY + index * QUARTER
            day = index // 96
            # A service knows of clouds what they are on average, and errs a little.
            mean = sum(self.clouds[day][9:17]) / 8 * self.forecast_error[day]
            found.append(max(0.0, _clear_sky(moment) * min(1.0, mean) - 650.0))
        return _quarters(found)

    def surplus(self) -> list[float]:
        """Return what really is left of the sun, in W, for each quarter of an hour."""
        found = []
        for index in range(QUARTERS - 96):
            start = index * 900
            sun = self.sun_w(MONDAY + index * QUARTER + QUARTER / 2)
            amperes = sum(sum(self._loads[start + step]) for step in range(0, 900, 60))
            found.append(max(0.0, sun - amperes / 15 * VOLTAGE))
        return found

    def usual_a(self) -> tuple[Series, Series, Series]:
        """Return the house's usual load per phase: its mean by the hour of the day."""
        hours = [[0.0] * 3 for _ in range(24)]
        for index in range(0, DAYS * 86400, 60):
            hour = index % 86400 // 3600
            for phase, amperes in enumerate(self._loads[index]):
                hours[hour][phase] += amperes / (DAYS * 60)
        one, two, three = (
            _quarters([hours[index // 4 % 24][phase] for index in range(QUARTERS)])
            for phase in range(3)
        )
        return one, two, three

    def known_prices(self, now: datetime) -> Series:
        """Return the prices that have been told by now."""
        day = now.replace(hour=0, minute=0)
        days = 2 if now - day >= PUBLISHED else 1
        return self.prices.between(day, day + timedelta(days=days))

    def _clouds(self) -> list[float]:
        clear = self.dice.uniform(0.25, 1.0)
        return [min(1.0, clear * self.dice.uniform(0.6, 1.2)) for _ in range(24)]

    def _draws(self) -> list[Draw]:
        dice, found = self.dice, []

        def add(start: float, minutes: float, amperes: Phases) -> None:
            begin = int(start)
            found.append(
                Draw(start=begin, end=begin + int(minutes * 60), amperes=amperes)
            )

        for day in range(DAYS):
            base = day * 86400
            oven = base + dice.uniform(17.3, 18.5) * 3600
            # Its thermostat goes on and off.
            for turn in range(dice.randint(3, 6)):
                add(oven + turn * 540, dice.uniform(3, 8), (11.0, 11.0, 0.0))
            for hour in dice.sample(range(6, 22), dice.randint(3, 7)):
                add(base + (hour + dice.uniform(0.1, 0.8)) * 3600, 3, (0.0, 0.0, 9.5))
            add(base + dice.uniform(20, 22) * 3600, 70, (0.0, 8.7, 0.0))
            clock = base + dice.uniform(0, 3000)
            while clock < base + 86400:
                cold = math.cos((clock % 86400 / 86400 - 0.2) * 2 * math.pi)
                runs = dice.uniform(9, 16) + 6 * cold
                add(clock, runs, (5.8, 5.8, 5.8))
                clock += (runs + dice.uniform(18, 40)) * 60
        return found

    def _by_second(self) -> list[Phases]:
        length = DAYS * 86400
        lines = [[0.0] * (length + 1) for _ in range(3)]
        for draw in self.draws:
            for line, amperes in zip(lines, draw.amperes, strict=True):
                line[min(draw.start, length)] += amperes
                line[min(draw.end, length)] -= amperes
        dice = random.Random(1)
        found: list[Phases] = []
        now = [1.4, 0.9, 0.7]
        for index in range(length):
            now = [one + line[index] for one, line in zip(now, lines, strict=True)]
            noise = dice.random() * 0.4
            found.append((now[0] + noise, now[1] + noise, now[2] + noise))
        return found

    def _family(self) -> list[Stay]:
        dice, found = self.dice, []
        for day in range(DAYS - 1):
            weekend = day == 5
            arrives = at(day, dice.uniform(11, 13) if weekend else dice.uniform(17, 19))
            leaves = at(day + 1, 14 if day in {4, 5} else 7.5)
            if day == 4:
                leaves = at(5, 9.5)
            used = dice.uniform(12, 34)
            found.append(Stay(arrives=arrives, leaves=leaves, soc=80 - used, target=80))
        return found

    def _city(self) -> list[Stay]:
        dice, found = self.dice, []
        for day in range(DAYS - 1):
            arrives = at(day, dice.uniform(15.5, 18))
            leaves = at(day + 1, 6.75 if day < 4 else 10)
            used = dice.uniform(15, 45)
            found.append(Stay(arrives=arrives, leaves=leaves, soc=85 - used, target=85))
        return found

    def _faults(self) -> list[Span]:
        dice, found = self.dice, []

        def add(kind: str, minutes: float, car: str = "") -> None:
            night = at(dice.randrange(DAYS - 1), dice.uniform(17.5, 30))
            end = night + timedelta(minutes=minutes)
            found.append(Span(kind=kind, start=night, end=end, car=car))

        for car in ("family", "city"):
            add("network cut", dice.uniform(20, 90), car)
            add("charger reboots", 1.5, car)
            add("car takes a rest", dice.uniform(10, 25), car)
        add("Home Assistant restarts", 1.2)
        add("Home Assistant restarts", 2.5)
        add("meter silent", dice.uniform(5, 12))
        add("meter stuck", dice.uniform(5, 12))
        return sorted(found, key=lambda span: span.start)


def _clear_sky(moment: datetime) -> float:
    """Return what 6 kWp of panels give without clouds, in W."""
    hour = moment.hour + moment.minute / 60
    return max(0.0, 5200 * math.sin((hour - 6) / 14 * math.pi)) if hour > 6 else 0.0


def _quarters(values: list[float]) -> Series:
    edges = [MONDAY + index * QUARTER for index in range(len(values) + 1)]
    return Series(
        Interval(start=start, end=end, value=value)
        for (start, end), value in zip(pairwise(edges), values, strict=True)
    )
