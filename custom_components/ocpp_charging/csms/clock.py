"""What a charger's clock says, and which of its messages are of the present.

A message may have waited: in the charger's queue, or because it carries the time of
the last change. So a time that is behind ours need not tell of a slow clock, while one
that is ahead of ours does tell of a fast one.
"""

from collections import deque
from datetime import UTC, datetime, timedelta
import logging

from .charger import Charger

_LOGGER = logging.getLogger(__name__)

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

_JUMP_S = 60.0
"""A clock that moves by more is worth a word in the log."""

_REMEMBERED = 64
"""So many times of messages are remembered, to know those that are told again."""

_DAY = timedelta(days=1)
"""A single message that is further ahead is a mistake; two may be a clock."""

_EARLIEST = datetime(2020, 1, 1, tzinfo=UTC)
_LATEST = datetime(2100, 1, 1, tzinfo=UTC)


def was_set(at: datetime, charger_now: datetime) -> bool:
    """Say whether a charger wrote this down after its clock was set.

    Many begin with 1970. A clock that is never set, and known to be decades off, is
    a clock.
    """
    return _EARLIEST <= at < _LATEST or abs(at - charger_now) <= _DAY


def ahead_of(at: datetime, offset_s: float, now: datetime) -> float:
    """Return by how many seconds a time that a charger gave is ahead of ours.

    That is the offset of its clock, where the time can be from then, else 0. What was
    written down by a clock that was not set yet, and cannot be of any time, is taken
    for the present.
    """
    for ahead_s in (offset_s, 0.0):
        try:
            ours = at - timedelta(seconds=ahead_s)
        except OverflowError:
            continue
        if _EARLIEST <= ours <= now + _DAY:
            return ahead_s
    return (at - now).total_seconds()


class ChargerClock:
    """One charger's clock; it outlives the charger's connections."""

    def __init__(self, charger: Charger) -> None:
        """Bind the charger; what was known of its clock before a restart counts."""
        self._charger = charger
        self._noted: float | None = None
        self._odd: tuple[datetime, float] | None = None
        self._connected_at: datetime | None = None
        self._statuses: dict[int, datetime] = {}
        self._measured: deque[datetime] = deque(maxlen=_REMEMBERED)

    def measure(self, at: datetime, now: datetime) -> None:
        """Learn from a message that the charger made at `at` and sent before `now`.

        A delay only makes a clock look slower than it is: a lower offset counts when
        a later message confirms it, or at once when the clock has been set to ours. So
        does one that is days ahead, as a clock can be that lost its time. A message
        that is told again has waited: chargers repeat all of theirs after the same
        times, so that two of them would agree on a delay.
        """
        if at in self._measured:
            return
        self._measured.append(at)
        ahead = (at - now).total_seconds()
        known = self._charger.clock_offset_s
        if abs(ahead - (known or 0)) < _NOTED_S:
            self._odd = None
            if known is not None:
                return
        elif abs(ahead) > _SET_S:
            faster = (known or 0) < ahead <= _DAY.total_seconds()
            if not faster and not self._confirms(at, ahead):
                return
        self._odd = None
        offset = float(round(ahead))
        if abs(offset - (known or 0)) > _JUMP_S:
            _LOGGER.info(
                "%s: its clock is %.0f s ahead of ours", self._charger.identity, offset
            )
        self._charger.remember(clock_offset_s=offset)
        self._note()

    def _note(self) -> None:
        """Have the journal correct times by what is known of the clock."""
        offset = self._charger.clock_offset_s
        if offset is not None and offset != self._noted:
            self._noted = offset
            self._charger.journal.note_clock(self._charger.identity, offset)

    def _confirms(self, at: datetime, ahead: float) -> bool:
        """Say whether an earlier message had the same offset; else remember this."""
        if self._odd is not None:
            first_at, first_ahead = self._odd
            if abs(ahead - first_ahead) <= _AGREE_S:
                return at - first_at >= _TICK
        self._odd = (at, ahead)
        return False

    def time(self, now: datetime) -> datetime:
        """Return what the charger's clock says now, as far as it is known.

        Many are hours off: they put a Z behind their local time.
        """
        self._note()
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
