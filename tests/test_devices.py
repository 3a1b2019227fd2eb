"""The devices of a central system: what they are called, say and belong to."""

from types import MappingProxyType

from homeassistant.config_entries import ConfigSubentry
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import device_registry as dr, entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.ocpp_charging import devices

from .conftest import (
    DOMAIN,
    Simulated,
    central_system,
    charger_data,
    charger_of,
    charger_subentry,
    set_up,
    wait_for_charger,
)
from .entities import value


def charger_device(
    hass: HomeAssistant, entry: MockConfigEntry, identity: str = "CP1"
) -> dr.DeviceEntry:
    device = dr.async_get(hass).async_get_device_by_identifier(
        (DOMAIN, f"{entry.entry_id}_{identity}_0"), entry.entry_id
    )
    assert device is not None
    return device


def connector_device(
    hass: HomeAssistant, entry: MockConfigEntry, number: int, identity: str = "CP1"
) -> dr.ChildDeviceEntry:
    device = dr.async_get(hass).async_get_child_device_by_identifier(
        (DOMAIN, f"{entry.entry_id}_{identity}_{number}"), entry.entry_id
    )
    assert device is not None
    return device


def central_device(hass: HomeAssistant, entry: MockConfigEntry) -> dr.DeviceEntry:
    device = dr.async_get(hass).async_get_device_by_identifier(
        (DOMAIN, entry.entry_id), entry.entry_id
    )
    assert device is not None
    return device


async def test_a_renamed_central_system_has_its_new_name_at_once(
    hass: HomeAssistant, charger_entry: MockConfigEntry
) -> None:
    hass.config_entries.async_update_entry(charger_entry, title="Carport")
    await hass.async_block_till_done()
    assert central_device(hass, charger_entry).name == "Carport"


