"""A central system with its ledger in a file, which can be started anew at any time."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from custom_components.ocpp_charging.csms.charger import Charger
from custom_components.ocpp_charging.csms.connector import Connector
from custom_components.ocpp_charging.csms.server import CentralSystem, Timing
from custom_components.ocpp_charging.ledger import Session, SessionFilter
from custom_components.ocpp_charging.ledger_journal import (
    LedgerJournal,
    file_database,
)
from tests.csms.raw import RawCharger, dial, settings

QUIET = Timing(call_timeout=2, boot_grace=60, boot_settle=60, close_timeout=1)
"""No charger is set up: what the central system sends is what a test asks for."""


class House:
    """A central system that knows CP1, as Home Assistant would run it."""

    journal: LedgerJournal
    central: CentralSystem
    raw: RawCharger

    def __init__(
        self, folder: Path, *, timing: Timing = QUIET, dials: bool = True
    ) -> None:
        """Keep the ledger in a folder; `start` opens the house, and CP1 `dials` in."""
        self.folder = folder
        self._timing = timing
        self._dials = dials
        self._port = 0

    @property
    def charger(self) -> Charger:
        """Return what the central system knows of CP1."""
        return self.central.chargers["CP1"]

    @property
    def connector(self) -> Connector:
        """Return the first connector of CP1."""
        return self.charger.connector(1)

    async def start(self) -> None:
        """Open the books and the port, the same as before, and have CP1 dial in."""
        self.journal = LedgerJournal(
            file_database(self.folder, "ledger.db"), central="house"
        )
        assert await self.journal.async_load()
        self.central = CentralSystem(self.journal, timing=self._timing)
        self.central.add(settings(), self.journal.memory("CP1"))
        await self.central.start("127.0.0.1", self._port, None)
        self._port = self.central.port
        if self._dials:
            self.raw = await dial(self.central)

    async def stop(self) -> None:
        """Close the connection, the port and the books."""
        if self._dials:
            await self.raw.close()
        await self.central.stop()
        await self.journal.async_close()

    async def restart(self) -> None:
        """Stop and start again."""
        await self.stop()
        await self.start()

    async def reconnect(self) -> None:
        """Have CP1 dial in over a new connection."""
        await self.raw.close()
        self.raw = await dial(self.central)

    async def sessions(self, **wanted: Any) -> list[Session]:
        """Return the sessions that the ledger tells, with all that was told before."""
        await self.journal.async_flush()
        return await self.journal.ledger.sessions(
            SessionFilter(**{"refused": True, **wanted})
        )


@asynccontextmanager
async def house(folder: Path, **options: Any) -> AsyncGenerator[House]:
    """Run a central system with its ledger in a folder."""
    made = House(folder, **options)
    await made.start()
    try:
        yield made
    finally:
        await made.stop()
