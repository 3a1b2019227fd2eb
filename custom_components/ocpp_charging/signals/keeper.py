"""What is known of CO2, the sun, the house and the grid: the last reading of each."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol, override

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback

from .followed import Answer, Followed, Trouble, next_mark


class Topic(StrEnum):
    """What is known of the time to come; those that have options, by their key."""

    PRICE = "price"
    FEED_IN = "feed_in_price"
    CO2 = "co2"
    SOLAR = "solar"
    HOUSE = "house"
    GRID = "grid"
    SURPLUS = "surplus"
    """How the sun is followed; nothing is read for it ahead of time."""


class Lack(StrEnum):
    """Why a source told nothing, or nothing that is of use."""

    NO_ENTITY = "no_entity"
    UNAVAILABLE = "unavailable"
    NO_VALUES = "no_values"
    OTHER_UNIT = "other_unit"
    NO_END = "no_end"
    OUTDATED = "outdated"
    NO_FORECAST = "no_forecast"
    FORECAST_FAILED = "forecast_failed"
    CALENDAR_FAILED = "calendar_failed"


class Known(Answer, Protocol):
    """What a reading gives, and what it lacked."""

    @property
    def lack(self) -> Lack | None:
        """Return what was missing, None when all is well."""

    @property
    def source(self) -> str:
        """Return what the owner calls the source that matters most."""


class Keeper[Settings, Found: Known](Followed[Settings, Found]):
    """Keeps one thing known, as the last reading has it.

    `read` is given the settings, what was known before, and the time; it decides what
    of the former stays when a source fails. `every` is a step that divides the hour.
    Listeners are told only of changes.
    """

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry,
        *,
        topic: Topic,
        read: Callable[[Settings, Found, datetime], Awaitable[Found]],
        nothing: Found,
        every: timedelta,
    ) -> None:
        """Make it for a central system's `entry`; nothing is read yet."""
        super().__init__(
            hass,
            entry,
            issue=f"{topic}_source_failing",
            has=f"about {topic}",
            no=f"nothing about {topic}",
        )
        self._read = read
        self._nothing = nothing
        self._every = every
        self.known = nothing

    @callback
    def async_configure(self, settings: Settings | None) -> None:
        """Take over what the owner decided; what was known before is forgotten."""
        if settings == self.settings:
            return
        self.settings = settings
        self._forget_trouble()
        self._keep(self._nothing)
        if settings is None:
            self._rest()
        self.async_refresh()

    @override
    async def _async_ask(self, settings: Settings, now: datetime) -> Found:
        return await self._read(settings, self.known, now)

    @override
    def _trouble(self, settings: Settings, found: Found) -> Trouble | None:
        if found.lack is None:
            return None
        return Trouble(source=found.source, lack=found.lack)

    @override
    def _keep(self, found: Found) -> None:
        before, self.known = self.known, found
        if found != before:
            self._tell()

    @override
    def _due(self, now: datetime) -> datetime:
        return next_mark(now, self._every)