async def test_connectors_are_parts_of_a_charger_of_a_central_system(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    await simulated(charger_entry, connectors=2)

    central = central_device(hass, charger_entry)
    charger = charger_device(hass, charger_entry)
    assert central.entry_type is dr.DeviceEntryType.SERVICE
    assert central.name == "Central system"
    assert charger.via_device_id == central.id
    assert charger.name == "CP1"
    (subentry_id,) = charger_entry.subentries
    assert charger.config_subentry_id == subentry_id
    for number in (1, 2):
        connector = connector_device(hass, charger_entry, number)
        assert connector.parent_device_id == charger.id
        assert connector.config_subentry_id == subentry_id
        assert connector.name == f"Connector {number}"


async def test_a_charger_says_who_it_is(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    before = charger_device(hass, charger_entry)
    assert (before.manufacturer, before.model, before.configuration_url) == (
        None,
        None,
        None,
    )

    await simulated(charger_entry, vendor="ACME", model="Box", serial="S1")

    device = charger_device(hass, charger_entry)
    assert (device.manufacturer, device.model) == ("ACME", "Box")
    assert (device.serial_number, device.sw_version) == ("S1", "1.0")
    assert device.configuration_url == "http://127.0.0.1"


async def test_new_firmware_is_shown_after_the_restart(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await simulated(charger_entry)
    charge_point.firmware = "2.0"

    await charge_point.reboot()

    charger = charger_of(charger_entry)
    await wait_for_charger(charger, lambda one: one.info.firmware == "2.0")
    assert charger_device(hass, charger_entry).sw_version == "2.0"
    await wait_for_charger(charger, lambda one: one.ready)


async def test_a_connector_that_is_heard_of_later_gets_its_device(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await simulated(charger_entry)

    await charge_point.call(
        "StatusNotification",
        {"connectorId": 2, "errorCode": "NoError", "status": "Available"},
    )

    assert connector_device(hass, charger_entry, 2).name == "Connector 2"
    await hass.async_block_till_done()
    assert value(hass, "sensor.cp1_connector_2_status") == "available"


async def test_a_removed_charger_takes_its_devices_along(
    hass: HomeAssistant,
    charger_entry: MockConfigEntry,
    simulated: Simulated,
    caplog: pytest.LogCaptureFixture,
) -> None:
    charge_point = await simulated(charger_entry)
    (subentry_id,) = charger_entry.subentries

    hass.config_entries.async_remove_subentry(charger_entry, subentry_id)
    await charge_point.wait_for(lambda one: not one.connected)
    await hass.async_block_till_done()

    assert central_device(hass, charger_entry).name == "Central system"
    registry = dr.async_get(hass)
    assert len(dr.async_entries_for_config_entry(registry, charger_entry.entry_id)) == 1
    assert not dr.async_child_entries_for_config_entry(registry, charger_entry.entry_id)
    assert not er.async_entries_for_config_entry(
        er.async_get(hass), charger_entry.entry_id
    )
    assert "Traceback" not in caplog.text


async def test_a_charger_named_like_another_ones_connector_is_not_mixed_up(
    hass: HomeAssistant, unloads: None, simulated: Simulated
) -> None:
    entry = await set_up(
        hass, central_system(charger_subentry("CP"), charger_subentry("CP_1"))
    )
    await simulated(entry, "CP")
    await simulated(entry, "CP_1")
    await hass.async_block_till_done()

    for identity in ("CP", "CP_1"):
        charger = charger_device(hass, entry, identity)
        connector = connector_device(hass, entry, 1, identity)
        assert connector.parent_device_id == charger.id
        assert devices.resolve(hass, charger.id)[1].identity == identity
        assert devices.resolve(hass, connector.id)[1].identity == identity


async def test_the_owners_web_address_wins(
    hass: HomeAssistant, unloads: None, simulated: Simulated
) -> None:
    subentry = charger_subentry(web_address="box.local:8080")
    entry = await set_up(hass, central_system(subentry))
    assert charger_device(hass, entry).configuration_url == "http://box.local:8080"
    await simulated(entry)
    assert charger_device(hass, entry).configuration_url == "http://box.local:8080"

    (kept,) = entry.subentries.values()
    hass.config_entries.async_update_subentry(entry, kept, data=charger_data())
    await hass.async_block_till_done()
    assert charger_device(hass, entry).configuration_url == "http://127.0.0.1"


async def test_the_page_stays_while_the_charger_is_away(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await simulated(charger_entry)
    await charge_point.stop()
    assert await hass.config_entries.async_reload(charger_entry.entry_id)
    device = charger_device(hass, charger_entry)
    assert device.configuration_url == "http://127.0.0.1"
    assert device.manufacturer == "Simulated"


async def test_a_charger_added_later_gets_its_devices(
    hass: HomeAssistant, central_entry: MockConfigEntry, simulated: Simulated
) -> None:
    subentry = ConfigSubentry(
        data=MappingProxyType(charger_data()),
        subentry_type="charger",
        title="Garage",
        unique_id="CP1",
    )
    hass.config_entries.async_add_subentry(central_entry, subentry)
    await hass.async_block_till_done()
    await simulated(central_entry)
    await hass.async_block_till_done()

    assert charger_device(hass, central_entry).name == "Garage"
    assert connector_device(hass, central_entry, 1).name == "Connector 1"
    assert value(hass, "sensor.garage_connector_1_status") == "available"


@pytest.mark.parametrize(
    ("typed", "remote_address", "page"),
    [
        (None, "192.168.1.20", "http://192.168.1.20"),
        (None, "2001:db8::7", "http://[2001:db8::7]"),
        (None, "::ffff:192.168.1.20", "http://192.168.1.20"),
        (None, "fe80::1%eth0", None),
        (None, "/run/socket", None),
        (None, None, None),
        ("", "192.168.1.20", "http://192.168.1.20"),
        ("box.local", "192.168.1.20", "http://box.local"),
        (" https://box.local/ui ", None, "https://box.local/ui"),
        ("[2001:db8::7]:81", None, "http://[2001:db8::7]:81"),
        ("ftp://box.local", "192.168.1.20", "http://192.168.1.20"),
        ("http://", "192.168.1.20", "http://192.168.1.20"),
        ("http://[oops", "192.168.1.20", "http://192.168.1.20"),
        ("box.local:port", None, None),
    ],
)
def test_the_web_page_of_a_charger(
    typed: str | None, remote_address: str | None, page: str | None
) -> None:
    assert devices.web_page(typed, remote_address) == page


async def test_a_device_stands_for_a_charger_or_a_connector(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    await simulated(charger_entry, connectors=2)
    hub = charger_entry.runtime_data
    charger = charger_of(charger_entry)

    found = devices.resolve(hass, charger_device(hass, charger_entry).id)
    assert found == (hub, charger, None)
    found = devices.resolve(hass, connector_device(hass, charger_entry, 2).id)
    assert found == (hub, charger, 2)


async def test_other_devices_stand_for_no_charger(
    hass: HomeAssistant, charger_entry: MockConfigEntry
) -> None:
    with pytest.raises(ServiceValidationError) as caught:
        devices.resolve(hass, central_device(hass, charger_entry).id)
    assert caught.value.translation_key == "device_no_charger"
    assert caught.value.translation_placeholders == {"device": "Central system"}
    with pytest.raises(ServiceValidationError) as caught:
        devices.resolve(hass, "no such device")
    assert caught.value.translation_key == "service_device_not_found"


async def test_only_a_charger_has_a_subentry_of_its_own(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    await simulated(charger_entry)
    (subentry_id,) = charger_entry.subentries
    assert devices.subentry_of(charger_device(hass, charger_entry)) == subentry_id
    assert devices.subentry_of(connector_device(hass, charger_entry, 1)) is None
    assert devices.subentry_of(central_device(hass, charger_entry)) is None
