"""Many chargers that meter once a minute, as they do day and night."""

import asyncio
from datetime import UTC, datetime
import time
from typing import Any

from .caller import Caller
from .messages import BOOT, meter_values, signal, start, status

AT_ONCE = 20
"""So many dial in at the same time: what a storm does is measured elsewhere."""


class _Charger:
    """One charger that was dialled in."""

    def __init__(self, number: int, caller: Caller) -> None:
        """Begin without a session."""
        self.number = number
        self.caller = caller
        self.transaction_id: int | None = None
        self.sent = 0
        self.slowest_s = 0.0

    async def begin(self, *, session: bool) -> None:
        """Boot, and start a session."""
        await self.caller.call("BootNotification", BOOT)
        word = "Charging" if session else "Available"
        await self.caller.call("StatusNotification", status(word))
        if session:
            answer = await self.caller.call(
                "StartTransaction", start(datetime.now(UTC), 1_000_000)
            )
            self.transaction_id = answer["transactionId"]

    async def meter(self, offset_s: float, every_s: float, until: float) -> None:
        """Send a MeterValues every so many seconds, by the loop's clock."""
        self.slowest_s = 0.0
        loop = asyncio.get_running_loop()
        due = loop.time() + offset_s
        while due < until:
            await asyncio.sleep(max(0.0, due - loop.time()))
            began = time.perf_counter()
            values = meter_values(self.sent, datetime.now(UTC), self.transaction_id)
            await self.caller.call("MeterValues", values)
            self.slowest_s = max(self.slowest_s, time.perf_counter() - began)
            self.sent += 1
            due += every_s


async def steady(settings: dict[str, Any]) -> dict[str, Any]:
    """Dial in; then, on each signal, meter for so many seconds.

    `lines` are pairs of a central system's URL and the identities of its chargers,
    `sessions` is the share of chargers that are in a session. The slowest answer is
    that of the last window.
    """
    lines = [(url, each) for url, group in settings["lines"] for each in group]
    gate = asyncio.Semaphore(AT_ONCE)

    async def dial(number: int, url: str, identity: str) -> _Charger:
        async with gate:
            caller = await Caller.dial(url, identity, settings["password"])
            charger = _Charger(number, caller)
            session = number * settings["sessions"] % 1 < settings["sessions"]
            await charger.begin(session=session)
            return charger

    await signal()
    chargers = await asyncio.gather(
        *(dial(number, *line) for number, line in enumerate(lines))
    )
    every = settings["interval"]
    for seconds in settings["windows"]:
        await signal()
        until = asyncio.get_running_loop().time() + seconds
        await asyncio.gather(
            *(
                charger.meter(charger.number * every / len(chargers), every, until)
                for charger in chargers
            )
        )
    await signal()
    return {
        "sent": sum(charger.sent for charger in chargers),
        "sessions": sum(charger.transaction_id is not None for charger in chargers),
        "slowest_ms": max(charger.slowest_s for charger in chargers) * 1000,
    }
