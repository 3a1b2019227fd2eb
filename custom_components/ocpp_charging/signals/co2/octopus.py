"""Octopus Energy: a score from 0 to 100 of how green each of the next nights is.

A score is not a measure of CO2. It is taken as if 100 were none, and 0 what the grid of
Great Britain has at its dirtiest: right in what is greener, and about right in grams.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from ..prices.reader import AttributeReader, Layers, Look, has_list
from ..told import points

GRAMS_PER_POINT: Final = 3.0


def read(looks: Sequence[Look]) -> Layers:
    """Return the forecast."""
    look = looks[0]
    told = points(
        look.attributes.get("forecast"),
        look.zone,
        start=("start",),
        end=("end",),
        value=("greenness_score",),
    )
    grams = tuple(
        replace(point, value=(100 - point.value) * GRAMS_PER_POINT)
        for point in told.points
    )
    return [replace(told, points=grams)]


READER = AttributeReader(
    key="octopus",
    name="Octopus Energy",
    domain="octopus_energy",
    recognise=lambda look: has_list(look, "forecast", "start", "greenness_score"),
    read=read,
)
