"""What the house usually needs at each hour of the week, without the chargers.

Learned from what Home Assistant's recorder keeps of every hour. Where the energy
dashboard is set up, from its counters: grid, sun and battery together are what the
house needed. Else from the mean power of the meter at the grid.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from operator import mul
from typing import Final

from homeassistant.components.energy.data import async_get_manager
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util

from ..charging.series import Series
from .history import Hours, async_changes, async_means
from .keeper import Lack
from .meter import HouseSettings
from .pattern import Hour, Pattern, learn

AHEAD: Final = timedelta(days=8)
"""For how long the usual need is told."""
RELEARN: Final = timedelta(hours=6)
CHARGING_W: Final = 200.0
"""From this mean power of the chargers on, an hour says nothing about the phases."""


@dataclass(frozen=True, kw_only=True)
class BaseLoad:
    """What the house usually needs, without the chargers.

    `series` is in W, `phases_a` in A for each phase; both are empty where too little
    was recorded. `hours_seen` is how many hours it was learned from.
    """

    series: Series = field(default_factory=Series)
    phases_a: tuple[Series, ...] = ()
    hours_seen: int = 0
    lack: Lack | None = None
    entity_ids: tuple[str, ...] = ()
    source: str = ""


# From hours to patterns


def house_hours(
    counters: Mapping[str, float],
    changes: Mapping[str, Hours],
    needed: Iterable[str],
) -> dict[datetime, float]:
    """Return the mean power of the house in each hour, in W, never below 0.

    `counters` are those that add to what the house needed (1) or take away from it
    (-1); hours in which one that is `needed` told nothing are left out.
    """
    known = [changes.get(each, {}) for each in needed]
    if not known:
        return {}
    hours = set(known[0]).intersection(*known[1:])
    return {
        hour: max(
            0.0,
            sum(
                sign * changes.get(each, {}).get(hour, 0.0)
                for each, sign in counters.items()
            ),
        )
        for hour in hours
    }


def without(hours: Hours, more: Iterable[Hours], sign: float = -1.0) -> Hours:
    """Return hours less what others had in them, or with it when `sign` is 1."""
    others = list(more)
    return {
        hour: value + sign * sum(each.get(hour, 0.0) for each in others)
        for hour, value in hours.items()
    }


def _learn(hours: Hours, now: datetime) -> Pattern | None:
    return learn(
        (Hour(start=start, value=value) for start, value in hours.items()),
        now,
        dt_util.get_default_time_zone(),
    )


# Where it is recorded


class BaseLoadReader:
    """Learns what the house usually needs, at most every few hours."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry) -> None:
        """Make a reader for a central system, whose chargers are left out."""
        self._hass = hass
        self._entry = entry
        self._learned: (
            tuple[HouseSettings, datetime, Pattern | None, list[Pattern | None]] | None
        ) = None

    async def async_read(
        self, settings: HouseSettings, _before: BaseLoad, now: datetime
    ) -> BaseLoad:
        """Return what is usual from this hour on; to know little is no failure."""
        known = self._learned
        if known is None or known[0] != settings or now - known[1] >= RELEARN:
            whole = _learn(await self._async_hours(settings, now), now)
            phases = await self._async_phases(settings, now)
            self._learned = known = (settings, now, whole, phases)
        _, _, whole, phases = known
        zone = dt_util.get_default_time_zone()
        start = now.replace(minute=0, second=0, microsecond=0)
        end = start + AHEAD
        return BaseLoad(
            series=whole.series(start, end, zone) if whole else Series(),
            phases_a=tuple(
                each.series(start, end, zone) if each else Series() for each in phases
            ),
            hours_seen=whole.hours_seen if whole else 0,
        )

    async def _async_hours(self, settings: HouseSettings, now: datetime) -> Hours:
        """Return what the house drew in each hour, in W, without the chargers."""
        own = charger_counters(self._hass, self._entry)
        counters, needed = await async_dashboard_counters(self._hass)
        counters |= dict.fromkeys(own, -1.0)
        changes = await async_changes(self._hass, counters, now)
        if hours := house_hours(counters, changes, needed):
            return hours
        if settings.grid_power is not None:
            drawn = await self._async_power(settings, settings.grid_power, now)
        else:
            drawn = await self._async_sum_of_phases(settings, now)
        charged = without(drawn, [changes.get(each, {}) for each in own])
        return {hour: max(0.0, value) for hour, value in charged.items()}

    async def _async_power(
        self, settings: HouseSettings, grid_power: str, now: datetime
    ) -> Hours:
        fed_in = settings.fed_in_power
        ids = [grid_power, *([fed_in] if fed_in else [])]
        means = await async_means(self._hass, ids, now)
        sign = -1.0 if settings.sign_reversed else 1.0
        drawn = {
            hour: sign * value for hour, value in means.get(grid_power, {}).items()
        }
        return without(drawn, [means.get(fed_in, {})]) if fed_in else drawn

    async def _async_sum_of_phases(
        self, settings: HouseSettings, now: datetime
    ) -> Hours:
        phases = await self._async_phase_hours(settings, now)
        known = set(phases[0]).intersection(*phases[1:]) if phases else set()
        return {
            hour: settings.voltage_v * sum(phase[hour] for phase in phases)
            for hour in known
        }

    async def _async_phases(
        self, settings: HouseSettings, now: datetime
    ) -> list[Pattern | None]:
        """Return what is usual on each phase, from the hours without charging."""
        own = await async_changes(
            self._hass, charger_counters(self._hass, self._entry), now
        )
        charging = {
            hour
            for hours in own.values()
            for hour, energy in hours.items()
            if energy >= CHARGING_W
        }
        return [
            _learn({h: value for h, value in hours.items() if h not in charging}, now)
            for hours in await self._async_phase_hours(settings, now)
        ]

    async def _async_phase_hours(
        self, settings: HouseSettings, now: datetime
    ) -> list[Hours]:
        """Return the mean current of each phase in each hour, in A."""
        means = await async_means(self._hass, settings.phases, now)
        sign = -1.0 if settings.sign_reversed else 1.0
        found: list[Hours] = []
        for each in settings.phases:
            state = self._hass.states.get(each)
            unit = str(state.attributes.get("unit_of_measurement")) if state else ""
            factor = sign if unit.endswith("A") else sign / settings.voltage_v
            scaled = partial(mul, factor)
            hours = means.get(each, {})
            found.append({hour: scaled(value) for hour, value in hours.items()})
        return found


