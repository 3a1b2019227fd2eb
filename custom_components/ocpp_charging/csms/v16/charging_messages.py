"""Transactions and what the meter says (OCPP 1.6 §4.7, §4.8, §4.10)."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Self

from .. import reservations
from ..clock import was_set
from ..connector import Connector
from ..link import Answer, Unanswered
from ..metering import Sample, by_time, registers
from ..model import Reading, RegisterValue, TagInfo, Transaction
from ..readings import MeterReader
from ..rpc import RpcError, RpcErrorCode
from ..tags import TagUse
from . import fields
from .desk import MAX_CONNECTORS, Desk, Handler
from .fields import Payload
from .meter_values import read_samples
from .tag_messages import TAG_LENGTH, tag_info


class ChargingMessages:
    """Answers StartTransaction, MeterValues and StopTransaction."""

    def __init__(self, desk: Desk) -> None:
        """Bind a charger's desk."""
        self._desk = desk
        self._charger = desk.charger
        self._meter = MeterReader(desk.charger)

    @property
    def handlers(self) -> dict[str, Handler]:
        """Return who answers which OCPP action."""
        return {
            "MeterValues": self._meter_values,
            "StartTransaction": self._start_transaction,
            "StopTransaction": self._stop_transaction,
        }

    async def _meter_values(self, payload: Payload) -> Answer:
        measured = [
            at
            for bucket in fields.objects(payload, "meterValue")
            if (at := fields.moment(bucket, "timestamp")) is not None
        ]
        now = self._desk.heard(max(measured, default=None))
        connector_id = fields.integer(payload, "connectorId")
        if connector_id is None or not 0 <= connector_id <= MAX_CONNECTORS:
            return Answer()
        connector = self._charger.connector(connector_id)
        samples = read_samples(payload, now)
        transaction_id = fields.integer(payload, "transactionId")
        changed: set[str] = set()
        for bucket in by_time(samples):
            at = bucket[0].at
            shown = self._desk.book.metered(connector, transaction_id, at, now)
            if shown is not None:
                changed |= connector.begin(shown)
            self._desk.book.recognise(connector, transaction_id, at)
            changed |= self._meter.take(connector, bucket, transaction_id, now)
        self._charger.publish(connector_id, changed)
        return Answer()

    async def _start_transaction(self, payload: Payload) -> Answer:
        told = fields.moment(payload, "timestamp")
        now = self._desk.heard(told)
        connector = self._desk.connector(payload)
        if connector.connector_id == 0:
            raise RpcError(
                RpcErrorCode.PROPERTY_CONSTRAINT_VIOLATION, "no such connectorId"
            )
        transaction, info = self._read_start(payload, connector, told, now)
        known = self._desk.book.same_start(transaction)
        if known is None:
            transaction.transaction_id = await self._open(transaction)
            # The journal knows starts again that are remembered no more as told.
            known = self._charger.memory.transactions.get(transaction.transaction_id)
        if known is None:
            reservations.used(
                self._charger, None, fields.integer(payload, "reservationId")
            )
            self._begin(connector, transaction, now)
        return Answer(
            payload={
                "transactionId": (known or transaction).transaction_id,
                "idTagInfo": tag_info(info),
            },
            # Only now can the charger be told of something for this transaction.
            then=lambda: self._charger.publish(
                connector.connector_id, {"transaction_named"}
            ),
        )

    def _read_start(
        self,
        payload: Payload,
        connector: Connector,
        told: datetime | None,
        now: datetime,
    ) -> tuple[Transaction, TagInfo]:
        """Return what a start begins, without an id, and what its tag may do."""
        tag = fields.required_text(payload, "idTag", TAG_LENGTH)
        meter_start = fields.required_integer(payload, "meterStart")
        timed = told is not None and was_set(told, now)
        started_at = told if told is not None and timed else now
        info = self._desk.decide(
            tag, TagUse.START, connector_id=connector.connector_id, at=started_at
        )
        transaction = Transaction(
            transaction_id=0,
            connector_id=connector.connector_id,
            id_tag=tag,
            started_at=started_at,
            raw_started_at=None if timed else told,
            meter_start_wh=meter_start,
            accepted=info.accepted,
        )
        return transaction, info

    def _begin(
        self, connector: Connector, transaction: Transaction, now: datetime
    ) -> None:
        """Remember a transaction that has been kept; show it when it runs."""
        book = self._desk.book
        if transaction.ended_at is not None:
            book.keep(transaction)
            return
        found = book.found_before(connector, transaction)
        if found is not None:
            book.complete(found, transaction)
            changed = connector.begin(transaction)
            changed |= self._meter.carry_over(connector, transaction)
            self._charger.publish(connector.connector_id, changed)
            return
        book.keep(transaction)
        if transaction.accepted and book.began(connector, transaction, now):
            assert transaction.meter_start_wh is not None
            reservations.used(self._charger, connector.connector_id, None)
            self._meter.begin(
                connector, transaction.meter_start_wh, transaction.started_at, now
            )
            self._charger.publish(connector.connector_id, connector.begin(transaction))

    async def _open(self, transaction: Transaction) -> int:
        try:
            return await self._charger.journal.open_transaction(
                self._charger.identity, transaction
            )
        except OSError as error:
            raise Unanswered(f"it could not be kept: {error}") from error

    async def _stop_transaction(self, payload: Payload) -> Answer:
        now = self._desk.heard(fields.moment(payload, "timestamp"))
        stop = _Stop.read(payload, now)
        transaction = self._desk.book.stopped_by(stop.transaction_id, stop.at)
        if transaction is None:
            await self._file_stop(stop, now)
        else:
            await self._close(transaction, stop, now)
        if stop.id_tag is None:
            return Answer()
        info = self._desk.decide(
            stop.id_tag,
            TagUse.STOP,
            connector_id=None if transaction is None else transaction.connector_id,
            at=fields.moment(payload, "timestamp"),
            # With other reasons it is only said whose session it was.
            presented=stop.reason == "Local",
        )
        return Answer(payload={"idTagInfo": tag_info(info)})

    async def _file_stop(self, stop: _Stop, now: datetime) -> None:
        """Have a stop kept whose transaction is not remembered (errata 4.0, 3.18)."""
        try:
            found = await self._charger.journal.file_stop(
                self._charger.identity,
                transaction_id=stop.transaction_id,
                at=stop.at,
                meter_stop_wh=stop.meter_wh,
                reason=stop.reason,
                id_tag=stop.id_tag,
                registers=stop.registers,
            )
        except OSError as error:
            raise Unanswered(f"it could not be kept: {error}") from error
        transaction = None if found is None else self._charger.transaction(found)
        if transaction is not None and transaction.ended_at is None:
            self._finish(transaction, stop, now)
            transaction.end_matched = True

    async def _close(
        self, transaction: Transaction, stop: _Stop, now: datetime
    ) -> None:
        """Have the end of a transaction kept, once more when it is repeated.

        One whose end was only concluded has another when its own is told.
        """
        ended = replace(transaction, **stop.end)
        try:
            await self._charger.journal.close_transaction(
                self._charger.identity, ended, stop.registers
            )
        except OSError as error:
            raise Unanswered(f"it could not be kept: {error}") from error
        if transaction.ended_at is None or transaction.end_matched:
            self._finish(transaction, stop, now)

    def _finish(self, transaction: Transaction, stop: _Stop, now: datetime) -> None:
        """Let the end of a transaction, which has been kept, be seen."""
        connector = self._charger.connector(transaction.connector_id)
        changed: set[str] = set()
        other = self._desk.book.part(transaction, stop.at)
        if connector.transaction is transaction:
            for bucket in by_time(stop.samples):
                changed |= self._meter.take(
                    connector, bucket, transaction.transaction_id, now, kept=True
                )
        if stop.meter_wh is not None:
            last = Reading(value=stop.meter_wh, at=stop.at)
            changed |= self._meter.take_stop(connector, transaction, last, now)
        for name, value in stop.end.items():
            setattr(transaction, name, value)
        if connector.transaction is transaction:
            changed |= connector.end(stop.at)
            if other is not None:
                self._desk.book.keep(other)
                changed |= connector.begin(other)
        self._desk.book.keep(transaction)
        self._charger.publish(connector.connector_id, changed)


