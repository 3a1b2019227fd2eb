"""24 hours of 20 chargers in accelerated time: does memory stay flat?

The chargers are another process and live minute by minute; the central system's clocks
are put forward a minute when all they said is answered. Before that, they live until
everything that is bounded is full: 32 remembered sessions a charger, 64 kept answers.
Then memory is sampled every hour. `--trace` tells where what has come to be was made.
"""

import argparse
import asyncio
from collections import Counter
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
import time
import tracemalloc
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util

from custom_components.ocpp_charging import hub as hub_module
from custom_components.ocpp_charging.const import DOMAIN
from custom_components.ocpp_charging.devices import place_id
from custom_components.ocpp_charging.hub import Hub

from . import memory
from .clock import LeapingLoop
from .day_chargers import reconnects
from .figures import Report, arguments, run
from .house import PASSWORD, house, identity
from .process import Chargers, chargers

DAY = 1440
CYCLE = 20
"""Minutes of a session and the pause after it: 72 sessions a day and charger, far more
than there are, so that what one leaves behind is seen."""

FILLING = (40 * 8, 8)
"""40 sessions of minutes: more than the 32 that are remembered of each charger."""

SETTLING = (240, CYCLE)

BLOCKS_LIMIT = 1.0
"""Blocks (of 60 bytes or so) that a session may leave behind; one id kept in a set is
two. Some hundreds come and go: `sqlite3` drops its references to closed cursors by the
200, SQLAlchemy keeps statements of every form that it has met."""

KIB_LIMIT = 4096.0
"""Resident memory that a day may take: in the first days, SQLite fills 2 MB of page
cache for each of its two connections."""


class _Owner:
    """Does what an owner does in Home Assistant, on the day's schedule."""

    def __init__(self, hass: HomeAssistant, hub: Hub, count: int) -> None:
        self._hass = hass
        self._hub = hub
        self._count = count
        self.done: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()

    def plan(self, minute: int, cycle: int) -> list[Coroutine[Any, Any, None]]:
        """Return what is to be done in this minute."""
        found = []
        for number in range(self._count):
            if reconnects(number, minute):
                continue
            place = (minute + number) % cycle
            if place == cycle // 4:
                found.append(self._switch(number, on=True))
            elif place == cycle * 5 // 8:
                found.append(self._switch(number, on=False))
            if (minute + 11 * number) % 120 == 0:
                amps = 6 + minute // 120 % 10
                found.append(self._do("number", "set_value", number, 1, value=amps))
            if (minute + 13 * number) % 360 == 0:
                found.append(self._do("button", "press", number, 0))
        return found

    async def _switch(self, number: int, *, on: bool) -> None:
        """Begin or end every session that is none of the charger's own."""
        charger = self._hub.central.chargers[identity(number)]
        running = charger.connector(1).transaction
        if on == (running is None):
            action = "turn_on" if on else "turn_off"
            ours = on or running is None or running.id_tag == charger.settings.start_tag
            if ours:
                await self._do("switch", action, number, 1)

    async def _do(
        self, platform: str, action: str, number: int, connector: int, **data: Any
    ) -> None:
        key = {"switch": "charging", "number": "limit_a", "button": "refresh"}[platform]
        place = place_id(self._hub.entry.entry_id, identity(number), connector)
        entity_id = er.async_get(self._hass).async_get_entity_id(
            platform, DOMAIN, f"{place}_{key}"
        )
        try:
            await self._hass.services.async_call(
                platform, action, {"entity_id": entity_id, **data}, blocking=True
            )
        except HomeAssistantError as error:
            self.failed[f"{platform}.{action}: {error}"] += 1
        self.done[f"{platform}.{action}"] += 1


class _Day:
    """The central system's side of a day."""

    def __init__(self, begin: datetime, owner: _Owner, peer: Chargers) -> None:
        self._begin = begin
        self._owner = owner
        self._peer = peer
        self.minute = 0

    async def live(self, minutes: int, cycle: int) -> None:
        """Live so many minutes."""
        loop = asyncio.get_running_loop()
        assert isinstance(loop, LeapingLoop)
        for _ in range(minutes):
            await self._peer.go()
            plan = self._owner.plan(self.minute, cycle)
            await asyncio.gather(self._peer.ready(), *plan)
            self.minute += 1
            # In steps: what is due in this minute is not due all at once.
            until = self._begin + timedelta(minutes=self.minute + 1)
            for rest in range(55, -1, -5):
                loop.leap_to(until - timedelta(seconds=rest))
                await asyncio.sleep(0.001)


def _slope(values: Sequence[float]) -> float:
    """Return by how much values at equal distances grow from one to the next."""
    middle = (len(values) - 1) / 2
    mean = sum(values) / len(values)
    up = sum((x - middle) * (value - mean) for x, value in enumerate(values))
    return up / sum((x - middle) ** 2 for x in range(len(values)))


