"""How near joint plans are to the best that a program of another make finds."""

import random

import pytest

from custom_components.ocpp_charging.charging import (
    Car,
    PeakTariff,
    Problem,
    Signals,
    Site,
)

from .houses import series
from .joint_houses import joint, wish
from .joint_milp import House, Wish, cheapest

ALLOWED = 0.005
"""Which share of its cost a joint plan may be above the best."""


def some_house(rng: random.Random, count: int, cars: int, **others: float) -> House:
    """Return a night in which there is not room for all at once."""
    wishes = []
    for _ in range(cars):
        most = rng.choice([11.04, 7.36, 3.68])
        ready = rng.choice([count, count, count * 3 // 4, count // 2])
        energy = round(rng.uniform(0.15, 0.35) * most * ready / 4, 2)
        wishes.append(Wish(energy=energy, ready=ready, least=most * 0.375, most=most))
    total = sum(one.most for one in wishes)
    limit = round(rng.uniform(0.55, 0.8) * total, 2)
    return House(
        hours=0.25,
        prices=[round(rng.uniform(0.05, 0.4), 3) for _ in range(count)],
        limits=[
            limit if rng.random() < 0.7 else round(limit * rng.uniform(0.6, 1), 2)
            for _ in range(count)
        ],
        cars=wishes,
        **others,  # type: ignore[arg-type]
    )


def as_cars(house: House) -> tuple[dict[str, Problem], Site]:
    """Return a house in the planner's words."""
    known = Signals(price=series(house.prices, 15))
    cars = {
        f"car {number}": wish(
            known,
            one.energy,
            one.ready * house.hours,
            car=Car(max_power_w=one.most * 1000, min_power_w=one.least * 1000),
            prefer={"start_cost": house.start_cost},
        )
        for number, one in enumerate(house.cars)
    }
    peak = PeakTariff(price_per_kw=house.peak_price) if house.peak_price else None
    limits = series([1000 * limit for limit in house.limits], 15)
    return cars, Site(grid_limit=limits, peak=peak)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(
    "others", [{}, {"start_cost": 0.05}, {"peak_price": 0.5}], ids=str
)
def test_two_cars_are_as_near_as_is_promised(
    seed: int, others: dict[str, float]
) -> None:
    house = some_house(random.Random(seed), 16, 2, **others)
    found = cheapest(house, 1.5)
    assert found is not None
    made = joint(*as_cars(house))
    assert all(one.met for one in made.plans.values())
    assert made.cost <= found[0] + ALLOWED * abs(found[0])


@pytest.mark.parametrize("seed", range(2))
def test_four_cars_are_as_near_as_is_promised(seed: int) -> None:
    house = some_house(random.Random(seed), 96, 4)
    found = cheapest(house, 2)
    assert found is not None
    made = joint(*as_cars(house))
    assert made.cost <= found[0] + ALLOWED * abs(found[0])
