"""Requests that no charger makes, and those who occupy places without making one."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any
from urllib.parse import quote

import pytest

from custom_components.ocpp_charging.csms.backoff import FREE_FAILURES
from custom_components.ocpp_charging.csms.bounds import (
    MAX_UNKNOWN,
    MAX_UNKNOWN_TOLD_PER_MINUTE,
    Bounds,
)
from custom_components.ocpp_charging.csms.credentials import KeyHash
from custom_components.ocpp_charging.csms.gate import Reason
from custom_components.ocpp_charging.csms.journal import MemoryJournal
from tests.conftest import PASSWORD
from tests.csms.conftest import StartCentral
from tests.csms.raw import basic, settings
from tests.csms.siege import (
    BESIEGED,
    EVIL,
    EVIL_PASSWORD,
    GUEST,
    HONEST,
    PING,
    TEXT,
    UNKNOWN_PASSWORD,
    Peer,
    Siege,
    answer_line,
    eventually,
    frame,
    inside,
    knock,
    request,
)


async def answer(siege: Siege, data: bytes) -> bytes:
    """Send a request and return the first line of what is answered."""
    return await answer_line(siege.central, data)


UNANSWERED = {
    "nothing but line ends": b"\r\n" * 10,
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 300,
    "SSH": b"SSH-2.0-OpenSSH_9.9\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "SIP": b"OPTIONS sip:x SIP/2.0\r\n\r\n",
    "a NUL": b"\0\r\n\r\n",
    "bytes beyond ASCII in the path": b"GET /\xff\xfe HTTP/1.1\r\n\r\n",
    "no colon in a header": b"GET /EVIL HTTP/1.1\r\nHost\r\n\r\n",
    "a folded header": request(X="a\r\n b"),
    "an escape in a header": request(X="\x1b[31m"),
    "a NUL in a header": request(X="\0"),
    "a body": request(Content_Length="5") + b"hello",
    "a body in chunks": request(Transfer_Encoding="chunked") + b"0\r\n\r\n",
    "bare line feeds": request().replace(b"\r\n", b"\n"),
    "a request line of spaces": b" " * 5000 + b"\r\n\r\n",
}


@pytest.mark.parametrize("name", UNANSWERED)
async def test_what_is_no_request_gets_no_answer(siege: Siege, name: str) -> None:
    assert await answer(siege, UNANSWERED[name]) == b""
    await siege.check()


REFUSED = {
    "a page's request": (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 426),
    "another method": (request(method="POST"), 405),
    "HTTP/1.0": (request(version="HTTP/1.0"), 505),
    "no Connection": (request(Connection=None), 426),
    "another upgrade": (request(Upgrade="h2c"), 426),
    "an upgrade among others": (request(Upgrade="websocket, h2c"), 426),
    "an upgrade twice": (request(Upgrade="websocket, websocket"), 426),
    "an upgrade with a version": (request(Upgrade="websocket/13"), 426),
    "commas for an upgrade": (request(Upgrade=", ,"), 400),
    "no key": (request(Sec_WebSocket_Key=None), 400),
    "a short key": (request(Sec_WebSocket_Key="eA=="), 400),
    "a key that is no base64": (request(Sec_WebSocket_Key="\xff{{7*7}}"), 400),
    "an old version": (request(Sec_WebSocket_Version="8"), 400),
    "another protocol": (request(Sec_WebSocket_Protocol="ocpp2.0.1"), 400),
    "a script as protocol": (request(Sec_WebSocket_Protocol="<script>"), 400),
    "a path of 9,000 characters": (request("/" + "x" * 9000), 414),
    "a header of 9,000 characters": (request(X="x" * 9000), 431),
    "130 headers": (request(**{f"X{n}": "x" for n in range(130)}), 431),
    "no credentials": (request(user=None), 401),
    "a wrong password": (request(password=UNKNOWN_PASSWORD), 401),
    "an empty password": (request(password=""), 401),
    "a password with a NUL behind it": (request(password=EVIL_PASSWORD + "\0"), 401),
    "a password of 5,000 characters": (request(password="x" * 5000), 401),
    "raw bytes": (request(password=bytes(range(128, 160))), 401),
    "another scheme": (request(Authorization="Bearer " + UNKNOWN_PASSWORD), 401),
    "no base64": (request(Authorization="Basic \xe9{{7*7}}"), 401),
    "no colon": (request(Authorization="Basic RVZJTA=="), 401),
    "credentials twice": (
        request(X="x\r\nAuthorization: " + basic(EVIL, EVIL_PASSWORD)),
        401,
    ),
    "another charger's credentials": (
        request(f"/{HONEST}", user=EVIL, password=EVIL_PASSWORD),
        401,
    ),
    "another charger's name": (request(user=HONEST, password=EVIL_PASSWORD), 401),
    "another charger's password": (request(password=PASSWORD), 401),
    "a name in other letters": (request(user=EVIL.lower()), 401),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_a_request_that_is_not_in_order_is_refused(
    siege: Siege, name: str
) -> None:
    data, status = REFUSED[name]
    assert (await answer(siege, data)).startswith(b"HTTP/1.1 %d " % status)
    await siege.check()
    assert not siege.central.unknown


NAMES = [
    "", ".", "..", "%2e%2e", "../../etc/passwd%00", "CP%00", "a%2Fb", "a%5Cb", "CP%3A1",
    "%252e%252e%252f", "%E2%80%AEDOOG", "%E2%81%A6x", "x" * 49, "x" * 5000, "%FF%FE",
    "%C0%AE%C0%AE", "%ED%A0%80", "CP%0d%0aSet-Cookie:%20x", "%1b%5b31m", "%E2%80%8B",
    "EVIL%00", "EVIL%0A", "%EE%80%80", "%F3%A0%81%81", "//", "/../",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES, ids=lambda name: name[:24] or "nothing")
async def test_a_name_that_plays_tricks_is_nobodys(siege: Siege, name: str) -> None:
    line = await answer(siege, request(f"/{name}", user=None))
    assert line.startswith(b"HTTP/1.1 404 ")
    await siege.check()
    assert set(siege.central.unknown) <= {"%2e%2e%2f", "passwd"}


@pytest.mark.parametrize(
    "name", ["<script>alert(1)", "{{ 7*7 }}", "%s%n{0}", "$(reboot)", "'; DROP TABLE"]
)
async def test_a_name_may_have_odd_characters_and_is_only_a_name(
    siege: Siege, name: str
) -> None:
    line = await answer(siege, request(f"/{quote(name, safe='')}", user=None))
    assert line.startswith(b"HTTP/1.1 404 ")
    await siege.check()
    assert list(siege.central.unknown) == [name]


async def test_a_name_is_compared_as_it_is(siege: Siege) -> None:
    for name in ("EVIL%20", "%EF%BC%A5VIL", "EVI%4C%CC%81", "evil"):
        line = await answer(siege, request(f"/{name}", user="EVIL"))
        assert line.startswith(b"HTTP/1.1 404 ")
    await siege.check()


async def test_many_names_leave_a_few_names_and_a_few_lines(
    start_central: StartCentral,
    journal: MemoryJournal,
    caplog: pytest.LogCaptureFixture,
) -> None:
    wide = Bounds(arrivals_at_once=20_000)
    central = await start_central(BESIEGED, bounds=wide)
    async with Siege(central, journal, caplog) as siege:
        for number in range(200):
            await answer(siege, request(f"/NAME{number}", user=None))
        await siege.check()
        assert len(central.unknown) == MAX_UNKNOWN
        told = [line for line in caplog.messages if "Refused the unknown" in line]
        assert len(told) <= MAX_UNKNOWN + MAX_UNKNOWN_TOLD_PER_MINUTE


async def test_ten_thousand_names_cost_no_memory(siege: Siege) -> None:
    from datetime import UTC, datetime

    from custom_components.ocpp_charging.csms.verdicts import Request

    door = siege.central._door
    for number in range(10_000):
        await door.decide(
            Request(
                path=f"/NAME{number}",
                address=f"2001:db8::{number:x}",
                authorization=basic(f"NAME{number}", UNKNOWN_PASSWORD),
                subprotocols=["ocpp1.6"],
                secure=False,
            ),
            datetime.now(UTC),
            float(number),
        )
    await siege.check()
    assert len(door.unknown) == MAX_UNKNOWN


# Browsers


PAGES = {
    "a page of another site": "https://evil.example",
    "a page of another port's host": "http://192.0.2.7:8123",
    "a page of nowhere": "null",
    "an extension": "chrome-extension://abcdef",
    "a broken origin": "http://[::1",
    "two origins": "http://127.0.0.1, http://evil.example",
}


@pytest.mark.parametrize("name", PAGES)
async def test_a_web_page_is_refused_even_with_the_right_password(
    siege: Siege, name: str
) -> None:
    line = await answer(siege, request(Origin=PAGES[name]))
    assert line.startswith(b"HTTP/1.1 403 ")
    assert siege.central._entrance.turned_away[Reason.WEB_PAGE] == 1
    await siege.check()


@pytest.mark.parametrize(
    "origin", ["http://127.0.0.1", "https://127.0.0.1:9000", "127.0.0.1", "charger"]
)
async def test_a_charger_whose_library_sends_an_origin_is_let_in(
    siege: Siege, origin: str
) -> None:
    async with inside(siege.central, Origin=origin) as peer:
        await peer.alive()


async def test_a_page_that_gives_its_own_name_our_address_needs_a_password(
    siege: Siege,
) -> None:
    siege.central.configure(settings(EVIL, key_hashes=(), password_required=False))
    page = request(user=None, Host="evil.example", Origin="http://evil.example")
    assert (await answer(siege, page)).startswith(b"HTTP/1.1 401 ")
    proxied = request(user=None, X_Forwarded_For="198.51.100.7")
    assert (await answer(siege, proxied)).startswith(b"HTTP/1.1 401 ")
    async with inside(siege.central, user=None) as peer:
        await peer.alive()


# Guessing


async def test_a_take_over_with_a_wrong_key_leaves_the_session_alone(
    siege: Siege,
) -> None:
    for _ in range(FREE_FAILURES):
        data = request(f"/{HONEST}", user=HONEST, password=UNKNOWN_PASSWORD)
        assert (await answer(siege, data)).startswith(b"HTTP/1.1 401 ")
    await siege.check()
    # Only who fails has to wait: the charger itself has proved itself here before.
    line = await answer(siege, request(f"/{GUEST}", user=GUEST, password=PASSWORD))
    assert line.startswith(b"HTTP/1.1 101 ")


async def test_guesses_at_the_same_moment_count_like_those_one_after_the_other(
    siege: Siege, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed = 0
    matches = KeyHash.matches

    def count(key: KeyHash, presented: bytes) -> bool:
        nonlocal hashed
        hashed += 1
        return matches(key, presented)

    monkeypatch.setattr(KeyHash, "matches", count)
    lines = await asyncio.gather(
        *(
            answer(siege, request(password=f"{UNKNOWN_PASSWORD}{number}"))
            for number in range(100)
        )
    )
    codes = [line.split()[1] for line in lines]
    assert codes.count(b"401") <= FREE_FAILURES + 1
    assert codes.count(b"429") >= 100 - FREE_FAILURES - 1
    assert hashed <= FREE_FAILURES + 3
    await siege.check()


# Slow ones, silent ones, long ones


async def trickle(peer: Peer, data: bytes) -> None:
    """Send a byte at a time, until the other side ends it."""
    for byte in data:
        await peer.send(bytes([byte]))
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("data", [b"", b"GET /EVIL HT", request()[:-2]])
async def test_a_request_that_never_ends_is_waited_for_so_long(
    siege: Siege, data: bytes
) -> None:
    async with knock(siege.central) as peer:
        await peer.send(data)
        assert await peer.ended() == b""
    await siege.check()


async def test_a_request_that_trickles_in_is_waited_for_so_long(siege: Siege) -> None:
    async with knock(siege.central) as peer:
        trickling = asyncio.create_task(trickle(peer, request()))
        assert await peer.ended() == b""
        trickling.cancel()
    await siege.check()


@pytest.mark.parametrize(
    "data",
    [
        b"x" * 20_000,
        b"GET /EVIL HTTP/1.1\r\n" + b"A: b\r\n" * 100_000,
        request()[:-2] + b"X: " + b"x" * 100_000,
        request(password=UNKNOWN_PASSWORD) + b"x" * 200_000,
    ],
    ids=["no line end", "headers without end", "a header without end", "a long tail"],
)
async def test_a_newcomer_may_send_only_so_much(siege: Siege, data: bytes) -> None:
    async with knock(siege.central) as peer:
        await peer.send(data)
        await peer.ended()
    await siege.check()


async def test_a_request_may_not_be_longer_than_any_chargers(siege: Siege) -> None:
    """A megabyte each of a thousand newcomers would be too much to keep."""
    headers = "".join(f"X{number}: {'x' * 1000}\r\n" for number in range(20))
    data = request(password=UNKNOWN_PASSWORD)[:-2] + headers.encode()
    assert await answer(siege, data + b"\r\n") == b""
    assert siege.central._entrance.turned_away[Reason.REQUEST_TOO_LONG] == 1
    await siege.check()


async def test_what_follows_a_request_is_not_looked_at_before_it_is_let_in(
    siege: Siege,
) -> None:
    frames = frame(PING, b"early") * 100
    async with knock(siege.central) as peer:
        await peer.send(request(password=UNKNOWN_PASSWORD) + frames)
        assert (await peer.head()).startswith(b"HTTP/1.1 401 ")
    await siege.check()
    async with knock(siege.central) as peer:
        beat = frame(TEXT, '[2,"early","Heartbeat",{}]')
        await peer.send(request() + beat)
        assert (await peer.head()).startswith(b"HTTP/1.1 101 ")
        assert (await peer.frame())[1].startswith(b'[3,"early",')
    await siege.check()


async def besiege(
    start_central: StartCentral, journal: Any, caplog: Any, **bounds: Any
) -> Siege:
    """Return a central system with tighter bounds, to be attacked."""
    central = await start_central(BESIEGED, bounds=Bounds(**bounds))
    return Siege(central, journal, caplog)


@pytest.mark.parametrize("bound", ["newcomers", "newcomers_per_address"])
async def test_who_only_occupies_a_place_gives_way_to_a_charger(
    start_central: StartCentral,
    journal: MemoryJournal,
    caplog: pytest.LogCaptureFixture,
    bound: str,
) -> None:
    async with (
        await besiege(start_central, journal, caplog, **{bound: 20}) as siege,
        AsyncExitStack() as stack,
    ):
        for _ in range(60):
            peer = await stack.enter_async_context(knock(siege.central))
            await peer.send(b"GET /EVIL")
        gate = siege.central._entrance.gate
        await eventually(lambda: gate.newcomers == 20)
        assert gate.connections == 21
        async with inside(siege.central) as charger:
            await charger.alive()
        assert siege.central._entrance.turned_away[Reason.GAVE_WAY] >= 40
        await siege.check()


@pytest.mark.parametrize("bound", ["connections", "connections_per_address"])
async def test_the_places_of_chargers_that_are_in_are_not_given_away(
    start_central: StartCentral,
    journal: MemoryJournal,
    caplog: pytest.LogCaptureFixture,
    bound: str,
) -> None:
    async with await besiege(start_central, journal, caplog, **{bound: 3}) as siege:
        async with inside(siege.central) as peer, AsyncExitStack() as stack:
            for _ in range(30):
                await stack.enter_async_context(knock(siege.central))
            assert siege.central._entrance.gate.connections == 3
            await peer.alive()
        await siege.check()


async def test_when_all_places_are_taken_by_chargers_nobody_else_comes_in(
    start_central: StartCentral,
    journal: MemoryJournal,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with await besiege(start_central, journal, caplog, connections=2) as siege:
        async with inside(siege.central) as peer:
            assert await answer(siege, request(f"/{GUEST}", user=GUEST)) == b""
            await peer.alive()
        await siege.check()


async def test_who_connects_too_often_is_cut_off_and_others_are_not(
    start_central: StartCentral,
    journal: MemoryJournal,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with await besiege(
        start_central, journal, caplog, arrivals_at_once=30, arrivals_per_second=5
    ) as siege:
        lines = [await answer(siege, request(user=None)) for _ in range(200)]
        turned_away = siege.central._entrance.turned_away[Reason.TOO_OFTEN]
        assert turned_away == lines.count(b"") >= 100
        await eventually(
            lambda: (
                siege.central._entrance.gate._arrivals["127.0.0.1"].left(
                    asyncio.get_running_loop().time()
                )
                > 2
            )
        )
        await siege.check()
        assert sum("Turned away" in line for line in caplog.messages) == 1


async def test_stopping_does_not_wait_for_those_who_do_not_take_part(
    siege: Siege,
) -> None:
    async with AsyncExitStack() as stack:
        for data in (b"", b"GET", request(), request(f"/{GUEST}", user=GUEST)):
            peer = await stack.enter_async_context(knock(siege.central))
            await peer.send(data)
        async with asyncio.timeout(BESIEGED.open_timeout):
            await siege.central.stop()
        assert siege.central._entrance.gate.connections == 0
