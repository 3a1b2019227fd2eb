"""Keeps settings right when the owner gives an entity another id.

Sources of prices and CO2 are kept by their id in the registry, which stays. Those of
the house, its battery, the grid, fuses and cars are kept by the id that their form
shows, and follow it here.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.helpers.entity_registry import (
    EVENT_ENTITY_REGISTRY_UPDATED,
    EventEntityRegistryUpdatedData,
)

from .const import SUBENTRY_CIRCUIT, SUBENTRY_VEHICLE
from .signals.keeper import Topic

_TOPICS: Final = (Topic.HOUSE, Topic.GRID, Topic.SURPLUS)
_SUBENTRIES: Final = (SUBENTRY_CIRCUIT, SUBENTRY_VEHICLE)


@callback
def async_follow_renamed(hass: HomeAssistant, entry: ConfigEntry) -> Callable[[], None]:
    """Begin to follow the entities that the settings name; returns how to stop."""

    @callback
    def renamed(event: Event[EventEntityRegistryUpdatedData]) -> None:
        data = event.data
        if data["action"] != "update" or "old_entity_id" not in data:
            return
        old, new = data["old_entity_id"], data["entity_id"]
        options = {
            key: replaced(value, old, new) if key in _TOPICS else value
            for key, value in entry.options.items()
        }
        hass.config_entries.async_update_entry(entry, options=options)
        for subentry in tuple(entry.subentries.values()):
            if subentry.subentry_type in _SUBENTRIES:
                hass.config_entries.async_update_subentry(
                    entry, subentry, data=replaced(subentry.data, old, new)
                )

    return hass.bus.async_listen(EVENT_ENTITY_REGISTRY_UPDATED, renamed)


def replaced(kept: Any, old: str, new: str) -> Any:
    """Return settings in which one text is another one, however deep it lies."""
    if isinstance(kept, Mapping):
        return {key: replaced(value, old, new) for key, value in kept.items()}
    if isinstance(kept, list | tuple):
        return [replaced(value, old, new) for value in kept]
    return new if kept == old else kept
