"""Both prices of a home: of what it buys, and of what it feeds in."""

from collections.abc import Callable, Mapping
import logging
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback

from .settings import PriceSettings, Side
from .signal import PriceSignal

_LOGGER = logging.getLogger(__name__)


def price_settings(options: Mapping[str, Any], side: Side) -> PriceSettings | None:
    """Return what the owner decided about a price, None when there is no source."""
    data = options.get(side)
    if not data:
        return None
    try:
        return PriceSettings.from_data(data)
    except ValueError as error:
        # Only another version of this integration can have kept something else.
        _LOGGER.error("The settings of the %s cannot be used: %s", side, error)
        return None


class HomePrices:
    """The price of what is bought, and that of what is fed in; each may be not set."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry) -> None:
        """Make both signals with the settings of the central system's entry."""
        self._entry = entry
        self.price = PriceSignal(hass, entry, Side.PRICE)
        self.feed_in = PriceSignal(hass, entry, Side.FEED_IN)
        self.async_configure()

    @property
    def signals(self) -> tuple[PriceSignal, PriceSignal]:
        """Return both."""
        return self.price, self.feed_in

    @callback
    def async_configure(self) -> None:
        """Take over what is in the options now."""
        for signal in self.signals:
            signal.async_configure(price_settings(self._entry.options, signal.side))

    @callback
    def async_start(self) -> Callable[[], None]:
        """Begin to read; returns how to stop."""
        stops = [signal.async_start() for signal in self.signals]

        def stop() -> None:
            for one in stops:
                one()

        return stop
