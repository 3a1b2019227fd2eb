"""Where sockets come in: counted, secured by TLS, and some turned away."""

import asyncio
from collections import Counter, OrderedDict
from dataclasses import replace
import logging
import os
import resource
import socket
import ssl
from typing import Any

from websockets.asyncio.server import Server
from websockets.frames import CloseCode
from websockets.server import ServerProtocol

from .bounds import MAX_UNASKED, Bounds, affordable
from .connection import ChargerConnection, close
from .gate import Gate, Reason, origin_of
from .timing import Timing
from .tls import ServerContext

_LOGGER = logging.getLogger(__name__)

TELL_AGAIN_SECONDS = 600
"""How long after a line about connections that were turned away the next one comes."""

_TLS_HANDSHAKE = b"\x16"
"""The first byte of a TLS connection (RFC 8446 §5.1), and of no HTTP request."""


class Entrance:
    """Where sockets come in: counts them, secures them, and turns some away."""

    def __init__(
        self,
        bounds: Bounds,
        timing: Timing,
        tls: ssl.SSLContext | None,
        *,
        also_plain: bool = False,
    ) -> None:
        """Begin with no connection; `tls` None is plain ws.

        With `also_plain` those are let through too that do not begin with TLS: for the
        time in which chargers change over.
        """
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.bounds = bounds
        self.gate: Gate[ChargerConnection] = Gate(
            replace(bounds, connections=affordable(bounds.connections, files))
        )
        self.turned_away: Counter[Reason] = Counter()
        self.timing = timing
        self.also_plain = also_plain
        self._tls = tls
        self._unasked: OrderedDict[str, None] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()
        self._plain: dict[ChargerConnection, asyncio.Transport] = {}
        self._peeking: dict[ChargerConnection, asyncio.Event] = {}
        self._told = float("-inf")

    def make(
        self, protocol: ServerProtocol, server: Server, **options: Any
    ) -> ChargerConnection:
        """Make a connection for a socket that is about to come."""
        return ChargerConnection(protocol, server, self, **options)

    async def close(self, server: Server) -> None:
        """Wait until a server that is closing has no connection any more.

        Those that have not been let in are cut at once, the others when they take no
        part in closing.
        """
        for connection in self.gate.waiting():
            self._cut(connection)
        closed = asyncio.ensure_future(server.wait_closed())
        await asyncio.wait({closed}, timeout=self.timing.close_timeout + 1)
        for connection in tuple(self._plain):
            self._cut(connection)
        await closed
        if self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def enter(
        self, connection: ChargerConnection, transport: asyncio.Transport
    ) -> bool:
        """Count a new socket; False when it is turned away or is to be secured."""
        loop = asyncio.get_running_loop()
        name = transport.get_extra_info("peername") or ("",)
        connection.address = str(name[0]).removeprefix("::ffff:")
        entry = self.gate.enter(connection, connection.address, loop.time())
        if entry.refused is not None:
            self.note(entry.refused, connection.address)
            transport.abort()
            return False
        if entry.gives_way is not None:
            self.note(Reason.GAVE_WAY, entry.gives_way.address)
            self._cut(entry.gives_way)
        self._plain[connection] = transport
        if self._tls is None:
            return True
        transport.pause_reading()
        self._run(self._secure(connection, transport, self._tls))
        return False

    async def _secure(
        self,
        connection: ChargerConnection,
        transport: asyncio.Transport,
        tls: ssl.SSLContext,
    ) -> None:
        """Do the TLS handshake here and not in `create_server`: it is counted."""
        if self.also_plain:
            arrived = self._peeking[connection] = asyncio.Event()
            try:
                first = await _first_byte(transport, arrived, self.timing.open_timeout)
            finally:
                del self._peeking[connection]
            if first is None:
                self.turn_away(connection, Reason.TOO_SLOW)
                return
            if first != _TLS_HANDSHAKE:
                connection.begin(transport)
                return
        secured: asyncio.BaseTransport | None = None
        broken = Reason.BROKEN_TLS
        try:
            secured = await asyncio.get_running_loop().start_tls(
                transport,
                connection,
                self._context(connection, tls),
                server_side=True,
                ssl_handshake_timeout=self.timing.open_timeout,
                ssl_shutdown_timeout=self.timing.close_timeout,
            )
        except ssl.SSLCertVerificationError as error:
            _LOGGER.debug("A certificate is not ours: %s", error.verify_message)
            broken = Reason.FOREIGN_CERTIFICATE
            self._ask_no_more(connection)
        except OSError as error:
            _LOGGER.debug("A TLS handshake failed: %s", type(error).__name__)
        if secured is None or secured.is_closing():
            told = broken is Reason.FOREIGN_CERTIFICATE
            self.note(broken, connection.address, tell=told)
            transport.abort()
            self.leave(connection)
            return
        connection.secure = True
        connection.begin(secured)

    def _context(
        self, connection: ChargerConnection, tls: ssl.SSLContext
    ) -> ssl.SSLContext:
        """Return the context for a handshake: most are asked for a certificate."""
        origin = origin_of(connection.address)
        if origin in self._unasked and isinstance(tls, ServerContext):
            del self._unasked[origin]
            return tls.silent
        return tls

    def _ask_no_more(self, connection: ChargerConnection) -> None:
        """Do not ask this address for a certificate the next time.

        There are chargers that send their maker's to everyone who asks. What they can
        prove without is looked at when they are in.
        """
        self._unasked[origin_of(connection.address)] = None
        while len(self._unasked) > MAX_UNASKED:
            self._unasked.popitem(last=False)

    def leave(self, connection: ChargerConnection) -> None:
        """Forget a connection that has ended."""
        self.gate.leave(connection)
        self._plain.pop(connection, None)

    def turn_away(self, connection: ChargerConnection, reason: Reason) -> None:
        """End a newcomer without a word."""
        # What watches whether the port is open says nothing either.
        self.note(reason, connection.address, tell=reason is not Reason.TOO_SLOW)
        self._cut(connection)

    def _cut(self, connection: ChargerConnection) -> None:
        transport = self._plain.get(connection)
        if transport is not None:
            transport.abort()
        if (arrived := self._peeking.get(connection)) is not None:
            arrived.set()

    def end_flood(self, connection: ChargerConnection) -> None:
        """End the connection of a charger that does not stop sending."""
        _LOGGER.warning(
            "Charger %s keeps sending faster than it may: its connection is ended",
            connection.admitted_as,
        )
        self._run(self._close(connection))

    async def _close(self, connection: ChargerConnection) -> None:
        await close(connection, CloseCode.POLICY_VIOLATION, "too many messages")

    def note(self, reason: Reason, address: str, *, tell: bool = True) -> None:
        """Count a connection that was turned away, and say so now and then."""
        self.turned_away[reason] += 1
        now = asyncio.get_running_loop().time()
        if tell and now - self._told >= TELL_AGAIN_SECONDS:
            self._told = now
            _LOGGER.warning(
                "Turned away a connection from %s: %s (%d so far)",
                address,
                reason,
                self.turned_away.total(),
            )

    def _run(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _first_byte(
    transport: asyncio.Transport, arrived: asyncio.Event, timeout: float
) -> bytes | None:
    """Wait for a peer's first byte and leave it there; None when none comes in time.

    A peer that has gone gives an empty one, as does one that is cut: who cuts it sets
    `arrived`, since the socket that is looked into here is another one's copy.
    """
    loop = asyncio.get_running_loop()
    number = transport.get_extra_info("socket").fileno()
    if number < 0:
        return b""
    with socket.socket(fileno=os.dup(number)) as peek:
        loop.add_reader(peek, arrived.set)
        try:
            async with asyncio.timeout(timeout):
                await arrived.wait()
            return peek.recv(1, socket.MSG_PEEK)
        except TimeoutError:
            return None
        except OSError:
            return b""
        finally:
            loop.remove_reader(peek)
