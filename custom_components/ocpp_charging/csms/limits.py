"""The owner's limit of a connector, in the form that its charger obeys.

Chargers differ in the purpose and the unit that they take, and some accept a limit and
ignore it: the ways are tried in turn, and what works is remembered.
"""

from collections.abc import Iterator
from contextlib import suppress
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
    Change,
    ChargingProfile,
    ChargingSchedule,
    ProfilePurpose,
    RateUnit,
    SchedulePeriod,
)

_LOGGER = logging.getLogger(__name__)

NOMINAL_VOLTAGE = 230.0
"""Volts between a phase and neutral, to turn a current into a power limit."""

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


async def apply_limit(
    charger: Charger, commands: Commands, connector_id: int, limit_a: float
) -> None:
    """Send a limit in the first way that the charger takes and really obeys."""
    refusal: CommandError | None = None
    for way in _ways(charger, connector_id):
        try:
            await _send_limit(charger, commands, connector_id, limit_a, way)
        except (CommandRefused, CommandFailed, CommandTimeout, InvalidAnswer) as error:
            refusal = error
            continue
        if await _obeyed(charger, commands, connector_id, limit_a, way):
            features = replace(
                charger.features, limit_purpose=way.purpose, limit_unit=way.unit
            )
            charger.remember(features=features)
            return
        await _take_back(commands, connector_id, way)
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
        _Way(purpose=purpose, unit=unit, stack_level=level)
        for purpose in purposes
        for unit in units
        for level in levels
    ]

    def tried_before(way: _Way) -> bool:
        return (way.purpose, way.unit) != (features.limit_purpose, features.limit_unit)

    yield from sorted(ways, key=tried_before)


async def _send_limit(
    charger: Charger,
    commands: Commands,
    connector_id: int,
    limit_a: float,
    way: _Way,
) -> None:
    connector = charger.connector(connector_id)
    phases = connector.phases
    watts = way.unit is RateUnit.WATT
    limit = limit_a * NOMINAL_VOLTAGE * phases if watts else limit_a
    transaction = connector.transaction
    in_transaction = way.purpose is ProfilePurpose.TRANSACTION and transaction
    # A start in the past leaves no moment without a limit when clocks differ.
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
    profile = ChargingProfile(
        profile_id=_PROFILE_IDS[way.purpose] + connector_id,
        purpose=way.purpose,
        stack_level=way.stack_level,
        transaction_id=transaction.transaction_id
        if in_transaction and transaction
        else None,
        schedule=ChargingSchedule(
            unit=way.unit,
            start=start,
            periods=(
                SchedulePeriod(
                    start=timedelta(0),
                    limit=round(limit, 1),
                    phases=phases if watts else None,
                ),
            ),
        ),
    )
    whole = way.purpose is ProfilePurpose.CHARGER_MAX
    await commands.set_profile(0 if whole else connector_id, profile)


async def _take_back(commands: Commands, connector_id: int, way: _Way) -> None:
    """Remove a profile that is not obeyed: it might be one day, and be in the way."""
    with suppress(CommandRefused, CommandFailed, CommandTimeout, InvalidAnswer):
        await commands.clear_profiles(
            profile_id=_PROFILE_IDS[way.purpose] + connector_id
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


async def renew_session_limits(
    charger: Charger, commands: Commands, changes: frozenset[Change]
) -> None:
    """Set the limit anew for sessions that have begun, where it only lasts for one.

    That is so with chargers that take no other purpose than TxProfile, which ends
    with its transaction (OCPP 1.6 §3.13.1).
    """
    for connector_id in due_connectors(charger, changes):
        limit_a = charger.memory.limits_a[connector_id]
        try:
            await apply_limit(charger, commands, connector_id, limit_a)
        except CommandError as error:
            _LOGGER.warning(
                "%s: the limit was not set for this session: %s",
                charger.identity,
                error,
            )


def due_connectors(charger: Charger, changes: frozenset[Change]) -> list[int]:
    """Return the connectors in which a session has begun that needs its limit set."""
    if charger.features.limit_purpose is not ProfilePurpose.TRANSACTION:
        return []
    return [
        connector_id
        for connector_id, key in changes
        if key == "transaction"
        and connector_id in charger.memory.limits_a
        and charger.connector(connector_id).transaction is not None
    ]
