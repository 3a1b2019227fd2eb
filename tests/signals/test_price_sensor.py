"""The sensors of the prices."""

from datetime import timedelta
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)

from ..conftest import central_system, set_up
from .conftest import Install

PRICE = "sensor.central_system_electricity_price"
FEED_IN = "sensor.central_system_feed_in_price"


@pytest.fixture(autouse=True)
async def _unload(unloads: None) -> None:
    """Unload what the tests set up."""


async def settled(hass: HomeAssistant) -> None:
    await hass.async_block_till_done(wait_background_tasks=True)


async def central(hass: HomeAssistant, **options: Any) -> MockConfigEntry:
    entry = await set_up(hass, central_system(options=options))
    await settled(hass)
    return entry


async def test_the_price_of_now_is_shown_and_changes_on_time(
    hass: HomeAssistant, install: Install, freezer: FrozenDateTimeFactory
) -> None:
    world, expected = await install("entsoe")
    entry = await central(
        hass,
        price={"reader": "entsoe", "target": "sensor.average_electricity_price"},
    )
    state = hass.states.get(PRICE)
    assert state is not None
    now = dt_util.utcnow()
    price = expected.series.at(now)
    assert price is not None
    assert float(state.state) == pytest.approx(price)
    assert state.attributes["unit_of_measurement"] == "EUR/kWh"
    assert state.attributes["state_class"] == "measurement"
    assert state.attributes["tomorrow_known"] is True
    prices = state.attributes["prices"]
    assert len(prices) == 34
    assert prices[0]["start"] == world.now(14, 0).isoformat()
    assert prices[1]["price"] == expected.series.at(now + timedelta(hours=1))
    device = dr.async_get(hass).async_get_device_by_identifier(
        ("ocpp_charging", entry.entry_id), entry.entry_id
    )
    registered = er.async_get(hass).async_get(PRICE)
    assert device is not None
    assert registered is not None
    assert registered.device_id == device.id
    freezer.move_to(world.now(15, 0))
    async_fire_time_changed(hass, world.now(15, 0))
    await settled(hass)
    state = hass.states.get(PRICE)
    assert state is not None
    assert float(state.state) == pytest.approx(expected.series.at(world.now(15, 0)))


async def test_there_is_no_sensor_without_a_source(hass: HomeAssistant) -> None:
    entry = await central(hass)
    registry = er.async_get(hass)
    assert registry.async_get(PRICE) is None
    source = {"reader": "typed", "amount": 0.3}
    hass.config_entries.async_update_entry(
        entry, options={"price": source, "feed_in_price": {**source, "amount": 0.1}}
    )
    await settled(hass)
    for entity_id, price in ((PRICE, "0.3"), (FEED_IN, "0.1")):
        state = hass.states.get(entity_id)
        assert state is not None
        assert state.state == price
    hass.config_entries.async_update_entry(entry, options={})
    await settled(hass)
    assert registry.async_get(PRICE) is None
    assert hass.states.get(PRICE) is None


async def test_a_source_that_fails_makes_it_unavailable_when_its_prices_run_out(
    hass: HomeAssistant, install: Install, freezer: FrozenDateTimeFactory
) -> None:
    world, _ = await install("entsoe", tomorrow=False)
    entity_id = "sensor.average_electricity_price"
    await central(hass, price={"reader": "entsoe", "target": entity_id})
    hass.states.async_set(entity_id, "unavailable")
    await settled(hass)
    state = hass.states.get(PRICE)
    assert state is not None
    assert state.state != "unavailable"
    midnight = world.midnight(world.tomorrow)
    freezer.move_to(midnight)
    async_fire_time_changed(hass, midnight)
    await settled(hass)
    state = hass.states.get(PRICE)
    assert state is not None
    assert state.state == "unavailable"


async def test_a_gap_is_unknown(hass: HomeAssistant, install: Install) -> None:
    world, _ = await install("list_attribute")
    later = (world.now() + timedelta(hours=2)).isoformat()
    hass.states.async_set(
        "sensor.my_prices", "1", {"prices": [{"start": later, "price": 0.5}]}
    )
    await central(
        hass, price={"reader": "list_attribute", "target": "sensor.my_prices"}
    )
    state = hass.states.get(PRICE)
    assert state is not None
    assert state.state == "unknown"
    assert len(state.attributes["prices"]) == 1
