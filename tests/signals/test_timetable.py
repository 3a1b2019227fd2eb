"""Values by weekday and hour, and fees on top of prices."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import example, given, settings, strategies as st
import pytest

from custom_components.ocpp_charging.charging.series import Interval, Series
from custom_components.ocpp_charging.signals.prices.fees import Fees
from custom_components.ocpp_charging.signals.timetable import WEEKDAYS, Timetable

BERLIN = ZoneInfo("Europe/Berlin")


def local(day: date, hour: int = 0) -> datetime:
    return datetime.combine(day, time(hour), BERLIN)


def period(start: str, end: str, amount: float, *days: str) -> dict[str, Any]:
    return {"days": list(days), "start": start, "end": end, "amount": amount}


def hours(series: Series) -> list[tuple[str, str, float]]:
    return [
        (
            f"{item.start.astimezone(BERLIN):%a %H:%M}",
            f"{item.end.astimezone(BERLIN):%a %H:%M}",
            item.value,
        )
        for item in series
    ]


FRIDAY = date(2026, 11, 20)


def test_the_first_period_that_fits_counts() -> None:
    table = Timetable.from_data(
        0.3, [period("17:00:00", "20:00:00", 0.4), period("06:00", "22:00", 0.35)]
    )
    assert hours(
        table.series(local(FRIDAY), local(FRIDAY + timedelta(days=1)), BERLIN)
    ) == [
        ("Fri 00:00", "Fri 06:00", 0.3),
        ("Fri 06:00", "Fri 17:00", 0.35),
        ("Fri 17:00", "Fri 20:00", 0.4),
        ("Fri 20:00", "Fri 22:00", 0.35),
        ("Fri 22:00", "Sat 00:00", 0.3),
    ]


def test_a_night_belongs_to_the_day_on_which_it_begins() -> None:
    table = Timetable.from_data(0.3, [period("22:00", "06:00", 0.1, "fri")])
    assert hours(
        table.series(local(FRIDAY), local(FRIDAY + timedelta(days=2)), BERLIN)
    ) == [
        ("Fri 00:00", "Fri 22:00", 0.3),
        ("Fri 22:00", "Sat 06:00", 0.1),
        ("Sat 06:00", "Sun 00:00", 0.3),
    ]


def test_a_period_without_hours_is_all_day() -> None:
    table = Timetable.from_data(0.3, [{"days": ["sat", "sun"], "amount": "0,2"}])
    found = table.series(local(FRIDAY), local(FRIDAY + timedelta(days=4)), BERLIN)
    assert [
        (item.start.astimezone(BERLIN).strftime("%a"), item.value) for item in found
    ] == [("Fri", 0.3), ("Sat", 0.2), ("Sun", 0.2), ("Mon", 0.3)]


@pytest.mark.parametrize(
    ("day", "expected"), [(date(2026, 3, 29), 7.0), (date(2026, 10, 25), 9.0)]
)
def test_hours_are_local_when_the_clocks_change(day: date, expected: float) -> None:
    table = Timetable.from_data(1, [period("22:00", "06:00", 0)])
    found = table.series(local(day - timedelta(days=1), 12), local(day, 12), BERLIN)
    night = next(item for item in found if item.value == 0)
    assert night.hours == expected


@pytest.mark.parametrize(
    "bad",
    [
        {"start": "25:00", "end": "06:00", "amount": 1},
        {"start": "05:00", "end": "06:00"},
        {"start": "05:00", "end": "06:00", "amount": "much"},
        {"days": ["someday"], "start": "05:00", "end": "06:00", "amount": 1},
    ],
)
def test_what_is_no_period_is_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the words are for developers
        Timetable.from_data(0, [bad])


def quarters(start: datetime, count: int) -> Series:
    # Not by the clock on the wall, which jumps.
    start, step = start.astimezone(UTC), timedelta(minutes=15)
    return Series(
        Interval(
            start=start + index * step, end=start + (index + 1) * step, value=index
        )
        for index in range(count)
    )


def test_fees_are_added_before_the_percentage() -> None:
    fees = Fees.from_data({"fee": 0.1, "percent": 25})
    found = fees.applied(quarters(local(FRIDAY), 3), BERLIN)
    assert [item.value for item in found] == pytest.approx([0.125, 1.375, 2.625])


def test_a_fee_by_time_cuts_prices_where_it_changes() -> None:
    fees = Fees.from_data(
        {
            "fee": 0.1,
            "fee_periods": [period("06:10", "06:20", 1.0)],
            "percent": 10,
        }
    )
    found = fees.applied(quarters(local(FRIDAY, 6), 2), BERLIN)
    assert [
        (f"{item.start.astimezone(BERLIN):%M}", round(item.value, 3)) for item in found
    ] == [("00", 0.11), ("10", 1.21), ("15", 2.31), ("20", 1.21)]
    assert fees.applied(Series(), BERLIN) == Series()


def test_what_is_taken_off_is_negative() -> None:
    fees = Fees.from_data({"fee": -0.02, "percent": -50})
    found = fees.applied(quarters(local(FRIDAY), 2), BERLIN)
    assert [item.value for item in found] == pytest.approx([-0.01, 0.49])


TIMES = st.times().map(lambda value: value.replace(microsecond=0).isoformat())
PERIODS = st.builds(
    lambda start, end, amount, days: period(start, end, amount, *days),
    TIMES,
    TIMES,
    st.integers(-5, 5),
    st.lists(st.sampled_from(WEEKDAYS), max_size=3, unique=True),
)


@settings(deadline=None)
@given(st.lists(PERIODS, max_size=4), st.dates(date(2026, 1, 1), date(2026, 12, 1)))
def test_a_timetable_has_a_value_for_every_moment(
    periods: list[dict[str, Any]], day: date
) -> None:
    start, end = local(day), local(day + timedelta(days=3))
    found = Timetable.from_data(9, periods).series(start, end, BERLIN)
    seconds = end.astimezone(UTC) - start.astimezone(UTC)
    assert found.covered(start, end) == seconds.total_seconds()
    assert {item.value for item in found} <= {9, *(p["amount"] for p in periods)}


@settings(deadline=None)
@example([], date(2026, 3, 28))
@given(st.lists(PERIODS, max_size=4), st.dates(date(2026, 1, 1), date(2026, 12, 1)))
def test_fees_change_no_time(periods: list[dict[str, Any]], day: date) -> None:
    series = quarters(local(day), 200)
    assert series.start is not None
    assert series.end is not None
    found = Fees.from_data({"fee_periods": periods}).applied(series, BERLIN)
    assert found.start == series.start
    assert found.end == series.end
    assert found.covered(series.start, series.end) == series.covered(
        series.start, series.end
    )
