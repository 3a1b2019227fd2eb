"""Tibber: an action, the total with all taxes per kWh; the ends are not told."""

from collections.abc import Mapping
from datetime import tzinfo
from typing import Any

from ..told import points
from .reader import ActionReader, Asked, Parts, Target


def read(response: Mapping[str, Any], zone: tzinfo) -> Parts:
    """Return the prices of each home."""
    return {
        str(home): points(items, zone, start=("start_time",), value=("price",))
        for home, items in response["prices"].items()
    }


def _requests(asked: Asked) -> list[dict[str, str]]:
    start, end = asked.midnights
    return [{"start": start.isoformat(), "end": end.isoformat()}]


READER = ActionReader(
    key="tibber",
    name="Tibber",
    domain="tibber",
    action="get_prices",
    target=Target.INTEGRATION,
    requests=_requests,
    read=read,
)
