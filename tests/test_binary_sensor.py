"""The binary sensors, with a simulated charger at the other end."""

from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from syrupy.assertion import SnapshotAssertion

from .conftest import Simulated, wait_for_state
from .entities import assert_platform, meter, state_of, status, value

PLUGGED_IN = "binary_sensor.cp1_connector_1_plugged_in"
CHARGING = "binary_sensor.cp1_connector_1_charging"
PROBLEM = "binary_sensor.cp1_connector_1_problem"


async def test_all_binary_sensors(
    hass: HomeAssistant,
    charger_entry: MockConfigEntry,
    simulated: Simulated,
    snapshot: SnapshotAssertion,
) -> None:
    await simulated(charger_entry)
    await hass.async_block_till_done()
    assert_platform(hass, charger_entry, "binary_sensor", snapshot)


async def test_a_car_is_plugged_in_and_out(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await simulated(charger_entry)
    await wait_for_state(hass, PLUGGED_IN, "off")
    await charge_point.plug()
    await wait_for_state(hass, PLUGGED_IN, "on")
    assert value(hass, CHARGING) == "off"
    await charge_point.unplug()
    await wait_for_state(hass, PLUGGED_IN, "off")


async def test_charging_is_energy_that_flows(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await simulated(charger_entry)
    await status(charge_point, "Charging")
    await wait_for_state(hass, CHARGING, "on")
    # The status says charging, the meter that the car takes nothing.
    await meter(charge_point, Power_Active_Import=0)
    await wait_for_state(hass, CHARGING, "off")
    state = state_of(hass, "sensor.cp1_connector_1_charging_state")
    assert state.state == "paused_by_car"


@pytest.mark.parametrize(
    ("word", "error", "problem"),
    [
        ("Available", "NoError", "off"),
        ("Faulted", "NoError", "on"),
        ("Available", "HighTemperature", "on"),
    ],
)
async def test_a_problem_is_a_fault_or_an_error(
    hass: HomeAssistant,
    charger_entry: MockConfigEntry,
    simulated: Simulated,
    word: str,
    error: str,
    problem: str,
) -> None:
    charge_point = await simulated(charger_entry)
    await status(charge_point, word, errorCode=error)
    await wait_for_state(hass, PROBLEM, problem)


async def test_what_a_status_does_not_tell_is_unknown(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await simulated(charger_entry)
    await wait_for_state(hass, PLUGGED_IN, "off")
    await status(charge_point, "Unavailable")
    await wait_for_state(hass, PLUGGED_IN, "unknown")


async def test_the_connection_is_told_at_once(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    assert value(hass, "binary_sensor.cp1_connection") == "off"
    charge_point = await simulated(charger_entry)
    assert value(hass, "binary_sensor.cp1_connection") == "on"
    await charge_point.stop()
    await wait_for_state(hass, "binary_sensor.cp1_connection", "off")
