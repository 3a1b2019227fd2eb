"""The one thread that writes: in order, several jobs in one commit.

Jobs that a charger waits for (`submit`) are committed before they return, or fail
with `LedgerUnavailable`. The rest waits in the `Backlog`, goes along with them or
after `DELAY_S`, and stays there while the database is away.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
import logging
from threading import Condition, Thread
import time
from typing import Any, Final

from sqlalchemy import URL, Engine
from sqlalchemy.exc import SQLAlchemyError

from . import keeping
from .backlog import Backlog, Portion
from .database import sqlite_path
from .errors import Cause, LedgerUnavailable
from .faults import unavailable
from .filing import Filing

_LOGGER = logging.getLogger(__name__)

MAX_WAITING: Final = 256
"""Jobs that may wait; further callers wait to be let in."""

MAX_BATCH: Final = 64
PORTION: Final = 500
DELAY_S: Final = 10.0
RETRY_S: Final = 5.0

type Work[T] = Callable[[Filing], T]
type Prepare = Callable[[], Engine]
type HealthListener = Callable[[LedgerUnavailable | None], None]
type SessionsListener = Callable[[frozenset[str]], None]


@dataclass(kw_only=True)
class _Job:
    """Something to be written, and who waits for it."""

    work: Work[Any]
    future: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None


class Writer:
    """Owns the connection that writes; `prepare` makes it, and a sound database."""

    def __init__(
        self, prepare: Prepare, url: URL, central: str, backlog: Backlog
    ) -> None:
        """Begin idle; `start` prepares the database."""
        self._prepare = prepare
        self._url = url
        self._central = central
        self._backlog = backlog
        self._loop: asyncio.AbstractEventLoop | None = None
        self._engine: Engine | None = None
        self._file: tuple[int, int] | None = None
        self._thread: Thread | None = None
        self._ended: asyncio.Future[None] | None = None
        self._jobs: deque[_Job] = deque()
        self._wake = Condition()
        self._room = asyncio.Semaphore(MAX_WAITING)
        self._closing = False
        self._keep_trying = False
        self._flush_at: float | None = None
        self.health: LedgerUnavailable | None = None
        self.listeners: list[HealthListener] = []
        self.on_sessions: list[SessionsListener] = []
        self._ids: dict[str, int] = {}
        self.commits = 0

    async def start(self, *, keep_trying: bool = False) -> None:
        """Prepare the database and begin.

        Raises `LedgerUnavailable`; with `keep_trying` it is tried again every
        `RETRY_S` until `stop`.
        """
        self._keep_trying = keep_trying
        self._loop = asyncio.get_running_loop()
        started: asyncio.Future[None] = self._loop.create_future()
        self._ended = self._loop.create_future()
        self._thread = Thread(
            target=self._run,
            args=(started, self._ended),
            name="ocpp ledger",
            daemon=True,
        )
        self._thread.start()
        await started

    async def stop(self) -> None:
        """Write what waits, if that is possible, and end the thread."""
        thread, ended = self._thread, self._ended
        if thread is None or ended is None:
            return
        with self._wake:
            self._closing = True
            self._wake.notify()
        await ended
        # It has nothing more to do: this does not block.
        thread.join()
        self._thread = None

    async def submit[T](self, work: Work[T]) -> T:
        """Have something written; it is committed when this returns.

        It goes on when the caller is cancelled. Raises `LedgerUnavailable`.
        """
        await self._room.acquire()
        if self._thread is None or self._closing:
            self._room.release()
            raise LedgerUnavailable(Cause.OTHER, "the ledger is closed")
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        future.add_done_callback(self._leave)
        with self._wake:
            self._jobs.append(_Job(work=work, future=future))
            self._wake.notify()
        return await asyncio.shield(future)

    def soon(self) -> None:
        """Have the backlog written within `DELAY_S`."""
        if self._flush_at is not None:
            return
        with self._wake:
            if self._flush_at is None:
                self._flush_at = time.monotonic() + DELAY_S
                self._wake.notify()

    def tell(self, call: Callable[..., object], *arguments: object) -> None:
        """Call something in the event loop, from the thread."""
        assert self._loop is not None
        with suppress(RuntimeError):  # The loop is closed: nobody waits any more.
            self._loop.call_soon_threadsafe(call, *arguments)

    def _leave(self, future: asyncio.Future[Any]) -> None:
        self._room.release()
        if not future.cancelled():
            # Taken here, since its caller may be gone.
            future.exception()

    def _changed(self, problem: LedgerUnavailable | None) -> None:
        self.health = problem
        if problem is None:
            _LOGGER.info("The ledger can be written again")
        else:
            _LOGGER.error("The ledger cannot be written: %s", problem)
        for listener in tuple(self.listeners):
            listener(problem)

    def _tell_sessions(self, identities: frozenset[str]) -> None:
        for listener in tuple(self.on_sessions):
            listener(identities)

    # What follows runs in the thread.

    def _run(self, started: asyncio.Future[None], ended: asyncio.Future[None]) -> None:
        try:
            self._open()
        except Exception as error:  # noqa: BLE001 - it is the caller's
            problem = self._problem(error)
            if problem is None and isinstance(error, SQLAlchemyError):
                problem = LedgerUnavailable(Cause.OTHER, type(error).__name__)
            if problem is not None:
                self.tell(self._changed, problem)
            self.tell(_refuse, started, problem or error)
            if problem is not None and self._keep_trying:
                self._flush_at = time.monotonic() + RETRY_S
                self._work(problem.cause)
        else:
            self.tell(_grant, started)
            self._work(None)
        self.tell(_grant, ended)

    def _work(self, cause: Cause | None) -> None:
        """Write until the end; `cause` is why that is not possible now."""
        while True:
            jobs, closing = self._next()
            if closing and not jobs and not self._backlog:
                break
            problem = self._write(jobs)
            found = None if problem is None else problem.cause
            if found is not cause:
                cause = found
                self.tell(self._changed, problem)
            self.tell(_deliver, jobs)
            if closing and not self._jobs and (problem or not self._backlog):
                break
        if self._engine is not None:
            self._engine.dispose()

    def _open(self) -> Engine:
        self._ids = {}
        self._engine = self._prepare()
        self._file = _place(self._url)
        return self._engine

    def _next(self) -> tuple[list[_Job], bool]:
        """Wait for something to do, and return the jobs, and whether to end."""
        with self._wake:
            while not (self._jobs or self._closing):
                at = self._flush_at
                pause = None if at is None else at - time.monotonic()
                if pause is not None and pause <= 0:
                    break
                self._wake.wait(pause)
            count = min(len(self._jobs), MAX_BATCH)
            return [self._jobs.popleft() for _ in range(count)], self._closing

    def _write(self, jobs: list[_Job]) -> LedgerUnavailable | None:
        """Commit the jobs and a portion of the backlog; return why it failed."""
        portion = self._backlog.take(PORTION)
        problem = None
        try:
            self._commit(jobs, portion)
        except Exception as error:  # noqa: BLE001 - whoever waits is told
            problem = self._problem(error)
            if problem is None:
                _log(error, "The ledger failed")
                problem = LedgerUnavailable(Cause.OTHER, type(error).__name__)
            for job in jobs:
                job.error = problem
            self._backlog.put_back(portion)
            self._let_go(problem.cause)
        with self._wake:
            again = RETRY_S if problem else 0.0
            waits = problem is not None or bool(self._backlog)
            self._flush_at = time.monotonic() + again if waits else None
        return problem

    def _commit(self, jobs: list[_Job], portion: Portion) -> None:
        engine = self._engine
        if engine is None or self._file != _place(self._url):
            self._let_go(Cause.UNREACHABLE)
            engine = self._open()
        with engine.begin() as connection:
            now = datetime.now(UTC)
            filing = Filing(connection, self._central, now, self._ids)
            # What was told before the jobs belongs to what they work out.
            self._write_portion(filing, portion)
            for job in jobs:
                try:
                    with connection.begin_nested():
                        job.result = job.work(filing)
                except Exception as error:
                    if self._problem(error) is not None:
                        raise
                    _log(error, "Something could not be filed")
                    job.error = LedgerUnavailable(Cause.OTHER, type(error).__name__)
                    filing.ids = dict(self._ids)
        self._ids = filing.ids
        self.commits += 1
        if filing.changed:
            self.tell(self._tell_sessions, frozenset(filing.changed))

    def _write_portion(self, filing: Filing, portion: Portion) -> None:
        for start in portion.found.values():
            self._attempt(filing, "A session", partial(filing.start, start))
        registers = list(portion.registers.values())
        if registers and not self._attempt(
            filing, "Some register readings", partial(filing.registers, registers)
        ):
            # Only the one that cannot be filed is lost.
            for each in registers:
                work = partial(filing.registers, [each])
                self._attempt(filing, "A register reading", work)
        for record in portion.chargers.values():
            work = partial(keeping.save_charger, filing, record)
            self._attempt(filing, "What was learned of a charger", work)

    def _attempt(self, filing: Filing, what: str, work: Callable[[], object]) -> bool:
        """Write something; where it is no fault of the database, go on without it.

        Returns whether it was written.
        """
        try:
            with filing.connection.begin_nested():
                work()
        except Exception as error:
            if self._problem(error) is not None:
                raise
            # It would fail again, and keep all else from being written.
            _log(error, f"{what} cannot be filed")
            filing.ids = dict(self._ids)
            return False
        return True

    def _problem(self, error: BaseException) -> LedgerUnavailable | None:
        return unavailable(error, self._url)

    def _let_go(self, cause: Cause) -> None:
        """Close the connection; a database that may have gone is prepared anew."""
        if self._engine is not None:
            self._engine.dispose()
        if cause not in {Cause.DISK_FULL, Cause.LOCKED}:
            self._engine = None


def _place(url: URL) -> tuple[int, int] | None:
    """Return which file is at the database's path, None for none and for a server.

    Who deletes or replaces it while it is open must not have us write into the void.
    """
    path = sqlite_path(url)
    try:
        found = path.stat() if path is not None else None
    except OSError:
        return None
    return None if found is None else (found.st_dev, found.st_ino)


def _log(error: Exception, what: str) -> None:
    """Log what should not happen; a database's own words may name an id tag."""
    if isinstance(error, SQLAlchemyError):
        _LOGGER.error("%s: %s", what, type(error).__name__)
    else:
        _LOGGER.error("%s", what, exc_info=error)


def _deliver(jobs: list[_Job]) -> None:
    for job in jobs:
        if job.future.done():
            continue
        if job.error is not None:
            job.future.set_exception(job.error)
        else:
            job.future.set_result(job.result)


def _grant(started: asyncio.Future[None]) -> None:
    if not started.done():
        started.set_result(None)


def _refuse(started: asyncio.Future[None], error: BaseException) -> None:
    if not started.done():
        started.set_exception(error)
