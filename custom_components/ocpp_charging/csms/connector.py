"""One connector's state, and what a homeowner reads from it."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from .energy import EnergyRegister
from .model import (
    ChargingState,
    ConnectorStatus,
    ErrorCode,
    HeldBy,
    PastSession,
    Reading,
    Transaction,
)

if TYPE_CHECKING:
    from .plan_install import Installed

CHARGING_THRESHOLD_W = 100.0
"""Above this a car is charging; electronics on standby draw less."""

FLOW_KEYS = frozenset(
    f"{quantity}{phase}"
    for quantity in ("power", "current", "power_export", "current_export")
    for phase in ("", "_l1", "_l2", "_l3")
)
"""Readings that are 0 when nothing flows, whether the charger says so or not."""

REGISTER_KEYS = frozenset(
    f"{register}{phase}"
    for register in ("energy", "energy_export")
    for phase in ("", "_l1", "_l2", "_l3")
)
"""Readings that only grow: what they were stays true."""

RUNNING = frozenset(
    {
        ConnectorStatus.CHARGING,
        ConnectorStatus.SUSPENDED_EV,
        ConnectorStatus.SUSPENDED_EVSE,
    }
)
"""The statuses that a connector has in a transaction (OCPP 1.6 §4.9)."""

_PLUGGED: dict[ConnectorStatus, bool] = {
    ConnectorStatus.AVAILABLE: False,
    ConnectorStatus.PREPARING: True,
    ConnectorStatus.CHARGING: True,
    ConnectorStatus.SUSPENDED_EVSE: True,
    ConnectorStatus.SUSPENDED_EV: True,
    ConnectorStatus.FINISHING: True,
}

_STATES: dict[ConnectorStatus, ChargingState] = {
    ConnectorStatus.AVAILABLE: ChargingState.UNPLUGGED,
    ConnectorStatus.PREPARING: ChargingState.WAITING,
    ConnectorStatus.CHARGING: ChargingState.CHARGING,
    ConnectorStatus.SUSPENDED_EVSE: ChargingState.PAUSED_BY_CHARGER,
    ConnectorStatus.SUSPENDED_EV: ChargingState.PAUSED_BY_CAR,
    ConnectorStatus.FINISHING: ChargingState.FINISHED,
    ConnectorStatus.FAULTED: ChargingState.FAULT,
}


class Connector:
    """A connector and the last that its charger said of it.

    Methods that change something return the keys that changed, which are the names
    of the attributes and of the readings (`power`, `current_l1`; see `metering`).
    """

    def __init__(self, connector_id: int, limit_a: float | None = None) -> None:
        """Begin with nothing known but the number and the owner's limit in A."""
        self.connector_id = connector_id
        self.status: ConnectorStatus | None = None
        self.status_at: datetime | None = None
        self.error_code: ErrorCode | None = None
        self.error_info: str | None = None
        self.vendor_error: str | None = None
        self.readings: dict[str, Reading] = {}
        self.transaction: Transaction | None = None
        self.last_transaction: Transaction | None = None
        self.past_session: PastSession | None = None
        """Of all that are kept the session that ended last, however late it came."""
        self.limit_a = limit_a
        self.held_by: HeldBy | None = None
        """By what it is held to a plan; None where there is none."""
        self.planned_limit_a: float | None = None
        """What the plan allows now, in A per phase."""
        self.planned_phases: int | None = None
        """On how many phases that is; None where the charger cannot switch them."""
        self.plan_there: Installed | None = None
        """The plan that is on the charger; None where there is none."""
        self.share_a: float | None = None
        """What the house's fuses leave it, in A per phase, as the charger was last
        told; None where no fuse counts."""
        self.register = EnergyRegister()
        self.seen_running = False
        """Whether the transaction began on this connection and no status denied it."""
        self._power_since_status = False

    def reading(self, key: str) -> float | None:
        """Return a reading's value in its canonical unit, None when never sent."""
        reading = self.readings.get(key)
        return None if reading is None else reading.value

    @property
    def plugged_in(self) -> bool | None:
        """Say whether a car is plugged in; None where the status does not tell."""
        if self.transaction is not None and self.status is not None:
            return _PLUGGED.get(self.status, True)
        return None if self.status is None else _PLUGGED.get(self.status)

    @property
    def charging_state(self) -> ChargingState | None:
        """Return what the car is doing, from the status and the power."""
        if self.status is None:
            return None
        state = _STATES.get(self.status)
        if state is not ChargingState.CHARGING or not self._power_since_status:
            return state
        power = self.reading("power")
        if power is not None and power < CHARGING_THRESHOLD_W:
            return ChargingState.PAUSED_BY_CAR
        return state

    @property
    def charging(self) -> bool | None:
        """Say whether energy flows into a car."""
        state = self.charging_state
        return None if state is None else state is ChargingState.CHARGING

    @property
    def problem(self) -> bool | None:
        """Say whether the connector is faulted or reports an error."""
        if self.status is None:
            return None
        return self.status is ConnectorStatus.FAULTED or (
            self.error_code not in {None, ErrorCode.NO_ERROR}
        )

    @property
    def runs(self) -> bool:
        """Say whether there is a transaction whose end cannot have been lost.

        That is one of which the charger has said nothing else since, or with which
        the status agrees, where it is known (OCPP 1.6 §4.9).
        """
        agrees = self.status is None or self.status in RUNNING
        return self.transaction is not None and (self.seen_running or agrees)

    @property
    def session(self) -> Transaction | None:
        """Return the running transaction, else the last one."""
        return self.transaction or self.last_transaction

    @property
    def session_energy(self) -> float | None:
        """Return the energy of the running or last session in Wh."""
        return None if self.session is None else self.session.energy_wh

    @property
    def session_start(self) -> datetime | None:
        """Return when the running or last session began."""
        return None if self.session is None else self.session.started_at

    @property
    def id_tag(self) -> str | None:
        """Return the id tag of the running session."""
        return None if self.transaction is None else self.transaction.id_tag

    @property
    def known_phases(self) -> int | None:
        """Return how many phases the connector reports; None while it has not."""
        reported = (
            sum(f"{quantity}_{phase}" in self.readings for phase in ("l1", "l2", "l3"))
            for quantity in ("current", "power", "voltage")
        )
        return max(reported) or None

    @property
    def phases(self) -> int:
        """Return how many phases the connector has, by what it reports; else 1.

        A limit in watts is shared by the phases: where nothing is known, fewer are
        the safe guess.
        """
        return self.known_phases or 1

    def recall(self, latest: Transaction) -> None:
        """Begin with the transaction that began last before a restart of ours.

        What the register showed then is still true: it moves only while charging.
        """
        if latest.ended_at is None:
            self.transaction = latest
        else:
            self.last_transaction = latest
        start = latest.meter_start_wh
        if start is None:
            return
        register_wh = max(start + latest.energy_wh, latest.meter_stop_wh or 0)
        self.register.recall(register_wh)
        at = latest.ended_at or latest.started_at
        self.readings["energy"] = Reading(value=register_wh, at=at)

    def recall_late(
        self,
        latest: Transaction | None,
        known: Callable[[int], Transaction | None],
    ) -> set[str]:
        """Take over transactions that could not be recalled in the beginning.

        `latest` began last and `known` tells which one a number means. Meanwhile it
        may have been found running, or the status may say that it is over.
        """
        before = self._derived()
        running = self.transaction
        if running is not None:
            found = known(running.transaction_id) or running
            self.transaction = None if found.ended_at else found
            self.last_transaction = found if found.ended_at else self.last_transaction
        elif latest is not None:
            if "energy" not in self.readings:
                self.recall(latest)
            elif latest.ended_at is None:
                self.transaction = latest
            if latest.ended_at or self.status not in {None, *RUNNING}:
                self.transaction, self.last_transaction = None, latest
        return {"transaction", "energy"} | self._derived_changes(before)

    def set_status(
        self,
        status: ConnectorStatus,
        at: datetime | None,
        error_code: ErrorCode,
        info: str | None,
        vendor_error: str | None,
    ) -> set[str]:
        """Take over a StatusNotification (OCPP 1.6 §4.9).

        `at` is by the charger's clock, None when the charger gave no time.
        """
        before = self._derived()
        changed = self._assign(
            status=status, error_code=error_code, error_info=info,
            vendor_error=vendor_error,
        )  # fmt: skip
        self.status_at = at
        self.seen_running &= status in RUNNING
        if "status" in changed:
            self._power_since_status = False
            if status is not ConnectorStatus.CHARGING:
                changed |= self._stop_flow(at)
        return changed | self._derived_changes(before)

    def set_readings(self, readings: Iterable[tuple[str, Reading]]) -> set[str]:
        """Take over new readings; those that only repeat a value change nothing."""
        before = self._derived()
        changed = set()
        for key, reading in readings:
            known = self.readings.get(key)
            self.readings[key] = reading
            if known is None or known.value != reading.value:
                changed.add(key)
            if key == "power":
                self._power_since_status = True
        return changed | self._derived_changes(before)

    def forget_present(self) -> set[str]:
        """Forget what is true for the moment only, as a restart of ours would.

        Registers and sessions stay: they are of the past as well.
        """
        before = self._derived()
        changed = self._assign(
            status=None, error_code=None, error_info=None, vendor_error=None
        )
        self.status_at = None
        for key in self.readings.keys() - REGISTER_KEYS:
            del self.readings[key]
            changed.add(key)
        return changed | self._derived_changes(before)

    def begin(self, transaction: Transaction) -> set[str]:
        """Make a transaction the running one."""
        before = self._derived()
        self.transaction = transaction
        self.seen_running = True
        return {"transaction"} | self._derived_changes(before)

    def end(self, at: datetime | None, *, keep: bool = True) -> set[str]:
        """End the running transaction; it stays as the last one unless not `keep`.

        `at` is by the charger's clock, None when the charger gave no time.
        """
        before = self._derived()
        if keep:
            self.last_transaction = self.transaction
        self.transaction = None
        changed = {"transaction"} | self._stop_flow(at)
        return changed | self._derived_changes(before)

    def set_session_energy(
        self, transaction: Transaction, energy_wh: float
    ) -> set[str]:
        """Set what a transaction has taken in Wh; it never falls."""
        if energy_wh <= transaction.energy_wh:
            return set()
        transaction.energy_wh = energy_wh
        return {"session_energy"} if transaction is self.session else set()

    def set_past_session(self, past_session: PastSession | None) -> set[str]:
        """Set which session ended last."""
        return self._assign(past_session=past_session)

    def set_limit(self, limit_a: float | None) -> set[str]:
        """Remember the owner's limit in A per phase."""
        return self._assign(limit_a=limit_a)

    def set_held(
        self,
        held_by: HeldBy | None,
        planned_limit_a: float | None,
        planned_phases: int | None = None,
    ) -> set[str]:
        """Set by what the connector is held to its plan, and what that allows now."""
        return self._assign(
            held_by=held_by,
            planned_limit_a=planned_limit_a,
            planned_phases=planned_phases,
        )

    def set_share(self, share_a: float | None) -> set[str]:
        """Set what the charger was told that the house's fuses leave."""
        return self._assign(share_a=share_a)

    def set_plan_there(self, installed: Installed | None) -> set[str]:
        """Set which plan is on the charger."""
        return self._assign(plan_there=installed)

    def _stop_flow(self, at: datetime | None) -> set[str]:
        """Set the flows to 0, as of the charger's time.

        Never as of ours: with a charger whose clock is slow, that would make history
        of all that it measures from now on.
        """
        changed = set()
        for key in FLOW_KEYS & self.readings.keys():
            known = self.readings[key]
            if known.value != 0:
                stopped_at = known.at if at is None else max(at, known.at)
                self.readings[key] = Reading(value=0.0, at=stopped_at)
                changed.add(key)
        return changed

    def _assign(self, **values: object) -> set[str]:
        changed = {key for key, value in values.items() if getattr(self, key) != value}
        for key in changed:
            setattr(self, key, values[key])
        return changed

    def _derived(self) -> dict[str, object]:
        return {
            "charging_state": self.charging_state,
            "charging": self.charging,
            "plugged_in": self.plugged_in,
            "problem": self.problem,
            "session_energy": self.session_energy,
            "session_start": self.session_start,
            "id_tag": self.id_tag,
        }

    def _derived_changes(self, before: dict[str, object]) -> set[str]:
        after = self._derived()
        return {key for key, value in after.items() if before[key] != value}
