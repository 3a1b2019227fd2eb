"""Reading a source once: odd shapes, other units, and whatever goes wrong."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant, ServiceCall, SupportsResponse
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.ocpp_charging.charging.series import Series
from custom_components.ocpp_charging.signals.prices.found import (
    Candidate,
    async_find,
    candidate_of,
    chosen_candidate,
)
from custom_components.ocpp_charging.signals.prices.reading import (
    Failure,
    Reading,
    async_read,
)
from custom_components.ocpp_charging.signals.prices.settings import (
    PriceSettings,
    Side,
)
from custom_components.ocpp_charging.signals.told import Problem

from .conftest import Install
from .fixtures.world import entity, entry_of, register

BERLIN = ZoneInfo("Europe/Berlin")
MIDNIGHT = datetime(2026, 11, 20, tzinfo=BERLIN)
NOW = MIDNIGHT.replace(hour=14, minute=7)


@pytest.fixture(autouse=True)
async def _berlin(hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> None:
    await hass.config.async_update(time_zone="Europe/Berlin", currency="EUR")
    freezer.move_to(NOW)


def hours(day: int = 0) -> list[datetime]:
    start = MIDNIGHT + timedelta(days=day)
    return [start + timedelta(hours=hour) for hour in range(24)]


EXPECTED = [
    (start.astimezone(UTC), start.astimezone(UTC) + timedelta(hours=1), 0.2 + index)
    for index, start in enumerate((*hours(), *hours(1)))
]
FIRST, SECOND = EXPECTED[:24], EXPECTED[24:]


def told(
    rows: list[tuple[datetime, datetime, float]],
    key: str,
    value: str,
    end: str | None = None,
    *,
    scale: float = 1,
    write: Callable[[datetime], Any] = datetime.isoformat,
) -> list[dict[str, Any]]:
    return [
        {
            key: write(begins.astimezone(BERLIN)),
            value: price * scale,
            **({end: write(until.astimezone(BERLIN))} if end else {}),
        }
        for begins, until, price in rows
    ]


SHAPES: Mapping[str, Mapping[str, Any]] = {
    "pair of prices": {
        "prices_today": told(FIRST, "time", "price"),
        "prices_tomorrow": told(SECOND, "time", "price"),
    },
    "pair that begins with the day": {
        "today_interval_prices": told(FIRST, "time", "value"),
        "tomorrow_interval_prices": told(SECOND, "time", "value"),
    },
    "raw pair, datetimes": {
        "raw_today": told(FIRST, "start", "value", "end", write=lambda when: when),
        "raw_tomorrow": told(SECOND, "start", "value", "end", write=lambda when: when),
    },
    "one list with ends": {"data": told(EXPECTED, "start_time", "price", "end_time")},
    "forecast": {"forecast": told(EXPECTED, "datetime", "electricity_price")},
    "as in the API of Tibber": {"prices": told(EXPECTED, "startsAt", "total")},
    "as in the API of Octopus": {
        "rates": told(EXPECTED, "valid_from", "value_inc_vat", "valid_to")
    },
    "as in the API of aWATTar": {
        "data": told(
            EXPECTED,
            "start_timestamp",
            "marketprice",
            "end_timestamp",
            scale=1000,
            write=lambda when: int(when.timestamp() * 1000),
        )
    },
    "cents by name": {"data": told(EXPECTED, "start", "price_ct_per_kwh", scale=100)},
    "another name of the list": {"my_list": told(EXPECTED, "from", "price", "till")},
    "another name of the price": {"prices": told(EXPECTED, "start", "preis", "end")},
    "local times without zone": {
        "prices": told(
            EXPECTED, "hour", "price", write=lambda when: f"{when:%Y-%m-%d %H:%M}"
        )
    },
    "text as numbers": {
        "prices": [
            {**item, "price": str(item["price"]).replace(".", ",")}
            for item in told(EXPECTED, "start", "price")
        ]
    },
    "from time to price": {
        "prices": {start.isoformat(): price for start, _, price in EXPECTED}
    },
    "from time to price, a table for each day": {
        "today_hours": {start.astimezone(BERLIN): price for start, _, price in FIRST},
        "tomorrow_hours": {start: price for start, _, price in SECOND},
    },
    "pairs": {"data": [[start.isoformat(), price] for start, _, price in EXPECTED]},
    "bare numbers of both days": {
        "today": [price for _, _, price in FIRST],
        "tomorrow": [price for _, _, price in SECOND],
    },
    "unsorted": {"prices": told(EXPECTED, "start", "price")[::-1]},
    "twice": {"prices": told(EXPECTED, "start", "price") * 2},
}


def rows(series: Series) -> list[tuple[datetime, datetime, float]]:
    return [(item.start, item.end, round(item.value, 6)) for item in series]


def chosen(hass: HomeAssistant, entity_id: str = "sensor.x") -> Candidate:
    state = hass.states.get(entity_id)
    assert state is not None
    return chosen_candidate(hass, state, dt_util.utcnow())


@pytest.mark.parametrize("shape", SHAPES)
async def test_a_list_may_have_many_shapes(hass: HomeAssistant, shape: str) -> None:
    hass.states.async_set("sensor.x", "1", SHAPES[shape])
    candidate = chosen(hass)
    assert candidate.source.reader == "list_attribute"
    assert rows(candidate.reading.series) == rows_of(EXPECTED)
    assert not candidate.reading.problems


def rows_of(
    expected: list[tuple[datetime, datetime, float]],
) -> list[tuple[datetime, datetime, float]]:
    return [(start, end, round(price, 6)) for start, end, price in expected]


async def test_bare_numbers_know_days_when_the_clocks_change(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    freezer.move_to(datetime(2026, 10, 25, 12, tzinfo=BERLIN))
    hass.states.async_set("sensor.x", "1", {"today": [0.1] * 100, "tomorrow": [1] * 24})
    series = chosen(hass).reading.series
    assert series.start == datetime(2026, 10, 24, 22, tzinfo=UTC)
    assert series.end == datetime(2026, 10, 26, 23, tzinfo=UTC)
    assert len(series) == 124


@pytest.mark.parametrize(
    "attributes",
    [
        {"today": [0.1] * 7},
        {"prices": []},
        {"prices": None},
        {"prices": "0.1, 0.2"},
        {"prices": [None, None]},
        {"prices": [[]]},
        {"prices": [{"start": "x", "price": 1}] * 3},
        {"forecast": [{"datetime": NOW.isoformat(), "temperature": 7, "wind": 2}] * 3},
        {"detailedForecast": [{"period_start": NOW, "pv_estimate": 1, "x": 2}] * 3},
        {"entity_id": ["sensor.a", "sensor.b"]},
    ],
)
async def test_what_is_no_list_of_prices_is_none(
    hass: HomeAssistant, attributes: Mapping[str, Any]
) -> None:
    hass.states.async_set("sensor.x", "unknown", attributes)
    assert chosen(hass).reading.failure is Failure.NO_PRICES
    assert not await async_find(hass, dt_util.utcnow(), "ocpp_charging")


@pytest.mark.parametrize(
    ("unit", "table", "found"),
    [
        ("€/MWh", {start: price for start, _, price in EXPECTED}, "list_attribute"),
        ("€/MWh", {"average": 0.2, "highest": 0.3}, "present_value"),
        ("€/MWh", {start: None for start, _, _ in EXPECTED}, "present_value"),
        ("€/MWh", {0: 0.2, 1: 0.3}, "present_value"),
        ("W", {start: price for start, _, price in EXPECTED}, None),
    ],
    ids=["prices", "words", "nothing", "places", "powers"],
)
async def test_a_table_of_prices_is_found_by_its_unit(
    hass: HomeAssistant, unit: str, table: Mapping[Any, Any], found: str | None
) -> None:
    attributes = {"unit_of_measurement": unit, "hours": table}
    hass.states.async_set("sensor.x", "210", attributes)
    candidates = await async_find(hass, dt_util.utcnow(), "ocpp_charging")
    assert [each.source.reader for each in candidates] == ([found] if found else [])


async def test_bad_points_are_counted_and_the_others_taken(
    hass: HomeAssistant,
) -> None:
    items = told(EXPECTED, "start", "price")
    items[3]["price"] = float("nan")
    items[5]["start"] = "soon"
    items[7]["price"] = None
    items.append({"start": "1970-01-01T00:00:00+00:00", "price": 5})
    hass.states.async_set("sensor.x", "1", {"prices": items})
    reading = chosen(hass).reading
    assert len(reading.series) == 45
    assert reading.series.at(EXPECTED[3][0]) is None
    assert reading.problems == {Problem.NO_VALUE: 2, Problem.NO_TIME: 2}


async def test_lists_that_were_not_rolled_over_at_midnight_are_no_contradiction(
    hass: HomeAssistant, install: Install, freezer: FrozenDateTimeFactory
) -> None:
    """After midnight `today` is still yesterday, and `tomorrow` is today."""
    world, expected = await install("nordpool_hacs")
    freezer.move_to(world.midnight(world.tomorrow) + timedelta(minutes=1))
    (candidate,) = await async_find(hass, dt_util.utcnow(), "ocpp_charging")
    assert rows(candidate.reading.series) == rows(expected.series)
    assert candidate.ahead(dt_util.utcnow()).end == expected.series.end
    state = hass.states.get("sensor.nordpool_kwh_se3_sek_3_10_025")
    assert state is not None
    # Then both lists are of the same day for a while.
    attributes = {**state.attributes, "raw_today": state.attributes["raw_tomorrow"]}
    hass.states.async_set(state.entity_id, "40.1", attributes)
    (candidate,) = await async_find(hass, dt_util.utcnow(), "ocpp_charging")
    assert candidate.reading.series.start == world.midnight(world.tomorrow)
    assert len(candidate.reading.series) == 96
    assert not candidate.reading.problems


async def test_the_first_list_is_trusted_where_two_disagree(
    hass: HomeAssistant, install: Install
) -> None:
    world, _ = await install("octopus")
    meter = "event.octopus_energy_electricity_21e1_1013"
    state = hass.states.get(f"{meter}_current_day_rates")
    assert state is not None
    # An event that is late: what was the next day is the current one.
    rates = [{**rate, "value_inc_vat": 9} for rate in state.attributes["rates"]]
    hass.states.async_set(
        f"{meter}_next_day_rates", "x", {**state.attributes, "rates": rates}
    )
    reading = await read(hass, "octopus", f"{meter}_current_day_rates")
    assert reading.series == Series(world.day(world.today))


async def read(
    hass: HomeAssistant, reader: str, target: str = "", **changes: Any
) -> Reading:
    settings = PriceSettings.from_data({"reader": reader, "target": target, **changes})
    return await async_read(hass, settings, dt_util.utcnow())


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        ("auto", 0.2),
        ("main_per_kwh", 20.0),
        ("hundredths_per_kwh", 0.2),
        ("main_per_mwh", 0.02),
        ("hundredths_per_mwh", 0.0002),
    ],
)
async def test_the_owner_may_know_the_unit_better(
    hass: HomeAssistant, unit: str, expected: float
) -> None:
    hass.states.async_set(
        "sensor.x",
        "1",
        {
            "prices": told(EXPECTED, "start", "price", scale=100),
            "unit_of_measurement": "Öre/kWh",
            "currency": "SEK",
        },
    )
    reading = await read(hass, "list_attribute", "sensor.x", unit=unit)
    assert reading.series.at(EXPECTED[0][0]) == pytest.approx(expected)
    assert reading.currency == "SEK"


async def test_cents_are_known_by_a_flag_where_the_unit_says_nothing(
    hass: HomeAssistant,
) -> None:
    hass.states.async_set(
        "sensor.x",
        "1",
        {
            "raw_today": told(FIRST, "hour", "price", scale=100),
            "use_cent": True,
            "currency": "DKK",
        },
    )
    reading = await read(hass, "energi_data_service", "sensor.x")
    assert reading.series.at(EXPECTED[0][0]) == pytest.approx(0.2)
    assert reading.currency == "DKK"


async def test_the_sign_may_be_turned(hass: HomeAssistant) -> None:
    hass.states.async_set("sensor.x", "1", SHAPES["pairs"])
    reading = await read(hass, "list_attribute", "sensor.x", reversed=True)
    assert reading.series.at(EXPECTED[0][0]) == pytest.approx(-0.2)


async def test_the_price_of_now_is_known_for_this_hour_alone(
    hass: HomeAssistant,
) -> None:
    hass.states.async_set("sensor.x", "0.31")
    candidate = chosen(hass)
    assert candidate.source.reader == "present_value"
    assert rows(candidate.reading.series) == [(*EXPECTED[14][:2], 0.31)]


async def test_a_typed_price_is_known_for_a_week_and_two_days_back(
    hass: HomeAssistant,
) -> None:
    reading = await read(hass, "typed", amount=0.3)
    assert reading.failure is None
    assert reading.series.start == MIDNIGHT - timedelta(days=2)
    assert reading.series.end == MIDNIGHT + timedelta(days=8)
    assert [item.value for item in reading.series] == [0.3]


async def test_a_renamed_entity_is_still_the_source(hass: HomeAssistant) -> None:
    entity(hass, "sensor.x", "template", "1", SHAPES["pairs"])
    candidate = chosen(hass)
    er.async_get(hass).async_update_entity("sensor.x", new_entity_id="sensor.y")
    await hass.async_block_till_done()
    hass.states.async_remove("sensor.x")
    hass.states.async_set("sensor.y", "1", SHAPES["pairs"])
    reading = await read(hass, "list_attribute", candidate.source.target)
    assert reading.entity_ids == ("sensor.y",)
    assert len(reading.series) == 48


async def test_our_own_sensor_is_no_source(hass: HomeAssistant) -> None:
    entity(hass, "sensor.x", "ocpp_charging", "1", SHAPES["pairs"])
    entity(hass, "sensor.y", "rest", "0.2", {"unit_of_measurement": "EUR/kWh"})
    found = await async_find(hass, dt_util.utcnow(), "ocpp_charging")
    assert [item.title for item in found] == ["Present value · y"]


async def test_known_integrations_come_first_and_their_other_sensors_not_at_all(
    hass: HomeAssistant, install: Install
) -> None:
    await install("entsoe")
    entity(hass, "sensor.z", "template", "1", SHAPES["pairs"])
    hass.states.async_set("sensor.list", "1", {"prices": SHAPES["twice"]["prices"]})
    entity(hass, "sensor.y", "rest", "0.2", {"unit_of_measurement": "EUR/kWh"})
    found = await async_find(hass, dt_util.utcnow(), "ocpp_charging")
    assert [item.source.reader for item in found] == [
        *("entsoe", "list_attribute", "present_value")
    ]


async def test_an_entity_of_a_known_shape_and_no_known_integration_is_a_list(
    hass: HomeAssistant,
) -> None:
    hass.states.async_set("sensor.x", "1", SHAPES["raw pair, datetimes"])
    state = hass.states.get("sensor.x")
    assert state is not None
    found = candidate_of(hass, state, dt_util.utcnow())
    assert found is not None
    assert found.source.reader == "list_attribute"


# What goes wrong


async def test_hours_by_name_that_are_no_prices_are_left_out(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    freezer.move_to(datetime(2026, 3, 29, 12, tzinfo=BERLIN))
    hass.states.async_set(
        "sensor.x",
        "1",
        {"price_00h": 0.1, "price_01h": "unknown", "price_02h": 0.2, "price_03h": 0.3},
    )
    reading = await read(hass, "pvpc", "sensor.x")
    assert [item.value for item in reading.series] == [0.1, 0.3]
    assert reading.problems == {Problem.NO_VALUE: 1, Problem.NO_TIME: 1}


@pytest.mark.parametrize(
    ("state", "attributes", "failure"),
    [
        ("unavailable", {}, Failure.UNAVAILABLE),
        ("unknown", {}, Failure.NO_PRICES),
        ("1", {"prices": told(EXPECTED[:5], "start", "price")}, Failure.OUTDATED),
    ],
)
async def test_an_entity_says_why_it_tells_nothing(
    hass: HomeAssistant, state: str, attributes: Mapping[str, Any], failure: Failure
) -> None:
    hass.states.async_set("sensor.x", state, attributes)
    assert (await read(hass, "list_attribute", "sensor.x")).failure is failure


async def test_a_missing_source_is_a_failure(hass: HomeAssistant) -> None:
    for reader, failure in (
        ("list_attribute", Failure.NO_ENTITY),
        ("octopus", Failure.NO_ENTITY),
        ("nordpool", Failure.NO_ACTION),
        ("made_up", Failure.UNKNOWN_READER),
    ):
        assert (await read(hass, reader, "sensor.x")).failure is failure


async def test_an_area_that_is_not_told_is_a_failure(
    hass: HomeAssistant, install: Install
) -> None:
    await install("nordpool")
    (entry,) = hass.config_entries.async_entries("nordpool")
    reading = await read(hass, "nordpool", entry.entry_id, part="NO2")
    assert reading.failure is Failure.NO_PART


@pytest.mark.parametrize(
    ("error", "detail"),
    [
        (HomeAssistantError("https://x?token=secret"), "HomeAssistantError"),
        (
            HomeAssistantError(
                translation_domain="x", translation_key="cannot_connect"
            ),
            "HomeAssistantError (cannot_connect)",
        ),
        (TimeoutError(), "TimeoutError"),
        (KeyError("forecasts"), "KeyError"),
    ],
)
async def test_an_action_that_raises_is_a_failure_that_tells_no_secret(
    hass: HomeAssistant, error: Exception, detail: str
) -> None:
    async def fail(_call: ServiceCall) -> None:
        raise error

    hass.services.async_register(
        "tibber", "get_prices", fail, supports_response=SupportsResponse.ONLY
    )
    reading = await read(hass, "tibber")
    assert reading.failure is Failure.ACTION_FAILED
    assert reading.detail == detail
    await entry_of(hass, "tibber", "Tibber")
    assert not await async_find(hass, dt_util.utcnow(), "ocpp_charging")


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"prices": None},
        {"prices": []},
        {"prices": {}},
        {"prices": {"Home": None}},
        {"prices": {"Home": "none"}},
        {"prices": {"Home": [{"price": 1}, 7, None]}},
    ],
)
async def test_an_answer_of_another_shape_is_a_failure(
    hass: HomeAssistant, answer: dict[str, Any]
) -> None:
    register(hass, "tibber", "get_prices", {str: str}, lambda _data: answer)
    reading = await read(hass, "tibber", part="Home")
    assert reading.failure in {
        *(Failure.ACTION_FAILED, Failure.NO_PRICES, Failure.NO_PART)
    }


async def test_a_market_whose_day_begins_later_is_asked_for_its_own_day(
    hass: HomeAssistant, install: Install, freezer: FrozenDateTimeFactory
) -> None:
    """At half past midnight in Helsinki the market's day is still yesterday."""
    world, _ = await install("nordpool", tomorrow=False)
    freezer.move_to(world.now(0, 30))
    (entry,) = hass.config_entries.async_entries("nordpool")
    reading = await read(hass, "nordpool", entry.entry_id, part="FI")
    assert reading.series.at(dt_util.utcnow()) is not None
    assert reading.series.end == world.midnight(world.tomorrow) + timedelta(hours=1)


