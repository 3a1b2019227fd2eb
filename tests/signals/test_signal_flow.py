"""The options about CO2, sun, house and grid, as an owner goes through them."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.recorder.core import Recorder
from homeassistant.config_entries import HANDLERS
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType, InvalidData
from homeassistant.helpers import entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.ocpp_charging.signals.board import SignalBoard

from ..conftest import central_system, set_up
from ..flows import shown, suggested
from .fixtures.world import entity
from .recorded import dashboard, forecaster, hours_before, record_means
from .test_price_flow import Result, answer, go, labels

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 20, 9, 7, tzinfo=BERLIN)
OPTIONS = {"sample_interval": 30}


@pytest.fixture
def mock_recorder_before_hass(recorder_db_url: str) -> None:
    """Make the recorder's database before Home Assistant, as it must be."""


@pytest.fixture
async def entry(
    hass: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
    unloads: None,
) -> MockConfigEntry:
    await hass.config.async_update(time_zone="Europe/Berlin", currency="EUR")
    freezer.move_to(NOW)
    for domain in ("my_sun", "other_sun"):
        monkeypatch.setitem(HANDLERS, domain, None)
    return await set_up(hass, central_system(options=OPTIONS))


def board_of(entry: MockConfigEntry) -> SignalBoard:
    board: SignalBoard = entry.runtime_data.board
    return board


async def menu(hass: HomeAssistant, entry: MockConfigEntry) -> Result:
    result: Result = await hass.config_entries.options.async_init(entry.entry_id)
    result = await go(hass, result, "signals")
    assert result["menu_options"] == ["co2", "solar", "surplus", "house", "grid"]
    return result


async def start(hass: HomeAssistant, entry: MockConfigEntry, topic: str) -> Result:
    return await go(hass, await menu(hass, entry), topic)


async def submit(hass: HomeAssistant, result: Result) -> None:
    result = await answer(hass, result, {})
    assert result["type"] is FlowResultType.CREATE_ENTRY


def co2(hass: HomeAssistant) -> None:
    entity(
        hass,
        "sensor.co2",
        "co2signal",
        "212",
        {"unit_of_measurement": "gCO2eq/kWh", "friendly_name": "CO2 intensity"},
    )


# CO2


