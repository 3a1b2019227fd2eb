"""The owner's limit of a connector, in the form that its charger obeys.

Chargers differ in the purpose, the unit and the kind that they take, and some accept a
limit and ignore it: the ways are tried in turn, and what works is remembered.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
import logging

from .charger import Charger
from .commands import Commands
from .errors import (
    CommandError,
    CommandFailed,
    CommandRefused,
    CommandTimeout,
    InvalidAnswer,
    InvalidRequest,
)
from .model import (
    ChargingProfile,
    ChargingSchedule,
    ProfileKind,
    ProfilePurpose,
    RateUnit,
    SchedulePeriod,
)
from .schedules import NOMINAL_VOLTAGE

_LOGGER = logging.getLogger(__name__)

_TOLERANCE_A = 0.5
_PROFILE_IDS = {
    ProfilePurpose.CHARGER_MAX: 1000,
    ProfilePurpose.DEFAULT: 1100,
    ProfilePurpose.TRANSACTION: 1200,
}
"""Ids of the profiles that carry the owner's limit; the connector is added."""


@dataclass(frozen=True, kw_only=True)
class _Way:
    """One way to tell a charger a limit."""

    purpose: ProfilePurpose
    unit: RateUnit
    stack_level: int
    kind: ProfileKind = ProfileKind.ABSOLUTE


async def set_limit(
    charger: Charger, commands: Commands, connector_id: int, limit_a: float
) -> None:
    """Send a limit, or leave it for the next session where only one may take it.

    A charger may know no other purpose than TxProfile, for which there must be a
    transaction (OCPP 1.6 §3.13.1). Raises the last refusal as `apply_limit` does.
    """
    features = charger.features
    in_session = charger.connector(connector_id).transaction is not None
    if features.limit_purpose is ProfilePurpose.TRANSACTION and not in_session:
        return
    try:
        await apply_limit(charger, commands, connector_id, limit_a)
    except CommandRefused as refused:
        hopeless = refused.status == "NotSupported"
        if in_session or hopeless or features.has("SmartCharging") is False:
            raise
        _LOGGER.debug(
            "%s: the limit is kept for the next session: %s", charger.identity, refused
        )


async def ensure_limit(
    charger: Charger, commands: Commands, connector_id: int, limit_a: float
) -> None:
    """Send a limit that was sent before again, unless it is seen to be obeyed."""
    features = charger.features
    if features.limit_purpose is not None and features.limit_unit is not None:
        way = _Way(
            purpose=features.limit_purpose,
            unit=features.limit_unit,
            stack_level=0,
            kind=features.limit_kind,
        )
        if await _obeyed(charger, commands, connector_id, limit_a, way):
            return
    await apply_limit(charger, commands, connector_id, limit_a)


def phases_sent(charger: Charger, connector_id: int) -> int | None:
    """Return for how many phases the installed limit in watts is, 0 when not said.

    None when none is installed that counts in watts.
    """
    purpose = charger.features.limit_purpose
    if purpose is None:
        return None
    installed = charger.memory.profiles.get(_PROFILE_IDS[purpose] + connector_id)
    if installed is None:
        return None
    schedule = installed.payload["chargingSchedule"]
    if schedule["chargingRateUnit"] != RateUnit.WATT:
        return None
    return int(schedule["chargingSchedulePeriod"][0].get("numberPhases", 0))


def limit_level(
    charger: Charger,
    connector_id: int,
    purpose: ProfilePurpose,
    *,
    installed: bool = False,
) -> int | None:
    """Return the stack level of the owner's limit, None when it is of no such purpose.

    A limit of which only the purpose is known belongs to the lowest level; one that
    must be `installed` is none then: a plan may have taken its place.
    """
    known = charger.memory.profiles.get(_PROFILE_IDS[purpose] + connector_id)
    if known is not None:
        return int(known.payload["stackLevel"])
    if installed:
        return None
    kept = connector_id in charger.memory.limits_a
    return 0 if kept and charger.features.limit_purpose is purpose else None


def forget_cleared(charger: Charger, cleared: Iterable[int]) -> None:
    """Forget the limits whose profiles were cleared, the last one of each."""
    removed = set(cleared)
    limits_a = dict(charger.memory.limits_a)
    for connector_id in tuple(limits_a):
        ours = {first + connector_id for first in _PROFILE_IDS.values()}
        if ours & removed and not ours & charger.memory.profiles.keys():
            del limits_a[connector_id]
            changed = charger.connector(connector_id).set_limit(None)
            charger.publish(connector_id, changed)
    charger.remember(limits_a=limits_a)


async def apply_limit(
    charger: Charger, commands: Commands, connector_id: int, limit_a: float
) -> None:
    """Send a limit in the first way that the charger takes and really obeys."""
    refusal: CommandError | None = None
    unanswered: set[tuple[ProfilePurpose, ProfileKind]] = set()
    for way in _ways(charger, connector_id):
        if (way.purpose, way.kind) in unanswered:
            continue
        try:
            await _send_limit(charger, commands, connector_id, limit_a, way)
        except (CommandRefused, CommandFailed, CommandTimeout, InvalidAnswer) as error:
            refusal = error
            if isinstance(error, CommandTimeout):
                unanswered.add((way.purpose, way.kind))
            continue
        if await _obeyed(charger, commands, connector_id, limit_a, way):
            features = replace(
                charger.features,
                limit_purpose=way.purpose,
                limit_unit=way.unit,
                limit_kind=way.kind,
            )
            charger.remember(features=features)
            return
        await _take_back(charger, commands, connector_id, way)
        refusal = CommandRefused("SetChargingProfile", "Ignored")
    raise refusal or InvalidRequest("SetChargingProfile", "the charger takes no limit")


