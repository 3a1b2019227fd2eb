"""The events: what happened at a charger, for automations."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, override

from homeassistant.components.event import EventEntity, EventEntityDescription
from homeassistant.const import EntityCategory, Platform
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .csms.charger import Charger
from .csms.connector import Connector
from .csms.model import TagDecision
from .csms.security_events import SecurityEventKind
from .entity import OcppEntity, OcppEntityDescription, async_setup_entities
from .hub import OcppConfigEntry
from .plan_entity import PlanEntities
from .plan_event import PLAN_EVENTS, PlanEvent

# The entities do no I/O, and the OCPP layer keeps one outstanding CALL per charger.
PARALLEL_UPDATES = 0

TAG_EVENTS: Mapping[TagDecision, str] = {
    TagDecision.ACCEPTED: "accepted",
    TagDecision.BLOCKED: "blocked",
    TagDecision.EXPIRED: "expired",
    TagDecision.INVALID: "unknown",
    TagDecision.CONCURRENT_TX: "in_use",
}

type Happening = tuple[str, dict[str, Any]]
"""The type of an event and its attributes."""


@dataclass(frozen=True, kw_only=True)
class OcppEventDescription(OcppEntityDescription, EventEntityDescription):
    """Describe an event of a charger; it exists from when it first happened.

    `source_fn` returns what happened last, another object each time, None before;
    `event_fn` what kind of event that is.
    """

    source_fn: Callable[[Charger], Any]
    event_fn: Callable[[Any], Happening]

    @override
    def exists(self, charger: Charger, connector: Connector) -> bool:
        return self.source_fn(charger) is not None


CHARGER_EVENTS: tuple[OcppEventDescription, ...] = (
    # Never the tag itself: it opens whatever it is held to, and history is kept.
    OcppEventDescription(
        key="tag_presented",
        keys=("presented",),
        event_types=list(TAG_EVENTS.values()),
        source_fn=lambda charger: charger.presented,
        event_fn=lambda presented: (
            TAG_EVENTS[presented.info.decision],
            {
                "tag_name": presented.name,
                "use": presented.use.value,
                "connector": presented.connector_id,
            },
        ),
    ),
    OcppEventDescription(
        key="security",
        keys=("security_event",),
        entity_category=EntityCategory.DIAGNOSTIC,
        event_types=list(SecurityEventKind),
        source_fn=lambda charger: charger.security_event,
        event_fn=lambda event: (
            event.kind,
            {
                "told": event.told,
                "told_at": None if event.at is None else event.at.isoformat(),
                "details": event.details,
            },
        ),
    ),
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: OcppConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the events of all chargers."""
    async_setup_entities(
        entry,
        Platform.EVENT,
        async_add_entities,
        charger_descriptions=CHARGER_EVENTS,
        connector_descriptions=(),
        factory=OcppEvent,
    )
    plans = PlanEntities(
        entry, Platform.EVENT, async_add_entities, PLAN_EVENTS, PlanEvent
    )
    entry.async_on_unload(plans.async_start())


class OcppEvent(OcppEntity, EventEntity):
    """Something that happens now and then."""

    entity_description: OcppEventDescription

    _known: Any = None

    @override
    async def async_added_to_hass(self) -> None:
        """Tell of what brought the entity into being."""
        await super().async_added_to_hass()
        self._note()

    @callback
    @override
    def _async_changed(self) -> None:
        self._note()
        super()._async_changed()

    def _note(self) -> None:
        """Take over what has happened since the last time."""
        latest = self.entity_description.source_fn(self.charger)
        if latest is not None and latest is not self._known:
            self._known = latest
            self._trigger_event(*self.entity_description.event_fn(latest))
