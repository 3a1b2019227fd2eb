"""What a session cost, worked out from its register's path and what was known then.

A settlement is made of rows: times in which the price, what the sun would have earned,
CO2 and the share of the sun stayed the same. What flowed between two readings flowed
evenly. A row keeps what it was worked out with, so that a session can be settled anew
when a reading comes late, long after its prices are known elsewhere.

Money is in the owner's currency, as the planner counts it: what came from the grid at
the price of its time, and what came from the roof at what it would have earned.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    and_,
    delete,
    exists,
    insert,
    or_,
    select,
    update,
)

from . import facts
from .columns import LIMIT_IDENTITY, text
from .energy import energy_path
from .filing import Filing
from .records import SessionState
from .schema import chargers, settlements, transactions

_CURRENCY: Final = 3

type Path = Sequence[tuple[datetime, int]]
"""When how many Wh had flowed in all; neither falls."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Stretch:
    """A value that holds from `begins` on and before `ends`."""

    begins: datetime
    ends: datetime
    value: float


@dataclass(frozen=True, kw_only=True)
class Rates:
    """What was known of a time, in its order; where nothing is, there is a gap.

    `price` is that of a kWh from the grid, `feed_in` what one from the roof earns,
    `co2` in g/kWh of the grid. `solar_share` (0 to 1) is what part of the energy did
    not come from the grid.
    """

    price: Sequence[Stretch] = ()
    feed_in: Sequence[Stretch] = ()
    co2: Sequence[Stretch] = ()
    solar_share: Sequence[Stretch] = ()
    currency: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """What is known of one time; None is what is not."""

    price: float | None = None
    feed_in_price: float | None = None
    co2_g_kwh: float | None = None
    solar_share: float | None = None
    currency: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Settled:
    """What one time of a session took, cost and emitted, and by which rates.

    The cost is None where no price is known, the CO2 where none is, the sun's energy
    where nobody measured it: all then counts as from the grid.
    """

    begins_at: datetime
    ends_at: datetime
    energy_wh: int
    known: Known

    @property
    def _solar_wh(self) -> float:
        return self.energy_wh * (self.known.solar_share or 0.0)

    @property
    def solar_wh(self) -> int | None:
        """Return what came from the roof."""
        return None if self.known.solar_share is None else round(self._solar_wh)

    @property
    def cost(self) -> float | None:
        """Return what it cost."""
        price = self.known.price
        if price is None:
            return None
        earned = self.known.feed_in_price or 0.0
        bought = self.energy_wh - self._solar_wh
        return round((bought * price + self._solar_wh * earned) / 1000, 6)

    @property
    def co2_g(self) -> int | None:
        """Return what it emitted; the sun emits nothing."""
        rate = self.known.co2_g_kwh
        if rate is None:
            return None
        return round((self.energy_wh - self._solar_wh) * rate / 1000)


class _Layers:
    """A value over time from several sources: the first that knows it counts."""

    def __init__(self, *layers: Sequence[Stretch]) -> None:
        self._layers = [
            ([each.begins for each in layer], layer) for layer in layers if layer
        ]

    def at(self, moment: datetime) -> float | None:
        for begins, layer in self._layers:
            place = bisect_right(begins, moment) - 1
            if place >= 0 and moment < layer[place].ends:
                return layer[place].value
        return None

    def edges(self) -> set[datetime]:
        return {
            edge
            for _, layer in self._layers
            for each in layer
            for edge in (each.begins, each.ends)
        }


def settlement(
    path: Path, begins: datetime, ends: datetime, rates: Rates, kept: Rates
) -> list[Settled]:
    """Return the rows of a session from its beginning to its end.

    Their energies add up to the last of `path`. A price or CO2 that was `kept` from an
    earlier settlement stays; a share of the sun that is known better now does not.
    Neighbours of which the same is known are one row.
    """
    if not path:
        return []
    ends = max(begins, ends)
    price = _Layers(kept.price, rates.price)
    feed_in = _Layers(kept.feed_in, rates.feed_in)
    co2 = _Layers(kept.co2, rates.co2)
    share = _Layers(rates.solar_share, kept.solar_share)
    inner = {
        edge
        for line in (price, feed_in, co2, share)
        for edge in line.edges()
        if begins < edge < ends
    }
    currency = (kept.currency or rates.currency or "")[:_CURRENCY] or None
    pieces: list[tuple[datetime, datetime, Known]] = []
    for start, end in pairwise([begins, *sorted(inner), ends]):
        cost = price.at(start)
        known = Known(
            price=cost,
            feed_in_price=feed_in.at(start),
            co2_g_kwh=co2.at(start),
            solar_share=share.at(start),
            currency=None if cost is None else currency,
        )
        if pieces and pieces[-1][2] == known:
            pieces[-1] = (pieces[-1][0], end, known)
        else:
            pieces.append((start, end, known))
    taken = [0, *(_taken(path, end) for _, end, _ in pieces[:-1]), path[-1][1]]
    return [
        Settled(begins_at=start, ends_at=end, energy_wh=after - before, known=known)
        for (start, end, known), (before, after) in zip(
            pieces, pairwise(taken), strict=True
        )
    ]


