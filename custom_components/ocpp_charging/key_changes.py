"""Lets a charger's old password go once its new one has been seen to work."""

from collections.abc import Callable
import logging
from typing import TYPE_CHECKING

from homeassistant.core import callback

from .const import CONF_KEY_HASHES
from .csms.charger import Charger

if TYPE_CHECKING:
    from .hub import Hub

_LOGGER = logging.getLogger(__name__)


class KeyChanges:
    """Drops a charger's old passwords as soon as it has come in with the newest one.

    Until then all are accepted, so a charger that did not take its new password is
    never locked out; from then on an old password that became known to others is good
    no more (OCPP 1.6 security whitepaper A01.FR.03).
    """

    def __init__(self, hub: Hub) -> None:
        """Attend to `hub`; nothing is dropped before `async_start`."""
        self._hub = hub

    @callback
    def async_start(self) -> Callable[[], None]:
        """Begin to watch how chargers come in; returns how to stop."""
        return self._hub.async_follow_chargers(self._follow)

    def _follow(self, subentry_id: str, charger: Charger) -> None:
        def look() -> None:
            if charger.connected:
                self._came_in(subentry_id, charger)

        # A new connection that replaces another is told of as well.
        charger.listen(0, "connected", look)

    def _came_in(self, subentry_id: str, charger: Charger) -> None:
        entry = self._hub.entry
        if subentry_id not in entry.subentries:
            # It is being removed, and has not been taken away yet.
            return
        subentry = entry.subentries[subentry_id]
        newest, *older = subentry.data.get(CONF_KEY_HASHES) or [None]
        if not older or charger.key_hash != newest:
            return
        self._hub.hass.config_entries.async_update_subentry(
            entry, subentry, data={**subentry.data, CONF_KEY_HASHES: [newest]}
        )
        _LOGGER.info("Charger %s uses its new password", charger.identity)
