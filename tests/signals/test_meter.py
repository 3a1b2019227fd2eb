"""The meter at the grid: signs, units, phases, and how old it is."""

from datetime import timedelta
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
import pytest

from custom_components.ocpp_charging.signals.meter import (
    STALE,
    HouseMeter,
    HouseSettings,
    measure,
)


def put(hass: HomeAssistant, name: str, state: object, unit: str | None = "W") -> str:
    attributes = {} if unit is None else {"unit_of_measurement": unit}
    hass.states.async_set(f"sensor.{name}", str(state), attributes)
    return f"sensor.{name}"


@pytest.mark.parametrize(
    ("state", "unit", "reversed_", "watts"),
    [
        ("1500", "W", False, 1500),
        ("1.5", "kW", False, 1500),
        ("-2.5", "kW", False, -2500),
        ("-2.5", "kW", True, 2500),
        ("1500", None, False, 1500),
        ("10", "A", False, 2300),
        ("unknown", "W", False, None),
        ("1500", "kWh", False, None),
    ],
)
async def test_power_is_read_in_any_unit_and_with_any_sign(
    hass: HomeAssistant,
    state: str,
    unit: str | None,
    reversed_: bool,
    watts: float | None,
) -> None:
    grid = put(hass, "grid", state, unit)
    settings = HouseSettings(grid_power=grid, sign_reversed=reversed_)
    measured = measure(hass, settings)
    assert measured.power_w == watts
    assert measured.missing == ((grid,) if watts is None else ())


async def test_a_meter_with_two_directions_is_read_as_one(hass: HomeAssistant) -> None:
    settings = HouseSettings(
        grid_power=put(hass, "drawn", 0.3, "kW"),
        fed_in_power=put(hass, "fed_in", 2.0, "kW"),
    )
    assert measure(hass, settings).power_w == -1700
    put(hass, "fed_in", "unavailable", "kW")
    measured = measure(hass, settings)
    assert measured.power_w is None
    assert measured.missing == ("sensor.fed_in",)


async def test_phases_are_currents_whatever_they_are_told_in(
    hass: HomeAssistant,
) -> None:
    settings = HouseSettings(
        phases=(
            put(hass, "l1", 6, "A"),
            put(hass, "l2", 2300, "W"),
            put(hass, "l3", 500, "mA"),
        )
    )
    measured = measure(hass, settings)
    assert measured.currents_a == pytest.approx((6, 10, 0.5))
    assert measured.power_w == pytest.approx(16.5 * 230)
    put(hass, "l2", "unknown")
    measured = measure(hass, settings)
    assert measured.currents_a[1] is None
    assert measured.currents_a[0] == 6
    assert measured.power_w is None


async def test_with_another_voltage_and_a_whole_beside_the_phases(
    hass: HomeAssistant,
) -> None:
    settings = HouseSettings(
        grid_power=put(hass, "grid", 1000),
        phases=(put(hass, "l1", 1200, "W"),),
        voltage_v=120,
        sign_reversed=True,
    )
    measured = measure(hass, settings)
    assert measured.power_w == -1000
    assert measured.currents_a == (-10,)


async def test_a_value_that_is_old_is_stale_and_keeps_its_age(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    settings = HouseSettings(grid_power=put(hass, "grid", 1000))
    now = dt_util.utcnow()
    measured = measure(hass, settings)
    assert measured.age(now) == timedelta()
    assert not measured.is_stale(now)
    freezer.tick(STALE + timedelta(seconds=1))
    now = dt_util.utcnow()
    measured = measure(hass, settings)
    assert measured.power_w == 1000
    assert measured.age(now) == STALE + timedelta(seconds=1)
    assert measured.is_stale(now)
    # The same value, told again, is fresh.
    put(hass, "grid", 1000)
    assert not measure(hass, settings).is_stale(now)


async def test_nothing_measured_has_no_age(hass: HomeAssistant) -> None:
    measured = measure(hass, HouseSettings())
    assert measured.power_w is None
    assert measured.age(dt_util.utcnow()) is None
    assert measured.is_stale(dt_util.utcnow())


async def test_listeners_are_told_while_it_runs(hass: HomeAssistant) -> None:
    meter = HouseMeter(hass)
    told: list[float | None] = []
    meter.listen(lambda: told.append(meter.measured().power_w))
    settings = HouseSettings(grid_power=put(hass, "grid", 1))
    meter.async_configure(settings)
    put(hass, "grid", 2)
    await hass.async_block_till_done()
    assert told == [1]
    stop = meter.async_start()
    put(hass, "grid", 3)
    await hass.async_block_till_done()
    assert told == [1, 3]
    meter.async_configure(settings)
    assert told == [1, 3]
    other = HouseSettings(grid_power=put(hass, "other", 7))
    meter.async_configure(other)
    put(hass, "grid", 4)
    put(hass, "other", 8)
    await hass.async_block_till_done()
    assert told == [1, 3, 7, 8]
    stop()
    put(hass, "other", 9)
    await hass.async_block_till_done()
    assert told == [1, 3, 7, 8]
    meter.async_configure(None)
    assert meter.measured().power_w is None


async def test_a_value_that_is_told_again_is_heard_and_not_stale(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    meter = HouseMeter(hass)
    meter.async_configure(HouseSettings(grid_power=put(hass, "grid", 5)))
    told: list[float | None] = []
    meter.listen(lambda: told.append(meter.measured().power_w))
    stop = meter.async_start()
    freezer.tick(STALE * 2)
    assert meter.measured().is_stale(dt_util.utcnow())
    put(hass, "grid", 5)
    await hass.async_block_till_done()
    assert told == [5]
    assert not meter.measured().is_stale(dt_util.utcnow())
    stop()


def test_settings_are_kept_as_they_are() -> None:
    settings = HouseSettings(
        grid_power="sensor.a",
        fed_in_power="sensor.b",
        phases=("sensor.c", "sensor.d"),
        sign_reversed=True,
        voltage_v=240.0,
    )
    assert HouseSettings.from_data(settings.as_data()) == settings
    empty: dict[str, Any] = {}
    assert HouseSettings.from_data(empty) == HouseSettings()
    assert settings.entities == ("sensor.a", "sensor.b", "sensor.c", "sensor.d")
