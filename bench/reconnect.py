"""200 chargers dial in at the same moment: how long until all are served, and how
long Home Assistant's event loop stands still at most.
"""  # noqa: D205

import asyncio
from contextlib import suppress
import time

from .house import PASSWORD, house, identity
from .process import chargers

COUNT = 200
ROUNDS = 2
STAY = 20


class LoopWatch:
    """Notes the longest time for which the event loop did not run."""

    STEP = 0.005

    def __init__(self) -> None:
        """Begin with no stall."""
        self.longest = 0.0

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            before = time.perf_counter()
            await asyncio.sleep(self.STEP)
            self.longest = max(self.longest, time.perf_counter() - before - self.STEP)


async def measure(*, secure: bool) -> None:
    """Measure and print one kind of connection."""
    scheme = "wss" if secure else "ws"
    async with house(COUNT, secure=secure) as (_, hub):
        async with chargers(
            job="storm",
            url=f"{scheme}://127.0.0.1:{hub.central.port}",
            identities=[identity(number) for number in range(COUNT)],
            password=PASSWORD,
            stay=STAY,
            rounds=ROUNDS,
        ) as peer:
            for round_number in range(ROUNDS):
                await peer.ready()
                watch = LoopWatch()
                watching = asyncio.create_task(watch.run())
                await peer.go()
                began = time.perf_counter()
                while not all(
                    charger.ready for charger in hub.central.chargers.values()
                ):
                    await asyncio.sleep(0.01)
                    if time.perf_counter() - began > STAY:
                        break
                ready = time.perf_counter() - began
                watching.cancel()
                with suppress(asyncio.CancelledError):
                    await watching
                name = "first time" if round_number == 0 else "reconnect"
                print(
                    f"{scheme}, {name}: {COUNT} chargers read and set up in "
                    f"{ready:.1f} s, longest stall {watch.longest * 1000:.0f} ms"
                )
            result = await peer.result()
            for name, seconds in zip(("first", "again"), result["rounds"], strict=True):
                print(f"{scheme}, {name}: all booted and answered in {seconds:.1f} s")


async def main() -> None:
    """Measure both kinds of connection."""
    await measure(secure=False)
    await measure(secure=True)


if __name__ == "__main__":
    asyncio.run(main())
