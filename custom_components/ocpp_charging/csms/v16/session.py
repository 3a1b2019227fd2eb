"""One connection of an OCPP 1.6 charger: its link, its commands and its set-up."""

import asyncio
from datetime import UTC, datetime
import logging
from typing import Any

from websockets.asyncio.connection import Connection

from ..charger import Charger
from ..errors import ChargerOffline
from ..limit_keeper import LimitKeeper
from ..link import Answer, Link
from ..local_list import LocalListKeeper
from ..rpc import Call
from .desk import Context
from .incoming import Incoming
from .onboarding import Onboarding, may_start
from .outgoing import Outgoing

_LOGGER = logging.getLogger(__name__)


class Peer:
    """A charger's OCPP 1.6 side; it outlives the connections."""

    def __init__(self, charger: Charger, context: Context) -> None:
        """Bind a charger."""
        self.charger = charger
        self.context = context
        self.session: Session | None = None
        self.incoming = Incoming(charger, context, self._booted)

    def _booted(self) -> None:
        if self.session is not None:
            self.session.booted()


class Session:
    """A connection and what goes on over it."""

    def __init__(self, peer: Peer, socket: Connection) -> None:
        """Bind a connection to a charger's OCPP side."""
        self._peer = peer
        self._charger = peer.charger
        self._timing = peer.context.timing
        self._setup: asyncio.Task[Any] | None = None
        self._refreshing: asyncio.Task[bool] | None = None
        self.link = Link(
            socket,
            self._handle,
            name=peer.charger.identity,
            call_timeout=self._timing.call_timeout,
            heard=self._heard,
        )
        self.commands = Outgoing(
            self._charger, self.link, self.refresh, self._send_tags
        )
        self._tags = LocalListKeeper(
            self._charger, self.commands, peer.context.authorizer
        )
        self.onboarding = Onboarding(
            self._charger, self.commands, self._tags, self._timing, peer.context.pace
        )
        self._limits = LimitKeeper(self._charger, self.commands)
        self.last_heard = asyncio.get_running_loop().time()

    async def run(self) -> None:
        """Serve the connection until it ends."""
        self._peer.session = self
        self._begin_setup(self._timing.boot_grace)
        keepers = (self._limits, self._tags)
        stops = [keeper.follow() for keeper in keepers]
        try:
            await self.link.run()
        finally:
            for stop in stops:
                stop()
            for keeper in keepers:
                await keeper.ended()
            if self._peer.session is self:
                self._peer.session = None
            if self.onboarding.running and self._setup is not None:
                # It finds the connection gone and notes during which step.
                await asyncio.gather(self._setup, return_exceptions=True)
            await self.stop_setup()

    def booted(self) -> None:
        """Set the charger up, or again: a boot was accepted on this connection.

        A set-up that is under way goes on: it has a CALL outstanding, and the boot was
        the answer to its own question.
        """
        self.onboarding.booted = True
        if self.onboarding.running:
            return
        self._begin_setup(self._timing.boot_settle)

    def renew(self) -> None:
        """Set the charger up again: its owner has changed something."""
        if self._charger.ready and not self.onboarding.running:
            self._begin_setup(0)

    async def refresh(self) -> None:
        """Read and set up the charger now, with all steps.

        Who asks while it is done waits for the same. Raises `ChargerOffline` when the
        connection ends meanwhile.
        """
        task = self._refreshing
        if task is None or task.done():
            task = asyncio.create_task(
                self._read_anew(self._setup),
                name=f"ocpp refresh of {self._charger.identity}",
            )
            self._setup = self._refreshing = task
        await asyncio.wait({task})
        if task.cancelled() or not task.result():
            raise ChargerOffline("GetConfiguration")

    async def _send_tags(self) -> None:
        """Send all id tags: their owner asked for it."""
        await self._tags.renew(force=True)

    async def _read_anew(self, before: asyncio.Task[Any] | None) -> bool:
        if before is not None:
            before.cancel()
            await asyncio.gather(before, return_exceptions=True)
        self._charger.remember(fatal_steps={})
        return await self.onboarding.run()

    def _begin_setup(self, delay: float) -> None:
        if self._refreshing is not None and not self._refreshing.done():
            return
        if self._setup is not None:
            self._setup.cancel()
        self._setup = asyncio.create_task(
            self._set_up(delay), name=f"ocpp set-up of {self._charger.identity}"
        )

    async def _set_up(self, delay: float) -> None:
        await asyncio.sleep(delay)
        if not may_start(self._charger):
            return
        try:
            await self.onboarding.run()
        except Exception:
            _LOGGER.exception("%s: could not be set up", self._charger.identity)

    async def stop_setup(self) -> None:
        """Break off the set-up, if one is under way."""
        if self._setup is not None:
            self._setup.cancel()
            await asyncio.gather(self._setup, return_exceptions=True)
            self._setup = None

    async def _handle(self, call: Call) -> Answer:
        await self._peer.context.pace.keep()
        return await self._peer.incoming.handle(call)

    def _heard(self) -> None:
        self.last_heard = asyncio.get_running_loop().time()
        self._charger.last_seen = datetime.now(UTC)
