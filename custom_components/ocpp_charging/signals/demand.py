"""What the grid asks for: a limit in W or a price on top, now and in the days to come.

The sources, of which there may be several:

- something that is on while an event lasts (a relay, a saving session). Where its
  attributes tell when an event begins and ends, that is known ahead;
- a number of watts that may be drawn now, as a grid operator's box tells (German
  section 14a, EEBus LPC);
- a calendar, of which each event counts;
- a sensor that tells when an event begins, beside one that tells when it ends.

Limits of several sources at one time: the lowest. Prices add up.
"""

from asyncio import timeout
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from typing import Any, Final, Self, cast

from homeassistant.core import HomeAssistant, State, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util

from ..charging.series import Series
from .combine import lowest, total
from .event_pair import find_direction, find_end, is_begin, span
from .keeper import Lack
from .prices.settings import CONF_TITLE
from .told import moment, number

CONF_SOURCES: Final = "sources"
CONF_ENTITY: Final = "entity"
CONF_LIMIT_W: Final = "limit_w"
CONF_EXTRA_PRICE: Final = "extra_price"
CONF_WORDS: Final = "words"

AHEAD: Final = timedelta(days=7)
"""How far calendars are looked through."""
ON_FOR: Final = timedelta(hours=1)
"""For how long something that is on is taken to stay so, beyond the full hour."""

_WATTS: Final = {"W": 1.0, "kW": 1000.0, "MW": 1e6, "VA": 1.0, "kVA": 1000.0}
_NO_POWER: Final = frozenset({"timestamp", "date", "duration", "enum"})
"""Kinds of sensors that tell a time or a word, and no power."""
_HOUR: Final = timedelta(hours=1)
ANSWER_TIMEOUT: Final = 30.0
"""A calendar that has not answered after so many seconds does not."""


class Kind(StrEnum):
    """What a source is."""

    SWITCH = "switch"
    WATTS = "watts"
    CALENDAR = "calendar"


KINDS: Final[Mapping[str, Kind]] = {
    "binary_sensor": Kind.SWITCH,
    "input_boolean": Kind.SWITCH,
    "switch": Kind.SWITCH,
    "schedule": Kind.SWITCH,
    "sensor": Kind.WATTS,
    "number": Kind.WATTS,
    "input_number": Kind.WATTS,
    "calendar": Kind.CALENDAR,
}
"""By the domain of the entity."""


@dataclass(frozen=True, kw_only=True)
class DemandSource:
    """An entity that tells what the grid asks for, and what that means.

    `limit_w` and `extra_price` (per kWh, in the main unit of the currency, negative for
    what is given) count during an event; a number of watts has its limit in itself.
    `words`: only calendar events that have this text in their title count, or of two
    sensors those of such a direction.
    """

    entity_id: str
    title: str = ""
    limit_w: float | None = None
    extra_price: float | None = None
    words: str = ""

    @property
    def kind(self) -> Kind:
        """Return what it is, from its entity."""
        return KINDS[self.entity_id.partition(".")[0]]

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Self:
        """Return what was kept. Raises `ValueError` for an entity of no use."""
        entity_id = str(data.get(CONF_ENTITY))
        if entity_id.partition(".")[0] not in KINDS:
            raise ValueError(f"{entity_id} cannot tell what the grid asks for")
        return cls(
            entity_id=entity_id,
            title=str(data.get(CONF_TITLE) or entity_id),
            limit_w=number(data.get(CONF_LIMIT_W)),
            extra_price=number(data.get(CONF_EXTRA_PRICE)),
            words=str(data.get(CONF_WORDS) or ""),
        )

    def as_data(self) -> dict[str, Any]:
        """Return what `from_data` takes."""
        return {
            CONF_ENTITY: self.entity_id,
            CONF_TITLE: self.title,
            CONF_LIMIT_W: self.limit_w,
            CONF_EXTRA_PRICE: self.extra_price,
            CONF_WORDS: self.words,
        }


