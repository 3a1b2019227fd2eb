"""The binary sensors: is a car plugged in, does it charge, is something wrong."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import override

from homeassistant.components.binary_sensor import (
    BinarySensorEntity,
    BinarySensorEntityDescription,
)
from homeassistant.components.binary_sensor.const import BinarySensorDeviceClass
from homeassistant.const import EntityCategory, Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .csms.charger import Charger
from .csms.connector import Connector
from .entity import OcppEntity, OcppEntityDescription, async_setup_entities
from .hub import OcppConfigEntry
from .plan_entity import PlanEntities
from .plan_sensor import PLAN_BINARY_SENSORS, PlanBinarySensor

# The entities do no I/O, and the OCPP layer keeps one outstanding CALL per charger.
PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class OcppBinarySensorDescription(OcppEntityDescription, BinarySensorEntityDescription):
    """Describe a binary sensor; it exists from its first value on."""

    is_on_fn: Callable[[Charger, Connector], bool | None]

    @override
    def exists(self, charger: Charger, connector: Connector) -> bool:
        return self.is_on_fn(charger, connector) is not None


CHARGER_BINARY_SENSORS: tuple[OcppBinarySensorDescription, ...] = (
    OcppBinarySensorDescription(
        key="connected",
        device_class=BinarySensorDeviceClass.CONNECTIVITY,
        entity_category=EntityCategory.DIAGNOSTIC,
        stays_available=True,
        is_on_fn=lambda charger, _: charger.connected,
    ),
)

CONNECTOR_BINARY_SENSORS: tuple[OcppBinarySensorDescription, ...] = (
    OcppBinarySensorDescription(
        key="plugged_in",
        device_class=BinarySensorDeviceClass.PLUG,
        is_on_fn=lambda _, connector: connector.plugged_in,
    ),
    OcppBinarySensorDescription(
        key="charging",
        device_class=BinarySensorDeviceClass.BATTERY_CHARGING,
        is_on_fn=lambda _, connector: connector.charging,
    ),
    OcppBinarySensorDescription(
        key="problem",
        device_class=BinarySensorDeviceClass.PROBLEM,
        entity_category=EntityCategory.DIAGNOSTIC,
        is_on_fn=lambda _, connector: connector.problem,
    ),
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: OcppConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the binary sensors of all chargers."""
    async_setup_entities(
        entry,
        Platform.BINARY_SENSOR,
        async_add_entities,
        charger_descriptions=CHARGER_BINARY_SENSORS,
        connector_descriptions=CONNECTOR_BINARY_SENSORS,
        factory=OcppBinarySensor,
    )
    plans = PlanEntities(
        entry,
        Platform.BINARY_SENSOR,
        async_add_entities,
        PLAN_BINARY_SENSORS,
        PlanBinarySensor,
    )
    entry.async_on_unload(plans.async_start())


class OcppBinarySensor(OcppEntity, BinarySensorEntity):
    """Something that is so or not, at a charger or connector."""

    entity_description: OcppBinarySensorDescription

    @property
    @override
    def is_on(self) -> bool | None:
        """Return whether it is so."""
        return self.entity_description.is_on_fn(self.charger, self.connector)
