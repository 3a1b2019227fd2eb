"""Zonneplan ONE, the custom integration: a list in ten-millionths of a euro, with tax.

Newer versions tell `price_tax_included` as `{"amount": 2461234}` with `start_date` and
`end_date`, in hours or quarters; older ones `electricity_price` with a `datetime`.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from ..told import points
from .reader import EUR_PER_KWH, AttributeReader, Layers, Look, has_list

_AMOUNT: Final = "price_tax_included"
_EARLIER: Final = "electricity_price"
_EURO: Final = 10_000_000


def read(looks: Sequence[Look]) -> Layers:
    """Return the list."""
    look = looks[0]
    return [
        points(
            [_in_euros(item) for item in look.attributes.get("forecast") or ()],
            look.zone,
            start=("start_date", "datetime"),
            end=("end_date",),
            value=("price",),
        )
    ]


def _in_euros(item: object) -> object:
    if not isinstance(item, Mapping):
        return item
    told = item.get(_AMOUNT, item.get(_EARLIER))
    amount = told.get("amount") if isinstance(told, Mapping) else told
    if not isinstance(amount, int | float):
        return item
    return {**item, "price": amount / _EURO}


READER = AttributeReader(
    key="zonneplan_one",
    name="Zonneplan ONE",
    domain="zonneplan_one",
    recognise=lambda look: (
        has_list(look, "forecast", _AMOUNT, "start_date")
        or has_list(look, "forecast", _EARLIER, "datetime")
    ),
    read=read,
    unit=EUR_PER_KWH,
)
