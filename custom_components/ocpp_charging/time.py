"""The times: by when the car is to be ready."""

from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .hub import OcppConfigEntry
from .plan_controls import PLAN_TIMES, PlanTime
from .plan_entity import PlanEntities

# Nothing is sent to a charger.
PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant,
    entry: OcppConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the times of all connectors."""
    plans = PlanEntities(entry, Platform.TIME, async_add_entities, PLAN_TIMES, PlanTime)
    entry.async_on_unload(plans.async_start())
