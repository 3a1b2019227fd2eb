"""Older tables are brought to the present ones, with all that is in them."""

from datetime import UTC, datetime
from pathlib import Path
import sqlite3
from typing import Any

import pytest
from sqlalchemy import Engine, inspect, text

from custom_components.ocpp_charging.ledger import (
    Cause,
    LedgerUnavailable,
    SessionState,
)
from custom_components.ocpp_charging.ledger.database import connect, parse
from custom_components.ocpp_charging.ledger.ledger import Ledger
from custom_components.ocpp_charging.ledger.migrations import STEPS, VERSION, migrate
from custom_components.ocpp_charging.ledger.schema import metadata, versions

from .books import opened, start, stop, url

NOW = datetime(2026, 5, 1, tzinfo=UTC)


def older(engine: Engine, version: int) -> None:
    """Make the tables of an older version."""
    with engine.begin() as connection:
        versions.create(connection)
        for number in range(1, version + 1):
            STEPS[number - 1](connection)
            connection.execute(versions.insert().values(version=number, applied_at=NOW))


def description(engine: Engine) -> dict[str, Any]:
    """Return what the database says of its tables."""
    found = inspect(engine)
    return {
        table: {
            "columns": {
                column["name"]: (str(column["type"]), column["nullable"])
                for column in found.get_columns(table)
            },
            "key": found.get_pk_constraint(table)["constrained_columns"],
            "unique": sorted(
                map(
                    str,
                    (
                        each["column_names"]
                        for each in found.get_unique_constraints(table)
                    ),
                )
            ),
            "indexes": sorted(
                str(each["name"])
                for each in found.get_indexes(table)
                if not each.get("duplicates_constraint")
            ),
            "references": sorted(
                f"{each['constrained_columns']} {each['referred_table']}"
                for each in found.get_foreign_keys(table)
            ),
        }
        for table in sorted(found.get_table_names())
    }


@pytest.mark.parametrize("version", range(VERSION))
def test_every_older_version_ends_as_the_present_tables(
    address: str, tmp_path: Path, version: int
) -> None:
    engine = connect(parse(address))
    if version:
        older(engine, version)
    with engine.begin() as connection:
        assert migrate(connection, NOW, 1) == version
    with engine.begin() as connection:
        assert migrate(connection, NOW, 1) == VERSION
    migrated = description(engine)
    with engine.begin() as connection:
        metadata.drop_all(connection)
        metadata.create_all(connection)
    assert migrated == description(engine)
    engine.dispose()


async def test_what_was_filed_in_the_first_version_is_told(address: str) -> None:
    engine = connect(parse(address))
    older(engine, 1)
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO chargers (id, central, identity, forgotten, accepted)"
                " VALUES (1, '', 'CP1', :no, :yes)"
            ),
            {"no": False, "yes": True},
        )
        connection.execute(
            text(
                "INSERT INTO transactions (id, charger_id, connector, id_tag, accepted,"
                " started_at, raw_started_at, meter_start_wh, raw_ended_at, ended_at,"
                " clock_ahead_s, meter_stop_wh, reason, state, energy_wh)"
                " VALUES (7, 1, 1, 'TAG', :yes, :at, :at, 1000, :end, :end, 0, 3000,"
                " 'Local', 'ended', 2000)"
            ),
            {"yes": True, "at": 1_777_658_400_000_000, "end": 1_777_662_000_000_000},
        )
    engine.dispose()

    ledger = Ledger(address)
    opening = await ledger.open()
    assert (opening.created, opening.migrated_from) == (False, 1)
    (session,) = await ledger.sessions()
    assert (session.id, session.state, session.energy_wh) == (
        7,
        SessionState.ENDED,
        2000,
    )
    assert (session.gap_s, session.notes) == (0, ())
    # It is recognised as what it is, and new ones are filed beside it.
    assert await ledger.open_transaction(start()) == 7
    number = await ledger.open_transaction(start(100))
    assert (await ledger.close_transaction(stop(number, 160))).energy_wh == 7000
    await ledger.close()


async def test_tables_of_a_later_version_are_left_alone(tmp_path: Path) -> None:
    ledger = await opened(url(tmp_path))
    await ledger.close()
    file = sqlite3.connect(tmp_path / "ledger.db")
    file.execute("INSERT INTO ledger_versions VALUES (?, 0)", (VERSION + 1,))
    file.commit()
    file.close()
    before = (tmp_path / "ledger.db").read_bytes()
    ledger = Ledger(url(tmp_path))
    with pytest.raises(LedgerUnavailable) as refused:
        await ledger.open()
    assert refused.value.cause is Cause.NEWER
    await ledger.close()
    assert (tmp_path / "ledger.db").read_bytes() == before


async def test_a_migration_that_fails_is_gone_through_again(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It changes nothing, where a database can take back what made its tables."""
    engine = connect(parse(address))
    older(engine, 1)
    before = description(engine)

    def fail(connection: Any) -> None:
        STEPS[1](connection)
        raise RuntimeError("in the middle")

    with monkeypatch.context() as patch:
        patch.setattr(
            "custom_components.ocpp_charging.ledger.migrations.STEPS",
            (STEPS[0], fail),
        )
        ledger = Ledger(address)
        with pytest.raises(RuntimeError):
            await ledger.open()
        await ledger.close()
    if engine.dialect.name != "mysql":
        assert description(engine) == before
    ledger = await opened(address)
    assert ledger.opening.migrated_from == 1
    await ledger.open_transaction(start())
    await ledger.close()
    assert "settlements" in description(engine)
    engine.dispose()


def test_tables_that_were_made_in_part_are_completed(address: str) -> None:
    engine = connect(parse(address))
    with engine.begin() as connection:
        STEPS[0](connection)
        for index in ("transactions_began", "transactions_matched"):
            on = " ON transactions" if engine.dialect.name == "mysql" else ""
            connection.execute(text(f"DROP INDEX {index}{on}"))
    with engine.begin() as connection:
        assert migrate(connection, NOW, 1) == 0
    with engine.begin() as connection:
        assert migrate(connection, NOW, 1) == VERSION
    indexes = description(engine)["transactions"]["indexes"]
    assert {"transactions_began", "transactions_matched"} <= set(indexes)
    engine.dispose()


def test_a_table_of_another_program_is_not_taken_for_ours(address: str) -> None:
    engine = connect(parse(address))
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE transactions (amount INTEGER)"))
    before = description(engine)
    with pytest.raises(LedgerUnavailable) as refused, engine.begin() as connection:
        migrate(connection, NOW, 1)
    assert refused.value.cause is Cause.OCCUPIED
    assert description(engine) == before
    engine.dispose()
