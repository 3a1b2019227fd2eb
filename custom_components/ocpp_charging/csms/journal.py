"""What the central system needs to have kept, and by whom is not its business.

The ledger keeps it in a database; `MemoryJournal` keeps it as long as the process
lives.
"""

from abc import ABC, abstractmethod
from typing import override

from .model import ChargerMemory, Transaction


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
        Raises `OSError` when it cannot be kept.
        """

    @abstractmethod
    async def close_transaction(self, identity: str, transaction: Transaction) -> None:
        """Keep the end of a transaction; when this returns, it is kept.

        Raises `OSError` when it cannot be kept.
        """

    @abstractmethod
    def remember(self, identity: str, memory: ChargerMemory) -> None:
        """Keep what was learned of a charger, soon."""


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
    async def close_transaction(self, identity: str, transaction: Transaction) -> None:
        self.transactions[transaction.transaction_id] = (identity, transaction)

    @override
    def remember(self, identity: str, memory: ChargerMemory) -> None:
        """Do nothing: the memory object itself is all there is."""
