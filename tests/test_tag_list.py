"""The owner's list in the chargers: sent, shown, and sent again by a button."""

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.ocpp_charging.csms.tags import OfflineTags, UnknownTags
from custom_components.ocpp_charging.tag_list import async_add_tag, rules_of
from simulator import ChargePoint

from .actions import last
from .conftest import (
    Simulated,
    central_system,
    charger_of,
    charger_subentry,
    set_up,
    wait_for_charger,
    wait_for_state,
)
from .entities import value
from .tags import ANNA, STRANGER, tag_subentry

STATE = "sensor.cp1_id_tags_in_the_charger"
VERSION = "sensor.cp1_version_of_the_id_tags"
BUTTON = "button.cp1_send_id_tags"


@pytest.fixture
async def entry(hass: HomeAssistant, unloads: None) -> MockConfigEntry:
    """Return a loaded central system with a charger and Anna's card."""
    return await set_up(
        hass, central_system(charger_subentry(), tag_subentry(group="FAMILY"))
    )


@pytest.fixture
async def cp(entry: MockConfigEntry, simulated: Simulated) -> ChargePoint:
    return await simulated(entry, configuration={"LocalAuthListEnabled": "true"})


def known(charge_point: ChargePoint) -> dict[str, str]:
    """Return what a charger knows by heart, each tag with its status."""
    entries = charge_point.authorizer.local_list
    return {id_tag: info["status"] for id_tag, info in entries.items()}


async def test_a_charger_knows_the_list_and_every_change_of_it(
    hass: HomeAssistant, entry: MockConfigEntry, cp: ChargePoint
) -> None:
    """OCTT TC_042_2, TC_043_4, TC_043_5."""
    assert known(cp) == {ANNA.lower(): "Accepted"}
    await hass.async_block_till_done()
    assert value(hass, STATE) == "in_step"
    assert value(hass, VERSION) == "1"
    async_add_tag(hass, entry, "Lost card", STRANGER, enabled=False)
    await wait_for_state(hass, VERSION, "2")
    assert known(cp) == {ANNA.lower(): "Accepted", STRANGER.lower(): "Blocked"}


async def test_a_card_on_the_list_works_while_home_assistant_is_away(
    entry: MockConfigEntry, cp: ChargePoint
) -> None:
    """OCTT TC_037_1: and the session is told later."""
    cp.configuration.change("LocalAuthorizeOffline", "true")
    await cp.plug()
    charger = charger_of(entry)
    cp.faults.cut()
    await wait_for_charger(charger, lambda one: not one.connected)
    assert not await cp.present_tag(1, STRANGER)
    assert await cp.present_tag(1, ANNA)
    cp.faults.mend()
    await wait_for_charger(charger, lambda one: one.connector(1).transaction)
    running = charger.connector(1).transaction
    assert running is not None
    assert running.accepted


async def test_the_list_is_sent_again_by_a_button(
    hass: HomeAssistant, cp: ChargePoint
) -> None:
    await wait_for_state(hass, BUTTON, "unknown")
    press = {"entity_id": BUTTON}
    await hass.services.async_call("button", "press", press, blocking=True)
    assert last(cp, "SendLocalList")["updateType"] == "Full"
    await wait_for_state(hass, VERSION, "2")


async def test_a_button_that_fails_says_why(
    hass: HomeAssistant, cp: ChargePoint
) -> None:
    await wait_for_state(hass, BUTTON, "unknown")
    cp.faults.refuse("GetLocalListVersion", code="InternalError")
    press = {"entity_id": BUTTON}
    with pytest.raises(HomeAssistantError) as caught:
        await hass.services.async_call("button", "press", press, blocking=True)
    assert caught.value.translation_key == "charger_failed"
    await wait_for_state(hass, STATE, "failed")


async def test_a_list_that_is_switched_off_in_the_charger_is_shown_so(
    hass: HomeAssistant, entry: MockConfigEntry, simulated: Simulated
) -> None:
    await simulated(entry, configuration={"LocalAuthListEnabled": "false"})
    await hass.async_block_till_done()
    assert value(hass, STATE) == "switched_off"
    assert hass.states.get(VERSION) is None


async def test_nothing_of_it_is_there_without_a_list(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    cp = await simulated(charger_entry)
    await hass.async_block_till_done()
    assert not {STATE, VERSION, BUTTON} & set(hass.states.async_entity_ids())
    assert not cp.received_calls("GetLocalListVersion")


async def test_what_the_owner_chose_for_a_charger_that_cannot_ask_is_written_to_it(
    hass: HomeAssistant, entry: MockConfigEntry, cp: ChargePoint
) -> None:
    assert not cp.configuration.boolean("LocalPreAuthorize"), "not before"
    options = {"offline_tags": "listed", "pre_authorize": True}
    hass.config_entries.async_update_entry(entry, options=options)
    await cp.wait_for(lambda one: one.configuration.boolean("LocalPreAuthorize"))
    assert cp.configuration.boolean("LocalAuthorizeOffline")
    assert not cp.configuration.boolean("AllowOfflineTxForUnknownId")


def test_the_options_are_the_rules() -> None:
    plain = rules_of(central_system())
    assert plain.unknown is UnknownTags.ACCEPT
    assert rules_of(central_system(tag_subentry())).unknown is UnknownTags.REFUSE
    chosen = rules_of(
        central_system(
            tag_subentry(),
            options={
                "unknown_tags": "ask",
                "one_session": True,
                "offline_tags": "nobody",
                "pre_authorize": True,
            },
        )
    )
    assert chosen.unknown is UnknownTags.ASK
    assert chosen.one_session
    assert chosen.offline is OfflineTags.NOBODY
    assert chosen.pre_authorize
