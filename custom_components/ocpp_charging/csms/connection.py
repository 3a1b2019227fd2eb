"""A charger's socket, from its first byte on: what it may send before it is let in.

`websockets` speaks the protocol. What is added here keeps one peer from taking more
than its share (`bounds`): newcomers are counted and must be brief, what comes in is
looked at in slices and at a limited rate, and a peer that does not read is not read
from either.
"""

import asyncio
from typing import TYPE_CHECKING, Any, override

from websockets.asyncio.connection import Connection
from websockets.asyncio.server import Server, ServerConnection
from websockets.protocol import SEND_EOF, Event
from websockets.server import ServerProtocol

from .allowance import PIPELINED, MessageAllowance
from .bounds import SLICE_BYTES
from .client_certificates import fingerprint_of
from .gate import Reason
from .model import SecurityProfile

if TYPE_CHECKING:
    from .entrance import Entrance

_END_OF_REQUEST = b"\r\n\r\n"


class ChargerConnection(ServerConnection):
    """A connection that remembers whom it was admitted as, and by what proof.

    Reading stops while one of these holds: the request has come and is not decided yet;
    messages wait to be taken; the peer does not read what it is sent; it has sent more
    than it may.
    """

    def __init__(
        self,
        protocol: ServerProtocol,
        server: Server,
        entrance: Entrance,
        **options: Any,
    ) -> None:
        """Begin before the socket is there; use `Entrance.make`."""
        super().__init__(protocol, server, **options)
        self.admitted_as: str | None = None
        self.key_hash: str | None = None
        self.dialled: str | None = None
        self.profile = SecurityProfile.OPEN
        self.certificate: str | None = None
        self.address = ""
        self.secure = False
        self._entrance = entrance
        self._allowance: MessageAllowance | None = None
        self._made = False
        self._ended = False
        self._unread = bytearray()
        self._tail = b""
        self._received = 0
        self._frames = 0
        self._frames_at_once = 0
        self._resting: asyncio.TimerHandle | None = None
        self._cutting: asyncio.TimerHandle | None = None
        self._told_to_go = False
        self._going_on = False

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        if self._entrance.enter(self, transport):
            self.begin(transport)

    def begin(self, transport: asyncio.BaseTransport) -> None:
        """Serve the peer over a socket that is as secure as it has to be."""
        if self._ended:
            return
        self._made = True
        super().connection_made(transport)
        # `websockets` reads on as soon as there is room; here that is one of several
        # conditions.
        self.recv_messages.pause = self._regulate
        self.recv_messages.resume = self._room_again
        self._cutting = self.loop.call_later(
            self._entrance.timing.open_timeout,
            self._entrance.turn_away,
            self,
            Reason.TOO_SLOW,
        )
        self._go_on()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._end()
        if self._made:
            super().connection_lost(exc)

    @override
    def eof_received(self) -> None:
        # What waits to be looked at gets no answer any more.
        self._unread.clear()
        if self._made:
            super().eof_received()

    def _end(self) -> None:
        self._ended = True
        self._unread.clear()
        for timer in (self._resting, self._cutting):
            if timer is not None:
                timer.cancel()
        self._resting = self._cutting = None
        self._entrance.leave(self)

    @property
    def presented(self) -> str | None:
        """Return the fingerprint of the peer's certificate, which TLS has verified."""
        line = self.transport.get_extra_info("ssl_object") if self.secure else None
        der = None if line is None else line.getpeercert(binary_form=True)
        return None if der is None else fingerprint_of(der)

    def welcome(self, allowance: MessageAllowance) -> None:
        """Let the peer in: from now on it may send messages."""
        self._allowance = allowance
        self._entrance.gate.admit(self)
        self._rest(allowance.connected(self.loop.time()))
        self._go_on()

    # Reading

    @override
    def data_received(self, data: bytes) -> None:
        if self._ended:
            return
        if self._allowance is None:
            self._received += len(data)
            if self._received > self._entrance.bounds.request_bytes:
                self._entrance.turn_away(self, Reason.REQUEST_TOO_LONG)
                return
        if not self._unread:
            self._frames_at_once = 0
        self._unread += data
        if self._made and not self._going_on:
            self._go_on()

    @property
    def _held(self) -> bool:
        """Say whether nothing more is to be looked at for the time being."""
        return (
            (self._allowance is None and self.request is not None)
            or self.recv_messages.paused
            or self.paused
            or self._resting is not None
        )

    def _go_on(self) -> None:
        """Look at the next slice of what has come, if there is and if that may be."""
        self._going_on = False
        if self._ended:
            return
        if self._unread and not self._held:
            slice_ = bytes(self._unread[: self._length()])
            del self._unread[: len(slice_)]
            self._look_at(slice_)
            if self._unread and not self._held:
                self._going_on = True
                self.loop.call_soon(self._go_on)
        self._regulate()

    def _length(self) -> int:
        """Return how much to look at: a slice, and no more than the request at first.

        What follows the request is no business of a newcomer's.
        """
        if self.request is not None:
            return SLICE_BYTES
        seen = self._tail + self._unread[:SLICE_BYTES]
        end = seen.find(_END_OF_REQUEST)
        if end < 0:
            self._tail = bytes(seen[-len(_END_OF_REQUEST) + 1 :])
            return SLICE_BYTES
        return end + len(_END_OF_REQUEST) - len(self._tail)

    def _look_at(self, data: bytes) -> None:
        self._frames = 0
        super().data_received(data)
        if self.protocol.close_expected() and not self._told_to_go:
            # `websockets` waits until it goes by itself.
            self._told_to_go = True
            self._cut_after(self.close_timeout or 0)
        if self._allowance is None:
            return
        self._frames_at_once += self._frames
        wait = self._allowance.spend(
            self._frames,
            len(data),
            self.loop.time(),
            ahead=self._frames_at_once > PIPELINED,
        )
        self._rest(wait)
        if self._allowance.flooding and not self._ended:
            self._entrance.end_flood(self)

    @override
    def process_event(self, event: Event) -> None:
        if self.request is None and self._cutting is not None:
            self._cutting.cancel()
        self._frames += 1
        super().process_event(event)

    def _cut_after(self, seconds: float) -> None:
        if self._cutting is not None:
            self._cutting.cancel()
        self._cutting = self.loop.call_later(seconds, self.transport.abort)

    def _rest(self, seconds: float) -> None:
        if seconds and not self._ended:
            self._resting = self.loop.call_later(seconds, self._rested)

    def _rested(self) -> None:
        self._resting = None
        self._room_again()

    def _room_again(self) -> None:
        """Go on in another round of the loop: one peer must not keep it."""
        if not self._going_on and not self._ended:
            self._going_on = True
            self.loop.call_soon(self._go_on)

    def _regulate(self) -> None:
        if self._ended:
            return
        if self._unread or self._held:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()

    # Writing: a thousand pings in a slice are a thousand pongs

    @override
    def send_data(self) -> None:
        """Write in one go, and nothing to a socket that is gone.

        For each single write to such a one asyncio would write a line into the log.
        """
        pieces = self.protocol.data_to_send()
        if self.transport.is_closing():
            return
        whole = b"".join(pieces)
        end = [SEND_EOF] if SEND_EOF in pieces else []
        self.protocol.writes = [whole, *end] if whole else end
        super().send_data()

    # Pongs are written as pings come, whether they are read or not.

    @override
    def pause_writing(self) -> None:
        super().pause_writing()
        self._regulate()

    @override
    def resume_writing(self) -> None:
        super().resume_writing()
        self._room_again()


async def close(connection: Connection, code: int, reason: str) -> None:
    """Close a connection politely, or cut it when the peer does not take part.

    `websockets` itself waits without end for a peer that does not read.
    """
    try:
        async with asyncio.timeout(connection.close_timeout):
            await connection.close(code, reason)
    except TimeoutError:
        connection.transport.abort()
