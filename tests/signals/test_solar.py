"""The forecast of the sun: any integration's, Solcast's lists, several added up."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import HANDLERS
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from hypothesis import given, strategies as st
import pytest

from custom_components.ocpp_charging.charging.series import Series
from custom_components.ocpp_charging.signals.keeper import Lack
from custom_components.ocpp_charging.signals.solar import (
    Caution,
    Forecast,
    SolarKnown,
    SolarSettings,
    async_find,
    async_in_dashboard,
    async_read,
    of_daylight,
    of_energies,
    of_estimates,
)

from .fixtures.world import entity, entry_of
from .recorded import dashboard, forecaster

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 6, 20, 9, 7, tzinfo=BERLIN)


@pytest.fixture(autouse=True)
async def home(
    hass: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await hass.config.async_update(time_zone="Europe/Berlin")
    freezer.move_to(NOW)
    for domain in ("forecast_solar", "my_sun", "other_sun", "solcast_solar"):
        monkeypatch.setitem(HANDLERS, domain, None)


def day_of(
    day: date, watts: float = 1000.0, zone: ZoneInfo = BERLIN
) -> dict[str, float]:
    """Return a day as Forecast.Solar has it: by hours of sun, no entries at night."""
    return {
        datetime.combine(day, time(hour), zone).isoformat(): watts * (hour - 5)
        for hour in range(6, 21)
    }


async def tell(hass: HomeAssistant, entry_id: str) -> Mapping[str, Any] | None:
    return {"wh_hours": {**day_of(NOW.date()), **day_of(date(2026, 6, 21))}}


async def tell_other(hass: HomeAssistant, entry_id: str) -> Mapping[str, Any] | None:
    return {"wh_hours": day_of(NOW.date(), 500.0)}


async def tell_nothing(hass: HomeAssistant, entry_id: str) -> Mapping[str, Any] | None:
    return None


async def fail(hass: HomeAssistant, entry_id: str) -> Mapping[str, Any] | None:
    raise HomeAssistantError("no sun today")


async def test_the_forecast_of_any_integration_is_read(hass: HomeAssistant) -> None:
    entry = await forecaster(hass, "my_sun", "South roof", tell)
    found = await async_find(hass)
    assert [forecast.title for forecast, _ in found] == ["South roof"]
    settings = SolarSettings(forecasts=(Forecast(entry_id=entry.entry_id, title="S"),))
    known = await async_read(hass, settings, SolarKnown(), NOW)
    assert known.lack is None
    assert known.series.at(NOW) == 4000
    # The hour that the key names is the one that begins then.
    at_seven = datetime(2026, 6, 20, 7, tzinfo=BERLIN)
    assert known.series.at(at_seven) == 2000
    assert known.series.at(datetime(2026, 6, 21, 2, tzinfo=BERLIN)) is None
    assert known.series.end == datetime(2026, 6, 21, 21, tzinfo=BERLIN)


DAYLIGHT: Mapping[str, int] = {
    "2026-06-20T05:18:15+02:00": 0,
    "2026-06-20T05:30:00+02:00": 5,
    "2026-06-20T06:00:00+02:00": 35,
    "2026-06-20T07:00:00+02:00": 489,
    "2026-06-20T21:00:00+02:00": 60,
    "2026-06-20T21:06:12+02:00": 1,
    "2026-06-21T05:16:16+02:00": 0,
    "2026-06-21T05:30:00+02:00": 6,
}
"""Parts of what Forecast.Solar tells: each period by its end, from sunrise on."""


async def test_forecast_solar_calls_a_period_by_its_end(hass: HomeAssistant) -> None:
    async def daylight(_hass: HomeAssistant, _entry_id: str) -> Mapping[str, Any]:
        return {"wh_hours": DAYLIGHT}

    entry = await forecaster(hass, "forecast_solar", "Roof", daylight)
    settings = SolarSettings(forecasts=(Forecast(entry_id=entry.entry_id, title="R"),))
    known = await async_read(hass, settings, SolarKnown(), NOW)

    def at(hour: int, minute: int, day: int = 20) -> float | None:
        return known.series.at(datetime(2026, 6, day, hour, minute, tzinfo=BERLIN))

    assert at(5, 20) == pytest.approx(25)
    assert at(5, 45) == pytest.approx(70)
    assert at(6, 30) == pytest.approx(489)
    assert at(7, 30) is None
    assert at(20, 30) == pytest.approx(60)
    assert at(21, 3) == pytest.approx(10)
    assert at(4, 30, day=21) == 0
    energy = sum(item.value * item.hours for item in known.series)
    assert energy == pytest.approx(sum(DAYLIGHT.values()))


def test_forecast_solar_may_once_call_a_period_by_its_beginning() -> None:
    times, energies = [*DAYLIGHT], [*DAYLIGHT.values()]
    by_beginning = dict(zip(times, [*energies[1:], 0], strict=True))
    assert of_daylight(by_beginning, BERLIN) == of_energies(by_beginning, BERLIN)


async def test_several_forecasts_are_added_up(hass: HomeAssistant) -> None:
    one = await forecaster(hass, "my_sun", "South", tell)
    other = await forecaster(hass, "other_sun", "East", tell_other)
    settings = SolarSettings(
        forecasts=(
            Forecast(entry_id=one.entry_id, title="South"),
            Forecast(entry_id=other.entry_id, title="East"),
        )
    )
    known = await async_read(hass, settings, SolarKnown(), NOW)
    assert known.series.at(NOW) == 6000
    assert known.series.at(NOW + timedelta(days=1)) == 4000
    assert [one.title for one, _ in await async_find(hass)] == ["East", "South"]


@pytest.mark.parametrize("broken", [tell_nothing, fail])
async def test_one_that_fails_is_told_and_the_others_count(
    hass: HomeAssistant, broken: Any
) -> None:
    one = await forecaster(hass, "my_sun", "South", tell)
    other = await forecaster(hass, "other_sun", "East", broken)
    settings = SolarSettings(
        forecasts=(
            Forecast(entry_id=one.entry_id, title="South"),
            Forecast(entry_id=other.entry_id, title="East"),
        )
    )
    known = await async_read(hass, settings, SolarKnown(), NOW)
    assert known.missing == ("East",)
    assert known.lack is Lack.FORECAST_FAILED
    assert known.source == "East"
    assert known.series.at(NOW) == 4000


async def test_all_are_asked_at_once_so_a_slow_one_keeps_no_other_waiting(
    hass: HomeAssistant,
) -> None:
    both_are_asked = asyncio.Barrier(2)

    async def slow(hass: HomeAssistant, entry_id: str) -> Mapping[str, Any] | None:
        await both_are_asked.wait()
        return await tell(hass, entry_id)

    south = await forecaster(hass, "my_sun", "South", slow)
    west = await forecaster(hass, "other_sun", "West", slow)
    assert [one.title for one, _ in await async_find(hass)] == ["South", "West"]
    settings = SolarSettings(
        forecasts=tuple(
            Forecast(entry_id=each.entry_id, title=each.title) for each in (south, west)
        )
    )
    known = await async_read(hass, settings, SolarKnown(), NOW)
    assert not known.missing
    assert known.series.at(NOW) == 2 * 4000


async def test_what_was_known_stays_when_none_is_told(hass: HomeAssistant) -> None:
    before = SolarKnown(series=Series.constant(5, NOW, NOW + timedelta(hours=1)))
    unknown = await entry_of(hass, "other_sun", "No platform")
    for entry_id in ("gone", unknown.entry_id):
        settings = SolarSettings(forecasts=(Forecast(entry_id=entry_id, title="S"),))
        known = await async_read(hass, settings, before, NOW)
        assert known.lack is Lack.NO_FORECAST
        assert known.series == before.series


async def test_what_the_energy_dashboard_shows_is_known(hass: HomeAssistant) -> None:
    entry = await forecaster(hass, "my_sun", "South", tell)
    assert await async_in_dashboard(hass) == set()
    await dashboard(
        hass,
        {
            "type": "solar",
            "stat_energy_from": "sensor.sun",
            "config_entry_solar_forecast": [entry.entry_id],
        },
        {
            "type": "solar",
            "stat_energy_from": "sensor.sun2",
            "config_entry_solar_forecast": None,
        },
    )
    assert await async_in_dashboard(hass) == {entry.entry_id}


# Solcast


def detailed(day: date, factor: float = 1.0) -> list[dict[str, Any]]:
    return [
        {
            "period_start": datetime.combine(day, time(hour, minute), BERLIN),
            "pv_estimate": factor * 2.0,
            "pv_estimate10": factor * 1.0,
            "pv_estimate90": factor * 3.0,
        }
        for hour in range(24)
        for minute in (0, 30)
    ]


async def solcast(hass: HomeAssistant) -> str:
    entry = await entry_of(hass, "solcast_solar", "Solcast PV Forecast")
    for name, day in (("today", NOW.date()), ("tomorrow", date(2026, 6, 21))):
        entity(
            hass,
            f"sensor.solcast_pv_forecast_forecast_{name}",
            "solcast_solar",
            "48.0",
            {"detailedForecast": detailed(day), "unit_of_measurement": "kWh"},
            entry=entry,
        )
    entity(hass, "sensor.solcast_api_used", "solcast_solar", "4", {}, entry=entry)
    return entry.entry_id


@pytest.mark.parametrize(
    ("caution", "watts"),
    [(Caution.CAUTIOUS, 1000), (Caution.LIKELY, 2000), (Caution.HOPEFUL, 3000)],
)
async def test_solcast_is_read_as_cautiously_as_the_owner_likes(
    hass: HomeAssistant, caution: Caution, watts: float
) -> None:
    entry_id = await solcast(hass)
    forecast = Forecast(entry_id=entry_id, title="Solcast")
    settings = SolarSettings(forecasts=(forecast,), caution=caution)
    known = await async_read(hass, settings, SolarKnown(), NOW)
    assert {item.value for item in known.series} == {watts}
    assert known.series.end == datetime(2026, 6, 22, tzinfo=BERLIN)
    assert len(known.entity_ids) == 2
    assert SolarSettings.from_data(settings.as_data()) == settings


async def test_solcast_is_found_by_its_lists(hass: HomeAssistant) -> None:
    await solcast(hass)
    (found,) = await async_find(hass)
    assert found[0].title == "Solcast PV Forecast"
    assert found[1].at(NOW) == 2000


async def test_solcast_with_its_lists_switched_off_is_read_as_others_are(
    hass: HomeAssistant,
) -> None:
    entry = await forecaster(hass, "solcast_solar", "Solcast", tell)
    (found,) = await async_find(hass)
    assert found[0].entry_id == entry.entry_id
    assert found[1].at(NOW) == 4000
    empty: dict[str, Any] = {"detailedForecast": []}
    entity(hass, "sensor.today", "solcast_solar", "0", empty, entry=entry)
    (found,) = await async_find(hass)
    assert found[1].at(NOW) == 4000


def test_without_percentiles_the_one_estimate_counts() -> None:
    items = [{"period_start": NOW.replace(minute=0), "pv_estimate": 1.5}]
    for caution in Caution:
        assert of_estimates([items], caution, BERLIN).at(NOW) == 1500


def test_of_two_estimates_for_one_time_the_lower_counts() -> None:
    lists = [detailed(NOW.date()), detailed(NOW.date(), 0.5)]
    assert of_estimates(lists, Caution.LIKELY, BERLIN).at(NOW) == 1000


# Time


@pytest.mark.parametrize(
    ("day", "hours"), [(date(2026, 10, 25), 25), (date(2026, 3, 29), 23)]
)
def test_days_of_23_and_25_hours_keep_their_energy(day: date, hours: int) -> None:
    start = datetime.combine(day, time(), BERLIN).astimezone(UTC)
    energies = {
        (start + timedelta(hours=index)).astimezone(BERLIN).isoformat(): 100 + index
        for index in range(hours)
    }
    series = of_energies(energies, BERLIN)
    assert len(series) == hours
    assert [item.value for item in series] == [100 + index for index in range(hours)]


def test_quarters_are_powers_and_what_is_no_number_is_left_out() -> None:
    energies = {
        "2026-06-20T09:00:00+02:00": 250,
        "2026-06-20T09:15:00+02:00": 500.0,
        "2026-06-20T09:30:00+02:00": "?",
        "nonsense": 3,
        "2026-06-20T09:45:00+02:00": -20,
        "2026-06-20T10:00:00+02:00": 125,
    }
    series = of_energies(energies, BERLIN)
    assert [item.value for item in series] == [1000, 2000, 0, 500]


@given(
    st.dictionaries(
        st.integers(0, 300), st.floats(0, 50_000, allow_nan=False), max_size=60
    )
)
def test_no_energy_is_made_or_lost(by_quarter: dict[int, float]) -> None:
    start = datetime(2026, 6, 20, tzinfo=UTC)
    energies = {
        (start + index * timedelta(minutes=15)).isoformat(): energy
        for index, energy in by_quarter.items()
    }
    series = of_energies(energies, BERLIN)
    told = sum(item.value * item.hours for item in series)
    assert told == pytest.approx(sum(by_quarter.values()), abs=1e-6)
    assert all(item.value >= 0 for item in series)
