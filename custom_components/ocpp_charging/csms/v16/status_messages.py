"""How a charger says that it and its connectors are (OCPP 1.6 §4.4, §4.5, §4.9)."""

from .. import reservations
from ..link import Answer
from ..model import ErrorCode
from . import fields
from .desk import Desk, Handler
from .fields import Payload
from .words import ERROR_CODES, STATUSES, diagnostics_status, firmware_status


class StatusMessages:
    """Answers StatusNotification and the news of an upload or a download."""

    def __init__(self, desk: Desk) -> None:
        """Bind a charger's desk."""
        self._desk = desk
        self._charger = desk.charger

    @property
    def handlers(self) -> dict[str, Handler]:
        """Return who answers which OCPP action."""
        return {
            "DiagnosticsStatusNotification": self._diagnostics_status,
            "FirmwareStatusNotification": self._firmware_status,
            "StatusNotification": self._status,
        }

    async def _status(self, payload: Payload) -> Answer:
        status = fields.word(payload, "status", STATUSES.get)
        connector = self._desk.connector(payload)
        now = self._desk.now()
        at = fields.moment(payload, "timestamp")
        if at is not None:
            self._desk.clock.measure(at, now)
        if self._desk.clock.is_outdated(connector.connector_id, at, now):
            return Answer()
        code = fields.text(payload, "errorCode", 50) or "NoError"
        error = ERROR_CODES.get(code, ErrorCode.OTHER_ERROR)
        vendor = fields.text(payload, "vendorErrorCode", 50)
        if code not in ERROR_CODES and vendor is None:
            vendor = code
        before = connector.status
        changed = connector.set_status(
            status, at, error, fields.text(payload, "info", 255), vendor
        )
        reservations.status_changed(self._charger, connector.connector_id, before)
        if self._desk.book.over(connector):
            # Its StopTransaction may still be on its way from the charger's queue, or
            # name no transaction: some chargers send -1 or 0 for all of them.
            changed |= connector.end(at)
        resumed = self._desk.book.resumable(connector)
        if resumed is not None:
            changed |= connector.begin(resumed)
        if connector.connector_id == 0:
            self._charger.publish(0, changed | {"availability"})
        else:
            self._charger.publish(connector.connector_id, changed)
        return Answer()

    async def _firmware_status(self, payload: Payload) -> Answer:
        status = fields.word(payload, "status", firmware_status)
        self._charger.update(firmware_status=status)
        return Answer()

    async def _diagnostics_status(self, payload: Payload) -> Answer:
        status = fields.word(payload, "status", diagnostics_status)
        self._charger.update(diagnostics_status=status)
        return Answer()
