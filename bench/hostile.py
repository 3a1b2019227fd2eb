"""24 hours of attacks, in accelerated form, beside five honest chargers.

An hour takes some seconds, in which each honest charger sends all that it would in a
real hour, while somebody tries everything at once over TLS: strange names, wrong
passwords, garbage, slow and half-open sockets, floods, bombs, peers that never read.
Quiet hours before and after say how long an answer takes without. The honest chargers
and the attacker are two other processes.
"""

import argparse
import asyncio
from contextlib import AsyncExitStack
import time
from typing import Any

from custom_components.ocpp_charging.hub import Hub

from . import memory
from .figures import Report, arguments, run
from .house import PASSWORD, house, identity
from .loop_watch import watch
from .process import Chargers, chargers

HONEST = [identity(number) for number in range(5)]
EVIL = [identity(number) for number in range(5, 8)]

FIRST_HOURS = 3
"""Attacked ones in which all fills that is bounded, and Python's heap grows to what
the largest messages take: both are made only once.
"""

HOURS = 24
QUIET_HOURS = 4
"""Before the attacks that count, and again after them."""

SECONDS = 8.0
MESSAGES = 360
"""One every ten seconds, as a charger in a session sends that is asked to hurry."""

LEAVE_S = 120
"""Until all of the attacker's connections must be gone: silence takes 45 s."""

RATIO_LIMIT = 25.0
KIB_LIMIT = 8192.0
"""Resident memory that is not given back: holes that the largest messages left."""

BLOCKS_LIMIT = 4000.0
"""Blocks (of 60 bytes or so): exact where the resident memory is not."""

STALL_LIMIT_MS = 100.0


async def _hour(*peers: Chargers) -> None:
    """Give the signal for an hour and wait for its end."""
    await asyncio.gather(*(peer.go() for peer in peers))
    await asyncio.gather(*(peer.ready() for peer in peers))


async def _only_the_honest_are_left(hub: Hub) -> float:
    """Wait for it; returns the seconds that it took."""
    began = time.perf_counter()
    gate = hub.central._entrance.gate
    async with asyncio.timeout(LEAVE_S):
        while gate.connections > len(HONEST):  # noqa: ASYNC110 - no event tells it
            await asyncio.sleep(0.1)
    return time.perf_counter() - began


async def _siege(
    hub: Hub, report: Report, hours: int
) -> tuple[dict[str, Any], dict[str, int]]:
    """Let quiet hours, attacked ones and quiet ones go by; returns the reports."""
    url = f"wss://127.0.0.1:{hub.central.port}"
    quiet = ["quiet"] * QUIET_HOURS
    lived = ["first"] * FIRST_HOURS + quiet + ["attacked"] * hours + quiet
    common = {"url": url, "password": PASSWORD, "seconds": SECONDS}
    async with AsyncExitStack() as stack:
        honest = await stack.enter_async_context(
            chargers(
                job="honest",
                identities=HONEST,
                messages=MESSAGES,
                hours=lived,
                **common,
            )
        )
        attacker = await stack.enter_async_context(
            chargers(
                job="attack",
                evil=EVIL,
                victims=HONEST,
                hours=FIRST_HOURS + hours,
                **common,
            )
        )
        await asyncio.gather(honest.ready(), attacker.ready())
        for _ in range(FIRST_HOURS):
            await _hour(honest, attacker)
        await _only_the_honest_are_left(hub)
        for _ in range(QUIET_HOURS):
            await _hour(honest)
        before, blocks = memory.resident_kib(), memory.blocks()
        rounds = watch()
        peak = 0
        for _ in range(hours):
            await _hour(honest, attacker)
            peak = max(peak, memory.resident_kib())
        stall, on_cpu = rounds.ours * 1000, rounds.on_cpu * 1000
        left = await _only_the_honest_are_left(hub)
        for _ in range(QUIET_HOURS):
            await _hour(honest)
        after, blocks = memory.resident_kib(), memory.blocks() - blocks
        await asyncio.gather(honest.go(), attacker.go())
        said, tried = await asyncio.gather(honest.result(), attacker.result())
    report.title(f"{hours} hours of attacks beside {len(HONEST)} honest chargers")
    report.figure("memory while it lasted, more than before", peak - before, "KiB")
    report.figure(
        "memory afterwards, more than before", after - before, "KiB", limit=KIB_LIMIT
    )
    report.figure(
        "Python's blocks afterwards, more than before", blocks, limit=BLOCKS_LIMIT
    )
    report.time("until its last connection was gone", left, "s")
    report.time("longest round of the loop", stall, "ms")
    report.time(
        "longest round of the loop, CPU time", on_cpu, "ms", limit=STALL_LIMIT_MS
    )
    return said, tried


def _compare(report: Report, said: dict[str, Any]) -> None:
    """Report what the honest chargers noticed."""
    quiet, attacked = said["quiet"], said["attacked"]
    report.figure("honest messages sent meanwhile", attacked["count"])
    report.figure("honest messages lost", sum(said["lost"].values()), limit=0)
    for name in ("median", "99th percentile", "longest"):
        report.time(f"{name} of the answers, quiet", quiet[name], "ms")
        report.time(f"{name} of the answers, attacked", attacked[name], "ms")
    ratio = attacked["99th percentile"] / quiet["99th percentile"]
    report.figure("99th percentile, as a ratio", ratio, limit=RATIO_LIMIT)


async def main(report: Report, options: argparse.Namespace) -> None:
    """Measure and print."""
    everybody = len(HONEST) + len(EVIL)
    async with house(everybody, secure=True) as (hass, hub):
        said, tried = await _siege(hub, report, options.hours)
        await hass.async_block_till_done()
        _compare(report, said)
        central = hub.central
        sent = (FIRST_HOURS + 2 * QUIET_HOURS + options.hours) * MESSAGES
        for each in HONEST:
            charger = central.chargers[each]
            if charger.reconnects:
                report.fault(f"{each} had to reconnect {charger.reconnects} times")
            reading = charger.connector(1).readings.get("energy")
            if reading is None or reading.value != 1_000_000 + sent - 1:
                report.fault(f"the last register value of {each} was not taken")
        if set(central.chargers) != {*HONEST, *EVIL}:
            report.fault("a charger was made")
    report.title("What was tried, and what became of it")
    for name, count in sorted(tried.items()):
        report.figure(name, count)
    for reason, count in sorted(central._entrance.turned_away.items()):
        report.figure(f"turned away: {reason}", count)


def _parser() -> argparse.ArgumentParser:
    parser = arguments(__doc__)
    parser.add_argument(
        "--hours", type=int, default=HOURS, help="attacked hours (default 24)"
    )
    return parser


if __name__ == "__main__":
    run(main, _parser())
