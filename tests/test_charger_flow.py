"""Adding a charger is a conversation, and changing one."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

from homeassistant.config_entries import SOURCE_RECONFIGURE, SOURCE_USER, ConfigSubentry
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import device_registry as dr
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)

from custom_components.ocpp_charging import invitation
from custom_components.ocpp_charging.csms.certificates import CertificateStore
from custom_components.ocpp_charging.csms.credentials import KeyHash
from custom_components.ocpp_charging.hub import charger_settings
from simulator import SILENCE, ChargePoint

from .conftest import (
    IDENTITY,
    PASSWORD,
    Simulated,
    central_system,
    charger_data,
    charger_of,
    charger_subentry,
    key_hash,
    set_up,
    wait_for_charger,
    wait_for_state,
)
from .flows import assert_texts, shown, suggested

type Result = Mapping[str, Any]

ROOT = ("config_subentries", "charger")
OTHER_PASSWORD = "another-one-2026"


async def begin(hass: HomeAssistant, entry: MockConfigEntry) -> Result:
    result = await hass.config_entries.subentries.async_init(
        (entry.entry_id, "charger"), context={"source": SOURCE_USER}
    )
    assert_texts(result, *ROOT)
    return result


async def answer(hass: HomeAssistant, result: Result, user_input: Any = None) -> Result:
    result = await hass.config_entries.subentries.async_configure(
        result["flow_id"], user_input
    )
    assert_texts(result, *ROOT)
    return result


async def until_waited(hass: HomeAssistant, result: Result) -> Result:
    """Wait until the progress is over and return what is shown then."""
    assert result["type"] is FlowResultType.SHOW_PROGRESS
    await hass.async_block_till_done()
    return await answer(hass, result)


def named(identity: str = IDENTITY, **changes: Any) -> dict[str, Any]:
    return {
        "identity": identity,
        "password": PASSWORD,
        "no_password": False,
        **changes,
    }


async def dial(
    entry: MockConfigEntry,
    simulated: Simulated,
    identity: str = IDENTITY,
    **options: Any,
) -> ChargePoint:
    return await simulated(entry, identity, ready=False, **options)


async def test_the_whole_conversation(
    hass: HomeAssistant,
    central_entry: MockConfigEntry,
    simulated: Simulated,
    device_registry: dr.DeviceRegistry,
) -> None:
    hub = central_entry.runtime_data
    result = await begin(hass, central_entry)
    assert result["step_id"] == "user"
    assert suggested(result, "identity") == "charger-1"
    made = suggested(result, "password")
    assert len(made) == 20

    result = await answer(
        hass, result, {"identity": IDENTITY, "password": made, "no_password": False}
    )
    assert result["step_id"] == "connect_plain"
    url = f"ws://127.0.0.1:{hub.central.port}/"
    assert shown(result, "url") == url
    assert shown(result, "full_url") == f"{url}{IDENTITY}"
    assert shown(result, "username") == IDENTITY
    assert shown(result, "password") == made

    result = await answer(hass, result, {})
    assert result["type"] is FlowResultType.SHOW_PROGRESS
    charge_point = await dial(
        central_entry, simulated, password=made, connectors=2, serial="SN1"
    )
    result = await until_waited(hass, result)
    assert result["step_id"] == "found"
    assert result["description_placeholders"] | {"features": ""} == {
        "identity": IDENTITY,
        "typed": IDENTITY,
        "make": "Simulated",
        "model": "SimBox 3",
        "serial": "SN1",
        "firmware": "1.0",
        "connectors": "2",
        "features": "",
    }
    assert "SmartCharging" in result["description_placeholders"]["features"]
    assert suggested(result, "name") == "Simulated SimBox 3"

    result = await answer(hass, result, {"name": "Garage", "max_current_a": 16})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    (subentry,) = central_entry.subentries.values()
    assert subentry.title == "Garage"
    assert subentry.unique_id == IDENTITY
    data = dict(subentry.data)
    (stored,) = data.pop("key_hashes")
    assert data == {
        "identity": IDENTITY,
        "password_required": True,
        "max_current_a": 16.0,
        "start_tag": "HomeAssistant",
    }
    assert made not in stored
    assert KeyHash.parse(stored).matches(made.encode())

    # The devices are in place, nothing was reloaded, nobody was disconnected.
    assert central_entry.runtime_data is hub
    await hass.async_block_till_done()
    charger = charger_of(central_entry)
    assert charger.connected
    assert charger.reconnects == 0
    assert charge_point.connected
    device = device_registry.async_get(hub.device_ids[subentry.subentry_id])
    assert isinstance(device, dr.DeviceEntry)
    assert (device.name, device.serial_number) == ("Garage", "SN1")
    await wait_for_state(hass, "binary_sensor.garage_connection", "on")
    assert hass.states.get("sensor.garage_connector_2_status") is not None

    # It is let in after the conversation, and after a restart.
    assert await hass.config_entries.async_reload(central_entry.entry_id)
    await hass.async_block_till_done()
    assert charger_of(central_entry).info.serial == "SN1"


async def test_a_charger_that_is_faster_than_its_owner(
    hass: HomeAssistant, central_entry: MockConfigEntry, simulated: Simulated
) -> None:
    result = await answer(hass, await begin(hass, central_entry), named())
    charge_point = await dial(central_entry, simulated)
    await charge_point.until_accepted()
    await wait_for_charger(charger_of(central_entry), lambda one: one.ready)
    result = await answer(hass, result, {})
    assert result["step_id"] == "found"


async def test_a_charger_with_a_name_of_its_own(
    hass: HomeAssistant, central_entry: MockConfigEntry, simulated: Simulated
) -> None:
    result = await answer(hass, await begin(hass, central_entry), named("mine"))
    result = await answer(hass, result, {})
    await dial(central_entry, simulated, "SN-4711")
    result = await until_waited(hass, result)
    assert result["step_id"] == "found_renamed"
    assert result["description_placeholders"]["identity"] == "SN-4711"
    assert result["description_placeholders"]["typed"] == "mine"
    result = await answer(hass, result, {"name": "Garage", "max_current_a": 32})
    (subentry,) = central_entry.subentries.values()
    assert subentry.data["identity"] == subentry.unique_id == "SN-4711"
    assert charger_of(central_entry, "SN-4711").connected


async def test_a_charger_that_cannot_send_a_password(
    hass: HomeAssistant, central_entry: MockConfigEntry, simulated: Simulated
) -> None:
    result = await answer(
        hass, await begin(hass, central_entry), named(no_password=True)
    )
    with pytest.raises(AssertionError, match="no field"):
        suggested(result, "password")
    result = await answer(hass, result, {})
    await dial(central_entry, simulated, password=None)
    result = await until_waited(hass, result)
    result = await answer(hass, result, {"name": "Garage", "max_current_a": 32})
    (subentry,) = central_entry.subentries.values()
    assert subentry.data["password_required"] is False
    assert subentry.data["key_hashes"] == []
    assert charger_of(central_entry).connected


@pytest.mark.parametrize(
    ("typed", "errors"),
    [
        ({"identity": "a/b"}, {"identity": "invalid_identity"}),
        ({"identity": "KNOWN"}, {"identity": "already_added"}),
        ({"password": "short"}, {"password": "password_too_short"}),
        ({"password": "x" * 41}, {"password": "password_too_long"}),
        ({"password": "spaces at end "}, {"password": "password_not_printable"}),
        (
            {"identity": "a:b", "password": ""},
            {"identity": "invalid_identity", "password": "password_too_short"},
        ),
    ],
)
async def test_what_is_wrong_in_the_first_step_can_be_put_right(
    hass: HomeAssistant, unloads: None, typed: Any, errors: Any
) -> None:
    entry = await set_up(hass, central_system(charger_subentry("KNOWN")))
    result = await answer(hass, await begin(hass, entry), named(**typed))
    assert result["step_id"] == "user"
    assert result["errors"] == errors
    assert suggested(result, "identity") == typed.get("identity", IDENTITY)
    result = await answer(hass, result, named())
    assert result["step_id"] == "connect_plain"


async def test_a_free_name_is_suggested(hass: HomeAssistant, unloads: None) -> None:
    entry = await set_up(hass, central_system(charger_subentry("charger-1")))
    assert suggested(await begin(hass, entry), "identity") == "charger-2"


# Nobody comes


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give chargers less time than they need."""
    monkeypatch.setattr(invitation, "CONNECT_TIMEOUT", 0.3)


