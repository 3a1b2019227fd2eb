"""What a charge point still has to tell, and in which order.

Messages about transactions (StartTransaction, StopTransaction, MeterValues) outlive
a lost connection and are repeated when they fail; everything else is worth telling only
while connected (OCPP 1.6 §3.7).
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
import itertools
from typing import Any

from .clock import Clock, Timer
from .configuration import Configuration
from .errors import CallTimeout, Disconnected, SimulatedCallError
from .quirks import Quirks, ReplayOrder

type Json = dict[str, Any]

_order = itertools.count()


@dataclass(kw_only=True)
class Outgoing:
    """A call to be made.

    The payload is built when it is sent, since the id of a transaction may become known
    only by the answer to an earlier message. `on_failed` is called when it is given up.
    """

    action: str
    build: Callable[[], Json]
    transactional: bool = False
    before_accepted: bool = False
    """Also sent while the registration is pending (a triggered message)."""
    on_result: Callable[[Json], None] | None = None
    on_failed: Callable[[], None] | None = None
    attempts: int = 0
    position: int = field(default_factory=lambda: next(_order))


class Outbox:
    """The messages of one charge point, sent one after another."""

    def __init__(
        self,
        call: Callable[[str, Json], Awaitable[Json]],
        clock: Clock,
        configuration: Configuration,
        quirks: Quirks,
        *,
        changed: Callable[[], None],
        complain: Callable[[str], None],
    ) -> None:
        """Start closed: nothing is sent before `online`.

        `complain` is told of answers that make no sense.
        """
        self._call = call
        self._clock = clock
        self._configuration = configuration
        self._quirks = quirks
        self._changed = changed
        self._complain = complain
        self._live: deque[Outgoing] = deque()
        self._kept: deque[Outgoing] = deque()
        self._wake = asyncio.Event()
        self._online = False
        self._accepted = False
        self._blocked: Timer | None = None
        self.given_up: list[str] = []
        """Actions that were not delivered."""

    @property
    def empty(self) -> bool:
        """Return whether everything has been delivered."""
        return not (self._live or self._kept)

    @property
    def queued(self) -> list[str]:
        """Return the actions of queued messages about transactions, oldest first."""
        return [message.action for message in self._kept]

    def post(self, message: Outgoing) -> None:
        """Take over a message, unless it can't be told now and will not keep."""
        if message.transactional:
            self._kept.append(message)
        elif self._online and (self._accepted or message.before_accepted):
            self._live.append(message)
        self._wake.set()

    def online(self, *, accepted: bool) -> None:
        """Send from now on; messages about transactions only when accepted."""
        if (
            accepted
            and not self._accepted
            and self._kept
            and self._quirks.replay_delay_s
        ):
            self._block(self._quirks.replay_delay_s)
        self._online, self._accepted = True, accepted
        self._wake.set()

    def offline(self) -> None:
        """Stop sending and forget what will not keep."""
        self._online = self._accepted = False
        self._live.clear()
        if self._blocked:
            self._blocked.cancel()
            self._blocked = None

    async def run(self) -> None:
        """Send for ever."""
        while True:
            message = self._next()
            if message is None:
                self._wake.clear()
                await self._wake.wait()
                continue
            await self._send(message)
            self._changed()

    async def _send(self, message: Outgoing) -> None:
        try:
            result = await self._call(message.action, message.build())
        except Disconnected:
            # A kept message goes out again on the next connection.
            self._online = self._accepted = False
            self._live.clear()
        except SimulatedCallError, CallTimeout:
            self._failed(message)
        else:
            self._done(message)
            if message.on_result:
                try:
                    message.on_result(result)
                except (KeyError, TypeError, ValueError) as error:
                    self._complain(
                        f"{message.action} answered with nonsense: {error!r}"
                    )

    def _next(self) -> Outgoing | None:
        if not self._online:
            return None
        live = self._live[0] if self._live else None
        kept = (
            self._kept[0]
            if self._kept and self._accepted and not self._blocked
            else None
        )
        if not (live and kept):
            return live or kept
        if self._quirks.replay_order is ReplayOrder.AFTER_LIVE:
            return live
        return min(live, kept, key=lambda message: message.position)

    def _failed(self, message: Outgoing) -> None:
        """Count a failed attempt; try again later or give up (OCPP 1.6 §3.7.1)."""
        message.attempts += 1
        attempts = max(1, self._configuration.integer("TransactionMessageAttempts"))
        if message.transactional and message.attempts < attempts:
            interval = self._configuration.integer("TransactionMessageRetryInterval")
            self._block(interval * message.attempts)
            return
        self._done(message)
        self.given_up.append(message.action)
        if message.on_failed:
            message.on_failed()

    def _done(self, message: Outgoing) -> None:
        queue = self._kept if message.transactional else self._live
        if message in queue:
            queue.remove(message)

    def _block(self, seconds: float) -> None:
        """Hold back the messages about transactions for a while."""

        def unblock() -> None:
            self._blocked = None
            self._wake.set()

        if self._blocked:
            self._blocked.cancel()
        self._blocked = self._clock.later_wall(seconds, unblock)
