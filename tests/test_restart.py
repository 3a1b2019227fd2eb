"""A restart of Home Assistant in the middle of a session loses and invents nothing."""

from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta

from homeassistant.const import EVENT_HOMEASSISTANT_STOP
from homeassistant.core import (
    CoreState,
    Event,
    EventStateChangedData,
    HomeAssistant,
    State,
    callback,
)
from homeassistant.helpers import entity_registry as er
from homeassistant.loader import DATA_CUSTOM_COMPONENTS
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_test_home_assistant,
    mock_restore_cache_with_extra_data,
)

from custom_components.ocpp_charging.csms.charger import Charger
from custom_components.ocpp_charging.csms.timing import Timing
from simulator import Car, ChargePoint

from .conftest import (
    DOMAIN,
    IDENTITY,
    Simulated,
    charger_of,
    set_up,
    wait_for_state,
)
from .entities import meter, states_of, unavailable, value
from .test_init import fixed_port
from .test_past_sessions import LAST, TAG, YESTERDAY, session

CP1_1 = "sensor.cp1_connector_1_"
TAG_ENERGY = "sensor.central_system_energy_of_b2c3"
SILENT = {"boot_on_reconnect": False, "status_on_reconnect": False}

KEPT = (
    f"{CP1_1}energy",
    f"{CP1_1}session_energy",
    f"{LAST}energy",
    f"{LAST}end",
    f"{LAST}duration",
    f"{LAST}tag",
    f"{LAST}reason",
    TAG_ENERGY,
    "number.cp1_connector_1_current_limit",
)


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch, fast_timing: Timing) -> None:
    """Let the central system wait long before it reads a charger that came back."""
    timing = replace(fast_timing, boot_grace=60)
    monkeypatch.setattr("custom_components.ocpp_charging.hub.TIMING", timing)


async def charging(
    hass: HomeAssistant, entry: MockConfigEntry, simulated: Simulated
) -> ChargePoint:
    """Have a session of yesterday, and one that runs and has taken 0.9 kWh.

    The charger tells nothing of its own accord when it comes back. More energy in a
    moment the ledger would not believe.
    """
    await fixed_port(hass, entry)
    charge_point = await simulated(entry, register_wh=6000.0, **SILENT)
    await session(charge_point, YESTERDAY)
    # So little that the register stands still however long a test takes.
    await charge_point.plug(1, Car(min_current_a=0.001, max_current_a=0.001))
    await charge_point.present_tag(1, TAG)
    await wait_for_state(hass, f"{CP1_1}status", "charging")
    await wait_for_state(hass, TAG_ENERGY, "5.0")
    await charge_point.until_accepted()
    await register(charge_point, 6900)
    await wait_for_state(hass, f"{CP1_1}session_energy", "0.9")
    await hass.services.async_call(
        "number",
        "set_value",
        {"entity_id": "number.cp1_connector_1_current_limit", "value": 10},
        blocking=True,
    )
    for entity_id in KEPT:
        await wait_for_state(hass, entity_id, lambda one: one.state != "unknown")
    return charge_point


async def register(charge_point: ChargePoint, wh: int) -> None:
    """Let the charger's register show so much, and say so."""
    connector = charge_point.connector(1)
    connector.register_wh = float(wh)
    await meter(
        charge_point,
        transaction_id=connector.transaction_id,
        Energy_Active_Import_Register=wh,
    )


def transaction_id(charger: Charger) -> int:
    running = charger.connectors[1].transaction
    assert running is not None
    return running.transaction_id


def kept(hass: HomeAssistant) -> dict[str, str]:
    return {entity_id: value(hass, entity_id) for entity_id in KEPT}


async def stop_by_switch(hass: HomeAssistant) -> None:
    await hass.services.async_call(
        "switch",
        "turn_off",
        {"entity_id": "switch.cp1_connector_1_charging"},
        blocking=True,
    )


@contextmanager
def history(hass: HomeAssistant, *entity_ids: str) -> Generator[list[float]]:
    """Collect the numbers that these entities show."""
    seen: list[float] = []

    @callback
    def note(event: Event[EventStateChangedData]) -> None:
        state = event.data["new_state"]
        if state is not None and state.entity_id in entity_ids:
            try:
                seen.append(float(state.state))
            except ValueError:
                return

    stop = hass.bus.async_listen("state_changed", note)
    yield seen
    stop()


