"""Which car is at which connector, through a real core and a charger on the wire."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)

from custom_components.ocpp_charging.vehicles import CarReason, Vehicles
from custom_components.ocpp_charging.vehicles.vehicles import vehicle_store
from simulator import ChargePoint

from ..conftest import Simulated, charger_of, set_up, wait_for_charger
from ..entities import status
from ..tags import ANNA, STRANGER
from ..test_init import fixed_port
from .cars import CHARGER, TAG, car, change, charger, home, vehicles_of, wait_for_cars

PLACE = (CHARGER, 1)


@pytest.fixture
def long_ago(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a moment be too long for a plug and a report to belong together."""
    for module in ("which", "vehicles"):
        monkeypatch.setattr(
            f"custom_components.ocpp_charging.vehicles.{module}.NEAR", timedelta()
        )


def said(entry: MockConfigEntry, connector_id: int = 1) -> tuple[str | None, str]:
    there = vehicles_of(entry).at(CHARGER, connector_id)
    return there.key, there.reason.value


def is_there(
    key: str | None, reason: CarReason, connector_id: int = 1
) -> Callable[[Vehicles], bool]:
    def holds(vehicles: Vehicles) -> bool:
        there = vehicles.at(CHARGER, connector_id)
        return (there.key, there.reason) == (key, reason)

    return holds


async def plug(charge_point: ChargePoint, entry: MockConfigEntry) -> None:
    await charge_point.plug(1)
    await wait_for_charger(charger_of(entry), lambda one: one.connector(1).plugged_in)


async def unplug(charge_point: ChargePoint, entry: MockConfigEntry) -> None:
    await charge_point.unplug(1)
    await wait_for_charger(
        charger_of(entry), lambda one: one.connector(1).plugged_in is False
    )


async def test_the_only_car_is_recognised_when_plugged_in_and_free_when_unplugged(
    hass: HomeAssistant, unloads: None, simulated: Simulated
) -> None:
    entry = await set_up(hass, home(car("ioniq")))
    charge_point = await simulated(entry)
    assert said(entry) == (None, "nothing")
    assert vehicles_of(entry).place_of("ioniq") is None
    await plug(charge_point, entry)
    assert said(entry) == ("ioniq", "only_one")
    assert vehicles_of(entry).place_of("ioniq") == PLACE
    await unplug(charge_point, entry)
    assert said(entry) == (None, "nothing")


async def test_without_cars_every_car_is_a_guest(
    hass: HomeAssistant, unloads: None, simulated: Simulated
) -> None:
    entry = await set_up(hass, home())
    charge_point = await simulated(entry)
    await plug(charge_point, entry)
    assert said(entry) == (None, "guest")


async def test_a_tag_after_the_plug_says_more_than_the_usual_charger(
    hass: HomeAssistant, unloads: None, simulated: Simulated
) -> None:
    entry = await set_up(
        hass, home(car("ioniq", preferred_charger=CHARGER), car("zoe", tags=[TAG]))
    )
    charge_point = await simulated(entry)
    await plug(charge_point, entry)
    assert said(entry) == ("ioniq", "preferred")
    await charge_point.present_tag(1, ANNA)
    await wait_for_cars(entry, is_there("zoe", CarReason.ID_TAG))
    await charge_point.call("Heartbeat", {})
    # Who ends the session with another card does not change the car.
    await charge_point.stop_locally(1)
    await wait_for_charger(
        charger_of(entry), lambda one: one.connector(1).transaction is None
    )
    await charge_point.call("Authorize", {"idTag": STRANGER})
    assert said(entry) == ("zoe", "id_tag")


async def test_a_tag_before_the_plug_counts_where_there_is_one_connector(
    hass: HomeAssistant, unloads: None, simulated: Simulated
) -> None:
    entry = await set_up(hass, home(car("ioniq"), car("zoe", tags=[TAG])))
    charge_point = await simulated(entry)
    await charge_point.call("Authorize", {"idTag": ANNA})
    await plug(charge_point, entry)
    assert said(entry) == ("zoe", "id_tag")


async def test_the_tag_that_ended_a_session_is_not_that_of_the_next_car(
    hass: HomeAssistant, unloads: None, simulated: Simulated
) -> None:
    entry = await set_up(hass, home(car("ioniq"), car("zoe", tags=[TAG])))
    charge_point = await simulated(entry)
    await plug(charge_point, entry)
    await charge_point.call("Authorize", {"idTag": ANNA})
    await wait_for_cars(entry, is_there("zoe", CarReason.ID_TAG))
    await unplug(charge_point, entry)
    await plug(charge_point, entry)
    assert said(entry) == (None, "guest")


