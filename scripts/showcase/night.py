"""The demonstration's night: prices, CO2, two cars with departures, and what it cost.

What is shown in the browser is a night of the real length. `--check` has no night to
wait for: there an hour lasts a few seconds, and batteries are as much smaller. The
rest is the same: plans are made of the prices, and chargers are held to them.
"""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
import math
from typing import Any

from simulator import ChargePoint

from .home import Home, HomeError

PRICE = "sensor.day_ahead_price"
CO2 = "sensor.grid_co2_intensity"
SUN = "sensor.sun_on_the_roof"
HOUR = timedelta(hours=1)
SHORT_HOUR = timedelta(seconds=3)
"""How long an hour lasts with `--check`."""

_PRICES = (
    0.24, 0.22, 0.20, 0.19, 0.19, 0.22, 0.29, 0.36, 0.35, 0.30, 0.25, 0.20,
    0.17, 0.16, 0.18, 0.24, 0.31, 0.39, 0.43, 0.41, 0.36, 0.32, 0.29, 0.26,
)  # fmt: skip
"""What a kWh costs in each hour of a day, in EUR."""
_CO2 = (
    310, 295, 280, 270, 275, 300, 345, 380, 360, 310, 260, 220,
    200, 195, 215, 270, 340, 410, 440, 430, 400, 375, 350, 330,
)  # fmt: skip
"""How much CO2 a kWh stands for in each hour of a day, in g."""
_FIRST_SHORT_HOUR = 14
"""Short hours begin when cars come home."""


@dataclass(frozen=True, kw_only=True)
class Curves:
    """What is told of the coming hours."""

    start: datetime
    hour: timedelta
    first: int
    """Which hour of the day the first one is."""

    @classmethod
    def of_day(cls, now: datetime) -> Curves:
        """Return two days of whole hours; `now` is in the home's time."""
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        return cls(start=midnight, hour=HOUR, first=0)

    @classmethod
    def short(cls, now: datetime) -> Curves:
        """Return hours that pass while one watches."""
        start = now.replace(microsecond=0)
        return cls(start=start, hour=SHORT_HOUR, first=_FIRST_SHORT_HOUR)

    def price(self, moment: datetime) -> float:
        """Return the price at a moment, in EUR/kWh."""
        return _PRICES[(self.first + self._place(moment)) % 24]

    def rows(self, values: tuple[float, ...], hours: int = 48) -> list[dict[str, Any]]:
        """Return values by hours, as an integration has them in an attribute."""
        return [
            {
                "start": (self.start + place * self.hour).isoformat(),
                "end": (self.start + (place + 1) * self.hour).isoformat(),
                "value": values[(self.first + place) % 24],
            }
            for place in range(hours)
        ]

    def sun_w(self, moment: datetime) -> float:
        """Return what comes from the roof, in W."""
        hour = self.first + self._place(moment)
        return round(max(0.0, 4200 * math.sin((hour % 24 - 6) / 14 * math.pi)), -1)

    async def tell(self, home: Home) -> None:
        """Have Home Assistant's sensors say it."""
        now = datetime.now(UTC)
        place = (self.first + self._place(now)) % 24
        await _state(
            home, PRICE, _PRICES[place], "Day-ahead price", "EUR/kWh",
            prices=self.rows(_PRICES),
        )  # fmt: skip
        await _state(
            home, CO2, _CO2[place], "Grid CO2 intensity", "gCO2eq/kWh",
            forecast=self.rows(_CO2),
        )  # fmt: skip
        await _state(home, SUN, self.sun_w(now), "Sun on the roof", "W")

    def _place(self, moment: datetime) -> int:
        return int((moment - self.start) / self.hour)


async def _state(
    home: Home, entity_id: str, value: float, name: str, unit: str, **more: Any
) -> None:
    attributes = {"friendly_name": name, "unit_of_measurement": unit, **more}
    await home.rest(
        "POST",
        f"/api/states/{entity_id}",
        {"state": str(value), "attributes": attributes},
    )


@dataclass
class Bill:
    """What a car took in a night, priced as it went."""

    point: ChargePoint
    curves: Curves
    came: datetime
    last_wh: float
    cost: float = 0.0
    taken_wh: float = 0.0
    began: datetime | None = None
    """When it first drew something."""

    @classmethod
    def of(cls, point: ChargePoint, curves: Curves) -> Bill:
        """Begin to count now."""
        wh = point.connector(1).register_wh
        return cls(point, curves, datetime.now(UTC), wh)

    def look(self) -> None:
        """Add what was taken since the last look."""
        self.point.refresh()
        now, wh = datetime.now(UTC), self.point.connector(1).register_wh
        taken, self.last_wh = wh - self.last_wh, wh
        if taken > 0 and self.began is None:
            self.began = now
        self.taken_wh += taken
        self.cost += taken / 1000 * self.curves.price(now)

    def at_once(self, watts: float) -> float:
        """Return what the same energy would have cost from the plug on, in EUR."""
        left, moment, cost = self.taken_wh, self.came, 0.0
        while left > 0:
            taken = min(left, watts / 3600)
            cost += taken / 1000 * self.curves.price(moment)
            left -= taken
            moment += timedelta(seconds=1)
        return cost


async def choose_signals(home: Home, entry_id: str) -> None:
    """Go through the forms in which an owner names what tells prices and CO2."""
    path = "/api/config/config_entries/options/flow"
    conversations: tuple[tuple[dict[str, Any], ...], ...] = (
        (
            {"next_step_id": "prices"},
            {"next_step_id": "price"},
            {"next_step_id": "price_entity"},
            {"entity_id": PRICE},
            {"unit": "auto", "reversed": False},
            {"fee": 0, "percent": 0},
            {},
        ),
        (
            {"next_step_id": "signals"},
            {"next_step_id": "co2"},
            {"next_step_id": "co2_entity"},
            {"entity_id": CO2},
            {},
        ),
    )
    for steps in conversations:
        flow = await home.rest("POST", path, {"handler": entry_id})
        await answer(home, path, flow, *steps)


async def add_car(
    home: Home, entry_id: str, car: dict[str, Any], habits: dict[str, Any]
) -> None:
    """Go through the forms in which an owner describes a car."""
    path = "/api/config/config_entries/subentries/flow"
    flow = await home.rest("POST", path, {"handler": [entry_id, "vehicle"]})
    soc = car.pop("soc_entity")
    departures = habits.pop("departures")
    await answer(home, path, flow, car, {"soc_entity": soc}, habits, departures)


async def answer(
    home: Home, path: str, flow: dict[str, Any], *steps: dict[str, Any]
) -> None:
    """Answer the steps of a flow to its end. Raises `HomeError` when it goes wrong."""
    for step in steps:
        flow = await home.rest("POST", f"{path}/{flow['flow_id']}", step)
        if flow.get("errors"):
            raise HomeError(f"Step {flow['step_id']} refused: {flow['errors']}")
    if flow["type"] != "create_entry":
        raise HomeError(f"A conversation did not end: {flow}")


async def watch(bills: list[Bill], until: datetime) -> None:
    """Count what cars take until a moment."""
    while datetime.now(UTC) < until:
        for bill in bills:
            bill.look()
        await asyncio.sleep(0.25)
