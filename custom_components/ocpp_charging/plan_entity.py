"""Entities of plans and wishes, which are there where there is a use for them.

They come when the connector has a status and the owner has something to plan with: a
source of prices, CO2 or sun, a car, or a wish; and stay from then on.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, override

from homeassistant.const import Platform
from homeassistant.core import callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .const import DOMAIN
from .csms.charger import Charger
from .csms.connector import Connector
from .entity import OcppEntity, OcppEntityDescription, Place
from .hub import OcppConfigEntry
from .planning import ConnectorPlan
from .planning.circuits import HomeCircuits


@dataclass(frozen=True, kw_only=True)
class PlanDescription(OcppEntityDescription):
    """Describe an entity that shows something of a plan, or of what is wished.

    `always`: it is there from the connector's first status on. `with_fuse`: also where
    the owner has nothing to plan with, but a fuse.
    """

    always: bool = False
    with_fuse: bool = False

    def due(self, plan: ConnectorPlan, *, has_fuse: bool) -> bool:
        """Say whether there is a use for it."""
        there = self.always or (self.with_fuse and has_fuse)
        return plan.wanted or (there and plan.connector.status is not None)

    attributes_fn: Callable[[ConnectorPlan], dict[str, Any]] = lambda _: {}

    @override
    def exists(self, charger: Charger, connector: Connector) -> bool:
        """Say whether the connector has reported; the plan says the rest."""
        return connector.status is not None


class PlanEntity(OcppEntity):
    """Shows something of a connector's plan."""

    entity_description: PlanDescription

    def __init__(
        self, plan: ConnectorPlan, place: Place, description: PlanDescription
    ) -> None:
        """Bind the entity to the plan."""
        super().__init__(place, description)
        self.plan = plan

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any]:
        """Return what goes with it."""
        return self.entity_description.attributes_fn(self.plan)

    @override
    async def async_added_to_hass(self) -> None:
        """Follow the plan."""
        await super().async_added_to_hass()
        self.async_on_remove(self.plan.listen(self._async_changed))


class PlanEntities[D: PlanDescription]:
    """Adds a platform's entities of plans, as there is a use for them.

    `make` is given the plan, its place and a description.
    """

    def __init__(
        self,
        entry: OcppConfigEntry,
        platform: Platform,
        async_add_entities: AddConfigEntryEntitiesCallback,
        descriptions: Sequence[D],
        make: Callable[[ConnectorPlan, Place, D], OcppEntity],
    ) -> None:
        """Attend to the plans of a central system."""
        self._entry = entry
        self._hub = entry.runtime_data
        self._platform = platform
        self._add = async_add_entities
        self._descriptions = descriptions
        self._make = make

    @callback
    def async_start(self) -> Callable[[], None]:
        """Add what there is, and what comes; returns how to stop."""
        return self._hub.planning.async_follow(self._follow)

    @callback
    def _follow(self, plan: ConnectorPlan) -> None:
        subentry_id, number = plan.key
        place = Place(
            hub=self._hub,
            subentry_id=subentry_id,
            charger=plan.charger,
            connector_id=number,
        )
        awaited = list(self._descriptions)
        registry = er.async_get(self._hub.hass)

        @callback
        def look(*, known: bool = False) -> None:
            # A charger that is being removed may still be talking.
            if not awaited or subentry_id not in self._entry.subentries:
                return
            has_fuse = HomeCircuits.of(self._entry) is not None
            due = [
                each
                for each in awaited
                if each.due(plan, has_fuse=has_fuse)
                or (
                    known
                    and registry.async_get_entity_id(
                        self._platform, DOMAIN, place.unique_id(each.key)
                    )
                )
            ]
            awaited[:] = [each for each in awaited if each not in due]
            if due:
                self._add(
                    [self._make(plan, place, each) for each in due],
                    config_subentry_id=subentry_id,
                )

        look(known=True)
        self._entry.async_on_unload(plan.listen(look))
