"""What the security whitepaper adds for a charger to send (OCPP 1.6 security, §5)."""

from ..link import Answer
from ..security_events import MAX_DETAILS, MAX_TYPE, SecurityEvent, kind_of
from . import fields
from .desk import Desk, Handler
from .fields import Payload
from .words import firmware_status, log_status


class SecurityMessages:
    """Answers security events, and the news of logs and signed firmware."""

    def __init__(self, desk: Desk) -> None:
        """Bind a charger's desk."""
        self._desk = desk

    @property
    def handlers(self) -> dict[str, Handler]:
        """Return who answers which OCPP action."""
        return {
            "LogStatusNotification": self._log_status,
            "SecurityEventNotification": self._security_event,
            "SignedFirmwareStatusNotification": self._firmware_status,
        }

    async def _security_event(self, payload: Payload) -> Answer:
        """Keep the latest; one without a type says nothing, but is answered."""
        told = fields.text(payload, "type", MAX_TYPE)
        if told is not None:
            event = SecurityEvent(
                kind=kind_of(told),
                told=told,
                at=fields.moment(payload, "timestamp"),
                details=fields.text(payload, "techInfo", MAX_DETAILS),
            )
            # A charger that got no answer sends the same again: it is no news then.
            self._desk.charger.update(security_event=event)
        return Answer()

    async def _firmware_status(self, payload: Payload) -> Answer:
        """Show how an update goes, unless an earlier one is meant (L01.FR.10).

        One without a request id, or from before a restart of ours, counts.
        """
        status = firmware_status(fields.text(payload, "status") or "")
        request_id = fields.integer(payload, "requestId")
        order = self._desk.charger.firmware_order
        ours = None if order is None else order.request_id
        if status is not None and (None in {ours, request_id} or ours == request_id):
            self._desk.charger.update(firmware_status=status)
        return Answer()

    async def _log_status(self, payload: Payload) -> Answer:
        """Keep how an upload goes, unless an earlier one is meant (N01.FR.07)."""
        status = log_status(fields.text(payload, "status") or "")
        request_id = fields.integer(payload, "requestId")
        ours = self._desk.charger.log_request
        if status is not None and (None in {ours, request_id} or ours == request_id):
            self._desk.charger.update(log_status=status)
        return Answer()
