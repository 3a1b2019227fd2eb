"""The frames of OCPP-J 1.6 (§4), without any I/O.

A frame is a JSON array: `[2, id, action, payload]` asks (CALL), `[3, id, payload]`
answers (CALLRESULT), `[4, id, code, description, details]` refuses (CALLERROR).
"""

from dataclasses import dataclass, field, replace
from enum import StrEnum
import json
import re
from typing import Any

from .bounds import MAX_ACTION_LENGTH, MAX_DESCRIPTION_LENGTH, MAX_ID_LENGTH

_RECOVERABLE_ID = re.compile(r'\s*\[\s*2\s*,\s*"([^"\\\ufffd]{1,36})"')
NO_ID = "-1"
"""The id of a refusal when the refused frame's own could not be read."""


class RpcErrorCode(StrEnum):
    """The error codes of the 1.6 wire, with the standard's own spelling.

    Two of them are misspelt in the standard and stay so (OCPP-J 1.6 §4.2.3, errata
    5.1 and 5.2).
    """

    NOT_IMPLEMENTED = "NotImplemented"
    NOT_SUPPORTED = "NotSupported"
    INTERNAL_ERROR = "InternalError"
    PROTOCOL_ERROR = "ProtocolError"
    SECURITY_ERROR = "SecurityError"
    FORMATION_VIOLATION = "FormationViolation"
    PROPERTY_CONSTRAINT_VIOLATION = "PropertyConstraintViolation"
    OCCURRENCE_CONSTRAINT_VIOLATION = "OccurenceConstraintViolation"
    TYPE_CONSTRAINT_VIOLATION = "TypeConstraintViolation"
    GENERIC_ERROR = "GenericError"


class RpcError(Exception):
    """A CALL that is refused with a CALLERROR."""

    def __init__(
        self, code: RpcErrorCode, description: str, message_id: str = NO_ID
    ) -> None:
        """Keep what the CALLERROR shall say; `description` never quotes input."""
        super().__init__(f"{code}: {description}")
        self.code = code
        self.description = description
        self.message_id = message_id


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """Somebody asks for an action; `frame` is what was sent, in bytes."""

    message_id: str
    action: str
    payload: dict[str, Any]
    frame: bytes = field(default=b"", compare=False, repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class CallResult:
    """The answer to a CALL of ours; the payload is not always an object."""

    message_id: str
    payload: Any


@dataclass(frozen=True, kw_only=True, slots=True)
class CallFailure:
    """The refusal of a CALL of ours, in the peer's own words."""

    message_id: str
    code: str
    description: str


type Frame = Call | CallResult | CallFailure


def _no_constant(name: str) -> float:
    raise ValueError(name)


def parse(data: bytes | str) -> Frame | None:
    """Read one frame; None for a message type that must be ignored (§4.1.3).

    Raises `RpcError` for everything that is not a frame, with the message id where
    one can be made out, so that the peer need not wait for its timeout.
    """
    text = data if isinstance(data, str) else data.decode("utf-8", "replace")
    try:
        if isinstance(data, bytes):
            data.decode("utf-8")
        frame = json.loads(text, parse_constant=_no_constant)
    except ValueError, RecursionError:
        found = _RECOVERABLE_ID.match(text[:256])
        raise RpcError(
            RpcErrorCode.FORMATION_VIOLATION,
            "not valid JSON",
            found.group(1) if found else NO_ID,
        ) from None
    if not isinstance(frame, list) or not frame:
        raise RpcError(RpcErrorCode.FORMATION_VIOLATION, "not a JSON array")
    kind = frame[0]
    if type(kind) is not int or kind not in _READERS:
        return None
    message_id = _message_id(frame[1] if len(frame) > 1 else None)
    read = _READERS[kind](message_id, frame)
    if isinstance(read, Call):
        sent = data if isinstance(data, bytes) else data.encode("utf-8", "replace")
        return replace(read, frame=sent)
    return read


def _message_id(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)[:MAX_ID_LENGTH]
    return value[:MAX_ID_LENGTH] if isinstance(value, str) and value else NO_ID


def _read_call(message_id: str, frame: list[Any]) -> Frame:
    def refuse(code: RpcErrorCode, description: str) -> RpcError:
        return RpcError(code, description, message_id)

    if len(frame) != 4:
        raise refuse(RpcErrorCode.FORMATION_VIOLATION, "a CALL has four elements")
    given, action, payload = frame[1:]
    if message_id == NO_ID and given != NO_ID:
        raise refuse(RpcErrorCode.FORMATION_VIOLATION, "the message id is not a text")
    if isinstance(given, str) and len(given) > MAX_ID_LENGTH:
        raise refuse(RpcErrorCode.FORMATION_VIOLATION, "the message id is too long")
    if not isinstance(action, str) or len(action) > MAX_ACTION_LENGTH:
        raise refuse(RpcErrorCode.FORMATION_VIOLATION, "the action is not a name")
    if payload is None:
        payload = {}
    if not isinstance(payload, dict):
        raise refuse(RpcErrorCode.FORMATION_VIOLATION, "the payload is not an object")
    return Call(message_id=message_id, action=action, payload=payload)


def _read_result(message_id: str, frame: list[Any]) -> Frame:
    payload = frame[2] if len(frame) > 2 else None
    return CallResult(message_id=message_id, payload={} if payload is None else payload)


def _read_failure(message_id: str, frame: list[Any]) -> Frame:
    code, description, *_ = [*frame[2:], "", ""]
    return CallFailure(
        message_id=message_id,
        code=_word(code)[:MAX_ACTION_LENGTH],
        description=_word(description)[:MAX_DESCRIPTION_LENGTH],
    )


def _word(value: Any) -> str:
    """Return a text or number as text; deeper things are not worth writing out.

    It is shown to people and written to logs: what cannot be seen is left out.
    """
    if not isinstance(value, str | int | float):
        return ""
    shown = str(value)[: 4 * MAX_DESCRIPTION_LENGTH]
    return "".join(character for character in shown if character.isprintable())


_READERS = {2: _read_call, 3: _read_result, 4: _read_failure}


def encode_call(message_id: str, action: str, payload: dict[str, Any]) -> str:
    """Write a CALL."""
    return _encode([2, message_id, action, payload])


def encode_result(message_id: str, payload: dict[str, Any]) -> str:
    """Write a CALLRESULT."""
    return _encode([3, message_id, payload])


def encode_error(error: RpcError, message_id: str | None = None) -> str:
    """Write a CALLERROR; its details stay empty, so nothing is ever echoed."""
    return _encode(
        [4, message_id or error.message_id, error.code, error.description, {}]
    )


def _encode(frame: list[Any]) -> str:
    return json.dumps(frame, separators=(",", ":"), allow_nan=False)
