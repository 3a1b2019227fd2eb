"""Lets a charger's old password go once its new one has been seen to work."""

from collections.abc import Callable
from dataclasses import replace
import logging
from typing import TYPE_CHECKING

from homeassistant.core import callback

from .const import CONF_KEY_HASHES
from .csms.charger import Charger
from .csms.model import ChargerSettings
from .csms.server import Refusal

if TYPE_CHECKING:
    from .hub import Hub

_LOGGER = logging.getLogger(__name__)


class KeyChanges:
    """Decides which of a charger's two passwords is accepted at a time.

    A charger with a new and an old password must come with the new one first: when it
    does, the old one is dropped for good. When it is refused, both are accepted on its
    next try, until it disconnects. So a charger that did not take its new password is
    never locked out (OCPP 1.6 security whitepaper A01.FR.03), and an old password that
    became known to others does not stay good.
    """

    def __init__(self, hub: Hub) -> None:
        """Attend to `hub`; nothing is dropped before `async_start`."""
        self._hub = hub
        self._both: set[str] = set()

    def accepted(self, settings: ChargerSettings) -> ChargerSettings:
        """Return the settings with the passwords that are accepted now."""
        if settings.identity in self._both:
            return settings
        return replace(settings, key_hashes=settings.key_hashes[:1])

    @callback
    def async_start(self) -> Callable[[], None]:
        """Begin to watch how chargers come in; returns how to stop."""
        stop_refused = self._hub.central.listen_refused(self._refused)
        stop_following = self._hub.async_follow_chargers(self._follow)

        def stop() -> None:
            stop_refused()
            stop_following()

        return stop

    def _refused(self, refusal: Refusal) -> None:
        if self._has_two(refusal.identity) and refusal.identity not in self._both:
            self._both.add(refusal.identity)
            self._hub.async_sync_chargers()

    def _follow(self, _subentry_id: str, charger: Charger) -> None:
        def look() -> None:
            if not charger.connected:
                self._disconnected(charger.identity)
            elif charger.settings.password_required:
                self._connected(charger.identity)

        charger.listen(0, "connected", look)

    def _disconnected(self, identity: str) -> None:
        if identity in self._both:
            self._both.discard(identity)
            self._hub.async_sync_chargers()

    def _connected(self, identity: str) -> None:
        if identity in self._both or not self._has_two(identity):
            return
        entry = self._hub.entry
        subentry = entry.subentries[self._hub.subentry_id_of(identity) or ""]
        hashes = subentry.data[CONF_KEY_HASHES][:1]
        self._hub.hass.config_entries.async_update_subentry(
            entry, subentry, data={**subentry.data, CONF_KEY_HASHES: hashes}
        )
        _LOGGER.info("Charger %s uses its new password", identity)

    def _has_two(self, identity: str) -> bool:
        subentry = self._hub.entry.subentries.get(
            self._hub.subentry_id_of(identity) or ""
        )
        return subentry is not None and len(subentry.data[CONF_KEY_HASHES]) > 1
