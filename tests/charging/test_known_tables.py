"""The tables that other planners are tested with, each against what is exactly best.

A row says what is known and asked for; times in hours after midnight, a car of 1 kW.
What is best is not worked out by hand, but found by `minutes`, in each of several ways
to charge: the cheapest time, one stretch, starts at a price, a reserve before
departure, the later and the earlier of equals.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise, product
from math import inf
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from custom_components.ocpp_charging.charging import (
    Car,
    Eased,
    Goal,
    Interval,
    Plan,
    Problem,
    Series,
    Signals,
    Site,
    Tie,
    plan,
    plan_jointly,
)

from .cases import AUTUMN, GIFT, STEEP, TWO_DAYS, WINDY, halves, joined, quarters
from .houses import MIDNIGHT, ONE_KW, at, check_whole, planned, series
from .minutes import (
    cheapest,
    cheapest_stretch,
    cheapest_with_starts,
    prices_by_minute,
)


@dataclass(frozen=True, kw_only=True)
class Row:
    """What is known, and what is asked for."""

    known: Series
    kwh: float
    ready: float
    now: float = 0.0
    begin: float | None = None
    cap: float | None = None

    @property
    def prices(self) -> list[float]:
        """Return the price of each minute that may be used, inf where none may."""
        begin = at(max(self.now, self.begin or self.now))
        return prices_by_minute(self.known, begin, at(self.ready), self.cap)

    @property
    def length(self) -> int:
        """Return how many minutes are charged at the best."""
        usable = sum(price < inf for price in self.prices)
        return min(round(self.kwh * 60), usable)

    @property
    def met(self) -> bool:
        """Return whether that is all that is asked for."""
        return self.length == round(self.kwh * 60)


def day(
    known: Series,
    begin: float | None,
    ready: float | None,
    now: float,
    kwh: float,
) -> Row:
    """Return a row for hours that return each day, as they are at a time of day.

    Without an end it is as far as prices are known, without a beginning from now on.
    """
    if ready is None:
        assert known.end is not None
        last = (known.end - MIDNIGHT) / timedelta(hours=1)
        return Row(known=known, kwh=kwh, ready=last, now=now, begin=begin)
    if begin is not None and ready <= begin:
        if now < ready:
            return Row(known=known, kwh=kwh, ready=ready, now=now)
        return Row(known=known, kwh=kwh, ready=ready + 24, now=now, begin=begin)
    later = 24 if now >= ready else 0
    opens = None if begin is None else begin + later
    return Row(known=known, kwh=kwh, ready=ready + later, now=now, begin=opens)


OCTOBER = series([*WINDY, *AUTUMN])
HOURS = [(3, 12), (9, 22), (15, 22), (12, 3), (22, 9), (22, 15), (10, 10), (18, 18)]
OPEN = [(9, None), (None, 9)]
WITHIN = {
    f"from_{begin}_to_{ready}_at_{now}": day(OCTOBER, begin, ready, now, 5)
    for (begin, ready), now in product([*HOURS, *OPEN], (2, 10, 14, 23))
}
"""Hours that return each day, over midnight and not, with an open end."""

WAVES = halves([0.1, 0.2, 0.3, 0.2, 0.2, 0.1] * 16)
SAW = halves([0.1, 0.2, 0.3] * 32)
REPEATED = {
    f"{name}_from_{begin}_to_{ready}_at_{now}": day(known, begin, ready, now, 1)
    for (name, known), (begin, ready), now in product(
        (("waves", WAVES), ("saw", SAW)),
        ((10, 18), (None, 18), (10, None), (None, None)),
        (0, 12, 19),
    )
}
"""Equal prices again and again."""

AUCTION = halves(
    [
        *(24.696, 21.651, 21.21, 21.651, 21.651, 20.727, 21.651, 21.4305, 21.651),
        *(21.21, 21.21, 26.838, 22.449, 21.8925, 27.363, 33.4761, 33.4761, 33.4761),
        *(33.4761, 32.109, 33.075, 26.901, 26.46, 28.4445, 30.87, 22.008, 27.342),
        *(21.3675, 21.21, 21.21, 20.727, 22.05, *[33.4761] * 7, 21.9135, 26.019),
        *(21.651, 23.5095, 20.727, 23.1525, 20.727, 19.6875, 19.845, 21.609, 14.123),
        *(14.123, 21.231, 19.6245, 19.341, 18.3435, 18.3435, 18.7005, 18.501, 19.845),
        *(17.9025, 19.845, 17.136, 17.136, 21.7875, 24.339, 29.988, 24.57, 22.6695),
        *(22.2705, 21.168, 20.727, 20.727, 21.3465, 19.9815, 18.522, 18.081, 19.1835),
        *(18.921, 21.3885, 22.05, *[33.4761] * 7, 30.6915, 33.159, 25.578, 29.2845),
        *(24.255, 25.641, 23.1315, 14.994, 16.0965),
    ],
    -1,
)
"""Two days of half-hourly prices from the east of England, 2022-10-21 and the next."""


def auction(kwh: float, now: float, ready: float, cap: float | None = None) -> Row:
    """Return a row with these prices."""
    return Row(known=AUCTION, kwh=kwh, now=now, ready=ready, cap=cap)


MARKET = {
    "half_an_hour_of_the_day": auction(0.5, 33 + 1 / 6, 46),
    "an_hour_of_the_day": auction(1, 33 + 1 / 6, 46),
    "an_hour_and_a_half_of_the_day": auction(1.5, 33 + 1 / 6, 46),
    "three_hours_of_the_day": auction(3, 33 + 1 / 6, 46),
    "too_late_for_three_hours": auction(3, 46 + 40 / 60, 47),
    "a_third_of_two_days": auction(16, 0, 47),
    "a_night": auction(4, 20, 30),
    "a_night_and_ten_minutes": auction(4 + 1 / 6, 20, 30),
    "a_night_at_odd_minutes": auction(2.75, 20 + 7 / 60, 29 + 52 / 60),
    "a_night_under_a_cap": auction(4, 20, 30, 18.6),
    "a_cap_that_leaves_half_hours": auction(3, 0, 30, 20.8),
    "the_evening_peak_alone": auction(1, 15, 18),
}
SHORT = halves([19.1, 18.9, 19.1, 20] * 12)
PAIRS = halves([10, 20] * 24)
LIMITED = {
    "a_half_hour_under_a_cap": Row(
        known=SHORT, kwh=0.5, now=9 + 1 / 6, ready=22, cap=19.9
    ),
    "an_hour_under_a_cap": Row(known=SHORT, kwh=1, now=9 + 1 / 6, ready=22, cap=19.9),
    "two_halves_that_do_not_meet": Row(
        known=halves([19.1, 18.9, 21.1, 15.1, 20] * 9), kwh=1.5, ready=22, cap=19.9
    ),
    "nothing_is_that_cheap": Row(
        known=halves([19.1, 18.9, 21.1, 15.1, 20] * 9), kwh=1.5, ready=22, cap=0.199
    ),
    "three_of_six_halves": Row(
        known=halves([14, 14, 10, 7, 15, 21] * 8), kwh=1.5, now=9 + 1 / 6, ready=22
    ),
    "cheap_halves_alone": Row(known=PAIRS, kwh=1, now=12, ready=24),
    "less_was_missing": Row(known=PAIRS, kwh=0.8, now=12, ready=24),
    "half_of_it_is_lost": Row(known=PAIRS, kwh=1.6, now=12, ready=24),
    "all_the_time_until_midnight": Row(known=PAIRS, kwh=100, now=12, ready=24),
    "two_hours_less": Row(known=PAIRS, kwh=100, now=10, ready=24),
    "only_cheap_halves_of_them": Row(known=PAIRS, kwh=100, now=10, ready=24, cap=10),
    "paid_5_or_more": Row(known=series(GIFT), kwh=4, ready=12, cap=-5),
    "paid_or_free": Row(known=series(GIFT), kwh=4, ready=12, cap=0),
    "half_of_the_last_price": Row(
        known=series(TWO_DAYS), kwh=8, now=14, ready=36, cap=36.095
    ),
    "half_of_the_last_price_of_today": Row(
        known=series(AUTUMN), kwh=8, now=14, ready=24, cap=24.82
    ),
    "a_cap_just_above_the_night": Row(
        known=series(TWO_DAYS), kwh=9, now=14 + 1 / 6, ready=31, cap=30
    ),
    "below_150": Row(known=series(AUTUMN), kwh=6, now=14, ready=24, cap=150),
}
FIVES = [0.3 + 0.002 * (7 * one % 45) - 0.001 * (one % 13) for one in range(288)]
STEPS = {
    "quarters_before_two": Row(known=series(AUTUMN), kwh=0.5, now=1 / 6, ready=2.25),
    "an_hour_before_two": Row(known=series(AUTUMN), kwh=1, now=1 / 6, ready=2.25),
    "an_hour_before_half_past": Row(known=series(AUTUMN), kwh=1, now=1 / 6, ready=2.5),
    "two_hours_and_a_quarter": Row(known=series(AUTUMN), kwh=2.25, now=1 / 6, ready=5),
    "two_hours_and_three": Row(known=series(AUTUMN), kwh=2.75, now=1 / 6, ready=5),
    "five_minutes_of_a_day": Row(known=series(FIVES, 5), kwh=3, ready=24),
    "five_minutes_and_a_minute": Row(
        known=series(FIVES, 5), kwh=3 + 1 / 60, now=1 / 60, ready=23 + 59 / 60
    ),
    "single_minutes": Row(known=series(FIVES[:60], 1), kwh=0.2, ready=1),
    "quarters_out_of_order": Row(
        known=Series(reversed(list(quarters([5, 3, 8, 1, 9, 2, 7, 4] * 4)))),
        kwh=3,
        ready=8,
    ),
    "hours_then_minutes_then_a_day": Row(
        known=joined(
            series([4, 3]), series([5, 1, 1, 5], 5, 2), series([2.5], 1440, 2 + 1 / 3)
        ),
        kwh=2,
        ready=12,
    ),
    "all_but_a_minute": Row(known=series(STEEP), kwh=6 - 1 / 60, ready=6),
    "a_minute": Row(known=series(STEEP), kwh=1 / 60, ready=6),
    "a_window_of_a_minute": Row(
        known=series(STEEP), kwh=3, now=3.5, ready=3.5 + 1 / 60
    ),
    "huge_prices": Row(known=series([one * 1e9 for one in STEEP]), kwh=2.5, ready=6),
    "tiny_prices": Row(known=series([one * 1e-9 for one in STEEP]), kwh=2.5, ready=6),
    "one_is_mad": Row(known=series([3, 2, 1e7, 1, 4, 2]), kwh=4, ready=6),
    "one_is_madly_paid": Row(known=series([3, 2, -1e7, 1, 4, 2]), kwh=0.5, ready=6),
}
ROWS = {**WITHIN, **REPEATED, **MARKET, **LIMITED, **STEPS}
EVERY = pytest.mark.parametrize("row", list(ROWS.values()), ids=list(ROWS))


def made(row: Row, car: Car = ONE_KW, kw: float = 1.0, **prefer: Any) -> Plan:
    """Return the plan for a row, after looking whether it may be."""
    reserve = prefer.pop("reserve", timedelta(0))
    plan = planned(
        row.known,
        row.kwh * kw,
        ready=row.ready,
        now=row.now,
        car=car,
        prefer=prefer,
        not_before=None if row.begin is None else at(row.begin),
        price_cap=row.cap,
        overrun=False,
        reserve=reserve,
    )
    check_whole(plan)
    assert plan.gap == 0
    assert plan.met == row.met
    assert plan.totals.energy_kwh == pytest.approx(row.length / 60 * kw, abs=1e-5)
    opens = at(max(row.now, row.begin or row.now))
    for period in plan.periods:
        assert opens <= period.start
        assert period.end <= at(row.ready)
    if plan.shortfall is not None:
        missing = row.kwh - row.length / 60
        assert plan.shortfall.energy_kwh == pytest.approx(missing * kw, abs=1e-5)
    return plan


def near(cost: float) -> Any:
    """Return what a cost may be, to a millionth."""
    return pytest.approx(cost, rel=2e-6, abs=1e-9)


@EVERY
def test_no_other_minutes_are_cheaper(row: Row) -> None:
    assert made(row).totals.cost == near(cheapest(row.prices, row.length))


@EVERY
def test_no_other_minutes_are_cheaper_for_a_car_with_a_least_power(row: Row) -> None:
    plan = made(row, Car.of_current(max_a=16, min_a=6), 11.04)
    assert plan.totals.cost == near(11.04 * cheapest(row.prices, row.length))


@EVERY
def test_the_earlier_of_equals_costs_as_much_and_starts_as_often(row: Row) -> None:
    later, earlier = made(row), made(row, tie=Tie.EARLIER)
    assert earlier.totals.cost == near(later.totals.cost)
    assert earlier.totals.starts == later.totals.starts
    if later.totals.finish is not None and earlier.totals.finish is not None:
        assert earlier.periods[0].start <= later.periods[0].start


@EVERY
def test_no_other_stretch_is_cheaper(row: Row) -> None:
    plan = made(row, one_block=True)
    best = cheapest_stretch(row.prices, row.length)
    assert (Eased.ONE_BLOCK in plan.eased) == (best == inf)
    if best < inf:
        assert plan.totals.starts <= 1
        assert plan.totals.cost == near(best)


def test_one_stretch_that_can_not_be_is_told_also_where_too_little_fits() -> None:
    prices = [0.1, 0.3, 0.1]
    plan = planned(
        prices, 3, ready=3, price_cap=0.2, overrun=False, prefer={"one_block": True}
    )
    assert not plan.met
    assert plan.eased == (Eased.ONE_BLOCK,)


def test_only_what_gave_way_is_told() -> None:
    # One stretch is not possible under the cap, but runs of an hour are.
    prefer = {"one_block": True, "minimum_run": timedelta(hours=1)}
    prices = [0.1, 0.3, 0.1, 0.3]
    plan = planned(prices, 2, ready=4, price_cap=0.2, overrun=False, prefer=prefer)
    assert plan.met
    assert plan.eased == (Eased.ONE_BLOCK,)


@EVERY
@pytest.mark.parametrize("share", [0.1, 1.0], ids=["little", "much"])
def test_nothing_is_cheaper_with_starts_at_a_price(row: Row, share: float) -> None:
    usable = [price for price in row.prices if price < inf] or [0.0]
    start_cost = share * (max(usable) - min(usable))
    plan = made(row, start_cost=start_cost)
    if not plan.met:
        return
    counted = plan.totals.cost + start_cost * plan.totals.starts
    best = cheapest_with_starts(row.prices, row.length, start_cost)
    assert counted == pytest.approx(best, rel=2e-6, abs=2e-6 * max(map(abs, usable)))


@EVERY
def test_a_reserve_comes_last_and_the_rest_is_cheapest(row: Row) -> None:
    if row.cap is not None or not row.met:
        return
    last = min(30, row.length)
    prices = row.prices
    best = sum(prices[-last:]) / 60 + cheapest(prices[:-last], row.length - last)
    plan = made(row, reserve=timedelta(minutes=30))
    assert plan.totals.cost == near(best)
    assert plan.totals.finish == at(row.ready)


BERLIN = ZoneInfo("Europe/Berlin")
NIGHTS = {
    "an_hour_is_left_out": (
        datetime(2026, 3, 28, 17, tzinfo=BERLIN),
        datetime(2026, 3, 29, 6, tzinfo=BERLIN),
    ),
    "an_hour_comes_twice": (
        datetime(2026, 10, 24, 19, tzinfo=BERLIN),
        datetime(2026, 10, 25, 6, tzinfo=BERLIN),
    ),
}
"""Twelve hours each, though the clock says thirteen and eleven."""


@pytest.mark.parametrize("together", [False, True], ids=["alone", "with_another"])
@pytest.mark.parametrize(("now", "ready"), list(NIGHTS.values()), ids=list(NIGHTS))
def test_a_night_in_which_clocks_are_changed_has_the_hours_it_has(
    now: datetime, ready: datetime, together: bool
) -> None:
    hours = [now.astimezone(UTC) + timedelta(hours=hour) for hour in range(13)]
    known = Series(
        # By the clock of the house, so one begins and ends at the same time of day.
        Interval(
            start=start.astimezone(BERLIN), end=end.astimezone(BERLIN), value=0.1 * hour
        )
        for hour, (start, end) in enumerate(pairwise(hours))
    )
    for kwh, missing in ((12, 0), (12.5, 0.5), (2, 0)):
        problem = Problem(
            signals=Signals(price=known),
            car=ONE_KW,
            goal=Goal(energy_kwh=kwh, ready_by=ready, overrun=False),
        )
        if together:
            found = plan_jointly({"a": problem, "b": problem}, Site(), now).plans["a"]
        else:
            found = plan(problem, now)
        assert found.totals.energy_kwh == pytest.approx(kwh - missing)
        assert found.met == (not missing)
        assert found.periods[0].start == hours[0]
        assert found.periods[-1].end == hours[2 if kwh == 2 else 12]


def test_there_are_as_many_rows_as_promised() -> None:
    assert len(ROWS) >= 100
    assert all(isinstance(one, Interval) for row in ROWS.values() for one in row.known)
