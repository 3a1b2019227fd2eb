"""The entities of cars, and the choice of the car at each connector."""

from datetime import timedelta

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)
from pytest_homeassistant_custom_component.syrupy import HomeAssistantSnapshotExtension
from syrupy.assertion import SnapshotAssertion

from custom_components.ocpp_charging.const import DOMAIN
from custom_components.ocpp_charging.vehicles.settings import DAYS

from ..conftest import Simulated, charger_of, set_up, wait_for_charger, wait_for_state
from ..entities import assert_platform, state_of, value
from .cars import CHARGER, car, change, home, vehicles_of

CHOICE = "select.cp1_connector_1_car"


async def choose(hass: HomeAssistant, option: str) -> None:
    await hass.services.async_call(
        "select", "select_option", {"entity_id": CHOICE, "option": option}, True
    )


async def test_the_choice_of_the_car_is_as_in_the_snapshot(
    hass: HomeAssistant,
    unloads: None,
    simulated: Simulated,
    snapshot: SnapshotAssertion,
) -> None:
    entry = await set_up(hass, home(car("ioniq"), car("zoe", "éclair")))
    await simulated(entry)
    assert_platform(hass, entry, "select", snapshot)


async def test_a_cars_sensors_are_as_in_the_snapshot(
    hass: HomeAssistant, unloads: None, snapshot: SnapshotAssertion
) -> None:
    entry = await set_up(hass, home(car("ioniq")))
    registry = er.async_get(hass)
    found = er.async_entries_for_config_entry(registry, entry.entry_id)
    mine = [each for each in found if each.config_subentry_id == "ioniq"]
    assert {
        each.entity_id: (
            each.translation_key,
            each.entity_category,
            value(hass, each.entity_id),
            dict(state_of(hass, each.entity_id).attributes),
        )
        for each in mine
    } == snapshot.use_extension(HomeAssistantSnapshotExtension)
    (device,) = {each.device_id for each in mine}
    assert device is not None
    made = dr.async_get(hass).async_get(device)
    assert isinstance(made, dr.DeviceEntry)
    assert (made.name, made.entry_type) == ("Ioniq", dr.DeviceEntryType.SERVICE)
    assert made.config_subentry_id == "ioniq"


async def test_the_owner_sees_which_car_is_there_and_says_it(
    hass: HomeAssistant, unloads: None, simulated: Simulated
) -> None:
    entry = await set_up(
        hass, home(car("ioniq", preferred_charger=CHARGER), car("zoe"))
    )
    charge_point = await simulated(entry)
    await wait_for_state(hass, CHOICE, "automatic")
    assert value(hass, "sensor.ioniq_connected_to") == "none"
    assert value(hass, "sensor.ioniq_known_by") == "nothing"
    await charge_point.plug(1)
    await wait_for_state(hass, CHOICE, "Ioniq")
    assert value(hass, "sensor.ioniq_connected_to") == "CP1"
    assert value(hass, "sensor.ioniq_known_by") == "preferred"
    await choose(hass, "Zoe")
    assert value(hass, CHOICE) == "Zoe"
    assert value(hass, "sensor.zoe_known_by") == "owner"
    assert value(hass, "sensor.ioniq_connected_to") == "none"
    await choose(hass, "guest")
    assert value(hass, CHOICE) == "guest"
    assert value(hass, "sensor.zoe_connected_to") == "none"
    await choose(hass, "automatic")
    assert value(hass, CHOICE) == "Ioniq"
    with pytest.raises(ServiceValidationError):
        await choose(hass, "No car")
    await charge_point.unplug(1)
    await wait_for_state(hass, CHOICE, "automatic")
    await choose(hass, "guest")
    assert value(hass, CHOICE) == "guest"
    await choose(hass, "Zoe")
    assert value(hass, CHOICE) == "Zoe"


async def test_a_connector_is_named_where_there_are_several(
    hass: HomeAssistant, unloads: None, simulated: Simulated
) -> None:
    entry = await set_up(hass, home(car("ioniq")))
    charge_point = await simulated(entry, connectors=2)
    await charge_point.plug(2)
    await wait_for_state(hass, "sensor.ioniq_connected_to", "CP1 #2")
    options = state_of(hass, "sensor.ioniq_connected_to").attributes["options"]
    assert options == ["none", "CP1 #1", "CP1 #2"]


async def test_the_next_departure_moves_on_when_it_is_past(
    hass: HomeAssistant, unloads: None
) -> None:
    now = dt_util.now()
    leaves = (now + timedelta(minutes=5)).time().replace(microsecond=0).isoformat()
    entry = await set_up(
        hass, home(car("ioniq", departures=dict.fromkeys(DAYS, leaves)))
    )
    ioniq = vehicles_of(entry).vehicles["ioniq"]
    first = ioniq.next_departure(dt_util.utcnow())
    assert first is not None
    entity_id = "sensor.ioniq_next_departure"
    assert value(hass, entity_id) == first.isoformat()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "custom_components.ocpp_charging.vehicle_entities.dt_util.utcnow",
            lambda: first,
        )
        async_fire_time_changed(hass, first)
        await hass.async_block_till_done()
    assert value(hass, entity_id) == (first + timedelta(days=1)).isoformat()


async def test_what_belongs_to_a_car_comes_and_goes_with_it(
    hass: HomeAssistant, unloads: None, simulated: Simulated
) -> None:
    entry = await set_up(hass, home(car("ioniq")))
    await simulated(entry)
    await wait_for_state(hass, CHOICE, "automatic")
    hass.config_entries.async_update_subentry(
        entry, entry.subentries["ioniq"], title="My car"
    )
    await hass.async_block_till_done()
    assert state_of(hass, CHOICE).attributes["options"][2:] == ["My car"]
    assert _cars(hass, entry) == {"My car"}
    change(hass, entry, "ioniq", departures={"monday": "07:30:00"})
    await hass.async_block_till_done()
    assert value(hass, "sensor.ioniq_next_departure") != "unknown"
    hass.config_entries.async_remove_subentry(entry, "ioniq")
    await hass.async_block_till_done()
    assert hass.states.get(CHOICE) is None
    assert er.async_get(hass).async_get(CHOICE) is None
    assert hass.states.get("sensor.ioniq_next_departure") is None
    assert _cars(hass, entry) == set()


async def test_the_choice_goes_with_its_charger(
    hass: HomeAssistant, unloads: None, simulated: Simulated
) -> None:
    entry = await set_up(hass, home(car("ioniq")))
    await simulated(entry)
    await wait_for_charger(charger_of(entry), lambda one: one.connectors)
    hass.config_entries.async_remove_subentry(entry, CHARGER)
    await hass.async_block_till_done()
    assert hass.states.get(CHOICE) is None
    assert value(hass, "sensor.ioniq_connected_to") == "none"


def _cars(hass: HomeAssistant, entry: MockConfigEntry) -> set[str | None]:
    """Return the names of the cars' devices."""
    devices = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
    mark = f"{entry.entry_id}_car_"
    return {
        device.name
        for device in devices
        for domain, name in device.identifiers
        if domain == DOMAIN and name.startswith(mark)
    }
