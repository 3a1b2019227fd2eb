"""The power of the roof, as forecasts tell it: one or several, added up.

Any integration counts that has a forecast for Home Assistant's energy dashboard, and
Solcast's own lists, which also tell how sure they are.
"""

from asyncio import gather, timeout
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from enum import StrEnum
from itertools import pairwise
import logging
from typing import Any, Final, Self

from homeassistant.components.energy.data import async_get_manager
from homeassistant.components.energy.websocket_api import async_get_energy_platforms
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, State, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util

from ..charging.series import Interval, Series
from .combine import HOUR, total
from .keeper import Lack
from .normalise import normalise
from .prices.reading import describe
from .prices.settings import CONF_TITLE
from .told import Point, moment, number, points

_LOGGER = logging.getLogger(__name__)

CONF_FORECASTS: Final = "forecasts"
CONF_CAUTION: Final = "caution"
CONF_ENTRY: Final = "entry"

ANSWER_TIMEOUT: Final = 60.0
"""Seconds that an integration may take to answer."""
REACH: Final = timedelta(days=15)
KEPT: Final = timedelta(days=1)
MAX_WATTS: Final = 1e6
"""No roof of a house gives more."""

SOLCAST: Final = "solcast_solar"
FORECAST_SOLAR: Final = "forecast_solar"
_DETAILED: Final = ("detailedForecast", "detailedHourly")


class Caution(StrEnum):
    """Which of a forecast's estimates counts, where it has several."""

    CAUTIOUS = "cautious"
    LIKELY = "likely"
    HOPEFUL = "hopeful"


_ESTIMATES: Final[Mapping[Caution, tuple[str, ...]]] = {
    Caution.CAUTIOUS: ("pv_estimate10", "pv_estimate"),
    Caution.LIKELY: ("pv_estimate",),
    Caution.HOPEFUL: ("pv_estimate90", "pv_estimate"),
}


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """A forecast by the config entry that tells it, and what that is called."""

    entry_id: str
    title: str = ""


@dataclass(frozen=True, kw_only=True)
class SolarSettings:
    """Which forecasts are added up, and which of their estimates counts."""

    forecasts: tuple[Forecast, ...]
    caution: Caution = Caution.LIKELY

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Self:
        """Return what was kept. Raises `ValueError` when it cannot be understood."""
        return cls(
            forecasts=tuple(
                Forecast(entry_id=str(each[CONF_ENTRY]), title=str(each[CONF_TITLE]))
                for each in data.get(CONF_FORECASTS) or ()
            ),
            caution=Caution(data.get(CONF_CAUTION, Caution.LIKELY)),
        )

    def as_data(self) -> dict[str, Any]:
        """Return what `from_data` takes."""
        return {
            CONF_FORECASTS: [
                {CONF_ENTRY: each.entry_id, CONF_TITLE: each.title}
                for each in self.forecasts
            ],
            CONF_CAUTION: self.caution.value,
        }


@dataclass(frozen=True, kw_only=True)
class SolarKnown:
    """The power of the roof over time, in W; nothing where no forecast says anything.

    `missing` are the forecasts that told nothing: the sum is without them.
    """

    series: Series = field(default_factory=Series)
    missing: tuple[str, ...] = ()
    lack: Lack | None = None
    entity_ids: tuple[str, ...] = ()
    source: str = ""


# What was told, made power over time


def of_energies(wh_hours: Mapping[str, object], zone: tzinfo) -> Series:
    """Return the mean power of each period, in W.

    `wh_hours` goes from the beginning of a period to its energy in Wh, as the energy
    platform has it. A period ends where the next one begins, or after its usual length.
    """
    return _powers(normalise(_energies(wh_hours, zone)).series)


def of_daylight(wh_hours: Mapping[str, object], zone: tzinfo) -> Series:
    """Return the mean power of each period, in W, as Forecast.Solar tells energies.

    It tells those from sunrise to sunset, and passes on the times of its API: there a
    period is called by its end. So the first of each day, at sunrise, holds nothing;
    should it once hold something, periods are called by their beginning.
    """
    told = sorted(_energies(wh_hours, zone), key=lambda item: item.start)
    sunrises = {item.start.astimezone(zone).date(): item for item in reversed(told)}
    if any(item.value for item in sunrises.values()):
        return of_energies(wh_hours, zone)
    return _powers(
        Interval(
            start=max(before.start, item.start - HOUR),
            end=item.start,
            value=item.value,
        )
        for before, item in pairwise(told)
        if before.start < item.start
    )


def _energies(wh_hours: Mapping[str, object], zone: tzinfo) -> list[Point]:
    seen: set[datetime] = set()
    told: list[Point] = []
    for text, energy in wh_hours.items():
        start = moment(text, zone, seen)
        value = number(energy)
        if start is not None and value is not None:
            told.append(Point(start=start, value=value))
    return told


def _powers(energies: Iterable[Interval]) -> Series:
    return _series(
        Interval(start=item.start, end=item.end, value=item.value / item.hours)
        for item in energies
    )


