"""What happens when 200 chargers dial in at the same moment, as after a power cut.

Measured are the time until all are served and the longest time for which Home
Assistant's event loop does not run.
"""

import asyncio
from contextlib import suppress
import gc
import time

from custom_components.ocpp_charging.hub import Hub

from .house import PASSWORD, house, identity
from .process import chargers

COUNT = 200
NAMES = ("first time", "reconnect")
ROUNDS = len(NAMES)
STAY = 20


class LoopWatch:
    """Notes the longest time for which the event loop did not run.

    `longest` is all of it, in seconds; `ours` is without what Python's garbage
    collector took of it, which depends on all that lives in the process.
    """

    STEP = 0.005

    def __init__(self) -> None:
        """Begin with no stall."""
        self.longest = 0.0
        self.ours = 0.0
        self._collecting = 0.0
        self._began = 0.0

    async def run(self) -> None:
        """Watch until cancelled."""
        gc.callbacks.append(self._note_collection)
        try:
            while True:
                before, collecting = time.perf_counter(), self._collecting
                await asyncio.sleep(self.STEP)
                stall = time.perf_counter() - before - self.STEP
                self.longest = max(self.longest, stall)
                self.ours = max(self.ours, stall - (self._collecting - collecting))
        finally:
            gc.callbacks.remove(self._note_collection)

    def _note_collection(self, phase: str, _info: dict[str, int]) -> None:
        if phase == "start":
            self._began = time.perf_counter()
        else:
            self._collecting += time.perf_counter() - self._began


async def measure(*, secure: bool) -> None:
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
            watch = LoopWatch()
            watching = asyncio.create_task(watch.run())
            await peer.go()
            seconds = await _until_ready(hub)
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching
            print(
                f"{scheme}, {name}: {COUNT} chargers read and set up in "
                f"{seconds:.1f} s, longest stall {watch.longest * 1000:.0f} ms, "
                f"without garbage collection {watch.ours * 1000:.0f} ms"
            )
        result = await peer.result()
        for name, seconds in zip(NAMES, result["rounds"], strict=True):
            print(f"{scheme}, {name}: all booted and answered in {seconds:.1f} s")


async def _until_ready(hub: Hub) -> float:
    """Wait until all chargers have been read; returns the seconds that it took."""
    began = time.perf_counter()
    while not all(charger.ready for charger in hub.central.chargers.values()):
        if time.perf_counter() - began > STAY:
            raise SystemExit(f"Not all chargers were served within {STAY} s.")
        await asyncio.sleep(0.01)
    return time.perf_counter() - began


async def main() -> None:
    """Measure both kinds of connection."""
    await measure(secure=False)
    await measure(secure=True)


if __name__ == "__main__":
    asyncio.run(main())
