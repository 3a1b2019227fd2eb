"""Chargers that dial in without being known are offered."""

from collections.abc import Mapping
from typing import Any

from homeassistant.config_entries import (
    SOURCE_IGNORE,
    SOURCE_INTEGRATION_DISCOVERY,
    SOURCE_USER,
)
from homeassistant.core import CoreState, HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.ocpp_charging import invitation
from custom_components.ocpp_charging.discovery import MAX_PENDING
from simulator import ChargePoint

from .conftest import (
    DOMAIN,
    IDENTITY,
    PASSWORD,
    Simulated,
    wait_for_state,
)
from .flows import assert_texts

type Result = Mapping[str, Any]

TYPED = {"password": PASSWORD, "no_password": False}


def offers(hass: HomeAssistant) -> list[Result]:
    return [
        flow
        for flow in hass.config_entries.flow.async_progress_by_handler(DOMAIN)
        if flow["context"]["source"] == SOURCE_INTEGRATION_DISCOVERY
    ]


async def refused(charge_point: ChargePoint) -> None:
    await charge_point.wait_for(
        lambda one: getattr(one.last_error, "status", None) == 404
    )


async def dial(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    simulated: Simulated,
    identity: str = IDENTITY,
    **options: Any,
) -> ChargePoint:
    """Have an unknown charger dial in, and be refused."""
    charge_point = await simulated(entry, identity, ready=False, **options)
    await refused(charge_point)
    await hass.async_block_till_done(wait_background_tasks=True)
    return charge_point


async def answer(hass: HomeAssistant, result: Result, user_input: Any = None) -> Result:
    result = await hass.config_entries.flow.async_configure(
        result["flow_id"], user_input
    )
    assert_texts(result, "config")
    return result


async def until_waited(hass: HomeAssistant, result: Result) -> Result:
    """Wait until the progress is over, if there is any, and return what comes then."""
    if result["type"] is not FlowResultType.SHOW_PROGRESS:
        return result
    await hass.async_block_till_done()
    return await answer(hass, result)


async def test_an_unknown_charger_is_offered_and_adopted(
    hass: HomeAssistant, central_entry: MockConfigEntry, simulated: Simulated
) -> None:
    hub = central_entry.runtime_data
    charge_point = await dial(hass, central_entry, simulated)
    (offer,) = offers(hass)
    assert offer["context"]["title_placeholders"] == {"name": IDENTITY}

    result = await answer(hass, offer)
    assert result["step_id"] == "adopt"
    assert result["description_placeholders"] == {
        "identity": IDENTITY,
        "address": "127.0.0.1",
    }
    result = await answer(hass, result, TYPED)
    assert result["step_id"] == "connect_plain"
    result = await until_waited(hass, await answer(hass, result, {}))
    assert result["step_id"] == "found"
    result = await answer(hass, result, {"name": "Garage", "max_current_a": 16})
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "charger_added"

    (subentry,) = central_entry.subentries.values()
    assert subentry.title == "Garage"
    assert subentry.subentry_type == "charger"
    assert subentry.unique_id == subentry.data["identity"] == IDENTITY
    await hass.async_block_till_done()
    assert central_entry.runtime_data is hub
    assert charge_point.connected
    await wait_for_state(hass, "binary_sensor.garage_connection", "on")
    assert not offers(hass)
    assert not hub.central.unknown


