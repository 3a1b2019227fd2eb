"""Frames of OCPP-J 1.6: how they are read, and that none can end a session."""

from contextlib import suppress
import json
from typing import Any

from hypothesis import (
    HealthCheck,
    given,
    settings as hypothesis_settings,
    strategies as st,
)
import pytest

from custom_components.ocpp_charging.csms import rpc
from custom_components.ocpp_charging.csms.rpc import (
    Call,
    CallFailure,
    CallResult,
    RpcError,
    RpcErrorCode,
)
from custom_components.ocpp_charging.csms.server import CentralSystem
from tests.csms.raw import RawCharger, Refused, call_frame, dial

FORMATION = RpcErrorCode.FORMATION_VIOLATION


def refusal(frame: str | bytes) -> RpcError:
    """Return why a frame is refused."""
    with pytest.raises(RpcError) as caught:
        rpc.parse(frame)
    return caught.value


def test_a_call_has_four_elements() -> None:
    assert rpc.parse('[2,"7","Heartbeat",{}]') == Call(
        message_id="7", action="Heartbeat", payload={}
    )


def test_a_result_has_three_elements() -> None:
    assert rpc.parse('[3,"7",{"a":1}]') == CallResult(message_id="7", payload={"a": 1})


def test_an_error_has_five_elements() -> None:
    assert rpc.parse('[4,"7","GenericError","no",{}]') == CallFailure(
        message_id="7", code="GenericError", description="no"
    )


def test_a_null_payload_is_an_empty_one() -> None:
    call = rpc.parse('[2,"7","Heartbeat",null]')
    result = rpc.parse('[3,"7",null]')
    assert isinstance(call, Call)
    assert call.payload == {}
    assert isinstance(result, CallResult)
    assert result.payload == {}


@pytest.mark.parametrize(
    "frame",
    [
        '[4,"7"]',
        '[4,"7","GenericError"]',
        '[4,"7",null,null,"details"]',
        '[4,"7",{},[]]',
    ],
)
def test_an_error_is_understood_however_little_it_says(frame: str) -> None:
    failure = rpc.parse(frame)
    assert isinstance(failure, CallFailure)
    assert failure.message_id == "7"
    assert failure.code in {"", "GenericError"}


def test_a_long_error_is_cut() -> None:
    failure = rpc.parse(json.dumps([4, "7", "c" * 5000, "d" * 5000, {}]))
    assert isinstance(failure, CallFailure)
    assert (len(failure.code), len(failure.description)) == (64, 255)


def test_nested_error_codes_are_not_written_out() -> None:
    depth = 900
    nested = "[" * depth + "]" * depth
    failure = rpc.parse(f'[4,"7",{nested},{nested},{{}}]')
    assert failure == CallFailure(message_id="7", code="", description="")


@pytest.mark.parametrize(
    "frame",
    ["[5,1]", '["2","1","Heartbeat",{}]', "[null]", "[true]", "[2.5]", "[[]]", "[{}]"],
)
def test_an_unknown_message_type_is_ignored(frame: str) -> None:
    assert rpc.parse(frame) is None


@pytest.mark.parametrize(
    "frame",
    [
        "", "x", "{}", '"text"', "7", "null", "[]", "[" * 100_000, "[2,", "NaN",
        "[2,NaN]", "[2,-Infinity]", "[" + "9" * 5000 + "]", b"\xff\xfe", b'[2,"\xc3"]',
        "\ufeff[2]",
    ],
)  # fmt: skip
def test_what_is_no_json_list_is_a_formation_violation(frame: str | bytes) -> None:
    error = refusal(frame)
    assert (error.code, error.message_id) == (FORMATION, "-1")


