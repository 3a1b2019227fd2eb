"""Reads a source of CO2; one without forecast is extended by what is usual."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from operator import mul
from typing import Any, Final, Self

from homeassistant.core import HomeAssistant, State, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util

from ...charging.series import Series
from ..history import async_means
from ..keeper import Lack
from ..normalise import fill, normalise
from ..pattern import Hour, Pattern, learn
from ..prices.reader import AttributeReader
from ..prices.reading import companions, look_at
from ..prices.settings import CONF_READER, CONF_TARGET, CONF_TITLE
from ..told import Problem, Told
from ..units import to_grams_per_kwh
from . import BY_KEY, GENERAL, PRESENT_VALUE, READERS

AHEAD: Final = timedelta(hours=48)
"""How far a present value is extended."""
KEPT: Final = timedelta(days=2)
"""How long the past stays known."""
REACH: Final = timedelta(days=40)
"""What is farther away than this is a mistake, such as the year 1970."""
RELEARN: Final = timedelta(hours=6)
DOMAINS: Final = ("sensor", "event", "number", "input_number")
"""Where entities with CO2 are."""


@dataclass(frozen=True, kw_only=True)
class Co2Settings:
    """Which entity tells CO2, and how it is read.

    `target` is its id in the registry, or its entity id where it has none.
    """

    reader: str
    target: str
    title: str = ""

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Self:
        """Return what was kept."""
        return cls(
            reader=str(data.get(CONF_READER, "")),
            target=str(data.get(CONF_TARGET, "")),
            title=str(data.get(CONF_TITLE, "")),
        )

    def as_data(self) -> dict[str, str]:
        """Return what `from_data` takes."""
        return {
            CONF_READER: self.reader,
            CONF_TARGET: self.target,
            CONF_TITLE: self.title,
        }


@dataclass(frozen=True, kw_only=True)
class Co2Known:
    """CO2 of a kWh from the grid over time, in g/kWh.

    From `learned_from` on it is what is usual at that hour, and not a forecast that was
    told; `hours_seen` is how many hours that was learned from.
    """

    series: Series = field(default_factory=Series)
    step: timedelta | None = None
    problems: Mapping[Problem, int] = field(default_factory=dict)
    learned_from: datetime | None = None
    hours_seen: int = 0
    lack: Lack | None = None
    entity_ids: tuple[str, ...] = ()
    source: str = ""


class Co2Reader:
    """Reads CO2; what is usual is learned at most every few hours."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Make a reader that has learned nothing yet."""
        self._hass = hass
        self._learned: tuple[str, datetime, Pattern | None] | None = None

    async def async_read(
        self, settings: Co2Settings, before: Co2Known, now: datetime
    ) -> Co2Known:
        """Return what is known now, and what was before where that says nothing."""
        found = read_entity(self._hass, settings, now)
        if found.lack is not None:
            return replace(
                before,
                lack=found.lack,
                entity_ids=found.entity_ids,
                source=found.source,
            )
        if settings.reader == PRESENT_VALUE:
            found = await self._async_extended(found, now)
        series = fill(found.series, before.series)
        return replace(found, series=series.between(now - KEPT, now + REACH))

    async def _async_extended(self, found: Co2Known, now: datetime) -> Co2Known:
        pattern = await self._async_pattern(found.entity_ids[0], now)
        present = found.series.at(now)
        end = found.series.end
        if pattern is None or present is None or end is None:
            return found
        zone = dt_util.get_default_time_zone()
        start = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        expected = pattern.extended(present, start, start + AHEAD, zone)
        return replace(
            found,
            series=fill(found.series, expected),
            learned_from=end,
            hours_seen=pattern.hours_seen,
        )

    async def _async_pattern(self, entity_id: str, now: datetime) -> Pattern | None:
        known = self._learned
        if known and known[0] == entity_id and now - known[1] < RELEARN:
            return known[2]
        means = (await async_means(self._hass, [entity_id], now)).get(entity_id, {})
        state = self._hass.states.get(entity_id)
        factor = _factor(state) if state else 1.0
        pattern = learn(
            (Hour(start=start, value=mean * factor) for start, mean in means.items()),
            now,
            dt_util.get_default_time_zone(),
        )
        self._learned = (entity_id, now, pattern)
        return pattern


