"""Lets Home Assistant's backup copy the ledger while it is written to."""

import logging

from homeassistant.core import HomeAssistant

from .const import DOMAIN
from .hub import OcppConfigEntry
from .ledger import LedgerUnavailable

_LOGGER = logging.getLogger(__name__)


async def async_pre_backup(hass: HomeAssistant) -> None:
    """Keep the ledgers' files as they are: what is new goes beside them."""
    await _hold(hass, held=True)


async def async_post_backup(hass: HomeAssistant) -> None:
    """Let the ledgers' files change again."""
    await _hold(hass, held=False)


async def _hold(hass: HomeAssistant, *, held: bool) -> None:
    entries: list[OcppConfigEntry] = hass.config_entries.async_loaded_entries(DOMAIN)
    for entry in entries:
        try:
            await entry.runtime_data.journal.ledger.hold_file(held=held)
        except LedgerUnavailable as error:
            # The backup of all the rest must not fail for it.
            _LOGGER.warning("The ledger of %s is not ready: %s", entry.title, error)
