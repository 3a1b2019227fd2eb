"""Several cars in one house: a scenario for each thing that they share."""

from datetime import timedelta

import pytest

from custom_components.ocpp_charging.charging import (
    Car,
    Circuit,
    Circuits,
    PeakTariff,
    Place,
    ReasonKey,
    Signals,
    Site,
    State,
    load_of_power,
    plan,
    plan_greedy,
)

from .houses import ONE_KW, at, series, spans
from .joint_houses import fused, joint, limited, wish

SIXTEEN = Car.of_current(max_a=16)
SMOOTH = Car(max_power_w=11_000)
KEYS = ReasonKey


def test_one_car_is_planned_as_if_there_were_no_others() -> None:
    one = wish([30, 10, 20, 40], 2, 4)
    made = joint({"a": one}, Site())
    assert made.plans["a"] == plan(one, at(0))
    assert made.gap == 0


def test_cars_that_do_not_disturb_each_other_get_their_own_best() -> None:
    prices = [30, 10, 20, 40]
    cars = {"a": wish(prices, 1, 4), "b": wish(prices, 1, 4)}
    made = joint(cars, limited(2000))
    assert [spans(one) for one in made.plans.values()] == [[(1, 2)], [(1, 2)]]
    assert made.gap == 0


def test_two_cars_under_one_limit_share_the_cheap_hours() -> None:
    prices = [30, 10, 20, 40]
    cars = {"a": wish(prices, 1, 4), "b": wish(prices, 1, 4)}
    made = joint(cars, limited(1000))
    assert made.cost == pytest.approx(30)
    assert sorted(spans(one) for one in made.plans.values()) == [[(1, 2)], [(2, 3)]]


def test_a_cars_own_limit_is_that_of_all_who_have_the_same() -> None:
    prices = Signals(price=series([30, 10, 20, 40]), limit=series([1000] * 4))
    made = joint({"a": wish(prices, 1, 4), "b": wish(prices, 1, 4)}, Site())
    assert made.cost == pytest.approx(30)


def test_who_must_leave_first_gets_the_hours_that_the_other_can_do_without() -> None:
    prices = [20, 10, 11, 50]
    cars = {"early": wish(prices, 2, 2), "late": wish(prices, 1, 4)}
    made = joint(cars, limited(1000))
    assert spans(made.plans["early"]) == [(0, 2)]
    assert spans(made.plans["late"]) == [(2, 3)]
    assert all(one.met for one in made.plans.values())


def test_both_too_late_and_the_one_with_priority_has_all() -> None:
    prices = [20, 10]
    cars = {"a": wish(prices, 2, 2), "b": wish(prices, 2, 2)}
    places = {"b": Place(priority=1)}
    made = joint(cars, limited(1000, places=places))
    assert made.plans["b"].met
    assert made.plans["a"].shortfall is not None
    assert made.plans["a"].shortfall.energy_kwh == pytest.approx(2)
    assert spans(made.plans["a"]) == [(2, 4)]


def test_what_a_car_needs_at_once_comes_before_anothers_priority() -> None:
    prices = [20, 10, 15, 30]
    cars = {
        "first": wish(prices, 3, 3),
        "empty": wish(prices, 1, 4, minimum_kwh=1),
    }
    made = joint(cars, limited(1000, places={"first": Place(priority=5)}))
    assert spans(made.plans["empty"]) == [(0, 1)]
    assert made.plans["first"].shortfall is not None


def test_the_operators_limit_is_kept_under_the_users_maximum() -> None:
    car = Car(max_power_w=5000, min_power_w=1380)
    cars = {"a": wish([10, 20, 30], 5, 3, car=car), "b": wish([10] * 3, 2, 3, car=car)}
    made = joint(cars, limited(4200))
    assert all(one.met for one in made.plans.values())


def test_a_peak_that_costs_is_made_flat() -> None:
    site = Site(peak=PeakTariff(price_per_kw=10))
    made = joint({"a": wish([0.2] * 4, 4 / 0.95, 4, car=SMOOTH)}, site)
    assert made.peak_kw == pytest.approx(1.0526, abs=2e-3)
    assert all(
        one.power_w == pytest.approx(1052.6, abs=2) for one in made.plans["a"].periods
    )


