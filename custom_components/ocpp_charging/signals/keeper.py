"""Something that is read from Home Assistant again and again, and told on change."""

from asyncio import Task
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from enum import StrEnum
import logging
from typing import Final, Protocol

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import (
    CALLBACK_TYPE,
    CoreState,
    Event,
    EventStateChangedData,
    HomeAssistant,
    callback,
)
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.event import (
    async_track_point_in_utc_time,
    async_track_state_change_event,
)
from homeassistant.helpers.start import async_at_started
from homeassistant.util import dt as dt_util

from .words import lack_in_words

_LOGGER = logging.getLogger(__name__)

REPAIR_AFTER: Final = timedelta(hours=3)
"""How long a source fails before the owner is told."""

_RETRY: Final = timedelta(minutes=1)
_HOUR: Final = timedelta(hours=1)


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


class Known(Protocol):
    """What a reading gives."""

    @property
    def entity_ids(self) -> tuple[str, ...]:
        """Return the entities that it came from; they are followed."""

    @property
    def lack(self) -> Lack | None:
        """Return what was missing, None when all is well."""

    @property
    def source(self) -> str:
        """Return what the owner calls the source that matters most."""


class Keeper[Settings, Found: Known]:
    """Keeps one thing known: read at once, when its entities change, and by the clock.

    `read` is given the settings, what was known before, and the time; it decides what
    of the former stays when a source fails. Listeners are told only of changes.
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
        self._hass = hass
        self._entry = entry
        self.topic = topic
        self._read = read
        self._nothing = nothing
        self._every = every
        self.settings: Settings | None = None
        self.known = nothing
        self.lacking_since: datetime | None = None
        self._failures = 0
        self._logged = False
        self._started = False
        self._reading = False
        self._again = False
        self._task: Task[None] | None = None
        self._listeners: list[Callable[[], None]] = []
        self._tracked: tuple[str, ...] = ()
        self._untrack: CALLBACK_TYPE | None = None
        self._untime: CALLBACK_TYPE | None = None

    @callback
    def listen(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Call `changed` when what is known changes; returns how to stop."""
        self._listeners.append(changed)
        return lambda: self._listeners.remove(changed)

    @callback
    def async_start(self) -> Callable[[], None]:
        """Begin to read; returns how to stop."""
        self._started = True
        self.async_refresh()
        unstart = async_at_started(self._hass, self._async_home_assistant_started)

        def stop() -> None:
            self._started = False
            unstart()
            self._rest()

        return stop

    @callback
    def async_configure(self, settings: Settings | None) -> None:
        """Take over what the owner decided; what was known before is forgotten."""
        if settings == self.settings:
            return
        self.settings = settings
        self._recovered()
        self._tell(self._nothing)
        if settings is None:
            self._rest()
        self.async_refresh()

    @callback
    def async_refresh(self) -> None:
        """Read now; a reading that is under way is followed by another."""
        if self._reading:
            self._again = True
        elif self._started and self.settings is not None:
            self._reading = True
            self._task = self._entry.async_create_background_task(
                self._hass, self._async_read(), f"{self.topic} of {self._entry.title}"
            )

    async def _async_read(self) -> None:
        try:
            while self._started and (settings := self.settings) is not None:
                self._again = False
                found = await self._read(settings, self.known, dt_util.utcnow())
                if settings is self.settings and self._started:
                    self._took(found)
                    if not self._again:
                        break
        finally:
            self._reading = False
            self._plan()

    def _took(self, found: Found) -> None:
        if found.lack is None:
            self._recovered()
        else:
            self._lacks(found, found.lack)
        self._track(found.entity_ids)
        self._tell(found)

    def _tell(self, found: Found) -> None:
        before, self.known = self.known, found
        if found == before:
            return
        for listener in tuple(self._listeners):
            listener()

    # What goes wrong

    def _lacks(self, found: Found, lack: Lack) -> None:
        now = dt_util.utcnow()
        self._failures += 1
        if self.lacking_since is None:
            self.lacking_since = now
        # While Home Assistant starts, integrations come one after the other.
        if not self._logged and self._hass.state is CoreState.running:
            self._logged = True
            _LOGGER.warning(
                "%s tells nothing about %s (%s)", found.source, self.topic, lack
            )
        if now - self.lacking_since >= REPAIR_AFTER:
            ir.async_create_issue(
                self._hass,
                self._entry.domain,
                self._issue_id,
                is_fixable=False,
                severity=ir.IssueSeverity.WARNING,
                translation_key=f"{self.topic}_source_failing",
                translation_placeholders={
                    "name": self._entry.title,
                    "source": found.source,
                    "reason": lack_in_words(self._hass, self._entry.domain, lack),
                },
            )

    def _recovered(self) -> None:
        if self._logged:
            _LOGGER.info("What is needed about %s is told again", self.topic)
        self._logged = False
        self._failures = 0
        self.lacking_since = None
        ir.async_delete_issue(self._hass, self._entry.domain, self._issue_id)

    @property
    def _issue_id(self) -> str:
        return f"{self.topic}_source_failing_{self._entry.entry_id}"

    # When to read again

    def _plan(self) -> None:
        self._stop_timer()
        if self._started and self.settings is not None:
            now = dt_util.utcnow()
            wait = self._every
            if self._failures:
                doubled: int = 2 ** min(self._failures - 1, 6)
                wait = min(_RETRY * doubled, _HOUR)
            self._untime = async_track_point_in_utc_time(
                self._hass, self._async_due, _mark(now, wait)
            )

    @callback
    def _async_due(self, _now: datetime) -> None:
        self._untime = None
        self.async_refresh()

    async def _async_home_assistant_started(self, _hass: HomeAssistant) -> None:
        if self._failures:
            self.async_refresh()

    def _track(self, entity_ids: tuple[str, ...]) -> None:
        """Follow these entities, and no others."""
        if entity_ids == self._tracked:
            return
        if self._untrack is not None:
            self._untrack()
            self._untrack = None
        self._tracked = entity_ids
        if entity_ids:
            self._untrack = async_track_state_change_event(
                self._hass, entity_ids, self._async_entity_changed
            )

    @callback
    def _async_entity_changed(self, _event: Event[EventStateChangedData]) -> None:
        self.async_refresh()

    def _rest(self) -> None:
        self._track(())
        self._stop_timer()

    def _stop_timer(self) -> None:
        if self._untime is not None:
            self._untime()
            self._untime = None


def _mark(now: datetime, wait: timedelta) -> datetime:
    """Return when to read next: at a full multiple of a wait that divides the hour."""
    if _HOUR % wait:
        return now + wait
    hour = now.replace(minute=0, second=0, microsecond=0)
    return hour + wait * ((now - hour) // wait + 1)
