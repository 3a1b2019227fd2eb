"""All signals of a home together: kept up to date, told on change, failing aloud."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.recorder.core import Recorder
from homeassistant.config_entries import HANDLERS
from homeassistant.core import CoreState, HomeAssistant
from homeassistant.helpers import entity_registry as er, issue_registry as ir
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)

from custom_components.ocpp_charging.charging.series import Series
from custom_components.ocpp_charging.signals.board import SignalBoard
from custom_components.ocpp_charging.signals.keeper import Lack, Topic
from custom_components.ocpp_charging.signals.prices.reading import Failure

from ..conftest import central_system, set_up
from ..flows import _texts, say
from .calendars import calendar
from .fixtures.world import entity
from .recorded import forecaster, hours_before, record_means

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 20, 9, 7, tzinfo=BERLIN)
CO2 = {"reader": "present_value", "target": "sensor.co2", "title": "Maps"}
RELAY = {"entity": "binary_sensor.relay", "title": "Relay", "limit_w": 4200}


@pytest.fixture
def mock_recorder_before_hass(recorder_db_url: str) -> None:
    """Make the recorder's database before Home Assistant, as it must be."""


@pytest.fixture(autouse=True)
async def home(
    hass: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
    unloads: None,
) -> None:
    await hass.config.async_update(time_zone="Europe/Berlin", currency="EUR")
    freezer.move_to(NOW)
    monkeypatch.setitem(HANDLERS, "my_sun", None)


async def loaded(
    hass: HomeAssistant, **options: Any
) -> tuple[MockConfigEntry, SignalBoard, list[Topic]]:
    entry = await set_up(hass, central_system(options=options))
    board: SignalBoard = entry.runtime_data.board
    told: list[Topic] = []
    board.listen(told.append)
    await settle(hass)
    return entry, board, told


async def settle(hass: HomeAssistant) -> None:
    await hass.async_block_till_done(wait_background_tasks=True)


async def until(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, when: datetime
) -> None:
    """Let the time pass, five minutes by five minutes."""
    now = dt_util.utcnow()
    while now < when:
        now = min(now + timedelta(minutes=5), when)
        freezer.move_to(now)
        async_fire_time_changed(hass, now)
        await settle(hass)


def co2(hass: HomeAssistant, value: object) -> None:
    hass.states.async_set("sensor.co2", str(value), {"unit_of_measurement": "g/kWh"})


async def test_without_options_nothing_is_known(hass: HomeAssistant) -> None:
    _, board, told = await loaded(hass)
    signals = board.signals
    assert not told
    assert not any(
        (signals.price, signals.feed_in, signals.co2, signals.solar, signals.limit)
    )


async def test_options_are_taken_over_without_a_reload(hass: HomeAssistant) -> None:
    entry, board, told = await loaded(hass)
    co2(hass, 200)
    hass.states.async_set("binary_sensor.relay", "on")
    hass.config_entries.async_update_entry(
        entry, options={"co2": CO2, "grid": {"sources": [RELAY]}}
    )
    await settle(hass)
    assert entry.runtime_data.board is board
    assert set(told) == {Topic.CO2, Topic.GRID}
    assert board.signals.co2.at(NOW) == 200
    assert board.signals.limit.at(NOW) == 4200
    hass.config_entries.async_update_entry(entry, options={})
    await settle(hass)
    assert not board.signals.co2
    assert not board.signals.limit


async def test_a_renamed_meter_or_relay_is_followed(hass: HomeAssistant) -> None:
    entity(hass, "sensor.grid", "meter", "700", {"unit_of_measurement": "W"})
    entity(hass, "sensor.one", "meter", "2", {"unit_of_measurement": "A"})
    entity(hass, "binary_sensor.relay", "box", "on", {})
    house = {"grid_power": "sensor.grid", "phases": ["sensor.one"]}
    entry, board, _ = await loaded(hass, house=house, grid={"sources": [RELAY]})
    registry = er.async_get(hass)
    for old, new in (
        ("sensor.grid", "sensor.main"),
        ("sensor.one", "sensor.l1"),
        ("binary_sensor.relay", "binary_sensor.box"),
    ):
        registry.async_update_entity(old, new_entity_id=new)
        state = hass.states.get(old)
        assert state is not None
        hass.states.async_remove(old)
        hass.states.async_set(new, state.state, state.attributes)
    await settle(hass)
    measured = board.meter.measured()
    assert (measured.power_w, measured.currents_a, measured.missing) == (700, (2,), ())
    assert board.signals.limit.at(NOW) == 4200
    assert board.grid.known.lack is None
    assert entry.options["grid"]["sources"][0]["title"] == RELAY["title"]


