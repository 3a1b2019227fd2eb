"""What is true of every joint plan, whatever it is made from."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

from hypothesis import given, settings, strategies as st

from custom_components.ocpp_charging.charging import (
    Car,
    Circuit,
    Circuits,
    Place,
    Plan,
    Problem,
    Signals,
    Site,
    load_of_power,
    plan,
    plan_greedy,
    plan_jointly,
)

from .houses import at, series
from .joint_houses import check_joint, joint, limited, wish
from .test_properties import counted, simple, some_problem

FEW = settings(max_examples=30, deadline=None)
SUNS = st.sampled_from([0.0, 2000.0, 5000.0, 9000.0])
CURRENTS = st.sampled_from([0.0, 5.0, 7.0, 13.0, 16.0, 25.0, 40.0])


@st.composite
def some_site(draw: st.DrawFn, keys: list[str]) -> Site:
    """Return a site with a main fuse and a board."""
    main, board = draw(CURRENTS), draw(CURRENTS)
    circuits = [
        Circuit(key="main", limit_a=(max(main, 1.0),) * 3),
        Circuit(key="board", limit_a=(max(board, 1.0),) * 3, parent="main"),
    ]
    places = {
        key: Place(
            circuit=draw(st.sampled_from(["main", "board"])),
            phases=draw(st.sampled_from([(1, 2, 3), (2, 3, 1), (3, 1, 2)])),
            priority=draw(st.integers(0, 1)),
        )
        for key in keys
    }
    watts = st.floats(0, 9000).map(lambda one: round(one, 1))
    load = series(draw(st.lists(watts, max_size=8)))
    limit = series(draw(st.lists(watts, max_size=8)))
    return Site(
        circuits=Circuits(circuits),
        base_load={"main": load_of_power(load)},
        grid_limit=limit,
        places=places,
    )


@st.composite
def some_house(draw: st.DrawFn, most: int = 3) -> tuple[dict[str, Problem], Site]:
    cars = {}
    first = draw(some_problem())
    for key in "abc"[: draw(st.integers(1, most))]:
        one = draw(some_problem())
        phases = draw(st.sampled_from([1, 3]))
        car: Any = replace(one.car, phases=phases)
        if phases == 1:
            car = Car.of_current(max_a=16, phases=1)
        cars[key] = replace(one, car=car, signals=first.signals)
    return cars, draw(some_site(list(cars)))


@FEW
@given(house=some_house(), hours=st.floats(0, 3))
def test_no_fuse_and_no_limit_is_broken(
    house: tuple[dict[str, Problem], Site], hours: float
) -> None:
    joint(*house, now=hours)


@FEW
@given(house=some_house(), hours=st.floats(0, 3))
def test_nor_by_the_plan_at_once(
    house: tuple[dict[str, Problem], Site], hours: float
) -> None:
    check_joint(*house, plan_greedy(*house, at(hours)))


@settings(max_examples=12, deadline=None)
@given(house=some_house())
def test_the_same_house_gives_the_same_plans_in_any_order(
    house: tuple[dict[str, Problem], Site],
) -> None:
    cars, site = house
    made = plan_jointly(cars, site, at(0))
    assert made == plan_jointly(cars, site, at(0))
    turned = dict(reversed(cars.items()))
    again = plan_jointly(turned, site, at(0))
    assert dict(again.plans) == dict(made.plans)


@FEW
@given(problem=some_problem(), hours=st.floats(0, 3))
def test_one_car_costs_what_it_does_alone(problem: Problem, hours: float) -> None:
    made = plan_jointly({"a": problem}, Site(), at(hours))
    assert made.plans["a"].totals == plan(problem, at(hours)).totals


@FEW
@given(house=some_house(2), more=st.floats(0.5, 20))
def test_a_higher_fuse_never_costs_more_than_the_gap(
    house: tuple[dict[str, Problem], Site], more: float
) -> None:
    cars, site = house
    cars = {key: simple(one) for key, one in cars.items()}
    assert site.circuits is not None
    circuits = Circuits(
        [
            replace(one, limit_a=(one.limit_a[0] + more,) * 3)
            for one in site.circuits.circuits
        ]
    )
    less = joint(cars, site)
    result = joint(cars, replace(site, circuits=circuits))
    if all(one.met for one in less.plans.values()):
        assert all(one.met for one in result.plans.values())

        def cost(plans: Any) -> float:
            return sum(counted(cars[key], one) for key, one in plans.items())

        allowed = 0.005 * abs(cost(less.plans)) + result.gap + 1e-4
        assert cost(result.plans) <= cost(less.plans) + allowed


@FEW
@given(
    kwh=st.tuples(st.floats(2, 12), st.floats(2, 12)),
    hours=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    limit=st.sampled_from([5000.0, 7400.0, 11040.0, 16000.0]),
    start_cost=st.sampled_from([0.0, 0.1]),
    prices=st.lists(st.floats(0.05, 0.5), min_size=4, max_size=4),
)
def test_what_the_first_in_rank_lacks_it_would_lack_without_the_second(
    kwh: tuple[float, float],
    hours: tuple[int, int],
    limit: float,
    start_cost: float,
    prices: list[float],
) -> None:
    cars = {
        key: wish(
            prices,
            energy,
            ready,
            car=Car.of_current(max_a=16),
            prefer={"start_cost": start_cost},
        )
        for key, energy, ready in zip("ab", kwh, hours, strict=True)
    }
    places = {"a": Place(priority=0), "b": Place(priority=1)}
    site = limited(limit, places=places)
    alone = joint({"b": cars["b"]}, site).plans["b"]
    among = joint(cars, site).plans["b"]
    at_once = plan_greedy(cars, site, at(0)).plans["b"]

    for one in (among, at_once):
        assert _missing(one) <= _missing(alone) + 0.01


@settings(max_examples=15, deadline=None)
@given(
    watts=st.lists(SUNS, min_size=6, max_size=8),
    kwh=st.lists(st.floats(2, 9), min_size=2, max_size=3),
    start_cost=st.sampled_from([0.0, 0.1]),
    limit=st.sampled_from([8000.0, 14000.0, 40000.0]),
)
def test_no_sun_is_used_twice(
    watts: list[float], kwh: list[float], start_cost: float, limit: float
) -> None:
    count = len(watts)
    solar = series(watts)
    known = Signals(
        price=series([0.3] * count), solar=solar, feed_in=series([0.08] * count)
    )
    cars = {
        key: wish(
            known,
            energy,
            count,
            car=Car.of_current(max_a=16),
            prefer={"start_cost": start_cost},
        )
        for key, energy in zip("abc", kwh, strict=False)
    }
    site = limited(limit)
    for made in (joint(cars, site), plan_greedy(cars, site, at(0))):
        edges = {edge for item in solar for edge in (item.start, item.end)}
        for one in made.plans.values():
            edges |= {edge for p in one.periods for edge in (p.start, p.end)}
        usable = 0.0
        for start, end in pairwise(sorted(edges)):
            middle = start + (end - start) / 2
            drawn = sum(one.power_at(middle) for one in made.plans.values())
            sun = solar.at(middle) or 0.0
            usable += min(drawn, sun) * (end - start).total_seconds() / 3.6e6
        used = sum(
            one.totals.solar_share * one.totals.energy_kwh
            for one in made.plans.values()
        )
        assert used <= usable + 0.01


def _missing(made: Plan) -> float:
    return made.shortfall.energy_kwh if made.shortfall else 0.0
