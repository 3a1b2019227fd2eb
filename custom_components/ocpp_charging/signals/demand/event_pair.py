"""An event that two sensors tell: when it begins, and when it ends.

Such as those of Axle and of Hydro-Québec, and Electric Kiwi's hour of free power. The
owner names the first sensor; the other is found by the ids that their integration gave
them, which stay when entities are renamed.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from homeassistant.core import HomeAssistant, State
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util

from ..told import moment

_ENDS: Final = {"begins": "ends", "begin": "end", "starts": "ends", "start": "end"}
"""What the end is called, by what the beginning is."""
_DIRECTION: Final = "_import_export"
"""How Axle's unique id of the sensor ends that says what is wanted of the home."""


def is_begin(state: State) -> bool:
    """Say whether a sensor tells when something begins."""
    named = state.entity_id.partition(".")[2]
    timed = state.attributes.get("device_class") == "timestamp"
    return timed and next(_as_end(named), None) is not None


def find_end(hass: HomeAssistant, begin_id: str) -> str | None:
    """Return the sensor that tells the end of what another tells the beginning of."""
    registry = er.async_get(hass)
    begin = registry.async_get(begin_id)
    if begin is None:
        named = (each for each in _as_end(begin_id) if hass.states.get(each))
        return next(named, None)
    wanted = set(_as_end(begin.unique_id))
    for each in _siblings(registry, begin):
        if each.unique_id in wanted:
            return each.entity_id
    return None


def find_direction(hass: HomeAssistant, begin_id: str) -> str:
    """Return what is wanted during an event, such as "export"; empty if not told."""
    registry = er.async_get(hass)
    begin = registry.async_get(begin_id)
    if begin is None:
        return ""
    for each in _siblings(registry, begin):
        state = hass.states.get(each.entity_id)
        if each.unique_id.endswith(_DIRECTION) and state is not None:
            return state.state if state.state in {"import", "export"} else ""
    return ""


def span(begin: State, end: State) -> tuple[datetime, datetime] | None:
    """Return the event that two sensors tell; None where they tell none.

    For a moment they may be of two events: then they tell none.
    """
    zone = dt_util.get_default_time_zone()
    start, until = (moment(each.state, zone, set()) for each in (begin, end))
    if start is None or until is None or until <= start:
        return None
    return start, until


def _siblings(
    registry: er.EntityRegistry, begin: er.RegistryEntry
) -> Iterator[er.RegistryEntry]:
    for each in registry.entities.values():
        if (each.platform, each.domain, each.config_entry_id) == (
            begin.platform,
            begin.domain,
            begin.config_entry_id,
        ):
            yield each


def _as_end(begin: str) -> Iterator[str]:
    """Yield what the end may be called, by the name of the beginning."""
    for word, end in _ENDS.items():
        before, found, after = begin.rpartition(word)
        if found:
            yield f"{before}{end}{after}"
