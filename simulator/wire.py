"""The socket of a charge point: dialling, framing, and calls in both directions."""

import asyncio
import base64
from collections import deque
from collections.abc import Awaitable, Callable
import json
from pathlib import Path
import ssl
from typing import Any, Final, NamedTuple
from urllib.parse import quote
import uuid

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidStatus,
    InvalidURI,
)
from websockets.frames import Frame as WebSocketFrame, Opcode
from websockets.typing import Subprotocol

from .errors import CallTimeout, Disconnected, HandshakeRefused, SimulatedCallError
from .faults import Faults
from .options import ChargePointOptions

CALL: Final = 2
CALL_RESULT: Final = 3
CALL_ERROR: Final = 4

type Json = dict[str, Any]
type AnswerCall = Callable[[str, str, Json], Awaitable[None]]
"""Called with message id, action and payload of a call; it answers by `reply`."""


class Frame(NamedTuple):
    """One message on the wire; `message` is the parsed JSON, or the bare text."""

    direction: str
    message: Any

    @property
    def kind(self) -> int | None:
        """Return the message type id, None where the message is no OCPP frame."""
        is_frame = isinstance(self.message, list) and self.message
        return (
            self.message[0] if is_frame and isinstance(self.message[0], int) else None
        )

    @property
    def action(self) -> str | None:
        """Return the action of a CALL, None of anything else."""
        return self.message[2] if self.kind == CALL and len(self.message) > 2 else None

    @property
    def payload(self) -> Any:
        """Return the payload of a CALL or CALLRESULT, None of anything else."""
        match self.kind:
            case 2:
                return self.message[3] if len(self.message) > 3 else None
            case 3:
                return self.message[2] if len(self.message) > 2 else None
        return None


