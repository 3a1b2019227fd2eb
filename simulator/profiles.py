"""Charging profiles of a charge point: the stack, and what it allows when.

Written from OCPP 1.6 §3.13, §5.5, §5.7, §5.16 and §7.8 to §7.14 with the errata
(v4.0) alone. The rules, in the order in which they apply to a moment:

1. A profile counts while the moment is within validFrom and validTo and within the
   duration of its schedule. Absolute and recurring schedules begin at startSchedule,
   recurring ones every day or week anew; relative ones, and absolute ones without
   startSchedule, with the transaction.
2. Within a purpose the profile with the highest stack level that counts prevails.
3. A TxDefaultProfile for one connector replaces one of the same stack level for
   connector 0.
4. A TxProfile that counts overrules every TxDefaultProfile. The specification does not
   say what happens once its schedule has ended within the transaction; here the
   default counts again, unless `tx_profile_hides_default` is set.
5. The limit is the minimum of ChargePointMaxProfile and that.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from .clock import parse_timestamp


class Purpose(StrEnum):
    """OCPP 1.6 §7.11."""

    CHARGE_POINT_MAX = "ChargePointMaxProfile"
    TX_DEFAULT = "TxDefaultProfile"
    TX = "TxProfile"


class Kind(StrEnum):
    """OCPP 1.6 §7.10."""

    ABSOLUTE = "Absolute"
    RECURRING = "Recurring"
    RELATIVE = "Relative"


class Unit(StrEnum):
    """OCPP 1.6 §7.14: amperes per phase, or watts over all phases."""

    A = "A"
    W = "W"


_RECURRENCE = {"Daily": timedelta(days=1), "Weekly": timedelta(days=7)}

# How far ahead the next change of a limit is looked for; recurring profiles always
# have one within a week.
_HORIZON = timedelta(days=8)


@dataclass(frozen=True, kw_only=True)
class Period:
    """A limit from `start_s` seconds after the begin of its schedule on."""

    start_s: int
    limit: float
    phases: int | None = None


@dataclass(frozen=True, kw_only=True)
class Profile:
    """One installed charging profile."""

    id: int
    connector_id: int
    stack_level: int
    purpose: Purpose
    kind: Kind
    unit: Unit
    periods: tuple[Period, ...]
    installed_at: datetime
    transaction_id: int | None = None
    every: timedelta | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    start: datetime | None = None
    duration_s: int | None = None

    @classmethod
    def parse(cls, connector_id: int, raw: dict[str, Any], now: datetime) -> Profile:
        """Read a csChargingProfiles object (OCPP 1.6 §7.8).

        Raises KeyError for a missing field, ValueError for one that makes no sense.
        """
        schedule = raw["chargingSchedule"]
        kind = Kind(raw["chargingProfileKind"])
        recurrency = raw.get("recurrencyKind")
        if (kind is Kind.RECURRING) != (recurrency is not None):
            raise ValueError(
                "recurrencyKind belongs to a recurring profile, and to no other"
            )
        start = _moment(schedule.get("startSchedule"))
        if kind is Kind.RECURRING and start is None:
            raise ValueError("a recurring profile needs a startSchedule")
        periods = tuple(
            Period(
                start_s=period["startPeriod"],
                limit=float(period["limit"]),
                phases=period.get("numberPhases"),
            )
            for period in schedule["chargingSchedulePeriod"]
        )
        starts = [period.start_s for period in periods]
        if not starts or starts[0] != 0 or starts != sorted(set(starts)):
            raise ValueError(
                "the periods of a schedule begin at 0 and follow one another"
            )
        return cls(
            id=raw["chargingProfileId"],
            connector_id=connector_id,
            stack_level=raw["stackLevel"],
            purpose=Purpose(raw["chargingProfilePurpose"]),
            kind=kind,
            unit=Unit(schedule["chargingRateUnit"]),
            periods=periods,
            installed_at=now,
            transaction_id=raw.get("transactionId"),
            every=_RECURRENCE[recurrency] if recurrency else None,
            valid_from=_moment(raw.get("validFrom")),
            valid_to=_moment(raw.get("validTo")),
            start=None if kind is Kind.RELATIVE else start,
            duration_s=schedule.get("duration"),
        )

    def period_at(self, moment: datetime, session_start: datetime) -> Period | None:
        """Return the period in force at a moment, None where it does not count."""
        if self.valid_from and moment < self.valid_from:
            return None
        if self.valid_to and moment >= self.valid_to:
            return None
        begin = self._begin(session_start)
        if moment < begin:
            return None
        if self.every:
            begin += (moment - begin) // self.every * self.every
        offset_s = (moment - begin).total_seconds()
        if self.duration_s is not None and offset_s >= self.duration_s:
            return None
        return next(
            period for period in reversed(self.periods) if period.start_s <= offset_s
        )

    def changes(
        self, after: datetime, until: datetime, session_start: datetime
    ) -> Iterator[datetime]:
        """Yield, unordered, the moments in (after, until) at which it may change."""
        offsets = [period.start_s for period in self.periods]
        if self.duration_s is not None:
            offsets.append(self.duration_s)
        moments = [moment for moment in (self.valid_from, self.valid_to) if moment]
        begin = self._begin(session_start)
        if self.every and after > begin:
            begin += (after - begin) // self.every * self.every
        while begin < until:
            moments += [begin + timedelta(seconds=offset) for offset in offsets]
            if not self.every:
                break
            begin += self.every
        yield from (moment for moment in moments if after < moment < until)

    def _begin(self, session_start: datetime) -> datetime:
        """Return when the schedule (of a recurring profile: the first one) begins."""
        if self.start:
            return self.start
        if self.purpose is Purpose.CHARGE_POINT_MAX:
            # There is no transaction to be relative to.
            return self.installed_at
        return session_start


@dataclass(frozen=True, kw_only=True)
class Supplied:
    """The electrical side of a charge point, for turning watts into amperes."""

    phases: int
    voltage_v: float
    max_current_a: float

    def amperes(self, period: Period, unit: Unit) -> float:
        """Return a limit per phase in amperes.

        Where a period names no number of phases, three are assumed (OCPP 1.6 §7.14),
        as far as the charge point has them. A car that uses fewer gets no more
        per phase (errata 3.34).
        """
        if unit is Unit.A:
            return period.limit
        return period.limit / (self.voltage_v * min(period.phases or 3, self.phases))

    def watts(self, amperes: float, phases: int | None) -> float:
        """Return the power over all phases for a current per phase."""
        return amperes * self.voltage_v * min(phases or 3, self.phases)


@dataclass(frozen=True, kw_only=True)
class Limit:
    """A current per phase, and the number of phases if one is named."""

    current_a: float
    phases: int | None = None


@dataclass(frozen=True, kw_only=True)
class Session:
    """What profiles are looked at for: a transaction's begin, or now without one."""

    start: datetime
    running: bool


