"""What any planner should do, as tables: times in hours after midnight, prices hourly.

The car takes 1 kW or nothing, so a kWh is an hour.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from custom_components.ocpp_charging.charging import (
    Car,
    Eased,
    Plan,
    ReasonKey,
    Signals,
    State,
    Tie,
)

from .houses import MIDNIGHT, ONE_KW, at, check_whole, planned, series, signals, spans

HILLY: list[float] = [20, 60, 10, 80, 40, 90]
NIGHT = [0.30, 0.28, 0.12, 0.10, 0.11, 0.14, 0.25, 0.32]
EARLIER: dict[str, Any] = {"tie": Tie.EARLIER}
BLOCK: dict[str, Any] = {"one_block": True}
FLAT = [0.291] * 10

type Prices = Sequence[float | None]
type Row = tuple[Prices, float, dict[str, Any], list[tuple[float, float]]]


def follow(rows: dict[str, Row]) -> pytest.MarkDecorator:
    """Return a test's parameters from a table."""
    return pytest.mark.parametrize(
        ("prices", "kwh", "more", "expected"), list(rows.values()), ids=list(rows)
    )


def run(prices: Prices, kwh: float, more: dict[str, Any]) -> Plan:
    made = planned(prices, kwh, **more)
    check_whole(made)
    return made


@follow(
    {
        "an_hour": (HILLY, 1, {"ready": 6}, [(2, 3)]),
        "an_hour_and_a_half_begins_late": (
            HILLY,
            1.5,
            {"ready": 6},
            [(0.5, 1), (2, 3)],
        ),
        "the_same_begins_early": (
            HILLY,
            1.5,
            {"ready": 6, "prefer": EARLIER},
            [(0, 0.5), (2, 3)],
        ),
        "all_of_it": (HILLY, 6, {"ready": 6}, [(0, 6)]),
        "less_than_a_slot": (HILLY, 0.25, {"ready": 6}, [(2.75, 3)]),
        "only_the_rest_of_this_slot_counts": (
            HILLY,
            2,
            {"ready": 6, "now": 0.5},
            [(0.5, 1), (2, 3), (4.5, 5)],
        ),
        "ready_within_a_slot": (HILLY, 1, {"ready": 2.5}, [(0.5, 1), (2, 2.5)]),
        "negative_prices_first": ([5, -3, -1, 4], 2, {"ready": 4}, [(1, 3)]),
        "free_hours_first": ([5, 0, 3, 0], 2, {"ready": 4}, [(1, 2), (3, 4)]),
        "fewest_starts_at_equal_cost": (
            [1, 2, 1, 1, 2, 1],
            2,
            {"ready": 6},
            [(2, 4)],
        ),
        "then_the_later": ([1, 2, 1, 2, 1, 2], 1, {"ready": 6}, [(4, 5)]),
        "or_the_earlier": (
            [1, 2, 1, 2, 1, 2],
            1,
            {"ready": 6, "prefer": EARLIER},
            [(0, 1)],
        ),
        "a_part_that_adds_no_start": (
            [9, 1, 1, 1, 9, 9],
            2.5,
            {"ready": 6},
            [(1.5, 4)],
        ),
    }
)
def test_the_cheapest_times_are_taken(
    prices: Prices, kwh: float, more: dict[str, Any], expected: Any
) -> None:
    made = run(prices, kwh, more)
    assert spans(made) == expected
    assert made.met


def test_costs_are_those_of_the_times_taken() -> None:
    assert planned(HILLY, 1.5, ready=6).totals.cost == pytest.approx(20)
    late = planned(HILLY, 2, ready=6, now=0.5)
    assert late.totals.cost == pytest.approx(40)
    assert late.at_once is not None
    assert late.at_once.cost == pytest.approx(0.5 * 20 + 60 + 0.5 * 10)
    assert late.at_the_latest is not None
    assert late.at_the_latest.cost == pytest.approx(40 + 90)


