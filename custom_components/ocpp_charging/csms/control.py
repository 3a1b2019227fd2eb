"""What an owner asks for, made of one or more commands and seen through.

A charger that answers Accepted has promised, not done (OCPP 1.6 §5.11): each action
here ends when the charger has shown it, or with an error that says it did not.
"""

from .charger import Charger
from .errors import CommandRefused, InvalidRequest
from .limits import set_limit
from .model import ChargingProfile
from .waiting import wait_until


async def start_charging(
    charger: Charger,
    connector_id: int,
    *,
    id_tag: str | None = None,
    profile: ChargingProfile | None = None,
    timeout: float = 60,
) -> None:
    """Start a transaction and wait until the charger reports it.

    Nothing is sent when one is running already; one that the connector's status denies
    is not. Raises `CommandTimeout` when it was accepted but did not begin within
    `timeout` seconds.
    """
    connector = charger.connector(connector_id)
    known = connector.transaction
    if connector.runs:
        return
    tag = id_tag or charger.settings.start_tag
    commands = charger.commands("RemoteStartTransaction")
    await commands.remote_start(connector_id, tag, profile)
    await wait_until(
        charger,
        lambda: (
            connector.transaction is not None
            and (connector.transaction is not known or connector.runs)
        ),
        action="StartTransaction",
        timeout=timeout,
    )


async def stop_charging(
    charger: Charger, connector_id: int, *, timeout: float = 60
) -> None:
    """End the running transaction and wait until the charger reports its end.

    One that the charger refuses to stop while its connector's status denies it as well
    is over, and its end was lost. Raises `InvalidRequest` when none is running.
    """
    connector = charger.connector(connector_id)
    transaction = connector.transaction
    if transaction is None:
        raise InvalidRequest("RemoteStopTransaction", "no transaction is running")
    commands = charger.commands("RemoteStopTransaction")
    try:
        await commands.remote_stop(transaction.transaction_id)
    except CommandRefused:
        if connector.runs:
            raise
        if connector.transaction is transaction:
            charger.publish(connector_id, connector.end(None))
        return
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

    The purpose and the unit that the charger obeys are found out and remembered. A
    charger that only takes limits for a session gets it with the next one. Raises the
    last refusal when it obeys none.
    """
    commands = charger.commands("SetChargingProfile")
    connector = charger.connector(connector_id)
    await set_limit(charger, commands, connector_id, limit_a)
    charger.remember(limits_a={**charger.memory.limits_a, connector_id: limit_a})
    charger.publish(connector_id, connector.set_limit(limit_a))
