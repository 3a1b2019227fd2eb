"""ecosmart (New Zealand): an action for each connection point, in cents with GST."""

from collections.abc import Mapping
from datetime import timedelta, tzinfo
from typing import Any

from ..told import points
from ..units import Unit
from .reader import ActionReader, Parts, Target


def read(response: Mapping[str, Any], zone: tzinfo) -> Parts:
    """Return the forecast by half hours; the ends are not told."""
    return {
        "": points(response["forecasts"], zone, start=("start_time",), value=("price",))
    }


READER = ActionReader(
    key="ecosmart",
    name="ecosmart",
    domain="ecosmart",
    action="get_forecasts",
    target=Target.DEVICE,
    requests=lambda asked: [{"device_id": asked.target}],
    read=read,
    unit=Unit(factor=0.01, currency="NZD"),
    # Each call counts against a limit, and the market tells anew by half hours.
    every=timedelta(minutes=30),
)