async def test_co2_that_was_found_is_shown_and_used(
    recorder_mock: Recorder, hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    co2(hass)
    hours = hours_before(NOW, 72)
    await record_means(hass, "sensor.co2", "gCO2eq/kWh", hours, lambda _: 212.0)
    result = await go(hass, await start(hass, entry, "co2"), "co2_found")
    assert labels(result) == ["Present value · CO2 intensity · 212 g/kWh"]
    result = await answer(hass, result, {"source": "0"})
    assert result["step_id"] == "co2_confirm"
    assert shown(result, "learned_from") == "2026-11-20 10:00"
    assert shown(result, "hours_seen") == "72"
    assert shown(result, "until") == "2026-11-22 09:00"
    assert shown(result, "table").count("212") == 24
    hub = entry.runtime_data
    await submit(hass, result)
    assert entry.runtime_data is hub
    assert board_of(entry).signals.co2.at(NOW) == 212
    assert entry.options["sample_interval"] == 30
    assert shown(await menu(hass, entry), "co2") == "Present value · CO2 intensity"


async def test_an_entity_with_co2_can_be_named_when_none_was_found(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    hass.states.async_set("sensor.a", "warm")
    hass.states.async_set("sensor.b", "88")
    result = await go(hass, await start(hass, entry, "co2"), "co2_found")
    assert result["errors"] == {"base": "no_co2_found"}
    for wrong in ("sensor.a", "sensor.none"):
        result = await answer(hass, result, {"entity_id": wrong})
        assert result["errors"] == {"entity_id": "no_co2"}
    result = await answer(hass, result, {"entity_id": "sensor.b"})
    assert shown(result, "learned_from") == "–"
    await submit(hass, result)
    assert board_of(entry).signals.co2.at(NOW) == 88


async def test_co2_can_be_taken_away_again(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    co2(hass)
    result = await start(hass, entry, "co2")
    assert "co2_none" not in result["menu_options"]
    result = await go(hass, result, "co2_entity")
    assert result["errors"] == {}
    await submit(hass, await answer(hass, result, {"entity_id": "sensor.co2"}))
    assert board_of(entry).signals.co2
    result = await go(hass, await start(hass, entry, "co2"), "co2_none")
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert dict(entry.options) == OPTIONS
    assert not board_of(entry).signals.co2


# The sun


async def tell(hass: HomeAssistant, entry_id: str) -> Mapping[str, Any]:
    return {
        "wh_hours": {
            f"2026-11-20T{hour:02}:00:00+01:00": 1000 * (hour - 8)
            for hour in range(9, 14)
        }
    }


async def test_forecasts_of_the_dashboard_are_proposed_added_up_and_used(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    south = await forecaster(hass, "my_sun", "South", tell)
    east = await forecaster(hass, "other_sun", "East", tell)
    await dashboard(
        hass,
        {
            "type": "solar",
            "stat_energy_from": "sensor.sun",
            "config_entry_solar_forecast": [south.entry_id],
        },
    )
    result = await start(hass, entry, "solar")
    assert suggested(result, "forecasts") == [south.entry_id]
    options = result["data_schema"].schema["forecasts"].config["options"]
    assert [each["label"] for each in options] == [
        "East · 14.9 kWh",
        "South · 14.9 kWh",
    ]
    both = {"forecasts": [south.entry_id, east.entry_id], "caution": "cautious"}
    result = await answer(hass, result, both)
    assert result["step_id"] == "solar_confirm"
    assert shown(result, "source") == "South + East"
    assert shown(result, "missing") == "–"
    assert shown(result, "energy") == "29.8 kWh"
    await submit(hass, result)
    assert board_of(entry).signals.solar.at(NOW) == 2000
    # Coming again, it is as it was left, also when one tells nothing just now.
    assert await hass.config_entries.async_unload(east.entry_id)
    result = await start(hass, entry, "solar")
    assert set(suggested(result, "forecasts")) == {south.entry_id, east.entry_id}
    assert suggested(result, "caution") == "cautious"
    assert shown(await menu(hass, entry), "solar") == "South, East"


async def test_choosing_no_forecast_is_doing_without(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    south = await forecaster(hass, "my_sun", "South", tell)
    result = await start(hass, entry, "solar")
    chosen = {"forecasts": [south.entry_id], "caution": "likely"}
    await submit(hass, await answer(hass, result, chosen))
    assert board_of(entry).signals.solar
    result = await start(hass, entry, "solar")
    result = await answer(hass, result, {"forecasts": [], "caution": "likely"})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert dict(entry.options) == OPTIONS
    # And so when there was none.
    result = await start(hass, entry, "solar")
    result = await answer(hass, result, {"forecasts": [], "caution": "likely"})
    assert dict(entry.options) == OPTIONS


async def test_without_any_forecast_the_owner_is_told(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    result = await start(hass, entry, "solar")
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "no_forecast_found"


# The house

METER = {"reversed": False, "voltage": 230.0}


async def test_the_meter_is_shown_and_used(
    recorder_mock: Recorder, hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    hass.states.async_set("sensor.grid", "1.5", {"unit_of_measurement": "kW"})
    hass.states.async_set("sensor.l1", "6.5", {"unit_of_measurement": "A"})
    hours = hours_before(NOW, 72)
    await record_means(hass, "sensor.grid", "kW", hours, lambda _: 0.4)
    result = await go(hass, await start(hass, entry, "house"), "house_meter")
    meter = {**METER, "grid_power": "sensor.grid", "phases": ["sensor.l1"]}
    result = await answer(hass, result, meter)
    assert result["step_id"] == "house_confirm"
    assert shown(result, "power") == "1500"
    assert shown(result, "currents") == "6.5"
    assert shown(result, "age") == "0 s"
    assert shown(result, "hours_seen") == "72"
    assert shown(result, "table").count("400") == 24
    await submit(hass, result)
    board = board_of(entry)
    assert board.meter.measured().power_w == 1500
    assert shown(await menu(hass, entry), "house") == "grid, l1"
    result = await go(hass, await start(hass, entry, "house"), "house_meter")
    assert suggested(result, "grid_power") == "sensor.grid"
    assert suggested(result, "phases") == ["sensor.l1"]
    result = await go(hass, await start(hass, entry, "house"), "house_none")
    assert dict(entry.options) == OPTIONS
    assert board.meter.settings is None


async def test_a_meter_that_tells_nothing_is_refused(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    hass.states.async_set("sensor.grid", "unknown", {"unit_of_measurement": "W"})
    for index in range(4):
        hass.states.async_set(f"sensor.l{index}", "1", {"unit_of_measurement": "A"})
    result = await go(hass, await start(hass, entry, "house"), "house_meter")
    result = await answer(hass, result, {**METER, "grid_power": "sensor.grid"})
    assert result["errors"] == {"base": "no_meter"}
    assert suggested(result, "grid_power") == "sensor.grid"
    phases = [f"sensor.l{index}" for index in range(4)]
    result = await answer(hass, result, {**METER, "phases": phases})
    assert result["errors"] == {"phases": "too_many_phases"}


async def test_without_a_meter_only_the_usual_need_is_learned(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    result = await go(hass, await start(hass, entry, "house"), "house_meter")
    result = await answer(hass, result, METER)
    assert shown(result, "power") == "–"
    assert shown(result, "age") == "–"
    assert shown(result, "currents") == "–"
    await submit(hass, result)
    assert shown(await menu(hass, entry), "house") == "✓"


# The grid


async def test_what_the_grid_asks_for_is_shown_and_used(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    later = NOW + timedelta(hours=8)
    session = "binary_sensor.octoplus_saving_sessions"
    hass.states.async_set(
        session,
        "off",
        {
            "friendly_name": "Saving sessions",
            "next_event_start": later,
            "next_event_end": later + timedelta(hours=1),
        },
    )
    result = await go(hass, await start(hass, entry, "grid"), "grid_add")
    assert session in shown(result, "found")
    result = await answer(hass, result, {"entity": session})
    assert result["errors"] == {"base": "neither_limit_nor_price"}
    assert suggested(result, "entity") == session
    values = {"entity": session, "limit_w": 0, "extra_price": 2.25}
    result = await answer(hass, result, values)
    assert result["step_id"] == "grid_confirm"
    assert shown(result, "events") == (
        "- 2026-11-20 17:07 – 2026-11-20 18:07 · Saving sessions · 0 W · +2.25 EUR/kWh"
    )
    await submit(hass, result)
    assert board_of(entry).signals.limit.at(later) == 0
    # A second one beside it, then the first one anew.
    hass.states.async_set("sensor.box", "4.2", {"unit_of_measurement": "kW"})
    result = await go(hass, await start(hass, entry, "grid"), "grid_add")
    result = await answer(hass, result, {"entity": "sensor.box"})
    assert "4200 W" in shown(result, "events")
    assert shown(result, "meaning") == "4200 W"
    await submit(hass, result)
    assert board_of(entry).signals.limit.at(NOW) == 4200
    result = await go(hass, await start(hass, entry, "grid"), "grid_add")
    await submit(hass, await answer(hass, result, {"entity": session, "limit_w": 1000}))
    assert board_of(entry).signals.limit.at(later) == 1000
    assert not board_of(entry).grid.known.extra_price
    assert shown(await menu(hass, entry), "grid") == "box, Saving sessions"


async def test_an_entity_that_tells_nothing_is_refused(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    result = await go(hass, await start(hass, entry, "grid"), "grid_add")
    assert shown(result, "found") == "–"
    values = {"entity": "binary_sensor.none", "limit_w": 0}
    result = await answer(hass, result, values)
    assert result["errors"] == {"entity": "no_demand"}


@pytest.mark.parametrize(
    ("topic", "step", "domain"),
    [("grid", "grid_add", "calendar"), ("co2", "co2_entity", "sensor")],
)
async def test_what_comes_of_a_plan_cannot_be_a_source_of_it(
    hass: HomeAssistant, entry: MockConfigEntry, topic: str, step: str, domain: str
) -> None:
    made = er.async_get(hass).async_get_or_create(
        domain, "ocpp_charging", "sessions", config_entry=entry
    )
    hass.states.async_set(made.entity_id, "12")
    result = await go(hass, await start(hass, entry, topic), step)
    field = "entity" if topic == "grid" else "entity_id"
    with pytest.raises(InvalidData):
        await answer(hass, result, {field: made.entity_id})


async def test_an_event_that_two_sensors_tell_is_shown_and_used(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    later, timed = NOW + timedelta(hours=8), {"device_class": "timestamp"}
    hass.states.async_set("sensor.peak_event_begin", later.isoformat(), timed)
    result = await go(hass, await start(hass, entry, "grid"), "grid_add")
    assert "sensor.peak_event_begin" in shown(result, "found")
    result = await answer(hass, result, {"entity": "sensor.peak_event_begin"})
    assert result["errors"] == {"base": "neither_limit_nor_price"}
    values = {"entity": "sensor.peak_event_begin", "limit_w": 0}
    result = await answer(hass, result, values)
    assert result["errors"] == {"entity": "no_end"}
    until = (later + timedelta(hours=4)).isoformat()
    hass.states.async_set("sensor.peak_event_end", until, timed)
    result = await answer(hass, result, values)
    assert shown(result, "events") == (
        "- 2026-11-20 17:07 – 2026-11-20 21:07 · peak event begin · 0 W"
    )
    await submit(hass, result)
    assert board_of(entry).signals.limit.at(later) == 0
    # It is put off by an hour: what follows is told by the end as well.
    until = (later + timedelta(hours=5)).isoformat()
    hass.states.async_set("sensor.peak_event_end", until, timed)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert board_of(entry).signals.limit.end == later + timedelta(hours=5)


async def test_an_entity_that_measures_no_power_is_refused_as_a_limit(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    hass.states.async_set("sensor.outdoor", "12.3", {"unit_of_measurement": "°C"})
    result = await go(hass, await start(hass, entry, "grid"), "grid_add")
    result = await answer(hass, result, {"entity": "sensor.outdoor"})
    assert result["errors"] == {"entity": "not_watts"}
    assert suggested(result, "entity") == "sensor.outdoor"


async def test_a_price_on_top_is_in_the_currency_of_the_price(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    hass.states.async_set("sensor.price", "1.2", {"unit_of_measurement": "SEK/kWh"})
    price = {"reader": "present_value", "target": "sensor.price", "title": "Price"}
    hass.config_entries.async_update_entry(entry, options={"price": price})
    await hass.async_block_till_done(wait_background_tasks=True)
    hass.states.async_set("switch.peak", "on")
    result = await go(hass, await start(hass, entry, "grid"), "grid_add")
    values = {"entity": "switch.peak", "extra_price": 0.5}
    result = await answer(hass, result, values)
    assert shown(result, "events").endswith("· +0.5 SEK/kWh")


async def test_a_price_on_top_is_in_the_home_s_currency_while_nothing_runs(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    assert await hass.config_entries.async_unload(entry.entry_id)
    hass.states.async_set("switch.peak", "on")
    result = await go(hass, await start(hass, entry, "grid"), "grid_add")
    values = {"entity": "switch.peak", "extra_price": 0.5}
    result = await answer(hass, result, values)
    assert shown(result, "events").endswith("· +0.5 EUR/kWh")


async def test_a_source_that_goes_away_while_it_is_looked_at_shows_nothing(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    hass.states.async_set("binary_sensor.relay", "off")
    result = await go(hass, await start(hass, entry, "grid"), "grid_add")
    values = {"entity": "binary_sensor.relay", "limit_w": 4200}
    result = await answer(hass, result, values)
    assert shown(result, "events") == "–"
    # What it will mean is shown all the same.
    assert shown(result, "meaning") == "4200 W"
    await submit(hass, result)


async def test_sources_can_be_removed(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    for name in ("one", "two"):
        hass.states.async_set(f"switch.{name}", "on")
        result = await go(hass, await start(hass, entry, "grid"), "grid_add")
        values = {"entity": f"switch.{name}", "extra_price": 0.1}
        await submit(hass, await answer(hass, result, values))
    prices = board_of(entry).grid.known.extra_price
    assert prices.at(NOW) == pytest.approx(0.2)
    result = await go(hass, await start(hass, entry, "grid"), "grid_remove")
    await answer(hass, result, {})
    assert len(entry.options["grid"]["sources"]) == 2
    result = await go(hass, await start(hass, entry, "grid"), "grid_remove")
    await answer(hass, result, {"sources": ["0"]})
    assert [each["entity"] for each in entry.options["grid"]["sources"]] == [
        "switch.two"
    ]
    result = await go(hass, await start(hass, entry, "grid"), "grid_remove")
    await answer(hass, result, {"sources": ["0"]})
    assert dict(entry.options) == OPTIONS
    assert "grid_remove" not in (await start(hass, entry, "grid"))["menu_options"]