class Wire:
    """One charge point's connection; it can be dialled again after it has closed."""

    def __init__(
        self,
        options: ChargePointOptions,
        *,
        on_call: AnswerCall,
        on_closed: Callable[[], None],
        changed: Callable[[], None],
    ) -> None:
        """`changed` is called after every frame and when the connection opens."""
        self._options = options
        self._on_call = on_call
        self._on_closed = on_closed
        self._changed = changed
        self.faults = Faults(self.abort, self._hold)
        self.sent: deque[Frame] = deque(maxlen=options.history)
        self.received: deque[Frame] = deque(maxlen=options.history)
        self.frames: deque[Frame] = deque(maxlen=options.history)
        self.violations: list[str] = []
        """What the central system did that it must not do."""
        self.unanswered = 0
        """How many of its calls got no answer, or one that is none."""
        self.closed = asyncio.Event()
        self.closed.set()
        self.close_code: int | None = None
        self.client_file: Path | None = None
        """A certificate and its key, shown in place of those of the options."""
        self.secured = False
        """Whether a ws URL is dialled as wss."""
        self.dialling = False
        """Whether an attempt to connect is under way."""
        self._socket: ClientConnection | None = None
        self._reader: asyncio.Task[None] | None = None
        self._answering: dict[str, asyncio.Task[None]] = {}
        self._pending: dict[str, asyncio.Future[Json]] = {}
        self._calling = asyncio.Lock()
        self._count = 0

    @property
    def connected(self) -> bool:
        """Return whether the socket is open."""
        return self._socket is not None

    @property
    def subprotocol(self) -> str | None:
        """Return what the central system chose."""
        return self._socket.subprotocol if self._socket else None

    @property
    def local_port(self) -> int | None:
        """Return our own port, to tell one socket from the next."""
        return self._socket.local_address[1] if self._socket else None

    @property
    def tls_cipher(self) -> tuple[str, str, int] | None:
        """Return the negotiated cipher suite, None where the socket is no TLS."""
        if not self._socket:
            return None
        found = self._socket.transport.get_extra_info("cipher")
        return found if found is None else (found[0], found[1], found[2])

    async def dial(self, password: bytes | None) -> None:
        """Open the connection once.

        Raises HandshakeRefused where the server is no willing central system, another
        OSError (ssl.SSLError among them) where it can't be reached.
        """
        self.dialling = True
        try:
            await self._dial(password)
        finally:
            self.dialling = False
            self._changed()

    async def _dial(self, password: bytes | None) -> None:
        options = self._options
        subprotocols = () if options.quirks.no_subprotocol else options.subprotocols
        url = self._url()
        context = options.tls if url.startswith("wss:") else None
        if url.startswith("wss:") and (context is None or self.client_file):
            context = await asyncio.to_thread(tls_context, options, self.client_file)
        try:
            socket = await connect(
                url,
                ssl=context,
                additional_headers=self._headers(password),
                subprotocols=[Subprotocol(name) for name in subprotocols] or None,
                compression="deflate" if options.compression else None,
                open_timeout=options.open_timeout_s,
                ping_interval=None,
                close_timeout=1,
                proxy=None,
                max_size=4 * 2**20,
            )
        except InvalidStatus as refusal:
            status = refusal.response.status_code
            headers = {
                name.lower(): text
                for name, text in refusal.response.headers.raw_items()
            }
            raise HandshakeRefused(
                f"the central system answered HTTP {status}", status, headers
            ) from refusal
        except (InvalidHandshake, InvalidURI, EOFError, ConnectionClosed) as failure:
            raise HandshakeRefused(
                f"no WebSocket handshake: {failure}", None
            ) from failure
        self._socket = socket
        self._mute_pongs_of(socket)
        self._count = 0
        self.close_code = None
        self.closed.clear()
        self._reader = asyncio.create_task(self._read(socket))

    async def close(self) -> None:
        """Close with the closing handshake and wait until everything has ended."""
        socket, reader = self._socket, self._reader
        if socket:
            await socket.close()
        if reader and reader is not asyncio.current_task():
            await asyncio.wait([reader])

    def abort(self) -> None:
        """Kill the TCP connection."""
        if self._socket:
            self._socket.transport.abort()

    async def ping(self) -> None:
        """Send a WebSocket ping; its pong is not waited for."""
        if self._socket:
            _pong = await self._socket.ping()

    async def call(
        self, action: str, payload: Json, message_id: str | None = None
    ) -> Json:
        """Send a CALL, wait for its answer and return the payload.

        Only one is under way at a time, further ones wait (OCPP-J 1.6 §4.1.1). Raises
        SimulatedCallError for a CALLERROR, CallTimeout, Disconnected.
        """
        async with self._calling:
            if not self.connected:
                raise Disconnected("not connected")
            chosen = message_id or self._new_id()
            future: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
            # Who waits for it may be cancelled at the moment at which it fails.
            future.add_done_callback(lambda done: done.cancelled() or done.exception())
            self._pending[chosen] = future
            try:
                # The network is real, so is its time-out, whatever the clock does.
                async with asyncio.timeout(self._options.call_timeout_s):
                    await self.send([CALL, chosen, action, payload])
                    return await future
            except TimeoutError:
                raise CallTimeout(f"no answer to {action} in time") from None
            finally:
                self._pending.pop(chosen, None)

    async def reply(self, message: list[Any]) -> None:
        """Send a CALLRESULT or CALLERROR, in vain if the socket has closed."""
        try:
            await self.send(message)
        except Disconnected:
            self._changed()

    async def send(self, message: Any) -> None:
        """Send one frame, or, given a text, exactly that text."""
        await self.faults.running()
        text = (
            message
            if isinstance(message, str)
            else json.dumps(message, separators=(",", ":"))
        )
        for real in self.faults.texts(text):
            socket = self._socket
            if socket is None:
                raise Disconnected("the connection has closed")
            self._record(self.sent, Frame("sent", message if real == text else real))
            try:
                await socket.send(real)
            except ConnectionClosed as closed:
                raise Disconnected("the connection has closed") from closed
        self._changed()

    async def _read(self, socket: ClientConnection) -> None:
        try:
            async for text in socket:
                await self.faults.running()
                self._take(
                    text if isinstance(text, str) else text.decode(errors="replace")
                )
        except ConnectionClosed:
            # The iteration ends by itself only after a clean close.
            pass
        finally:
            self.close_code = socket.close_code
            self._socket = None
            lost = Disconnected("the connection closed before the answer")
            for future in self._pending.values():
                _fail(future, lost)
            for task in self._answering.values():
                task.cancel()
            self._on_closed()
            self.closed.set()

    def _take(self, text: str) -> None:
        """Deal with one incoming message; what is no frame is only recorded."""
        try:
            message = json.loads(text)
        except ValueError, RecursionError:
            message = text
        frame = Frame("received", message)
        self._record(self.received, frame)
        match message:
            case [2, str(message_id), str(action), payload]:
                self._incoming(message_id, action, payload or {})
            case [3, str(message_id), payload]:
                future = self._pending.get(message_id)
                if future and not future.done():
                    future.set_result(payload or {})
            case [4, str(message_id), code, description, details]:
                error = SimulatedCallError(str(code), str(description), details or {})
                _fail(self._pending.get(message_id), error)
            case _:
                self.violations.append(f"not an OCPP frame: {text[:80]}")
        self._changed()

    def _incoming(self, message_id: str, action: str, payload: Json) -> None:
        if self._answering:
            self.violations.append(f"{action} while another call was unanswered")
        if len(message_id) > 36:
            self.violations.append(
                f"{action} with a message id of {len(message_id)} characters"
            )
        task = asyncio.ensure_future(self._on_call(message_id, action, payload))
        self._answering[message_id] = task
        task.add_done_callback(lambda _: self._answering.pop(message_id, None))

    def answered(self, message_id: str) -> None:
        """Note that a call needs no answer any more: it has one, or never gets one."""
        self._answering.pop(message_id, None)

    def _record(self, direction: deque[Frame], frame: Frame) -> None:
        direction.append(frame)
        self.frames.append(frame)

    def _hold(self, hold: bool) -> None:
        if self._socket and not self._socket.transport.is_closing():
            transport = self._socket.transport
            if isinstance(transport, asyncio.ReadTransport):
                (transport.pause_reading if hold else transport.resume_reading)()

    def _mute_pongs_of(self, socket: ClientConnection) -> None:
        """Let answers to pings depend on the faults; there is no official way."""
        send_frame = socket.protocol.send_frame

        def filtered(frame: WebSocketFrame) -> None:
            muted = self.faults.pings_muted or self._options.quirks.ignore_pings
            if not (muted and frame.opcode is Opcode.PONG):
                send_frame(frame)

        socket.protocol.send_frame = filtered  # type: ignore[method-assign]

    def _new_id(self) -> str:
        self._count += 1
        return (
            str(self._count)
            if self._options.quirks.message_ids_from_one
            else uuid.uuid4().hex
        )

    def _url(self) -> str:
        url = self._options.url
        if self.secured and url.startswith("ws:"):
            url = f"wss:{url.removeprefix('ws:')}"
        if not self._options.append_identity:
            return url
        return f"{url.rstrip('/')}/{quote(self._options.identity, safe='')}"

    def _headers(self, password: bytes | None) -> dict[str, str]:
        if password is None:
            return {}
        user = (
            self._options.identity if self._options.user is None else self._options.user
        )
        token = base64.b64encode(user.encode() + b":" + password).decode()
        return {"Authorization": f"Basic {token}"}


def tls_context(
    options: ChargePointOptions, client_file: Path | None = None
) -> ssl.SSLContext:
    """Return the TLS settings of a charge point; it reads files, so it blocks.

    `client_file` is a certificate with its key, in place of those of the options.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = options.verify_hostname
    if options.ca_file:
        context.load_verify_locations(cafile=_checked(options.ca_file))
    elif options.trust_system:
        context.load_default_certs()
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if client_file:
        context.load_cert_chain(client_file)
    elif options.client_certificate:
        context.load_cert_chain(
            _checked(options.client_certificate), options.client_key
        )
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if options.tls12_only:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    if options.ciphers:
        context.set_ciphers(options.ciphers)
    return context


def _checked(path: Path) -> Path:
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    return path


def _fail(future: asyncio.Future[Json] | None, error: Exception) -> None:
    if future and not future.done():
        future.set_exception(error)
