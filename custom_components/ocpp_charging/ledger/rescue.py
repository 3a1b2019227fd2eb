"""Replaces a damaged SQLite file without throwing it away.

The file is renamed, a new one takes its place, and what can still be read of the old
one is copied over, row by row.
"""

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
import json
import logging
from pathlib import Path
import shutil
import sqlite3
from typing import Any, Final

from sqlalchemy import Boolean, Column, Connection, Integer, Table, exc

from .columns import Json, Moment
from .database import BUSY_S
from .schema import chargers, id_tags, registers, settlements, transactions

_LOGGER = logging.getLogger(__name__)

MARGIN: Final = 1000
"""So many ids may have been given that cannot be read any more."""

BLIND_MARGIN: Final = 100_000
"""The same for each time when none could be read at all."""

_COMPANIONS: Final = ("", "-wal", "-shm")
_TABLES: Final = (chargers, transactions, registers, id_tags, settlements)
_PROBED: Final = 100_000
"""So many rows in the damaged middle of a table are asked for one by one."""

_DAMAGE: Final = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}

type Values = tuple[Any, ...]


def is_sound(path: Path) -> bool:
    """Say whether a SQLite file can be relied on; one that is not there can.

    Raises `sqlite3.Error` when that cannot be told now.
    """
    if not path.exists() or path.stat().st_size == 0:
        return True
    try:
        with closing(sqlite3.connect(path, timeout=BUSY_S)) as connection:
            answer = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGE:
            return False
        raise
    return answer is not None and answer[0] == "ok"


def set_aside(path: Path, now: datetime) -> Path:
    """Rename a damaged file and what belongs to it; return its new path."""
    name = f"{path.name}.damaged-{now:%Y%m%dT%H%M%SZ}"
    aside = path.with_name(name)
    number = 1
    while aside.exists():
        number += 1
        aside = path.with_name(f"{name}-{number}")
    for companion in _COMPANIONS:
        source = path.with_name(path.name + companion)
        if source.exists():
            source.rename(aside.with_name(aside.name + companion))
    return aside


def times_set_aside(folder: Path) -> int:
    """Return how many damaged files there are in a folder."""
    return len(_aside(folder, "*"))


def latest_aside(path: Path) -> Path | None:
    """Return the damaged file that was set aside last, None when none was."""
    found = _aside(path.parent, path.name)
    return found[-1] if found else None


def _aside(folder: Path, name: str) -> list[Path]:
    found = sorted(folder.glob(f"{name}.damaged-*"))
    return [each for each in found if not each.name.endswith(("-wal", "-shm"))]


def highest_id(path: Path) -> int:
    """Return the highest transaction id that can still be read; 0 for none."""
    highest = 0
    with _working_copy(path) as damaged:
        for query in (
            "SELECT seq FROM sqlite_sequence WHERE name = 'transactions'",
            "SELECT max(id) FROM transactions",
            "SELECT id FROM transactions ORDER BY id",
            "SELECT named_transaction FROM register_readings",
        ):
            for (found,) in _until_damage(damaged, query):
                if isinstance(found, int):
                    highest = max(highest, found)
    return highest


def salvage(connection: Connection, path: Path) -> int:
    """Copy what can be read of a damaged file; return how many transactions."""
    saved = 0
    with _working_copy(path) as damaged:
        for table in _TABLES:
            present = _until_damage(damaged, f"PRAGMA table_info({table.name})")
            names = {row[1] for row in present}
            columns = [column for column in table.columns if column.name in names]
            if not columns:
                continue
            count = sum(
                _copy(connection, table, columns, values)
                for values in _rows(damaged, table, columns)
            )
            if table is transactions:
                saved = count
    return saved


@contextmanager
def _working_copy(path: Path) -> Generator[sqlite3.Connection]:
    """Open a copy, in which SQLite may write and a header may be mended."""
    copy = path.with_name(f"{path.name}.copy")
    try:
        for companion in _COMPANIONS:
            source = path.with_name(path.name + companion)
            if source.exists():
                shutil.copyfile(source, copy.with_name(copy.name + companion))
        _lengthen(copy)
        damaged = sqlite3.connect(copy, timeout=BUSY_S)
        # A text that is damaged must not keep its neighbours from being read.
        damaged.text_factory = lambda raw: raw.decode("utf-8", "replace")
        with closing(damaged):
            yield damaged
    finally:
        for companion in _COMPANIONS:
            copy.with_name(copy.name + companion).unlink(missing_ok=True)


def _lengthen(file: Path) -> None:
    """Give a file that was cut short the length that its header tells.

    SQLite reads nothing of a database whose last tables begin beyond its end. The
    header: page size at 16, count of pages at 28 (SQLite, Database File Format, 1.3).
    """
    with file.open("r+b") as opened:
        header = opened.read(32)
        page_size = int.from_bytes(header[16:18])
        length = (65536 if page_size == 1 else page_size) * int.from_bytes(header[28:])
        present = file.stat().st_size
        if header.startswith(b"SQLite format 3\0") and present < length < 2**32:
            opened.truncate(length)


def _until_damage(damaged: sqlite3.Connection, query: str) -> Iterator[Values]:
    try:
        yield from damaged.execute(query)
    except (sqlite3.DatabaseError, OverflowError) as error:
        _LOGGER.debug("Reading the damaged file ended early: %s", error)


def _rows(
    damaged: sqlite3.Connection, table: Table, columns: Sequence[Column[Any]]
) -> Iterator[Values]:
    """Read a table from both ends, and what is between row by row."""
    keys = [column.name for column in table.primary_key]
    order = ", ".join(keys)
    backward = ", ".join(f"{key} DESC" for key in keys)
    names = ", ".join(column.name for column in columns)
    select = f"SELECT {names} FROM {table.name}"  # noqa: S608
    seen: set[Values] = set()
    ends: list[Any] = []
    places = [[column.name for column in columns].index(key) for key in keys]
    for direction in (order, backward):
        key: Values = ()
        for values in _until_damage(damaged, f"{select} ORDER BY {direction}"):
            key = tuple(values[place] for place in places)
            if key in seen:
                return
            seen.add(key)
            yield values
        ends.append(key[0] if key else None)
    low, high = ends
    if keys == ["id"] and isinstance(low, int) and isinstance(high, int):
        for number in range(low + 1, min(high, low + _PROBED)):
            query = f"{select} WHERE id = {number}"
            yield from _until_damage(damaged, query)


def _copy(
    connection: Connection,
    table: Table,
    columns: Sequence[Column[Any]],
    values: Values,
) -> int:
    """Insert a row as it was stored; return 0 when it is no sound one."""
    pairs = zip(columns, values, strict=True)
    if not all(_is_sound(column, value) for column, value in pairs):
        return 0
    names = ", ".join(column.name for column in columns)
    marks = ", ".join("?" * len(columns))
    try:
        return connection.exec_driver_sql(
            f"INSERT OR IGNORE INTO {table.name} ({names}) VALUES ({marks})",  # noqa: S608
            values,
        ).rowcount
    except exc.IntegrityError:
        _LOGGER.debug("A row of %s belongs to none that could be read", table.name)
        return 0


def _is_sound(column: Column[Any], value: object) -> bool:
    if value is None:
        return bool(column.nullable)
    if isinstance(column.type, Json):
        try:
            json.loads(str(value))
        except ValueError:
            return False
        return True
    if isinstance(column.type, Integer | Boolean | Moment):
        return isinstance(value, int)
    return True