async def test_a_session_that_home_assistant_starts_says_nothing_of_the_car(
    hass: HomeAssistant, unloads: None, simulated: Simulated
) -> None:
    entry = await set_up(hass, home(car("ioniq"), car("zoe")))
    charge_point = await simulated(entry)
    await plug(charge_point, entry)
    await hass.services.async_call(
        "switch", "turn_on", {"entity_id": "switch.cp1_connector_1_charging"}, True
    )
    assert charger_of(entry).connector(1).id_tag == "HomeAssistant"
    assert said(entry) == (None, "guest")


async def test_two_connectors_take_a_tag_only_from_the_session(
    hass: HomeAssistant, unloads: None, simulated: Simulated
) -> None:
    entry = await set_up(hass, home(car("ioniq"), car("zoe", tags=[TAG])))
    charge_point = await simulated(entry, connectors=2)
    await charge_point.call("Authorize", {"idTag": ANNA})
    await plug(charge_point, entry)
    assert said(entry) == (None, "guest")
    await charge_point.plug(2)
    await charge_point.present_tag(2, ANNA)
    await wait_for_cars(entry, is_there("zoe", CarReason.ID_TAG, 2))
    # So the other one is where the first plug is.
    assert said(entry) == ("ioniq", "only_one")


async def test_the_cars_own_plug_tells_it_also_when_it_is_late(
    hass: HomeAssistant, unloads: None, simulated: Simulated
) -> None:
    for name in ("ioniq", "zoe"):
        hass.states.async_set(f"binary_sensor.{name}_plug", "off")
    entry = await set_up(
        hass,
        home(
            car("ioniq", plugged_entity="binary_sensor.ioniq_plug"),
            car("zoe", plugged_entity="binary_sensor.zoe_plug"),
        ),
    )
    charge_point = await simulated(entry)
    await plug(charge_point, entry)
    assert said(entry) == (None, "guest")
    hass.states.async_set("binary_sensor.zoe_plug", "on")
    await wait_for_cars(entry, is_there("zoe", CarReason.PLUGGED))
    assert vehicles_of(entry).vehicles["zoe"].plugged


async def test_a_car_stays_where_it_is_plugged_in_whatever_its_tracker_says(
    hass: HomeAssistant, unloads: None, simulated: Simulated, long_ago: None
) -> None:
    hass.states.async_set("device_tracker.ioniq", "home")
    entry = await set_up(hass, home(car("ioniq", home_entity="device_tracker.ioniq")))
    charge_point = await simulated(entry)
    await plug(charge_point, entry)
    assert said(entry) == ("ioniq", "only_one")
    hass.states.async_set("device_tracker.ioniq", "not_home")
    await hass.async_block_till_done()
    assert vehicles_of(entry).vehicles["ioniq"].home is False
    assert said(entry) == ("ioniq", "only_one")


async def test_a_guess_is_put_right_while_the_cars_may_not_have_reported(
    hass: HomeAssistant, unloads: None, simulated: Simulated
) -> None:
    hass.states.async_set("device_tracker.ioniq", "home")
    entry = await set_up(hass, home(car("ioniq", home_entity="device_tracker.ioniq")))
    charge_point = await simulated(entry)
    await plug(charge_point, entry)
    assert said(entry)[0] == "ioniq"
    hass.states.async_set("device_tracker.ioniq", "not_home")
    await wait_for_cars(entry, is_there(None, CarReason.GUEST))


async def test_a_car_that_comes_home_later_is_not_the_one_that_is_plugged_in(
    hass: HomeAssistant, unloads: None, simulated: Simulated, long_ago: None
) -> None:
    hass.states.async_set("device_tracker.ioniq", "not_home")
    entry = await set_up(hass, home(car("ioniq", home_entity="device_tracker.ioniq")))
    charge_point = await simulated(entry)
    await plug(charge_point, entry)
    assert said(entry) == (None, "guest")
    hass.states.async_set("device_tracker.ioniq", "home")
    await hass.async_block_till_done()
    assert vehicles_of(entry).vehicles["ioniq"].home
    assert said(entry) == (None, "guest")


async def test_a_car_that_left_another_connector_since_is_not_at_this_one(
    hass: HomeAssistant, unloads: None, simulated: Simulated
) -> None:
    entry = await set_up(hass, home(car("ioniq")))
    charge_point = await simulated(entry, connectors=2)
    await plug(charge_point, entry)
    await charge_point.plug(2)
    await wait_for_cars(entry, is_there(None, CarReason.GUEST, 2))
    assert said(entry) == ("ioniq", "only_one")
    await unplug(charge_point, entry)
    assert said(entry, 2) == (None, "guest")
    await plug(charge_point, entry)
    assert said(entry) == ("ioniq", "only_one")


