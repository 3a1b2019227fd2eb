"""The ledger's file: who may read it, and how it is copied while it is written to."""

import asyncio
from contextlib import closing
from pathlib import Path
import shutil
import sqlite3
import stat

from custom_components.ocpp_charging.ledger import Ledger

from .books import opened, register, start, stop, url


async def test_it_is_for_nobody_else_to_read(tmp_path: Path) -> None:
    ledger = await opened(url(tmp_path / "new" / "folder"))
    await ledger.open_transaction(start())
    modes = {
        file.name: stat.S_IMODE(file.stat().st_mode)
        for file in _files(tmp_path / "new" / "folder")
    }
    await ledger.close()
    assert modes
    assert set(modes.values()) == {0o600}


def _files(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def _work(ledger: Ledger, first: int, count: int) -> list[int]:
    """File sessions with many registers, some MiB of them."""
    numbers = []
    for turn in range(first, first + count):
        number = await ledger.open_transaction(start(1000 * turn))
        ledger.record_registers(
            register(1000 * turn + minute, 1000 + minute, number)
            for minute in range(900)
        )
        await ledger.close_transaction(stop(number, 1000 * turn + 950))
        numbers.append(number)
    await ledger.flush()
    return numbers


async def test_a_copy_that_is_made_meanwhile_is_sound(
    ledger: Ledger, tmp_path: Path
) -> None:
    before = await _work(ledger, 0, 5)
    await ledger.hold_file(held=True)
    main = (tmp_path / "ledger.db").read_bytes()
    during = asyncio.create_task(_work(ledger, 5, 25))
    copies: list[Path] = []
    while not during.done():
        folder = tmp_path / f"copy{len(copies)}"
        folder.mkdir()
        # As a backup does it: one file after the other, with others in between.
        for name in ("ledger.db", "ledger.db-wal"):
            await asyncio.to_thread(shutil.copy, tmp_path / name, folder)
            await asyncio.sleep(0.02)
        copies.append(folder / "ledger.db")
    assert await during
    assert (tmp_path / "ledger.db").read_bytes() == main
    for copy in copies:
        with closing(sqlite3.connect(copy)) as restored:
            assert restored.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            found = restored.execute("SELECT id FROM transactions").fetchall()
        assert {number for (number,) in found} >= set(before)

    await ledger.hold_file(held=False)
    await _work(ledger, 30, 5)
    assert (tmp_path / "ledger.db").read_bytes() != main


async def test_a_server_needs_no_holding(any_ledger: Ledger) -> None:
    await any_ledger.hold_file(held=True)
    assert await any_ledger.open_transaction(start()) > 0
    await any_ledger.hold_file(held=False)


async def test_many_more_callers_than_may_wait_are_all_served(ledger: Ledger) -> None:
    numbers = await asyncio.gather(
        *(ledger.open_transaction(start(minutes)) for minutes in range(600))
    )
    assert len(set(numbers)) == 600
