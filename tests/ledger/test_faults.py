"""Real faults: a full disk, a lock, damage, a server that is gone.

A transaction is then refused, so that the charger keeps it and tells it again; what
need not be answered waits and is written when the cause is gone, without help.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import closing
import os
from pathlib import Path
import signal
import sqlite3
import subprocess
import sys
from typing import Any

import pytest

from custom_components.ocpp_charging.ledger import (
    Cause,
    ChargerRecord,
    Ledger,
    LedgerUnavailable,
    Opening,
    SessionFilter,
    SessionState,
    writer,
)
from custom_components.ocpp_charging.ledger.backlog import Backlog
from custom_components.ocpp_charging.ledger.database import BUSY_S
from custom_components.ocpp_charging.ledger.rescue import MARGIN

from .books import opened, register, start, stop, url
from .server import DatabaseServer, wait_for_port_to_close


class Health:
    """Waits for what a ledger says of its health."""

    def __init__(self, ledger: Ledger) -> None:
        self.causes: list[Cause | None] = []
        self._changed = asyncio.Event()
        ledger.listen(self._note)

    def _note(self, problem: LedgerUnavailable | None) -> None:
        self.causes.append(None if problem is None else problem.cause)
        self._changed.set()

    async def until(self, cause: Cause | None) -> None:
        async with asyncio.timeout(30):
            while not self.causes or self.causes[-1] is not cause:
                self._changed.clear()
                await self._changed.wait()


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the writer try again sooner."""
    monkeypatch.setattr(writer, "RETRY_S", 0.2)
    monkeypatch.setattr(writer, "DELAY_S", 0.2)


# A full disk


@pytest.fixture
def small_disk(tmp_path: Path) -> Generator[Path]:
    """Return a folder on a file system of 1 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder],
        check=False,
        capture_output=True,
    )
    if mounted.returncode:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def fill(folder: Path) -> Path:
    """Write a file until the file system is full."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            return ballast


async def test_a_full_disk_refuses_and_room_on_it_is_used(small_disk: Path) -> None:
    ledger = await opened(url(small_disk))
    health = Health(ledger)
    number = await ledger.open_transaction(start())
    ballast = fill(small_disk)
    filed = await fill_up(ledger)
    assert ledger.health is not None
    assert ledger.health.cause is Cause.DISK_FULL
    # What is filed can still be read.
    assert len(await ledger.sessions()) == 1 + filed
    ledger.record_registers([register(5, 2000, number)])
    with pytest.raises(LedgerUnavailable):
        await ledger.close_transaction(stop(number))
    running = await ledger.session(number)
    assert running is not None
    assert running.state is SessionState.RUNNING

    ballast.unlink()
    await health.until(None)
    assert [each[1] for each in await ledger.register_values(number)] == [2000]
    assert (await ledger.close_transaction(stop(number))).energy_wh == 7000
    assert health.causes == [Cause.DISK_FULL, None]
    await ledger.close()


async def fill_up(ledger: Ledger) -> int:
    """File sessions of other chargers until it is refused; return how many."""
    for count in range(10_000):
        try:
            await ledger.open_transaction(start(count, charger=f"CP{count + 2}"))
        except LedgerUnavailable:
            return count
    pytest.fail("the disk was never full")


async def test_a_disk_that_is_full_from_the_beginning_is_told(
    small_disk: Path,
) -> None:
    fill(small_disk)
    ledger = Ledger(url(small_disk))
    with pytest.raises(LedgerUnavailable) as refused:
        await ledger.open()
    assert refused.value.cause is Cause.DISK_FULL
    await ledger.close()


LIMITED = """
import asyncio, resource, sys
from custom_components.ocpp_charging.ledger import Ledger, LedgerUnavailable
from tests.ledger.books import start, url

async def main():
    ledger = Ledger(sys.argv[1])
    await ledger.open()
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
    for count in range(5000):
        try:
            await ledger.open_transaction(start(count))
        except LedgerUnavailable as error:
            print(count, error.cause.value)
            break
    print(len(await ledger.sessions()))

asyncio.run(main())
"""


