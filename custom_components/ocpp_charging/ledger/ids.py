"""The transaction ids that a database gives: never one that was given before."""

from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection, text

_COUNTING_SINCE: Final = datetime(2024, 1, 1, tzinfo=UTC)


def by_the_clock(now: datetime) -> int:
    """Return the minutes since 2024, with which the ids of a new database begin.

    They are above all that were given before it, by a database that was lost or a
    central system that was removed, as long as a session lasts a minute on the mean.
    """
    return max(1, int((now - _COUNTING_SINCE).total_seconds() // 60))


def next_id(connection: Connection) -> int:
    """Return the id that the next transaction gets; no greater one was given."""
    match connection.dialect.name:
        case "sqlite":
            statement = (
                "SELECT seq + 1 FROM sqlite_sequence WHERE name = 'transactions'"
            )
        case "postgresql":
            name = connection.scalar(
                text("SELECT pg_get_serial_sequence('transactions', 'id')")
            )
            # The name is the database's own, quoted where it must be.
            statement = (
                "SELECT last_value + CASE WHEN is_called THEN 1 ELSE 0 END"  # noqa: S608
                f" FROM {name}"
            )
        case _:
            statement = (
                "SELECT auto_increment FROM information_schema.tables WHERE"
                " table_schema = DATABASE() AND table_name = 'transactions'"
            )
    return int(connection.scalar(text(statement)) or 1)


def begin_ids(connection: Connection, first_id: int) -> None:
    """Let the next transaction have the id `first_id`; no greater one was given."""
    match connection.dialect.name:
        case "sqlite":
            connection.execute(
                text("DELETE FROM sqlite_sequence WHERE name = 'transactions'")
            )
            connection.execute(
                text("INSERT INTO sqlite_sequence VALUES ('transactions', :last)"),
                {"last": first_id - 1},
            )
        case "postgresql":
            connection.execute(
                text(
                    "ALTER TABLE transactions ALTER COLUMN id "
                    f"RESTART WITH {int(first_id)}"
                )
            )
        case _:
            connection.execute(
                text(f"ALTER TABLE transactions AUTO_INCREMENT = {int(first_id)}")
            )
