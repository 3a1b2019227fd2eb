"""What the grid asks for: switches, watts and calendars, known before they begin."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant, ServiceCall, SupportsResponse
from hypothesis import given, strategies as st
import pytest

from custom_components.ocpp_charging.charging.series import Interval, Series
from custom_components.ocpp_charging.signals.demand import reading
from custom_components.ocpp_charging.signals.demand.asked import (
    Asked,
    of_asked,
    of_events,
)
from custom_components.ocpp_charging.signals.demand.found import find
from custom_components.ocpp_charging.signals.demand.reading import (
    DemandKnown,
    async_read,
)
from custom_components.ocpp_charging.signals.demand.settings import (
    DemandSettings,
    DemandSource,
)
from custom_components.ocpp_charging.signals.keeper import Lack

from .calendars import calendar
from .fixtures.world import entity

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 20, 14, 7, tzinfo=BERLIN)
RELAY = DemandSource(entity_id="binary_sensor.relay", title="Relay", limit_w=4200.0)
BOX = DemandSource(entity_id="sensor.box", title="Box")
CALENDAR = DemandSource(
    entity_id="calendar.grid", title="Grid", limit_w=0.0, extra_price=0.5
)


@pytest.fixture(autouse=True)
async def home(hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> None:
    await hass.config.async_update(time_zone="Europe/Berlin")
    freezer.move_to(NOW)


async def read(
    hass: HomeAssistant,
    *sources: DemandSource,
    before: DemandKnown | None = None,
    now: datetime = NOW,
) -> DemandKnown:
    settings = DemandSettings(sources=sources)
    return await async_read(hass, settings, before or DemandKnown(), now)


def span(start: datetime, end: datetime, value: float) -> Series:
    return Series([Interval(start=start, end=end, value=value)])


async def test_a_switch_limits_while_it_is_on(hass: HomeAssistant) -> None:
    hass.states.async_set("binary_sensor.relay", "off")
    known = await read(hass, RELAY)
    assert not known.limit
    assert known.lack is None
    hass.states.async_set("binary_sensor.relay", "on")
    known = await read(hass, RELAY)
    assert known.limit.at(NOW) == 4200
    # Nobody knows for how long: the next full hour and one more.
    assert known.limit.end == datetime(2026, 11, 20, 16, tzinfo=BERLIN)
    assert not known.extra_price


async def test_a_saving_session_is_known_before_it_begins(hass: HomeAssistant) -> None:
    start = datetime(2026, 11, 20, 17, 30, tzinfo=BERLIN)
    end = start + timedelta(hours=1)
    session = "octopus_energy_a_1_octoplus_saving_sessions"
    attributes = {
        "current_joined_event_start": None,
        "current_joined_event_end": None,
        "current_joined_event_duration_in_minutes": None,
        "next_joined_event_start": start,
        "next_joined_event_end": end.isoformat(),
        "next_joined_event_duration_in_minutes": 60,
    }
    entity(hass, f"binary_sensor.{session}", "octopus_energy", "off", attributes)
    source = DemandSource(entity_id=f"binary_sensor.{session}", extra_price=2.25)
    known = await read(hass, source)
    assert known.extra_price == span(start, end, 2.25)
    assert not known.limit
    # And while it runs, it ends when it was told to end.
    attributes = {"current_joined_event_start": start, "current_joined_event_end": end}
    entity(hass, f"binary_sensor.{session}", "octopus_energy", "on", attributes)
    known = await read(hass, source, now=start + timedelta(minutes=5))
    assert known.extra_price == span(start, end, 2.25)


@pytest.mark.parametrize(
    ("state", "unit", "limit"),
    [
        ("4200", "W", 4200),
        ("4.2", "kW", 4200),
        ("0", "W", 0),
        ("4200", None, 4200),
        ("unknown", "W", None),
        ("none", None, None),
        ("-1", "W", None),
        ("30000000000", "W", None),
    ],
)
async def test_watts_that_may_be_drawn_are_a_limit(
    hass: HomeAssistant, state: str, unit: str | None, limit: float | None
) -> None:
    hass.states.async_set("sensor.box", state, {"unit_of_measurement": unit or "W"})
    known = await read(hass, BOX)
    assert known.limit.at(NOW) == limit
    assert known.lack is None


@pytest.mark.parametrize("unit", ["A", "°C", "kWh"])
async def test_what_does_not_measure_power_is_no_limit_and_that_is_told(
    hass: HomeAssistant, unit: str
) -> None:
    hass.states.async_set("sensor.box", "16", {"unit_of_measurement": unit})
    known = await read(hass, BOX)
    assert not known.limit
    assert known.lack is Lack.OTHER_UNIT


@pytest.mark.parametrize(
    ("kind", "lack"), [("timestamp", Lack.NO_END), ("date", Lack.OTHER_UNIT)]
)
async def test_when_something_begins_is_no_limit_and_that_is_told(
    hass: HomeAssistant, kind: str, lack: Lack
) -> None:
    attributes = {"device_class": kind}
    hass.states.async_set("sensor.box", "2026-11-20T17:00:00+00:00", attributes)
    known = await read(hass, BOX)
    assert known.lack is lack
    assert not known.limit


async def test_of_several_limits_the_lowest_counts_and_prices_add_up(
    hass: HomeAssistant,
) -> None:
    hass.states.async_set("binary_sensor.relay", "on")
    hass.states.async_set("sensor.box", "3", {"unit_of_measurement": "kW"})
    hass.states.async_set("switch.peak", "on")
    peak = DemandSource(entity_id="switch.peak", extra_price=0.2, limit_w=9000)
    more = DemandSource(entity_id="input_boolean.more", extra_price=0.1)
    hass.states.async_set("input_boolean.more", "on")
    known = await read(hass, RELAY, BOX, peak, more)
    assert known.limit.at(NOW) == 3000
    assert known.extra_price.at(NOW) == pytest.approx(0.3)
    assert len(known.asked) == 4


async def test_of_a_source_that_is_away_what_it_told_last_counts(
    hass: HomeAssistant,
) -> None:
    hass.states.async_set("binary_sensor.relay", "on")
    hass.states.async_set("sensor.box", "9000", {"unit_of_measurement": "W"})
    first = await read(hass, RELAY, BOX)
    hass.states.async_set("binary_sensor.relay", "unavailable")
    second = await read(hass, RELAY, BOX, before=first)
    assert second.lack is Lack.UNAVAILABLE
    assert second.source == "Relay"
    assert second.limit.at(NOW) == 4200
    later = NOW + timedelta(hours=2)
    third = await read(hass, RELAY, BOX, before=second, now=later)
    assert third.limit.at(later) == 9000
    hass.states.async_remove("binary_sensor.relay")
    gone = await read(hass, RELAY, BOX, before=third, now=later)
    assert gone.lack is Lack.NO_ENTITY


async def test_a_contact_that_has_not_told_yet_is_not_taken_to_be_off(
    hass: HomeAssistant,
) -> None:
    hass.states.async_set("binary_sensor.relay", "on")
    first = await read(hass, RELAY)
    hass.states.async_set("binary_sensor.relay", "unknown")
    second = await read(hass, RELAY, before=first)
    assert second.limit == first.limit
    assert second.lack is None
    hass.states.async_set("binary_sensor.relay", "off")
    assert not (await read(hass, RELAY, before=second)).limit


# Calendars


type AddEvent = Callable[..., Awaitable[None]]


@pytest.fixture
async def add_event(hass: HomeAssistant) -> AsyncGenerator[AddEvent]:
    """Return how to put an event into the calendar `calendar.grid`."""
    made = await calendar(hass)
    yield made.add
    await made.async_remove()


async def test_the_events_of_a_calendar_are_limits_and_prices(
    hass: HomeAssistant, add_event: AddEvent
) -> None:
    await add_event(
        "Peak event",
        start="2026-11-21 17:00:00",
        end="2026-11-21 19:00:00",
    )
    await add_event(
        "Running",
        start="2026-11-20 13:00:00",
        end="2026-11-20 15:00:00",
    )
    known = await read(hass, CALENDAR)
    assert known.lack is None
    assert [each.title for each in known.asked] == ["Running", "Peak event"]
    assert known.limit.at(NOW) == 0
    evening = datetime(2026, 11, 21, 18, tzinfo=BERLIN)
    assert known.limit.at(evening) == 0
    assert known.extra_price.at(evening) == 0.5
    assert known.limit.at(evening + timedelta(hours=2)) is None


async def test_only_events_with_the_words_count(
    hass: HomeAssistant, add_event: AddEvent
) -> None:
    for summary in ("Saving Session", "Birthday"):
        await add_event(
            summary,
            start="2026-11-21 17:00:00",
            end="2026-11-21 18:00:00",
        )
    source = DemandSource(
        entity_id="calendar.grid", title="Grid", limit_w=0, words="saving"
    )
    known = await read(hass, source)
    assert [each.title for each in known.asked] == ["Saving Session"]


@pytest.mark.parametrize(
    ("now", "day", "until", "hours"),
    [
        ("2026-10-24 14:07", "2026-10-25", "2026-10-26", 25),
        ("2026-03-28 14:07", "2026-03-29", "2026-03-30", 23),
    ],
)
async def test_a_whole_day_is_a_local_one(
    hass: HomeAssistant,
    add_event: AddEvent,
    freezer: FrozenDateTimeFactory,
    now: str,
    day: str,
    until: str,
    hours: int,
) -> None:
    moment = datetime.fromisoformat(now).replace(tzinfo=BERLIN)
    freezer.move_to(moment)
    await add_event("Day", start=day, end=until)
    known = await read(hass, CALENDAR, now=moment)
    assert [item.hours for item in known.limit] == [hours]


async def test_a_calendar_that_cannot_be_asked_keeps_what_it_told(
    hass: HomeAssistant, add_event: AddEvent
) -> None:
    await add_event(
        "Peak",
        start="2026-11-22 17:00:00",
        end="2026-11-22 19:00:00",
    )
    first = await read(hass, CALENDAR)
    hass.services.async_remove("calendar", "get_events")
    later = NOW + timedelta(days=1)
    second = await read(hass, CALENDAR, before=first, now=later)
    assert second.lack is Lack.CALENDAR_FAILED
    assert second.limit == first.limit


async def test_a_calendar_that_never_answers_is_not_waited_for(
    hass: HomeAssistant, add_event: AddEvent, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add_event("Peak", start="2026-11-22 17:00:00", end="2026-11-22 19:00:00")
    waits = asyncio.Event()

    async def never(_call: ServiceCall) -> None:
        await waits.wait()

    answers = SupportsResponse.ONLY
    hass.services.async_register(
        "calendar", "get_events", never, supports_response=answers
    )
    monkeypatch.setattr(reading, "ANSWER_TIMEOUT", 0)
    known = await read(hass, CALENDAR)
    assert known.lack is Lack.CALENDAR_FAILED


def test_events_that_are_none_are_left_out() -> None:
    events: list[dict[str, Any]] = [
        {"start": "2026-99-99", "end": "2026-11-21", "summary": "no day"},
        {"start": "2026-11-21", "end": "2026-11-21", "summary": "no length"},
        {"start": None, "end": None},
        {"start": "2026-11-20T17:00:00+01:00", "end": "2026-11-20T18:00:00+01:00"},
    ]
    found = of_events(events, CALENDAR, BERLIN)
    assert [each.title for each in found] == ["Grid"]
    assert found[0].start == datetime(2026, 11, 20, 16, tzinfo=UTC)


# In common


async def test_what_looks_like_it_is_found(hass: HomeAssistant) -> None:
    for name in (
        "calendar.family",
        "binary_sensor.octopus_energy_a_octoplus_saving_sessions",
        "sensor.eebus_lpc_limit",
        "binary_sensor.door",
        "sensor.temperature",
    ):
        hass.states.async_set(name, "off")
    entity(hass, "sensor.ours_power_limit", "ocpp_charging", "5", {})
    found = {state.entity_id for state in find(hass, "ocpp_charging")}
    assert found == {
        "calendar.family",
        "binary_sensor.octopus_energy_a_octoplus_saving_sessions",
        "sensor.eebus_lpc_limit",
    }


@pytest.mark.parametrize(
    ("entity_id", "name"),
    [
        ("binary_sensor.shelly_input_0", "Rundsteuerempfänger"),
        ("binary_sensor.ss_14a_enwg", None),
        ("switch.relay_2", "§14a"),
        ("binary_sensor.evu_sperre", None),
        ("binary_sensor.wp", "SG Ready 1"),
        ("input_boolean.dimmen", None),
        ("number.netzbezug", "Bezugslimit Netz"),
        ("binary_sensor.toonfrequentsignaal", None),
        ("sensor.p1", "Vermogenslimiet netbeheerder"),
        ("binary_sensor.contact", "Délestage"),
        ("binary_sensor.linky", "EJP en cours"),
        ("sensor.effektbegransning", None),
        ("sensor.x", "Effektbegrænsning"),
        ("switch.laststyring", None),
        ("binary_sensor.verkko", "Kysyntäjousto"),
        ("sensor.limite_di_potenza", None),
        ("sensor.contador", "Límite de potencia"),
        ("binary_sensor.ripple_control", None),
    ],
)
async def test_a_contact_of_the_grid_is_found_in_the_owner_s_words(
    hass: HomeAssistant, entity_id: str, name: str | None
) -> None:
    hass.states.async_set(entity_id, "off", {"friendly_name": name} if name else {})
    assert [state.entity_id for state in find(hass, "ocpp_charging")] == [entity_id]


@pytest.mark.parametrize(
    "entity_id",
    [
        "switch.living_room_speaker",
        "switch.dimmer_kitchen",
        "binary_sensor.node_14ab",
        "sensor.flexit_ventilation_power",
        "sensor.temporary",
    ],
)
async def test_what_only_sounds_alike_is_no_wish_of_the_grid(
    hass: HomeAssistant, entity_id: str
) -> None:
    hass.states.async_set(entity_id, "off")
    assert not find(hass, "ocpp_charging")


def test_settings_are_kept_as_they_are() -> None:
    settings = DemandSettings(sources=(RELAY, BOX, CALENDAR))
    assert DemandSettings.from_data(settings.as_data()) == settings
    with pytest.raises(ValueError, match="light"):
        DemandSettings.from_data({"sources": [{"entity": "light.a"}]})


@given(
    st.lists(
        st.tuples(
            st.integers(0, 50),
            st.integers(1, 20),
            st.none() | st.integers(0, 9000),
            st.none() | st.integers(-3, 3),
        ),
        max_size=8,
    ),
    st.integers(0, 80),
)
def test_each_moment_has_the_lowest_limit_and_all_prices(
    items: list[tuple[int, int, int | None, int | None]], minute: int
) -> None:
    start = datetime(2026, 11, 20, tzinfo=UTC)
    one = timedelta(minutes=1)
    asked = [
        Asked(
            start=start + begin * one,
            end=start + (begin + length) * one,
            title="x",
            limit_w=limit,
            extra_price=price,
        )
        for begin, length, limit, price in items
    ]
    limits, prices = of_asked(asked)
    at = start + minute * one
    there = [each for each in asked if each.start <= at < each.end]
    low = [each.limit_w for each in there if each.limit_w is not None]
    more = [each.extra_price for each in there if each.extra_price is not None]
    assert limits.at(at) == min(low, default=None)
    assert prices.at(at) == (sum(more) if more else None)
