"""How transactions begin and end."""

from typing import TYPE_CHECKING, Any

from .clock import Timer, timestamp
from .connector import Connector, Grant, Status, Transaction
from .meter import Context
from .outbox import Outgoing
from .profiles import Profile
from .quirks import AfterPowerLoss

if TYPE_CHECKING:
    from .charge_point import ChargePoint

type Json = dict[str, Any]


class Transactions:
    """The transactions of one charge point (OCPP 1.6 §4.8, §4.10, §5.11, §5.12)."""

    def __init__(self, charge_point: ChargePoint) -> None:
        """Start with none."""
        self._cp = charge_point
        self._timeouts: dict[int, Timer] = {}

    def by_id(self, transaction_id: int) -> Connector | None:
        """Return the connector on which a transaction runs."""
        for connector in self._cp.connectors.values():
            if connector.transaction and connector.transaction_id == transaction_id:
                return connector
        return None

    def grant(self, connector: Connector, grant: Grant) -> None:
        """Let a tag charge: at once, or if a car comes within ConnectionTimeOut."""
        if connector.plugged:
            self.start(connector, grant)
            return
        connector.grant = grant
        self._forget_timeout(connector)
        seconds = self._cp.configuration.integer("ConnectionTimeOut")
        if seconds > 0:
            self._timeouts[connector.id] = self._cp.clock.later_wall(
                seconds, lambda: self._grant_expired(connector)
            )
        self._cp.refresh()

    def start(self, connector: Connector, grant: Grant) -> None:
        """Begin a transaction with the car that is plugged in."""
        cp = self._cp
        cp.physics.accrue()
        self._forget_timeout(connector)
        transaction = Transaction(
            id_tag=grant.id_tag,
            started_at=cp.device.now(),
            meter_start_wh=int(connector.register_wh),
            profile=grant.profile,
        )
        if connector.reservation:
            transaction.reservation_id = connector.reservation.id
            connector.reservation = None
        connector.transaction = transaction
        connector.grant = None
        connector.finished = False
        if grant.profile:
            cp.stack.install(
                Profile.parse(connector.id, grant.profile, cp.device.now())
            )
        payload = _start_payload(connector, transaction)
        if not cp.quirks.untold_start:
            cp.outbox.post(
                Outgoing(
                    action="StartTransaction",
                    build=lambda: payload,
                    transactional=True,
                    on_result=lambda answer: self._started(
                        connector, transaction, answer
                    ),
                )
            )
        cp.sampler.begin(connector)
        cp.refresh()

    def stop(
        self, connector: Connector, reason: str, id_tag: str | None = None
    ) -> None:
        """End the transaction of a connector; `reason` is one of OCPP 1.6 §7.36."""
        cp = self._cp
        cp.physics.accrue()
        transaction = connector.transaction
        if transaction is None:
            return
        cp.sampler.end(connector)
        connector.transaction = None
        connector.finished = connector.plugged
        self._forget_profiles(connector)
        meter_stop = int(connector.register_wh)
        stopped_at = timestamp(cp.device.now())

        def build() -> Json:
            reported = -1 if transaction.id is None else transaction.id
            if cp.quirks.reported_transaction_id is not None:
                reported = cp.quirks.reported_transaction_id
            payload: Json = {
                "transactionId": reported,
                "idTag": (id_tag or transaction.id_tag) + cp.quirks.tag_suffix,
                "meterStop": meter_stop,
                "timestamp": stopped_at,
                "reason": reason,
            }
            if transaction.samples:
                payload["transactionData"] = transaction.samples
            return payload

        cp.outbox.post(
            Outgoing(
                action="StopTransaction",
                build=build,
                transactional=True,
                on_result=lambda answer: self._learn(transaction.id_tag, answer),
            )
        )
        if cp.quirks.meter_values_after_stop:
            cp.sampler.send(connector, Context.END, transaction=transaction)
        if connector.scheduled_operative is not None:
            connector.operative = connector.scheduled_operative
            connector.scheduled_operative = None
        cp.refresh()

    def settled(self) -> None:
        """End what a charge point with that quirk ends when too little is allowed."""
        if not self._cp.quirks.ends_transaction_below_minimum:
            return
        for connector in self._cp.connectors.values():
            if connector.energised and connector.status is Status.SUSPENDED_EVSE:
                self.stop(connector, "Other")

    def power_lost(self, reason: str) -> None:
        """Deal with running transactions when the charge point goes down at once."""
        habit = self._cp.quirks.after_power_loss
        for connector in self._cp.connectors.values():
            if not connector.transaction:
                continue
            match habit:
                case AfterPowerLoss.STOP:
                    self.stop(connector, reason)
                case AfterPowerLoss.FORGET:
                    self._cp.sampler.end(connector)
                    self._forget_profiles(connector)
                    connector.transaction = None
                case AfterPowerLoss.RESUME_REGISTER_ZERO:
                    connector.register_wh = 0.0
                case AfterPowerLoss.RESUME:
                    pass

    def _forget_profiles(self, connector: Connector) -> None:
        """Forget what was for a transaction only (§3.13.1)."""
        if not self._cp.quirks.keeps_tx_profiles:
            self._cp.stack.end_transaction(connector.id)

    def _started(
        self, connector: Connector, transaction: Transaction, answer: Json
    ) -> None:
        """Take over the answer to StartTransaction, perhaps long after the start."""
        transaction.id = answer["transactionId"]
        self._learn(transaction.id_tag, answer)
        accepted = answer["idTagInfo"]["status"] == "Accepted"
        transaction.refused = not accepted
        if not accepted and connector.transaction is transaction:
            if self._cp.configuration.boolean("StopTransactionOnInvalidId"):
                self.stop(connector, "DeAuthorized")
            self._cp.refresh()
        self._cp.changed()

    def _learn(self, id_tag: str, answer: Json) -> None:
        if "idTagInfo" in answer:
            self._cp.authorizer.learn(id_tag, answer["idTagInfo"])

    def _grant_expired(self, connector: Connector) -> None:
        connector.grant = None
        self._cp.refresh()

    def _forget_timeout(self, connector: Connector) -> None:
        timer = self._timeouts.pop(connector.id, None)
        if timer:
            timer.cancel()


def _start_payload(connector: Connector, transaction: Transaction) -> Json:
    payload: Json = {
        "connectorId": connector.id,
        "idTag": transaction.id_tag,
        "meterStart": transaction.meter_start_wh,
        "timestamp": timestamp(transaction.started_at),
    }
    if transaction.reservation_id is not None:
        payload["reservationId"] = transaction.reservation_id
    return payload
