"""The sentences that a plan's reasons become."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from custom_components.ocpp_charging.charging import (
    Reason,
    ReasonKey,
    Series,
    Shortfall,
    Signals,
)

from .conftest import NOW, Make, car

AT = NOW + timedelta(hours=8)


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        pytest.param(
            {"key": "cheaper_later", "at": AT, "percent": 38.2},
            "Waiting: 02:03 is 38 % cheaper",
            id="cheaper",
        ),
        pytest.param(
            {"key": "cheaper_later", "at": AT, "percent": 240.0},
            "Waiting: 02:03 is cheaper",
            id="paid",
        ),
        pytest.param(
            {"key": "cheaper_later", "at": AT, "percent": 0.5},
            "Waiting: 02:03 is cheaper",
            id="hardly",
        ),
        pytest.param(
            {"key": "cheaper_later"}, "Waiting: it is cheaper later", id="later"
        ),
        pytest.param(
            {"key": "cheap", "price": 0.3, "percent": 0.0},
            "Charging: this is among the best times",
            id="flat",
        ),
        pytest.param(
            {"key": "cheap", "price": 0.2, "percent": 21.4},
            "Charging: 0.200 EUR/kWh is 21 % below the average",
            id="below",
        ),
        pytest.param(
            {"key": "other_car", "at": AT, "car": "nobody_1"},
            "Waiting: another car charges first",
            id="gone",
        ),
    ],
)
async def test_a_reason_is_told_with_the_numbers_that_say_something(
    home: Make, reason: dict[str, Any], text: str
) -> None:
    made = await home(car(target_soc=80.0), soc=50)
    one = await made.plug()
    assert one.problem is not None
    told = Reason(**{**reason, "key": ReasonKey(reason["key"])})
    assert one.words.reason(told, one.problem) == text


async def test_who_knows_only_the_co2_is_told_of_co2(home: Make) -> None:
    made = await home(car(target_soc=80.0), soc=50)
    one = await made.plug()
    assert one.problem is not None
    co2 = Series.constant(200.0, NOW, AT)
    problem = replace(one.problem, signals=Signals(co2=co2))
    told = Reason(key=ReasonKey.CHEAPER_LATER, at=AT, percent=38.2)
    assert one.words.reason(told, problem) == "Waiting: 02:03 has 38 % less CO2"


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        (
            {"key": "cheaper_later", "at": AT, "percent": 46.0, "price": 0.375},
            "Waiting: 02:03 is 46 % better, price and CO2 together",
        ),
        (
            {"key": "cheap", "percent": 36.0, "price": 0.25},
            "Charging: 36 % better than the average, price and CO2 together",
        ),
        (
            {"key": "cheap", "percent": 0.4, "price": 0.25},
            "Charging: this is among the best times",
        ),
    ],
    ids=["waiting", "charging", "like_the_average"],
)
async def test_who_weighs_co2_is_not_told_that_a_dearer_time_is_cheaper(
    home: Make, reason: dict[str, Any], text: str
) -> None:
    made = await home(car(target_soc=80.0), soc=50)
    one = await made.plug()
    assert one.problem is not None
    signals = Signals(
        price=Series.constant(0.25, NOW, AT), co2=Series.constant(200.0, NOW, AT)
    )
    preferences = replace(one.problem.preferences, co2_price=1.25)
    problem = replace(one.problem, signals=signals, preferences=preferences)
    told = Reason(**{**reason, "key": ReasonKey(reason["key"])})
    assert one.words.reason(told, problem) == text


@pytest.mark.parametrize(
    ("hours", "text"),
    [
        (8, "5.0 kWh will be missing at 02:03. It can be ready by 03:03."),
        (
            -1,
            (
                "5.0 kWh are still missing, though 17:03 has passed. "
                "It can be ready by 03:03."
            ),
        ),
    ],
    ids=["to_come", "past"],
)
async def test_what_is_missing_is_told_in_the_right_tense(
    home: Make, hours: int, text: str
) -> None:
    made = await home(car(target_soc=80.0), soc=50)
    one = await made.plug()
    short = Shortfall(
        energy_kwh=5.0,
        ready_at=AT + timedelta(hours=1),
        power_w=None,
        capped_kwh=0.0,
        cap_cost=None,
    )
    assert one.words.shortfall(short, NOW + timedelta(hours=hours)) == text


async def test_another_car_is_told_by_its_name_or_its_charger(home: Make) -> None:
    made = await home(car(target_soc=80.0), soc=50)
    one = await made.plug()
    assert one.problem is not None
    there, free = (f"{one.key[0]}_{number}" for number in (1, 2))
    told = Reason(key=ReasonKey.OTHER_CAR, at=AT, car=there)
    assert one.words.reason(told, one.problem) == (
        "Waiting: Car charges first; it is this car's turn at 02:03"
    )
    told = Reason(key=ReasonKey.OTHER_CAR, car=free)
    assert one.words.reason(told, one.problem) == "Waiting: CP1 #2 charges first"
