"""Kills the central system again and again, and then reads what the ledger has."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
import os
from pathlib import Path
import random
import signal
import socket
import sqlite3
import sys
import time

from .chargers import Charger, Session
from .server import identities

ROOT = Path(__file__).parents[2]
READY_S = 30.0


@dataclass(kw_only=True)
class Outcome:
    """What came of it; `faults` are sentences, none when all is well."""

    kills: int
    starts: int
    stops: int
    messages: int
    in_flight: int
    slowest_restart_s: float
    seconds: float
    faults: list[str]


class Server:
    """The process that forks central systems, and the one that runs."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._pid: int | None = None

    async def start(self) -> float:
        """Start a central system and return how many seconds it took."""
        assert self._process.stdin is not None
        began = time.monotonic()
        self._process.stdin.write(b"go\n")
        lines = {await self._line(), await self._line()}
        lines.remove("ready")
        self._pid = int(lines.pop())
        return time.monotonic() - began

    def kill(self) -> None:
        """Kill the central system as `kill -9` does."""
        if self._pid is not None:
            os.kill(self._pid, signal.SIGKILL)
            self._pid = None

    async def _line(self) -> str:
        assert self._process.stdout is not None
        async with asyncio.timeout(READY_S):
            return (await self._process.stdout.readline()).decode().strip()

    @classmethod
    @asynccontextmanager
    async def imported(cls, url: str, port: int, count: int) -> AsyncIterator[Server]:
        """Have everything imported, so that a start is quick."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.kill.server", url, str(port), str(count),
            cwd=ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        server = cls(process)
        try:
            assert await server._line() == "imported"
            yield server
        finally:
            server.kill()
            process.kill()
            await process.wait()


async def massacre(
    folder: Path, *, kills: int, chargers: int = 20, seed: int = 1
) -> Outcome:
    """Run chargers against a central system that is killed `kills` times."""
    chance = random.Random(seed)
    database = folder / "ledger.db"
    port = _free_port()
    began = time.monotonic()
    heard = asyncio.Event()
    fleet = [
        Charger(
            identity=identity,
            port=port,
            chance=random.Random(chance.random()),
            heard=heard,
        )
        for identity in identities(chargers)
    ]
    restarts, in_flight = [], 0
    async with Server.imported(f"sqlite:///{database}", port, chargers) as server:
        tasks = [asyncio.create_task(each.run()) for each in fleet]
        try:
            for _ in range(kills):
                restarts.append(await server.start())
                await _more_answers(fleet)
                await asyncio.sleep(chance.uniform(0, 0.35))
                in_flight += sum(each.pending is not None for each in fleet)
                server.kill()
            restarts.append(await server.start())
            for charger in fleet:
                charger.draining = True
            async with asyncio.timeout(60):
                await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    sessions = [session for each in fleet for session in each.sessions]
    return Outcome(
        kills=kills,
        starts=sum(each.transaction_id is not None for each in sessions),
        stops=sum(each.stopped for each in sessions),
        messages=sum(each.answered for each in fleet),
        in_flight=in_flight,
        slowest_restart_s=max(restarts),
        seconds=time.monotonic() - began,
        faults=audit(database, sessions),
    )


async def _more_answers(fleet: list[Charger]) -> None:
    """Wait until some chargers are at work again, so that kills meet work."""
    heard = fleet[0].heard
    before = sum(each.answered for each in fleet)
    async with asyncio.timeout(READY_S):
        while sum(each.answered for each in fleet) < before + len(fleet):
            heard.clear()
            await heard.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def audit(database: Path, sessions: list[Session]) -> list[str]:
    """Compare what the chargers know with what the ledger has; say what is wrong."""
    faults: list[str] = []
    with closing(sqlite3.connect(database)) as books:
        (verdict,) = books.execute("PRAGMA integrity_check").fetchone()
        if verdict != "ok":
            faults.append(f"the database is damaged: {verdict}")
        if books.execute("PRAGMA foreign_key_check").fetchone():
            faults.append("a row refers to none")
        rows = books.execute(
            "SELECT t.id, c.identity, t.connector, t.id_tag, t.raw_started_at,"
            " t.meter_start_wh, t.raw_ended_at, t.meter_stop_wh, t.energy_wh"
            " FROM transactions t JOIN chargers c ON c.id = t.charger_id"
        ).fetchall()
    filed: dict[tuple[object, ...], list[tuple[object, ...]]] = {}
    for row in rows:
        filed.setdefault(tuple(row[1:6]), []).append(row)
    ids = [each.transaction_id for each in sessions if each.transaction_id is not None]
    if len(set(ids)) != len(ids):
        faults.append("an id was given twice")
    for session in sessions:
        faults += _audit(session, filed.pop(_key(session), []))
    faults += [f"nobody told of {key}" for key in filed]
    return faults


def _key(session: Session) -> tuple[object, ...]:
    microseconds = round(session.started_at.timestamp() * 1_000_000)
    return (
        session.charger, session.connector, session.tag, microseconds,
        session.meter_start,
    )  # fmt: skip


def _audit(session: Session, rows: list[tuple[object, ...]]) -> list[str]:
    if session.transaction_id is None:
        return [f"{session} is doubled"] if len(rows) > 1 else []
    if len(rows) != 1:
        return [f"{session} is filed {len(rows)} times"]
    number, *_, ended, meter_stop, energy = rows[0]
    faults = []
    if number != session.transaction_id:
        faults.append(f"{session} is filed as {number}")
    if session.stopped and (ended is None or meter_stop != session.meter_stop):
        faults.append(f"the end of {session} is missing")
    if session.stopped and energy != session.meter_stop - session.meter_start:
        faults.append(f"the energy of {session} is {energy}")
    return faults
