"""A charger made of a bare WebSocket: it says exactly what a test tells it to."""

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from importlib.resources import files
import json
import socket
from typing import Any, Self

import fastjsonschema
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from custom_components.ocpp_charging.csms.charger import Charger
from custom_components.ocpp_charging.csms.model import ChargerSettings
from custom_components.ocpp_charging.csms.server import CentralSystem
from tests.conftest import PASSWORD, key_hash

type Payload = dict[str, Any]
type Reaction = Payload | Callable[[Payload], Payload | None] | None
"""How a CALL is answered: with a payload, by a function, or (None) not at all."""

PATIENCE = 5.0
"""Seconds until a test gives up waiting for what must come."""


class Refused(Exception):
    """The central system answered with a CALLERROR."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(f"{code}: {description}")
        self.code = code
        self.description = description


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A CALL of the central system."""

    message_id: str
    action: str
    payload: Payload


@cache
def _schema(name: str) -> Callable[[Any], Any]:
    text = (files("ocpp.v16") / "schemas" / f"{name}.json").read_text("utf-8-sig")
    schema = json.loads(text, object_hook=_without_multiples)
    check: Callable[[Any], Any] = fastjsonschema.compile(schema, use_default=False)
    return check


def _without_multiples(node: dict[str, Any]) -> dict[str, Any]:
    # Binary fractions are no multiples of 0.1; `_decimals` looks at the text instead.
    return {key: value for key, value in node.items() if key != "multipleOf"}


def _decimals(node: Any) -> None:
    if isinstance(node, Decimal):
        assert node.as_tuple().exponent in {0, -1}, f"{node} has more than one decimal"
    for item in node.values() if isinstance(node, dict) else ():
        _decimals(item)
    for item in node if isinstance(node, list) else ():
        _decimals(item)


def call_frame(action: Any, payload: Any, message_id: Any = "1") -> str:
    """Return the text of a CALL."""
    return json.dumps([2, message_id, action, payload])


class RawCharger:
    """The charger's end of one connection."""

    def __init__(self, socket: ClientConnection) -> None:
        """Begin to read; what comes is kept until a test asks for it."""
        self.socket = socket
        self.replies: asyncio.Queue[list[Any]] = asyncio.Queue()
        self.asked: asyncio.Queue[Asked] = asyncio.Queue()
        self.log: list[Asked] = []
        self.reactions: dict[str, Reaction] = {}
        self.pongs = True
        self._sent: dict[str, str] = {}
        self._count = 0
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        with suppress(ConnectionClosed):
            async for data in self.socket:
                frame = json.loads(data)
                if frame[0] == 2:
                    await self._asked(data, *frame[1:])
                else:
                    if frame[0] == 3 and frame[1] in self._sent:
                        _schema(f"{self._sent[frame[1]]}Response")(frame[2])
                    self.replies.put_nowait(frame)

    async def _asked(
        self, data: str | bytes, message_id: str, action: str, payload: Payload
    ) -> None:
        _schema(action)(payload)
        _decimals(json.loads(data, parse_float=Decimal))
        assert 0 < len(message_id) <= 36
        asked = Asked(message_id=message_id, action=action, payload=payload)
        self.log.append(asked)
        if action not in self.reactions:
            self.asked.put_nowait(asked)
            return
        reaction = self.reactions[action]
        answer = reaction(payload) if callable(reaction) else reaction
        if answer is not None:
            await self.answer(asked, answer)

    async def send_raw(self, frame: str | bytes, *, text: bool | None = None) -> None:
        """Send a frame as it is; `text` sends bytes as a text frame all the same."""
        await self.socket.send(frame, text=text)

    async def send_call(
        self, action: str, payload: Payload | None = None, message_id: str | None = None
    ) -> str:
        """Send a CALL and do not wait for its answer; returns its id."""
        if message_id is None:
            self._count += 1
            message_id = f"m{self._count}"
        self._sent[message_id] = action
        await self.send_raw(call_frame(action, payload or {}, message_id))
        return message_id

    async def reply(self) -> list[Any]:
        """Return the next CALLRESULT or CALLERROR."""
        async with asyncio.timeout(PATIENCE):
            return await self.replies.get()

    async def call(
        self, action: str, payload: Payload | None = None, message_id: str | None = None
    ) -> Payload:
        """Send a CALL and return the payload that answers it.

        Raises `Refused` for a CALLERROR.
        """
        sent = await self.send_call(action, payload, message_id)
        frame = await self.reply()
        assert frame[1] == sent, f"{frame} does not answer {sent}"
        if frame[0] == 4:
            assert len(frame) == 5
            assert frame[4] == {}
            raise Refused(frame[2], frame[3])
        assert len(frame) == 3
        result: Payload = frame[2]
        return result

    async def next_call(self, action: str | None = None) -> Asked:
        """Return the next CALL of the central system; it must be this action."""
        async with asyncio.timeout(PATIENCE):
            asked = await self.asked.get()
        assert action in {None, asked.action}, f"asked for {asked}"
        return asked

    async def answer(self, asked: Asked, payload: Any) -> None:
        """Answer a CALL."""
        await self.send_raw(json.dumps([3, asked.message_id, payload]))

    async def refuse(self, asked: Asked, code: Any, description: Any = "") -> None:
        """Answer a CALL with a CALLERROR."""
        await self.send_raw(json.dumps([4, asked.message_id, code, description, {}]))

    async def boot(self, **changes: Any) -> Payload:
        """Send a BootNotification."""
        info = {"chargePointVendor": "Raw", "chargePointModel": "Socket"}
        return await self.call("BootNotification", info | changes)

    async def status(
        self, status: str, connector_id: int = 1, **changes: Any
    ) -> Payload:
        """Send a StatusNotification."""
        payload = {
            "connectorId": connector_id,
            "status": status,
            "errorCode": "NoError",
            **changes,
        }
        return await self.call("StatusNotification", payload)

    async def start(self, **changes: Any) -> Payload:
        """Send a StartTransaction of now on connector 1."""
        payload = {
            "connectorId": 1,
            "idTag": "TAG",
            "meterStart": 1000,
            "timestamp": stamp(),
            **changes,
        }
        return await self.call("StartTransaction", payload)

    async def stop(
        self, transaction_id: int, meter_stop: int, **changes: Any
    ) -> Payload:
        """Send a StopTransaction of now."""
        payload = {
            "transactionId": transaction_id,
            "meterStop": meter_stop,
            "timestamp": stamp(),
            **changes,
        }
        return await self.call("StopTransaction", payload)

    async def meter(
        self,
        *samples: Payload,
        connector_id: int = 1,
        at: datetime | None = None,
        **changes: Any,
    ) -> Payload:
        """Send MeterValues with one bucket."""
        bucket = {"timestamp": stamp(at), "sampledValue": list(samples)}
        payload = {"connectorId": connector_id, "meterValue": [bucket], **changes}
        return await self.call("MeterValues", payload)

    async def register(self, value: float, **changes: Any) -> Payload:
        """Send a value of the energy register in Wh."""
        return await self.meter({"value": str(value)}, **changes)

    async def alive(self) -> None:
        """Fail unless the session still answers a Heartbeat."""
        answer = await self.call("Heartbeat")
        assert answer["currentTime"].endswith("Z")

    async def closed(self) -> int:
        """Wait for the end of the connection and return its close code."""
        async with asyncio.timeout(PATIENCE):
            await self.socket.wait_closed()
        assert self.socket.close_code is not None
        return self.socket.close_code

    async def close(self) -> None:
        """Close the connection from the charger's side."""
        await self.socket.close()
        await self._reader

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def stamp(at: datetime | None = None) -> str:
    """Return a time as chargers write it, by default now."""
    return (at or datetime.now(UTC)).astimezone(UTC).isoformat()


