"""What a charger says of itself: its boot, that it lives, its maker's own messages.

OCPP 1.6 §4.2, §4.3, §4.6.
"""

from ..link import Answer
from ..model import ChargerInfo, Registration
from . import fields
from .desk import Desk, Handler
from .fields import Payload


class BasicMessages:
    """Answers BootNotification, Heartbeat and DataTransfer."""

    def __init__(self, desk: Desk) -> None:
        """Bind a charger's desk."""
        self._desk = desk
        self._charger = desk.charger

    @property
    def handlers(self) -> dict[str, Handler]:
        """Return who answers which OCPP action."""
        return {
            "BootNotification": self._boot,
            "DataTransfer": self._data_transfer,
            "Heartbeat": self._heartbeat,
        }

    async def _boot(self, payload: Payload) -> Answer:
        charger = self._charger
        said = ChargerInfo(
            vendor=fields.text(payload, "chargePointVendor", 50),
            model=fields.text(payload, "chargePointModel", 50),
            serial=fields.text(payload, "chargePointSerialNumber", 50)
            or fields.text(payload, "chargeBoxSerialNumber", 50),
            firmware=fields.text(payload, "firmwareVersion", 50),
            meter_type=fields.text(payload, "meterType", 50),
            meter_serial=fields.text(payload, "meterSerialNumber", 50),
            iccid=fields.text(payload, "iccid", 30),
            imsi=fields.text(payload, "imsi", 30),
        )
        info = said.completed_by(charger.info)
        if info.firmware != charger.info.firmware:
            # New firmware may do what the old one refused or died of.
            features = charger.features.renewed()
            charger.remember(features=features, fatal_steps={}, answers_pings=False)
        status = self._desk.context.registration(charger)
        accepted = status is Registration.ACCEPTED
        charger.remember(info=info, accepted=accepted)
        charger.update(registration=status)
        self._desk.clock.booted()
        if accepted:
            self._desk.book.booted()
            charger.update(boots=charger.boots + 1)
        timing = self._desk.context.timing
        return Answer(
            payload={
                "status": str(status),
                "currentTime": self._desk.now_text(),
                "interval": (
                    timing.heartbeat_interval if accepted else timing.boot_retry
                ),
            },
            then=self._desk.booted if accepted else None,
        )

    async def _heartbeat(self, payload: Payload) -> Answer:
        return Answer(payload={"currentTime": self._desk.now_text()})

    async def _data_transfer(self, payload: Payload) -> Answer:
        fields.required_text(payload, "vendorId", 255)
        return Answer(payload={"status": "UnknownVendorId"})
