"""Carbon Intensity UK: an attribute with the next day or two, by hours, in g/kWh."""

from collections.abc import Sequence

from ..prices.reader import AttributeReader, Layers, Look, has_list
from ..told import points


def read(looks: Sequence[Look]) -> Layers:
    """Return the forecast."""
    look = looks[0]
    return [
        points(
            look.attributes.get("forecast"),
            look.zone,
            start=("from",),
            end=("to",),
            value=("intensity",),
        )
    ]


READER = AttributeReader(
    key="carbon_intensity_uk",
    name="Carbon Intensity UK",
    domain="carbon_intensity_uk",
    recognise=lambda look: has_list(look, "forecast", "from", "intensity"),
    read=read,
)
