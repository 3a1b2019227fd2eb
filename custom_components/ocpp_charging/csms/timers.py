"""Time and timers, as one hands them to what has to act by itself later."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

_LATE_S = 0.05
"""A timer must not fire before what it waits for."""


class Timer(Protocol):
    """Something armed that can be disarmed."""

    def cancel(self) -> None:
        """Disarm."""


class Clock(Protocol):
    """Where a keeper gets its time and its timers from."""

    def now(self) -> datetime:
        """Return the present, aware."""

    def later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """Call back once after that many seconds."""


class WorldClock:
    """The real time."""

    def now(self) -> datetime:
        """Return the present in UTC."""
        return datetime.now(UTC)

    def later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """Call back once after that many seconds."""
        return asyncio.get_running_loop().call_later(seconds, callback)


class Alarm:
    """Calls back at the earliest of the moments it was set to, once."""

    def __init__(self, clock: Clock, callback: Callable[[], None]) -> None:
        """Begin without a moment."""
        self._clock = clock
        self._callback = callback
        self._timer: Timer | None = None
        self._moment: datetime | None = None

    def set(self, moment: datetime) -> None:
        """Call back just after a moment, if it is not to be done earlier."""
        if self._moment is not None and moment >= self._moment:
            return
        self.clear()
        self._moment = moment
        seconds = (moment - self._clock.now()).total_seconds() + _LATE_S
        self._timer = self._clock.later(max(seconds, _LATE_S), self._due)

    def clear(self) -> None:
        """Do not call back."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._moment = None

    def _due(self) -> None:
        self._timer = self._moment = None
        self._callback()
