"""Brings metered values to a connector: live values, energy, and the session's."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from . import metering
from .charger import Charger
from .connector import Connector
from .energy import EnergyStep
from .metering import Sample
from .model import Reading, RegisterValue, Transaction

NO_TRANSACTION = frozenset({None, 0, -1})
"""Ids that name no transaction."""

QUEUE = timedelta(minutes=5)
"""For so long after connecting a charger may be sending what had waited."""


class MeterReader:
    """Takes over buckets of sampled values for one charger."""

    def __init__(self, charger: Charger) -> None:
        """Bind the charger."""
        self._charger = charger

    def take(
        self,
        connector: Connector,
        bucket: Sequence[Sample],
        transaction_id: int | None,
        now: datetime,
        *,
        kept: bool = False,
    ) -> set[str]:
        """Take over one bucket and return the connector's keys that changed.

        Values that are older than what is known only count for the energy of the
        session that they name. With `kept` its register is in the journal already.
        """
        found = metering.readings(bucket)
        if "power" not in found and connector.connector_id != 0:
            power = metering.power_from_current(found, connector.readings)
            if power is not None:
                found["power"] = power
        live = {
            key: reading
            for key, reading in found.items()
            if not self._has_waited(reading.at, now)
            and not metering.is_history(reading.at, connector.readings.get(key), now)
        }
        live.pop("energy", None)
        changed = connector.set_readings(live.items())
        register = found.get("energy")
        if register is not None:
            if not kept:
                self._file(connector, transaction_id, register)
            changed |= self._take_register(connector, transaction_id, register, now)
        return changed

    def _has_waited(self, at: datetime, now: datetime) -> bool:
        """Say whether a value comes out of the charger's queue.

        That is sent soon after connecting; `now` is by the charger's clock, which must
        be known: of one that is slow, the present looks old.
        """
        offset_s = self._charger.clock_offset_s
        connected_at = self._charger.connected_at
        if offset_s is None or connected_at is None:
            return False
        since = now - timedelta(seconds=offset_s) - connected_at
        return since <= QUEUE and now - at > metering.HISTORY_AGE

    def _file(
        self, connector: Connector, transaction_id: int | None, register: Reading
    ) -> None:
        """Have a register value of a session kept."""
        unnamed = transaction_id in NO_TRANSACTION
        if connector.connector_id == 0 or (unnamed and connector.transaction is None):
            return
        self._charger.journal.record_register(
            self._charger.identity,
            connector.connector_id,
            transaction_id,
            RegisterValue(at=register.at, wh=register.value),
        )

    def _take_register(
        self,
        connector: Connector,
        transaction_id: int | None,
        register: Reading,
        now: datetime,
    ) -> set[str]:
        past = metering.is_past(register.at, connector.readings.get("energy"), now)
        transaction = self._transaction(connector, transaction_id)
        if transaction is None and self._is_relative(transaction_id):
            return set()
        unnamed = past and transaction_id in NO_TRANSACTION
        if unnamed and transaction and register.at < transaction.started_at:
            transaction = None
        step = connector.register.take(register.value, transaction, past=past)
        return self._apply(connector, transaction, step, register.at)

    @staticmethod
    def begin(
        connector: Connector, meter_start: int, at: datetime, now: datetime
    ) -> None:
        """Take over the meterStart of a transaction in Wh."""
        if not metering.is_past(at, connector.readings.get("energy"), now):
            connector.register.begin(meter_start)

    def carry_over(self, connector: Connector, transaction: Transaction) -> set[str]:
        """Let the energy that is known count for a transaction that ran before us."""
        known = connector.readings.get("energy")
        if known is None:
            return set()
        step = connector.register.take(known.value, transaction, past=True)
        return self._apply(connector, transaction, step, known.at)

    def take_stop(
        self,
        connector: Connector,
        transaction: Transaction,
        register: Reading,
        now: datetime,
    ) -> set[str]:
        """Take over the meterStop of a transaction in Wh."""
        past = metering.is_past(register.at, connector.readings.get("energy"), now)
        step = connector.register.finish(register.value, transaction, past=past)
        return self._apply(connector, transaction, step, register.at)

    @staticmethod
    def _apply(
        connector: Connector,
        transaction: Transaction | None,
        step: EnergyStep,
        at: datetime,
    ) -> set[str]:
        changed: set[str] = set()
        if step.lifetime_wh is not None:
            lifetime = Reading(value=step.lifetime_wh, at=at)
            changed |= connector.set_readings([("energy", lifetime)])
        if step.session_wh is not None and transaction is not None:
            changed |= connector.set_session_energy(transaction, step.session_wh)
        return changed

    def _is_relative(self, transaction_id: int | None) -> bool:
        """Say whether the values of this session count from its start."""
        named = self._charger.transaction(transaction_id or 0)
        return named is not None and named.session_relative

    def _transaction(
        self, connector: Connector, transaction_id: int | None
    ) -> Transaction | None:
        """Return the running transaction that a value belongs to.

        Values without an id, or with the id 0 that some chargers send, belong to the
        running one; a value that names another belongs to none.
        """
        running = connector.transaction
        if running is None or transaction_id in NO_TRANSACTION:
            return running
        known_as = (running.transaction_id, running.own_number)
        return running if transaction_id in known_as else None
