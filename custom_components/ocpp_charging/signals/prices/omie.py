"""OMIE, the market of Spain and Portugal: an action, per kWh."""

from collections.abc import Mapping
from datetime import tzinfo
from typing import Any, Final
from zoneinfo import ZoneInfo

from ..told import points
from .reader import EUR_PER_KWH, ActionReader, Parts, Target

_MARKET: Final = ZoneInfo("Europe/Madrid")


def read(response: Mapping[str, Any], zone: tzinfo) -> Parts:
    """Return the prices of both countries (`es`, `pt`)."""
    return {
        country: points(items, zone, start=("start",), end=("end",), value=("price",))
        for country, items in response.items()
    }


READER = ActionReader(
    key="omie",
    name="OMIE",
    domain="omie",
    action="get_prices_for_date",
    target=Target.INTEGRATION,
    requests=lambda asked: [{"date": day.isoformat()} for day in asked.days(_MARKET)],
    read=read,
    unit=EUR_PER_KWH,
)