@pytest.mark.parametrize(
    "frame",
    [
        '[2,"7"]', '[2,"7","Heartbeat"]', '[2,"7","Heartbeat",{},1]',
        '[2,"7",["x"],{}]', '[2,"7",null,{}]', '[2,"7",{},{}]', '[2,"7",1,{}]',
        '[2,"7","Heartbeat",[]]', '[2,"7","Heartbeat","x"]', '[2,"7","Heartbeat",1]',
        '[2,"7","Heartbeat",{]', '[2 , "7", "Heartbeat", {"a": NaN}]',
        '[2,"7","Heartbeat",{"n":' + "9" * 5000 + "}]",
        '[2,"7","Heartbeat",' + "[" * 100_000,
        json.dumps([2, "7", "A" * 65, {}]),
    ],
)  # fmt: skip
def test_a_broken_call_is_refused_under_its_own_id(frame: str) -> None:
    error = refusal(frame)
    assert (error.code, error.message_id) == (FORMATION, "7")


@pytest.mark.parametrize("message_id", ["null", "{}", "[]", "true", '""', "1.5"])
def test_a_call_without_a_text_as_id_is_refused(message_id: str) -> None:
    error = refusal(f'[2,{message_id},"Heartbeat",{{}}]')
    assert (error.code, error.message_id) == (FORMATION, "-1")


def test_a_number_as_id_is_taken_as_text() -> None:
    call = rpc.parse('[2,7,"Heartbeat",{}]')
    assert isinstance(call, Call)
    assert call.message_id == "7"


def test_an_id_over_36_characters_is_refused_and_cut() -> None:
    assert rpc.parse(call_frame("Heartbeat", {}, "i" * 36)) is not None
    error = refusal(call_frame("Heartbeat", {}, "i" * 5000))
    assert (error.code, error.message_id) == (FORMATION, "i" * 36)


def test_the_error_codes_have_the_spelling_of_the_1_6_wire() -> None:
    assert {str(code) for code in RpcErrorCode} == {
        "NotImplemented",
        "NotSupported",
        "InternalError",
        "ProtocolError",
        "SecurityError",
        "FormationViolation",
        "PropertyConstraintViolation",
        "OccurenceConstraintViolation",
        "TypeConstraintViolation",
        "GenericError",
    }


def test_frames_are_written_as_the_standard_has_them() -> None:
    error = RpcError(RpcErrorCode.NOT_SUPPORTED, "no", "8")
    assert json.loads(rpc.encode_call("7", "Reset", {"type": "Hard"})) == [
        2, "7", "Reset", {"type": "Hard"},
    ]  # fmt: skip
    assert json.loads(rpc.encode_result("7", {})) == [3, "7", {}]
    assert json.loads(rpc.encode_error(error)) == [4, "8", "NotSupported", "no", {}]
    assert json.loads(rpc.encode_error(error, "9"))[1] == "9"


def test_no_number_outside_json_is_written() -> None:
    with pytest.raises(ValueError, match="JSON"):
        rpc.encode_result("7", {"value": float("nan")})


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(st.text(max_size=10), inner, max_size=5)
    ),
    max_leaves=15,
)


@given(
    st.one_of(json_values.map(json.dumps), st.binary(max_size=60), st.text(max_size=60))
)
def test_parsing_raises_nothing_but_refusals(frame: str | bytes) -> None:
    with suppress(RpcError):
        rpc.parse(frame)


# Over a real socket: each measured fault of the `ocpp` package, and a few more.

ANSWERED_AS_BROKEN: dict[str, tuple[str | bytes, str]] = {
    "the action is a list": ('[2,"7",["x"],{}]', "7"),
    "100,000 open brackets": ("[" * 100_000, "-1"),
    "100,000 open brackets in the payload": (
        '[2,"7","Heartbeat",' + "[" * 100_000,
        "7",
    ),
    "a number of 5,000 digits": ('[2,"7","Heartbeat",{"n":' + "9" * 5000 + "}]", "7"),
    "NaN": ('[2,"7","MeterValues",{"n":NaN}]', "7"),
    "Infinity": ('[2,"7","MeterValues",{"n":Infinity}]', "7"),
    "no JSON": ("hello", "-1"),
    "an object": ("{}", "-1"),
    "an empty list": ("[]", "-1"),
    "three elements": ('[2,"7","Heartbeat"]', "7"),
    "five elements": ('[2,"7","Heartbeat",{},{}]', "7"),
    "null as id": ('[2,null,"Heartbeat",{}]', "-1"),
    "an id of 5,000 characters": (call_frame("Heartbeat", {}, "i" * 5000), "i" * 36),
    "a list as payload": ('[2,"7","Heartbeat",[]]', "7"),
    "bytes that are no UTF-8": (b"\xff\xfe\x00", "-1"),
}


