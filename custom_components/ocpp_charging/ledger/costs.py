"""What settlements come to: of a session, of a connector, of all that is asked for."""

from collections.abc import Collection, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, case, func, select

from .columns import LIMIT_IDENTITY, text
from .records import Cost, Session, SessionState
from .schema import chargers, settlements, transactions

_CHUNK: Final = 500
_columns = settlements.c
_SUMS = (
    func.sum(_columns.cost).label("cost"),
    func.min(_columns.currency).label("currency"),
    func.max(_columns.currency).label("other_currency"),
    func.sum(_columns.co2_g).label("co2_g"),
    func.sum(_columns.solar_wh).label("solar_wh"),
    func.sum(_columns.energy_wh).label("energy_wh"),
    func.sum(case((_columns.cost.is_not(None), _columns.energy_wh), else_=0)).label(
        "priced_wh"
    ),
)


def _cost(row: Row[Any]) -> Cost:
    # What is in two currencies has no sum.
    one = row.currency == row.other_currency
    return Cost(
        amount=None if row.cost is None or not one else round(float(row.cost), 6),
        currency=row.currency if one else None,
        co2_g=None if row.co2_g is None else int(row.co2_g),
        solar_wh=None if row.solar_wh is None else int(row.solar_wh),
        settled_wh=int(row.energy_wh or 0),
        priced_wh=int(row.priced_wh or 0),
    )


def add_to(connection: Connection, sessions: Sequence[Session]) -> None:
    """Tell sessions what they cost."""
    by_id = {session.id: session for session in sessions}
    numbers = sorted(by_id)
    for begin in range(0, len(numbers), _CHUNK):
        rows = connection.execute(
            select(_columns.transaction_id, *_SUMS)
            .where(_columns.transaction_id.in_(numbers[begin : begin + _CHUNK]))
            .group_by(_columns.transaction_id)
        )
        for row in rows:
            by_id[row.transaction_id].cost = _cost(row)


def of_all(connection: Connection, wanted: Select[Any]) -> Cost:
    """Return what sessions come to; `wanted` selects their ids."""
    statement = select(*_SUMS).where(_columns.transaction_id.in_(wanted))
    return _cost(connection.execute(statement).one())


def of_connectors(
    connection: Connection, central: str, identities: Collection[str] | None
) -> dict[tuple[str, int], Cost]:
    """Return what each connector's sessions come to, of these chargers or of all."""
    place = (chargers.c.identity, transactions.c.connector)
    statement = (
        select(*place, *_SUMS)
        .select_from(settlements.join(transactions).join(chargers))
        .where(
            chargers.c.central == central,
            transactions.c.state != SessionState.ORPHAN,
        )
        .group_by(*place)
    )
    if identities is not None:
        names = [text(identity, LIMIT_IDENTITY) for identity in identities]
        statement = statement.where(chargers.c.identity.in_(names))
    return {
        (row.identity, row.connector): _cost(row)
        for row in connection.execute(statement)
    }
