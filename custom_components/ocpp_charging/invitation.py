"""Lets a charger in while a conversation about adding it goes on."""

import asyncio
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Final

from homeassistant.core import callback
from homeassistant.helpers.event import async_call_later
from homeassistant.util import dt as dt_util

from .csms.charger import Charger
from .csms.model import ChargerSettings
from .hub import Hub

CONNECT_TIMEOUT: Final = 600.0
"""Seconds that a charger may take to dial in before the owner is asked again."""

GLANCE: Final = 2.0
"""Seconds between two looks at what goes wrong while a charger is waited for."""

TROUBLE: Final = 3
"""Wrong passwords, or tries under one other name, after which the owner is told at once
and not in the end: one may be left over from the settings that the charger had before.

Handshakes that were broken off do not count: they may be anybody's."""

LIFETIME: Final = 1800.0
"""Seconds after the last step of a conversation until its charger is let in no more:
the browser may have been closed in the middle."""


class Invitation:
    """One expected charger, until `close` or until nobody has cared for `LIFETIME`."""

    def __init__(
        self, hub: Hub, settings: ChargerSettings, *, told_of: Collection[str] = ()
    ) -> None:
        """Let the charger in from now on.

        `told_of` are the other names that the owner has been told of already: they do
        not end the wait again, for they may be those of other chargers.
        """
        self._hub = hub
        self._told_of = told_of
        self._began = dt_util.utcnow()
        self._calls_before = {
            seen.identity: seen.attempts for seen in hub.central.unknown.values()
        }
        self._expectation = hub.expect(settings)
        self._end_lifetime: Callable[[], None] | None = None
        self._closed = False
        self.prolong()

    def is_open(self, hub: Hub) -> bool:
        """Say whether this `hub` lets the charger in; a reload makes a new one."""
        return not self._closed and self._hub is hub

    @property
    def connected(self) -> bool:
        """Say whether the charger has come in and is still there."""
        return self._expectation.connected

    @property
    def refusals(self) -> int:
        """Return how often the charger came with a wrong password."""
        return self._expectation.refusals

    @property
    def broken_handshakes(self) -> int:
        """Return how often somebody broke off the encryption meanwhile."""
        return self._expectation.broken_handshakes

    @property
    def others(self) -> Mapping[str, str]:
        """Return the unknown chargers that dialled in meanwhile, and from where."""
        return {
            seen.identity: seen.address
            for seen in self._hub.central.unknown.values()
            if seen.last_seen >= self._began
        }

    async def wait(self) -> Charger:
        """Wait until the charger has dialled in and has been read.

        Raises `TimeoutError` after `CONNECT_TIMEOUT`, or earlier when it is plain that
        the charger calls and does not get in.
        """
        if (found := self._expectation.found) is not None:
            return found
        arrival = asyncio.ensure_future(self._expectation.wait())
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                while not (await asyncio.wait({arrival}, timeout=GLANCE))[0]:
                    if self._in_trouble:
                        raise TimeoutError
                return arrival.result()
        finally:
            arrival.cancel()

    @property
    def _in_trouble(self) -> bool:
        return not self.connected and (
            self.refusals >= TROUBLE
            or any(
                self._calls(identity) >= TROUBLE
                for identity in self.others
                if identity not in self._told_of
            )
        )

    def _calls(self, identity: str) -> int:
        """Return how often an unknown charger has called meanwhile."""
        attempts = self._hub.central.unknown[identity].attempts
        before = self._calls_before.get(identity, 0)
        # Forgotten and remembered again, it counts from the start.
        return attempts - before if attempts > before else attempts

    @callback
    def prolong(self) -> None:
        """Note that the conversation goes on."""
        if self._end_lifetime is not None:
            self._end_lifetime()
        self._end_lifetime = async_call_later(self._hub.hass, LIFETIME, self._is_over)

    @callback
    def close(self) -> None:
        """End it; a charger that was not added is disconnected."""
        if self._end_lifetime is not None:
            self._end_lifetime()
            self._end_lifetime = None
        self._closed = True
        self._hub.expect_no_more(self._expectation)

    @callback
    def _is_over(self, _now: datetime) -> None:
        self._end_lifetime = None
        self.close()
