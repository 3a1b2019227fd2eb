"""What sources of prices there are in this Home Assistant, and what each tells."""

from asyncio import gather
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, State, callback
from homeassistant.helpers import device_registry as dr, entity_registry as er

from ...charging.series import Series
from ..units import may_be_price
from . import ACTION_READERS, ACTIONS, ATTRIBUTES, GENERAL
from .present_value import READER as PRESENT_VALUE
from .reader import ActionReader, Target
from .reading import Failure, Reading, async_ask, read_entity, recognise
from .settings import Side, Source

AHEAD: Final = timedelta(hours=24)
DOMAINS: Final = ("sensor", "event", "number", "input_number")
"""Where entities with prices are; a source's further entities may be elsewhere."""


_OF_ANOTHER_TIME: Final = frozenset(
    {
        *("lowest", "highest", "cheapest", "average", "mean", "median", "min", "max"),
        *("minimum", "maximum", "next", "tomorrow", "previous", "last", "yesterday"),
    }
)
"""Words in the names of what is a price, and not that of now."""
_OF_NOW: Final = frozenset({"current", "now"})


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A source that was found: what it is called, how it is read, what it tells."""

    source: Source
    title: str
    reading: Reading

    def ahead(self, now: datetime) -> Series:
        """Return the next 24 hours as they were read."""
        return self.reading.series.between(now, now + AHEAD)


async def async_find(
    hass: HomeAssistant, now: datetime, own_domain: str, side: Side = Side.PRICE
) -> list[Candidate]:
    """Return the sources that tell prices now, those of known integrations first.

    What is known to be paid for feeding in is first where that is looked for, and else
    left out. Entities of `own_domain` are what comes of a source, and not one.
    """
    asked = await gather(
        *(
            _async_ask(hass, reader, target, title, now)
            for reader in ACTION_READERS
            if side is Side.FEED_IN or not reader.feed_in
            for target, title in _targets(hass, reader)
        )
    )
    found = [candidate for candidates in asked for candidate in candidates]
    known = {
        reader.domain
        for reader in ACTION_READERS
        for item in found
        if item.source.reader == reader.key
    }
    entities = _entities(hass, now, own_domain)
    known |= {
        platform
        for platform, item in entities
        if platform is not None and item.source.reader not in GENERAL
    }
    # An integration that is known has other entities with a price of just now, too.
    found += [
        item
        for platform, item in entities
        if item.source.reader not in GENERAL or platform not in known
    ]
    return sorted(found, key=_rank)


def _rank(candidate: Candidate) -> tuple[int, str]:
    """Return what candidates are sorted by: how much is known of them, then names."""
    reader = candidate.source.reader
    rank = 1
    if reader in GENERAL:
        rank += 1 + [*ATTRIBUTES].index(reader)
    elif reader in ACTIONS and ACTIONS[reader].feed_in:
        rank = 0
    return rank, candidate.title.casefold()


def _targets(hass: HomeAssistant, reader: ActionReader) -> Iterable[tuple[str, str]]:
    """Return whom an action can be asked of, with what it is called."""
    if not hass.services.has_service(reader.domain, reader.action):
        return []
    entries = [
        entry
        for entry in hass.config_entries.async_entries(reader.domain)
        if entry.state is ConfigEntryState.LOADED
    ]
    match reader.target:
        case Target.INTEGRATION:
            return [("", "")] if entries else []
        case Target.ENTRY:
            return [(entry.entry_id, entry.title) for entry in entries]
        case Target.DEVICE:
            registry = dr.async_get(hass)
            return [
                (device.id, device.name_by_user or device.name or "")
                for entry in entries
                for device in dr.async_entries_for_config_entry(
                    registry, entry.entry_id
                )
            ]


async def _async_ask(
    hass: HomeAssistant, reader: ActionReader, target: str, title: str, now: datetime
) -> list[Candidate]:
    readings = await async_ask(hass, reader, target, now)
    return [
        Candidate(
            source=Source(reader=reader.key, target=target, part=part),
            title=" · ".join(_unlike(reader.name, title, part)),
            reading=reading,
        )
        for part, reading in readings.items()
        if reading.failure is None
    ]


def _unlike(*names: str) -> Iterable[str]:
    """Yield the names that are there, each once."""
    return dict.fromkeys(filter(None, names))


@callback
def _entities(
    hass: HomeAssistant, now: datetime, own_domain: str
) -> list[tuple[str | None, Candidate]]:
    """Return the entities that tell prices, each with its integration."""
    registry = er.async_get(hass)
    found: list[tuple[str | None, Candidate]] = []
    for state in hass.states.async_all(DOMAINS):
        entry = registry.async_get(state.entity_id)
        platform = entry.platform if entry else None
        if platform == own_domain:
            continue
        candidate = candidate_of(hass, state, now)
        if candidate is None or candidate.reading.failure is not None:
            continue
        if candidate.source.reader == PRESENT_VALUE.key and _of_another_time(
            state, entry
        ):
            continue
        found.append((platform, candidate))
    return found


def _of_another_time(state: State, entry: er.RegistryEntry | None) -> bool:
    """Say whether a value is by its name that of a day or of another hour.

    Its key in the translations is the same in all languages; its id is not.
    """
    names = (state.entity_id.partition(".")[2], entry and entry.translation_key)
    words = {word for name in names if name for word in name.split("_")}
    return not words.isdisjoint(_OF_ANOTHER_TIME) and words.isdisjoint(_OF_NOW)


@callback
def candidate_of(hass: HomeAssistant, state: State, now: datetime) -> Candidate | None:
    """Return an entity as a source, None when it is not recognised as one."""
    entry = er.async_get(hass).async_get(state.entity_id)
    key = recognise(state, entry.platform if entry else None, now)
    if key is None:
        return None
    return _candidate(hass, state, key, now)


@callback
def chosen_candidate(hass: HomeAssistant, state: State, now: datetime) -> Candidate:
    """Return an entity that the owner chose: its list, else its present value.

    One that measures something else is a failed reading, however it is called.
    """
    found = candidate_of(hass, state, now)
    if found is not None and found.source.reader != PRESENT_VALUE.key:
        return found
    present = _candidate(hass, state, PRESENT_VALUE.key, now)
    unit = state.attributes.get("unit_of_measurement")
    # An amount of money that is for no amount of energy is a bill.
    bill = state.attributes.get("device_class") == "monetary" and "/" not in str(unit)
    if bill or not may_be_price(unit):
        return replace(present, reading=Reading(failure=Failure.OTHER_UNIT))
    listed = _candidate(hass, state, "list_attribute", now)
    return present if listed.reading.failure else listed


def _candidate(hass: HomeAssistant, state: State, key: str, now: datetime) -> Candidate:
    entry = er.async_get(hass).async_get(state.entity_id)
    target = entry.id if entry else state.entity_id
    return Candidate(
        source=Source(reader=key, target=target),
        title=f"{ATTRIBUTES[key].name} · {state.name}",
        reading=read_entity(hass, ATTRIBUTES[key], target, now),
    )
