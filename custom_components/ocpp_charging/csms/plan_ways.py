"""The ways to put a plan on a charger, in the order in which they are tried.

Chargers differ in the purpose, the unit, the stack level and the kind of schedule that
they take, and some accept a profile and ignore it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from .charger import Charger
from .errors import CommandError, CommandFailed, CommandRefused, CommandTimeout
from .limits import limit_level
from .model import ProfilePurpose, RateUnit, ScheduleOrigin

PLAN_IDS = {
    ProfilePurpose.CHARGER_MAX: 1300,
    ProfilePurpose.DEFAULT: 1400,
    ProfilePurpose.TRANSACTION: 1500,
}
"""Ids of the profiles that carry a plan; the connector is added."""

SHARE_IDS = {
    ProfilePurpose.CHARGER_MAX: 1600,
    ProfilePurpose.DEFAULT: 1700,
    ProfilePurpose.TRANSACTION: 1800,
}
"""Ids of the profiles that carry a share of the fuse; the connector is added."""

_OF_SESSIONS = frozenset({ScheduleOrigin.SESSION, ScheduleOrigin.RECEIVED})
"""What a charger is given that takes no absolute schedule."""


@dataclass(frozen=True, kw_only=True)
class PlanWay:
    """One way to tell a charger a plan."""

    purpose: ProfilePurpose
    unit: RateUnit
    level: int
    origin: ScheduleOrigin


def plan_ids(connector_id: int) -> frozenset[int]:
    """Return the ids of all profiles that may carry a connector's plan."""
    return frozenset(first + connector_id for first in PLAN_IDS.values())


def is_ours(profile_id: int) -> bool:
    """Say whether a profile carries a limit, a plan or a share: not the owner's own."""
    return 1000 <= profile_id < 2200


def purposes(charger: Charger, connector_id: int) -> list[ProfilePurpose]:
    """Return the purposes that could carry a plan now, the best first.

    ChargePointMaxProfile is of the whole charger (OCPP 1.6 §7.11): it serves where
    there is one connector. TxProfile needs a transaction (§3.13.1).
    """
    found = [ProfilePurpose.DEFAULT]
    if charger.connector(connector_id).transaction is not None:
        found.insert(0, ProfilePurpose.TRANSACTION)
    if len(charger.connectors) == 1:
        found.append(ProfilePurpose.CHARGER_MAX)
    features = charger.features
    usable = [each for each in found if each not in features.plan_ignored]
    return sorted(usable, key=lambda each: each is not features.plan_purpose)


def ways(charger: Charger, connector_id: int) -> Iterator[PlanWay]:
    """Yield the ways to install a plan now, what worked before first.

    Of the many combinations only those are tried that differ in two things at most
    from the first: each is a message that a charger has to refuse.
    """
    features = charger.features
    in_session = charger.connector(connector_id).transaction is not None
    units = [each for each in RateUnit if each in (features.rate_units or RateUnit)]
    units.sort(key=lambda each: each is not features.plan_unit)
    # Some keep us waiting for each schedule that counts from a moment of the day.
    waits = not in_session and features.plan_origin in _OF_SESSIONS
    for purpose in purposes(charger, connector_id):
        if waits and purpose is ProfilePurpose.DEFAULT:
            continue
        levels = _levels(charger, connector_id, purpose)
        begins = origins(charger, purpose, in_session=in_session)
        combinations = [
            (
                (unit != units[0]) + (level != levels[0]) + (origin != begins[0]),
                PlanWay(purpose=purpose, unit=unit, level=level, origin=origin),
            )
            for origin in begins
            for level in levels
            for unit in units
        ]
        for differences, way in sorted(combinations, key=lambda each: each[0]):
            if differences <= 2:
                yield way


def _levels(charger: Charger, connector_id: int, purpose: ProfilePurpose) -> list[int]:
    """Return the stack levels to try: above the owner's limit, else in its place."""
    features = charger.features
    owners = limit_level(charger, connector_id, purpose)
    above = 1 if owners is None else owners + 1
    highest = 99 if features.max_stack_level is None else features.max_stack_level
    levels = [min(above, highest), owners or 0]
    if features.plan_level is not None and features.plan_level >= (owners or 0):
        levels.insert(0, features.plan_level)
    return list(dict.fromkeys(levels))


def origins(
    charger: Charger, purpose: ProfilePurpose, *, in_session: bool
) -> list[ScheduleOrigin]:
    """Return from when a schedule can count; nobody knows when a session will begin."""
    origins = [ScheduleOrigin.ABSOLUTE]
    if in_session and purpose is not ProfilePurpose.CHARGER_MAX:
        origins.append(ScheduleOrigin.SESSION)
    if in_session or purpose is ProfilePurpose.CHARGER_MAX:
        origins.append(ScheduleOrigin.RECEIVED)
    return sorted(origins, key=lambda each: each is not charger.features.plan_origin)


class Tries:
    """What the ways that failed say of those that are left to try."""

    def __init__(self) -> None:
        """Begin with all hope."""
        self._unsupported: set[ProfilePurpose] = set()
        self._unanswered: set[tuple[ProfilePurpose, ScheduleOrigin]] = set()

    @property
    def found_unsupported(self) -> bool:
        """Say whether there is a purpose that the charger does not know at all."""
        return bool(self._unsupported)

    def is_worth(self, way: PlanWay) -> bool:
        """Say whether a way may be taken after those that failed."""
        unanswered = (way.purpose, way.origin) in self._unanswered
        return way.purpose not in self._unsupported and not unanswered

    def failed(self, way: PlanWay, error: CommandError) -> None:
        """Note how a way failed.

        Who supports no such purpose takes it with no unit or level either. Who leaves
        us without an answer (some do to every absolute schedule) would do so again,
        and nothing else can be said to a charger until it is given up.
        """
        if isinstance(error, CommandTimeout):
            self._unanswered.add((way.purpose, way.origin))
        failed = isinstance(error, CommandFailed) and error.unsupported
        refused = isinstance(error, CommandRefused) and error.status == "NotSupported"
        if failed or refused:
            self._unsupported.add(way.purpose)
