"""A value over time: half-open intervals of any length, with gaps."""

from datetime import timedelta, timezone

import pytest

from custom_components.ocpp_charging.charging import Interval, Series

from .houses import MIDNIGHT, at, series

GAPPY = series([1, 2, None, 4])


def test_an_interval_has_a_length_and_a_time_zone() -> None:
    assert Interval(start=at(0), end=at(1.5), value=3).hours == 1.5
    with pytest.raises(ValueError, match="zone"):
        Interval(start=at(0).replace(tzinfo=None), end=at(1), value=0)
    with pytest.raises(ValueError, match="ends"):
        Interval(start=at(1), end=at(1), value=0)


def test_a_series_is_sorted_and_in_utc() -> None:
    east = timezone(timedelta(hours=2))
    late = Interval(start=at(2).astimezone(east), end=at(3), value=5)
    found = Series([late, Interval(start=at(0), end=at(1), value=4)])
    assert [item.value for item in found] == [4, 5]
    assert [item.start for item in found] == [at(0), at(2)]
    assert found.start == MIDNIGHT
    assert found.end == at(3)
    with pytest.raises(ValueError, match="overlap"):
        Series([late, Interval(start=at(1), end=at(2.5), value=0)])


def test_the_end_of_an_interval_belongs_to_the_next() -> None:
    assert GAPPY.at(at(1)) == 2
    assert GAPPY.at(at(0.99)) == 1
    for moment in (at(-0.1), at(2), at(4)):
        assert GAPPY.at(moment) is None


def test_a_part_is_cut_at_its_ends() -> None:
    part = GAPPY.between(at(0.5), at(3.25))
    assert [(item.start, item.end) for item in part] == [
        (at(0.5), at(1)),
        (at(1), at(2)),
        (at(3), at(3.25)),
    ]
    assert not len(GAPPY.between(at(2.1), at(2.9)))
    assert GAPPY.covered(at(0.5), at(3.25)) == 1.75 * 3600
    assert GAPPY.mean(at(0.5), at(3.5)) == pytest.approx((0.5 + 2 + 2) / 2)
    assert GAPPY.mean(at(2.1), at(2.9)) is None


def test_series_with_the_same_intervals_are_equal() -> None:
    assert series([1, 2, None, 4]) == GAPPY
    assert hash(GAPPY) == hash(series([1, 2, None, 4]))
    assert series([1, 2]) != GAPPY
    assert GAPPY.map(lambda value: 2 * value) == series([2, 4, None, 8])
    assert Series.constant(3, at(0), at(1)) == series([3])
    assert "3 intervals" in repr(GAPPY)
    assert repr(Series()) == "Series()"
    assert Series().start is None
    assert Series().end is None
