"""The friendly form of a charging profile: what an action's fields mean.

A homeowner gives a limit, perhaps a duration or a list of periods; this module turns
that into the csms' `ChargingProfile`, and schedules back into an action's response.
Everything that OCPP 1.6 §5.16 and §7.8-7.14 forbid, or that the charger is known not
to take, is refused here, before anything is sent.
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

from homeassistant.helpers import config_validation as cv
from homeassistant.util import dt as dt_util
import probatio

from .csms.charger import Charger
from .csms.model import (
    ChargingProfile,
    ChargingSchedule,
    ProfileKind,
    ProfilePurpose,
    RateUnit,
    Recurrency,
    SchedulePeriod,
)
from .helpers import charger_name, invalid

_PROFILE_IDS = {
    ProfilePurpose.CHARGER_MAX: 10_000,
    ProfilePurpose.DEFAULT: 20_000,
    ProfilePurpose.TRANSACTION: 30_000,
}
"""Ids of the profiles made here; 100 x connector and the stack level are added."""

PURPOSES = {
    "charge_point_max_profile": ProfilePurpose.CHARGER_MAX,
    "tx_default_profile": ProfilePurpose.DEFAULT,
    "tx_profile": ProfilePurpose.TRANSACTION,
}
KINDS = {kind.value.lower(): kind for kind in ProfileKind}
RECURRENCES = {recurrence.value.lower(): recurrence for recurrence in Recurrency}
RECURRENCE_LENGTH = {
    Recurrency.DAILY: timedelta(days=1),
    Recurrency.WEEKLY: timedelta(days=7),
}


def choice[T](words: Mapping[str, T]) -> Any:
    """Return a validator that takes a word of the user interface or OCPP's own."""
    known = {**words, **{str(value): value for value in words.values()}}

    def validate(value: object) -> T:
        if isinstance(value, str) and value in known:
            return known[value]
        raise probatio.Invalid(f"must be one of {', '.join(words)}")

    return validate


def aware(value: object) -> datetime:
    """Validate a moment; one without a zone is in Home Assistant's time zone."""
    return dt_util.as_utc(cv.datetime(value))


limit = probatio.All(probatio.Coerce(float), probatio.Range(min=0, max=1_000_000))
phases = probatio.All(probatio.Coerce(int), probatio.Range(min=1, max=3))
stack_level = probatio.All(probatio.Coerce(int), probatio.Range(min=0, max=99))
unit = probatio.All(probatio.Upper, probatio.Coerce(RateUnit))

PERIOD_SCHEMA = probatio.Schema(
    {
        probatio.Required("start"): cv.positive_time_period,
        probatio.Required("limit"): limit,
        probatio.Optional("phases"): phases,
    }
)

PROFILE_FIELDS: dict[probatio.Marker, Any] = {
    probatio.Exclusive("limit", "form"): limit,
    probatio.Exclusive("periods", "form"): probatio.All(
        cv.ensure_list, probatio.Length(min=1), [PERIOD_SCHEMA]
    ),
    probatio.Optional("unit", default=RateUnit.AMPERE): unit,
    probatio.Optional("phases"): phases,
    probatio.Optional("duration"): cv.positive_time_period,
    probatio.Optional("purpose", default=ProfilePurpose.DEFAULT): choice(PURPOSES),
    probatio.Optional("stack_level"): stack_level,
    probatio.Optional("profile_id"): probatio.All(
        probatio.Coerce(int), probatio.Range(min=1)
    ),
    probatio.Optional("kind"): choice(KINDS),
    probatio.Optional("recurrence"): choice(RECURRENCES),
    probatio.Optional("start"): aware,
    probatio.Optional("valid_from"): aware,
    probatio.Optional("valid_to"): aware,
}


