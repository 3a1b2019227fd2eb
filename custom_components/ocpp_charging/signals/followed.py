"""What is read from Home Assistant again and again, and what happens when it fails."""

from abc import ABC, abstractmethod
from asyncio import Task
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
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


class Answer(Protocol):
    """What a reading gives."""

    @property
    def entity_ids(self) -> tuple[str, ...]:
        """Return the entities that it came from; they are followed."""


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """What a reading lacked: the source as the owner calls it, and why.

    `lack` has its words in the translations; `detail` is what the source said itself.
    """

    source: str
    lack: str
    detail: str = ""


class Followed[Settings, Found: Answer](ABC):
    """Something that is read at once, when its entities change, and by the clock.

    While a source fails it is asked ever more rarely; that is logged once, and after
    some hours the owner is told. Listeners are told when the subclass says so.
    """

    def __init__(
        self, hass: HomeAssistant, entry: ConfigEntry, *, issue: str, has: str, no: str
    ) -> None:
        """Make it for a central system's `entry`; nothing is read yet.

        `issue` is the key of what the owner is told; `has` and `no` are what a source
        tells, in the log, when it does and when it does not.
        """
        self._hass = hass
        self._entry = entry
        self._issue = issue
        self._has = has
        self._no = no
        self.settings: Settings | None = None
        self.lacking_since: datetime | None = None
        self._failures = 0
        self._logged: Trouble | None = None
        self._started = False
        self._reading = False
        self._again = False
        self._task: Task[None] | None = None
        self._listeners: list[Callable[[], None]] = []
        self._tracked: tuple[str, ...] = ()
        self._untrack: CALLBACK_TYPE | None = None
        self._untime: CALLBACK_TYPE | None = None

    # What it is that is read

    @abstractmethod
    async def _async_ask(self, settings: Settings, now: datetime) -> Found:
        """Return what the source tells now."""

    @abstractmethod
    def _trouble(self, settings: Settings, found: Found) -> Trouble | None:
        """Return what was wrong with a reading, None when all is well."""

    @abstractmethod
    def _keep(self, found: Found) -> None:
        """Take a reading over; one with trouble, too."""

    @abstractmethod
    def _due(self, now: datetime) -> datetime:
        """Return when to read next by the clock, while nothing fails."""

    # Reading

    @callback
    def listen(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Call `changed` when what is known changes; returns how to stop."""
        self._listeners.append(changed)
        return lambda: self._listeners.remove(changed)

    def _tell(self) -> None:
        for listener in tuple(self._listeners):
            listener()

    @callback
    def async_start(self) -> Callable[[], None]:
        """Begin to read; returns how to stop."""
        self._started = True
        # First: where it has started already, what fails now is not read twice.
        unstart = async_at_started(self._hass, self._async_home_assistant_started)
        self.async_refresh()

        def stop() -> None:
            self._started = False
            unstart()
            self._rest()

        return stop

    @callback
    def async_refresh(self) -> None:
        """Read now; a reading that is under way is followed by another."""
        if self._reading:
            self._again = True
        elif self._started and self.settings is not None:
            self._reading = True
            self._task = self._entry.async_create_background_task(
                self._hass, self._async_read(), f"{self._has} of {self._entry.title}"
            )

    async def _async_read(self) -> None:
        try:
            while self._started and (settings := self.settings) is not None:
                self._again = False
                found = await self._async_ask(settings, dt_util.utcnow())
                if settings is self.settings and self._started:
                    self._took(settings, found)
                    if not self._again:
                        break
        finally:
            # Whatever went wrong, it is tried again.
            self._reading = False
            self._plan()

    def _took(self, settings: Settings, found: Found) -> None:
        trouble = self._trouble(settings, found)
        if trouble is None:
            self._recovered()
        else:
            self._failed(trouble)
        self._track(found.entity_ids)
        self._keep(found)

    # What goes wrong

    def _failed(self, trouble: Trouble) -> None:
        now = dt_util.utcnow()
        self._failures += 1
        if self.lacking_since is None:
            self.lacking_since = now
        # While Home Assistant starts, integrations come one after the other.
        if self._logged is None and self._hass.state is CoreState.running:
            self._logged = trouble
            _LOGGER.warning(
                "%s tells %s (%s%s)",
                trouble.source,
                self._no,
                trouble.lack,
                f": {trouble.detail}" if trouble.detail else "",
            )
        if now - self.lacking_since >= REPAIR_AFTER:
            domain = self._entry.domain
            ir.async_create_issue(
                self._hass,
                domain,
                self._issue_id,
                is_fixable=False,
                severity=ir.IssueSeverity.WARNING,
                translation_key=self._issue,
                translation_placeholders={
                    "name": self._entry.title,
                    "source": trouble.source,
                    "reason": lack_in_words(
                        self._hass, domain, trouble.lack, trouble.detail
                    ),
                },
            )

    def _recovered(self) -> None:
        if self._logged is not None:
            _LOGGER.info("%s tells %s again", self._logged.source, self._has)
        self._forget_trouble()

    def _forget_trouble(self) -> None:
        """Begin anew: another source is not blamed for what the former one lacked."""
        self._logged = None
        self._failures = 0
        self.lacking_since = None
        ir.async_delete_issue(self._hass, self._entry.domain, self._issue_id)

    @property
    def _issue_id(self) -> str:
        return f"{self._issue}_{self._entry.entry_id}"

    # When to read again

    def _plan(self) -> None:
        self._stop_timer()
        if self._started and self.settings is not None:
            now = dt_util.utcnow()
            if self._failures:
                doubled: int = 2 ** min(self._failures - 1, 6)
                when = now + min(_RETRY * doubled, _HOUR)
            else:
                when = self._due(now)
            self._untime = async_track_point_in_utc_time(
                self._hass, self._async_due, when
            )

    @callback
    def _async_due(self, _now: datetime) -> None:
        self._untime = None
        self.async_refresh()

    async def _async_home_assistant_started(self, _hass: HomeAssistant) -> None:
        self._retry()

    @callback
    def _retry(self) -> None:
        """Read now if the last reading failed: something has changed."""
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


def next_mark(now: datetime, step: timedelta) -> datetime:
    """Return the next full multiple of a step within the hour."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    return hour + step * ((now - hour) // step + 1)
