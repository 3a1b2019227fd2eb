"""The choices: which car is at a connector, and how it is charged."""

from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .hub import OcppConfigEntry
from .plan_controls import PLAN_SELECTS, PlanSelect
from .plan_entity import PlanEntities
from .vehicle_entities import CarSelects

# Nothing is sent to a charger.
PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant,
    entry: OcppConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the choices of all connectors."""
    entry.async_on_unload(CarSelects(entry, async_add_entities).async_start())
    plans = PlanEntities(
        entry, Platform.SELECT, async_add_entities, PLAN_SELECTS, PlanSelect
    )
    entry.async_on_unload(plans.async_start())
