"""Energi Data Service: lists of today and tomorrow, and a forecast of later days."""

from collections.abc import Sequence

from ..told import points
from .reader import AttributeReader, Layers, Look, has_list


def read(looks: Sequence[Look]) -> Layers:
    """Return the lists; the forecast counts only where no price is known."""
    look = looks[0]
    return [
        points(look.attributes.get(name), look.zone, start=("hour",), value=("price",))
        for name in ("raw_today", "raw_tomorrow", "forecast")
    ]


READER = AttributeReader(
    key="energi_data_service",
    name="Energi Data Service",
    domain="energidataservice",
    recognise=lambda look: has_list(look, "raw_today", "hour", "price"),
    read=read,
)
