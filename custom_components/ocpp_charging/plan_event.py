"""What happens to the plan of a connector, as an event for automations."""

from dataclasses import dataclass
from typing import Any, Final, override

from homeassistant.components.event import EventEntity, EventEntityDescription
from homeassistant.core import callback
from homeassistant.util import dt as dt_util

from .plan_entity import PlanDescription, PlanEntity
from .planning import ConnectorPlan, Happened, Happening


@dataclass(frozen=True, kw_only=True)
class PlanEventDescription(PlanDescription, EventEntityDescription):
    """Describe an event."""


PLAN_EVENTS: Final = (
    PlanEventDescription(key="plan_events", with_fuse=True, event_types=list(Happened)),
)


def _facts(plan: ConnectorPlan) -> dict[str, Any]:
    """Return what a plan says, for the text of a notification."""
    made = plan.plan
    if made is None:
        return {}
    moments = {
        "ready_by": plan.ready_by,
        "next_start": plan.next_start,
        "expected_end": plan.expected_end,
    }
    facts: dict[str, Any] = {
        name: None if moment is None else dt_util.as_local(moment).isoformat()
        for name, moment in moments.items()
    }
    facts["needed_kwh"] = round(made.needed_kwh, 2)
    if made.shortfall is not None:
        facts["missing_kwh"] = round(made.shortfall.energy_kwh, 2)
        facts["text"] = plan.words.shortfall(made.shortfall, plan.ready_by)
    elif plan.reason is not None and plan.problem is not None:
        facts["text"] = plan.words.reason(plan.reason, plan.problem)
    return facts


class PlanEvent(PlanEntity, EventEntity):
    """The plan has changed, its goal is at risk, or the fuse was protected."""

    entity_description: PlanEventDescription

    @override
    async def async_added_to_hass(self) -> None:
        """Follow what happens."""
        await super().async_added_to_hass()
        self.async_on_remove(self.plan.happenings.listen(self._async_happened))

    @callback
    def _async_happened(self, happening: Happening) -> None:
        self._trigger_event(
            happening.what, {**_facts(self.plan), **dict(happening.about)}
        )
        self.async_write_ha_state()

    @callback
    @override
    def _async_changed(self) -> None:
        """Write the state when the charger comes or goes: a plan by itself is none."""
        if self.available != self._was_available:
            self._was_available = self.available
            self.async_write_ha_state()

    _was_available: bool | None = None
