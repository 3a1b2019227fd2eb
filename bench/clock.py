"""A clock that can be put forward, for what shall happen faster than it does."""

from datetime import UTC, datetime
import time
from typing import override

from .loop_watch import LoopWatch, WatchedLoop


class LeapingLoop(WatchedLoop):
    """An event loop whose time, and a wall clock that goes with it, can be put forward.

    What is due meanwhile happens at once, each thing once: a leap should be no longer
    than the shortest wait that must not be missed.
    """

    def __init__(self) -> None:
        """Begin with the present, until a day is set."""
        self._ahead = 0.0
        self._offset = 0.0
        super().__init__(LoopWatch())

    @override
    def time(self) -> float:
        """Return the loop's time in seconds."""
        return super().time() + self._ahead

    def now(self) -> datetime:
        """Return the wall clock's time."""
        return datetime.fromtimestamp(time.time() + self._offset, UTC)

    def set_clock(self, at: datetime) -> None:
        """Set the wall clock."""
        self._offset = at.timestamp() - time.time()

    def leap_to(self, at: datetime) -> None:
        """Put both clocks forward until the wall clock shows this; never back."""
        seconds = max(0.0, (at - self.now()).total_seconds())
        self._ahead += seconds
        self._offset += seconds
