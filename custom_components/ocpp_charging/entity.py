"""What all entities have in common, and how they come to be.

An entity exists from when its charger first reports what it shows, without a reload,
and from then on for good: after a restart those that are in the registry are there
before their charger is.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import override

from homeassistant.const import Platform
from homeassistant.core import callback
from homeassistant.helpers import entity_registry as er
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

    def reasons(self, connector_id: int) -> frozenset[Change]:
        """Return what may bring the entity into being, on this connector."""
        return self.changes(connector_id).union(
            (number, key) for number in (connector_id, 0) for key in self.appears_with
        )

    def exists(self, charger: Charger, connector: Connector) -> bool:
        """Say whether the charger has reported what the entity shows."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
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
        self._attr_device_info = (
            connector_info(
                place.hub, place.subentry_id, place.charger, place.connector_id
            )
            if place.connector_id
            else charger_info(place.hub, place.charger)
        )

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
        for connector_id, key in changes | {(0, "connected")}:
            self.async_on_remove(
                self.charger.listen(connector_id, key, self._async_changed)
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
    registry = er.async_get(hub.hass)

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
            registered=frozenset(
                registered.unique_id
                for registered in er.async_entries_for_config_entry(
                    registry, entry.entry_id
                )
                if registered.domain == platform
            ),
            charger_descriptions=charger_descriptions,
            connector_descriptions=connector_descriptions,
            factory=factory,
        )
        entry.async_on_unload(arrivals.async_start())

    entry.async_on_unload(hub.async_follow_chargers(follow))


@dataclass(frozen=True, kw_only=True, eq=False)
class _Candidate[D: OcppEntityDescription]:
    """An entity that may come to exist."""

    place: Place
    description: D


class Arrivals[D: OcppEntityDescription]:
    """Adds one charger's entities of one platform as reasons for them appear.

    This runs on every change of the charger, so what is still awaited is indexed by
    the changes that can bring it: mostly there is none, and nothing to do.
    """

    def __init__(
        self,
        *,
        add: Callable[[Sequence[Entity]], None],
        place: Place,
        registered: frozenset[str],
        charger_descriptions: Sequence[D],
        connector_descriptions: Sequence[D],
        factory: Factory[D],
    ) -> None:
        """Await everything; `registered` are the unique ids that existed before."""
        self._add = add
        self._place = place
        self._charger = place.charger
        self._registered = registered
        self._charger_descriptions = charger_descriptions
        self._connector_descriptions = connector_descriptions
        self._factory = factory
        self._known: set[int] = set()
        self._awaited: dict[Change, dict[_Candidate[D], None]] = {}

    @callback
    def async_start(self) -> Callable[[], None]:
        """Add what exists already and follow the charger; returns how to stop."""
        self._known.add(0)
        self._consider(
            [
                _Candidate(place=self._place, description=description)
                for description in self._charger_descriptions
            ]
            + self._new_connectors()
        )
        return self._charger.listen_all(self._async_changed)

    def _new_connectors(self) -> list[_Candidate[D]]:
        """Return the candidates of connectors that have appeared."""
        found = [
            number for number in self._charger.connectors if number not in self._known
        ]
        self._known.update(found)
        return [
            _Candidate(
                place=Place(
                    hub=self._place.hub,
                    subentry_id=self._place.subentry_id,
                    charger=self._charger,
                    connector_id=connector_id,
                ),
                description=description,
            )
            for connector_id in found
            for description in self._connector_descriptions
        ]

    @callback
    def _async_changed(self, changes: frozenset[Change]) -> None:
        due: dict[_Candidate[D], None] = {}
        for change in changes & self._awaited.keys():
            due.update(self._awaited[change])
        candidates = list(due)
        if (0, "connectors") in changes:
            candidates += self._new_connectors()
        if candidates:
            self._consider(candidates)

    def _consider(self, candidates: Sequence[_Candidate[D]]) -> None:
        """Add the candidates that exist, and await the others."""
        added: list[Entity] = []
        for candidate in candidates:
            place, description = candidate.place, candidate.description
            exists = place.unique_id(
                description.key
            ) in self._registered or description.exists(self._charger, place.connector)
            if exists:
                added.append(self._factory(place, description))
            for change in description.reasons(place.connector_id):
                awaiting = self._awaited.setdefault(change, {})
                if exists:
                    awaiting.pop(candidate, None)
                else:
                    awaiting[candidate] = None
                if not awaiting:
                    del self._awaited[change]
        if added:
            self._add(added)
