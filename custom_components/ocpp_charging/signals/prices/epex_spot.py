"""EPEX Spot: one list of all known prices; older versions tell cents."""

from collections.abc import Sequence

from ..told import points
from ..units import Unit
from .reader import AttributeReader, Layers, Look, has_list

_CENTS = "price_ct_per_kwh"
_MAIN = "price_per_kwh"


def read(looks: Sequence[Look]) -> Layers:
    """Return the list."""
    look = looks[0]
    told = points(
        look.attributes.get("data"),
        look.zone,
        start=("start_time",),
        end=("end_time",),
        value=(_MAIN, _CENTS),
    )
    cents = has_list(look, "data", _CENTS)
    return [told.in_unit(Unit(factor=0.01)) if cents else told]


READER = AttributeReader(
    key="epex_spot",
    name="EPEX Spot",
    domain="epex_spot",
    recognise=lambda look: (
        has_list(look, "data", "start_time", _MAIN)
        or has_list(look, "data", "start_time", _CENTS)
    ),
    read=read,
)
