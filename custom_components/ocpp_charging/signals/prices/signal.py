"""The price as it is known at present, kept up to date from its source."""

from asyncio import Task
from collections.abc import Callable, Mapping
from datetime import datetime, time, timedelta
from enum import StrEnum
import logging
from typing import Any, Final
from zlib import crc32

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import EVENT_SERVICE_REGISTERED
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

from ...charging.series import Series
from ..normalise import fill
from ..words import lack_in_words
from . import ACTIONS
from .reading import Reading, async_read
from .settings import PriceSettings, Side

_LOGGER = logging.getLogger(__name__)

KEPT: Final = timedelta(days=2)
"""How long prices of the past stay known."""
REPAIR_AFTER: Final = timedelta(hours=3)
"""How long a source fails before the owner is told."""
PUBLISHED: Final = (time(12, 30), time(15, 30))
"""When the prices of the next day are expected, local time."""
LATE_TOMORROW: Final = time(22)
"""Tomorrow is known when this hour of it is: some markets' day ends an hour early."""

_MARK: Final = timedelta(minutes=15)
_SOON: Final = timedelta(minutes=5)
_SETTLED: Final = timedelta(hours=1)
_RETRY: Final = timedelta(minutes=1)
_OFFSET_SECONDS: Final = 40

ISSUES: Final = {
    Side.PRICE: "price_source_failing",
    Side.FEED_IN: "feed_in_source_failing",
}


class Status(StrEnum):
    """How a price stands."""

    NOT_SET = "not_set"
    WAITING = "waiting"
    KNOWN = "known"
    FAILING = "failing"


def tomorrow_known(series: Series, now: datetime) -> bool:
    """Say whether tomorrow's prices are there, tomorrow being the local day."""
    today = dt_util.as_local(now).date()
    late = datetime.combine(
        today + timedelta(days=1), LATE_TOMORROW, dt_util.get_default_time_zone()
    )
    return series.end is not None and series.end >= late


