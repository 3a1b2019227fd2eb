"""StatusNotification: when, and with what in it (OCPP 1.6 §4.9)."""

from typing import TYPE_CHECKING, Any

from .clock import timestamp
from .connector import Status
from .outbox import Outgoing

if TYPE_CHECKING:
    from .charge_point import ChargePoint

type Json = dict[str, Any]


class StatusReporter:
    """Tells the central system the statuses of one charge point."""

    def __init__(self, charge_point: ChargePoint) -> None:
        """Start with nothing told."""
        self._cp = charge_point
        self._told: dict[int, Status] = {}

    def changes(self) -> None:
        """Post every status that is not what was told last."""
        for number in (0, *self._cp.connectors):
            if self._told.get(number) is not self._status(number):
                self.one(number)

    def all(self) -> None:
        """Post the status of connector 0 and of all connectors (errata 3.22)."""
        for number in (0, *self._cp.connectors):
            self.one(number)

    def one(self, number: int, *, triggered: bool = False) -> None:
        """Post the status of one connector, 0 for the charge point as a whole."""
        self._told[number] = self._status(number)
        if number == 0 and self._cp.quirks.never_connector_zero:
            return
        payload = self._payload(number)
        self._cp.outbox.post(
            Outgoing(
                action="StatusNotification",
                build=lambda: payload,
                before_accepted=triggered,
            )
        )

    def _status(self, number: int) -> Status:
        return self._cp.connectors[number].status if number else self._cp.status

    def _payload(self, number: int) -> Json:
        quirks = self._cp.quirks
        fault = self._cp.connectors[number].fault if number else None
        code = fault.error_code if fault else quirks.unknown_error_code or "NoError"
        payload: Json = {
            "connectorId": number,
            "errorCode": code,
            "status": self._status(number).value,
            "timestamp": timestamp(self._cp.device.now()),
        }
        info = fault.info if fault and fault.info else quirks.status_info
        if info:
            payload["info"] = info
        if fault and fault.vendor_error_code:
            payload["vendorErrorCode"] = fault.vendor_error_code
            payload["vendorId"] = self._cp.options.vendor
        return payload
