"""What cars get of the sun: with a house's battery, several of them, and a plan."""

from datetime import time, timedelta
from typing import Any

from homeassistant.config_entries import ConfigSubentryData
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
import pytest

from custom_components.ocpp_charging.planning import ConnectorPlan, Mode
from custom_components.ocpp_charging.planning.course import Because
from custom_components.ocpp_charging.vehicles.choices import GUEST
from simulator import Car

from ..entities import state_of
from .conftest import PRICE, Home, Make, car
from .test_phases import entity
from .test_random_delay import by_chance
from .test_steering import meter, patient, until

__all__ = ["by_chance", "patient"]

HOUSE = {"house": {"grid_power": "sensor.grid"}}
BATTERY = {
    "battery_power": "sensor.battery",
    "battery_reversed": False,
    "battery_soc": "sensor.battery_soc",
}


def battery(home: Home, power_w: float | None, soc: float | None = 50) -> None:
    """Have the house's battery tell what it takes."""
    for name, value, unit in (
        ("sensor.battery", power_w, "W"),
        ("sensor.battery_soc", soc, "%"),
    ):
        text = "unavailable" if value is None else str(value)
        home.hass.states.async_set(name, text, {"unit_of_measurement": unit})


def drawn(home: Home, connector: int = 1) -> float:
    """Return what flows into a car, in W."""
    return home.cp.connector(connector).power_w


async def shine(
    home: Home, sun_w: float, battery_w: float | None = 0.0, **much: float
) -> None:
    """Let the roof give so much beyond the house for a while.

    The battery takes `battery_w` of it, or gives it where that is below 0. Where it is
    None it takes nothing, and tells nothing.
    """
    left = timedelta(**much)
    while left > timedelta(0):
        taken = 0.0 if battery_w is None else battery_w
        meter(home, drawn(home, 1) + drawn(home, 2) + taken - sun_w)
        battery(home, battery_w)
        await home.pass_time(seconds=10)
        left -= timedelta(seconds=10)


async def follow(
    home: Home, connector: int = 1, mode: Mode = Mode.SOLAR, **wishes: Any
) -> ConnectorPlan:
    """Plug in a car with one phase that follows the sun."""
    plan = home.of(connector)
    await plan.async_set(steered=True, mode=mode, **wishes)
    await home.cp.plug(connector, Car(soc_percent=40, max_current_a=16, phases=1))
    await home.told(plan, lambda: plan.plugged_in)
    await home.pass_time(seconds=11)
    await until(home, lambda _: plan.connector.transaction is not None)
    return plan


def why(hass: HomeAssistant) -> tuple[str, str, float | None]:
    """Return what the reason sensor says, in words and with its number."""
    found = state_of(hass, entity(hass, "reason"))
    return found.state, found.attributes["text"], found.attributes.get("sun_w")


async def sunny(make: Make, **options: Any) -> Home:
    """Return a home with a car on one phase, and a meter that tells nothing flows."""
    made = await make(car(phases=1), soc=40, options={**HOUSE, **options})
    meter(made, 0)
    battery(made, 0)
    return made


async def test_what_the_houses_battery_gives_is_not_taken_for_sun(
    home: Make, hass: HomeAssistant
) -> None:
    made = await sunny(home, surplus=BATTERY)
    await follow(made)
    # It gives 3 kW, which are fed in: as one does that sells at a high price.
    await shine(made, 0, -3000, minutes=5)
    assert drawn(made) == 0
    assert why(hass)[0] == "solar_no_sun"
    # What it takes is the sun's.
    await shine(made, 3000, 3000, minutes=5)
    assert 12 * 230 <= drawn(made) <= 3000
    assert why(hass)[:2] == (
        "solar_sun",
        "Charging from the sun: 3000 W are left for the car",
    )


async def test_a_car_stops_when_the_battery_pays_for_it_at_dusk(home: Make) -> None:
    made = await sunny(home, surplus=BATTERY)
    await follow(made)
    await shine(made, 3000, minutes=5)
    assert drawn(made) > 2500
    # The meter stays at 0, as the battery gives what the roof doesn't any more.
    for _ in range(6 * 6):
        meter(made, 0)
        battery(made, -drawn(made))
        await made.pass_time(seconds=10)
    assert drawn(made) == 0


async def test_a_battery_that_tells_nothing_ends_it_after_two_minutes(
    home: Make, hass: HomeAssistant
) -> None:
    made = await sunny(home, surplus=BATTERY)
    await follow(made)
    await shine(made, 3000, minutes=5)
    assert drawn(made) > 2500
    await shine(made, 3000, None, minutes=1)
    assert drawn(made) > 2500
    await shine(made, 3000, None, minutes=2)
    assert drawn(made) == 0
    assert why(hass)[0] == "solar_unknown"
    await shine(made, 3000, minutes=9)
    assert drawn(made) > 2500


