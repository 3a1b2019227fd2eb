"""What comes to the TLS port that is no charger's TLS, and TLS where there is none."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
import shutil
import ssl
from typing import Any
import warnings

import pytest

from custom_components.ocpp_charging.csms.bounds import Bounds
from custom_components.ocpp_charging.csms.gate import Reason
from custom_components.ocpp_charging.csms.journal import MemoryJournal
from custom_components.ocpp_charging.csms.tls import TlsMode, server_context
from tests.csms.conftest import StartCentral
from tests.csms.raw import PATIENCE
from tests.csms.siege import (
    BESIEGED,
    TEXT,
    Siege,
    eventually,
    frame,
    inside,
    knock,
    request,
)

HELLO = bytes.fromhex("1603010100010000fc0303")
"""The beginning of a ClientHello that announces 250 bytes more."""


@pytest.fixture
def trust(certificates: tuple[Path, Any]) -> ssl.SSLContext:
    """Return the TLS of a charger that trusts the central system."""
    return ssl.create_default_context(cafile=str(certificates[0]))


@pytest.fixture
async def secure_siege(
    start_central: StartCentral,
    journal: MemoryJournal,
    caplog: pytest.LogCaptureFixture,
    certificates: tuple[Path, Any],
    trust: ssl.SSLContext,
) -> AsyncGenerator[Siege]:
    """Return a central system over TLS that can be attacked."""
    context = server_context(TlsMode.COMPATIBLE, certificates[1].chains)
    central = await start_central(BESIEGED, tls=context)
    async with Siege(central, journal, caplog, trust) as siege:
        yield siege


GARBAGE = {
    "plain HTTP": request(),
    "a browser": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "zeros": b"\0" * 1000,
    "random bytes": bytes(range(256)) * 40,
    "SSL 2": bytes.fromhex("802e0100020015000000100100800200800300800400800500800600"),
    "a hello of no version": bytes.fromhex("1603ff0005010000010003"),
    "an alert": bytes.fromhex("15030300020228"),
    "application data first": bytes.fromhex("1703030005") + b"hello",
    "a record too long": bytes.fromhex("160301ffff") + b"x" * 70_000,
    "a heartbeat": bytes.fromhex("1803020003014000"),
    "a hello cut short": HELLO,
    "a message of 16 MiB": bytes.fromhex("16030140000100ffffff") + b"x" * 16380,
}


@pytest.mark.parametrize("name", GARBAGE)
async def test_what_is_no_tls_ends_that_connection_only(
    secure_siege: Siege, name: str
) -> None:
    siege = secure_siege
    async with knock(siege.central) as peer:
        await peer.send(GARBAGE[name])
        answer = await peer.ended()
        assert b"HTTP" not in answer
        await siege.check()
    assert siege.central._entrance.turned_away[Reason.BROKEN_TLS] == 1
    assert not siege.central.unknown


@pytest.mark.parametrize("data", [b"", HELLO], ids=["silent", "half a hello"])
async def test_a_tls_handshake_that_never_ends_is_waited_for_so_long(
    secure_siege: Siege, data: bytes
) -> None:
    async with knock(secure_siege.central) as peer:
        await peer.send(data)
        await peer.ended()
        await secure_siege.check()


async def test_a_hello_that_trickles_in_is_waited_for_so_long(
    secure_siege: Siege,
) -> None:
    async with knock(secure_siege.central) as peer:

        async def trickle() -> None:
            for byte in HELLO + b"\0" * 1000:
                await peer.send(bytes([byte]))
                await asyncio.sleep(0.02)

        trickling = asyncio.create_task(trickle())
        await peer.ended()
        trickling.cancel()
        await secure_siege.check()


async def test_tls_without_a_request_is_waited_for_so_long(
    secure_siege: Siege, trust: ssl.SSLContext
) -> None:
    async with knock(secure_siege.central, trust, server_hostname="127.0.0.1") as peer:
        await peer.send(b"GET /EVIL")
        assert await peer.ended() == b""
        await secure_siege.check()


async def test_tls_on_the_port_without_gets_no_answer(
    siege: Siege, trust: ssl.SSLContext
) -> None:
    with pytest.raises((ssl.SSLError, ConnectionError)):
        async with knock(siege.central, trust, server_hostname="127.0.0.1"):
            pass
    await siege.check()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
async def test_old_tls_is_refused(secure_siege: Siege, version: ssl.TLSVersion) -> None:
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname = False
    old.verify_mode = ssl.CERT_NONE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        old.minimum_version = old.maximum_version = version
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        async with knock(secure_siege.central, old, server_hostname="x"):
            pass
    await secure_siege.check()


@pytest.mark.parametrize("suite", ["NULL-SHA256", "AECDH-AES128-SHA"])
async def test_tls_without_protection_is_refused(
    secure_siege: Siege, suite: str
) -> None:
    weak = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    weak.check_hostname = False
    weak.verify_mode = ssl.CERT_NONE
    weak.maximum_version = ssl.TLSVersion.TLSv1_2
    weak.set_ciphers(f"{suite}:@SECLEVEL=0")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        async with knock(secure_siege.central, weak, server_hostname="x"):
            pass
    await secure_siege.check()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
async def test_a_client_cannot_renegotiate(secure_siege: Siege) -> None:
    siege = secure_siege
    client = await asyncio.create_subprocess_exec(
        *("openssl", "s_client", "-tls1_2", "-legacy_renegotiation"),
        *("-connect", f"127.0.0.1:{siege.central.port}"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert client.stdin is not None
    assert client.stdout is not None
    said = b""
    async with asyncio.timeout(PATIENCE):
        while b"Verify return code" not in said and b"---\n" not in said[-4:]:
            said += await client.stdout.read(4096)
        client.stdin.write(b"R\n")
        while data := await client.stdout.read(4096):
            said += data
    await client.wait()
    assert b"RENEGOTIATING" in said
    assert b"no renegotiation" in said
    await siege.check()


async def test_a_session_over_tls_ends_alone_when_its_records_are_forged(
    secure_siege: Siege, trust: ssl.SSLContext
) -> None:
    async with inside(secure_siege.central, trust) as peer:
        await peer.alive()
        below: Any = peer.writer.transport
        below._ssl_protocol._transport.write(b"\x17\x03\x03\0\x20" + b"x" * 32)
        await peer.ended()
        await secure_siege.check()


async def test_a_socket_that_is_shut_without_a_word_ends_its_session(
    secure_siege: Siege, trust: ssl.SSLContext
) -> None:
    async with inside(secure_siege.central, trust) as peer:
        await peer.send(frame(TEXT, "[")[:-1])
        peer.writer.transport.abort()
        await secure_siege.check()


async def test_handshakes_that_are_never_ended_give_way_to_a_charger(
    start_central: StartCentral,
    journal: MemoryJournal,
    caplog: pytest.LogCaptureFixture,
    certificates: tuple[Path, Any],
    trust: ssl.SSLContext,
) -> None:
    context = server_context(TlsMode.COMPATIBLE, certificates[1].chains)
    central = await start_central(BESIEGED, tls=context, bounds=Bounds(newcomers=10))
    async with (
        Siege(central, journal, caplog, trust) as siege,
        AsyncExitStack() as stack,
    ):
        for _ in range(40):
            peer = await stack.enter_async_context(knock(central))
            await peer.send(HELLO)
        await eventually(lambda: central._entrance.gate.newcomers == 10)
        async with inside(central, trust) as charger:
            await charger.alive()
        await siege.check()


async def test_stopping_does_not_wait_for_tls_handshakes(secure_siege: Siege) -> None:
    async with AsyncExitStack() as stack:
        for data in (b"", HELLO):
            peer = await stack.enter_async_context(knock(secure_siege.central))
            await peer.send(data)
        await eventually(lambda: secure_siege.central._entrance.gate.newcomers == 2)
        async with asyncio.timeout(BESIEGED.open_timeout):
            await secure_siege.central.stop()


async def test_who_is_silent_where_both_are_taken_is_really_cut(
    start_central: StartCentral,
    journal: MemoryJournal,
    caplog: pytest.LogCaptureFixture,
    certificates: tuple[Path, Any],
    trust: ssl.SSLContext,
) -> None:
    """While it is looked whether TLS begins, there is a second handle of the socket."""
    context = server_context(TlsMode.COMPATIBLE, certificates[1].chains)
    patient = replace(BESIEGED, open_timeout=60)
    central = await start_central(
        patient, tls=context, also_plain=True, bounds=Bounds(newcomers=5)
    )
    async with (
        Siege(central, journal, caplog, trust) as siege,
        AsyncExitStack() as stack,
    ):
        peers = [await stack.enter_async_context(knock(central)) for _ in range(12)]
        for peer in peers[:7]:
            assert await peer.ended() == b""
        assert central._entrance.gate.newcomers == 5
        async with inside(central) as charger:
            await charger.alive()
        async with asyncio.timeout(PATIENCE):
            await siege.central.stop()
        for peer in peers:
            await peer.ended()
