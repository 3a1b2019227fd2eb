"""What the owner sets at a connector, in Home Assistant."""

from collections.abc import Generator
from datetime import date, time
from typing import Any
from unittest.mock import PropertyMock, patch

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import entity_registry as er
import pytest
from syrupy.assertion import SnapshotAssertion

from custom_components.ocpp_charging.plan_controls import (
    PLAN_BUTTONS,
    PLAN_DATES,
    PLAN_NUMBERS,
    PLAN_SELECTS,
    PLAN_SWITCHES,
    PLAN_TIMES,
)
from custom_components.ocpp_charging.planning import Mode

from ..entities import assert_platform, state_of, value
from .conftest import Make, car

PLACE = "cp1_connector_1"
CONTROLS = (
    *PLAN_BUTTONS,
    *PLAN_DATES,
    *PLAN_NUMBERS,
    *PLAN_SELECTS,
    *PLAN_SWITCHES,
    *PLAN_TIMES,
)


@pytest.fixture
def all_enabled() -> Generator[None]:
    """Enable what is disabled by default."""
    with patch(
        "homeassistant.helpers.entity.Entity.entity_registry_enabled_default",
        PropertyMock(return_value=True),
    ):
        yield


async def do(hass: HomeAssistant, action: str, name: str, **data: Any) -> None:
    domain, _, action = action.partition(".")
    data["entity_id"] = f"{domain}.{PLACE}_{name}"
    await hass.services.async_call(domain, action, data, blocking=True)


def controls(hass: HomeAssistant) -> dict[str, er.RegistryEntry]:
    """Return the controls of connector 1 that there are, by their keys."""
    keys = {each.key for each in CONTROLS}
    return {
        one.unique_id.partition("_CP1_1_")[2]: one
        for one in er.async_get(hass).entities.values()
        if one.unique_id.partition("_CP1_1_")[2] in keys and one.domain != "sensor"
    }


async def test_a_home_that_plans_nothing_has_a_switch_and_a_choice_and_no_more(
    home: Make, hass: HomeAssistant
) -> None:
    made = await home(options={})
    assert set(controls(hass)) == {"smart_charging", "mode"}
    assert value(hass, f"switch.{PLACE}_smart_charging") == "off"
    assert value(hass, f"select.{PLACE}_charging_mode") == "fast"
    await do(hass, "switch.turn_on", "smart_charging")
    assert made.of().wishes.steered
    await made.settle()
    found = controls(hass)
    assert set(found) == {each.key for each in CONTROLS}
    assert {key for key, one in found.items() if one.disabled} == {
        "minimum_soc",
        "price_cap",
        "co2_cap",
    }
    await do(hass, "switch.turn_off", "smart_charging")
    assert not made.of().wishes.steered


@pytest.mark.usefixtures("all_enabled")
@pytest.mark.parametrize("platform", ["date", "event", "number", "select", "time"])
async def test_the_controls_are_as_in_the_snapshot(
    home: Make, hass: HomeAssistant, snapshot: SnapshotAssertion, platform: str
) -> None:
    made = await home(car(target_soc=80.0, departures={"saturday": "07:30:00"}))
    assert_platform(hass, made.entry, platform, snapshot)


async def test_choosing_a_mode_turns_smart_charging_on(
    home: Make, hass: HomeAssistant
) -> None:
    made = await home()
    await do(hass, "select.select_option", "charging_mode", option="solar")
    assert made.of().wishes.mode is Mode.SOLAR
    assert value(hass, f"switch.{PLACE}_smart_charging") == "on"


async def test_a_boost_is_for_the_car_that_is_there(
    home: Make, hass: HomeAssistant
) -> None:
    made = await home()
    await made.plug()
    await do(hass, "switch.turn_on", "boost")
    assert made.of().wishes.boost
    assert value(hass, f"switch.{PLACE}_boost") == "on"
    await made.unplug()
    assert not made.of().wishes.boost
    assert value(hass, f"switch.{PLACE}_boost") == "off"


