"""Signals, cars and plans for the planner's tests, in few words."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

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
    plan,
)

MIDNIGHT = datetime(2026, 1, 1, tzinfo=UTC)
ONE_KW = Car(max_power_w=1000, min_power_w=1000)
"""On or off: as many kWh as hours."""


def at(hours: float) -> datetime:
    """Return a time in hours after midnight."""
    return MIDNIGHT + timedelta(hours=hours)


def series(
    values: Sequence[float | None], minutes: float = 60, begin: float = 0
) -> Series:
    """Return values of one step from some hours after midnight on, None for a gap."""
    step = timedelta(minutes=minutes)
    return Series(
        Interval(start=at(begin) + step * i, end=at(begin) + step * (i + 1), value=one)
        for i, one in enumerate(values)
        if one is not None
    )


def signals(prices: Sequence[float | None] | Series, **others: Any) -> Signals:
    """Return signals with hourly prices, or the prices given."""
    price = prices if isinstance(prices, Series) else series(prices)
    return Signals(price=price, **others)


def planned(
    prices: Sequence[float | None] | Series | Signals,
    kwh: float | None,
    *,
    ready: float | datetime | None = None,
    now: float = 0,
    car: Car = ONE_KW,
    prefer: dict[str, Any] | None = None,
    state: State | None = None,
    **goal: Any,
) -> Plan:
    """Return a plan; times in hours after midnight, no margin unless preferred."""
    ready_by = at(ready) if isinstance(ready, int | float) else ready
    preferences = Preferences(**{"margin": timedelta(0), **(prefer or {})})
    return plan(
        Problem(
            signals=prices if isinstance(prices, Signals) else signals(prices),
            car=car,
            goal=Goal(energy_kwh=kwh, ready_by=ready_by, **goal),
            preferences=preferences,
            state=state or State(),
        ),
        at(now),
    )


def spans(made: Plan) -> list[tuple[float, float]]:
    """Return when a plan charges, in hours after midnight; neighbours joined."""
    found: list[tuple[float, float]] = []
    for period in made.periods:
        start = (period.start - MIDNIGHT).total_seconds() / 3600
        end = (period.end - MIDNIGHT).total_seconds() / 3600
        if found and abs(found[-1][1] - start) < 1e-6:
            found[-1] = (found[-1][0], end)
        else:
            found.append((start, end))
    return [(round(start, 6), round(end, 6)) for start, end in found]


def check_whole(made: Plan) -> None:
    """Assert what is true of every plan."""
    for one, following in pairwise(made.periods):
        assert one.end <= following.start
    assert all(one.start < one.end and one.power_w > 0 for one in made.periods)
    assert all(one.start >= made.made_at for one in made.periods)
    for step, after in pairwise(made.steps):
        assert step.end == after.start
    if made.steps:
        assert made.steps[0].start == made.made_at
    drawn = sum(one.energy_kwh for one in made.periods)
    assert abs(drawn - made.totals.energy_kwh) < 1e-6
    assert made.met == (made.shortfall is None)
    for step in made.steps:
        middle = step.start + (step.end - step.start) / 2
        assert abs(step.power_w - made.power_at(middle)) < 1e-6
