"""CO2 of the electricity: every source in its own shape, and what is learned."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.recorder.core import Recorder
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
import pytest

from custom_components.ocpp_charging.signals.co2 import BY_KEY, list_attribute
from custom_components.ocpp_charging.signals.co2.reading import (
    Co2Known,
    Co2Reader,
    Co2Settings,
    chosen,
    find,
)
from custom_components.ocpp_charging.signals.keeper import Lack
from custom_components.ocpp_charging.signals.prices.reader import Look
from custom_components.ocpp_charging.signals.units import to_grams_per_kwh

from .fixtures.world import entity
from .recorded import hours_before, record_means

COPENHAGEN = ZoneInfo("Europe/Copenhagen")
LONDON = ZoneInfo("Europe/London")
NOW = datetime(2026, 11, 20, 14, 7, tzinfo=COPENHAGEN)


@pytest.fixture
def mock_recorder_before_hass(recorder_db_url: str) -> None:
    """Make the recorder's database before Home Assistant, as it must be."""


@pytest.fixture(autouse=True)
async def home(hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> None:
    await hass.config.async_update(time_zone="Europe/Copenhagen", currency="DKK")
    freezer.move_to(NOW)


def five_minutes(day: date, zone: ZoneInfo) -> dict[str, int]:
    """Return what Energi Data Service tells of a day, as its sensor has it."""
    start = datetime.combine(day, time(), zone).astimezone(UTC)
    end = datetime.combine(day + timedelta(days=1), time(), zone).astimezone(UTC)
    table: dict[str, int] = {}
    while start < end:
        local = start.astimezone(zone)
        table[f"{local:%H:%M}"] = local.hour * 10 + local.minute // 5
        start += timedelta(minutes=5)
    return table


def of_energi_data_service(hass: HomeAssistant) -> None:
    entity(
        hass,
        "sensor.energi_data_service_co2",
        "energidataservice",
        "141",
        {
            "next_refresh": "15:00:00",
            "emissions": five_minutes(NOW.date(), COPENHAGEN),
            "unit_of_measurement": "g/kWh",
        },
    )


def of_octopus(hass: HomeAssistant) -> None:
    nights = [
        {
            "start": datetime(2026, 11, 20 + day, 23, tzinfo=LONDON),
            "end": datetime(2026, 11, 21 + day, 6, tzinfo=LONDON),
            "greenness_index": "HIGH",
            "greenness_score": 40 + day * 10,
            "is_highlighted": day == 2,
        }
        for day in range(3)
    ]
    entity(
        hass,
        "sensor.octopus_energy_a_1_greenness_forecast_current_index",
        "octopus_energy",
        "40",
        {**nights[0], "forecast": nights},
    )


def of_carbon_intensity_uk(hass: HomeAssistant) -> None:
    start = datetime(2026, 11, 20, 13, tzinfo=UTC)
    forecast = [
        {
            "from": start + timedelta(hours=index),
            "to": start + timedelta(hours=index + 1),
            "intensity": 100.5 + index,
            "index": "moderate",
            "optimal": False,
        }
        for index in range(23)
    ]
    entity(
        hass,
        "sensor.carbon_intensity_uk",
        "carbon_intensity_uk",
        "moderate",
        {
            "current_period_from": start,
            "current_period_forecast": 100.5,
            "unit": "gCO2/kWh",
            "postcode": "SW1",
            "forecast": forecast,
        },
    )


def of_carbon_intensity(hass: HomeAssistant) -> None:
    start = datetime(2026, 11, 20, tzinfo=UTC)
    half = timedelta(minutes=30)
    for day, name in enumerate(("current_day_rates", "next_day_rates")):
        begins = [start + (48 * day + index) * half for index in range(48)]
        entity(
            hass,
            f"event.carbon_intensity_london_{name}",
            "carbon_intensity",
            "2026-11-20T00:00:00.000+00:00",
            {
                "event_type": f"carbon_intensity_{name}",
                "region": "13",
                "rates": [
                    {
                        "from": begin,
                        "to": begin + half,
                        "intensity_forecast": 100 + index + 50 * day,
                        "generation_mix": [{"fuel": "gas", "perc": 31.2}],
                    }
                    for index, begin in enumerate(begins)
                ],
            },
        )


def of_electricity_maps(hass: HomeAssistant, state: str = "212") -> None:
    entity(
        hass,
        "sensor.electricity_maps_co2_intensity",
        "co2signal",
        state,
        {
            "country_code": "DK-DK2",
            "state_class": "measurement",
            "unit_of_measurement": "gCO2eq/kWh",
        },
    )


@pytest.mark.parametrize(
    ("unit", "factor"),
    [
        ("g/kWh", 1),
        ("gCO2eq/kWh", 1),
        ("gCO₂eq/kWh", 1),
        ("g CO2/kWh", 1),
        ("g CO2-eq/kWh", 1),
        ("kg/MWh", 1),
        ("kg/kWh", 1000),
        ("kgCO2/kWh", 1000),
        ("t/MWh", 1000),
        ("lbs/MWh", 0.453592),
        ("%", None),
        ("EUR/kWh", None),
        ("g", None),
        (None, None),
        (5, None),
    ],
)
def test_units_of_co2(unit: object, factor: float | None) -> None:
    found = to_grams_per_kwh(unit)
    assert found == (None if factor is None else pytest.approx(factor))


def only(hass: HomeAssistant) -> tuple[Co2Settings, Co2Known]:
    found = find(hass, dt_util.utcnow(), "ocpp_charging")
    assert len(found) == 1
    return found[0]


async def test_energi_data_service_is_read(hass: HomeAssistant) -> None:
    of_energi_data_service(hass)
    settings, known = only(hass)
    assert settings.reader == "energi_data_service"
    assert known.step == timedelta(minutes=5)
    assert len(known.series) == 288
    assert known.series.at(NOW) == 141
    assert known.series.end == datetime(2026, 11, 21, tzinfo=COPENHAGEN)


async def test_octopus_greenness_is_turned_into_grams(hass: HomeAssistant) -> None:
    of_octopus(hass)
    settings, known = only(hass)
    assert settings.reader == "octopus"
    nights = [item.value for item in known.series]
    assert nights == pytest.approx([180, 150, 120])
    assert known.series.at(NOW) is None


async def test_carbon_intensity_uk_is_read(hass: HomeAssistant) -> None:
    of_carbon_intensity_uk(hass)
    settings, known = only(hass)
    assert settings.reader == "carbon_intensity_uk"
    assert known.series.at(NOW) == 100.5
    assert len(known.series) == 23


async def test_carbon_intensity_is_read_of_both_days(hass: HomeAssistant) -> None:
    of_carbon_intensity(hass)
    found = find(hass, NOW, "ocpp_charging")
    # Tomorrow's event is a source of its own.
    assert [settings.reader for settings, _ in found] == ["carbon_intensity"] * 2
    _, known = found[0]
    assert known.series.at(NOW) == 126
    assert known.series.at(NOW + timedelta(days=1)) == 176
    assert len(known.series) == 96
    assert len(known.entity_ids) == 2


async def test_a_present_value_alone_is_known_for_its_hour(
    hass: HomeAssistant,
) -> None:
    of_electricity_maps(hass)
    settings, known = only(hass)
    assert settings.reader == "present_value"
    read = await Co2Reader(hass).async_read(settings, Co2Known(), NOW)
    assert read.lack is None
    assert [item.value for item in read.series] == [212]
    assert read.series.end == datetime(2026, 11, 20, 15, tzinfo=COPENHAGEN)
    assert read.learned_from is None
    assert known.source.startswith("Present value")


@pytest.mark.parametrize(
    "attributes",
    [
        {"forecast": [{"datetime": "2026-11-20T13:00Z", "carbonIntensity": 7}] * 2},
        {"data": [["2026-11-20T13:00:00+00:00", 7], ["2026-11-20T14:00:00+00:00", 8]],
         "unit_of_measurement": "g/kWh"},
        {"hours": {"2026-11-20T13:00:00+00:00": 7, "2026-11-20T14:00:00+00:00": 8},
         "unit_of_measurement": "gCO2eq/kWh"},
        {"data": [{"from": "2026-11-20T13:00Z", "to": "2026-11-20T13:30Z",
                   "intensity": {"forecast": 7, "actual": None, "index": "low"}}] * 2},
        # As in the API of GrünstromIndex.
        {"forecast": [{"epochtime": 1795179600, "timeStamp": 1795179600000,
                       "gsi": 61, "co2_g_standard": 7}] * 2},
        {"records": [{"start": "2026-11-20 14:00", "co2": 0.007}] * 2,
         "unit_of_measurement": "kg/kWh"},
    ],
)  # fmt: skip
async def test_other_lists_are_understood(
    hass: HomeAssistant, attributes: dict[str, Any]
) -> None:
    hass.states.async_set("sensor.mine", "x", attributes)
    settings, known = only(hass)
    assert settings.reader == "list_attribute"
    assert known.series.at(NOW) == pytest.approx(7)


@pytest.mark.parametrize(
    ("state", "attributes"),
    [
        ("0.2", {"prices": [{"start": "2026-11-20T13:00:00+00:00", "price": 1}] * 2}),
        ("21", {"forecast": [{"datetime": "2026-11-20", "temperature": 3}] * 2}),
        ("5", {"unit_of_measurement": "g"}),
        ("unknown", {"unit_of_measurement": "g/kWh"}),
        ("4", {"forecast": ["a", "b"], "more": 5, "table": {}}),
    ],
)
async def test_what_is_not_co2_is_not_taken_for_it(
    hass: HomeAssistant, state: str, attributes: dict[str, Any]
) -> None:
    hass.states.async_set("sensor.other", state, attributes)
    assert not find(hass, dt_util.utcnow(), "ocpp_charging")


async def test_own_entities_are_no_source_and_forecasts_come_first(
    hass: HomeAssistant,
) -> None:
    of_electricity_maps(hass)
    of_energi_data_service(hass)
    entity(hass, "sensor.ours", "ocpp_charging", "3", {"unit_of_measurement": "g/kWh"})
    readers = [one.reader for one, _ in find(hass, dt_util.utcnow(), "ocpp_charging")]
    assert readers == ["energi_data_service", "present_value"]


async def test_an_entity_that_the_owner_names_is_read_as_well_as_it_can_be(
    hass: HomeAssistant,
) -> None:
    hass.states.async_set("sensor.plain", "88")
    state = hass.states.get("sensor.plain")
    assert state is not None
    found = chosen(hass, state, NOW)
    assert found is not None
    assert found[0].reader == "present_value"
    assert found[1].series.at(NOW) == 88
    hass.states.async_set("sensor.plain", "warm")
    state = hass.states.get("sensor.plain")
    assert state is not None
    assert chosen(hass, state, NOW) is None


@pytest.mark.parametrize(
    ("day", "minutes"), [(date(2026, 10, 25), 24 * 60), (date(2027, 3, 28), 23 * 60)]
)
async def test_a_table_by_time_of_day_is_right_when_clocks_change(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, day: date, minutes: int
) -> None:
    now = datetime.combine(day, time(14, 7), COPENHAGEN)
    freezer.move_to(now)
    table = five_minutes(day, COPENHAGEN)
    entity(hass, "sensor.co2", "energidataservice", "1", {"emissions": table})
    _, known = only(hass)
    assert (
        known.series.covered(
            datetime.combine(day, time(), COPENHAGEN),
            datetime.combine(day + timedelta(days=1), time(), COPENHAGEN),
        )
        == minutes * 60
    )
    for item in known.series:
        local = item.start.astimezone(COPENHAGEN)
        assert item.value == local.hour * 10 + local.minute // 5


async def test_odd_entries_are_left_out_and_counted(hass: HomeAssistant) -> None:
    table: dict[Any, Any] = {"14:00": 5, "noon": 6, "14:05": "?", "14:10": -3}
    entity(hass, "sensor.co2", "energidataservice", "1", {"emissions": table})
    _, known = only(hass)
    assert sum(known.problems.values()) == 2
    assert [item.value for item in known.series] == [5, 0]


def test_a_table_that_is_none_tells_nothing() -> None:
    look = Look(
        state="1", attributes={"emissions": 5}, day=NOW.date(), now=NOW, zone=COPENHAGEN
    )
    assert not BY_KEY["energi_data_service"].read([look])[0].points
    assert not list_attribute.read([look])[0].points
    assert not BY_KEY["present_value"].read([look])[0].problems


# What is learned


def by_hour(start: datetime) -> float:
    """Return a day's shape: dirty in the evening, clean at noon."""
    return 100.0 + 20 * abs(start.astimezone(COPENHAGEN).hour - 12)


async def test_a_present_value_is_extended_by_the_shape_that_was_recorded(
    recorder_mock: Recorder, hass: HomeAssistant
) -> None:
    of_electricity_maps(hass)
    settings, _ = only(hass)
    hours = hours_before(NOW, 21 * 24)
    entity_id = "sensor.electricity_maps_co2_intensity"
    await record_means(hass, entity_id, "gCO2eq/kWh", hours, by_hour)
    known = await Co2Reader(hass).async_read(settings, Co2Known(), NOW)
    assert known.hours_seen == 21 * 24
    assert known.learned_from == datetime(2026, 11, 20, 15, tzinfo=COPENHAGEN)
    assert known.series.at(NOW) == 212
    # 72 more than usual at 14:00 fades away; the shape stays.
    noon = datetime(2026, 11, 21, 12, 30, tzinfo=COPENHAGEN)
    evening = datetime(2026, 11, 21, 22, 30, tzinfo=COPENHAGEN)
    assert known.series.at(noon) == pytest.approx(100, abs=25)
    assert known.series.at(evening) == pytest.approx(300, abs=25)
    assert known.series.end == datetime(2026, 11, 22, 14, tzinfo=COPENHAGEN)


async def test_the_hours_that_were_are_kept_and_those_expected_are_not(
    recorder_mock: Recorder, hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    of_electricity_maps(hass)
    settings, _ = only(hass)
    entity_id = "sensor.electricity_maps_co2_intensity"
    hours = hours_before(NOW, 72)
    await record_means(hass, entity_id, "gCO2eq/kWh", hours, by_hour)
    reader = Co2Reader(hass)
    first = await reader.async_read(settings, Co2Known(), NOW)
    later = NOW + timedelta(hours=1)
    freezer.move_to(later)
    of_electricity_maps(hass, "400")
    second = await reader.async_read(settings, first, later)
    assert second.series.at(NOW) == 212
    assert second.series.at(later) == 400
    night = datetime(2026, 11, 20, 20, tzinfo=COPENHAGEN)
    before, after = first.series.at(night), second.series.at(night)
    assert before is not None
    assert after is not None
    assert after > before


async def test_what_was_known_stays_when_the_source_fails(hass: HomeAssistant) -> None:
    of_energi_data_service(hass)
    settings, _ = only(hass)
    reader = Co2Reader(hass)
    first = await reader.async_read(settings, Co2Known(), NOW)
    for state, lack in (("unavailable", Lack.UNAVAILABLE), ("5", Lack.NO_VALUES)):
        hass.states.async_set("sensor.energi_data_service_co2", state)
        failed = await reader.async_read(settings, first, NOW)
        assert failed.lack is lack
        assert failed.series == first.series
    hass.states.async_remove("sensor.energi_data_service_co2")
    failed = await reader.async_read(settings, first, NOW)
    assert failed.lack is Lack.NO_ENTITY
    old = {"emissions": {"01:00": 5}}
    hass.states.async_set("sensor.energi_data_service_co2", "5", old)
    failed = await reader.async_read(settings, first, NOW)
    assert failed.lack is Lack.OUTDATED


def test_settings_are_kept_as_they_are() -> None:
    settings = Co2Settings(reader="octopus", target="abc", title="Octopus")
    assert Co2Settings.from_data(settings.as_data()) == settings
    empty: Mapping[str, Any] = {}
    assert Co2Settings.from_data(empty).reader == ""
