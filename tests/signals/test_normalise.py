"""From points in any order and of any step to a series."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
import random

from hypothesis import given, settings, strategies as st
import pytest

from custom_components.ocpp_charging.charging.series import Interval, Series
from custom_components.ocpp_charging.signals.normalise import fill, normalise
from custom_components.ocpp_charging.signals.told import Point, Problem

MIDNIGHT = datetime(2026, 11, 22, tzinfo=UTC)

type Row = tuple[int, int, float]


def at(minute: float) -> datetime:
    return MIDNIGHT + timedelta(minutes=minute)


def starts(*minutes: int) -> list[Point]:
    """Return points without ends; the minute is the value."""
    return [Point(start=at(minute), value=minute) for minute in minutes]


def rows(series: Series) -> list[Row]:
    return [
        (
            int((item.start - MIDNIGHT).total_seconds() // 60),
            int((item.end - MIDNIGHT).total_seconds() // 60),
            item.value,
        )
        for item in series
    ]


def ends(points: Sequence[Point]) -> list[int]:
    return [end for _, end, _ in rows(normalise(points).series)]


def points(*told: Row) -> list[Point]:
    return [
        Point(start=at(start), end=at(end), value=value) for start, end, value in told
    ]


@pytest.mark.parametrize("step", [5, 10, 15, 20, 30, 60])
def test_a_missing_end_is_the_next_start(step: int) -> None:
    found = normalise(starts(*range(0, 6 * step, step)))
    assert rows(found.series) == [
        (start, start + step, start) for start in range(0, 6 * step, step)
    ]
    assert found.step == timedelta(minutes=step)


def test_steps_may_change_from_quarters_to_hours_and_back() -> None:
    assert ends(starts(0, 15, 30, 45, 60, 120, 180, 195, 210)) == [
        *(15, 30, 45, 60, 120, 180, 195, 210, 225)
    ]


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [
        ((0, 15, 45, 60, 75), [15, 30, 60, 75, 90]),
        ((0, 60, 180, 240), [60, 120, 240, 300]),
        ((0, 30, 60, 120, 150, 180), [30, 60, 90, 150, 180, 210]),
        ((0, 15, 24 * 60, 24 * 60 + 15), [15, 30, 24 * 60 + 15, 24 * 60 + 30]),
    ],
)
def test_a_gap_stays_a_gap(minutes: Sequence[int], expected: list[int]) -> None:
    assert ends(starts(*minutes)) == expected


def test_one_point_alone_is_an_hour() -> None:
    assert ends(starts(0)) == [60]
    assert ends(starts(0, 300)) == [60, 360]


def test_the_last_one_is_as_long_as_the_one_before() -> None:
    assert ends(starts(0, 60, 120, 180, 195)) == [60, 120, 180, 195, 210]


def test_the_shorter_of_two_that_overlap_counts() -> None:
    found = normalise(points((0, 60, 1), (15, 30, 2)))
    assert rows(found.series) == [(0, 15, 1), (15, 30, 2), (30, 60, 1)]
    assert not found.problems


def test_the_later_of_two_equally_long_ones_counts() -> None:
    found = normalise(points((30, 90, 2), (0, 60, 1)))
    assert rows(found.series) == [(0, 30, 1), (30, 90, 2)]


def test_the_dearer_of_two_prices_for_the_same_time_counts() -> None:
    found = normalise(points((0, 60, 1), (0, 60, 2), (60, 120, 0), (60, 120, 0)))
    assert rows(found.series) == [(0, 60, 2), (60, 120, 0)]
    assert found.problems == {Problem.CONFLICT: 1}


def test_what_has_no_length_is_left_out() -> None:
    found = normalise(points((0, 0, 1), (60, 30, 1), (0, 100 * 1440, 1), (60, 75, 5)))
    assert rows(found.series) == [(60, 75, 5)]
    assert found.problems == {Problem.NO_LENGTH: 3}


def test_nothing_gives_nothing() -> None:
    found = normalise([])
    assert not found.series
    assert found.step is None


def test_what_is_known_already_is_only_filled_up() -> None:
    known = normalise(points((15, 30, 1), (45, 60, 2))).series
    more = normalise(points((0, 60, 9), (60, 75, 8))).series
    assert rows(fill(known, more)) == [
        *((0, 15, 9), (15, 30, 1), (30, 45, 9), (45, 60, 2), (60, 75, 8))
    ]


MINUTES = st.integers(0, 60 * 24).map(lambda five: five * 5)
ANY_POINT = st.builds(
    lambda start, length, value: Point(
        start=at(start),
        end=None if length is None else at(start + length),
        value=value,
    ),
    MINUTES,
    st.none() | st.sampled_from([-15, 0, 5, 15, 30, 60, 60 * 24]),
    st.integers(-50, 50).map(float),
)


@settings(deadline=None)
@given(st.lists(ANY_POINT, max_size=60), st.randoms(use_true_random=False))
def test_order_is_never_a_reason(told: list[Point], chance: random.Random) -> None:
    expected = normalise(told)
    shuffled = list(told)
    chance.shuffle(shuffled)
    assert normalise(shuffled) == expected


@settings(deadline=None)
@given(st.lists(ANY_POINT, max_size=60))
def test_there_is_never_an_overlap_and_never_a_price_that_was_not_told(
    told: list[Point],
) -> None:
    found = list(normalise(told).series)
    for earlier, later in pairwise(found):
        assert earlier.end <= later.start
    assert all(item.start < item.end for item in found)
    assert {item.value for item in found} <= {point.value for point in told}


@settings(deadline=None)
@given(st.lists(ANY_POINT, max_size=60))
def test_what_is_normal_stays_as_it_is(told: list[Point]) -> None:
    once = normalise(told).series
    again = normalise(
        Point(start=item.start, end=item.end, value=item.value) for item in once
    )
    assert again.series == once
    assert not again.problems


@settings(deadline=None)
@given(st.lists(ANY_POINT, max_size=60))
def test_every_time_that_was_told_has_a_price(told: list[Point]) -> None:
    series = normalise(told).series
    for point in told:
        if point.end is None or point.end > point.start:
            assert series.at(point.start) is not None


@settings(deadline=None)
@given(st.lists(ANY_POINT, max_size=40), st.lists(ANY_POINT, max_size=40))
def test_filling_changes_nothing_that_was_known(
    first: list[Point], second: list[Point]
) -> None:
    known, more = normalise(first).series, normalise(second).series
    both = fill(known, more)
    for item in known:
        assert both.at(item.start) == item.value
    assert fill(both, more) == both
    assert fill(known, Series()) == known


@given(st.lists(st.sampled_from([5, 15, 30, 60]), min_size=1, max_size=40))
def test_a_list_that_tells_its_ends_is_taken_as_it_is(lengths: list[int]) -> None:
    told: list[Point] = []
    start = 0
    for length in lengths:
        told.append(Point(start=at(start), end=at(start + length), value=float(start)))
        start += length
    found = normalise(told).series
    assert found == Series(
        Interval(start=point.start, end=point.end, value=point.value)
        for point in told
        if point.end is not None
    )
