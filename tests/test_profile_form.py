"""What a homeowner means by a limit, and what is refused before it is sent."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from homeassistant.exceptions import ServiceValidationError
from homeassistant.util import dt as dt_util
import probatio
import pytest

from custom_components.ocpp_charging.csms.charger import Charger
from custom_components.ocpp_charging.csms.journal import MemoryJournal
from custom_components.ocpp_charging.csms.model import (
    ChargerMemory,
    ChargerSettings,
    ChargingProfile,
    ChargingSchedule,
    Features,
    InstalledProfile,
    ProfileKind,
    ProfilePurpose,
    RateUnit,
    Recurrency,
    SchedulePeriod,
    Transaction,
)
from custom_components.ocpp_charging.profile_form import (
    PROFILE_FIELDS,
    build_profile,
    plain,
    schedule_response,
)

NOW = datetime(2026, 7, 1, 15, 30, tzinfo=UTC)  # a Wednesday
SCHEMA = probatio.Schema(PROFILE_FIELDS)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fix the time, in a zone two hours ahead of UTC."""
    zone = dt_util.get_default_time_zone()
    amsterdam = dt_util.get_time_zone("Europe/Amsterdam")
    assert amsterdam is not None
    dt_util.set_default_time_zone(amsterdam)
    monkeypatch.setattr(dt_util, "utcnow", lambda: NOW)
    monkeypatch.setattr(dt_util, "now", lambda zone=None: NOW.astimezone(amsterdam))
    yield
    dt_util.set_default_time_zone(zone)


@pytest.fixture
def charger() -> Charger:
    features = Features(
        profiles=frozenset({"Core", "SmartCharging"}),
        connectors=2,
        rate_units=frozenset({RateUnit.AMPERE}),
        max_stack_level=3,
        max_periods=3,
    )
    return Charger(
        ChargerSettings(identity="CP1"),
        ChargerMemory(features=features),
        MemoryJournal(),
    )


def build(charger: Charger, connector_id: int = 1, **data: Any) -> ChargingProfile:
    return build_profile(charger, connector_id, SCHEMA(data))


def refusal(charger: Charger, connector_id: int = 1, **data: Any) -> str | None:
    with pytest.raises(ServiceValidationError) as raised:
        build(charger, connector_id, **data)
    return raised.value.translation_key


def periods(*starts: int) -> list[dict[str, Any]]:
    return [{"start": start, "limit": 10} for start in starts]


def remember(charger: Charger, profile_id: int, connector_id: int, level: int) -> None:
    payload = {"chargingProfilePurpose": "TxDefaultProfile", "stackLevel": level}
    charger.memory.profiles[profile_id] = InstalledProfile(
        connector_id=connector_id, payload=payload
    )


def test_a_limit_alone_holds_from_now_for_every_session(charger: Charger) -> None:
    assert build(charger, limit=10) == ChargingProfile(
        profile_id=20_100,
        purpose=ProfilePurpose.DEFAULT,
        kind=ProfileKind.ABSOLUTE,
        schedule=ChargingSchedule(
            unit=RateUnit.AMPERE,
            start=NOW,
            periods=(SchedulePeriod(start=timedelta(), limit=10),),
        ),
    )


def test_limits_get_one_decimal_and_times_whole_seconds(charger: Charger) -> None:
    schedule = build(charger, limit=10.26, phases=1, duration=60.6).schedule
    assert schedule.periods == (
        SchedulePeriod(start=timedelta(), limit=10.3, phases=1),
    )
    assert schedule.duration == timedelta(seconds=61)


def test_periods_take_every_way_to_write_a_length(charger: Charger) -> None:
    given = [
        {"start": 0, "limit": 16},
        {"start": "06:30", "limit": 0, "phases": 3},
        {"start": {"hours": 23}, "limit": 8.5},
    ]
    made = build(charger, periods=given, phases=1).schedule.periods
    assert [(p.start.total_seconds(), p.limit, p.phases) for p in made] == [
        (0, 16, 1),
        (23_400, 0, 3),
        (82_800, 8.5, 1),
    ]


@pytest.mark.parametrize(
    ("recurrence", "start"),
    [
        ("daily", datetime(2026, 6, 30, 22, tzinfo=UTC)),
        ("weekly", datetime(2026, 6, 28, 22, tzinfo=UTC)),
    ],
)
def test_a_recurring_profile_begins_at_local_midnight(
    charger: Charger, recurrence: str, start: datetime
) -> None:
    profile = build(charger, limit=10, recurrence=recurrence)
    assert profile.kind is ProfileKind.RECURRING
    assert profile.recurrency == Recurrency(recurrence.capitalize())
    assert profile.schedule.start == start


def test_recurring_without_a_recurrence_is_daily(charger: Charger) -> None:
    assert build(charger, limit=10, kind="recurring").recurrency is Recurrency.DAILY


def test_a_relative_profile_has_no_start(charger: Charger) -> None:
    profile = build(charger, limit=10, kind="relative")
    assert (profile.kind, profile.schedule.start) == (ProfileKind.RELATIVE, None)


def test_a_start_without_a_zone_is_local(charger: Charger) -> None:
    profile = build(charger, limit=10, start="2026-07-01 20:00:00")
    assert profile.schedule.start == datetime(2026, 7, 1, 18, tzinfo=UTC)


def test_what_is_given_is_kept(charger: Charger) -> None:
    profile = build(
        charger,
        limit=10,
        profile_id=5,
        stack_level=2,
        purpose="TxDefaultProfile",
        valid_from="2026-07-01T00:00:00Z",
        valid_to="2026-08-01T00:00:00Z",
    )
    assert (profile.profile_id, profile.stack_level) == (5, 2)
    assert profile.valid_from == datetime(2026, 7, 1, tzinfo=UTC)
    assert profile.valid_to == datetime(2026, 8, 1, tzinfo=UTC)


