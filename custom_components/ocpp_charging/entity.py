"""What all entities have in common, and how they come to be.

An entity exists from when its charger first reports what it shows, without a reload,
and from then on for good: after a restart those that are in the registry are there
before their charger is.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import override

from homeassistant.const import Platform
from homeassistant.core import callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.device_registry import ChildDeviceInfo, DeviceInfo
from homeassistant.helpers.entity import Entity, EntityDescription
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .csms.charger import Charger
from .csms.connector import Connector
from .csms.model import Change
from .devices import charger_info, connector_info, place_id
from .hub import Hub, OcppConfigEntry


@dataclass(frozen=True, kw_only=True)
class OcppEntityDescription(EntityDescription):
    """Describe an entity of a charger or of a connector.

    `key` is also the translation key. `keys` are the keys of the model that change
    what the entity shows, `key` itself when there are none; `charger_keys` are those
    of the charger that do so for an entity of a connector. `appears_with` are other
    keys, of either, that may bring it into being. The entity is available while the
    charger is connected, with `stays_available` always.
    """

    keys: tuple[str, ...] = ()
    charger_keys: tuple[str, ...] = ()
    appears_with: tuple[str, ...] = ()
    stays_available: bool = False

    def changes(self, connector_id: int) -> frozenset[Change]:
        """Return what changes the entity, on this connector."""
        return frozenset(
            chain(
                ((connector_id, key) for key in self.keys or (self.key,)),
                ((0, key) for key in self.charger_keys),
            )
        )

    @property
    def reasons(self) -> frozenset[str]:
        """Return the keys of its connector that may bring the entity into being."""
        return frozenset((*(self.keys or (self.key,)), *self.appears_with))

    @property
    def charger_reasons(self) -> frozenset[str]:
        """Return the keys of the charger that may bring the entity into being."""
        return frozenset((*self.charger_keys, *self.appears_with))

    def exists(self, charger: Charger, connector: Connector) -> bool:
        """Say whether the charger has reported what the entity shows."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where an entity belongs: to a connector, or with number 0 to the charger."""

    hub: Hub
    subentry_id: str
    charger: Charger
    connector_id: int

    @property
    def connector(self) -> Connector:
        """Return the connector; number 0 stands for the charger's main meter."""
        return self.charger.connector(self.connector_id)

    def unique_id(self, key: str) -> str:
        """Return the unique id of an entity here."""
        entry_id, identity = self.hub.entry.entry_id, self.charger.identity
        return f"{place_id(entry_id, identity, self.connector_id)}_{key}"


class OcppEntity(Entity):
    """An entity that is told when to write its state."""

    _attr_has_entity_name = True
    _attr_should_poll = False
    entity_description: OcppEntityDescription

    def __init__(self, place: Place, description: OcppEntityDescription) -> None:
        """Bind the entity to its place in the model."""
        self.entity_description = description
        self.place = place
        self.charger = place.charger
        self.connector = place.connector
        self._attr_translation_key = description.key
        self._attr_unique_id = place.unique_id(description.key)

    @property
    @override
    def device_info(self) -> DeviceInfo | ChildDeviceInfo:
        """Return the device, which is asked for once: it is not kept."""
        place = self.place
        if place.connector_id:
            return connector_info(
                place.hub, place.subentry_id, place.charger, place.connector_id
            )
        return charger_info(place.hub, place.charger)

    @property
    @override
    def available(self) -> bool:
        """Say whether the charger can be heard."""
        return self.entity_description.stays_available or self.charger.connected

    @override
    async def async_added_to_hass(self) -> None:
        """Listen to what the entity shows, and to nothing else."""
        await super().async_added_to_hass()
        changes = self.entity_description.changes(self.place.connector_id)
        self.async_on_remove(
            self.charger.listen_to(changes | {(0, "connected")}, self._async_changed)
        )

    @callback
    def _async_changed(self) -> None:
        """Write the state: something that it is made of has changed."""
        self.async_write_ha_state()


type Factory[D: OcppEntityDescription] = Callable[[Place, D], Entity]


@callback
def async_setup_entities[D: OcppEntityDescription](
    entry: OcppConfigEntry,
    platform: Platform,
    async_add_entities: AddConfigEntryEntitiesCallback,
    *,
    charger_descriptions: Sequence[D],
    connector_descriptions: Sequence[D],
    factory: Factory[D],
) -> None:
    """Add a platform's entities of all chargers, now and as they appear."""
    hub = entry.runtime_data
    table = Table(charger_descriptions, connector_descriptions)
    registered = _registered(hub, platform)

    @callback
    def follow(subentry_id: str, charger: Charger) -> None:
        @callback
        def add(entities: Sequence[Entity]) -> None:
            # A charger that is being removed may still be talking.
            if subentry_id in entry.subentries:
                async_add_entities(entities, config_subentry_id=subentry_id)

        arrivals = Arrivals(
            add=add,
            place=Place(
                hub=hub, subentry_id=subentry_id, charger=charger, connector_id=0
            ),
            registered=registered.pop(subentry_id, frozenset()),
            table=table,
            factory=factory,
        )
        entry.async_on_unload(arrivals.async_start())

    entry.async_on_unload(hub.async_follow_chargers(follow))


