"""Situations that other planners are known to be tested with, and what is best in each.

One row is one situation: times in hours after midnight, money by kWh, and a car of
1 kW, so that a kWh is an hour. The times expected are worked out by hand. Besides, the
cost of each plan is compared with what is best by `minutes`. Whole tables of such
situations are in `test_known_tables`.
"""

import pytest

from .cases import (
    AUTUMN,
    BLOCK,
    EARLY,
    GIFT,
    STEEP,
    TWO_DAYS,
    Case,
    follow,
    halves,
    quarters,
    run,
)
from .houses import at, planned, series, spans
from .minutes import cheapest, cheapest_stretch, prices_by_minute


def minutes(case: Case) -> list[float]:
    """Return the price of each minute until the car is to be ready."""
    begin = max(at(case.now), case.goal.get("not_before", at(case.now)))
    until = at(case.ready if case.ready is not None else 48)
    return prices_by_minute(case.known, begin, until, case.goal.get("price_cap"))


CHEAPEST = {
    # Prices as steep as these are in nearly every planner's first test.
    "one_hour": Case(STEEP, 1, [(2, 3)], ready=6),
    "two_hours_apart": Case(STEEP, 2, [(0, 1), (2, 3)], ready=6),
    "half_an_hour_more_begins_late": Case(STEEP, 1.5, [(0.5, 1), (2, 3)], ready=6),
    "half_an_hour_more_begins_at_once": Case(
        STEEP, 1.5, [(0, 0.5), (2, 3)], ready=6, prefer=EARLY
    ),
    "now_within_a_dear_hour": Case(STEEP, 1, [(2, 3)], ready=6, now=1.5),
    "now_within_a_cheap_hour": Case(STEEP, 1.5, [(0.5, 1), (2, 3)], ready=6, now=0.5),
    "now_within_the_cheapest": Case(
        STEEP, 1, [(2.25, 3), (4.75, 5)], ready=6, now=2.25
    ),
    "now_at_an_edge": Case(STEEP, 1, [(2, 3)], ready=6, now=2),
    "now_a_minute_before_an_edge": Case(
        STEEP, 1, [(2 + 59 / 60, 3), (4 + 1 / 60, 5)], ready=6, now=2 + 59 / 60
    ),
    "three_hours": Case(STEEP, 3, [(0, 1), (2, 3), (4, 5)], ready=6),
    "four_hours_join_two": Case(STEEP, 4, [(0, 3), (4, 5)], ready=6),
    "five_hours": Case(STEEP, 5, [(0, 5)], ready=6),
    "ready_within_a_cheap_hour": Case(STEEP, 1, [(0.5, 1), (2, 2.5)], ready=2.5),
    "ready_within_a_dear_hour": Case(STEEP, 1.25, [(0.75, 1), (2, 3)], ready=3.4),
    # Two days in autumn.
    "before_dawn": Case(AUTUMN, 2, [(2, 4)], ready=8, now=1 / 6),
    "nearly_all_of_the_night": Case(AUTUMN, 4, [(1, 5)], ready=8, now=1 / 6),
    "the_next_morning": Case(TWO_DAYS, 5, [(27, 32)], ready=32, now=15 + 1 / 6),
    "all_of_a_long_cheap_night": Case(
        TWO_DAYS, 9, [(22, 24), (26, 33)], ready=33, now=18
    ),
    "evening_and_night": Case(
        TWO_DAYS, 4, [(23.25, 24), (24.75, 28)], ready=28, now=23.25
    ),
    "only_from_four_on": Case(
        AUTUMN, 2, [(4, 6)], ready=8, now=1 / 6, goal={"not_before": at(4)}
    ),
    "until_midnight": Case(
        AUTUMN, 3, [(21, 24)], ready=24, goal={"not_before": at(15)}
    ),
    "afternoon_and_evening_in_quarters": Case(
        AUTUMN, 2.5, [(14.5, 16), (19, 20)], ready=20, now=14 + 1 / 6
    ),
    "paid_and_free_hours_first": Case(GIFT, 3, [(4, 7)], ready=12),
    "what_is_paid_best_first": Case(GIFT, 1, [(5, 6)], ready=12),
    "paid_in_part": Case(GIFT, 1.5, [(5, 6.5)], ready=12),
    # Half hours in a repeating pattern.
    "the_first_two_of_many": Case(
        halves([0.1, 0.2, 0.3] * 16),
        1,
        [(10.5, 11), (12, 12.5)],
        ready=18,
        prefer=EARLY,
        goal={"not_before": at(10)},
    ),
    "the_last_two_of_many": Case(
        halves([0.1, 0.2, 0.3] * 16),
        1,
        [(15, 15.5), (16.5, 17)],
        ready=18,
        goal={"not_before": at(10)},
    ),
    "from_noon_on": Case(
        halves([0.1, 0.2, 0.3] * 16),
        1,
        [(12, 12.5), (13.5, 14)],
        ready=18,
        now=12,
        prefer=EARLY,
    ),
    "the_window_is_what_is_needed": Case(
        halves([0.1, 0.2, 0.3] * 16), 1, [(17, 18)], ready=18, now=17
    ),
    "the_latest_of_a_day_of_cheap_halves": Case(
        halves([10, 20] * 24),
        3,
        [(hour, hour + 0.5) for hour in range(18, 24)],
        ready=24,
    ),
    "more_than_all_cheap_halves": Case(
        halves([10, 20] * 2), 1.5, [(0, 1.5)], ready=2, prefer=EARLY
    ),
    "cheap_halves_and_one_dear_joins_them": Case(
        halves([10, 20] * 2), 1.25, [(0, 0.5), (1, 1.75)], ready=2
    ),
}