def _taken(path: Path, moment: datetime) -> int:
    """Return what had flowed by then: evenly between the readings on both sides."""
    place = bisect_right(path, moment, key=lambda each: each[0])
    if place == 0:
        return 0
    if place == len(path):
        return path[-1][1]
    (before, low), (after, high) = path[place - 1], path[place]
    return low + round((high - low) * ((moment - before) / (after - before)))


def settle(filing: Filing, transaction_id: int, rates: Rates) -> bool:
    """Write what a session cost until now; return whether that has changed it.

    One that was deleted is passed over, and one whose beginning nobody knows.
    """
    connection = filing.connection
    row = connection.execute(
        select(transactions).where(transactions.c.id == transaction_id)
    ).one_or_none()
    if row is None or row.state == SessionState.ORPHAN:
        return False
    before = _read(connection, transaction_id)
    after = _work_out(connection, row, rates, _kept(before))
    if row.state != SessionState.RUNNING:
        connection.execute(
            update(transactions)
            .where(transactions.c.id == transaction_id)
            .values(settled_at=filing.now)
        )
    if after == before:
        return False
    connection.execute(
        delete(settlements).where(settlements.c.transaction_id == transaction_id)
    )
    if after:
        connection.execute(
            insert(settlements), [_values(transaction_id, each) for each in after]
        )
    return True


def _work_out(
    connection: Connection, row: Row[Any], rates: Rates, kept: Rates
) -> list[Settled]:
    found = facts.of(connection, row, facts.end_of(connection, row))
    path = [(facts.ours(row, at), wh) for at, wh in energy_path(found)]
    if not path:
        return []
    ends = path[-1][0] if row.ended_at is None else row.ended_at
    return settlement(path, row.started_at, ends, rates, kept)


def _read(connection: Connection, transaction_id: int) -> list[Settled]:
    columns = settlements.c
    rows = connection.execute(
        select(settlements)
        .where(columns.transaction_id == transaction_id)
        .order_by(columns.begins_at)
    )
    return [
        Settled(
            begins_at=row.begins_at,
            ends_at=row.ends_at,
            energy_wh=row.energy_wh,
            known=Known(
                price=row.price,
                feed_in_price=row.feed_in_price,
                co2_g_kwh=row.co2_g_kwh,
                solar_share=row.solar_share,
                currency=row.currency,
            ),
        )
        for row in rows
    ]


def _kept(rows: Sequence[Settled]) -> Rates:
    """Return by which rates a session was settled before."""

    def line(name: str) -> list[Stretch]:
        return [
            Stretch(begins=row.begins_at, ends=row.ends_at, value=value)
            for row in rows
            if (value := getattr(row.known, name)) is not None
        ]

    return Rates(
        price=line("price"),
        feed_in=line("feed_in_price"),
        co2=line("co2_g_kwh"),
        solar_share=line("solar_share"),
        currency=next((row.known.currency for row in rows if row.known.currency), None),
    )


def _values(transaction_id: int, row: Settled) -> dict[str, Any]:
    return {
        "transaction_id": transaction_id,
        "begins_at": row.begins_at,
        "ends_at": row.ends_at,
        "energy_wh": row.energy_wh,
        "solar_wh": row.solar_wh,
        "cost": row.cost,
        "currency": row.known.currency,
        "co2_g": row.co2_g,
        "price": row.known.price,
        "feed_in_price": row.known.feed_in_price,
        "co2_g_kwh": row.known.co2_g_kwh,
        "solar_share": row.known.solar_share,
    }


@dataclass(frozen=True, kw_only=True, slots=True)
class Due:
    """A session that is to be settled, and where it is."""

    transaction_id: int
    charger: str
    connector: int


def due(
    connection: Connection,
    central: str,
    since: datetime,
    *,
    identities: frozenset[str] | None = None,
    incomplete: bool = False,
) -> list[Due]:
    """Return the sessions to settle: those that run, and those that have changed.

    Of sessions that were never settled only those count that ended from `since` on:
    nobody knows what an older one cost. With `incomplete` also those that ended since
    then with a price or CO2 that was not known.
    """
    columns = transactions.c
    rows = settlements.c.transaction_id == columns.id
    recent = columns.ended_at >= since
    wanted: list[ColumnElement[bool]] = [
        columns.state == SessionState.RUNNING,
        and_(
            columns.state == SessionState.ENDED,
            columns.settled_at.is_(None),
            or_(recent, exists().where(rows)),
        ),
    ]
    if incomplete:
        unknown = or_(settlements.c.price.is_(None), settlements.c.co2_g_kwh.is_(None))
        wanted.append(
            and_(
                columns.state == SessionState.ENDED,
                recent,
                exists().where(rows, unknown),
            )
        )
    statement = (
        select(columns.id, chargers.c.identity, columns.connector)
        .join(chargers)
        .where(chargers.c.central == central, or_(*wanted))
        .order_by(columns.id)
    )
    if identities is not None:
        names = [text(identity, LIMIT_IDENTITY) for identity in identities]
        statement = statement.where(chargers.c.identity.in_(names))
    return [
        Due(transaction_id=number, charger=identity, connector=connector)
        for number, identity, connector in connection.execute(statement)
    ]
