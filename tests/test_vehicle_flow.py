"""Adding cars, and changing them."""

from collections.abc import Mapping
from typing import Any

from homeassistant.config_entries import (
    SOURCE_RECONFIGURE,
    SOURCE_USER,
    SubentryFlowContext,
)
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import device_registry as dr, entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.ocpp_charging.vehicles.settings import VehicleSettings

from .conftest import set_up
from .flows import assert_texts, suggested
from .vehicles.cars import CHARGER, TAG, car, home, vehicles_of

type Result = Mapping[str, Any]

ROOT = ("config_subentries", "vehicle")
IONIQ = {
    "name": "Ioniq",
    "battery_kwh": 54,
    "phases": "3",
    "min_current_a": 6,
    "max_current_a": 16,
    "efficiency": 90,
    "taper_from": 95,
}
ENTITIES = {
    "soc_entity": "sensor.ioniq_battery",
    "limit_entity": "number.ioniq_ac_limit",
    "plugged_entity": "binary_sensor.ioniq_plug",
    "home_entity": "device_tracker.ioniq",
}
HABITS = {
    "tags": [TAG],
    "preferred_charger": CHARGER,
    "target_soc": 80,
    "minimum_soc": 20,
    "energy_kwh": 15,
}


async def begin(
    hass: HomeAssistant, entry: MockConfigEntry, key: str | None = None
) -> Result:
    context = SubentryFlowContext(source=SOURCE_USER)
    if key is not None:
        context = SubentryFlowContext(source=SOURCE_RECONFIGURE, subentry_id=key)
    result = await hass.config_entries.subentries.async_init(
        (entry.entry_id, "vehicle"), context=context
    )
    assert_texts(result, *ROOT)
    return result


async def answer(hass: HomeAssistant, result: Result, user_input: Any) -> Result:
    result = await hass.config_entries.subentries.async_configure(
        result["flow_id"], user_input
    )
    assert_texts(result, *ROOT)
    await hass.async_block_till_done()
    return result


def fields(result: Result) -> set[str]:
    return {str(marker) for marker in result["data_schema"].schema}


def make_entities(
    hass: HomeAssistant, name: str = "Ioniq", platform: str = "maker"
) -> None:
    """Make a device as an integration of a car does."""
    entry = MockConfigEntry(domain=platform)
    entry.add_to_hass(hass)
    device = dr.async_get(hass).async_get_or_create(
        config_entry_id=entry.entry_id, identifiers={(platform, name)}, name=name
    )
    registry = er.async_get(hass)
    for domain, word, kind, unit in (
        ("sensor", "battery", "battery", "%"),
        ("number", "ac_limit", None, "%"),
        ("binary_sensor", "plug", "plug", None),
        ("device_tracker", "", None, None),
        ("sensor", "odometer", None, "km"),
    ):
        registry.async_get_or_create(
            domain,
            platform,
            f"{name}{word}",
            suggested_object_id=f"{name} {word}".strip(),
            config_entry=entry,
            device_id=device.id,
            original_device_class=kind,
            unit_of_measurement=unit,
        )


async def test_a_car_is_added_with_everything(
    hass: HomeAssistant, unloads: None
) -> None:
    make_entities(hass, "Zoe")
    make_entities(hass, "Ioniq")
    entry = await set_up(hass, home())
    hub = entry.runtime_data
    result = await begin(hass, entry)
    assert suggested(result, "phases") == "1"
    assert suggested(result, "max_current_a") == 16
    result = await answer(hass, result, IONIQ | {"name": " Ioniq "})
    assert result["step_id"] == "entities"
    assert {key: suggested(result, key) for key in ENTITIES} == ENTITIES
    result = await answer(hass, result, ENTITIES)
    assert result["step_id"] == "habits"
    result = await answer(hass, result, HABITS)
    assert result["step_id"] == "departures"
    result = await answer(hass, result, {"monday": "07:30:00", "sunday": "10:00:00"})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    (subentry,) = entry.get_subentries_of_type("vehicle")
    assert subentry.title == "Ioniq"
    assert subentry.data == {
        **{key: value for key, value in IONIQ.items() if key != "name"},
        "phases": 3,
        **ENTITIES,
        **HABITS,
        "departures": {"monday": "07:30:00", "sunday": "10:00:00"},
    }
    settings = vehicles_of(entry).vehicles[subentry.subentry_id].settings
    assert settings.efficiency == 0.9
    assert settings.taper_from == 95
    assert settings.id_tags == {"04a1b2c3"}
    assert set(settings.departures) == {0, 6}
    assert entry.runtime_data is hub


async def test_a_car_needs_no_more_than_a_name(
    hass: HomeAssistant, central_entry: MockConfigEntry
) -> None:
    result = await begin(hass, central_entry)
    result = await answer(
        hass,
        result,
        {
            key: value
            for key, value in (IONIQ | {"phases": "1"}).items()
            if key != "battery_kwh"
        },
    )
    assert {suggested(result, key) for key in ENTITIES} == {None}
    result = await answer(hass, result, {})
    # There are neither tags nor chargers to choose from.
    assert fields(result) == {"target_soc", "minimum_soc", "energy_kwh", "priority"}
    assert suggested(result, "priority") == "normal"
    result = await answer(hass, result, {})
    result = await answer(hass, result, {})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    (vehicle,) = vehicles_of(central_entry).vehicles.values()
    assert vehicle.settings.battery_kwh is None
    assert vehicle.settings.entities == frozenset()
    assert vehicle.settings.departures == {}


async def test_what_another_car_has_is_not_proposed(
    hass: HomeAssistant, unloads: None
) -> None:
    make_entities(hass, "Ioniq")
    entry = await set_up(hass, home(car("other", **ENTITIES)))
    result = await answer(hass, await begin(hass, entry), IONIQ)
    assert {suggested(result, key) for key in ENTITIES} == {None}


