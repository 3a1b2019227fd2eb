"""One connection's conversation: who asks, who answers, and for how long to wait.

Each side has at most one CALL outstanding (OCPP-J 1.6 §4.1.1). Answers to our CALLs
are taken in at once; the peer's CALLs are worked off one after another, so that a
slow one never keeps an answer from us. When the peer sends faster than it is served,
reading stops until there is room again: nothing is dropped, and memory is bounded.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
import hashlib
import logging
from typing import Any
from uuid import uuid4

from websockets.asyncio.connection import Connection
from websockets.exceptions import ConnectionClosed

from . import rpc
from .bounds import (
    MAX_FAULTS_TOLD,
    MAX_KEPT_ANSWERS,
    MAX_WAITING_BYTES,
    MAX_WAITING_CALLS,
)
from .connection import close
from .errors import (
    ChargerOffline,
    CommandError,
    CommandFailed,
    CommandTimeout,
    InvalidAnswer,
)

_LOGGER = logging.getLogger(__name__)


class Unanswered(Exception):
    """A CALL that gets no answer, so that the peer keeps it and sends it again."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The payload that answers a CALL, and what to do once it has been sent."""

    payload: dict[str, Any] = field(default_factory=dict)
    then: Callable[[], None] | None = None


@dataclass(frozen=True, kw_only=True)
class _Waiting:
    """Our one outstanding CALL."""

    message_id: str
    action: str
    answer: asyncio.Future[rpc.Frame | CommandError]


type CallHandler = Callable[[rpc.Call], Awaitable[Answer]]


class AnswerBook:
    """The answers given to CALLs that must not count twice.

    A charger that missed an answer sends the same CALL again, with the same id and
    perhaps over a new connection (OCPP-J 1.6 §4.1.4 and errata 2025, 3.1). Ids alone
    do not tell: some chargers count from 1 after every restart.
    """

    def __init__(self) -> None:
        """Begin with no answer."""
        self._answers: OrderedDict[bytes, dict[str, Any]] = OrderedDict()

    @staticmethod
    def key(call: rpc.Call) -> bytes:
        """Return what two sendings of one CALL have in common."""
        text = f"{call.message_id}\0{call.action}\0"
        return hashlib.blake2b(text.encode("utf-8", "replace") + call.frame).digest()

    def find(self, key: bytes) -> dict[str, Any] | None:
        """Return the answer that was given before."""
        return self._answers.get(key)

    def keep(self, key: bytes, payload: dict[str, Any]) -> None:
        """Keep an answer; the oldest gives way."""
        self._answers[key] = payload
        while len(self._answers) > MAX_KEPT_ANSWERS:
            self._answers.popitem(last=False)