@follow(
    {
        "none_at_all": ([], 2, {"ready": 6}, [(4, 6)]),
        "not_even_when_the_earlier_is_preferred": (
            [],
            2,
            {"ready": 6, "prefer": EARLIER},
            [(4, 6)],
        ),
        "with_a_margin": (
            [],
            2,
            {"ready": 6, "prefer": {"margin": timedelta(minutes=15)}},
            [(3.75, 5.75)],
        ),
        "no_room_for_the_margin": (
            [],
            2,
            {"ready": 2.1, "prefer": {"margin": timedelta(minutes=15)}},
            [(0.1, 2.1)],
        ),
        "only_after_it_is_to_be_ready": (
            [None] * 8 + [5, 6],
            2,
            {"ready": 6},
            [(4, 6)],
        ),
        "only_in_the_past": (HILLY, 2, {"ready": 20, "now": 12}, [(18, 20)]),
        "no_prices_and_no_time_is_at_once": ([], 2, {}, [(0, 2)]),
    }
)
def test_without_prices_it_charges_as_late_as_is_safe(
    prices: Prices, kwh: float, more: dict[str, Any], expected: Any
) -> None:
    made = run(prices, kwh, more)
    assert spans(made) == expected
    assert made.met


@follow(
    {
        "past": (HILLY, 2, {"ready": 1, "now": 3}, [(3, 5)]),
        "now": (HILLY, 2, {"ready": 3, "now": 3}, [(3, 5)]),
        "too_near": (HILLY, 2, {"ready": 4, "now": 3}, [(3, 5)]),
        "too_near_and_no_prices": ([], 2, {"ready": 1}, [(0, 2)]),
        "not_going_on": (HILLY, 2, {"ready": 1, "overrun": False}, [(0, 1)]),
        "the_window_is_all_there_is": (
            HILLY,
            5,
            {"ready": 4, "not_before": at(2), "overrun": False},
            [(2, 4)],
        ),
    }
)
def test_too_little_time_is_used_whole_and_told(
    prices: Prices, kwh: float, more: dict[str, Any], expected: Any
) -> None:
    made = run(prices, kwh, more)
    assert spans(made) == expected
    assert not made.met
    assert made.shortfall is not None
    assert made.shortfall.energy_kwh > 0.9


@follow(
    {
        "it_can_wait": (HILLY, 3, {"ready": 12}, [(9, 12)]),
        "what_can_not_wait": (HILLY, 8, {"ready": 12}, [(0, 1), (2, 3), (6, 12)]),
        "it_just_fits": (HILLY, 6, {"ready": 12}, [(6, 12)]),
        "who_is_paid_does_not_wait": (
            [20, -5, 10],
            1,
            {"ready": 6},
            [(1, 2)],
        ),
    }
)
def test_what_can_wait_for_prices_waits(
    prices: Prices, kwh: float, more: dict[str, Any], expected: Any
) -> None:
    made = run(prices, kwh, more)
    assert spans(made) == expected
    assert made.met


@follow(
    {
        "enough_without_it": (
            [20, None, 10, 80],
            3,
            {"ready": 4},
            [(0, 1), (2, 4)],
        ),
        "too_little_without_it": ([20, None, 10, 80], 3.5, {"ready": 4}, [(0, 4)]),
        "prices_begin_later": ([None, None, 10, 80], 2, {"ready": 4}, [(2, 4)]),
        "prices_begin_too_late": ([None, None, 10, 80], 3, {"ready": 4}, [(1, 4)]),
    }
)
def test_a_gap_in_the_prices_is_the_last_resort(
    prices: Prices, kwh: float, more: dict[str, Any], expected: Any
) -> None:
    made = run(prices, kwh, more)
    if prices[1] is None and kwh == 3.5:
        assert made.met
        assert made.totals.unpriced_kwh == pytest.approx(0.5)
        assert spans(made) == [(0, 1), (1.5, 4)]
    else:
        assert spans(made) == expected


def hours(length: float) -> dict[str, timedelta]:
    return {"reserve": timedelta(hours=length)}


