"""The time a simulated charge point lives in.

A clock has two timelines. *Simulated seconds* drive physics and the sampling of
the meter; they may run faster than the world, so that a demonstration moves.
*Wall time* drives what the peer can compare with its own clock: timestamps,
charging schedules, heartbeats, network time-outs. With an acceleration of 1 and
with the manual clock the two are the same.
"""

from abc import ABC, abstractmethod
import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
import heapq
import itertools
import math
import time
from typing import Protocol, override


class Timer(Protocol):
    """Something armed that can be disarmed."""

    def cancel(self) -> None:
        """Disarm; harmless when it has fired already."""


class Clock(ABC):
    """Where the charge point gets its time and its timers from."""

    @abstractmethod
    def seconds(self) -> float:
        """Return the simulated seconds since some fixed point."""

    @abstractmethod
    def now(self) -> datetime:
        """Return the true wall time in UTC."""

    @abstractmethod
    def later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """Call back once after that many simulated seconds."""

    @abstractmethod
    def later_wall(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """Call back once after that many seconds of wall time."""

    async def sleep(self, seconds: float) -> None:
        """Wait for that many simulated seconds."""
        await _wait(self.later, seconds)

    async def sleep_wall(self, seconds: float) -> None:
        """Wait for that many seconds of wall time."""
        await _wait(self.later_wall, seconds)


async def _wait(
    arm: Callable[[float, Callable[[], None]], Timer], seconds: float
) -> None:
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def fire() -> None:
        if not done.done():
            done.set_result(None)

    timer = arm(seconds, fire)
    try:
        await done
    finally:
        timer.cancel()


class RealClock(Clock):
    """The world's clock; simulated seconds run `speed` times as fast."""

    def __init__(self, speed: float = 1.0) -> None:
        """`speed` must be positive; 60 turns a minute into a second."""
        if speed <= 0:
            raise ValueError("the speed of a clock must be positive")
        self.speed = speed

    @override
    def seconds(self) -> float:
        return time.monotonic() * self.speed

    @override
    def now(self) -> datetime:
        return datetime.now(UTC)

    @override
    def later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        return self.later_wall(seconds / self.speed, callback)

    @override
    def later_wall(self, seconds: float, callback: Callable[[], None]) -> Timer:
        return asyncio.get_running_loop().call_later(max(0.0, seconds), callback)


class _ManualTimer:
    """A timer of the manual clock."""

    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        self.callback = None


class ManualClock(Clock):
    """A clock that moves only when told to.

    Timers fire in the order they are due, each at its own time, so physics and
    samples are exact however far one advances. What goes over the network is not
    waited for: after `advance`, wait for the message or state that is expected.
    """

    # Turns of the event loop given to woken tasks before time goes on.
    _SETTLE_TURNS = 5

    def __init__(
        self, start: datetime = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
    ) -> None:
        """Begin at `start`, an aware datetime (by default a Monday noon)."""
        self._start = start
        self._elapsed = 0.0
        self._order = itertools.count()
        self._timers: list[tuple[float, int, _ManualTimer]] = []

    @override
    def seconds(self) -> float:
        return self._elapsed

    @override
    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._elapsed)

    @override
    def later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        timer = _ManualTimer(callback)
        due = self._elapsed + max(0.0, seconds)
        heapq.heappush(self._timers, (due, next(self._order), timer))
        return timer

    @override
    def later_wall(self, seconds: float, callback: Callable[[], None]) -> Timer:
        return self.later(seconds, callback)

    @property
    def idle_s(self) -> float:
        """Return for how many seconds nothing is due; infinite without a timer."""
        while self._timers and self._timers[0][2].callback is None:
            heapq.heappop(self._timers)
        return self._timers[0][0] - self._elapsed if self._timers else math.inf

    async def advance(self, seconds: float) -> None:
        """Let that many seconds pass, firing every timer that comes due."""
        await self._settle()
        end = self._elapsed + seconds
        while self._timers and self._timers[0][0] <= end:
            due, _, timer = heapq.heappop(self._timers)
            if timer.callback is None:
                continue
            self._elapsed = max(self._elapsed, due)
            timer.callback()
            await self._settle()
        self._elapsed = end
        await self._settle()

    async def _settle(self) -> None:
        for _ in range(self._SETTLE_TURNS):
            await asyncio.sleep(0)


class DeviceClock:
    """What the charge point believes the wall time to be.

    It starts wrong by `offset_s`, gains `drift_ppm` microseconds every second, and
    is set right by the `currentTime` of the central system (OCPP 1.6 §4.6) unless
    `follow` is false.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        offset_s: float = 0.0,
        drift_ppm: float = 0.0,
        follow: bool = True,
    ) -> None:
        """Start counting the drift from now."""
        self._clock = clock
        self._drift = drift_ppm / 1e6
        self._follow = follow
        self._set_at = clock.now()
        self._offset = timedelta(seconds=offset_s)

    def now(self) -> datetime:
        """Return the time the charge point would put on a message, in UTC."""
        true = self._clock.now()
        return true + self._offset + (true - self._set_at) * self._drift

    def set(self, current_time: datetime, asked_at: datetime) -> None:
        """Take over the central system's time, asked for at `asked_at` by this clock.

        Where it lies between question and answer, to the second, this clock is right.
        """
        second = timedelta(seconds=1)
        if not self._follow or asked_at - second < current_time < self.now() + second:
            return
        self._set_at = self._clock.now()
        self._offset = current_time - self._set_at


def timestamp(moment: datetime) -> str:
    """Return a moment as OCPP text: UTC, milliseconds, Z."""
    return (
        moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    )


def parse_timestamp(text: str) -> datetime:
    """Read an OCPP time in any offset; one without an offset counts as UTC.

    Raises ValueError where the text is no ISO 8601 time.
    """
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
