"""The ledger's tables as they are now; `migrations` brings older ones here.

Transactions stay for ever. Their energy is worked out from the facts that are kept
(start, stop and register readings), so the order in which these came cannot matter;
the columns from `state` on are its result.
"""

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
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
)

from .columns import LIMIT_IDENTITY, LIMIT_TAG, LIMIT_WORD, Json, Moment

OPTIONS: Final[dict[str, Any]] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
    "mariadb_engine": "InnoDB",
    "mariadb_charset": "utf8mb4",
    "mariadb_collate": "utf8mb4_bin",
}
"""Texts compare exactly, and rows are transactional, on every server."""

metadata = MetaData()

versions = Table(
    "ledger_versions",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("applied_at", Moment, nullable=False),
    **OPTIONS,
)

chargers = Table(
    "chargers",
    metadata,
    Column("id", Integer, Identity(), primary_key=True),
    # Two central systems may keep their books on one server.
    Column("central", String(LIMIT_WORD), nullable=False),
    Column("identity", String(LIMIT_IDENTITY), nullable=False),
    Column("forgotten", Boolean, nullable=False),
    Column("accepted", Boolean, nullable=False),
    Column("info", Json),
    Column("features", Json),
    Column("memory", Json),
    Column("updated_at", Moment),
    UniqueConstraint("central", "identity", name="one_charger"),
    **OPTIONS,
)

transactions = Table(
    "transactions",
    metadata,
    Column("id", Integer, Identity(), primary_key=True),
    Column("charger_id", ForeignKey("chargers.id"), nullable=False),
    Column("connector", SmallInteger, nullable=False),
    # Empty where there is none: NULL would make every start a different one.
    Column("id_tag", String(LIMIT_TAG), nullable=False),
    Column("charger_transaction_id", BigInteger),
    Column("accepted", Boolean, nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("raw_started_at", Moment, nullable=False),
    Column("meter_start_wh", BigInteger),
    Column("raw_ended_at", Moment),
    Column("clock_ahead_s", BigInteger),
    Column("meter_stop_wh", BigInteger),
    Column("reason", String(LIMIT_WORD)),
    # The id and tag in a stop that named none of ours; where this is a session, the
    # stop was given to it since it can belong to no other (`stops`).
    Column("stop_named", BigInteger),
    Column("stop_tag", String(LIMIT_TAG)),
    Column("state", String(8), nullable=False),
    Column("ended_at", Moment),
    Column("energy_wh", BigInteger),
    Column("gap_s", BigInteger),
    Column("notes", Json),
    # When its cost was worked out from the facts as they are; else that is due.
    Column("settled_at", Moment),
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

registers = Table(
    "register_readings",
    metadata,
    Column("charger_id", ForeignKey("chargers.id"), primary_key=True),
    # As the charger named it; 0 for none.
    Column("named_transaction", Integer, primary_key=True, autoincrement=False),
    Column("connector", SmallInteger, primary_key=True, autoincrement=False),
    # By the charger's clock since 1970: of one minute the last value is kept.
    Column("raw_minute", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", String(6), primary_key=True),
    Column("raw_at", Moment, nullable=False),
    Column("at", Moment, nullable=False),
    Column("wh", BigInteger, nullable=False),
    # An old session's energy depends on it: it is not pruned.
    Column("kept", Boolean, nullable=False),
    sqlite_with_rowid=False,
    **OPTIONS,
)

id_tags = Table(
    "id_tags",
    metadata,
    Column("id_tag", String(LIMIT_TAG), primary_key=True),
    Column("first_seen_at", Moment, nullable=False),
    Column("last_seen_at", Moment, nullable=False),
    **OPTIONS,
)

settlements = Table(
    "settlements",
    metadata,
    Column("transaction_id", ForeignKey("transactions.id"), primary_key=True),
    Column("begins_at", Moment, primary_key=True),
    Column("ends_at", Moment, nullable=False),
    Column("energy_wh", BigInteger, nullable=False),
    Column("solar_wh", BigInteger),
    Column("cost", Numeric(14, 6, asdecimal=False)),
    Column("currency", String(3)),
    Column("co2_g", BigInteger),
    # What it was worked out with, per kWh: nobody else may know that any more.
    Column("price", Double),
    Column("feed_in_price", Double),
    Column("co2_g_kwh", Double),
    Column("solar_share", Double),
    **OPTIONS,
)
"""What a session took, cost and emitted, for each time in which all prices, CO2 and
the share of the sun stayed the same (`settling`). NULL is what is not known."""