@follow(
    {
        "an_hour": (HILLY, 2, {"ready": 6, **hours(1)}, [(2, 3), (5, 6)]),
        "off_the_edges": (
            HILLY,
            2,
            {"ready": 5.75, **hours(0.5)},
            [(0.5, 1), (2, 3), (5.25, 5.75)],
        ),
        "as_much_as_is_needed": (HILLY, 2, {"ready": 6, **hours(2)}, [(4, 6)]),
        "more_than_is_needed": (HILLY, 2, {"ready": 6, **hours(100)}, [(4, 6)]),
        "above_the_cap": (
            HILLY,
            2,
            {"ready": 6, "price_cap": 30, **hours(1)},
            [(2, 3), (5, 6)],
        ),
        "no_prices": ([], 2, {"ready": 6, **hours(1)}, [(4, 6)]),
    }
)
def test_a_reserve_before_departure_ends_when_it_is_to_be_ready(
    prices: Prices, kwh: float, more: dict[str, Any], expected: Any
) -> None:
    made = run(prices, kwh, more)
    assert spans(made) == expected
    assert made.met
    assert made.steps[-1].reason.key is ReasonKey.RESERVE or not prices


@follow(
    {
        "within_the_night": (NIGHT, 3, {"ready": 8}, [(2, 5)]),
        "begins_off_an_edge": (
            [9, 2, 1, 3, 9],
            1.5,
            {"ready": 5},
            [(1.5, 3)],
        ),
        "ends_off_an_edge": ([9, 3, 1, 2, 9], 1.5, {"ready": 5}, [(2, 3.5)]),
        "the_past_does_not_count": (
            [0, 0, 9, 5, 5, 9],
            2,
            {"ready": 6, "now": 1.5},
            [(3, 5)],
        ),
        "flat": (FLAT, 3, {"ready": 10}, [(7, 10)]),
        "flat_and_early": (
            FLAT,
            3,
            {"ready": 10, "prefer": {**BLOCK, **EARLIER}},
            [(0, 3)],
        ),
        "flat_off_the_edges": (FLAT, 2.3, {"ready": 9.9, "now": 0.2}, [(7.6, 9.9)]),
        "ready_within_a_slot": ([5, 4, 3, 1], 1.25, {"ready": 3.5}, [(2.25, 3.5)]),
        "all_the_time_there_is": ([5, 4, 3, 1], 4, {"ready": 4}, [(0, 4)]),
        "negative": ([5, -4, 3, -9], 2, {"ready": 4}, [(2, 4)]),
    }
)
def test_one_block_is_the_cheapest_wherever_it_begins(
    prices: Prices, kwh: float, more: dict[str, Any], expected: Any
) -> None:
    made = run(prices, kwh, {"prefer": BLOCK, **more})
    assert spans(made) == expected
    assert made.totals.starts == 1
    assert not made.eased


@pytest.mark.parametrize("noise", [0.0, 1e-16, 1e-14, 1e-12])
@pytest.mark.parametrize("prefer", [{}, BLOCK])
def test_noise_in_the_last_digits_of_flat_prices_moves_nothing(
    noise: float, prefer: dict[str, Any]
) -> None:
    prices = [0.291 + noise * ((7 * hour) % 5) for hour in range(24)]
    assert spans(planned(prices, 4.2, ready=23.5, prefer=prefer)) == [(19.3, 23.5)]


