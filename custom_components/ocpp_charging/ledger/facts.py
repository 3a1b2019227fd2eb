"""Finds the facts of a session among what was filed."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, and_, func, or_, select

from .columns import microseconds
from .energy import CLOSING, Facts, Value
from .records import (
    MAX_TRANSACTION_ID,
    RegisterKind,
    SessionState,
    shifted,
)
from .schema import registers, transactions

MINUTE_US: Final = 60_000_000
_CHUNK: Final = 500
_DAY: Final = timedelta(days=1)
_EARLIEST: Final = datetime(2020, 1, 1, tzinfo=UTC)
_LATEST: Final = datetime(2100, 1, 1, tzinfo=UTC)
"""A clock that says anything else was not set: many begin with 1970."""


def named(transaction_id: int | None) -> int:
    """Return the id that a charger named, 0 where it is none (-1, negative, huge)."""
    if transaction_id is None or not 0 < transaction_id <= MAX_TRANSACTION_ID:
        return 0
    return transaction_id


def minute(when: datetime) -> int:
    """Return the minute since 1970 that a moment is in."""
    return microseconds(when) // MINUTE_US


def line(raw: datetime, at: datetime) -> datetime:
    """Return the moment that puts a fact in its order among others of a charger.

    That is the charger's own, so that what is learned of its clock moves nothing. Of
    what was written down by a clock that was not set, it is ours.
    """
    return raw if _EARLIEST <= raw < _LATEST else at


def began(row: Row[Any]) -> datetime:
    """Return when a session began, as its facts are ordered."""
    return line(row.raw_started_at, row.started_at)


def ended(row: Row[Any]) -> datetime | None:
    """Return when a session ended, as its facts are ordered; None without a stop."""
    raw = row.raw_ended_at
    return None if raw is None else line(raw, corrected(raw, row.clock_ahead_s))


def ours(row: Row[Any], when: datetime) -> datetime:
    """Return by our clock a moment that puts a fact of a session in its order."""
    raw = row.raw_ended_at or row.raw_started_at
    was_set = _EARLIEST <= raw < _LATEST
    return corrected(when, row.clock_ahead_s) if was_set else when


def corrected(raw: datetime, ahead_s: int | None) -> datetime:
    """Return a charger's time by our clock."""
    return shifted(raw, timedelta(seconds=-(ahead_s or 0)))


def next_start(connection: Connection, row: Row[Any]) -> datetime | None:
    """Return when the next session of the connector began, as facts are ordered."""
    columns = transactions.c
    raw, at = columns.raw_started_at, columns.started_at
    place = (
        columns.charger_id == row.charger_id,
        columns.connector == row.connector,
        columns.state != SessionState.ORPHAN,
        columns.accepted,
    )
    begin = began(row)
    found = []
    for time, clock in (
        (raw, and_(raw >= _EARLIEST, raw < _LATEST)),
        (at, raw < _EARLIEST),
        (at, raw >= _LATEST),
    ):
        later = or_(time > begin, and_(time == begin, columns.id > row.id))
        found.append(
            connection.scalar(select(func.min(time)).where(*place, clock, later))
        )
    return min((each for each in found if each is not None), default=None)


def end_of(connection: Connection, row: Row[Any]) -> datetime | None:
    """Return when a session ended at the latest, as facts are ordered.

    None while it runs.
    """
    return ended(row) or next_start(connection, row)


def of(connection: Connection, row: Row[Any], until: datetime | None) -> Facts:
    """Return the facts of a session; `until` is what `end_of` says.

    Values that name it count; only where none does, those of its connector and time
    that name none: some chargers send session values with an id and lifetime ones
    without (OCPP 1.6 errata 3.9).
    """
    values = _values(connection, row, _naming(row, until))
    if not values and row.state != SessionState.ORPHAN:
        values = _values(connection, row, _unnamed(row, until))
    begin = began(row)
    if row.state == SessionState.ORPHAN:
        begin = _orphan_began(values, begin)
    return Facts(
        started_at=begin,
        meter_start_wh=row.meter_start_wh,
        ended_at=ended(row),
        meter_stop_wh=row.meter_stop_wh,
        values=values,
    )


