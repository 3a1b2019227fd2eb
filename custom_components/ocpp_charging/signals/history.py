"""What Home Assistant's recorder keeps for ever: the statistics of each hour."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
import logging
from typing import Final

from homeassistant.components.recorder.statistics import statistics_during_period
from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import DATA_INSTANCE, get_instance
from sqlalchemy.exc import SQLAlchemyError

_LOGGER = logging.getLogger(__name__)

REACH: Final = timedelta(days=56)
"""How far back is looked."""
UNITS: Final = {"power": "W", "energy": "Wh", "electric_current": "A"}

type Hours = Mapping[datetime, float]
"""By the beginning of each hour, in UTC."""


async def async_means(
    hass: HomeAssistant, ids: Collection[str], now: datetime
) -> dict[str, Hours]:
    """Return the means of each hour: powers in W, currents in A, else as they are."""
    return await _async_read(hass, ids, now, "mean")


async def async_changes(
    hass: HomeAssistant, ids: Collection[str], now: datetime
) -> dict[str, Hours]:
    """Return by how much counters of energy went on in each hour, in Wh."""
    return await _async_read(hass, ids, now, "change")


async def _async_read(
    hass: HomeAssistant, ids: Collection[str], now: datetime, kind: str
) -> dict[str, Hours]:
    """Return what is known; nothing without recorder, or when it cannot be read."""
    if not ids or DATA_INSTANCE not in hass.data:
        return {}
    full_hour = now.replace(minute=0, second=0, microsecond=0)
    try:
        rows = await get_instance(hass).async_add_executor_job(
            statistics_during_period,
            hass,
            full_hour - REACH,
            full_hour,
            set(ids),
            "hour",
            UNITS,
            {kind},
        )
    except SQLAlchemyError as error:
        # With the text of the error goes what was asked, and where.
        _LOGGER.debug("Statistics cannot be read: %s", type(error).__name__)
        return {}
    return {
        entity_id: {
            datetime.fromtimestamp(row["start"], UTC): value
            for row in found
            if isinstance(value := row.get(kind), float | int)
        }
        for entity_id, found in rows.items()
    }
