"""A price that is kept up to date: when it is read, what is kept, who is told."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import CoreState, HomeAssistant, SupportsResponse
from homeassistant.helpers import issue_registry as ir
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)

from custom_components.ocpp_charging.charging.series import Series
from custom_components.ocpp_charging.signals.prices import signal as signal_module
from custom_components.ocpp_charging.signals.prices.home import HomePrices
from custom_components.ocpp_charging.signals.prices.settings import Side
from custom_components.ocpp_charging.signals.prices.signal import (
    PriceSignal,
    Status,
)

from ..flows import _texts, say
from .conftest import Install
from .fixtures.world import World, register

DOMAIN = "ocpp_charging"

type Make = Callable[..., Prices]


class Prices:
    """The prices of a home under test, and how often listeners were told."""

    def __init__(
        self, hass: HomeAssistant, options: dict[str, Any], freezer: Any
    ) -> None:
        self.hass = hass
        self.freezer = freezer
        self.entry = MockConfigEntry(
            domain=DOMAIN, title="Central system", options=options
        )
        self.entry.add_to_hass(hass)
        self.home = HomePrices(hass, self.entry)
        self.told = 0
        self.home.price.listen(self._tell)
        self.stop: Callable[[], None] = lambda: None

    def _tell(self) -> None:
        self.told += 1

    @property
    def price(self) -> PriceSignal:
        return self.home.price

    def status(self) -> Status:
        """Return how the price stands, which may change between two looks."""
        return self.price.status

    async def start(self) -> None:
        self.stop = self.home.async_start()
        await self.settle()

    async def settle(self) -> None:
        await self.hass.async_block_till_done(wait_background_tasks=True)

    async def change(self, **options: Any) -> None:
        self.hass.config_entries.async_update_entry(self.entry, options=options)
        self.home.async_configure()
        await self.settle()

    async def until(self, when: datetime) -> None:
        """Let the time pass, minute by minute as the loop would."""
        now = dt_util.utcnow()
        while now < when:
            now = min(now + timedelta(minutes=1), when)
            self.freezer.move_to(now)
            async_fire_time_changed(self.hass, now)
            await self.settle()

    @property
    def issue(self) -> ir.IssueEntry | None:
        key = f"price_source_failing_{self.entry.entry_id}"
        return ir.async_get(self.hass).async_get_issue(DOMAIN, key)


@pytest.fixture
async def make(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> AsyncGenerator[Make]:
    """Return how to keep prices from a source."""
    made: list[Prices] = []

    def prices(**source: Any) -> Prices:
        options = {"price": {"title": "The source", **source}} if source else {}
        made.append(Prices(hass, options, freezer))
        return made[-1]

    yield prices
    for one in made:
        one.stop()


def dates_asked(hass: HomeAssistant, world: World) -> list[date]:
    """Register a Nord Pool action that notes each date that it is asked for."""
    asked: list[date] = []

    def answer(data: Any) -> Any:
        day = date.fromisoformat(data["date"])
        asked.append(day)
        known = day == world.today or dt_util.now().hour >= 13
        return {
            "SE3": [
                {
                    "start": item.start.isoformat(),
                    "end": item.end.isoformat(),
                    "price": item.value * 1000,
                }
                for item in (world.day(day) if known else [])
            ]
        }

    register(hass, "nordpool", "get_prices_for_date", {str: str}, answer)
    return asked


async def test_without_a_source_nothing_is_known(make: Make) -> None:
    prices = make()
    await prices.start()
    assert prices.status() is Status.NOT_SET
    assert not prices.price.series
    assert prices.told == 0


async def test_a_source_is_read_at_once(make: Make, install: Install) -> None:
    world, expected = await install("entsoe")
    prices = make(reader="entsoe", target="sensor.average_electricity_price")
    assert prices.status() is Status.WAITING
    await prices.start()
    assert prices.status() is Status.KNOWN
    assert prices.price.series == expected.series
    assert prices.price.currency == "EUR"
    assert prices.price.tomorrow_known
    assert prices.told == 1
    assert world.tomorrow_known


async def test_listeners_are_told_of_changes_only(
    hass: HomeAssistant, make: Make, install: Install
) -> None:
    await install("entsoe", tomorrow=False)
    entity_id = "sensor.average_electricity_price"
    prices = make(reader="entsoe", target=entity_id)
    await prices.start()
    assert not prices.price.tomorrow_known
    state = hass.states.get(entity_id)
    assert state is not None
    hass.states.async_set(entity_id, "0.5", state.attributes)
    await prices.settle()
    assert prices.told == 1
    # Tomorrow's prices arrive.
    await install("entsoe")
    await prices.settle()
    assert prices.told == 2
    assert prices.price.tomorrow_known


async def test_a_past_that_is_forgotten_is_no_news(
    make: Make, install: Install
) -> None:
    world, expected = await install("energi_data_service")
    prices = make(reader="energi_data_service", target="sensor.energi_data_service")
    await prices.start()
    later = world.now() + timedelta(days=3)
    prices.freezer.move_to(later)
    async_fire_time_changed(prices.hass, later)
    await prices.settle()
    assert prices.price.series.start == later - timedelta(days=2)
    assert prices.price.series.end == expected.series.end
    assert prices.told == 1


async def test_fees_are_on_top_and_change_without_a_new_reading(
    hass: HomeAssistant, make: Make, install: Install
) -> None:
    _, expected = await install("entsoe")
    source = {
        "reader": "entsoe",
        "target": "sensor.average_electricity_price",
        "title": "x",
    }
    prices = make(**source, fee=0.1, percent=25)
    await prices.start()
    now = dt_util.utcnow()
    bare = expected.series.at(now)
    assert bare is not None
    assert prices.price.series.at(now) == pytest.approx((bare + 0.1) * 1.25)
    hass.states.async_remove("sensor.average_electricity_price")
    await prices.settle()
    await prices.change(price={**source, "fee": 0.2})
    assert prices.price.series.at(now) == pytest.approx(bare + 0.2)
    assert prices.told == 2


async def test_another_source_forgets_what_the_first_one_told(
    make: Make, install: Install
) -> None:
    await install("entsoe")
    prices = make(reader="entsoe", target="sensor.average_electricity_price")
    await prices.start()
    await prices.change(price={"reader": "typed", "amount": 0.3})
    assert {item.value for item in prices.price.series} == {0.3}
    await prices.change()
    assert prices.price.series == Series()
    assert prices.status() is Status.NOT_SET


async def test_both_prices_are_of_their_own(make: Make) -> None:
    prices = make(reader="typed", amount=0.3)
    await prices.start()
    await prices.change(
        price=prices.entry.options["price"],
        feed_in_price={"reader": "typed", "amount": 0.08},
    )
    assert prices.home.feed_in.side is Side.FEED_IN
    assert prices.home.feed_in.series.at(dt_util.utcnow()) == 0.08
    assert prices.price.series.at(dt_util.utcnow()) == 0.3
    assert prices.told == 1


async def test_settings_that_cannot_be_understood_are_no_source(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    prices = make(reader="typed", unit="per_year")
    await prices.start()
    assert prices.status() is Status.NOT_SET
    assert "cannot be used" in caplog.text


async def test_a_typed_price_is_known_ever_further(make: Make) -> None:
    prices = make(reader="typed", amount=0.3)
    await prices.start()
    end = prices.price.series.end
    assert end is not None
    prices.freezer.tick(timedelta(days=1))
    async_fire_time_changed(prices.hass)
    await prices.settle()
    assert prices.price.series.end == end + timedelta(days=1)


# When an action is asked


async def test_a_market_is_asked_more_often_until_tomorrow_is_known(
    hass: HomeAssistant, make: Make, install: Install
) -> None:
    world, _ = await install("ge_spot")
    asked = dates_asked(hass, world)
    prices = make(reader="nordpool", part="SE3")
    prices.freezer.move_to(world.now(11, 55))
    await prices.start()
    assert asked == [world.today, world.tomorrow]

    async def times(hour: int, minute: int) -> int:
        asked.clear()
        await prices.until(world.now(hour, minute))
        return asked.count(world.tomorrow)

    # Once an hour, then every five minutes, then once an hour again.
    assert await times(12, 29) == 1
    assert await times(12, 59) == 6
    assert await times(13, 29) == 1
    assert prices.price.tomorrow_known
    assert await times(14, 59) == 1


async def test_in_the_evening_a_late_tomorrow_is_asked_for_by_quarters(
    hass: HomeAssistant, make: Make, install: Install
) -> None:
    world, _ = await install("entsoe_action", tomorrow=False)
    calls: list[datetime] = []
    (entry,) = hass.config_entries.async_entries("entsoe")
    prices = make(reader="entsoe_action", target=entry.entry_id)
    prices.freezer.move_to(world.now(15, 31))
    await prices.start()
    hass.bus.async_listen("call_service", lambda _event: calls.append(dt_util.utcnow()))
    await prices.until(world.now(16, 31))
    assert len(calls) == 4
    assert not prices.price.tomorrow_known


async def test_what_was_told_before_stays_where_a_later_answer_says_nothing(
    hass: HomeAssistant, make: Make, install: Install
) -> None:
    world, _ = await install("amber")
    (entry,) = hass.config_entries.async_entries("amberelectric")
    prices = make(reader="amber", target=entry.entry_id)
    await prices.start()
    start = prices.price.series.start
    for state in hass.states.async_all("sensor"):
        hass.states.async_remove(state.entity_id)
    await prices.until(world.now(14, 16))
    assert prices.price.series.start == start
    assert prices.price.series.at(dt_util.utcnow()) is not None
    assert prices.status() is Status.KNOWN


# Failures


async def test_a_source_that_fails_is_told_once_and_what_is_known_kept(
    hass: HomeAssistant,
    make: Make,
    install: Install,
    caplog: pytest.LogCaptureFixture,
) -> None:
    world, expected = await install("entsoe")
    entity_id = "sensor.average_electricity_price"
    state = hass.states.get(entity_id)
    assert state is not None
    prices = make(reader="entsoe", target=entity_id)
    await prices.start()
    hass.states.async_set(entity_id, "unavailable")
    await prices.settle()
    assert prices.status() is Status.FAILING
    await prices.until(world.now(17, 0))
    assert caplog.text.count("The source tells no prices (unavailable)") == 1
    assert prices.price.series == expected.series
    assert prices.issue is None
    await prices.until(world.now(18, 30))
    assert prices.issue is not None
    assert prices.issue.translation_key == "price_source_failing"
    _assert_issue(prices.issue)
    # It comes again.
    hass.states.async_set(entity_id, state.state, state.attributes)
    await prices.settle()
    assert prices.status() is Status.KNOWN
    assert prices.issue is None
    assert "The source tells prices again" in caplog.text
    assert prices.told == 1


def _assert_issue(issue: ir.IssueEntry) -> None:
    for part in ("title", "description"):
        say(
            _texts(),
            f"issues.{issue.translation_key}.{part}",
            issue.translation_placeholders,
        )


async def test_an_action_that_fails_is_tried_ever_more_rarely(
    hass: HomeAssistant, make: Make, install: Install
) -> None:
    world, _ = await install("ge_spot")
    calls: list[datetime] = []

    def fail(_data: Any) -> Any:
        calls.append(dt_util.utcnow())
        raise ValueError

    register(hass, "tibber", "get_prices", {str: str}, fail)
    prices = make(reader="tibber", part="Home")
    await prices.start()
    await prices.until(world.now(17, 0))
    gaps = [
        round((later - earlier).total_seconds() / 60)
        for earlier, later in pairwise(calls)
    ]
    assert gaps == [1, 2, 4, 8, 16, 32, 60]


async def test_a_reading_that_breaks_is_followed_by_another(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any) -> Any:
        raise RuntimeError("a reader has a bug")

    prices = make(reader="typed", amount=0.3)
    with monkeypatch.context() as patch:
        patch.setattr(signal_module, "async_read", broken)
        prices.stop = prices.home.async_start()
        assert prices.price._task is not None
        with pytest.raises(RuntimeError):
            await prices.price._task
    assert prices.status() is Status.WAITING
    await prices.until(dt_util.utcnow() + timedelta(minutes=16))
    assert prices.price.series.at(dt_util.utcnow()) == 0.3


async def test_an_action_that_comes_later_is_asked_then(
    hass: HomeAssistant,
    make: Make,
    install: Install,
    caplog: pytest.LogCaptureFixture,
) -> None:
    world, _ = await install("ge_spot")
    hass.set_state(CoreState.starting)
    prices = make(reader="nordpool", part="SE3")
    await prices.start()
    assert prices.status() is Status.FAILING
    # While Home Assistant starts, that is nothing to speak of.
    assert "tells no prices" not in caplog.text
    dates_asked(hass, world)
    await prices.settle()
    assert prices.status() is Status.KNOWN


async def test_a_source_is_tried_again_when_home_assistant_has_started(
    hass: HomeAssistant, make: Make, install: Install
) -> None:
    hass.set_state(CoreState.not_running)
    prices = make(reader="entsoe", target="sensor.average_electricity_price")
    await prices.start()
    assert prices.status() is Status.FAILING
    await install("entsoe")
    await hass.async_start()
    await prices.settle()
    assert prices.status() is Status.KNOWN


async def test_a_source_that_was_not_ready_is_asked_when_home_assistant_has_started(
    hass: HomeAssistant, make: Make, install: Install
) -> None:
    world, _ = await install("ge_spot")
    calls: list[bool] = []

    def answer(_data: Any) -> Any:
        calls.append(hass.is_running)
        if not hass.is_running:
            raise ValueError
        start = world.now().isoformat()
        return {"prices": {"Home": [{"start_time": start, "price": 0.3}]}}

    register(hass, "tibber", "get_prices", {str: str}, answer)
    hass.set_state(CoreState.not_running)
    prices = make(reader="tibber", part="Home")
    await prices.start()
    assert prices.status() is Status.FAILING
    await hass.async_start()
    await prices.settle()
    assert calls == [False, True]
    assert prices.status() is Status.KNOWN


async def test_a_market_that_tells_only_tomorrow_is_asked_by_quarters(
    hass: HomeAssistant, make: Make, install: Install
) -> None:
    world, _ = await install("ge_spot")
    asked: list[str] = []

    def answer(data: Any) -> Any:
        asked.append(data["date"])
        start = world.midnight(world.tomorrow).isoformat()
        return {"SE3": [{"start": start, "price": 30}]}

    register(hass, "nordpool", "get_prices_for_date", {str: str}, answer)
    prices = make(reader="nordpool", part="SE3")
    await prices.start()
    assert prices.status() is Status.KNOWN
    assert prices.price.series.at(dt_util.utcnow()) is None
    asked.clear()
    await prices.until(world.now(15, 6))
    assert asked.count(world.today.isoformat()) == 4


# The end


async def test_nothing_is_asked_any_more_after_the_end(
    hass: HomeAssistant, make: Make, install: Install
) -> None:
    world, _ = await install("ge_spot")
    asked = dates_asked(hass, world)
    prices = make(reader="nordpool", part="SE3")
    await prices.start()
    prices.stop()
    prices.stop = lambda: None
    asked.clear()
    await prices.until(world.now(17, 0))
    prices.price.async_refresh()
    await prices.settle()
    assert not asked


async def test_an_answer_that_comes_after_the_source_was_changed_counts_no_more(
    hass: HomeAssistant, make: Make, install: Install
) -> None:
    await install("ge_spot")
    asked, answered = asyncio.Event(), asyncio.Event()

    async def slow(_call: Any) -> Any:
        asked.set()
        await answered.wait()
        return {"prices": {"Home": [{"start_time": dt_util.now(), "price": 9}]}}

    hass.services.async_register(
        "tibber", "get_prices", slow, supports_response=SupportsResponse.ONLY
    )
    prices = make(reader="tibber", part="Home")
    prices.stop = prices.home.async_start()
    await asked.wait()
    prices.hass.config_entries.async_update_entry(
        prices.entry, options={"price": {"reader": "typed", "amount": 0.3}}
    )
    prices.home.async_configure()
    answered.set()
    await prices.settle()
    assert {item.value for item in prices.price.series} == {0.3}
