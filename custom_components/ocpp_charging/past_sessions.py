"""What the ledger tells of sessions that are over, at hand for the entities.

It is read when a central system is loaded, and again when something that was filed may
have changed it: the end of a session, one out of a charger's queue, a late meter value.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable
import logging
from typing import TYPE_CHECKING, Final

from homeassistant.core import callback

from .const import DOMAIN
from .csms.charger import Charger
from .csms.model import EndReason, PastSession
from .csms.tags import fold
from .ledger import LedgerUnavailable, Session

if TYPE_CHECKING:
    from .hub import Hub

_LOGGER = logging.getLogger(__name__)

PAUSE_S: Final = 1.0
"""After so long it is read again at the earliest, however many sessions end."""

RETRY_S: Final = 30.0

_REASONS: Final = {
    reason.value.replace("_", ""): reason
    for reason in EndReason
    if reason is not EndReason.NOT_TOLD
}
"""By the words of OCPP 1.6 §7.36 in small letters."""


class PastSessions:
    """The sessions that ended last, and what each id tag took in all its sessions.

    The former are told to the connectors (`Connector.past_session`), also of chargers
    that are added later. `energy_wh` is by id tag, all spellings as one (`tags.fold`).
    """

    def __init__(self, hub: Hub) -> None:
        """Begin with nothing known; `async_load` reads it."""
        self._hub = hub
        self.energy_wh: dict[str, int] = {}
        self.known = False
        """Whether it was read: the database may be away at the start."""
        self._last: dict[str, dict[int, PastSession]] = {}
        self._due: set[str] = set()
        self._everything_due = True
        self._unreadable = False
        self._task: asyncio.Task[None] | None = None
        self._listeners: list[Callable[[], None]] = []
        self._stops: list[Callable[[], None]] = []

    async def async_load(self) -> None:
        """Read it all, as soon as that can be, and from then on what changes."""
        await self._async_read()
        ledger = self._hub.journal.ledger
        self._stops = [
            ledger.listen_sessions(self._changed),
            self._hub.async_follow_chargers(self._follow),
        ]
        self._hub.journal.on_loaded.append(self._journal_loaded)
        if self._everything_due:
            self._changed(frozenset())

    async def async_stop(self) -> None:
        """Read no more; the ledger may be closed then."""
        for stop in self._stops:
            stop()
        self._stops.clear()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    @callback
    def async_listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` when the energy of a tag has changed; returns how to stop."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def _journal_loaded(self) -> None:
        """Read at once what could not be read at the start."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
        self._everything_due = True
        self._changed(frozenset())

    def _changed(self, identities: frozenset[str]) -> None:
        self._due |= identities
        if self._task is None or self._task.done():
            self._task = self._hub.entry.async_create_background_task(
                self._hub.hass, self._async_keep_up(), f"{DOMAIN} past sessions"
            )

    async def _async_keep_up(self) -> None:
        while self._due or self._everything_due:
            await self._async_read()
            await asyncio.sleep(RETRY_S if self._unreadable else PAUSE_S)

    async def _async_read(self) -> None:
        due = None if self._everything_due else frozenset(self._due)
        self._due.clear()
        self._everything_due = False
        ledger = self._hub.journal.ledger
        try:
            last = await ledger.last_sessions(due)
            energy_wh = await ledger.energy_per_tag(running=False)
        except LedgerUnavailable as error:
            if not self._unreadable:
                _LOGGER.warning("Past sessions cannot be read at present: %s", error)
            self._unreadable = self._everything_due = True
            return
        self._unreadable = False
        self._take_last(due, last)
        self._take_energy(energy_wh)

    def _take_last(self, due: frozenset[str] | None, last: Iterable[Session]) -> None:
        found: defaultdict[str, dict[int, PastSession]] = defaultdict(dict)
        for session in last:
            found[session.charger][session.connector] = _past(session)
        for identity in self._last.keys() | found.keys() if due is None else due:
            self._last[identity] = found.get(identity, {})
            charger = self._hub.central.chargers.get(identity)
            if charger is not None:
                self._show(charger)

    def _take_energy(self, energy_wh: dict[str, int]) -> None:
        folded: defaultdict[str, int] = defaultdict(int)
        for tag, taken in energy_wh.items():
            if tag:
                folded[fold(tag)] += taken
        if self.known and folded == self.energy_wh:
            return
        self.known = True
        self.energy_wh = dict(folded)
        for listener in tuple(self._listeners):
            listener()

    def _follow(self, _subentry_id: str, charger: Charger) -> None:
        self._show(charger)
        # Where a connector is heard of later, what is known of it is shown then.
        charger.listen(0, "connectors", lambda: self._show(charger))

    def _show(self, charger: Charger) -> None:
        last = self._last.get(charger.identity, {})
        for number, connector in charger.connectors.items():
            charger.publish(number, connector.set_past_session(last.get(number)))


def _past(session: Session) -> PastSession:
    ended_at = session.ended_at or session.started_at
    energy = session.energy_wh
    return PastSession(
        transaction_id=session.id,
        id_tag=session.id_tag,
        started_at=min(session.started_at, ended_at),
        ended_at=ended_at,
        energy_wh=None if energy is None else float(energy),
        reason=_reason(session),
    )


def _reason(session: Session) -> EndReason:
    """Return why a session ended; words of a maker's own are OTHER."""
    if session.raw_ended_at is None:
        return EndReason.NOT_TOLD
    return _REASONS.get((session.reason or "").lower(), EndReason.OTHER)
