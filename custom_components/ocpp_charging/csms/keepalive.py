"""Finding out that a charger is gone although its socket looks open.

A charger that answers pings is dead after `Timing.silence` without a word. Some never
answer any (EN+, and others in the field): those live as long as they keep talking.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
import logging

from websockets.asyncio.connection import Connection
from websockets.exceptions import ConnectionClosed

from .charger import Charger
from .timing import Timing

_LOGGER = logging.getLogger(__name__)


class Keepalive:
    """Pings one connection and ends it when nobody is there."""

    def __init__(
        self,
        charger: Charger,
        socket: Connection,
        timing: Timing,
        *,
        last_heard: Callable[[], float],
        dead: Callable[[], None],
    ) -> None:
        """Watch a connection.

        `last_heard` returns when the last message came, by the loop's clock; `dead`
        is called once, when the peer is given up.
        """
        self._charger = charger
        self._socket = socket
        self._timing = timing
        self._last_heard = last_heard
        self._dead = dead
        self._last_pong = 0.0
        self._waiting = False
        self._told: datetime | None = None

    async def run(self) -> None:
        """Ping until the connection ends."""
        interval = self._timing.ping_interval
        while True:
            await asyncio.sleep(min(interval, max(0.0, self._patience - self._quiet)))
            self._tell()
            if self._quiet >= self._patience:
                _LOGGER.info("Charger %s is silent", self._charger.identity)
                self._dead()
                return
            if not self._waiting:
                await self._ping()

    @property
    def _quiet(self) -> float:
        """Return for how many seconds nothing has come."""
        last = max(self._last_heard(), self._last_pong)
        return asyncio.get_running_loop().time() - last

    def _tell(self) -> None:
        """Tell when the charger was last heard of: not with each of its messages."""
        last_seen = self._charger.last_seen
        if last_seen != self._told:
            self._told = last_seen
            self._charger.publish(0, {"last_seen"})

    @property
    def _patience(self) -> float:
        if self._charger.memory.answers_pings:
            return self._timing.silence
        return self._timing.silence_without_pongs

    async def _ping(self) -> None:
        try:
            async with asyncio.timeout(self._timing.ping_interval):
                pong = await self._socket.ping()
        except ConnectionClosed, TimeoutError:
            return
        self._waiting = True
        asyncio.ensure_future(pong).add_done_callback(self._ponged)

    def _ponged(self, pong: asyncio.Future[float]) -> None:
        self._waiting = False
        if pong.cancelled() or pong.exception() is not None:
            return
        self._last_pong = asyncio.get_running_loop().time()
        self._charger.last_seen = datetime.now(UTC)
        self._charger.remember(answers_pings=True)
        self._charger.update(latency_ms=round(pong.result() * 1000, 1))
