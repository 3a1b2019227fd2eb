"""How long an event loop is kept from its turn, to the microsecond and without polling.

A round of the loop lasts from when the selector returns what has come in until the
selector is asked again: so long waits whatever comes in meanwhile.
"""

import asyncio
import gc
import selectors
import time
from typing import override


class LoopWatch(selectors.DefaultSelector):
    """A selector that notes the longest round of its event loop.

    In seconds: `longest` is all of the longest round. `ours` is the longest without
    what Python's garbage collector took, which depends on all that lives in the
    process. `on_cpu` is the longest without that by the thread's CPU time: where it is
    much less than `ours`, the thread was not let run, by another process or thread.
    """

    def __init__(self) -> None:
        """Begin with no round."""
        super().__init__()
        self.longest = self.ours = self.on_cpu = self.collected = 0.0
        self.rounds = 0
        self._began: tuple[float, float, float] | None = None
        self._collecting = 0.0
        self._collection_began = 0.0
        gc.callbacks.append(self._note_collection)

    @classmethod
    def new_loop(cls) -> asyncio.AbstractEventLoop:
        """Return an event loop with such a selector."""
        return WatchedLoop(cls())

    def reset(self) -> None:
        """Forget all rounds, also the one that is under way."""
        self.longest = self.ours = self.on_cpu = self.collected = 0.0
        self.rounds = 0
        self._began = None

    @override
    def select(
        self, timeout: float | None = None
    ) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait as the selector does; a round ends before and begins after."""
        if self._began is not None:
            self._note_round(*self._began)
        try:
            return super().select(timeout)
        finally:
            self._began = (
                time.perf_counter(), time.thread_time(), self._collecting
            )  # fmt: skip

    @override
    def close(self) -> None:
        """Close, and watch the garbage collector no more."""
        gc.callbacks.remove(self._note_collection)
        super().close()

    def _note_round(self, wall: float, cpu: float, collecting: float) -> None:
        lasted = time.perf_counter() - wall
        collected = self._collecting - collecting
        self.longest = max(self.longest, lasted)
        self.ours = max(self.ours, lasted - collected)
        self.on_cpu = max(self.on_cpu, time.thread_time() - cpu - collected)
        self.collected = max(self.collected, collected)
        self.rounds += 1

    def _note_collection(self, phase: str, _info: dict[str, int]) -> None:
        if phase == "start":
            self._collection_began = time.perf_counter()
        else:
            self._collecting += time.perf_counter() - self._collection_began


class WatchedLoop(asyncio.SelectorEventLoop):
    """An event loop with its watch."""

    def __init__(self, watch: LoopWatch) -> None:
        """Begin watching."""
        self.watch = watch
        super().__init__(watch)


def watch() -> LoopWatch:
    """Return the watch of the running loop, with all rounds so far forgotten."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, WatchedLoop)
    loop.watch.reset()
    return loop.watch
