"""Amber Electric: an action for each channel; 5 and 30 minutes mixed.

For feed-in the integration has turned the sign: what is paid to the owner is positive,
as here. Starts are one second late.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta, tzinfo
from typing import Any

from ..told import Told, points
from ..units import Unit
from .reader import ActionReader, Asked, Look, Parts, Target


def read(response: Mapping[str, Any], zone: tzinfo) -> Parts:
    """Return the forecast; the present interval is not in it."""
    return {"": _points(response["forecasts"], zone)}


def _present(channel: str) -> Callable[[Look], Told]:
    """Return how to read the present price from the sensor of a channel."""
    return lambda look: (
        _points([look.attributes], look.zone)
        if look.attributes.get("channel_type") == channel
        and "per_kwh" in look.attributes
        else Told()
    )


def _points(items: object, zone: tzinfo) -> Told:
    return points(
        items, zone, start=("start_time",), end=("end_time",), value=("per_kwh",)
    )


def _requests(channel: str) -> Callable[[Asked], Sequence[Mapping[str, Any]]]:
    return lambda asked: [{"config_entry_id": asked.target, "channel_type": channel}]


READER = ActionReader(
    key="amber",
    name="Amber Electric",
    domain="amberelectric",
    action="get_forecasts",
    target=Target.ENTRY,
    requests=_requests("general"),
    read=read,
    unit=Unit(currency="AUD"),
    every=timedelta(minutes=5),
    present=_present("general"),
)
CONTROLLED_LOAD = replace(
    READER,
    key="amber_controlled_load",
    name="Amber Electric (controlled load)",
    requests=_requests("controlled_load"),
    present=_present("controlledLoad"),
)
FEED_IN = replace(
    READER,
    key="amber_feed_in",
    name="Amber Electric (feed-in)",
    requests=_requests("feed_in"),
    present=_present("feedIn"),
    feed_in=True,
)
