"""What is followed of the car that is plugged in: its energy, charge and pauses."""

from collections.abc import Mapping
from datetime import datetime, timedelta
import logging
from math import isfinite
from typing import Any, Final

from ..csms.connector import Connector
from ..csms.model import ConnectorStatus
from ..vehicles import Vehicle
from .car_use import REACHED_A, CarUse, drawn_phases

_LOGGER = logging.getLogger(__name__)

SURE_AFTER: Final = timedelta(seconds=30)
"""So long after it began to charge a car draws on all of its phases."""


class Plugged:
    """A car's stay at a connector, in which there may be several sessions."""

    def __init__(self, connector: Connector, now: datetime) -> None:
        """Begin with what the running session has taken."""
        self._connector = connector
        session = connector.transaction
        self.began = now if session is None else min(now, session.started_at)
        """When it was plugged in; after a restart, when its session began."""
        self._before_kwh = 0.0
        """What earlier sessions of this stay took."""
        self._session = connector.transaction
        self._charging = connector.charging
        self.since: datetime | None = None
        """When it began to charge, or ended; None where that was not seen."""
        self._told: tuple[str, float] | None = None
        """The car, and the state of charge that it told last, in %."""
        self._taken_then = 0.0
        self.phases: frozenset[int] = frozenset()
        """The charger's phases that the car was seen to draw from, 1 to 3."""
        self.phase_count: int | None = None
        """From how many at once it drew last; None where that was not seen."""
        self.use = CarUse()
        """What it took of what it might, in the last while."""
        self.takes_a: float | None = None
        """The most that it takes, in A per phase, where it was seen to leave some."""
        self.usual_kwh: float | None = None
        self.usual_of: str | None = None
        """What such a car usually takes, and for which it was looked up."""

    @property
    def taken_kwh(self) -> float:
        """Return what was taken since the car was plugged in, at the meter."""
        running = 0.0 if self._session is None else self._session.energy_wh / 1000
        return self._before_kwh + running

    def kept(self) -> dict[str, Any]:
        """Return what outlives a restart: all that the connector doesn't know."""
        return {
            "began": self.began.isoformat(),
            "session": self._number,
            "before_kwh": self._before_kwh,
            "told": None if self._told is None else list(self._told),
            "taken_then": self._taken_then,
            "phases": sorted(self.phases),
        }

    def recall(self, kept: Mapping[str, Any]) -> bool:
        """Take over what was kept, where it is of this stay; say whether it is.

        A session that was over then is in what was kept; of one that has ended since
        counts what is known of it.
        """
        try:
            began = min(self.began, datetime.fromisoformat(kept["began"]))
            before_kwh, taken_then = (
                float(kept["before_kwh"]),
                float(kept["taken_then"]),
            )
            told, session = kept["told"], kept["session"]
            told = None if told is None else (str(told[0]), float(told[1]))
            soc = 0.0 if told is None else told[1]
            if not all(isfinite(each) for each in (before_kwh, taken_then, soc)):
                raise ValueError("an energy that is none")
            phases = _phases(kept.get("phases"))
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            _LOGGER.error("What was known of a plugged-in car can't be read: %r", error)
            return False
        last = self._connector.last_transaction
        ended = None
        if self._session is None and last is not None and session is not None:
            ended = last if last.transaction_id == session else None
        if self._number != session and ended is None:
            return False
        charged = before_kwh > 0 or session is not None
        if charged and self._connector.status is ConnectorStatus.PREPARING:
            # It waits to begin: this is another car, or it was plugged in anew.
            return False
        if ended is not None:
            before_kwh += ended.energy_wh / 1000
        self.began, self._before_kwh = began, before_kwh
        self._told, self._taken_then = told, taken_then
        self.phases, self.phase_count = phases, len(phases) or None
        return True

    @property
    def _number(self) -> int | None:
        return None if self._session is None else self._session.transaction_id

    def look(self, now: datetime) -> None:
        """Take over what the connector says."""
        session = self._connector.transaction
        if session is not self._session:
            self._before_kwh = self.taken_kwh
            self._session = session
        charging = self._connector.charging
        if charging != self._charging:
            self._charging = charging
            self.since = now

    def look_at_phases(self, now: datetime, *, most_a: float) -> bool:
        """See from which phases the car draws; say whether their number is news.

        In its first moments a car may not draw from all of them yet. `most_a` is what
        it ever may draw.
        """
        drawn = drawn_phases(self._connector, most_a=most_a)
        begins = self.since is not None and now - self.since < SURE_AFTER
        if not drawn or (begins and not self.phases):
            return False
        self.phases |= drawn
        if begins:
            return False
        before, self.phase_count = self.phase_count, len(drawn)
        return self.phase_count != before

    def look_at_current(
        self, drawn_a: float | None, *, allowed_a: float, least_a: float, now: datetime
    ) -> bool:
        """Compare what the car draws with what it may; say whether that is news.

        What it was seen to take at most counts until it takes more.
        """
        self.use.look_at_current(drawn_a, allowed_a=allowed_a, least_a=least_a, now=now)
        before, taken = self.takes_a, self.use.takes_a
        if taken is not None:
            differs = before is None or abs(taken - before) >= REACHED_A
            self.takes_a = taken if differs else before
        elif before is not None and (drawn_a or 0.0) > before + REACHED_A:
            self.takes_a = None
        return self.takes_a != before

    def soc(self, vehicle: Vehicle | None) -> float | None:
        """Return the state of charge in %, None where it or the battery is not known.

        Cars report now and then: what was charged since is added. One that falls silent
        while it is plugged in, as when its maker's cloud is away, is where it was.
        """
        if vehicle is None or vehicle.settings.battery_kwh is None:
            return None
        if vehicle.soc is not None and (vehicle.key, vehicle.soc) != self._told:
            self._told = vehicle.key, vehicle.soc
            self._taken_then = self.taken_kwh
        if self._told is None or self._told[0] != vehicle.key:
            return None
        since = self.taken_kwh - self._taken_then
        gained = since * vehicle.settings.efficiency / vehicle.settings.battery_kwh
        return min(100.0, self._told[1] + gained * 100)


def _phases(kept: object) -> frozenset[int]:
    """Return phases that were kept; earlier versions kept how many.

    Raises `ValueError` or `TypeError` for what is none.
    """
    if kept is None:
        return frozenset()
    numbers = range(1, kept + 1) if isinstance(kept, int) else kept
    if not isinstance(numbers, range | list) or not {1, 2, 3}.issuperset(numbers):
        raise ValueError("phases that are none")
    return frozenset(numbers)