@callback
def read_entity(hass: HomeAssistant, settings: Co2Settings, now: datetime) -> Co2Known:
    """Return what an entity tells now; a present value is known for its hour."""
    registry = er.async_get(hass)
    entity_id = er.async_resolve_entity_id(registry, settings.target) or settings.target
    reader = BY_KEY.get(settings.reader)
    more = () if reader is None else companions(registry, reader.companions, entity_id)
    ids = (entity_id, *more)
    found = Co2Known(entity_ids=ids, source=settings.title or entity_id)
    state = hass.states.get(entity_id)
    if state is None or reader is None:
        return replace(found, lack=Lack.NO_ENTITY)
    states = (each for known in ids if (each := hass.states.get(known)) is not None)
    told = reader.read([look_at(each, now) for each in states])
    found = _normal(found, told, _factor(state), now)
    if found.lack and state.state == "unavailable":
        return replace(found, lack=Lack.UNAVAILABLE)
    return found


def _normal(
    found: Co2Known, layers: Iterable[Told], factor: float, now: datetime
) -> Co2Known:
    series = Series()
    problems: Counter[Problem] = Counter()
    step: timedelta | None = None
    for told in layers:
        near = [point for point in told.points if abs(point.start - now) <= REACH]
        normal = normalise(near)
        problems += Counter(told.problems) + Counter(normal.problems)
        problems[Problem.NO_TIME] += len(told.points) - len(near)
        step = step or normal.step
        series = fill(series, normal.series.map(partial(mul, factor)))
    lack = None
    if series.end is None:
        lack = Lack.NO_VALUES
    elif series.end <= now:
        lack = Lack.OUTDATED
    return replace(
        found,
        series=series.map(lambda value: max(0.0, value)),
        step=step,
        problems={key: count for key, count in problems.items() if count},
        lack=lack,
    )


def _factor(state: State) -> float:
    """Return what makes an entity's numbers g/kWh; without a unit they are that."""
    return to_grams_per_kwh(state.attributes.get("unit_of_measurement")) or 1.0


@callback
def find(
    hass: HomeAssistant, now: datetime, own_domain: str
) -> list[tuple[Co2Settings, Co2Known]]:
    """Return the entities that tell CO2 now, those with a forecast first."""
    registry = er.async_get(hass)
    found: list[tuple[Co2Settings, Co2Known]] = []
    for state in hass.states.async_all(DOMAINS):
        entry = registry.async_get(state.entity_id)
        platform = entry.platform if entry else None
        if platform == own_domain:
            continue
        look = look_at(state, now)
        for reader in READERS:
            if reader.domain in {None, platform} and reader.recognise(look):
                chosen = settings_for(hass, state, reader)
                known = read_entity(hass, chosen, now)
                if known.lack is None:
                    found.append((chosen, known))
                break
    order = list(BY_KEY)
    return sorted(found, key=lambda one: (order.index(one[0].reader), one[0].title))


@callback
def chosen(
    hass: HomeAssistant, state: State, now: datetime
) -> tuple[Co2Settings, Co2Known] | None:
    """Return an entity that the owner named as a source; None when it tells nothing."""
    look = look_at(state, now)
    for reader in READERS:
        if reader.key in GENERAL or reader.recognise(look):
            settings = settings_for(hass, state, reader)
            known = read_entity(hass, settings, now)
            if known.lack is None:
                return settings, known
    return None


@callback
def settings_for(
    hass: HomeAssistant, state: State, reader: AttributeReader
) -> Co2Settings:
    """Return the settings for an entity that is read by a reader."""
    entry = er.async_get(hass).async_get(state.entity_id)
    return Co2Settings(
        reader=reader.key,
        target=entry.id if entry else state.entity_id,
        title=f"{reader.name} · {state.name}",
    )
