"""What the central system has kept, and what it finds after a restart."""

import asyncio
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
import json
from pathlib import Path
import sqlite3
from typing import Any

import pytest

from custom_components.ocpp_charging.csms.model import (
    ChargerInfo,
    ChargerMemory,
    Features,
    InstalledProfile,
    RateUnit,
    RegisterValue,
    Transaction,
)
from custom_components.ocpp_charging.ledger import (
    LedgerUnavailable,
    SessionFilter,
    SessionState,
)
from custom_components.ocpp_charging.ledger_journal import LedgerJournal, file_database
from custom_components.ocpp_charging.ledger_recall import MAX_RECENT
from tests.ledger.conftest import (  # noqa: F401 - fixtures
    postgresql,
    postgresql_server,
)
from tests.ledger.server import PostgreSQL

NOW = datetime.now(UTC).replace(microsecond=0)
BEGIN = NOW - timedelta(hours=2)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return file_database(tmp_path / "made", "ledger.db")


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "custom_components.ocpp_charging.ledger_memories.SAVE_DELAY_S", 0
    )


def transaction(minutes: float = 0, **changes: Any) -> Transaction:
    values = {
        "transaction_id": 0,
        "connector_id": 1,
        "id_tag": "TAG",
        "started_at": BEGIN + timedelta(minutes=minutes),
        "meter_start_wh": 1000,
    }
    return Transaction(**{**values, **changes})


def ended(begun: Transaction, number: int, minutes: float = 60) -> Transaction:
    return replace(
        begun,
        transaction_id=number,
        ended_at=BEGIN + timedelta(minutes=minutes),
        meter_stop_wh=8000,
        stop_reason="EVDisconnected",
    )


async def loaded(url: str) -> LedgerJournal:
    journal = LedgerJournal(url, central="entry")
    await journal.async_load()
    return journal


def registers(journal: LedgerJournal, number: int | None, *values: float) -> None:
    for minute, wh in enumerate(values, 1):
        at = BEGIN + timedelta(minutes=minute)
        journal.record_register("CP1", 1, number, RegisterValue(at=at, wh=wh))


async def test_a_memory_is_the_same_after_a_restart(url: str) -> None:
    memory = ChargerMemory(
        info=ChargerInfo(vendor="V", firmware="1.2"),
        accepted=True,
        features=Features(
            profiles=frozenset({"Core", "SmartCharging"}),
            connectors=2,
            rate_units=frozenset({RateUnit.WATT}),
        ),
        limits_a={1: 16.0},
        profiles={7: InstalledProfile(connector_id=1, payload={"stackLevel": 0})},
        fatal_steps={"read": 1},
        answers_pings=True,
    )
    journal = await loaded(url)
    journal.remember("CP1", memory)
    journal.remember("CP2", ChargerMemory())
    await journal.async_close()
    journal = await loaded(url)
    assert journal.identities == {"CP1", "CP2"}
    assert journal.memory("CP1") == memory
    assert journal.memory("never heard of") == ChargerMemory()
    (record, _) = await journal.ledger.chargers()
    assert (record.accepted, record.info["vendor"]) == (True, "V")
    assert record.features["connectors"] == 2
    await journal.async_close()


async def test_what_changes_is_written_by_itself(url: str) -> None:
    journal = await loaded(url)
    for number in range(25):
        journal.remember(f"CP{number}", ChargerMemory(accepted=True))
    async with asyncio.timeout(20):
        while journal.ledger.waiting < 25:  # noqa: ASYNC110 - the loop's own turns
            await asyncio.sleep(0)
    await journal.ledger.flush()
    assert len(await journal.ledger.chargers()) == 25
    await journal.async_close()


async def test_a_running_session_is_where_it_was_after_a_restart(url: str) -> None:
    journal = await loaded(url)
    begun = transaction()
    number = await journal.open_transaction("CP1", begun)
    registers(journal, number, 1100, 1250.4)
    await journal.async_close()

    journal = await loaded(url)
    assert journal.memory("CP1").transactions == {
        number: replace(begun, transaction_id=number, energy_wh=250.0)
    }
    # The charger repeats its start, since it never had the answer.
    assert await journal.open_transaction("CP1", begun) == number
    await journal.async_close()


