"""Answers to the calls about local lists and reservations (OCPP 1.6 §5)."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from .answers import Answer, accepted, rejected, status
from .clock import parse_timestamp
from .connector import Connector, Reservation, Status

if TYPE_CHECKING:
    from .charge_point import ChargePoint

type Json = dict[str, Any]


def get_local_list_version(cp: ChargePoint, payload: Json) -> Answer:
    """§5.10: -1 where lists are switched off."""
    enabled = cp.configuration.boolean("LocalAuthListEnabled")
    return Answer(
        payload={"listVersion": cp.authorizer.list_version if enabled else -1}
    )


def send_local_list(cp: ChargePoint, payload: Json) -> Answer:
    """§5.15."""
    version, kind = payload["listVersion"], payload["updateType"]
    entries = payload.get("localAuthorizationList", [])
    if not cp.configuration.boolean("LocalAuthListEnabled"):
        return status("NotSupported")
    tags = {entry["idTag"].casefold() for entry in entries}
    too_long = len(entries) > cp.configuration.integer("SendLocalListMaxLength")
    if too_long or len(tags) < len(entries) or version <= 0:
        return status("Failed")
    limit = cp.configuration.integer("LocalAuthListMaxLength")
    match kind:
        case "Full":
            if len(entries) > limit or any(
                "idTagInfo" not in entry for entry in entries
            ):
                return status("Failed")
            cp.authorizer.replace_list(version, entries)
        case "Differential":
            if version <= cp.authorizer.list_version:
                return status("VersionMismatch")
            removed = {
                entry["idTag"].casefold()
                for entry in entries
                if "idTagInfo" not in entry
            }
            if len((set(cp.authorizer.local_list) | tags) - removed) > limit:
                return status("Failed")
            cp.authorizer.update_list(version, entries)
        case _:
            raise ValueError(f"no update type {kind}")
    return accepted()


def reserve_now(cp: ChargePoint, payload: Json) -> Answer:
    """§5.13: an unspecific reservation (connector 0) takes the first free connector."""
    number = payload["connectorId"]
    reservation = Reservation(
        id=payload["reservationId"],
        id_tag=payload["idTag"],
        parent_id_tag=payload.get("parentIdTag"),
        expires=parse_timestamp(payload["expiryDate"]),
    )
    if number == 0:
        if not cp.configuration.boolean("ReserveConnectorZeroSupported"):
            return rejected()
        candidates = list(cp.connectors.values())
    elif number in cp.connectors:
        candidates = [cp.connectors[number]]
    else:
        return rejected()
    for connector in candidates:
        replaces = connector.reservation and connector.reservation.id == reservation.id
        if connector.status is Status.AVAILABLE or replaces:
            return accepted(partial(_reserve, cp, connector, reservation))
    return status(_REFUSALS.get(candidates[0].status, "Occupied"))


_REFUSALS = {Status.FAULTED: "Faulted", Status.UNAVAILABLE: "Unavailable"}


def _reserve(cp: ChargePoint, connector: Connector, reservation: Reservation) -> None:
    connector.reservation = reservation
    cp.refresh()

    async def expire() -> None:
        left_s = (reservation.expires - cp.device.now()).total_seconds()
        await cp.clock.sleep_wall(max(0.0, left_s))
        if connector.reservation is reservation:
            connector.reservation = None
            cp.refresh()

    cp.spawn(expire())


def cancel_reservation(cp: ChargePoint, payload: Json) -> Answer:
    """§5.1."""
    for connector in cp.connectors.values():
        if (
            connector.reservation
            and connector.reservation.id == payload["reservationId"]
        ):
            connector.reservation = None
            return accepted(cp.refresh)
    return rejected()


HANDLERS: dict[str, Callable[[ChargePoint, Json], Answer]] = {
    "CancelReservation": cancel_reservation,
    "GetLocalListVersion": get_local_list_version,
    "ReserveNow": reserve_now,
    "SendLocalList": send_local_list,
}
