"""A central system under attack, and what must hold after each one.

The attacker speaks over a bare socket; beside it an honest charger asks and is answered
all the time. `Siege.check` is called after every attack.
"""

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import cache
import logging
import ssl
import struct
import time
from typing import Any, Self

import pytest

from custom_components.ocpp_charging.csms.backoff import CAPACITY
from custom_components.ocpp_charging.csms.bounds import MAX_REFUSED, MAX_UNKNOWN
from custom_components.ocpp_charging.csms.credentials import KeyHash, _Cost
from custom_components.ocpp_charging.csms.journal import MemoryJournal
from custom_components.ocpp_charging.csms.link import Link
from custom_components.ocpp_charging.csms.server import CentralSystem, Timing
from tests.conftest import PASSWORD
from tests.csms.raw import PATIENCE, RawCharger, basic, dial, settings

EVIL = "EVIL"
EVIL_PASSWORD = "evil-password-2026"
HONEST = "HONEST"
GUEST = "GUEST"
UNKNOWN_PASSWORD = "guessed-password-1"
TAG = "SECRETTAG0815"
SECRETS = (
    PASSWORD,
    EVIL_PASSWORD,
    UNKNOWN_PASSWORD,
    TAG,
    "PRIVATE KEY",
    *(
        base64.b64encode(f"{user}:{password}".encode()).decode()
        for user in (EVIL, HONEST, GUEST)
        for password in (PASSWORD, EVIL_PASSWORD, UNKNOWN_PASSWORD)
    ),
)

LONGEST_STALL = 1.0
"""Seconds of work. What is promised is a tenth of it (`bench.hostile`); here the
attacker takes of the same loop, and the machine is anybody's.
"""

BESIEGED = Timing(
    call_timeout=2, boot_grace=60, boot_settle=60, open_timeout=1, close_timeout=0.2
)
"""No charger is set up, and nobody is waited for for long."""

TEXT, BINARY, CONTINUED, CLOSE, PING, PONG = 1, 2, 0, 8, 9, 10


def frame(
    opcode: int,
    payload: bytes | str = b"",
    *,
    fin: bool = True,
    rsv: int = 0,
    masked: bool = True,
    length: int | None = None,
) -> bytes:
    """Return a WebSocket frame; `length` lies about the payload's."""
    data = payload.encode() if isinstance(payload, str) else payload
    size = len(data) if length is None else length
    head = bytes([fin << 7 | rsv << 4 | opcode])
    mask = 0x80 if masked else 0
    if size < 126:
        head += bytes([mask | size])
    elif size < 2**16:
        head += bytes([mask | 126]) + struct.pack("!H", size)
    else:
        head += bytes([mask | 127]) + struct.pack("!Q", size)
    return head + (b"\0\0\0\0" if masked else b"") + data


