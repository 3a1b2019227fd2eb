"""What the sun gives, and the plan after it, on one phase or on three."""

from datetime import UTC, datetime, timedelta

from custom_components.ocpp_charging.csms.schedules import (
    PlannedCurrent,
    PlannedSchedule,
)
from custom_components.ocpp_charging.planning.course import catching_up, sunny

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def plan(*rows: tuple[float, float]) -> PlannedSchedule:
    """Return a plan from noon on, of minutes and amperes."""
    periods, at = [], NOON
    for minutes, amperes in rows:
        end = at + minutes * MINUTE
        periods.append(PlannedCurrent(start=at, end=end, current_a=amperes))
        at = end
    return PlannedSchedule(periods=tuple(periods), after_a=0.0)


def row(schedule: PlannedSchedule) -> list[tuple[float, float, int | None]]:
    """Return the minutes, amperes and phases of a schedule."""
    return [
        ((each.end - each.start) / MINUTE, each.current_a, each.phases)
        for each in schedule.periods
    ]


def test_a_plan_of_three_phases_counts_more_than_the_same_current_on_one() -> None:
    found = sunny(12, NOON, plan((10, 0), (10, 6), (40, 0)), phases=1)
    assert row(found) == [(10, 12, 1), (10, 6, 3), (10, 12, 1), (30, 0, None)]


def test_the_suns_phases_hold_now_whatever_the_plan_says() -> None:
    found = sunny(16, NOON, plan((60, 10)), phases=1)
    assert row(found)[0] == (30, 16, 1)


def test_where_phases_cannot_be_switched_the_greater_current_counts() -> None:
    found = sunny(12, NOON, plan((10, 16), (50, 6)))
    assert row(found) == [(10, 16, None), (20, 12, None), (30, 6, None)]


def test_without_a_plan_there_is_nothing_after_the_sun() -> None:
    found = sunny(8, NOON, phases=1)
    assert row(found) == [(30, 8, 1)]
    assert found.after_a == 0


def test_what_a_share_of_the_fuse_may_cost_a_plan_is_made_up_for_after_it() -> None:
    meant = plan((60, 0), (60, 16), (780, 0))

    # An hour with 8 A too few is an hour with 8 A.
    made = catching_up(meant, 8.0, NOON + 500 * MINUTE)
    rows = [(minutes, amperes) for minutes, amperes, _ in row(made)]
    assert rows == [(60, 0), (60, 16), (3, 0), (60, 8), (717, 0)]
    assert made.end == meant.end

    cut = catching_up(meant, 8.0, NOON + 150 * MINUTE)
    assert row(cut)[-2] == (27, 8, None)
    for safe_a, minutes in ((16.0, 500), (5.0, 500), (8.0, 122)):
        assert catching_up(meant, safe_a, NOON + minutes * MINUTE) == meant