def next_mark(now: datetime, step: timedelta) -> datetime:
    """Return the next full multiple of a step within the hour."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    return hour + step * ((now - hour) // step + 1)


class PriceSignal:
    """One price: its series with all fees, of the past two days and as far as known.

    Sources are read anew when their entity changes, and by the clock. What a source
    told before stays where a later answer says nothing, so a source that fails costs
    nothing until its prices run out. Listeners are told only of changes.
    """

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry,
        side: Side,
        beside: PriceSignal | None = None,
    ) -> None:
        """Make the signal of a central system's `entry`; nothing is read yet.

        Where its source tells no currency, it is that of the price `beside` it.
        """
        self._hass = hass
        self._entry = entry
        self._beside = beside
        self.side = side
        self.settings: PriceSettings | None = None
        self.series = Series()
        self.reading: Reading | None = None
        self.failing_since: datetime | None = None
        self._raw = Series()
        self._failures = 0
        self._logged = False
        self._started = False
        self._task: Task[None] | None = None
        self._reading_now = False
        self._again = False
        self._listeners: list[Callable[[], None]] = []
        self._tracked: tuple[str, ...] = ()
        self._untrack: CALLBACK_TYPE | None = None
        self._untime: CALLBACK_TYPE | None = None
        # Not every home shall ask the same market in the same second.
        self._offset = timedelta(
            seconds=2 + crc32(entry.entry_id.encode()) % _OFFSET_SECONDS
        )

    @property
    def status(self) -> Status:
        """Return how the price stands."""
        if self.settings is None:
            return Status.NOT_SET
        if self.failing_since is not None:
            return Status.FAILING
        return Status.WAITING if self.reading is None else Status.KNOWN

    @property
    def currency(self) -> str:
        """Return the currency that the prices are in."""
        if self.told_currency is not None:
            return self.told_currency
        if self._beside is not None:
            return self._beside.currency
        return self._hass.config.currency

    @property
    def told_currency(self) -> str | None:
        """Return the currency that the source tells, None where it tells none."""
        return self.reading.currency if self.reading else None

    @property
    def tomorrow_known(self) -> bool:
        """Say whether tomorrow's prices are there."""
        return tomorrow_known(self.series, dt_util.utcnow())

    @callback
    def listen(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Call `changed` when series or settings change; returns how to stop."""
        self._listeners.append(changed)
        return lambda: self._listeners.remove(changed)

    @callback
    def async_start(self) -> Callable[[], None]:
        """Begin to read; returns how to stop."""
        self._started = True
        stops = [
            async_at_started(self._hass, self._async_home_assistant_started),
            self._hass.bus.async_listen(
                EVENT_SERVICE_REGISTERED,
                self._async_action_came,
                event_filter=self._is_our_action,
            ),
        ]
        self._async_apply()

        def stop() -> None:
            self._started = False
            for one in stops:
                one()
            self._track(())
            self._stop_timer()

        return stop

    @callback
    def async_configure(self, settings: PriceSettings | None) -> None:
        """Take over what the owner decided; what another source told is forgotten."""
        if settings == self.settings:
            return
        before, self.settings = self.settings, settings
        source_changed = (
            before is None
            or settings is None
            or (before.source, before.unit, before.sign_reversed, before.tariff)
            != (settings.source, settings.unit, settings.sign_reversed, settings.tariff)
        )
        if source_changed:
            self._raw = Series()
            self.reading = None
            self._logged = False
            self._recovered()
        self._rebuild(told=True)
        if self._started:
            self._async_apply()

    @callback
    def async_refresh(self) -> None:
        """Read the source now; a reading that is under way is followed by another."""
        if self._reading_now:
            self._again = True
        elif self._started and self.settings is not None:
            self._task = self._entry.async_create_background_task(
                self._hass, self._async_read(), f"price of {self._entry.title}"
            )

    @callback
    def _async_apply(self) -> None:
        """Read for the first time, or stop to."""
        if self.settings is None:
            self._track(())
            self._stop_timer()
        self.async_refresh()

    async def _async_read(self) -> None:
        self._reading_now = True
        try:
            settings = self.settings
            while settings is not None and self._started:
                self._again = False
                reading = await async_read(self._hass, settings, dt_util.utcnow())
                if settings is self.settings and self._started:
                    self._took(reading)
                if not self._again and settings is self.settings:
                    break
                settings = self.settings
        finally:
            # Whatever went wrong, it is tried again.
            self._reading_now = False
            self._plan(dt_util.utcnow())

    @callback
    def _took(self, reading: Reading) -> None:
        """Take a reading over."""
        now = dt_util.utcnow()
        if reading.failure is None:
            self._recovered()
            self.reading = reading
            self._raw = fill(reading.series, self._raw)
            self._rebuild()
        else:
            self._failed(reading, now)
        self._track(reading.entity_ids)

    @callback
    def _rebuild(self, *, told: bool = False) -> None:
        """Make the series anew; listeners are told when it, or `told` more, changed."""
        now = dt_util.utcnow()
        self._raw = self._raw.between(now - KEPT, now + timedelta(days=400))
        series = self._raw
        if self.settings is not None:
            series = self.settings.fees.applied(series, dt_util.get_default_time_zone())
        if series == self.series and not told:
            return
        # What leaves at the far end of the past is no news.
        end = now + timedelta(days=400)
        changed = told or series.between(now, end) != self.series.between(now, end)
        self.series = series
        if changed:
            for listener in tuple(self._listeners):
                listener()

    def _failed(self, reading: Reading, now: datetime) -> None:
        self._failures += 1
        if self.failing_since is None:
            self.failing_since = now
        # While Home Assistant starts, integrations come one after the other.
        if not self._logged and self._hass.state is CoreState.running:
            self._logged = True
            self._log_failure(reading)
        if now - self.failing_since >= REPAIR_AFTER and self.settings is not None:
            ir.async_create_issue(
                self._hass,
                self._entry.domain,
                self._issue_id,
                is_fixable=False,
                severity=ir.IssueSeverity.WARNING,
                translation_key=ISSUES[self.side],
                translation_placeholders={
                    "name": self._entry.title,
                    "source": self.settings.title,
                    "reason": lack_in_words(
                        self._hass,
                        self._entry.domain,
                        str(reading.failure),
                        reading.detail,
                    ),
                },
            )

    def _log_failure(self, reading: Reading) -> None:
        _LOGGER.warning(
            "%s tells no prices (%s%s); those known are kept",
            self.settings.title if self.settings else "",
            reading.failure,
            f": {reading.detail}" if reading.detail else "",
        )

    def _recovered(self) -> None:
        if self._logged and self.settings is not None:
            _LOGGER.info("%s tells prices again", self.settings.title)
        self._logged = False
        self._failures = 0
        self.failing_since = None
        ir.async_delete_issue(self._hass, self._entry.domain, self._issue_id)

    @property
    def _issue_id(self) -> str:
        return f"{ISSUES[self.side]}_{self._entry.entry_id}"

    # When to read again

    def _plan(self, now: datetime) -> None:
        self._stop_timer()
        if self.settings is not None and self._started:
            self._untime = async_track_point_in_utc_time(
                self._hass, self._async_due, self._due(now)
            )

    def _due(self, now: datetime) -> datetime:
        """Return when the source is read next by the clock."""
        if self._failures:
            doubled: int = 2 ** min(self._failures - 1, 6)
            return now + min(_RETRY * doubled, _SETTLED)
        reader = ACTIONS.get(self.settings.source.reader) if self.settings else None
        if reader is None:
            return next_mark(now, _MARK)
        if reader.every is not None:
            return next_mark(now, reader.every) + self._offset
        return self._due_of_days(now) + self._offset

    def _due_of_days(self, now: datetime) -> datetime:
        """Return when to ask next for prices that are told a day ahead."""
        local = dt_util.as_local(now)
        first, last = (
            datetime.combine(local.date(), when, local.tzinfo) for when in PUBLISHED
        )
        if self._raw.at(now) is None:
            return next_mark(now, _MARK)
        if tomorrow_known(self._raw, now):
            return next_mark(now, _SETTLED)
        if now < first:
            return min(next_mark(now, _SETTLED), dt_util.as_utc(first))
        return next_mark(now, _SOON if now < last else _MARK)

    @callback
    def _async_due(self, _now: datetime) -> None:
        self._untime = None
        self.async_refresh()

    def _stop_timer(self) -> None:
        if self._untime is not None:
            self._untime()
            self._untime = None

    # What else makes it be read again

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

    async def _async_home_assistant_started(self, _hass: HomeAssistant) -> None:
        if self._failures:
            self.async_refresh()

    @callback
    def _is_our_action(self, data: Mapping[str, Any]) -> bool:
        reader = ACTIONS.get(self.settings.source.reader) if self.settings else None
        return reader is not None and bool(data["domain"] == reader.domain)

    @callback
    def _async_action_came(self, _event: Event[Mapping[str, Any]]) -> None:
        if self._failures:
            self.async_refresh()