def request(
    path: str = f"/{EVIL}",
    *,
    user: str | None = EVIL,
    password: str | bytes = EVIL_PASSWORD,
    method: str = "GET",
    version: str = "HTTP/1.1",
    **headers: str | None,
) -> bytes:
    """Return the request of a charger; a header that is None is left out."""
    fields: dict[str, str | None] = {
        "Host": "127.0.0.1",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Protocol": "ocpp1.6",
        "Authorization": None if user is None else basic(user, password),
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    lines = [f"{method} {path} {version}"]
    lines += [f"{name}: {value}" for name, value in fields.items() if value is not None]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


class Peer:
    """The attacker's end of a connection."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Wrap a connection; what is read is kept for the tests."""
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        """Send bytes, as far as the other side takes them."""
        with suppress(ConnectionError):
            self.writer.write(data)
            await self.writer.drain()

    async def head(self) -> bytes:
        """Return the answer to a request without its body, nothing if there is none."""
        async with asyncio.timeout(PATIENCE):
            try:
                return await self.reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError as ended:
                return ended.partial
            except ConnectionError:
                return b""

    async def frame(self) -> tuple[int, bytes]:
        """Return the opcode and the payload of the next frame."""
        async with asyncio.timeout(PATIENCE):
            first, size = await self.reader.readexactly(2)
            if size == 126:
                (size,) = struct.unpack("!H", await self.reader.readexactly(2))
            elif size == 127:
                (size,) = struct.unpack("!Q", await self.reader.readexactly(8))
            return first & 0x0F, await self.reader.readexactly(size)

    async def close_code(self) -> int | None:
        """Read to the end; return the code of a close frame, None if there was none."""
        try:
            while True:
                opcode, payload = await self.frame()
                if opcode == CLOSE:
                    return int.from_bytes(payload[:2])
        except asyncio.IncompleteReadError, ConnectionError:
            return None

    async def ended(self) -> bytes:
        """Read until the other side ends the connection; return what came."""
        read = b""
        async with asyncio.timeout(PATIENCE):
            with suppress(ConnectionError):
                while data := await self.reader.read(65536):
                    read += data
        return read

    async def alive(self) -> None:
        """Fail unless a Heartbeat is answered."""
        await self.send(frame(TEXT, '[2,"alive","Heartbeat",{}]'))
        while True:
            opcode, payload = await self.frame()
            if opcode == TEXT and payload.startswith(b'[3,"alive"'):
                return

    async def close(self) -> None:
        """Cut the connection."""
        self.writer.transport.abort()
        with suppress(ConnectionError, asyncio.CancelledError):
            await self.writer.wait_closed()


@asynccontextmanager
async def knock(
    central: CentralSystem, tls: ssl.SSLContext | None = None, **options: Any
) -> AsyncIterator[Peer]:
    """Open a socket to a central system and say nothing yet."""
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", central.port, ssl=tls, limit=2**20, **options
    )
    peer = Peer(reader, writer)
    try:
        yield peer
    finally:
        await peer.close()


@asynccontextmanager
async def inside(
    central: CentralSystem, tls: ssl.SSLContext | None = None, **options: Any
) -> AsyncIterator[Peer]:
    """Come in as the charger `EVIL`, whose password the attacker knows."""
    async with knock(central, tls) as peer:
        await peer.send(request(**options))
        assert b" 101 " in await peer.head()
        yield peer


async def answer_line(central: CentralSystem, data: bytes) -> bytes:
    """Send a request and return the first line of what is answered."""
    async with knock(central) as peer:
        await peer.send(data)
        return (await peer.head()).partition(b"\r\n")[0]


class Watch:
    """Notes the longest work, in seconds, for which the event loop kept all waiting.

    That is the processor's time: where the machine is busy with others, it is no stall.
    """

    def __init__(self) -> None:
        """Begin with no stall."""
        self.longest = 0.0

    async def run(self) -> None:
        """Watch until cancelled."""
        step = 0.005
        while True:
            before = time.thread_time()
            await asyncio.sleep(step)
            self.longest = max(self.longest, time.thread_time() - before)