async def test_the_owners_word_holds_until_it_is_unplugged(
    hass: HomeAssistant, unloads: None, simulated: Simulated
) -> None:
    entry = await set_up(hass, home(car("ioniq", tags=[TAG]), car("zoe")))
    vehicles = vehicles_of(entry)
    charge_point = await simulated(entry)
    await plug(charge_point, entry)
    vehicles.async_choose(*PLACE, "zoe")
    assert said(entry) == ("zoe", "owner")
    await charge_point.present_tag(1, ANNA)
    await wait_for_charger(charger_of(entry), lambda one: one.connector(1).id_tag)
    assert said(entry) == ("zoe", "owner")
    vehicles.async_choose(*PLACE, "guest")
    assert said(entry) == (None, "owner")
    vehicles.async_choose(*PLACE, None)
    assert said(entry) == ("ioniq", "id_tag")
    vehicles.async_choose(*PLACE, "zoe")
    await charge_point.stop_locally(1)
    await unplug(charge_point, entry)
    assert said(entry) == (None, "nothing")
    assert vehicles.choice(*PLACE) is None


async def test_what_the_owner_says_before_a_car_is_there_is_for_the_next_one(
    hass: HomeAssistant, unloads: None, simulated: Simulated
) -> None:
    entry = await set_up(hass, home(car("ioniq"), car("zoe")))
    charge_point = await simulated(entry)
    vehicles_of(entry).async_choose(*PLACE, "zoe")
    assert said(entry) == (None, "nothing")
    await plug(charge_point, entry)
    assert said(entry) == ("zoe", "owner")


async def test_a_car_can_be_said_to_be_at_one_connector_only(
    hass: HomeAssistant, unloads: None, simulated: Simulated
) -> None:
    entry = await set_up(hass, home(car("ioniq"), car("zoe")))
    vehicles = vehicles_of(entry)
    charge_point = await simulated(entry, connectors=2)
    await plug(charge_point, entry)
    await charge_point.plug(2)
    await wait_for_cars(entry, is_there(None, CarReason.GUEST, 2))
    vehicles.async_choose(CHARGER, 1, "zoe")
    vehicles.async_choose(CHARGER, 2, "zoe")
    assert said(entry, 2) == ("zoe", "owner")
    assert said(entry) == ("ioniq", "only_one")
    with pytest.raises(KeyError):
        vehicles.async_choose(CHARGER, 1, "no car")
    with pytest.raises(KeyError):
        vehicles.async_choose("no charger", 1, None)


async def test_which_car_is_there_is_known_after_a_restart(
    hass: HomeAssistant, unloads: None, simulated: Simulated
) -> None:
    entry = await set_up(hass, home(car("ioniq"), car("zoe", tags=[TAG]), car("e_up")))
    await fixed_port(hass, entry)
    charge_point = await simulated(entry, connectors=2)
    await plug(charge_point, entry)
    await charge_point.plug(2)
    await charge_point.present_tag(2, ANNA)
    await wait_for_cars(entry, is_there("zoe", CarReason.ID_TAG, 2))
    vehicles_of(entry).async_choose(CHARGER, 1, "e_up")
    await hass.config_entries.async_unload(entry.entry_id)
    assert await hass.config_entries.async_setup(entry.entry_id)
    assert said(entry) == ("e_up", "owner")
    assert said(entry, 2) == ("zoe", "id_tag")
    await wait_for_charger(
        charger_of(entry),
        lambda one: one.connector(1).plugged_in and one.connector(2).plugged_in,
    )
    assert said(entry) == ("e_up", "owner")
    assert said(entry, 2) == ("zoe", "id_tag")


async def test_a_car_that_left_during_a_restart_is_there_no_more(
    hass: HomeAssistant, unloads: None, simulated: Simulated
) -> None:
    entry = await set_up(hass, home(car("ioniq"), car("zoe")))
    charge_point = await simulated(entry)
    await plug(charge_point, entry)
    vehicles_of(entry).async_choose(*PLACE, "zoe")
    await charge_point.stop()
    assert await hass.config_entries.async_reload(entry.entry_id)
    assert said(entry) == ("zoe", "owner")
    await simulated(entry)
    await wait_for_cars(entry, is_there(None, CarReason.NOTHING))
    assert vehicles_of(entry).choice(*PLACE) is None