async def test_changes_of_entities_are_told_and_nothing_else_is(
    hass: HomeAssistant,
) -> None:
    co2(hass, 200)
    _, board, told = await loaded(hass, co2=CO2)
    told.clear()
    co2(hass, 250)
    await settle(hass)
    assert told == [Topic.CO2]
    assert board.signals.co2.at(NOW) == 250
    hass.states.async_set(
        "sensor.co2", "250", {"unit_of_measurement": "g/kWh", "more": 1}
    )
    await settle(hass)
    assert told == [Topic.CO2]


async def test_a_calendar_is_looked_through_again_and_again(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    made = await calendar(hass)
    source = {"entity": "calendar.grid", "title": "Grid", "extra_price": 0.5}
    price = {"reader": "typed", "title": "0.3", "amount": 0.3}
    _, board, _ = await loaded(hass, grid={"sources": [source]}, price=price)
    start = datetime(2026, 11, 22, 17, tzinfo=BERLIN)
    assert board.signals.price.at(start) == 0.3
    await made.add("Peak", start="2026-11-22 17:00", end="2026-11-22 19:00")
    await until(hass, freezer, NOW + timedelta(minutes=10))
    price_then = board.signals.price
    assert price_then.at(start) == pytest.approx(0.8)
    assert price_then.at(start + timedelta(hours=2)) == 0.3
    assert price_then.at(start - timedelta(minutes=1)) == 0.3
    await made.async_remove()


async def test_the_sun_that_the_house_does_not_need_is_what_is_left(
    recorder_mock: Recorder, hass: HomeAssistant
) -> None:
    async def tell(hass: HomeAssistant, entry_id: str) -> Mapping[str, Any]:
        return {
            "wh_hours": {
                f"2026-11-21T{hour:02}:00:00+01:00": watts
                for hour, watts in ((10, 300), (11, 2000), (12, 3000))
            }
        }

    sun = await forecaster(hass, "my_sun", "South", tell)
    solar = {"forecasts": [{"entry": sun.entry_id, "title": "South"}]}
    hours = hours_before(NOW, 72)
    await record_means(hass, "sensor.grid", "W", hours, lambda _: 500.0)
    hass.states.async_set("sensor.grid", "700", {"unit_of_measurement": "W"})
    _, board, told = await loaded(
        hass, solar=solar, house={"grid_power": "sensor.grid"}
    )
    # Counting from a query of the recorder, which takes its time.
    await settle(hass)
    assert board.house.known.hours_seen == 72
    left = [round(item.value) for item in board.signals.solar]
    assert left == [0, 1500, 2500]
    assert board.meter.measured().power_w == 700
    assert {Topic.SOLAR, Topic.HOUSE} >= set(told)


async def test_without_the_house_all_of_the_sun_counts(hass: HomeAssistant) -> None:
    _, board, _ = await loaded(hass)
    sun = Series.constant(2000, NOW, NOW + timedelta(hours=1))
    board.solar.known = type(board.solar.known)(series=sun)
    assert board.surplus == sun


async def test_the_houses_battery_has_its_part_of_the_sun_at_once_when_named(
    hass: HomeAssistant,
) -> None:
    entry, board, told = await loaded(hass)
    sun = Series.constant(2000, NOW, NOW + timedelta(hours=1))
    board.solar.known = type(board.solar.known)(series=sun)
    hass.states.async_set("sensor.power", "0", {"unit_of_measurement": "W"})
    hass.states.async_set("sensor.soc", "45", {"unit_of_measurement": "%"})
    surplus = {
        "battery_power": "sensor.power",
        "battery_soc": "sensor.soc",
        "battery_kwh": 10,
        "battery_first": 50,
    }
    options = {**entry.options, "surplus": surplus}
    hass.config_entries.async_update_entry(entry, options=options)
    await settle(hass)
    assert told == [Topic.SURPLUS]
    assert [item.value for item in board.signals.solar] == [1500]
    # The sun of this morning has not filled it: that is in its charge.
    earlier = Series.constant(2000, NOW - timedelta(hours=4), NOW + timedelta(hours=1))
    board.solar.known = type(board.solar.known)(series=earlier)
    assert [item.value for item in board.signals.solar] == [1500]
    hass.states.async_set("sensor.soc", "50", {"unit_of_measurement": "%"})
    assert [item.value for item in board.signals.solar] == [2000]


async def test_settings_of_another_version_are_no_reason_to_fail(
    hass: HomeAssistant, caplog: pytest.LogCaptureFixture
) -> None:
    _, board, _ = await loaded(
        hass, grid={"sources": [{"entity": "light.a"}]}, solar={"forecasts": [{}]}
    )
    assert board.grid.settings is None
    assert board.solar.settings is None
    assert caplog.text.count("cannot be used") == 2


# Failing


def test_every_reason_has_its_words() -> None:
    words = _texts()["selector"]["source_lack"]["options"]
    assert {*words} == {*Lack, *Failure}


def issue(hass: HomeAssistant, entry: MockConfigEntry) -> ir.IssueEntry | None:
    registry = ir.async_get(hass)
    return registry.async_get_issue(
        "ocpp_charging", f"co2_source_failing_{entry.entry_id}"
    )


async def test_a_source_that_fails_is_logged_once_and_told_after_three_hours(
    hass: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    caplog: pytest.LogCaptureFixture,
) -> None:
    co2(hass, 200)
    entry, board, _ = await loaded(hass, co2=CO2)
    co2(hass, "unavailable")
    await settle(hass)
    assert caplog.text.count("Maps tells nothing about co2 (unavailable)") == 1
    assert board.signals.co2.at(NOW) == 200
    assert issue(hass, entry) is None
    await until(hass, freezer, NOW + timedelta(hours=5))
    assert caplog.text.count("tells nothing") == 1
    found = issue(hass, entry)
    assert found is not None
    assert found.translation_key == "co2_source_failing"
    for part in ("title", "description"):
        path = f"co2_source_failing.{part}"
        assert "Maps" in say(_texts()["issues"], path, found.translation_placeholders)
    assert found.translation_placeholders is not None
    assert found.translation_placeholders["reason"] == "it is unavailable"
    co2(hass, 210)
    await settle(hass)
    assert issue(hass, entry) is None
    assert "Maps tells about co2 again" in caplog.text
    # It is read at the quarter hour again, and not by the retries.
    assert board.co2.lacking_since is None


@pytest.mark.parametrize("topic", ["solar", "grid"])
def test_what_the_owner_is_told_has_a_text(topic: str) -> None:
    placeholders = {"name": "Home", "source": "South", "reason": "it has no forecast"}
    for part in ("title", "description"):
        path = f"{topic}_source_failing.{part}"
        assert "South" in say(_texts()["issues"], path, placeholders)


async def test_while_home_assistant_starts_nothing_is_logged(
    hass: HomeAssistant, caplog: pytest.LogCaptureFixture
) -> None:
    hass.set_state(CoreState.starting)
    entry, board, _ = await loaded(hass, co2=CO2)
    assert board.co2.lacking_since is not None
    assert "tells nothing" not in caplog.text
    co2(hass, 180)
    hass.bus.async_fire("homeassistant_started")
    hass.set_state(CoreState.running)
    await settle(hass)
    assert board.signals.co2.at(NOW) == 180
    assert issue(hass, entry) is None


async def test_what_is_asked_while_it_is_read_is_read_again(
    hass: HomeAssistant,
) -> None:
    co2(hass, 200)
    _, board, told = await loaded(hass, co2=CO2)
    told.clear()
    board.co2.async_refresh()
    board.co2.async_refresh()
    co2(hass, 300)
    board.co2.async_refresh()
    await settle(hass)
    assert told == [Topic.CO2]
    assert board.signals.co2.at(NOW) == 300


async def test_after_unloading_nothing_is_read(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    co2(hass, 200)
    entry, board, told = await loaded(hass, co2=CO2)
    assert await hass.config_entries.async_unload(entry.entry_id)
    told.clear()
    co2(hass, 300)
    await until(hass, freezer, NOW + timedelta(minutes=30))
    assert not told
    assert board.signals.co2.at(NOW) == 200


async def test_listening_can_be_stopped(hass: HomeAssistant) -> None:
    co2(hass, 200)
    _, board, told = await loaded(hass, co2=CO2)
    more: list[Topic] = []
    stop = board.listen(more.append)
    stop()
    co2(hass, 220)
    await settle(hass)
    assert told
    assert not more