async def test_the_battery_comes_first_until_it_is_as_full_as_the_owner_wants(
    home: Make, hass: HomeAssistant
) -> None:
    made = await sunny(home, surplus={**BATTERY, "battery_first": 60})
    await follow(made)
    await shine(made, 3000, 3000, minutes=4)
    assert drawn(made) == 0
    state, text, left_w = why(hass)
    assert (state, left_w) == ("solar_battery_first", -100)
    assert text == (
        "Waiting: the house's battery comes first; 0 W are left for the car, "
        "1380 W are needed"
    )
    for _ in range(6 * 5):
        meter(made, drawn(made) - 3000)
        battery(made, 0, soc=60)
        await made.pass_time(seconds=10)
    assert 12 * 230 <= drawn(made) <= 3000


async def test_with_a_share_from_the_grid_less_sun_is_enough(home: Make) -> None:
    made = await sunny(home, surplus={"grid_share": 50, "battery_power": None})
    await follow(made)
    await shine(made, 800, minutes=4)
    assert drawn(made) == pytest.approx(6 * 230, abs=1)


async def test_two_cars_share_the_sun_and_who_came_first_is_served_first(
    home: Make, hass: HomeAssistant
) -> None:
    made = await sunny(home)
    await follow(made, 2)
    await follow(made, 1)
    # It would be enough for either of them, and not for both.
    most = 0.0
    for _ in range(6 * 5):
        await shine(made, 5000, seconds=10)
        most = max(most, drawn(made, 1) + drawn(made, 2))
    assert most <= 5000
    assert drawn(made, 1) == 0
    assert drawn(made, 2) == pytest.approx(16 * 230, abs=1)
    # Of a guest it isn't known that it uses one phase, so more is needed to begin.
    await shine(made, 8200, minutes=5)
    assert drawn(made, 1) >= 6 * 230
    await shine(made, 5500, minutes=9)
    assert drawn(made, 2) == pytest.approx(16 * 230, abs=1)
    assert drawn(made, 1) == pytest.approx(7 * 230, abs=231)
    # The one that came later ends first.
    await shine(made, 3000, minutes=9)
    assert drawn(made, 1) == 0
    assert drawn(made, 2) >= 12 * 230


async def test_a_car_with_a_higher_priority_takes_over_the_sun(home: Make) -> None:
    made = await home(car(phases=1, priority="high"), soc=40, options=HOUSE)
    meter(made, 0)
    vehicles = made.entry.runtime_data.vehicles
    guest = await follow(made, 2)
    vehicles.async_choose(*guest.key, GUEST)
    await shine(made, 4500, minutes=5)
    assert drawn(made, 2) >= 6 * 230
    own = await follow(made, 1)
    assert guest.vehicle is None
    assert own.vehicle is not None
    await shine(made, 3000, minutes=9)
    assert drawn(made, 1) > 2500
    assert drawn(made, 2) == 0


async def test_smart_and_solar_takes_the_larger_of_plan_and_sun(
    home: Make, hass: HomeAssistant
) -> None:
    made = await sunny(home, price={**PRICE, "periods": []})
    plan = await follow(made, mode=Mode.SMART_SOLAR, ready_by=time(18, 45))
    assert plan.because is Because.SUN
    # Too little time: the plan wants all there is, and the sun gives less.
    assert plan.planned_power_w == pytest.approx(16 * 230, abs=1)
    await shine(made, 2000, minutes=3)
    assert drawn(made) == pytest.approx(16 * 230, abs=1)
    assert why(hass)[0] == "deadline"


async def test_smart_and_solar_follows_the_sun_while_the_plan_waits(
    home: Make, hass: HomeAssistant
) -> None:
    made = await sunny(home, price=PRICE)
    plan = await follow(made, mode=Mode.SMART_SOLAR, ready_by=time(7, 0), target_soc=50)
    assert not plan.planned_power_w
    assert why(hass)[0] == "cheaper_later"
    await shine(made, 3000, minutes=5)
    assert 12 * 230 <= drawn(made) <= 3000
    assert why(hass)[0] == "solar_sun"
    # A cloud of two minutes does not end it, one of ten does; then the plan counts.
    await shine(made, 0, minutes=2)
    assert drawn(made) == pytest.approx(6 * 230, abs=1)
    await shine(made, 3000, minutes=2)
    assert drawn(made) > 2000
    await shine(made, 0, minutes=10)
    assert drawn(made) == 0
    assert why(hass)[0] == "cheaper_later"


