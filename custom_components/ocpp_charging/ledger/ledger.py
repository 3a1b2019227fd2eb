"""The ledger: what was charged, kept in a database, asked for without waiting for it.

All input and output is in two threads, one that writes and one that reads.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
import logging
from pathlib import Path
from typing import Final

from sqlalchemy import URL, Connection, Engine

from . import costs, facts, ids, keeping, migrations, reading, rescue, settling
from .backlog import Backlog
from .database import checkpoint_pragma, connect, parse, sqlite_path
from .errors import Cause, LedgerUnavailable
from .faults import unavailable
from .filing import Filing
from .records import (
    ChargerRecord,
    Cost,
    Register,
    Session,
    SessionFilter,
    Start,
    Stop,
    Totals,
)
from .settling import Due, Rates
from .writer import Writer

_LOGGER = logging.getLogger(__name__)

_EVERYTHING: Final = SessionFilter()


@dataclass(frozen=True, kw_only=True)
class Opening:
    """What was found when the database was opened.

    `set_aside` is where a damaged file is now and `salvaged` how many transactions
    could be taken over from it. `migrated_from` is the version of older tables.
    """

    created: bool = False
    migrated_from: int | None = None
    set_aside: Path | None = None
    salvaged: int = 0


class Ledger:
    """The books of one central system.

    What is told with `record_registers`, `adopt` and `save_charger` is kept within ten
    seconds, or when the database is there again; all else is kept when the method
    returns. An instance is opened once and closed once.
    """

    def __init__(self, url: str | URL, *, central: str = "") -> None:
        """Make a closed ledger.

        `url` is a SQLAlchemy URL; on a server, `central` tells apart the central
        systems that keep their books there. Raises `ValueError` when it is none.
        """
        self._url = parse(url)
        self._central = central
        self._backlog = Backlog()
        self._writer = Writer(self._prepare, self._url, central, self._backlog)
        self._readers = ThreadPoolExecutor(1, thread_name_prefix="ocpp ledger read")
        self._reading: Engine | None = None
        self._highest_id = 0
        self._held = False
        self._opened_once = False
        self._closed = False
        self.opening = Opening()
        self.on_opening: list[Callable[[Opening], None]] = []

    @property
    def health(self) -> LedgerUnavailable | None:
        """Return why the ledger cannot be written at present, None when it can."""
        return self._writer.health

    @property
    def is_open(self) -> bool:
        """Say whether the database was opened, though it may be away at present."""
        return self._opened_once

    @property
    def waiting(self) -> int:
        """Return how many register readings and chargers are not written yet."""
        return len(self._backlog)

    @property
    def dropped(self) -> int:
        """Return how many register readings were lost, since too many waited."""
        return self._backlog.dropped

    @property
    def commits(self) -> int:
        """Return how often was committed."""
        return self._writer.commits

    def listen(
        self, listener: Callable[[LedgerUnavailable | None], None]
    ) -> Callable[[], None]:
        """Call `listener` when `health` changes; returns how to stop it."""
        self._writer.listeners.append(listener)
        return lambda: self._writer.listeners.remove(listener)

    def listen_sessions(
        self, listener: Callable[[frozenset[str]], None]
    ) -> Callable[[], None]:
        """Call `listener` with the chargers whose sessions have changed, once filed.

        Returns how to stop it.
        """
        self._writer.on_sessions.append(listener)
        return lambda: self._writer.on_sessions.remove(listener)

    async def open(self, *, keep_trying: bool = False) -> Opening:
        """Open the database, making or migrating it, or replacing a damaged file.

        Raises `LedgerUnavailable`; with `keep_trying` it is then tried again until it
        is closed, and `on_opening` tells when that was done.
        """
        await self._writer.start(keep_trying=keep_trying)
        return self.opening

    async def close(self) -> None:
        """Write what waits and close. Raises `LedgerUnavailable` when some is lost."""
        self._closed = True
        await self._writer.stop()
        await asyncio.get_running_loop().run_in_executor(
            self._readers, self._stop_reading
        )
        # Its thread is idle: this does not block.
        self._readers.shutdown()
        if self._backlog:
            problem = self.health
            cause = problem.cause if problem else Cause.OTHER
            lost = f"{len(self._backlog)} things could not be written"
            raise LedgerUnavailable(cause, lost)

    async def open_transaction(
        self, start: Start, *, avoid: frozenset[int] = frozenset()
    ) -> int:
        """File the beginning of a session and return its id, which is none of `avoid`.

        One that is told again gets the same id. Raises `LedgerUnavailable`.
        """
        transaction_id = await self._writer.submit(
            lambda filing: filing.start(start, avoid)
        )
        self._highest_id = max(self._highest_id, transaction_id)
        return transaction_id

    async def close_transaction(self, stop: Stop) -> Session:
        """File the end of a session and return the session as it is then.

        Raises `LedgerUnavailable`.
        """

        def work(filing: Filing) -> Session:
            number = filing.stop(stop)
            found = reading.session(filing.connection, self._central, number)
            assert found is not None
            return found

        return await self._writer.submit(work)

    def record_registers(self, registers: Iterable[Register]) -> None:
        """Keep what registers showed, soon."""
        self._backlog.add_registers(registers)
        self._writer.soon()

    def adopt(self, start: Start) -> None:
        """Keep a session that was found running under a charger's own id, soon."""
        self._backlog.add_found(start)
        self._writer.soon()

    def save_charger(self, record: ChargerRecord) -> None:
        """Keep what is known of a charger, soon."""
        self._backlog.add_charger(record)
        self._writer.soon()

    async def flush(self) -> None:
        """Have all written that waits. Raises `LedgerUnavailable`."""
        await self._writer.submit(lambda filing: None)
        while self._backlog:
            await self._writer.submit(lambda filing: None)

    async def hold_file(self, *, held: bool) -> None:
        """Let a SQLite file be copied while it is written to, or end that.

        While it is held, `-wal` beside it takes all that is new; both belong to a
        copy. Of a server this changes nothing. Raises `LedgerUnavailable`.
        """
        self._held = held
        if sqlite_path(self._url) is not None:
            pragma = f"PRAGMA {checkpoint_pragma(held=held)}"
            await self._writer.submit(
                lambda filing: filing.connection.exec_driver_sql(pragma).close()
            )

    async def forget(self, identity: str, *, history: bool = False) -> None:
        """Drop what was learned of a charger, and with `history` its sessions too.

        Raises `LedgerUnavailable`.
        """
        self._backlog.drop_charger(identity)
        await self._writer.submit(
            lambda filing: keeping.forget(filing, identity, history=history)
        )

    async def forget_all(self) -> None:
        """Delete everything of this central system. Raises `LedgerUnavailable`."""
        await self._writer.submit(keeping.forget_all)

    async def prune(self, before: datetime) -> int:
        """Delete register readings from before; return how many.

        The energy of every session stays what it is. Raises `LedgerUnavailable`.
        """
        numbers = await self._writer.submit(keeping.charger_ids)
        minute = facts.minute(before)
        deleted = 0
        for charger_id in numbers:
            work = partial(keeping.prune, charger_id=charger_id, before=minute)
            deleted += await self._writer.submit(work)
        return deleted

    async def settle(self, transaction_id: int, rates: Rates) -> bool:
        """Work out what a session cost; return whether that has changed it.

        Raises `LedgerUnavailable`.
        """
        return await self._writer.submit(
            lambda filing: settling.settle(filing, transaction_id, rates)
        )

    async def due(
        self,
        since: datetime,
        *,
        identities: frozenset[str] | None = None,
        incomplete: bool = False,
    ) -> list[Due]:
        """Return the sessions that are to be settled (`settling.due`)."""
        return await self._read(
            lambda connection: settling.due(
                connection,
                self._central,
                since,
                identities=identities,
                incomplete=incomplete,
            )
        )

    async def cost_of_connectors(
        self, identities: frozenset[str] | None = None
    ) -> dict[tuple[str, int], Cost]:
        """Return what all sessions of each charger's connectors cost."""
        return await self._read(
            lambda connection: costs.of_connectors(
                connection, self._central, identities
            )
        )

    async def sessions(self, wanted: SessionFilter = _EVERYTHING) -> list[Session]:
        """Return sessions in the order in which they began."""
        return await self._read(
            lambda connection: reading.sessions(connection, self._central, wanted)
        )

    async def session(self, transaction_id: int) -> Session | None:
        """Return a session by its id."""
        return await self._read(
            lambda connection: reading.session(
                connection, self._central, transaction_id
            )
        )

    async def last_sessions(
        self, identities: frozenset[str] | None = None
    ) -> list[Session]:
        """Return the session that ended last on each connector.

        `identities` are the chargers that are asked for, all when None.
        """
        return await self._read(
            lambda connection: reading.last_sessions(
                connection, self._central, identities
            )
        )

    async def totals(self, wanted: SessionFilter = _EVERYTHING) -> Totals:
        """Return how many sessions there are and what they took."""
        return await self._read(
            lambda connection: reading.totals(connection, self._central, wanted)
        )

    async def energy_per_tag(
        self, wanted: SessionFilter = _EVERYTHING, *, running: bool = True
    ) -> dict[str, int]:
        """Return what each id tag took in Wh; sessions without a tag are under "".

        Those that run count with what they have taken, unless not `running`.
        """
        return await self._read(
            lambda connection: reading.energy_per_tag(
                connection, self._central, wanted, running=running
            )
        )

    async def chargers(self) -> list[ChargerRecord]:
        """Return what is known of the chargers that were not forgotten."""
        return await self._read(
            lambda connection: reading.records(connection, self._central)
        )

    async def register_values(
        self, transaction_id: int
    ) -> Sequence[tuple[datetime, int]]:
        """Return a session's register values in Wh, by our clock, in order."""
        return await self._read(
            lambda connection: reading.energy_values(
                connection, self._central, transaction_id
            )
        )

    async def _read[T](self, work: Callable[[Connection], T]) -> T:
        """Read in the reader's thread. Raises `LedgerUnavailable`."""
        if self._closed or not self._opened_once:
            # Its tables need not be there yet, nor be those of this version.
            raise self.health or LedgerUnavailable(Cause.OTHER, "it is not open")

        def run() -> T:
            try:
                if self._reading is None:
                    self._reading = connect(self._url, reading=True)
                with self._reading.connect() as connection:
                    return work(connection)
            except Exception as error:
                problem = unavailable(error, self._url)
                if problem is None:
                    raise
                self._stop_reading()
                raise problem from error

        return await asyncio.get_running_loop().run_in_executor(self._readers, run)

    def _stop_reading(self) -> None:
        if self._reading is not None:
            self._reading.dispose()
            self._reading = None

    def _prepare(self) -> Engine:
        """Make a sound database of this version; in the writer's thread.

        Raises what the database raises, and `LedgerUnavailable`.
        """
        now = datetime.now(UTC)
        path = sqlite_path(self._url)
        aside = None if path is None else _make_way(path, now)
        engine = connect(self._url, held=lambda: self._held)
        salvaged = 0
        try:
            with engine.begin() as connection:
                found = migrations.version(connection)
                if path is not None and found == 0:
                    # Also one that was set aside just before a crash.
                    aside = aside or rescue.latest_aside(path)
                first_id = self._first_id(now, aside)
                migrations.migrate(connection, now, first_id)
                if aside is not None:
                    salvaged = rescue.salvage(connection, aside)
                    ids.begin_ids(connection, first_id)
        except BaseException:
            engine.dispose()
            raise
        older = 0 < found < migrations.VERSION
        self.opening = Opening(
            created=found == 0,
            migrated_from=found if older else None,
            set_aside=aside,
            salvaged=salvaged,
        )
        if aside is not None:
            _LOGGER.error(
                "The ledger was damaged and is now %s; %s transactions were saved",
                aside.name,
                salvaged,
            )
        self._writer.tell(self._opened, self.opening)
        return engine

    def _first_id(self, now: datetime, aside: Path | None) -> int:
        """Return an id above all that were ever given."""
        first = ids.by_the_clock(now)
        highest = self._highest_id
        if aside is not None:
            highest = max(highest, rescue.highest_id(aside))
            if not highest:
                first += rescue.BLIND_MARGIN * rescue.times_set_aside(aside.parent)
        return max(first, highest + rescue.MARGIN) if highest else first

    def _opened(self, opening: Opening) -> None:
        self._opened_once = True
        for listener in tuple(self.on_opening):
            listener(opening)


def _make_way(path: Path, now: datetime) -> Path | None:
    """Set a damaged file aside, and see that one is there which only we may read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = None if rescue.is_sound(path) else rescue.set_aside(path, now)
    if not path.exists():
        # It holds id tags.
        path.touch(mode=0o600)
    return aside
