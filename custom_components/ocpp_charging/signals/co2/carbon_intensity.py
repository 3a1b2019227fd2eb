"""Carbon Intensity (Great Britain): half hours of today, and of tomorrow beside it."""

from collections.abc import Sequence

from ..prices.reader import AttributeReader, Companion, Layers, Look, has_list
from ..told import points


def read(looks: Sequence[Look]) -> Layers:
    """Return the forecasts of both days."""
    return [
        points(
            look.attributes.get("rates"),
            look.zone,
            start=("from",),
            end=("to",),
            value=("intensity_forecast",),
        )
        for look in looks
    ]


READER = AttributeReader(
    key="carbon_intensity",
    name="Carbon Intensity",
    domain="carbon_intensity",
    recognise=lambda look: has_list(look, "rates", "from", "intensity_forecast"),
    read=read,
    companions=(
        Companion(domain="event", old="current_day_rates", new="next_day_rates"),
    ),
)
