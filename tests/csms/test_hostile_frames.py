"""Frames that no charger sends: what they do to the session, and to nobody else."""

import itertools
import json
from typing import override
import zlib

import pytest

from custom_components.ocpp_charging.csms import rpc
from custom_components.ocpp_charging.csms.bounds import (
    MAX_FAULTS_TOLD,
    MAX_MESSAGE_BYTES,
    Bounds,
)
from custom_components.ocpp_charging.csms.journal import MemoryJournal
from custom_components.ocpp_charging.csms.link import Answer, AnswerBook
from custom_components.ocpp_charging.csms.rpc import Call
from tests.csms.conftest import StartCentral
from tests.csms.siege import (
    BESIEGED,
    BINARY,
    CLOSE,
    CONTINUED,
    EVIL,
    PING,
    PONG,
    TEXT,
    Siege,
    frame,
    inside,
    knock,
    request,
)


def call(payload: str, action: str = "DataTransfer") -> str:
    """Return the text of a CALL with a payload that need not be JSON."""
    return f'[2,"7","{action}",{payload}]'


def filled(item: str) -> str:
    """Return a CALL as long as may be, of very many small things."""
    room = MAX_MESSAGE_BYTES - 100
    return call('{"a":[' + ",".join([item] * (room // (len(item) + 1))) + "]}")


REFUSED: dict[str, str | bytes] = {
    "100,000 open brackets": "[" * 100_000,
    "100,000 open brackets in a payload": call("[" * 100_000),
    "100,000 open braces": '{"a":' * 100_000,
    "a million of them": "[" * 1_000_000,
    "a number of 5,000 digits": call('{"vendorId":' + "9" * 5000 + "}"),
    "NaN": call('{"vendorId":NaN}'),
    "Infinity": call('{"vendorId":Infinity}'),
    "minus Infinity": call('{"vendorId":-Infinity}'),
    "bytes that are no UTF-8": b"\xff\xfe\xfd",
    "half a character": call('{"vendorId":"').encode() + b"\xc3",
    "an overlong NUL": call('{"vendorId":"').encode() + b'\xc0\x80"}]',
    "UTF-16": call("{}").encode("utf-16"),
    "nothing": "",
    "a NUL": "\0",
    "an object": "{}",
    "an empty list": "[]",
    "a text": '"hello"',
    "no JSON": "GET / HTTP/1.1",
    "two frames in one": call("{}") + call("{}"),
    "a CALL without payload": '[2,"7","Heartbeat"]',
    "a CALL with six elements": '[2,"7","Heartbeat",{},1,2]',
    "a list as action": '[2,"7",["Heartbeat"],{}]',
    "an object as id": '[2,{},"Heartbeat",{}]',
    "a list as payload": '[2,"7","Heartbeat",[]]',
    "an action of 100,000 characters": call("{}", "A" * 100_000),
    "an id of 100,000 characters": f'[2,"{"i" * 100_000}","Heartbeat",{{}}]',
    "an action with line breaks": call("{}", "X\\n2026-11-22 ERROR [root] \\u001b[31m"),
    "a surrogate as action": call("{}", "\\ud800"),
    "dunder actions": call("{}", "__class__"),
    "an action of ours": call("{}", "RemoteStopTransaction"),
    "infinity by overflow": call('{"connectorId":1e999}', "StatusNotification"),
    "deep nesting where a text belongs": call(
        '{"vendorId":' + "[" * 50_000 + "]" * 50_000 + "}"
    ),
    "a bomb of lists": filled("[]"),
    "a bomb of objects": filled('{"":0}'),
    "a bomb of big numbers": filled("9" * 4300),
}


@pytest.mark.parametrize(
    ("name", "opcode"), zip(REFUSED, itertools.cycle((TEXT, BINARY)), strict=False)
)
async def test_a_hostile_message_is_refused_and_the_session_lives(
    siege: Siege, name: str, opcode: int
) -> None:
    message = REFUSED[name]
    async with inside(siege.central) as peer:
        await peer.send(frame(opcode, message))
        answered, payload = await peer.frame()
        assert answered == TEXT
        kind, message_id, *_, details = json.loads(payload)
        assert (kind, details) == (4, {})
        assert len(message_id) <= 36
        assert len(payload) < 300, "nothing is echoed"
        await peer.alive()
        await siege.check(inside=True)
    await siege.check()


IGNORED = [
    '[5,"7","Heartbeat",{}]', '[1e999]', '[-1,"7"]', '["2","7","Heartbeat",{}]',
    "[null]", "[[]]", "[{}]", '[3,"7",{}]', "[3]", '[3,{},[]]', '[4,"7"]',
    '[4,"7","x","y","z"]', '[4,"7",' + "[" * 900 + "]" * 900 + ",1,{}]",
    '[3,"7","' + "x" * 500_000 + '"]',
]  # fmt: skip


@pytest.mark.parametrize("message", IGNORED, ids=lambda text: text[:20])
async def test_a_message_that_asks_nothing_is_ignored(
    siege: Siege, message: str
) -> None:
    async with inside(siege.central) as peer:
        await peer.send(frame(TEXT, message))
        await peer.alive()
        await siege.check(inside=True)


DEEP = '{"idTag":' + "[" * 50_000 + "]" * 50_000 + "}"


@pytest.mark.parametrize("action", ["StartTransaction", "MeterValues"])
async def test_deep_nesting_in_what_must_not_count_twice_holds_up_nobody(
    siege: Siege, action: str
) -> None:
    async with inside(siege.central) as peer:
        for _ in range(3):
            await peer.send(frame(TEXT, call(DEEP, action)))
            assert (await peer.frame())[0] == TEXT
        await peer.alive()
        await siege.check(inside=True)


ENDING: dict[str, tuple[bytes, int | None]] = {
    "a message over the limit": (frame(TEXT, length=MAX_MESSAGE_BYTES + 1), 1009),
    "an endless message": (frame(TEXT, length=2**63 - 1) + b"x" * 10_000, 1009),
    "an impossible length": (frame(TEXT, length=2**64 - 1), 1009),
    "an unmasked frame": (frame(TEXT, call("{}"), masked=False), 1002),
    "a reserved opcode": (frame(3), 1002),
    "a reserved control opcode": (frame(11), 1002),
    "a compressed frame": (frame(TEXT, zlib.compress(b"x"), rsv=4), 1002),
    "other reserved bits": (frame(TEXT, call("{}"), rsv=3), 1002),
    "a long ping": (frame(PING, b"x" * 126), 1002),
    "a ping in fragments": (frame(PING, fin=False), 1002),
    "a continuation of nothing": (frame(CONTINUED, b"x"), 1002),
    "a message within a message": (frame(TEXT, "[", fin=False) + frame(TEXT), 1002),
    "a close of one byte": (frame(CLOSE, b"x"), 1002),
    "a close with a code that is none": (frame(CLOSE, b"\x00\x01"), 1002),
    "a close whose reason is no UTF-8": (frame(CLOSE, b"\x03\xe8\xff"), 1007),
    "a close and more": (frame(CLOSE, b"\x03\xe8") + frame(TEXT, call("{}")), 1000),
    "an empty close": (frame(CLOSE), 0),
}


@pytest.mark.parametrize("name", ENDING)
async def test_a_frame_against_the_protocol_ends_that_session_only(
    siege: Siege, name: str
) -> None:
    data, code = ENDING[name]
    async with inside(siege.central) as peer:
        await peer.send(data)
        assert await peer.close_code() == code
        await siege.check()


async def test_a_peer_that_stays_after_it_was_closed_is_cut(siege: Siege) -> None:
    async with inside(siege.central) as peer:
        await peer.send(frame(3))
        await peer.send(b"x" * 500_000)  # and it does not read the close frame
        await siege.check()


async def test_fragments_without_end_are_ended_by_their_number(
    start_central: StartCentral,
    journal: MemoryJournal,
    caplog: pytest.LogCaptureFixture,
) -> None:
    # As many at once as may be: the limit on their rate is not what is tried here.
    central = await start_central(BESIEGED, bounds=Bounds(messages_at_once=10_000))
    async with Siege(central, journal, caplog) as siege, inside(central) as peer:
        await peer.send(frame(TEXT, "[", fin=False))
        await peer.send(frame(CONTINUED, fin=False) * 5000)
        assert await peer.close_code() == 1009
        await siege.check()


async def test_fragments_without_end_are_ended_by_their_size(siege: Siege) -> None:
    async with inside(siege.central) as peer:
        await peer.send(frame(TEXT, b"x" * 500_000, fin=False))
        await peer.send(frame(CONTINUED, b"x" * 500_000, fin=False))
        await peer.send(frame(CONTINUED, b"x" * 500_000, fin=False))
        assert await peer.close_code() == 1009
        await siege.check()


async def test_a_message_in_fragments_is_understood(siege: Siege) -> None:
    async with inside(siege.central) as peer:
        text = b'[2,"parts","Heartbeat",{}]'
        await peer.send(frame(TEXT, text[:3], fin=False) + frame(PING, b"meanwhile"))
        assert await peer.frame() == (PONG, b"meanwhile")
        await peer.send(frame(CONTINUED, text[3:9], fin=False))
        await peer.send(frame(CONTINUED, text[9:]))
        opcode, payload = await peer.frame()
        assert (opcode, payload[:11]) == (TEXT, b'[3,"parts",')
        await siege.check(inside=True)


BOMB = zlib.compress(b"[" * 50_000_000)[2:-4]


async def test_compression_is_never_agreed_on_so_there_is_no_bomb(siege: Siege) -> None:
    async with knock(siege.central) as peer:
        offer = "permessage-deflate; client_max_window_bits"
        await peer.send(request(Sec_WebSocket_Extensions=offer))
        head = await peer.head()
        assert b" 101 " in head
        assert b"extensions" not in head.lower()
        await peer.send(frame(TEXT, BOMB, rsv=4))
        assert await peer.close_code() == 1002
        await siege.check()


class Unreadable(dict[str, object]):
    """A payload that must not be written out: nested deeply, that takes seconds."""

    @override
    def __repr__(self) -> str:
        raise AssertionError("it was written out")


def test_what_two_sendings_have_in_common_is_not_looked_for_in_the_payload() -> None:
    def key(frame: bytes) -> bytes:
        return AnswerBook.key(
            Call(message_id="7", action="A", payload=Unreadable(), frame=frame)
        )

    assert key(b"one") == key(b"one") != key(b"other")


def test_of_a_refusal_only_what_can_be_seen_is_kept() -> None:
    frame = rpc.parse('[4,"7","A\\r\\n\\u001b[31mB","\\u202eC\\ud800\\u0000 D",{}]')
    assert isinstance(frame, rpc.CallFailure)
    assert (frame.code, frame.description) == ("A[31mB", "C D")


async def test_a_fault_of_ours_does_not_fill_the_log(
    siege: Siege, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_call: Call) -> Answer:
        raise RuntimeError("a bug")

    async with inside(siege.central) as peer:
        monkeypatch.setattr(siege.link, "_handler", fail)
        for _ in range(MAX_FAULTS_TOLD + 3):
            await peer.send(frame(TEXT, call("{}")))
            assert b"InternalError" in (await peer.frame())[1]
        assert siege.link.faults == MAX_FAULTS_TOLD + 3
    told = [each for each in caplog.messages if "could not process" in each]
    assert len(told) == MAX_FAULTS_TOLD


async def test_only_the_evil_one_was_ever_there(siege: Siege) -> None:
    async with inside(siege.central):
        assert siege.central.chargers[EVIL].connected
    await siege.check()
