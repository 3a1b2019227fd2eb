"""Fixtures for tests of Home Assistant's side with real database servers."""

import socket

import pytest

from tests.ledger.conftest import (
    mariadb,
    mariadb_server,
    postgresql,
    postgresql_server,
    server,
)

__all__ = [
    "free_port",
    "mariadb",
    "mariadb_server",
    "postgresql",
    "postgresql_server",
    "server",
]


@pytest.fixture
def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
