"""The calendars: what was charged at a connector, and what is planned."""

from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .hub import OcppConfigEntry
from .plan_calendar import PLAN_CALENDARS, PlanCalendar
from .plan_entity import PlanEntities

# Nothing is sent to a charger.
PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant,
    entry: OcppConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the calendars of all connectors."""
    plans = PlanEntities(
        entry, Platform.CALENDAR, async_add_entities, PLAN_CALENDARS, PlanCalendar
    )
    entry.async_on_unload(plans.async_start())