@follow(
    {
        "under_it": (HILLY, 2, {"ready": 6, "price_cap": 30}, [(0, 1), (2, 3)]),
        "the_cap_itself_is_allowed": (
            HILLY,
            2,
            {"ready": 6, "price_cap": 20},
            [(0, 1), (2, 3)],
        ),
        "the_target_is_missed": (HILLY, 3, {"ready": 6, "price_cap": 15}, [(2, 3)]),
        "zero_is_a_cap": ([3, 0, -2, 1], 3, {"ready": 4, "price_cap": 0}, [(1, 3)]),
        "so_is_less": ([3, 0, -2, 1], 3, {"ready": 4, "price_cap": -1}, [(2, 3)]),
        "nothing_is_under_it": (HILLY, 3, {"ready": 6, "price_cap": 5}, []),
        "the_minimum_is_above_it": (
            HILLY,
            3,
            {"ready": 6, "price_cap": 15, "minimum_kwh": 1.5},
            [(0, 1.5), (2, 3)],
        ),
        "the_essential_is_above_it": (
            HILLY,
            4,
            {"ready": 6, "price_cap": 15, "essential_kwh": 2},
            [(0, 1), (2, 3)],
        ),
        "the_essential_fits_under_it": (
            HILLY,
            4,
            {"ready": 6, "price_cap": 25, "essential_kwh": 1},
            [(0, 1), (2, 3)],
        ),
    }
)
def test_a_price_cap_is_one_and_what_it_costs_is_told(
    prices: Prices, kwh: float, more: dict[str, Any], expected: Any
) -> None:
    made = run(prices, kwh, {"overrun": False, **more})
    assert spans(made) == expected
    missing = kwh - made.totals.energy_kwh
    assert made.met == (missing < 1e-6)
    if made.shortfall is not None:
        assert made.shortfall.energy_kwh == pytest.approx(missing)
        assert made.shortfall.capped_kwh == pytest.approx(missing)
        free = planned(prices, kwh, **{**more, "price_cap": None})
        extra = free.totals.cost - made.totals.cost
        assert made.shortfall.cap_cost == pytest.approx(extra)


def test_a_cap_on_co2_is_one_too() -> None:
    known = signals(HILLY, co2=series([500, 100, 500, 100, 90, 500]))
    made = planned(known, 2, ready=6, co2_cap=100)
    assert spans(made) == [(1, 2), (4, 5)]
    assert made.steps[0].reason.key is ReasonKey.CO2_CAP
    assert made.totals.co2_kg == pytest.approx(0.19)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        # The night without 02:30, and the one that has it twice.
        ("2026-03-28T17:00", "2026-03-29T06:00"),
        ("2026-10-24T19:00", "2026-10-25T06:00"),
    ],
)
def test_twelve_hours_are_twelve_hours_when_the_clocks_change(
    start: str, end: str
) -> None:
    zone = ZoneInfo("Europe/Berlin")
    begin = datetime.fromisoformat(start).replace(tzinfo=zone).astimezone(UTC)
    until = datetime.fromisoformat(end).replace(tzinfo=zone).astimezone(UTC)
    assert until - begin == timedelta(hours=12)
    first = (begin - MIDNIGHT) / timedelta(hours=1)
    prices = series([float(hour % 5) for hour in range(12)], begin=first)
    made = planned(prices, 12, ready=until, now=first)
    assert made.met
    (period,) = made.periods
    assert (period.start, period.end) == (begin, until)
    assert planned(prices, 13, ready=until, now=first).shortfall is not None


@pytest.mark.parametrize("minutes", [5, 15, 30, 60])
def test_the_step_of_the_prices_makes_no_difference(minutes: int) -> None:
    per = 60 // minutes
    fine = [price for price in HILLY for _ in range(per)]
    made = planned(series(fine, minutes), 1.5, ready=5.9)
    assert spans(made) == [(0.5, 1), (2, 3)]


def test_steps_may_be_mixed() -> None:
    quarters = series([7, 1, 1, 7], 15)
    halves = series([0.5, 9], 30, begin=1)
    prices = type(quarters)([*quarters, *halves, *series([3, 2], 60, begin=2)])
    assert spans(planned(prices, 1, ready=4)) == [(0.25, 0.75), (1, 1.5)]
    assert spans(planned(prices, 1.1, ready=4)) == [
        (0.25, 0.75),
        (1, 1.5),
        (3.9, 4),
    ]


def test_nothing_more_is_charged_when_the_goal_is_met() -> None:
    for kwh in (0, -1, None):
        made = planned([-5, -9], kwh, ready=2)
        assert not made.periods
        assert made.met
        assert made.reason.key is ReasonKey.DONE
        assert made.at_once is None


SUNNY = Signals(
    price=series([0.10, 0.30, 0.30, 0.30]),
    feed_in=series([0.08] * 4),
    solar=series([0, 0, 1000, 0]),
)


