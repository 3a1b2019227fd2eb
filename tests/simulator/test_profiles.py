"""The profile stack, by worked examples and against a plain second reading."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from hypothesis import given, settings, strategies as st
import pytest

from simulator.clock import timestamp
from simulator.profiles import (
    Profile,
    ProfileStack,
    Purpose,
    Session,
    Supplied,
    Unit,
)

NOON = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
SUPPLIED = Supplied(phases=3, voltage_v=230.0, max_current_a=32.0)
RUNNING = Session(start=NOON, running=True)
IDLE = Session(start=NOON, running=False)


def profile(
    number: int,
    purpose: str = "TxProfile",
    periods: Any = ((0, 16),),
    *,
    connector: int = 1,
    level: int = 0,
    kind: str = "Absolute",
    unit: str = "A",
    start: datetime | None = NOON,
    **fields: Any,
) -> Profile:
    schedule: dict[str, Any] = {
        "chargingRateUnit": unit,
        "chargingSchedulePeriod": [
            {"startPeriod": at, "limit": limit, **({"numberPhases": n[0]} if n else {})}
            for at, limit, *n in periods
        ],
    }
    if start and kind != "Relative":
        schedule["startSchedule"] = timestamp(start)
    if "duration" in fields:
        schedule["duration"] = fields.pop("duration")
    raw = {
        "chargingProfileId": number,
        "stackLevel": level,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": kind,
        "chargingSchedule": schedule,
    }
    for name, value in fields.items():
        raw[name] = timestamp(value) if isinstance(value, datetime) else value
    return Profile.parse(connector, raw, NOON)


def stack(*profiles: Profile, **settings: Any) -> ProfileStack:
    made = ProfileStack(SUPPLIED, **settings)
    for one in profiles:
        made.install(one)
    return made


def composite(
    made: ProfileStack,
    duration: int = 3600,
    session: Session = RUNNING,
    unit: Unit = Unit.A,
    start: datetime = NOON,
) -> list[tuple[int, float]]:
    periods = made.composite([1], start, duration, unit, {1: session})
    return [(period["startPeriod"], period["limit"]) for period in periods]


def test_without_profiles_the_hardware_is_the_limit() -> None:
    assert composite(stack()) == [(0, 32)]


def test_periods_follow_one_another() -> None:
    made = stack(profile(1, periods=((0, 16), (600, 0), (1200, 10))))
    assert composite(made) == [(0, 16), (600, 0), (1200, 10)]


def test_after_the_duration_nothing_limits() -> None:
    made = stack(profile(1, periods=((0, 16),), duration=900))
    assert composite(made) == [(0, 16), (900, 32)]


def test_after_the_duration_the_lower_level_counts_again() -> None:
    made = stack(
        profile(1, level=0, periods=((0, 8),)),
        profile(2, level=1, periods=((0, 16),), duration=900),
    )
    assert composite(made) == [(0, 16), (900, 8)]


def test_the_highest_level_prevails_even_with_a_higher_limit() -> None:
    made = stack(
        profile(1, level=0, periods=((0, 8),)), profile(2, level=5, periods=((0, 20),))
    )
    assert composite(made) == [(0, 20)]


def test_the_minimum_of_the_purposes_counts() -> None:
    made = stack(
        profile(1, "ChargePointMaxProfile", ((0, 10), (1800, 25)), connector=0),
        profile(2, "TxProfile", ((0, 20), (600, 7), (1200, 32))),
    )
    assert composite(made) == [(0, 10), (600, 7), (1200, 10), (1800, 25)]


def test_a_tx_profile_overrules_the_default() -> None:
    made = stack(
        profile(1, "TxDefaultProfile", ((0, 6),), connector=0, level=5),
        profile(2, "TxProfile", ((0, 20),)),
    )
    assert composite(made) == [(0, 20)]
    assert composite(made, session=IDLE) == [(0, 6)]


def test_what_a_tx_profile_leaves_open_is_the_defaults() -> None:
    profiles = (
        profile(1, "TxDefaultProfile", ((0, 6),), connector=0),
        profile(2, "TxProfile", ((0, 20),), duration=600),
    )
    assert composite(stack(*profiles)) == [(0, 20), (600, 6)]
    hiding = stack(*profiles, tx_profile_hides_default=True)
    assert composite(hiding) == [(0, 20), (600, 32)]


def test_a_default_for_one_connector_replaces_that_for_all() -> None:
    made = stack(
        profile(1, "TxDefaultProfile", ((0, 6),), connector=0),
        profile(2, "TxDefaultProfile", ((0, 12),), connector=1),
    )
    assert made.limit_at(1, NOON, IDLE).current_a == 12
    assert made.limit_at(2, NOON, IDLE).current_a == 6


def test_a_daily_profile_comes_every_day() -> None:
    night = profile(
        1,
        "TxDefaultProfile",
        ((0, 32), (6 * 3600, 0)),
        kind="Recurring",
        recurrencyKind="Daily",
        start=NOON.replace(hour=0) - timedelta(days=10),
        connector=0,
    )
    day = 24 * 3600
    assert composite(stack(night), 2 * day) == [
        (0, 0),
        (12 * 3600, 32),
        (18 * 3600, 0),
        (36 * 3600, 32),
        (42 * 3600, 0),
    ]


def test_a_recurring_profile_with_duration_leaves_the_rest_open() -> None:
    weekly = profile(
        1,
        "TxDefaultProfile",
        ((0, 8),),
        kind="Recurring",
        recurrencyKind="Weekly",
        start=NOON + timedelta(hours=1) - timedelta(days=7),
        duration=600,
    )
    made = stack(weekly)
    assert composite(made, 7200) == [(0, 32), (3600, 8), (4200, 32)]
    later = NOON + timedelta(days=7)
    assert composite(made, 7200, start=later) == [(0, 32), (3600, 8), (4200, 32)]
    assert composite(made, 7200, start=NOON + timedelta(days=1)) == [(0, 32)]


def test_a_relative_profile_begins_with_the_transaction() -> None:
    relative = profile(1, periods=((0, 8), (900, 16)), kind="Relative")
    early = Session(start=NOON - timedelta(seconds=600), running=True)
    assert composite(stack(relative), session=early) == [(0, 8), (300, 16)]


def test_an_absolute_profile_without_start_is_relative() -> None:
    made = stack(profile(1, periods=((0, 8), (900, 16)), start=None))
    early = Session(start=NOON - timedelta(seconds=600), running=True)
    assert composite(made, session=early) == [(0, 8), (300, 16)]


def test_a_schedule_that_has_not_begun_does_not_count() -> None:
    made = stack(profile(1, start=NOON + timedelta(seconds=60)))
    assert composite(made) == [(0, 32), (60, 16)]


def test_validity_cuts_the_schedule() -> None:
    made = stack(
        profile(
            1,
            validFrom=NOON + timedelta(seconds=100),
            validTo=NOON + timedelta(seconds=200),
        )
    )
    assert composite(made) == [(0, 32), (100, 16), (200, 32)]


def test_watts_are_the_total_of_three_phases_unless_said_otherwise() -> None:
    assert composite(stack(profile(1, periods=((0, 6900),), unit="W"))) == [(0, 10)]
    single = stack(profile(1, periods=((0, 2300, 1),), unit="W"))
    assert composite(single) == [(0, 10)]
    assert composite(single, unit=Unit.W) == [(0, 2300)]


def test_watts_on_a_single_phase_charger_are_one_phase() -> None:
    supplied = Supplied(phases=1, voltage_v=230.0, max_current_a=32.0)
    made = ProfileStack(supplied)
    made.install(profile(1, periods=((0, 2300),), unit="W"))
    assert made.limit_at(1, NOON, RUNNING).current_a == pytest.approx(10)


def test_the_same_place_and_the_same_id_are_replaced() -> None:
    made = stack(profile(1, level=1), profile(2, level=1, periods=((0, 8),)))
    assert [one.id for one in made.installed] == [2]
    made.install(profile(2, "TxDefaultProfile", connector=0))
    assert [one.purpose for one in made.installed] == [Purpose.TX_DEFAULT]


def test_clearing_by_id_ignores_the_other_criteria() -> None:
    made = stack(profile(1), profile(2, level=1))
    assert made.clear(profile_id=1, stack_level=7) == 1
    assert [one.id for one in made.installed] == [2]


def test_clearing_needs_all_criteria_to_match() -> None:
    made = stack(
        profile(1, level=1),
        profile(2, "TxDefaultProfile", level=1, connector=0),
        profile(3, "TxDefaultProfile", level=2, connector=0),
    )
    assert made.clear(purpose=Purpose.TX_DEFAULT, stack_level=3) == 0
    assert made.clear(purpose=Purpose.TX_DEFAULT, stack_level=2, connector_id=0) == 1
    assert made.clear(stack_level=1) == 2
    made = stack(profile(1), profile(2, level=1))
    assert made.clear() == 2


def test_connector_zero_is_the_sum_within_the_maximum() -> None:
    made = stack(
        profile(1, "ChargePointMaxProfile", ((0, 40), (600, 20)), connector=0),
        profile(2, "TxDefaultProfile", ((0, 12),), connector=1),
    )
    periods = made.composite([1, 2], NOON, 3600, Unit.A, {1: IDLE, 2: IDLE})
    assert [(one["startPeriod"], one["limit"]) for one in periods] == [
        (0, 40),
        (600, 20),
    ]


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "Recurring"},
        {"kind": "Absolute", "recurrencyKind": "Daily"},
        {"periods": ((10, 16),)},
        {"periods": ()},
        {"periods": ((0, 16), (0, 8))},
        {"kind": "Sometimes"},
        {"unit": "VA"},
    ],
)
def test_nonsense_is_not_installed(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        profile(1, **fields)


# A second, plain reading of the rules, asked second by second.


def reference_limit(raws: list[dict[str, Any]], second: int, running: bool) -> float:
    """Return the limit at NOON + second; the transaction began 100 s before NOON."""

    def active(raw: dict[str, Any]) -> float | None:
        if not raw["from"] <= second < raw["to"]:
            return None
        since = second - (-100 if raw["kind"] == "Relative" else raw["start"])
        if since < 0:
            return None
        if raw["kind"] == "Recurring":
            since %= 86400
        if raw["duration"] is not None and since >= raw["duration"]:
            return None
        limit = None
        for at, value in raw["periods"]:
            if since >= at:
                limit = value
        return limit

    def prevailing(purpose: str) -> float | None:
        found = [
            (raw["level"], limit)
            for raw in raws
            if raw["purpose"] == purpose and (limit := active(raw)) is not None
        ]
        return max(found)[1] if found else None

    session = prevailing("TxProfile") if running else None
    if session is None:
        session = prevailing("TxDefaultProfile")
    limits = [32.0, prevailing("ChargePointMaxProfile"), session]
    return min(limit for limit in limits if limit is not None)


_OFFSETS = st.integers(-200, 400)


@st.composite
def raw_profiles(draw: st.DrawFn) -> list[dict[str, Any]]:
    raws = []
    places = draw(
        st.sets(
            st.tuples(
                st.sampled_from(
                    ["ChargePointMaxProfile", "TxDefaultProfile", "TxProfile"]
                ),
                st.integers(0, 2),
            ),
            max_size=6,
        )
    )
    for purpose, level in sorted(places):
        kinds = ["Absolute", "Recurring"]
        if purpose != "ChargePointMaxProfile":
            kinds.append("Relative")
        starts = draw(st.sets(st.integers(1, 300), max_size=3))
        raws.append(
            {
                "purpose": purpose,
                "level": level,
                "kind": draw(st.sampled_from(kinds)),
                "start": draw(_OFFSETS),
                "from": draw(_OFFSETS),
                "to": draw(_OFFSETS),
                "duration": draw(st.none() | st.integers(1, 500)),
                "periods": [
                    (at, float(draw(st.integers(0, 40)))) for at in sorted({0, *starts})
                ],
            }
        )
    return raws


def parsed(number: int, raw: dict[str, Any]) -> Profile:
    fields: dict[str, Any] = {
        "validFrom": NOON + timedelta(seconds=raw["from"]),
        "validTo": NOON + timedelta(seconds=raw["to"]),
    }
    if raw["duration"] is not None:
        fields["duration"] = raw["duration"]
    if raw["kind"] == "Recurring":
        fields["recurrencyKind"] = "Daily"
    connector = 0 if raw["purpose"] != "TxProfile" else 1
    return profile(
        number,
        raw["purpose"],
        raw["periods"],
        connector=connector,
        level=raw["level"],
        kind=raw["kind"],
        start=NOON + timedelta(seconds=raw["start"]),
        **fields,
    )


@settings(max_examples=150, deadline=None)
@given(raws=raw_profiles(), running=st.booleans(), duration=st.integers(1, 400))
def test_the_composite_schedule_is_the_limit_of_every_second(
    raws: list[dict[str, Any]], running: bool, duration: int
) -> None:
    made = stack(*(parsed(number, raw) for number, raw in enumerate(raws)))
    session = Session(start=NOON - timedelta(seconds=100), running=running)
    periods = composite(made, duration, session)
    assert periods[0][0] == 0
    assert all(at < duration for at, _ in periods)
    assert all(one[1] != two[1] for one, two in pairwise(periods))
    for second in range(duration):
        expected = reference_limit(raws, second, running)
        said = [limit for at, limit in periods if at <= second][-1]
        assert said == expected, second
        moment = NOON + timedelta(seconds=second)
        assert made.limit_at(1, moment, session).current_a == expected
    change = made.next_change([1], NOON, {1: session})
    if len(periods) > 1:
        assert change is not None
        assert change <= NOON + timedelta(seconds=periods[1][0])