@follow(CHEAPEST)
def test_the_cheapest_minutes_are_taken(case: Case) -> None:
    made = run(case)
    assert made.totals.cost == pytest.approx(
        cheapest(minutes(case), round(case.kwh * 60))
    )


STRETCHES = {
    "in_the_middle": Case([9, 20, 10, 11, 11, 25], 2, [(2, 4)], ready=6),
    "the_past_is_over": Case(
        [5, 8, 7, 20, 9, 10, 15, 11, 25], 2, [(4, 6)], ready=9, now=3
    ),
    "prices_reach_from_the_past": Case(
        [5, 6, 12, 15, 8, 9, 18, 14, 20], 2, [(4, 6)], ready=9, now=3
    ),
    "prices_begin_later": Case([None, 20, 8, 9, 15, 18], 2, [(2, 4)], ready=5),
    "a_single_cheap_hour_later": Case(
        [None, None, 10, 15, 8, 20], 1, [(4, 5)], ready=6
    ),
    "the_latest_of_equals": Case([10, 10, 10, 10, 10, 15], 2, [(3, 5)], ready=6),
    "the_earliest_of_equals": Case(
        [10, 10, 10, 10, 10, 15], 2, [(0, 2)], ready=6, prefer=EARLY
    ),
    "a_part_before_a_whole_hour": Case([9, 2, 1, 3, 9], 1.5, [(1.5, 3)], ready=5),
    "a_part_after_a_whole_hour": Case([9, 3, 1, 2, 9], 1.5, [(2, 3.5)], ready=5),
    "longer_than_three_hours": Case([8, 3, 2, 4, 1, 9], 3.25, [(1.75, 5)], ready=6),
    "across_midnight": Case(TWO_DAYS, 5, [(27, 32)], ready=32, now=15 + 1 / 6),
    "an_hour_less_time": Case(TWO_DAYS, 5, [(25, 30)], ready=30, now=15 + 1 / 6),
    "longer_than_the_night": Case(TWO_DAYS, 6.75, [(23.25, 30)], ready=30, now=23.25),
    "the_dear_evening_is_left_out": Case(TWO_DAYS, 4, [(24, 28)], ready=28, now=23.25),
    "begins_at_once_in_the_afternoon": Case(
        AUTUMN, 2.5, [(14.25, 16.75)], ready=20, now=14.25
    ),
    "two_hours_before_dawn": Case(AUTUMN, 2, [(2, 4)], ready=8, now=1 / 6),
    "from_four_on": Case(
        AUTUMN, 2, [(4, 6)], ready=8, now=1 / 6, goal={"not_before": at(4)}
    ),
    "at_the_end_of_the_day": Case(
        AUTUMN, 3, [(21, 24)], ready=24, goal={"not_before": at(15)}
    ),
    "two_cheap_halves_that_meet": Case(
        halves([0.1, 0.2, 0.3, 0.2, 0.2, 0.1] * 8),
        1,
        [(11.5, 12.5)],
        ready=18,
        prefer=EARLY,
        goal={"not_before": at(10)},
    ),
    "the_last_two_cheap_halves_that_meet": Case(
        halves([0.1, 0.2, 0.3, 0.2, 0.2, 0.1] * 8),
        1,
        [(14.5, 15.5)],
        ready=18,
        goal={"not_before": at(10)},
    ),
    "a_night_tariff": Case(
        halves([6, *[12] * 9, 7, *[20] * 25, *[34] * 11, 5, 5, *[12] * 9, 7, 20]),
        1,
        [(23.5, 24.5)],
        ready=30,
        now=20,
    ),
    "after_the_cheap_hour_is_over": Case(
        halves([6, *[12] * 9, 7, *[20] * 25, *[34] * 11, 5, 5, *[12] * 9, 7, 20]),
        1,
        [(28.5, 29.5)],
        ready=30,
        now=26,
    ),
    "paid_hours": Case(GIFT, 3, [(4, 7)], ready=12),
    "a_dear_hour_between_two_paid_ones": Case(
        [5, -4, 3, -9, 6], 2.5, [(1.5, 4)], ready=5
    ),
    "all_at_one_price_and_off_the_edges": Case(
        quarters([0.291] * 96), 0.25, [(6.5, 6.75)], ready=6.75, now=0.76
    ),
    "one_minute_steps": Case(
        series([3, 2, 1, 1, 2, 3, 9, 9], 1),
        3 / 60,
        [(1 / 60, 4 / 60)],
        ready=8 / 60,
        prefer=EARLY,
    ),
}


@follow(STRETCHES)
def test_one_stretch_begins_at_the_cheapest_minute(case: Case) -> None:
    case.prefer.update({**BLOCK, **case.prefer})
    made = run(case)
    best = cheapest_stretch(minutes(case), round(case.kwh * 60))
    assert made.totals.starts == 1
    assert made.totals.cost == pytest.approx(best)


@pytest.mark.parametrize("factor", [1e-6, 1e-3, 1.0, 1e3, 1e6])
@pytest.mark.parametrize(
    "name", ["two_hours_apart", "the_next_morning", "paid_in_part"]
)
def test_the_currency_makes_no_difference(name: str, factor: float) -> None:
    case = CHEAPEST[name]
    scaled = planned(
        case.known.map(lambda value: value * factor),
        case.kwh,
        ready=case.ready,
        now=case.now,
    )
    assert spans(scaled) == spans(run(case))