class Siege:
    """A central system with an honest charger that must not notice an attack."""

    def __init__(
        self,
        central: CentralSystem,
        journal: MemoryJournal,
        caplog: pytest.LogCaptureFixture,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        """Begin; use `async with`."""
        self.central = central
        self.journal = journal
        self.answered = 0
        self._caplog = caplog
        self._trust = trust
        self._watch = Watch()
        self._tasks: list[asyncio.Task[None]] = []
        self._honest: RawCharger | None = None
        self._known: set[str] = set()
        self._tasks_before = 0

    @property
    def link(self) -> Link:
        """Return the attacker's link, once it has come in."""
        return self.central._sessions[EVIL].link

    async def __aenter__(self) -> Self:
        """Bring in the honest charger."""
        # It would be slow, and tell of every broken socket.
        asyncio.get_running_loop().set_debug(False)
        self._caplog.set_level(logging.DEBUG)
        for name in ("custom_components.ocpp_charging", "websockets", "asyncio"):
            self._caplog.set_level(logging.DEBUG, name)
        central = self.central
        for identity in (HONEST, GUEST):
            central.add(settings(identity, key_hashes=(quick_hash(PASSWORD),)))
        central.add(settings(EVIL, key_hashes=(quick_hash(EVIL_PASSWORD),)))
        self._known = set(central.chargers)
        self._honest = await self._dial(HONEST)
        self._tasks = [
            asyncio.create_task(self._watch.run()),
            asyncio.create_task(self._beat(self._honest)),
        ]
        await self._honest_goes_on()
        self._tasks_before = len(asyncio.all_tasks())
        return self

    async def __aexit__(self, *_: object) -> None:
        """Let the honest charger go."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        assert self._honest is not None
        await self._honest.close()

    async def _dial(self, identity: str) -> RawCharger:
        return await dial(self.central, identity, ssl=self._trust)

    async def _beat(self, honest: RawCharger) -> None:
        """Ask one thing after the other: each must be answered within `PATIENCE`."""
        while True:
            await honest.alive()
            self.answered += 1
            await asyncio.sleep(0.002)  # a charger has other things to do

    async def _honest_goes_on(self) -> None:
        before = self.answered
        await eventually(lambda: self.answered > before + 2 or self._tasks[1].done())
        if self._tasks[1].done():
            await self._tasks[1]

    async def check(self, *, inside: bool = False) -> None:
        """Fail unless all that must hold after an attack does.

        `inside`: the attacker's own session lives on; else it has ended.
        """
        central = self.central
        await self._honest_goes_on()
        assert central.chargers[HONEST].reconnects == 0, "others notice nothing"
        guest = await self._dial(GUEST)
        await guest.alive()
        await guest.close()
        await self._memory_comes_back(2 if inside else 1)
        assert set(central.chargers) == self._known, "no charger was made"
        assert not self.journal.transactions, "nothing was filed"
        for charger in central.chargers.values():
            assert not charger.connectors, "no connector was made"
        assert self._watch.longest < LONGEST_STALL
        self.check_logs()

    async def _memory_comes_back(self, connections: int) -> None:
        central = self.central
        gate = central._entrance.gate
        await eventually(
            lambda: (
                gate.connections == len(central._entrance._plain) == connections
                and gate.newcomers == 0
                and len(central._sessions) == connections
                and not central._closing
                and not central._entrance._tasks
            )
        )
        for session in central._sessions.values():
            assert session.link._calls.qsize() <= session.link._calls.maxsize
        assert len(central.unknown) <= MAX_UNKNOWN
        assert len(central._door.refused) <= MAX_REFUSED
        assert central._door._backoff.remembered <= 3 * CAPACITY
        assert set(central._allowances) == self._known
        # A session has a reader of calls, a keepalive, a set-up and its own task.
        more = 6 if connections > 1 else 2
        await eventually(lambda: len(asyncio.all_tasks()) <= self._tasks_before + more)

    def check_logs(self) -> None:
        """Fail for a secret, an error, or a line that one cannot trust, in any log."""
        for record in self._caplog.records:
            if record.name == "websockets.client":
                continue  # the chargers' own side
            text = f"{record.getMessage()} {record.exc_text or ''}"
            for secret in SECRETS:
                assert secret not in text
            most = logging.INFO if record.name == "asyncio" else logging.WARNING
            assert record.levelno <= most, text
            assert record.exc_info is None, text
            assert text.isprintable(), repr(text)


@cache
def quick_hash(password: str) -> str:
    """Return the stored form of a password that costs nothing to check."""
    cost, salt, key = _Cost(n=2, r=1), bytes(16), password.encode()
    return str(KeyHash(cost=cost, salt=salt, digest=cost.digest(key, salt)))


async def eventually(condition: Callable[[], Any], seconds: float = PATIENCE) -> None:
    """Wait until something holds of which nothing tells."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - there is no event
            await asyncio.sleep(0.005)