async def test_today_is_known_although_tomorrow_cannot_be_asked_for(
    hass: HomeAssistant, install: Install
) -> None:
    _, expected = await install("energyzero", tomorrow=False)
    (entry,) = hass.config_entries.async_entries("energyzero")
    reading = await read(hass, "energyzero", entry.entry_id)
    assert reading.failure is None
    assert reading.detail == "ServiceValidationError (no_data)"
    assert reading.series == expected.series


async def test_what_is_fed_in_has_its_own_action_and_sign(
    hass: HomeAssistant, install: Install
) -> None:
    _, expected = await install("easyenergy")
    (entry,) = hass.config_entries.async_entries("easyenergy")
    reading = await read(hass, "easyenergy_return", entry.entry_id)
    assert reading.series == expected.series.map(lambda value: -value)


async def test_what_is_paid_for_feeding_in_is_offered_for_that_alone(
    hass: HomeAssistant, install: Install
) -> None:
    await install("easyenergy")
    now = dt_util.utcnow()
    bought = await async_find(hass, now, "ocpp_charging", Side.PRICE)
    assert [item.source.reader for item in bought] == ["easyenergy"]
    sold = await async_find(hass, now, "ocpp_charging", Side.FEED_IN)
    assert [item.source.reader for item in sold] == ["easyenergy_return", "easyenergy"]


