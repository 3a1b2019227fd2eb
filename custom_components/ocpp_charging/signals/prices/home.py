"""Both prices of a home: of what it buys, and of what it feeds in."""

from collections.abc import Callable, Mapping
import logging
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback

from ...charging.series import Series
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
        self.feed_in = PriceSignal(hass, entry, Side.FEED_IN, beside=self.price)
        self._differ = False
        self.async_configure()

    @property
    def signals(self) -> tuple[PriceSignal, PriceSignal]:
        """Return both."""
        return self.price, self.feed_in

    def signal(self, side: Side) -> PriceSignal:
        """Return one of them."""
        return self.price if side is Side.PRICE else self.feed_in

    @property
    def comparable_feed_in(self) -> Series:
        """Return what is paid for feeding in, where that is in the price's currency.

        Else nothing: two currencies cannot be weighed against each other. That is
        logged once.
        """
        bought, fed_in = self.price.currency, self.feed_in.currency
        # Before both were read, nothing is known of their currencies.
        read = self.price.reading is not None and self.feed_in.reading is not None
        differ = read and bought != fed_in
        if differ and not self._differ:
            _LOGGER.warning(
                "The price for feeding in is in %s and the other one in %s, so it "
                "does not count",
                fed_in,
                bought,
            )
        self._differ = differ
        return Series() if differ else self.feed_in.series

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
