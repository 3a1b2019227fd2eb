"""Five honest chargers, and somebody who tries everything at once beside them.

The attacker has many addresses of this machine's own, the passwords of three chargers,
and one core for as long as an hour of the bench lasts.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
import itertools
import json
import logging
import random
import ssl
import time
from typing import Any
from urllib.parse import urlsplit

from tests.csms.siege import BINARY, CONTINUED, PING, TEXT, frame, request

from .caller import Caller, Refused
from .messages import BOOT, meter_values, signal, status

PATIENCE_S = 30
TAKEN_AWAY = (OSError, ssl.SSLError, asyncio.IncompleteReadError, TimeoutError)


async def honest(settings: dict[str, Any]) -> dict[str, Any]:
    """Meter in each hour, on the signal for it, and note how long answers take.

    In an hour each charger sends as many messages as in a real one, spread over
    `seconds`, each after the answer to the one before. `hours` has the kind of each
    hour; the figures, in ms, are those of all hours of a kind.
    """
    took: dict[str, list[float]] = {kind: [] for kind in settings["hours"]}
    lost: Counter[str] = Counter()
    callers = [
        await Caller.dial(settings["url"], identity, settings["password"])
        for identity in settings["identities"]
    ]
    for caller in callers:
        await caller.call("BootNotification", BOOT)
        await caller.call("StatusNotification", status("Charging"))

    async def live(caller: Caller, hour: int, kind: str, offset: float) -> None:
        count, step = settings["messages"], settings["seconds"] / settings["messages"]
        due = time.perf_counter() + offset * step
        for number in range(hour * count, (hour + 1) * count):
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            due += step
            began = time.perf_counter()
            try:
                async with asyncio.timeout(PATIENCE_S):
                    body = meter_values(number, datetime.now(UTC), None)
                    await caller.call("MeterValues", body)
            except (ConnectionError, Refused, TimeoutError) as error:
                lost[type(error).__name__] += 1
            took[kind].append((time.perf_counter() - began) * 1000)

    for hour, kind in enumerate(settings["hours"]):
        await signal()
        places = (number / len(callers) for number in range(len(callers)))
        await asyncio.gather(
            *(
                live(caller, hour, kind, place)
                for caller, place in zip(callers, places, strict=True)
            )
        )
    await signal()
    return {"lost": lost, **{kind: _figures(each) for kind, each in took.items()}}


def _figures(took: list[float]) -> dict[str, float]:
    ordered = sorted(took)
    return {
        "count": len(ordered),
        "median": ordered[len(ordered) // 2],
        "99th percentile": ordered[len(ordered) * 99 // 100],
        "longest": ordered[-1],
    }


class Attacker:
    """Somebody with a core and many addresses, until `until` (`time.monotonic`)."""

    def __init__(self, settings: dict[str, Any]) -> None:
        """Prepare; `settings` are those of `attack`."""
        url = urlsplit(settings["url"])
        assert url.hostname is not None
        assert url.port is not None
        self._where = (url.hostname, url.port)
        self._tls: ssl.SSLContext | None = None
        if url.scheme == "wss":
            self._tls = ssl.create_default_context()
            self._tls.check_hostname = False
            self._tls.verify_mode = ssl.CERT_NONE
        self._password: str = settings["password"]
        self._evil: list[str] = settings["evil"]
        self._victims: list[str] = settings["victims"]
        self._addresses = itertools.cycle(f"127.0.1.{n}" for n in range(1, 41))
        self._names = itertools.count()
        self._random = random.Random(4711)
        self.done: Counter[str] = Counter()
        self.until = 0.0

    @property
    def _over(self) -> bool:
        return time.monotonic() >= self.until

    async def _open(
        self, *, plain: bool = False
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        async with asyncio.timeout(PATIENCE_S):
            return await asyncio.open_connection(
                *self._where,
                ssl=None if plain else self._tls,
                local_addr=(next(self._addresses), 0),
            )

    async def _ask(self, name: str, data: bytes, *, plain: bool = False) -> None:
        """Send something once and read until the other side has had enough."""
        reader, writer = await self._open(plain=plain)
        try:
            writer.write(data)
            async with asyncio.timeout(PATIENCE_S):
                await writer.drain()
                await reader.read(1000)
            self.done[name] += 1
        finally:
            writer.transport.abort()

    # What is tried, each again and again

    async def strange_names(self) -> None:
        """Call oneself something else each time."""
        name = f"NAME{next(self._names)}"
        await self._ask("names", request(f"/{name}", user=None))

    async def wrong_passwords(self) -> None:
        """Try to take over an honest charger."""
        identity = self._random.choice(self._victims)
        data = request(f"/{identity}", user=identity, password=f"guess-{time.time()}")
        await self._ask("wrong passwords", data)

    async def garbage(self) -> None:
        """Say anything but TLS, or anything but a request."""
        data = self._random.randbytes(self._random.choice((5, 500, 20_000)))
        await self._ask("garbage", data, plain=self._random.random() < 0.7)

    async def web_pages(self) -> None:
        """Dial as a browser does."""
        await self._ask("web pages", request(Origin="https://evil.example"))

    async def slow_ones(self) -> None:
        """Occupy a place with half a request, and half a handshake."""
        plain = self._random.random() < 0.5
        reader, writer = await self._open(plain=plain)
        try:
            for byte in b"GET /EVIL HTTP/1.1\r\n":
                writer.write(bytes([byte if not plain else 0x16]))
                await asyncio.sleep(1)
                if self._over or reader.at_eof() or writer.is_closing():
                    break
            self.done["slow ones"] += 1
        finally:
            writer.transport.abort()

    async def _inside(self, identity: str, act: Act) -> None:
        reader, writer = await self._open()
        try:
            writer.write(
                request(f"/{identity}", user=identity, password=self._password)
            )
            async with asyncio.timeout(PATIENCE_S):
                head = await reader.readuntil(b"\r\n\r\n")
            if b" 101 " not in head:
                self.done["not let in"] += 1
                return
            self.done["let in"] += 1
            await act(reader, writer)
        finally:
            writer.transport.abort()

    async def floods(self) -> None:
        """Send all kinds of messages as fast as they are taken, and read answers."""
        await self._inside(self._evil[0], self._flood)

    async def _flood(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        reading = asyncio.create_task(_drain(reader))
        try:
            while not (self._over or reading.done() or writer.is_closing()):
                writer.write(self._random.choice(_FRAMES))
                async with asyncio.timeout(PATIENCE_S):
                    await writer.drain()
                self.done["messages"] += 1
        finally:
            reading.cancel()

    async def deaf_ones(self) -> None:
        """Ask for very many answers and read none."""
        await self._inside(self._evil[1], self._ask_and_not_read)

    async def _ask_and_not_read(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.transport.set_write_buffer_limits(high=0)
        pings = frame(PING, b"x" * 125) * 100
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, self.until - time.monotonic())):
                while not (reader.at_eof() or writer.is_closing()):
                    writer.write(pings)
                    await writer.drain()
                    self.done["pings"] += 100

    async def half_open(self) -> None:
        """Come in, and again, and leave all of it open without a word."""
        await self._inside(self._evil[2], _stay)

    async def spoil(self) -> None:
        """Break the protocol, a little differently each time."""

        async def break_it(
            reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            writer.write(self._random.choice(_BROKEN))
            async with asyncio.timeout(5):
                await reader.read()
            self.done["broken frames"] += 1

        await self._inside(self._evil[2], break_it)

    async def all_of_it(self) -> None:
        """Do all of it at the same time until it is over."""
        kinds: list[tuple[Callable[[], Awaitable[None]], int]] = [
            (self.strange_names, 4),
            (self.wrong_passwords, 4),
            (self.garbage, 4),
            (self.web_pages, 1),
            (self.slow_ones, 300),
            (self.floods, 1),
            (self.deaf_ones, 1),
            (self.half_open, 1),
            (self.spoil, 1),
        ]
        await asyncio.gather(
            *(self._again(kind) for kind, count in kinds for _ in range(count))
        )

    async def _again(self, kind: Callable[[], Awaitable[None]]) -> None:
        while not self._over:
            try:
                await kind()
            except TAKEN_AWAY:
                self.done["taken away"] += 1
                await asyncio.sleep(0.01)


type Act = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def _drain(reader: asyncio.StreamReader) -> None:
    with suppress(OSError, ssl.SSLError):
        while await reader.read(65536):
            pass


async def _stay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(0.5)


def _call(payload: str, action: str = "MeterValues") -> bytes:
    return frame(TEXT, f'[2,"7","{action}",{payload}]')


_FRAMES = [
    _call("{}", "Heartbeat") * 50,
    _call("{}", "Nonsense") * 50,
    frame(TEXT, '[3,"7",{}]') * 50,
    frame(TEXT, '[4,"7","x","y",{}]') * 50,
    frame(TEXT, "x") * 50,
    frame(BINARY, b"\xff" * 100) * 10,
    frame(PING) * 200,
    frame(TEXT, "[" * 100_000),
    _call('{"idTag":' + "[" * 50_000 + "]" * 50_000 + "}", "StartTransaction"),
    _call('{"a":[' + ",".join(["[]"] * 300_000) + "]}"),
    _call('{"a":' + "9" * 5000 + "}"),
    frame(TEXT, '[2,"7",', fin=False)
    + frame(CONTINUED, fin=False) * 500
    + frame(CONTINUED, '"Heartbeat",{}]'),
    frame(TEXT, json.dumps([2, "7", "DataTransfer", {"vendorId": "x" * 900_000}])),
]
_BROKEN = [
    frame(TEXT, length=2**63 - 1) + b"x" * 1000,
    frame(TEXT, masked=False),
    frame(3),
    frame(TEXT, b"x" * 100, rsv=4),
    frame(CONTINUED),
    frame(TEXT, b"x" * 600_000, fin=False) * 2,
]


async def attack(settings: dict[str, Any]) -> dict[str, Any]:
    """Attack in each hour, on the signal for it, for `seconds`."""
    # Of every socket that is closed under it, asyncio tells; here that is the aim.
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    attacker = Attacker(settings)
    for _ in range(settings["hours"]):
        await signal()
        attacker.until = time.monotonic() + settings["seconds"]
        await attacker.all_of_it()
    await signal()
    return dict(attacker.done)
