"""Brings a database to the present schema, one numbered step after the other.

A step never changes once it was released, and names no table of `schema`, which
moves on. A new database goes through all of them too, so that they stay true. One that
was cut short can be gone through again.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    MetaData,
    Numeric,
    SmallInteger,
    String,
    Table,
    UniqueConstraint,
    func,
    inspect,
    select,
    text,
)
from sqlalchemy.schema import CreateColumn

from .columns import Json, Moment
from .errors import Cause, LedgerUnavailable
from .ids import begin_ids
from .schema import OPTIONS, versions


def _step_1(connection: Connection) -> None:
    """Make the tables of the first version."""
    metadata = MetaData()
    Table(
        "chargers",
        metadata,
        Column("id", Integer, Identity(), primary_key=True),
        Column("central", String(64), nullable=False),
        Column("identity", String(128), nullable=False),
        Column("forgotten", Boolean, nullable=False),
        Column("accepted", Boolean, nullable=False),
        Column("info", Json),
        Column("features", Json),
        Column("memory", Json),
        Column("updated_at", Moment),
        UniqueConstraint("central", "identity", name="one_charger"),
        **OPTIONS,
    )
    Table(
        "transactions",
        metadata,
        Column("id", Integer, Identity(), primary_key=True),
        Column("charger_id", ForeignKey("chargers.id"), nullable=False),
        Column("connector", SmallInteger, nullable=False),
        Column("id_tag", String(64), nullable=False),
        Column("charger_transaction_id", BigInteger),
        Column("accepted", Boolean, nullable=False),
        Column("started_at", Moment, nullable=False),
        Column("raw_started_at", Moment, nullable=False),
        Column("meter_start_wh", BigInteger),
        Column("raw_ended_at", Moment),
        Column("clock_ahead_s", BigInteger),
        Column("meter_stop_wh", BigInteger),
        Column("reason", String(64)),
        Column("stop_named", BigInteger),
        Column("stop_tag", String(64)),
        Column("state", String(8), nullable=False),
        Column("ended_at", Moment),
        Column("energy_wh", BigInteger),
        UniqueConstraint(
            "charger_id",
            "connector",
            "id_tag",
            "raw_started_at",
            "meter_start_wh",
            name="one_start",
        ),
        Index("transactions_began", "started_at"),
        Index("transactions_of_connector", "charger_id", "connector", "raw_started_at"),
        Index("transactions_in_state", "state", "charger_id"),
        Index("transactions_adopted", "charger_id", "charger_transaction_id"),
        Index("transactions_matched", "charger_id", "stop_named"),
        sqlite_autoincrement=True,
        **OPTIONS,
    )
    Table(
        "register_readings",
        metadata,
        Column("charger_id", ForeignKey("chargers.id"), primary_key=True),
        Column("named_transaction", Integer, primary_key=True, autoincrement=False),
        Column("connector", SmallInteger, primary_key=True, autoincrement=False),
        Column("raw_minute", BigInteger, primary_key=True, autoincrement=False),
        Column("kind", String(6), primary_key=True),
        Column("raw_at", Moment, nullable=False),
        Column("at", Moment, nullable=False),
        Column("wh", BigInteger, nullable=False),
        Column("kept", Boolean, nullable=False),
        sqlite_with_rowid=False,
        **OPTIONS,
    )
    Table(
        "id_tags",
        metadata,
        Column("id_tag", String(64), primary_key=True),
        Column("first_seen_at", Moment, nullable=False),
        Column("last_seen_at", Moment, nullable=False),
        **OPTIONS,
    )
    _create(connection, metadata)


def _step_2(connection: Connection) -> None:
    """Name the gaps of a session, and make room for what later work settles."""
    _add_column(connection, "transactions", Column("gap_s", BigInteger))
    _add_column(connection, "transactions", Column("notes", Json))
    metadata = MetaData()
    Table("transactions", metadata, Column("id", Integer, primary_key=True))
    Table(
        "settlements",
        metadata,
        Column("transaction_id", ForeignKey("transactions.id"), primary_key=True),
        Column("begins_at", Moment, primary_key=True),
        Column("ends_at", Moment, nullable=False),
        Column("energy_wh", BigInteger, nullable=False),
        Column("solar_wh", BigInteger),
        Column("cost", Numeric(14, 6)),
        Column("currency", String(3)),
        Column("co2_g", BigInteger),
        **OPTIONS,
    )
    _create(connection, metadata)


def _step_3(connection: Connection) -> None:
    """Make room for what settlements are worked out with, and for which are due."""
    _add_column(connection, "transactions", Column("settled_at", Moment))
    for name in ("price", "feed_in_price", "co2_g_kwh", "solar_share"):
        _add_column(connection, "settlements", Column(name, Double))


STEPS: Final[tuple[Callable[[Connection], None], ...]] = (_step_1, _step_2, _step_3)
VERSION: Final = len(STEPS)


def version(connection: Connection) -> int:
    """Return the version of the tables, 0 where there are none."""
    if not inspect(connection).has_table(versions.name):
        return 0
    return connection.scalar(select(func.max(versions.c.version))) or 0


def migrate(connection: Connection, now: datetime, first_id: int) -> int:
    """Bring the tables to `VERSION` and return the version that they were of.

    New tables give their first transaction the id `first_id`. Raises
    `LedgerUnavailable` when a later version of the integration made them.
    """
    found = version(connection)
    if found > VERSION:
        raise LedgerUnavailable(
            Cause.NEWER, f"the tables are of version {found}, known is {VERSION}"
        )
    if found == VERSION:
        return found
    for number, step in enumerate(STEPS[found:], found + 1):
        step(connection)
        if number == 1:
            versions.create(connection, checkfirst=True)
        connection.execute(versions.insert().values(version=number, applied_at=now))
    if found == 0:
        begin_ids(connection, first_id)
    return found


def _create(connection: Connection, tables: MetaData) -> None:
    """Make tables, as far as they are not there.

    MariaDB takes no table back when a migration is cut short: it is then gone through
    again. Raises `LedgerUnavailable` when another program has one of the same name.
    """
    present = inspect(connection)
    found = set(present.get_table_names())
    for table in tables.tables.values():
        if table.name in found:
            columns = {column["name"] for column in present.get_columns(table.name)}
            if not columns >= set(table.columns.keys()):
                raise LedgerUnavailable(
                    Cause.OCCUPIED, f"there is another table {table.name}"
                )
    tables.create_all(connection)
    for table in tables.tables.values():
        for index in table.indexes:
            index.create(connection, checkfirst=True)


def _add_column(connection: Connection, table: str, column: Column[Any]) -> None:
    present = inspect(connection).get_columns(table)
    if column.name in {found["name"] for found in present}:
        return
    # The column's text depends on its table's options: it needs one.
    Table(table, MetaData(), column)
    definition = CreateColumn(column).compile(dialect=connection.dialect)
    connection.execute(text(f"ALTER TABLE {table} ADD COLUMN {definition}"))
