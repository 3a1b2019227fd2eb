"""The one form that sets smart charging up."""

from datetime import time, timedelta
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.ocpp_charging.planning import Mode

from ..conftest import central_system, charger_subentry, set_up
from ..flows import assert_texts, suggested
from .conftest import Make, car


async def opened(hass: HomeAssistant, entry: MockConfigEntry) -> dict[str, Any]:
    flow = hass.config_entries.options
    menu: Any = await flow.async_init(entry.entry_id)
    assert menu["menu_options"][0] == "smart"
    assert_texts(menu, "options")
    result = await flow.async_configure(menu["flow_id"], {"next_step_id": "smart"})
    assert_texts(result, "options")
    return dict(result)


def fields(result: dict[str, Any]) -> set[str]:
    return {str(each) for each in result["data_schema"].schema}


async def test_a_home_with_one_charger_is_set_up_with_one_form(
    home: Make, hass: HomeAssistant
) -> None:
    made = await home(options={})
    midnight = dt_util.start_of_local_day()
    hours = [
        {"start": (midnight + timedelta(hours=hour)).isoformat(), "price": 0.3}
        for hour in range(24)
    ]
    hass.states.async_set(
        "sensor.power_price",
        "0.31",
        {"unit_of_measurement": "EUR/kWh", "prices": hours},
    )
    result = await opened(hass, made.entry)
    assert fields(result) == {
        "steered",
        "source",
        "ready_by",
        "greenness",
        "main_fuse_a",
        "battery_kwh",
    }
    assert suggested(result, "steered") is True
    assert suggested(result, "source") == "0"
    done = await hass.config_entries.options.async_configure(
        result["flow_id"],
        {
            "steered": True,
            "source": "0",
            "ready_by": "06:45:00",
            "greenness": 30,
            "main_fuse_a": 25,
            "battery_kwh": 58,
        },
    )
    assert done["type"] is FlowResultType.CREATE_ENTRY
    await made.settle()
    for connector in (1, 2):
        wishes = made.of(connector).wishes
        assert wishes.steered
        assert wishes.mode is Mode.SMART
        assert wishes.ready_by == time(6, 45)
        assert wishes.greenness == 30
    (fuse,) = made.entry.get_subentries_of_type("circuit")
    assert fuse.title == "Main fuse"
    assert fuse.data == {"limit_a": [25, 25, 25]}
    (added,) = made.entry.runtime_data.vehicles.vehicles.values()
    assert added.settings.name == "Car"
    assert added.settings.battery_kwh == 58
    assert made.entry.runtime_data.prices.price.settings is not None
    assert "power price" in made.entry.options["price"]["title"].lower()

    # What is there has its own place, and is not asked for again.
    result = await opened(hass, made.entry)
    assert fields(result) == {"steered", "source", "ready_by", "greenness"}
    assert suggested(result, "source") == "keep"
    assert suggested(result, "ready_by") == "06:45:00"
    kept = dict(made.entry.options)
    await hass.config_entries.options.async_configure(
        result["flow_id"], {"steered": False, "source": "keep", "greenness": 0}
    )
    await made.settle()
    assert made.entry.options == kept
    assert not made.of().wishes.steered
    assert made.of().wishes.ready_by is None


async def test_a_price_of_this_hour_alone_is_offered_and_not_proposed(
    home: Make, hass: HomeAssistant
) -> None:
    hass.states.async_set(
        "sensor.power_price", "0.31", {"unit_of_measurement": "EUR/kWh"}
    )
    made = await home(options={})
    result = await opened(hass, made.entry)
    (source,) = (each for each in result["data_schema"].schema if each == "source")
    offered = result["data_schema"].schema[source].config["options"]
    assert [each["value"] for each in offered] == ["keep", "0"]
    assert suggested(result, "source") == "keep"


async def test_a_price_in_another_currency_than_the_feed_in_price_is_refused(
    home: Make, hass: HomeAssistant
) -> None:
    for name, unit in (("sold", "SEK/kWh"), ("bought", "EUR/kWh")):
        hass.states.async_set(
            f"sensor.{name}_price", "1", {"unit_of_measurement": unit}
        )
    feed_in = {
        "reader": "present_value",
        "target": "sensor.sold_price",
        "title": "Sold",
    }
    made = await home(options={"feed_in_price": feed_in})
    result = await opened(hass, made.entry)
    (source,) = (each for each in result["data_schema"].schema if each == "source")
    offered = result["data_schema"].schema[source].config["options"]
    (wrong,) = (each["value"] for each in offered if "bought" in each["label"])
    typed = {"steered": True, "source": wrong, "greenness": 30, "main_fuse_a": 25}
    result = dict(
        await hass.config_entries.options.async_configure(result["flow_id"], typed)
    )
    assert result["errors"] == {"source": "feed_in_currency"}
    assert_texts(result, "options")
    # Nothing is set up, and nothing that was typed is lost.
    assert not made.entry.get_subentries_of_type("circuit")
    assert "price" not in made.entry.options
    assert suggested(result, "main_fuse_a") == 25
    assert suggested(result, "greenness") == 30


async def test_another_mode_that_follows_the_plan_stays(
    home: Make, hass: HomeAssistant
) -> None:
    made = await home(car())
    await made.of().async_set(mode=Mode.SMART_SOLAR, steered=True)
    result = await opened(hass, made.entry)
    await hass.config_entries.options.async_configure(
        result["flow_id"], {"steered": True, "source": "keep", "greenness": 0}
    )
    assert made.of().wishes.mode is Mode.SMART_SOLAR


async def test_what_is_not_changed_stays_as_it_is_at_other_connectors(
    home: Make, hass: HomeAssistant
) -> None:
    made = await home(car())
    await made.of(1).async_set(mode=Mode.SMART, steered=True, ready_by=time(7, 0))
    await made.of(2).async_set(mode=Mode.OFF, ready_by=time(16, 0))
    result = await opened(hass, made.entry)
    await hass.config_entries.options.async_configure(
        result["flow_id"],
        {
            "steered": True,
            "source": "keep",
            "ready_by": "07:00:00",
            "greenness": 40,
        },
    )
    first, second = made.of(1).wishes, made.of(2).wishes
    assert first.greenness == second.greenness == 40
    assert second.ready_by == time(16, 0)
    assert not second.steered
    assert second.mode is Mode.OFF


async def test_a_home_without_prices_is_not_asked_where_they_come_from(
    home: Make, hass: HomeAssistant
) -> None:
    made = await home(car(), options={})
    result = await opened(hass, made.entry)
    assert "source" not in fields(result)
    await hass.config_entries.options.async_configure(
        result["flow_id"], {"steered": True, "greenness": 0}
    )
    assert made.of().wishes.steered
    assert "price" not in made.entry.options


async def test_a_charger_must_have_connected_before(
    hass: HomeAssistant, unloads: None
) -> None:
    entry = await set_up(hass, central_system(charger_subentry()))
    result = await opened(hass, entry)
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "no_connector"


async def test_a_central_system_that_does_not_run_cannot_be_set_up(
    hass: HomeAssistant, unloads: None
) -> None:
    entry = await set_up(hass, central_system(charger_subentry()))
    await hass.config_entries.async_unload(entry.entry_id)
    result = await opened(hass, entry)
    assert result["reason"] == "not_loaded"
