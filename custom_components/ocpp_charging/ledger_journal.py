"""Keeps what the central system needs kept in the ledger's database.

The memories of the chargers are held here, and written as JSON soon after they
changed. Transactions go to the ledger at once, and after a restart the ledger's word
on them counts.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
import logging
from pathlib import Path
from typing import Any, Final, override

from .csms.journal import Journal
from .csms.model import ChargerMemory, Transaction
from .ledger import (
    ChargerRecord,
    ChargerTime,
    Ledger,
    LedgerUnavailable,
    Opening,
    Register,
    Session,
    SessionFilter,
    SessionState,
    Start,
    Stop,
)
from .ledger.database import file_url, parse, sqlite_path
from .storage_codec import decode, encode

_LOGGER = logging.getLogger(__name__)

SAVE_DELAY_S: Final = 2.0
"""A charger that changes says several things in a row: they are written together."""

AT_ONCE: Final = 10
"""So many memories are made JSON of before the event loop has its turn again."""

CLOCK_TOLERANCE_S: Final = 10
"""A clock that is off by no more is right: messages take their time, too."""

RECENT: Final = timedelta(days=2)
"""Sessions that began since then are remembered, also those that have ended."""

MAX_RECENT: Final = 8
ASKED_AT_ONCE: Final = 5000


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
        self._url = url
        self._central = central
        self.ledger = Ledger(url, central=central)
        self._memories: dict[str, ChargerMemory] = {}
        self._ours: set[tuple[str, int]] = set()
        self._found: set[tuple[str, int]] = set()
        self._ahead_s: dict[str, int] = {}
        self._stale: dict[str, None] = {}
        self._forgotten: dict[str, bool] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._forgetting: set[asyncio.Task[None]] = set()

    async def async_load(self) -> Opening:
        """Open the database and read what is kept. Raises `LedgerUnavailable`.

        A memory that is damaged is logged and left out.
        """
        opening = await self.ledger.open()
        try:
            records = await self.ledger.chargers()
            for record in records:
                self._memories[record.identity] = _memory(record)
            await self._load_sessions()
        except BaseException:
            await self.ledger.close()
            raise
        return opening

    async def _load_sessions(self) -> None:
        """Let the memories agree with the ledger, which was written before them."""
        remembered = [
            transaction_id
            for memory in self._memories.values()
            for transaction_id in memory.transactions
        ]
        for begin in range(0, len(remembered), ASKED_AT_ONCE):
            ids = frozenset(remembered[begin : begin + ASKED_AT_ONCE])
            for session in await self.ledger.sessions(
                SessionFilter(ids=ids, refused=True)
            ):
                self._reconcile(session, new=False)
        running = SessionFilter(state=SessionState.RUNNING, refused=True)
        for session in await self.ledger.sessions(running):
            self._reconcile(session, new=True)
        since = datetime.now(UTC) - RECENT
        recent = SessionFilter(since=since, refused=True, newest_first=True)
        counts: Counter[str] = Counter()
        for session in await self.ledger.sessions(recent):
            counts[session.charger] += 1
            if counts[session.charger] <= MAX_RECENT:
                known = session.charger in self._memories
                self._reconcile(session, new=known)

    def _reconcile(self, session: Session, *, new: bool) -> None:
        """Take a session over into its charger's memory; `new` ones too."""
        identity, number = session.charger, session.id
        if session.state is SessionState.ORPHAN:
            return
        if session.charger_transaction_id is not None:
            self._found.add((identity, session.charger_transaction_id))
            return
        memory = self.memory(identity) if new else self._memories.get(identity)
        kept = None if memory is None else memory.transactions.get(number)
        if memory is None or (kept is None and not new):
            # Another charger's number happens to be the same.
            return
        self._ours.add((identity, number))
        if kept is None:
            memory.transactions[number] = _transaction(session)
        elif session.raw_ended_at is not None:
            relative = kept.session_relative
            ended = _transaction(session)
            memory.transactions[number] = replace(ended, session_relative=relative)
        else:
            kept.energy_wh = max(kept.energy_wh, float(session.energy_wh or 0))

    @property
    def identities(self) -> frozenset[str]:
        """Return the chargers of which something is kept, besides their history."""
        return frozenset(self._memories)

    def memory(self, identity: str) -> ChargerMemory:
        """Return what is kept of a charger; nothing yet is an empty memory."""
        return self._memories.setdefault(identity, ChargerMemory())

    def forget(self, identity: str, *, history: bool = False) -> None:
        """Drop what was learned of a charger, and with `history` its sessions too.

        Done soon; ids that it used are never given again.
        """
        self._memories.pop(identity, None)
        self._stale.pop(identity, None)
        self._forgotten[identity] = history
        task = asyncio.get_running_loop().create_task(self._forget_now())
        self._forgetting.add(task)
        task.add_done_callback(self._forgetting.discard)

    @override
    async def open_transaction(self, identity: str, transaction: Transaction) -> int:
        """Keep a transaction that begins; a start that is repeated gets its old id."""
        brought = frozenset(
            number
            for number in self.memory(identity).transactions
            if (identity, number) not in self._ours
        )
        transaction_id = await self.ledger.open_transaction(
            self._start(identity, transaction), avoid=brought
        )
        self._ours.add((identity, transaction_id))
        return transaction_id

    @override
    async def close_transaction(self, identity: str, transaction: Transaction) -> None:
        number = transaction.transaction_id
        if (identity, number) not in self._ours:
            await self.ledger.open_transaction(self._adopted(identity, transaction))
            self._found.add((identity, number))
        assert transaction.ended_at is not None
        _session = await self.ledger.close_transaction(
            Stop(
                charger=identity,
                transaction_id=number,
                time=self._time(identity, transaction.ended_at),
                meter_stop_wh=transaction.meter_stop_wh,
                reason=transaction.stop_reason,
                connector=transaction.connector_id,
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
        registers: Sequence[tuple[datetime, float]] = (),
    ) -> int | None:
        session = await self.ledger.close_transaction(
            Stop(
                charger=identity,
                transaction_id=transaction_id,
                time=self._time(identity, at),
                meter_stop_wh=meter_stop_wh,
                reason=reason,
                id_tag=id_tag,
                registers=tuple(
                    self._register(identity, 0, None, when, wh)
                    for when, wh in registers
                ),
            )
        )
        return None if session.state is SessionState.ORPHAN else session.id

    @override
    def record_register(
        self,
        identity: str,
        connector_id: int,
        transaction_id: int | None,
        at: datetime,
        wh: float,
    ) -> None:
        register = self._register(identity, connector_id, transaction_id, at, wh)
        self.ledger.record_registers((register,))

    @override
    def note_clock(self, identity: str, ahead_s: float) -> None:
        self._ahead_s[identity] = (
            round(ahead_s) if abs(ahead_s) > CLOCK_TOLERANCE_S else 0
        )

    @override
    def remember(self, identity: str, memory: ChargerMemory) -> None:
        self._memories[identity] = memory
        self._forgotten.pop(identity, None)
        self._stale[identity] = None
        if self._timer is None:
            self._save_in(SAVE_DELAY_S)

    async def async_flush(self) -> None:
        """Write what is not written yet. Raises `OSError` when that fails."""
        await asyncio.gather(*self._forgetting)
        await self._forget_now(raising=True)
        while self._stale:
            self._save_some()
        await self.ledger.flush()

    async def async_close(self) -> None:
        """Write what is not written yet and close the database.

        Raises `OSError` when something could not be written and is lost.
        """
        if self._timer is not None:
            self._timer.cancel()
        await asyncio.gather(*self._forgetting)
        while self._stale:
            self._save_some()
        await self.ledger.close()

    async def async_remove(self) -> None:
        """Delete what this central system kept, with its history.

        For a journal that is not loaded. Raises `OSError`.
        """
        path = sqlite_path(parse(self._url))
        if path is None:
            await self.ledger.open()
            try:
                await self.ledger.forget_all()
            finally:
                await self.ledger.close()
            return

        def delete() -> None:
            for companion in ("", "-wal", "-shm"):
                path.with_name(path.name + companion).unlink(missing_ok=True)

        await asyncio.get_running_loop().run_in_executor(None, delete)

    async def _forget_now(self, *, raising: bool = False) -> None:
        for identity in tuple(self._forgotten):
            history = self._forgotten[identity]
            try:
                await self.ledger.forget(identity, history=history)
            except LedgerUnavailable as error:
                if raising:
                    raise
                _LOGGER.warning("%s is not forgotten yet: %s", identity, error)
                return
            self._forgotten.pop(identity, None)

    def _save_in(self, delay_s: float) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(delay_s, self._save_due)

    def _save_due(self) -> None:
        self._timer = None
        self._save_some()
        if self._stale:
            self._save_in(0)

    def _save_some(self) -> None:
        """Hand a few of the changed memories to the ledger."""
        for identity in list(self._stale)[:AT_ONCE]:
            del self._stale[identity]
            memory = self._memories[identity]
            data = encode(memory)
            self.ledger.save_charger(
                ChargerRecord(
                    identity=identity,
                    accepted=memory.accepted,
                    info=data["info"],
                    features=data["features"],
                    memory=data,
                )
            )
            for number, transaction in memory.transactions.items():
                key = identity, number
                if key not in self._ours and key not in self._found:
                    self._found.add(key)
                    self.ledger.adopt(self._adopted(identity, transaction))

    def _register(
        self,
        identity: str,
        connector_id: int,
        transaction_id: int | None,
        at: datetime,
        wh: float,
    ) -> Register:
        return Register(
            charger=identity,
            connector=connector_id,
            transaction_id=transaction_id,
            time=self._time(identity, at),
            wh=round(wh),
        )

    def _start(self, identity: str, transaction: Transaction) -> Start:
        return Start(
            charger=identity,
            connector=transaction.connector_id,
            id_tag=transaction.id_tag,
            time=self._time(identity, transaction.started_at),
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
        return ChargerTime(
            raw=raw.astimezone(UTC), ahead_s=self._ahead_s.get(identity, 0)
        )


def _memory(record: ChargerRecord) -> ChargerMemory:
    """Read a memory as far as it is sound."""
    try:
        return decode(ChargerMemory, record.memory)
    except ValueError as error:
        _LOGGER.warning(
            "What was learned of %s is damaged and left out: %s", record.identity, error
        )
    parts: Mapping[str, Any] = {"accepted": record.accepted, "info": record.info}
    try:
        return decode(ChargerMemory, parts)
    except ValueError:
        return ChargerMemory(accepted=record.accepted)


def _transaction(session: Session) -> Transaction:
    return Transaction(
        transaction_id=session.id,
        connector_id=session.connector,
        id_tag=session.id_tag,
        started_at=session.raw_started_at,
        meter_start_wh=session.meter_start_wh,
        energy_wh=float(session.energy_wh or 0),
        accepted=session.accepted,
        ended_at=session.raw_ended_at,
        meter_stop_wh=session.meter_stop_wh,
        stop_reason=session.reason,
    )
