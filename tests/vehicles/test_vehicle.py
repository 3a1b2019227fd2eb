"""One car: what its entities say, and when it leaves."""

from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime, time, timedelta
from types import MappingProxyType
from typing import Any, cast
from zoneinfo import ZoneInfo

from homeassistant.core import CoreState, HomeAssistant
from homeassistant.util import dt as dt_util
from hypothesis import given, strategies as st
import pytest

from custom_components.ocpp_charging.vehicles import Vehicle, VehicleSettings

BERLIN = ZoneInfo("Europe/Berlin")
PERCENT = {"unit_of_measurement": "%"}


def vehicle(hass: HomeAssistant, **settings: Any) -> Vehicle:
    found = Vehicle(hass, VehicleSettings(key="a", name="A", **settings))
    found.read()
    return found


@pytest.mark.parametrize(
    ("state", "attributes", "soc"),
    [
        ("55", PERCENT, 55.0),
        ("54.5", {}, 54.5),
        ("0", PERCENT, 0.0),
        ("100", PERCENT, 100.0),
        ("101", PERCENT, None),
        ("-1", PERCENT, None),
        ("nan", PERCENT, None),
        ("inf", PERCENT, None),
        ("full", PERCENT, None),
        ("unknown", PERCENT, None),
        ("unavailable", PERCENT, None),
        ("40", {"unit_of_measurement": "kWh"}, None),
    ],
)
def test_a_state_of_charge_is_in_percent_or_not_known(
    hass: HomeAssistant, state: str, attributes: dict[str, str], soc: float | None
) -> None:
    hass.states.async_set("sensor.soc", state, attributes)
    hass.states.async_set("number.limit", state, attributes)
    found = vehicle(hass, soc_entity="sensor.soc", limit_entity="number.limit")
    assert found.soc == soc
    assert found.charge_limit == soc


@pytest.mark.parametrize("silent", ["unavailable", "unknown", "101"])
def test_the_charge_limit_stays_while_the_car_is_silent(
    hass: HomeAssistant, silent: str
) -> None:
    hass.states.async_set("number.limit", "80", PERCENT)
    hass.states.async_set("sensor.soc", "50", PERCENT)
    found = vehicle(hass, soc_entity="sensor.soc", limit_entity="number.limit")
    hass.states.async_set("number.limit", silent, PERCENT)
    hass.states.async_set("sensor.soc", silent, PERCENT)
    assert found.read()
    assert (found.charge_limit, found.soc) == (80, None)
    hass.states.async_set("number.limit", "70", PERCENT)
    assert found.read()
    assert found.charge_limit == 70
    # Another entity, or none, begins anew.
    assert found.configure(VehicleSettings(key="a", name="A"))
    assert found.charge_limit is None


def test_a_car_without_entities_says_nothing(hass: HomeAssistant) -> None:
    found = vehicle(hass, plugged_entity="sensor.not_there")
    assert (found.soc, found.charge_limit, found.plugged, found.home) == (None,) * 4
    assert (found.plugged_since, found.home_since) == (None, None)
    assert found.next_departure(dt_util.utcnow()) is None


@pytest.mark.parametrize(
    ("word", "plugged"),
    [
        ("on", True),
        ("connected", True),
        ("CONNECTED_AC", True),
        ("Plugged In", True),
        ("plugged_waiting_for_charge", True),
        ("charging", True),
        ("off", False),
        ("disconnected", False),
        ("not-connected", False),
        ("Unplugged", False),
        ("not_charging", None),
        ("unknown", None),
        ("unavailable", None),
        ("plug_error", None),
    ],
)
def test_the_words_of_car_makers_say_whether_it_is_plugged_in(
    hass: HomeAssistant, word: str, plugged: bool | None
) -> None:
    hass.states.async_set("sensor.plug", word)
    assert vehicle(hass, plugged_entity="sensor.plug").plugged is plugged


@pytest.mark.parametrize(
    ("entity_id", "state", "home"),
    [
        ("device_tracker.car", "home", True),
        ("device_tracker.car", "not_home", False),
        ("device_tracker.car", "Work", False),
        ("device_tracker.car", "unavailable", None),
        ("person.anna", "home", True),
        ("person.anna", "unknown", None),
        ("zone.home", "1", True),
        ("zone.home", "0", False),
        ("binary_sensor.car", "on", True),
        ("input_boolean.car", "off", False),
        ("binary_sensor.car", "odd", None),
    ],
)
def test_it_is_at_home_or_away_or_nobody_knows(
    hass: HomeAssistant, entity_id: str, state: str, home: bool | None
) -> None:
    hass.states.async_set(entity_id, state)
    assert vehicle(hass, home_entity=entity_id).home is home


def test_a_silence_in_between_is_no_change(hass: HomeAssistant) -> None:
    hass.states.async_set("binary_sensor.plug", "on")
    found = vehicle(hass, plugged_entity="binary_sensor.plug")
    since = found.plugged_since
    assert since is not None
    hass.states.async_set("binary_sensor.plug", "unavailable")
    assert found.read()
    assert (found.plugged, found.plugged_since) == (None, None)
    hass.states.async_set("binary_sensor.plug", "on")
    assert found.read()
    assert (found.plugged, found.plugged_since) == (True, since)
    hass.states.async_set("binary_sensor.plug", "off")
    assert found.read()
    assert found.plugged_since is not None
    assert found.plugged_since > since


