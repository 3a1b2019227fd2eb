"""Column types that mean the same in every database."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
import json
from typing import Any, override

from sqlalchemy import BigInteger, Text, types
from sqlalchemy.dialects.mysql import MEDIUMTEXT
from sqlalchemy.engine import Dialect

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def microseconds(when: datetime) -> int:
    """Return a moment as whole microseconds since 1970, UTC."""
    return (when - EPOCH) // _MICROSECOND


def moment(value: int) -> datetime:
    """Return the moment so many microseconds after 1970, UTC."""
    return EPOCH + timedelta(microseconds=value)


class Moment(types.TypeDecorator[datetime]):
    """A moment in UTC to the microsecond, as a whole number.

    Databases differ in what they make of zones and fractions of a second; a number
    comes back as it went in.
    """

    impl = BigInteger
    cache_ok = True

    @override
    def process_bind_param(
        self, value: datetime | None, dialect: Dialect
    ) -> int | None:
        return None if value is None else microseconds(value)

    @override
    def process_result_value(
        self, value: int | None, dialect: Dialect
    ) -> datetime | None:
        return None if value is None else moment(value)


class Json(types.TypeDecorator[Any]):
    """JSON in a text column: nothing that Python can write is refused by a server."""

    impl = Text().with_variant(MEDIUMTEXT(), "mysql", "mariadb")
    cache_ok = True

    @override
    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else json.dumps(value, separators=(",", ":"))

    @override
    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else _parse(value)


_parse: Callable[[str], Any] = json.loads


def text(value: str | None, limit: int) -> str | None:
    """Return a text that every database takes: no NUL, no half characters."""
    if value is None:
        return None
    whole = value.encode("utf-8", "replace").decode("utf-8")
    return whole.replace("\0", "\N{REPLACEMENT CHARACTER}")[:limit]


def whole(value: int | None) -> int | None:
    """Return a number that every database takes: the greatest in place of more."""
    return None if value is None else max(-GREATEST, min(GREATEST, value))


GREATEST = 2**62
LIMIT_TAG = 64
LIMIT_IDENTITY = 128
LIMIT_WORD = 64
