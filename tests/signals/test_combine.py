"""Several series made one."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given, strategies as st
import pytest

from custom_components.ocpp_charging.charging.series import Interval, Series
from custom_components.ocpp_charging.signals.combine import lowest, plus, total

START = datetime(2026, 11, 20, tzinfo=UTC)
QUARTER = timedelta(minutes=15)


def made(*parts: tuple[int, int, float]) -> Series:
    return Series(
        Interval(start=START + a * QUARTER, end=START + b * QUARTER, value=value)
        for a, b, value in parts
    )


@st.composite
def series(draw: st.DrawFn) -> Series:
    edges = sorted(draw(st.sets(st.integers(0, 20), min_size=2)))
    parts = pairwise(edges)
    return made(
        *(
            (a, b, float(draw(st.integers(-9, 9))))
            for a, b in parts
            if draw(st.booleans())
        )
    )


def test_nothing_makes_nothing() -> None:
    assert not total([])
    assert not lowest([Series(), Series()])


def test_steps_of_other_lengths_are_cut_at_all_edges() -> None:
    hours, quarters = made((0, 4, 10.0)), made((1, 2, 1.0), (3, 6, 2.0))
    assert total([hours, quarters]) == made(
        (0, 1, 10.0), (1, 2, 11.0), (2, 3, 10.0), (3, 4, 12.0), (4, 6, 2.0)
    )
    assert lowest([hours, quarters]) == made(
        (0, 1, 10.0), (1, 2, 1.0), (2, 3, 10.0), (3, 4, 2.0), (4, 6, 2.0)
    )


def test_what_is_added_makes_nothing_known_that_was_not() -> None:
    assert plus(made((0, 4, 10.0)), made((2, 8, 1.0))) == made(
        (0, 2, 10.0), (2, 4, 11.0)
    )
    assert plus(made((0, 4, 10.0)), Series()) == made((0, 4, 10.0))


@given(st.lists(series(), max_size=4), st.integers(0, 80))
def test_each_moment_is_the_sum_or_the_least_of_what_is_known(
    known: list[Series], minute: int
) -> None:
    moment = START + minute * timedelta(minutes=5)
    values = [value for one in known if (value := one.at(moment)) is not None]
    assert total(known).at(moment) == (sum(values) if values else None)
    assert lowest(known).at(moment) == min(values, default=None)


@given(series(), series())
def test_the_order_makes_no_difference(one: Series, other: Series) -> None:
    assert total([one, other]) == total([other, one])
    assert lowest([one, other]) == lowest([other, one])


@given(series(), series())
def test_energy_is_kept(one: Series, other: Series) -> None:
    def energy(of: Series) -> float:
        return sum(item.value * item.hours for item in of)

    assert energy(total([one, other])) == pytest.approx(energy(one) + energy(other))