class ProfileStack:
    """All profiles installed on one charge point."""

    def __init__(
        self, supplied: Supplied, *, tx_profile_hides_default: bool = False
    ) -> None:
        """Start empty."""
        self._supplied = supplied
        self._hides = tx_profile_hides_default
        self.installed: list[Profile] = []

    def without_profiles(self) -> ProfileStack:
        """Return the stack of the same charge point with nothing installed."""
        return ProfileStack(self._supplied)

    def install(self, profile: Profile) -> None:
        """Add a profile in place of one with its id or its place (§5.16.3)."""

        def replaced(old: Profile) -> bool:
            return old.id == profile.id or (
                (old.connector_id, old.purpose, old.stack_level)
                == (profile.connector_id, profile.purpose, profile.stack_level)
            )

        self.installed = [old for old in self.installed if not replaced(old)] + [
            profile
        ]

    def would_grow(self, profile: Profile) -> bool:
        """Return whether installing the profile replaces none."""
        trial = ProfileStack(self._supplied)
        trial.installed = list(self.installed)
        trial.install(profile)
        return len(trial.installed) > len(self.installed)

    def clear(
        self,
        *,
        profile_id: int | None = None,
        connector_id: int | None = None,
        purpose: Purpose | None = None,
        stack_level: int | None = None,
    ) -> int:
        """Remove what matches, return how many (§5.5, errata 3.25 and 3.26).

        An id stands alone; without one, all given criteria must match; none at all
        means every profile.
        """

        def matches(old: Profile) -> bool:
            if profile_id is not None:
                return old.id == profile_id
            return (
                connector_id in (None, old.connector_id)
                and purpose in (None, old.purpose)
                and stack_level in (None, old.stack_level)
            )

        kept = [old for old in self.installed if not matches(old)]
        removed = len(self.installed) - len(kept)
        self.installed = kept
        return removed

    def end_transaction(self, connector_id: int) -> None:
        """Forget the profiles of a transaction that has ended (§3.13.1)."""
        self.clear(connector_id=connector_id, purpose=Purpose.TX)

    def maximum_at(self, moment: datetime) -> Limit | None:
        """Return what the ChargePointMaxProfiles allow all connectors together."""
        return self._prevailing(0, Purpose.CHARGE_POINT_MAX, moment, moment)

    def session_limit_at(
        self, connector_id: int, moment: datetime, session: Session
    ) -> Limit | None:
        """Return what TxProfile or else TxDefaultProfile allow one connector."""
        if session.running:
            limit = self._prevailing(connector_id, Purpose.TX, moment, session.start)
            if limit or (self._hides and self._candidates(connector_id, Purpose.TX)):
                return limit
        return self._prevailing(connector_id, Purpose.TX_DEFAULT, moment, session.start)

    def limit_at(self, connector_id: int, moment: datetime, session: Session) -> Limit:
        """Return the composite limit of a connector, with its hardware's (§3.13.3)."""
        found = [
            limit
            for limit in (
                self.maximum_at(moment),
                self.session_limit_at(connector_id, moment, session),
            )
            if limit
        ]
        named = [limit.phases for limit in found if limit.phases is not None]
        return Limit(
            current_a=min(
                [self._supplied.max_current_a, *(limit.current_a for limit in found)]
            ),
            phases=min(named) if named else None,
        )

    def next_change(
        self, connector_ids: list[int], after: datetime, sessions: dict[int, Session]
    ) -> datetime | None:
        """Return the next moment at which a limit of these connectors may change."""
        moments = [
            moment
            for connector_id in connector_ids
            for moment in self._changes(
                connector_id, after, after + _HORIZON, sessions[connector_id]
            )
        ]
        return min(moments, default=None)

    def composite(
        self,
        connector_ids: list[int],
        start: datetime,
        duration_s: int,
        unit: Unit,
        sessions: dict[int, Session],
    ) -> list[dict[str, Any]]:
        """Return the chargingSchedulePeriods of a composite schedule (§5.7).

        `start` should be a whole second. For several connectors it is what all of them
        together may draw: the sum, within the ChargePointMaxProfile.
        """
        end = start + timedelta(seconds=duration_s)
        moments = {start}
        for connector_id in connector_ids:
            moments.update(
                self._changes(connector_id, start, end, sessions[connector_id])
            )
        periods: list[dict[str, Any]] = []
        for offset in sorted({_seconds_up(moment - start) for moment in moments}):
            if offset >= duration_s > 0:
                continue
            limit = self._together_at(
                connector_ids, start + timedelta(seconds=offset), sessions
            )
            rate = (
                limit.current_a
                if unit is Unit.A
                else self._supplied.watts(limit.current_a, limit.phases)
            )
            period: dict[str, Any] = {"startPeriod": offset, "limit": round(rate, 1)}
            if limit.phases is not None:
                period["numberPhases"] = limit.phases
            last = periods[-1] if periods else {}
            if {**period, "startPeriod": 0} != {**last, "startPeriod": 0}:
                periods.append(period)
        return periods

    def _together_at(
        self, connector_ids: list[int], moment: datetime, sessions: dict[int, Session]
    ) -> Limit:
        limits = [self.limit_at(one, moment, sessions[one]) for one in connector_ids]
        total = sum(limit.current_a for limit in limits)
        maximum = self.maximum_at(moment)
        if maximum:
            total = min(total, maximum.current_a)
        named = [limit.phases for limit in limits if limit.phases is not None]
        return Limit(
            current_a=total, phases=max(named) if len(named) == len(limits) else None
        )

    def _candidates(self, connector_id: int, purpose: Purpose) -> list[Profile]:
        """Return a connector's profiles of a purpose, highest level first."""
        every = [profile for profile in self.installed if profile.purpose is purpose]
        own = [profile for profile in every if profile.connector_id == connector_id]
        if purpose is Purpose.TX_DEFAULT and connector_id != 0:
            taken = {profile.stack_level for profile in own}
            own += [
                profile
                for profile in every
                if profile.connector_id == 0 and profile.stack_level not in taken
            ]
        return sorted(own, key=lambda profile: -profile.stack_level)

    def _prevailing(
        self,
        connector_id: int,
        purpose: Purpose,
        moment: datetime,
        session_start: datetime,
    ) -> Limit | None:
        for profile in self._candidates(connector_id, purpose):
            period = profile.period_at(moment, session_start)
            if period:
                return Limit(
                    current_a=self._supplied.amperes(period, profile.unit),
                    phases=period.phases,
                )
        return None

    def _changes(
        self, connector_id: int, after: datetime, until: datetime, session: Session
    ) -> Iterator[datetime]:
        for profile in self.installed:
            if profile.connector_id in (0, connector_id):
                yield from profile.changes(after, until, session.start)


def _moment(text: str | None) -> datetime | None:
    return None if text is None else parse_timestamp(text)


def _seconds_up(delta: timedelta) -> int:
    """Return whole seconds, a begun one counted: a change within it shows after it."""
    return -(-delta // timedelta(seconds=1))