def test_power_up_to_the_peak_that_is_billed_already_is_free() -> None:
    site = Site(peak=PeakTariff(price_per_kw=10, so_far_kw=4))
    made = joint({"a": wish([0.1, 0.2, 0.2, 0.2], 4, 4, car=SMOOTH)}, site)
    assert spans(made.plans["a"]) == [(0, 1)]
    assert made.peak_cost == pytest.approx(0)


def test_the_house_counts_for_the_peak_and_the_sun_does_not() -> None:
    tariff = PeakTariff(
        price_per_kw=10, so_far_kw=2, house=series([2000, 500, 500, 500])
    )
    now = Signals(price=series([0.1, 0.2, 0.3, 0.3]), solar=series([0, 0, 0, 3000]))
    made = joint({"a": wish(now, 4.5, 4, car=SMOOTH)}, Site(peak=tariff))
    assert made.peak_kw == pytest.approx(2, abs=2e-3)
    assert made.plans["a"].power_at(at(0.5)) == 0
    assert made.plans["a"].totals.solar_share == pytest.approx(3 / 4.5, abs=1e-3)


def test_cars_get_out_of_each_others_way_when_a_peak_costs() -> None:
    prices = [0.1, 0.1001, 0.3, 0.3]
    cars = {"a": wish(prices, 1, 4), "b": wish(prices, 1, 4)}
    made = joint(cars, Site(peak=PeakTariff(price_per_kw=1)))
    # Half of each hour: a peak is a mean.
    assert made.peak_kw == pytest.approx(0.5, abs=1e-3)
    assert made.cost == pytest.approx(0.90005, abs=1e-3)


def test_charging_at_once_is_told_with_the_sun_that_the_other_car_leaves() -> None:
    signals = Signals(
        price=series([0.30, 0.20]), solar=series([1000, 0]), feed_in=series([0.0] * 2)
    )
    # One takes all the sun there is; the other may wait for the cheaper hour.
    cars = {"a": wish(signals, 1, 1), "b": wish(signals, 1, 2)}
    made = joint(cars, Site())
    assert spans(made.plans["b"]) == [(1, 2)]
    at_once = made.plans["b"].at_once
    assert at_once is not None
    assert at_once.cost == pytest.approx(0.30)
    assert made.plans["b"].totals.cost == pytest.approx(0.20)


def test_sun_is_used_once_and_at_what_it_would_have_earned() -> None:
    day = Signals(
        price=series([0.30, 0.30]), solar=series([1000, 0]), feed_in=series([0.08] * 2)
    )
    cars = {"a": wish(day, 1, 2), "b": wish(day, 1, 2)}
    made = joint(cars, Site())
    assert made.cost == pytest.approx(0.38)
    sun = [one.totals.solar_share for one in made.plans.values()]
    assert sum(sun) == pytest.approx(1)


def test_a_board_below_the_main_fuse_is_kept_too() -> None:
    circuits = Circuits(
        [
            Circuit(key="main", limit_a=(63, 63, 63)),
            Circuit(key="garage", limit_a=(16, 16, 16), parent="main"),
        ]
    )
    places = {"a": Place(circuit="garage"), "b": Place(circuit="garage")}
    places |= {"c": Place(circuit="main")}
    cars = {key: wish([0.1, 0.2, 0.3], 11.04, 3, car=SIXTEEN) for key in "abc"}
    made = joint(cars, Site(circuits=circuits, places=places))
    assert all(one.met for one in made.plans.values())
    assert spans(made.plans["c"]) == [(0, 1)]
    assert made.cost == pytest.approx(11.04 * 0.4)
    waits = [one.reason.key for one in made.plans.values()]
    assert KEYS.OTHER_CAR in waits