async def async_dashboard_counters(
    hass: HomeAssistant,
) -> tuple[dict[str, float], list[str]]:
    """Return the energy dashboard's counters with their signs, and those needed.

    Without the counter of the grid nothing can be said about an hour. That of the sun
    tells nothing in the night, where its inverter sleeps.
    """
    manager = await async_get_manager(hass)
    sources = manager.data["energy_sources"] if manager.data else []
    counters: dict[str, float] = {}
    needed: list[str] = []
    for source in sources:
        if source["type"] not in {"grid", "solar", "battery"}:
            continue
        told: Mapping[str, object] = {**source}
        drawn, given = told.get("stat_energy_from"), told.get("stat_energy_to")
        if isinstance(drawn, str):
            counters[drawn] = 1.0
            if source["type"] == "grid":
                needed.append(drawn)
        if isinstance(given, str):
            counters[given] = -1.0
    return (counters, needed) if needed else ({}, [])


@callback
def charger_counters(hass: HomeAssistant, entry: ConfigEntry) -> list[str]:
    """Return the counters of energy of a central system's chargers.

    Those of the connectors count; the charger's main meter where there are none.
    """
    by_charger: dict[str | None, dict[bool, list[str]]] = {}
    for entity in er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id):
        place, _, key = entity.unique_id.rpartition("_")
        if entity.domain == "sensor" and key == "energy" and entity.config_subentry_id:
            main = place.endswith("_0")
            charger = by_charger.setdefault(entity.config_subentry_id, {})
            charger.setdefault(main, []).append(entity.entity_id)
    return [
        entity_id
        for charger in by_charger.values()
        for entity_id in charger.get(False) or charger.get(True) or ()
    ]