def build_profile(
    charger: Charger, connector_id: int, data: Mapping[str, Any]
) -> ChargingProfile:
    """Return the profile that an action's fields (`PROFILE_FIELDS`) describe.

    Raises a translated `ServiceValidationError` for what cannot be meant, or what
    this charger is known not to take.
    """
    purpose: ProfilePurpose = data["purpose"]
    level: int | None = data.get("stack_level")
    if level is None:
        level = _default_level(charger, connector_id, purpose)
    kind, recurrence, start = _timing(data)
    periods = _periods(charger, data, recurrence)
    _check_abilities(charger, level, data["unit"])
    if "valid_from" in data and "valid_to" in data:
        _require(data["valid_from"] < data["valid_to"], "validity_reversed")
    return ChargingProfile(
        profile_id=data.get(
            "profile_id", _PROFILE_IDS[purpose] + 100 * connector_id + level
        ),
        purpose=purpose,
        stack_level=level,
        kind=kind,
        recurrency=recurrence,
        transaction_id=transaction_for(charger, connector_id, purpose),
        valid_from=data.get("valid_from"),
        valid_to=data.get("valid_to"),
        schedule=ChargingSchedule(
            unit=data["unit"],
            periods=periods,
            duration=_whole_seconds(data["duration"]) if "duration" in data else None,
            start=start,
        ),
    )


def transaction_for(
    charger: Charger, connector_id: int, purpose: ProfilePurpose
) -> int | None:
    """Return the id of the transaction that a profile of this purpose is for.

    None for purposes that need none. A ChargePointMaxProfile is for connector 0, a
    TxProfile for the running transaction of one connector (OCPP 1.6 §5.16).
    """
    match purpose:
        case ProfilePurpose.CHARGER_MAX:
            _require(
                connector_id == 0,
                "max_profile_needs_charger",
                charger=charger_name(charger),
            )
            return None
        case ProfilePurpose.DEFAULT:
            return None
        case ProfilePurpose.TRANSACTION:
            running = charger.connector(connector_id).transaction
            if running is None:
                raise invalid(
                    "no_transaction", charger=charger_name(charger, connector_id)
                )
            return running.transaction_id


def schedule_response(schedule: ChargingSchedule | None) -> dict[str, Any]:
    """Return a schedule as an action's response; times as text, lengths in seconds."""
    if schedule is None:
        return {"unit": None, "start": None, "duration": None, "periods": []}
    return {
        "unit": schedule.unit.value,
        "start": _text(schedule.start),
        "duration": _seconds(schedule.duration),
        "min_rate": schedule.min_rate,
        "periods": [
            {
                "start": _seconds(period.start),
                "from": _text(_moment(schedule.start, period.start)),
                "limit": period.limit,
                "phases": period.phases,
            }
            for period in schedule.periods
        ],
    }


def plain(value: object) -> Any:
    """Return YAML's dates and times inside `value` as the texts that OCPP wants."""
    match value:
        case datetime():
            return dt_util.as_utc(value).isoformat().replace("+00:00", "Z")
        case date():
            return value.isoformat()
        case Mapping():
            return {str(key): plain(item) for key, item in value.items()}
        case list() | tuple():
            return [plain(item) for item in value]
        case _:
            return value


def _require(condition: bool, key: str, **placeholders: object) -> None:
    if not condition:
        raise invalid(key, **placeholders)


def _timing(
    data: Mapping[str, Any],
) -> tuple[ProfileKind, Recurrency | None, datetime | None]:
    """Return how the schedule lies in time, and its start.

    A schedule without a start begins now, so that no gap without a limit is left; a
    recurring one at midnight (weekly: of Monday), so that its periods' starts are
    times of the day. A relative one has none (OCPP 1.6 §7.13).
    """
    recurrence: Recurrency | None = data.get("recurrence")
    start: datetime | None = data.get("start")
    kind: ProfileKind = data.get(
        "kind", ProfileKind.ABSOLUTE if recurrence is None else ProfileKind.RECURRING
    )
    if kind is ProfileKind.RECURRING:
        recurrence = recurrence or Recurrency.DAILY
    else:
        _require(recurrence is None, "recurrence_without_recurring")
    if kind is ProfileKind.RELATIVE:
        _require(start is None, "start_with_relative")
    elif start is None:
        start = _default_start(recurrence)
    return kind, recurrence, start


