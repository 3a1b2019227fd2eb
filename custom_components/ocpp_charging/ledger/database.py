"""Connections to the database."""

from collections.abc import Callable, Mapping
import importlib.util
import logging
from pathlib import Path
import sqlite3
from typing import Any, Final

from sqlalchemy import URL, Engine, create_engine, event, exc, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from .errors import Cause, LedgerUnavailable

BUSY_S: Final = 5.0
"""How long a lock that somebody else holds is waited for."""

_LOG: Final = "ocpp_charging"
# Parameters are hidden anyway; but where the recorder's queries are looked into,
# SQLAlchemy would write down whole rows, and in ours are id tags and serial numbers.
logging.getLogger(f"sqlalchemy.engine.Engine.{_LOG}").setLevel(logging.WARNING)

CHECKPOINT_PAGES: Final = 1000
CONNECT_S: Final = 5
STATEMENT_S: Final = 30

_MYSQL: Final[Mapping[str, Any]] = {
    "charset": "utf8mb4",
    "connect_timeout": CONNECT_S,
    "read_timeout": STATEMENT_S,
    "write_timeout": STATEMENT_S,
    "init_command": f"SET SESSION innodb_lock_wait_timeout = {BUSY_S:.0f},"
    f" lock_wait_timeout = {BUSY_S:.0f}",
}

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
    "pymysql": _MYSQL,
    "mysqldb": _MYSQL,
}
"""A server that is gone must be noticed while the charger still waits."""

DRIVERS: Final[Mapping[str, tuple[str, ...]]] = {
    "postgresql": ("psycopg", "psycopg2"),
    "mysql": ("mysqldb", "pymysql"),
    "mariadb": ("mysqldb", "pymysql"),
}
"""The drivers that a server's URL without one gets, the first that is installed.

Home Assistant's own images have `psycopg2` and `mysqldb`, which is mysqlclient.
"""

_MODULES: Final[Mapping[str, str]] = {"mysqldb": "MySQLdb"}

_HIDDEN: Final = "***"
_SECRET_QUERY: Final = frozenset({"password", "passwd", "sslpassword"})
"""What drivers take from behind the `?` of a URL and nobody should read."""


def parse(url: str | URL) -> URL:
    """Return a database URL.

    `postgresql://`, `mysql://` and `mariadb://` get a driver that is installed. Raises
    `ValueError` for what is none, without repeating it: it may hold a password.
    """
    found = read(url)
    if found.drivername in DRIVERS:
        driver = _installed(DRIVERS[found.drivername])
        found = found.set(drivername=f"{found.drivername}+{driver}")
    try:
        found.get_dialect()
    except exc.ArgumentError, exc.NoSuchModuleError:
        raise ValueError("not a database URL") from None
    return found


def read(url: str | URL) -> URL:
    """Return a database URL as it was typed. Raises `ValueError` as `parse` does."""
    try:
        found = make_url(url)
    except exc.ArgumentError, ValueError:
        raise ValueError("not a database URL") from None
    if found.drivername == "postgres":
        return found.set(drivername="postgresql")
    return found


def is_supported(url: URL) -> bool:
    """Say whether the ledger can be kept in a database of this kind, by this driver."""
    name = url.drivername
    if url.get_backend_name() == "sqlite":
        return name in {"sqlite", "sqlite+pysqlite"} and url.database != ":memory:"
    drivers = DRIVERS.get(url.get_backend_name(), ())
    return name in DRIVERS or name.partition("+")[2] in drivers


def is_same(one: URL, other: URL) -> bool:
    """Say whether two URLs lead to the same database, whoever asks and however."""
    return _place(one) == _place(other)


def _place(url: URL) -> tuple[str, str | None, int | None, str | None]:
    kind = url.get_backend_name().replace("mariadb", "mysql")
    port = url.port or {"postgresql": 5432, "mysql": 3306}.get(kind)
    return kind, url.host, port, url.database


def _installed(drivers: tuple[str, ...]) -> str:
    """Return the first of these that is installed, else the first."""
    for driver in drivers:
        if importlib.util.find_spec(_MODULES.get(driver, driver)) is not None:
            return driver
    return drivers[0]


def hide_secrets(url: URL) -> str:
    """Return a URL as text, with `***` in place of its passwords."""
    query = {
        key: _HIDDEN if key.lower() in _SECRET_QUERY else value
        for key, value in url.query.items()
    }
    return url.set(query=query).render_as_string(hide_password=True)


def fill_secrets(url: URL, known: URL) -> URL:
    """Return a URL with the passwords of `known` where it has `***`."""
    if url.password == _HIDDEN:
        url = url.set(password=known.password)
    query = {
        key: known.query.get(key, value) if value == _HIDDEN else value
        for key, value in url.query.items()
    }
    return url.set(query=query)


def secrets(url: URL) -> list[str]:
    """Return the passwords of a URL."""
    found = [url.password or ""]
    for key, value in url.query.items():
        if key.lower() in _SECRET_QUERY:
            found += [value] if isinstance(value, str) else value
    return [each for each in found if each]


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
                logging_name=_LOG,
            )
        except ImportError as error:
            raise LedgerUnavailable(Cause.DRIVER_MISSING, str(error)) from error
    engine = create_engine(
        url,
        connect_args={"timeout": BUSY_S, "check_same_thread": False},
        pool_size=1,
        max_overflow=0,
        hide_parameters=True,
        logging_name=_LOG,
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
