"""Nord Pool as a custom integration: lists of today and tomorrow."""

from collections.abc import Sequence

from ..told import points
from .reader import AttributeReader, Layers, Look, has_list


def read(looks: Sequence[Look]) -> Layers:
    """Return both lists; costs and taxes are in them as that integration was set up."""
    look = looks[0]
    return [
        points(
            look.attributes.get(name),
            look.zone,
            start=("start",),
            end=("end",),
            value=("value",),
        )
        for name in ("raw_today", "raw_tomorrow")
    ]


READER = AttributeReader(
    key="nordpool_hacs",
    name="Nord Pool (custom integration)",
    domain="nordpool",
    recognise=lambda look: has_list(look, "raw_today", "start", "end", "value"),
    read=read,
)
