"""Edges that other planners are known to be tested with, and what is best at each.

Rows as in `test_known_situations`: late, early, nothing known, holes, reserves, equals,
caps, and the price of a start.
"""

from datetime import timedelta
from typing import Any

import pytest

from custom_components.ocpp_charging.charging import Car, Signals, State

from .cases import (
    AUTUMN,
    EARLY,
    GIFT,
    STEEP,
    TWO_DAYS,
    WINDY,
    Case,
    follow,
    halves,
    joined,
    quarters,
    run,
)
from .houses import at, planned, series, spans


def reserve(hours: float) -> dict[str, Any]:
    """Return a goal with a reserve before departure."""
    return {"reserve": timedelta(hours=hours)}


MINUTE = 1 / 60
TIMES = {
    # Nothing is known.
    "nothing_known_and_no_room": Case([], 1, [(0, 1)], ready=0.5, met=False),
    "nothing_known_and_room": Case([], 1, [(0.5, 1.5)], ready=1.5),
    "nothing_known_and_time_is_up": Case([], 1, [(5, 6)], ready=5, now=5, met=False),
    "known_only_after_departure": Case(
        series([20], begin=3), 1, [(0.5, 1.5)], ready=1.5
    ),
    "known_only_in_the_past": Case([5, 8, 7, 9, 10, 11], 2, [(7, 9)], ready=9, now=6),
    "known_until_now": Case([5, 8], 1, [(3, 4)], ready=4, now=2),
    # The time is past, or too near.
    "half_an_hour_is_too_little": Case([0], 1, [(0, 1)], ready=0.5, met=False),
    "half_an_hour_ago": Case([0, 0], 1, [(1, 2)], ready=0.5, now=1, met=False),
    "an_hour_ago": Case([0] * 4, 1, [(2, 3)], ready=1, now=2, met=False),
    "this_very_moment": Case([0] * 4, 1, [(0, 1)], ready=0, met=False),
    "just_enough": Case([7, 5, 3, 1], 4, [(0, 4)], ready=4),
    "a_minute_too_little": Case([7, 5, 3, 1], 4, [(0, 4)], ready=4 - MINUTE, met=False),
    "a_minute_to_spare": Case([7, 5, 3, 1], 4 - MINUTE, [(MINUTE, 4)], ready=4),
    "far_too_much": Case([7, 5, 3, 1], 1000, [(0, 1000)], ready=4, met=False),
    "far_too_much_and_no_overrun": Case(
        [7, 5, 3, 1], 1000, [(0, 4)], ready=4, goal={"overrun": False}, met=False
    ),
    "too_much_within_the_window": Case(
        AUTUMN,
        6,
        [(23, 28)],
        ready=28,
        now=20,
        goal={"not_before": at(23), "overrun": False},
        met=False,
    ),
    "no_time_to_be_ready_by": Case(STEEP, 2, [(0, 1), (2, 3)]),
    "no_time_and_now_in_the_last_hour": Case(STEEP, 0.25, [(5.75, 6)], now=5.5),
    "no_time_and_more_than_is_known": Case(STEEP, 8, [(0, 6)], met=False),
    "a_window_that_opens_too_late": Case(
        STEEP, 1, [(7, 8)], ready=6, goal={"not_before": at(7)}, met=False
    ),
    # Departure after the known prices.
    "the_rest_fits_after_the_known": Case([0], 2 / 3, [(4 / 3, 2)], ready=2),
    "what_does_not_fit_is_begun": Case([0], 2, [(0, 2)], ready=2),
    "only_what_can_not_wait": Case([30, 10, 20], 4, [(1, 2), (3, 6)], ready=6),
    "dear_but_it_can_not_wait": Case([30, 50], 2.5, [(0.5, 1), (2, 4)], ready=4),
    "tomorrow_is_not_there_yet": Case(AUTUMN, 5, [(27, 32)], ready=32, now=15 + 1 / 6),
    # Holes in the prices.
    "two_hours_known_but_three_needed": Case(
        [10, None, None, None, None, 10], 3, [(0, 1), (4, 6)], ready=6
    ),
    "three_hours_known_and_three_needed": Case(
        [10, 20, None, 30], 3, [(0, 2), (3, 4)], ready=4
    ),
    "a_hole_that_needs_no_filling": Case([10, None, 5, 20], 1, [(2, 3)], ready=4),
    "a_hole_between_two_cheap_hours": Case(
        [5, None, 5, 20], 2, [(0, 1), (2, 3)], ready=4
    ),
    "known_from_later_on": Case([None, None, 10, 15, 8, 20], 1, [(4, 5)], ready=6),
    "known_from_too_late_on": Case([None, None, 10, 15], 3, [(1, 4)], ready=4),
    # A reserve before departure.
    "a_reserve_that_is_all": Case(
        quarters([1, 2, 3, 4]), 0.25, [(0.75, 1)], ready=1, goal=reserve(0.25)
    ),
    "a_reserve_and_the_cheapest": Case(
        quarters([1, 2, 3, 4]), 0.5, [(0, 0.25), (0.75, 1)], ready=1, goal=reserve(0.25)
    ),
    "a_reserve_and_a_part": Case(
        quarters([1, 2, 3, 4]),
        0.375,
        [(0.125, 0.25), (0.75, 1)],
        ready=1,
        goal=reserve(0.25),
    ),
    "a_reserve_of_a_day": Case(
        quarters([1, 2, 3, 4]), 0.25, [(0.75, 1)], ready=1, goal=reserve(24)
    ),
    "a_reserve_of_a_week": Case(
        quarters([10, 9, 8, 7, 6, 5, 4, 3]),
        0.5,
        [(1.5, 2)],
        ready=2,
        goal=reserve(168),
    ),
    "a_reserve_off_the_edges": Case(
        quarters([float(one + 1) for one in range(32)]),
        1,
        [(0, 0.5), (6 + 50 * MINUTE, 7 + 20 * MINUTE)],
        ready=7 + 20 * MINUTE,
        goal=reserve(0.5),
    ),
    # Nothing to do.
    "already_there": Case(STEEP, 0, [], ready=6),
    "more_than_there": Case(STEEP, -3, [], ready=6),
    "already_there_and_too_late": Case(STEEP, 0, [], ready=1, now=3),
    "paid_but_not_asked_for": Case([-5, -9], 0, [], ready=2),
    "one_watt_hour": Case(STEEP, 0.001, [(2.999, 3)], ready=6),
    "one_watt_hour_in_one_stretch": Case(
        STEEP, 0.001, [(2.999, 3)], ready=6, prefer={"one_block": True}
    ),
    # Equals.
    "a_long_interval_is_used_at_its_end": Case(
        series([0.0], 1440), 1, [(1, 2)], ready=2
    ),
    "a_long_interval_is_used_at_its_beginning": Case(
        series([0.0], 1440), 1, [(0, 1)], ready=2, prefer=EARLY
    ),
    "all_at_0": Case([0] * 8, 2.5, [(5.5, 8)], ready=8),
    "all_paid_alike": Case([-4] * 8, 2.5, [(5.5, 8)], ready=8),
    "fewer_starts_before_the_later": Case([1, 1, 5, 1, 5, 1], 2, [(0, 2)], ready=6),
    "two_pairs_the_later": Case([1, 1, 5, 1, 1, 5], 2, [(3, 5)], ready=6),
    "two_pairs_the_earlier": Case(
        [1, 1, 5, 1, 1, 5], 2, [(0, 2)], ready=6, prefer=EARLY
    ),
    "a_running_car_goes_on_among_equals": Case(
        [1, 1, 1, 1],
        2,
        [(0, 2)],
        ready=4,
        goal={"state": State(running=True)},
    ),
    # Steps of any length.
    "minutes": Case(
        series([9, 1, 1, 1, 9, 2, 2], 1),
        4 * MINUTE,
        [(MINUTE, 4 * MINUTE), (6 * MINUTE, 7 * MINUTE)],
        ready=7 * MINUTE,
    ),
    "a_day_and_minutes": Case(
        joined(series([3.0], 1440), series([1, 2, 1], 1, 24)),
        3 * MINUTE,
        [(24, 24 + 3 * MINUTE)],
        ready=24 + 3 * MINUTE,
        goal={"not_before": at(20)},
    ),
    "hours_then_quarters": Case(
        joined(series([4, 4]), series([5, 1, 1, 5], 15, 2)),
        1,
        [(1.5, 2), (2.25, 2.75)],
        ready=3,
    ),
    "more_prices_than_asked_for": Case(TWO_DAYS, 1, [(3, 4)], ready=6),
}


