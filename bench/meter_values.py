"""CPU time and state writes for one MeterValues of three changed values.

Measured in one run, beside a bare WebSocket with JSON and the `ocpp` package with its
schema check, so that the figures can be read as ratios on any machine. The chargers
are another process: only the central system's CPU time counts.
"""

import argparse
import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
import json
import time
from typing import Any

from homeassistant.const import EVENT_STATE_CHANGED
from homeassistant.core import Event, callback
import ocpp.messages
from ocpp.routing import on
from ocpp.v16 import ChargePoint, call_result
from ocpp.v16.enums import RegistrationStatus
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from .figures import Report, arguments, run
from .house import PASSWORD, house, identity
from .process import chargers

COUNT = 2000
WARM_UP = 200

LIMIT_MS = 1.0
LIMIT_TIMES_BARE = 12.0
LIMIT_STATES = 4.0
"""Power, energy, current where it is enabled, and the session's energy."""


async def _measure(url: str, *, transaction: bool) -> float:
    """Return the CPU time of one MeterValues in ms."""
    async with chargers(
        job="meter_values",
        url=url,
        identity=identity(0),
        password=PASSWORD,
        warm_up=WARM_UP,
        count=COUNT,
        transaction=transaction,
    ) as peer:
        await peer.ready()
        # What a connection sets off at its beginning must not be counted.
        await asyncio.sleep(3)
        before = time.process_time()
        await peer.go()
        await peer.result()
        return (time.process_time() - before) / COUNT * 1000


async def _bare(socket: ServerConnection) -> None:
    async for message in socket:
        frame = json.loads(message)
        await socket.send(json.dumps([3, frame[1], {}]))


class _PackageCharger(ChargePoint):  # type: ignore[misc]
    @on("BootNotification")  # type: ignore[untyped-decorator]
    def boot(self, **_: Any) -> call_result.BootNotification:
        return call_result.BootNotification(
            current_time=datetime.now(UTC).isoformat(),
            interval=60,
            status=RegistrationStatus.accepted,
        )

    @on("StatusNotification")  # type: ignore[untyped-decorator]
    def status(self, **_: Any) -> call_result.StatusNotification:
        return call_result.StatusNotification()

    @on("MeterValues")  # type: ignore[untyped-decorator]
    def values(self, **_: Any) -> call_result.MeterValues:
        return call_result.MeterValues()


async def _package(socket: ServerConnection) -> None:
    with suppress(ConnectionClosed):
        await _PackageCharger(identity(0), socket).start()


async def _reference(handler: Callable[[ServerConnection], Awaitable[None]]) -> float:
    async with serve(
        handler, "127.0.0.1", 0, subprotocols=[Subprotocol("ocpp1.6")]
    ) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        return await _measure(f"ws://127.0.0.1:{port}", transaction=False)


async def _ours() -> tuple[float, float]:
    """Return the CPU time in ms and the state writes of one MeterValues."""
    async with house(1) as (hass, hub):
        written = 0

        @callback
        def count(event: Event[Any]) -> None:
            nonlocal written
            written += 1

        hass.bus.async_listen(EVENT_STATE_CHANGED, count)
        url = f"ws://127.0.0.1:{hub.central.port}"
        async with chargers(
            job="meter_values",
            url=url,
            identity=identity(0),
            password=PASSWORD,
            warm_up=WARM_UP,
            count=COUNT,
            transaction=True,
        ) as peer:
            await peer.ready()
            await asyncio.sleep(3)
            written = 0
            before = time.process_time()
            await peer.go()
            await peer.result()
            return (time.process_time() - before) / COUNT * 1000, written / COUNT


async def program(report: Report, _options: argparse.Namespace) -> None:
    """Measure and print."""
    ocpp.messages.ASYNC_VALIDATION = False
    bare = await _reference(_bare)
    package = await _reference(_package)
    ours, written = await _ours()
    report.title(f"One MeterValues of 3 changed values, mean of {COUNT}, CPU")
    report.figure("bare WebSocket with JSON", bare, "ms")
    report.figure("`ocpp` package with schemas", package, "ms")
    report.time("through Home Assistant, with ledger", ours, "ms", limit=LIMIT_MS)
    report.figure("times the bare WebSocket", ours / bare, limit=LIMIT_TIMES_BARE)
    report.figure("states written per message", written, limit=LIMIT_STATES)


if __name__ == "__main__":
    run(program, arguments(__doc__))
