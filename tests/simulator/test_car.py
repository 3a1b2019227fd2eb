"""The car: how much it draws, and when it stops."""

from dataclasses import replace

from hypothesis import given, strategies as st
import pytest

from simulator import Car
from simulator.car import Supply

FULL = Supply(current_a=16.0, phases=3)


def stepped(car: Car, supply: Supply, seconds: float, step: float) -> float:
    """Integrate the power drawn in small steps, for comparison."""
    energy = 0.0
    for _ in range(round(seconds / step)):
        power = car.power_w(supply)
        energy += power * step / 3600
        car.soc_percent += power * step / 3600 * car.efficiency / car.battery_kwh / 10
    return energy


def test_a_low_battery_takes_all_that_is_offered() -> None:
    car = Car(soc_percent=20)
    assert car.power_w(FULL) == pytest.approx(16 * 230 * 3)
    assert car.advance(FULL, 3600) == pytest.approx(16 * 230 * 3)
    assert car.soc_percent == pytest.approx(20 + 11.04 * 0.9 / 60 * 100)


def test_it_uses_no_more_phases_than_it_has() -> None:
    assert Car(phases=1).power_w(FULL) == pytest.approx(16 * 230)


def test_below_six_amperes_nothing_flows() -> None:
    car = Car()
    supply = replace(FULL, current_a=5.9)
    assert car.current_a(supply) == 0
    assert car.advance(supply, 3600) == 0
    assert car.seconds_to_change(supply) is None


def test_current_falls_in_the_taper_and_ends_when_full() -> None:
    car = Car(soc_percent=90)
    assert car.current_a(FULL) == pytest.approx(11)
    left = car.seconds_to_change(FULL)
    assert left is not None
    car.advance(FULL, left * 0.999)
    assert car.current_a(FULL) == pytest.approx(6, abs=0.02)
    car.advance(FULL, left)
    assert car.full
    assert car.current_a(FULL) == 0
    assert car.advance(FULL, 3600) == 0


def test_energy_in_the_taper_is_exact() -> None:
    exact, stepwise = Car(soc_percent=75), Car(soc_percent=75)
    assert exact.advance(FULL, 7200) == pytest.approx(
        stepped(stepwise, FULL, 7200, 0.5), rel=1e-4
    )
    assert exact.soc_percent == pytest.approx(stepwise.soc_percent, abs=0.01)


def test_energy_into_the_battery_fits_the_meter() -> None:
    car = Car(soc_percent=50, battery_kwh=40, efficiency=0.9)
    energy = car.advance(FULL, 1e6)
    assert car.soc_percent == 100
    assert energy == pytest.approx(0.5 * 40_000 / 0.9)


def test_the_owners_limit_ends_charging_early() -> None:
    car = Car(soc_percent=50, target_percent=60)
    car.advance(FULL, 1e6)
    assert car.soc_percent == pytest.approx(60)
    assert car.full


def test_a_sleeping_car_wakes_up_first() -> None:
    car = Car(wake_up_s=30)
    assert car.seconds_to_change(FULL) == 30
    assert car.advance(FULL, 30) == 0
    assert car.advance(FULL, 3600) == pytest.approx(11040)


@given(
    soc=st.floats(0, 99.9),
    offered=st.floats(0, 40),
    seconds=st.floats(1, 1e5),
    cut=st.floats(0.01, 0.99),
    phases=st.integers(1, 3),
)
def test_it_does_not_matter_how_often_one_looks(
    soc: float, offered: float, seconds: float, cut: float, phases: int
) -> None:
    supply = Supply(current_a=offered, phases=3)
    once = Car(soc_percent=soc, phases=phases)
    twice = replace(once)
    energy = once.advance(supply, seconds)
    parts = twice.advance(supply, seconds * cut)
    parts += twice.advance(supply, seconds * (1 - cut))
    assert parts == pytest.approx(energy, rel=1e-6, abs=1e-3)
    assert 0 <= once.soc_percent <= 100
