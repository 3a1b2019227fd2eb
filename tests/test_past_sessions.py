"""What is shown of the session that ended last, and of what each tag has charged."""

from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from homeassistant.config_entries import ConfigSubentry
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.ocpp_charging.diagnostics import (
    async_get_config_entry_diagnostics,
)
from custom_components.ocpp_charging.ledger import LedgerUnavailable
from custom_components.ocpp_charging.ledger.errors import Cause
from custom_components.ocpp_charging.tag_energy import ENABLED, tag_unique_id
from custom_components.ocpp_charging.tag_names import mask
from simulator import ChargePoint

from .conftest import (
    DOMAIN,
    IDENTITY,
    Simulated,
    charger_of,
    set_up,
    wait_for_charger,
    wait_for_state,
)
from .entities import state_of, states_of, value, writes
from .test_ledger_in_use import locked

LAST = "sensor.cp1_connector_1_last_session_"
NOON = dt_util.utcnow().replace(hour=12, minute=0, second=0, microsecond=0)
YESTERDAY = NOON - timedelta(days=1)
TAG = "04A1B2C3"


async def session(
    charge_point: ChargePoint,
    began: datetime,
    *,
    minutes: int = 60,
    wh: int = 5000,
    tag: str = TAG,
    meter_start: int = 1000,
    connector_id: int = 1,
    **stop: Any,
) -> int:
    """Have the charger tell of a session that is over; returns its id."""
    transaction_id = await begin(charge_point, began, tag, meter_start, connector_id)
    await end(
        charge_point,
        transaction_id,
        began + timedelta(minutes=minutes),
        meter_start + wh,
        **stop,
    )
    return transaction_id


async def begin(
    charge_point: ChargePoint,
    at: datetime,
    tag: str = TAG,
    meter_start: int = 1000,
    connector_id: int = 1,
) -> int:
    answer = await charge_point.call(
        "StartTransaction",
        {
            "connectorId": connector_id,
            "idTag": tag,
            "meterStart": meter_start,
            "timestamp": at.isoformat(),
        },
    )
    number: int = answer["transactionId"]
    return number


async def end(
    charge_point: ChargePoint,
    transaction_id: int,
    at: datetime,
    meter_stop: int,
    **stop: Any,
) -> None:
    await charge_point.call(
        "StopTransaction",
        {
            "transactionId": transaction_id,
            "meterStop": meter_stop,
            "timestamp": at.isoformat(),
            **stop,
        },
    )


def shown(hass: HomeAssistant) -> dict[str, str]:
    """Return what is shown of the last session, by the end of the entity id."""
    return {
        key: value(hass, LAST + key)
        for key in ("energy", "duration", "end", "tag", "reason")
    }


def tag_states(hass: HomeAssistant, entry: MockConfigEntry) -> dict[str, str]:
    """Return the states of the sensors of tags by their names."""
    return {
        str(one.attributes["friendly_name"]): one.state
        for one in states_of(hass, entry).values()
        if "Energy of" in one.attributes["friendly_name"]
    }


# The last session


