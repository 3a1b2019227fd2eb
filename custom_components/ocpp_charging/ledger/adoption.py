"""Sessions that were found running, and the starts of them that are told later.

A charger that begins a session offline gives it a number of its own, and may name
that in its meter values before the StartTransaction comes out of its queue. What is
found so is filed as a session without a start. The start is that session's

- when it is the latest of the connector before the session was found, and of a tag
  that may charge: it is then filed into the same row (`claim`);
- until a start is told that lies still nearer: the number goes over to it
  (`take_over`);
- unless its own stop says that it ended before the number was first named: what was
  found is then a session of its own again, and waits for its start (`give_back`).

A start that was told first and gets to be known by a number afterwards is told again
with that number (`Filing.start`). All times are by the charger's clock.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Connection, Row, and_, func, select, update

from . import facts
from .energy import CLOSING
from .records import SessionState, Start, shifted
from .schema import registers, transactions

if TYPE_CHECKING:
    from .filing import Filing

_columns = transactions.c


def claim(
    filing: Filing, charger_id: int, values: Mapping[str, Any], avoid: frozenset[int]
) -> int | None:
    """File a start into the session that was found before it; return its id.

    None where none was found that it can begin, or its id is one of `avoid`.
    """
    if not values["accepted"] or values["charger_transaction_id"] is not None:
        return None
    place = _place(charger_id, values["connector"])
    began = facts.line(values["raw_started_at"], values["started_at"])
    found = filing.connection.execute(
        select(transactions)
        .where(
            place,
            _columns.charger_transaction_id.is_not(None),
            _columns.meter_start_wh.is_(None),
            _columns.raw_started_at >= began,
        )
        .order_by(_columns.raw_started_at, _columns.id)
        .limit(1)
    ).one_or_none()
    if found is None or found.id in avoid:
        return None
    nearer = filing.connection.scalar(
        select(_columns.id)
        .where(
            place,
            _columns.accepted,
            _columns.meter_start_wh.is_not(None),
            _columns.raw_started_at > began,
            _columns.raw_started_at <= found.raw_started_at,
        )
        .limit(1)
    )
    if nearer is not None:
        return None
    names = ("id_tag", "started_at", "raw_started_at", "meter_start_wh")
    _set(filing.connection, found.id, {name: values[name] for name in names})
    return int(found.id)


def take_over(filing: Filing, charger_id: int, transaction_id: int) -> int | None:
    """Let a new session have the number of one that began before it.

    Returns that one where the number was first named after the new one began.
    """
    row = filing.row(transaction_id)
    if not row.accepted or row.charger_transaction_id is not None:
        return None
    holder = filing.connection.execute(
        select(transactions)
        .where(
            _place(charger_id, row.connector),
            _columns.charger_transaction_id.is_not(None),
            _columns.meter_start_wh.is_not(None),
            _columns.raw_started_at < facts.began(row),
        )
        .order_by(_columns.raw_started_at.desc(), _columns.id.desc())
        .limit(1)
    ).one_or_none()
    first = None if holder is None else _first_named(filing.connection, holder)
    if holder is None or first is None or first < facts.began(row):
        return None
    number = holder.charger_transaction_id
    _set(filing.connection, holder.id, {"charger_transaction_id": None})
    _set(filing.connection, row.id, {"charger_transaction_id": number})
    return int(holder.id)


def give_back(filing: Filing, transaction_id: int) -> int | None:
    """Make what was found running after a session's end a session of its own again.

    Returns its id, None where there is no such thing.
    """
    row = filing.row(transaction_id)
    ended = facts.ended(row)
    if ended is None or None in {row.charger_transaction_id, row.meter_start_wh}:
        return None
    first = _first_named(filing.connection, row)
    if first is None or first <= shifted(ended, CLOSING):
        return None
    _set(filing.connection, row.id, {"charger_transaction_id": None})
    values = {
        "charger_id": row.charger_id,
        "connector": row.connector,
        "id_tag": "",
        "charger_transaction_id": row.charger_transaction_id,
        "accepted": True,
        "started_at": facts.ours(row, first),
        "raw_started_at": first,
        "clock_ahead_s": row.clock_ahead_s,
        "state": SessionState.RUNNING,
    }
    return filing.add(row.charger_id, values, frozenset())


def name(filing: Filing, transaction_id: int, start: Start) -> None:
    """Note what a charger calls a session whose start was told before."""
    if filing.row(transaction_id).charger_transaction_id is None:
        number = start.charger_transaction_id
        _set(filing.connection, transaction_id, {"charger_transaction_id": number})


def _place(charger_id: int, connector: int) -> ColumnElement[bool]:
    return and_(
        _columns.charger_id == charger_id,
        _columns.connector == connector,
        _columns.state != SessionState.ORPHAN,
    )


def _first_named(connection: Connection, row: Row[Any]) -> datetime | None:
    """Return when a session's number was first named in it."""
    found: datetime | None = connection.scalar(
        select(func.min(registers.c.raw_at)).where(
            registers.c.charger_id == row.charger_id,
            registers.c.named_transaction == facts.named(row.charger_transaction_id),
            registers.c.connector == row.connector,
            registers.c.raw_at >= row.raw_started_at,
        )
    )
    return found


def _set(
    connection: Connection, transaction_id: int, values: Mapping[str, Any]
) -> None:
    connection.execute(
        update(transactions).where(_columns.id == transaction_id).values(**values)
    )
