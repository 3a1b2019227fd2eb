"""What a charger sends by OCPP 1.6, and how it is answered (OCPP 1.6 §4).

A refusal makes a charger send the same message again, for ever and before all others
(§3.7.1, errata 3.2): so every message that can be understood at all is answered with
a CALLRESULT, and only one that makes no sense gets a CALLERROR.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
import logging
from typing import Any

from ocpp.v16.enums import Action

from ..charger import Charger
from ..clock import ChargerClock
from ..connector import Connector
from ..link import Answer, AnswerBook, Unanswered
from ..metering import by_time
from ..model import (
    ChargerInfo,
    ErrorCode,
    Reading,
    Registration,
    TagDecision,
    Transaction,
)
from ..pace import Pace
from ..readings import MeterReader
from ..rpc import Call, RpcError, RpcErrorCode
from ..timing import Timing
from ..transactions import TransactionBook
from . import fields
from .fields import Payload
from .meter_values import read_samples
from .words import ERROR_CODES, STATUSES, diagnostics_status, firmware_status

_LOGGER = logging.getLogger(__name__)

TAG_LENGTH = 20
MAX_CONNECTORS = 64
"""A connector beyond this number is a mistake (chargers send -1 and 65535)."""

_KNOWN_ACTIONS = frozenset(str(action.value) for action in Action)

_ONCE = frozenset({"StartTransaction", "StopTransaction", "MeterValues"})
"""Messages that carry their own time: a second sending is the same event."""

_KEPT = frozenset({"StartTransaction", "StopTransaction"})
"""Of these, what must not be cut short when the connection ends meanwhile."""

_BEFORE_ACCEPTANCE: dict[Registration | None, frozenset[str]] = {
    Registration.REJECTED: frozenset({"BootNotification"}),
    Registration.PENDING: frozenset(
        {
            "BootNotification",
            "DiagnosticsStatusNotification",
            "FirmwareStatusNotification",
            "Heartbeat",
            "MeterValues",
            "StatusNotification",
        }
    ),
}
"""What is answered before the charger is accepted (OCPP-J 1.6 errata 3.8)."""

type Refused = RpcError | Unanswered
"""Why a CALL gets a CALLERROR, or nothing."""

type Authorize = Callable[[str, str], TagDecision]
"""Decides for a charger's identity what a presented id tag may do."""


@dataclass(frozen=True, kw_only=True)
class Context:
    """What the handlers need from the central system."""

    authorize: Authorize
    registration: Callable[[Charger], Registration]
    timing: Timing
    pace: Pace = field(default_factory=Pace)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)