def test_the_sun_is_worth_what_it_would_earn() -> None:
    made = planned(SUNNY, 1, ready=4)
    assert spans(made) == [(2, 3)]
    assert made.totals.cost == pytest.approx(0.08)
    assert made.totals.solar_share == 1
    assert made.reason.key is ReasonKey.CHEAPER_LATER
    assert made.steps[2].reason.key is ReasonKey.SUN
    dear = Signals(
        price=SUNNY.price, solar=SUNNY.solar, feed_in=series([0.12, 0.12, 0.12, 0.12])
    )
    assert spans(planned(dear, 1, ready=4)) == [(0, 1)]


def test_eight_kwh_of_sun_cost_their_feed_in_price() -> None:
    car = Car(max_power_w=8000, min_power_w=1400)
    known = Signals(
        price=series([0.3] * 6),
        feed_in=series([0.08] * 6),
        solar=series([0, 2000, 4000, 2000, 0, 0]),
    )
    made = planned(known, 8, ready=6, car=car)
    assert made.totals.cost == pytest.approx(0.64)
    assert [period.power_w for period in made.periods] == [2000, 4000, 2000]


def test_sun_below_the_least_power_is_topped_up_from_the_grid() -> None:
    car = Car(max_power_w=4000, min_power_w=2000)
    known = Signals(
        price=series([0.30, 0.30, 0.19]),
        feed_in=series([0.0] * 3),
        solar=series([0, 1000, 0]),
    )
    made = planned(known, 2, ready=3, car=car)
    assert spans(made) == [(1, 2)]
    assert made.totals.cost == pytest.approx(0.30)
    assert made.totals.solar_share == pytest.approx(0.5)


def test_co2_has_a_price() -> None:
    known = signals([0.20, 0.25], co2=series([400, 100]))
    assert spans(planned(known, 1, ready=2)) == [(0, 1)]
    # 0.3 kg for 0.05: from 0.167 a kg on the greener hour wins.
    assert spans(planned(known, 1, ready=2, prefer={"co2_price": 0.16})) == [(0, 1)]
    green = planned(known, 1, ready=2, prefer={"co2_price": 0.17})
    assert spans(green) == [(1, 2)]
    assert green.totals.cost == pytest.approx(0.25)
    assert green.totals.co2_kg == pytest.approx(0.1)


def test_without_prices_co2_decides() -> None:
    known = Signals(co2=series([400, 100, 300]))
    made = planned(known, 1, ready=3)
    assert spans(made) == [(1, 2)]
    assert made.totals.unpriced_kwh == 1


def test_a_start_has_a_price() -> None:
    prices = [0.10, 0.14, 0.10, 0.30]
    two = planned(prices, 2, ready=4)
    assert two.totals.starts == 2
    one = planned(prices, 2, ready=4, prefer={"start_cost": 0.05})
    assert spans(one) == [(1, 3)]
    assert one.totals.starts == 1
    running = planned(
        prices, 2, ready=4, prefer={"start_cost": 0.05}, state=State(running=True)
    )
    assert spans(running) == [(0, 2)]
    assert running.totals.starts == 0


def test_runs_and_pauses_have_a_least_length() -> None:
    prices = [1.0, 9.0, 1.1, 9.0, 1.2, 9.0, 1.3, 1.25]
    short = planned(prices, 4, ready=8)
    assert short.totals.starts == 4
    prefer = {"minimum_run": timedelta(hours=2)}
    made = planned(prices, 4, ready=8, prefer=prefer)
    for begin, end in spans(made)[:-1]:
        assert end - begin >= 2
    prefer = {"minimum_pause": timedelta(hours=2)}
    made = planned(prices, 4, ready=8, prefer=prefer)
    times = spans(made)
    assert all(after[0] - before[1] >= 2 for before, after in pairwise(times))
    assert not made.eased


def test_a_preference_gives_way_before_the_goal_does() -> None:
    made = planned(HILLY, 2, ready=6, price_cap=30.0, prefer=BLOCK)
    assert spans(made) == [(0, 1), (2, 3)]
    assert made.met
    assert made.eased == (Eased.ONE_BLOCK,)
    prefer = {"minimum_run": timedelta(hours=2), "minimum_pause": timedelta(hours=2)}
    made = planned(HILLY, 2, ready=6, price_cap=30.0, prefer=prefer)
    assert made.met
    assert made.eased == (Eased.MINIMUM_RUN, Eased.MINIMUM_PAUSE)


