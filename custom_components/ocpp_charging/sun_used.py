"""Measures what part of what cars take does not come from the grid.

That is what the cars take less what the house draws from the grid, and not below 0:
what of the sun the house needs itself is then the house's. Several cars share it by
what each of them takes. It needs a meter at the house's connection and chargers that
measure power; a battery of the house counts as the sun that has filled it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from homeassistant.core import callback
from homeassistant.util import dt as dt_util

from .ledger import Stretch
from .signals.meter import STALE

if TYPE_CHECKING:
    from .hub import Hub

KEPT: Final = timedelta(days=2)
"""How long it is known; what was settled by then is kept with the sessions."""

_SLOT: Final = timedelta(minutes=15)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_AT_MOST_EVERY: Final = timedelta(seconds=5)

type ConnectorKey = tuple[str, int]
"""A charger's identity and the number of a connector."""


@dataclass(slots=True, kw_only=True)
class _Slot:
    """What a car has taken in a part of a quarter hour, and what of it was sun."""

    begins: datetime
    ends: datetime
    taken: float = 0.0
    sun: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sample:
    """What the cars took at a moment, in W, and which part was not the grid's."""

    at: datetime
    powers: dict[ConnectorKey, float]
    share: float


class SunUsed:
    """Keeps, for each connector, the share of the sun in each quarter hour."""

    def __init__(self, hub: Hub) -> None:
        """Know nothing yet; it needs `async_start`."""
        self._hub = hub
        self._slots: dict[ConnectorKey, list[_Slot]] = {}
        self._last: _Sample | None = None

    @property
    def measures(self) -> bool:
        """Say whether there is a meter at the house's connection."""
        settings = self._hub.board.meter.settings
        return settings is not None and bool(settings.entities)

    @callback
    def async_start(self) -> Callable[[], None]:
        """Begin to measure; returns how to stop."""
        return self._hub.board.meter.listen(self._meter_told)

    def shares(self, key: ConnectorKey) -> tuple[Stretch, ...]:
        """Return the share of the sun over time, 0 to 1, where a car took something."""
        return tuple(
            Stretch(begins=slot.begins, ends=slot.ends, value=slot.sun / slot.taken)
            for slot in self._slots.get(key, ())
            if slot.taken > 0
        )

    @callback
    def _meter_told(self) -> None:
        now = dt_util.utcnow()
        last = self._last
        if last is not None and now - last.at < _AT_MOST_EVERY:
            return
        if last is not None and now - last.at <= STALE:
            for key, power in last.powers.items():
                self._add(key, power, last.share, last.at, now)
        self._last = self._sample(now)

    def _sample(self, now: datetime) -> _Sample | None:
        measured = self._hub.board.meter.measured()
        if measured.power_w is None or measured.is_stale(now):
            return None
        powers = {
            (charger.identity, number): power
            for charger in self._hub.chargers.values()
            if charger.connected
            for number, connector in charger.connectors.items()
            if (power := connector.reading("power") or 0.0) > 0
        }
        total = sum(powers.values())
        if not total:
            return None
        share = max(0.0, 1 - max(0.0, measured.power_w) / total)
        return _Sample(at=now, powers=powers, share=share)

    def _add(
        self,
        key: ConnectorKey,
        power: float,
        share: float,
        begin: datetime,
        end: datetime,
    ) -> None:
        """Add what a car took from one sample to the next."""
        slots = self._slots.setdefault(key, [])
        while begin < end:
            mark = _next_slot(begin)
            until = min(mark, end)
            # What was measured with a gap between is a slot of its own.
            if (
                not slots
                or slots[-1].ends != begin
                or _next_slot(begin) - begin == _SLOT
            ):
                slots.append(_Slot(begins=begin, ends=begin))
            slot = slots[-1]
            taken = power * (until - begin).total_seconds()
            slot.ends = until
            slot.taken += taken
            slot.sun += taken * share
            begin = until
        while slots[0].ends < end - KEPT:
            del slots[0]


def _next_slot(moment: datetime) -> datetime:
    return moment + _SLOT - (moment - _EPOCH) % _SLOT
