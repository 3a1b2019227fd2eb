"""The numbers: how much current a connector may give, and what is its goal."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import override

from homeassistant.components.number import (
    NumberDeviceClass,
    NumberEntity,
    NumberEntityDescription,
)
from homeassistant.const import EntityCategory, Platform, UnitOfElectricCurrent
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .csms import control
from .csms.charger import Charger
from .csms.connector import Connector
from .entity import OcppEntity, OcppEntityDescription, async_setup_entities
from .helpers import translated_errors
from .hub import OcppConfigEntry
from .plan_controls import PLAN_NUMBERS, PlanNumber
from .plan_entity import PlanEntities

# The OCPP layer keeps one outstanding CALL per charger; chargers do not wait for
# each other.
PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class OcppNumberDescription(OcppEntityDescription, NumberEntityDescription):
    """Describe a number.

    `set_fn` sets it on a connector and raises `CommandError` when that fails.
    """

    exists_fn: Callable[[Charger], bool]
    value_fn: Callable[[Charger, Connector], float]
    max_fn: Callable[[Charger], float]
    set_fn: Callable[[Charger, int, float], Awaitable[None]]

    @override
    def exists(self, charger: Charger, connector: Connector) -> bool:
        return self.exists_fn(charger)


def _takes_limits(charger: Charger) -> bool:
    """Say whether a charger has Smart Charging, or has been read and did not say."""
    has = charger.features.has("SmartCharging")
    return has or (has is None and charger.ready)


def _limit(charger: Charger, connector: Connector) -> float:
    """Return the limit in A; where none was set, only the maximum holds."""
    maximum = charger.settings.max_current_a
    return maximum if connector.limit_a is None else min(connector.limit_a, maximum)


CONNECTOR_NUMBERS: tuple[OcppNumberDescription, ...] = (
    OcppNumberDescription(
        key="current_limit",
        keys=("limit_a",),
        charger_keys=("settings",),
        appears_with=("features", "ready"),
        device_class=NumberDeviceClass.CURRENT,
        entity_category=EntityCategory.CONFIG,
        native_min_value=0,
        native_step=1,
        native_unit_of_measurement=UnitOfElectricCurrent.AMPERE,
        exists_fn=_takes_limits,
        value_fn=_limit,
        max_fn=lambda charger: charger.settings.max_current_a,
        set_fn=control.set_current_limit,
    ),
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: OcppConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the numbers of all chargers."""
    async_setup_entities(
        entry,
        Platform.NUMBER,
        async_add_entities,
        charger_descriptions=(),
        connector_descriptions=CONNECTOR_NUMBERS,
        factory=OcppNumber,
    )
    plans = PlanEntities(
        entry, Platform.NUMBER, async_add_entities, PLAN_NUMBERS, PlanNumber
    )
    entry.async_on_unload(plans.async_start())


class OcppNumber(OcppEntity, NumberEntity):
    """A number that the owner sets and the charger obeys."""

    entity_description: OcppNumberDescription

    @property
    @override
    def native_value(self) -> float:
        """Return the number that holds."""
        return self.entity_description.value_fn(self.charger, self.connector)

    @property
    @override
    def native_max_value(self) -> float:
        """Return the greatest number that the owner allows."""
        return self.entity_description.max_fn(self.charger)

    @override
    async def async_set_native_value(self, value: float) -> None:
        """Set the number. Raises a translated error when the charger refuses it."""
        connector_id = self.place.connector_id
        with translated_errors(self.charger, connector_id):
            await self.entity_description.set_fn(self.charger, connector_id, value)
