"""The options about charging with the sun, as an owner goes through them."""

from datetime import timedelta
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.ocpp_charging.charging.surplus import SolarRules
from custom_components.ocpp_charging.signals.house_battery import (
    Battery,
    SunSettings,
    read_battery,
)

from ..flows import shown, suggested
from .test_price_flow import answer
from .test_signal_flow import board_of, entry, menu, start, submit

__all__ = ["entry"]

TIMES = {
    "start_after": 1,
    "stop_after": 3,
    "minimum_on": 5,
    "minimum_off": 5,
    "battery_full": 98,
}
USUAL = {
    "battery_reversed": False,
    "battery_reserve": 0,
    "grid_share": 0,
    "start_power": 0,
    "times": TIMES,
}
WITH_BATTERY = SunSettings(battery_power="sensor.power", battery_soc="sensor.soc")


def power(hass: HomeAssistant, value: str, unit: str | None = "W") -> None:
    """Have the battery tell its power."""
    hass.states.async_set("sensor.power", value, {"unit_of_measurement": unit})


def soc(hass: HomeAssistant, value: str, unit: str | None = "%") -> None:
    """Have the battery tell its charge."""
    hass.states.async_set("sensor.soc", value, {"unit_of_measurement": unit})


async def test_the_battery_is_shown_by_the_chosen_sign_and_kept_through_a_restart(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    power(hass, "1.2", "kW")
    soc(hass, "63")
    result = await start(hass, entry, "surplus")
    result = await answer(
        hass,
        result,
        {
            **USUAL,
            "battery_power": "sensor.power",
            "battery_reversed": True,
            "battery_soc": "sensor.soc",
            "battery_kwh": 10,
            "battery_first": 50,
            "battery_reserve": 800,
            "grid_share": 20,
            "start_power": 150,
            "times": {**TIMES, "start_after": 2.5, "battery_full": 90},
        },
    )
    assert result["step_id"] == "surplus_confirm"
    assert shown(result, "taken") == "0"
    assert shown(result, "given") == "1200"
    assert shown(result, "soc") == "63"
    assert shown(result, "age") == "0 s"
    assert shown(result, "fed_in") == "–"
    await submit(hass, result)
    wanted = SunSettings(
        rules=SolarRules(
            grid_share=20,
            start_w=150,
            start_after=timedelta(minutes=2.5),
            battery_reserve_w=800,
            battery_first_soc=50,
            battery_full_soc=90,
        ),
        battery_power="sensor.power",
        sign_reversed=True,
        battery_soc="sensor.soc",
        battery_kwh=10,
    )
    assert board_of(entry).sun == wanted
    assert board_of(entry).battery().power_w == -1200
    assert shown(await menu(hass, entry), "surplus") == "power"
    assert await hass.config_entries.async_reload(entry.entry_id)
    assert board_of(entry).sun == wanted
    result = await start(hass, entry, "surplus")
    assert suggested(result, "battery_first") == 50
    await answer(hass, result, USUAL)
    assert board_of(entry).sun == SunSettings()
    assert shown(await menu(hass, entry), "surplus") == "✓"


@pytest.mark.parametrize(
    ("chosen", "errors"),
    [
        pytest.param(
            {"battery_power": "sensor.none"},
            {"battery_power": "no_battery_power"},
            id="no-such-entity",
        ),
        pytest.param(
            {"battery_power": "sensor.current"},
            {"battery_power": "no_battery_power"},
            id="a-current-is-no-power",
        ),
        pytest.param(
            {"battery_power": "sensor.power", "battery_soc": "sensor.power"},
            {"battery_soc": "no_battery_soc"},
            id="watts-are-no-charge",
        ),
        pytest.param(
            {"battery_power": "sensor.power", "battery_first": 50},
            {"battery_soc": "battery_soc_needed"},
            id="first-until-what-is-not-known",
        ),
        pytest.param(
            {"battery_reserve": 500},
            {"battery_power": "battery_power_needed"},
            id="a-reserve-for-no-battery",
        ),
        pytest.param(
            {"battery_first": 50},
            {"battery_power": "battery_power_needed"},
            id="first-but-no-battery",
        ),
    ],
)
async def test_what_tells_nothing_of_a_battery_is_refused(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    chosen: dict[str, Any],
    errors: dict[str, str],
) -> None:
    power(hass, "500")
    hass.states.async_set("sensor.current", "5", {"unit_of_measurement": "A"})
    result = await start(hass, entry, "surplus")
    result = await answer(hass, result, {**USUAL, **chosen})
    assert result["errors"] == errors
    # Without a battery there is nothing to look at.
    result = await answer(hass, result, USUAL)
    assert result["type"] is FlowResultType.CREATE_ENTRY


@pytest.mark.parametrize(
    ("value", "unit", "soc_value", "battery"),
    [
        pytest.param("unavailable", "W", "40", (None, 40.0), id="power-away"),
        pytest.param("500", "W", "unknown", (500.0, None), id="charge-away"),
        pytest.param("500", "W", "140", (500.0, None), id="no-such-charge"),
        pytest.param("-0.5", "kW", "40", (-500.0, 40.0), id="it-gives"),
    ],
)
async def test_what_a_battery_does_not_tell_is_not_known(
    hass: HomeAssistant,
    value: str,
    unit: str,
    soc_value: str,
    battery: tuple[float | None, float | None],
) -> None:
    power(hass, value, unit)
    soc(hass, soc_value)
    found = read_battery(hass, WITH_BATTERY)
    assert (found.power_w, found.soc) == battery


async def test_without_a_battery_there_is_none_to_take_from(
    hass: HomeAssistant,
) -> None:
    assert read_battery(hass, SunSettings()) == Battery()


async def test_that_it_takes_something_is_not_believed_for_long(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    power(hass, "500")
    freezer.tick(299)
    assert read_battery(hass, WITH_BATTERY).power_w == 500
    freezer.tick(2)
    assert read_battery(hass, WITH_BATTERY).power_w == 0
    power(hass, "-700")
    freezer.tick(3600)
    assert read_battery(hass, WITH_BATTERY).power_w == -700


async def test_the_battery_is_followed_when_its_entity_is_renamed(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    registry = er.async_get(hass)
    made = registry.async_get_or_create("sensor", "test", "1", object_id_base="power")
    hass.states.async_set(made.entity_id, "500", {"unit_of_measurement": "W"})
    result = await start(hass, entry, "surplus")
    result = await answer(hass, result, {**USUAL, "battery_power": made.entity_id})
    await submit(hass, result)
    registry.async_update_entity(made.entity_id, new_entity_id="sensor.other")
    await hass.async_block_till_done()
    assert board_of(entry).sun.battery_power == "sensor.other"
