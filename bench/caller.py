"""One connection of a bench's charger that sends and answers at the same time."""

import asyncio
import base64
from collections.abc import Callable
from contextlib import suppress
import json
import ssl
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

ANSWERS: dict[str, dict[str, Any]] = {
    "GetConfiguration": {
        "configurationKey": [
            {"key": "NumberOfConnectors", "readonly": True, "value": "1"},
            {
                "key": "SupportedFeatureProfiles",
                "readonly": True,
                "value": "Core,SmartCharging,RemoteTrigger,FirmwareManagement",
            },
        ]
    },
    "ChangeConfiguration": {"status": "Accepted"},
    "TriggerMessage": {"status": "Accepted"},
}
"""What a bench's charger answers; all else gets `{"status": "Accepted"}`."""

ACCEPTED = {"status": "Accepted"}


def header(identity: str, password: str) -> dict[str, str]:
    """Return the header by which a charger shows its password."""
    token = base64.b64encode(f"{identity}:{password}".encode()).decode()
    return {"Authorization": f"Basic {token}"}


def trusting(url: str) -> ssl.SSLContext | None:
    """Return a TLS context that trusts everybody, None for a plain URL."""
    if not url.startswith("wss:"):
        return None
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Refused(Exception):
    """A message was answered with a CALLERROR."""


class Caller:
    """A connection; `asked` is called with each CALL's action once it was answered."""

    def __init__(
        self, socket: ClientConnection, asked: Callable[[str, dict[str, Any]], None]
    ) -> None:
        """Wrap an open connection and begin to read."""
        self._socket = socket
        self._asked = asked
        self._number = 0
        self._answers: dict[str, asyncio.Future[Any]] = {}
        self._turn = asyncio.Lock()
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def dial(
        cls,
        url: str,
        identity: str,
        password: str,
        asked: Callable[[str, dict[str, Any]], None] = lambda _action, _body: None,
    ) -> Caller:
        """Connect a charger."""
        socket = await connect(
            f"{url}/{identity}",
            subprotocols=[Subprotocol("ocpp1.6")],
            additional_headers=header(identity, password),
            ssl=trusting(url),
            open_timeout=120,
            close_timeout=1,
            ping_interval=None,
            proxy=None,
        )
        return cls(socket, asked)

    async def call(self, action: str, body: dict[str, Any]) -> dict[str, Any]:
        """Send a CALL in its turn and return the answer.

        Raises `Refused` for a CALLERROR and `ConnectionError` when it is lost.
        """
        async with self._turn:
            self._number += 1
            message_id = str(self._number)
            answer = asyncio.get_running_loop().create_future()
            self._answers[message_id] = answer
            await self._socket.send(json.dumps([2, message_id, action, body]))
            frame = await answer
        if frame[0] != 3:
            raise Refused(f"{action}: {frame[2:]}")
        found: dict[str, Any] = frame[2]
        return found

    async def hang_up(self, *, politely: bool) -> None:
        """End the connection; without a word when not `politely`."""
        if politely:
            await self._socket.close()
        else:
            self._socket.transport.abort()
        with suppress(ConnectionClosed):
            await self._reading

    async def _read(self) -> None:
        try:
            while True:
                frame = json.loads(await self._socket.recv())
                if frame[0] == 2:
                    body = ANSWERS.get(frame[2], ACCEPTED)
                    await self._socket.send(json.dumps([3, frame[1], body]))
                    self._asked(frame[2], frame[3])
                else:
                    self._answers.pop(frame[1]).set_result(frame)
        except ConnectionClosed:
            pass
        finally:
            for answer in self._answers.values():
                if not answer.done():
                    answer.set_exception(ConnectionError("the connection is lost"))
            self._answers.clear()