@follow(TIMES)
def test_it_charges_at_these_times(case: Case) -> None:
    made = run(case)
    assert (made.shortfall is None) == case.met


CAPS = {
    "only_cheap_halves": Case(
        halves([10, 20] * 14),
        100,
        [(hour, hour + 0.5) for hour in range(14)],
        ready=14,
        goal={"price_cap": 10},
        met=False,
    ),
    "a_cap_that_does_not_matter": Case(
        STEEP, 2, [(0, 1), (2, 3)], ready=6, goal={"price_cap": 99}
    ),
    "a_cap_just_at_a_price": Case(
        STEEP, 2, [(0, 1), (2, 3)], ready=6, goal={"price_cap": 20}
    ),
    "a_cap_just_below_a_price": Case(
        STEEP, 2, [(2, 3)], ready=6, goal={"price_cap": 19.99}, met=False
    ),
    "0_is_a_cap": Case(GIFT, 4, [(4, 7)], ready=12, goal={"price_cap": 0}, met=False),
    "below_0_is_a_cap": Case(
        GIFT, 4, [(5, 7)], ready=12, goal={"price_cap": -1}, met=False
    ),
    "nothing_is_that_cheap": Case(
        WINDY, 4, [], ready=12, goal={"price_cap": 17.62}, met=False
    ),
    "a_cap_within_the_night": Case(
        TWO_DAYS,
        9,
        [(27, 32)],
        ready=32,
        now=14 + 1 / 6,
        goal={"price_cap": 30},
        met=False,
    ),
    "one_stretch_under_a_cap": Case(
        TWO_DAYS,
        4,
        [(27, 31)],
        ready=32,
        now=14 + 1 / 6,
        prefer={"one_block": True},
        goal={"price_cap": 30},
    ),
    "the_least_comes_at_any_price": Case(
        STEEP,
        2,
        [(0, 0.5), (2, 3)],
        ready=6,
        goal={"price_cap": 15, "minimum_kwh": 0.5},
        met=False,
    ),
    "what_is_essential_comes_in_the_cheapest_time": Case(
        STEEP,
        3,
        [(0, 1), (2, 3)],
        ready=6,
        goal={"price_cap": 15, "essential_kwh": 2},
        met=False,
    ),
}


