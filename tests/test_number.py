"""The numbers, with a simulated charger at the other end."""

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from syrupy.assertion import SnapshotAssertion

from simulator import Quirks

from .conftest import (
    Simulated,
    central_system,
    charger_data,
    charger_subentry,
    set_up,
    wait_for_state,
)
from .entities import assert_platform, value

LIMIT = "number.cp1_connector_1_current_limit"


async def limit(hass: HomeAssistant, value: float) -> None:
    await hass.services.async_call(
        "number", "set_value", {"entity_id": LIMIT, "value": value}, blocking=True
    )


async def test_all_numbers(
    hass: HomeAssistant,
    charger_entry: MockConfigEntry,
    simulated: Simulated,
    snapshot: SnapshotAssertion,
) -> None:
    await simulated(charger_entry)
    await hass.async_block_till_done()
    assert_platform(hass, charger_entry, "number", snapshot)


@pytest.mark.parametrize("quirks", [Quirks(), Quirks(watts_only=True)])
async def test_a_limit_is_what_the_charger_then_allows(
    hass: HomeAssistant,
    charger_entry: MockConfigEntry,
    simulated: Simulated,
    quirks: Quirks,
) -> None:
    charge_point = await simulated(charger_entry, quirks=quirks)
    await charge_point.plug()
    assert (await wait_for_state(hass, LIMIT, "32.0")).attributes["max"] == 32

    await limit(hass, 10)

    await wait_for_state(hass, LIMIT, "10.0")
    await hass.services.async_call(
        "switch",
        "turn_on",
        {"entity_id": "switch.cp1_connector_1_charging"},
        blocking=True,
    )
    await charge_point.wait_for(
        lambda one: one.connector(1).limit_a == pytest.approx(10, abs=0.1)
    )


async def test_a_refused_limit_is_an_error_and_changes_nothing(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await simulated(charger_entry)
    await wait_for_state(hass, LIMIT, "32.0")
    charge_point.answers["SetChargingProfile"] = {"status": "NotSupported"}
    with pytest.raises(HomeAssistantError) as caught:
        await limit(hass, 10)
    assert caught.value.translation_key == "charger_unsupported"
    assert value(hass, LIMIT) == "32.0"


async def test_a_limit_that_is_rejected_without_a_session_waits_for_one(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    """So it is with chargers that take limits for a session only."""
    charge_point = await simulated(charger_entry)
    await wait_for_state(hass, LIMIT, "32.0")
    charge_point.answers["SetChargingProfile"] = {"status": "Rejected"}
    await limit(hass, 10)
    assert value(hass, LIMIT) == "10.0"


async def test_more_than_the_maximum_is_refused(
    hass: HomeAssistant, unloads: None, simulated: Simulated
) -> None:
    entry = await set_up(hass, central_system(charger_subentry(max_current_a=16.0)))
    charge_point = await simulated(entry)
    assert (await wait_for_state(hass, LIMIT, "16.0")).attributes["max"] == 16
    with pytest.raises(ServiceValidationError):
        await limit(hass, 20)
    assert not charge_point.received_calls("SetChargingProfile")


async def test_a_new_maximum_counts_at_once(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    await simulated(charger_entry)
    await wait_for_state(hass, LIMIT, "32.0")
    (subentry,) = charger_entry.subentries.values()
    hass.config_entries.async_update_subentry(
        charger_entry, subentry, data=charger_data(max_current_a=20.0)
    )
    state = await wait_for_state(hass, LIMIT, "20.0")
    assert state.attributes["max"] == 20


async def test_a_charger_without_smart_charging_has_no_limit(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    await simulated(charger_entry, quirks=Quirks(no_smart_charging=True))
    await hass.async_block_till_done()
    assert hass.states.get("sensor.cp1_connector_1_status") is not None
    assert hass.states.get(LIMIT) is None


async def test_a_charger_that_does_not_tell_its_profiles_may_take_limits(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await simulated(charger_entry, ready=False)
    charge_point.configuration.define("SupportedFeatureProfiles", None)
    await wait_for_state(hass, LIMIT, "32.0")