async def test_the_present_price_of_amber_is_that_of_its_channel(
    hass: HomeAssistant, install: Install
) -> None:
    _, expected = await install("amber")
    (entry,) = hass.config_entries.async_entries("amberelectric")
    reading = await read(hass, "amber", entry.entry_id)
    assert reading.series.at(dt_util.utcnow()) == expected.intervals[0].value
    assert (await read(hass, "amber_feed_in", entry.entry_id)).failure


@pytest.mark.parametrize(
    ("reader", "asked", "shown"),
    [
        pytest.param("amber_feed_in", "feed_in", "feedIn", id="feed-in"),
        pytest.param(
            "amber_controlled_load",
            "controlled_load",
            "controlledLoad",
            id="controlled-load",
        ),
    ],
)
async def test_each_channel_of_amber_has_its_forecast_and_its_present_price(
    hass: HomeAssistant, install: Install, reader: str, asked: str, shown: str
) -> None:
    """What is paid for feeding in is positive; what it costs is below zero."""
    _, expected = await install("amber")
    (entry,) = hass.config_entries.async_entries("amberelectric")
    assert isinstance(entry, MockConfigEntry)
    now, *later = expected.intervals

    def datum(start: datetime, end: datetime, price: float) -> dict[str, Any]:
        return {
            "per_kwh": price,
            "spot_per_kwh": 9,
            "start_time": (start + timedelta(seconds=1)).isoformat(),
            "end_time": end.isoformat(),
        }

    def answer(data: Mapping[str, Any]) -> dict[str, Any]:
        assert data["channel_type"] == asked
        return {"forecasts": [datum(each.start, each.end, -0.07) for each in later]}

    register(hass, "amberelectric", "get_forecasts", {str: str}, answer)
    entity(
        hass,
        f"sensor.home_{shown.lower()}_price",
        "amberelectric",
        "0.11",
        {**datum(now.start, now.end, 0.11), "channel_type": shown},
        entry=entry,
    )
    reading = await read(hass, reader, entry.entry_id)
    assert [item.value for item in reading.series] == [0.11] + [-0.07] * len(later)
    assert reading.series.end == later[-1].end
    assert reading.currency == "AUD"


async def test_both_integrations_called_nordpool_are_told_apart(
    hass: HomeAssistant, install: Install
) -> None:
    """Home Assistant's own has the action, and sensors that know no future."""
    await install("nordpool")
    entity(
        hass,
        "sensor.nord_pool_fi_current_price",
        "nordpool",
        "0.05",
        {"unit_of_measurement": "EUR/kWh", "state_class": "measurement"},
    )
    found = await async_find(hass, dt_util.utcnow(), "ocpp_charging")
    assert [item.source.reader for item in found] == ["nordpool"]
    hass.services.async_remove("nordpool", "get_prices_for_date")
    found = await async_find(hass, dt_util.utcnow(), "ocpp_charging")
    assert [item.source.reader for item in found] == ["present_value"]
    await install("nordpool_hacs")
    found = await async_find(hass, dt_util.utcnow(), "ocpp_charging")
    assert [item.source.reader for item in found] == ["nordpool_hacs"]
