"""Takes the books of a central system over into another database."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
import logging
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, Select, exc, insert, select, update

from . import keeping, migrations
from .database import connect
from .errors import Cause, LedgerUnavailable
from .faults import unavailable
from .filing import Filing
from .ids import begin_ids, by_the_clock, next_id
from .schema import chargers, id_tags, registers, settlements, transactions

_LOGGER = logging.getLogger(__name__)

AT_ONCE: Final = 1000
"""So many rows are read and written together."""


def copy_books(source: URL, target: URL, central: str, now: datetime) -> int:
    """Copy all that a central system kept; return how many sessions.

    Ids stay what they are. Both databases are of this version and written by nobody
    else; what `target` knows of the chargers gives way. All is copied or nothing.
    Raises `LedgerUnavailable`, also when `target` has sessions already.
    """
    with _connected(source, reading=True) as old, _connected(target) as new:
        _check(old)
        _check(new)
        if _has_sessions(new, central):
            raise LedgerUnavailable(Cause.OCCUPIED, "it has sessions already")
        keeping.forget_all(Filing(new, central, now))
        # MariaDB commits with what sets the ids: it comes last.
        first_id = max(next_id(old), next_id(new), by_the_clock(now))
        numbers = _copy_chargers(old, new, central)
        try:
            count = _copy_history(old, new, numbers)
        except exc.IntegrityError:
            # Ids are unique over all central systems of a database.
            raise LedgerUnavailable(
                Cause.OCCUPIED, "other sessions have the same ids"
            ) from None
        _copy_tags(old, new)
        begin_ids(new, first_id)
    return count


def continue_ids(source: URL, target: URL, now: datetime) -> None:
    """Let `target` give no id that `source` has given. Raises `LedgerUnavailable`.

    Where `source` is away, it is one that it cannot well have come to.
    """
    given = 1
    try:
        with _connected(source, reading=True) as old:
            _check(old)
            given = next_id(old)
    except LedgerUnavailable as error:
        _LOGGER.warning("The database so far cannot be read: %s", error)
    with _connected(target) as new:
        first_id = max(given, by_the_clock(now))
        if next_id(new) < first_id:
            begin_ids(new, first_id)


@contextmanager
def _connected(url: URL, *, reading: bool = False) -> Iterator[Connection]:
    """Open a connection in a transaction, which is committed in the end."""
    engine: Engine | None = None
    try:
        engine = connect(url, reading=reading)
        with engine.begin() as connection:
            yield connection
    except exc.SQLAlchemyError as error:
        problem = unavailable(error, url)
        # A database's own words may name an id tag.
        raise problem or LedgerUnavailable(Cause.OTHER, type(error).__name__) from None
    finally:
        if engine is not None:
            engine.dispose()


def _check(connection: Connection) -> None:
    found = migrations.version(connection)
    if found != migrations.VERSION:
        raise LedgerUnavailable(
            Cause.OTHER, f"the tables are of version {found}, not {migrations.VERSION}"
        )


def _has_sessions(connection: Connection, central: str) -> bool:
    mine = select(transactions.c.id).join(chargers).where(chargers.c.central == central)
    return connection.execute(mine.limit(1)).first() is not None


def _copy_chargers(old: Connection, new: Connection, central: str) -> dict[int, int]:
    """Copy the chargers; return their new numbers by the old ones."""
    numbers: dict[int, int] = {}
    found = old.execute(select(chargers).where(chargers.c.central == central))
    for row in found.mappings().all():
        values = {key: value for key, value in row.items() if key != "id"}
        made = new.execute(insert(chargers).values(values)).inserted_primary_key
        assert made is not None
        numbers[row["id"]] = made[0]
    return numbers


def _copy_history(old: Connection, new: Connection, numbers: Mapping[int, int]) -> int:
    """Copy sessions with their readings and settlements; return how many sessions."""
    count = 0
    for number in numbers:
        mine = select(transactions).where(transactions.c.charger_id == number)
        for rows in _batches(old, mine.order_by(transactions.c.id)):
            count += len(rows)
            new.execute(insert(transactions), _renumbered(rows, numbers))
        read = select(registers).where(registers.c.charger_id == number)
        for rows in _batches(old, read):
            new.execute(insert(registers), _renumbered(rows, numbers))
        settled = select(settlements).join(transactions)
        for rows in _batches(old, settled.where(transactions.c.charger_id == number)):
            new.execute(insert(settlements), rows)
    return count


def _renumbered(
    rows: Sequence[Mapping[str, Any]], numbers: Mapping[int, int]
) -> list[dict[str, Any]]:
    return [{**row, "charger_id": numbers[row["charger_id"]]} for row in rows]


def _copy_tags(old: Connection, new: Connection) -> None:
    known = {row.id_tag: row for row in new.execute(select(id_tags))}
    for rows in _batches(old, select(id_tags)):
        for row in rows:
            there = known.get(row["id_tag"])
            if there is None:
                new.execute(insert(id_tags).values(row))
                continue
            new.execute(
                update(id_tags)
                .where(id_tags.c.id_tag == row["id_tag"])
                .values(
                    first_seen_at=min(there.first_seen_at, row["first_seen_at"]),
                    last_seen_at=max(there.last_seen_at, row["last_seen_at"]),
                )
            )


def _batches(
    connection: Connection, statement: Select[Any]
) -> Iterator[list[dict[str, Any]]]:
    found = connection.execute(statement, execution_options={"yield_per": AT_ONCE})
    for rows in found.mappings().partitions():
        yield [dict(row) for row in rows]
