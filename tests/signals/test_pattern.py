"""What is usual at an hour of the week, learned from hours of the past."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import given, strategies as st
import pytest

from custom_components.ocpp_charging.signals.pattern import (
    FADING,
    LEAST_HOURS,
    Hour,
    learn,
)

BERLIN = ZoneInfo("Europe/Berlin")
INDIA = ZoneInfo("Asia/Kolkata")
NOW = datetime(2026, 11, 20, 13, tzinfo=UTC)
ONE = timedelta(hours=1)


def past(
    value: Callable[[datetime], float],
    hours: int = 28 * 24,
    now: datetime = NOW,
    zone: ZoneInfo = BERLIN,
) -> list[Hour]:
    starts = [now - index * ONE for index in range(1, hours + 1)]
    return [Hour(start=each, value=value(each.astimezone(zone))) for each in starts]


def test_two_days_are_needed() -> None:
    assert learn(past(lambda _: 1.0, LEAST_HOURS - 1), NOW, BERLIN) is None
    assert learn(past(lambda _: 1.0, LEAST_HOURS), NOW, BERLIN) is not None


def test_an_hour_of_the_day_is_known_after_two_days_for_all_days() -> None:
    pattern = learn(past(lambda local: local.hour * 10.0, 48), NOW, BERLIN)
    assert pattern is not None
    for day in range(7):
        when = datetime(2026, 11, 23 + day, 18, tzinfo=BERLIN)
        assert pattern.at(when, BERLIN) == pytest.approx(180, rel=0.15)


def test_weekdays_and_weekends_are_told_apart_after_some_weeks() -> None:
    pattern = learn(
        past(lambda local: 300.0 if local.weekday() < 5 else 900.0), NOW, BERLIN
    )
    assert pattern is not None
    monday = pattern.at(datetime(2026, 11, 23, 10, tzinfo=BERLIN), BERLIN)
    sunday = pattern.at(datetime(2026, 11, 29, 10, tzinfo=BERLIN), BERLIN)
    assert monday < 420
    assert sunday > 640


def test_what_is_long_ago_counts_less() -> None:
    change = NOW - timedelta(days=21)
    pattern = learn(
        past(lambda local: 100.0 if local < change else 200.0, 42 * 24), NOW, BERLIN
    )
    assert pattern is not None
    assert 150 < pattern.at(NOW, BERLIN) < 200


@pytest.mark.parametrize(
    ("start", "hours"),
    [
        (datetime(2026, 10, 25, tzinfo=BERLIN), 25),
        (datetime(2027, 3, 28, tzinfo=BERLIN), 23),
        (datetime(2026, 11, 20, tzinfo=BERLIN), 24),
    ],
)
def test_days_of_23_and_25_hours_follow_the_clock_on_the_wall(
    start: datetime, hours: int
) -> None:
    pattern = learn(past(lambda local: local.hour * 10.0, 48, NOW), NOW, BERLIN)
    assert pattern is not None
    end = datetime.combine(start.date() + timedelta(days=1), start.time(), BERLIN)
    series = pattern.series(start, end, BERLIN)
    assert len(series) == hours
    assert series.covered(start, end) == hours * 3600
    for item in series:
        local = item.start.astimezone(BERLIN)
        usual = datetime(2026, 11, 24, local.hour, tzinfo=BERLIN)
        same_day = usual + timedelta(days=(local.weekday() - 1) % 7)
        assert item.value == pattern.at(same_day, BERLIN)


def test_it_is_cut_at_the_hours_of_utc_that_statistics_have() -> None:
    pattern = learn(past(lambda local: local.hour * 1.0, zone=INDIA), NOW, INDIA)
    assert pattern is not None
    start = datetime(2026, 11, 20, 13, 20, tzinfo=UTC)
    series = pattern.series(start, start + timedelta(hours=3), INDIA)
    assert [item.start.minute for item in series] == [20, 0, 0, 0]
    assert series.end == start + timedelta(hours=3)


def test_a_present_value_goes_over_into_what_is_usual() -> None:
    pattern = learn(past(lambda _: 200.0), NOW, BERLIN)
    assert pattern is not None
    series = pattern.extended(300.0, NOW, NOW + timedelta(days=2), BERLIN)
    assert series.at(NOW) == pytest.approx(300)
    assert series.at(NOW + FADING) == pytest.approx(250)
    assert series.at(NOW + timedelta(hours=47)) == pytest.approx(200, abs=1)
    values = [item.value for item in series]
    assert all(one > later for one, later in pairwise(values))


def test_it_never_goes_below_zero() -> None:
    pattern = learn(
        past(lambda local: 500.0 if local.hour == 14 else 10.0), NOW, BERLIN
    )
    assert pattern is not None
    series = pattern.extended(0.0, NOW, NOW + timedelta(days=1), BERLIN)
    assert min(item.value for item in series) == 0.0


@given(
    values=st.lists(
        st.floats(min_value=0, max_value=1e5), min_size=LEAST_HOURS, max_size=400
    ),
    offset=st.integers(min_value=0, max_value=20_000),
)
def test_nothing_is_expected_that_is_beyond_what_was_seen(
    values: list[float], offset: int
) -> None:
    now = NOW + offset * ONE
    hours = [
        Hour(start=now - (index + 1) * ONE, value=value)
        for index, value in enumerate(values)
    ]
    pattern = learn(hours, now, BERLIN)
    assert pattern is not None
    slack = 1e-9 * max(values) + 1e-9
    assert min(values) - slack <= min(pattern.values)
    assert max(pattern.values) <= max(values) + slack
    assert learn(reversed(hours), now, BERLIN) is not None
