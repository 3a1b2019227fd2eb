"""What each kind of source tells: what is asked for, from when until when."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any, Final

from homeassistant.core import HomeAssistant, State
from homeassistant.util import dt as dt_util

from ...charging.series import Series
from ..combine import lowest, total
from ..keeper import Lack
from ..told import moment, number
from .event_pair import find_direction, find_end, span
from .settings import DemandSource

AHEAD: Final = timedelta(days=7)
"""How far calendars are looked through."""
ON_FOR: Final = timedelta(hours=1)
"""For how long something that is on is taken to stay so, beyond the full hour."""

WATTS: Final = {"W": 1.0, "kW": 1000.0, "MW": 1e6, "VA": 1.0, "kVA": 1000.0}
_HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What one source asks for, from `start` until just before `end`, in UTC."""

    start: datetime
    end: datetime
    title: str
    limit_w: float | None = None
    extra_price: float | None = None


def of_asked(asked: Iterable[Asked]) -> tuple[Series, Series]:
    """Return the limits, of several the lowest, and the prices on top, added up."""
    limits: list[Series] = []
    prices: list[Series] = []
    for each in asked:
        for value, found in ((each.limit_w, limits), (each.extra_price, prices)):
            if value is not None:
                found.append(Series.constant(value, each.start, each.end))
    return lowest(limits), total(prices)


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
    factor = WATTS.get(unit_of(state))
    if watts is None or watts < 0 or factor is None:
        return []
    start = min(state.last_changed.astimezone(UTC), now)
    limit = watts * factor
    return [
        Asked(start=start, end=_for_now(now), title=source.title, limit_w=limit),
    ]


def unit_of(state: State) -> str:
    """Return the unit that a limit is told in; without one it is in W."""
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
