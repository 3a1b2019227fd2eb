"""Setting up, unloading, changing and removing a central system."""

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
import socket
import sqlite3
import ssl
from types import MappingProxyType
from typing import Any
from unittest.mock import patch

from homeassistant.config_entries import ConfigEntryState, ConfigSubentry
from homeassistant.const import EVENT_HOMEASSISTANT_STOP
from homeassistant.core import CoreState, HomeAssistant
from homeassistant.helpers import (
    device_registry as dr,
    entity_registry as er,
    issue_registry as ir,
)
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.ocpp_charging.csms.model import ChargerMemory
from custom_components.ocpp_charging.hub import make_journal
from custom_components.ocpp_charging.listener import RENEWAL_CHECK_INTERVAL

from .conftest import (
    DOMAIN,
    IDENTITY,
    Simulated,
    central_system,
    charger_data,
    charger_of,
    charger_subentry,
    set_up,
    state_of,
    wait_for_charger,
    wait_for_state,
)


@pytest.fixture
async def taken() -> AsyncGenerator[socket.socket]:
    """Return something else that listens on a port."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other


def ledger_file(hass: HomeAssistant, entry: MockConfigEntry) -> Path:
    """Return the file in which an entry's sessions are kept."""
    return Path(hass.config.config_dir) / f"{DOMAIN}_{entry.entry_id}.db"


