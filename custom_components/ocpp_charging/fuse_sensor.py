"""What the house's fuses leave each connector: a sensor where a fuse was typed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, override

from homeassistant.components.sensor import (
    SensorDeviceClass,
    SensorEntity,
    SensorEntityDescription,
    SensorStateClass,
)
from homeassistant.const import UnitOfElectricCurrent
from homeassistant.core import callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .csms.charger import Charger
from .csms.connector import Connector
from .entity import OcppEntity, OcppEntityDescription, Place
from .hub import OcppConfigEntry
from .planning import ConnectorPlan


@dataclass(frozen=True, kw_only=True)
class FuseSensorDescription(OcppEntityDescription, SensorEntityDescription):
    """Describe the sensor."""

    @override
    def exists(self, charger: Charger, connector: Connector) -> bool:
        """Say whether the connector has reported; the fuses say the rest."""
        return connector.status is not None


AVAILABLE_CURRENT = FuseSensorDescription(
    key="available_current",
    device_class=SensorDeviceClass.CURRENT,
    state_class=SensorStateClass.MEASUREMENT,
    native_unit_of_measurement=UnitOfElectricCurrent.AMPERE,
    suggested_display_precision=0,
)


class AvailableCurrent(OcppEntity, SensorEntity):
    """What a car may draw on each phase, and why not more."""

    entity_description: FuseSensorDescription

    def __init__(self, plan: ConnectorPlan, place: Place) -> None:
        """Bind the sensor to the fuses."""
        super().__init__(place, AVAILABLE_CURRENT)
        self._key = plan.key
        self._fuse = place.hub.fuse

    @property
    @override
    def native_value(self) -> float | None:
        """Return the current in A per phase."""
        return self._fuse.available_a(self._key)

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any]:
        """Return why it is what it is; nothing while nothing is charged."""
        given = self._fuse.share_of(self._key)
        claim = self._fuse.claim_of(self._key)
        if given is None or claim is None:
            return {"why": None, "circuit": None, "wanted": None, "phases": None}
        return {
            "why": given.why.value,
            "circuit": self._fuse.circuit_name(given.circuit),
            "wanted": claim.wanted_a,
            "phases": [f"L{phase}" for phase in claim.phases],
        }

    @override
    async def async_added_to_hass(self) -> None:
        """Follow the fuses."""
        await super().async_added_to_hass()
        self.async_on_remove(self._fuse.listen(self._async_changed))


class FuseSensors:
    """Adds the sensors when there is a fuse; they stay from then on."""

    def __init__(
        self, entry: OcppConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
    ) -> None:
        """Attend to the connectors of a central system."""
        self._entry = entry
        self._hub = entry.runtime_data
        self._add = async_add_entities

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
        added = False

        @callback
        def look() -> None:
            nonlocal added
            known = subentry_id in self._entry.subentries
            if added or self._hub.fuse.home is None or not known:
                return
            added = True
            self._add([AvailableCurrent(plan, place)], config_subentry_id=subentry_id)

        look()
        self._entry.async_on_unload(self._hub.fuse.listen(look))