@follow(CAPS)
def test_a_cap_is_kept_and_what_is_missing_is_told(case: Case) -> None:
    case.goal["overrun"] = False
    made = run(case)
    if not case.met:
        missing = case.kwh - sum(end - begin for begin, end in case.expected)
        assert made.shortfall is not None
        assert made.shortfall.energy_kwh == pytest.approx(missing)


BUMP = [2, 1, 1, 1, 1, 1.5, 1.1, 2, 2, 2]
STARTS = {
    "a_dear_start_goes_over_a_bump": Case(
        BUMP, 5, [(1, 6)], ready=10, prefer={"start_cost": 100}
    ),
    "a_cheap_start_goes_round_it": Case(
        BUMP, 5, [(1, 5), (6, 7)], ready=10, prefer={"start_cost": 0.1}
    ),
    "a_start_that_costs_just_as_much": Case(
        BUMP, 5, [(1, 6)], ready=10, prefer={"start_cost": 0.4}
    ),
    "a_start_that_costs_a_little_less": Case(
        BUMP, 5, [(1, 5), (6, 7)], ready=10, prefer={"start_cost": 0.399}
    ),
    "who_runs_goes_on": Case(
        [1.2, 1, 1, 1, 1, 1.1, 2, 2, 2, 2],
        5,
        [(0, 5)],
        ready=10,
        prefer={"start_cost": 100},
        goal={"state": State(running=True)},
    ),
    "who_is_off_begins_later": Case(
        [1.2, 1, 1, 1, 1, 1.1, 2, 2, 2, 2],
        5,
        [(1, 6)],
        ready=10,
        prefer={"start_cost": 100},
    ),
    "two_starts_are_worth_it": Case(
        [1, 1, 9, 9, 1, 1], 4, [(0, 2), (4, 6)], ready=6, prefer={"start_cost": 15}
    ),
    "two_starts_are_not_worth_it": Case(
        [1, 1, 9, 9, 1, 1], 4, [(2, 6)], ready=6, prefer={"start_cost": 17}
    ),
    "an_hour_and_two_hours": Case([1, 9, 9, 2, 2, 9], 3, [(0, 1), (3, 5)], ready=6),
    "a_least_run_of_two_hours_but_for_the_last": Case(
        [1, 9, 9, 2, 2, 9],
        3,
        [(0, 2), (4, 5)],
        ready=6,
        prefer={"minimum_run": timedelta(hours=2)},
    ),
    "a_least_run_of_two_hours_is_the_only_one": Case(
        [3, 9, 9, 2, 2, 4],
        3,
        [(3, 6)],
        ready=6,
        prefer={"minimum_run": timedelta(hours=2)},
    ),
    "a_least_pause_of_two_hours": Case(
        [1, 9, 1, 9, 2, 9],
        2,
        [(2, 3), (4, 5)],
        ready=6,
        prefer={"minimum_pause": timedelta(hours=1)},
        goal={"not_before": at(1)},
    ),
    "a_least_pause_moves_the_second_run": Case(
        [1, 9, 1, 9, 2, 8],
        2,
        [(2, 3), (5, 6)],
        ready=6,
        prefer={"minimum_pause": timedelta(hours=2)},
        goal={"not_before": at(1), "price_cap": 9},
    ),
}


@follow(STARTS)
def test_starts_runs_and_pauses_have_their_price(case: Case) -> None:
    made = run(case)
    running = bool(case.goal.get("state"))
    assert made.totals.starts == len(case.expected) - running
    assert not made.eased