@pytest.mark.usefixtures("by_chance")
async def test_in_smart_and_solar_what_is_planned_waits_by_chance_and_the_sun_does_not(
    home: Make, hass: HomeAssistant
) -> None:
    options = {"price": PRICE, "planning": {"random_delay_seconds": 1200}}
    made = await sunny(home, **options)
    plan = await follow(made, mode=Mode.SMART_SOLAR, ready_by=time(7, 0), target_soc=50)
    await shine(made, 0, minutes=1)
    start = plan.next_start
    assert start is not None
    await made.pass_time(seconds=(start - dt_util.utcnow()).total_seconds() - 30)
    await shine(made, 0, minutes=2)
    assert plan.planned_power_w == pytest.approx(16 * 230, abs=1)
    assert plan.delayed_until is not None
    assert abs(plan.delayed_until - start - timedelta(minutes=10)) < timedelta(
        seconds=5
    )
    assert drawn(made) == 0
    await shine(made, 2000, minutes=3)
    assert 6 * 230 <= drawn(made) <= 2000
    assert why(hass)[0] == "solar_sun"
    await shine(made, 2000, minutes=7)
    assert drawn(made) == pytest.approx(16 * 230, abs=1)
    assert plan.delayed_until is None


async def test_solar_charges_up_to_the_minimum_at_any_price(
    home: Make, hass: HomeAssistant
) -> None:
    made = await sunny(home, price=PRICE)
    plan = await follow(made, minimum_soc=60)
    await shine(made, 0, minutes=2)
    assert plan.because is Because.SUN
    assert drawn(made) == pytest.approx(16 * 230, abs=1)
    assert why(hass)[0] == "minimum"


async def test_a_car_that_charges_when_the_sun_takes_over_does_not_pause(
    home: Make,
) -> None:
    made = await sunny(home)
    plan = await follow(made)
    await shine(made, 3000, minutes=5)
    # As after a restart: nobody has steered it yet, and it charges.
    await plan.async_set(steered=False)
    await until(made, lambda one: one.because is None)
    await until(made, lambda one: one.connector.charging is True)
    await plan.async_set(steered=True)
    for _ in range(6 * 4):
        await shine(made, 3000, seconds=10)
        assert drawn(made) >= 6 * 230
    assert plan.because is Because.SUN
    assert 12 * 230 <= drawn(made) <= 3000


async def without_meter(home: Home, **much: float) -> None:
    """Let time pass in which the house's meter tells nothing."""
    left = timedelta(**much)
    while left > timedelta(0):
        home.hass.states.async_set("sensor.grid", "unavailable")
        await home.pass_time(seconds=10)
        left -= timedelta(seconds=10)


@pytest.mark.parametrize("comes_back", [True, False], ids=["back", "gone"])
async def test_a_car_that_charges_waits_for_a_meter_that_starts_later_than_we_do(
    home: Make, comes_back: bool
) -> None:
    made = await sunny(home)
    plan = await follow(made)
    await shine(made, 3000, minutes=5)
    # As after a restart: nobody has steered it yet, it charges, and the meter's
    # integration is still being set up.
    await plan.async_set(steered=False)
    await until(made, lambda one: one.because is None)
    await until(made, lambda one: one.connector.charging is True)
    made.hass.states.async_set("sensor.grid", "unavailable")
    await plan.async_set(steered=True)
    await without_meter(made, seconds=100)
    assert drawn(made) >= 6 * 230
    if comes_back:
        for _ in range(6 * 4):
            await shine(made, 3000, seconds=10)
            assert drawn(made) >= 6 * 230
        assert 12 * 230 <= drawn(made) <= 3000
    else:
        await without_meter(made, seconds=60)
        assert drawn(made) == 0
        assert why(made.hass)[0] == "solar_unknown"


async def test_two_cars_that_could_begin_at_once_do_not_both_take_the_same_sun(
    home: Make,
) -> None:
    other = ConfigSubentryData(
        data={**car(phases=1)["data"], "soc_entity": None},
        subentry_type="vehicle",
        title="Other",
        unique_id=None,
    )
    made = await home(car(phases=1), other, soc=40, options=HOUSE)
    meter(made, 0)
    vehicles = made.entry.runtime_data.vehicles
    for connector, key in enumerate(vehicles.vehicles, start=1):
        plan = await follow(made, connector)
        vehicles.async_choose(*plan.key, key)
    await shine(made, 0, minutes=1)
    problems = [made.of(connector).problem for connector in (1, 2)]
    assert [one.car.phases for one in problems if one] == [1, 1]
    most = 0.0
    for _ in range(6 * 5):
        await shine(made, 2600, seconds=10)
        most = max(most, drawn(made, 1) + drawn(made, 2))
    assert most <= 2600
    assert drawn(made, 1) >= 10 * 230
    assert drawn(made, 2) == 0
