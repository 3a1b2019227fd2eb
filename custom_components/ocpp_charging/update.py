"""The updates: which firmware a charger runs, and the one that the owner gave it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, override

from homeassistant.components.update import UpdateEntity, UpdateEntityDescription
from homeassistant.components.update.const import (
    UpdateDeviceClass,
    UpdateEntityFeature,
)
from homeassistant.const import EntityCategory, Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from . import firmware_actions
from .csms.charger import Charger
from .csms.connector import Connector
from .csms.firmware import FirmwareOrder, is_updating, wanted_version
from .entity import OcppEntity, OcppEntityDescription, async_setup_entities
from .hub import OcppConfigEntry

# The OCPP layer keeps one outstanding CALL per charger; chargers do not wait for
# each other.
PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class OcppUpdateDescription(OcppEntityDescription, UpdateEntityDescription):
    """Describe what of a charger is updated; it exists once its version is known.

    `order_fn` returns what the owner last had it install.
    """

    installed_fn: Callable[[Charger], str | None]
    latest_fn: Callable[[Charger], str | None]
    updating_fn: Callable[[Charger], bool]
    order_fn: Callable[[Charger], FirmwareOrder | None]

    @override
    def exists(self, charger: Charger, connector: Connector) -> bool:
        return self.installed_fn(charger) is not None


CHARGER_UPDATES: tuple[OcppUpdateDescription, ...] = (
    OcppUpdateDescription(
        key="firmware",
        keys=("info", "firmware_order", "firmware_status"),
        device_class=UpdateDeviceClass.FIRMWARE,
        entity_category=EntityCategory.CONFIG,
        installed_fn=lambda charger: charger.info.firmware,
        latest_fn=wanted_version,
        updating_fn=is_updating,
        order_fn=lambda charger: charger.firmware_order,
    ),
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: OcppConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the updates of all chargers."""
    async_setup_entities(
        entry,
        Platform.UPDATE,
        async_add_entities,
        charger_descriptions=CHARGER_UPDATES,
        connector_descriptions=(),
        factory=OcppUpdate,
    )


class OcppUpdate(OcppEntity, UpdateEntity):
    """A firmware, with a button to install it where the owner gave its file."""

    entity_description: OcppUpdateDescription

    # OCPP has no percentage.
    _attr_update_percentage = None

    @property
    @override
    def installed_version(self) -> str | None:
        """Return what the charger says that it runs."""
        return self.entity_description.installed_fn(self.charger)

    @property
    @override
    def latest_version(self) -> str | None:
        """Return what the owner wants; without a wish, what runs."""
        return self.entity_description.latest_fn(self.charger)

    @property
    @override
    def in_progress(self) -> bool:
        """Say whether the charger is at it."""
        return self.entity_description.updating_fn(self.charger)

    @property
    @override
    def supported_features(self) -> UpdateEntityFeature:
        """Say that it can be installed where Home Assistant has the file."""
        order = self.entity_description.order_fn(self.charger)
        if order is None or order.file is None:
            return UpdateEntityFeature.PROGRESS
        return UpdateEntityFeature.PROGRESS | UpdateEntityFeature.INSTALL

    @override
    def version_is_newer(self, latest_version: str, installed_version: str) -> bool:
        """Take any other version for an update: makers count as they like."""
        return latest_version != installed_version

    @override
    async def async_install(
        self, version: str | None, backup: bool, **kwargs: Any
    ) -> None:
        """Order it once more. Raises a translated error when the charger says no."""
        order = self.entity_description.order_fn(self.charger)
        if order is not None:
            await firmware_actions.install(self.hass, self.charger, order)
