"""A charger that does nothing but send, in a process of its own.

Its CPU time is not the central system's, so it must not run where that is measured.
It reads one JSON object of settings from standard input and writes one of results.
"""

import asyncio
from datetime import UTC, datetime, timedelta
import json
import sys
import time
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from . import day_chargers, fleet, hostile_peers
from .caller import ACCEPTED, ANSWERS, header, trusting
from .messages import BOOT, meter_values, signal, start, status


async def _ask(
    socket: ClientConnection, message_id: str, action: str, body: Any
) -> Any:
    """Send a CALL and return the answer; answer what is asked meanwhile."""
    await socket.send(json.dumps([2, message_id, action, body]))
    while True:
        frame = json.loads(await socket.recv())
        if frame[0] == 2:
            await socket.send(
                json.dumps([3, frame[1], ANSWERS.get(frame[2], ACCEPTED)])
            )
        elif frame[1] == message_id:
            return frame[2]


async def send_meter_values(settings: dict[str, Any]) -> dict[str, Any]:
    """Send so many MeterValues, each after the answer to the one before."""
    identity = settings["identity"]
    async with connect(
        f"{settings['url']}/{identity}",
        subprotocols=["ocpp1.6"],  # type: ignore[list-item]
        additional_headers=header(identity, settings["password"]),
        ssl=trusting(settings["url"]),
    ) as socket:
        began_at = datetime.now(UTC)
        await _ask(socket, "boot", "BootNotification", BOOT)
        await _ask(socket, "status", "StatusNotification", status("Charging"))
        running = 1
        if settings["transaction"]:
            begin = start(began_at, 1_000_000)
            answer = await _ask(socket, "start", "StartTransaction", begin)
            running = answer["transactionId"]

        async def send(number: int) -> None:
            at = began_at + timedelta(seconds=number)
            values = meter_values(number, at, running)
            await _ask(socket, f"m{number}", "MeterValues", values)

        for number in range(settings["warm_up"]):
            await send(number)
        await signal()
        began = time.perf_counter()
        first = settings["warm_up"]
        for number in range(first, first + settings["count"]):
            await send(number)
        return {"seconds": time.perf_counter() - began}


async def _storm_one(settings: dict[str, Any], identity: str) -> float:
    began = time.perf_counter()
    async with connect(
        f"{settings['url']}/{identity}",
        subprotocols=["ocpp1.6"],  # type: ignore[list-item]
        additional_headers=header(identity, settings["password"]),
        ssl=trusting(settings["url"]),
        open_timeout=60,
    ) as socket:
        await _ask(socket, "boot", "BootNotification", BOOT)
        await _ask(socket, "status", "StatusNotification", status("Available"))
        served = time.perf_counter() - began
        _STAY.append(asyncio.create_task(_stay(socket, settings["stay"])))
        await _STAY[-1]
    return served


_STAY: list[asyncio.Task[None]] = []


async def _stay(socket: ClientConnection, seconds: float) -> None:
    """Answer what the central system asks for a while."""
    try:
        async with asyncio.timeout(seconds):
            while True:
                frame = json.loads(await socket.recv())
                if frame[0] == 2:
                    answer = [3, frame[1], ANSWERS.get(frame[2], ACCEPTED)]
                    await socket.send(json.dumps(answer))
    except TimeoutError:
        return


async def storm(settings: dict[str, Any]) -> dict[str, Any]:
    """Have all chargers dial in at the same moment; twice, the second a reconnect."""
    rounds = []
    for _ in range(settings["rounds"]):
        await signal()
        served = await asyncio.gather(
            *(_storm_one(settings, identity) for identity in settings["identities"])
        )
        rounds.append(max(served))
    return {"rounds": rounds}


JOBS = {
    "meter_values": send_meter_values,
    "storm": storm,
    "steady": fleet.steady,
    "day": day_chargers.live,
    "honest": hostile_peers.honest,
    "attack": hostile_peers.attack,
}


async def _main() -> None:
    settings = json.loads(await asyncio.to_thread(sys.stdin.readline))
    print(json.dumps(await JOBS[settings["job"]](settings)), flush=True)


if __name__ == "__main__":
    asyncio.run(_main())
