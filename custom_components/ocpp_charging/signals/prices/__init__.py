"""Prices of electricity: readers for the sources that owners already have.

Each reader is a file of its own and says how its source is recognised and read; here
is their table. Where several fit an entity, the first one counts.
"""

from typing import Final

from . import (
    amber,
    cz_spot,
    easyenergy,
    ecosmart,
    energi_data_service,
    energyzero,
    engie_be,
    entsoe,
    epex_spot,
    ge_spot,
    green_planet,
    list_attribute,
    nordpool,
    nordpool_hacs,
    octopus,
    omie,
    present_value,
    pvpc,
    rce_pse,
    stromligning,
    tibber,
    zonneplan_one,
)
from .reader import ActionReader, AttributeReader

ACTION_READERS: Final[tuple[ActionReader, ...]] = (
    nordpool.READER,
    tibber.READER,
    easyenergy.READER,
    easyenergy.FEED_IN,
    energyzero.READER,
    amber.READER,
    amber.CONTROLLED_LOAD,
    amber.FEED_IN,
    omie.READER,
    green_planet.READER,
    ecosmart.READER,
    engie_be.READER,
    entsoe.ACTION,
)
ATTRIBUTE_READERS: Final[tuple[AttributeReader, ...]] = (
    nordpool_hacs.READER,
    octopus.READER,
    energi_data_service.READER,
    stromligning.READER,
    entsoe.READER,
    epex_spot.READER,
    ge_spot.READER,
    pvpc.READER,
    zonneplan_one.READER,
    cz_spot.READER,
    rce_pse.READER,
    list_attribute.READER,
    present_value.READER,
)
ACTIONS: Final = {reader.key: reader for reader in ACTION_READERS}
ATTRIBUTES: Final = {reader.key: reader for reader in ATTRIBUTE_READERS}
GENERAL: Final = frozenset({list_attribute.READER.key, present_value.READER.key})
"""Readers that fit sources which no other reader knows."""
