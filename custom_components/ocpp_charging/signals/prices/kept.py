"""The prices that were told, kept over a restart: a source may be away just then."""

from asyncio import Task
from collections.abc import Callable, Mapping
from functools import partial
import logging
from typing import Any, Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.storage import Store

from .home import HomePrices
from .signal import PriceSignal

_LOGGER = logging.getLogger(__name__)

VERSION: Final = 1


def _store(hass: HomeAssistant, entry: ConfigEntry) -> Store[dict[str, Any]]:
    return Store(hass, VERSION, f"{entry.domain}.{entry.entry_id}.prices")


class KeptPrices:
    """Writes both prices down whenever they become known further ahead."""

    def __init__(
        self, hass: HomeAssistant, entry: ConfigEntry, prices: HomePrices
    ) -> None:
        """Keep the prices of a central system's entry; nothing is read yet."""
        self._hass = hass
        self._entry = entry
        self._prices = prices
        self._store = _store(hass, entry)
        self._kept: dict[str, Any] = {}
        self._saving: Task[None] | None = None

    async def async_load(self) -> None:
        """Give back what was kept; what cannot be read is said once, and not used."""
        try:
            self._kept = dict(await self._store.async_load() or {})
            for signal in self._prices.signals:
                if (kept := self._kept.get(signal.side)) is not None:
                    signal.restore(kept)
        except Exception as error:  # noqa: BLE001
            # Whatever is wrong with a file: the sources tell their prices again.
            _LOGGER.error("The prices that were kept cannot be read: %s", error)
            self._kept = {}

    @callback
    def async_start(self) -> Callable[[], None]:
        """Begin to keep what is told; returns how to stop."""
        stops = [
            signal.listen(partial(self._changed, signal))
            for signal in self._prices.signals
        ]

        def stop() -> None:
            for one in stops:
                one()

        return stop

    @callback
    def _changed(self, signal: PriceSignal) -> None:
        kept = signal.as_kept()
        # Not with every correction: a memory card bears only so many writes.
        if _reach(kept) == _reach(self._kept.get(signal.side)):
            return
        self._kept = {**self._kept, signal.side.value: kept}
        self._saving = self._entry.async_create_background_task(
            self._hass,
            self._store.async_save(self._kept),
            f"prices of {self._entry.title}",
        )


def _reach(kept: Mapping[str, Any] | None) -> tuple[Any, ...] | None:
    """Return of which source something is kept, and how far it goes."""
    return None if kept is None else (kept["source"], kept["prices"][-1][1])


async def async_remove_prices(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Delete what was kept for a central system that is removed."""
    await _store(hass, entry).async_remove()