async def test_nobody_has_called(
    hass: HomeAssistant,
    central_entry: MockConfigEntry,
    simulated: Simulated,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(invitation, "CONNECT_TIMEOUT", 0.01)
    result = await answer(hass, await begin(hass, central_entry), named())
    result = await until_waited(hass, await answer(hass, result, {}))
    assert result["type"] is FlowResultType.MENU
    assert result["step_id"] == "nothing_seen"
    monkeypatch.setattr(invitation, "CONNECT_TIMEOUT", 10)

    result = await answer(hass, result, {"next_step_id": "connect"})
    assert result["step_id"] == "connect_plain"
    result = await answer(hass, result, {})
    await dial(central_entry, simulated)
    result = await until_waited(hass, result)
    assert result["step_id"] == "found"


async def test_a_charger_came_with_another_password(
    hass: HomeAssistant,
    central_entry: MockConfigEntry,
    simulated: Simulated,
    impatient: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    result = await answer(hass, await begin(hass, central_entry), named())
    result = await answer(hass, result, {})
    await dial(central_entry, simulated, password=OTHER_PASSWORD)
    result = await until_waited(hass, result)
    assert result["step_id"] == "wrong_password"
    assert int(result["description_placeholders"]["count"]) >= 1

    result = await answer(hass, result, {"next_step_id": "change"})
    assert result["step_id"] == "user"
    assert suggested(result, "identity") == IDENTITY
    assert suggested(result, "password") == PASSWORD
    monkeypatch.setattr(invitation, "CONNECT_TIMEOUT", 20)
    result = await answer(hass, result, named(password=OTHER_PASSWORD))
    result = await until_waited(hass, await answer(hass, result, {}))
    assert result["step_id"] == "found"


async def test_the_owner_is_told_of_a_wrong_password_at_once(
    hass: HomeAssistant,
    central_entry: MockConfigEntry,
    simulated: Simulated,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The patience is ten minutes; the third refusal ends it."""
    monkeypatch.setattr(invitation, "GLANCE", 0.05)
    result = await answer(hass, await begin(hass, central_entry), named())
    result = await answer(hass, result, {})
    await dial(central_entry, simulated, password=OTHER_PASSWORD)
    async with asyncio.timeout(30):
        result = await until_waited(hass, result)
    assert result["step_id"] == "wrong_password"
    assert int(result["description_placeholders"]["count"]) >= invitation.TROUBLE


async def distrusting(
    hass: HomeAssistant, entry: MockConfigEntry, simulated: Simulated, folder: Path
) -> ChargePoint:
    """Return a charger that has broken off the encryption several times."""
    foreign = CertificateStore(folder).ensure(["127.0.0.1"], dt_util.utcnow())
    ca_file = folder / "foreign.pem"
    ca_file.write_bytes(foreign.ca_pem or b"")
    # In debug mode asyncio reports each broken handshake as an unhandled error.
    hass.loop.set_debug(False)
    charge_point = await dial(entry, simulated, "OTHER", ca_file=ca_file)
    central = entry.runtime_data.central
    await charge_point.wait_for(
        lambda one: central.broken_handshakes > invitation.TROUBLE
    )
    return charge_point


@pytest.fixture
async def secure_entry(hass: HomeAssistant, unloads: None) -> MockConfigEntry:
    return await set_up(
        hass, central_system(security="wss_compatible", names=["127.0.0.1"])
    )


async def test_that_a_charger_does_not_trust_the_certificate_is_told_in_the_end(
    hass: HomeAssistant,
    secure_entry: MockConfigEntry,
    simulated: Simulated,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    result = await answer(hass, await begin(hass, secure_entry), named())
    charge_point = await distrusting(hass, secure_entry, simulated, tmp_path)
    monkeypatch.setattr(invitation, "CONNECT_TIMEOUT", 0.01)
    result = await until_waited(hass, await answer(hass, result, {}))
    assert result["step_id"] == "broken_off"
    assert int(result["description_placeholders"]["count"]) >= invitation.TROUBLE
    assert not charge_point.connected


async def test_handshakes_that_somebody_broke_off_do_not_end_the_wait(
    hass: HomeAssistant,
    secure_entry: MockConfigEntry,
    simulated: Simulated,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(invitation, "GLANCE", 0.01)
    result = await answer(hass, await begin(hass, secure_entry), named())
    result = await answer(hass, result, {})
    await distrusting(hass, secure_entry, simulated, tmp_path)
    certificates = secure_entry.runtime_data.tls.certificates
    ca_file = tmp_path / "ours.pem"
    ca_file.write_bytes(certificates.ca_pem)
    await dial(secure_entry, simulated, ca_file=ca_file)
    result = await until_waited(hass, result)
    assert result["step_id"] == "found"


async def test_the_owner_is_told_of_another_name_at_once_and_once(
    hass: HomeAssistant,
    central_entry: MockConfigEntry,
    simulated: Simulated,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The patience is ten minutes; the third call under one other name ends it."""
    monkeypatch.setattr(invitation, "GLANCE", 0.01)
    central = central_entry.runtime_data.central
    result = await answer(hass, await begin(hass, central_entry), named())
    result = await answer(hass, result, {})
    other = await dial(central_entry, simulated, "SN-4711", password=None)
    async with asyncio.timeout(30):
        result = await until_waited(hass, result)
    assert result["step_id"] == "other_identity"
    calls = central.unknown["SN-4711"].attempts
    assert calls >= invitation.TROUBLE

    # It was another charger of the house, and calls on.
    result = await answer(hass, result, {"next_step_id": "connect"})
    result = await answer(hass, result, {})
    await other.wait_for(
        lambda one: (
            central.unknown["SN-4711"].attempts >= calls + 1 + invitation.TROUBLE
        )
    )
    await dial(central_entry, simulated)
    async with asyncio.timeout(30):
        result = await until_waited(hass, result)
    assert result["step_id"] == "found"


async def test_calls_from_before_the_conversation_do_not_end_it(
    hass: HomeAssistant, central_entry: MockConfigEntry, simulated: Simulated
) -> None:
    central = central_entry.runtime_data.central
    other = await dial(central_entry, simulated, "SN-4711", password=None)
    await other.wait_for(
        lambda one: (
            "SN-4711" in central.unknown
            and central.unknown["SN-4711"].attempts >= invitation.TROUBLE
        )
    )
    expected = invitation.Invitation(
        central_entry.runtime_data,
        charger_settings(central_entry, charger_data()),
    )
    assert not expected._in_trouble
    await other.wait_for(lambda one: expected._in_trouble)
    # What is remembered of strangers is bounded: it may begin anew.
    central._door.unknown.clear()
    assert not expected._in_trouble
    await other.wait_for(lambda one: "SN-4711" in central.unknown)
    assert expected._calls("SN-4711") == central.unknown["SN-4711"].attempts
    expected.close()


async def test_the_charger_is_let_in_while_the_owner_reads_what_went_wrong(
    hass: HomeAssistant,
    central_entry: MockConfigEntry,
    simulated: Simulated,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(invitation, "CONNECT_TIMEOUT", 0.01)
    result = await answer(hass, await begin(hass, central_entry), named())
    result = await until_waited(hass, await answer(hass, result, {}))
    assert result["step_id"] == "nothing_seen"
    charge_point = await dial(central_entry, simulated)
    await charge_point.until_accepted()
    charger = charger_of(central_entry)
    await wait_for_charger(charger, lambda one: one.ready)
    result = await answer(hass, result, {"next_step_id": "connect"})
    result = await answer(hass, result, {})
    assert result["step_id"] == "found"
    assert charger is charger_of(central_entry)
    assert charger.reconnects == 0


async def test_a_charger_came_with_another_name_and_password(
    hass: HomeAssistant,
    central_entry: MockConfigEntry,
    simulated: Simulated,
    impatient: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    result = await answer(hass, await begin(hass, central_entry), named("mine"))
    result = await answer(hass, result, {})
    await dial(central_entry, simulated, "SN-4711", password=OTHER_PASSWORD)
    result = await until_waited(hass, result)
    assert result["step_id"] == "other_identity"
    others = result["description_placeholders"]["others"]
    assert others == "SN-4711 (127.0.0.1)"
    monkeypatch.setattr(invitation, "CONNECT_TIMEOUT", 30)
    result = await answer(hass, result, {"next_step_id": "change"})
    result = await answer(hass, result, named("SN-4711", password=OTHER_PASSWORD))
    result = await until_waited(hass, await answer(hass, result, {}))
    assert result["step_id"] == "found"


# The end of a conversation


async def test_a_flow_that_is_closed_lets_nobody_in(
    hass: HomeAssistant, central_entry: MockConfigEntry, simulated: Simulated
) -> None:
    result = await answer(hass, await begin(hass, central_entry), named())
    result = await answer(hass, result, {})
    charge_point = await dial(central_entry, simulated)
    result = await until_waited(hass, result)
    hass.config_entries.subentries.async_abort(result["flow_id"])
    await charge_point.wait_for(
        lambda one: getattr(one.last_error, "status", None) == 404
    )
    assert not central_entry.runtime_data.central.chargers


async def test_a_flow_that_is_closed_while_it_waits(
    hass: HomeAssistant, central_entry: MockConfigEntry, simulated: Simulated
) -> None:
    result = await answer(hass, await begin(hass, central_entry), named())
    result = await answer(hass, result, {})
    hass.config_entries.subentries.async_abort(result["flow_id"])
    charge_point = await dial(central_entry, simulated)
    await charge_point.wait_for(
        lambda one: getattr(one.last_error, "status", None) == 404
    )


async def test_a_forgotten_conversation_ends_by_itself(
    hass: HomeAssistant, central_entry: MockConfigEntry, simulated: Simulated
) -> None:
    result = await answer(hass, await begin(hass, central_entry), named())
    async_fire_time_changed(
        hass,
        dt_util.utcnow() + timedelta(seconds=invitation.LIFETIME + 1),
    )
    await hass.async_block_till_done()
    charge_point = await dial(central_entry, simulated)
    await charge_point.wait_for(
        lambda one: getattr(one.last_error, "status", None) == 404
    )
    # It goes on where it was when the owner comes back.
    result = await answer(hass, result, {})
    result = await until_waited(hass, result)
    assert result["step_id"] == "found"


async def test_a_reload_in_the_middle_shows_the_settings_again(
    hass: HomeAssistant, central_entry: MockConfigEntry
) -> None:
    result = await answer(hass, await begin(hass, central_entry), named())
    result = await answer(hass, result, {})
    assert await hass.config_entries.async_reload(central_entry.entry_id)
    result = await until_waited(hass, result)
    assert result["step_id"] == "connect_plain"
    port = central_entry.runtime_data.central.port
    assert shown(result, "url") == f"ws://127.0.0.1:{port}/"


async def test_an_entry_that_does_not_run_takes_no_chargers(
    hass: HomeAssistant, central_entry: MockConfigEntry
) -> None:
    await hass.config_entries.async_unload(central_entry.entry_id)
    result = await begin(hass, central_entry)
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "not_loaded"


async def test_a_charger_that_was_added_meanwhile(
    hass: HomeAssistant, central_entry: MockConfigEntry, simulated: Simulated
) -> None:
    result = await answer(hass, await begin(hass, central_entry), named())
    result = await answer(hass, result, {})
    await dial(central_entry, simulated)
    result = await until_waited(hass, result)
    hass.config_entries.async_add_subentry(
        central_entry,
        ConfigSubentry(
            data=MappingProxyType(charger_data()),
            subentry_type="charger",
            title="Added",
            unique_id=IDENTITY,
        ),
    )
    result = await answer(hass, result, {"name": "Garage", "max_current_a": 32})
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "already_configured"
    # The end of the conversation is not the end of the charger.
    assert charger_of(central_entry).connected
    assert charger_of(central_entry).reconnects == 0


# What is shown where the line is encrypted


async def test_over_tls_with_our_own_authority(
    hass: HomeAssistant, unloads: None, simulated: Simulated, tmp_path: Path
) -> None:
    entry = await set_up(
        hass,
        central_system(security="wss_compatible", names=["127.0.0.1"]),
    )
    await hass.config.async_update(internal_url="http://10.10.10.10:8123")
    result = await answer(hass, await begin(hass, entry), named())
    assert result["step_id"] == "connect"
    port = entry.runtime_data.central.port
    assert shown(result, "url") == f"wss://127.0.0.1:{port}/"
    ca_url = shown(result, "ca_url")
    assert ca_url == f"http://10.10.10.10:8123/api/ocpp_charging/ca/{entry.entry_id}"
    ca_file = tmp_path / "downloaded.pem"
    ca_file.write_bytes(entry.runtime_data.tls.certificates.ca_pem)
    result = await answer(hass, result, {})
    await dial(entry, simulated, ca_file=ca_file)
    result = await until_waited(hass, result)
    assert result["step_id"] == "found"


async def test_over_tls_with_files_of_the_owner(
    hass: HomeAssistant, unloads: None, tmp_path: Path
) -> None:
    from custom_components.ocpp_charging.csms.certificates import CertificateStore

    CertificateStore(tmp_path / "own").ensure(["ocpp.example"], dt_util.utcnow())
    entry = await set_up(
        hass,
        central_system(
            security="wss_modern",
            certificate="files",
            certificate_file=str(tmp_path / "own" / "server-rsa.pem"),
            key_file=str(tmp_path / "own" / "server-rsa.key"),
        ),
    )
    result = await answer(hass, await begin(hass, entry), named())
    assert result["step_id"] == "connect_files"
    assert shown(result, "url").startswith("wss://ocpp.example:")
    result = await answer(hass, result, {})
    assert result["type"] is FlowResultType.SHOW_PROGRESS
    hass.config_entries.subentries.async_abort(result["flow_id"])


async def test_without_an_internal_url_the_path_of_the_certificate_is_shown(
    hass: HomeAssistant, unloads: None
) -> None:
    entry = await set_up(hass, central_system(security="wss_compatible", names=["::1"]))
    hass.config.api = None
    result = await answer(hass, await begin(hass, entry), named("with space"))
    assert shown(result, "ca_url") == f"/api/ocpp_charging/ca/{entry.entry_id}"
    assert shown(result, "full_url").startswith("wss://[::1]:")
    assert shown(result, "full_url").endswith("/with%20space")


# Changing a charger


async def reconfigure(hass: HomeAssistant, entry: MockConfigEntry) -> Result:
    (subentry_id,) = entry.subentries
    result = await hass.config_entries.subentries.async_init(
        (entry.entry_id, "charger"),
        context={"source": SOURCE_RECONFIGURE, "subentry_id": subentry_id},
    )
    assert_texts(result, *ROOT)
    assert result["step_id"] == "reconfigure"
    return result


def changed(**changes: Any) -> dict[str, Any]:
    return {
        "no_password": False,
        "max_current_a": 32,
        "start_tag": "HomeAssistant",
        **changes,
    }


def only_data(entry: MockConfigEntry) -> dict[str, Any]:
    (subentry,) = entry.subentries.values()
    return dict(subentry.data)


async def test_the_settings_of_a_charger(
    hass: HomeAssistant,
    charger_entry: MockConfigEntry,
    simulated: Simulated,
    device_registry: dr.DeviceRegistry,
) -> None:
    charge_point = await simulated(charger_entry)
    before = only_data(charger_entry)
    result = await answer(
        hass,
        await reconfigure(hass, charger_entry),
        changed(
            max_current_a=16,
            start_tag="HA",
            web_address="wallbox.example:8080",
            sample_interval=15,
            phase_switching="yes",
        ),
    )
    assert result["reason"] == "reconfigure_successful"
    await hass.async_block_till_done()
    assert only_data(charger_entry) == before | {
        "max_current_a": 16.0,
        "start_tag": "HA",
        "web_address": "wallbox.example:8080",
        "sample_interval": 15,
        "phase_switching": "yes",
    }
    charger = charger_of(charger_entry)
    assert charger.settings.max_current_a == 16
    assert charger.settings.start_tag == "HA"
    assert charger.settings.sample_interval == timedelta(seconds=15)
    assert charger.settings.switches_phases is True
    (device_id,) = charger_entry.runtime_data.device_ids.values()
    device = device_registry.async_get(device_id)
    assert isinstance(device, dr.DeviceEntry)
    assert device.configuration_url == "http://wallbox.example:8080"
    assert charge_point.connected
    assert charger.reconnects == 0

    # What is left empty is taken back.
    result = await answer(
        hass,
        await reconfigure(hass, charger_entry),
        changed(phase_switching="as_reported"),
    )
    assert only_data(charger_entry) == before


@pytest.mark.parametrize(
    ("typed", "errors"),
    [
        ({"start_tag": "x" * 21}, {"start_tag": "invalid_tag"}),
        ({"start_tag": ""}, {"start_tag": "invalid_tag"}),
        ({"web_address": "ftp://x"}, {"web_address": "invalid_web_address"}),
        ({"web_address": "http://[x"}, {"web_address": "invalid_web_address"}),
        ({"password": "short"}, {"password": "password_too_short"}),
    ],
)
async def test_what_is_wrong_in_the_settings_can_be_put_right(
    hass: HomeAssistant, charger_entry: MockConfigEntry, typed: Any, errors: Any
) -> None:
    before = only_data(charger_entry)
    result = await answer(
        hass, await reconfigure(hass, charger_entry), changed(**typed)
    )
    assert result["errors"] == errors
    assert only_data(charger_entry) == before
    result = await answer(hass, result, changed(start_tag="HA"))
    assert result["reason"] == "reconfigure_successful"
    assert only_data(charger_entry) == before | {"start_tag": "HA"}


async def test_a_password_cannot_be_required_where_there_is_none(
    hass: HomeAssistant, unloads: None
) -> None:
    entry = await set_up(
        hass,
        central_system(charger_subentry("CP1", password_required=False, key_hashes=[])),
    )
    result = await answer(hass, await reconfigure(hass, entry), changed())
    assert result["errors"] == {"password": "password_missing"}
    result = await answer(hass, result, changed(password=OTHER_PASSWORD))
    assert result["reason"] == "password_offline"
    assert only_data(entry)["password_required"] is True


async def test_a_new_password_is_written_to_a_connected_charger(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await simulated(charger_entry)
    old = only_data(charger_entry)["key_hashes"]
    result = await answer(
        hass, await reconfigure(hass, charger_entry), changed(password=OTHER_PASSWORD)
    )
    assert result["reason"] == "password_written"
    (change,) = [
        call
        for call in charge_point.received_calls("ChangeConfiguration")
        if call["key"] == "AuthorizationKey"
    ]
    assert change["value"] == OTHER_PASSWORD.encode().hex().upper()
    new, *rest = only_data(charger_entry)["key_hashes"]
    assert KeyHash.parse(new).matches(OTHER_PASSWORD.encode())
    assert rest in (old, [])
    # It comes back with the new one, and the old one is good no more.
    charger = charger_of(charger_entry)
    before = charger.reconnects
    await charge_point.disconnect()
    await wait_for_charger(charger, lambda one: one.reconnects > before and one.ready)
    assert only_data(charger_entry)["key_hashes"] == [new]
    await charge_point.stop()
    old_one = await simulated(charger_entry, ready=False, password=PASSWORD)
    await old_one.wait_for(lambda one: getattr(one.last_error, "status", None) == 401)


async def test_a_password_for_a_charger_that_is_away(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    result = await answer(
        hass, await reconfigure(hass, charger_entry), changed(password=OTHER_PASSWORD)
    )
    assert result["reason"] == "password_offline"
    new, old = only_data(charger_entry)["key_hashes"]
    # With the old one it is let in, on its first try.
    charge_point = await simulated(charger_entry, password=PASSWORD)
    assert charge_point.last_error is None
    assert only_data(charger_entry)["key_hashes"] == [new, old]
    await charge_point.stop()
    await wait_for_charger(charger_of(charger_entry), lambda one: not one.connected)
    # With the new one too, and that is the end of the old one.
    renewed = await simulated(charger_entry, password=OTHER_PASSWORD)
    assert renewed.last_error is None
    assert only_data(charger_entry)["key_hashes"] == [new]
    assert charger_of(charger_entry).settings.key_hashes == (new,)


async def test_a_charger_gets_in_with_every_password_it_may_have(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    """It is away while its password is changed twice."""
    for password in ("second-of-them-2026", "third-of-them-2026"):
        result = await answer(
            hass, await reconfigure(hass, charger_entry), changed(password=password)
        )
        assert result["reason"] == "password_offline"
    assert len(only_data(charger_entry)["key_hashes"]) == 3
    charge_point = await simulated(charger_entry, password=PASSWORD)
    assert charge_point.last_error is None


async def test_a_new_password_that_takes_the_connection_over_ends_the_old_one(
    hass: HomeAssistant, unloads: None, simulated: Simulated
) -> None:
    new, old = key_hash(OTHER_PASSWORD), key_hash(PASSWORD)
    entry = await set_up(hass, central_system(charger_subentry(key_hashes=[new, old])))
    charge_point = await simulated(entry, password=PASSWORD)
    assert only_data(entry)["key_hashes"] == [new, old]
    # It comes again without having gone, as chargers do whose line was cut.
    again = await simulated(entry, ready=False, password=OTHER_PASSWORD)
    charger = charger_of(entry)
    await wait_for_charger(charger, lambda one: one.settings.key_hashes == (new,))
    await charge_point.wait_for(
        lambda one: getattr(one.last_error, "status", None) == 401
    )
    assert only_data(entry)["key_hashes"] == [new]
    assert again.connected


async def test_a_charger_without_a_password_shows_none_to_be_right(
    hass: HomeAssistant, unloads: None, simulated: Simulated
) -> None:
    hashes = [key_hash(OTHER_PASSWORD), key_hash(PASSWORD)]
    entry = await set_up(
        hass,
        central_system(
            charger_subentry(password_required=False, key_hashes=hashes),
        ),
    )
    await simulated(entry, password=None)
    assert only_data(entry)["key_hashes"] == hashes


async def test_a_password_while_the_central_system_does_not_run(
    hass: HomeAssistant, charger_entry: MockConfigEntry
) -> None:
    await hass.config_entries.async_unload(charger_entry.entry_id)
    result = await answer(
        hass, await reconfigure(hass, charger_entry), changed(password=OTHER_PASSWORD)
    )
    assert result["reason"] == "password_offline"
    assert len(only_data(charger_entry)["key_hashes"]) == 2


async def test_a_charger_that_takes_no_password(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await simulated(charger_entry)
    charge_point.answers["ChangeConfiguration"] = {"status": "Rejected"}
    result = await answer(
        hass, await reconfigure(hass, charger_entry), changed(password=OTHER_PASSWORD)
    )
    assert result["reason"] == "password_not_written"
    assert len(only_data(charger_entry)["key_hashes"]) == 2


async def test_a_charger_that_needs_a_restart_for_its_password(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await simulated(charger_entry)
    charge_point.answers["ChangeConfiguration"] = {"status": "RebootRequired"}
    result = await answer(
        hass, await reconfigure(hass, charger_entry), changed(password=OTHER_PASSWORD)
    )
    assert result["reason"] == "password_after_restart"


async def test_a_charger_that_takes_its_password_as_text_only(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await simulated(charger_entry)
    as_hex = OTHER_PASSWORD.encode().hex().upper()

    def judge(payload: Mapping[str, Any]) -> dict[str, str]:
        refused = payload["value"] == as_hex
        return {"status": "Rejected" if refused else "Accepted"}

    charge_point.answers["ChangeConfiguration"] = judge
    result = await answer(
        hass, await reconfigure(hass, charger_entry), changed(password=OTHER_PASSWORD)
    )
    assert result["reason"] == "password_written"
    last = charge_point.received_calls("ChangeConfiguration")[-1]
    assert last == {"key": "AuthorizationKey", "value": OTHER_PASSWORD}


async def test_a_charger_that_vanishes_while_it_gets_its_password(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await simulated(charger_entry)
    result = await reconfigure(hass, charger_entry)
    charge_point.answers["ChangeConfiguration"] = SILENCE
    pending = asyncio.create_task(
        answer(hass, result, changed(password=OTHER_PASSWORD))
    )
    await charge_point.wait_for(
        lambda one: (
            one.received_calls("ChangeConfiguration")
            and one.received_calls("ChangeConfiguration")[-1]["key"]
            == "AuthorizationKey"
        )
    )
    await charge_point.stop()
    assert (await pending)["reason"] == "password_not_written"
