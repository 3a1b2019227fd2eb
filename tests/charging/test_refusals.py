"""What can't be planned with is refused in words, and not answered with nonsense."""

from collections.abc import Callable
from datetime import datetime, timedelta
from math import inf, nan
from typing import Any

import pytest

from custom_components.ocpp_charging.charging import (
    Car,
    Goal,
    Interval,
    Preferences,
    Problem,
    Series,
    Signals,
    State,
    plan,
)

from .houses import MIDNIGHT, ONE_KW, at, planned

NAIVE = datetime(2026, 1, 1)  # noqa: DTZ001


def car(**given: Any) -> Car:
    """Return a car of 11 kW, but for what is given."""
    return Car(**{"max_power_w": 11_000.0, **given})


REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "a_price_that_is_no_number": (
        lambda: Interval(start=at(0), end=at(1), value=nan),
        "has a value",
    ),
    "a_price_without_end": (
        lambda: Interval(start=at(0), end=at(1), value=-inf),
        "has a value",
    ),
    "an_interval_backwards": (
        lambda: Interval(start=at(1), end=at(0), value=1),
        "ends after",
    ),
    "an_interval_of_no_length": (
        lambda: Interval(start=at(1), end=at(1), value=1),
        "ends after",
    ),
    "an_interval_without_zone": (
        lambda: Interval(start=NAIVE, end=at(1), value=1),
        "time zone",
    ),
    "intervals_that_overlap": (
        lambda: Series(
            [
                Interval(start=at(0), end=at(1), value=1),
                Interval(start=at(0.5), end=at(2), value=1),
            ]
        ),
        "overlap",
    ),
    "the_same_interval_twice": (
        lambda: Series([Interval(start=at(0), end=at(1), value=1)] * 2),
        "overlap",
    ),
    "now_without_zone": (
        lambda: plan(Problem(car=ONE_KW, goal=Goal(energy_kwh=1)), NAIVE),
        "now needs a time zone",
    ),
    "ready_without_zone": (lambda: Goal(ready_by=NAIVE), "ready_by needs"),
    "not_before_without_zone": (lambda: Goal(not_before=NAIVE), "not_before needs"),
    "since_without_zone": (lambda: State(since=NAIVE), "since needs"),
    "an_energy_that_is_no_number": (lambda: Goal(energy_kwh=nan), "energy_kwh"),
    "an_energy_without_end": (lambda: Goal(energy_kwh=inf), "energy_kwh"),
    "a_cap_that_is_no_number": (lambda: Goal(price_cap=nan), "price_cap"),
    "a_target_above_100": (lambda: Goal(target_soc=101), "target_soc"),
    "a_target_below_0": (lambda: Goal(minimum_soc=-1), "minimum_soc"),
    "a_reserve_below_0": (lambda: Goal(reserve=timedelta(hours=-1)), "reserve"),
    "a_start_that_earns": (lambda: Preferences(start_cost=-0.1), "start_cost"),
    "a_co2_price_below_0": (lambda: Preferences(co2_price=-1), "co2_price"),
    "a_run_below_0": (
        lambda: Preferences(minimum_run=timedelta(minutes=-5)),
        "minimum_run",
    ),
    "a_threshold_that_is_no_number": (lambda: Preferences(threshold=nan), "threshold"),
    "a_charge_that_is_no_number": (lambda: State(soc=nan), "soc"),
    "a_car_without_power": (lambda: car(max_power_w=0), "least power"),
    "a_power_that_is_no_number": (lambda: car(max_power_w=nan), "max_power_w"),
    "a_power_without_end": (lambda: car(max_power_w=inf), "max_power_w"),
    "a_least_above_the_most": (lambda: car(min_power_w=12_000), "least power"),
    "a_least_current_above_the_most": (
        lambda: Car.of_current(max_a=5, min_a=6),
        "least power",
    ),
    "a_step_below_0": (lambda: car(step_w=-1), "step_w"),
    "an_efficiency_of_0": (lambda: car(efficiency=0), "efficiency"),
    "an_efficiency_above_1": (lambda: car(efficiency=1.1), "efficiency"),
    "an_efficiency_that_is_no_number": (lambda: car(efficiency=nan), "efficiency"),
    "a_battery_of_nothing": (lambda: car(battery_kwh=0), "battery"),
    "four_phases": (lambda: car(phases=4), "phases"),
    "a_taper_that_descends": (
        lambda: car(taper=((90, 5000), (80, 3000))),
        "ascend",
    ),
    "a_taper_to_nothing": (lambda: car(taper=((90, 5000), (100, 0))), "above 0 W"),
    "a_taper_that_is_no_number": (lambda: car(taper=((nan, 5000),)), "taper"),
}


@pytest.mark.parametrize(("made", "words"), list(REFUSED.values()), ids=list(REFUSED))
def test_what_can_not_be_planned_with_is_refused(
    made: Callable[[], object], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        made()


def test_a_limit_below_the_least_power_means_waiting() -> None:
    made = planned([0.2, 0.1], 1, ready=2, car=car(min_power_w=4000, max_power_w=4000))
    assert made.met
    known = Series.constant(3999.0, MIDNIGHT, at(2))
    low = plan(
        Problem(
            car=car(min_power_w=4000),
            goal=Goal(energy_kwh=1, ready_by=at(2), overrun=False),
            signals=Signals(limit=known),
        ),
        at(0),
    )
    assert not low.periods
    assert not low.met
