"""The price as it is known at present, kept up to date from its source."""

from collections.abc import Callable, Mapping
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import Any, Final, override
from zlib import crc32

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import EVENT_SERVICE_REGISTERED
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.util import dt as dt_util

from ...charging.series import Interval, Series
from ..followed import Followed, Trouble, next_mark
from ..normalise import fill
from . import ACTIONS
from .present_value import READER as PRESENT_VALUE
from .reading import Reading, async_read
from .settings import CONF_REVERSED, CONF_UNIT, TYPED, PriceSettings, Side

KEPT: Final = timedelta(days=2)
"""How long prices of the past stay known."""
PUBLISHED: Final = (time(12, 30), time(15, 30))
"""When the prices of the next day are expected, local time."""
LATE_TOMORROW: Final = time(22)
"""Tomorrow is known when this hour of it is: some markets' day ends an hour early."""

_MARK: Final = timedelta(minutes=15)
_SOON: Final = timedelta(minutes=5)
_SETTLED: Final = timedelta(hours=1)
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


class PriceSignal(Followed[PriceSettings, Reading]):
    """One price: its series with all fees, of the past two days and as far as known.

    What a source told before stays where a later answer says nothing, so a source that
    fails costs nothing until its prices run out. Listeners are told only of changes.
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
        super().__init__(hass, entry, issue=ISSUES[side], has="prices", no="no prices")
        self._beside = beside
        self.side = side
        self.series = Series()
        self.reading: Reading | None = None
        self._raw = Series()
        # Not every home shall ask the same market in the same second.
        self._offset = timedelta(
            seconds=2 + crc32(entry.entry_id.encode()) % _OFFSET_SECONDS
        )

    @property
    def status(self) -> Status:
        """Return how the price stands."""
        if self.settings is None:
            return Status.NOT_SET
        if self.lacking_since is not None:
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

    # Over a restart

    def as_kept(self) -> dict[str, Any] | None:
        """Return what `restore` takes, None where there is nothing to keep.

        A price of this hour alone is no use later; what was typed is in the options.
        """
        settings, reading = self.settings, self.reading
        if settings is None or reading is None or not self._raw:
            return None
        if settings.source.reader in {TYPED, PRESENT_VALUE.key}:
            return None
        return {
            "source": _read_as(settings),
            "currency": reading.currency,
            "prices": [
                [item.start.isoformat(), item.end.isoformat(), item.value]
                for item in self._raw
            ],
        }

    def restore(self, kept: Mapping[str, Any]) -> None:
        """Know again what was kept, unless it is from elsewhere or read otherwise.

        Raises whatever is wrong with it.
        """
        if self.settings is None or kept["source"] != _read_as(self.settings):
            return
        self._raw = Series(
            Interval(
                start=datetime.fromisoformat(start),
                end=datetime.fromisoformat(end),
                value=value,
            )
            for start, end, value in kept["prices"]
        )
        self.reading = Reading(series=self._raw, currency=kept["currency"])
        self._rebuild()

    @override
    @callback
    def async_start(self) -> Callable[[], None]:
        rest = super().async_start()
        unlisten = self._hass.bus.async_listen(
            EVENT_SERVICE_REGISTERED,
            self._async_action_came,
            event_filter=self._is_our_action,
        )

        def stop() -> None:
            unlisten()
            rest()

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
            self._forget_trouble()
        self._rebuild(told=True)
        if settings is None:
            self._rest()
        self.async_refresh()

    @override
    async def _async_ask(self, settings: PriceSettings, now: datetime) -> Reading:
        return await async_read(self._hass, settings, now)

    @override
    def _trouble(self, settings: PriceSettings, found: Reading) -> Trouble | None:
        if found.failure is None:
            return None
        return Trouble(source=settings.title, lack=found.failure, detail=found.detail)

    @override
    def _keep(self, found: Reading) -> None:
        if found.failure is not None:
            return
        self.reading = found
        known = found.series
        if self.settings and self.settings.source.reader == PRESENT_VALUE.key:
            # It says nothing of what was before, within this hour neither.
            now = dt_util.utcnow().replace(second=0, microsecond=0)
            known = fill(self._raw.between(now - KEPT, now), known)
        self._raw = fill(known, self._raw)
        self._rebuild()

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
            self._tell()

    @override
    def _due(self, now: datetime) -> datetime:
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
    def _is_our_action(self, data: Mapping[str, Any]) -> bool:
        reader = ACTIONS.get(self.settings.source.reader) if self.settings else None
        return reader is not None and bool(data["domain"] == reader.domain)

    @callback
    def _async_action_came(self, _event: Event[Mapping[str, Any]]) -> None:
        self._retry()


def _read_as(settings: PriceSettings) -> dict[str, Any]:
    """Return where prices come from and how they are read, as it is kept with them."""
    return {
        **settings.source.as_data(),
        CONF_UNIT: settings.unit.value,
        CONF_REVERSED: settings.sign_reversed,
    }
