"""Strømligning: today's prices at a sensor, tomorrow's at a binary sensor."""

from collections.abc import Sequence

from ..told import points
from ..units import Unit
from .reader import AttributeReader, Companion, Layers, Look, has_list


def read(looks: Sequence[Look]) -> Layers:
    """Return the prices of the sensor, then what its companions tell of later."""
    return [
        points(
            look.attributes.get("prices"),
            look.zone,
            start=("start",),
            end=("end",),
            value=("price",),
        )
        for look in looks
    ]


READER = AttributeReader(
    key="stromligning",
    name="Strømligning",
    domain="stromligning",
    recognise=lambda look: has_list(look, "prices", "start", "end", "price"),
    read=read,
    unit=Unit(currency="DKK"),
    companions=(
        Companion(
            domain="binary_sensor", old="current_price", new="tomorrow_available"
        ),
        Companion(domain="binary_sensor", old="spotprice", new="tomorrow_spotprice"),
        Companion(domain="sensor", old="current_price", new="forecasts"),
    ),
)