def of_estimates(lists: Iterable[object], caution: Caution, zone: tzinfo) -> Series:
    """Return the power that Solcast's lists tell, in W; they have means in kW."""
    told: list[Point] = []
    for items in lists:
        told += points(
            items, zone, start=("period_start",), value=_ESTIMATES[caution]
        ).points
    # Of two for the same time the higher would count, as with prices; here the lower.
    turned = [Point(start=each.start, end=each.end, value=-each.value) for each in told]
    return _series(
        Interval(start=item.start, end=item.end, value=-item.value * 1000)
        for item in normalise(turned).series
    )


def _series(items: Iterable[Interval]) -> Series:
    return Series(
        Interval(
            start=item.start,
            end=item.end,
            value=min(max(0.0, item.value), MAX_WATTS),
        )
        for item in items
    )


# Where it is told


async def async_read(
    hass: HomeAssistant, settings: SolarSettings, before: SolarKnown, now: datetime
) -> SolarKnown:
    """Return the sum of the forecasts now; what was known stays when none is told."""
    forecasts = settings.forecasts
    entity_ids = tuple(
        state.entity_id
        for forecast in forecasts
        for state in _detailed(hass, forecast.entry_id)
    )
    told = await _async_told(
        hass, [each.entry_id for each in forecasts], settings.caution
    )
    known = [series for series in told if series is not None]
    missing = tuple(
        each.title
        for each, series in zip(forecasts, told, strict=True)
        if series is None
    )
    source = " + ".join(missing or [each.title for each in forecasts])
    if not known:
        return SolarKnown(
            series=before.series,
            missing=missing,
            lack=Lack.NO_FORECAST,
            entity_ids=entity_ids,
            source=source,
        )
    return SolarKnown(
        series=total(known).between(now - KEPT, now + REACH),
        missing=missing,
        lack=Lack.FORECAST_FAILED if missing else None,
        entity_ids=entity_ids,
        source=source,
    )


async def _async_told(
    hass: HomeAssistant, entry_ids: Sequence[str], caution: Caution
) -> list[Series | None]:
    """Return what entries forecast; one that is slow keeps no other waiting."""
    asked = (async_forecast(hass, entry_id, caution) for entry_id in entry_ids)
    return await gather(*asked)


async def async_forecast(
    hass: HomeAssistant, entry_id: str, caution: Caution
) -> Series | None:
    """Return what one integration's entry forecasts, None when that is nothing."""
    zone = dt_util.get_default_time_zone()
    if states := _detailed(hass, entry_id):
        lists = [_list_of(state) for state in states]
        series = of_estimates(lists, caution, zone)
        if series:
            return series
    entry = hass.config_entries.async_get_entry(entry_id)
    if entry is None:
        return None
    ask = (await async_get_energy_platforms(hass)).get(entry.domain)
    if ask is None:
        return None
    try:
        async with timeout(ANSWER_TIMEOUT):
            answer = await ask(hass, entry_id)
        energies = answer["wh_hours"] if answer else {}
        read = of_daylight if entry.domain == FORECAST_SOLAR else of_energies
        return read(energies, zone) or None
    # Whatever another integration raises is that one's failure.
    except Exception as error:  # noqa: BLE001
        _LOGGER.debug("%s tells no forecast: %s", entry.domain, describe(error))
        return None


@callback
def _detailed(hass: HomeAssistant, entry_id: str) -> Sequence[State]:
    """Return the states of an entry that have Solcast's lists."""
    entry = hass.config_entries.async_get_entry(entry_id)
    if entry is None or entry.domain != SOLCAST:
        return ()
    states = (
        hass.states.get(entity.entity_id)
        for entity in er.async_entries_for_config_entry(er.async_get(hass), entry_id)
    )
    return [state for state in states if state and _list_of(state) is not None]


def _list_of(state: State) -> object:
    return next(
        (
            state.attributes[name]
            for name in _DETAILED
            if isinstance(state.attributes.get(name), list | tuple)
        ),
        None,
    )


async def async_find(hass: HomeAssistant) -> list[tuple[Forecast, Series]]:
    """Return the forecasts that there are now, by the names of their entries."""
    platforms = await async_get_energy_platforms(hass)
    entries = [
        entry
        for entry in hass.config_entries.async_entries()
        if entry.state is ConfigEntryState.LOADED
        and entry.domain in {*platforms, SOLCAST}
    ]
    ids = [entry.entry_id for entry in entries]
    found = [
        (Forecast(entry_id=entry.entry_id, title=entry.title), series)
        for entry, series in zip(
            entries, await _async_told(hass, ids, Caution.LIKELY), strict=True
        )
        if series is not None
    ]
    return sorted(found, key=lambda one: one[0].title.casefold())


async def async_in_dashboard(hass: HomeAssistant) -> set[str]:
    """Return the entries whose forecasts the energy dashboard shows."""
    manager = await async_get_manager(hass)
    sources = manager.data["energy_sources"] if manager.data else []
    return {
        entry_id
        for source in sources
        if source["type"] == "solar"
        for entry_id in source.get("config_entry_solar_forecast") or ()
    }