def test_cars_on_different_phases_do_not_disturb_each_other() -> None:
    car = Car.of_current(max_a=16, phases=1)
    cars = {key: wish([0.1, 0.2], 3.68, 2, car=car) for key in "abc"}
    places = {
        key: Place(circuit="main", phases=(phase, phase % 3 + 1))
        for key, phase in zip("abc", (1, 2, 3), strict=True)
    }
    made = joint(cars, fused(16, places=places))
    assert all(spans(one) == [(0, 1)] for one in made.plans.values())
    together = joint(cars, fused(16, *"abc"))
    assert together.cost > made.cost
    assert not all(one.met for one in together.plans.values())


def test_what_the_house_uses_is_left_to_it() -> None:
    load = load_of_power(series([9000, 0, 0]))
    cars = {"a": wish([0.1, 0.3, 0.2], 11.04, 3, car=SIXTEEN)}
    made = joint(cars, fused(16, "a", base_load={"main": load}))
    assert spans(made.plans["a"]) == [(2, 3)]
    assert made.plans["a"].reason.key is KEYS.FUSE


def test_a_fuse_with_room_for_one_and_a_half_cars_is_used_to_the_full() -> None:
    cars = {key: wish([0.1, 0.4], 11.04, 2, car=SIXTEEN) for key in "ab"}
    made = joint(cars, fused(24, "a", "b"))
    assert made.cost == pytest.approx(16.56 * 0.1 + 5.52 * 0.4, abs=1e-4)


def test_caps_hold_in_company() -> None:
    prices = [0.1, 0.2, 0.5]
    cars = {
        "a": wish(prices, 2, 3, price_cap=0.3, overrun=False),
        "b": wish(prices, 1, 3),
    }
    made = joint(cars, limited(1000))
    assert spans(made.plans["a"]) == [(0, 2)]
    assert spans(made.plans["b"]) == [(2, 3)]


def test_starts_count_in_company() -> None:
    prices = [0.1, 0.3, 0.1, 0.12, 0.5]
    cars = {
        key: wish(prices, 2, 5, prefer={"start_cost": 0.5, "threshold": 0})
        for key in "ab"
    }
    made = joint(cars, limited(1000))
    assert sum(one.totals.starts for one in made.plans.values()) == 2


def test_without_prices_all_are_ready_as_late_as_is_safe() -> None:
    cars = {key: wish([], 1, 4, prefer={"margin": timedelta(0)}) for key in "ab"}
    made = joint(cars, limited(1000))
    assert sorted(spans(one) for one in made.plans.values()) == [[(2, 3)], [(3, 4)]]


def test_a_plan_so_far_is_kept_when_another_gains_too_little() -> None:
    prices = [0.10, 0.10, 0.5]
    cars = {"a": wish(prices, 1, 3), "b": wish(prices, 1, 3)}
    first = joint(cars, limited(1000))
    changed = [0.11, 0.10, 0.5]
    again = {
        key: wish(changed, 1, 3, state=State(plan=first.plans[key])) for key in cars
    }
    second = joint(again, limited(1000))
    assert [spans(one) for one in second.plans.values()] == [
        spans(one) for one in first.plans.values()
    ]


def test_the_plan_at_once_keeps_the_limits_and_tells_how_far_off_it_may_be() -> None:
    prices = [30, 10, 20, 40]
    cars = {"a": wish(prices, 2, 4), "b": wish(prices, 1, 4)}
    made = plan_greedy(cars, limited(1000), at(0))
    best = joint(cars, limited(1000))
    assert made.cost >= best.cost - 1e-6
    assert made.cost - made.gap <= best.cost + 1e-6


def test_no_cars_make_an_empty_plan() -> None:
    assert joint({}, Site()).plans == {}


def test_a_site_refuses_what_hangs_on_no_circuit() -> None:
    with pytest.raises(ValueError, match="no circuit"):
        Site(places={"a": Place(circuit="attic")})
    with pytest.raises(ValueError, match="phases"):
        Place(phases=(1, 1))
    with pytest.raises(ValueError, match="zone"):
        plan_greedy(
            {"a": wish([1], 1, 1, car=ONE_KW)}, Site(), at(0).replace(tzinfo=None)
        )