@asynccontextmanager
async def another_home_assistant(
    hass: HomeAssistant, entry: MockConfigEntry
) -> AsyncGenerator[tuple[HomeAssistant, MockConfigEntry]]:
    """Stop Home Assistant, and start one on the same folder with the same entry."""
    hass.set_state(CoreState.stopping)
    hass.bus.async_fire(EVENT_HOMEASSISTANT_STOP)
    await hass.async_block_till_done()
    async with async_test_home_assistant(config_dir=hass.config.config_dir) as second:
        second.data.pop(DATA_CUSTOM_COMPONENTS)
        again = MockConfigEntry(
            domain=DOMAIN,
            entry_id=entry.entry_id,
            title=entry.title,
            data=dict(entry.data),
            options=dict(entry.options),
            subentries_data=[one.as_dict() for one in entry.subentries.values()],
        )
        await set_up(second, again)
        yield second, again
        await second.config_entries.async_unload(again.entry_id)
        await second.async_stop(force=True)
    hass.set_state(CoreState.running)


# What is true while the charger is away


async def test_after_a_restart_what_is_still_true_is_there_before_the_charger(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await charging(hass, charger_entry, simulated)
    before = {key: one.state for key, one in states_of(hass, charger_entry).items()}
    await charge_point.stop()
    assert await hass.config_entries.async_reload(charger_entry.entry_id)
    await hass.async_block_till_done()
    after = {key: one.state for key, one in states_of(hass, charger_entry).items()}
    assert after.keys() == before.keys()
    there = after.keys() - unavailable(hass, charger_entry)
    assert there == {
        "binary_sensor.cp1_connection",
        "sensor.cp1_reconnects",
        f"{CP1_1}session_energy",
        *(f"{LAST}{key}" for key in ("energy", "duration", "end", "tag", "reason")),
        TAG_ENERGY,
    }
    still = there - {"binary_sensor.cp1_connection"}
    assert {key: after[key] for key in still} == {key: before[key] for key in still}


async def test_the_duration_of_a_session_that_may_have_ended_is_not_known(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await charging(hass, charger_entry, simulated)
    await charge_point.stop()
    await wait_for_state(hass, f"{CP1_1}session_duration", "unavailable")
    await charge_point.start()
    await wait_for_state(hass, "binary_sensor.cp1_connection", "on")
    await stop_by_switch(hass)
    await wait_for_state(hass, f"{CP1_1}session_duration", "0")
    await charge_point.until_accepted()
    await charge_point.stop()
    await wait_for_state(hass, "binary_sensor.cp1_connection", "off")
    assert value(hass, f"{CP1_1}session_duration") == "0"


async def test_when_a_charger_was_last_seen_is_known_after_a_restart(
    hass: HomeAssistant,
    charger_entry: MockConfigEntry,
    entity_registry: er.EntityRegistry,
) -> None:
    seen = datetime(2026, 11, 1, 12, 0, tzinfo=dt_util.UTC)
    kept = {"__type": str(datetime), "isoformat": seen.isoformat()}
    await hass.config_entries.async_unload(charger_entry.entry_id)
    entity = entity_registry.async_get_or_create(
        "sensor",
        DOMAIN,
        f"{charger_entry.entry_id}_{IDENTITY}_0_last_seen",
        config_entry=charger_entry,
        config_subentry_id=next(iter(charger_entry.subentries)),
        suggested_object_id="cp1_last_seen",
    )
    mock_restore_cache_with_extra_data(
        hass,
        [
            (
                State(entity.entity_id, seen.isoformat()),
                {"native_value": kept, "native_unit_of_measurement": None},
            )
        ],
    )
    assert await hass.config_entries.async_setup(charger_entry.entry_id)
    await hass.async_block_till_done()
    assert value(hass, entity.entity_id) == seen.isoformat()


# When it comes back, and says nothing


async def assert_all_is_where_it_was(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    charge_point: ChargePoint,
    before: dict[str, str],
    number: int,
) -> None:
    """Check the entities before the charger has said anything, and stop at once."""
    charger = charger_of(entry)
    await wait_for_state(hass, "binary_sensor.cp1_connection", "on")
    assert not charger.ready
    assert kept(hass) == before
    assert transaction_id(charger) == number
    await hass.services.async_call(
        DOMAIN,
        "stop_transaction",
        {"device_id": next(iter(entry.runtime_data.device_ids.values()))},
        blocking=True,
    )
    assert not charge_point.sent_calls("BootNotification")[1:]
    (stop,) = charge_point.received_calls("RemoteStopTransaction")
    assert stop == {"transactionId": number}
    await wait_for_state(hass, f"{LAST}energy", "0.9")
    await wait_for_state(hass, TAG_ENERGY, "5.9")
    assert value(hass, f"{LAST}reason") == "remote"
    assert value(hass, f"{CP1_1}session_energy") == "0.9"


async def test_a_reload_in_mid_session_loses_nothing_and_stop_works_at_once(
    hass: HomeAssistant,
    unhurried: None,
    charger_entry: MockConfigEntry,
    simulated: Simulated,
) -> None:
    charge_point = await charging(hass, charger_entry, simulated)
    before = kept(hass)
    number = transaction_id(charger_of(charger_entry))
    assert await hass.config_entries.async_reload(charger_entry.entry_id)
    await assert_all_is_where_it_was(hass, charger_entry, charge_point, before, number)


async def test_a_new_home_assistant_on_the_same_folder_goes_on_with_the_session(
    hass: HomeAssistant,
    unhurried: None,
    charger_entry: MockConfigEntry,
    simulated: Simulated,
) -> None:
    charge_point = await charging(hass, charger_entry, simulated)
    before = kept(hass)
    number = transaction_id(charger_of(charger_entry))
    async with another_home_assistant(hass, charger_entry) as (second, entry):
        await wait_for_state(second, "binary_sensor.cp1_connection", "on")
        # Entities that it has never had come with what they show.
        unknown = [key for key in before if second.states.get(key) is None]
        assert unknown == []
        await assert_all_is_where_it_was(second, entry, charge_point, before, number)


async def test_no_register_steps_back_over_a_restart(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await charging(hass, charger_entry, simulated)
    with (
        history(hass, f"{CP1_1}energy") as lifetime,
        history(hass, f"{CP1_1}session_energy") as of_session,
    ):
        assert await hass.config_entries.async_reload(charger_entry.entry_id)
        await charge_point.wait_for(lambda one: one.accepted)
        # Stray values of a meter that starts, too, and then the truth.
        await meter(charge_point, Energy_Active_Import_Register=0)
        await meter(charge_point, Energy_Active_Import_Register=0)
        await register(charge_point, 6950)
        await wait_for_state(hass, f"{CP1_1}energy", "6.95")
    assert lifetime == sorted(lifetime)
    assert lifetime[0] == 6.9
    assert of_session == sorted(of_session)
    assert of_session[-1] == 0.95


async def test_a_session_that_ended_during_the_restart_is_told_right(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await charging(hass, charger_entry, simulated)
    number = transaction_id(charger_of(charger_entry))
    await hass.config_entries.async_unload(charger_entry.entry_id)
    await charge_point.wait_for(lambda one: not one.connected)
    charge_point.connector(1).register_wh = 6976.0
    began = dt_util.utcnow()
    await charge_point.unplug(1)
    assert await hass.config_entries.async_setup(charger_entry.entry_id)
    await wait_for_state(hass, f"{LAST}energy", "0.976")
    await wait_for_state(hass, TAG_ENERGY, "5.976")
    await wait_for_state(hass, "switch.cp1_connector_1_charging", "off")
    charger = charger_of(charger_entry)
    assert charger.connectors[1].transaction is None
    assert charger.transaction(number) is not None
    ended = dt_util.parse_datetime(value(hass, f"{LAST}end"))
    assert ended is not None
    assert abs(ended - began) < timedelta(seconds=5)
    assert value(hass, f"{LAST}reason") == "ev_disconnected"
    assert value(hass, f"{CP1_1}energy") == "6.976"
