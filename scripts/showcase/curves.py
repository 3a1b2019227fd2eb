"""What is told of the coming hours: prices, CO2, and the sun on the roof."""

from dataclasses import dataclass
from datetime import datetime, timedelta
import math
from typing import Any

HOUR = timedelta(hours=1)
HOUSE_W = 400.0
"""What the house needs all the time, without the cars."""
FEED_IN = 0.08
"""What is paid for a kWh that is fed in, in EUR."""

_SUNRISE, _SUN_HOURS, _NOON_W = 6, 14, 3400

PRICES = (
    0.24, 0.22, 0.20, 0.19, 0.19, 0.22, 0.29, 0.36, 0.35, 0.30, 0.25, 0.20,
    0.17, 0.16, 0.18, 0.24, 0.31, 0.39, 0.43, 0.41, 0.36, 0.32, 0.29, 0.26,
)  # fmt: skip
"""What a kWh costs in each hour of a day, in EUR."""
CO2 = (
    310, 295, 280, 270, 275, 300, 345, 380, 360, 310, 260, 220,
    200, 195, 215, 270, 340, 410, 440, 430, 400, 375, 350, 330,
)  # fmt: skip
"""How much CO2 a kWh stands for in each hour of a day, in g."""


def sun_w(hour: int) -> float:
    """Return what comes from the roof in an hour of the day, in W."""
    place = (hour % 24 + 0.5 - _SUNRISE) / _SUN_HOURS
    return round(max(0.0, _NOON_W * math.sin(place * math.pi)), -1)


@dataclass(frozen=True, kw_only=True)
class Curves:
    """What is told, from a moment on."""

    start: datetime
    first: int
    """Which hour of the day the first one is."""

    @classmethod
    def of_day(cls, now: datetime) -> Curves:
        """Return two days of whole hours; `now` is in the home's time."""
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        return cls(start=midnight, first=0)

    @classmethod
    def from_hour(cls, start: datetime, hour: int) -> Curves:
        """Return two days as if it were some full hour at `start`."""
        return cls(start=start.replace(second=0, microsecond=0), first=hour)

    def hour_at(self, moment: datetime) -> int:
        """Return the hour of the day, 0 to 23."""
        return (self.first + int((moment - self.start) / HOUR)) % 24

    def sun_w(self, moment: datetime) -> float:
        """Return what comes from the roof, in W."""
        return sun_w(self.hour_at(moment))

    def cost(self, moment: datetime, kwh: float, watts: float) -> float:
        """Return what was paid for energy that was drawn at some power, in EUR.

        What the roof has left for the car costs what it would have earned.
        """
        left = max(0.0, self.sun_w(moment) - HOUSE_W)
        share = 0.0 if watts <= 0 else min(1.0, left / watts)
        price = PRICES[self.hour_at(moment)]
        return kwh * (share * FEED_IN + (1 - share) * price)

    def rows(self, values: tuple[float, ...], hours: int = 48) -> list[dict[str, Any]]:
        """Return values by hours, as an integration has them in an attribute."""
        return [
            {
                "start": (self.start + place * HOUR).isoformat(),
                "end": (self.start + (place + 1) * HOUR).isoformat(),
                "value": values[(self.first + place) % 24],
            }
            for place in range(hours)
        ]

    def sun_wh(self, hours: int = 48) -> dict[str, float]:
        """Return the energy that the roof is expected to give in each hour, in Wh."""
        return {
            (self.start + place * HOUR).isoformat(): sun_w(self.first + place)
            for place in range(hours)
        }
