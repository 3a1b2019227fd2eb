"""What the ledger costs: listing 30,000 sessions, opening, committing, registers.

The books are three years of ten chargers with two weeks of register readings, one a
minute. Commit latencies are those of this machine's disk.
"""

import argparse
import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
import statistics
import tempfile
import time

from sqlalchemy import insert

from custom_components.ocpp_charging.ledger import (
    ChargerTime,
    Ledger,
    Register,
    SessionFilter,
    Start,
    Stop,
)
from custom_components.ocpp_charging.ledger.database import connect, file_url
from custom_components.ocpp_charging.ledger.schema import (
    chargers,
    registers,
    transactions,
)

from .figures import Report, arguments, run
from .loop_watch import watch

SESSIONS = 30_000
CHARGERS = 10
DAYS = 3 * 365
SAMPLED_DAYS = 14
LISTED_MS = 200
OPENED_MS = 200
"""Start-up is not slowed by the sessions; opening an empty ledger takes 20 ms."""

STALL_MS = 50
REGISTER_MS = 0.1
TO_A_COMMIT = 3
BEGIN = datetime(2023, 1, 1, tzinfo=UTC)


def fill(file: Path) -> None:
    """Write the books straight into the tables."""
    step = timedelta(days=DAYS) / SESSIONS
    rows = []
    for number in range(SESSIONS):
        began = BEGIN + number * step
        ended = began + timedelta(hours=2)
        rows.append(
            {
                "charger_id": 1 + number % CHARGERS,
                "connector": 1,
                "id_tag": f"TAG{number % 25}",
                "accepted": True,
                "started_at": began,
                "raw_started_at": began,
                "meter_start_wh": number * 100,
                "raw_ended_at": ended,
                "ended_at": ended,
                "clock_ahead_s": 0,
                "meter_stop_wh": number * 100 + 9000,
                "reason": "Local",
                "state": "ended",
                "energy_wh": 9000,
                "gap_s": 0,
            }
        )
    last = BEGIN + timedelta(days=DAYS)
    samples = []
    for minute in range(SAMPLED_DAYS * 1440):
        at = last - timedelta(minutes=minute)
        samples += [
            {
                "charger_id": charger,
                "named_transaction": 0,
                "connector": 1,
                "raw_minute": int(at.timestamp() // 60),
                "kind": "sample",
                "raw_at": at,
                "at": at,
                "wh": 10**7 - minute,
                "kept": False,
            }
            for charger in range(1, CHARGERS + 1)
        ]
    engine = connect(file_url(file))
    with engine.begin() as connection:
        for charger in range(1, CHARGERS + 1):
            connection.execute(
                insert(chargers).values(
                    id=charger,
                    central="",
                    identity=f"CP{charger}",
                    forgotten=False,
                    accepted=True,
                )
            )
        connection.execute(insert(transactions), rows)
        connection.execute(insert(registers), samples)
    engine.dispose()


async def timed(work: Callable[[], Awaitable[object]]) -> float:
    """Return how many ms something takes."""
    began = time.perf_counter()
    _result = await work()
    return (time.perf_counter() - began) * 1000


async def opening(file: Path) -> float:
    """Return how many ms it takes to open the books."""
    ledger = Ledger(file_url(file))
    took = await timed(ledger.open)
    await ledger.close()
    return took


async def listing(ledger: Ledger) -> list[float]:
    """Return how many ms each month takes to be listed."""
    found = []
    for month in range(36):
        year, number = divmod(month, 12)
        since = datetime(2023 + year, number + 1, 1, tzinfo=UTC)
        until = (since + timedelta(days=32)).replace(day=1)
        wanted = SessionFilter(since=since, until=until)
        found.append(await timed(partial(ledger.sessions, wanted)))
    return found


async def committing(ledger: Ledger, together: int, rounds: int) -> list[float]:
    """Return how many ms starts and stops take, so many at the same time."""
    now = datetime.now(UTC)
    found: list[float] = []

    async def session(number: int, round_number: int) -> None:
        began = ChargerTime(raw=now + timedelta(minutes=round_number))
        charger = f"CP{together}-{number}"
        start = Start(
            charger=charger, connector=1, id_tag="T", time=began, meter_start_wh=0
        )
        before = time.perf_counter()
        transaction_id = await ledger.open_transaction(start)
        middle = time.perf_counter()
        _session = await ledger.close_transaction(
            Stop(
                charger=charger,
                transaction_id=transaction_id,
                time=began,
                meter_stop_wh=5,
            )
        )
        found.append((middle - before) * 1000)
        found.append((time.perf_counter() - middle) * 1000)

    for turn in range(rounds):
        await asyncio.gather(*(session(number, turn) for number in range(together)))
    return found


async def recording(ledger: Ledger) -> tuple[float, float]:
    """Return the ms of CPU time to hand one register over, and to write it too."""
    now = datetime.now(UTC)
    count = 20_000
    cpu, loop = time.process_time(), time.thread_time()
    for number in range(count):
        ledger.record_registers(
            (
                Register(
                    charger=f"CP{number % 1000}",
                    connector=1,
                    transaction_id=number % 1000,
                    time=ChargerTime(raw=now + timedelta(minutes=number // 1000)),
                    wh=number,
                ),
            )
        )
    handed = (time.thread_time() - loop) / count * 1000
    await ledger.flush()
    return handed, (time.process_time() - cpu) / count * 1000


def _spread(report: Report, name: str, values: list[float]) -> None:
    ordered = sorted(values)
    report.figure(f"{name}, median", statistics.median(ordered), "ms")
    report.figure(f"{name}, 95 %", ordered[int(len(ordered) * 0.95)], "ms")
    report.figure(f"{name}, slowest", ordered[-1], "ms")


async def program(report: Report, _options: argparse.Namespace) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "ledger.db"
        new = await opening(file)
        fill(file)
        opened = await opening(file)
        size = file.stat().st_size / 2**20
        ledger = Ledger(file_url(file))
        _opening = await ledger.open()
        rounds = watch()
        months = await listing(ledger)
        everything = await timed(ledger.sessions)
        per_tag = await timed(ledger.energy_per_tag)
        alone = await committing(ledger, 1, 100)
        before = ledger.commits
        together = await committing(ledger, 100, 3)
        commits = ledger.commits - before
        longest, ours = rounds.longest * 1000, rounds.ours * 1000
        handed, written = await recording(ledger)
        pruned = await timed(lambda: ledger.prune(datetime.now(UTC)))
        await ledger.close()
    report.title(
        f"{SESSIONS} sessions, {SAMPLED_DAYS} days of registers, {size:.0f} MiB"
    )
    report.figure("opening an empty ledger", new, "ms")
    report.time("opening this one", opened, "ms", limit=OPENED_MS)
    report.figure("a month listed, median", statistics.median(months), "ms")
    report.time("a month listed, slowest", max(months), "ms", limit=LISTED_MS)
    report.figure("all listed at once", everything, "ms")
    report.figure("energy per tag", per_tag, "ms")
    _spread(report, "start or stop", alone)
    _spread(report, "100 of them at a time", together)
    report.figure("commits for 100 transactions", commits / 6, limit=100 / TO_A_COMMIT)
    report.figure("longest stall of the loop", longest, "ms")
    report.time("without garbage collection", ours, "ms", limit=STALL_MS)
    report.time("a register, in the loop", handed, "ms CPU", limit=REGISTER_MS)
    report.figure("a register, all in all", written, "ms CPU")
    report.figure("all registers pruned", pruned, "ms")


if __name__ == "__main__":
    run(program, arguments(__doc__))
