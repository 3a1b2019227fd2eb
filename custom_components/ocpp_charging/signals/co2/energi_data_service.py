"""Energi Data Service: a table of today, from the local time of day to g/kWh.

It goes in steps of five minutes. In the hour that is there twice in autumn the two
cannot be told apart: it counts as the first, and the second is not known.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, time

from ..prices.reader import AttributeReader, Layers, Look
from ..told import Told, points


def read(looks: Sequence[Look]) -> Layers:
    """Return the table, of the day on which it was told."""
    look = looks[0]
    table = look.attributes.get("emissions")
    if not isinstance(table, Mapping):
        return [Told()]
    items = [
        {"start": _moment(look, text), "value": value} for text, value in table.items()
    ]
    return [points(items, look.zone, start=("start",), value=("value",))]


def _moment(look: Look, text: object) -> datetime | None:
    try:
        return datetime.combine(look.day, time.fromisoformat(str(text)), look.zone)
    except ValueError:
        return None


READER = AttributeReader(
    key="energi_data_service",
    name="Energi Data Service",
    domain="energidataservice",
    recognise=lambda look: isinstance(look.attributes.get("emissions"), Mapping),
    read=read,
)
