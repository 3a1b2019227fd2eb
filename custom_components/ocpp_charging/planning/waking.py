"""Wakes a car that fell asleep while it was given nothing, and draws nothing now.

Pure: it says what to do, `steering` does it.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

PATIENCE: Final = timedelta(minutes=3)
"""So long a car may take to begin."""
SHORT: Final = timedelta(seconds=45)
"""The same for a car that had to be woken before."""
SEEN: Final = timedelta(minutes=1)
"""Looks that are further apart have not followed the car."""
BLINK: Final = timedelta(seconds=20)
"""So long a car that is woken is given nothing, before it gets its current again."""


class Wake(StrEnum):
    """What is to be done about a car that may sleep."""

    NOTHING = "nothing"
    WATCH = "watch"
    """It does not draw yet: look again soon."""
    BLINK = "blink"
    """Take its current away and give it again."""
    RESTART = "restart"
    """End the session and begin another."""
    ASLEEP = "asleep"
    """Nothing has woken it."""


class Waking:
    """Follows one stay of a car: each way to wake it is tried once."""

    def __init__(self) -> None:
        """Begin with a car that is awake."""
        self.helped: Wake | None = None
        """What it began to charge after; None where it began by itself."""
        self._since: datetime | None = None
        self._drew = False
        self._tried: list[Wake] = []
        self._looked: datetime | None = None

    def look(
        self,
        now: datetime,
        *,
        given: bool,
        charging: bool,
        wants: bool,
        ends_at_zero: bool = False,
        known: Wake | None = None,
    ) -> Wake:
        """Return what to do now.

        `known` is what has helped this car before: that is done first, and soon.

        `given` says whether the charger offers it a current in a session, `wants`
        whether it is known to need something. A charger that `ends_at_zero` ends its
        session when the current is taken away: there it is not.
        """
        looked, self._looked = self._looked, now
        if looked is None or now - looked > SEEN:
            # Nobody looked for so long: what was then says nothing of now.
            self._since = None
        if not given:
            self._since, self._drew = None, False
            return Wake.NOTHING
        if charging:
            if self._tried:
                self.helped = self._tried[-1]
            self._drew, self._since, self._tried = True, None, []
            return Wake.NOTHING
        if self._drew or not wants:
            # It has had enough, or pauses because it wants to.
            return Wake.NOTHING
        self._since = self._since or now
        if now - self._since < (SHORT if known and not self._tried else PATIENCE):
            return Wake.WATCH
        for way in sorted((Wake.BLINK, Wake.RESTART), key=lambda one: one is not known):
            if way not in self._tried and not (ends_at_zero and way is Wake.BLINK):
                self._tried.append(way)
                self._since = now
                return way
        return Wake.ASLEEP
