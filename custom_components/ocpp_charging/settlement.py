"""Settles what sessions cost: while they run, when they end, and when more is known.

Every quarter hour, at the end of a session, and when a price or CO2 comes late, those
sessions are settled that have changed. Each is one short job of the ledger's writer,
so that no charger waits for it. What cannot be written now is due again at the next
quarter hour, and after a restart: the ledger knows what is not settled yet.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
import logging
from typing import TYPE_CHECKING, Final

from homeassistant.core import CALLBACK_TYPE, callback
from homeassistant.helpers.event import async_call_later, async_track_utc_time_change
from homeassistant.util import dt as dt_util

from .charging.series import Series
from .const import DOMAIN
from .ledger import (
    Cost,
    LedgerUnavailable,
    Rates,
    Session,
    SessionFilter,
    SessionState,
    Stretch,
)
from .signals.keeper import Topic
from .signals.prices.signal import KEPT
from .sun_used import ConnectorKey, SunUsed

if TYPE_CHECKING:
    from .hub import Hub

_LOGGER = logging.getLogger(__name__)

PAUSE_S: Final = 1.0
"""After so long it is looked again at the earliest, however much changes."""
RETRY_S: Final = 30.0

_RATES: Final = {Topic.PRICE, Topic.FEED_IN, Topic.CO2, Topic.GRID}
"""What is known of these decides what a session cost."""
_QUARTERS: Final = (0, 15, 30, 45)


@dataclass(frozen=True, kw_only=True, slots=True)
class ConnectorCost:
    """What is known of a connector: its present session, the last one, all together.

    `session` is the one that runs, else the one that ended last.
    """

    session: Session | None = None
    last: Session | None = None
    total: Cost = field(default_factory=Cost)


class Settlement:
    """Has the ledger settle sessions, and knows what they cost, for the entities."""

    def __init__(self, hub: Hub) -> None:
        """Begin with nothing known; `async_start` begins."""
        self._hub = hub
        self.sun = SunUsed(hub)
        self._costs: dict[ConnectorKey, ConnectorCost] = {}
        self._listeners: list[Callable[[], None]] = []
        self._stops: list[Callable[[], None]] = []
        self._task: asyncio.Task[None] | None = None
        self._rest: CALLBACK_TYPE | None = None
        self._changed: set[str] = set()
        self._everything_due = True
        self._incomplete_due = True
        self._failing = False

    @property
    def prices(self) -> bool:
        """Say whether there is a source of prices."""
        return self._hub.board.prices.price.settings is not None

    @property
    def co2(self) -> bool:
        """Say whether there is a source of CO2."""
        return self._hub.board.co2.settings is not None

    @property
    def currency(self) -> str:
        """Return the currency that sessions are settled in at present."""
        return self._hub.board.prices.price.currency

    def cost(self, key: ConnectorKey) -> ConnectorCost:
        """Return what is known of a connector."""
        return self._costs.get(key, ConnectorCost())

    @callback
    def listen(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Call `changed` when something costs otherwise, or a source came or went.

        Returns how to stop it.
        """
        self._listeners.append(changed)
        return lambda: self._listeners.remove(changed)

    @callback
    def async_start(self) -> Callable[[], None]:
        """Begin to settle; returns how to stop."""
        hub = self._hub
        self._stops = [
            self.sun.async_start(),
            hub.board.listen(self._board_changed),
            hub.journal.ledger.listen_sessions(self._sessions_changed),
            async_track_utc_time_change(
                hub.hass, self._quarter, minute=_QUARTERS, second=5
            ),
        ]
        hub.journal.on_loaded.append(self._soon)
        self._soon()
        return self._stop

    def _stop(self) -> None:
        for stop in self._stops:
            stop()
        self._stops.clear()
        self._stop_resting()

    def _stop_resting(self) -> None:
        if self._rest is not None:
            self._rest()
            self._rest = None

    async def async_stop(self) -> None:
        """Settle what runs for the last time; the ledger may be closed then."""
        self._stop()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._stop_resting()
        if self._hub.journal.loaded and self._hub.journal.ledger.health is None:
            try:
                await self._async_settle(None, incomplete=False)
            except LedgerUnavailable as error:
                _LOGGER.debug("Sessions are settled after the restart: %s", error)

    # What makes it look

    @callback
    def _quarter(self, _now: datetime) -> None:
        self._everything_due = True
        self._soon()

    @callback
    def _board_changed(self, topic: Topic) -> None:
        if topic in _RATES:
            self._incomplete_due = self._everything_due = True
            self._soon()

    @callback
    def async_configure(self) -> None:
        """Look anew: the owner has chosen a source, or has one no more."""
        self._tell()
        self._incomplete_due = self._everything_due = True
        self._soon()

    def _sessions_changed(self, identities: frozenset[str]) -> None:
        self._changed |= identities
        self._soon()

    def _soon(self) -> None:
        """Settle what is due, unless that was done just now: then in a moment."""
        busy = self._task is not None and not self._task.done()
        if self._stops and not busy and self._rest is None:
            self._task = self._hub.entry.async_create_background_task(
                self._hub.hass, self._async_keep_up(), f"{DOMAIN} settlement"
            )

    async def _async_keep_up(self) -> None:
        due = None if self._everything_due else frozenset(self._changed)
        incomplete = self._incomplete_due
        self._changed.clear()
        self._everything_due = self._incomplete_due = False
        try:
            await self._async_settle(due, incomplete=incomplete)
            await self._async_read(due)
        except LedgerUnavailable as error:
            if not self._failing:
                _LOGGER.warning("Sessions are settled later: %s", error)
            self._failing = self._everything_due = self._incomplete_due = True
        else:
            self._failing = False
        pause = RETRY_S if self._failing else PAUSE_S
        self._rest = async_call_later(self._hub.hass, pause, self._rested)

    @callback
    def _rested(self, _now: datetime) -> None:
        self._rest = self._task = None
        if self._changed or self._everything_due:
            self._soon()

    # What it does

    async def _async_settle(
        self, identities: frozenset[str] | None, *, incomplete: bool
    ) -> None:
        """Settle what is due. Raises `LedgerUnavailable`."""
        if not (self.prices or self.co2 or self.sun.measures):
            return
        ledger = self._hub.journal.ledger
        rates = self._rates()
        found = await ledger.due(
            dt_util.utcnow() - KEPT, identities=identities, incomplete=incomplete
        )
        for each in found:
            shares = self.sun.shares((each.charger, each.connector))
            await ledger.settle(each.transaction_id, replace(rates, solar_share=shares))

    def _rates(self) -> Rates:
        """Return prices and CO2 as the planner takes them, also of what is past."""
        signals = self._hub.board.signals
        return Rates(
            price=_stretches(signals.price),
            feed_in=_stretches(signals.feed_in),
            co2=_stretches(signals.co2),
            currency=self.currency,
        )

    async def _async_read(self, identities: frozenset[str] | None) -> None:
        """Read what connectors' sessions cost. Raises `LedgerUnavailable`."""
        ledger = self._hub.journal.ledger
        totals = await ledger.cost_of_connectors(identities)
        last = {_key(each): each for each in await ledger.last_sessions(identities)}
        running = {
            _key(each): each
            for each in await ledger.sessions(SessionFilter(state=SessionState.RUNNING))
            if identities is None or each.charger in identities
        }
        found = {
            key: ConnectorCost(
                session=running.get(key, last.get(key)),
                last=last.get(key),
                total=totals.get(key, Cost()),
            )
            for key in totals.keys() | last.keys() | running.keys()
        }
        kept = {
            key: cost
            for key, cost in self._costs.items()
            if identities is not None and key[0] not in identities
        }
        if (after := kept | found) != self._costs:
            self._costs = after
            self._tell()

    def _tell(self) -> None:
        for listener in tuple(self._listeners):
            listener()


def _key(session: Session) -> ConnectorKey:
    return session.charger, session.connector


def _stretches(series: Series) -> tuple[Stretch, ...]:
    return tuple(
        Stretch(begins=each.start, ends=each.end, value=each.value) for each in series
    )
