"""The days: on which one the car is to be ready."""

from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .hub import OcppConfigEntry
from .plan_controls import PLAN_DATES, PlanDate
from .plan_entity import PlanEntities

# Nothing is sent to a charger.
PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant,
    entry: OcppConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the dates of all connectors."""
    plans = PlanEntities(entry, Platform.DATE, async_add_entities, PLAN_DATES, PlanDate)
    entry.async_on_unload(plans.async_start())
