"""Giving the event loop back when many chargers want it at the same moment.

After a power cut they all dial in within the same second. Each takes little, but the
loop runs everything that is ready in one go: without pauses Home Assistant would stand
still for as long as all of them together take.
"""

import asyncio


class Pace:
    """Lets chargers have the event loop for a while at a stretch, then others."""

    def __init__(self, stretch: float = 0.02) -> None:
        """Allow `stretch` seconds in one round of the loop."""
        self._stretch = stretch
        self._began: float | None = None

    async def keep(self) -> None:
        """Wait for another round of the loop if this one has lasted long enough."""
        loop = asyncio.get_running_loop()
        while self._lasted(loop.time()):  # noqa: ASYNC110 - no event marks a round
            await asyncio.sleep(0)
        if self._began is None:
            self._began = loop.time()
            loop.call_soon(self._new_round)

    def _lasted(self, now: float) -> bool:
        return self._began is not None and now - self._began > self._stretch

    def _new_round(self) -> None:
        self._began = None