@pytest.mark.parametrize("name", ANSWERED_AS_BROKEN)
@pytest.mark.parametrize("text", [True, False], ids=["text frame", "binary frame"])
async def test_a_broken_frame_is_answered_and_the_session_lives(
    raw: RawCharger, name: str, text: bool
) -> None:
    frame, message_id = ANSWERED_AS_BROKEN[name]
    data = frame if isinstance(frame, bytes) else frame.encode()
    await raw.send_raw(data, text=text)
    kind, answered_id, code, _, details = await raw.reply()
    assert (kind, answered_id, code, details) == (
        4,
        message_id,
        "FormationViolation",
        {},
    )
    await raw.alive()


@pytest.mark.parametrize(
    "frame",
    [
        '[5,"7",{}]', '[[],"7"]', '[{},"7"]', '["2","7","Heartbeat",{}]', "[2.0]",
        '[3]', '[3,"7"]', '[3,"7",{}]', '[3,null,null]', '[4]', '[4,"7"]',
        '[4,"7",{},[],{}]', '[4,"7",' + "[" * 900 + "]" * 900 + "]",
    ],
)  # fmt: skip
async def test_a_frame_that_asks_nothing_is_ignored_and_the_session_lives(
    raw: RawCharger, frame: str
) -> None:
    await raw.send_raw(frame)
    await raw.alive()
    assert raw.replies.empty()


async def test_a_null_payload_and_a_number_as_id_are_served(raw: RawCharger) -> None:
    await raw.send_raw('[2,7,"Heartbeat",null]')
    kind, message_id, payload = await raw.reply()
    assert (kind, message_id) == (3, "7")
    assert "currentTime" in payload


async def test_an_unknown_action_is_not_implemented(raw: RawCharger) -> None:
    with pytest.raises(Refused) as caught:
        await raw.call("CustomOperation", {})
    assert caught.value.code == "NotImplemented"
    await raw.alive()


async def test_a_known_action_of_the_other_direction_is_not_supported(
    raw: RawCharger,
) -> None:
    with pytest.raises(Refused) as caught:
        await raw.call("RemoteStartTransaction", {"idTag": "X"})
    assert caught.value.code == "NotSupported"
    await raw.alive()


async def test_a_refusal_never_quotes_what_it_refuses(raw: RawCharger) -> None:
    await raw.send_raw('[2,"7",["geheim"],{"key":"geheim"}]')
    assert "geheim" not in json.dumps(await raw.reply())


ACTIONS = [
    "Authorize", "BootNotification", "DataTransfer", "DiagnosticsStatusNotification",
    "FirmwareStatusNotification", "Heartbeat", "MeterValues", "SignCertificate",
    "StartTransaction", "StatusNotification", "StopTransaction", "Reset", "Nonsense",
]  # fmt: skip

fields = st.sampled_from(
    ["connectorId", "idTag", "meterStart", "meterStop", "timestamp", "transactionId",
     "status", "errorCode", "meterValue", "transactionData", "vendorId", "reason"]
)  # fmt: skip
payloads = st.dictionaries(fields, json_values, max_size=8)
calls = st.builds(
    call_frame, st.sampled_from(ACTIONS) | json_values, payloads | json_values
)
frames = st.one_of(
    calls, json_values.map(json.dumps), st.binary(max_size=50), st.text(max_size=50)
)


@hypothesis_settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(sent=st.lists(frames, min_size=1, max_size=20))
async def test_no_frame_ends_the_session(
    central: CentralSystem, sent: list[str | bytes]
) -> None:
    async with await dial(central) as charger:
        for frame in sent:
            await charger.send_raw(frame)
        beat: Any = await charger.send_call("Heartbeat", {}, "the last one")
        while (reply := await charger.reply())[1] != beat:
            assert reply[2] != "InternalError"
