"""Keeps transactions and what was learned of the chargers, in `.storage`."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
import logging
from typing import Any, Final, override

from homeassistant.core import CoreState, HomeAssistant, callback
from homeassistant.helpers.storage import Store
from homeassistant.util import dt as dt_util

from .const import DOMAIN
from .csms.journal import Journal
from .csms.model import ChargerMemory, Transaction
from .storage_codec import decode, encode

_LOGGER = logging.getLogger(__name__)

STORAGE_VERSION: Final = 1
STORAGE_MINOR_VERSION: Final = 1
SAVE_DELAY: Final = 10.0
"""Seconds until what may be lost with the process is written."""
KEPT_CLOSED: Final = 50
"""Ended transactions kept for each charger, to recognise a start that is repeated."""

_COUNTING_SINCE = dt_util.utc_from_timestamp(1_704_067_200)
"""Ids of a new store begin with the minutes since 2024: a charger that still reports
sessions of a central system that was removed then meets none of their ids again."""


@dataclass(kw_only=True)
class _Entry:
    """A transaction and whose it is."""

    identity: str
    transaction: Transaction

    @property
    def key(self) -> tuple[str, int]:
        """Return what it is found by: ids that chargers brought along may collide."""
        return self.identity, self.transaction.transaction_id


class _DurableStore(Store[dict[str, Any]]):
    """A store that can tell which revision of the data is on the disk.

    `Store.async_save` logs a failed write and returns as if all were well, and while
    Home Assistant stops it does not write at all.
    """

    written_revision = 0

    @override
    async def _async_write_data(self, data: dict[str, Any]) -> None:
        await super()._async_write_data(data)
        self.written_revision = data["data"].get("revision", 0)

    @override
    async def _async_migrate_func(
        self,
        old_major_version: int,
        old_minor_version: int,
        old_data: dict[str, Any],
    ) -> dict[str, Any]:
        """Bring the data of another version here; there is none older yet.

        One that is newer by a minor version is read as far as it is understood.
        """
        if old_major_version != STORAGE_VERSION:
            raise NotImplementedError
        return old_data


class StoreJournal(Journal):
    """The journal of one central system, in a private file of `.storage`.

    Saves that are asked for at the same time share one write. A transaction that
    begins or ends is on the disk when the method returns; the rest is written within
    `SAVE_DELAY`, and by `async_flush`.
    """

    def __init__(self, hass: HomeAssistant, entry_id: str) -> None:
        """Begin empty; `async_load` reads what is kept."""
        self._hass = hass
        self._store = _DurableStore(
            hass,
            STORAGE_VERSION,
            f"{DOMAIN}.{entry_id}",
            minor_version=STORAGE_MINOR_VERSION,
            private=True,
            atomic_writes=True,
        )
        self._lock = asyncio.Lock()
        self._revision = 0
        self._delayed = False
        self._next_id = 1
        self._transactions: dict[tuple[str, int], _Entry] = {}
        self._memories: dict[str, ChargerMemory] = {}
        self._encoded: dict[str, Any] = {}
        self._stale: set[str] = set()

    async def async_load(self, *, now: datetime | None = None) -> None:
        """Read what is kept; a record that is damaged is logged and left out."""
        age = (now or dt_util.utcnow()) - _COUNTING_SINCE
        first_id = max(1, int(age.total_seconds() // 60))
        data = await self._store.async_load()
        if data is None:
            self._next_id = first_id
            return
        self._revision = self._store.written_revision = data.get("revision", 0)
        for identity, record in data.get("chargers", {}).items():
            if (memory := _read(ChargerMemory, record, identity)) is not None:
                self._memories[identity] = memory
        for record in data.get("transactions", []):
            if (entry := _read(_Entry, record, "a transaction")) is not None:
                self._transactions[entry.key] = entry
        self._next_id = data.get("next_transaction_id", first_id)
        for entry in self._transactions.values():
            self._reconcile(entry)
        self._stale.update(self._memories)

    def _reconcile(self, entry: _Entry) -> None:
        """Let a charger's memory, written later, agree with its transactions."""
        memory = self._memories.setdefault(entry.identity, ChargerMemory())
        kept = entry.transaction
        known = memory.transactions.get(kept.transaction_id)
        if kept.ended_at is None:
            if known is None:
                memory.transactions[kept.transaction_id] = replace(kept)
        elif known is not None and known.ended_at is None:
            memory.transactions[kept.transaction_id] = replace(kept)

    @property
    def identities(self) -> frozenset[str]:
        """Return the chargers of which something is kept."""
        kept = (entry.identity for entry in self._transactions.values())
        return frozenset(self._memories).union(kept)

    @callback
    def memory(self, identity: str) -> ChargerMemory:
        """Return what is kept of a charger; nothing yet is an empty memory."""
        return self._memories.setdefault(identity, ChargerMemory())

    @callback
    def forget(self, identity: str) -> None:
        """Drop all that is kept of a charger but the ids that it used."""
        self._memories.pop(identity, None)
        self._encoded.pop(identity, None)
        self._stale.discard(identity)
        self._transactions = {
            key: entry
            for key, entry in self._transactions.items()
            if entry.identity != identity
        }
        self._save_soon()

    @override
    async def open_transaction(self, identity: str, transaction: Transaction) -> int:
        """Keep a transaction that begins; a start that is repeated gets its old id."""
        transaction_id = self._same_start(identity, transaction)
        if transaction_id is None:
            transaction_id = self._new_id()
            self._put(identity, replace(transaction, transaction_id=transaction_id))
        await self._save()
        return transaction_id

    @override
    async def close_transaction(self, identity: str, transaction: Transaction) -> None:
        self._put(identity, replace(transaction))
        self._drop_oldest_closed(identity)
        self._stale.add(identity)
        await self._save()

    @override
    def remember(self, identity: str, memory: ChargerMemory) -> None:
        self._memories[identity] = memory
        self._stale.add(identity)
        self._save_soon()

    async def async_flush(self) -> None:
        """Write what is not written yet. Raises `OSError` when that fails.

        While Home Assistant stops, its own final write does it, after all else.
        """
        if self._hass.state is CoreState.stopping:
            self._save_soon()
        else:
            await self._save()

    async def async_remove(self) -> None:
        """Delete the file."""
        await self._store.async_remove()

    def _new_id(self) -> int:
        """Return an id that was never used, by a session brought along neither."""
        brought = {
            transaction_id
            for memory in self._memories.values()
            for transaction_id in memory.transactions
        }
        while self._next_id in brought:
            self._next_id += 1
        self._next_id += 1
        return self._next_id - 1

    def _put(self, identity: str, transaction: Transaction) -> None:
        entry = _Entry(identity=identity, transaction=transaction)
        self._transactions[entry.key] = entry
        self._revision += 1

    def _same_start(self, identity: str, transaction: Transaction) -> int | None:
        """Return the id of a kept transaction that began exactly like this one."""
        for entry in reversed(self._transactions.values()):
            kept = entry.transaction
            if (
                entry.identity == identity
                and kept.connector_id == transaction.connector_id
                and kept.id_tag == transaction.id_tag
                and kept.started_at == transaction.started_at
                and kept.meter_start_wh == transaction.meter_start_wh
            ):
                return kept.transaction_id
        return None

    def _drop_oldest_closed(self, identity: str) -> None:
        closed = [
            key
            for key, entry in self._transactions.items()
            if entry.identity == identity and entry.transaction.ended_at is not None
        ]
        for key in closed[:-KEPT_CLOSED]:
            del self._transactions[key]

    def _save_soon(self) -> None:
        self._revision += 1
        # `async_delay_save` begins its delay anew with every call: a busy house would
        # never be written.
        if not self._delayed:
            self._delayed = True
            self._store.async_delay_save(self._snapshot, SAVE_DELAY)

    async def _save(self) -> None:
        """Have everything up to now on the disk. Raises `OSError` when it is not."""
        wanted = self._revision
        cause: OSError | None = None
        async with self._lock:
            if self._store.written_revision < wanted:
                try:
                    await self._store.async_save(self._snapshot())
                except OSError as error:
                    cause = error
        if self._store.written_revision < wanted:
            self._save_soon()
            raise OSError("the transactions could not be written to disk") from cause

    def _snapshot(self) -> dict[str, Any]:
        self._delayed = False
        for identity in self._stale:
            self._encoded[identity] = encode(self.memory(identity))
        self._stale.clear()
        return {
            "revision": self._revision,
            "next_transaction_id": self._next_id,
            "chargers": dict(self._encoded),
            "transactions": [encode(entry) for entry in self._transactions.values()],
        }


def _read[T](record: type[T], data: Mapping[str, Any], what: str) -> T | None:
    try:
        return decode(record, data)
    except ValueError as error:
        _LOGGER.warning("What was kept of %s is damaged and left out: %s", what, error)
        return None
