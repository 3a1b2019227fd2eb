"""Those who send more than they may, and those who do not read what they asked for."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
import json
import socket
from typing import Any

import pytest

from custom_components.ocpp_charging.csms.bounds import (
    MAX_FRAMES_AHEAD,
    MAX_MESSAGE_BYTES,
    MAX_WAITING_BYTES,
    MAX_WAITING_CALLS,
    SLICE_BYTES,
    Bounds,
)
from custom_components.ocpp_charging.csms.connection import ChargerConnection
from custom_components.ocpp_charging.csms.journal import MemoryJournal
from tests.conftest import PASSWORD
from tests.csms.conftest import StartCentral
from tests.csms.raw import basic
from tests.csms.siege import (
    BESIEGED,
    CONTINUED,
    EVIL,
    HONEST,
    PING,
    PONG,
    TEXT,
    Peer,
    Siege,
    eventually,
    frame,
    inside,
    knock,
    request,
)

BRISK = Bounds(messages_per_second=2000, messages_at_once=200)
"""What is too much for these bounds is soon worked off all the same."""

STRICT = Bounds(messages_per_second=40, messages_at_once=40, flood_seconds=0.3)


@pytest.fixture
def besieged(
    start_central: StartCentral,
    journal: MemoryJournal,
    caplog: pytest.LogCaptureFixture,
) -> Any:
    """Return how to begin a siege with other bounds."""

    @asynccontextmanager
    async def begin(bounds: Bounds) -> AsyncIterator[Siege]:
        central = await start_central(BESIEGED, bounds=bounds)
        async with Siege(central, journal, caplog) as siege:
            yield siege

    return begin


def connection_of(siege: Siege, identity: str = EVIL) -> ChargerConnection:
    """Return our end of a charger's connection."""
    socket_ = siege.central._sessions[identity].link._socket
    assert isinstance(socket_, ChargerConnection)
    return socket_


async def test_a_flood_of_calls_is_slowed_down_and_every_one_is_answered(
    besieged: Any,
) -> None:
    async with besieged(BRISK) as siege, inside(siege.central) as peer:
        sent = [f"m{number}" for number in range(1000)]
        frames = [frame(TEXT, f'[2,"{each}","Heartbeat",{{}}]') for each in sent]
        sending = asyncio.create_task(peer.send(b"".join(frames)))
        answered = [json.loads((await peer.frame())[1])[1] for _ in sent]
        await sending
        assert answered == sent
        await siege.check(inside=True)


FLOODS = {
    "calls": frame(TEXT, '[2,"7","Heartbeat",{}]'),
    "unknown calls": frame(TEXT, '[2,"7","Nonsense",{}]'),
    "unsolicited answers": frame(TEXT, '[3,"7",{}]'),
    "unsolicited refusals": frame(TEXT, '[4,"7","GenericError","",{}]'),
    "garbage": frame(TEXT, "x"),
    "empty messages": frame(TEXT),
    "pings": frame(PING),
    "pongs": frame(PONG, b"x" * 100),
    "empty fragments": frame(CONTINUED, fin=False),
}


