"""Finds the session that a stop belongs to when its transaction id is none of ours.

A charger that was offline when a session began may end it as -1, 0 or a number of its
own (OCPP 1.6 §4.10). Such a stop goes to the latest session that the charger calls so,
else to the one session of that charger that it can belong to; where there are several
or none it stays an orphan and ends nobody else's.
Which it is depends on all that is filed, not on what came first: every new fact has
them matched anew.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    and_,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from . import facts
from .columns import LIMIT_TAG, text, whole
from .energy import JITTER_WH
from .facts import named
from .records import SessionState, Stop
from .schema import registers, transactions

if TYPE_CHECKING:
    from .filing import Filing

_COLUMNS = (
    "raw_ended_at",
    "clock_ahead_s",
    "meter_stop_wh",
    "reason",
    "stop_named",
    "stop_tag",
)
"""What a stop brings into a session."""

_RECENT = 64
"""So many sessions of a charger can still get a stop that is matched."""


def exists(connection: Connection, transaction_id: int) -> bool:
    """Say whether a transaction is filed."""
    columns = transactions.c
    found = select(columns.id).where(columns.id == transaction_id)
    return connection.scalar(found) is not None


def own(connection: Connection, charger_id: int, stop: Stop) -> int | None:
    """Return the session that a stop names by our id."""
    columns = transactions.c
    found: int | None = connection.scalar(
        select(columns.id).where(
            columns.id == named(stop.transaction_id),
            columns.charger_id == charger_id,
            columns.state != SessionState.ORPHAN,
        )
    )
    return found


def told_before(connection: Connection, charger_id: int, stop: Stop) -> int | None:
    """Return the session or orphan that has this very stop already."""
    columns = transactions.c
    tag = _tag(stop)
    loose = and_(columns.stop_named.is_not(None), func.lower(columns.stop_tag) == tag)
    own: ColumnElement[bool] = columns.stop_named.is_(None)
    if tag:
        own = and_(own, func.lower(columns.id_tag) == tag)
    found: int | None = connection.scalar(
        select(columns.id).where(
            columns.charger_id == charger_id,
            columns.raw_ended_at == stop.time.raw,
            columns.meter_stop_wh == whole(stop.meter_stop_wh),
            or_(loose, own),
        )
    )
    return found


def drop_repeated(
    connection: Connection, charger_id: int, transaction_id: int, stop: Stop
) -> None:
    """Delete an orphan that is a stop which is now known to be a session's."""
    columns = transactions.c
    session_tag = select(func.lower(columns.id_tag)).where(columns.id == transaction_id)
    tags = {"", _tag(stop), connection.scalar(session_tag) or ""}
    repeated = connection.scalars(
        select(columns.id).where(
            columns.charger_id == charger_id,
            columns.state == SessionState.ORPHAN,
            columns.raw_ended_at == stop.time.raw,
            columns.meter_stop_wh == whole(stop.meter_stop_wh),
            func.lower(columns.stop_tag).in_(tags),
        )
    ).all()
    for orphan in repeated:
        _merge(connection, orphan, transaction_id)


def _tag(stop: Stop) -> str:
    return (text(stop.id_tag, LIMIT_TAG) or "").lower()


def resolve(
    connection: Connection, charger_id: int, transaction_id: int, stop: Stop
) -> int:
    """Return where a stop is filed after the matching."""
    if exists(connection, transaction_id):
        return transaction_id
    return told_before(connection, charger_id, stop) or transaction_id


def detach(filing: Filing, row: Row[Any]) -> int:
    """Take a matched stop out of its session, into an orphan, and return that.

    The register readings that came with it, which name no connector, go along.
    """
    values = {name: getattr(row, name) for name in _COLUMNS}
    made = filing.connection.execute(
        insert(transactions).values(
            **values,
            charger_id=row.charger_id,
            connector=0,
            id_tag=row.stop_tag or "",
            accepted=True,
            started_at=row.ended_at or row.raw_ended_at,
            raw_started_at=row.raw_ended_at,
            state=SessionState.ORPHAN,
        )
    )
    filing.connection.execute(
        update(transactions)
        .where(transactions.c.id == row.id)
        .values(
            raw_ended_at=None,
            clock_ahead_s=round((row.raw_started_at - row.started_at).total_seconds()),
            meter_stop_wh=None,
            reason=None,
            stop_named=None,
            stop_tag=None,
            state=SessionState.RUNNING,
        )
    )
    assert made.inserted_primary_key is not None
    orphan = int(made.inserted_primary_key[0])
    filing.connection.execute(
        update(registers)
        .where(
            registers.c.charger_id == row.charger_id,
            registers.c.named_transaction == row.id,
            registers.c.connector == 0,
        )
        .values(named_transaction=orphan)
    )
    return orphan