def test_what_is_first_heard_while_home_assistant_starts_may_be_old(
    hass: HomeAssistant,
) -> None:
    hass.set_state(CoreState.starting)
    hass.states.async_set("binary_sensor.plug", "on")
    found = vehicle(hass, plugged_entity="binary_sensor.plug")
    assert (found.plugged, found.plugged_since) == (True, None)
    assert found.kept() == {"plugged": {"value": True, "since": None}}
    again = vehicle(hass)
    again.recall(found.kept())
    again.configure(VehicleSettings(key="a", name="A"))
    assert again.plugged is None


def test_since_when_it_is_plugged_in_is_known_after_a_restart(
    hass: HomeAssistant,
) -> None:
    hass.states.async_set("binary_sensor.plug", "on")
    hass.states.async_set("person.anna", "home")
    settings = VehicleSettings(
        key="a",
        name="A",
        plugged_entity="binary_sensor.plug",
        home_entity="person.anna",
    )
    before = Vehicle(hass, settings)
    before.read()
    for entity_id in ("binary_sensor.plug", "person.anna"):
        state = hass.states.get(entity_id)
        assert state is not None
        hass.states.async_remove(entity_id)
        hass.states.async_set(entity_id, state.state)
    after = Vehicle(hass, settings)
    after.recall(before.kept())
    after.read()
    assert after.plugged_since == before.plugged_since
    assert after.home_since == before.home_since


def test_what_another_entity_said_is_forgotten(hass: HomeAssistant) -> None:
    hass.states.async_set("binary_sensor.plug", "on")
    hass.states.async_set("person.anna", "home")
    found = vehicle(
        hass, plugged_entity="binary_sensor.plug", home_entity="person.anna"
    )
    assert found.configure(VehicleSettings(key="a", name="A"))
    assert (found.plugged, found.home) == (None, None)
    assert not found.configure(VehicleSettings(key="a", name="A"))


def leaving(hass: HomeAssistant, **days: time) -> Vehicle:
    numbers = {int(day.removeprefix("day")): at for day, at in days.items()}
    return vehicle(hass, departures=MappingProxyType(numbers))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "leaves", "expected"),
    [
        # Wednesday 2026-01-07, local time is UTC+1.
        ("2026-01-07 05:00", {"day2": time(7, 30)}, "2026-01-07 06:30"),
        ("2026-01-07 06:30", {"day2": time(7, 30)}, "2026-01-14 06:30"),
        ("2026-01-07 22:30", {"day3": time(0, 0)}, "2026-01-07 23:00"),
        ("2026-01-07 23:30", {"day3": time(7, 0)}, "2026-01-08 06:00"),
        ("2026-01-07 05:00", {"day0": time(7, 0)}, "2026-01-12 06:00"),
        # Clocks go forward on Sunday 2026-03-29 at 02:00: there is no 02:30.
        ("2026-03-28 12:00", {"day6": time(2, 30)}, "2026-03-29 01:30"),
        ("2026-03-28 12:00", {"day6": time(8, 0)}, "2026-03-29 06:00"),
        ("2026-03-22 08:00", {"day6": time(8, 0)}, "2026-03-29 06:00"),
        # Clocks go back on Sunday 2026-10-25 at 03:00: 02:30 is there twice.
        ("2026-10-24 12:00", {"day6": time(2, 30)}, "2026-10-25 00:30"),
        ("2026-10-25 00:45", {"day6": time(2, 30)}, "2026-11-01 01:30"),
        ("2026-10-24 12:00", {"day6": time(8, 0)}, "2026-10-25 07:00"),
    ],
)
def test_it_leaves_by_the_local_clock_whatever_that_does(
    hass: HomeAssistant, now: str, leaves: dict[str, time], expected: str
) -> None:
    with berlin():
        assert leaving(hass, **leaves).next_departure(utc(now)) == utc(expected)


@contextmanager
def berlin() -> Generator[None]:
    """Let the local clock be that of Berlin for a moment."""
    before = dt_util.get_default_time_zone()
    dt_util.set_default_time_zone(BERLIN)
    try:
        yield
    finally:
        dt_util.set_default_time_zone(before)


@given(
    now=st.datetimes(
        min_value=datetime(2026, 1, 1),  # noqa: DTZ001 - the zone comes next
        max_value=datetime(2027, 12, 31),  # noqa: DTZ001
        timezones=st.just(UTC),
    ),
    departures=st.dictionaries(st.integers(0, 6), st.times(), min_size=1),
)
def test_the_next_departure_is_ahead_and_within_a_week_and_none_is_passed_over(
    now: datetime, departures: dict[int, time]
) -> None:
    settings = VehicleSettings(key="a", name="A", departures=departures)
    found = Vehicle(cast(HomeAssistant, None), settings)  # nothing is read
    with berlin():
        at = found.next_departure(now)
    assert at is not None
    assert now < at <= now + timedelta(days=7, hours=1)
    local = at.astimezone(BERLIN)
    assert local.weekday() in departures
    moment = at - timedelta(microseconds=1)
    if moment >= now:
        with berlin():
            assert found.next_departure(moment) == at
