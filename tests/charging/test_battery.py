"""Time, energy and power of a battery that takes less when nearly full."""

import pytest

from custom_components.ocpp_charging.charging import Car, State
from custom_components.ocpp_charging.charging.battery import Battery

from .houses import check_whole, planned, spans

TAPER = ((50.0, 50_000.0), (100.0, 1_000.0))


def car(most: float, efficiency: float = 0.85) -> Car:
    return Car(max_power_w=most, battery_kwh=10, efficiency=efficiency, taper=TAPER)


def slowly(battery: Battery, begin: float, end: float, power: float) -> float:
    """Return the hours from one energy to another, in very small steps."""
    steps = 20_000
    width = (end - begin) / steps
    small = 1e-9
    return sum(
        width / (battery.energy(begin + (step + 0.5) * width, small, power) / small)
        for step in range(steps)
    )


@pytest.mark.parametrize("soc", [0, 30, 50, 80, 97.5])
@pytest.mark.parametrize("power", [1.0, 7.0, 11.0, 22.0])
@pytest.mark.parametrize("target", [40, 80, 100])
def test_the_time_to_a_charge_is_that_of_its_power_all_the_way(
    soc: float, power: float, target: float
) -> None:
    battery = Battery(car(power * 1000), soc)
    energy = max(0.0, (target - soc) / 100 * 10 / 0.85)
    hours = battery.hours(0, energy, power)
    assert hours == pytest.approx(slowly(battery, 0, energy, power), rel=1e-5)
    assert battery.energy(0, hours, power) == pytest.approx(energy)
    half = battery.energy(0, hours / 2, power)
    assert half + battery.energy(half, hours / 2, power) == pytest.approx(energy)


@pytest.mark.parametrize(
    ("soc", "target", "watts", "hours"),
    [
        # 10 kWh at an efficiency of 85 %: 11.76 kWh from empty to full.
        (0, 50, 1000, 5.88),
        (0, 100, 1000, 11.76),
        (0, 80, 10_000, 0.941),
        (20, 80, 10_000, 0.706),
        # At 10 kW it takes less from 90.8 % on.
        (90, 90.5, 10_000, 0.00588),
        (90, 95, 10_000, 0.07295),
        (90, 100, 10_000, 0.2858),
        (0, 100, 10_000, 1.3447),
    ],
)
def test_eight_figures(soc: float, target: float, watts: float, hours: float) -> None:
    battery = Battery(car(watts), soc)
    energy = (target - soc) / 100 * 10 / 0.85
    assert battery.hours(0, energy, watts / 1000) == pytest.approx(hours, rel=2e-3)


def test_without_a_charge_or_a_taper_power_is_power() -> None:
    for battery in (
        Battery(car(5000), None),
        Battery(Car(max_power_w=5000, battery_kwh=10), 90),
    ):
        assert battery.hours(3, 13, 5) == 2
        assert battery.energy(3, 2, 5) == 10
        assert battery.full_power(3, 13, 5) == 10


def test_above_the_last_point_the_limit_stays() -> None:
    low = Car(
        max_power_w=9000, battery_kwh=10, efficiency=1, taper=((80, 4000), (90, 2000))
    )
    battery = Battery(low, 95)
    assert battery.hours(0, 0.5, 9) == pytest.approx(0.25)
    # Below the first point there is none.
    battery = Battery(low, 20)
    assert battery.hours(0, 6, 9) == pytest.approx(6 / 9)


def test_a_plan_leaves_a_nearly_full_battery_its_time() -> None:
    slow = Car(
        max_power_w=4000,
        min_power_w=1000,
        battery_kwh=40,
        efficiency=1,
        taper=((90, 4000), (100, 1000)),
    )
    made = planned(
        [0.3] * 8, None, ready=8, car=slow, target_soc=100, state=State(soc=80)
    )
    check_whole(made)
    ((start, end),) = spans(made)
    assert end == 8
    # 4 kWh at 4 kW, 4 kWh at what falls from 4 kW to 1 kW: 1 h and 1.848 h.
    assert end - start == pytest.approx(2.848, rel=1e-3)
    assert made.totals.energy_kwh == pytest.approx(8)
    assert made.met
    short = planned(
        [0.3] * 8, None, ready=2, car=slow, target_soc=100, state=State(soc=80)
    )
    assert short.shortfall is not None
    ((start, end),) = spans(short)
    assert start == 0
    assert end == pytest.approx(2.848, rel=1e-3)


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_power_w": 0},
        {"max_power_w": 1000, "min_power_w": 1001},
        {"max_power_w": 1000, "min_power_w": -1},
        {"max_power_w": 1000, "efficiency": 0},
        {"max_power_w": 1000, "efficiency": 1.1},
        {"max_power_w": 1000, "battery_kwh": 0},
        {"max_power_w": 1000, "taper": ((90, 500), (90, 400))},
        {"max_power_w": 1000, "taper": ((90, 500), (100, 0))},
    ],
)
def test_no_car_has_limits_that_contradict_each_other(wrong: dict) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        Car(**wrong)