def test_power_is_between_the_least_and_the_most_or_none() -> None:
    car = Car.of_current(max_a=16, min_a=6)
    limits = series([20_000, 5_000, 4_000, 9_000], 60)
    known = signals([0.3, 0.1, 0.05, 0.2], limit=limits)
    made = planned(known, 14, ready=4, car=car)
    powers = {step.power_w for step in made.steps}
    assert made.periods[0].start == at(1)
    assert powers <= {0.0, 5000.0, 9000.0}
    assert made.steps[-2].reason.key is ReasonKey.POWER_LIMIT


def test_power_goes_in_the_chargers_steps() -> None:
    car = Car.of_current(max_a=16, min_a=6, step_a=1)
    known = signals([0.3, 0.1], limit=series([7500, 7500]))
    made = planned(known, 10, ready=2, car=car)
    assert {round(one.power_w / 690, 6) for one in made.periods} == {10}
    sunny = Signals(
        price=series([0.3, 0.3]),
        solar=series([5000, 0]),
        feed_in=series([0.05, 0.05]),
    )
    made = planned(sunny, 5.5, ready=1, car=car, prefer={"start_cost": 0.1})
    assert all(round(one.power_w / 690, 6).is_integer() for one in made.periods)
    assert made.totals.energy_kwh == pytest.approx(5.5)


def test_cheap_energy_beyond_the_goal_is_taken_if_asked_for() -> None:
    made = planned(HILLY, 1, ready=6, extra_kwh=3, extra_below=30)
    assert spans(made) == [(0, 1), (2, 3)]
    assert planned(HILLY, 1, ready=6, extra_kwh=3, extra_below=19).met
    assert spans(planned(HILLY, 1, ready=6, extra_kwh=3, extra_below=19)) == [(2, 3)]
    only = planned(HILLY, 0, extra_kwh=0.5, extra_below=40)
    assert spans(only) == [(2.5, 3)]
    everything = planned(HILLY, None, extra_kwh=10, extra_below=40)
    assert spans(everything) == [(0, 1), (2, 3), (4, 5)]


def test_a_shortfall_says_what_it_would_take() -> None:
    made = planned(HILLY, 8, ready=6)
    assert made.shortfall is not None
    assert made.shortfall.energy_kwh == pytest.approx(2)
    assert made.shortfall.ready_at == at(8)
    assert made.shortfall.power_w == pytest.approx(8000 / 6)
    assert made.shortfall.capped_kwh == 0
    limited = signals(HILLY, limit=series([500.0, 500, 500, 1000, 1000, 1000]))
    car = Car(max_power_w=1000, min_power_w=100)
    made = planned(limited, 8, ready=6, car=car, overrun=False)
    assert made.shortfall is not None
    assert made.shortfall.power_w is None
    assert made.shortfall.ready_at == at(6 + 3.5)


def test_a_goal_in_percent_needs_the_battery_and_its_charge() -> None:
    car = Car(max_power_w=10_000, battery_kwh=50, efficiency=0.9)
    made = planned(HILLY, None, ready=6, car=car, target_soc=80, state=State(soc=62))
    assert made.needed_kwh == pytest.approx(10)
    with pytest.raises(ValueError, match="battery"):
        planned(HILLY, None, ready=6, car=car, target_soc=80)
    with pytest.raises(ValueError, match="battery"):
        planned(HILLY, None, ready=6, car=ONE_KW, target_soc=80, state=State(soc=1))


def test_the_minimum_comes_at_once_and_before_charging_may_begin() -> None:
    car = Car(max_power_w=10_000, battery_kwh=45, efficiency=0.9)
    made = planned(
        HILLY,
        None,
        ready=6,
        car=car,
        not_before=at(1),
        minimum_soc=20,
        target_soc=30,
        state=State(soc=10),
    )
    assert spans(made) == [(0, 0.5), (2.5, 3)]
    assert [step.reason.key for step in made.steps[:2]] == [
        ReasonKey.MINIMUM,
        ReasonKey.NOT_BEFORE,
    ]
