"""A tiny scripted central system, the simulator's peer in these tests."""

import asyncio
import base64
from collections.abc import Callable
from http import HTTPStatus
import itertools
import json
import ssl
from typing import Any, Self

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

NOW = "2026-01-05T12:00:00Z"


class Peer:
    """Answers every call with a canned payload, records all, and can call itself."""

    def __init__(self, ssl_context: ssl.SSLContext | None = None) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.texts: list[str] = []
        self.refuse: HTTPStatus | None = None
        self.authorizations: list[bytes] = []
        self.paths: list[str] = []
        self.subprotocols: list[str] = []
        self.boot_status: list[str] = ["Accepted"]
        self.interval = 300
        self.tag_status = "Accepted"
        self.mute: set[str] = set()
        self.errors: dict[str, int] = {}
        self.socket: ServerConnection | None = None
        self.connections = 0
        self.current_time: Callable[[], str] = lambda: NOW
        self._transaction_ids = itertools.count(1001)
        self._ids = itertools.count(1)
        self._pending: dict[str, asyncio.Future[Any]] = {}
        self._ssl = ssl_context
        self._changed = asyncio.Event()
        self._server: Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await serve(
            self._serve,
            "127.0.0.1",
            0,
            ssl=self._ssl,
            process_request=self._request,
            select_subprotocol=self._select,
            ping_interval=None,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server
        self._server.close()
        await self._server.wait_closed()

    @property
    def port(self) -> int:
        assert self._server
        return next(iter(self._server.sockets)).getsockname()[1]

    @property
    def url(self) -> str:
        return f"ws{'s' if self._ssl else ''}://127.0.0.1:{self.port}"

    def payloads(self, action: str) -> list[dict[str, Any]]:
        return [payload for name, payload in self.calls if name == action]

    @property
    def actions(self) -> list[str]:
        return [name for name, _ in self.calls]

    async def until(self, predicate: Callable[[], Any], timeout: float = 20.0) -> Any:
        """Wait until something has come in that makes the predicate true."""
        async with asyncio.timeout(timeout):
            while not (found := predicate()):
                self._changed.clear()
                await self._changed.wait()
        return found

    async def call(
        self, action: str, payload: Any = None, timeout: float = 20.0
    ) -> Any:
        """Call the charge point; return [3, id, payload] or [4, id, code, ...]."""
        message_id = f"peer-{next(self._ids)}"
        future = asyncio.get_running_loop().create_future()
        self._pending[message_id] = future
        assert self.socket
        await self.socket.send(json.dumps([2, message_id, action, payload or {}]))
        async with asyncio.timeout(timeout):
            return await future

    async def status(self, action: str, payload: Any = None) -> str:
        answer = await self.call(action, payload)
        assert answer[0] == 3, answer
        return answer[2]["status"]

    def _select(self, _: ServerConnection, offered: Any) -> Any:
        self.subprotocols = list(offered)
        return "ocpp1.6" if "ocpp1.6" in offered else None

    def _request(self, socket: ServerConnection, request: Request) -> Response | None:
        self.paths.append(request.path)
        header = request.headers.get("Authorization", "")
        if header.startswith("Basic "):
            self.authorizations.append(base64.b64decode(header[6:]))
        return socket.respond(self.refuse, "no\n") if self.refuse else None

    async def _serve(self, socket: ServerConnection) -> None:
        self.socket = socket
        self.connections += 1
        self._changed.set()
        try:
            async for text in socket:
                assert isinstance(text, str)
                self.texts.append(text)
                await self._take(socket, text)
                self._changed.set()
        except ConnectionClosed:
            pass
        finally:
            if self.socket is socket:
                self.socket = None
            self._changed.set()

    async def _take(self, socket: ServerConnection, text: str) -> None:
        try:
            message = json.loads(text)
        except ValueError:
            return
        if message[0] != 2:
            future = self._pending.pop(message[1], None)
            if future and not future.done():
                future.set_result(message)
            return
        _, message_id, action, payload = message
        self.calls.append((action, payload))
        if action in self.mute:
            return
        if self.errors.get(action, 0) > 0:
            self.errors[action] -= 1
            await socket.send(json.dumps([4, message_id, "InternalError", "", {}]))
            return
        await socket.send(json.dumps([3, message_id, self._answer(action)]))

    def _answer(self, action: str) -> dict[str, Any]:
        info = {"idTagInfo": {"status": self.tag_status}}
        match action:
            case "BootNotification":
                status = self.boot_status[0]
                if len(self.boot_status) > 1:
                    self.boot_status.pop(0)
                return {
                    "status": status,
                    "currentTime": self.current_time(),
                    "interval": self.interval,
                }
            case "Heartbeat":
                return {"currentTime": self.current_time()}
            case "Authorize" | "StopTransaction":
                return info
            case "StartTransaction":
                return {**info, "transactionId": next(self._transaction_ids)}
            case "DataTransfer":
                return {"status": "Accepted"}
        return {}
