"""Connections to the database, and what its errors mean."""

from collections.abc import Callable, Mapping
import errno
import os
from pathlib import Path
import sqlite3
from typing import Any, Final

from sqlalchemy import URL, Engine, create_engine, event, exc, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from .errors import Cause, LedgerUnavailable

BUSY_S: Final = 5.0
"""How long a lock that somebody else holds is waited for."""

CHECKPOINT_PAGES: Final = 1000
CONNECT_S: Final = 5
STATEMENT_S: Final = 30

_FEW_BYTES = 256 * 1024
"""With less room than this on its disk, SQLite's errors mean that it is full."""

_SERVER_OPTIONS: Final[Mapping[str, Mapping[str, Any]]] = {
    "psycopg": {
        "connect_timeout": CONNECT_S,
        "options": f"-c lock_timeout={BUSY_S:.0f}s"
        f" -c statement_timeout={STATEMENT_S}s -c tcp_user_timeout=15000",
    },
    "psycopg2": {
        "connect_timeout": CONNECT_S,
        "options": f"-c lock_timeout={BUSY_S:.0f}s -c statement_timeout={STATEMENT_S}s",
    },
    "pymysql": {"connect_timeout": CONNECT_S, "read_timeout": STATEMENT_S},
    "mysqldb": {"connect_timeout": CONNECT_S, "read_timeout": STATEMENT_S},
}
"""A server that is gone must be noticed while the charger still waits."""

_SQLITE_CAUSES: Final[Mapping[int, Cause]] = {
    sqlite3.SQLITE_FULL: Cause.DISK_FULL,
    sqlite3.SQLITE_BUSY: Cause.LOCKED,
    sqlite3.SQLITE_LOCKED: Cause.LOCKED,
    sqlite3.SQLITE_CORRUPT: Cause.DAMAGED,
    sqlite3.SQLITE_NOTADB: Cause.DAMAGED,
    sqlite3.SQLITE_CANTOPEN: Cause.UNREACHABLE,
}

_STATE_CAUSES: Final[Mapping[str, Cause]] = {
    "53": Cause.DISK_FULL,
    "55": Cause.LOCKED,
    "40": Cause.LOCKED,
    "57": Cause.UNREACHABLE,
    "08": Cause.UNREACHABLE,
    "28": Cause.UNREACHABLE,
    "3D": Cause.UNREACHABLE,
    "XX": Cause.DAMAGED,
}
"""By the class of the SQLSTATE (PostgreSQL, appendix A)."""

_MYSQL_CAUSES: Final[Mapping[int, Cause]] = {
    1021: Cause.DISK_FULL,
    1114: Cause.DISK_FULL,
    1205: Cause.LOCKED,
    1213: Cause.LOCKED,
    126: Cause.DAMAGED,
    1034: Cause.DAMAGED,
    1035: Cause.DAMAGED,
    **dict.fromkeys((1040, 1044, 1045, 1049, 1053), Cause.UNREACHABLE),
    **dict.fromkeys((2002, 2003, 2006, 2013), Cause.UNREACHABLE),
}


def parse(url: str | URL) -> URL:
    """Return a database URL.

    `postgresql://` and `mysql://` get the driver that is documented. Raises
    `ValueError` for what is none, without repeating it: it may hold a password.
    """
    try:
        found = make_url(url)
        if found.drivername in {"postgresql", "postgres"}:
            return found.set(drivername="postgresql+psycopg")
        if found.drivername in {"mysql", "mariadb"}:
            return found.set(drivername=f"{found.drivername}+pymysql")
        found.get_dialect()
    except (exc.ArgumentError, exc.NoSuchModuleError, ValueError) as error:
        raise ValueError("not a database URL") from error
    return found


def sqlite_path(url: URL) -> Path | None:
    """Return the file of a SQLite database, None for a server's."""
    if url.get_backend_name() != "sqlite" or not url.database:
        return None
    return Path(url.database)


def file_url(path: Path) -> URL:
    """Return the URL of a SQLite file."""
    return URL.create("sqlite", database=str(path))


