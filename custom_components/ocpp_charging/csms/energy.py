"""From a charger's energy register to a lifetime that never falls.

Registers jitter, show a stray 0, begin anew with each session or after a restart
(OCPP 1.6 errata 3.9: both kinds are in the field). What a session took is the
register's difference, in Wh.
"""

from dataclasses import dataclass

from .model import Transaction

JITTER_WH = 50.0
"""A register that falls by no more than this has not been reset."""

MAX_SESSION_WH = 200_000.0
"""No car takes more in one session."""


@dataclass(frozen=True, kw_only=True)
class EnergyStep:
    """What one register value amounts to: the lifetime and the session, in Wh."""

    lifetime_wh: float | None
    session_wh: float | None


class EnergyRegister:
    """Follows one connector's register."""

    def __init__(self) -> None:
        """Begin with no value."""
        self._last: float | None = None
        self._lower: float | None = None
        self._before: float | None = None

    def recall(self, value_wh: float) -> None:
        """Begin with what the register was before a restart of ours.

        A stray 0 as the first value would otherwise count as a new register.
        """
        self._last = value_wh

    def take(
        self, value_wh: float, transaction: Transaction | None, *, past: bool = False
    ) -> EnergyStep:
        """Take over a register value; None where it tells nothing new.

        `past` says that it was measured before one that was taken over already: then
        a lower value says nothing of the register.
        """
        if transaction is None:
            lifetime = self._monotonic(value_wh, past=past)
            return EnergyStep(lifetime_wh=lifetime, session_wh=None)
        start = self._start_of(transaction, value_wh)
        if 0 < value_wh < start - JITTER_WH:
            transaction.session_relative = True
        elif value_wh > MAX_SESSION_WH:
            transaction.session_relative = False
        session = value_wh if transaction.session_relative else value_wh - start
        session = max(session, 0.0)
        # What was clipped to the session's start is no sign of a register that fell.
        stray = value_wh <= 0 < start
        lifetime = self._monotonic(start + session, past=past or stray)
        return EnergyStep(lifetime_wh=lifetime, session_wh=session)

    def finish(
        self, meter_stop_wh: float, transaction: Transaction, *, past: bool = False
    ) -> EnergyStep:
        """Take over a session's last value, which counts as its first one does.

        The samples between may count from the session's start where first and last
        are the lifetime; a last value below the first counts from the start too.
        """
        start = self._start_of(transaction, meter_stop_wh)
        if meter_stop_wh < start - JITTER_WH:
            return self.take(meter_stop_wh, transaction, past=past)
        session = max(meter_stop_wh - start, 0.0)
        lifetime = self._monotonic(start + session, past=past)
        return EnergyStep(lifetime_wh=lifetime, session_wh=session)

    def begin(self, meter_start_wh: int) -> None:
        """Take a session's first value as the register's, also when it fell."""
        self._before = None
        if self._last is not None and meter_start_wh < self._last - JITTER_WH:
            self._before = self._last
            self._last = None
            self._lower = None

    def _start_of(self, transaction: Transaction, value_wh: float) -> int:
        """Return where a session's energy counts from, given a value of it.

        That is where it was adopted, or where a meterStart of 0 cannot be true, since
        no car could have taken all that.
        """
        start = transaction.meter_start_wh
        if start is None or (start == 0 and value_wh > MAX_SESSION_WH):
            before = self._before if start == 0 else None
            start = round(value_wh if before is None else min(before, value_wh))
            transaction.meter_start_wh = start
        return start

    def _monotonic(self, value_wh: float, *, past: bool) -> float | None:
        last = self._last
        if last is None or value_wh >= last:
            self._last = value_wh
            self._lower = None
            return value_wh
        if past:
            return None
        reset = self._lower is not None and value_wh >= self._lower > 0
        if value_wh < last - JITTER_WH and reset:
            # Twice in a row and rising: the register really began anew.
            self._last = value_wh
            self._lower = None
            return value_wh
        self._lower = value_wh
        return None
