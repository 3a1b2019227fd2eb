"""Houses with several cars for the tests, and what is true of every joint plan."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from custom_components.ocpp_charging.charging import (
    Car,
    Circuit,
    Circuits,
    Goal,
    JointPlan,
    Place,
    Preferences,
    Problem,
    Series,
    Signals,
    Site,
    State,
    plan_jointly,
)

from .houses import ONE_KW, at, check_whole, series, signals

type Prices = Sequence[float | None] | Series | Signals


def wish(
    prices: Prices,
    kwh: float,
    ready: float | None = None,
    *,
    car: Car = ONE_KW,
    prefer: dict[str, Any] | None = None,
    state: State | None = None,
    **goal: Any,
) -> Problem:
    """Return a problem; times in hours after midnight."""
    return Problem(
        signals=prices if isinstance(prices, Signals) else signals(prices),
        car=car,
        goal=Goal(
            energy_kwh=kwh, ready_by=None if ready is None else at(ready), **goal
        ),
        preferences=Preferences(**(prefer or {})),
        state=state or State(),
    )


def fused(amps: float | Sequence[float], *cars: str, **others: Any) -> Site:
    """Return a site with a main fuse that feeds the cars."""
    limit = (amps,) * 3 if isinstance(amps, int | float) else tuple(amps)
    main = Circuit(key="main", limit_a=limit)  # type: ignore[arg-type]
    places = {car: Place(circuit="main") for car in cars}
    return Site(
        circuits=Circuits([main]), places=places | others.pop("places", {}), **others
    )


def limited(watts: float, hours: int = 48, **others: Any) -> Site:
    """Return a site with a limit for all cars together."""
    return Site(grid_limit=series([watts] * hours), **others)


def joint(
    cars: Mapping[str, Problem], site: Site, now: float = 0, **others: Any
) -> JointPlan:
    """Return a checked joint plan."""
    made = plan_jointly(cars, site, at(now), **others)
    check_joint(cars, site, made)
    return made


def check_joint(cars: Mapping[str, Problem], site: Site, made: JointPlan) -> None:
    """Assert that every plan is whole, and that nothing shared is used too much."""
    assert list(made.plans) == list(cars)
    for one in made.plans.values():
        check_whole(one)
    edges = {
        edge
        for one in made.plans.values()
        for period in one.periods
        for edge in (period.start, period.end)
    }
    shared = [site.grid_limit, *(one.signals.limit for one in cars.values())]
    shared += [series for load in site.base_load.values() for series in load]
    for known in shared:
        edges |= {edge for item in known for edge in (item.start, item.end)}
    for start, end in pairwise(sorted(edges)):
        if (end - start).total_seconds() < 0.01:
            continue
        middle = start + (end - start) / 2
        powers = {key: one.power_at(middle) for key, one in made.plans.items()}
        for key, power in powers.items():
            car = cars[key].car
            assert power == 0 or power >= car.min_power_w - 0.1, (key, middle)
            assert power <= car.max_power_w + 0.1
        limit = site.grid_limit.at(middle)
        assert limit is None or sum(powers.values()) <= limit + 0.1, middle
        _check_fuses(cars, site, powers, middle)


def _check_fuses(
    cars: Mapping[str, Problem], site: Site, powers: dict[str, float], middle: Any
) -> None:
    for circuit in site.circuits.circuits if site.circuits else ():
        for phase in range(3):
            drawn = 0.0
            for key, power in powers.items():
                place, car = site.place(key), cars[key].car
                used = place.phases[: car.phases]
                if phase + 1 in used and circuit in site.above(key):
                    drawn += power / len(used) / car.voltage_v
            base = site.base_load.get(circuit.key)
            load = (base[phase].at(middle) or 0.0) if base else 0.0
            room = max(0.0, circuit.limit_a[phase] - load)
            assert drawn <= room + 1e-3, (circuit.key, phase, middle)
