"""What should not happen, and what an error of a database means."""

import asyncio
import errno
import importlib.util
import sqlite3
from typing import Any

import pytest
from sqlalchemy import exc

from custom_components.ocpp_charging.ledger import (
    Cause,
    ChargerRecord,
    Ledger,
    LedgerUnavailable,
)
from custom_components.ocpp_charging.ledger.database import (
    connect,
    file_url,
    fill_secrets,
    hide_secrets,
    is_same,
    parse,
    read,
)
from custom_components.ocpp_charging.ledger.faults import unavailable

from .books import at, register, start, stop

HUGE = 2**80


async def test_what_cannot_be_filed_refuses_nothing_else(
    any_ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    wrong, right = await asyncio.gather(
        any_ledger.open_transaction(start(connector=HUGE, id_tag="a secret tag")),
        any_ledger.open_transaction(start(60)),
        return_exceptions=True,
    )
    assert isinstance(wrong, LedgerUnavailable)
    assert wrong.cause is Cause.OTHER
    assert [each.id for each in await any_ledger.sessions()] == [right]
    assert any_ledger.health is None
    assert "could not be filed" in caplog.text
    assert "a secret tag" not in caplog.text


async def test_what_cannot_be_filed_keeps_nothing_else_waiting(
    any_ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    any_ledger.save_charger(ChargerRecord(identity="CP1", memory={"no": object()}))
    any_ledger.save_charger(ChargerRecord(identity="CP2"))
    number = await any_ledger.open_transaction(start())
    any_ledger.record_registers(
        [register(1, 1100, number), register(2, 1200, number, connector=HUGE)]
    )
    await any_ledger.flush()
    any_ledger.record_registers([register(3, 1300, number)])
    await any_ledger.flush()
    assert [each.identity for each in await any_ledger.chargers()] == ["CP2"]
    values = await any_ledger.register_values(number)
    assert values[-1] == (at(3).at, 1300)
    assert (at(1).at, 1100) in values, "only the one that cannot be filed is lost"
    assert any_ledger.waiting == 0
    assert caplog.text.count("A register reading cannot be filed") == 1
    assert caplog.text.count("What was learned of a charger cannot be filed") == 1


async def test_numbers_beyond_all_reason_are_filed(any_ledger: Ledger) -> None:
    number = await any_ledger.open_transaction(start(meter_start_wh=-HUGE))
    assert await any_ledger.open_transaction(start(meter_start_wh=-HUGE)) == number
    any_ledger.record_registers([register(5, HUGE, number)])
    session = await any_ledger.close_transaction(stop(number, meter_stop_wh=HUGE))
    assert session.id == number
    orphan = await any_ledger.close_transaction(stop(HUGE, meter_stop_wh=-HUGE))
    again = await any_ledger.close_transaction(stop(HUGE, meter_stop_wh=-HUGE))
    assert again.id == orphan.id


class _Error(Exception):
    """An error of some driver."""

    def __init__(self, *arguments: object, **attributes: object) -> None:
        super().__init__(*arguments)
        self.__dict__.update(attributes)


def _wrapped(kind: type[exc.DBAPIError], original: BaseException) -> exc.DBAPIError:
    return kind("SELECT 1", {}, original)


def _sqlite(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("it says")
    error.sqlite_errorcode = code
    return error


MEANINGS: list[tuple[BaseException, Cause | None]] = [
    (_sqlite(sqlite3.SQLITE_FULL), Cause.DISK_FULL),
    (_sqlite(sqlite3.SQLITE_BUSY_SNAPSHOT), Cause.LOCKED),
    (_sqlite(sqlite3.SQLITE_LOCKED_SHAREDCACHE), Cause.LOCKED),
    (_sqlite(sqlite3.SQLITE_CORRUPT_INDEX), Cause.DAMAGED),
    (_sqlite(sqlite3.SQLITE_NOTADB), Cause.DAMAGED),
    (_sqlite(sqlite3.SQLITE_CANTOPEN), Cause.NO_RIGHTS),
    (_sqlite(sqlite3.SQLITE_IOERR_READ), Cause.OTHER),
    (_sqlite(sqlite3.SQLITE_READONLY_DBMOVED), Cause.NO_RIGHTS),
    (_sqlite(sqlite3.SQLITE_ERROR), None),
    (sqlite3.ProgrammingError("without a code"), None),
    (OSError(errno.ENOSPC, "full"), Cause.DISK_FULL),
    (OSError(errno.EACCES, "no"), Cause.NO_RIGHTS),
    (OSError(errno.EIO, "broken"), Cause.OTHER),
    (LedgerUnavailable(Cause.NEWER), Cause.NEWER),
    (exc.TimeoutError(), Cause.LOCKED),
    (ValueError(), None),
    (_wrapped(exc.OperationalError, _Error(sqlstate="53100")), Cause.DISK_FULL),
    (_wrapped(exc.OperationalError, _Error(sqlstate="53300")), Cause.UNREACHABLE),
    (_wrapped(exc.OperationalError, _Error(sqlstate="28P01")), Cause.REFUSED),
    (_wrapped(exc.OperationalError, _Error(sqlstate="3D000")), Cause.NO_DATABASE),
    (_wrapped(exc.ProgrammingError, _Error(sqlstate="42501")), Cause.NO_RIGHTS),
    (
        _wrapped(exc.OperationalError, _Error("no password supplied", pgcode=None)),
        Cause.REFUSED,
    ),
    (_wrapped(exc.OperationalError, _Error(sqlstate="55P03")), Cause.LOCKED),
    (_wrapped(exc.OperationalError, _Error(sqlstate="40P01")), Cause.LOCKED),
    (_wrapped(exc.OperationalError, _Error(sqlstate="57P01")), Cause.UNREACHABLE),
    (_wrapped(exc.OperationalError, _Error(sqlstate=None)), Cause.UNREACHABLE),
    (_wrapped(exc.InternalError, _Error(pgcode="XX001")), Cause.DAMAGED),
    (_wrapped(exc.OperationalError, _Error(sqlstate="99999")), Cause.OTHER),
    (_wrapped(exc.InterfaceError, _Error("closed")), Cause.UNREACHABLE),
    (_wrapped(exc.IntegrityError, _Error(sqlstate="23505")), None),
    (_wrapped(exc.OperationalError, _Error(1021, "full")), Cause.DISK_FULL),
    (_wrapped(exc.OperationalError, _Error(1205, "wait")), Cause.LOCKED),
    (_wrapped(exc.OperationalError, _Error(2013, "lost")), Cause.UNREACHABLE),
    (_wrapped(exc.OperationalError, _Error(1045, "denied")), Cause.REFUSED),
    (_wrapped(exc.OperationalError, _Error(1049, "none")), Cause.NO_DATABASE),
    (_wrapped(exc.OperationalError, _Error(1142, "denied")), Cause.NO_RIGHTS),
    (_wrapped(exc.InternalError, _Error(1034, "key")), Cause.DAMAGED),
]


@pytest.mark.parametrize(("error", "cause"), MEANINGS, ids=str)
def test_errors_mean_what_their_owner_can_act_on(
    error: BaseException, cause: Cause | None, tmp_path: Any
) -> None:
    found = unavailable(error, file_url(tmp_path / "ledger.db"))
    assert (found and found.cause) == cause


@pytest.mark.parametrize(
    ("address", "installed", "driver"),
    [
        ("postgresql://u:p@h/d", {"psycopg", "psycopg2"}, "postgresql+psycopg"),
        ("postgres://u:p@h/d", {"psycopg2"}, "postgresql+psycopg2"),
        ("postgresql://u:p@h/d", set(), "postgresql+psycopg"),
        ("mysql://u:p@h/d", {"MySQLdb", "pymysql"}, "mysql+mysqldb"),
        ("mariadb://u:p@h/d", {"pymysql"}, "mariadb+pymysql"),
        ("postgresql+psycopg2://u:p@h/d", {"psycopg"}, "postgresql+psycopg2"),
        ("sqlite:///file.db", set(), "sqlite"),
    ],
)
def test_the_driver_is_one_that_is_installed(
    monkeypatch: pytest.MonkeyPatch, address: str, installed: set[str], driver: str
) -> None:
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: name if name in installed else None
    )
    assert parse(address).drivername == driver


def test_a_driver_that_is_not_installed_is_told() -> None:
    with pytest.raises(LedgerUnavailable) as missing:
        connect(parse("mariadb+mariadbconnector://u:p@h/d"))
    assert missing.value.cause is Cause.DRIVER_MISSING


@pytest.mark.parametrize(
    ("address", "hidden"),
    [
        ("postgresql://u:top%40secret@h:1/d", "postgresql://u:***@h:1/d"),
        ("mysql://u@h/d", "mysql://u@h/d"),
        ("sqlite:////config/ledger.db", "sqlite:////config/ledger.db"),
        (
            "mysql://h/d?charset=utf8mb4&passwd=top@secret",
            "mysql://h/d?charset=utf8mb4&passwd=%2A%2A%2A",
        ),
    ],
)
def test_a_password_is_hidden_and_filled_in_again(address: str, hidden: str) -> None:
    known = read(address)
    shown = hide_secrets(known)
    assert shown == hidden
    assert fill_secrets(read(shown), known) == known
    assert fill_secrets(read(shown.replace("/d", "/e")), known).database != "d"


def test_a_password_that_an_error_repeats_is_not_told() -> None:
    error = _wrapped(exc.OperationalError, _Error(1045, "denied with top@secret now"))
    url = read("mysql://h/d?passwd=top@secret")
    told = unavailable(error, url)
    assert told is not None
    assert told.detail == "denied with *** now"


def test_what_is_no_address_is_refused_without_repeating_it() -> None:
    with pytest.raises(ValueError, match="not a database URL") as refused:
        parse("postgresql://u:secret@h:p@ss/d")
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("mysql://a:b@h/d", "mariadb+pymysql://c:d@h:3306/d?charset=utf8", True),
        ("postgresql://a:b@h/d", "postgresql://a:b@h:5433/d", False),
        ("sqlite:////a.db", "sqlite:////b.db", False),
    ],
)
def test_two_addresses_lead_to_the_same_database(
    one: str, other: str, same: bool
) -> None:
    assert is_same(read(one), read(other)) is same