def _default_start(recurrence: Recurrency | None) -> datetime:
    if recurrence is None:
        return dt_util.utcnow().replace(microsecond=0)
    midnight = dt_util.start_of_local_day()
    if recurrence is Recurrency.WEEKLY:
        monday = midnight.date() - timedelta(days=midnight.weekday())
        midnight = dt_util.start_of_local_day(monday)
    return dt_util.as_utc(midnight)


def _periods(
    charger: Charger, data: Mapping[str, Any], recurrence: Recurrency | None
) -> tuple[SchedulePeriod, ...]:
    """Return the schedule's periods: ascending, from 0, within its length."""
    if "periods" in data:
        given = data["periods"]
    else:
        _require("limit" in data, "limit_missing")
        given = [{"start": timedelta(), "limit": data["limit"]}]
    periods = tuple(
        SchedulePeriod(
            start=_whole_seconds(period["start"]),
            limit=round(period["limit"], 1),
            phases=period.get("phases", data.get("phases")),
        )
        for period in given
    )
    starts = [period.start for period in periods]
    _require(not starts[0], "first_period_not_zero")
    _require(
        all(one < next_one for one, next_one in pairwise(starts)),
        "periods_not_ascending",
    )
    _require(
        "duration" not in data or starts[-1] < data["duration"],
        "period_after_duration",
    )
    if recurrence is not None:
        length = RECURRENCE_LENGTH[recurrence]
        _require(
            starts[-1] < length and data.get("duration", length) <= length,
            "longer_than_recurrence",
            hours=f"{length.total_seconds() / 3600:g}",
        )
    most = charger.features.max_periods
    if most is not None and len(periods) > most:
        raise invalid(
            "too_many_periods",
            charger=charger_name(charger),
            count=len(periods),
            max=most,
        )
    return periods


def _check_abilities(charger: Charger, level: int, rate_unit: RateUnit) -> None:
    """Refuse what the charger's configuration says it does not take (§9.4)."""
    features = charger.features
    name = charger_name(charger)
    _require(
        features.has("SmartCharging") is not False,
        "smart_charging_missing",
        charger=name,
    )
    _require(
        features.max_stack_level is None or level <= features.max_stack_level,
        "stack_level_too_high",
        charger=name,
        level=level,
        max=features.max_stack_level,
    )
    _require(
        not features.rate_units or rate_unit in features.rate_units,
        "unit_not_taken",
        charger=name,
        unit=rate_unit.value,
        units=", ".join(sorted(features.rate_units or ())),
    )


def _default_level(charger: Charger, connector_id: int, purpose: ProfilePurpose) -> int:
    """Return the lowest stack level at which a profile made here counts.

    Of one purpose the highest level prevails, and a profile of the same level is
    replaced (OCPP 1.6 §3.13.2). So it goes one above what others have installed (the
    owner's limit, say), which then comes back when this one ends; and at level 0,
    which every charger takes, where there is nothing.
    """
    taken: list[int] = [
        installed.payload["stackLevel"]
        for profile_id, installed in charger.memory.profiles.items()
        if installed.payload["chargingProfilePurpose"] == purpose
        and installed.connector_id in {0, connector_id}
        and profile_id < min(_PROFILE_IDS.values())
    ]
    highest = charger.features.max_stack_level
    if not taken:
        return 0
    return max(taken) if highest is None else min(max(taken) + 1, highest)


def _whole_seconds(length: timedelta) -> timedelta:
    return timedelta(seconds=round(length.total_seconds()))


def _seconds(length: timedelta | None) -> int | None:
    return None if length is None else round(length.total_seconds())


def _moment(start: datetime | None, after: timedelta) -> datetime | None:
    """Return start + after; None where a charger's number leads out of the calendar."""
    if start is None:
        return None
    try:
        return start + after
    except OverflowError:
        return None


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else dt_util.as_local(moment).isoformat()