@dataclass(frozen=True, kw_only=True)
class DemandSettings:
    """All sources that the owner chose."""

    sources: tuple[DemandSource, ...]

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Self:
        """Return what was kept. Raises `ValueError` when it cannot be understood."""
        sources = data.get(CONF_SOURCES) or ()
        return cls(sources=tuple(DemandSource.from_data(each) for each in sources))

    def as_data(self) -> dict[str, Any]:
        """Return what `from_data` takes."""
        return {CONF_SOURCES: [each.as_data() for each in self.sources]}


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What one source asks for, from `start` until just before `end`, in UTC."""

    start: datetime
    end: datetime
    title: str
    limit_w: float | None = None
    extra_price: float | None = None


@dataclass(frozen=True, kw_only=True)
class DemandKnown:
    """What the grid asks for: limits in W, prices on top per kWh, and why.

    `told` is what each source asked for when it was last heard, by its entity: of one
    that is away that stays until it ends.
    """

    limit: Series = field(default_factory=Series)
    extra_price: Series = field(default_factory=Series)
    asked: tuple[Asked, ...] = ()
    told: Mapping[str, tuple[Asked, ...]] = field(default_factory=dict)
    lack: Lack | None = None
    entity_ids: tuple[str, ...] = ()
    source: str = ""


def of_asked(asked: Iterable[Asked]) -> tuple[Series, Series]:
    """Return the limits, of several the lowest, and the prices on top, added up."""
    limits: list[Series] = []
    prices: list[Series] = []
    for each in asked:
        for value, found in ((each.limit_w, limits), (each.extra_price, prices)):
            if value is not None:
                found.append(Series.constant(value, each.start, each.end))
    return lowest(limits), total(prices)


# What each kind of source tells


def of_switch(state: State, source: DemandSource, now: datetime) -> list[Asked]:
    """Return the event that is on, and those that the attributes tell of."""
    spans = list(_spans(state.attributes, dt_util.get_default_time_zone()))
    if state.state == "on" and not any(start <= now < end for start, end in spans):
        started = min(state.last_changed.astimezone(UTC), now)
        spans.append((started, _for_now(now)))
    return [
        _asked(source, start, end, source.title)
        for start, end in dict.fromkeys(spans)
        if now < end and start < now + AHEAD
    ]


def of_watts(state: State, source: DemandSource, now: datetime) -> list[Asked]:
    """Return the limit of now; a state that is no number of watts is none."""
    watts = number(state.state)
    factor = _WATTS.get(_unit(state))
    if watts is None or watts < 0 or factor is None:
        return []
    start = min(state.last_changed.astimezone(UTC), now)
    limit = watts * factor
    return [
        Asked(start=start, end=_for_now(now), title=source.title, limit_w=limit),
    ]


def _unit(state: State) -> str:
    return str(state.attributes.get("unit_of_measurement") or "W")


def of_pair(
    hass: HomeAssistant, begin: State, source: DemandSource, now: datetime
) -> list[Asked] | Lack:
    """Return the event that a sensor tells the beginning of, or why it isn't known."""
    end_id = find_end(hass, begin.entity_id)
    end = None if end_id is None else hass.states.get(end_id)
    if end is None:
        return Lack.NO_END
    if end.state == "unavailable":
        return Lack.UNAVAILABLE
    told = span(begin, end)
    direction = find_direction(hass, begin.entity_id)
    if told is None or told[1] <= now or source.words.casefold() not in direction:
        return []
    title = f"{source.title} ({direction})" if direction else source.title
    return [_asked(source, *told, title)]


def of_events(
    events: Iterable[Mapping[str, Any]], source: DemandSource, zone: tzinfo
) -> list[Asked]:
    """Return what a calendar's events ask for; those of whole days are local ones."""
    found: list[Asked] = []
    for event in events:
        summary = str(event.get("summary") or source.title)
        start, end = (_edge(event.get(key), zone) for key in ("start", "end"))
        if source.words.casefold() not in summary.casefold():
            continue
        if start is not None and end is not None and start < end:
            found.append(_asked(source, start, end, summary))
    return found


def _asked(source: DemandSource, start: datetime, end: datetime, title: str) -> Asked:
    return Asked(
        start=start,
        end=end,
        title=title,
        limit_w=source.limit_w,
        extra_price=source.extra_price,
    )


def _for_now(now: datetime) -> datetime:
    """Return until when something that is so now is taken to stay so."""
    return now.replace(minute=0, second=0, microsecond=0) + _HOUR + ON_FOR


def _edge(value: object, zone: tzinfo) -> datetime | None:
    if isinstance(value, str) and len(value) == len("2026-11-22"):
        try:
            value = datetime.combine(date.fromisoformat(value), time(), zone)
        except ValueError:
            return None
    return moment(value, zone, set())


def _spans(
    attributes: Mapping[str, Any], zone: tzinfo
) -> Iterable[tuple[datetime, datetime]]:
    """Yield what attributes such as `next_event_start` and `next_event_end` tell."""
    for name, value in attributes.items():
        if name != "start" and not name.endswith(("_start", "_start_time")):
            continue
        prefix, _, suffix = name.rpartition("start")
        start = moment(value, zone, set())
        end = moment(attributes.get(f"{prefix}end{suffix}"), zone, set())
        if start is not None and end is not None and start < end:
            yield start, end


