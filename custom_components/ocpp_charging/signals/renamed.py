"""Keeps the settings of signals right when the owner gives an entity another id.

Sources of prices and CO2 are kept by their id in the registry, which stays. Those of
the house, its battery and the grid are kept by the id that their form shows, and
follow it here.
"""

from collections.abc import Callable, Mapping
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.helpers.entity_registry import (
    EVENT_ENTITY_REGISTRY_UPDATED,
    EventEntityRegistryUpdatedData,
)

from .keeper import Topic

_FOLLOWED = (Topic.HOUSE, Topic.GRID, Topic.SURPLUS)


@callback
def async_follow_renamed(hass: HomeAssistant, entry: ConfigEntry) -> Callable[[], None]:
    """Begin to follow the entities that the options name; returns how to stop."""

    @callback
    def renamed(event: Event[EventEntityRegistryUpdatedData]) -> None:
        data = event.data
        if data["action"] != "update" or "old_entity_id" not in data:
            return
        old, new = data["old_entity_id"], data["entity_id"]
        options = {
            key: replaced(value, old, new) if key in _FOLLOWED else value
            for key, value in entry.options.items()
        }
        hass.config_entries.async_update_entry(entry, options=options)

    return hass.bus.async_listen(EVENT_ENTITY_REGISTRY_UPDATED, renamed)


def replaced(kept: Any, old: str, new: str) -> Any:
    """Return settings in which one text is another one, however deep it lies."""
    if isinstance(kept, Mapping):
        return {key: replaced(value, old, new) for key, value in kept.items()}
    if isinstance(kept, list | tuple):
        return [replaced(value, old, new) for value in kept]
    return new if kept == old else kept