def test_a_single_mad_price_does_not_hide_the_others() -> None:
    prices = [0.21, 0.22, 0.20, 9999.0, 0.19, 0.23]
    made = planned(prices, 3, ready=6)
    assert spans(made) == [(0, 1), (2, 3), (4, 5)]


AMPERES = Car.of_current(max_a=16, min_a=6, step_a=1)
WATTS_OF_AN_AMPERE = 690.0


def whole_amperes(made: Any) -> list[int]:
    """Return the currents of a plan, after looking whether they are whole."""
    found = [period.power_w / WATTS_OF_AN_AMPERE for period in made.periods]
    assert found == pytest.approx([round(one) for one in found])
    assert all(6 <= round(one) <= 16 for one in found)
    return [round(one) for one in found]


@pytest.mark.parametrize(
    ("limits", "kwh", "expected"),
    [
        # 7.5 kW are 10.87 A, 4.2 kW are 6.09 A, 4.1 kW are too little for 6 A.
        ([7500, 7500], 10, [10]),
        ([4200, 4200], 8, [6]),
        ([4100, 11040], 11.04, [16]),
        ([11100, 11100], 22.08, [16]),
        ([25000, 25000], 22.08, [16]),
        # The limit falls within the charge.
        ([9000, 6000], 13.8, [13, 8]),
        ([4140, 4140], 8.28, [6]),
        ([4139.999999999, 4140], 8.28, [6]),
    ],
)
def test_whole_amperes_stay_below_the_limit_and_give_enough(
    limits: list[float], kwh: float, expected: list[int]
) -> None:
    known = Signals(price=series([0.3, 0.3]), limit=series(limits))
    made = planned(known, kwh, ready=2, car=AMPERES)
    assert whole_amperes(made) == expected
    assert made.totals.energy_kwh == pytest.approx(kwh)
    assert made.met
    for period in made.periods:
        assert period.power_w <= (known.limit.at(period.start) or 0) + 1e-3


@pytest.mark.parametrize("sun", [0, 3000, 4140, 5000, 6900, 8000, 11040, 14000])
@pytest.mark.parametrize("kwh", [1, 4.5, 9.99, 17, 33])
@pytest.mark.parametrize("start_cost", [0, 0.3])
def test_whole_amperes_give_enough_with_the_sun(
    sun: float, kwh: float, start_cost: float
) -> None:
    known = Signals(
        price=series([0.3, 0.28, 0.31]),
        solar=series([0, sun, sun / 2]),
        feed_in=series([0.08] * 3),
    )
    prefer = {"start_cost": start_cost}
    made = planned(known, kwh, ready=3, car=AMPERES, prefer=prefer)
    whole_amperes(made)
    assert made.totals.energy_kwh == pytest.approx(kwh)
    assert made.met
    smooth = planned(
        known,
        kwh,
        ready=3,
        prefer=prefer,
        car=Car.of_current(max_a=16, min_a=6),
    )
    counted = made.totals.cost + made.totals.starts * start_cost
    best = smooth.totals.cost + smooth.totals.starts * start_cost
    # Between two steps lies a time of each, which takes up to a quarter of a step
    # from the grid instead of the roof, in both sunny hours.
    assert best - 1e-5 <= counted <= best + 2 * 0.69 / 4 * (0.31 - 0.08) + 1e-5


def test_sun_that_earns_more_than_the_grid_costs_is_used_in_part_of_the_time() -> None:
    # All three hours in one run, with 8 kWh in the sunny one: some time of 6 A and some
    # of 16 A take less from the roof than 8 kW all the time, which would cost 2.
    known = Signals(
        price=series([0.1] * 3),
        solar=series([0, 6000, 0]),
        feed_in=series([0.3] * 3),
    )
    car = Car.of_current(max_a=16, min_a=6)
    made = planned(known, 30.08, ready=3, car=car, prefer={"start_cost": 1})
    assert made.totals.starts == 1
    assert [round(one.power_w / 690, 3) for one in made.periods] == [16, 6, 16]
    high = (8 - 4.14) / 6.9
    sunny = (1 - high) * 4.14 * 0.3 + high * (6 * 0.3 + 5.04 * 0.1)
    assert made.totals.cost == pytest.approx(22.08 * 0.1 + sunny)


def test_what_a_cap_withholds_is_what_was_asked_for_and_no_extra() -> None:
    made = planned(
        [0.1, 0.4, 0.4, 0.4],
        2,
        ready=4,
        price_cap=0.2,
        overrun=False,
        extra_kwh=2,
        extra_below=0.5,
    )
    assert made.shortfall is not None
    assert made.shortfall.energy_kwh == pytest.approx(1)
    assert made.shortfall.capped_kwh == pytest.approx(1)
    assert made.shortfall.cap_cost == pytest.approx(0.4)