# Where it is told


async def async_read(
    hass: HomeAssistant, settings: DemandSettings, before: DemandKnown, now: datetime
) -> DemandKnown:
    """Return what is asked for; of a source that is away, what it told last."""
    told: dict[str, tuple[Asked, ...]] = {}
    lacks: list[tuple[str, Lack]] = []
    for source in settings.sources:
        found = await async_ask(hass, source, now)
        if isinstance(found, Lack):
            lacks.append((source.title, found))
            last = before.told.get(source.entity_id, ())
            told[source.entity_id] = tuple(each for each in last if each.end > now)
        else:
            told[source.entity_id] = tuple(found)
    asked = sorted(
        (each for items in told.values() for each in items),
        key=lambda each: (each.start, each.end, each.title),
    )
    limit, extra_price = of_asked(asked)
    return DemandKnown(
        limit=limit,
        extra_price=extra_price,
        asked=tuple(asked),
        told=told,
        lack=lacks[0][1] if lacks else None,
        entity_ids=tuple(
            each for source in settings.sources for each in _watched(hass, source)
        ),
        source=", ".join(title for title, _ in lacks),
    )


def _watched(hass: HomeAssistant, source: DemandSource) -> list[str]:
    """Return the entities that tell what a source asks for."""
    state, end = hass.states.get(source.entity_id), None
    if state is not None and tells_begin(state):
        end = find_end(hass, source.entity_id)
    return [source.entity_id, *([] if end is None else [end])]


def tells_begin(state: State) -> bool:
    """Say whether an entity tells when an event begins, and no power."""
    return state.domain == "sensor" and _class(state) == "timestamp"


def _class(state: State) -> object:
    return state.attributes.get("device_class")


async def async_ask(
    hass: HomeAssistant, source: DemandSource, now: datetime
) -> list[Asked] | Lack:
    """Return what a source asks for now and later, or why that is not known."""
    state = hass.states.get(source.entity_id)
    if state is None:
        return Lack.NO_ENTITY
    if state.state == "unavailable":
        return Lack.UNAVAILABLE
    if source.kind is Kind.CALENDAR:
        return await _async_events(hass, source, now)
    if source.kind is Kind.SWITCH:
        return of_switch(state, source, now)
    if tells_begin(state):
        return of_pair(hass, state, source, now)
    if _unit(state) not in _WATTS or _class(state) in _NO_POWER:
        return Lack.OTHER_UNIT
    return of_watts(state, source, now)


async def _async_events(
    hass: HomeAssistant, source: DemandSource, now: datetime
) -> list[Asked] | Lack:
    try:
        async with timeout(ANSWER_TIMEOUT):
            answer = await hass.services.async_call(
                "calendar",
                "get_events",
                {
                    "entity_id": source.entity_id,
                    "start_date_time": now.isoformat(),
                    "end_date_time": (now + AHEAD).isoformat(),
                },
                blocking=True,
                return_response=True,
            )
        told = cast(Mapping[str, Any], answer)[source.entity_id]["events"]
        return of_events(told, source, dt_util.get_default_time_zone())
    # Whatever another integration's calendar raises, or not even that, is its failure.
    except Exception:  # noqa: BLE001
        return Lack.CALENDAR_FAILED


@callback
def find(hass: HomeAssistant, own_domain: str) -> list[State]:
    """Return the entities that look as if they told what the grid asks for."""
    registry = er.async_get(hass)
    found: list[State] = []
    for state in hass.states.async_all(tuple(KINDS)):
        entry = registry.async_get(state.entity_id)
        platform = "" if entry is None else entry.platform
        if platform != own_domain and _looks_like(state, platform):
            found.append(state)
    return found


_WORDS: Final = (
    *("saving_session", "free_electricity", "octoplus", "peak", "demand_response"),
    *("14a", "lpc", "power_limit", "consumption_limit", "grid_event", "axle", "flex"),
)
_PLATFORMS: Final = frozenset({"axle_energy", "hydroquebec_peak", "electric_kiwi"})
"""Integrations that tell such events, whatever they are called."""
_ALL_DAY: Final = ("peak_today", "peak_tomorrow")
"""What is on for whole days in which there is an event."""


def _looks_like(state: State, platform: str) -> bool:
    if state.domain == "calendar":
        return True
    if _class(state) in _NO_POWER and not is_begin(state):
        return False
    name = state.entity_id.partition(".")[2]
    if any(word in name for word in _ALL_DAY):
        return False
    told = is_begin(state) and platform in _PLATFORMS
    return told or any(word in name for word in _WORDS)
