"""What can be downloaded to have a problem looked into, and what is not in it."""

import json

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.diagnostics import (
    get_diagnostics_for_config_entry,
    get_diagnostics_for_device,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from .conftest import (
    DOMAIN,
    PASSWORD,
    Simulated,
    central_system,
    charger_of,
    charger_subentry,
    key_hash,
    set_up,
    wait_for_charger,
)

SECRETS = (
    "STATION-7",
    "SERIAL-99",
    "METER-88",
    "CARD-1234",
    PASSWORD,
    key_hash(PASSWORD),
    "127.0.0.1",
    "wallbox.example",
    "wifi-secret",
)


@pytest.fixture
async def entry(
    hass: HomeAssistant, unloads: None, simulated: Simulated
) -> MockConfigEntry:
    entry = await set_up(
        hass,
        central_system(
            charger_subentry("STATION-7", web_address="http://wallbox.example")
        ),
    )
    charge_point = await simulated(
        entry,
        "STATION-7",
        serial="SERIAL-99",
        meter_type="METER",
        configuration={
            "AuthorizationKey": PASSWORD,
            "WifiPassword": "wifi-secret",
            "BackendUrl": "ws://somewhere/STATION-7",
        },
    )
    await charge_point.plug(1)
    assert await charge_point.present_tag(1, "CARD-1234")
    charger = charger_of(entry, "STATION-7")
    await wait_for_charger(charger, lambda one: one.connectors[1].transaction)
    return entry


async def test_the_diagnostics_of_a_central_system(
    hass: HomeAssistant, hass_client: ClientSessionGenerator, entry: MockConfigEntry
) -> None:
    assert await async_setup_component(hass, "diagnostics", {})
    data = await get_diagnostics_for_config_entry(hass, hass_client, entry)
    for secret in SECRETS:
        assert secret not in json.dumps(data)
    assert data["listener"] == {
        "all_interfaces": False,
        "port": entry.runtime_data.central.port,
        "security": "ws",
        "certificate": None,
        "names": None,
        "certificates": None,
        "expires": None,
    }
    (charger,) = data["chargers"]
    assert charger["connected"] is True
    assert charger["info"]["vendor"] == "Simulated"
    assert charger["info"]["serial"] == "**REDACTED**"
    assert "SmartCharging" in charger["features"]["profiles"]
    configuration = charger["configuration"]
    assert configuration["MeterValueSampleInterval"]["value"] == "60"
    assert charger["connectors"]["1"]["transaction"]["id_tag"] == "**REDACTED**"
    assert charger["connectors"]["1"]["status"]


async def test_the_diagnostics_of_each_device(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    entry: MockConfigEntry,
    device_registry: dr.DeviceRegistry,
) -> None:
    assert await async_setup_component(hass, "diagnostics", {})
    shown = {}
    (device_id,) = entry.runtime_data.device_ids.values()
    (connector,) = dr.async_child_entries_for_config_entry(
        device_registry, entry.entry_id
    )
    central = device_registry.async_get_device_by_identifier(
        (DOMAIN, entry.entry_id), entry.entry_id
    )
    for kind, device in (
        ("central", central),
        ("charger", device_registry.async_get(device_id)),
        ("connector", connector),
    ):
        assert device is not None
        data = await get_diagnostics_for_device(hass, hass_client, entry, device)
        for secret in SECRETS:
            assert secret not in json.dumps(data)
        shown[kind] = data
    assert "chargers" in shown["central"]
    assert shown["charger"]["charger"] == shown["connector"]["charger"]


async def test_the_diagnostics_of_one_that_does_not_run(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    charger_entry: MockConfigEntry,
) -> None:
    await hass.config_entries.async_unload(charger_entry.entry_id)
    assert charger_entry.state is ConfigEntryState.NOT_LOADED
    assert await async_setup_component(hass, "diagnostics", {})
    data = await get_diagnostics_for_config_entry(hass, hass_client, charger_entry)
    assert data["state"] == "not_loaded"


async def test_the_expiry_of_the_certificate_is_shown(
    hass: HomeAssistant, hass_client: ClientSessionGenerator, unloads: None
) -> None:
    entry = await set_up(
        hass, central_system(security="wss_compatible", names=["ocpp.example"])
    )
    assert await async_setup_component(hass, "diagnostics", {})
    data = await get_diagnostics_for_config_entry(hass, hass_client, entry)
    assert data["listener"]["certificates"] == 2
    assert data["listener"]["expires"].startswith("20")
    assert "ocpp.example" not in json.dumps(data)
