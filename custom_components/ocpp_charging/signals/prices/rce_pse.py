"""RCE PSE (Poland): quarters of today, and of tomorrow at a second sensor.

A quarter is told by when it ends, in local time.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

from ..told import Told, points
from ..units import Unit
from .reader import AttributeReader, Companion, Layers, Look, has_list

_QUARTER: Final = timedelta(minutes=15)


def read(looks: Sequence[Look]) -> Layers:
    """Return the prices of both days."""
    return [_day(look) for look in looks]


def _day(look: Look) -> Told:
    told = points(
        look.attributes.get("prices"), look.zone, start=("dtime",), value=("rce_pln",)
    )
    quarters = tuple(
        replace(point, start=point.start - _QUARTER, end=point.start)
        for point in told.points
    )
    return replace(told, points=quarters)


READER = AttributeReader(
    key="rce_pse",
    name="RCE PSE",
    domain="rce_pse",
    # Tomorrow's sensor has the same list, and is no source of its own.
    recognise=lambda look: (
        has_list(look, "prices", "dtime", "rce_pln")
        and "available_after" not in look.attributes
    ),
    read=read,
    unit=Unit(factor=1 / 1000, currency="PLN"),
    companions=(Companion(domain="sensor", old="today_price", new="tomorrow_price"),),
)
