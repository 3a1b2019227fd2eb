"""The night of `--check`: it passes in a second, while nobody can reach the chargers.

Home Assistant lives in the world's time, and chargers have a clock of their own, which
can run ahead of it. So plans are made of hours of the real length, and are put on the
chargers; then the network is cut, and the chargers go on alone with what they hold.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from simulator import ChargePoint, ManualClock

from .curves import Curves

MINUTE = timedelta(minutes=1)
BEAT_SECONDS = 0.2


async def keep_time(clock: ManualClock) -> None:
    """Have the chargers' clock go with the world's, until this is cancelled."""
    while True:
        passed = datetime.now(UTC) - clock.now()
        if passed > timedelta():
            await clock.advance(passed.total_seconds())
        await asyncio.sleep(BEAT_SECONDS)


class Night:
    """What flows to the cars while time passes for them alone."""

    def __init__(self, clock: ManualClock, chargers: Mapping[str, ChargePoint]) -> None:
        """Begin now, by the chargers' clock."""
        self.start = clock.now()
        self.taken: dict[str, list[float]] = {name: [] for name in chargers}
        """The energy of each minute, in kWh."""
        self._clock = clock
        self._chargers = chargers
        self._meters = {name: _kwh(one) for name, one in chargers.items()}

    async def sleep(self, until: datetime) -> None:
        """Let the time pass."""
        while self._clock.now() < until:
            await self._clock.advance(MINUTE.total_seconds())
            for name, charger in self._chargers.items():
                before, self._meters[name] = self._meters[name], _kwh(charger)
                self.taken[name].append(self._meters[name] - before)


def at_once(kwh: float, most_w: float) -> list[float]:
    """Return what flows each minute to a car that takes it as fast as it can."""
    full = most_w / 60_000
    return [full] * int(kwh / full) + [kwh % full]


def cost(curves: Curves, start: datetime, cars: Sequence[Sequence[float]]) -> float:
    """Return what all cars together cost, by the kWh of each minute, in EUR."""
    minutes = max(map(len, cars))
    total = 0.0
    for minute in range(minutes):
        kwh = sum(car[minute] for car in cars if minute < len(car))
        total += curves.cost(start + minute * MINUTE, kwh, kwh * 60_000)
    return total


def _kwh(charger: ChargePoint) -> float:
    charger.refresh()
    return charger.connector(1).register_wh / 1000