def test_a_quota_refuses_and_loses_nothing_that_was_answered(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, url(tmp_path)],
        check=True,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        timeout=50,
    )
    answered, _cause = done.stdout.splitlines()[0].split()
    assert int(answered) > 0
    assert done.stdout.splitlines()[1] == answered


# A lock that another process holds

HOLD = """
import sqlite3, sys
file = sqlite3.connect(sys.argv[1], isolation_level=None)
file.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
async def hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[Callable[[], Awaitable[asyncio.subprocess.Process]]]:
    """Return how to have another process lock the database."""
    monkeypatch.setattr(
        "custom_components.ocpp_charging.ledger.database.BUSY_S", BUSY_S / 20
    )
    holders: list[asyncio.subprocess.Process] = []

    async def lock() -> asyncio.subprocess.Process:
        holder = await asyncio.create_subprocess_exec(
            sys.executable, "-c", HOLD, tmp_path / "ledger.db",
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        holders.append(holder)
        assert holder.stdout is not None
        assert await holder.stdout.readline() == b"held\n"
        return holder

    yield lock
    for holder in holders:
        if holder.returncode is None:
            holder.kill()
        await holder.wait()


async def test_a_lock_refuses_until_it_is_released(tmp_path: Path, hold: Any) -> None:
    ledger = await opened(url(tmp_path))
    health = Health(ledger)
    number = await ledger.open_transaction(start())
    holder = await hold()
    with pytest.raises(LedgerUnavailable) as refused:
        await ledger.close_transaction(stop(number))
    assert refused.value.cause is Cause.LOCKED
    assert [each.id for each in await ledger.sessions()] == [number]
    ledger.record_registers([register(5, 2000, number)])

    holder.send_signal(signal.SIGKILL)
    await holder.wait()
    await health.until(None)
    assert len(await ledger.register_values(number)) == 1
    assert (await ledger.close_transaction(stop(number))).energy_wh == 7000
    await ledger.close()


async def test_a_short_lock_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = await opened(url(tmp_path))
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        waiting = asyncio.create_task(ledger.open_transaction(start()))
        await asyncio.sleep(0.1)
        assert not waiting.done()
        other.rollback()
        assert await waiting > 0
    assert ledger.health is None
    await ledger.close()


# A damaged file


async def filled(folder: Path, sessions: int = 150) -> list[int]:
    """Return the ids of sessions in a ledger that was closed."""
    ledger = await opened(url(folder))
    ledger.save_charger(ChargerRecord(identity="CP1", accepted=True))
    numbers = await asyncio.gather(
        *(ledger.open_transaction(start(100 * each)) for each in range(sessions))
    )
    for place, number in enumerate(numbers):
        ledger.record_registers([register(100 * place + 5, 2000, number)])
    await asyncio.gather(
        *(
            ledger.close_transaction(stop(number, 100 * place + 50))
            for place, number in enumerate(numbers[:-1])
        )
    )
    await ledger.close()
    return list(numbers)


def damage(file: Path, begin: int, length: int) -> None:
    with file.open("r+b") as opened_file:
        opened_file.seek(begin)
        opened_file.write(os.urandom(length))


@pytest.mark.parametrize("where", ["header", "early", "middle", "late", "short"])
async def test_a_damaged_file_is_set_aside_and_what_is_left_of_it_kept(
    tmp_path: Path, where: str
) -> None:
    numbers = await filled(tmp_path)
    file = tmp_path / "ledger.db"
    size = file.stat().st_size
    match where:
        case "header":
            damage(file, 0, 4096)
        case "early":
            damage(file, 9 * 4096, 4096)
        case "middle":
            damage(file, size // 2, 3 * 4096)
        case "late":
            damage(file, size - 2 * 4096, 4096)
        case "short":
            os.truncate(file, size - 4096 - 77)
    damaged = file.read_bytes()

    ledger = Ledger(url(tmp_path))
    opening = await ledger.open()
    assert opening.set_aside is not None
    assert opening.set_aside.name.startswith("ledger.db.damaged-")
    assert opening.set_aside.read_bytes() == damaged
    kept = await ledger.sessions(SessionFilter(refused=True))
    assert {each.id for each in kept} <= set(numbers)
    assert len(kept) == opening.salvaged
    if where != "header":
        assert len(kept) > 20
    number = await ledger.open_transaction(start(10**6))
    # Also where nothing of the old ones can be read.
    assert number > max(numbers)
    await ledger.close()
    with closing(sqlite3.connect(file)) as sound:
        assert sound.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert sound.execute("PRAGMA foreign_key_check").fetchone() is None


async def test_damage_in_an_index_costs_no_transaction(tmp_path: Path) -> None:
    numbers = await filled(tmp_path)
    file = tmp_path / "ledger.db"
    with closing(sqlite3.connect(file)) as sound:
        page = sound.execute(
            "SELECT rootpage FROM sqlite_schema WHERE name = 'transactions_began'"
        ).fetchone()[0]
    damage(file, (page - 1) * 4096, 4096)
    ledger = Ledger(url(tmp_path))
    opening = await ledger.open()
    assert opening.salvaged == len(numbers)
    running = await ledger.sessions(SessionFilter(state=SessionState.RUNNING))
    assert [each.id for each in running] == numbers[-1:]
    assert await ledger.open_transaction(start(10**6)) > max(numbers) + MARGIN - 1
    await ledger.close()


async def test_damage_while_it_runs_is_mended_without_a_restart(
    tmp_path: Path,
) -> None:
    ledger = await opened(url(tmp_path))
    openings: list[Opening] = []
    ledger.on_opening.append(openings.append)
    number = await ledger.open_transaction(start())
    await ledger.flush()
    file = tmp_path / "ledger.db"
    with closing(sqlite3.connect(file)) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    damage(file, 0, file.stat().st_size)
    after, causes = 0, set()
    for _ in range(5):
        try:
            after = await ledger.open_transaction(start(60))
            break
        except LedgerUnavailable as error:
            causes.add(error.cause)
    assert causes == {Cause.DAMAGED}
    assert after > number
    assert openings[0].set_aside is not None
    await ledger.close()


def delete(folder: Path) -> None:
    for file in folder.glob("ledger.db*"):
        file.unlink()


async def test_a_file_that_was_deleted_is_not_written_into_the_void(
    tmp_path: Path,
) -> None:
    ledger = await opened(url(tmp_path))
    number = await ledger.open_transaction(start())
    delete(tmp_path)
    second = await ledger.open_transaction(start(60))
    await ledger.close()
    assert second > number
    ledger = await opened(url(tmp_path))
    assert [each.id for each in await ledger.sessions()] == [second]
    await ledger.close()


# A server that is gone


async def test_a_stopped_server_refuses_until_it_is_back(
    server: DatabaseServer,
) -> None:
    ledger = await opened(server.new_database())
    health = Health(ledger)
    number = await ledger.open_transaction(start())
    server.stop()
    try:
        wait_for_port_to_close(server.port)
        with pytest.raises(LedgerUnavailable) as refused:
            await ledger.close_transaction(stop(number))
        assert refused.value.cause is Cause.UNREACHABLE
        with pytest.raises(LedgerUnavailable):
            await ledger.sessions()
        ledger.record_registers([register(5, 2000, number)])
        ledger.save_charger(ChargerRecord(identity="CP1", accepted=True))
        with pytest.raises(LedgerUnavailable):
            await ledger.flush()
        other = Ledger(server.new_url("any"))
        with pytest.raises(LedgerUnavailable):
            await other.open()
        await other.close()
    finally:
        server.start()
    await health.until(None)
    assert len(await ledger.register_values(number)) == 1
    assert [each.accepted for each in await ledger.chargers()] == [True]
    assert (await ledger.close_transaction(stop(number))).energy_wh == 7000
    assert await ledger.open_transaction(start(100)) > number
    await ledger.close()


async def test_a_server_that_is_down_at_first_is_opened_when_it_is_there(
    server: DatabaseServer,
) -> None:
    ledger = Ledger(server.new_database())
    health = Health(ledger)
    openings: list[Opening] = []
    ledger.on_opening.append(openings.append)
    server.stop()
    try:
        with pytest.raises(LedgerUnavailable):
            await ledger.open(keep_trying=True)
        assert ledger.health is not None
        for refused in (ledger.sessions(), ledger.open_transaction(start())):
            with pytest.raises(LedgerUnavailable) as told:
                await refused
            assert told.value.cause is Cause.UNREACHABLE
        ledger.record_registers([register(5, 2000, 77)])
        assert not ledger.is_open
    finally:
        server.start()
    await health.until(None)
    assert ledger.is_open
    assert [each.created for each in openings] == [True]
    assert await ledger.open_transaction(start()) > 0
    await ledger.close()
    with pytest.raises(LedgerUnavailable):
        await ledger.sessions()


async def test_a_wrong_password_is_told_and_not_repeated(
    server: DatabaseServer,
) -> None:
    name = server.new_database().rpartition("/")[2]
    ledger = Ledger(server.new_url(name, password="my-secret"))
    with pytest.raises(LedgerUnavailable) as refused:
        await ledger.open()
    assert refused.value.cause is Cause.REFUSED
    assert "my-secret" not in str(refused.value)
    await ledger.close()


async def test_a_database_that_is_not_there_is_told(server: DatabaseServer) -> None:
    ledger = Ledger(server.new_url("nowhere"))
    with pytest.raises(LedgerUnavailable) as refused:
        await ledger.open()
    assert refused.value.cause is Cause.NO_DATABASE
    await ledger.close()


# What waits


async def test_closing_while_it_cannot_be_written_says_what_is_lost(
    tmp_path: Path, hold: Any
) -> None:
    ledger = await opened(url(tmp_path))
    await hold()
    ledger.record_registers([register(5, 2000, None)])
    with pytest.raises(LedgerUnavailable) as lost:
        await ledger.close()
    assert lost.value.cause is Cause.LOCKED


def test_what_waits_is_bounded_and_what_is_lost_counted() -> None:
    backlog = Backlog(limit=100)
    backlog.add_registers(register(minutes, minutes, 1) for minutes in range(150))
    assert (len(backlog), backlog.dropped) == (100, 50)
    portion = backlog.take(60)
    assert min(each.wh for each in portion.registers.values()) == 50
    backlog.add_registers([register(109.5, 7, 1), register(200, 200, 1)])
    backlog.put_back(portion)
    assert (len(backlog), backlog.dropped) == (100, 51)
    taken = backlog.take(1000)
    assert not backlog
    # Of the minute that was taken and came again, the later value.
    assert 7 in {each.wh for each in taken.registers.values()}


async def test_a_crash_while_a_damaged_file_is_set_aside_loses_nothing(
    tmp_path: Path,
) -> None:
    numbers = await filled(tmp_path)
    file = tmp_path / "ledger.db"
    file.rename(file.with_name("ledger.db.damaged-20260501T000000Z"))
    file.touch()
    ledger = Ledger(url(tmp_path))
    opening = await ledger.open()
    assert (opening.created, opening.salvaged) == (True, len(numbers))
    assert await ledger.open_transaction(start(10**6)) > max(numbers)
    await ledger.close()
    ledger = Ledger(url(tmp_path))
    assert (await ledger.open()).set_aside is None
    await ledger.close()
