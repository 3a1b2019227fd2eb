"""CO2 of the electricity from the grid: readers for the sources that owners have.

As with prices, each reader is a file of its own; where several fit an entity, the first
one counts.
"""

from typing import Final

from ..prices.reader import AttributeReader
from . import (
    carbon_intensity,
    carbon_intensity_uk,
    energi_data_service,
    list_attribute,
    octopus,
    present_value,
)

READERS: Final[tuple[AttributeReader, ...]] = (
    energi_data_service.READER,
    octopus.READER,
    carbon_intensity.READER,
    carbon_intensity_uk.READER,
    list_attribute.READER,
    present_value.READER,
)
BY_KEY: Final = {reader.key: reader for reader in READERS}
PRESENT_VALUE: Final = present_value.READER.key
"""The reader whose source tells no forecast: it is extended by what is usual."""
GENERAL: Final = frozenset({list_attribute.READER.key, PRESENT_VALUE})
"""Readers that may be tried with whatever the owner names."""
