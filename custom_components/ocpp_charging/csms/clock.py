"""What a charger's clock says, and which of its messages are of the present.

A message may have waited: in the charger's queue, or because it carries the time of
the last change. So a time that is behind ours need not tell of a slow clock, while one
that is ahead of ours does tell of a fast one.
"""

from datetime import datetime, timedelta

from .charger import Charger

_NOTED_S = 2.0
"""The clock is told of when it is off by so much more or less than was known."""

_SET_S = 5.0
"""A clock that is no further off has been set by our answers."""

_AGREE_S = 3.0
_TICK = timedelta(seconds=10)
"""Two times so far apart that agree on the offset come from a clock that runs: what
has waited, for the same time as another, was not made at another time."""

_QUEUE = timedelta(minutes=5)
"""For so long after connecting a charger may be sending what had waited."""

_PROMPT = timedelta(seconds=60)
"""A message no older than this, by our clock, has not waited."""


class ChargerClock:
    """One charger's clock; it outlives the charger's connections."""

    def __init__(self, charger: Charger) -> None:
        """Bind the charger."""
        self._charger = charger
        self._slower: tuple[datetime, float] | None = None
        self._connected_at: datetime | None = None
        self._statuses: dict[int, datetime] = {}

    def measure(self, at: datetime, now: datetime) -> None:
        """Learn from a message that the charger made at `at` and sent before `now`.

        A delay only makes a clock look slower than it is: a lower offset counts when
        a later message confirms it, or at once when the clock has been set to ours.
        """
        ahead = (at - now).total_seconds()
        known = self._charger.clock_offset_s
        if abs(ahead - (known or 0)) < _NOTED_S:
            self._slower = None
            if known is not None:
                return
        elif ahead < (known or 0) and not (
            abs(ahead) <= _SET_S or self._confirms(at, ahead)
        ):
            return
        self._slower = None
        offset = float(round(ahead))
        self._charger.update(clock_offset_s=offset)
        self._charger.journal.note_clock(self._charger.identity, offset)

    def _confirms(self, at: datetime, ahead: float) -> bool:
        """Say whether an earlier message had the same offset; else remember this."""
        if self._slower is not None:
            first_at, first_ahead = self._slower
            if abs(ahead - first_ahead) <= _AGREE_S:
                return at - first_at >= _TICK
        self._slower = (at, ahead)
        return False

    def time(self, now: datetime) -> datetime:
        """Return what the charger's clock says now, as far as it is known.

        Many are hours off: they put a Z behind their local time.
        """
        try:
            return now + timedelta(seconds=self._charger.clock_offset_s or 0)
        except OverflowError:
            return now

    def booted(self) -> None:
        """Expect another time: a charger sets its clock by the answer to its boot."""
        self._statuses.clear()

    def is_outdated(
        self, connector_id: int, at: datetime | None, now: datetime
    ) -> bool:
        """Say whether a status had waited and a later one of the connector is known.

        Only soon after connecting, when queues are sent, and only over one
        connection: a clock that is set back must not silence a charger.
        """
        if self._charger.connected_at != self._connected_at:
            self._connected_at = self._charger.connected_at
            self._statuses.clear()
        latest = self._statuses.get(connector_id)
        if (
            at is not None
            and latest is not None
            and at < latest
            and now - at > _PROMPT
            and (self._connected_at is None or now - self._connected_at <= _QUEUE)
        ):
            return True
        if at is None:
            self._statuses.pop(connector_id, None)
        else:
            self._statuses[connector_id] = at
        return False
