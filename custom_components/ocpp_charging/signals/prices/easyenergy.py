"""easyEnergy: two actions, one for what is bought and one for what is fed in."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import tzinfo
from typing import Any

from ..told import points
from .reader import EUR_PER_KWH, ActionReader, Asked, Parts, Target


def read(response: Mapping[str, Any], zone: tzinfo) -> Parts:
    """Return the prices; times are texts such as `2026-11-22 23:00:00+00:00`."""
    return {
        "": points(response["prices"], zone, start=("timestamp",), value=("price",))
    }


def _requests(asked: Asked) -> list[dict[str, object]]:
    return [
        {
            "config_entry": asked.target,
            "start": day.isoformat(),
            "end": day.isoformat(),
            "granularity": "quarter",
        }
        for day in asked.days()
    ]


READER = ActionReader(
    key="easyenergy",
    name="easyEnergy",
    domain="easyenergy",
    action="get_energy_usage_prices",
    target=Target.ENTRY,
    requests=lambda asked: [
        {**data, "incl_vat": True, "price_type": "invoice"} for data in _requests(asked)
    ],
    read=read,
    unit=EUR_PER_KWH,
)
FEED_IN = replace(
    READER,
    key="easyenergy_return",
    name="easyEnergy (feed-in)",
    action="get_energy_return_prices",
    requests=_requests,
    feed_in=True,
)
