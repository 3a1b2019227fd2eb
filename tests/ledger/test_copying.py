"""The books go over into another database as they are."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from custom_components.ocpp_charging.ledger import (
    Cause,
    ChargerRecord,
    Ledger,
    LedgerUnavailable,
    SessionFilter,
)
from custom_components.ocpp_charging.ledger.copying import continue_ids, copy_books
from custom_components.ocpp_charging.ledger.database import connect, parse
from custom_components.ocpp_charging.ledger.ids import begin_ids, next_id

from .books import at, opened, register, start, stop, url
from .conftest import DATABASES
from .server import DatabaseServer

NOW = datetime.now(UTC)
EVERYTHING = SessionFilter(refused=True)


@pytest.fixture(params=DATABASES)
def target(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of another empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'target.db'}"
    found: DatabaseServer = request.getfixturevalue(request.param)
    return found.new_database()


async def fill(ledger: Ledger) -> list[int]:
    """File sessions of two chargers; the last runs."""
    numbers = []
    for minutes in range(0, 600, 100):
        charger = f"CP{minutes // 100 % 2}"
        number = await ledger.open_transaction(start(minutes, charger=charger))
        numbers.append(number)
        ledger.record_registers(
            register(minutes + each, 1000 + 10 * each, number, charger=charger)
            for each in range(1, 60)
        )
        if minutes < 500:
            end = stop(number, minutes + 90, charger=charger)
            await ledger.close_transaction(end)
    await ledger.close_transaction(stop(-1, 700, charger="CP9"))
    for identity in ("CP0", "CP1"):
        ledger.save_charger(
            ChargerRecord(
                identity=identity, accepted=True, memory={"name": "Straße \N{BICYCLE}"}
            )
        )
    await ledger.flush()
    return numbers


async def test_everything_is_the_same_in_the_other_database(
    address: str, target: str
) -> None:
    ledger = await opened(address, central="one")
    numbers = await fill(ledger)
    other = await opened(address, central="two")
    await other.open_transaction(start(charger="CP0"))
    await other.close()
    sessions = await ledger.sessions(EVERYTHING)
    values = [await ledger.register_values(number) for number in numbers]
    chargers = await ledger.chargers()
    per_tag = await ledger.energy_per_tag()
    await ledger.close()
    # It was opened, and something was learned there already.
    ledger = await opened(target, central="one")
    ledger.save_charger(ChargerRecord(identity="CP0"))
    await ledger.close()

    assert copy_books(parse(address), parse(target), "one", NOW) == len(sessions)
    ledger = await opened(target, central="one")
    assert await ledger.sessions(EVERYTHING) == sessions
    assert [await ledger.register_values(number) for number in numbers] == values
    assert await ledger.chargers() == chargers
    assert await ledger.energy_per_tag() == per_tag
    # It goes on there: the same start is the same, a new one has a new id.
    assert await ledger.open_transaction(start(500, charger="CP1")) == numbers[-1]
    await ledger.close_transaction(stop(numbers[-1], 600, charger="CP1"))
    assert await ledger.open_transaction(start(1000)) > max(numbers) + 1
    await ledger.prune(at(10_000).at)
    await ledger.close()


async def test_what_is_there_is_never_overwritten(tmp_path: Path, target: str) -> None:
    source = await opened(url(tmp_path))
    await source.open_transaction(start())
    await source.close()
    other = await opened(target)
    number = await other.open_transaction(start(100))
    await other.close()
    with pytest.raises(LedgerUnavailable) as refused:
        copy_books(parse(url(tmp_path)), parse(target), "", NOW)
    assert refused.value.cause is Cause.OCCUPIED
    other = await opened(target)
    assert [each.id for each in await other.sessions()] == [number]
    await other.close()


async def test_ids_that_another_central_system_has_there_copy_nothing(
    tmp_path: Path, target: str
) -> None:
    source = await opened(url(tmp_path), central="one")
    numbers = await fill(source)
    await source.close()
    other = await opened(target, central="two")
    first = await other.open_transaction(start())
    for each in range(1, max(numbers) - first + 1):
        await other.open_transaction(start(each))
    await other.close()
    with pytest.raises(LedgerUnavailable) as refused:
        copy_books(parse(url(tmp_path)), parse(target), "one", NOW)
    assert refused.value.cause is Cause.OCCUPIED
    mine = await opened(target, central="one")
    assert await mine.sessions(EVERYTHING) == []
    await mine.close()


async def test_tables_that_are_not_of_this_version_are_not_copied(
    tmp_path: Path,
) -> None:
    ledger = await opened(url(tmp_path))
    await ledger.close()
    for pair in (("none.db", "ledger.db"), ("ledger.db", "none.db")):
        source, target = (parse(f"sqlite:///{tmp_path / name}") for name in pair)
        with pytest.raises(LedgerUnavailable, match="of version 0"):
            copy_books(source, target, "", NOW)


async def test_a_database_that_cannot_be_reached_copies_nothing(
    tmp_path: Path, server: DatabaseServer
) -> None:
    ledger = await opened(url(tmp_path))
    await ledger.close()
    nowhere = parse(server.new_url("nowhere"))
    with pytest.raises(LedgerUnavailable) as refused:
        copy_books(parse(url(tmp_path)), nowhere, "", NOW)
    assert refused.value.cause is Cause.NO_DATABASE


async def test_ids_go_on_where_the_other_database_was(
    address: str, target: str
) -> None:
    for place in (address, target):
        ledger = await opened(place)
        await ledger.close()
    source = connect(parse(address))
    with source.begin() as connection:
        begin_ids(connection, 80_000_000)
        assert next_id(connection) == 80_000_000
    source.dispose()
    continue_ids(parse(address), parse(target), NOW)
    ledger = await opened(target)
    assert await ledger.open_transaction(start()) == 80_000_000
    await ledger.close()
    # Never backwards, nor where the other cannot be read.
    continue_ids(parse("sqlite:////no/such/folder/file.db"), parse(target), NOW)
    ledger = await opened(target)
    assert await ledger.open_transaction(start(100)) == 80_000_001
    await ledger.close()
