"""Reads what all sources of the grid ask for; nothing raises."""

from asyncio import timeout
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, cast

from homeassistant.core import HomeAssistant, State
from homeassistant.util import dt as dt_util

from ...charging.series import Series
from ..keeper import Lack
from .asked import (
    AHEAD,
    WATTS,
    Asked,
    of_asked,
    of_events,
    of_pair,
    of_switch,
    of_watts,
    unit_of,
)
from .event_pair import find_end
from .settings import DemandSettings, DemandSource, Kind

NO_POWER: Final = frozenset({"timestamp", "date", "duration", "enum"})
"""Kinds of sensors that tell a time or a word, and no power."""
ANSWER_TIMEOUT: Final = 30.0
"""A calendar that has not answered after so many seconds does not."""


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
        if isinstance(found, Lack) or (not found and _is_silent(hass, source)):
            last = before.told.get(source.entity_id, ())
            found = [each for each in last if each.end > now]
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


def _is_silent(hass: HomeAssistant, source: DemandSource) -> bool:
    """Say whether a contact has not told yet if it is on, as after its restart."""
    state = hass.states.get(source.entity_id)
    return source.kind is Kind.SWITCH and state is not None and state.state == "unknown"


def _watched(hass: HomeAssistant, source: DemandSource) -> list[str]:
    """Return the entities that tell what a source asks for."""
    state, end = hass.states.get(source.entity_id), None
    if state is not None and tells_begin(state):
        end = find_end(hass, source.entity_id)
    return [source.entity_id, *([] if end is None else [end])]


def tells_begin(state: State) -> bool:
    """Say whether an entity tells when an event begins, and no power."""
    return state.domain == "sensor" and class_of(state) == "timestamp"


def class_of(state: State) -> object:
    """Return what a sensor measures, None where that is not told."""
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
    if unit_of(state) not in WATTS or class_of(state) in NO_POWER:
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
