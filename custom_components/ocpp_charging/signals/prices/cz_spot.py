"""Czech Energy Spot Prices: the attributes themselves are a table, by local time."""

from collections.abc import Mapping, Sequence
import re
from typing import Any, Final

from ..told import points
from .reader import AttributeReader, Layers, Look

_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d")


def _table(attributes: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {"start": name, "price": value}
        for name, value in attributes.items()
        if _TIME.fullmatch(name)
    ]


def read(looks: Sequence[Look]) -> Layers:
    """Return the prices of today, and of tomorrow when they are known."""
    look = looks[0]
    items = _table(look.attributes)
    return [points(items, look.zone, start=("start",), value=("price",))]


READER = AttributeReader(
    key="cz_spot",
    name="Czech Energy Spot Prices",
    domain="cz_energy_spot_prices",
    recognise=lambda look: bool(_table(look.attributes)),
    read=read,
)
