"""All that is known of the time to come, in one place, for whoever plans by it."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
import logging
from typing import Any, Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.util import dt as dt_util

from ..charging.problem import Signals
from ..charging.series import Series
from .after_battery import after_battery
from .base_load import BaseLoad, BaseLoadReader
from .co2.reading import Co2Known, Co2Reader, Co2Settings
from .combine import lowest, plus, total
from .demand.reading import DemandKnown, async_read as async_read_demand
from .demand.settings import DemandSettings
from .house_battery import Battery, SunSettings, read_battery
from .keeper import Keeper, Topic
from .meter import HouseMeter, HouseSettings
from .prices.home import HomePrices
from .prices.kept import KeptPrices
from .set_limit import SetLimit
from .solar import SolarKnown, SolarSettings, async_read as async_read_solar

_LOGGER = logging.getLogger(__name__)

QUARTER: Final = timedelta(minutes=15)
HOUR: Final = timedelta(hours=1)
OFTEN: Final = timedelta(minutes=5)
"""How often a calendar is looked through: most tell of no change but to the next."""


class SignalBoard:
    """Prices, CO2, sun, house and grid of a home; tells which of them has changed.

    `meter` has what is measured now; it is asked, and tells its own listeners, as it
    may change every second.
    """

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry) -> None:
        """Make it with the settings of the central system's entry."""
        self._hass = hass
        self._entry = entry
        self.prices = HomePrices(hass, entry)
        self._kept_prices = KeptPrices(hass, entry, self.prices)
        self.meter = HouseMeter(hass)
        self.set_limit = SetLimit(hass, entry)
        self.sun = SunSettings()
        """How the sun is followed."""
        self._listeners: list[Callable[[Topic], None]] = []
        self.co2: Keeper[Co2Settings, Co2Known] = Keeper(
            hass,
            entry,
            topic=Topic.CO2,
            read=Co2Reader(hass).async_read,
            nothing=Co2Known(),
            every=QUARTER,
        )
        self.solar: Keeper[SolarSettings, SolarKnown] = Keeper(
            hass,
            entry,
            topic=Topic.SOLAR,
            read=partial(async_read_solar, hass),
            nothing=SolarKnown(),
            every=QUARTER,
        )
        self.house: Keeper[HouseSettings, BaseLoad] = Keeper(
            hass,
            entry,
            topic=Topic.HOUSE,
            read=BaseLoadReader(hass, entry).async_read,
            nothing=BaseLoad(),
            every=HOUR,
        )
        self.grid: Keeper[DemandSettings, DemandKnown] = Keeper(
            hass,
            entry,
            topic=Topic.GRID,
            read=partial(async_read_demand, hass),
            nothing=DemandKnown(),
            every=OFTEN,
        )
        self.async_configure()

    @callback
    def listen(self, changed: Callable[[Topic], None]) -> Callable[[], None]:
        """Call `changed` with what has changed; returns how to stop."""
        stops = [
            signal.listen(partial(changed, topic))
            for topic, signal in (
                (Topic.PRICE, self.prices.price),
                (Topic.FEED_IN, self.prices.feed_in),
                (Topic.CO2, self.co2),
                (Topic.SOLAR, self.solar),
                (Topic.HOUSE, self.house),
                (Topic.GRID, self.grid),
                (Topic.GRID, self.set_limit),
            )
        ]
        self._listeners.append(changed)
        stops.append(partial(self._listeners.remove, changed))

        def stop() -> None:
            for one in stops:
                one()

        return stop

    @callback
    def async_configure(self) -> None:
        """Take over what is in the options now."""
        options = self._entry.options
        self.prices.async_configure()
        self.co2.async_configure(_read(options, Topic.CO2, Co2Settings.from_data))
        self.solar.async_configure(_read(options, Topic.SOLAR, SolarSettings.from_data))
        self.grid.async_configure(_read(options, Topic.GRID, DemandSettings.from_data))
        house = _read(options, Topic.HOUSE, HouseSettings.from_data)
        self.house.async_configure(house)
        self.meter.async_configure(house)
        before = self.sun
        sun = _read(options, Topic.SURPLUS, SunSettings.from_data)
        self.sun = sun or SunSettings()
        if self.sun != before:
            for listener in tuple(self._listeners):
                listener(Topic.SURPLUS)

    @callback
    def battery(self) -> Battery:
        """Return what the house's battery does now."""
        return read_battery(self._hass, self.sun)

    async def async_load(self) -> None:
        """Read what is kept: the limit that was set, and the prices that were told."""
        await self.set_limit.async_load()
        await self._kept_prices.async_load()

    @callback
    def async_start(self) -> Callable[[], None]:
        """Begin to read all; returns how to stop."""
        stops = [
            each.async_start()
            for each in (
                self._kept_prices,
                self.prices,
                self.meter,
                self.co2,
                self.solar,
                self.house,
                self.grid,
                self.set_limit,
            )
        ]

        def stop() -> None:
            for one in stops:
                one()

        return stop

    @property
    def surplus(self) -> Series:
        """Return the power of the roof that house and battery will not need, in W.

        From now on: the battery has had its part of what was.
        """
        solar = self.solar.known.series
        if solar.end is not None:
            solar = solar.between(dt_util.utcnow(), solar.end)
        if solar.start is None or solar.end is None:
            return solar
        need = self.house.known.series.between(solar.start, solar.end)
        left = total([solar, need.map(lambda watts: -watts)])
        sun = self.sun
        left = after_battery(
            left, sun.rules, battery_kwh=sun.battery_kwh, soc=self.battery().soc
        )
        # Where there is no sun, there is nothing left over, and nothing to say.
        return _where(left, solar)

    @property
    def signals(self) -> Signals:
        """Return all as the planner takes it; the price with what the grid adds to it.

        The limit is for all that is charged together.
        """
        return Signals(
            price=plus(self.prices.price.series, self.grid.known.extra_price),
            feed_in=self.prices.comparable_feed_in,
            co2=self.co2.known.series,
            solar=self.surplus,
            limit=lowest([self.grid.known.limit, self.set_limit.series]),
        )


def _where(series: Series, known: Series) -> Series:
    """Return `series` where `known` is known, and not below 0."""
    return Series(
        item
        for each in known
        for item in series.between(each.start, each.end).map(
            lambda value: max(0.0, value)
        )
    )


def _read[Settings](
    options: Mapping[str, Any],
    topic: Topic,
    from_data: Callable[[Mapping[str, Any]], Settings],
) -> Settings | None:
    """Return what the owner decided about a signal, None when nothing."""
    data = options.get(topic)
    if data is None:
        return None
    try:
        return from_data(data)
    except (KeyError, TypeError, ValueError) as error:
        # Only another version of this integration can have kept something else.
        _LOGGER.error("The settings of %s cannot be used: %s", topic, error)
        return None
