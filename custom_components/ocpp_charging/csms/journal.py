"""What the central system needs to have kept, and by whom is not its business.

The ledger keeps it in a database; `MemoryJournal` keeps it as long as the process
lives.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import datetime
from typing import override

from .model import ChargerMemory, RegisterValue, Transaction


class Journal(ABC):
    """Keeps transactions and what was learned of chargers over restarts."""

    @abstractmethod
    async def open_transaction(
        self,
        identity: str,
        transaction: Transaction,
    ) -> int:
        """Keep a transaction that begins and return its id.

        The id is positive, unique over all chargers and never used again
        (OCPP 1.6 errata 4.0, 3.54). When this returns, it is kept: the charger is
        answered afterwards. The `transaction_id` of the argument does not count.
        An end that was told before it, and can only be its, is written into it.
        Raises `OSError` when it cannot be kept.
        """

    @abstractmethod
    async def close_transaction(
        self,
        identity: str,
        transaction: Transaction,
        registers: Sequence[RegisterValue] = (),
    ) -> None:
        """Keep the end of a transaction; when this returns, it is kept.

        One that is told again stays as it was told first. `registers` are the energy
        register's values that came with it. Raises `OSError` when it cannot be kept.
        """

    @abstractmethod
    def remember(self, identity: str, memory: ChargerMemory) -> None:
        """Keep what was learned of a charger, soon."""

    def record_register(  # noqa: B027 - not every journal wants to know
        self,
        identity: str,
        connector_id: int,
        transaction_id: int | None,
        value: RegisterValue,
    ) -> None:
        """Keep what an energy register showed, soon.

        `transaction_id` is as the charger named it.
        """

    def note_clock(  # noqa: B027 - not every journal wants to know
        self, identity: str, ahead_s: float
    ) -> None:
        """Take note of how far a charger's clock is ahead: its times are off by it."""

    async def file_stop(
        self,
        identity: str,
        *,
        transaction_id: int,
        at: datetime,
        meter_stop_wh: int | None,
        reason: str | None,
        id_tag: str | None,
        registers: Sequence[RegisterValue] = (),
    ) -> int | None:
        """Keep a stop that names no transaction that is remembered.

        `registers` are the energy register's values that came with it.
        Returns the transaction that it can only belong to, None when there is none.
        When this returns, it is kept. Raises `OSError` when it cannot be kept.
        """
        return None


class MemoryJournal(Journal):
    """A journal that forgets with the process."""

    def __init__(self) -> None:
        """Begin with no transaction."""
        self.transactions: dict[int, tuple[str, Transaction]] = {}

    @override
    async def open_transaction(self, identity: str, transaction: Transaction) -> int:
        transaction_id = len(self.transactions) + 1
        self.transactions[transaction_id] = (identity, transaction)
        return transaction_id

    @override
    async def close_transaction(
        self,
        identity: str,
        transaction: Transaction,
        registers: Sequence[RegisterValue] = (),
    ) -> None:
        kept = self.transactions.get(transaction.transaction_id)
        if kept is None or kept[1].ended_at is None:
            self.transactions[transaction.transaction_id] = (identity, transaction)

    @override
    def remember(self, identity: str, memory: ChargerMemory) -> None:
        """Do nothing: the memory object itself is all there is."""
