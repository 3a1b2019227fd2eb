"""Charging profiles and schedules, to and from the form of OCPP 1.6."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from hypothesis import given, strategies as st
import pytest

from custom_components.ocpp_charging.csms.errors import InvalidAnswer
from custom_components.ocpp_charging.csms.model import (
    ChargingProfile,
    ChargingSchedule,
    ProfileKind,
    ProfilePurpose,
    RateUnit,
    Recurrency,
    SchedulePeriod,
)
from custom_components.ocpp_charging.csms.v16 import schemas
from custom_components.ocpp_charging.csms.v16.profiles import (
    profile_payload,
    read_schedule,
)

MIDNIGHT = datetime(2026, 11, 1, tzinfo=timezone(timedelta(hours=1)))
ONE_PERIOD = (SchedulePeriod(start=timedelta(0), limit=16),)


def test_a_profile_is_written_with_all_its_fields() -> None:
    profile = ChargingProfile(
        profile_id=5,
        purpose=ProfilePurpose.DEFAULT,
        stack_level=2,
        kind=ProfileKind.RECURRING,
        recurrency=Recurrency.DAILY,
        transaction_id=9,
        valid_from=MIDNIGHT,
        valid_to=MIDNIGHT + timedelta(days=1),
        schedule=ChargingSchedule(
            unit=RateUnit.WATT,
            duration=timedelta(days=1),
            start=MIDNIGHT,
            min_rate=1380.04,
            periods=(
                SchedulePeriod(start=timedelta(0), limit=11000.04, phases=3),
                SchedulePeriod(start=timedelta(hours=6.5), limit=0),
            ),
        ),
    )
    assert profile_payload(profile) == {
        "chargingProfileId": 5,
        "transactionId": 9,
        "stackLevel": 2,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Recurring",
        "recurrencyKind": "Daily",
        "validFrom": "2026-10-31T23:00:00Z",
        "validTo": "2026-11-01T23:00:00Z",
        "chargingSchedule": {
            "duration": 86400,
            "startSchedule": "2026-10-31T23:00:00Z",
            "chargingRateUnit": "W",
            "minChargingRate": 1380.0,
            "chargingSchedulePeriod": [
                {"startPeriod": 0, "limit": 11000.0, "numberPhases": 3},
                {"startPeriod": 23400, "limit": 0},
            ],
        },
    }


def test_what_is_not_said_is_not_written() -> None:
    profile = ChargingProfile(
        profile_id=1,
        purpose=ProfilePurpose.TRANSACTION,
        kind=ProfileKind.RELATIVE,
        schedule=ChargingSchedule(unit=RateUnit.AMPERE, periods=ONE_PERIOD),
    )
    assert profile_payload(profile) == {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": {
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16}],
        },
    }


@given(st.floats(0, 100_000), st.none() | st.floats(0, 1000))
def test_every_limit_passes_the_standards_own_rules(
    limit: float, min_rate: float | None
) -> None:
    profile = ChargingProfile(
        profile_id=1,
        purpose=ProfilePurpose.CHARGER_MAX,
        schedule=ChargingSchedule(
            unit=RateUnit.AMPERE,
            periods=(SchedulePeriod(start=timedelta(0), limit=limit),),
            min_rate=min_rate,
        ),
    )
    payload = {"connectorId": 0, "csChargingProfiles": profile_payload(profile)}
    schemas.check("SetChargingProfile", payload)


def schedule(**changes: Any) -> dict[str, Any]:
    return {
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16}],
        **changes,
    }


@pytest.mark.parametrize(
    ("word", "unit"),
    [
        ("A", RateUnit.AMPERE),
        ("W", RateUnit.WATT),
        ("Current", RateUnit.AMPERE),
        ("Power", RateUnit.WATT),
    ],
)
def test_units_are_read_in_both_spellings(word: str, unit: RateUnit) -> None:
    assert read_schedule(schedule(chargingRateUnit=word), "X").unit is unit


def test_a_schedule_is_read_with_what_chargers_make_of_it() -> None:
    read = read_schedule(
        schedule(
            duration=3600,
            startSchedule="2026-11-01T00:00:00+01:00",
            chargingSchedulePeriod=[
                {"startPeriod": 0, "limit": 11.956521739130435, "numberPhases": 3},
                {"startPeriod": "600", "limit": "-1"},
                {"startPeriod": -5, "limit": 1},
                {"startPeriod": 10**17, "limit": 1},
                {"limit": 1},
                {"startPeriod": 700, "limit": None},
                "nonsense",
            ],
        ),
        "X",
    )
    assert read == ChargingSchedule(
        unit=RateUnit.AMPERE,
        duration=timedelta(hours=1),
        start=datetime(2026, 10, 31, 23, tzinfo=UTC),
        periods=(
            SchedulePeriod(start=timedelta(0), limit=11.956521739130435, phases=3),
            SchedulePeriod(start=timedelta(seconds=600), limit=-1),
        ),
    )


@pytest.mark.parametrize("duration", [8638204649118, -1, "x", None, 1e300])
def test_a_duration_beyond_sense_is_none(duration: Any) -> None:
    assert read_schedule(schedule(duration=duration), "X").duration is None


@pytest.mark.parametrize(
    "changes",
    [
        {"chargingRateUnit": None},
        {"chargingRateUnit": "kW"},
        {"chargingSchedulePeriod": None},
        {"chargingSchedulePeriod": []},
        {"chargingSchedulePeriod": [{"startPeriod": 0}]},
    ],
)
def test_a_schedule_without_unit_or_period_is_invalid(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidAnswer) as caught:
        read_schedule(schedule(**changes), "GetCompositeSchedule")
    assert caught.value.action == "GetCompositeSchedule"
