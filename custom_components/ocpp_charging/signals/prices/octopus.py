"""Octopus Energy: events that have the rates of a day, by half hours with VAT."""

from collections.abc import Sequence

from ..told import points
from ..units import Unit
from .reader import AttributeReader, Companion, Layers, Look, has_list


def read(looks: Sequence[Look]) -> Layers:
    """Return the rates of the current day, then those of the next."""
    return [
        points(
            look.attributes.get("rates"),
            look.zone,
            start=("start",),
            end=("end",),
            value=("value_inc_vat",),
        )
        for look in looks
    ]


def _recognise(look: Look) -> bool:
    """Say whether these are rates of electricity: those of gas have no `mpan`."""
    return has_list(look, "rates", "start", "value_inc_vat") and (
        "mpan" in look.attributes
    )


READER = AttributeReader(
    key="octopus",
    name="Octopus Energy",
    domain="octopus_energy",
    recognise=_recognise,
    read=read,
    unit=Unit(currency="GBP"),
    companions=(
        Companion(domain="event", old="_current_day_rates", new="_next_day_rates"),
    ),
)
