"""The buttons: unlock a cable, restart a charger, read it anew, clear a goal."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import override

from homeassistant.components.button import ButtonEntity, ButtonEntityDescription
from homeassistant.components.button.const import ButtonDeviceClass
from homeassistant.const import EntityCategory, Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .csms.charger import Charger
from .csms.connector import Connector
from .entity import OcppEntity, OcppEntityDescription, async_setup_entities
from .helpers import translated_errors
from .hub import OcppConfigEntry
from .plan_controls import PLAN_BUTTONS, PlanButton
from .plan_entity import PlanEntities

# The OCPP layer keeps one outstanding CALL per charger; chargers do not wait for
# each other.
PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class OcppButtonDescription(OcppEntityDescription, ButtonEntityDescription):
    """Describe a button.

    `press_fn` does it at a connector (0: the charger) and raises `CommandError` when
    that fails. `exists_fn` says whether the charger can be asked for it.
    """

    exists_fn: Callable[[Charger, Connector], bool]
    press_fn: Callable[[Charger, int], Awaitable[None]]

    @override
    def exists(self, charger: Charger, connector: Connector) -> bool:
        return self.exists_fn(charger, connector)


def _connected(charger: Charger, _connector: Connector) -> bool:
    return charger.connected


def _has_status(_charger: Charger, connector: Connector) -> bool:
    return connector.status is not None


CHARGER_BUTTONS: tuple[OcppButtonDescription, ...] = (
    OcppButtonDescription(
        key="reset_soft",
        appears_with=("connected",),
        device_class=ButtonDeviceClass.RESTART,
        entity_category=EntityCategory.CONFIG,
        exists_fn=_connected,
        press_fn=lambda charger, _: charger.commands("Reset").reset(hard=False),
    ),
    OcppButtonDescription(
        key="reset_hard",
        appears_with=("connected",),
        device_class=ButtonDeviceClass.RESTART,
        entity_category=EntityCategory.CONFIG,
        exists_fn=_connected,
        press_fn=lambda charger, _: charger.commands("Reset").reset(hard=True),
    ),
    OcppButtonDescription(
        key="refresh",
        appears_with=("connected",),
        entity_category=EntityCategory.DIAGNOSTIC,
        exists_fn=_connected,
        press_fn=lambda charger, _: charger.commands("GetConfiguration").refresh(),
    ),
    OcppButtonDescription(
        key="send_tags",
        appears_with=("local_list",),
        entity_category=EntityCategory.CONFIG,
        exists_fn=lambda charger, _: charger.memory.local_list.state is not None,
        press_fn=lambda charger, _: charger.commands("SendLocalList").send_tags(),
    ),
)

CONNECTOR_BUTTONS: tuple[OcppButtonDescription, ...] = (
    OcppButtonDescription(
        key="unlock",
        appears_with=("status",),
        entity_category=EntityCategory.CONFIG,
        exists_fn=_has_status,
        press_fn=lambda charger, connector_id: charger.commands(
            "UnlockConnector"
        ).unlock(connector_id),
    ),
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: OcppConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the buttons of all chargers."""
    async_setup_entities(
        entry,
        Platform.BUTTON,
        async_add_entities,
        charger_descriptions=CHARGER_BUTTONS,
        connector_descriptions=CONNECTOR_BUTTONS,
        factory=OcppButton,
    )
    plans = PlanEntities(
        entry, Platform.BUTTON, async_add_entities, PLAN_BUTTONS, PlanButton
    )
    entry.async_on_unload(plans.async_start())


class OcppButton(OcppEntity, ButtonEntity):
    """Something that a charger is told to do once."""

    entity_description: OcppButtonDescription

    @override
    async def async_press(self) -> None:
        """Do it. Raises a translated error when the charger does not."""
        connector_id = self.place.connector_id
        with translated_errors(self.charger, connector_id):
            await self.entity_description.press_fn(self.charger, connector_id)