def match(filing: Filing, charger_id: int) -> set[int]:
    """Match a charger's loose stops with its open sessions.

    Returns the transactions that changed.
    """
    columns = transactions.c
    loose = select(columns.id).where(
        columns.charger_id == charger_id, columns.stop_named.is_not(None)
    )
    if filing.connection.scalar(loose.limit(1)) is None:
        return set()
    rows = _recent(filing.connection, charger_id)
    holders = {row.id: row for row in rows if row.stop_named is not None}
    if not holders:
        return set()
    sessions = [row for row in rows if row.state != SessionState.ORPHAN]
    wanted = _assign(list(holders.values()), sessions)
    changed: set[int] = set()
    orphans: dict[int, int] = {}
    for holder, row in holders.items():
        held = row.state != SessionState.ORPHAN
        orphans[holder] = holder
        if held and wanted.get(holder) != holder:
            orphans[holder] = detach(filing, row)
            changed.update((holder, orphans[holder]))
    for holder, session in wanted.items():
        if session != holder:
            _give(filing.connection, holders[holder], orphans[holder], session)
            changed.add(session)
    return changed


def _assign(stops: Sequence[Row[Any]], sessions: Sequence[Row[Any]]) -> dict[int, int]:
    """Return which session each loose stop goes to, by the ids of who holds it now.

    One stop at a time, the earliest first; one that fits several goes to none.
    """
    given: dict[int, int] = {}
    for stop in sorted(stops, key=lambda each: (facts.ended(each), each.id)):
        fitting = [
            row
            for row in sessions
            if row.id not in given.values() and _fits(stop, row, sessions)
        ]
        named_so = [row for row in fitting if _names(stop, row)]
        if named_so:
            latest = max(named_so, key=lambda row: (facts.began(row), row.id))
            given[stop.id] = latest.id
        elif len(fitting) == 1:
            given[stop.id] = fitting[0].id
    return given


def _recent(connection: Connection, charger_id: int) -> Sequence[Row[Any]]:
    columns = transactions.c
    return connection.execute(
        select(transactions)
        .where(columns.charger_id == charger_id)
        .order_by(columns.started_at.desc(), columns.id.desc())
        .limit(_RECENT)
    ).all()


def _fits(stop: Row[Any], session: Row[Any], sessions: Sequence[Row[Any]]) -> bool:
    """Say whether a loose stop can be the end of a session.

    Its tag is the session's, where it names one, or its number is what the charger
    calls the session.
    """
    stop_wh, start_wh = stop.meter_stop_wh, session.meter_start_wh
    begin, end = facts.began(session), facts.ended(stop)
    assert end is not None
    has_its_own = session.raw_ended_at is not None and session.stop_named is None
    orphan = stop.state == SessionState.ORPHAN
    another_tag = stop.stop_tag and stop.stop_tag.lower() != session.id_tag.lower()
    too_low = None not in {stop_wh, start_wh} and stop_wh < start_wh - JITTER_WH
    if (
        has_its_own
        or begin > end
        or (orphan and stop.connector and stop.connector != session.connector)
        or ((another_tag or too_low) and not _names(stop, session))
    ):
        return False
    return not any(
        other.connector == session.connector and begin < facts.began(other) <= end
        for other in sessions
    )


def _names(stop: Row[Any], session: Row[Any]) -> bool:
    """Say whether a loose stop names what the charger calls a session."""
    number = named(stop.stop_named)
    return number > 0 and number == session.charger_transaction_id


def _give(connection: Connection, stop: Row[Any], orphan: int, session: int) -> None:
    values = {name: getattr(stop, name) for name in _COLUMNS}
    connection.execute(
        update(transactions).where(transactions.c.id == session).values(**values)
    )
    _merge(connection, orphan, session)


def _merge(connection: Connection, orphan: int, session: int) -> None:
    """Delete an orphan; the register readings that came with it go to a session."""
    named = registers.c.named_transaction
    rows = connection.execute(select(registers).where(named == orphan)).mappings().all()
    connection.execute(delete(registers).where(named == orphan))
    for row in rows:
        same = [
            registers.c[name] == row[name]
            for name in ("charger_id", "connector", "raw_minute", "kind")
        ]
        known = connection.scalar(
            select(registers.c.raw_at).where(named == session, *same)
        )
        if known is None:
            connection.execute(
                insert(registers).values({**row, "named_transaction": session})
            )
    connection.execute(delete(transactions).where(transactions.c.id == orphan))