def test_the_stack_level_is_one_above_what_others_installed(charger: Charger) -> None:
    remember(charger, 1101, 1, 0)
    remember(charger, 1102, 2, 2)
    assert build(charger, limit=10).stack_level == 1
    remember(charger, 1100, 0, 3)
    assert build(charger, limit=10).stack_level == 3  # no room above
    charger.memory.features = replace(charger.features, max_stack_level=None)
    assert build(charger, limit=10).stack_level == 3


def test_a_profile_made_before_is_replaced(charger: Charger) -> None:
    first = build(charger, limit=10)
    remember(charger, first.profile_id, 1, first.stack_level)
    second = build(charger, limit=12)
    assert (second.profile_id, second.stack_level) == (20_100, 0)


def test_a_tx_profile_names_the_running_transaction(charger: Charger) -> None:
    assert refusal(charger, limit=10, purpose="tx_profile") == "no_transaction"
    charger.connector(1).begin(
        Transaction(
            transaction_id=77,
            connector_id=1,
            id_tag=None,
            started_at=NOW,
            meter_start_wh=0,
        )
    )
    profile = build(charger, limit=10, purpose="tx_profile")
    assert (profile.transaction_id, profile.profile_id) == (77, 30_100)


MEANINGLESS: dict[str, list[dict[str, Any]]] = {
    "limit_missing": [{}],
    "stack_level_too_high": [{"limit": 9, "stack_level": 4}],
    "unit_not_taken": [{"limit": 9, "unit": "w"}],
    "max_profile_needs_charger": [{"limit": 9, "purpose": "charge_point_max_profile"}],
    "too_many_periods": [{"periods": periods(0, 1, 2, 3)}],
    "first_period_not_zero": [{"periods": periods(1, 2)}],
    "periods_not_ascending": [{"periods": periods(0, 5, 5)}],
    "period_after_duration": [{"periods": periods(0, 60), "duration": 60}],
    "longer_than_recurrence": [
        {"periods": periods(0, 86_400), "recurrence": "daily"},
        {"limit": 9, "recurrence": "weekly", "duration": 604_801},
    ],
    "recurrence_without_recurring": [
        {"limit": 9, "kind": "absolute", "recurrence": "daily"}
    ],
    "start_with_relative": [
        {"limit": 9, "kind": "relative", "start": "2026-07-01 20:00"}
    ],
    "validity_reversed": [
        {
            "limit": 9,
            "valid_from": "2026-07-02 00:00",
            "valid_to": "2026-07-01 00:00",
        }
    ],
}


@pytest.mark.parametrize(
    ("data", "key"),
    [(data, key) for key, cases in MEANINGLESS.items() for data in cases],
)
def test_what_cannot_be_meant_is_refused(
    charger: Charger, data: dict[str, Any], key: str
) -> None:
    assert refusal(charger, **data) == key


def test_a_charger_known_to_lack_smart_charging_is_not_asked(charger: Charger) -> None:
    charger.memory.features = Features(profiles=frozenset({"Core"}))
    assert refusal(charger, limit=9) == "smart_charging_missing"
    charger.memory.features = Features()
    assert build(charger, limit=9, unit="W").schedule.unit is RateUnit.WATT


@pytest.mark.parametrize(
    "data",
    [
        {"limit": -1},
        {"limit": "much"},
        {"limit": 9, "periods": periods(0)},
        {"periods": []},
        {"periods": [{"limit": 9}]},
        {"periods": [{"start": "-00:01:00", "limit": 9}]},
        {"limit": 9, "phases": 4},
        {"limit": 9, "purpose": "everything"},
        {"limit": 9, "unit": "kW"},
        {"limit": 9, "start": "soon"},
        {"limit": 9, "profile_id": 0},
    ],
)
def test_invalid_fields_are_refused_by_the_schema(data: dict[str, Any]) -> None:
    with pytest.raises(probatio.Invalid):
        SCHEMA(data)


def test_a_schedule_is_told_in_local_time_and_seconds() -> None:
    schedule = ChargingSchedule(
        unit=RateUnit.WATT,
        start=NOW,
        duration=timedelta(hours=1),
        periods=(
            SchedulePeriod(start=timedelta(minutes=10), limit=-1.0),
            SchedulePeriod(start=timedelta(days=999_999_999), limit=6.0, phases=1),
        ),
    )
    assert schedule_response(schedule) == {
        "unit": "W",
        "start": "2026-07-01T17:30:00+02:00",
        "duration": 3600,
        "min_rate": None,
        "periods": [
            {
                "start": 600,
                "from": "2026-07-01T17:40:00+02:00",
                "limit": -1.0,
                "phases": None,
            },
            {"start": 86_399_999_913_600, "from": None, "limit": 6.0, "phases": 1},
        ],
    }


def test_no_schedule_has_no_periods() -> None:
    assert schedule_response(None)["periods"] == []
    without_start = ChargingSchedule(
        unit=RateUnit.AMPERE, periods=(SchedulePeriod(start=timedelta(), limit=6.0),)
    )
    assert schedule_response(without_start)["periods"][0]["from"] is None


def test_yaml_dates_become_text() -> None:
    moment = dt_util.parse_datetime("2026-07-01T17:30:00+02:00")
    assert moment is not None
    assert plain({"a": [moment, NOW.date(), 1, None], 2: {"b": "c"}}) == {
        "a": ["2026-07-01T15:30:00Z", "2026-07-01", 1, None],
        "2": {"b": "c"},
    }
