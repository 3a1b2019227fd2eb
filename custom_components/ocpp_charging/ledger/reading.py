"""What the ledger tells: sessions, energy per tag, chargers."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, func, select

from . import costs, facts
from .columns import LIMIT_IDENTITY, LIMIT_TAG, text
from .energy import session_energy
from .records import ChargerRecord, Session, SessionFilter, SessionState, Totals
from .schema import chargers, id_tags, transactions

_columns = transactions.c
_SESSION = (
    _columns.id,
    chargers.c.identity,
    _columns.connector,
    _columns.id_tag,
    _columns.charger_transaction_id,
    _columns.state,
    _columns.accepted,
    _columns.started_at,
    _columns.raw_started_at,
    _columns.meter_start_wh,
    _columns.ended_at,
    _columns.raw_ended_at,
    _columns.meter_stop_wh,
    _columns.reason,
    _columns.energy_wh,
    _columns.gap_s,
    _columns.notes,
)


def sessions(
    connection: Connection, central: str, wanted: SessionFilter
) -> list[Session]:
    """Return the sessions that are asked for, in the order in which they began."""
    statement = _filtered(select(*_SESSION), central, wanted)
    newest = wanted.newest_first
    began, number = _columns.started_at, _columns.id
    statement = statement.order_by(
        began.desc() if newest else began, number.desc() if newest else number
    )
    if wanted.limit is not None:
        statement = statement.limit(wanted.limit)
    return _sessions(connection, connection.execute(statement).all())


def session(
    connection: Connection, central: str, transaction_id: int
) -> Session | None:
    """Return a session by its id."""
    rows = connection.execute(
        select(*_SESSION)
        .join(chargers)
        .where(chargers.c.central == central, _columns.id == transaction_id)
    ).all()
    return next(iter(_sessions(connection, rows)), None)


def last_sessions(
    connection: Connection, central: str, identities: Collection[str] | None = None
) -> list[Session]:
    """Return the session that ended last on each connector, of these chargers or all.

    Those of a refused tag, and ends whose beginning nobody knows, are none.
    """
    place = (_columns.charger_id, _columns.connector)
    rank = func.row_number().over(
        partition_by=place, order_by=(_columns.ended_at.desc(), _columns.id.desc())
    )
    wanted = SessionFilter(state=SessionState.ENDED)
    ranked = _filtered(select(_columns.id, rank.label("newest")), central, wanted)
    if identities is not None:
        names = [text(identity, LIMIT_IDENTITY) for identity in identities]
        ranked = ranked.where(chargers.c.identity.in_(names))
    found = ranked.subquery()
    rows = connection.execute(
        select(*_SESSION)
        .select_from(transactions.join(chargers))
        .join(found, found.c.id == _columns.id)
        .where(found.c.newest == 1)
    ).all()
    return _sessions(connection, rows)


def _sessions(connection: Connection, rows: Sequence[Row[Any]]) -> list[Session]:
    found = [_session(connection, row) for row in rows]
    costs.add_to(connection, found)
    return found


def totals(connection: Connection, central: str, wanted: SessionFilter) -> Totals:
    """Return how many sessions there are and what they took, whatever the limit."""
    began = func.min(_columns.started_at)
    statement = select(func.count(), func.sum(_columns.energy_wh), began)
    row = connection.execute(_filtered(statement, central, wanted)).one()
    count, energy, began_at = row
    running = _running(connection, central, wanted)
    taken = sum(each.energy_wh or 0 for each in running)
    coming = sum((each.energy_wh or 0) - each.cost.settled_wh for each in running)
    cost = costs.of_all(connection, _filtered(select(_columns.id), central, wanted))
    total = int(energy or 0) + taken
    return Totals(
        sessions=count,
        energy_wh=total,
        began_at=began_at,
        cost=cost,
        unpriced_wh=max(0, total - cost.priced_wh - coming),
    )


def energy_per_tag(
    connection: Connection,
    central: str,
    wanted: SessionFilter,
    *,
    running: bool = True,
) -> dict[str, int]:
    """Return what each id tag took in Wh; sessions without a tag are under "".

    Those that run count with what they have taken, unless not `running`.
    """
    summed = func.sum(_columns.energy_wh)
    statement = _filtered(select(_columns.id_tag, summed), central, wanted)
    if not running:
        statement = statement.where(_columns.state != SessionState.RUNNING)
    found = {
        tag: int(energy or 0)
        for tag, energy in connection.execute(statement.group_by(_columns.id_tag))
    }
    for each in _running(connection, central, wanted) if running else ():
        tag = each.id_tag or ""
        found[tag] = found.get(tag, 0) + (each.energy_wh or 0)
    return found


def _running(
    connection: Connection, central: str, wanted: SessionFilter
) -> list[Session]:
    """Return those that run: what they have taken is worked out, not kept."""
    if wanted.state not in {None, SessionState.RUNNING}:
        return []
    running = replace(wanted, state=SessionState.RUNNING, limit=None)
    return sessions(connection, central, running)


def records(connection: Connection, central: str) -> list[ChargerRecord]:
    """Return what is known of the chargers that were not forgotten."""
    found = connection.execute(
        select(chargers).where(
            chargers.c.central == central, chargers.c.forgotten.is_(False)
        )
    )
    return [
        ChargerRecord(
            identity=row.identity,
            accepted=row.accepted,
            info={} if row.info is None else row.info,
            features={} if row.features is None else row.features,
            memory={} if row.memory is None else row.memory,
        )
        for row in found
    ]


def tags(connection: Connection) -> dict[str, tuple[datetime, datetime]]:
    """Return when each id tag was first and last seen."""
    return {
        row.id_tag: (row.first_seen_at, row.last_seen_at)
        for row in connection.execute(select(id_tags))
    }


def _filtered(
    statement: Select[Any], central: str, wanted: SessionFilter
) -> Select[Any]:
    conditions = [chargers.c.central == central]
    if wanted.since is not None:
        conditions.append(_columns.started_at >= wanted.since)
    if wanted.until is not None:
        conditions.append(_columns.started_at < wanted.until)
    if wanted.charger is not None:
        name = text(wanted.charger, LIMIT_IDENTITY)
        conditions.append(chargers.c.identity == name)
    if wanted.connector is not None:
        conditions.append(_columns.connector == wanted.connector)
    if wanted.id_tag is not None:
        # Upper and lower case are one (OCPP 1.6 §7.28, CiString).
        tag = text(wanted.id_tag, LIMIT_TAG) or ""
        conditions.append(func.lower(_columns.id_tag) == tag.lower())
    if wanted.ids is not None:
        conditions.append(_columns.id.in_(wanted.ids))
    if wanted.state is not None:
        conditions.append(_columns.state == str(wanted.state))
    if not wanted.refused:
        conditions.append(_columns.accepted)
    return statement.select_from(transactions.join(chargers)).where(*conditions)


_STATES = {str(state): state for state in SessionState}


def _session(connection: Connection, row: Row[Any]) -> Session:
    (
        number,
        charger,
        connector,
        id_tag,
        charger_transaction_id,
        state,
        accepted,
        started_at,
        raw_started_at,
        meter_start_wh,
        ended_at,
        raw_ended_at,
        meter_stop_wh,
        reason,
        energy_wh,
        gap_s,
        notes,
    ) = row
    found = Session(
        id=number,
        charger=charger,
        connector=connector,
        id_tag=id_tag or None,
        charger_transaction_id=charger_transaction_id,
        state=_STATES[state],
        accepted=accepted,
        started_at=started_at,
        raw_started_at=raw_started_at,
        meter_start_wh=meter_start_wh,
        ended_at=ended_at,
        raw_ended_at=raw_ended_at,
        meter_stop_wh=meter_stop_wh,
        reason=reason,
        energy_wh=energy_wh,
        gap_s=gap_s or 0,
        notes=tuple(notes or ()),
    )
    if found.state is SessionState.RUNNING:
        _bring_up_to_date(connection, found)
    return found


def _bring_up_to_date(connection: Connection, running: Session) -> None:
    """Work out what a session took until now, which is not kept while it runs."""
    row = connection.execute(
        select(transactions).where(_columns.id == running.id)
    ).one_or_none()
    if row is not None:
        result = session_energy(facts.of(connection, row, None))
        running.energy_wh = result.energy_wh
        running.gap_s = round(result.gap.total_seconds())
        running.notes = tuple(sorted(str(note) for note in result.notes))


def energy_values(
    connection: Connection, central: str, transaction_id: int
) -> Sequence[tuple[datetime, int]]:
    """Return a session's register values in Wh, by our clock, in order."""
    row = connection.execute(
        select(transactions)
        .join(chargers)
        .where(chargers.c.central == central, _columns.id == transaction_id)
    ).one_or_none()
    if row is None:
        return []
    values = facts.of(connection, row, facts.end_of(connection, row)).values
    ordered = sorted(values, key=lambda value: value.at)
    return [(facts.ours(row, value.at), value.wh) for value in ordered]