class Link:
    """The conversation over one WebSocket connection."""

    def __init__(
        self,
        socket: Connection,
        handler: CallHandler,
        *,
        name: str,
        call_timeout: float,
        heard: Callable[[], None] = lambda: None,
    ) -> None:
        """Bind a connection to the handler of the peer's CALLs.

        `name` is for logs, `call_timeout` is in seconds, and `heard` is called for
        each message that comes in.
        """
        self._socket = socket
        self._handler = handler
        self._name = name
        self._call_timeout = call_timeout
        self._heard = heard
        self._calls: asyncio.Queue[rpc.Call] = asyncio.Queue(MAX_WAITING_CALLS)
        self._waiting_bytes = 0
        self._less_waits = asyncio.Event()
        self._turn = asyncio.Lock()
        self._waiting: _Waiting | None = None
        self._closed = False
        self.malformed = 0
        self.unexpected = 0
        self.faults = 0

    async def run(self) -> None:
        """Serve the connection until it ends, however it ends."""
        worker = asyncio.create_task(self._work(), name=f"ocpp calls of {self._name}")
        try:
            while True:
                data = await self._socket.recv(decode=False)
                self._heard()
                await self._take(data)
        except ConnectionClosed:
            _LOGGER.debug("%s: connection closed", self._name)
        finally:
            self._closed = True
            if self._waiting is not None and not self._waiting.answer.done():
                offline = ChargerOffline(self._waiting.action)
                self._waiting.answer.set_result(offline)
            worker.cancel()
            await asyncio.gather(worker, return_exceptions=True)

    async def call(
        self, action: str, payload: dict[str, Any], *, timeout: float | None = None
    ) -> dict[str, Any]:
        """Send a CALL and return its answer's payload; calls wait for their turn.

        Raises `ChargerOffline` when the connection is gone, `CommandTimeout` after
        `timeout` seconds, `CommandFailed` for a CALLERROR, and `InvalidAnswer` when
        the payload is not an object.
        """
        seconds = self._call_timeout if timeout is None else timeout
        await self._turn.acquire()
        # The CALL is out until it is answered, also when its sender is cancelled: only
        # then may the next one go (OCPP-J 1.6 §4.1.1).
        asking = asyncio.create_task(self._ask(action, payload, seconds))
        asking.add_done_callback(lambda _: self._turn.release())
        answer = await asyncio.shield(asking)
        if isinstance(answer, CommandError):
            raise answer
        if isinstance(answer, rpc.CallFailure):
            raise CommandFailed(action, answer.code, answer.description)
        assert isinstance(answer, rpc.CallResult)
        if not isinstance(answer.payload, dict):
            raise InvalidAnswer(action, "the payload is not an object")
        return answer.payload

    async def close(self, code: int, reason: str) -> None:
        """Close the connection, politely at first."""
        self._closed = True
        await close(self._socket, code, reason)

    def abort(self) -> None:
        """Cut the connection of a peer that does not take part any more."""
        self._closed = True
        self._socket.transport.abort()

    async def _ask(
        self, action: str, payload: dict[str, Any], seconds: float
    ) -> rpc.Frame | CommandError:
        """Send a CALL and return its answer, or why there is none."""
        if self._closed:
            return ChargerOffline(action)
        message_id = str(uuid4())
        answer: asyncio.Future[rpc.Frame | CommandError]
        answer = asyncio.get_running_loop().create_future()
        self._waiting = _Waiting(message_id=message_id, action=action, answer=answer)
        try:
            async with asyncio.timeout(seconds):
                await self._socket.send(rpc.encode_call(message_id, action, payload))
                return await answer
        except ConnectionClosed:
            return ChargerOffline(action)
        except TimeoutError:
            return CommandTimeout(action, seconds)
        finally:
            self._waiting = None

    async def _take(self, data: bytes) -> None:
        try:
            frame = rpc.parse(data)
        except rpc.RpcError as error:
            self.malformed += 1
            _LOGGER.debug("%s: refused a frame: %s", self._name, error)
            await self._send(rpc.encode_error(error))
            return
        if isinstance(frame, rpc.Call):
            await self._put(frame)
        elif frame is not None:
            self._resolve(frame)

    async def _put(self, call: rpc.Call) -> None:
        while self._waiting_bytes and (
            self._waiting_bytes + len(call.frame) > MAX_WAITING_BYTES
        ):
            self._less_waits.clear()
            await self._less_waits.wait()
        self._waiting_bytes += len(call.frame)
        await self._calls.put(call)

    def _resolve(self, frame: rpc.CallResult | rpc.CallFailure) -> None:
        if self._waiting is None or self._waiting.message_id != frame.message_id:
            self.unexpected += 1
            _LOGGER.debug("%s: ignored an answer nobody waits for", self._name)
        elif not self._waiting.answer.done():
            self._waiting.answer.set_result(frame)

    async def _work(self) -> None:
        while True:
            call = await self._calls.get()
            self._waiting_bytes -= len(call.frame)
            self._less_waits.set()
            try:
                answer = await self._handler(call)
                frame = rpc.encode_result(call.message_id, answer.payload)
            except Unanswered as reason:
                _LOGGER.debug(
                    "%s: %s not answered: %s", self._name, call.action, reason
                )
                continue
            except rpc.RpcError as error:
                # The action may be any text, also one made to look like a log's line.
                _LOGGER.debug("%s: %.40r refused: %s", self._name, call.action, error)
                answer = Answer()
                frame = rpc.encode_error(error, call.message_id)
            except Exception:
                self.faults += 1
                if self.faults <= MAX_FAULTS_TOLD:
                    _LOGGER.exception("%s: could not process a message", self._name)
                answer = Answer()
                frame = rpc.encode_error(
                    rpc.RpcError(rpc.RpcErrorCode.INTERNAL_ERROR, ""), call.message_id
                )
            await self._send(frame)
            if answer.then is not None:
                answer.then()

    async def _send(self, frame: str) -> None:
        try:
            async with asyncio.timeout(self._call_timeout):
                await self._socket.send(frame)
        except ConnectionClosed:
            _LOGGER.debug("%s: gone before it was answered", self._name)
        except TimeoutError:
            _LOGGER.info("%s: does not read what it is sent", self._name)
            self.abort()