async def test_an_offer_is_made_once(
    hass: HomeAssistant, central_entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await dial(hass, central_entry, simulated)
    await charge_point.wait_for(
        lambda _: central_entry.runtime_data.central.unknown[IDENTITY].attempts > 3
    )
    await hass.async_block_till_done(wait_background_tasks=True)
    assert len(offers(hass)) == 1


async def test_only_a_few_are_offered_at_once(
    hass: HomeAssistant, central_entry: MockConfigEntry, simulated: Simulated
) -> None:
    for number in range(MAX_PENDING + 2):
        await dial(hass, central_entry, simulated, f"CP{number}")
    assert len(offers(hass)) == MAX_PENDING
    # When one is gone, the next one gets its turn.
    hass.config_entries.flow.async_abort(offers(hass)[0]["flow_id"])
    late = await dial(hass, central_entry, simulated, "LATE")
    await hass.async_block_till_done(wait_background_tasks=True)
    assert late is not None
    assert len(offers(hass)) == MAX_PENDING


async def test_what_is_ignored_is_not_offered_again(
    hass: HomeAssistant, central_entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await dial(hass, central_entry, simulated)
    (offer,) = offers(hass)
    await hass.config_entries.flow.async_init(
        DOMAIN,
        context={"source": SOURCE_IGNORE},
        data={"unique_id": offer["context"]["unique_id"], "title": IDENTITY},
    )
    assert not offers(hass)
    before = central_entry.runtime_data.central.unknown[IDENTITY].attempts
    await charge_point.wait_for(
        lambda _: (
            central_entry.runtime_data.central.unknown[IDENTITY].attempts > before + 1
        )
    )
    await hass.async_block_till_done(wait_background_tasks=True)
    assert not offers(hass)
    # Ignored ones are config entries, too; none of them is a central system.
    result = await hass.config_entries.flow.async_init(
        DOMAIN,
        context={"source": SOURCE_INTEGRATION_DISCOVERY},
        data={"entry_id": central_entry.entry_id, "identity": IDENTITY},
    )
    assert result["reason"] == "already_configured"
    assert_texts(result, "config")


async def test_nothing_is_offered_while_home_assistant_starts(
    hass: HomeAssistant, central_entry: MockConfigEntry, simulated: Simulated
) -> None:
    hass.set_state(CoreState.starting)
    await dial(hass, central_entry, simulated)
    hass.set_state(CoreState.running)
    assert not offers(hass)


async def test_offers_end_with_the_central_system(
    hass: HomeAssistant, central_entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await dial(hass, central_entry, simulated)
    assert len(offers(hass)) == 1
    await charge_point.stop()
    await hass.config_entries.async_unload(central_entry.entry_id)
    assert not offers(hass)


async def test_adding_the_charger_by_hand_takes_the_offer_back(
    hass: HomeAssistant, central_entry: MockConfigEntry, simulated: Simulated
) -> None:
    await dial(hass, central_entry, simulated)
    await dial(hass, central_entry, simulated, "OTHER", password="its-own-password")
    manager = hass.config_entries.subentries
    result = await manager.async_init(
        (central_entry.entry_id, "charger"), context={"source": SOURCE_USER}
    )
    flow_id = result["flow_id"]
    await manager.async_configure(flow_id, {"identity": IDENTITY, **TYPED})
    await manager.async_configure(flow_id, {})
    await hass.async_block_till_done()
    await manager.async_configure(flow_id)
    await manager.async_configure(flow_id, {"name": "Garage", "max_current_a": 16})
    (left,) = offers(hass)
    assert left["context"]["title_placeholders"] == {"name": "OTHER"}


async def test_a_password_that_is_wrong_can_be_put_right(
    hass: HomeAssistant,
    central_entry: MockConfigEntry,
    simulated: Simulated,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await dial(hass, central_entry, simulated)
    result = await answer(hass, offers(hass)[0])
    result = await answer(hass, result, {"password": "short", "no_password": False})
    assert result["errors"] == {"password": "password_too_short"}
    result = await answer(
        hass, result, {"password": "not-the-right-one", "no_password": False}
    )
    monkeypatch.setattr(invitation, "CONNECT_TIMEOUT", 0.3)
    result = await until_waited(hass, await answer(hass, result, {}))
    assert result["step_id"] == "wrong_password"
    monkeypatch.setattr(invitation, "CONNECT_TIMEOUT", 20)
    result = await answer(hass, result, {"next_step_id": "change"})
    assert result["step_id"] == "adopt"
    result = await answer(hass, result, TYPED)
    result = await until_waited(hass, await answer(hass, result, {}))
    assert result["step_id"] == "found"


async def test_an_offer_of_a_charger_that_was_added_meanwhile(
    hass: HomeAssistant, charger_entry: MockConfigEntry
) -> None:
    result: Result = await hass.config_entries.flow.async_init(
        DOMAIN,
        context={"source": SOURCE_INTEGRATION_DISCOVERY},
        data={"entry_id": charger_entry.entry_id, "identity": IDENTITY},
    )
    assert result["description_placeholders"]["address"] == "–"
    result = await answer(hass, result, TYPED)
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "already_configured"


async def test_an_offer_of_a_central_system_that_is_gone(hass: HomeAssistant) -> None:
    result = await hass.config_entries.flow.async_init(
        DOMAIN,
        context={"source": SOURCE_INTEGRATION_DISCOVERY},
        data={"entry_id": "gone", "identity": IDENTITY},
    )
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "not_loaded"
    assert_texts(result, "config")