async def test_a_car_is_changed_and_what_is_taken_out_is_gone(
    hass: HomeAssistant, unloads: None
) -> None:
    entry = await set_up(
        hass,
        home(
            car(
                "ioniq",
                phases=3,
                battery_kwh=54,
                soc_entity="sensor.ioniq_battery",
                tags=[TAG, "gone"],
                preferred_charger="gone",
                target_soc=80,
                departures={"monday": "07:30:00"},
            )
        ),
    )
    hub = entry.runtime_data
    hass.states.async_set("binary_sensor.ioniq_plug", "off")
    result = await begin(hass, entry, "ioniq")
    assert suggested(result, "name") == "Ioniq"
    assert suggested(result, "phases") == "3"
    result = await answer(hass, result, IONIQ | {"name": "My Ioniq"})
    assert suggested(result, "soc_entity") == "sensor.ioniq_battery"
    result = await answer(hass, result, {"plugged_entity": "binary_sensor.ioniq_plug"})
    assert suggested(result, "tags") == [TAG]
    assert suggested(result, "preferred_charger") is None
    result = await answer(hass, result, {"minimum_soc": 30, "priority": "high"})
    assert suggested(result, "monday") == "07:30:00"
    result = await answer(hass, result, {"tuesday": "08:00:00"})
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "reconfigure_successful"
    subentry = entry.subentries["ioniq"]
    assert subentry.title == "My Ioniq"
    assert subentry.data == {
        **{key: value for key, value in IONIQ.items() if key != "name"},
        "phases": 3,
        "plugged_entity": "binary_sensor.ioniq_plug",
        "minimum_soc": 30,
        "priority": "high",
        "departures": {"tuesday": "08:00:00"},
    }
    settings = vehicles_of(entry).vehicles["ioniq"].settings
    assert settings.name == "My Ioniq"
    assert settings.priority > VehicleSettings(key="", name="").priority
    assert entry.runtime_data is hub


@pytest.mark.parametrize(
    ("typed", "field", "error"),
    [
        ({"name": "  "}, "name", "name_missing"),
        ({"name": "ZOE"}, "name", "name_taken"),
        ({"name": "Guest"}, "name", "name_taken"),
        ({"max_current_a": 5}, "max_current_a", "max_below_min"),
    ],
)
async def test_a_wrong_car_is_told_at_its_field_and_can_be_put_right(
    hass: HomeAssistant,
    unloads: None,
    typed: dict[str, Any],
    field: str,
    error: str,
) -> None:
    entry = await set_up(hass, home(car("zoe")))
    result = await answer(hass, await begin(hass, entry), IONIQ | typed)
    assert result["errors"] == {field: error}
    assert suggested(result, field) == (IONIQ | typed)[field]
    result = await answer(hass, result, IONIQ)
    assert result["step_id"] == "entities"


@pytest.mark.parametrize(
    ("typed", "errors"),
    [
        ({"soc_entity": "sensor.energy"}, {"soc_entity": "not_percent"}),
        ({"limit_entity": "sensor.energy"}, {"limit_entity": "not_percent"}),
        (
            {"soc_entity": "sensor.soc", "limit_entity": "sensor.soc"},
            {"limit_entity": "same_entity"},
        ),
        ({"soc_entity": "sensor.nowhere"}, {"soc_entity": "no_entity"}),
        ({"home_entity": "device_tracker.none"}, {"home_entity": "no_entity"}),
        ({"plugged_entity": "sensor.energy"}, {"plugged_entity": "not_plug"}),
    ],
)
async def test_a_wrong_entity_is_told_at_its_field_and_can_be_put_right(
    hass: HomeAssistant,
    unloads: None,
    typed: dict[str, Any],
    errors: dict[str, str],
) -> None:
    hass.states.async_set("sensor.energy", "20", {"unit_of_measurement": "kWh"})
    hass.states.async_set("sensor.soc", "20", {"unit_of_measurement": "%"})
    entry = await set_up(hass, home())
    result = await answer(hass, await begin(hass, entry), IONIQ)
    result = await answer(hass, result, typed)
    assert result["errors"] == errors
    assert {key: suggested(result, key) for key in typed} == typed
    result = await answer(hass, result, {"soc_entity": "sensor.soc"})
    assert result["step_id"] == "habits"


async def test_an_entity_that_is_away_just_now_does_not_keep_from_other_changes(
    hass: HomeAssistant, unloads: None
) -> None:
    entry = await set_up(hass, home(car("ioniq", soc_entity="sensor.away")))
    result = await answer(hass, await begin(hass, entry, "ioniq"), IONIQ)
    result = await answer(hass, result, {"soc_entity": "sensor.away"})
    assert result["step_id"] == "habits"


@pytest.mark.parametrize(
    ("typed", "errors"),
    [
        (
            {"minimum_soc": 60, "target_soc": 50},
            {"minimum_soc": "minimum_above_target"},
        ),
        ({"energy_kwh": 60}, {"energy_kwh": "more_than_battery"}),
    ],
)
async def test_a_wrong_habit_is_told_at_its_field_and_can_be_put_right(
    hass: HomeAssistant,
    unloads: None,
    typed: dict[str, Any],
    errors: dict[str, str],
) -> None:
    entry = await set_up(hass, home())
    result = await answer(hass, await begin(hass, entry), IONIQ)
    result = await answer(hass, result, {})
    result = await answer(hass, result, typed)
    assert result["errors"] == errors
    assert {key: suggested(result, key) for key in typed} == typed
    result = await answer(hass, result, HABITS)
    assert result["step_id"] == "departures"
