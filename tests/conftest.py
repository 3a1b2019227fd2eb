"""Fixtures for all: a Home Assistant with a central system, and chargers for it."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

from homeassistant.config_entries import ConfigEntryState, ConfigSubentryData
from homeassistant.core import HomeAssistant, State, callback
from homeassistant.helpers.event import async_track_state_change_event
from hypothesis import HealthCheck, settings
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.ocpp_charging.csms.charger import Charger
from custom_components.ocpp_charging.csms.credentials import KeyHash, validate_key
from custom_components.ocpp_charging.csms.timing import Timing
from simulator import ChargePoint, ChargePointOptions

DOMAIN = "ocpp_charging"
IDENTITY = "CP1"
PASSWORD = "open-sesame-2026"

FAST = Timing(
    call_timeout=5,
    boot_grace=0.2,
    boot_settle=0.02,
    boot_retry=1,
    heartbeat_interval=60,
    ping_interval=20,
    confirm=3,
    open_timeout=3,
    close_timeout=1,
    fatal_step=5,
)

# What is tested does not depend on how fast the machine is.
settings.register_profile(
    "unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("unhurried")

type Simulated = Callable[..., Awaitable[ChargePoint]]

_hashes: dict[str, str] = {}


def key_hash(password: str) -> str:
    """Return the stored form of a password; made once, as it is slow on purpose."""
    if password not in _hashes:
        _hashes[password] = str(KeyHash.make(validate_key(password)))
    return _hashes[password]


def charger_data(identity: str = IDENTITY, **changes: Any) -> dict[str, Any]:
    """Return the data of a charger's subentry."""
    return {
        "identity": identity,
        "key_hashes": [key_hash(PASSWORD)],
        "password_required": True,
        "max_current_a": 32.0,
        "start_tag": "HomeAssistant",
        **changes,
    }


def charger_subentry(identity: str = IDENTITY, **changes: Any) -> ConfigSubentryData:
    """Return a charger's subentry, to be part of a config entry."""
    return ConfigSubentryData(
        data=charger_data(identity, **changes),
        subentry_type="charger",
        title=identity,
        unique_id=identity,
    )


def central_system(
    *subentries: ConfigSubentryData,
    options: Any = None,
    **changes: Any,
) -> MockConfigEntry:
    """Return the config entry of a central system on a free port of 127.0.0.1."""
    return MockConfigEntry(
        domain=DOMAIN,
        title="Central system",
        data={
            "host": "127.0.0.1",
            "port": 0,
            "security": "ws",
            "certificate": "own_ca",
            "names": [],
            **changes,
        },
        options=dict(options or {}),
        subentries_data=list(subentries),
    )


def state_of(entry: MockConfigEntry) -> ConfigEntryState:
    """Return the state of an entry, which may change between two looks."""
    return entry.state


def charger_of(entry: MockConfigEntry, identity: str = IDENTITY) -> Charger:
    """Return a charger of a loaded config entry."""
    charger: Charger = entry.runtime_data.central.chargers[identity]
    return charger


async def wait_for_charger(
    charger: Charger, condition: Callable[[Charger], Any], timeout: float = 30
) -> None:
    """Wait until a condition on a charger holds; it is asked after every change."""
    changed = asyncio.Event()
    stop = charger.listen_all(lambda _changes: changed.set())
    try:
        async with asyncio.timeout(timeout):
            while not condition(charger):
                changed.clear()
                await changed.wait()
    finally:
        stop()


async def wait_for_state(
    hass: HomeAssistant, entity_id: str, state: str | Callable[[State], Any]
) -> State:
    """Wait until an entity has a state, or one that a condition is true for.

    What Home Assistant has begun by then, such as to add others, is done then, too.
    """
    fits = state if callable(state) else lambda present: present.state == state
    reached = asyncio.Event()

    @callback
    def look(_event: object = None) -> None:
        present = hass.states.get(entity_id)
        if present is not None and fits(present):
            reached.set()

    stop = async_track_state_change_event(hass, entity_id, look)
    try:
        look()
        async with asyncio.timeout(30):
            await reached.wait()
    except TimeoutError:
        pytest.fail(f"{entity_id} is still {hass.states.get(entity_id)}")
    finally:
        stop()
    await hass.async_block_till_done()
    found = hass.states.get(entity_id)
    assert found is not None
    return found


@pytest.fixture
def hass_config_dir(hass_tmp_config_dir: str) -> str:
    """Give every test a configuration folder of its own."""
    return hass_tmp_config_dir


@pytest.fixture(autouse=True)
def _custom_integrations(request: pytest.FixtureRequest) -> None:
    """Let Home Assistant find the integration, in tests that have one."""
    if "hass" in request.fixturenames:
        request.getfixturevalue("socket_enabled")
        request.getfixturevalue("enable_custom_integrations")


@pytest.fixture(autouse=True)
def fast_timing(monkeypatch: pytest.MonkeyPatch) -> Timing:
    """Let the central system wait for less."""
    monkeypatch.setattr("custom_components.ocpp_charging.hub.TIMING", FAST)
    return FAST


async def set_up(hass: HomeAssistant, entry: MockConfigEntry) -> MockConfigEntry:
    """Add a config entry and set it up."""
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    return entry


async def _shut_down(hass: HomeAssistant) -> None:
    """End the flows and unload the entries: what they opened is closed in time."""
    for manager in (hass.config_entries.flow, hass.config_entries.subentries):
        for flow in manager.async_progress(include_uninitialized=True):
            manager.async_abort(flow["flow_id"])
    for entry in hass.config_entries.async_loaded_entries(DOMAIN):
        await hass.config_entries.async_unload(entry.entry_id)
    await hass.async_block_till_done()


@pytest.fixture
async def unloads(hass: HomeAssistant) -> AsyncGenerator[None]:
    """Unload every central system at the end of a test that sets some up itself."""
    yield
    await _shut_down(hass)


@pytest.fixture
async def central_entry(hass: HomeAssistant, unloads: None) -> MockConfigEntry:
    """Return a loaded central system, plain ws on 127.0.0.1, that knows no charger."""
    return await set_up(hass, central_system())


@pytest.fixture
async def charger_entry(hass: HomeAssistant, unloads: None) -> MockConfigEntry:
    """Return a loaded central system that knows the charger `IDENTITY`."""
    return await set_up(hass, central_system(charger_subentry()))


@pytest.fixture
async def simulated() -> AsyncGenerator[Simulated]:
    """Return how to have a simulated charger dial a central system.

    `await simulated(entry, "CP1", connectors=2)` returns a running `ChargePoint` that
    is connected, booted and read (`ready=False`: merely started). What else is passed
    are `ChargePointOptions`. They are stopped at the end of the test.
    """
    running: list[ChargePoint] = []

    async def simulate(
        entry: MockConfigEntry,
        identity: str = IDENTITY,
        *,
        ready: bool = True,
        **options: Any,
    ) -> ChargePoint:
        scheme = "ws" if entry.data["security"] == "ws" else "wss"
        port = entry.runtime_data.central.port
        charge_point = ChargePoint(
            ChargePointOptions(
                **{
                    "identity": identity,
                    "url": f"{scheme}://127.0.0.1:{port}",
                    "password": PASSWORD,
                    "reconnect_backoff_s": (0.05,),
                    "reboot_s": 0.05,
                    "boot_retry_s": 0.2,
                    **options,
                }
            )
        )
        running.append(charge_point)
        await charge_point.start()
        if ready:
            await wait_for_charger(charger_of(entry, identity), lambda one: one.ready)
        return charge_point

    yield simulate
    for charge_point in running:
        await charge_point.stop()
