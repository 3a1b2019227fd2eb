"""Chargers that live a day minute by minute, each minute on a signal.

A charger meters and sends a heartbeat every minute. Its car is plugged in for
three quarters of a cycle; every other session is begun and ended by the central
system, the others at the charger. Now and then its connection breaks, mostly without
a word, and it dials in again and boots.
"""

import asyncio
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from .caller import Caller
from .messages import BOOT, meter_values, signal, start, status, stop

RECONNECT_EVERY = 240
"""Minutes between two breaks of a charger's connection."""

TAGS = 5


def reconnects(number: int, minute: int) -> bool:
    """Say whether a charger's connection breaks at the beginning of a minute."""
    return (minute + 7 * number) % RECONNECT_EVERY == 0


class _Charger:
    """One charger with one connector."""

    def __init__(self, number: int, settings: dict[str, Any]) -> None:
        self._number = number
        self._settings = settings
        self._identity = settings["identities"][number]
        self._caller: Caller | None = None
        self._connections = 0
        self._now = datetime.fromisoformat(settings["begin"])
        self._register = 1_000_000
        self._transaction_id: int | None = None
        self._cycle = 0
        self._told: set[asyncio.Task[None]] = set()
        self.counts: Counter[str] = Counter()

    async def live(self, minute: int, cycle: int) -> None:
        """Live one minute, of which `cycle` make a session and the pause after it."""
        self._now += timedelta(minutes=1)
        self._register += 117
        place = (minute + self._number) % cycle
        if place == 0:
            self._cycle += 1
        if self._caller is None or reconnects(self._number, minute):
            await self._dial()
        if place == 0:
            await self._call("StatusNotification", status("Preparing"))
            if self._is_local:
                await self._call("Authorize", {"idTag": self._tag})
                await self._start(self._tag)
        elif place == cycle * 3 // 4:
            if self._is_local and self._transaction_id is not None:
                await self._stop()
            await self._call("StatusNotification", status("Available"))
        values = meter_values(self._register, self._now, self._transaction_id)
        await self._call("MeterValues", values)
        await self._call("Heartbeat", {})
        if self._told:
            await asyncio.gather(*self._told)

    @property
    def _is_local(self) -> bool:
        """Say whether this session is begun and ended at the charger."""
        return self._cycle % 2 == 0

    @property
    def _tag(self) -> str:
        return f"TAG{self._cycle % TAGS}"

    async def _dial(self) -> None:
        if self._caller is not None:
            self._connections += 1
            await asyncio.gather(*self._told)
            await self._caller.hang_up(politely=self._connections % 3 == 0)
        url, password = self._settings["url"], self._settings["password"]
        self._caller = await Caller.dial(url, self._identity, password, self._asked)
        self.counts["connections"] += 1
        await self._call("BootNotification", BOOT)
        word = "Available" if self._transaction_id is None else "Charging"
        await self._call("StatusNotification", status(word))

    async def _call(self, action: str, body: dict[str, Any]) -> dict[str, Any]:
        assert self._caller is not None
        answer = await self._caller.call(action, body)
        self.counts[action] += 1
        return answer

    async def _start(self, tag: str) -> None:
        answer = await self._call(
            "StartTransaction", start(self._now, self._register, tag)
        )
        self._transaction_id = answer["transactionId"]
        await self._call("StatusNotification", status("Charging"))

    async def _stop(self) -> None:
        assert self._transaction_id is not None
        body = stop(self._transaction_id, self._now, self._register)
        await self._call("StopTransaction", body)
        self._transaction_id = None
        await self._call("StatusNotification", status("Finishing"))

    def _asked(self, action: str, body: dict[str, Any]) -> None:
        """Do what was asked for, once it was accepted."""
        self.counts[f"asked: {action}"] += 1
        doing = None
        if action == "RemoteStartTransaction" and self._transaction_id is None:
            doing = self._start(body["idTag"])
        elif action == "RemoteStopTransaction" and self._transaction_id is not None:
            doing = self._stop()
        elif action == "TriggerMessage":
            doing = self._trigger(body["requestedMessage"])
        if doing is not None:
            task = asyncio.create_task(doing)
            self._told.add(task)
            task.add_done_callback(self._told.discard)

    async def _trigger(self, message: str) -> None:
        if message == "MeterValues":
            values = meter_values(self._register, self._now, self._transaction_id)
            await self._call(message, values)
        elif message == "StatusNotification":
            word = "Available" if self._transaction_id is None else "Charging"
            await self._call(message, status(word))


async def live(settings: dict[str, Any]) -> dict[str, Any]:
    """Live the phases: pairs of so many minutes, and of the minutes of a cycle."""
    chargers = [
        _Charger(number, settings) for number in range(len(settings["identities"]))
    ]
    minute = 0
    for minutes, cycle in settings["phases"]:
        for _ in range(minutes):
            await signal()
            await asyncio.gather(*(each.live(minute, cycle) for each in chargers))
            minute += 1
    await signal()
    counts: Counter[str] = Counter()
    for charger in chargers:
        counts.update(charger.counts)
    return dict(counts)
