"""What should not happen, and what an error of a database means."""

import asyncio
import errno
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
    parse,
    unavailable,
)

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
    assert (await any_ledger.register_values(number))[-1] == (at(3).at, 1300)
    assert any_ledger.waiting == 0
    assert caplog.text.count("cannot be filed and is lost") == 2


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
    (_sqlite(sqlite3.SQLITE_CANTOPEN), Cause.UNREACHABLE),
    (_sqlite(sqlite3.SQLITE_IOERR_READ), Cause.OTHER),
    (_sqlite(sqlite3.SQLITE_READONLY), Cause.OTHER),
    (_sqlite(sqlite3.SQLITE_ERROR), None),
    (sqlite3.ProgrammingError("without a code"), None),
    (OSError(errno.ENOSPC, "full"), Cause.DISK_FULL),
    (OSError(errno.EACCES, "no"), Cause.OTHER),
    (LedgerUnavailable(Cause.NEWER), Cause.NEWER),
    (exc.TimeoutError(), Cause.LOCKED),
    (ValueError(), None),
    (_wrapped(exc.OperationalError, _Error(sqlstate="53100")), Cause.DISK_FULL),
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
    (_wrapped(exc.InternalError, _Error(1034, "key")), Cause.DAMAGED),
]


@pytest.mark.parametrize(("error", "cause"), MEANINGS, ids=str)
def test_errors_mean_what_their_owner_can_act_on(
    error: BaseException, cause: Cause | None, tmp_path: Any
) -> None:
    found = unavailable(error, file_url(tmp_path / "ledger.db"))
    assert (found and found.cause) == cause


@pytest.mark.parametrize(
    ("address", "driver"),
    [
        ("postgresql://u:p@h/d", "postgresql+psycopg"),
        ("postgres://u:p@h/d", "postgresql+psycopg"),
        ("mysql://u:p@h/d", "mysql+pymysql"),
        ("mariadb://u:p@h/d", "mariadb+pymysql"),
        ("postgresql+psycopg2://u:p@h/d", "postgresql+psycopg2"),
        ("sqlite:///file.db", "sqlite"),
    ],
)
def test_the_driver_is_the_documented_one(address: str, driver: str) -> None:
    assert parse(address).drivername == driver


def test_a_driver_that_is_not_installed_is_told() -> None:
    with pytest.raises(LedgerUnavailable, match="driver is missing"):
        connect(parse("mariadb+mariadbconnector://u:p@h/d"))
