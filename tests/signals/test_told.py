"""Points, numbers, times and units as sources write them."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given, settings, strategies as st
import pytest

from custom_components.ocpp_charging.signals.told import (
    MAX_POINTS,
    Problem,
    moment,
    number,
    points,
)
from custom_components.ocpp_charging.signals.units import Unit, parse_unit

NO_NUMBERS: tuple[object, ...] = (
    *(None, True, "", "unknown", "nan", "inf", [], {}),
    *(float("nan"), float("-inf"), 1e9, 10**400),
)
BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.25, 0.25),
        (-1, -1),
        ("0.25", 0.25),
        (" 0,25 ", 0.25),
        ("-3e-2", -0.03),
        *((bad, None) for bad in NO_NUMBERS),
    ],
)
def test_a_number_may_be_text_and_nothing_else_is_one(
    value: object, expected: float | None
) -> None:
    assert number(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        NOON,
        NOON.astimezone(BERLIN),
        NOON.astimezone(timezone(timedelta(hours=-5))),
        datetime(2026, 11, 22, 13),  # noqa: DTZ001
        "2026-11-22T12:00:00Z",
        "2026-11-22T13:00:00.000+01:00",
        "2026-11-22 12:00:00+00:00",
        "2026-11-22T13:00",
        NOON.timestamp(),
        int(NOON.timestamp() * 1000),
        NOON + timedelta(seconds=1),
        NOON - timedelta(seconds=1),
    ],
)
def test_a_time_may_be_written_in_many_ways(value: object) -> None:
    assert moment(value, BERLIN, set()) == NOON


@pytest.mark.parametrize(
    "value",
    [
        *(None, True, "", "noon", [], {}, float("nan"), 1e30),
        *("2026-13-01T00:00", datetime.max.replace(tzinfo=UTC)),
        "2026-03-29T02:30",
        datetime(2026, 3, 29, 2, 30, tzinfo=BERLIN),
    ],
)
def test_what_is_no_time_is_none(value: object) -> None:
    assert moment(value, BERLIN, set()) is None


def test_a_local_time_that_is_there_twice_is_once_early_and_once_late() -> None:
    told = points(
        [
            {"t": f"2026-10-25T0{hour}:00", "v": index}
            for index, hour in enumerate((1, 2, 2, 3))
        ],
        BERLIN,
        start=("t",),
        value=("v",),
    )
    first = datetime(2026, 10, 24, 23, tzinfo=UTC)
    assert [point.start for point in told.points] == [
        first + timedelta(hours=hour) for hour in range(4)
    ]


def test_bad_points_are_left_out_and_counted() -> None:
    good = {"t": NOON, "v": 1}
    told = points(
        [good, 7, {"v": 1}, {"t": NOON}, {"t": NOON, "v": "nan"}, {"t": "x", "v": 1}],
        BERLIN,
        start=("t",),
        value=("v",),
    )
    assert len(told.points) == 1
    assert told.problems == {
        Problem.NO_POINT: 1,
        Problem.NO_TIME: 2,
        Problem.NO_VALUE: 2,
    }


def test_a_list_has_an_end() -> None:
    told = points(
        [{"t": NOON, "v": 1}] * (MAX_POINTS + 3), BERLIN, start=("t",), value=("v",)
    )
    assert len(told.points) == MAX_POINTS
    assert told.problems == {Problem.TOO_MANY: 3}


def test_what_is_no_list_is_one_problem_and_nothing_is_none() -> None:
    assert points("x", BERLIN, start=(), value=()).problems == {Problem.NO_POINT: 1}
    assert not points(None, BERLIN, start=(), value=()).problems


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.floats()
    | st.integers()
    | st.text(max_size=20)
    | st.datetimes(timezones=st.none() | st.just(BERLIN)),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["t", "v", "e"]), inner, max_size=3)
    ),
    max_leaves=20,
)


@settings(deadline=None)
@given(ANYTHING)
def test_nothing_that_a_source_tells_raises(value: Any) -> None:
    for items in (value, [value]):
        told = points(items, BERLIN, start=("t",), value=("v",), end=("e",))
        assert all(point.start.tzinfo is UTC for point in told.points)


UNITS: Mapping[str, Unit | None] = {
    "EUR/kWh": Unit(currency="EUR"),
    "€/kWh": Unit(currency="EUR"),
    "EUR/MWh": Unit(factor=1 / 1000, currency="EUR"),
    "SEK/kWh": Unit(currency="SEK"),
    "Öre/kWh": Unit(factor=0.01),
    "øre/kWh": Unit(factor=0.01),
    "c/kWh": Unit(factor=0.01),
    "ct/kWh": Unit(factor=0.01),
    "cents/kWh": Unit(factor=0.01),
    "p/kWh": Unit(factor=0.01, currency="GBP"),
    "£/kWh": Unit(currency="GBP"),
    "$/kWh": Unit(),
    "kr/kWh": Unit(),
    "zł/kWh": Unit(currency="PLN"),
    "EUR/Wh": Unit(factor=1000, currency="EUR"),
    "c/MWh": Unit(factor=1e-5),
    "eur/kwh": Unit(currency="EUR"),
    "snt/kWh": Unit(factor=0.01, currency="EUR"),
    "GBp/kWh": Unit(factor=0.01, currency="GBP"),
    "gbp/kWh": Unit(currency="GBP"),
    "NZ$/kWh": Unit(currency="NZD"),
    "RSD/kWh": Unit(currency="RSD"),
    "din/kWh": None,
    "EUR": Unit(currency="EUR"),
    "€": Unit(currency="EUR"),
    **dict.fromkeys(("kWh", "kW", "g/kWh", "%", "", "EUR/m³", "Wh/kWh", "gCO2/kWh")),
}


@pytest.mark.parametrize("text", UNITS)
def test_a_unit_tells_currency_and_scale(text: str) -> None:
    found, expected = parse_unit(text), UNITS[text]
    if expected is None:
        assert found is None
    else:
        assert found is not None
        assert found.currency == expected.currency
        assert found.factor == pytest.approx(expected.factor)


def test_what_is_no_text_is_no_unit() -> None:
    assert parse_unit(None) is None
    assert parse_unit(5) is None