async def test_the_ledger_knows_better_than_a_memory_that_was_written_before(
    url: str,
) -> None:
    journal = await loaded(url)
    begun = transaction()
    number = await journal.open_transaction("CP1", begun)
    memory = ChargerMemory()
    memory.transactions[number] = replace(
        begun, transaction_id=number, session_relative=True
    )
    journal.remember("CP1", memory)
    await journal.async_flush()
    await journal.close_transaction("CP1", ended(begun, number))
    await journal.async_close()

    journal = await loaded(url)
    (kept,) = journal.memory("CP1").transactions.values()
    assert kept == replace(
        ended(begun, number), energy_wh=7000.0, session_relative=True
    )
    await journal.async_close()


async def test_the_energy_that_was_measured_is_not_lost_for_a_remembered_session(
    url: str,
) -> None:
    journal = await loaded(url)
    number = await journal.open_transaction("CP1", transaction())
    memory = ChargerMemory()
    memory.transactions[number] = transaction(transaction_id=number, energy_wh=100.0)
    journal.remember("CP1", memory)
    registers(journal, number, 1100, 1400)
    await journal.async_close()
    journal = await loaded(url)
    assert journal.memory("CP1").transactions[number].energy_wh == 400.0
    await journal.async_close()


async def test_of_what_has_ended_the_latest_are_remembered(url: str) -> None:
    journal = await loaded(url)
    journal.remember("CP1", ChargerMemory())
    numbers = []
    for hour in range(MAX_RECENT + 4):
        begun = transaction(-60 * hour)
        number = await journal.open_transaction("CP1", begun)
        numbers.append(number)
        await journal.close_transaction("CP1", ended(begun, number, 50 - 60 * hour))
    old = transaction(-60 * 24 * 30, connector_id=2)
    number = await journal.open_transaction("CP1", old)
    await journal.close_transaction("CP1", ended(old, number, 50 - 60 * 24 * 30))
    await journal.async_close()
    journal = await loaded(url)
    assert set(journal.memory("CP1").transactions) == set(numbers[:MAX_RECENT])
    await journal.async_close()


