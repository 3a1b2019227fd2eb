"""A plan is made to fit into what a charger takes, and loses as little as can be."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given, strategies as st
import pytest

from custom_components.ocpp_charging.csms.fitting import fit, joined, merged
from custom_components.ocpp_charging.csms.model import (
    ChargingSchedule,
    RateUnit,
    SchedulePeriod,
)
from custom_components.ocpp_charging.csms.schedules import (
    MINIMUM_A,
    Fitted,
    Kept,
    PlannedCurrent,
    PlannedSchedule,
    charging_schedule,
    keeps_to,
)

NOW = datetime(2026, 11, 22, 22, 0, tzinfo=UTC)


def row(
    *hours: tuple[float, float], ceiling_a: float | None = None
) -> tuple[PlannedCurrent, ...]:
    periods, at = [], NOW
    for length, amperes in hours:
        end = at + timedelta(hours=length)
        periods.append(
            PlannedCurrent(start=at, end=end, current_a=amperes, ceiling_a=ceiling_a)
        )
        at = end
    return tuple(periods)


def charge(periods: tuple[PlannedCurrent, ...]) -> float:
    """Return ampere hours per phase."""
    return sum(each.current_a * each.hours for each in periods)


def deviation(
    one: tuple[PlannedCurrent, ...], other: tuple[PlannedCurrent, ...]
) -> float:
    edges = sorted({each.end for each in (*one, *other)} | {NOW})
    total = 0.0
    for begin, end in pairwise(edges):
        a, b = (
            next(each.current_a for each in rows if each.end >= end)
            for rows in (one, other)
        )
        total += (a - b) ** 2 * (end - begin).total_seconds() / 3600
    return total


def every_merge(
    periods: tuple[PlannedCurrent, ...], most: int
) -> list[tuple[PlannedCurrent, ...]]:
    """Return all ways to cut a row into that many groups, each as one period."""
    if most == 1:
        return [merged(periods, 1)]
    return [
        (*merged(periods[:cut], 1), *rest)
        for cut in range(1, len(periods))
        for rest in every_merge(periods[cut:], most - 1)
    ]


AMPERES = st.one_of(st.just(0.0), st.integers(60, 320).map(lambda tenths: tenths / 10))
ROWS = st.lists(
    st.tuples(st.sampled_from([0.25, 0.5, 1.0]), AMPERES), min_size=1, max_size=9
).map(lambda hours: row(*hours))


@given(ROWS, st.integers(1, 6))
def test_a_merged_row_is_short_enough_and_brings_at_least_the_energy(
    periods: tuple[PlannedCurrent, ...], most: int
) -> None:
    result = merged(periods, most)
    assert len(result) <= max(most, 0)
    assert (result[0].start, result[-1].end) == (NOW, periods[-1].end)
    assert all(a.end == b.start for a, b in pairwise(result))
    assert charge(result) >= charge(periods) - 1e-6
    assert all(each.current_a == 0 or each.current_a >= MINIMUM_A for each in result)


@given(
    st.lists(
        st.tuples(AMPERES, st.one_of(st.none(), st.integers(0, 32).map(float))),
        min_size=1,
        max_size=9,
    ),
    st.integers(1, 5),
)
def test_nothing_exceeds_what_a_time_allows(
    rows: list[tuple[float, float | None]], most: int
) -> None:
    periods = tuple(
        PlannedCurrent(
            start=NOW + timedelta(hours=place),
            end=NOW + timedelta(hours=place + 1),
            current_a=amperes,
            ceiling_a=ceiling,
        )
        for place, (amperes, ceiling) in enumerate(rows)
    )
    fitted = fit(PlannedSchedule(periods=periods), NOW, most=most, limit_a=20)
    assert fitted is not None
    assert len(fitted.periods) <= most
    for each in periods:
        sent = fitted.at(each.start)
        assert sent is None or sent <= min(20, each.ceiling_a or 20.0)
        if each.ceiling_a == 0 and sent is not None:
            assert sent == 0


@given(ROWS, st.integers(2, 4))
def test_no_other_merge_is_nearer_to_the_plan(
    periods: tuple[PlannedCurrent, ...], most: int
) -> None:
    best = deviation(merged(periods, most), periods)
    for groups in range(1, min(most, len(periods)) + 1):
        for other in every_merge(periods, groups):
            assert best <= deviation(other, periods) + 1e-6


@given(ROWS, st.integers(2, 6), st.floats(0, 0.99))
def test_the_present_period_stays_what_it_is(
    periods: tuple[PlannedCurrent, ...], most: int, part: float
) -> None:
    schedule = PlannedSchedule(periods=periods, after_a=8)
    now = NOW + (schedule.end - NOW) * part
    fitted = fit(schedule, now, most=most)
    assert fitted is not None
    planned = next(each.current_a for each in periods if now < each.end)
    assert fitted.at(now) == planned


def test_less_than_the_minimum_is_nothing_and_limits_have_one_decimal() -> None:
    fitted = fit(PlannedSchedule(periods=row((1, 5.9), (1, 13.26), (1, 30))), NOW,
                 limit_a=16.08)  # fmt: skip
    assert fitted is not None
    assert [each.current_a for each in fitted.periods] == [0, 13.3, 16.0]


def test_a_charger_of_one_period_gets_the_present_one_until_it_ends() -> None:
    schedule = PlannedSchedule(periods=row((2, 0), (1, 16), (1, 0)), after_a=6)
    fitted = fit(schedule, NOW, most=1)
    assert fitted == Fitted(periods=row((2, 0)), after_a=None, exact=False)


def test_after_its_end_a_plan_is_its_safe_value_or_nothing() -> None:
    later = NOW + timedelta(hours=2)
    over = PlannedSchedule(periods=row((1, 16)), after_a=6)
    fitted = fit(over, later)
    assert fitted is not None
    assert fitted.at(later) == fitted.at(later + timedelta(days=9)) == 6
    assert fit(PlannedSchedule(periods=row((1, 16))), later) is None


def test_what_the_owners_limit_is_anyway_needs_no_period() -> None:
    schedule = PlannedSchedule(periods=row((1, 0), (1, 16)), after_a=32)
    fitted = fit(schedule, NOW, limit_a=16, most=2)
    assert fitted is not None
    assert (fitted.after_a, fitted.exact) == (None, True)


def test_before_it_begins_a_plan_is_nothing() -> None:
    early = NOW - timedelta(hours=1)
    fitted = fit(PlannedSchedule(periods=row((1, 16))), early)
    assert fitted is not None
    assert (fitted.at(early), fitted.at(NOW)) == (0, 16)
    assert fitted.zero_since(NOW - timedelta(minutes=5)) == early
    assert fitted.next_edge(early) == NOW


@pytest.mark.parametrize(
    "periods",
    [
        (),
        (*row((1, 6)), *row((1, 8))),
        row((1, -1)),
        row((1, float("inf"))),
        row((0, 6)),
    ],
)
def test_a_plan_with_gaps_or_nonsense_is_none(
    periods: tuple[PlannedCurrent, ...],
) -> None:
    with pytest.raises(ValueError, match="plan"):
        PlannedSchedule(periods=periods)


def test_watts_are_for_all_phases_and_count_from_the_lead() -> None:
    fitted = Fitted(periods=row((1, 0), (1, 10)), after_a=6, exact=True)
    schedule = charging_schedule(
        fitted,
        unit=RateUnit.WATT,
        phases=3,
        lead=timedelta(minutes=1),
        start=NOW - timedelta(minutes=1),
        keeps_after=timedelta(days=1),
    )
    assert [
        (each.start.total_seconds(), each.limit, each.phases)
        for each in schedule.periods
    ] == [(0, 0, 3), (3660, 6900, 3), (7260, 4140, 3)]
    assert schedule.duration == timedelta(days=1, hours=2, minutes=1)


@pytest.mark.parametrize(
    ("limits", "unit", "kept"),
    [
        ([(0, 0), (3600, 16)], RateUnit.AMPERE, Kept.YES),
        ([(2, 0), (3602, 16.3)], RateUnit.AMPERE, Kept.YES),
        ([(0, 0), (3600, 11040)], RateUnit.WATT, Kept.YES),
        ([(0, 0), (3600, 10)], RateUnit.AMPERE, Kept.YES),
        ([(0, 0), (5400, 16)], RateUnit.AMPERE, Kept.LESS),
        ([(0, 0), (1800, 16)], RateUnit.AMPERE, Kept.NO),
        ([(0, 32)], RateUnit.AMPERE, Kept.NO),
        ([(0, -1)], RateUnit.AMPERE, Kept.UNTOLD),
        ([(0, 0), (3600, -1)], RateUnit.AMPERE, Kept.NO),
    ],
)
def test_a_composite_schedule_is_compared_all_along(
    limits: list[tuple[int, float]], unit: RateUnit, kept: Kept
) -> None:
    answer = ChargingSchedule(
        unit=unit,
        periods=tuple(
            SchedulePeriod(start=timedelta(seconds=start), limit=limit)
            for start, limit in limits
        ),
    )
    fitted = Fitted(periods=row((1, 0), (1, 16)), after_a=None, exact=True)
    assert keeps_to(answer, fitted, NOW, phases=3, most_a=32) is kept


def test_what_only_differs_by_a_rounding_is_the_same() -> None:
    one = Fitted(periods=row((1, 10), (1, 0)), after_a=6, exact=True)
    other = Fitted(periods=row((1.0005, 10.1), (1, 0)), after_a=6, exact=True)
    assert one.same_as(other, NOW)
    assert not one.same_as(Fitted(periods=one.periods, after_a=None, exact=True), NOW)
    assert not one.same_as(
        Fitted(periods=row((1, 10.5), (1, 0)), after_a=6, exact=True), NOW
    )


@given(
    rows=st.lists(
        st.tuples(st.floats(0, 32), st.sampled_from([1, 3])), min_size=2, max_size=12
    ),
    most=st.integers(1, 6),
)
def test_no_merge_mixes_phases(rows: list[tuple[float, int]], most: int) -> None:
    periods = tuple(
        PlannedCurrent(
            start=NOW + place * timedelta(hours=1),
            end=NOW + (place + 1) * timedelta(hours=1),
            current_a=amperes,
            phases=phases,
        )
        for place, (amperes, phases) in enumerate(rows)
    )
    schedule = PlannedSchedule(periods=periods)
    fitted = fit(schedule, NOW, most=most)
    assert fitted is not None
    assert len(fitted.periods) <= most
    for each in periods:
        middle = each.start + timedelta(minutes=30)
        if middle < fitted.end:
            assert fitted.phases_at(middle) == each.phases
    whole = fit(schedule, NOW)
    assert whole is not None
    assert whole.end == schedule.end


def test_a_number_of_phases_goes_out_in_both_units_and_is_part_of_the_plan() -> None:
    def on(phases: int | None) -> Fitted:
        one = PlannedCurrent(
            start=NOW, end=NOW + timedelta(hours=1), current_a=10, phases=phases
        )
        return Fitted(periods=(one,), after_a=6, exact=True)

    def written(fitted: Fitted, unit: RateUnit) -> list[tuple[float, int | None]]:
        schedule = charging_schedule(
            fitted,
            unit=unit,
            phases=3,
            lead=timedelta(0),
            start=NOW,
            keeps_after=None,
        )
        return [(each.limit, each.phases) for each in schedule.periods]

    assert written(on(1), RateUnit.AMPERE) == [(10, 1), (6, 1)]
    assert written(on(1), RateUnit.WATT) == [(2300, 1), (1380, 1)]
    assert written(on(None), RateUnit.AMPERE) == [(10, None), (6, None)]
    assert written(on(None), RateUnit.WATT) == [(6900, 3), (4140, 3)]
    assert not on(1).same_as(on(3), NOW)
    assert on(1).same_as(on(1), NOW)


def test_neighbours_of_one_current_are_one() -> None:
    assert joined(row((1, 6), (2, 6), (1, 0))) == row((3, 6), (1, 0))


@pytest.mark.parametrize("lead_s", [0, 60])
def test_no_two_periods_of_a_schedule_begin_in_the_same_second(lead_s: int) -> None:
    second = 1 / 3600
    rows = row((0.3 * second, 6.0), (1, 0.0), (0.2 * second, 6.0), (1, 16.0))
    schedule = charging_schedule(
        Fitted(periods=rows, after_a=None, exact=True),
        unit=RateUnit.AMPERE,
        phases=3,
        lead=timedelta(seconds=lead_s),
        start=NOW,
        keeps_after=None,
    )
    starts = [round(period.start.total_seconds()) for period in schedule.periods]
    assert starts[0] == 0
    assert all(one < two for one, two in pairwise(starts))
    assert [period.limit for period in schedule.periods][-2:] == [0.0, 16.0]