def _ways(charger: Charger, connector_id: int) -> Iterator[_Way]:
    """Yield the ways to set a limit, the one that worked before first.

    ChargePointMaxProfile limits the whole charger (OCPP 1.6 §7.11): it serves where
    there is one connector.
    """
    features = charger.features
    purposes = [ProfilePurpose.DEFAULT]
    if len(charger.connectors) == 1:
        purposes.insert(0, ProfilePurpose.CHARGER_MAX)
    if charger.connector(connector_id).transaction is not None:
        purposes.append(ProfilePurpose.TRANSACTION)
    units = [
        unit
        for unit in RateUnit
        if unit in (features.rate_units or frozenset(RateUnit))
    ]
    # The lowest level, which all chargers take, leaves room above it for profiles that
    # hold for a while; the highest where one that is not ours prevails.
    levels = dict.fromkeys((0, features.max_stack_level or 0))
    ways = [
        _Way(purpose=purpose, unit=unit, stack_level=level, kind=kind)
        for kind in (ProfileKind.ABSOLUTE, ProfileKind.RELATIVE)
        for purpose in purposes
        # A relative one counts from a session on, which a charger has none of.
        if kind is ProfileKind.ABSOLUTE or purpose is not ProfilePurpose.CHARGER_MAX
        for unit in units
        for level in levels
    ]
    proven = features.limit_purpose, features.limit_unit, features.limit_kind

    def unproven(way: _Way) -> bool:
        return (way.purpose, way.unit, way.kind) != proven

    yield from sorted(ways, key=unproven)


async def _send_limit(
    charger: Charger,
    commands: Commands,
    connector_id: int,
    limit_a: float,
    way: _Way,
) -> None:
    connector = charger.connector(connector_id)
    watts = way.unit is RateUnit.WATT
    limit = limit_a * NOMINAL_VOLTAGE * connector.phases if watts else limit_a
    # Where nothing is said it is for three (OCPP 1.6 §7.14), and few amperes on each;
    # but one that switches phases would turn to one.
    said = connector.known_phases if charger.switches_phases else connector.phases
    transaction = connector.transaction
    in_transaction = way.purpose is ProfilePurpose.TRANSACTION and transaction
    # A start in the past leaves no moment without a limit when clocks differ.
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
    profile = ChargingProfile(
        profile_id=_PROFILE_IDS[way.purpose] + connector_id,
        purpose=way.purpose,
        kind=way.kind,
        stack_level=way.stack_level,
        transaction_id=transaction.transaction_id
        if in_transaction and transaction
        else None,
        schedule=ChargingSchedule(
            unit=way.unit,
            start=start if way.kind is ProfileKind.ABSOLUTE else None,
            periods=(
                SchedulePeriod(
                    start=timedelta(0),
                    limit=round(limit, 1),
                    phases=said if watts else None,
                ),
            ),
        ),
    )
    whole = way.purpose is ProfilePurpose.CHARGER_MAX
    await commands.set_profile(0 if whole else connector_id, profile)


async def _take_back(
    charger: Charger, commands: Commands, connector_id: int, way: _Way
) -> None:
    """Remove a profile that is not obeyed: it might be one day, and be in the way."""
    profile_id = _PROFILE_IDS[way.purpose] + connector_id
    try:
        await commands.clear_profiles(profile_id=profile_id, keep_limits=True)
    except (CommandRefused, CommandFailed, CommandTimeout, InvalidAnswer) as error:
        _LOGGER.debug(
            "%s: profile %s, which is not obeyed, stays: %s",
            charger.identity,
            profile_id,
            error,
        )


async def _obeyed(
    charger: Charger, commands: Commands, connector_id: int, limit_a: float, way: _Way
) -> bool:
    """Say whether the charger's own composite schedule keeps the limit.

    A charger that cannot tell is believed, and so is one that has a default for
    sessions while there is none: it need not count it in (OCPP 1.6 §3.13.4).
    """
    in_session = charger.connector(connector_id).transaction is not None
    if way.purpose is ProfilePurpose.DEFAULT and not in_session:
        return True
    if charger.connector(connector_id).share_a is not None:
        # The fuse's share is above it, and follows the limit in a moment.
        return True
    try:
        schedule = await commands.composite_schedule(connector_id, timedelta(minutes=1))
    except CommandRefused, CommandFailed, CommandTimeout, InvalidAnswer:
        return True
    if schedule is None or schedule.periods[0].limit < 0:
        return True
    first = schedule.periods[0]
    per_phase = first.limit
    if schedule.unit is RateUnit.WATT:
        phases = first.phases or charger.connector(connector_id).phases
        per_phase = first.limit / (NOMINAL_VOLTAGE * phases)
    return per_phase <= limit_a + _TOLERANCE_A
