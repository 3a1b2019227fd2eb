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
    """Start or stop a session; what is so already needs no command."""
    seconds = place.hub.central.timing.confirm
    if on:
        await control.start_charging(place.charger, place.connector_id, timeout=seconds)
    elif CHARGING.is_on_fn(place.connector):
        await control.stop_charging(place.charger, place.connector_id, timeout=seconds)


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
    keys=("transaction", "charging", "status"),
    is_on_fn=lambda connector: connector.transaction is not None or connector.charging,
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
