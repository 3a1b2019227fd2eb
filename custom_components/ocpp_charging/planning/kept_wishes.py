"""Keeps wishes and stays over restarts, in Home Assistant's own storage."""

from collections.abc import Collection, Mapping
import logging
from typing import Any, Final

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.storage import Store

from ..const import DOMAIN
from .waking import Wake
from .wishes import Wishes

_LOGGER = logging.getLogger(__name__)

VERSION: Final = 1
_WAKE: Final = "wake"
_PHASES: Final = "phases"
_STAY: Final = "stay"
DELAY_S: Final = 0
"""So long after a wish has changed they are written: at once, for a switch that was
turned off just before the power failed is off."""


def _store(hass: HomeAssistant, entry_id: str) -> Store[dict[str, Any]]:
    return Store(hass, VERSION, f"{DOMAIN}.{entry_id}.wishes")


class KeptWishes:
    """The wishes of all connectors of a central system, on disk a moment later.

    They are by the charger's subentry id and the connector's number. So is what is
    known of the stay of the car there, in parts: each part is its owner's.
    """

    def __init__(self, hass: HomeAssistant, entry_id: str) -> None:
        """Begin with none."""
        self._store = _store(hass, entry_id)
        self._kept: dict[str, dict[str, Any]] = {}
        self._loaded = False

    async def async_load(self) -> None:
        """Read what was kept; what cannot be read is said once, and is not there."""
        if self._loaded:
            return
        try:
            self._kept = dict(await self._store.async_load() or {})
        except Exception as error:  # noqa: BLE001
            # Whatever is wrong with a file: wishes are no reason not to charge.
            _LOGGER.error("What was wished of the chargers cannot be read: %s", error)
        self._loaded = True

    def get(self, key: tuple[str, int]) -> Wishes:
        """Return what was wished at a connector."""
        data: Mapping[str, Any] | None = self._kept.get(_name(key))
        if not data:
            return Wishes()
        try:
            return Wishes.from_data(data)
        except (ValueError, TypeError, AttributeError) as error:
            _LOGGER.error("What was wished of a charger cannot be used: %s", error)
            return Wishes()

    @callback
    def async_set(self, key: tuple[str, int], wishes: Wishes) -> None:
        """Keep what is wished at a connector."""
        self._kept[_name(key)] = wishes.as_data()
        self._async_save()

    def stay(self, key: tuple[str, int]) -> Mapping[str, Any]:
        """Return what was known of a stay: its parts by their names."""
        kept = self._kept.get(f"{_name(key)}/{_STAY}")
        return kept if isinstance(kept, dict) else {}

    @callback
    def async_note(self, key: tuple[str, int], part: str, value: object) -> None:
        """Keep a part of what is known of a stay; None is nothing."""
        before = self.stay(key)
        if before.get(part) == value:
            return
        after = {name: one for name, one in before.items() if name != part}
        if value is not None:
            after[part] = value
        self._kept[f"{_name(key)}/{_STAY}"] = after
        self._async_save()

    @callback
    def async_end_stay(self, key: tuple[str, int]) -> None:
        """Keep nothing more of a stay that is over."""
        if self._kept.pop(f"{_name(key)}/{_STAY}", None) is not None:
            self._async_save()

    def wake(self, vehicle: str) -> Wake | None:
        """Return what has woken a car before, by its subentry id; None for nothing."""
        data = self._kept.get(f"{vehicle}/{_WAKE}")
        try:
            return None if data is None else Wake(data[_WAKE])
        except ValueError, KeyError, TypeError:
            _LOGGER.error("What has woken a car before cannot be read")
            return None

    @callback
    def async_set_wake(self, vehicle: str, helped: Wake) -> None:
        """Keep what has woken a car."""
        if self.wake(vehicle) is not helped:
            self._kept[f"{vehicle}/{_WAKE}"] = {_WAKE: helped.value}
            self._async_save()

    def phases(self, vehicle: str) -> int | None:
        """Return on how many phases a car was seen to charge; None: never seen."""
        data = self._kept.get(f"{vehicle}/{_PHASES}")
        count = data.get(_PHASES) if isinstance(data, dict) else None
        return count if isinstance(count, int) and 1 <= count <= 3 else None

    @callback
    def async_set_phases(self, vehicle: str, count: int) -> None:
        """Keep on how many phases a car was seen to charge."""
        if self.phases(vehicle) != count:
            self._kept[f"{vehicle}/{_PHASES}"] = {_PHASES: count}
            self._async_save()

    @callback
    def async_keep_cars(self, vehicles: Collection[str]) -> None:
        """Keep nothing more of cars that are not among these."""
        for name in tuple(self._kept):
            owner, _, what = name.partition("/")
            if what in {_WAKE, _PHASES} and owner not in vehicles:
                self.async_forget(owner)

    @callback
    def async_forget(self, subentry_id: str) -> None:
        """Keep nothing more of a charger, or of a car."""
        gone = [name for name in self._kept if name.startswith(f"{subentry_id}/")]
        for name in gone:
            del self._kept[name]
        if gone:
            self._async_save()

    @callback
    def _async_save(self) -> None:
        self._store.async_delay_save(lambda: dict(self._kept), DELAY_S)

    async def async_stop(self) -> None:
        """Write what is not written yet."""
        if self._loaded:
            await self._store.async_save(dict(self._kept))


async def async_remove_wishes(hass: HomeAssistant, entry_id: str) -> None:
    """Delete what was kept for a central system that is removed."""
    await _store(hass, entry_id).async_remove()


def _name(key: tuple[str, int]) -> str:
    return f"{key[0]}/{key[1]}"
