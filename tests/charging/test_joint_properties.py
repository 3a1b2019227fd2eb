"""What is true of every joint plan, whatever it is made from."""

from dataclasses import replace
from typing import Any

from hypothesis import given, settings, strategies as st

from custom_components.ocpp_charging.charging import (
    Car,
    Circuit,
    Circuits,
    Place,
    Problem,
    Site,
    load_of_power,
    plan,
    plan_greedy,
    plan_jointly,
)

from .houses import at, series
from .joint_houses import check_joint, joint
from .test_properties import counted, simple, some_problem

FEW = settings(max_examples=30, deadline=None)
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
