"""Starting the bench's chargers in a process of their own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
import json
from pathlib import Path
import sys
from typing import Any

ROOT = Path(__file__).parents[1]


class Chargers:
    """The other process: it says when it is ready, is told to go, and reports."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        """Wrap a started process."""
        self._process = process

    async def ready(self) -> None:
        """Wait until the chargers wait for the signal."""
        line = await self._read()
        if line != "ready":
            raise SystemExit(f"The bench's chargers failed: {line}")

    async def go(self) -> None:
        """Give the signal."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"go\n")
        await self._process.stdin.drain()

    async def result(self) -> Any:
        """Wait for the report."""
        return json.loads(await self._read())

    async def _read(self) -> str:
        assert self._process.stdout is not None
        async with asyncio.timeout(300):
            return (await self._process.stdout.readline()).decode().strip()


@asynccontextmanager
async def chargers(**settings: Any) -> AsyncIterator[Chargers]:
    """Run `bench.charger` with these settings."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.charger"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps(settings).encode() + b"\n")
    await process.stdin.drain()
    try:
        yield Chargers(process)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
