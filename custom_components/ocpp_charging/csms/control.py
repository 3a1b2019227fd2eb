"""What an owner asks for, made of one or more commands and seen through.

A charger that answers Accepted has promised, not done (OCPP 1.6 §5.11): each action
here ends when the charger has shown it, or with an error that says it did not.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

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
    ProfilePurpose,
    RateUnit,
    SchedulePeriod,
)
from .waiting import wait_until

NOMINAL_VOLTAGE = 230.0
"""Volts between a phase and neutral, to turn a current into a power limit."""

_TOLERANCE_A = 0.5
_PROFILE_IDS = {
    ProfilePurpose.CHARGER_MAX: 1000,
    ProfilePurpose.DEFAULT: 1100,
    ProfilePurpose.TRANSACTION: 1200,
}
"""Ids of the profiles that carry the owner's limit; the connector is added."""


async def start_charging(
    charger: Charger,
    connector_id: int,
    *,
    id_tag: str | None = None,
    profile: ChargingProfile | None = None,
    timeout: float = 60,
) -> None:
    """Start a transaction and wait until the charger reports it.

    Nothing is sent when one is running already. Raises `CommandTimeout` when it was
    accepted but did not begin within `timeout` seconds.
    """
    connector = charger.connector(connector_id)
    if connector.transaction is not None:
        return
    tag = id_tag or charger.settings.start_tag
    commands = charger.commands("RemoteStartTransaction")
    await commands.remote_start(connector_id, tag, profile)
    await wait_until(
        charger,
        lambda: connector.transaction is not None,
        action="StartTransaction",
        timeout=timeout,
    )


async def stop_charging(
    charger: Charger, connector_id: int, *, timeout: float = 60
) -> None:
    """End the running transaction and wait until the charger reports its end.

    Raises `InvalidRequest` when none is running.
    """
    connector = charger.connector(connector_id)
    transaction = connector.transaction
    if transaction is None:
        raise InvalidRequest("RemoteStopTransaction", "no transaction is running")
    commands = charger.commands("RemoteStopTransaction")
    await commands.remote_stop(transaction.transaction_id)
    await wait_until(
        charger,
        lambda: connector.transaction is not transaction,
        action="StopTransaction",
        timeout=timeout,
    )


async def set_availability(
    charger: Charger, connector_id: int, *, operative: bool
) -> str:
    """Take a connector (0: the charger) in or out of service.

    Returns the charger's word: `Accepted`, or `Scheduled` for after the session.
    """
    commands = charger.commands("ChangeAvailability")
    return await commands.change_availability(connector_id, operative=operative)


async def set_password(charger: Charger, key: str) -> bool:
    """Give the charger a new password (`AuthorizationKey`).

    `key` is in the form that the charger shall get it. Returns True when the charger
    uses it only after a restart.
    """
    commands = charger.commands("ChangeConfiguration", pending=True)
    return await commands.set_configuration("AuthorizationKey", key)


async def set_current_limit(
    charger: Charger, connector_id: int, limit_a: float
) -> None:
    """Limit a connector to so many amperes per phase, for good.

    The purpose and the unit that the charger obeys are found out and remembered.
    Raises the last refusal when it obeys none.
    """
    commands = charger.commands("SetChargingProfile")
    await apply_limit(charger, commands, connector_id, limit_a)
    charger.remember(limits_a={**charger.memory.limits_a, connector_id: limit_a})
    connector = charger.connector(connector_id)
    charger.publish(connector_id, connector.set_limit(limit_a))


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
        if await _obeyed(charger, commands, connector_id, limit_a):
            features = replace(
                charger.features, limit_purpose=way.purpose, limit_unit=way.unit
            )
            charger.remember(features=features)
            return
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


async def _obeyed(
    charger: Charger, commands: Commands, connector_id: int, limit_a: float
) -> bool:
    """Say whether the charger's own composite schedule keeps the limit.

    A charger that cannot tell is believed.
    """
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
