"""Answers to the calls of the Smart Charging profile (OCPP 1.6 §5.5, §5.7, §5.16)."""

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from .answers import SILENCE, Answer, Odd, accepted, rejected, status
from .clock import timestamp
from .connector import Status
from .errors import SimulatedCallError
from .profiles import Kind, Profile, Purpose, Unit

if TYPE_CHECKING:
    from .charge_point import ChargePoint

type Json = dict[str, Any]


def set_charging_profile(cp: ChargePoint, payload: Json) -> Answer | Odd:
    """§5.16, errata 3.38 and 3.39."""
    _supported(cp)
    number = payload["connectorId"]
    _existing(cp, number)
    profile = Profile.parse(number, payload["csChargingProfiles"], cp.device.now())
    if not (_within_bounds(cp, profile) and _in_its_place(cp, profile)):
        return rejected()
    if profile.purpose in cp.quirks.rejected_purposes or _is_stuck(cp, profile):
        return rejected()
    if cp.quirks.leaves_absolute_unanswered and profile.kind is Kind.ABSOLUTE:
        return SILENCE
    if profile.purpose in cp.quirks.ignored_purposes:
        return accepted()
    cp.stack.install(profile)
    return accepted(cp.refresh)


def clear_charging_profile(cp: ChargePoint, payload: Json) -> Answer:
    """§5.5: an id, or everything that meets all given criteria."""
    _supported(cp)
    purpose = payload.get("chargingProfilePurpose")
    if any(_is_stuck(cp, one) for one in cp.stack.installed) and (
        purpose == Purpose.TX or payload.get("id") is not None
    ):
        return status("Unknown")
    removed = cp.stack.clear(
        profile_id=payload.get("id"),
        connector_id=payload.get("connectorId"),
        purpose=Purpose(purpose) if purpose else None,
        stack_level=payload.get("stackLevel"),
    )
    return accepted(cp.refresh) if removed else status("Unknown")


def get_composite_schedule(cp: ChargePoint, payload: Json) -> Answer:
    """§5.7: what the charge point expects to allow from now on."""
    _supported(cp)
    number = payload["connectorId"]
    _existing(cp, number)
    duration_s = payload["duration"]
    now = cp.device.now()
    # The offsets are whole seconds, so the schedule begins with the next whole one.
    start = now.replace(microsecond=0)
    if start < now:
        start += timedelta(seconds=1)
    connectors = (
        list(cp.connectors.values()) if number == 0 else [cp.connectors[number]]
    )
    sessions = {connector.id: connector.session(start) for connector in connectors}
    unit = _unit(cp, payload.get("chargingRateUnit"))
    periods = cp.stack.composite(list(sessions), start, duration_s, unit, sessions)
    if cp.quirks.composite_negative_limit:
        periods = [_unlimited_as_negative(cp, period) for period in periods]
    return Answer(
        payload={
            "status": "Accepted",
            "connectorId": number,
            "scheduleStart": timestamp(start),
            "chargingSchedule": {
                "duration": duration_s,
                "startSchedule": timestamp(start),
                "chargingRateUnit": unit.value,
                "chargingSchedulePeriod": periods,
            },
        }
    )


def _is_stuck(cp: ChargePoint, profile: Profile) -> bool:
    """Return whether a transaction that is suspended keeps the profile it has."""
    connector = cp.connectors.get(profile.connector_id)
    return (
        cp.quirks.rejects_tx_profile_when_suspended
        and profile.purpose is Purpose.TX
        and connector is not None
        and connector.status is Status.SUSPENDED_EVSE
        and any(one.purpose is Purpose.TX for one in cp.stack.installed)
    )


def _supported(cp: ChargePoint) -> None:
    if cp.quirks.no_smart_charging:
        raise SimulatedCallError(
            "NotSupported", "this charge point has no smart charging"
        )


def _existing(cp: ChargePoint, number: int) -> None:
    if number != 0 and number not in cp.connectors:
        raise SimulatedCallError(
            "PropertyConstraintViolation", f"no connector {number}"
        )


def _within_bounds(cp: ChargePoint, profile: Profile) -> bool:
    """Return whether the charge point has room and the abilities for a profile."""
    configuration, quirks = cp.configuration, cp.quirks
    highest = (
        0
        if quirks.only_stack_level_zero
        else configuration.integer("ChargeProfileMaxStackLevel")
    )
    return (
        0 <= profile.stack_level <= highest
        and len(profile.periods) <= configuration.integer("ChargingScheduleMaxPeriods")
        and profile.unit in _units(cp)
        and not (quirks.rejects_relative and profile.kind is Kind.RELATIVE)
        and not (quirks.rejects_absolute and profile.kind is Kind.ABSOLUTE)
        and (
            not cp.stack.would_grow(profile)
            or len(cp.stack.installed)
            < configuration.integer("MaxChargingProfilesInstalled")
        )
    )


def _in_its_place(cp: ChargePoint, profile: Profile) -> bool:
    """Return whether a profile is on a connector where its purpose may be (§3.13.1)."""
    match profile.purpose:
        case Purpose.CHARGE_POINT_MAX:
            return profile.connector_id == 0
        case Purpose.TX_DEFAULT:
            return True
        case Purpose.TX:
            connector = cp.connectors.get(profile.connector_id)
            if connector is None or connector.transaction is None:
                return False
            return profile.transaction_id in (None, connector.transaction_id)


def _units(cp: ChargePoint) -> set[Unit]:
    """Return the units allowed; the key says Current and Power (errata 3.86)."""
    words = {"Current": Unit.A, "Power": Unit.W, "A": Unit.A, "W": Unit.W}
    listed = cp.configuration.items("ChargingScheduleAllowedChargingRateUnit")
    return {words[word] for word in listed if word in words}


def _unit(cp: ChargePoint, asked: str | None) -> Unit:
    """Return the unit of a composite schedule: the asked one if it is known."""
    allowed = _units(cp)
    wanted = Unit(asked) if asked else Unit.A
    return wanted if wanted in allowed else next(iter(allowed), wanted)


def _unlimited_as_negative(cp: ChargePoint, period: Json) -> Json:
    unlimited = period["limit"] >= cp.options.max_current
    return {**period, "limit": -1} if unlimited else period


HANDLERS: dict[str, Callable[[ChargePoint, Json], Answer | Odd]] = {
    "ClearChargingProfile": clear_charging_profile,
    "GetCompositeSchedule": get_composite_schedule,
    "SetChargingProfile": set_charging_profile,
}