@pytest.mark.usefixtures("all_enabled")
async def test_numbers_show_what_the_car_has_until_the_owner_sets_another(
    home: Make, hass: HomeAssistant
) -> None:
    made = await home(car(target_soc=80.0, minimum_soc=20.0), soc=50)
    one = await made.plug()
    shown = {
        name: value(hass, f"number.{PLACE}_{name}")
        for name in (
            "target_state_of_charge",
            "minimum_state_of_charge",
            "target_energy",
            "price_limit",
            "co2_limit",
            "greenness",
        )
    }
    assert shown == {
        "target_state_of_charge": "80.0",
        "minimum_state_of_charge": "20.0",
        "target_energy": "unknown",
        "price_limit": "unknown",
        "co2_limit": "unknown",
        "greenness": "0.0",
    }
    for name, number in (
        ("target_energy", 12),
        ("price_limit", 0.25),
        ("co2_limit", 300),
        ("greenness", 40),
        ("minimum_state_of_charge", 30),
    ):
        await do(hass, "number.set_value", name, value=number)
    assert one.wishes.target_kwh == 12
    assert one.wishes.price_cap == 0.25
    assert one.wishes.co2_cap == 300
    assert one.wishes.greenness == 40
    assert one.wishes.minimum_soc == 30
    unit = state_of(hass, f"number.{PLACE}_price_limit").attributes
    assert unit["unit_of_measurement"] == "EUR/kWh"
    # What was set last counts: an energy would count before a state of charge.
    await do(hass, "number.set_value", "target_state_of_charge", value=60)
    assert one.wishes.target_kwh is None
    assert one.needed_kwh == pytest.approx(10 / 100 * 60 / 0.9)
    await do(hass, "button.press", "clear_goal")
    assert value(hass, f"number.{PLACE}_target_state_of_charge") == "80.0"
    assert value(hass, f"number.{PLACE}_price_limit") == "unknown"
    await do(hass, "number.set_value", "target_energy", value=0)
    assert one.wishes.target_kwh is None


async def test_a_car_whose_charge_is_not_known_shows_the_energy_it_usually_needs(
    home: Make, hass: HomeAssistant
) -> None:
    await home(car(energy_kwh=14.0))
    assert value(hass, f"number.{PLACE}_target_energy") == "14.0"


async def test_the_time_is_the_cars_until_the_owner_sets_another(
    home: Make, hass: HomeAssistant
) -> None:
    made = await home(car(departures={"saturday": "07:30:00"}), soc=50)
    one = await made.plug()
    assert value(hass, f"time.{PLACE}_ready_by") == "07:30:00"
    assert value(hass, f"date.{PLACE}_ready_on") == "2026-11-21"
    await do(hass, "time.set_value", "ready_by", time="06:15:00")
    assert one.wishes.ready_by == time(6, 15)
    await do(hass, "date.set_value", "ready_on", date="2026-11-23")
    assert one.wishes.ready_on == date(2026, 11, 23)
    assert value(hass, f"time.{PLACE}_ready_by") == "06:15:00"
    assert value(hass, f"date.{PLACE}_ready_on") == "2026-11-23"
    await do(hass, "time.set_value", "ready_by", time="08:00:00")
    assert one.wishes.one_off is not None


@pytest.mark.usefixtures("all_enabled")
async def test_a_minimum_and_a_target_that_contradict_are_refused(
    home: Make, hass: HomeAssistant
) -> None:
    made = await home(car(target_soc=80.0, minimum_soc=40.0), soc=50)
    await made.plug()
    for name, number in (
        ("minimum_state_of_charge", 90),
        ("target_state_of_charge", 30),
    ):
        with pytest.raises(ServiceValidationError, match=f"{number} %"):
            await do(hass, "number.set_value", name, value=number)
    assert value(hass, f"number.{PLACE}_minimum_state_of_charge") == "40.0"
    assert value(hass, f"number.{PLACE}_target_state_of_charge") == "80.0"


async def test_a_day_needs_a_time_and_neither_may_be_past(
    home: Make, hass: HomeAssistant
) -> None:
    made = await home()
    with pytest.raises(ServiceValidationError, match="Set the time"):
        await do(hass, "date.set_value", "ready_on", date="2026-11-23")
    await do(hass, "time.set_value", "ready_by", time="07:00:00")
    with pytest.raises(ServiceValidationError, match="is past"):
        await do(hass, "date.set_value", "ready_on", date="2026-11-20")
    with pytest.raises(ServiceValidationError, match="more than 8 days away"):
        await do(hass, "date.set_value", "ready_on", date="2029-11-21")
    await do(hass, "date.set_value", "ready_on", date="2026-11-21")
    await made.pass_time(hours=11)
    with pytest.raises(ServiceValidationError, match="is past"):
        await do(hass, "time.set_value", "ready_by", time="05:00:00")


async def test_they_are_unavailable_while_the_charger_is(
    home: Make, hass: HomeAssistant
) -> None:
    made = await home()
    assert value(hass, f"time.{PLACE}_ready_by") == "unknown"
    await made.cp.stop()
    await made.told(made.of(), lambda: not made.of().charger.connected)
    await made.settle()
    for one in controls(hass).values():
        if not one.disabled:
            assert value(hass, one.entity_id) == "unavailable"
    assert value(hass, f"event.{PLACE}_plan") == "unavailable"