def connect(
    url: URL, *, reading: bool = False, held: Callable[[], bool] = lambda: False
) -> Engine:
    """Return an engine of one connection; it is made when first used.

    While `held` is true, a new connection leaves the database's main file as it is.

    Raises `LedgerUnavailable` when the server's driver is not installed.
    """
    if sqlite_path(url) is None:
        options = _SERVER_OPTIONS.get(url.get_driver_name(), {})
        try:
            return create_engine(
                url,
                connect_args=dict(options),
                pool_size=1,
                max_overflow=0,
                pool_pre_ping=True,
                hide_parameters=True,
            )
        except ImportError as error:
            raise LedgerUnavailable(
                Cause.UNREACHABLE, f"the driver is missing: {error}"
            ) from error
    engine = create_engine(
        url,
        connect_args={"timeout": BUSY_S, "check_same_thread": False},
        pool_size=1,
        max_overflow=0,
        hide_parameters=True,
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
        assert isinstance(connection, sqlite3.Connection)
        # SQLAlchemy begins the transactions below, not the driver.
        connection.isolation_level = None
        for pragma in (
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
            f"query_only = {'ON' if reading else 'OFF'}",
            checkpoint_pragma(held=held()),
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return engine


def checkpoint_pragma(*, held: bool) -> str:
    """Return what lets the main file grow again, or keeps it as it is.

    Everything then goes to the end of the file beside it, and a copy of both is
    sound, in whatever order and however long it is made (SQLite, Write-Ahead Logging).
    """
    return f"wal_autocheckpoint = {0 if held else CHECKPOINT_PAGES}"


def unavailable(error: BaseException, url: URL) -> LedgerUnavailable | None:
    """Return what an error of the database says of it.

    None when the error is about what was asked, not about the database.
    """
    if isinstance(error, LedgerUnavailable):
        return error
    if isinstance(error, exc.TimeoutError):
        return LedgerUnavailable(Cause.LOCKED, "no connection was free")
    cause = _cause(error, url)
    if cause is None:
        return None
    original = error.orig if isinstance(error, exc.DBAPIError) else error
    lines = str(original).strip().splitlines() or [type(original).__name__]
    return LedgerUnavailable(cause, lines[0][:200])


def _cause(error: BaseException, url: URL) -> Cause | None:
    original: Any = error.orig if isinstance(error, exc.DBAPIError) else error
    if isinstance(original, sqlite3.Error):
        return _sqlite_cause(original, url)
    if isinstance(error, OSError):
        full = error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
        return Cause.DISK_FULL if full else Cause.OTHER
    if not isinstance(error, exc.DBAPIError):
        return None
    state = getattr(original, "sqlstate", None) or getattr(original, "pgcode", None)
    if isinstance(state, str) and state[:2] in _STATE_CAUSES:
        return _STATE_CAUSES[state[:2]]
    number = original.args[0] if getattr(original, "args", ()) else None
    if isinstance(number, int) and number in _MYSQL_CAUSES:
        return _MYSQL_CAUSES[number]
    gone = error.connection_invalidated or isinstance(error, exc.InterfaceError)
    if gone or (state is None and isinstance(error, exc.OperationalError)):
        return Cause.UNREACHABLE
    return Cause.OTHER if isinstance(error, exc.OperationalError) else None


def _sqlite_cause(error: sqlite3.Error, url: URL) -> Cause | None:
    # The low byte is the primary code.
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return None
    primary = code & 0xFF
    if primary == sqlite3.SQLITE_IOERR and _disk_is_full(url):
        return Cause.DISK_FULL
    if primary in _SQLITE_CAUSES:
        return _SQLITE_CAUSES[primary]
    about_the_file = isinstance(error, sqlite3.OperationalError) and primary not in {
        sqlite3.SQLITE_ERROR,
        sqlite3.SQLITE_CONSTRAINT,
    }
    return Cause.OTHER if about_the_file else None


def _disk_is_full(url: URL) -> bool:
    path = sqlite_path(url)
    if path is None:
        return False
    try:
        room = os.statvfs(path.parent)
    except OSError:
        return False
    return room.f_bavail * room.f_frsize < _FEW_BYTES