@contextmanager
def locked(file: Path) -> Generator[None]:
    """Have another program hold a database's lock."""
    with closing(sqlite3.connect(file)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


def can_bind(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


async def fixed_port(hass: HomeAssistant, entry: MockConfigEntry) -> int:
    """Give an entry on any free port that port for good."""
    port: int = entry.runtime_data.central.port
    hass.config_entries.async_update_entry(entry, data={**entry.data, "port": port})
    await hass.async_block_till_done()
    assert entry.runtime_data.central.port == port
    return port


# Set up and unload


async def test_a_charger_connects_and_its_entities_appear(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    assert state_of(charger_entry) is ConfigEntryState.LOADED
    await simulated(charger_entry)
    await wait_for_state(hass, "binary_sensor.cp1_connection", "on")
    await wait_for_state(hass, "sensor.cp1_connector_1_status", "available")


async def test_a_reload_listens_on_the_same_port_and_chargers_come_back(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    port = await fixed_port(hass, charger_entry)
    charge_point = await simulated(charger_entry)
    before = charger_entry.runtime_data
    assert await hass.config_entries.async_reload(charger_entry.entry_id)
    hub = charger_entry.runtime_data
    assert hub is not before
    assert hub.central.port == port
    await wait_for_charger(charger_of(charger_entry), lambda one: one.ready)
    assert charge_point.connected
    assert not before.central.chargers[IDENTITY].connected


async def test_unloading_disconnects_and_frees_the_port(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    port = charger_entry.runtime_data.central.port
    charge_point = await simulated(charger_entry)
    assert not can_bind(port)
    assert await hass.config_entries.async_unload(charger_entry.entry_id)
    assert can_bind(port)
    await charge_point.wait_for(lambda one: not one.connected)
    state = hass.states.get("binary_sensor.cp1_connection")
    assert state is not None
    assert state.state == "unavailable"


async def test_chargers_are_let_go_when_home_assistant_stops(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    port = charger_entry.runtime_data.central.port
    charge_point = await simulated(charger_entry)
    hass.set_state(CoreState.stopping)
    hass.bus.async_fire(EVENT_HOMEASSISTANT_STOP)
    await hass.async_block_till_done()
    assert can_bind(port)
    await charge_point.wait_for(lambda one: not one.connected)
    hass.set_state(CoreState.running)


async def test_a_port_that_is_taken_is_tried_again(
    hass: HomeAssistant, unloads: None, taken: socket.socket
) -> None:
    entry = central_system(charger_subentry(), port=taken.getsockname()[1])
    entry.add_to_hass(hass)
    assert not await hass.config_entries.async_setup(entry.entry_id)
    assert state_of(entry) is ConfigEntryState.SETUP_RETRY
    assert entry.error_reason_translation_key == "port_in_use"
    taken.close()
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(minutes=2))
    await hass.async_block_till_done(wait_background_tasks=True)
    assert state_of(entry) is ConfigEntryState.LOADED


async def test_an_address_that_is_not_there_yet_is_tried_again(
    hass: HomeAssistant,
) -> None:
    entry = central_system(host="192.0.2.1")
    entry.add_to_hass(hass)
    assert not await hass.config_entries.async_setup(entry.entry_id)
    assert state_of(entry) is ConfigEntryState.SETUP_RETRY
    assert entry.error_reason_translation_key == "cannot_bind"


@pytest.fixture
def short_of_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the ledger wait for a lock no longer than a test."""
    monkeypatch.setattr("custom_components.ocpp_charging.ledger.database.BUSY_S", 0.1)


async def test_what_cannot_be_written_at_the_end_is_logged(
    hass: HomeAssistant,
    short_of_patience: None,
    charger_entry: MockConfigEntry,
    simulated: Simulated,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await simulated(charger_entry)
    with locked(ledger_file(hass, charger_entry)):
        assert await hass.config_entries.async_unload(charger_entry.entry_id)
    assert "may be lost" in caplog.text


async def test_removing_the_entry_removes_what_it_kept(
    hass: HomeAssistant,
    charger_entry: MockConfigEntry,
    simulated: Simulated,
) -> None:
    charge_point = await simulated(charger_entry)
    await charge_point.stop()
    await hass.config_entries.async_unload(charger_entry.entry_id)
    file = ledger_file(hass, charger_entry)
    assert file.exists()
    await hass.config_entries.async_remove(charger_entry.entry_id)
    await hass.async_block_till_done()
    assert not file.exists()


# Memory


async def test_what_was_learned_is_known_after_a_restart(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await simulated(charger_entry, connectors=2, serial="SN1")
    await charge_point.stop()
    assert await hass.config_entries.async_reload(charger_entry.entry_id)
    charger = charger_of(charger_entry)
    assert not charger.connected
    assert charger.info.serial == "SN1"
    assert list(charger.connectors) == [1, 2]


async def test_a_session_goes_on_over_a_restart(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    await fixed_port(hass, charger_entry)
    charge_point = await simulated(charger_entry)
    await charge_point.plug(1)
    await charge_point.present_tag(1, "CARD")
    charger = charger_of(charger_entry)
    await wait_for_charger(charger, lambda one: one.connectors[1].transaction)
    began = charger.connectors[1].transaction
    assert began is not None
    number = began.transaction_id
    await charge_point.until_accepted()
    assert await hass.config_entries.async_reload(charger_entry.entry_id)
    charger = charger_of(charger_entry)
    running = charger.connectors[1].transaction
    assert running is not None
    assert running.transaction_id == number
    await wait_for_charger(charger, lambda one: one.ready)
    await charge_point.stop_locally(1)
    await wait_for_charger(charger, lambda _: running.ended_at)
    await charge_point.until_accepted()


async def test_what_is_kept_of_chargers_that_are_gone_is_dropped(
    hass: HomeAssistant, unloads: None
) -> None:
    entry = central_system(charger_subentry())
    journal = make_journal(hass, entry)
    await journal.async_load()
    journal.remember("GONE", ChargerMemory(accepted=True))
    journal.remember(IDENTITY, ChargerMemory(accepted=True))
    await journal.async_close()
    await set_up(hass, entry)
    assert entry.runtime_data.journal.identities == {IDENTITY}
    assert charger_of(entry).memory.accepted


async def test_what_a_later_version_kept_is_not_touched(
    hass: HomeAssistant, issue_registry: ir.IssueRegistry
) -> None:
    entry = central_system()
    journal = make_journal(hass, entry)
    await journal.async_load()
    await journal.async_close()
    file = ledger_file(hass, entry)
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("INSERT INTO ledger_versions VALUES (99, 0)")
    before = file.read_bytes()
    await set_up(hass, entry)
    assert not entry.runtime_data.journal.loaded
    assert issue_registry.async_get_issue(
        DOMAIN, f"ledger_unavailable_{entry.entry_id}_newer"
    )
    assert file.read_bytes() == before


# Chargers come and go


async def test_a_charger_is_added_and_removed_with_others_connected(
    hass: HomeAssistant,
    hass_storage: dict[str, Any],
    charger_entry: MockConfigEntry,
    simulated: Simulated,
    entity_registry: er.EntityRegistry,
) -> None:
    hub = charger_entry.runtime_data
    first = await simulated(charger_entry)
    followed: list[str] = []
    stop = hub.async_follow_chargers(
        lambda _, charger: followed.append(charger.identity)
    )
    assert followed == [IDENTITY]

    subentry = ConfigSubentry(
        data=MappingProxyType(charger_data("CP2")),
        subentry_type="charger",
        title="Second",
        unique_id="CP2",
    )
    hass.config_entries.async_add_subentry(charger_entry, subentry)
    await hass.async_block_till_done()
    assert followed == [IDENTITY, "CP2"]
    assert hub.subentry_id_of("CP2") == subentry.subentry_id
    second = await simulated(charger_entry, "CP2")
    await wait_for_state(hass, "binary_sensor.second_connection", "on")

    hass.config_entries.async_remove_subentry(charger_entry, subentry.subentry_id)
    await hass.async_block_till_done()
    assert hub.subentry_id_of("CP2") is None
    assert hub.journal.identities == {IDENTITY}
    assert hass.states.get("binary_sensor.second_connection") is None
    assert entity_registry.async_get("binary_sensor.second_connection") is None
    assert subentry.subentry_id not in hub.device_ids
    await second.wait_for(lambda one: getattr(one.last_error, "status", None) == 404)

    stop()
    assert charger_entry.runtime_data is hub
    assert first.connected
    assert charger_of(charger_entry).reconnects == 0


async def test_a_charger_that_is_renamed_is_not_disturbed(
    hass: HomeAssistant,
    charger_entry: MockConfigEntry,
    simulated: Simulated,
    device_registry: dr.DeviceRegistry,
) -> None:
    await simulated(charger_entry)
    (subentry,) = charger_entry.subentries.values()
    hass.config_entries.async_update_subentry(
        charger_entry, subentry, title="In the garage"
    )
    await hass.async_block_till_done()
    (device_id,) = charger_entry.runtime_data.device_ids.values()
    device = device_registry.async_get(device_id)
    assert device is not None
    assert device.name == "In the garage"
    assert charger_of(charger_entry).reconnects == 0


async def remove_device(client: Any, device_id: str) -> bool:
    await client.send_json_auto_id(
        {"type": "config/device_registry/remove", "device_id": device_id}
    )
    response = await client.receive_json()
    return bool(response["success"])


async def test_a_device_can_be_removed_when_its_charger_is_away(
    hass: HomeAssistant,
    hass_ws_client: WebSocketGenerator,
    charger_entry: MockConfigEntry,
    simulated: Simulated,
    device_registry: dr.DeviceRegistry,
) -> None:
    assert await async_setup_component(hass, "config", {})
    client = await hass_ws_client(hass)
    charge_point = await simulated(charger_entry)
    await hass.async_block_till_done()
    ((subentry_id, device_id),) = charger_entry.runtime_data.device_ids.items()
    (connector,) = dr.async_child_entries_for_config_entry(
        device_registry, charger_entry.entry_id
    )
    central = device_registry.async_get_device_by_identifier(
        (DOMAIN, charger_entry.entry_id), charger_entry.entry_id
    )
    assert central is not None
    assert not await remove_device(client, device_id)
    await charge_point.stop()
    await wait_for_charger(charger_of(charger_entry), lambda one: not one.connected)
    assert not await remove_device(client, connector.id)
    assert not await remove_device(client, central.id)
    assert await remove_device(client, device_id)
    await hass.async_block_till_done()
    assert device_registry.async_get(device_id) is None
    assert subentry_id not in charger_entry.subentries
    assert not charger_entry.runtime_data.central.chargers


# Certificates


async def test_our_certificate_is_renewed_without_dropping_chargers(
    hass: HomeAssistant, unloads: None, simulated: Simulated, tmp_path: Path
) -> None:
    entry = await set_up(
        hass,
        central_system(
            charger_subentry(), security="wss_compatible", names=["127.0.0.1"]
        ),
    )
    hub = entry.runtime_data
    ca_file = tmp_path / "ca.pem"
    ca_file.write_bytes(hub.tls.certificates.ca_pem)
    await simulated(entry, ca_file=ca_file)
    first = await presented(hub.central.port)

    with patch(
        "custom_components.ocpp_charging.listener.dt_util.utcnow",
        return_value=hub.tls.certificates.expires - timedelta(days=1),
    ):
        await days_pass(hass)
    assert await presented(hub.central.port) != first
    assert charger_of(entry).connected
    assert charger_of(entry).reconnects == 0

    # Nothing to do on the next day.
    before = hub.tls.certificates
    await days_pass(hass, 2)
    assert hub.tls.certificates == before
    # A charger that comes anew trusts the new one, too.
    charger = charger_of(entry)
    await simulated(entry, ca_file=ca_file, ready=False)
    await wait_for_charger(charger, lambda one: one.reconnects >= 1)


async def test_listeners_share_an_authority_that_outlives_them(
    hass: HomeAssistant, unloads: None
) -> None:
    wss = {"security": "wss_compatible"}
    first = await set_up(hass, central_system(**wss, names=["a.example"]))
    second = await set_up(hass, central_system(**wss, names=["b.example"]))
    ca_pem = first.runtime_data.tls.certificates.ca_pem
    assert second.runtime_data.tls.certificates.ca_pem == ca_pem
    assert set(second.runtime_data.tls.certificates.names) == {"a.example", "b.example"}
    for entry in (first, second):
        await hass.config_entries.async_remove(entry.entry_id)
    third = await set_up(hass, central_system(**wss, names=["a.example"]))
    assert third.runtime_data.tls.certificates.ca_pem == ca_pem


async def days_pass(hass: HomeAssistant, days: int = 1) -> None:
    later = dt_util.utcnow() + days * RENEWAL_CHECK_INTERVAL + timedelta(seconds=1)
    async_fire_time_changed(hass, later)
    await hass.async_block_till_done(wait_background_tasks=True)


async def presented(port: int) -> bytes:
    """Return the certificate that a client sees now."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    certificate: bytes = writer.get_extra_info("ssl_object").getpeercert(True)
    writer.close()
    await writer.wait_closed()
    return certificate
