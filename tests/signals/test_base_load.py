"""What the house usually needs, learned from a real recorder."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.recorder.core import Recorder
from homeassistant.config_entries import ConfigSubentryData
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from hypothesis import given, strategies as st
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from sqlalchemy.exc import OperationalError

from custom_components.ocpp_charging.signals import history
from custom_components.ocpp_charging.signals.base_load import (
    BaseLoad,
    BaseLoadReader,
    charger_counters,
    house_hours,
    without,
)
from custom_components.ocpp_charging.signals.meter import HouseSettings

from .recorded import dashboard, hours_before, record_energy, record_means

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 20, 14, 7, tzinfo=BERLIN)
WEEKS = hours_before(NOW, 21 * 24)
TODAY_AT = {
    hour: datetime(2026, 11, 21, hour, 30, tzinfo=BERLIN) for hour in (3, 12, 19)
}


@pytest.fixture
def mock_recorder_before_hass(recorder_db_url: str) -> None:
    """Make the recorder's database before Home Assistant, as it must be."""


@pytest.fixture(autouse=True)
async def home(hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> None:
    await hass.config.async_update(time_zone="Europe/Berlin")
    freezer.move_to(NOW)


@pytest.fixture
def entry(hass: HomeAssistant) -> MockConfigEntry:
    entry = MockConfigEntry(
        domain="ocpp_charging",
        subentries_data=[
            ConfigSubentryData(
                data={}, subentry_type="charger", title=name, unique_id=name
            )
            for name in ("CP1", "CP2")
        ],
    )
    entry.add_to_hass(hass)
    return entry


def counter(
    hass: HomeAssistant, entry: MockConfigEntry, charger: int, place: int
) -> str:
    """Register the counter of a charger's connector, or of its main meter (0)."""
    subentry = list(entry.subentries.values())[charger]
    return (
        er.async_get(hass)
        .async_get_or_create(
            "sensor",
            "ocpp_charging",
            f"{entry.entry_id}_{subentry.unique_id}_{place}_energy",
            config_entry=entry,
            config_subentry_id=subentry.subentry_id,
            suggested_object_id=f"charger_{charger}_{place}_energy",
        )
        .entity_id
    )


def need(start: datetime) -> float:
    """Return what the house needs in an hour, in kWh: most in the evening."""
    hour = start.astimezone(BERLIN).hour
    return {3: 0.2, 19: 2.0}.get(hour, 0.5)


def car(start: datetime) -> float:
    return 7.0 if start.astimezone(BERLIN).hour in {2, 3, 4} else 0.0


def sun(start: datetime) -> float:
    return 3.0 if start.astimezone(BERLIN).hour in {11, 12, 13} else 0.0


async def read(
    hass: HomeAssistant, entry: MockConfigEntry, settings: HouseSettings
) -> BaseLoad:
    return await BaseLoadReader(hass, entry).async_read(settings, BaseLoad(), NOW)


def assert_is_need(load: BaseLoad) -> None:
    for when in TODAY_AT.values():
        assert load.series.at(when) == pytest.approx(need(when) * 1000, rel=0.1)


async def test_without_recorder_nothing_is_known_and_that_is_no_failure(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    load = await read(hass, entry, HouseSettings(grid_power="sensor.grid"))
    assert not load.series
    assert load.lack is None
    assert load.hours_seen == 0


async def test_from_the_energy_dashboard_without_the_chargers(
    recorder_mock: Recorder, hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    await dashboard(
        hass,
        {
            "type": "grid",
            "stat_energy_from": "sensor.drawn",
            "stat_energy_to": "sensor.fed_in",
        },
        {"type": "solar", "stat_energy_from": "sensor.sun"},
        {
            "type": "battery",
            "stat_energy_from": "sensor.battery_out",
            "stat_energy_to": "sensor.battery_in",
        },
        {"type": "gas", "stat_energy_from": "sensor.gas"},
    )
    own = counter(hass, entry, 0, 1)
    await record_energy(
        hass, "sensor.drawn", WEEKS, lambda h: max(0, need(h) + car(h) - sun(h))
    )
    await record_energy(
        hass, "sensor.fed_in", WEEKS, lambda h: max(0, sun(h) - need(h) - 1.0)
    )
    await record_energy(hass, "sensor.sun", WEEKS, sun)
    await record_energy(
        hass, "sensor.battery_in", WEEKS, lambda h: 1.0 if sun(h) else 0.0
    )
    await record_energy(hass, "sensor.battery_out", WEEKS, lambda _: 0.0)
    await record_energy(hass, "sensor.gas", WEEKS, lambda _: 9.0)
    await record_energy(hass, own, WEEKS, car)
    load = await read(hass, entry, HouseSettings())
    assert load.hours_seen >= len(WEEKS)
    assert_is_need(load)
    assert load.series.start == datetime(2026, 11, 20, 14, tzinfo=BERLIN)
    assert load.series.end == datetime(2026, 11, 28, 14, tzinfo=BERLIN)


async def test_from_the_power_of_the_meter_without_the_chargers(
    recorder_mock: Recorder, hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    own = counter(hass, entry, 0, 1)
    await record_means(hass, "sensor.grid", "kW", WEEKS, lambda h: -(need(h) + car(h)))
    await record_energy(hass, own, WEEKS, car)
    settings = HouseSettings(grid_power="sensor.grid", sign_reversed=True)
    assert_is_need(await read(hass, entry, settings))


async def test_from_a_meter_with_two_directions(
    recorder_mock: Recorder, hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    await record_means(hass, "sensor.drawn", "W", WEEKS, lambda h: need(h) * 1000 + 300)
    await record_means(hass, "sensor.fed_in", "W", WEEKS, lambda _: 300.0)
    settings = HouseSettings(grid_power="sensor.drawn", fed_in_power="sensor.fed_in")
    assert_is_need(await read(hass, entry, settings))


async def test_phases_are_learned_from_the_hours_without_charging(
    recorder_mock: Recorder, hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    hass.states.async_set("sensor.l1", "3", {"unit_of_measurement": "A"})
    hass.states.async_set("sensor.l2", "460", {"unit_of_measurement": "W"})
    own = counter(hass, entry, 0, 1)
    # Charges on one evening in two.
    used = {hour for hour in WEEKS if hour.hour == 18 and hour.day % 2}
    await record_means(
        hass, "sensor.l1", "A", WEEKS, lambda h: 19.0 if h in used else 3.0
    )
    await record_means(hass, "sensor.l2", "W", WEEKS, lambda _: 460.0)
    await record_energy(hass, own, WEEKS, lambda h: 3.68 if h in used else 0.0)
    settings = HouseSettings(phases=("sensor.l1", "sensor.l2"))
    load = await read(hass, entry, settings)
    first, second = load.phases_a
    assert {round(item.value, 6) for item in first} == {3.0}
    assert {round(item.value, 6) for item in second} == {2.0}
    # And the whole is their sum, less what was charged.
    assert load.series.at(TODAY_AT[12]) == pytest.approx(5 * 230)
    assert load.series.at(TODAY_AT[19]) == pytest.approx(5 * 230, rel=0.02)


async def test_it_is_learned_anew_only_after_some_hours_or_for_other_entities(
    recorder_mock: Recorder, hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    reader = BaseLoadReader(hass, entry)
    settings = HouseSettings(grid_power="sensor.grid")
    empty = await reader.async_read(settings, BaseLoad(), NOW)
    assert not empty.series
    await record_means(hass, "sensor.grid", "W", WEEKS, lambda _: 500.0)
    again = await reader.async_read(settings, empty, NOW + timedelta(hours=1))
    assert not again.series
    later = await reader.async_read(settings, empty, NOW + timedelta(hours=7))
    assert later.series.at(NOW + timedelta(hours=8)) == pytest.approx(500)
    other = HouseSettings(grid_power="sensor.other")
    assert not (await reader.async_read(other, later, NOW)).series


async def test_connectors_count_and_else_the_main_meter(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    counter(hass, entry, 0, 0)
    one, two = counter(hass, entry, 0, 1), counter(hass, entry, 0, 2)
    main = counter(hass, entry, 1, 0)
    registry = er.async_get(hass)
    registry.async_get_or_create(
        "sensor", "ocpp_charging", "x_1_power", config_entry=entry
    )
    assert sorted(charger_counters(hass, entry)) == sorted([one, two, main])


async def test_a_recorder_that_cannot_be_read_is_no_failure_of_ours(
    recorder_mock: Recorder,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(*_: object) -> None:
        raise OperationalError("select secret", None, Exception("disk"))

    monkeypatch.setattr(history, "statistics_during_period", fail)
    caplog.set_level("DEBUG")
    load = await read(hass, entry, HouseSettings(grid_power="sensor.grid"))
    assert not load.series
    assert "Statistics cannot be read: OperationalError" in caplog.text
    assert "secret" not in caplog.text


def test_an_hour_in_which_the_grid_told_nothing_is_left_out() -> None:
    one, two = WEEKS[0], WEEKS[1]
    counters = {"grid": 1.0, "car": -1.0, "sun": 1.0}
    changes = {"grid": {one: 500.0}, "car": {one: 800.0}, "sun": {two: 900.0}}
    assert house_hours(counters, changes, ["grid"]) == {one: 0.0}
    assert house_hours(counters, changes, []) == {}
    assert house_hours(counters, {}, ["grid"]) == {}


@given(
    st.dictionaries(st.sampled_from(WEEKS[:9]), st.floats(0, 1e5)),
    st.dictionaries(st.sampled_from(WEEKS[:9]), st.floats(0, 1e5)),
)
def test_what_is_taken_away_and_added_again_is_the_same(
    hours: dict[datetime, float], more: dict[datetime, float]
) -> None:
    back = without(without(hours, [more]), [more], 1.0)
    assert back == {
        hour: pytest.approx(value, abs=1e-6) for hour, value in hours.items()
    }
