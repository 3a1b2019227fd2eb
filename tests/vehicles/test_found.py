"""The entities of a car's own integration are found, and a telephone is no car."""

from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.ocpp_charging.vehicles.found import find_car

from ..test_vehicle_flow import ENTITIES, make_entities

type Part = tuple[str, str, str | None, str | None]


def device(
    hass: HomeAssistant, name: str, *parts: Part, platform: str = "maker"
) -> None:
    entry = MockConfigEntry(domain=platform)
    entry.add_to_hass(hass)
    made = dr.async_get(hass).async_get_or_create(
        config_entry_id=entry.entry_id, identifiers={(platform, name)}, name=name
    )
    for domain, word, kind, unit in parts:
        er.async_get(hass).async_get_or_create(
            domain,
            platform,
            f"{name}{word}",
            suggested_object_id=f"{name} {word}",
            config_entry=entry,
            device_id=made.id,
            original_device_class=kind,
            unit_of_measurement=unit,
        )


BATTERY: Part = ("sensor", "battery", "battery", "%")


def test_the_car_that_is_called_so_is_meant(hass: HomeAssistant) -> None:
    make_entities(hass, "Zoe")
    make_entities(hass, "Ioniq")
    assert find_car(hass, "ioniq 5", frozenset()) == ENTITIES
    assert find_car(hass, "IONIQ", frozenset()) == ENTITIES


def test_the_only_car_is_meant_whatever_it_is_called(hass: HomeAssistant) -> None:
    make_entities(hass, "Ioniq")
    assert find_car(hass, "Family car", frozenset()) == ENTITIES
    assert find_car(hass, "Family car", frozenset({"device_tracker.ioniq"})) == {}


@pytest.mark.parametrize(
    "part",
    [
        ("binary_sensor", "plug", "plug", None),
        ("sensor", "charge limit", None, "%"),
        ("sensor", "plug state", "enum", None),
        ("binary_sensor", "cable connected", None, None),
    ],
    ids=lambda part: part[1],
)
def test_a_battery_and_what_only_cars_have_is_a_car(
    hass: HomeAssistant, part: Part
) -> None:
    device(hass, "Car", BATTERY, part)
    found = find_car(hass, "Car", frozenset())
    assert found["soc_entity"] == "sensor.car_battery"
    assert len(found) == 2


@pytest.mark.parametrize(
    "parts",
    [
        (BATTERY,),
        (BATTERY, ("device_tracker", "place", None, None)),
        (BATTERY, ("binary_sensor", "charging", "battery_charging", None)),
        (("binary_sensor", "plug", "plug", None),),
    ],
)
def test_other_things_with_a_battery_or_a_plug_are_no_cars(
    hass: HomeAssistant, parts: tuple[Part, ...]
) -> None:
    device(hass, "Thing", *parts)
    assert find_car(hass, "Thing", frozenset()) == {}


def test_a_telephone_is_no_car(hass: HomeAssistant) -> None:
    make_entities(hass, "Ioniq", platform="mobile_app")
    assert find_car(hass, "Ioniq", frozenset()) == {}


def test_what_is_disabled_is_not_proposed(hass: HomeAssistant) -> None:
    make_entities(hass, "Ioniq")
    er.async_get(hass).async_update_entity(
        "sensor.ioniq_battery", disabled_by=er.RegistryEntryDisabler.USER
    )
    assert find_car(hass, "Ioniq", frozenset()) == {}
