"""The buttons, with a simulated charger at the other end."""

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from syrupy.assertion import SnapshotAssertion

from .conftest import Simulated, charger_of, wait_for_charger, wait_for_state
from .entities import assert_platform

UNLOCK = "button.cp1_connector_1_unlock"


async def press(hass: HomeAssistant, entity_id: str) -> None:
    await hass.services.async_call(
        "button", "press", {"entity_id": entity_id}, blocking=True
    )


async def test_all_buttons(
    hass: HomeAssistant,
    charger_entry: MockConfigEntry,
    simulated: Simulated,
    snapshot: SnapshotAssertion,
) -> None:
    await simulated(charger_entry)
    await hass.async_block_till_done()
    assert_platform(hass, charger_entry, "button", snapshot)


async def test_a_cable_is_unlocked(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await simulated(charger_entry)
    await wait_for_state(hass, UNLOCK, "unknown")
    await press(hass, UNLOCK)
    assert charge_point.received_calls("UnlockConnector") == [{"connectorId": 1}]


async def test_a_fixed_cable_cannot_be_unlocked(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    await simulated(charger_entry, fixed_cable=True)
    await wait_for_state(hass, UNLOCK, "unknown")
    with pytest.raises(HomeAssistantError) as caught:
        await press(hass, UNLOCK)
    assert caught.value.translation_key == "charger_unsupported"


@pytest.mark.parametrize(
    ("entity_id", "kind"),
    [("button.cp1_soft_reset", "Soft"), ("button.cp1_hard_reset", "Hard")],
)
async def test_a_charger_restarts(
    hass: HomeAssistant,
    charger_entry: MockConfigEntry,
    simulated: Simulated,
    entity_id: str,
    kind: str,
) -> None:
    charge_point = await simulated(charger_entry)
    await wait_for_state(hass, entity_id, "unknown")
    await press(hass, entity_id)
    assert charge_point.received_calls("Reset") == [{"type": kind}]
    await wait_for_state(hass, "sensor.cp1_reconnects", "1")
    await wait_for_charger(charger_of(charger_entry), lambda one: one.ready)


async def test_refresh_reads_the_charger_anew(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await simulated(charger_entry)
    await wait_for_state(hass, "button.cp1_refresh", "unknown")
    before = len(charge_point.received_calls("GetConfiguration"))
    await press(hass, "button.cp1_refresh")
    assert len(charge_point.received_calls("GetConfiguration")) > before


async def test_buttons_exist_from_the_first_connection_on(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    assert not hass.states.async_all("button")
    await simulated(charger_entry)
    await hass.async_block_till_done()
    assert len(hass.states.async_all("button")) == 4