async def test_a_damaged_memory_is_left_out_as_far_as_it_is(
    url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    journal = await loaded(url)
    memory = ChargerMemory(accepted=True, info=ChargerInfo(vendor="V"))
    for identity in ("CP1", "CP2"):
        journal.remember(identity, memory)
    await journal.async_close()
    with closing(sqlite3.connect(tmp_path / "made" / "ledger.db")) as file:
        file.execute(
            "UPDATE chargers SET memory = ? WHERE identity = 'CP1'",
            (json.dumps({"limits_a": "?"}),),
        )
        file.execute(
            "UPDATE chargers SET memory = '[]', info = '[1]' WHERE identity = 'CP2'"
        )
        file.commit()
    journal = await loaded(url)
    assert journal.memory("CP1") == memory
    assert journal.memory("CP2") == ChargerMemory(accepted=True)
    assert caplog.text.count("is damaged and left out") == 2
    await journal.async_close()


async def test_a_session_that_was_found_running_is_filed_and_ended(url: str) -> None:
    journal = await loaded(url)
    adopted = transaction(
        transaction_id=4711, id_tag=None, meter_start_wh=1100, energy_wh=5.0
    )
    memory = ChargerMemory(transactions={4711: adopted})
    journal.remember("CP1", memory)
    registers(journal, 4711, 1100, 1200)
    await journal.async_flush()
    (running,) = await journal.ledger.sessions()
    assert running.charger_transaction_id == 4711
    assert running.state is SessionState.RUNNING
    assert running.energy_wh == 100
    await journal.async_close()

    journal = await loaded(url)
    assert journal.memory("CP1").transactions == {4711: adopted}
    journal.remember("CP1", journal.memory("CP1"))
    for _ in range(2):
        await journal.close_transaction("CP1", ended(adopted, 4711))
    (session,) = await journal.ledger.sessions()
    assert (session.id, session.energy_wh) == (running.id, 6900)
    assert session.id != 4711
    await journal.async_close()


async def test_a_session_that_was_found_and_ended_at_once_is_filed_once(
    url: str,
) -> None:
    journal = await loaded(url)
    adopted = transaction(transaction_id=4711, id_tag=None, meter_start_wh=None)
    journal.remember("CP1", ChargerMemory(transactions={4711: adopted}))
    await journal.close_transaction("CP1", ended(adopted, 4711))
    await journal.async_flush()
    (session,) = await journal.ledger.sessions()
    assert session.state is SessionState.ENDED
    await journal.async_close()


async def test_an_id_that_a_charger_brought_along_is_not_given_to_it(
    url: str,
) -> None:
    journal = await loaded(url)
    first = await journal.open_transaction("CP1", transaction())
    brought = first + 1
    journal.memory("CP1").transactions[brought] = transaction(
        transaction_id=brought, id_tag=None
    )
    second = await journal.open_transaction("CP1", transaction(10, connector_id=2))
    assert second not in {first, brought}
    await journal.async_close()


async def test_a_number_that_is_another_chargers_id_is_not_its_session(
    url: str,
) -> None:
    journal = await loaded(url)
    number = await journal.open_transaction("CP1", transaction())
    theirs = transaction(transaction_id=number, id_tag="OTHER", connector_id=2)
    journal.remember("CP2", ChargerMemory(transactions={number: theirs}))
    await journal.async_close()
    journal = await loaded(url)
    assert journal.memory("CP1").transactions[number].id_tag == "TAG"
    assert journal.memory("CP2").transactions == {number: theirs}
    await journal.async_close()


async def test_forgetting_leaves_the_history_unless_it_goes_too(url: str) -> None:
    journal = await loaded(url)
    number = await journal.open_transaction("CP1", transaction())
    journal.remember("CP1", ChargerMemory(accepted=True))
    await journal.async_flush()
    journal.forget("CP1")
    await journal.async_flush()
    assert journal.identities == set()
    await journal.async_close()

    journal = await loaded(url)
    assert journal.identities == set()
    (session,) = await journal.ledger.sessions()
    assert (session.id, session.state) == (number, SessionState.ENDED)
    journal.forget("CP1", history=True)
    await journal.async_flush()
    assert await journal.ledger.sessions() == []
    assert await journal.open_transaction("CP1", transaction()) > number
    await journal.async_close()


async def test_what_cannot_be_forgotten_now_is_forgotten_later(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("custom_components.ocpp_charging.ledger.database.BUSY_S", 0.05)
    journal = await loaded(url)
    journal.remember("CP1", ChargerMemory(accepted=True))
    journal.remember("CP2", ChargerMemory(accepted=True))
    await journal.async_flush()
    with closing(sqlite3.connect(tmp_path / "made" / "ledger.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        journal.forget("CP1")
        journal.forget("CP2")
        with pytest.raises(OSError, match="locked"):
            await journal.async_flush()
        with pytest.raises(OSError, match="locked"):
            await journal.open_transaction("CP3", transaction())
    # One of them was added again meanwhile.
    journal.remember("CP2", ChargerMemory(answers_pings=True))
    await journal.async_flush()
    assert [each.identity for each in await journal.ledger.chargers()] == ["CP2"]
    await journal.async_close()


async def test_times_are_corrected_by_a_clock_that_is_wrong(url: str) -> None:
    journal = await loaded(url)
    journal.note_clock("CP1", 7199.6)
    journal.note_clock("CP2", 3.0)
    for identity in ("CP1", "CP2"):
        await journal.open_transaction(identity, transaction())
    found = {each.charger: each for each in await journal.ledger.sessions()}
    assert found["CP1"].started_at == BEGIN - timedelta(hours=2)
    assert found["CP1"].raw_started_at == BEGIN
    assert found["CP2"].started_at == BEGIN
    # After a restart the charger's own time counts again.
    await journal.async_close()
    journal = await loaded(url)
    (kept,) = journal.memory("CP1").transactions.values()
    assert kept.started_at == BEGIN
    await journal.async_close()


async def test_a_stop_of_an_unknown_id_ends_what_it_can_only_belong_to(
    url: str,
) -> None:
    journal = await loaded(url)
    number = await journal.open_transaction("CP1", transaction())
    told: dict[str, Any] = {
        "transaction_id": -1,
        "at": BEGIN + timedelta(hours=1),
        "meter_stop_wh": 4000,
        "reason": None,
    }
    assert await journal.file_stop("CP1", **told, id_tag="OTHER") is None
    told["at"] += timedelta(minutes=1)
    assert await journal.file_stop("CP1", **told, id_tag="TAG") == number
    orphans = await journal.ledger.sessions(SessionFilter(state=SessionState.ORPHAN))
    assert len(orphans) == 1
    # What came with it tells what an orphan took.
    told["at"] += timedelta(minutes=1)
    values = [
        RegisterValue(at=BEGIN + timedelta(minutes=40), wh=3000.4),
        RegisterValue(at=told["at"], wh=4000.0),
    ]
    orphan = await journal.file_stop("CP9", **told, id_tag="TAG", registers=values)
    assert orphan is None
    (session,) = await journal.ledger.sessions(SessionFilter(charger="CP9"))
    assert session.energy_wh == 1000
    await journal.async_close()


async def test_removing_deletes_the_file(tmp_path: Path) -> None:
    url = file_database(tmp_path / "made", "ledger of entry.db")
    journal = await loaded(url)
    await journal.open_transaction("CP1", transaction())
    await journal.async_close()
    await LedgerJournal(url, central="entry").async_remove()
    assert list((tmp_path / "made").iterdir()) == []
    await LedgerJournal(url, central="entry").async_remove()


async def test_removing_leaves_others_on_the_server(
    postgresql: PostgreSQL,  # noqa: F811
) -> None:
    address = postgresql.new_database()
    journal = await loaded(address)
    await journal.open_transaction("CP1", transaction())
    journal.remember("CP1", ChargerMemory(accepted=True))
    await journal.async_close()
    other = LedgerJournal(address, central="other")
    await other.async_load()
    assert other.identities == set()
    await other.open_transaction("CP1", transaction())
    await LedgerJournal(address, central="entry").async_remove()
    assert len(await other.ledger.sessions()) == 1
    await other.async_close()
    journal = await loaded(address)
    assert journal.identities == set()
    assert await journal.ledger.sessions() == []
    await journal.async_close()


async def test_a_database_that_cannot_be_opened_keeps_nothing_unread(
    tmp_path: Path,
) -> None:
    """Whether a transaction is known already cannot be told."""
    (tmp_path / "a file").write_text("in the way")
    url = file_database(tmp_path / "a file", "ledger.db")
    journal = LedgerJournal(url, central="entry")
    assert not await journal.async_load()
    journal.remember("CP1", ChargerMemory(accepted=True))
    told: dict[str, Any] = {
        "transaction_id": 7,
        "at": BEGIN,
        "meter_stop_wh": None,
        "reason": None,
        "id_tag": None,
    }
    for refused in (
        journal.open_transaction("CP1", transaction()),
        journal.close_transaction("CP1", ended(transaction(), 7)),
        journal.file_stop("CP1", **told),
    ):
        with pytest.raises(LedgerUnavailable):
            await refused
    await journal.async_close()
    await journal.async_close()


async def test_nothing_is_kept_before_it_is_known_what_is_kept(url: str) -> None:
    """The database is there already, and what is in it not read yet."""
    journal = LedgerJournal(url, central="entry")
    await journal.ledger.open()
    for refused in (
        journal.open_transaction("CP1", transaction()),
        journal.close_transaction("CP1", ended(transaction(), 7)),
    ):
        with pytest.raises(LedgerUnavailable, match="not read yet"):
            await refused
    journal.remember("CP1", ChargerMemory(accepted=True))
    await journal.async_flush()
    assert await journal.ledger.chargers() == []
    assert await journal.ledger.sessions() == []
    await journal.async_close()


@pytest.fixture
async def late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Late:
    """Return what has a journal loaded only after something was learned."""
    monkeypatch.setattr("custom_components.ocpp_charging.ledger.writer.RETRY_S", 0.05)
    return Late(tmp_path / "made")


class Late:
    """A ledger whose folder is a file in the way until `open`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._aside = folder.with_name("aside")
        self.url = file_database(folder, "ledger.db")

    async def load(self) -> LedgerJournal:
        if self._folder.exists():
            self._folder.rename(self._aside)
        self._folder.write_text("in the way")
        journal = LedgerJournal(self.url, central="entry")
        assert not await journal.async_load()
        return journal

    async def open(self, journal: LedgerJournal) -> None:
        loaded = asyncio.Event()
        journal.on_loaded.append(loaded.set)
        self._folder.unlink()
        self._aside.rename(self._folder)
        async with asyncio.timeout(30):
            await loaded.wait()


async def test_what_was_learned_meanwhile_counts_and_nothing_learned_is_no_news(
    late: Late,
) -> None:
    journal = await loaded(late.url)
    memory = ChargerMemory(
        info=ChargerInfo(vendor="V", serial="SN", firmware="1"),
        accepted=True,
        features=Features(
            connectors=2, profiles=frozenset({"Core"}), measurands=("Power",)
        ),
        limits_a={1: 10.0, 2: 16.0},
        fatal_steps={"read": 2},
        answers_pings=True,
    )
    journal.remember("CP1", memory)
    journal.remember("CP2", replace(memory, limits_a={1: 6.0}))
    journal.remember("CP3", memory)
    await journal.async_close()

    journal = await late.load()
    journal.remember(
        "CP1",
        ChargerMemory(
            info=ChargerInfo(vendor="V", firmware="1"),
            features=Features(connectors=1, max_periods=5),
            limits_a={1: 13.0},
        ),
    )
    journal.remember("CP2", ChargerMemory(info=ChargerInfo(firmware="2")))
    journal.forget("CP3")
    journal.remember("CP4", ChargerMemory(accepted=True))
    await late.open(journal)
    assert "CP3" not in journal.identities
    await journal.async_flush()
    await journal.async_close()

    journal = await loaded(late.url)
    assert journal.identities == {"CP1", "CP2", "CP4"}
    assert journal.memory("CP1") == replace(
        memory,
        features=replace(memory.features, max_periods=5),
        limits_a={1: 13.0, 2: 16.0},
    )
    # Its firmware is new: what the old one died of it need not.
    renewed = journal.memory("CP2")
    assert renewed.info == ChargerInfo(vendor="V", serial="SN", firmware="2")
    assert (renewed.fatal_steps, renewed.answers_pings) == ({}, False)
    assert renewed.features.measurands is None
    assert renewed.limits_a == {1: 6.0}
    await journal.async_close()


async def test_a_number_that_was_found_meanwhile_is_the_session_that_it_is(
    late: Late,
) -> None:
    journal = await loaded(late.url)
    begun = transaction()
    number = await journal.open_transaction("CP1", begun)
    other = await journal.open_transaction("CP2", transaction(5))
    await journal.async_close()

    journal = await late.load()
    found = transaction(
        60, transaction_id=number, id_tag=None, meter_start_wh=4000, energy_wh=50.0
    )
    # The second charger's own number happens to be an id of the first one's.
    theirs = replace(found, connector_id=2)
    journal.remember("CP1", ChargerMemory(transactions={number: found}))
    journal.remember("CP2", ChargerMemory(transactions={number: theirs}))
    registers(journal, number, 1100, 4050)
    await late.open(journal)
    running = journal.memory("CP1").transactions
    assert list(running) == [number]
    assert (running[number].id_tag, running[number].meter_start_wh) == ("TAG", 1000)
    assert set(journal.memory("CP2").transactions) == {number, other}
    await journal.async_flush()
    kept = await journal.ledger.sessions()
    assert [(each.charger, each.id) for each in kept][:2] == [
        ("CP1", number),
        ("CP2", other),
    ]
    assert [each.charger_transaction_id for each in kept[2:]] == [number]
    # It is ended, and told again.
    for _ in range(2):
        await journal.close_transaction("CP1", ended(running[number], number))
    assert await journal.open_transaction("CP1", begun) == number
    session = await journal.ledger.session(number)
    assert session is not None
    assert session.energy_wh == 7000
    await journal.async_close()


async def test_what_is_held_of_a_charger_does_not_grow_with_its_sessions(
    url: str,
) -> None:
    journal = await loaded(url)
    memory = journal.memory("CP1")
    numbers = []
    for minutes in range(20):
        begun = transaction(minutes)
        number = await journal.open_transaction("CP1", begun)
        stopped = ended(begun, number, minutes + 1)
        memory.transactions = {number: stopped}
        await journal.close_transaction("CP1", stopped)
        journal.remember("CP1", memory)
        await journal.async_flush()
        numbers.append(number)
    held = [each for each in numbers if journal._memories.is_ours("CP1", each)]
    assert held == numbers[-1:]
    assert not any(journal._memories.is_found("CP1", each) for each in numbers)
    await journal.async_close()


async def test_what_is_said_after_the_end_starts_nothing_that_is_left_behind(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A timer that is left behind is found when the test has ended.
    monkeypatch.setattr(
        "custom_components.ocpp_charging.ledger_memories.SAVE_DELAY_S", 60
    )
    journal = await loaded(url)
    begun = transaction()
    number = await journal.open_transaction("cp1", begun)
    await journal.async_close()
    late = replace(begun, transaction_id=number)
    journal.remember("cp1", ChargerMemory(transactions={number: late}))
    again = await loaded(url)
    assert set(again.memory("cp1").transactions) == {number}
    await again.async_close()


async def test_a_limit_is_kept_at_once_and_what_a_charger_says_soon(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "custom_components.ocpp_charging.ledger_memories.SAVE_DELAY_S", 60
    )
    journal = await loaded(url)
    journal.remember("CP1", ChargerMemory(limits_a={1: 10.0}))
    # Nobody ends it in order, as when it is killed.
    await journal.ledger.flush()
    again = await loaded(url)
    assert again.memory("CP1").limits_a == {1: 10.0}
    await again.async_close()
    await journal.async_close()
