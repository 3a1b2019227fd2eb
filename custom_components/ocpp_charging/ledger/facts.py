"""Finds the facts of a session among what was filed."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
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


def named(transaction_id: int | None) -> int:
    """Return the id that a charger named, 0 where it is none (-1, negative, huge)."""
    if transaction_id is None or not 0 < transaction_id <= MAX_TRANSACTION_ID:
        return 0
    return transaction_id


def minute(when: datetime) -> int:
    """Return the minute since 1970 that a moment is in."""
    return microseconds(when) // MINUTE_US


def corrected(raw: datetime, ahead_s: int | None) -> datetime:
    """Return a charger's time by our clock."""
    return shifted(raw, timedelta(seconds=-(ahead_s or 0)))


def next_start(connection: Connection, row: Row[Any]) -> datetime | None:
    """Return when the next session of the same connector began, by its clock."""
    found: datetime | None = connection.scalar(
        select(func.min(transactions.c.raw_started_at)).where(
            transactions.c.charger_id == row.charger_id,
            transactions.c.connector == row.connector,
            transactions.c.state != SessionState.ORPHAN,
            transactions.c.accepted,
            or_(
                transactions.c.raw_started_at > row.raw_started_at,
                and_(
                    transactions.c.raw_started_at == row.raw_started_at,
                    transactions.c.id > row.id,
                ),
            ),
        )
    )
    return found


def end_of(connection: Connection, row: Row[Any]) -> datetime | None:
    """Return when a session ended at the latest, by its clock; None while it runs."""
    ended: datetime | None = row.raw_ended_at
    return ended or next_start(connection, row)


def of(connection: Connection, row: Row[Any], until: datetime | None) -> Facts:
    """Return the facts of a session; `until` is what `end_of` says.

    Values that name it count; only where none does, those of its connector and time
    that name none: some chargers send session values with an id and lifetime ones
    without (OCPP 1.6 errata 3.9).
    """
    values = _values(connection, row, _naming(row, until))
    if not values and row.state != SessionState.ORPHAN:
        values = _values(connection, row, _unnamed(row, until))
    begin = row.raw_started_at
    if row.state == SessionState.ORPHAN:
        begin = min((value.at for value in values), default=begin)
    return Facts(
        started_at=begin,
        meter_start_wh=row.meter_start_wh,
        ended_at=row.raw_ended_at,
        meter_stop_wh=row.meter_stop_wh,
        values=values,
    )


def ended_with(connection: Connection, rows: Iterable[Mapping[str, Any]]) -> list[int]:
    """Return the sessions that do not run and that these register rows belong to."""
    numbers: set[int] = set()
    moments: dict[tuple[int, int], list[datetime]] = {}
    for row in rows:
        if row["named_transaction"]:
            numbers.add(row["named_transaction"])
        else:
            key = row["charger_id"], row["connector"]
            moments.setdefault(key, []).append(row["raw_at"])
    found: set[int] = set()
    over = transactions.c.state != SessionState.RUNNING
    ordered = sorted(numbers)
    for begin in range(0, len(ordered), _CHUNK):
        chunk = ordered[begin : begin + _CHUNK]
        for column in (transactions.c.id, transactions.c.charger_transaction_id):
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
    other = named(row.charger_transaction_id)
    if not other:
        return own
    # A charger's own numbers may come again.
    begin = row.raw_started_at
    theirs = and_(
        registers.c.named_transaction == other,
        registers.c.raw_minute >= minute(shifted(begin, -CLOSING)),
        *([registers.c.raw_minute <= minute(shifted(end, CLOSING))] if end else []),
    )
    return or_(own, theirs)


def _unnamed(row: Row[Any], end: datetime | None) -> ColumnElement[bool]:
    begin = row.raw_started_at
    return and_(
        registers.c.named_transaction == 0,
        registers.c.connector == row.connector,
        registers.c.raw_minute >= minute(begin),
        registers.c.raw_at >= begin,
        *([registers.c.raw_at <= end] if end else []),
    )


def _values(
    connection: Connection, row: Row[Any], condition: ColumnElement[bool]
) -> Sequence[Value]:
    columns = registers.c
    found = connection.execute(
        select(columns.raw_at, columns.wh, columns.kind).where(
            columns.charger_id == row.charger_id, condition
        )
    )
    return [
        Value(at=raw_at, wh=wh, kind=RegisterKind(kind)) for raw_at, wh, kind in found
    ]
