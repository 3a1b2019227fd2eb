"""Fixtures of the ledger's tests: a ledger in SQLite, and real database servers."""

from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import pytest

from custom_components.ocpp_charging.ledger import Ledger

from .books import opened, url
from .server import DatabaseServer, MariaDB, PostgreSQL

SERVERS = ["postgresql", "mariadb"]
DATABASES = ["sqlite", *SERVERS]


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncGenerator[Ledger]:
    """Return an open ledger in a SQLite file."""
    made = await opened(url(tmp_path))
    yield made
    await made.close()


@pytest.fixture(scope="session")
def postgresql_server() -> Generator[PostgreSQL]:
    """Return a PostgreSQL server of this test run; skip where there is none."""
    yield from PostgreSQL.running()


@pytest.fixture(scope="session")
def mariadb_server() -> Generator[MariaDB]:
    """Return a MariaDB server of this test run; skip where there is none."""
    yield from MariaDB.running()


@pytest.fixture
def postgresql(postgresql_server: PostgreSQL, socket_enabled: None) -> PostgreSQL:
    """Return a PostgreSQL server that this test may reach."""
    return postgresql_server


@pytest.fixture
def mariadb(mariadb_server: MariaDB, socket_enabled: None) -> MariaDB:
    """Return a MariaDB server that this test may reach."""
    return mariadb_server


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest) -> DatabaseServer:
    """Return one server after the other."""
    found: DatabaseServer = request.getfixturevalue(request.param)
    return found


@pytest.fixture(params=DATABASES)
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of an empty database, once in SQLite and once on each server."""
    if request.param == "sqlite":
        return url(tmp_path)
    found: DatabaseServer = request.getfixturevalue(request.param)
    return found.new_database()


@pytest.fixture
async def any_ledger(address: str) -> AsyncGenerator[Ledger]:
    """Return an open ledger, once in SQLite and once on each server."""
    made = await opened(address)
    yield made
    await made.close()
