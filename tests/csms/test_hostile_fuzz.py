"""Random requests and frames, for some seconds: what they find becomes a named test."""

import asyncio
import json
from typing import Any

from hypothesis import (
    HealthCheck,
    given,
    settings as hypothesis_settings,
    strategies as st,
)

from tests.csms.siege import (
    BINARY,
    CONTINUED,
    EVIL,
    EVIL_PASSWORD,
    PING,
    PONG,
    TEXT,
    Siege,
    eventually,
    frame,
    inside,
    knock,
    request,
)

BRIEF = hypothesis_settings(
    max_examples=250,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

HEARTBEAT = [2, "id", "Heartbeat", {}]
VALID: list[list[Any]] = [
    HEARTBEAT,
    [2, "id", "BootNotification", {"chargePointVendor": "V", "chargePointModel": "M"}],
    [2, "id", "Authorize", {"idTag": "TAG"}],
    [2, "id", "DataTransfer", {"vendorId": "V", "messageId": "M", "data": "D"}],
    [2, "id", "FirmwareStatusNotification", {"status": "Idle"}],
    [2, "id", "StopTransaction", {"transactionId": 1, "meterStop": 2, "reason": "x"}],
    [2, "id", "StatusNotification", {"connectorId": 0, "status": "X", "info": "Y"}],
    [2, "id", "MeterValues", {"connectorId": 99, "meterValue": [{"timestamp": "x"}]}],
    [2, "id", "SecurityEventNotification", {"type": "X", "timestamp": "Y"}],
    [2, "id", "SignCertificate", {"csr": "X"}],
    [2, "id", "LogStatusNotification", {"status": "Idle", "requestId": 1}],
    [3, "id", {"status": "Accepted"}],
    [4, "id", "GenericError", "text", {}],
]

odd = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([2**63, -(2**63) - 1, 10**400, 1e308, -0.0, 5e-324]),
    st.text(max_size=20),
    st.sampled_from(["\0", "\u202e", "\ud800", "{{ 7*7 }}", "<b>", "x" * 3000, "\r\n"]),
    st.lists(st.integers(), max_size=3),
    st.dictionaries(st.text(max_size=5), st.none(), max_size=3),
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """Return a valid message of which something has been changed."""
    message = json.loads(json.dumps(draw(st.sampled_from(VALID))))
    for _ in range(draw(st.integers(0, 3))):
        part: Any = message
        while isinstance(part, list | dict) and part:
            keys = list(part) if isinstance(part, dict) else range(len(part))
            key = draw(st.sampled_from(list(keys)))
            if not isinstance(part[key], list | dict) or draw(st.booleans()):
                part[key] = draw(odd)
                break
            part = part[key]
    text = json.dumps(message).encode()
    if draw(st.booleans()):
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(st.binary(max_size=3)) + text[at + 1 :]
    return text


wire = st.one_of(
    mutated().map(lambda text: frame(TEXT, text)),
    mutated().map(lambda text: frame(BINARY, text)),
    mutated().map(
        lambda text: frame(TEXT, text[:9], fin=False) + frame(CONTINUED, text[9:])
    ),
    st.binary(max_size=100).map(lambda data: frame(TEXT, data)),
    st.sampled_from([frame(PING, b"x"), frame(PONG, b"x"), frame(TEXT)]),
)
broken_wire = st.one_of(
    st.binary(min_size=1, max_size=200),
    st.builds(
        frame,
        st.integers(0, 15),
        st.binary(max_size=130),
        fin=st.booleans(),
        rsv=st.integers(0, 7),
        masked=st.booleans(),
        length=st.none() | st.integers(0, 2**64 - 1),
    ),
)


async def test_no_message_ends_the_session_or_anything_else(siege: Siege) -> None:
    @BRIEF
    @given(sent=st.lists(wire, min_size=1, max_size=15))
    async def try_it(sent: list[bytes]) -> None:
        async with inside(siege.central) as peer:
            await peer.send(b"".join(sent))
            await peer.alive()

    await run(siege, try_it)


async def test_whatever_comes_over_the_wire_harms_nobody_else(siege: Siege) -> None:
    @BRIEF
    @given(sent=st.lists(wire | broken_wire, min_size=1, max_size=8))
    async def try_it(sent: list[bytes]) -> None:
        async with inside(siege.central) as peer:
            await peer.send(b"".join(sent))

    await run(siege, try_it)


header_text = st.text(
    st.characters(min_codepoint=1, max_codepoint=255, exclude_characters="\r\n"),
    max_size=40,
)
RIGHT = {EVIL, EVIL_PASSWORD}
headers = st.dictionaries(
    st.sampled_from(
        ["Host", "Upgrade", "Connection", "Sec_WebSocket_Version", "Origin",
         "Sec_WebSocket_Key", "Sec_WebSocket_Protocol", "Content_Length", "X"]
    ),
    st.none()
    | header_text
    | st.sampled_from(["websocket", "Upgrade", "13", "ocpp1.6", "0", ",", "null"]),
    max_size=5,
)  # fmt: skip
requests = st.builds(
    lambda path, user, password, method, version, changed: request(
        f"/{path}", user=user, password=password, method=method, version=version,
        **changed,
    ),
    st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=60)
    | st.sampled_from(["EVIL", "HONEST", "", "EVIL/", "x/EVIL?y", "%45VIL"]),
    st.none() | st.sampled_from(["EVIL", "HONEST", ""]),
    st.text(max_size=20) | st.binary(max_size=20),
    st.sampled_from(["GET", "POST", "get", "G", "CONNECT", "PRI"]),
    st.sampled_from(["HTTP/1.1", "HTTP/1.0", "HTTP/2", ""]),
    headers,
)  # fmt: skip


@st.composite
def spoilt(draw: st.DrawFn) -> bytes:
    """Return a request of which some bytes have been changed, or none."""
    data = bytearray(draw(requests))
    for _ in range(draw(st.integers(0, 4))):
        data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    return bytes(data)


async def test_no_request_without_the_password_is_let_in(siege: Siege) -> None:
    @BRIEF
    @given(data=spoilt() | st.binary(max_size=300))
    async def try_it(data: bytes) -> None:
        async with knock(siege.central) as peer:
            await peer.send(data + b"\r\n\r\n")
            peer.writer.write_eof()
            head = await peer.head()
            assert not head.startswith(b"HTTP/1.1 101")
            assert not head.startswith(b"HTTP/1.1 500")

    await run(siege, try_it)


async def run(siege: Siege, try_it: Any) -> None:
    """Run a test of hypothesis within this loop, and check what must hold after it."""
    loop = asyncio.get_running_loop()
    inner = try_it.hypothesis.inner_test

    def one(*arguments: Any, **values: Any) -> None:
        asyncio.run_coroutine_threadsafe(inner(*arguments, **values), loop).result(20)

    try_it.hypothesis.inner_test = one
    await asyncio.to_thread(try_it)
    await eventually(lambda: not siege.central._closing)
    await siege.check()
