"""A central system without Home Assistant, and raw chargers that dial it."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
import ssl
from typing import Any

import pytest

from custom_components.ocpp_charging.csms.certificates import CertificateStore
from custom_components.ocpp_charging.csms.charger import Charger
from custom_components.ocpp_charging.csms.connector import Connector
from custom_components.ocpp_charging.csms.journal import Journal, MemoryJournal
from custom_components.ocpp_charging.csms.server import CentralSystem, Timing
from custom_components.ocpp_charging.csms.tls import TlsMode, server_context
from tests.csms.house import QUIET, House, house
from tests.csms.raw import RawCharger, dial as dial_central, settings
from tests.csms.siege import BESIEGED, Siege

type Dial = Callable[..., Awaitable[RawCharger]]
type StartCentral = Callable[..., Awaitable[CentralSystem]]


@pytest.fixture
def journal() -> MemoryJournal:
    """Return a journal to look into."""
    return MemoryJournal()


@pytest.fixture
async def start_central(
    socket_enabled: None, journal: MemoryJournal
) -> AsyncGenerator[StartCentral]:
    """Return how to start a central system on a free port; stopped after the test."""
    running: list[CentralSystem] = []

    async def start(
        timing: Timing = QUIET,
        *,
        tls: ssl.SSLContext | None = None,
        also_plain: bool = False,
        journal: Journal = journal,
        **options: Any,
    ) -> CentralSystem:
        central = CentralSystem(journal, timing=timing, **options)
        running.append(central)
        await central.start("127.0.0.1", 0, tls, also_plain=also_plain)
        return central

    yield start
    for central in running:
        await central.stop()


@pytest.fixture
async def central(start_central: StartCentral) -> CentralSystem:
    """Return a central system, plain ws, that knows CP1."""
    central = await start_central()
    central.add(settings())
    return central


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """Return the CA's file and the certificates of a central system."""
    folder = tmp_path_factory.mktemp("certificates")
    made = CertificateStore(folder).ensure(["127.0.0.1"], datetime.now(UTC))
    ca_file = folder / "trusted.pem"
    ca_file.write_bytes(made.ca_pem or b"")
    return ca_file, made


@pytest.fixture
async def secure_central(
    start_central: StartCentral, certificates: tuple[Path, Any]
) -> CentralSystem:
    """Return a central system over TLS that knows CP1."""
    context = server_context(TlsMode.COMPATIBLE, certificates[1].chains)
    central = await start_central(tls=context)
    central.add(settings())
    return central


@pytest.fixture
async def dial(central: CentralSystem) -> AsyncGenerator[Dial]:
    """Return how to dial a central system; `central` when none is given."""
    dialled: list[RawCharger] = []

    async def dial_one(
        path: str = "CP1", *, to: CentralSystem | None = None, **options: Any
    ) -> RawCharger:
        raw = await dial_central(to or central, path, **options)
        dialled.append(raw)
        return raw

    yield dial_one
    for raw in dialled:
        await raw.close()


@pytest.fixture
def charger(central: CentralSystem) -> Charger:
    """Return what the central system knows of CP1."""
    return central.chargers["CP1"]


@pytest.fixture
def connector(charger: Charger) -> Connector:
    """Return the first connector of CP1."""
    return charger.connector(1)


@pytest.fixture
async def raw(dial: Dial, central: CentralSystem) -> RawCharger:
    """Return CP1, connected to `central`; it has not booted."""
    return await dial()


@pytest.fixture
async def siege(
    start_central: StartCentral,
    journal: MemoryJournal,
    caplog: pytest.LogCaptureFixture,
) -> AsyncGenerator[Siege]:
    """Return a central system, plain ws, that is to be attacked."""
    async with Siege(await start_central(BESIEGED), journal, caplog) as siege:
        yield siege


@pytest.fixture
async def home(socket_enabled: None, tmp_path: Path) -> AsyncGenerator[House]:
    """Return a central system with its ledger in a file, CP1 connected."""
    async with house(tmp_path) as made:
        yield made
