"""Writes what registers showed: of one minute and kind the last value stays."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, and_, case, or_
from sqlalchemy.dialects import mysql, postgresql, sqlite

from .columns import whole
from .facts import minute, named
from .records import Register
from .schema import registers


def row(
    charger_id: int, register: Register, transaction_id: int | None
) -> dict[str, Any]:
    """Return a register reading as a row."""
    return {
        "charger_id": charger_id,
        "named_transaction": named(transaction_id),
        "connector": register.connector,
        "raw_minute": minute(register.time.raw),
        "kind": str(register.kind),
        "raw_at": register.time.raw,
        "at": register.time.at,
        "wh": whole(register.wh),
        "kept": False,
    }


def write(connection: Connection, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write register rows; of one minute and kind the last value stays."""
    latest: dict[tuple[Any, ...], Mapping[str, Any]] = {}
    for row in rows:
        key = tuple(row[column.name] for column in registers.primary_key)
        known = latest.get(key)
        if known is None or _order(row) > _order(known):
            latest[key] = row
    if latest:
        connection.execute(_upsert(connection.dialect.name), list(latest.values()))


def _order(row: Mapping[str, Any]) -> tuple[datetime, int]:
    return row["raw_at"], row["wh"]


@lru_cache
def _upsert(dialect: str) -> Any:
    """Return a statement that writes a row where it is the later of its minute."""
    table, taken = registers.c, ("wh", "at", "raw_at")
    if dialect in {"sqlite", "postgresql"}:
        statement: Any = (
            sqlite.insert(registers)
            if dialect == "sqlite"
            else postgresql.insert(registers)
        )
        new = statement.excluded
        return statement.on_conflict_do_update(
            index_elements=list(registers.primary_key),
            set_={name: new[name] for name in taken},
            where=_is_later(new, table),
        )
    statement = mysql.insert(registers)
    new = statement.inserted
    # Assigned one after the other: what the condition reads comes last.
    return statement.on_duplicate_key_update(
        [
            (name, case((_is_later(new, table), new[name]), else_=table[name]))
            for name in taken
        ]
    )


def _is_later(new: Any, old: Any) -> Any:
    return or_(
        new["raw_at"] > old.raw_at,
        and_(new["raw_at"] == old.raw_at, new["wh"] > old.wh),
    )
