"""Green Planet Energy: an action, the next 24 hours per kWh."""

from collections.abc import Mapping
from datetime import timedelta, tzinfo
from typing import Any

from ..told import points
from .reader import EUR_PER_KWH, ActionReader, Parts, Target


def read(response: Mapping[str, Any], zone: tzinfo) -> Parts:
    """Return the prices from the present quarter on."""
    return {
        "": points(
            response["prices"], zone, start=("start",), end=("end",), value=("price",)
        )
    }


READER = ActionReader(
    key="green_planet",
    name="Green Planet Energy",
    domain="green_planet_energy",
    action="get_prices",
    target=Target.ENTRY,
    requests=lambda asked: [{"config_entry_id": asked.target, "hours": 24}],
    read=read,
    unit=EUR_PER_KWH,
    every=timedelta(minutes=15),
)
