"""Fixtures of the ledger's tests: a ledger in SQLite, and a real PostgreSQL."""

from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import pytest

from custom_components.ocpp_charging.ledger import Ledger

from .books import opened, url
from .server import PostgreSQL


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncGenerator[Ledger]:
    """Return an open ledger in a SQLite file."""
    made = await opened(url(tmp_path))
    yield made
    await made.close()


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Generator[PostgreSQL]:
    """Return a PostgreSQL server of this test run; skip where there is none."""
    yield from PostgreSQL.running(tmp_path_factory)


@pytest.fixture(params=["sqlite", "postgresql"])
async def any_ledger(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncGenerator[Ledger]:
    """Return an open ledger, once in SQLite and once on a server."""
    if request.param == "sqlite":
        made = await opened(url(tmp_path))
    else:
        server: PostgreSQL = request.getfixturevalue("postgresql")
        made = await opened(server.new_database())
    yield made
    await made.close()
