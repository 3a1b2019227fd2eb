"""What the highest power from the grid costs, and how high it was so far."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from homeassistant.core import callback
from homeassistant.util import dt as dt_util

from ..charging import PeakTariff
from ..signals.meter import HouseSettings, measure

if TYPE_CHECKING:
    from .planning import Planning

LONGEST_GAP: Final = timedelta(minutes=2)
"""A time without a reading that is longer than this says nothing of the energy."""


@dataclass(frozen=True, kw_only=True)
class PeakSettings:
    """A tariff that bills the highest mean power of a month."""

    price_per_kw: float
    window: timedelta
    so_far: str | None = None
    """The sensor that has the month's highest mean so far."""


class Peak:
    """Follows the house's meter through the window that is running."""

    def __init__(self, planning: Planning) -> None:
        """Begin with nothing measured."""
        self._planning = planning
        self._window: datetime | None = None
        self._used_kwh = 0.0
        self._last: tuple[datetime, float] | None = None

    @callback
    def async_start(self) -> Callable[[], None]:
        """Begin to follow the meter; returns how to stop."""
        self._measured()
        return self._planning.hub.board.meter.listen(self._measured)

    @callback
    def tariff(self) -> PeakTariff | None:
        """Return what a peak costs from now on; None where it costs nothing."""
        settings = self._planning.settings.peak
        if settings is None:
            return None
        self._measured()
        return PeakTariff(
            price_per_kw=settings.price_per_kw,
            window=settings.window,
            ahead=_ahead(dt_util.utcnow()),
            so_far_kw=self._so_far_kw(settings),
            used_kwh=self._used_kwh,
            house=self._planning.hub.board.house.known.series,
        )

    def _so_far_kw(self, settings: PeakSettings) -> float:
        """Return the month's highest mean; 0 where nobody tells."""
        if settings.so_far is None:
            return 0.0
        told = measure(
            self._planning.hub.hass, HouseSettings(grid_power=settings.so_far)
        )
        return max(0.0, told.power_w or 0.0) / 1000

    @callback
    def _measured(self) -> None:
        """Add what was drawn since the last reading."""
        settings, now = self._planning.settings.peak, dt_util.utcnow()
        if settings is None:
            self._last = self._window = None
            return
        midnight = dt_util.utc_from_timestamp(0) - _ahead(now)
        begin = midnight + (now - midnight) // settings.window * settings.window
        if begin != self._window:
            self._window, self._used_kwh = begin, 0.0
        if self._last is not None:
            at, watts = self._last
            since = now - max(at, begin)
            if timedelta() < since and now - at <= LONGEST_GAP:
                self._used_kwh += max(0.0, watts) * since.total_seconds() / 3.6e6
        power = self._planning.hub.board.meter.measured().power_w
        self._last = None if power is None else (now, power)


def _ahead(moment: datetime) -> timedelta:
    """Return how far the home's clock is ahead of UTC: windows begin at its midnight.

    Clocks that are changed by an hour move no window, as all divide the hour.
    """
    return dt_util.as_local(moment).utcoffset() or timedelta()
