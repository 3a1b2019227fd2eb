"""GE-Spot: lists of today and tomorrow; the value has all that it was told to add."""

from collections.abc import Sequence

from ..told import points
from .reader import AttributeReader, Layers, Look, has_list


def read(looks: Sequence[Look]) -> Layers:
    """Return both lists; the ends are not told."""
    look = looks[0]
    return [
        points(look.attributes.get(name), look.zone, start=("time",), value=("value",))
        for name in ("today_interval_prices", "tomorrow_interval_prices")
    ]


READER = AttributeReader(
    key="ge_spot",
    name="GE-Spot",
    domain="ge_spot",
    recognise=lambda look: has_list(look, "today_interval_prices", "time", "value"),
    read=read,
)
