"""ENGIE Belgium: an action, the market's prices per kWh, without fees or VAT."""

from collections.abc import Mapping
from datetime import tzinfo
from typing import Any, Final
from zoneinfo import ZoneInfo

from ..told import points
from .reader import EUR_PER_KWH, ActionReader, Parts, Target

_MARKET: Final = ZoneInfo("Europe/Brussels")


def read(response: Mapping[str, Any], zone: tzinfo) -> Parts:
    """Return the prices of the day that was asked for; it refuses one not yet told."""
    return {
        "": points(
            response["slots"], zone, start=("start",), end=("end",), value=("value",)
        )
    }


READER = ActionReader(
    key="engie_be",
    name="ENGIE Belgium",
    domain="engie_be",
    action="get_epex_prices_for_date",
    target=Target.ENTRY,
    requests=lambda asked: [
        {
            "config_entry": asked.target,
            "date": day.isoformat(),
            "granularity": "quarter_hourly",
        }
        for day in asked.days(_MARKET)
    ],
    read=read,
    unit=EUR_PER_KWH,
)
