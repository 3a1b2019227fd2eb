"""Any other entity with a list of CO2: most names and shapes are understood."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from ..prices.list_attribute import ENDS, STARTS
from ..prices.reader import AttributeReader, Layers, Look
from ..told import Told, number, points
from ..units import to_grams_per_kwh

NAMES: Final = (
    *("co2", "co2_intensity", "carbon_intensity", "carbonIntensity", "intensity"),
    *("co2_emission", "co2Emission", "CO2Emission", "emission", "emissions", "gco2"),
    *("g_per_kwh", "co2_g_per_kwh", "intensity_forecast", "co2_g_standard"),
)
"""Keys that say that it is CO2."""
VALUES: Final = (*NAMES, "forecast", "actual", "value")
"""Keys that hold the number; the last ones say so only with a unit of CO2."""


def read(looks: Sequence[Look]) -> Layers:
    """Return the first list that tells something."""
    look = looks[0]
    for items in _lists(look):
        told = points(items, look.zone, start=STARTS, end=ENDS, value=VALUES)
        if told.points:
            return [told]
    return [Told()]


def recognise(look: Look) -> bool:
    """Say whether there is a list of what is called, or measured as, CO2."""
    unit = to_grams_per_kwh(look.attributes.get("unit_of_measurement"))
    keys = VALUES if unit is not None else NAMES
    return any(
        any(key in items[0] for key in keys) and any(key in items[0] for key in STARTS)
        for items in _lists(look)
    )


def _lists(look: Look) -> Iterator[Sequence[Mapping[str, Any]]]:
    """Yield the lists of an entity's attributes, one mapping for each time."""
    for attribute in look.attributes.values():
        if isinstance(attribute, Mapping):
            items: list[Any] = [
                {"start": key, "value": value} for key, value in attribute.items()
            ]
        elif isinstance(attribute, list | tuple):
            items = [_flat(item) for item in attribute]
        else:
            continue
        if len(items) > 1 and isinstance(items[0], Mapping):
            yield items


def _flat(item: object) -> object:
    """Return an item with its number at the top; a pair is time and number."""
    if isinstance(item, list | tuple) and len(item) == 2:
        return {"start": item[0], "value": item[1]}
    if not isinstance(item, Mapping):
        return item
    inner = item.get("intensity")
    if isinstance(inner, Mapping):
        values = (number(inner.get(key)) for key in ("forecast", "actual"))
        found = next((value for value in values if value is not None), None)
        return {**item, "intensity": found}
    return item


READER = AttributeReader(
    key="list_attribute", name="List of CO2", recognise=recognise, read=read
)
