"""What the ledger costs: listing 30,000 sessions, opening, committing, registers.

The books are three years of ten chargers with two weeks of register readings, one a
minute. Commit latencies are those of this machine's disk.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
import statistics
import sys
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

SESSIONS = 30_000
CHARGERS = 10
DAYS = 3 * 365
SAMPLED_DAYS = 14
LISTED_MS = 200
OPENED_MS = 1000
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


class Stalls:
    """Watches how long the event loop is kept from its turn, in ms."""

    def __init__(self) -> None:
        """Begin with none seen."""
        self.longest = 0.0
        self._task = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        before = time.perf_counter()
        while True:
            await asyncio.sleep(0.001)
            now = time.perf_counter()
            self.longest = max(self.longest, (now - before) * 1000 - 1)
            before = now

    def end(self) -> float:
        """Stop watching and return the longest."""
        self._task.cancel()
        return self.longest


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


def _percentiles(values: list[float]) -> str:
    ordered = sorted(values)
    middle, late = statistics.median(ordered), ordered[int(len(ordered) * 0.95)]
    return (
        f"median {middle:7.1f} ms, 95 % {late:7.1f} ms, slowest {ordered[-1]:7.1f} ms"
    )


async def main() -> int:
    """Measure and print; 1 when a promise is missed."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "ledger.db"
        new = await opening(file)
        fill(file)
        opened = await opening(file)
        size = file.stat().st_size / 2**20
        ledger = Ledger(file_url(file))
        _opening = await ledger.open()
        stalls = Stalls()
        months = await listing(ledger)
        everything = await timed(ledger.sessions)
        per_tag = await timed(ledger.energy_per_tag)
        alone = await committing(ledger, 1, 100)
        before = ledger.commits
        together = await committing(ledger, 100, 3)
        commits = ledger.commits - before
        longest = stalls.end()
        handed, written = await recording(ledger)
        pruned = await timed(lambda: ledger.prune(datetime.now(UTC)))
        await ledger.close()
    print(f"{SESSIONS} sessions, {SAMPLED_DAYS} days of registers, {size:.0f} MiB:")
    print(f"  opening an empty ledger      {new:8.1f} ms")
    print(f"  opening this one             {opened:8.1f} ms")
    print(f"  a month listed               {_percentiles(months)}")
    print(f"  all listed at once           {everything:8.1f} ms")
    print(f"  energy per tag               {per_tag:8.1f} ms")
    print(f"  start or stop, one by one    {_percentiles(alone)}")
    print(f"  the same, 100 at a time      {_percentiles(together)}")
    print(f"  transactions to a commit     {2 * 300 / commits:8.1f}")
    print(f"  longest stall of the loop    {longest:8.1f} ms")
    print(f"  a register, in the loop      {handed:8.4f} ms CPU")
    print(f"  a register, all in all       {written:8.4f} ms CPU")
    print(f"  all registers pruned         {pruned:8.1f} ms")
    return 1 if max(months) > LISTED_MS or opened > OPENED_MS else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
