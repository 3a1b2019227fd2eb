"""Which transactions of a charger are remembered, and which one still runs.

A charger may never report the end of a transaction, or long after (OCPP 1.6 §3.7):
what is remembered as open need not be running.
"""

from datetime import datetime, timedelta

from .charger import Charger
from .connector import RUNNING, Connector
from .model import ConnectorStatus, Transaction

RECENT = timedelta(minutes=5)
"""A transaction that began longer ago is history until the charger shows it runs."""

MAX_KEPT = 32
"""How many transactions of a charger are remembered."""

MAX_ID = 2**31 - 1
"""Greater ids are a charger's way to say that there is no transaction."""

OVER = frozenset({ConnectorStatus.AVAILABLE, ConnectorStatus.FINISHING})
"""The statuses that show a transaction's end, whatever its StopTransaction says."""


class TransactionBook:
    """The transactions of one charger."""

    def __init__(self, charger: Charger) -> None:
        """Bind the charger."""
        self._charger = charger
        self._before_boot: set[int] = set()

    def booted(self) -> None:
        """Note which transactions a charger had before it started anew."""
        self._before_boot = {
            each.transaction.transaction_id
            for each in self._charger.connectors.values()
            if each.transaction is not None
        }

    def over(self, connector: Connector) -> bool:
        """Say whether a connector's status shows that its transaction has ended.

        Its StopTransaction may be lost, still on its way from the charger's queue, or
        name no transaction: some chargers send -1 or 0 for all of them. Preparing is
        the status before the charging, but after a restart of the charger it says that
        the transaction from before it was forgotten.
        """
        running = connector.transaction
        if running is None:
            return False
        return connector.status in OVER or (
            connector.status is ConnectorStatus.PREPARING
            and running.transaction_id in self._before_boot
        )

    def keep(self, transaction: Transaction) -> None:
        """Remember a transaction, new or changed; the oldest give way.

        Those that have ended go first, those that a connector is in stay.
        """
        memory = self._charger.memory
        kept = {**memory.transactions, transaction.transaction_id: transaction}
        for ended_only in (True, False):
            for each in tuple(kept.values()):
                if len(kept) <= MAX_KEPT:
                    break
                present = each is transaction or self._runs(each)
                if not present and (each.ended_at is not None or not ended_only):
                    del kept[each.transaction_id]
        memory.transactions = kept
        if transaction.ended_at is not None:
            self._drop_profiles(transaction)
        self._charger.journal.remember(self._charger.identity, memory)

    def _drop_profiles(self, ended: Transaction) -> None:
        """Forget the profiles that a charger drops with a session (§3.13.1)."""
        memory = self._charger.memory
        memory.profiles = {
            profile_id: installed
            for profile_id, installed in memory.profiles.items()
            if installed.payload.get("transactionId") != ended.transaction_id
        }

    def same_start(self, start: Transaction) -> Transaction | None:
        """Return the transaction that a StartTransaction has begun already."""
        return next(
            (
                known
                for known in self._charger.memory.transactions.values()
                if _told(known) == _told(start)
            ),
            None,
        )

    def began(
        self, connector: Connector, transaction: Transaction, now: datetime
    ) -> bool:
        """Say whether a reported start is of the present (OCPP 1.6 §5.16.1).

        `now` is by the charger's clock. One out of the charger's queue counts too
        when a car is plugged in and no later one is running.
        """
        running = connector.transaction
        if running is not None and running.started_at > transaction.started_at:
            return False
        plugged = connector.status in {*RUNNING, ConnectorStatus.PREPARING}
        return plugged or now - transaction.started_at <= RECENT

    def resumable(self, connector: Connector) -> Transaction | None:
        """Return the transaction that a connector's status shows is still running.

        That is its latest one, when the end of it was never reported.
        """
        if connector.transaction is not None or connector.status not in RUNNING:
            return None
        latest = self._charger.latest_transaction(connector.connector_id)
        return None if latest is None or latest.ended_at is not None else latest

    def metered(
        self,
        connector: Connector,
        transaction_id: int | None,
        at: datetime,
        now: datetime,
    ) -> Transaction | None:
        """Return the transaction that a live value shows is running.

        One that nobody knows of is adopted: it began while we were not there. Only
        where the charger shows one and none is known, and not soon after the end of
        another: chargers also keep naming an old id after its end, perhaps one of
        their own. `now` is by the charger's clock.
        """
        if (
            transaction_id is None
            or not 0 < transaction_id <= MAX_ID
            or connector.connector_id == 0
            or connector.transaction is not None
            or connector.status not in RUNNING
            or now - at > RECENT
        ):
            return None
        known = self._charger.transaction(transaction_id)
        if known is not None:
            ours = known.connector_id == connector.connector_id
            return known if ours and known.ended_at is None else None
        if self._ended_just_before(connector.connector_id, at):
            return None
        adopted = Transaction(
            transaction_id=transaction_id,
            connector_id=connector.connector_id,
            id_tag=None,
            started_at=at,
            meter_start_wh=None,
            own_number=transaction_id,
            found_at=at,
        )
        self.keep(adopted)
        return adopted

    def _ended_just_before(self, connector_id: int, at: datetime) -> bool:
        return any(
            each.connector_id == connector_id
            and each.ended_at is not None
            and timedelta() <= at - each.ended_at <= RECENT
            for each in self._charger.memory.transactions.values()
        )

    def recognise(
        self, connector: Connector, transaction_id: int | None, at: datetime
    ) -> None:
        """Learn from a value what the charger calls the transaction of that time.

        One that began offline has a number of the charger's own, which some go on to
        use after they were told ours. A number that nobody knows is taken for it as
        long as the charger has never named the transaction by our id.
        """
        if transaction_id is None or not 0 < transaction_id <= MAX_ID:
            return
        known = self._charger.transaction(transaction_id)
        if known is not None:
            known.named |= known.transaction_id == transaction_id
            return
        begun = self._open_at(connector.connector_id, at)
        if begun is not None and begun.own_number is None and not begun.named:
            begun.own_number, begun.found_at = transaction_id, at
            self.keep(begun)

    def _open_at(self, connector_id: int, at: datetime) -> Transaction | None:
        """Return the transaction that had begun last at a time; None if it ended."""
        begun = [
            each
            for each in self._charger.memory.transactions.values()
            if each.connector_id == connector_id
            and each.accepted
            and each.started_at <= at
        ]
        latest = max(begun, key=lambda each: each.started_at, default=None)
        return None if latest is None or latest.ended_at is not None else latest

    def found_before(
        self, connector: Connector, start: Transaction
    ) -> Transaction | None:
        """Return the running transaction whose start is told only now.

        It was found under a number of the charger's own, and its start is the latest
        before that: one that is told still later, and began later, takes its place.
        """
        running = connector.transaction
        if (
            not start.accepted
            or running is None
            or running.found_at is None
            or start.started_at > running.found_at
        ):
            return None
        began = running.started_at
        return running if _is_found(running) or start.started_at > began else None

    def complete(self, found: Transaction, start: Transaction) -> None:
        """Let a start be that of a transaction that was found running."""
        start.own_number, start.found_at = found.own_number, found.found_at
        if _is_found(found):
            kept = dict(self._charger.memory.transactions)
            kept.pop(found.transaction_id, None)
            self._charger.memory.transactions = kept
        else:
            found.own_number = found.found_at = None
        self.keep(start)

    def stopped_by(self, transaction_id: int, at: datetime) -> Transaction | None:
        """Return the remembered transaction that a stop names, if that is certain.

        A charger counts its own numbers from the beginning again: what one of them
        means, the journal finds out from all that is known.
        """
        known = self._charger.memory.transactions.get(transaction_id)
        if known is None or not _is_found(known):
            return known
        if known.ended_at is not None:
            return known if known.ended_at == at else None
        return None if _was_over(known, at) else known

    def part(self, ended: Transaction, at: datetime) -> Transaction | None:
        """Return what was found running after a transaction's end, which is another.

        Its own start is then still to be told. None where that is not so.
        """
        number, found_at = ended.own_number, ended.found_at
        if number is None or found_at is None or _is_found(ended):
            return None
        if not _was_over(ended, at):
            return None
        ended.own_number = ended.found_at = None
        ended.energy_wh = 0.0
        return Transaction(
            transaction_id=number,
            connector_id=ended.connector_id,
            id_tag=None,
            started_at=found_at,
            meter_start_wh=None,
            own_number=number,
            found_at=found_at,
        )

    def _runs(self, transaction: Transaction) -> bool:
        connectors = self._charger.connectors.values()
        return any(each.transaction is transaction for each in connectors)


def _told(start: Transaction) -> tuple[object, ...]:
    """Return what tells two starts apart."""
    return (
        start.connector_id,
        start.id_tag,
        start.raw_started_at or start.started_at,
        start.meter_start_wh,
    )


def _is_found(transaction: Transaction) -> bool:
    """Say whether a transaction was found running, and no start of it was told."""
    return transaction.own_number == transaction.transaction_id


def _was_over(transaction: Transaction, at: datetime) -> bool:
    """Say whether an end lies before what a transaction was found by.

    A closing value comes a little after it.
    """
    found_at = transaction.found_at
    return found_at is not None and found_at - at > RECENT
