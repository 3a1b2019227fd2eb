"""What happens when 200 chargers dial in at the same moment, as after a power cut.

Measured are the time until all are served and the longest time for which Home
Assistant's event loop does not run.
"""

import argparse
import asyncio
import time

from custom_components.ocpp_charging.hub import Hub

from .figures import Report, arguments, run
from .house import PASSWORD, house, identity
from .loop_watch import watch
from .process import chargers

COUNT = 200
NAMES = ("first time", "reconnect")
ROUNDS = len(NAMES)
STAY = 25

READY_LIMIT_S = {
    ("ws", NAMES[0]): 8.0,
    ("ws", NAMES[1]): 4.0,
    ("wss", NAMES[0]): 12.0,
    ("wss", NAMES[1]): 6.0,
}
"""The first time, 200 passwords are hashed, which is slow on purpose; a second of all
is the wait after a boot."""

STALL_LIMIT_MS = 250.0
CPU_STALL_LIMIT_MS = 50.0
"""Where other processes want the CPU too, a stall is mostly waiting for it."""


async def measure(report: Report, *, secure: bool) -> None:
    """Measure and print one kind of connection."""
    scheme = "wss" if secure else "ws"
    identities = [identity(number) for number in range(COUNT)]
    async with (
        house(COUNT, secure=secure) as (_, hub),
        chargers(
            job="storm",
            url=f"{scheme}://127.0.0.1:{hub.central.port}",
            identities=identities,
            password=PASSWORD,
            stay=STAY,
            rounds=ROUNDS,
        ) as peer,
    ):
        for name in NAMES:
            await peer.ready()
            rounds = watch()
            cpu = time.process_time()
            await peer.go()
            seconds = await _until_ready(hub)
            cpu = time.process_time() - cpu
            longest, ours, on_cpu = rounds.longest, rounds.ours, rounds.on_cpu
            report.title(f"{COUNT} chargers over {scheme}, {name}")
            report.time(
                "all read and set up", seconds, "s", limit=READY_LIMIT_S[scheme, name]
            )
            report.figure("CPU of that", cpu, "s")
            report.figure("longest stall", longest * 1000, "ms")
            report.time(
                "without garbage collection", ours * 1000, "ms", limit=STALL_LIMIT_MS
            )
            report.time(
                "of that on the CPU", on_cpu * 1000, "ms", limit=CPU_STALL_LIMIT_MS
            )
        result = await peer.result()
        for name, seconds in zip(NAMES, result["rounds"], strict=True):
            print(f"  {scheme}, {name}: all booted and answered in {seconds:.1f} s")


async def _until_ready(hub: Hub) -> float:
    """Wait until all chargers have been read; returns the seconds that it took."""
    began = time.perf_counter()
    while not all(charger.ready for charger in hub.central.chargers.values()):
        if time.perf_counter() - began > STAY:
            raise SystemExit(f"Not all chargers were served within {STAY} s.")
        await asyncio.sleep(0.01)
    return time.perf_counter() - began


async def program(report: Report, _options: argparse.Namespace) -> None:
    """Measure both kinds of connection."""
    await measure(report, secure=False)
    await measure(report, secure=True)


if __name__ == "__main__":
    run(program, arguments(__doc__))
