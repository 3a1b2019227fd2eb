"""The switches, with a simulated charger at the other end."""

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from syrupy.assertion import SnapshotAssertion

from simulator import PRESETS, Quirks
from simulator.answers import SILENCE, Odd

from .conftest import Simulated, charger_of, wait_for_state
from .entities import assert_platform, status, value

CHARGING = "switch.cp1_connector_1_charging"
AVAILABILITY = "switch.cp1_connector_1_availability"
WHOLE = "switch.cp1_availability"


async def turn(hass: HomeAssistant, entity_id: str, on: bool) -> None:
    await hass.services.async_call(
        "switch",
        "turn_on" if on else "turn_off",
        {"entity_id": entity_id},
        blocking=True,
    )


async def test_all_switches(
    hass: HomeAssistant,
    charger_entry: MockConfigEntry,
    simulated: Simulated,
    snapshot: SnapshotAssertion,
) -> None:
    await simulated(charger_entry)
    await hass.async_block_till_done()
    assert_platform(hass, charger_entry, "switch", snapshot)


async def test_charging_is_switched_on_and_off(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await simulated(charger_entry)
    await charge_point.plug()
    await wait_for_state(hass, "sensor.cp1_connector_1_status", "preparing")
    assert value(hass, CHARGING) == "off"

    await turn(hass, CHARGING, on=True)
    assert charge_point.connector(1).transaction is not None
    await wait_for_state(hass, CHARGING, "on")
    await wait_for_state(hass, "sensor.cp1_connector_1_status", "charging")

    await turn(hass, CHARGING, on=False)
    assert charge_point.connector(1).transaction is None
    await wait_for_state(hass, CHARGING, "off")


async def test_what_is_so_already_needs_no_command(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await simulated(charger_entry)
    await wait_for_state(hass, CHARGING, "off")
    await turn(hass, CHARGING, on=False)
    assert not charge_point.received_calls("RemoteStopTransaction")

    await charge_point.plug()
    await turn(hass, CHARGING, on=True)
    await turn(hass, CHARGING, on=True)
    assert len(charge_point.received_calls("RemoteStartTransaction")) == 1


async def test_a_refused_start_is_an_error_in_the_chargers_words(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await simulated(charger_entry)
    await wait_for_state(hass, CHARGING, "off")
    charge_point.answers["RemoteStartTransaction"] = {"status": "Rejected"}

    with pytest.raises(HomeAssistantError) as caught:
        await turn(hass, CHARGING, on=True)

    assert caught.value.translation_key == "charger_refused"
    assert (caught.value.translation_placeholders or {})["status"] == "Rejected"
    assert (caught.value.translation_placeholders or {})["charger"] == "CP1 #1"
    assert "Rejected" in str(caught.value)
    assert value(hass, CHARGING) == "off"


async def test_a_start_that_is_accepted_and_not_done_is_an_error(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await simulated(
        charger_entry, quirks=Quirks(remote_start_without_effect=True)
    )
    await wait_for_state(hass, CHARGING, "off")
    await charge_point.plug()

    with pytest.raises(HomeAssistantError) as caught:
        await turn(hass, CHARGING, on=True)

    assert caught.value.translation_key == "charger_timeout"
    assert (caught.value.translation_placeholders or {})["seconds"] == "3"
    assert value(hass, CHARGING) == "off"


async def test_what_charges_without_a_session_or_a_limit_cannot_be_stopped(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await simulated(charger_entry, quirks=PRESETS["core-only"])
    await status(charge_point, "Charging")
    await wait_for_state(hass, CHARGING, "on")
    with pytest.raises(ServiceValidationError) as caught:
        await turn(hass, CHARGING, on=False)
    assert caught.value.translation_key == "invalid_request"


async def test_a_connector_is_taken_out_of_service(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await simulated(charger_entry, connectors=2)
    await wait_for_state(hass, AVAILABILITY, "on")

    await turn(hass, AVAILABILITY, on=False)
    await wait_for_state(hass, AVAILABILITY, "off")
    assert charge_point.received_calls("ChangeAvailability") == [
        {"connectorId": 1, "type": "Inoperative"}
    ]
    assert value(hass, "switch.cp1_connector_2_availability") == "on"
    assert value(hass, "sensor.cp1_connector_1_status") == "unavailable"

    await turn(hass, AVAILABILITY, on=True)
    await wait_for_state(hass, AVAILABILITY, "on")


async def test_a_whole_charger_is_taken_out_of_service(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await simulated(charger_entry)
    await wait_for_state(hass, WHOLE, "on")

    await turn(hass, WHOLE, on=False)
    await wait_for_state(hass, WHOLE, "off")
    assert charge_point.received_calls("ChangeAvailability") == [
        {"connectorId": 0, "type": "Inoperative"}
    ]
    await wait_for_state(hass, AVAILABILITY, "off")


async def test_a_charger_without_a_status_of_its_own_has_no_such_switch(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    await simulated(charger_entry, quirks=Quirks(never_connector_zero=True))
    await wait_for_state(hass, AVAILABILITY, "on")
    assert hass.states.get(WHOLE) is None


async def test_a_charger_that_leaves_during_a_command_is_offline(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await simulated(charger_entry)
    await wait_for_state(hass, CHARGING, "off")

    def leave(_payload: object) -> Odd:
        charge_point.wire.abort()
        return SILENCE

    charge_point.answers["RemoteStartTransaction"] = leave
    with pytest.raises(HomeAssistantError) as caught:
        await turn(hass, CHARGING, on=True)
    assert caught.value.translation_key == "charger_offline"
    await wait_for_state(hass, "binary_sensor.cp1_connection", "on")
    assert charger_of(charger_entry).connected
