"""Notices what a charger makes of a plan that it has accepted.

Some accept a profile, count it into their composite schedule and let the car draw what
it will; some end the session when nothing may flow.
"""

from datetime import datetime, timedelta

from .connector import Connector
from .model import ConnectorStatus, Reading, Transaction
from .schedules import NOMINAL_VOLTAGE, Fitted

_MARGIN_A = 1.0
_MARGIN = 0.1
"""A car may draw so much more than it is offered, whichever is more: meters differ."""

_FAR_A = 3.0
_FAR = 0.3
"""More than that above what is offered, whichever is more, is no matter of meters."""

_PHASES = ("l1", "l2", "l3")

ENDED_AFTER = timedelta(seconds=60)
"""A session that ends so soon after its limit became 0 A ended because of it."""

_EARLY = timedelta(seconds=10)
"""A charger's clock may be ahead of ours by so much."""

_OWN_ACCORD = frozenset({None, "Local", "Other"})
"""What a charger that ends a session by itself gives as its reason."""

_NOBODYS_CHOICE = frozenset(
    {"HardReset", "PowerLoss", "Reboot", "SoftReset", "EmergencyStop"}
)
"""Why a session ends that neither its owner nor the car wanted to end."""


class OverdrawWatch:
    """Follows what a connector draws against what it is allowed."""

    def __init__(self, patience_s: float, far_s: float | None = None) -> None:
        """Begin; who draws too much for longer than that ignores the plan.

        `far_s` is the same for who draws far too much.
        """
        self._patience = timedelta(seconds=patience_s)
        self._far = timedelta(seconds=patience_s if far_s is None else far_s)
        self._register: Reading | None = None
        self._stale: datetime | None = None
        self._first: datetime | None = None
        self._since: datetime | None = None
        self._above = False

    @property
    def suspects(self) -> bool:
        """Say whether too much is being drawn at this time."""
        return self._above

    def begin(self, connector: Connector) -> None:
        """Begin anew: another limit holds, and what was measured before is past."""
        measured = drawn(connector)
        self._stale = None if measured is None else measured.at
        self._first = self._since = None

    def ignores(self, connector: Connector, allowed_a: float, now: datetime) -> bool:
        """Say whether more was drawn than allowed, in readings far enough apart."""
        measured = drawn(connector)
        bound_a = allowed_a + max(_MARGIN_A, _MARGIN * allowed_a)
        self._above = measured is not None and measured.value > bound_a
        if measured is None or measured.at == self._stale:
            return False
        if not self._above:
            self._first = self._since = None
            return False
        if self._first is None or self._since is None:
            self._first, self._since = measured.at, now
            self._register = connector.readings.get("energy")
            return False
        far = measured.value > allowed_a + max(_FAR_A, _FAR * allowed_a)
        quick = far and self._flows(connector, measured)
        patience = self._far if quick else self._patience
        return measured.at > self._first and now - self._since > patience

    def _flows(self, connector: Connector, measured: Reading) -> bool:
        """Say whether the register of energy agrees that so much flows.

        A charger that is asked may tell what it measured a minute ago, as new. One
        that suspends the session does as it was told.
        """
        before, after = self._register, connector.readings.get("energy")
        suspended = connector.status is ConnectorStatus.SUSPENDED_EVSE
        if before is None or after is None or suspended:
            return False
        hours = (after.at - before.at).total_seconds() / 3600
        on_one_phase_wh = measured.value * NOMINAL_VOLTAGE * hours
        return hours > 0 and after.value - before.value > on_one_phase_wh / 2


def drawn(connector: Connector) -> Reading | None:
    """Return the highest current of a phase, in A; from the power where need be.

    A power is shared by all phases: a car that uses one of three is underrated. So it
    is where their number is not known: nobody is blamed for what may be right.
    """
    currents = [
        reading
        for key in ("current", *(f"current_{phase}" for phase in _PHASES))
        if (reading := connector.readings.get(key)) is not None
    ]
    if currents:
        latest = max(each.at for each in currents)
        return max(
            (each for each in currents if each.at == latest), key=lambda one: one.value
        )
    power = connector.readings.get("power")
    if power is None:
        return None
    phases = connector.planned_phases or connector.known_phases or len(_PHASES)
    return Reading(value=power.value / (NOMINAL_VOLTAGE * phases), at=power.at)


def ended_by_zero(
    ended: Transaction | None,
    ended_at: datetime,
    fitted: Fitted,
    sent_at: datetime,
) -> bool:
    """Say whether a charger ended a session, by our clock, as nothing may flow.

    `fitted` is the plan that it had, since `sent_at`.
    """
    if ended is None or ended.stop_reason not in _OWN_ACCORD:
        return False
    zero_since = fitted.zero_since(ended_at + _EARLY)
    if zero_since is None:
        return False
    return ended_at - max(zero_since, sent_at) <= ENDED_AFTER


def ended_by_itself(ended: Transaction | None) -> bool:
    """Say whether it was the charger that ended a session, of its own accord."""
    return ended is not None and ended.stop_reason in _OWN_ACCORD


def ended_by_trouble(ended: Transaction | None) -> bool:
    """Say whether a session ended that is to go on: its car is still there."""
    return ended is not None and ended.stop_reason in _NOBODYS_CHOICE


def was_forgotten(connector: Connector) -> bool:
    """Say whether a charger forgot its session in a restart: it never told its end."""
    ended = connector.last_transaction
    preparing = connector.status is ConnectorStatus.PREPARING
    return preparing and ended is not None and ended.ended_at is None
