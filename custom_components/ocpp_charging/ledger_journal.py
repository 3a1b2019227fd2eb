"""Keeps what the central system needs kept in the ledger's database.

Transactions go to the ledger at once, and what was learned of chargers soon after
(`ledger_memories`). Where the database is away from the beginning, chargers are served
all the same: only what must be kept before it is answered waits.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
import logging
from pathlib import Path
from typing import Final, override

from .csms.clock import ahead_of
from .csms.journal import Journal
from .csms.model import ChargerMemory, RegisterValue, Transaction
from .ledger import (
    Cause,
    ChargerTime,
    Ledger,
    LedgerUnavailable,
    Register,
    RegisterKind,
    SessionState,
    Start,
    Stop,
)
from .ledger.database import file_url, parse, sqlite_path
from .ledger_late import LateFiling
from .ledger_memories import Memories
from .ledger_recall import read_kept

_LOGGER = logging.getLogger(__name__)

PATIENCE_S: Final = 20.0
"""A database that takes longer to open is not waited for."""

RETRY_S: Final = 5.0

CLOCK_TOLERANCE_S: Final = 10
"""A clock that is off by no more is right: messages take their time, too."""


def file_database(folder: str | Path, name: str) -> str:
    """Return the URL of a SQLite file in a folder, which is the default ledger."""
    return file_url(Path(folder) / name).render_as_string(hide_password=False)


class LedgerJournal(Journal):
    """The journal of one central system.

    A transaction that begins or ends is committed when the method returns, or it
    raises `LedgerUnavailable`, an `OSError`. The rest is written within seconds, or
    when the database is there again.
    """

    def __init__(self, url: str, *, central: str) -> None:
        """Begin empty; `async_load` opens the database.

        Raises `ValueError` when `url` is no database URL.
        """
        self.url = url
        self._central = central
        self.ledger = Ledger(url, central=central)
        self.on_loaded: list[Callable[[], None]] = []
        self._memories = Memories(self.ledger, self._file_found)
        self._ahead_s: dict[str, int] = {}
        self._opened = asyncio.Event()
        self._loading: asyncio.Task[None] | None = None
        self._closed = False
        self._late = LateFiling(lambda: self.loaded and self.ledger.health is None)
        self.ledger.on_opening.append(lambda _: self._opened.set())
        _never = self.ledger.listen(self._health_changed)

    @property
    def loaded(self) -> bool:
        """Say whether what is kept was read."""
        return self._memories.complete

    async def async_load(self) -> bool:
        """Open the database and read what is kept; return whether that was done.

        Where the database is away, it goes on in the background, and `on_loaded` is
        called when it is done. Until then no transaction is kept, as it cannot be told
        whether it is known already.
        """
        try:
            async with asyncio.timeout(PATIENCE_S):
                _opening = await self.ledger.open(keep_trying=True)
                await self._take_over()
        except LedgerUnavailable, TimeoutError:
            self._loading = asyncio.get_running_loop().create_task(self._load_later())
            return False
        except BaseException:
            await self.ledger.close()
            raise
        return True

    async def _load_later(self) -> None:
        await self._opened.wait()
        told = False
        while not self.loaded:
            try:
                await self._take_over()
            except LedgerUnavailable as error:
                _LOGGER.debug("What is kept cannot be read yet: %s", error)
                await asyncio.sleep(RETRY_S)
            except Exception:
                # Until it can be read no charger is answered, so it is tried again.
                if not told:
                    _LOGGER.exception("What is kept cannot be read")
                told = True
                await asyncio.sleep(RETRY_S)
        for listener in tuple(self.on_loaded):
            listener()
        self._late.begin()

    async def _take_over(self) -> None:
        self._memories.take_over(await read_kept(self.ledger))

    def _health_changed(self, problem: LedgerUnavailable | None) -> None:
        if problem is None:
            self._memories.forget_soon()
            self._late.begin()

    def _require_loaded(self) -> None:
        """Raise `LedgerUnavailable` as long as it is not known what is kept."""
        if not self.loaded:
            raise self.ledger.health or LedgerUnavailable(
                Cause.OTHER, "what is kept was not read yet"
            )

    @property
    def identities(self) -> frozenset[str]:
        """Return the chargers of which something is kept, besides their history."""
        return self._memories.identities

    def memory(self, identity: str) -> ChargerMemory:
        """Return what is kept of a charger; nothing yet is an empty memory."""
        return self._memories.memory(identity)

    def forget(self, identity: str, *, history: bool = False) -> None:
        """Drop what was learned of a charger, and with `history` its sessions too.

        Done soon; ids that it used are never given again.
        """
        self._late.forget(identity)
        self._memories.forget(identity, history=history)

    @override
    async def open_transaction(self, identity: str, transaction: Transaction) -> int:
        """Keep a transaction that begins; a start that is repeated gets its old id."""
        try:
            return await self._open(identity, transaction)
        except LedgerUnavailable:
            start = self._start(identity, transaction)
            key = (start.connector, start.id_tag, start.time.raw, start.meter_start_wh)
            self._late.keep(
                identity, key, partial(self._open, identity, replace(transaction))
            )
            raise

    async def _open(self, identity: str, transaction: Transaction) -> int:
        self._require_loaded()
        memory = self.memory(identity)
        self._file_found(identity, memory)
        brought = frozenset(
            number
            for number in memory.transactions
            if not self._memories.is_ours(identity, number)
        )
        transaction_id = await self.ledger.open_transaction(
            self._start(identity, transaction), avoid=brought
        )
        session = await self.ledger.session(transaction_id)
        if session is not None and session.raw_ended_at is not None:
            transaction.ended_at = session.raw_ended_at
            transaction.meter_stop_wh = session.meter_stop_wh
            transaction.stop_reason = session.reason
            transaction.energy_wh = float(session.energy_wh or 0)
            transaction.end_matched = True
        # The charger's memory has it as soon as this returns: numbers that no memory
        # has are dropped when one is saved.
        self._memories.note_ours(identity, transaction_id)
        return transaction_id

    @override
    async def close_transaction(
        self,
        identity: str,
        transaction: Transaction,
        registers: Sequence[RegisterValue] = (),
    ) -> None:
        try:
            await self._close(identity, transaction, registers)
        except LedgerUnavailable:
            self._late.keep(
                identity,
                (transaction.transaction_id, transaction.ended_at),
                partial(self._close, identity, transaction, registers),
            )
            raise

    async def _close(
        self,
        identity: str,
        transaction: Transaction,
        registers: Sequence[RegisterValue],
    ) -> None:
        self._require_loaded()
        number = transaction.transaction_id
        if not self._memories.is_ours(identity, number):
            await self.ledger.open_transaction(self._adopted(identity, transaction))
            self._memories.note_found(identity, number)
        assert transaction.ended_at is not None
        _session = await self.ledger.close_transaction(
            Stop(
                charger=identity,
                transaction_id=number,
                time=self._time(identity, transaction.ended_at),
                meter_stop_wh=transaction.meter_stop_wh,
                reason=transaction.stop_reason,
                connector=transaction.connector_id,
                registers=self._registers(
                    identity, transaction.connector_id, registers
                ),
            )
        )

    @override
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
        stop = Stop(
            charger=identity,
            transaction_id=transaction_id,
            time=self._time(identity, at),
            meter_stop_wh=meter_stop_wh,
            reason=reason,
            id_tag=id_tag,
            registers=self._registers(identity, 0, registers),
        )
        try:
            self._require_loaded()
            session = await self.ledger.close_transaction(stop)
        except LedgerUnavailable:
            self._late.keep(
                identity,
                (transaction_id, at),
                partial(self.ledger.close_transaction, stop),
            )
            raise
        return None if session.state is SessionState.ORPHAN else session.id

    @override
    def record_register(
        self,
        identity: str,
        connector_id: int,
        transaction_id: int | None,
        value: RegisterValue,
    ) -> None:
        register = self._register(identity, connector_id, transaction_id, value)
        self.ledger.record_registers((register,))

    @override
    def note_clock(self, identity: str, ahead_s: float) -> None:
        self._ahead_s[identity] = (
            round(ahead_s) if abs(ahead_s) > CLOCK_TOLERANCE_S else 0
        )

    @override
    def remember(self, identity: str, memory: ChargerMemory) -> None:
        self._memories.remember(identity, memory)

    async def async_flush(self) -> None:
        """Write what is not written yet. Raises `OSError` when that fails."""
        await self._memories.hand_over()
        await self._memories.forget_now(raising=True)
        await self.ledger.flush()

    async def async_close(self) -> None:
        """Write what is not written yet and close the database.

        Raises `OSError` when something could not be written and is lost.
        """
        if self._closed:
            return
        self._closed = True
        if self._loading is not None:
            self._loading.cancel()
            with suppress(asyncio.CancelledError):
                await self._loading
        await self._late.close()
        try:
            await self._memories.close()
        finally:
            await self.ledger.close()

    async def async_remove(self) -> None:
        """Delete what this central system kept, with its history.

        For a journal that is not loaded. Raises `OSError`.
        """
        path = sqlite_path(parse(self.url))
        if path is None or self._central not in path.name:
            # Others may keep their books there, too.
            try:
                _opening = await self.ledger.open()
                await self.ledger.forget_all()
            finally:
                await self.ledger.close()
            return

        def delete() -> None:
            for companion in ("", "-wal", "-shm"):
                path.with_name(path.name + companion).unlink(missing_ok=True)

        await asyncio.get_running_loop().run_in_executor(None, delete)

    def _file_found(self, identity: str, memory: ChargerMemory) -> None:
        """Have filed what was found under a number of the charger's own."""
        for number, transaction in memory.transactions.items():
            ours = self._memories.is_ours(identity, number)
            named = transaction.own_number or number
            if self._memories.is_found(identity, named):
                continue
            if ours and transaction.own_number is None:
                continue
            self._memories.note_found(identity, named)
            if not ours:
                self.ledger.adopt(self._adopted(identity, transaction))
                continue
            start = self._start(identity, transaction)
            self.ledger.adopt(
                replace(start, charger_transaction_id=transaction.own_number)
            )

    def _register(
        self,
        identity: str,
        connector_id: int,
        transaction_id: int | None,
        value: RegisterValue,
    ) -> Register:
        return Register(
            charger=identity,
            connector=connector_id,
            transaction_id=transaction_id,
            time=self._time(identity, value.at),
            wh=round(value.wh),
            kind=RegisterKind(value.kind),
        )

    def _registers(
        self, identity: str, connector_id: int, values: Sequence[RegisterValue]
    ) -> tuple[Register, ...]:
        return tuple(
            self._register(identity, connector_id, None, value) for value in values
        )

    def _start(self, identity: str, transaction: Transaction) -> Start:
        return Start(
            charger=identity,
            connector=transaction.connector_id,
            id_tag=transaction.id_tag,
            time=self._time(
                identity, transaction.raw_started_at or transaction.started_at
            ),
            meter_start_wh=transaction.meter_start_wh,
            accepted=transaction.accepted,
        )

    def _adopted(self, identity: str, transaction: Transaction) -> Start:
        """Return the start of a session that was found running.

        What its register showed first is among the readings.
        """
        return replace(
            self._start(identity, transaction),
            meter_start_wh=None,
            charger_transaction_id=transaction.transaction_id,
        )

    def _time(self, identity: str, raw: datetime) -> ChargerTime:
        known = self._ahead_s.get(identity, 0)
        ahead_s = round(ahead_of(raw, known, datetime.now(UTC)))
        return ChargerTime(raw=raw.astimezone(UTC), ahead_s=ahead_s)