def _orphan_began(values: Sequence[Value], default: datetime) -> datetime:
    """Return when an orphan began at the latest: with the first of its values.

    Where the one of its beginning is told with those of its end, for what there is
    to tell, that was a day before.
    """
    first = min((value.at for value in values), default=default)
    begins = [each.at for each in values if each.kind is RegisterKind.BEGIN]
    others = [each.at for each in values if each.kind is not RegisterKind.BEGIN]
    if begins and others and min(begins) >= min(others):
        return shifted(first, -_DAY)
    return first


def ended_with(connection: Connection, rows: Iterable[Mapping[str, Any]]) -> list[int]:
    """Return the sessions that do not run and that these register rows belong to."""
    numbers: set[int] = set()
    moments: dict[tuple[int, int], list[datetime]] = {}
    for row in rows:
        if row["named_transaction"]:
            numbers.add(row["named_transaction"])
        else:
            key = row["charger_id"], row["connector"]
            moments.setdefault(key, []).append(line(row["raw_at"], row["at"]))
    found: set[int] = set()
    over = transactions.c.state != SessionState.RUNNING
    ordered = sorted(numbers)
    for begin in range(0, len(ordered), _CHUNK):
        chunk = ordered[begin : begin + _CHUNK]
        for column in (
            transactions.c.id,
            transactions.c.charger_transaction_id,
            transactions.c.stop_named,
        ):
            found.update(
                connection.scalars(
                    select(transactions.c.id).where(over, column.in_(chunk))
                )
            )
    for (charger_id, connector), times in moments.items():
        found.update(
            connection.scalars(
                select(transactions.c.id).where(
                    over,
                    transactions.c.charger_id == charger_id,
                    transactions.c.connector == connector,
                    transactions.c.raw_started_at <= max(times),
                    or_(
                        transactions.c.raw_ended_at.is_(None),
                        transactions.c.raw_ended_at >= shifted(min(times), -CLOSING),
                    ),
                )
            )
        )
    return sorted(found)


def _naming(row: Row[Any], end: datetime | None) -> ColumnElement[bool]:
    """Return what the readings have in common that name the session."""
    own: ColumnElement[bool] = registers.c.named_transaction == row.id
    other = named(row.charger_transaction_id) or named(row.stop_named)
    if not other:
        return own
    # A charger's own numbers may come again.
    begin = shifted(began(row), -CLOSING)
    theirs = and_(
        registers.c.named_transaction == other,
        _between(begin, None if end is None else shifted(end, CLOSING)),
    )
    return or_(own, theirs)


def _unnamed(row: Row[Any], end: datetime | None) -> ColumnElement[bool]:
    return and_(
        registers.c.named_transaction == 0,
        registers.c.connector == row.connector,
        _between(began(row), end),
    )


def _between(begin: datetime, end: datetime | None) -> ColumnElement[bool]:
    """Return what readings have in common that lie between two moments."""
    columns = registers.c
    timed = [columns.raw_minute >= minute(begin), columns.raw_at >= begin]
    timeless = [columns.raw_at < _EARLIEST, columns.at >= begin]
    if end is not None:
        timed.append(columns.raw_at <= end)
        timeless.append(columns.at <= end)
    return or_(and_(*timed), and_(*timeless))


def _values(
    connection: Connection, row: Row[Any], condition: ColumnElement[bool]
) -> Sequence[Value]:
    columns = registers.c
    found = connection.execute(
        select(columns.raw_at, columns.at, columns.wh, columns.kind).where(
            columns.charger_id == row.charger_id, condition
        )
    )
    return [
        Value(at=line(raw_at, at), wh=wh, kind=RegisterKind(kind))
        for raw_at, at, wh, kind in found
    ]
