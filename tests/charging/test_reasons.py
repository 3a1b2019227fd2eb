"""Every time has its reason, with its numbers."""

from datetime import timedelta

import pytest

from custom_components.ocpp_charging.charging import (
    Car,
    Reason,
    ReasonKey,
    Signals,
    State,
    co2_price,
)

from .houses import at, planned, series, signals


def keys(*args: object, **more: object) -> list[ReasonKey]:
    made = planned(*args, **more)  # type: ignore[arg-type]
    found: list[ReasonKey] = []
    for step in made.steps:
        if not found or found[-1] is not step.reason.key:
            found.append(step.reason.key)
    return found


def test_waiting_tells_when_it_is_how_much_cheaper() -> None:
    made = planned([0.40, 0.50, 0.25, 0.60], 1, ready=4)
    assert made.reason == Reason(
        key=ReasonKey.CHEAPER_LATER, at=at(2), percent=37.5, price=0.25, limit=0.4
    )
    assert made.steps[2].reason == Reason(key=ReasonKey.CHEAP, price=0.25, percent=42.9)
    assert made.steps[3].reason == Reason(key=ReasonKey.PLANNED_DONE)


@pytest.mark.parametrize(
    ("prices", "kwh", "more", "expected"),
    [
        ([0.2, 0.2], 1, {"ready": 2}, [ReasonKey.AS_GOOD_LATER, ReasonKey.CHEAP]),
        (
            [0.2, 0.1],
            1,
            {"ready": 2, "price_cap": 0.15},
            [ReasonKey.PRICE_CAP, ReasonKey.CHEAP],
        ),
        ([], 1, {"ready": 2}, [ReasonKey.LATE_START, ReasonKey.NO_PRICES]),
        ([], 1, {}, [ReasonKey.AT_ONCE]),
        ([0.2], 1, {"ready": 2}, [ReasonKey.PRICES_LATER]),
        ([0.2], 2, {"ready": 1}, [ReasonKey.DEADLINE, ReasonKey.OVERRUN]),
        ([0.2], 1, {"ready": -1}, [ReasonKey.OVERRUN]),
        (
            [0.1, 0.2, 0.1],
            2,
            {"ready": 3, "not_before": at(1)},
            [ReasonKey.NOT_BEFORE, ReasonKey.DEADLINE],
        ),
        (
            [0.3, 0.1, 0.4],
            1,
            {"ready": 3, "minimum_kwh": 0.5},
            [
                ReasonKey.MINIMUM,
                ReasonKey.CHEAPER_LATER,
                ReasonKey.AS_GOOD_LATER,
                ReasonKey.CHEAP,
                ReasonKey.PLANNED_DONE,
            ],
        ),
        (
            [0.1, 0.4],
            1,
            {"ready": 2, "reserve": timedelta(hours=0.5)},
            [
                ReasonKey.AS_GOOD_LATER,
                ReasonKey.CHEAP,
                ReasonKey.NOT_BEFORE,
                ReasonKey.RESERVE,
            ],
        ),
        (
            [0.1, 0.3, 0.1, 0.2, 0.2],
            3,
            {"ready": 5, "prefer": {"start_cost": 0.5}},
            [
                ReasonKey.AS_GOOD_LATER,
                ReasonKey.CHEAPER_LATER,
                ReasonKey.CHEAP,
                ReasonKey.BRIDGE,
            ],
        ),
        ([0.2, 0.1], 0, {"ready": 2}, [ReasonKey.DONE]),
    ],
)
def test_each_time_has_its_reason(
    prices: list[float | None], kwh: float, more: dict, expected: list[ReasonKey]
) -> None:
    assert keys(prices, kwh, **more) == expected


def test_going_on_where_it_is_dear_is_told_from_what_is_cheap() -> None:
    prices = [0.1, 0.3, 0.1, 0.29, 0.29]
    prefer = {"start_cost": 0.5}
    assert keys(prices, 3, ready=3.5, prefer=prefer) == [
        ReasonKey.CHEAP,
        ReasonKey.BRIDGE,
        ReasonKey.CHEAP,
        ReasonKey.PLANNED_DONE,
    ]


def test_a_limit_that_is_too_low_is_told() -> None:
    known = signals([0.1, 0.2], limit=series([500, 2000]))
    made = planned(known, 1, ready=2)
    assert made.reason == Reason(key=ReasonKey.POWER_LIMIT, limit=500)


def test_the_sun_and_the_gap_are_told() -> None:
    known = Signals(
        price=series([None, 0.3, None, 0.3]),
        solar=series([0, 1000, 0, 0]),
        feed_in=series([0.05] * 4),
    )
    made = planned(known, 3, ready=4)
    found = {step.reason.key for step in made.steps}
    assert ReasonKey.SUN in found
    assert ReasonKey.PRICES_LATER in found
    assert made.totals.unpriced_kwh == pytest.approx(1)


def test_now_is_the_first_reason_and_power_is_known_at_any_time() -> None:
    made = planned([0.1, 0.4, 0.1], 2, ready=3)
    assert made.reason == made.steps[0].reason
    assert made.power_at(at(0.5)) == 1000
    assert made.power_at(at(1.5)) == 0
    assert made.power_at(at(3)) == 0


def test_the_slider_is_a_price_of_co2() -> None:
    assert co2_price(0) == 0
    assert co2_price(50) == pytest.approx(1.25)
    assert co2_price(100) == 5
    assert co2_price(100, greenest=50) == 50
    assert co2_price(-3) == 0
    assert co2_price(300) == 5


def test_a_plan_is_made_at_a_time_with_a_zone() -> None:
    from custom_components.ocpp_charging.charging import Goal, Problem, plan

    problem = Problem(car=Car(max_power_w=1), goal=Goal(), state=State())
    with pytest.raises(ValueError, match="zone"):
        plan(problem, at(0).replace(tzinfo=None))


def test_what_is_kept_for_just_before_departure_is_not_called_as_good() -> None:
    made = planned([0.1, 0.2, 0.4], 1, ready=3, reserve=timedelta(hours=0.5))
    assert made.steps[-2].reason == Reason(key=ReasonKey.NOT_BEFORE, at=at(2.5))


def test_a_time_without_a_price_is_not_told_as_the_end_of_the_prices() -> None:
    made = planned([0.3, None, None, 0.4], 2, ready=4)
    assert made.steps[1].reason == Reason(key=ReasonKey.LATE_START, at=at(3))


def test_after_the_last_charge_no_cap_and_no_limit_is_told() -> None:
    known = Signals(
        price=series([0.1, 0.4, 0.4, 0.1]), limit=series([None, None, 0, None])
    )
    made = planned(known, 0.5, ready=3, price_cap=0.2)
    assert [one.reason.key for one in made.steps[-1:]] == [ReasonKey.PLANNED_DONE]
    short = planned(known, 1.5, ready=3, price_cap=0.2, overrun=False)
    assert short.steps[-1].reason.key is ReasonKey.PRICE_CAP


def test_percents_of_prices_below_0_are_not_told() -> None:
    made = planned([-0.05, -0.02, -0.1], 1, ready=3)
    assert all(one.reason.percent is None for one in made.steps)


@pytest.mark.parametrize(("kwh", "ready"), [(5, 3), (1, -1)])
def test_at_the_latest_is_at_once_where_there_is_too_little_time(
    kwh: float, ready: float
) -> None:
    made = planned([0.1, 0.2, 0.4, 0.3, 0.2, 0.1], kwh, ready=ready)
    assert made.at_the_latest == made.at_once
    assert made.at_once is not None
    assert made.at_once.energy_kwh == pytest.approx(kwh)