async def test_what_is_kept_of_the_cars_goes_with_the_central_system(
    hass: HomeAssistant, hass_storage: dict[str, Any], unloads: None
) -> None:
    entry = await set_up(hass, home(car("ioniq")))
    await hass.config_entries.async_unload(entry.entry_id)
    key = vehicle_store(hass, entry.entry_id).key
    assert key in hass_storage
    await hass.config_entries.async_remove(entry.entry_id)
    assert key not in hass_storage


async def test_a_change_is_kept_soon_as_a_power_cut_asks_nobody(
    hass: HomeAssistant,
    hass_storage: dict[str, Any],
    unloads: None,
    simulated: Simulated,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        "custom_components.ocpp_charging.vehicles.vehicles._SAVE_AFTER_S", 0
    )
    entry = await set_up(hass, home(car("ioniq")))
    await plug(await simulated(entry), entry)
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=1))
    await hass.async_block_till_done()
    (place,) = hass_storage[vehicle_store(hass, entry.entry_id).key]["data"]["places"]
    assert (place["charger"], place["key"]) == (CHARGER, "ioniq")


async def test_cars_tags_and_chargers_come_and_go_without_a_reload(
    hass: HomeAssistant, unloads: None, simulated: Simulated
) -> None:
    entry = await set_up(
        hass, home(charger("street", "CP2"), car("ioniq", tags=[TAG]), car("zoe"))
    )
    hub, vehicles = entry.runtime_data, vehicles_of(entry)
    charge_point = await simulated(entry)
    await plug(charge_point, entry)
    await charge_point.present_tag(1, ANNA)
    await wait_for_cars(entry, is_there("ioniq", CarReason.ID_TAG))
    # The answer comes when what began is kept.
    await charge_point.call("Heartbeat", {})
    change(hass, entry, "ioniq", battery_kwh=54.0, preferred_charger="street")
    await hass.async_block_till_done()
    settings = vehicles.vehicles["ioniq"].settings
    assert (settings.battery_kwh, settings.preferred_charger) == (54.0, "street")
    hass.config_entries.async_remove_subentry(entry, TAG)
    hass.config_entries.async_remove_subentry(entry, "street")
    await hass.async_block_till_done()
    settings = vehicles.vehicles["ioniq"].settings
    assert (settings.id_tags, settings.preferred_charger) == (frozenset(), None)
    hass.config_entries.async_remove_subentry(entry, "ioniq")
    await hass.async_block_till_done()
    assert said(entry) == ("zoe", "only_one")
    hass.config_entries.async_remove_subentry(entry, CHARGER)
    await hass.async_block_till_done()
    assert not vehicles.places
    assert entry.runtime_data is hub


async def test_an_entity_that_gets_another_id_is_followed(
    hass: HomeAssistant, unloads: None
) -> None:
    registry = er.async_get(hass)
    soc = registry.async_get_or_create("sensor", "maker", "soc").entity_id
    hass.states.async_set(soc, "40")
    entry = await set_up(
        hass, home(car("ioniq", soc_entity=soc), car("zoe", soc_entity="sensor.other"))
    )
    ioniq = vehicles_of(entry).vehicles["ioniq"]
    assert ioniq.soc == 40
    registry.async_update_entity(soc, name="only a name")
    registry.async_update_entity(soc, new_entity_id="sensor.ioniq_battery")
    await hass.async_block_till_done()
    hass.states.async_set("sensor.ioniq_battery", "60")
    await hass.async_block_till_done()
    assert entry.subentries["ioniq"].data["soc_entity"] == "sensor.ioniq_battery"
    assert entry.subentries["zoe"].data["soc_entity"] == "sensor.other"
    assert ioniq.soc == 60


async def test_those_who_listen_are_told_of_a_change_and_of_nothing_else(
    hass: HomeAssistant, unloads: None, simulated: Simulated
) -> None:
    hass.states.async_set("sensor.soc", "40")
    entry = await set_up(hass, home(car("ioniq", soc_entity="sensor.soc")))
    charge_point = await simulated(entry)
    told: list[None] = []
    stop = vehicles_of(entry).listen(lambda: told.append(None))
    hass.states.async_set("sensor.soc", "40", {"odometer": 1})
    await hass.async_block_till_done()
    await status(charge_point, "Unavailable")
    assert told == []
    hass.states.async_set("sensor.soc", "41")
    await hass.async_block_till_done()
    assert len(told) == 1
    await plug(charge_point, entry)
    assert len(told) == 2
    stop()
    hass.states.async_set("sensor.soc", "42")
    await hass.async_block_till_done()
    assert len(told) == 2
