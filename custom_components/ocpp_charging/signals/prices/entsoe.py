"""ENTSO-e: the lists of its average price, or an action; ends are not told."""

from collections.abc import Mapping, Sequence
from datetime import tzinfo
from typing import Any

from ..told import points
from .reader import (
    EUR_PER_KWH,
    ActionReader,
    AttributeReader,
    Layers,
    Look,
    Parts,
    Target,
    has_list,
)


def read(looks: Sequence[Look]) -> Layers:
    """Return today's and tomorrow's prices; times are texts with a space."""
    look = looks[0]
    return [
        points(look.attributes.get(name), look.zone, start=("time",), value=("price",))
        for name in ("prices_today", "prices_tomorrow")
    ]


def read_action(response: Mapping[str, Any], zone: tzinfo) -> Parts:
    """Return the prices of the days that were asked for."""
    return {
        "": points(response["prices"], zone, start=("timestamp",), value=("price",))
    }


READER = AttributeReader(
    key="entsoe",
    name="ENTSO-e",
    domain="entsoe",
    recognise=lambda look: has_list(look, "prices_today", "time", "price"),
    read=read,
    unit=EUR_PER_KWH,
)
ACTION = ActionReader(
    key="entsoe_action",
    name="ENTSO-e",
    domain="entsoe",
    action="get_energy_prices",
    target=Target.ENTRY,
    requests=lambda asked: [
        {
            "config_entry": asked.target,
            "start": asked.midnights[0].isoformat(),
            "end": asked.midnights[1].isoformat(),
        }
    ],
    read=read_action,
    unit=EUR_PER_KWH,
)