def _registered(hub: Hub, platform: Platform) -> dict[str | None, Collection[str]]:
    """Return the unique ids of a platform's entities that existed before, by subentry.

    They are looked through once for all chargers: there may be a thousand.
    """
    found: defaultdict[str | None, set[str]] = defaultdict(set)
    for entity in er.async_entries_for_config_entry(
        er.async_get(hub.hass), hub.entry.entry_id
    ):
        if entity.domain == platform:
            found[entity.config_subentry_id].add(entity.unique_id)
    return dict(found)


class Table[D: OcppEntityDescription]:
    """A platform's descriptions, and which of them a change may bring into being."""

    def __init__(self, charger: Sequence[D], connector: Sequence[D]) -> None:
        """Index the descriptions of a charger's entities and of a connector's."""
        self.charger = charger
        self.connector = connector
        self._charger_by_key = _by_key(
            (each, each.reasons | each.charger_reasons) for each in charger
        )
        self._connector_by_key = _by_key((each, each.reasons) for each in connector)
        self._connector_by_charger_key = _by_key(
            (each, each.charger_reasons) for each in connector
        )

    def of(self, connector_id: int) -> Sequence[D]:
        """Return the descriptions of what a connector may have; 0 is the charger."""
        return self.connector if connector_id else self.charger

    def due(self, change: Change, connectors: Iterable[int]) -> Iterator[tuple[int, D]]:
        """Yield what a change may bring into being, on which of these connectors."""
        connector_id, key = change
        if connector_id:
            for description in self._connector_by_key.get(key, ()):
                yield connector_id, description
            return
        for description in self._charger_by_key.get(key, ()):
            yield 0, description
        for description in self._connector_by_charger_key.get(key, ()):
            for number in connectors:
                yield number, description


def _by_key[D](pairs: Iterable[tuple[D, frozenset[str]]]) -> dict[str, list[D]]:
    found: dict[str, list[D]] = {}
    for description, keys in pairs:
        for key in keys:
            found.setdefault(key, []).append(description)
    return found


class Arrivals[D: OcppEntityDescription]:
    """Adds one charger's entities of one platform as reasons for them appear.

    This runs on every change of the charger: mostly nothing that it may bring is still
    awaited, and there is nothing to do.
    """

    def __init__(
        self,
        *,
        add: Callable[[Sequence[Entity]], None],
        place: Place,
        registered: Collection[str],
        table: Table[D],
        factory: Factory[D],
    ) -> None:
        """Await everything; `registered` are the unique ids that existed before."""
        self._add = add
        self._place = place
        self._charger = place.charger
        self._registered = registered
        self._table = table
        self._factory = factory
        self._places: dict[int, Place] = {}
        self._awaited: set[tuple[int, str]] = set()
        """The numbers of connectors, and the keys of what they do not have yet."""

    @callback
    def async_start(self) -> Callable[[], None]:
        """Add what exists already and follow the charger; returns how to stop."""
        self._places[0] = self._place
        self._consider([(0, each) for each in self._await(0)] + self._new_connectors())
        return self._charger.listen_all(self._async_changed)

    def _await(self, connector_id: int) -> Sequence[D]:
        descriptions = self._table.of(connector_id)
        self._awaited.update((connector_id, each.key) for each in descriptions)
        return descriptions

    def _new_connectors(self) -> list[tuple[int, D]]:
        """Return what connectors that have appeared may have."""
        found = [each for each in self._charger.connectors if each not in self._places]
        for connector_id in found:
            self._places[connector_id] = replace(self._place, connector_id=connector_id)
        return [(number, each) for number in found for each in self._await(number)]

    @callback
    def _async_changed(self, changes: frozenset[Change]) -> None:
        due = {
            (number, description.key): (number, description)
            for change in changes
            for number, description in self._table.due(change, self._charger.connectors)
            if (number, description.key) in self._awaited
        }
        candidates = list(due.values())
        if (0, "connectors") in changes:
            candidates += self._new_connectors()
        if candidates:
            self._consider(candidates)

    def _consider(self, candidates: Sequence[tuple[int, D]]) -> None:
        """Add those of the awaited entities that exist."""
        added: list[Entity] = []
        for connector_id, description in candidates:
            place = self._places[connector_id]
            if place.unique_id(
                description.key
            ) in self._registered or description.exists(self._charger, place.connector):
                added.append(self._factory(place, description))
                self._awaited.discard((connector_id, description.key))
        if added:
            self._add(added)
