"""The switches: charge or not, in service or not."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, override

from homeassistant.components.switch import SwitchEntity, SwitchEntityDescription
from homeassistant.const import EntityCategory, Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .csms import control
from .csms.charger import Charger
from .csms.connector import Connector
from .csms.model import ConnectorStatus
from .entity import OcppEntity, OcppEntityDescription, Place, async_setup_entities
from .helpers import translated_errors
from .hub import OcppConfigEntry
from .plan_controls import PLAN_SWITCHES, PlanSwitch
from .plan_entity import PlanEntities
from .planning.override import async_owner_acts

# The OCPP layer keeps one outstanding CALL per charger; chargers do not wait for
# each other.
PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class OcppSwitchDescription(OcppEntityDescription, SwitchEntityDescription):
    """Describe a switch; it exists from the connector's first status on.

    `set_fn` turns it on or off and raises `CommandError` when that fails.
    """

    is_on_fn: Callable[[Connector], bool | None]
    set_fn: Callable[[Place, bool], Awaitable[object]]

    @override
    def exists(self, charger: Charger, connector: Connector) -> bool:
        return connector.status is not None


async def _set_charging(place: Place, on: bool) -> None:
    """Start or stop a session; what is so already needs no command.

    Where smart charging decides, it decides no more until the car is unplugged.
    """
    connector = place.connector
    seconds = place.hub.central.timing.confirm
    async with async_owner_acts(place.hub, place.charger, connector, on=on):
        if on:
            await control.start_charging(
                place.charger, place.connector_id, timeout=seconds
            )
        elif connector.transaction is not None or connector.charging:
            await control.stop_charging(
                place.charger, place.connector_id, timeout=seconds
            )


def _is_charging(connector: Connector) -> bool | None:
    """Say whether it charges, or would if the car wanted: not while a plan waits."""
    if connector.held_by is not None and connector.planned_limit_a == 0:
        return connector.charging is True
    return connector.transaction is not None or connector.charging


async def _set_availability(place: Place, on: bool) -> None:
    await control.set_availability(place.charger, place.connector_id, operative=on)


AVAILABILITY = OcppSwitchDescription(
    key="availability",
    keys=("status",),
    entity_category=EntityCategory.CONFIG,
    is_on_fn=lambda connector: (
        None
        if connector.status is None
        else connector.status is not ConnectorStatus.UNAVAILABLE
    ),
    set_fn=_set_availability,
)
"""Of a connector, and of the whole charger where it reports a status as connector 0."""

CHARGING = OcppSwitchDescription(
    key="charging",
    keys=("transaction", "charging", "status", "held_by", "planned_limit_a"),
    is_on_fn=_is_charging,
    set_fn=_set_charging,
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: OcppConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the switches of all chargers."""
    async_setup_entities(
        entry,
        Platform.SWITCH,
        async_add_entities,
        charger_descriptions=(AVAILABILITY,),
        connector_descriptions=(CHARGING, AVAILABILITY),
        factory=OcppSwitch,
    )
    plans = PlanEntities(
        entry, Platform.SWITCH, async_add_entities, PLAN_SWITCHES, PlanSwitch
    )
    entry.async_on_unload(plans.async_start())


class OcppSwitch(OcppEntity, SwitchEntity):
    """Something that a charger or connector does or not, as it is told."""

    entity_description: OcppSwitchDescription

    @property
    @override
    def is_on(self) -> bool | None:
        """Return what the charger reports, whatever was asked of it."""
        return self.entity_description.is_on_fn(self.connector)

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        """Turn it on. Raises a translated error when the charger does not."""
        await self._set(on=True)

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        """Turn it off. Raises a translated error when the charger does not."""
        await self._set(on=False)

    async def _set(self, *, on: bool) -> None:
        with translated_errors(self.charger, self.place.connector_id):
            await self.entity_description.set_fn(self.place, on)
