"""Prices that were told are known after a restart, also while their source is away."""

from datetime import timedelta
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.ocpp_charging.signals.prices.signal import PriceSignal, Status

from ..conftest import central_system, set_up
from .conftest import Install

ENTSOE = "sensor.average_electricity_price"
SOURCE = {"title": "The source", "reader": "entsoe", "target": ENTSOE}


def price_of(entry: MockConfigEntry) -> PriceSignal:
    price: PriceSignal = entry.runtime_data.prices.price
    return price


def key_of(entry: MockConfigEntry) -> str:
    return f"ocpp_charging.{entry.entry_id}.prices"


async def begin(hass: HomeAssistant, **source: Any) -> MockConfigEntry:
    entry = await set_up(hass, central_system(options={"price": {**SOURCE, **source}}))
    await hass.async_block_till_done(wait_background_tasks=True)
    return entry


async def restart(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    assert await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)


@pytest.fixture(autouse=True)
def _unloads(unloads: None) -> None:
    """Unload what was set up."""


async def test_prices_are_known_after_a_restart_while_their_source_is_away(
    hass: HomeAssistant, install: Install, hass_storage: dict[str, Any]
) -> None:
    world, expected = await install("entsoe")
    await hass.config.async_update(currency="SEK")
    entry = await begin(hass)
    assert price_of(entry).series == expected.series
    hass.states.async_remove(ENTSOE)
    await restart(hass, entry)
    price = price_of(entry)
    assert price.status is Status.FAILING
    assert price.series == expected.series
    assert price.currency == "EUR"
    assert price.tomorrow_known
    assert price.series.at(world.now()) is not None


async def test_what_is_told_anew_counts_and_what_was_is_kept_for_two_days(
    hass: HomeAssistant,
    install: Install,
    hass_storage: dict[str, Any],
    freezer: FrozenDateTimeFactory,
) -> None:
    world, expected = await install("entsoe")
    entry = await begin(hass)
    state = hass.states.get(ENTSOE)
    assert state is not None
    dearer = [
        {**each, "price": each["price"] + 1}
        for each in state.attributes["prices_today"]
    ]
    told = {**state.attributes, "prices_today": dearer, "prices_tomorrow": []}
    hass.states.async_set(ENTSOE, "1", told)
    await restart(hass, entry)
    now, tomorrow = world.now(), world.now() + timedelta(days=1)
    before = expected.series.at(now)
    assert before is not None
    assert price_of(entry).series.at(now) == pytest.approx(before + 1)
    assert price_of(entry).series.at(tomorrow) == expected.series.at(tomorrow)
    # Days later nothing of it is left.
    freezer.move_to(now + timedelta(days=4))
    hass.states.async_remove(ENTSOE)
    await restart(hass, entry)
    assert not price_of(entry).series


@pytest.mark.parametrize(
    "other",
    [{"target": "sensor.another"}, {"unit": "main_per_mwh"}, {"reversed": True}],
    ids=["another source", "another unit", "the other sign"],
)
async def test_what_was_read_otherwise_is_not_used(
    hass: HomeAssistant,
    install: Install,
    hass_storage: dict[str, Any],
    other: dict[str, Any],
) -> None:
    await install("entsoe")
    entry = await begin(hass)
    hass.states.async_remove(ENTSOE)
    await hass.config_entries.async_unload(entry.entry_id)
    hass.config_entries.async_update_entry(
        entry, options={"price": {**SOURCE, **other}}
    )
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert not price_of(entry).series


async def test_it_is_written_when_prices_reach_further_and_goes_with_the_entry(
    hass: HomeAssistant, install: Install, hass_storage: dict[str, Any]
) -> None:
    world, _ = await install("entsoe", tomorrow=False)
    entry = await begin(hass)
    state = hass.states.get(ENTSOE)
    assert state is not None
    first = hass_storage[key_of(entry)]["data"]["price"]["prices"]
    assert len(first) == 24
    corrected = [
        {**each, "price": each["price"] + 1}
        for each in state.attributes["prices_today"]
    ]
    told = {**state.attributes, "prices_today": corrected}
    hass.states.async_set(ENTSOE, "1", told)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert price_of(entry).series.at(world.now()) != first[14][2]
    assert hass_storage[key_of(entry)]["data"]["price"]["prices"] == first
    told["prices_tomorrow"] = [
        {"time": str(world.midnight(world.tomorrow)), "price": 0.5}
    ]
    hass.states.async_set(ENTSOE, "1", told)
    await hass.async_block_till_done(wait_background_tasks=True)
    kept = hass_storage[key_of(entry)]["data"]["price"]["prices"]
    assert len(kept) == 25
    assert kept[14][2] != first[14][2]
    await hass.config_entries.async_remove(entry.entry_id)
    assert key_of(entry) not in hass_storage


async def test_a_price_of_this_hour_and_a_typed_one_are_not_kept(
    hass: HomeAssistant, install: Install, hass_storage: dict[str, Any]
) -> None:
    await install("comed")
    sensor = "sensor.comed_5_minute_price"
    entry = await begin(hass, reader="present_value", target=sensor)
    assert price_of(entry).series.at(dt_util.utcnow()) is not None
    assert key_of(entry) not in hass_storage
    typed = {"price": {"title": "Typed", "reader": "typed", "amount": 0.3}}
    hass.config_entries.async_update_entry(entry, options=typed)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert price_of(entry).series.at(dt_util.utcnow()) == 0.3
    assert key_of(entry) not in hass_storage


async def test_what_cannot_be_read_is_told_and_not_used(
    hass: HomeAssistant,
    install: Install,
    hass_storage: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    _, expected = await install("entsoe")
    entry = await begin(hass)
    hass_storage[key_of(entry)]["data"]["price"]["prices"] = [["soon", "later", "much"]]
    await restart(hass, entry)
    assert "The prices that were kept cannot be read" in caplog.text
    assert price_of(entry).series == expected.series
