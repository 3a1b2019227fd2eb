"""Sources that are late, broken or odd: what is known stays right, or is not known."""

import asyncio
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant, ServiceCall, SupportsResponse
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util
import pytest

from custom_components.ocpp_charging.charging.series import Interval
from custom_components.ocpp_charging.signals.prices import reading
from custom_components.ocpp_charging.signals.prices.found import async_find
from custom_components.ocpp_charging.signals.prices.signal import Status
from custom_components.ocpp_charging.signals.told import Problem

from .conftest import Install
from .fixtures.world import World, register
from .test_price_signal import Make, make  # noqa: F401

ENTSOE = "sensor.average_electricity_price"


def entsoe(hass: HomeAssistant, world: World, *lists: list[Interval]) -> None:
    """Have the entity tell these lists as those of today and tomorrow."""
    told = [
        [{"time": str(world.local(item.start)), "price": item.value} for item in items]
        for items in lists
    ]
    names = ("prices_today", "prices_tomorrow")
    attributes = dict(zip(names, told, strict=False))
    hass.states.async_set(
        ENTSOE, "0.11", {**attributes, "unit_of_measurement": "EUR/kWh"}
    )


# Actions


async def test_an_action_that_never_answers_is_given_up_and_tried_again(
    hass: HomeAssistant,
    make: Make,  # noqa: F811
    install: Install,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world, _ = await install("ge_spot")
    never, given_up, asked = asyncio.Event(), asyncio.Event(), 0

    async def hang(_call: ServiceCall) -> None:
        nonlocal asked
        asked += 1
        try:
            await never.wait()
        finally:
            given_up.set()

    hass.services.async_register(
        "tibber", "get_prices", hang, supports_response=SupportsResponse.ONLY
    )
    monkeypatch.setattr(reading, "ACTION_TIMEOUT", 0)
    prices = make(reader="tibber", part="Home")
    await prices.start()
    # What is just given up is not waited for.
    await given_up.wait()
    await prices.settle()
    assert prices.status() is Status.FAILING
    await prices.until(world.now(14, 9))
    assert asked == 2


@pytest.mark.parametrize(
    "nothing",
    [{"prices": {"Home": []}}, {"prices": {}}, {"prices": None}, {}],
    ids=["no prices", "no home", "none", "nothing"],
)
async def test_an_action_that_tells_nothing_at_midnight_takes_no_price_away(
    hass: HomeAssistant,
    make: Make,  # noqa: F811
    install: Install,
    nothing: dict[str, Any],
) -> None:
    world, _ = await install("ge_spot")

    def answer(_data: Any) -> Any:
        if dt_util.now().hour < 10:
            return nothing
        return {
            "prices": {
                "Home": [
                    {"start_time": item.start.isoformat(), "price": item.value}
                    for item in world.both
                ]
            }
        }

    register(hass, "tibber", "get_prices", {str: str}, answer)
    prices = make(reader="tibber", part="Home")
    await prices.start()
    morning = world.midnight(world.tomorrow) + timedelta(hours=3)
    await prices.until(morning)
    assert prices.price.series.at(morning) == next(
        item.value for item in world.both if item.start <= morning < item.end
    )
    assert prices.price.series.end == world.both[-1].end


# Entities


async def test_an_entity_that_is_away_at_the_start_is_read_when_it_comes(
    hass: HomeAssistant,
    make: Make,  # noqa: F811
    install: Install,
) -> None:
    _, expected = await install("entsoe")
    state = hass.states.get(ENTSOE)
    assert state is not None
    hass.states.async_set(ENTSOE, "unavailable")
    prices = make(reader="entsoe", target=ENTSOE)
    await prices.start()
    assert prices.status() is Status.FAILING
    hass.states.async_set(ENTSOE, state.state, state.attributes)
    await prices.settle()
    assert prices.price.series == expected.series


async def test_prices_of_yesterday_are_never_those_of_today(
    hass: HomeAssistant,
    make: Make,  # noqa: F811
    install: Install,
    freezer: FrozenDateTimeFactory,
) -> None:
    """Away for a day, and then there again with what it knew before."""
    world, _ = await install("entsoe", tomorrow=False)
    prices = make(reader="entsoe", target=ENTSOE)
    await prices.start()
    hass.states.async_set(ENTSOE, "unavailable")
    await prices.settle()
    later = world.now() + timedelta(days=1)
    freezer.move_to(later)
    entsoe(hass, world, world.day(world.today))
    await prices.settle()
    assert prices.status() is Status.FAILING
    assert prices.price.series.at(later) is None
    # What they were stays known, for the sessions of that day.
    assert prices.price.series.at(world.now()) is not None


async def test_bare_numbers_are_of_the_day_on_which_they_were_told(
    hass: HomeAssistant,
    make: Make,  # noqa: F811
    install: Install,
    freezer: FrozenDateTimeFactory,
) -> None:
    world, _ = await install("list_attribute", tomorrow=False)
    hass.states.async_set("sensor.bare", "1", {"today": [*range(24)], "tomorrow": []})
    prices = make(reader="list_attribute", target="sensor.bare")
    await prices.start()
    assert prices.price.series.at(world.now()) == 14
    later = world.midnight(world.tomorrow) + timedelta(hours=3)
    freezer.move_to(later)
    prices.price.async_refresh()
    await prices.settle()
    assert prices.price.series.at(later) is None


async def test_a_present_price_says_nothing_of_the_quarter_before(
    hass: HomeAssistant,
    make: Make,  # noqa: F811
    install: Install,
) -> None:
    """What was charged until then is paid at the price of then."""
    world, _ = await install("comed")
    five_minutes = "sensor.comed_5_minute_price"
    prices = make(reader="present_value", target=five_minutes)
    await prices.start()
    await prices.until(world.now(14, 15))
    hass.states.async_set(five_minutes, "9.9", {"unit_of_measurement": "¢/kWh"})
    await prices.settle()
    series = prices.price.series
    assert series.at(world.now(14, 14)) == pytest.approx(0.063)
    assert series.at(world.now(14, 15)) == pytest.approx(0.099)
    assert series.end == world.now(15, 0)


async def test_tomorrow_may_come_in_parts(
    hass: HomeAssistant,
    make: Make,  # noqa: F811
    install: Install,
) -> None:
    world, _ = await install("entsoe", tomorrow=False)
    prices = make(reader="entsoe", target=ENTSOE)
    await prices.start()
    full = World(world.zone, world.today, world.minutes)
    today, tomorrow = full.day(full.today), full.day(full.tomorrow)
    for known in (6, 13, 24):
        assert not prices.price.tomorrow_known
        entsoe(hass, world, today, tomorrow[:known])
        await prices.settle()
        assert [*prices.price.series] == today + tomorrow[:known]
    assert prices.price.tomorrow_known


async def test_an_entity_that_another_one_replaces_is_missed_and_the_owner_told(
    hass: HomeAssistant,
    make: Make,  # noqa: F811
    install: Install,
) -> None:
    world, expected = await install("entsoe")
    registry = er.async_get(hass)
    entry = registry.async_get(ENTSOE)
    state = hass.states.get(ENTSOE)
    assert entry is not None
    assert state is not None
    prices = make(reader="entsoe", target=entry.id)
    await prices.start()
    registry.async_remove(ENTSOE)
    hass.states.async_remove(ENTSOE)
    hass.states.async_set("sensor.prices_of_another", state.state, state.attributes)
    await prices.settle()
    assert prices.status() is Status.FAILING
    assert prices.price.series == expected.series
    await prices.until(world.now(18))
    assert prices.issue is not None


# Lists


def in_hours(world: World, price: Callable[[int], Any]) -> list[dict[str, Any]]:
    return [
        {"start": world.midnight(world.today) + timedelta(hours=hour), "price": value}
        for hour, value in enumerate(map(price, range(24)))
    ]


def _odd(value: object) -> Callable[[int], object]:
    return lambda hour: value if hour == 14 else hour / 100


@pytest.mark.parametrize(
    ("price", "now", "left_out"),
    [
        pytest.param(lambda hour: Decimal(hour) / 100, 0.14, 0, id="decimals"),
        pytest.param(lambda hour: f"{hour / 100}", 0.14, 0, id="texts"),
        pytest.param(_odd(None), None, 1, id="none"),
        pytest.param(_odd(float("nan")), None, 1, id="not a number"),
        pytest.param(_odd(float("-inf")), None, 1, id="endless"),
        pytest.param(_odd(Decimal("sNaN")), None, 1, id="decimal that is none"),
        pytest.param(_odd(10**400), None, 1, id="beyond measure"),
        pytest.param(_odd(True), None, 1, id="yes"),
        pytest.param(_odd(1j), None, 1, id="complex"),
        pytest.param(_odd("unknown"), None, 1, id="a word"),
        pytest.param(_odd({"amount": 1}), None, 1, id="a table"),
    ],
)
async def test_a_number_that_is_none_leaves_a_gap_and_no_more(
    hass: HomeAssistant,
    make: Make,  # noqa: F811
    install: Install,
    price: Callable[[int], Any],
    now: float | None,
    left_out: int,
) -> None:
    world, _ = await install("list_attribute")
    hass.states.async_set("sensor.odd", "1", {"prices": in_hours(world, price)})
    prices = make(reader="list_attribute", target="sensor.odd")
    await prices.start()
    assert prices.price.series.at(world.now()) == now
    assert len(prices.price.series) == 24 - left_out
    assert prices.price.reading is not None
    counted = {Problem.NO_VALUE: left_out} if left_out else {}
    assert prices.price.reading.problems == counted


async def test_a_list_may_begin_with_nothing(
    hass: HomeAssistant,
    make: Make,  # noqa: F811
    install: Install,
) -> None:
    world, _ = await install("comed")
    hours = in_hours(world, lambda hour: hour / 100)
    attributes = {"unit_of_measurement": "USD/kWh", "prices": [None, *hours[1:]]}
    hass.states.async_set("sensor.odd", "1", attributes)
    found = await async_find(hass, dt_util.utcnow(), "ocpp_charging")
    assert found[0].source.reader == "list_attribute"
    assert found[0].reading.series.at(world.now()) == 0.14
    assert found[0].reading.problems == {Problem.NO_POINT: 1}


@pytest.mark.parametrize("quarters_first", [True, False])
async def test_hours_and_quarters_may_be_in_one_list(
    hass: HomeAssistant,
    make: Make,  # noqa: F811
    install: Install,
    quarters_first: bool,
) -> None:
    """The market changed from hours to quarters from one day to the next."""
    world, _ = await install("entsoe")
    noon: datetime = world.midnight(world.today) + timedelta(hours=12)
    ends = world.day(world.today)[0].start, noon, world.both[-1].end
    steps = (15, 60) if quarters_first else (60, 15)
    told = world.between(*ends[:2], steps[0]) + world.between(*ends[1:], steps[1])
    entsoe(hass, world, told)
    prices = make(reader="entsoe", target=ENTSOE)
    await prices.start()
    assert [*prices.price.series] == [
        Interval(start=item.start, end=item.end, value=item.value) for item in told
    ]


async def test_what_zonneplan_one_leaves_out_is_a_gap(
    hass: HomeAssistant,
    make: Make,  # noqa: F811
    install: Install,
) -> None:
    world, expected = await install("zonneplan_one")
    entity_id = "sensor.zonneplan_current_quarter_hour_electricity_tariff"
    state = hass.states.get(entity_id)
    assert state is not None
    first, second, *others = state.attributes["forecast"]
    odd = [first, {**second, "price_tax_included": None}, "no price", *others]
    hass.states.async_set(entity_id, "0.2", {**state.attributes, "forecast": odd})
    entry = er.async_get(hass).async_get(entity_id)
    assert entry is not None
    prices = make(reader="zonneplan_one", target=entry.id)
    await prices.start()
    left = [expected.intervals[0], *expected.intervals[2:]]
    assert [(item.start, round(item.value, 6)) for item in prices.price.series] == [
        (item.start, item.value) for item in left
    ]
    assert prices.price.reading is not None
    counted = {Problem.NO_VALUE: 1, Problem.NO_POINT: 1}
    assert prices.price.reading.problems == counted
    assert prices.price.series.at(world.now()) is not None


async def test_an_hour_that_is_there_twice_may_be_told_quarter_by_quarter(
    hass: HomeAssistant,
    make: Make,  # noqa: F811
    install: Install,
) -> None:
    """As Nord Pool's custom integration sorted 26 October 2025: by the wall clock."""
    _, expected = await install("nordpool_hacs", date(2026, 10, 25))
    entity_id = "sensor.nordpool_kwh_se3_sek_3_10_025"
    state = hass.states.get(entity_id)
    assert state is not None
    by_clock = sorted(
        state.attributes["raw_today"],
        key=lambda item: (item["start"].replace(tzinfo=None), item["start"].fold),
    )
    assert [item["start"].fold for item in by_clock[8:12]] == [0, 1, 0, 1]
    hass.states.async_set(entity_id, "1", {**state.attributes, "raw_today": by_clock})
    entry = er.async_get(hass).async_get(entity_id)
    assert entry is not None
    prices = make(reader="nordpool_hacs", target=entry.id)
    await prices.start()
    assert len(prices.price.series) == 100 + 96
    for item in expected.intervals:
        assert prices.price.series.at(item.start) == pytest.approx(item.value)