@pytest.mark.parametrize("name", FLOODS)
async def test_who_does_not_stop_flooding_is_ended_with_a_reason(
    besieged: Any, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    async with besieged(STRICT) as siege, inside(siege.central) as peer:
        if name == "empty fragments":
            await peer.send(frame(TEXT, fin=False))

        async def flood() -> None:
            while not peer.writer.is_closing():
                await peer.send(FLOODS[name] * 100)

        flooding = asyncio.create_task(flood())
        assert await peer.close_code() == 1008
        flooding.cancel()
        await siege.check()
        assert "EVIL keeps sending faster than it may" in caplog.text


async def test_a_charger_that_waits_for_its_answers_is_only_slowed_down(
    besieged: Any,
) -> None:
    async with besieged(STRICT) as siege, inside(siege.central) as peer:
        loop = asyncio.get_running_loop()
        began = loop.time()
        for _ in range(80):
            await peer.alive()
        assert loop.time() - began >= 0.8, "40 were free, 40 at 40 a second"
        await siege.check(inside=True)


async def test_a_new_connection_brings_no_new_allowance(besieged: Any) -> None:
    bounds = Bounds(messages_per_second=1, messages_at_once=60, flood_seconds=1000)
    async with besieged(bounds) as siege:
        siege.central._allowances[HONEST]._tokens._at_once = 10_000
        siege.central._allowances[HONEST]._tokens._tokens = 10_000
        thirty = frame(TEXT, '[2,"7","Heartbeat",{}]') * 30
        for _ in range(2):
            async with inside(siege.central) as peer:
                await peer.send(thirty)
                for _ in range(30):
                    await peer.frame()
        more = 0
        for _ in range(2):
            async with inside(siege.central) as peer:
                await peer.send(thirty)
                with suppress(TimeoutError):
                    async with asyncio.timeout(0.3):
                        while True:
                            await peer.frame()
                            more += 1
        assert more <= 35, "the third only began before it was too much"
        # That the last one has gone is not noticed before it is read from again.
        siege.check_logs()


async def test_what_comes_is_looked_at_in_slices(
    siege: Siege, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thousands of tiny frames in one read would hold up the loop for half a second."""
    sizes: list[int] = []
    async with inside(siege.central) as peer:
        connection = connection_of(siege)
        receive = connection.protocol.receive_data

        def note(data: bytes) -> None:
            sizes.append(len(data))
            receive(data)

        monkeypatch.setattr(connection.protocol, "receive_data", note)
        # All of it is there at once, as after a moment in which nobody read.
        connection.transport.pause_reading()
        await peer.send(frame(PING) * 2000 + frame(TEXT, '[2,"7","Heartbeat",{}]'))
        connection.transport.resume_reading()
        while (await peer.frame())[0] == PONG:
            pass
        assert max(sizes) <= SLICE_BYTES
        await siege.check(inside=True)


@pytest.mark.parametrize(
    "flood",
    [frame(PING, b"x" * 125), frame(TEXT, '[2,"7","Heartbeat",{}]'), frame(TEXT, "x")],
    ids=["pings", "calls", "garbage"],
)
async def test_who_never_reads_is_not_read_from_and_cut_in_the_end(
    besieged: Any, flood: bytes
) -> None:
    bounds = Bounds(messages_at_once=1_000_000)
    async with besieged(bounds) as siege:
        small = socket.socket()
        small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        small.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(small, ("127.0.0.1", siege.central.port))
        reader, writer = await asyncio.open_connection(sock=small, limit=1024)
        peer = Peer(reader, writer)
        await peer.send(request())
        assert b" 101 " in await peer.head()
        connection = connection_of(siege)
        ours = connection.transport.get_extra_info("socket")
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        largest = 0

        async def send() -> None:
            while not writer.is_closing():
                await peer.send(flood * 200)

        sending = asyncio.create_task(send())
        await eventually(lambda: connection.paused)
        for _ in range(20):
            await asyncio.sleep(0.005)
            largest = max(largest, connection.transport.get_write_buffer_size())
        assert not connection.transport.is_reading()
        assert largest < 32 * 1024 + 25 * SLICE_BYTES, "a slice of pings more at most"
        connection.transport.abort()  # as the keepalive does after its time
        sending.cancel()
        await peer.close()
        await siege.check()


async def test_who_asks_for_much_and_is_gone_leaves_no_lines_in_the_log(
    siege: Siege, caplog: pytest.LogCaptureFixture
) -> None:
    """A line for each pong that can't be sent any more would fill the disk."""
    for _ in range(2):
        async with inside(siege.central) as peer:
            connection = connection_of(siege)
            connection.transport.pause_reading()
            await peer.send(frame(PING) * 1000)
            gone = connection.transport.get_extra_info("socket")
            gone.shutdown(socket.SHUT_WR)  # as if the other end had been reset
            connection.transport.resume_reading()
            await eventually(connection.connection_lost_waiter.done)
    await siege.check()
    assert not [each for each in caplog.records if each.name == "asyncio"]


async def test_what_waits_of_a_flood_of_long_messages_is_bounded(
    besieged: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with besieged(Bounds(messages_at_once=1_000_000)) as siege:
        stuck = asyncio.Event()
        async with inside(siege.central) as peer:

            async def wait() -> None:
                await stuck.wait()

            monkeypatch.setattr(siege.central._context.pace, "keep", wait)
            long = frame(TEXT, f'[2,"7","Heartbeat",{{"x":"{"y" * 300_000}"}}]')
            sending = asyncio.create_task(peer.send(long * 40))
            connection, link = connection_of(siege), siege.link
            await eventually(lambda: link._waiting_bytes > 600_000)
            for _ in range(50):
                await asyncio.sleep(0.005)
                assert link._waiting_bytes <= MAX_WAITING_BYTES
                assert link._calls.qsize() <= MAX_WAITING_CALLS
                ahead = connection.recv_messages.frames
                assert len(ahead) <= MAX_FRAMES_AHEAD + 1
                assert len(connection._unread) <= MAX_MESSAGE_BYTES
            stuck.set()
            for _ in range(40):
                assert (await peer.frame())[1].startswith(b'[3,"7",')
            await sending
            await peer.alive()
        await siege.check()


async def test_a_half_open_socket_is_replaced_at_once(siege: Siege) -> None:
    async with inside(siege.central), inside(siege.central) as peer:
        await peer.alive()
        await siege.check(inside=True)


async def test_many_half_open_sockets_are_replaced_one_by_one(siege: Siege) -> None:
    peers: list[Peer] = []
    for _ in range(30):
        reader, writer = await asyncio.open_connection("127.0.0.1", siege.central.port)
        peers.append(Peer(reader, writer))
        await peers[-1].send(request())
        assert b" 101 " in await peers[-1].head()
    await peers[-1].alive()
    await siege.check(inside=True)
    for peer in peers:
        await peer.close()
    await siege.check()


async def test_a_flood_of_take_overs_with_a_wrong_key_is_not_noticed(
    siege: Siege,
) -> None:
    for _ in range(100):
        async with knock(siege.central) as peer:
            wrong = basic(HONEST, PASSWORD + "?")
            await peer.send(request(f"/{HONEST}", user=None, Authorization=wrong))
            assert b" 101 " not in await peer.head()
    await siege.check()


async def test_stopping_does_not_wait_for_a_charger_that_does_not_read(
    siege: Siege,
) -> None:
    async with inside(siege.central) as peer:
        connection = connection_of(siege)
        connection.pause_writing()  # as when its buffer is full
        async with asyncio.timeout(BESIEGED.close_timeout * 4 + 2):
            await siege.central.stop()
        await peer.ended()
