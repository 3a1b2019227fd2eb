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
        for known in self._charger.memory.transactions.values():
            if (
                known.connector_id == start.connector_id
                and known.id_tag == start.id_tag
                and known.started_at == start.started_at
                and known.meter_start_wh == start.meter_start_wh
            ):
                return known
        return None

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
        where the charger shows one and none is known: chargers also keep naming an
        old id after its end. `now` is by the charger's clock.
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
        adopted = Transaction(
            transaction_id=transaction_id,
            connector_id=connector.connector_id,
            id_tag=None,
            started_at=at,
            meter_start_wh=None,
        )
        self.keep(adopted)
        return adopted

    def _runs(self, transaction: Transaction) -> bool:
        connectors = self._charger.connectors.values()
        return any(each.transaction is transaction for each in connectors)