class Incoming:
    """Answers one charger's messages; it outlives the charger's connections."""

    def __init__(
        self, charger: Charger, context: Context, booted: Callable[[], None]
    ) -> None:
        """Bind a charger; `booted` is called after an accepted boot was answered."""
        self._charger = charger
        self._context = context
        self._booted = booted
        self._answers = AnswerBook()
        self._turn = asyncio.Lock()
        self._under_way: set[asyncio.Task[Answer | Refused]] = set()
        self._meter = MeterReader(charger)
        self._book = TransactionBook(charger)
        self._clock = ChargerClock(charger)
        self._handlers: dict[str, Callable[[Payload], Awaitable[Answer]]] = {
            "Authorize": self._authorize,
            "BootNotification": self._boot,
            "DataTransfer": self._data_transfer,
            "DiagnosticsStatusNotification": self._diagnostics_status,
            "FirmwareStatusNotification": self._firmware_status,
            "Heartbeat": self._heartbeat,
            "LogStatusNotification": self._noted,
            "MeterValues": self._meter_values,
            "SecurityEventNotification": self._noted,
            "SignCertificate": self._sign_certificate,
            "SignedFirmwareStatusNotification": self._noted,
            "StartTransaction": self._start_transaction,
            "StatusNotification": self._status,
            "StopTransaction": self._stop_transaction,
        }

    async def handle(self, call: Call) -> Answer:
        """Answer a CALL.

        Raises `RpcError` to refuse it and `Unanswered` to have it sent again.
        """
        handler = self._handlers.get(call.action)
        if handler is None:
            known = call.action in _KNOWN_ACTIONS
            raise RpcError(
                RpcErrorCode.NOT_SUPPORTED if known else RpcErrorCode.NOT_IMPLEMENTED,
                "this action is not for a central system" if known else "",
            )
        allowed = _BEFORE_ACCEPTANCE.get(self._charger.registration)
        if allowed is not None and call.action not in allowed:
            raise RpcError(RpcErrorCode.SECURITY_ERROR, "not accepted yet")
        if call.action not in _ONCE:
            return await handler(call.payload)
        answering = self._once(handler, call)
        if call.action in _KEPT:
            # It goes on when the connection ends: the charger will send it again over
            # the next one, and must be told the same.
            task = asyncio.get_running_loop().create_task(answering)
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
            answer = await asyncio.shield(task)
        else:
            answer = await answering
        if isinstance(answer, Answer):
            return answer
        raise answer

    async def _once(
        self, handler: Callable[[Payload], Awaitable[Answer]], call: Call
    ) -> Answer | Refused:
        """Answer a CALL as before when it was answered before; one at a time."""
        async with self._turn:
            key = AnswerBook.key(call)
            payload = self._answers.find(key)
            if payload is not None:
                return Answer(payload=payload)
            try:
                answer = await handler(call.payload)
            except (RpcError, Unanswered) as refused:
                return refused
            self._answers.keep(key, answer.payload)
            return answer

    def _now_text(self) -> str:
        return fields.iso(self._context.now())

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
            charger.features.measurands = None
            charger.features.limit_purpose = None
            charger.remember(fatal_steps={}, answers_pings=False)
        status = self._context.registration(charger)
        accepted = status is Registration.ACCEPTED
        charger.remember(info=info, accepted=accepted)
        charger.update(registration=status)
        self._clock.booted()
        if accepted:
            self._book.booted()
        timing = self._context.timing
        return Answer(
            payload={
                "status": str(status),
                "currentTime": self._now_text(),
                "interval": (
                    timing.heartbeat_interval if accepted else timing.boot_retry
                ),
            },
            then=self._booted if accepted else None,
        )

    async def _heartbeat(self, payload: Payload) -> Answer:
        return Answer(payload={"currentTime": self._now_text()})

    async def _noted(self, payload: Payload) -> Answer:
        return Answer()

    async def _sign_certificate(self, payload: Payload) -> Answer:
        return Answer(payload={"status": "Rejected"})

    async def _data_transfer(self, payload: Payload) -> Answer:
        fields.required_text(payload, "vendorId", 255)
        return Answer(payload={"status": "UnknownVendorId"})

    async def _firmware_status(self, payload: Payload) -> Answer:
        status = fields.word(payload, "status", firmware_status)
        self._charger.update(firmware_status=status)
        return Answer()

    async def _diagnostics_status(self, payload: Payload) -> Answer:
        status = fields.word(payload, "status", diagnostics_status)
        self._charger.update(diagnostics_status=status)
        return Answer()

    async def _authorize(self, payload: Payload) -> Answer:
        tag = fields.required_text(payload, "idTag", TAG_LENGTH)
        return Answer(payload={"idTagInfo": self._tag_info(self._decide(tag))})

    def _decide(self, tag: str) -> TagDecision:
        return self._context.authorize(self._charger.identity, tag)

    @staticmethod
    def _tag_info(decision: TagDecision) -> dict[str, Any]:
        return {"status": str(decision)}

    def _connector(self, payload: Payload) -> Connector:
        connector_id = fields.required_integer(payload, "connectorId")
        if not 0 <= connector_id <= MAX_CONNECTORS:
            raise RpcError(
                RpcErrorCode.PROPERTY_CONSTRAINT_VIOLATION, "no such connectorId"
            )
        return self._charger.connector(connector_id)

    async def _status(self, payload: Payload) -> Answer:
        status = fields.word(payload, "status", STATUSES.get)
        connector = self._connector(payload)
        now = self._context.now()
        at = fields.moment(payload, "timestamp")
        if at is not None:
            self._clock.measure(at, now)
        if self._clock.is_outdated(connector.connector_id, at, now):
            return Answer()
        code = fields.text(payload, "errorCode", 50) or "NoError"
        error = ERROR_CODES.get(code, ErrorCode.OTHER_ERROR)
        vendor = fields.text(payload, "vendorErrorCode", 50)
        if code not in ERROR_CODES and vendor is None:
            vendor = code
        changed = connector.set_status(
            status, at, error, fields.text(payload, "info", 255), vendor
        )
        if self._book.over(connector):
            # Its StopTransaction may still be on its way from the charger's queue, or
            # name no transaction: some chargers send -1 or 0 for all of them.
            changed |= connector.end(at)
        resumed = self._book.resumable(connector)
        if resumed is not None:
            changed |= connector.begin(resumed)
        if connector.connector_id == 0:
            self._charger.publish(0, changed | {"availability"})
        else:
            self._charger.publish(connector.connector_id, changed)
        return Answer()

    def _charger_time(self) -> datetime:
        return self._clock.time(self._context.now())

    async def _meter_values(self, payload: Payload) -> Answer:
        measured = [
            at
            for bucket in fields.objects(payload, "meterValue")
            if (at := fields.moment(bucket, "timestamp")) is not None
        ]
        if measured:
            self._clock.measure(max(measured), self._context.now())
        now = self._charger_time()
        connector_id = fields.integer(payload, "connectorId")
        if connector_id is None or not 0 <= connector_id <= MAX_CONNECTORS:
            return Answer()
        connector = self._charger.connector(connector_id)
        samples = read_samples(payload, now)
        transaction_id = fields.integer(payload, "transactionId")
        changed: set[str] = set()
        for bucket in by_time(samples):
            at = bucket[0].at
            shown = self._book.metered(connector, transaction_id, at, now)
            if shown is not None:
                changed |= connector.begin(shown)
            changed |= self._meter.take(connector, bucket, transaction_id, now)
        self._charger.publish(connector_id, changed)
        return Answer()

    async def _start_transaction(self, payload: Payload) -> Answer:
        now = self._charger_time()
        connector = self._connector(payload)
        if connector.connector_id == 0:
            raise RpcError(
                RpcErrorCode.PROPERTY_CONSTRAINT_VIOLATION, "no such connectorId"
            )
        tag = fields.required_text(payload, "idTag", TAG_LENGTH)
        meter_start = fields.required_integer(payload, "meterStart")
        started_at = fields.moment(payload, "timestamp") or now
        decision = self._decide(tag)
        transaction = Transaction(
            transaction_id=0,
            connector_id=connector.connector_id,
            id_tag=tag,
            started_at=started_at,
            meter_start_wh=meter_start,
            accepted=decision is TagDecision.ACCEPTED,
        )
        known = self._book.same_start(transaction)
        if known is None:
            transaction.transaction_id = await self._open(transaction)
            self._book.keep(transaction)
            if transaction.accepted and self._book.began(connector, transaction, now):
                self._meter.begin(connector, meter_start, started_at, now)
                self._charger.publish(
                    connector.connector_id, connector.begin(transaction)
                )
        answered = known or transaction
        return Answer(
            payload={
                "transactionId": answered.transaction_id,
                "idTagInfo": self._tag_info(decision),
            }
        )

    async def _open(self, transaction: Transaction) -> int:
        try:
            return await self._charger.journal.open_transaction(
                self._charger.identity, transaction
            )
        except OSError as error:
            raise Unanswered(f"it could not be kept: {error}") from error

    async def _stop_transaction(self, payload: Payload) -> Answer:
        now = self._charger_time()
        transaction_id = fields.required_integer(payload, "transactionId")
        transaction = self._charger.transaction(transaction_id)
        if transaction is None:
            await self._file_stop(transaction_id, payload, now)
        elif transaction.ended_at is None:
            await self._close(transaction, payload, now)
        tag = fields.text(payload, "idTag", TAG_LENGTH)
        if tag is None:
            return Answer()
        return Answer(payload={"idTagInfo": self._tag_info(self._decide(tag))})

    async def _file_stop(
        self, transaction_id: int, payload: Payload, now: datetime
    ) -> None:
        """Have a stop kept whose transaction is not remembered (errata 4.0, 3.18)."""
        try:
            found = await self._charger.journal.file_stop(
                self._charger.identity,
                transaction_id=transaction_id,
                at=fields.moment(payload, "timestamp") or now,
                meter_stop_wh=fields.integer(payload, "meterStop"),
                reason=_reason(payload),
                id_tag=fields.text(payload, "idTag", TAG_LENGTH),
            )
        except OSError as error:
            raise Unanswered(f"it could not be kept: {error}") from error
        transaction = None if found is None else self._charger.transaction(found)
        if transaction is not None and transaction.ended_at is None:
            self._finish(transaction, self._end(transaction, payload, now))

    async def _close(
        self, transaction: Transaction, payload: Payload, now: datetime
    ) -> None:
        changed = self._end(transaction, payload, now)
        try:
            await self._charger.journal.close_transaction(
                self._charger.identity, transaction
            )
        except OSError as error:
            transaction.ended_at = None
            raise Unanswered(f"it could not be kept: {error}") from error
        self._finish(transaction, changed)

    def _end(
        self, transaction: Transaction, payload: Payload, now: datetime
    ) -> set[str]:
        """Write the end into a transaction; returns the connector's changed keys."""
        connector = self._charger.connector(transaction.connector_id)
        meter_stop = fields.integer(payload, "meterStop")
        samples = read_samples(payload, now, key="transactionData")
        ended_at = fields.moment(payload, "timestamp") or now
        changed: set[str] = set()
        if connector.transaction is transaction:
            for bucket in by_time(samples):
                changed |= self._meter.take(
                    connector, bucket, transaction.transaction_id, now
                )
        if meter_stop is not None:
            changed |= self._meter.take_stop(
                connector, transaction, Reading(value=meter_stop, at=ended_at), now
            )
        transaction.ended_at = ended_at
        transaction.meter_stop_wh = meter_stop
        transaction.stop_reason = _reason(payload)
        return changed

    def _finish(self, transaction: Transaction, changed: set[str]) -> None:
        """Let the end of a transaction, which has been kept, be seen."""
        connector = self._charger.connector(transaction.connector_id)
        if connector.transaction is transaction:
            changed |= connector.end(transaction.ended_at)
        self._book.keep(transaction)
        self._charger.publish(connector.connector_id, changed)


def _reason(payload: Payload) -> str:
    """Return why a transaction ended; without a word it was at the charger (§4.10)."""
    return fields.text(payload, "reason", 50) or "Local"