async def program(report: Report, options: argparse.Namespace) -> None:
    """Live the day, print its samples and the verdict."""
    count, hours = options.chargers, options.hours
    phases = [FILLING, SETTLING, (hours * 60, CYCLE)]
    minutes = sum(each for each, _ in phases)
    loop = asyncio.get_running_loop()
    assert isinstance(loop, LeapingLoop)
    # The day ends about now, so that none of it is in the future.
    begin = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=minutes)
    loop.set_clock(begin + timedelta(minutes=1))
    dt_util.utcnow = partial(loop.now)
    # Nobody shall be given up for a leap of the clock.
    hub_module.TIMING = replace(
        hub_module.TIMING, call_timeout=900, confirm=900, boot_grace=1, silence=900
    )
    async with (
        house(count) as (hass, hub),
        chargers(
            job="day",
            url=f"ws://127.0.0.1:{hub.central.port}",
            identities=[identity(number) for number in range(count)],
            password=PASSWORD,
            begin=begin.isoformat(),
            phases=phases,
        ) as peer,
    ):
        _set_clock(hub, loop)
        await peer.ready()
        owner = _Owner(hass, hub, count)
        day = _Day(begin, owner, peer)
        await day.live(*phases[0])
        # What is done once a day, and sampling itself, loads and keeps what it needs.
        await hub.journal.ledger.prune(begin)
        await hub.journal.async_flush()
        memory.census()
        await day.live(*phases[1])
        await _sampled(report, day, hub, hours, trace=options.trace)
        await peer.go()
        _tell(report, await peer.result(), owner, count)


def _set_clock(hub: Hub, loop: LeapingLoop) -> None:
    """Let the central system's clock be the one that leaps."""
    object.__setattr__(hub.central._context, "now", loop.now)


async def _sampled(
    report: Report, day: _Day, hub: Hub, hours: int, *, trace: bool
) -> None:
    """Live the hours that count, with a sample of the memory after each."""
    await hub.journal.async_flush()
    if trace:
        tracemalloc.start(12)
    first: tracemalloc.Snapshot | None = None
    objects = memory.census()
    sizes, blocks = [memory.resident_kib()], [memory.blocks()]
    began = time.perf_counter()
    for hour in range(hours):
        if trace and hour == hours // 2:
            # By then, what is replaced now and then was made under observation.
            first = tracemalloc.take_snapshot()
        await day.live(60, CYCLE)
        # What waits to be written is no leak.
        await hub.journal.async_flush()
        sizes.append(memory.resident_kib())
        blocks.append(memory.blocks())
    took = time.perf_counter() - began
    report.title(
        f"{hours} hours in {took:.0f} s, {hours * 3600 / took:.0f} x real time"
    )
    print("  hour  resident KiB  blocks")
    for hour, (size, block) in enumerate(zip(sizes, blocks, strict=True)):
        print(f"  {hour:4d}  {size:12d}  {block:10d}")
    sessions = hours * 60 // CYCLE * len(hub.chargers)
    per_session = _slope(blocks) * hours / sessions
    report.figure(
        "blocks that a session leaves behind", per_session, limit=BLOCKS_LIMIT
    )
    growth = _slope(sizes) * 24
    report.figure("resident memory that a day takes", growth, "KiB", limit=KIB_LIMIT)
    grown = memory.census() - objects
    print("  objects that have become more:")
    for name, more in grown.most_common(12):
        if more >= len(hub.chargers):
            print(f"    {more:8d} {name}")
    if first is not None:
        _print_origins(first)


def _print_origins(first: tracemalloc.Snapshot) -> None:
    """Print where what has come to be since was allocated."""
    last = tracemalloc.take_snapshot()
    for line in last.compare_to(first, "lineno")[:25]:
        print(f"    {line}")
    for trace in last.compare_to(first, "traceback")[:8]:
        print(f"    {trace.size_diff / 1024:.0f} KiB in {trace.count_diff} blocks:")
        print("\n".join(f"      {line}" for line in trace.traceback.format()))


def _tell(report: Report, counts: dict[str, int], owner: _Owner, count: int) -> None:
    """Print what the chargers and the owner did, with the time before it."""
    report.title(f"What {count} chargers said and were asked in all")
    for name, number in sorted({**counts, **owner.done}.items()):
        print(f"  {name:<44}{number:10d}")
    for name, number in owner.failed.items():
        report.fault(f"{number} x {name}")


if __name__ == "__main__":
    _parser = arguments(__doc__)
    _parser.add_argument("--chargers", type=int, default=20)
    _parser.add_argument("--hours", type=int, default=24)
    _parser.add_argument("--trace", action="store_true", help="find what has grown")
    run(program, _parser, LeapingLoop)
