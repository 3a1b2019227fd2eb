"""A charger as the central system knows it; it outlives its connections."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
import logging

from .commands import Commands
from .connector import Connector
from .errors import ChargerNotAccepted, ChargerOffline
from .firmware import FirmwareOrder
from .journal import Journal
from .logs import LogStatus
from .model import (
    Change,
    ChargerInfo,
    ChargerMemory,
    ChargerSettings,
    DiagnosticsStatus,
    Features,
    FirmwareStatus,
    Registration,
    SecurityProfile,
    Setting,
    Transaction,
)
from .security_events import SecurityEvent
from .tags import Presentation

_LOGGER = logging.getLogger(__name__)

STALE = timedelta(minutes=5)
"""What a charger said of the present before it was away for longer says nothing now."""

type ChangeListener = Callable[[frozenset[Change]], None]
type KeyListener = Callable[[], None]


class Charger:
    """A charger: what it said, what it can do, and the way to command it.

    Observers subscribe to one key of one connector (`listen`) or to everything
    (`listen_all`). Connector 0 is the charger itself; its keys are this object's
    attribute names, with `connected` for its coming and going and `connectors` when
    a connector has appeared.
    """

    def __init__(
        self, settings: ChargerSettings, memory: ChargerMemory, journal: Journal
    ) -> None:
        """Begin offline, with what was remembered of the charger."""
        self.settings = settings
        self.memory = memory
        self.journal = journal
        self.connectors: dict[int, Connector] = {}
        self.main = Connector(0)
        self.configuration: dict[str, Setting] = {}
        self.registration: Registration | None = None
        self.remote_address: str | None = None
        self.secure = False
        self.key_hash: str | None = None
        """Of the settings' `key_hashes`, that of the password it last came with."""
        self.dialled: str | None = None
        """The host name or address of ours that it last dialled."""
        self.profile = SecurityProfile.OPEN
        """With which it last came."""
        self.certificate: str | None = None
        """Of the settings' `certificates`, that it last came with: its fingerprint."""
        self.connected_at: datetime | None = None
        self.last_seen: datetime | None = None
        self.latency_ms: float | None = None
        self.reconnects = 0
        self.boots = 0
        """How often it has told of a restart, by an accepted boot."""
        self.firmware_status: FirmwareStatus | None = None
        self.firmware_order: FirmwareOrder | None = None
        """What it was last told to install."""
        self.diagnostics_status: DiagnosticsStatus | None = None
        self.log_status: LogStatus | None = None
        self.log_request: int | None = None
        """The number of the log that it was last asked for."""
        self.presented: Presentation | None = None
        """The id tag that was last held to the charger."""
        self.security_event: SecurityEvent | None = None
        """What the charger last reported of its security."""
        self.ready = False
        self._commands: Commands | None = None
        self._all: list[ChangeListener] = []
        self._by_key: dict[Change, list[KeyListener]] = {}
        for connector_id in range(1, (memory.features.connectors or 0) + 1):
            self._add_connector(connector_id)
        for transaction in tuple(memory.transactions.values()):
            connector_id = transaction.connector_id
            latest = self.latest_transaction(connector_id)
            if latest is not None:
                self.connector(connector_id).recall(latest)

    @property
    def identity(self) -> str:
        """Return the identity that the charger dials in with."""
        return self.settings.identity

    @property
    def info(self) -> ChargerInfo:
        """Return what the charger last said of itself."""
        return self.memory.info

    @property
    def features(self) -> Features:
        """Return what is known of the charger's abilities."""
        return self.memory.features

    @property
    def switches_phases(self) -> bool:
        """Say whether it is said to charge on one phase in place of three.

        The owner's word counts more than the charger's.
        """
        said = self.settings.switches_phases
        return (self.features.switches_phases if said is None else said) is True

    @property
    def can_switch_phases(self) -> bool:
        """Say whether it does so by a plan: what was seen counts most."""
        seen = self.features.plan_phases_ignored or self.features.plan_refused
        return self.switches_phases and not seen

    @property
    def clock_offset_s(self) -> float | None:
        """Return how far the charger's clock is ahead of ours; None while not known."""
        return self.memory.clock_offset_s

    @property
    def connected(self) -> bool:
        """Say whether the charger is connected."""
        return self._commands is not None

    @property
    def connection(self) -> Commands | None:
        """Return the commands of the present connection, None when offline."""
        return self._commands

    @property
    def availability(self) -> bool | None:
        """Say whether the charger as a whole is in service; None if it never said."""
        return None if self.main.status is None else self.main.status != "unavailable"

    def commands(self, action: str, *, pending: bool = False) -> Commands:
        """Return the way to command the charger for the OCPP action `action`.

        Raises `ChargerOffline`, or `ChargerNotAccepted` while its boot is Pending or
        Rejected unless `pending` says that this may be sent then (OCPP 1.6 §4.2).
        """
        if self._commands is None:
            raise ChargerOffline(action)
        refused = self.registration is Registration.REJECTED
        waiting = self.registration is Registration.PENDING and not pending
        if refused or waiting:
            raise ChargerNotAccepted(action)
        return self._commands

    def connector(self, connector_id: int) -> Connector:
        """Return a connector, made when it is heard of for the first time."""
        if connector_id == 0:
            return self.main
        if connector_id not in self.connectors:
            self._add_connector(connector_id)
            known = self.memory.features.connectors or 0
            if connector_id > known:
                self.remember(features=replace(self.features, connectors=connector_id))
            self.publish(0, {"connectors"})
        return self.connectors[connector_id]

    def transaction(self, transaction_id: int) -> Transaction | None:
        """Return a remembered transaction, by its id.

        One that has not ended is also found by the charger's own number for it.
        """
        known = self.memory.transactions
        found = known.get(transaction_id)
        if found is not None or transaction_id <= 0:
            return found
        for each in known.values():
            if each.own_number == transaction_id and each.ended_at is None:
                return each
        return None

    def latest_transaction(self, connector_id: int) -> Transaction | None:
        """Return the connector's remembered transaction that began last.

        Those of a refused tag are none that charge.
        """
        known = [
            transaction
            for transaction in self.memory.transactions.values()
            if transaction.connector_id == connector_id and transaction.accepted
        ]
        return max(known, key=lambda each: each.started_at, default=None)

    def listen(
        self, connector_id: int, key: str, listener: KeyListener
    ) -> Callable[[], None]:
        """Call `listener` when this key changes; returns how to stop it."""
        return self.listen_to(((connector_id, key),), listener)

    def listen_to(
        self, changes: Collection[Change], listener: KeyListener
    ) -> Callable[[], None]:
        """Call `listener` once when any of these keys change; returns how to stop."""
        for change in changes:
            self._by_key.setdefault(change, []).append(listener)

        def stop() -> None:
            for change in changes:
                self._by_key[change].remove(listener)

        return stop

    def listen_all(self, listener: ChangeListener) -> Callable[[], None]:
        """Call `listener` with every set of changes; returns how to stop it."""
        self._all.append(listener)
        return lambda: self._all.remove(listener)

    def publish(self, connector_id: int, keys: Iterable[str]) -> None:
        """Tell the observers what changed; one that fails is logged and passed over."""
        changes = frozenset((connector_id, key) for key in keys)
        if not changes:
            return
        called: list[KeyListener] = []
        for change in changes:
            for listener in tuple(self._by_key.get(change, ())):
                if listener not in called:
                    called.append(listener)
        calls: list[Callable[[], None]] = [*called]
        calls.extend(
            lambda listener=listener: listener(changes)  # type: ignore[misc]
            for listener in tuple(self._all)
        )
        for call in calls:
            try:
                call()
            except Exception:
                _LOGGER.exception("An observer of %s failed", self.identity)

    def update(self, **values: object) -> None:
        """Set attributes of the charger itself and tell of those that changed."""
        changed = {key for key, value in values.items() if getattr(self, key) != value}
        for key in changed:
            setattr(self, key, values[key])
        self.publish(0, changed)

    def remember(self, **values: object) -> None:
        """Set fields of the memory, have them kept, and tell of those that changed."""
        memory = self.memory
        changed = {
            key for key, value in values.items() if getattr(memory, key) != value
        }
        for key in changed:
            setattr(memory, key, values[key])
        if changed:
            self.journal.remember(self.identity, memory)
            self.publish(0, changed)

    def recall(self, memory: ChargerMemory) -> None:
        """Take over what is remembered, where that could not be read before.

        `memory` has what was learned meanwhile in it. What the charger shows now counts
        more than how a session was left.
        """
        before, self.memory = self.memory, memory
        count = memory.features.connectors or 0
        named = (each.connector_id for each in memory.transactions.values())
        for connector_id in {*range(1, count + 1), *named}:
            connector = self.connector(connector_id)
            latest = self.latest_transaction(connector_id)
            changed = connector.recall_late(latest, self.transaction)
            limit_a = memory.limits_a.get(connector_id)
            self.publish(connector_id, changed | connector.set_limit(limit_a))
        if self.connected and self.registration is None and memory.accepted:
            self.update(registration=Registration.ACCEPTED)
        changed = {
            key for key, value in vars(memory).items() if value != getattr(before, key)
        }
        self.publish(0, changed)

    def attach(self, commands: Commands, remote_address: str, now: datetime) -> None:
        """Take a new connection as the present one; the old one no longer counts."""
        if self.connected_at is not None:
            self.reconnects += 1
        self._commands = commands
        away = None if self.last_seen is None else now - self.last_seen
        for number, connector in ((0, self.main), *self.connectors.items()):
            connector.seen_running = False
            if away is not None and away > STALE:
                self.publish(number, connector.forget_present())
        self.connected_at = now
        if self.memory.accepted:
            self.registration = Registration.ACCEPTED
        self.remote_address = remote_address
        self.last_seen = now
        self.ready = False
        self.publish(0, {"connected", "remote_address", "reconnects", "last_seen"})

    def detach(self, commands: Commands) -> bool:
        """End a connection; False when another had already taken its place."""
        if self._commands is not commands:
            return False
        self._commands = None
        self.latency_ms = None
        self.ready = False
        self.publish(0, {"connected", "latency_ms"})
        return True

    def _add_connector(self, connector_id: int) -> None:
        self.connectors[connector_id] = Connector(
            connector_id, self.memory.limits_a.get(connector_id)
        )
