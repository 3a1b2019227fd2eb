"""Nord Pool, the integration that comes with Home Assistant: an action, per MWh."""

from collections.abc import Mapping
from datetime import tzinfo
from typing import Any, Final
from zoneinfo import ZoneInfo

from ..told import points
from ..units import Unit
from .reader import ActionReader, Parts, Target

_MARKET: Final = ZoneInfo("Europe/Brussels")


def read(response: Mapping[str, Any], zone: tzinfo) -> Parts:
    """Return the prices of each area; an area's list is empty before they are told."""
    return {
        area: points(items, zone, start=("start",), end=("end",), value=("price",))
        for area, items in response.items()
    }


READER = ActionReader(
    key="nordpool",
    name="Nord Pool",
    domain="nordpool",
    action="get_prices_for_date",
    target=Target.ENTRY,
    # Its day is that of central Europe, also where the home's is another one.
    requests=lambda asked: [
        {"config_entry": asked.target, "date": day.isoformat()}
        for day in asked.days(_MARKET)
    ],
    read=read,
    unit=Unit(factor=1 / 1000),
    currency_key="currency",
)
