"""What a car is seen to take of what it may: on which phases, and how much."""

from datetime import datetime, timedelta
from math import ceil
from typing import Final

from ..csms.connector import Connector
from .situation import USED_A, VOLTAGE_V

LESS_FOR: Final = timedelta(seconds=60)
"""A car that takes clearly less for so long doesn't need the rest."""
CLEARLY_A: Final = 3.0
"""So much less than it may is clearly less."""
SPARE_A: Final = 2.0
"""So much more than it takes it keeps: one that takes part of that wants more."""
REACHED_A: Final = 1.0
"""So near to what it has, a car takes all it has."""

PHASE_NAMES: Final = ("l1", "l2", "l3")


class CarUse:
    """Learns, for one stay, what a car takes of what it is offered."""

    def __init__(self) -> None:
        """Begin with nothing learned."""
        self._most_a: float | None = None
        """The most that it took in the last while, in A per phase."""
        self._less_since: datetime | None = None
        self._greatest_a = 0.0

    def content_a(self, least_a: float) -> float | None:
        """Return with how much it is content; None: it takes all it is given."""
        if self._most_a is None:
            return None
        return max(least_a, ceil(self._most_a) + SPARE_A)

    @property
    def takes_a(self) -> float | None:
        """Return what it takes at most, where that is clearly less than it may."""
        flows = self._most_a is not None and self._most_a >= USED_A
        return self._most_a if flows else None

    def look_at_current(
        self, drawn_a: float | None, *, allowed_a: float, least_a: float, now: datetime
    ) -> None:
        """Compare what it draws, on the phase with most, with what it may, in A.

        None is unknown, or no session: then nothing is known of what it takes.
        """
        if drawn_a is None:
            self._most_a = self._less_since = None
            return
        content_a = self.content_a(least_a)
        has_a = allowed_a if content_a is None else min(allowed_a, content_a)
        if drawn_a > has_a - REACHED_A:
            self._most_a = self._less_since = None
        elif content_a is None and drawn_a > allowed_a - CLEARLY_A:
            self._less_since = None
        elif self._less_since is None:
            self._less_since, self._greatest_a = now, drawn_a
        else:
            self._greatest_a = max(self._greatest_a, drawn_a)
            if now - self._less_since >= LESS_FOR:
                self._most_a = self._greatest_a
                self._less_since, self._greatest_a = now, drawn_a


def drawn_phases(connector: Connector, *, most_a: float) -> frozenset[int]:
    """Return the charger's phases that the car draws from now, 1 to 3.

    None where that is not seen, or where it is held to one: it may be on three again in
    a moment. `most_a` is what it ever may draw.
    """
    if not connector.charging or connector.planned_phases == 1:
        return frozenset()
    flowing = frozenset(
        number
        for number, phase in enumerate(PHASE_NAMES, 1)
        if (connector.reading(f"current_{phase}") or 0.0) >= USED_A
    )
    return flowing or frozenset(range(1, _count_by_power(connector, most_a) + 1))


def drawn_current(connector: Connector, *, phases: int | None) -> float | None:
    """Return what the car draws on the phase with most, in A.

    None while it does not charge, or where that is not seen. `phases` is from how many
    it draws, where that is known.
    """
    if not connector.charging:
        return None
    told = [connector.reading(f"current_{phase}") for phase in PHASE_NAMES]
    amperes = [each for each in told if each is not None]
    if amperes:
        return max(amperes)
    power_w = connector.reading("power")
    if power_w is None or phases is None:
        return connector.reading("current")
    return power_w / (phases * (connector.reading("voltage") or VOLTAGE_V))


def _count_by_power(connector: Connector, most_a: float) -> int:
    """Return on how many phases as much current gives such power; 0: unknown."""
    current = connector.reading("current") or 0.0
    power_w = connector.reading("power") or 0.0
    if current < USED_A or current > most_a + USED_A:
        # A current that is the sum of all phases tells nothing of their number.
        return 0
    voltage_v = connector.reading("voltage") or VOLTAGE_V
    return min(3, max(1, round(power_w / (voltage_v * current))))
