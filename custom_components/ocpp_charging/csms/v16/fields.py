"""Reading a charger's message field by field, forgiving what harms nobody.

Texts may be too long or come as numbers, numbers may come as texts, null is the same
as missing, and unknown fields are passed over: chargers in the field do all of it, and
a refused message is sent again for ever. What cannot be understood is refused with
the code that OCPP-J 1.6 §4.2.3 gives it.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
import re
from typing import Any

from ..metering import number
from ..rpc import RpcError, RpcErrorCode

MAX_INTEGER = 2**63 - 1
"""The greatest whole number that anybody else can hold."""

_WHOLE = re.compile(r"[+-]?\d{1,19}", re.ASCII)

MAX_TEXT = 500
"""No text that a charger sends is kept longer than this, in characters."""

type Payload = Mapping[str, Any]


def _clean(text: str, limit: int) -> str:
    """Drop what cannot be shown and what is beyond the limit."""
    printable = "".join(char for char in text[: 4 * limit] if char.isprintable())
    return printable.strip()[:limit]


def text(payload: Payload, key: str, limit: int = MAX_TEXT) -> str | None:
    """Return a text of at most `limit` characters; None when missing or empty."""
    value = payload.get(key)
    if isinstance(value, str):
        return _clean(value, limit) or None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return _clean(str(value), limit)


def required_text(payload: Payload, key: str, limit: int = MAX_TEXT) -> str:
    """Return a text that must be there.

    Raises `RpcError`: ProtocolError when missing, TypeConstraintViolation when it is
    no text.
    """
    found = text(payload, key, limit)
    if found is not None:
        return found
    if payload.get(key) is None:
        raise RpcError(RpcErrorCode.PROTOCOL_ERROR, f"{key} is missing")
    if isinstance(payload[key], str):
        return ""
    raise RpcError(RpcErrorCode.TYPE_CONSTRAINT_VIOLATION, f"{key} is not a text")


def integer(payload: Payload, key: str) -> int | None:
    """Return a whole number, also from a text or a float; None when there is none."""
    value = payload.get(key)
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        value = value.strip()
        value = int(value) if _WHOLE.fullmatch(value) else number(value)
    if not isinstance(value, int | float) or not abs(value) <= MAX_INTEGER:
        return None
    return int(value)


def required_integer(payload: Payload, key: str) -> int:
    """Return a whole number that must be there.

    Raises `RpcError`: ProtocolError when missing, TypeConstraintViolation when it is
    no number.
    """
    found = integer(payload, key)
    if found is not None:
        return found
    if payload.get(key) is None:
        raise RpcError(RpcErrorCode.PROTOCOL_ERROR, f"{key} is missing")
    raise RpcError(RpcErrorCode.TYPE_CONSTRAINT_VIOLATION, f"{key} is not a number")


def word[T](payload: Payload, key: str, meanings: Callable[[str], T | None]) -> T:
    """Return what a word that must be there means.

    Raises `RpcError`: PropertyConstraintViolation when it means nothing.
    """
    meaning = meanings(required_text(payload, key))
    if meaning is None:
        raise RpcError(
            RpcErrorCode.PROPERTY_CONSTRAINT_VIOLATION, f"{key} is not a known word"
        )
    return meaning


def moment(payload: Payload, key: str) -> datetime | None:
    """Return a time in UTC; None when missing or unreadable (OCPP 1.6 §3.15).

    A time without an offset is taken as UTC, which is what chargers mean by it.
    """
    value = payload.get(key)
    if not isinstance(value, str):
        return None
    try:
        parsed = datetime.fromisoformat(value.strip())
        aware = parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
        return aware.astimezone(UTC)
    except ValueError, OverflowError:
        return None


def iso(when: datetime) -> str:
    """Write a time as chargers read it best: UTC, whole seconds, with a Z."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def objects(payload: Payload, key: str) -> list[Payload]:
    """Return the objects of a list; a lone object counts as a list of one."""
    value = payload.get(key)
    items = value if isinstance(value, list) else [value]
    return [item for item in items if isinstance(item, dict)]
