"""EnergyZero: an action, the price with all taxes per kWh."""

from collections.abc import Mapping
from datetime import tzinfo
from typing import Any

from ..told import points
from .reader import EUR_PER_KWH, ActionReader, Parts, Target


def read(response: Mapping[str, Any], zone: tzinfo) -> Parts:
    """Return the prices; times are texts such as `2026-11-22 23:00:00+00:00`."""
    return {
        "": points(
            response["prices"],
            zone,
            start=("start", "timestamp"),
            end=("end",),
            value=("price",),
        )
    }


READER = ActionReader(
    key="energyzero",
    name="EnergyZero",
    domain="energyzero",
    action="get_energy_prices",
    target=Target.ENTRY,
    requests=lambda asked: [
        {
            "config_entry": asked.target,
            "incl_vat": True,
            "price_type": "all_in",
            "interval": "quarter",
            "start": day.isoformat(),
            "end": day.isoformat(),
        }
        for day in asked.days()
    ],
    read=read,
    unit=EUR_PER_KWH,
)
