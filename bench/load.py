"""1,000 chargers that are connected and meter once a minute, in a real Home Assistant.

Measured are the share of one core that this takes, the memory of a charger, and the
longest time for which Home Assistant's event loop does not run, with the ledger on and
a quarter of the chargers in a session. The chargers are another process.

Home Assistant takes at most 10,000 entities of one config entry, which are those of
some 500 chargers: so they are shared out among several central systems.
"""

import argparse
import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
import time
from typing import Any

from homeassistant.const import EVENT_STATE_CHANGED
from homeassistant.core import Event, HomeAssistant, callback

from custom_components.ocpp_charging.hub import Hub

from . import memory
from .figures import Report, arguments, run
from .house import PASSWORD, identity, street
from .loop_watch import watch
from .process import Chargers, chargers

SESSIONS = 0.25
"""The share of chargers that are in a session."""

GROUP = 500
"""Chargers of one central system."""

SETTLE_S = 15
"""What connecting sets off, such as writing what was learned, must not be counted."""

SHARE_LIMIT = 5.0
KIB_LIMIT = 350.0
STALL_LIMIT_MS = 100.0
CPU_STALL_LIMIT_MS = 25.0
STATES_LIMIT = 4.0


class _Writes:
    """Counts the states that are written."""

    def __init__(self, hass: HomeAssistant) -> None:
        self.count = 0
        hass.bus.async_listen(EVENT_STATE_CHANGED, self._note)

    @callback
    def _note(self, _event: Event[Any]) -> None:
        self.count += 1


async def _connect(hubs: Sequence[Hub], peer: Chargers) -> float:
    """Have all dial in; returns the seconds until all were read and set up."""
    await peer.ready()
    began = time.perf_counter()
    await peer.go()
    await peer.ready()
    known = [each for hub in hubs for each in hub.central.chargers.values()]
    while not all(each.ready for each in known):  # noqa: ASYNC110
        await asyncio.sleep(0.1)
    return time.perf_counter() - began


async def _reload(hass: HomeAssistant, hubs: Sequence[Hub], report: Report) -> None:
    """Measure a start with all entities in the registry, as after a restart."""
    count = sum(len(hub.chargers) for hub in hubs)
    for hub in hubs:
        await hass.config_entries.async_unload(hub.entry.entry_id)
    await hass.async_block_till_done()
    before = time.process_time()
    for hub in hubs:
        await hass.config_entries.async_setup(hub.entry.entry_id)
    await hass.async_block_till_done()
    took = (time.process_time() - before) * 1000
    report.time(
        "a start with all entities known, per charger",
        took / count,
        "ms CPU",
        limit=10.0,
    )


@asynccontextmanager
async def _fleet(
    count: int, interval: float, windows: list[float]
) -> AsyncIterator[tuple[HomeAssistant, list[Hub], Chargers]]:
    """Run a Home Assistant and so many chargers, which wait to dial in."""
    identities = [identity(number) for number in range(count)]
    groups = [identities[at : at + GROUP] for at in range(0, count, GROUP)]
    async with (
        street(groups) as (hass, hubs),
        chargers(
            job="steady",
            lines=[
                (f"ws://127.0.0.1:{hub.central.port}", group)
                for hub, group in zip(hubs, groups, strict=True)
            ],
            password=PASSWORD,
            interval=interval,
            sessions=SESSIONS,
            windows=windows,
        ) as peer,
    ):
        yield hass, hubs, peer


async def _warm_up() -> None:
    """Load and allocate what belongs to no charger."""
    async with _fleet(50, 1, [2]) as (_, hubs, peer):
        await _connect(hubs, peer)
        await peer.go()
        await peer.ready()


async def program(report: Report, options: argparse.Namespace) -> None:
    """Measure and print."""
    count, interval = options.chargers, options.interval
    await _warm_up()
    before_kib = memory.resident_kib()
    async with _fleet(count, interval, [interval, options.seconds]) as found:
        hass, hubs, peer = found
        report.title(f"{count} chargers of {len(hubs)} central systems")
        known_kib = memory.resident_kib() - before_kib
        connected_s = await _connect(hubs, peer)
        # Each meters once: then all entities are there.
        await peer.go()
        await peer.ready()
        await asyncio.sleep(options.settle)
        kib = memory.resident_kib() - before_kib
        report.figure("connected, read and set up in", connected_s, "s")
        report.figure("memory of one that never dialled in", known_kib / count, "KiB")
        report.figure("memory of one", kib / count, "KiB", limit=KIB_LIMIT)
        await _measure(hass, peer, report, count)
        await _reload(hass, hubs, report)


async def _measure(
    hass: HomeAssistant, peer: Chargers, report: Report, before: int
) -> None:
    """Measure while the chargers meter; they have sent so many messages before."""
    writes, rounds = _Writes(hass), watch()
    loop_cpu, cpu = time.thread_time(), time.process_time()
    began = time.perf_counter()
    await peer.go()
    await peer.ready()
    took = time.perf_counter() - began
    cpu, loop_cpu = time.process_time() - cpu, time.thread_time() - loop_cpu
    longest, ours, on_cpu = rounds.longest, rounds.ours, rounds.on_cpu
    written = writes.count
    await peer.go()
    result = await peer.result()
    messages = result["sent"] - before
    report.title(
        f"{messages} MeterValues in {took:.0f} s, {result['sessions']} in a session"
    )
    report.time("share of one core", cpu / took * 100, "%", limit=SHARE_LIMIT)
    report.figure("of that the event loop", loop_cpu / took * 100, "%")
    report.figure("CPU of a message, with all else", cpu / messages * 1000, "ms")
    report.figure("states written per message", written / messages, limit=STATES_LIMIT)
    report.figure("slowest answer", result["slowest_ms"], "ms")
    report.figure("longest stall", longest * 1000, "ms")
    report.time("without garbage collection", ours * 1000, "ms", limit=STALL_LIMIT_MS)
    report.time("of that on the CPU", on_cpu * 1000, "ms", limit=CPU_STALL_LIMIT_MS)


if __name__ == "__main__":
    _parser = arguments(__doc__)
    _parser.add_argument("--chargers", type=int, default=1000)
    _parser.add_argument("--seconds", type=float, default=120, help="of measuring")
    _parser.add_argument("--interval", type=float, default=60, help="between messages")
    _parser.add_argument("--settle", type=float, default=SETTLE_S)
    run(program, _parser)
