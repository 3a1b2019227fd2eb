"""The reservations of a charger's connectors (OCPP 1.6 §3.11, §5.1, §5.13).

A reservation ends when it is used, cancelled or over, or when what it was made for is
faulted or out of service. It outlives restarts, of the charger's and of ours.
"""

from datetime import UTC, datetime

from .charger import Charger
from .errors import InvalidRequest
from .model import ConnectorStatus, Reservation

ENDED_BY = frozenset({ConnectorStatus.FAULTED, ConnectorStatus.UNAVAILABLE})
"""The statuses that end a reservation (OCPP 1.6 §5.13)."""

MAX_ID = 2**31 - 1
ACTION = "ReserveNow"


async def reserve(
    charger: Charger,
    connector_id: int,
    *,
    id_tag: str,
    until: datetime,
    group: str | None = None,
) -> Reservation:
    """Keep a connector (0: any one) free for a tag and its group.

    Raises `InvalidRequest` for an end in the past, and the charger's refusal. Another
    reservation of ours for the same connector is replaced, as OCPP has it.
    """
    now = datetime.now(UTC)
    if until <= now:
        raise InvalidRequest(ACTION, "the end of the reservation is in the past")
    commands = charger.commands(ACTION)
    replaced = reservation_of(charger, connector_id, now)
    number = charger.memory.last_reservation % MAX_ID + 1
    if replaced is not None:
        number = replaced.reservation_id
    reservation = Reservation(
        reservation_id=number,
        connector_id=connector_id,
        id_tag=id_tag,
        group=group,
        expires=until,
    )
    # An id that was sent is spent, whatever the answer.
    charger.remember(last_reservation=max(number, charger.memory.last_reservation))
    await commands.reserve(reservation)
    _keep(charger, {**charger.memory.reservations, number: reservation})
    return reservation


async def cancel(charger: Charger, connector_id: int) -> bool:
    """Give back a connector (0: the charger).

    Returns False when the charger knew of no reservation: then it is over as well.
    Raises `InvalidRequest` when there is none.
    """
    commands = charger.commands("CancelReservation")
    reservation = reservation_of(charger, connector_id, datetime.now(UTC))
    if reservation is None:
        raise InvalidRequest("CancelReservation", "nothing is reserved")
    known = await commands.cancel_reservation(reservation.reservation_id)
    _end(charger, {reservation.reservation_id})
    return known


def reservation_of(
    charger: Charger, connector_id: int, now: datetime
) -> Reservation | None:
    """Return the reservation of a connector (0: of any one), None when it is over."""
    for reservation in charger.memory.reservations.values():
        if reservation.connector_id == connector_id and reservation.expires > now:
            return reservation
    return None


def used(
    charger: Charger, connector_id: int | None, reservation_id: int | None
) -> None:
    """Note that a session began: of the reservation named, or at the connector."""
    _end(
        charger,
        {
            number
            for number, reservation in charger.memory.reservations.items()
            if number == reservation_id or reservation.connector_id == connector_id
        },
    )


def status_changed(
    charger: Charger, connector_id: int, before: ConnectorStatus | None
) -> None:
    """Note a connector's new status; `before` is the one that it had."""
    status = charger.connector(connector_id).status
    given_back = (
        before is ConnectorStatus.RESERVED and status is ConnectorStatus.AVAILABLE
    )
    if given_back or status in ENDED_BY:
        _end(
            charger,
            {
                number
                for number, reservation in charger.memory.reservations.items()
                if reservation.connector_id == connector_id
            },
        )


def _end(charger: Charger, numbers: set[int]) -> None:
    known = charger.memory.reservations
    if numbers & known.keys():
        _keep(
            charger,
            {number: known[number] for number in known if number not in numbers},
        )


def _keep(charger: Charger, reservations: dict[int, Reservation]) -> None:
    """Remember the reservations, without those that are over."""
    before = charger.memory.reservations
    now = datetime.now(UTC)
    kept = {
        number: reservation
        for number, reservation in reservations.items()
        if reservation.expires > now
    }
    charger.remember(reservations=kept)
    changed = {before[number].connector_id for number in before.keys() - kept.keys()}
    changed |= {
        each.connector_id for number, each in kept.items() if before.get(number) != each
    }
    for connector_id in changed:
        charger.publish(connector_id, {"reservation"})
