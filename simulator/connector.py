"""One connector: its cable, its transaction, its meter, and the status that follows."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from .car import Car, Supply
from .meter import Reading
from .options import ChargePointOptions
from .profiles import Limit, Session

type Json = dict[str, Any]

MINIMUM_CURRENT_A = 6.0
"""Below it IEC 61851-1 knows no current to offer."""


class Status(StrEnum):
    """OCPP 1.6 §7.7."""

    AVAILABLE = "Available"
    PREPARING = "Preparing"
    CHARGING = "Charging"
    SUSPENDED_EVSE = "SuspendedEVSE"
    SUSPENDED_EV = "SuspendedEV"
    FINISHING = "Finishing"
    RESERVED = "Reserved"
    UNAVAILABLE = "Unavailable"
    FAULTED = "Faulted"


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Why a connector is out of order; `error_code` is one of OCPP 1.6 §7.6."""

    error_code: str
    info: str | None = None
    vendor_error_code: str | None = None


@dataclass(frozen=True, kw_only=True)
class Reservation:
    """A connector kept for a tag (OCPP 1.6 §5.13)."""

    id: int
    id_tag: str
    parent_id_tag: str | None
    expires: datetime


@dataclass(kw_only=True)
class Transaction:
    """A transaction, with an id only when the central system has given one."""

    id_tag: str
    started_at: datetime
    meter_start_wh: int
    id: int | None = None
    reservation_id: int | None = None
    refused: bool = False
    """The central system has not accepted the tag; no energy flows."""
    profile: Json | None = None
    """The TxProfile that came with RemoteStartTransaction."""
    samples: list[Json] = field(default_factory=list)
    """MeterValue objects for the transactionData of StopTransaction."""


@dataclass(frozen=True, kw_only=True)
class Grant:
    """A tag that may charge here, once a car is plugged in."""

    id_tag: str
    profile: Json | None = None


class Connector:
    """The state of a connector. Its status is derived, never set."""

    def __init__(self, connector_id: int, options: ChargePointOptions) -> None:
        """Start with no car, in service."""
        self.id = connector_id
        self._options = options
        self.car: Car | None = None
        self.transaction: Transaction | None = None
        self.grant: Grant | None = None
        self.reservation: Reservation | None = None
        self.fault: Fault | None = None
        self.operative = True
        self.scheduled_operative: bool | None = None
        self.finished = False
        """A transaction has ended and its car is still plugged in."""
        self.register_wh = options.register_wh
        self.limit = Limit(current_a=options.max_current)
        self.offered_a = 0.0
        """What the car is offered now, per phase."""

    @property
    def limit_a(self) -> float:
        """Return the current per phase that profiles and hardware allow."""
        return self.limit.current_a

    @property
    def transaction_id(self) -> int | None:
        """Return the id of the running transaction once it is known."""
        return self.transaction.id if self.transaction else None

    @property
    def plugged(self) -> bool:
        """Return whether a car is plugged in."""
        return self.car is not None

    @property
    def current_a(self) -> float:
        """Return the current that flows, per phase in use."""
        return self.car.current_a(self.supply) if self.car else 0.0

    @property
    def power_w(self) -> float:
        """Return the power that flows."""
        return self.car.power_w(self.supply) if self.car else 0.0

    @property
    def supply(self) -> Supply:
        """Return what the car is offered."""
        phases = self._options.phases
        switches = (
            self._options.switches_phases and not self._options.quirks.ignores_phases
        )
        if switches and self.limit.phases:
            phases = min(phases, self.limit.phases)
        return Supply(
            current_a=self.offered_a, phases=phases, voltage_v=self._options.voltage_v
        )

    @property
    def energised(self) -> bool:
        """Return whether the relay may be closed."""
        return (
            self.transaction is not None
            and not self.transaction.refused
            and not self.fault
        )

    @property
    def status(self) -> Status:
        """Return the status that follows from everything else (OCPP 1.6 §4.9)."""
        if self.fault:
            return Status.FAULTED
        if self.transaction:
            if self.offered_a < MINIMUM_CURRENT_A:
                return Status.SUSPENDED_EVSE
            return Status.CHARGING if self.current_a > 0 else Status.SUSPENDED_EV
        if not self.operative:
            return Status.UNAVAILABLE
        if self.plugged and self.finished:
            return Status.FINISHING
        if self.plugged or self.grant:
            return Status.PREPARING
        return Status.RESERVED if self.reservation else Status.AVAILABLE

    def session(self, now: datetime) -> Session:
        """Return what charging profiles are looked at for."""
        if self.transaction:
            return Session(start=self.transaction.started_at, running=True)
        return Session(start=now, running=False)

    def charge(self, seconds: float) -> None:
        """Let the car charge for some simulated seconds under the present supply."""
        if self.car and seconds > 0:
            self.register_wh += self.car.advance(self.supply, seconds)

    def seconds_to_change(self) -> float | None:
        """Return the simulated seconds until the car behaves differently by itself."""
        return self.car.seconds_to_change(self.supply) if self.car else None

    def reading(self, since_wh: float) -> Reading:
        """Return what the meter shows; `since_wh` is the last sample's register."""
        session_only = self._options.quirks.session_register and self.transaction
        base = (
            self.transaction.meter_start_wh if session_only and self.transaction else 0
        )
        return Reading(
            register_wh=self.register_wh - base,
            interval_wh=self.register_wh - since_wh,
            current_a=self.current_a,
            offered_a=self.offered_a,
            phases=self._options.phases,
            phases_used=self.car.phases_used(self.supply) if self.car else 0,
            voltage_v=self._options.voltage_v,
            soc_percent=self.car.soc_percent if self.car else None,
            temperature_c=25.0 + self.power_w / 1000,
        )

    def may_start(self, id_tag: str, parent_id_tag: str | None = None) -> bool:
        """Return whether a transaction of this tag could begin here."""
        if self.fault or self.transaction or not self.operative:
            return False
        if self.reservation is None:
            return True
        return self.reservation.id_tag.casefold() == id_tag.casefold() or (
            parent_id_tag is not None
            and parent_id_tag == self.reservation.parent_id_tag
        )