@dataclass(frozen=True, kw_only=True)
class _Stop:
    """A StopTransaction as it was understood (OCPP 1.6 §6.49).

    Without a word of why, it was at the charger (§4.10). `samples` are its
    transactionData and `registers` what the energy register showed in them.
    """

    transaction_id: int
    at: datetime
    meter_wh: int | None
    reason: str
    id_tag: str | None
    samples: tuple[Sample, ...]
    registers: tuple[RegisterValue, ...]

    @classmethod
    def read(cls, payload: Payload, now: datetime) -> Self:
        """Read one that came at `now`. Raises `RpcError` when it makes no sense."""
        samples = read_samples(payload, now, key="transactionData")
        return cls(
            transaction_id=fields.required_integer(payload, "transactionId"),
            at=fields.moment(payload, "timestamp") or now,
            meter_wh=fields.integer(payload, "meterStop"),
            reason=fields.text(payload, "reason", 50) or "Local",
            id_tag=fields.text(payload, "idTag", TAG_LENGTH),
            samples=tuple(samples),
            registers=tuple(registers(samples)),
        )

    @property
    def end(self) -> dict[str, Any]:
        """Return what it writes into its transaction."""
        return {
            "ended_at": self.at,
            "meter_stop_wh": self.meter_wh,
            "stop_reason": self.reason,
            "end_matched": False,
        }
