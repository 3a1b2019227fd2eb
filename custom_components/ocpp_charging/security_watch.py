"""Keeps in the config entry how securely each charger has come in, and what lets it in.

What is written here must be there even when the ledger's database is not: without it a
charger that was raised would be let in lower, and one with a certificate not at all.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
import logging
from typing import TYPE_CHECKING, Any, Final

from homeassistant.core import callback
from homeassistant.helpers.event import async_track_time_interval
from homeassistant.util import dt as dt_util

from .const import (
    CONF_ALSO_PLAIN,
    CONF_CERTIFICATES,
    CONF_SECURITY_PROFILE,
    SUBENTRY_CHARGER,
)
from .csms.charger import Charger
from .csms.client_certificates import InvalidRequestForCertificate
from .csms.errors import CommandError
from .csms.model import SecurityProfile
from .storage_codec import encode

if TYPE_CHECKING:
    from .hub import Hub

_LOGGER = logging.getLogger(__name__)

RENEWAL_CHECK_INTERVAL: Final = timedelta(days=1)
SIGN_TIMEOUT: Final = 300.0
"""Seconds that a charger may take to make a key and to ask for its certificate."""


class SecurityWatch:
    """Raises chargers as they come in, and renews their certificates."""

    def __init__(self, hub: Hub) -> None:
        """Attend to `hub`; nothing happens before `async_start`."""
        self._hub = hub

    @callback
    def async_start(self) -> Callable[[], None]:
        """Begin to watch; returns how to stop."""
        hub = self._hub
        office = hub.central.certificates
        office.on_change.append(self._keep)
        stops = [
            lambda: office.on_change.remove(self._keep),
            hub.async_follow_chargers(self._follow),
            async_track_time_interval(
                hub.hass, self._renew_all, RENEWAL_CHECK_INTERVAL
            ),
        ]

        def stop() -> None:
            for stop_one in stops:
                stop_one()

        return stop

    def _follow(self, _subentry_id: str, charger: Charger) -> None:
        def look() -> None:
            if charger.connected:
                self._came_in(charger)

        def renew() -> None:
            if charger.ready:
                self._renew(charger)

        charger.listen(0, "connected", look)
        charger.listen(0, "ready", renew)

    def _came_in(self, charger: Charger) -> None:
        self._hub.central.certificates.used(charger)
        # A password, or none, is the owner's to decide in the charger's settings.
        if charger.profile > max(charger.settings.profile, SecurityProfile.BASIC):
            self._update(charger, {CONF_SECURITY_PROFILE: int(charger.profile)})
            _LOGGER.info(
                "Charger %s is let in with security profile %d or higher from now on",
                charger.identity,
                charger.profile,
            )
            self._close_plain()

    def _keep(self, charger: Charger) -> None:
        known = [encode(each) for each in charger.settings.certificates]
        self._update(charger, {CONF_CERTIFICATES: known})

    def _update(self, charger: Charger, changes: dict[str, Any]) -> None:
        entry = self._hub.entry
        subentry_id = self._hub.subentry_id_of(charger.identity)
        if subentry_id is None or subentry_id not in entry.subentries:
            return
        subentry = entry.subentries[subentry_id]
        self._hub.hass.config_entries.async_update_subentry(
            entry, subentry, data={**subentry.data, **changes}
        )

    def _close_plain(self) -> None:
        """End the changing over when the last charger has come in encrypted."""
        entry = self._hub.entry
        if not entry.data.get(CONF_ALSO_PLAIN):
            return
        chargers = entry.get_subentries_of_type(SUBENTRY_CHARGER)
        if all(
            each.data.get(CONF_SECURITY_PROFILE, 0) >= SecurityProfile.TLS
            for each in chargers
        ):
            _LOGGER.info("All chargers come in encrypted: nothing else is taken now")
            self._hub.hass.config_entries.async_update_entry(
                entry, data={**entry.data, CONF_ALSO_PLAIN: False}
            )

    @callback
    def _renew_all(self, _now: datetime) -> None:
        for charger in self._hub.chargers.values():
            if charger.ready:
                self._renew(charger)

    def _renew(self, charger: Charger) -> None:
        if self._hub.central.certificates.is_due(charger, dt_util.utcnow()):
            _task = self._hub.entry.async_create_background_task(
                self._hub.hass,
                self._async_renew(charger),
                f"ocpp_charging new certificate of {charger.identity}",
            )

    async def _async_renew(self, charger: Charger) -> None:
        try:
            await self._hub.central.certificates.obtain(charger, SIGN_TIMEOUT)
        except (CommandError, InvalidRequestForCertificate) as error:
            _LOGGER.warning(
                "Charger %s keeps its certificate until the next try: %s",
                charger.identity,
                error,
            )
