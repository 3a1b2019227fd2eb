"""What is true of every plan, whatever it is made from."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import given, settings, strategies as st
import pytest

from custom_components.ocpp_charging.charging import (
    Car,
    Goal,
    Interval,
    Plan,
    Preferences,
    Problem,
    Series,
    Signals,
    State,
    Tie,
    plan,
)

from .houses import MIDNIGHT, at, check_whole

MINUTES = st.sampled_from([5, 15, 30, 60])


@st.composite
def some_series(
    draw: st.DrawFn, low: float, high: float, *, gaps: bool = True
) -> Series:
    """Return a series of mixed steps from about midnight on."""
    begin = MIDNIGHT - timedelta(minutes=draw(st.sampled_from([0, 20, 60])))
    items = []
    for _ in range(draw(st.integers(0, 14))):
        end = begin + timedelta(minutes=draw(MINUTES))
        value = draw(st.floats(low, high).map(lambda one: round(one, 3)))
        if not gaps or draw(st.integers(0, 9)):
            items.append(Interval(start=begin, end=end, value=value))
        begin = end
    return Series(items)


@st.composite
def some_car(draw: st.DrawFn) -> Car:
    most = draw(st.sampled_from([1400.0, 3680.0, 7360.0, 11040.0]))
    least = draw(st.sampled_from([0.0, 0.375, 0.5, 1.0])) * most
    battery = draw(st.sampled_from([None, 40.0]))
    taper = draw(st.sampled_from([(), ((80.0, 8000.0), (100.0, 1000.0))]))
    return Car(max_power_w=most, min_power_w=least, battery_kwh=battery, taper=taper)


def some_time(low: float, high: float) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.none(),
        st.integers(int(low * 60), int(high * 60)).map(lambda one: at(one / 60)),
    )


@st.composite
def some_problem(draw: st.DrawFn) -> Problem:
    """Return a problem of any kind."""
    lengths = st.sampled_from([0, 0, 15, 40, 60]).map(
        lambda one: timedelta(minutes=one)
    )
    cap = draw(st.one_of(st.none(), st.floats(-0.1, 0.4)))
    return Problem(
        signals=Signals(
            price=draw(some_series(-0.1, 0.5)),
            feed_in=draw(some_series(0.0, 0.1)),
            co2=draw(some_series(0, 600)),
            solar=draw(some_series(0, 12_000)),
            limit=draw(some_series(0, 14_000)),
        ),
        car=draw(some_car()),
        goal=Goal(
            energy_kwh=draw(st.floats(0, 40)),
            ready_by=draw(some_time(-1, 14)),
            not_before=draw(some_time(-1, 8)),
            minimum_kwh=draw(st.sampled_from([0.0, 0.0, 3.0])),
            essential_kwh=draw(st.sampled_from([0.0, 0.0, 5.0])),
            price_cap=cap,
            co2_cap=draw(st.one_of(st.none(), st.none(), st.floats(0, 600))),
            reserve=draw(lengths),
            extra_kwh=draw(st.sampled_from([0.0, 0.0, 8.0])),
            extra_below=draw(st.floats(-0.1, 0.3)),
            overrun=draw(st.booleans()),
        ),
        preferences=Preferences(
            co2_price=draw(st.sampled_from([0.0, 0.2])),
            start_cost=draw(st.sampled_from([0.0, 0.05, 0.5])),
            minimum_run=draw(lengths),
            minimum_pause=draw(lengths),
            one_block=draw(st.sampled_from([False, False, True])),
            tie=draw(st.sampled_from(list(Tie))),
        ),
        state=State(
            soc=draw(st.sampled_from([None, 70.0])), running=draw(st.booleans())
        ),
    )


def made(problem: Problem, hours: float = 0.0) -> Plan:
    result = plan(problem, at(hours))
    check_whole(result)
    return result


@settings(max_examples=300, deadline=None)
@given(problem=some_problem(), hours=st.floats(0, 3))
def test_no_limit_is_broken(problem: Problem, hours: float) -> None:
    result = made(problem, hours)
    goal, car, signals = problem.goal, problem.car, problem.signals
    asked = max(goal.energy_kwh or 0, goal.minimum_kwh, goal.essential_kwh)
    assert result.totals.energy_kwh <= asked + goal.extra_kwh + 1e-6
    for period in result.periods:
        assert period.power_w <= car.max_power_w + 1e-6
        assert period.power_w >= car.min_power_w - 1e-6
        for item in signals.limit.between(period.start, period.end):
            assert period.power_w <= item.value + 1e-3


@settings(max_examples=200, deadline=None)
@given(problem=some_problem(), hours=st.floats(0, 3))
def test_nothing_is_taken_above_a_cap_but_what_must_be(
    problem: Problem, hours: float
) -> None:
    goal = replace(
        problem.goal,
        minimum_kwh=0,
        essential_kwh=0,
        reserve=timedelta(0),
        price_cap=0.15,
        co2_cap=None,
    )
    signals = replace(problem.signals, solar=Series())
    result = made(replace(problem, goal=goal, signals=signals), hours)
    for period in result.periods:
        for item in signals.price.between(period.start, period.end):
            assert item.value <= 0.15 + 1e-6 or item.hours < 1e-6


@settings(max_examples=200, deadline=None)
@given(problem=some_problem(), hours=st.floats(0, 3))
def test_never_less_than_could_be_given_by_then(problem: Problem, hours: float) -> None:
    goal = replace(problem.goal, price_cap=None, co2_cap=None)
    problem = replace(problem, goal=goal)
    result = made(problem, hours)
    if goal.ready_by is None or result.met:
        return
    begin = max(at(hours), goal.not_before or at(hours))
    eager = replace(goal, minimum_kwh=result.needed_kwh, overrun=False, not_before=None)
    if begin < goal.ready_by:
        first = made(
            replace(problem, goal=eager), (begin - MIDNIGHT) / timedelta(hours=1)
        )
        reached = sum(
            one.energy_kwh for one in first.periods if one.end <= goal.ready_by
        )
        assert result.shortfall is not None
        given_by_then = result.needed_kwh - result.shortfall.energy_kwh
        assert given_by_then >= reached - 1e-5


def simple(problem: Problem) -> Problem:
    """Return a problem whose cost can be compared: all prices known, no preferences."""
    signals = problem.signals
    price = Series(
        Interval(
            start=at(index / 2),
            end=at(index / 2 + 0.5),
            value=signals.price.at(at(index / 2)) or 0.25,
        )
        for index in range(40)
    )
    goal = Goal(energy_kwh=problem.goal.energy_kwh, ready_by=at(12), overrun=False)
    preferences = Preferences(start_cost=problem.preferences.start_cost)
    return replace(
        problem,
        signals=replace(signals, price=price, co2=Series()),
        goal=goal,
        preferences=preferences,
        car=replace(problem.car, taper=()),
    )


def counted(problem: Problem, result: Plan) -> float:
    return result.totals.cost + result.totals.starts * problem.preferences.start_cost


@settings(max_examples=100, deadline=None)
@given(problem=some_problem(), more=st.floats(0.1, 6))
def test_more_time_never_costs_more(problem: Problem, more: float) -> None:
    problem = simple(problem)
    less = made(problem)
    later = replace(problem.goal, ready_by=at(12 + more))
    result = made(replace(problem, goal=later))
    if less.met:
        assert result.met
        assert counted(problem, result) <= counted(problem, less) + 1e-6


@settings(max_examples=100, deadline=None)
@given(problem=some_problem(), more=st.floats(0, 5000))
def test_a_higher_limit_never_costs_more(problem: Problem, more: float) -> None:
    problem = simple(problem)
    # Nor does it help to have more of what is above the price that the sun earns.
    less = made(problem)
    limit = problem.signals.limit.map(lambda one: one + more)
    result = made(replace(problem, signals=replace(problem.signals, limit=limit)))
    if less.met:
        assert result.met
        assert counted(problem, result) <= counted(problem, less) + 1e-6


@settings(max_examples=100, deadline=None)
@given(problem=some_problem(), hours=st.floats(0, 3))
def test_the_same_problem_gives_the_same_plan(problem: Problem, hours: float) -> None:
    assert plan(problem, at(hours)) == plan(problem, at(hours))


@settings(max_examples=100, deadline=None)
@given(problem=some_problem(), factor=st.sampled_from([0.001, 0.5, 3.0, 7.46, 100.0]))
def test_scaling_all_money_changes_nothing(problem: Problem, factor: float) -> None:
    def scaled(value: float) -> float:
        return value * factor

    signals, goal, preferences = problem.signals, problem.goal, problem.preferences
    cap = goal.price_cap
    other = replace(
        problem,
        signals=replace(
            signals,
            price=signals.price.map(scaled),
            feed_in=signals.feed_in.map(scaled),
        ),
        goal=replace(
            goal,
            price_cap=None if cap is None else scaled(cap),
            extra_below=scaled(goal.extra_below),
        ),
        preferences=replace(
            preferences,
            start_cost=scaled(preferences.start_cost),
            co2_price=scaled(preferences.co2_price),
        ),
    )
    last_price, last_co2 = signals.price.end, signals.co2.end
    if not preferences.co2_price and (
        last_price is None or (last_co2 is not None and last_co2 > last_price)
    ):
        # Where no price is known CO2 decides alone, whatever money counts.
        return
    one, same = made(problem), made(other)
    # A tie is a share of the dearest plan's cost, in which energy at unknown prices,
    # the extra and what a start counts at least are: none of these is in the money.
    known = (*signals.price, *signals.feed_in)
    highest = max((abs(item.value) for item in known), default=0.0)
    allowed = 1e-9 + 1e-5 * factor * highest * (one.needed_kwh + goal.extra_kwh)
    assert [(p.start, p.end) for p in one.periods] == [
        (p.start, p.end) for p in same.periods
    ] or one.totals.cost * factor == pytest.approx(
        same.totals.cost, rel=1e-6, abs=allowed
    )


def split(series: Series) -> Series:
    """Return a series with each interval in two."""
    return Series(
        part
        for item in series
        for middle in [item.start + (item.end - item.start) / 3]
        for part in (
            Interval(start=item.start, end=middle, value=item.value),
            Interval(start=middle, end=item.end, value=item.value),
        )
    )


@settings(max_examples=100, deadline=None)
@given(problem=some_problem(), hours=st.floats(0, 3))
def test_splitting_intervals_changes_nothing(problem: Problem, hours: float) -> None:
    signals = problem.signals
    parts = Signals(
        price=split(signals.price),
        feed_in=split(signals.feed_in),
        co2=split(signals.co2),
        solar=split(signals.solar),
        limit=split(signals.limit),
    )
    assert made(problem, hours) == made(replace(problem, signals=parts), hours)


@settings(max_examples=100, deadline=None)
@given(problem=some_problem(), later=st.floats(0.05, 4))
def test_a_plan_that_is_followed_is_kept(problem: Problem, later: float) -> None:
    """Nothing has changed but the time: what was planned goes on as planned."""
    problem = simple(problem)
    first = made(problem)
    drawn = sum(
        one.energy_kwh * min(1.0, (at(later) - one.start) / (one.end - one.start))
        for one in first.periods
        if one.start < at(later)
    )
    goal = replace(problem.goal, energy_kwh=max(0.0, first.needed_kwh - drawn))
    running = first.power_at(at(later) - timedelta(seconds=1)) > 0
    state = State(soc=problem.state.soc, running=running, plan=first)
    second = made(replace(problem, goal=goal, state=state), later)
    if not first.met or goal.energy_kwh is None or goal.energy_kwh < 1e-3:
        return
    left = [one for one in first.periods if one.end > at(later)]
    assert second.met
    assert (second.power_at(at(later)) > 0) == (first.power_at(at(later)) > 0)
    assert second.periods[-1].end == pytest.approx(left[-1].end)
