"""Charging profiles and schedules, to and from OCPP 1.6's form (§7.8 to §7.14)."""

from datetime import timedelta
from typing import Any

from ..errors import InvalidAnswer
from ..metering import number
from ..model import ChargingProfile, ChargingSchedule, SchedulePeriod
from . import fields
from .fields import Payload
from .words import RATE_UNITS


def _seconds(span: timedelta) -> int:
    return round(span.total_seconds())


def _without_none(**values: Any) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def profile_payload(profile: ChargingProfile) -> dict[str, Any]:
    """Write a profile as `csChargingProfiles`; limits get one decimal."""
    return _without_none(
        chargingProfileId=profile.profile_id,
        transactionId=profile.transaction_id,
        stackLevel=profile.stack_level,
        chargingProfilePurpose=str(profile.purpose),
        chargingProfileKind=str(profile.kind),
        recurrencyKind=None if profile.recurrency is None else str(profile.recurrency),
        validFrom=None
        if profile.valid_from is None
        else fields.iso(profile.valid_from),
        validTo=None if profile.valid_to is None else fields.iso(profile.valid_to),
        chargingSchedule=_schedule_payload(profile.schedule),
    )


def _schedule_payload(schedule: ChargingSchedule) -> dict[str, Any]:
    return _without_none(
        duration=None if schedule.duration is None else _seconds(schedule.duration),
        startSchedule=None if schedule.start is None else fields.iso(schedule.start),
        chargingRateUnit=str(schedule.unit),
        chargingSchedulePeriod=[
            _without_none(
                startPeriod=_seconds(period.start),
                limit=round(period.limit, 1),
                numberPhases=period.phases,
            )
            for period in schedule.periods
        ],
        minChargingRate=(
            None if schedule.min_rate is None else round(schedule.min_rate, 1)
        ),
    )


def read_schedule(payload: Payload, action: str) -> ChargingSchedule:
    """Read a schedule that a charger sent; odd numbers of periods and limits pass.

    Raises `InvalidAnswer` when it has no unit or no period that makes sense.
    """
    unit = RATE_UNITS.get(fields.text(payload, "chargingRateUnit") or "")
    periods = tuple(
        SchedulePeriod(
            start=timedelta(seconds=start),
            limit=limit,
            phases=fields.integer(period, "numberPhases"),
        )
        for period in fields.objects(payload, "chargingSchedulePeriod")
        if (start := fields.integer(period, "startPeriod")) is not None
        and 0 <= start <= _LONGEST_S
        and (limit := number(str(period.get("limit")))) is not None
    )
    if unit is None or not periods:
        raise InvalidAnswer(action, "the schedule has no unit or no period")
    duration = fields.integer(payload, "duration")
    return ChargingSchedule(
        unit=unit,
        periods=periods,
        duration=(
            timedelta(seconds=duration)
            if duration is not None and 0 <= duration <= _LONGEST_S
            else None
        ),
        start=fields.moment(payload, "startSchedule"),
    )


_LONGEST_S = 10 * 365 * 86_400
"""Spans over ten years are a charger's way to say for ever."""