async def test_a_session_that_has_ended_is_shown_as_the_last_one(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await simulated(charger_entry)
    number = await begin(charge_point, YESTERDAY)
    assert hass.states.get(f"{LAST}energy") is None
    await end(
        charge_point,
        number,
        YESTERDAY + timedelta(minutes=90),
        8250,
        reason="EVDisconnected",
    )
    await wait_for_state(hass, f"{LAST}energy", "7.25")
    assert shown(hass) == {
        "energy": "7.25",
        "duration": "90",
        "end": (YESTERDAY + timedelta(minutes=90)).isoformat(),
        "tag": "…B2C3",
        "reason": "ev_disconnected",
    }
    assert "state_class" not in state_of(hass, f"{LAST}energy").attributes


async def test_a_session_told_late_is_the_last_one_only_if_it_ended_later(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await simulated(charger_entry)
    await session(charge_point, YESTERDAY, wh=1000)
    await wait_for_state(hass, f"{LAST}energy", "1.0")

    # Out of the charger's queue: one from before, then one from after it.
    await session(charge_point, YESTERDAY - timedelta(hours=5), wh=2000)
    await session(charge_point, YESTERDAY - timedelta(hours=9), wh=2500, tag="OTHER")
    await wait_for_state(hass, "sensor.central_system_energy_of_er", "2.5")
    assert value(hass, f"{LAST}energy") == "1.0"
    await session(charge_point, YESTERDAY + timedelta(hours=5), wh=3000)
    await wait_for_state(hass, f"{LAST}energy", "3.0")
    ended = YESTERDAY + timedelta(hours=6)
    assert value(hass, f"{LAST}end") == ended.isoformat()


async def test_a_closing_value_that_comes_after_the_stop_counts(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await simulated(charger_entry)
    number = await begin(charge_point, YESTERDAY)
    await end(charge_point, number, YESTERDAY + timedelta(hours=1), 0)
    await wait_for_state(hass, f"{LAST}energy", "0.0")
    await charge_point.call(
        "MeterValues",
        {
            "connectorId": 1,
            "transactionId": number,
            "meterValue": [
                {
                    "timestamp": (YESTERDAY + timedelta(minutes=59)).isoformat(),
                    "sampledValue": [{"value": "4200"}],
                }
            ],
        },
    )
    await charger_entry.runtime_data.journal.ledger.flush()
    await wait_for_state(hass, f"{LAST}energy", "3.2")


async def test_history_stays_available_while_the_charger_is_away(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await simulated(charger_entry)
    await session(charge_point, YESTERDAY)
    await wait_for_state(hass, f"{LAST}energy", "5.0")
    before = shown(hass)
    await charge_point.stop()
    await wait_for_state(hass, "binary_sensor.cp1_connection", "off")
    assert shown(hass) == before


async def test_after_a_restart_the_ledger_tells_the_last_session(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await simulated(charger_entry)
    # So many that the charger's own memory does not hold them.
    for number in range(40):
        began = YESTERDAY - timedelta(hours=number)
        await session(charge_point, began, minutes=30, wh=100 + number)
    await wait_for_state(hass, "sensor.central_system_energy_of_b2c3", "4.78")
    before = shown(hass)
    assert before["energy"] == "0.1"
    await charge_point.stop()
    assert await hass.config_entries.async_reload(charger_entry.entry_id)
    await hass.async_block_till_done()
    assert shown(hass) == before
    assert value(hass, "sensor.central_system_energy_of_b2c3") == "4.78"


async def test_a_session_whose_end_was_never_told_says_so(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await simulated(charger_entry)
    await begin(charge_point, YESTERDAY)
    await begin(charge_point, YESTERDAY + timedelta(hours=3), meter_start=4000)
    await wait_for_state(hass, f"{LAST}reason", "not_told")


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({"reason": "PowerLoss"}, "power_loss"),
        ({"reason": "DeAuthorized"}, "deauthorized"),
        ({"reason": "Remote"}, "remote"),
        ({}, "local"),
        ({"reason": "MaxEnergyReached"}, "other"),
    ],
)
async def test_every_reason_has_a_word(
    hass: HomeAssistant,
    charger_entry: MockConfigEntry,
    simulated: Simulated,
    told: dict[str, Any],
    reason: str,
) -> None:
    charge_point = await simulated(charger_entry)
    await session(charge_point, YESTERDAY, **told)
    await wait_for_state(hass, f"{LAST}reason", reason)


async def test_each_connector_has_a_last_session_of_its_own(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await simulated(charger_entry, connectors=2)
    await session(charge_point, YESTERDAY, wh=1000)
    await session(charge_point, YESTERDAY, wh=2000, connector_id=2, tag="OTHER")
    await wait_for_state(hass, f"{LAST}energy", "1.0")
    other = "sensor.cp1_connector_2_last_session_"
    await wait_for_state(hass, f"{other}energy", "2.0")


# What each tag has charged


async def test_a_tag_has_a_sensor_from_its_first_session_on(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await simulated(charger_entry)
    number = await begin(charge_point, YESTERDAY)
    assert tag_states(hass, charger_entry) == {}
    await end(charge_point, number, YESTERDAY + timedelta(hours=1), 3000)
    entity_id = "sensor.central_system_energy_of_b2c3"
    state = await wait_for_state(hass, entity_id, "2.0")
    assert state.name == "Central system Energy of …B2C3"
    assert state.attributes["state_class"] == "total"
    assert state.attributes["unit_of_measurement"] == "kWh"
    registered = er.async_get(hass).async_get(entity_id)
    assert registered is not None
    assert TAG not in registered.unique_id.upper()
    device = dr.async_get(hass).async_get(str(registered.device_id))
    assert device is not None
    assert device.identifiers == {(DOMAIN, charger_entry.entry_id)}

    # Another spelling is the same tag, and a second session adds up.
    with writes(hass) as written:
        await session(charge_point, YESTERDAY + timedelta(hours=2), tag=TAG.lower())
        await wait_for_state(hass, entity_id, "7.0")
    assert written.count(entity_id) == 1
    assert len(tag_states(hass, charger_entry)) == 1


async def test_a_tag_that_took_nothing_has_no_sensor(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await simulated(charger_entry)
    await session(charge_point, YESTERDAY, wh=0)
    await wait_for_state(hass, f"{LAST}energy", "0.0")
    assert tag_states(hass, charger_entry) == {}


async def test_a_named_tag_is_called_by_its_name_and_no_state_holds_a_tag(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await simulated(charger_entry)
    await session(charge_point, YESTERDAY)
    await wait_for_state(hass, f"{LAST}tag", "…B2C3")
    subentry = ConfigSubentry(
        data=MappingProxyType({"id_tag": TAG.lower(), "enabled": True}),
        subentry_type="tag",
        title="Anna",
        unique_id=TAG.lower(),
    )
    hass.config_entries.async_add_subentry(charger_entry, subentry)
    await wait_for_state(hass, f"{LAST}tag", "Anna")
    await hass.async_block_till_done()
    assert tag_states(hass, charger_entry) == {"Central system Energy of Anna": "5.0"}
    assert TAG not in str(hass.states.async_all()).upper()

    hass.config_entries.async_remove_subentry(charger_entry, subentry.subentry_id)
    await wait_for_state(hass, f"{LAST}tag", "…B2C3")
    await hass.async_block_till_done()
    assert tag_states(hass, charger_entry) == {"Central system Energy of …B2C3": "5.0"}


async def test_what_home_assistant_starts_is_called_by_its_tag(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await simulated(charger_entry)
    await session(charge_point, YESTERDAY, tag="HomeAssistant")
    await wait_for_state(hass, f"{LAST}tag", "HomeAssistant")


@pytest.mark.parametrize(
    ("tag", "masked"),
    [("04A1B2C3", "…B2C3"), ("card", "…RD"), ("X", "…"), ("ab12cd", "…2CD")],
)
def test_no_more_than_half_of_a_tag_is_shown(tag: str, masked: str) -> None:
    assert mask(tag) == masked


async def test_a_workplace_with_many_tags_is_not_flooded(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await simulated(charger_entry)
    for number in range(ENABLED + 5):
        began = YESTERDAY + timedelta(minutes=10 * number)
        await session(charge_point, began, minutes=5, tag=f"CARD-{number:04}")
    last = f"…{ENABLED + 4:04}"
    await wait_for_state(hass, f"{LAST}tag", last)
    await hass.async_block_till_done()
    assert len(tag_states(hass, charger_entry)) == ENABLED

    # One that gets a name has a sensor, too, for who wants to enable it.
    tag = f"CARD-{ENABLED + 4:04}"
    hass.config_entries.async_add_subentry(
        charger_entry,
        ConfigSubentry(
            data=MappingProxyType({"id_tag": tag, "enabled": True}),
            subentry_type="tag",
            title="Van",
            unique_id=tag,
        ),
    )
    await wait_for_state(hass, f"{LAST}tag", "Van")
    await hass.async_block_till_done()
    registry = er.async_get(hass)
    entity_id = registry.async_get_entity_id(
        "sensor", DOMAIN, tag_unique_id(charger_entry.entry_id, tag.casefold())
    )
    assert entity_id is not None
    registered = registry.async_get(entity_id)
    assert registered is not None
    assert registered.disabled_by is er.RegistryEntryDisabler.INTEGRATION


async def test_the_sensor_of_a_tag_goes_with_its_last_session(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await simulated(charger_entry)
    await session(charge_point, YESTERDAY)
    entity_id = "sensor.central_system_energy_of_b2c3"
    await wait_for_state(hass, entity_id, "5.0")
    await charge_point.stop()
    ledger = charger_entry.runtime_data.journal.ledger
    await ledger.forget(IDENTITY, history=True)
    await wait_for_state(hass, f"{LAST}energy", "unknown")
    assert hass.states.get(entity_id) is None
    assert er.async_get(hass).async_get(entity_id) is None


# What else must hold


async def test_no_tag_is_in_the_diagnostics(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await simulated(charger_entry)
    await session(charge_point, YESTERDAY)
    await wait_for_state(hass, f"{LAST}tag", "…B2C3")
    told = str(await async_get_config_entry_diagnostics(hass, charger_entry))
    assert TAG not in told
    assert "B2C3" not in told


async def test_a_history_that_cannot_be_read_for_a_while_is_read_then(
    hass: HomeAssistant,
    charger_entry: MockConfigEntry,
    simulated: Simulated,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    module = "custom_components.ocpp_charging.past_sessions"
    monkeypatch.setattr(f"{module}.RETRY_S", 0.05)
    charge_point = await simulated(charger_entry)
    ledger = charger_entry.runtime_data.journal.ledger
    read, failures = ledger.last_sessions, [3]

    async def failing(*arguments: Any) -> Any:
        if failures[0]:
            failures[0] -= 1
            raise LedgerUnavailable(Cause.UNREACHABLE, "the server is away")
        return await read(*arguments)

    monkeypatch.setattr(ledger, "last_sessions", failing)
    await session(charge_point, YESTERDAY)
    await wait_for_state(hass, f"{LAST}energy", "5.0")
    assert caplog.text.count("Past sessions cannot be read") == 1


async def test_an_added_charger_shows_the_history_that_it_left(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await simulated(charger_entry)
    await session(charge_point, YESTERDAY)
    await wait_for_state(hass, f"{LAST}energy", "5.0")
    await charge_point.stop()
    await wait_for_charger(charger_of(charger_entry), lambda one: not one.connected)
    (subentry,) = charger_entry.subentries.values()
    hass.config_entries.async_remove_subentry(charger_entry, subentry.subentry_id)
    await hass.async_block_till_done()
    assert hass.states.get(f"{LAST}energy") is None
    assert await hass.config_entries.async_reload(charger_entry.entry_id)
    hass.config_entries.async_add_subentry(charger_entry, subentry)
    await hass.async_block_till_done()
    await simulated(charger_entry)
    await wait_for_state(hass, f"{LAST}energy", "5.0")


async def test_two_central_systems_do_not_share_their_tags(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    other = await set_up(
        hass,
        MockConfigEntry(domain=DOMAIN, title="Second", data=dict(charger_entry.data)),
    )
    charge_point = await simulated(charger_entry)
    await session(charge_point, YESTERDAY)
    await wait_for_state(hass, f"{LAST}energy", "5.0")
    assert tag_states(hass, other) == {}
    ids = {tag_unique_id(one.entry_id, "a") for one in (charger_entry, other)}
    assert len(ids) == 2


async def test_a_database_that_is_away_at_the_start_costs_no_entity(
    hass: HomeAssistant,
    charger_entry: MockConfigEntry,
    simulated: Simulated,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    charge_point = await simulated(charger_entry)
    await session(charge_point, YESTERDAY)
    entity_id = "sensor.central_system_energy_of_b2c3"
    await wait_for_state(hass, entity_id, "5.0")
    await charge_point.stop()
    er.async_get(hass).async_update_entity(entity_id, name="My card")
    monkeypatch.setattr("custom_components.ocpp_charging.ledger.database.BUSY_S", 0.1)
    monkeypatch.setattr("custom_components.ocpp_charging.ledger.writer.RETRY_S", 0.1)
    monkeypatch.setattr("custom_components.ocpp_charging.ledger_journal.RETRY_S", 0.1)
    monkeypatch.setattr(
        "custom_components.ocpp_charging.ledger_journal.PATIENCE_S", 0.3
    )
    await hass.config_entries.async_unload(charger_entry.entry_id)
    with locked(hass, charger_entry):
        assert await hass.config_entries.async_setup(charger_entry.entry_id)
        await hass.async_block_till_done()
        assert value(hass, f"{LAST}energy") == "unavailable"
        assert er.async_get(hass).async_get(entity_id)
    # It does not wait for its next try.
    await wait_for_state(hass, f"{LAST}energy", "5.0")
    state = await wait_for_state(hass, entity_id, "5.0")
    assert state.name == "My card"