def basic(user: str, password: bytes | str) -> str:
    """Return the Authorization header for Basic credentials."""
    secret = password if isinstance(password, bytes) else password.encode()
    return "Basic " + base64.b64encode(user.encode() + b":" + secret).decode()


def settings(identity: str = "CP1", **changes: Any) -> ChargerSettings:
    """Return the settings of a charger with the usual password."""
    return ChargerSettings(
        **{"identity": identity, "key_hashes": (key_hash(PASSWORD),), **changes}
    )


async def dial(
    central: CentralSystem,
    path: str = "CP1",
    *,
    user: str | None = None,
    password: bytes | str | None = PASSWORD,
    headers: dict[str, str] | None = None,
    **options: Any,
) -> RawCharger:
    """Dial a central system as a charger; `password` None sends no credentials.

    Raises `websockets.exceptions.InvalidStatus` when it is not let in.
    """
    sent = dict(headers or {})
    if password is not None:
        sent["Authorization"] = basic(user if user is not None else path, password)
    scheme = "wss" if options.get("ssl") else "ws"
    socket = await connect(
        f"{scheme}://127.0.0.1:{central.port}/{path}",
        **{
            "subprotocols": ["ocpp1.6"],
            "additional_headers": sent,
            "ping_interval": None,
            "close_timeout": 1,
            "proxy": None,
            "compression": None,
            **options,
        },
    )
    return RawCharger(socket)


async def until(
    charger: Charger, condition: Callable[[], Any], timeout: float = PATIENCE
) -> None:
    """Wait until a condition holds; it is asked after every change of the charger."""
    changed = asyncio.Event()
    stop = charger.listen_all(lambda _: changed.set())
    try:
        async with asyncio.timeout(timeout):
            while not condition():
                changed.clear()
                await changed.wait()
    finally:
        stop()


class Bare:
    """A charger below WebSocket: it never answers a ping, nor reads by itself."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, text: str) -> None:
        """Send a text frame, masked with zeros."""
        data = text.encode()
        head = bytes([0x81, 0x80 | len(data)]) if len(data) < 126 else (
            bytes([0x81, 0xFE]) + len(data).to_bytes(2)
        )  # fmt: skip
        self.writer.write(head + b"\0\0\0\0" + data)
        await self.writer.drain()

    async def ended(self) -> None:
        """Read until the other side ends the connection."""
        async with asyncio.timeout(PATIENCE):
            with suppress(ConnectionError):
                while await self.reader.read(4096):
                    pass


@asynccontextmanager
async def bare(central: CentralSystem, identity: str = "CP1") -> AsyncIterator[Bare]:
    """Dial with the handshake made by hand; the receive buffer is small."""
    own = socket.socket()
    own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    own.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(own, ("127.0.0.1", central.port))
    reader, writer = await asyncio.open_connection(sock=own, limit=1024)
    request = (
        f"GET /{identity} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        "Sec-WebSocket-Protocol: ocpp1.6\r\n"
        f"Authorization: {basic(identity, PASSWORD)}\r\n\r\n"
    )
    writer.write(request.encode())
    head = await reader.readuntil(b"\r\n\r\n")
    assert b" 101 " in head
    try:
        yield Bare(reader, writer)
    finally:
        writer.transport.abort()
