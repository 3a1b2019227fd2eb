"""One connection of an OCPP 1.6 charger: its link, its commands and its set-up."""

import asyncio
from datetime import UTC, datetime
import logging

from websockets.asyncio.connection import Connection

from ..charger import Charger
from ..errors import ChargerOffline
from ..limits import due_connectors, renew_session_limits
from ..link import Answer, Link
from ..model import Change
from ..rpc import Call
from .incoming import Context, Incoming
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
        self._setup: asyncio.Task[None] | None = None
        self._limiting: set[asyncio.Task[None]] = set()
        self.link = Link(
            socket,
            self._handle,
            name=peer.charger.identity,
            call_timeout=self._timing.call_timeout,
            heard=self._heard,
        )
        self.commands = Outgoing(self._charger, self.link, self.refresh)
        self.onboarding = Onboarding(
            self._charger, self.commands, self._timing, peer.context.pace
        )
        self.last_heard = asyncio.get_running_loop().time()

    async def run(self) -> None:
        """Serve the connection until it ends."""
        self._peer.session = self
        self._begin_setup(self._timing.boot_grace)
        stop_following = self._charger.listen_all(self._changed)
        try:
            await self.link.run()
        finally:
            stop_following()
            await asyncio.gather(*self._limiting, return_exceptions=True)
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

        Raises `ChargerOffline` when the connection ends meanwhile.
        """
        await self.stop_setup()
        self._charger.remember(fatal_steps={})
        if not await self.onboarding.run():
            raise ChargerOffline("GetConfiguration")

    def _changed(self, changes: frozenset[Change]) -> None:
        if due_connectors(self._charger, changes):
            renewing = renew_session_limits(self._charger, self.commands, changes)
            task = asyncio.get_running_loop().create_task(renewing)
            self._limiting.add(task)
            task.add_done_callback(self._limiting.discard)

    def _begin_setup(self, delay: float) -> None:
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
