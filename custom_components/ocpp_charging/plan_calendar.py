"""A connector's calendar: the sessions that were, and the charging that is planned."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, override

from homeassistant.components.calendar import (
    CalendarEntity,
    CalendarEntityDescription,
    CalendarEvent,
)
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.translation import async_get_cached_translations
from homeassistant.util import dt as dt_util

from .const import DOMAIN
from .csms.tags import fold
from .helpers import failed
from .ledger import LedgerUnavailable, Session, SessionFilter, SessionState
from .plan_entity import PlanDescription, PlanEntity
from .planning.happenings import blocks
from .tag_names import tag_label

LONGEST: Final = timedelta(days=14)
"""Sessions are kept by when they began; longer ones are only found on that day."""
TEXTS: Final = "calendar_event"
"""Where the texts are: options of a selector may have placeholders."""


@dataclass(frozen=True, kw_only=True)
class PlanCalendarDescription(PlanDescription, CalendarEntityDescription):
    """Describe a calendar."""


PLAN_CALENDARS: Final = (
    PlanCalendarDescription(
        key="sessions",
        keys=("transaction",),
        # What is past, and what is planned, is so while the charger is away too.
        stays_available=True,
    ),
)


class PlanCalendar(PlanEntity, CalendarEntity):
    """What was charged at a connector, and what is planned."""

    entity_description: PlanCalendarDescription

    @property
    @override
    def event(self) -> CalendarEvent | None:
        """Return the planned charging of now or of next."""
        return next(iter(self._planned(dt_util.utcnow())), None)

    @override
    async def async_get_events(
        self, hass: HomeAssistant, start_date: datetime, end_date: datetime
    ) -> list[CalendarEvent]:
        """Return sessions and plans that overlap a time.

        Raises a translated error while the record of sessions cannot be read.
        """
        now = dt_util.utcnow()
        found = [
            *(
                self._session(each, now)
                for each in await self._sessions(start_date, end_date)
            ),
            *self._planned(now),
        ]
        return [
            each
            for each in found
            if each.start_datetime_local < end_date
            and each.end_datetime_local > start_date
        ]

    async def _sessions(self, start: datetime, end: datetime) -> Sequence[Session]:
        wanted = SessionFilter(
            since=dt_util.as_utc(start) - LONGEST,
            until=dt_util.as_utc(end),
            charger=self.charger.identity,
            connector=self.place.connector_id,
        )
        ledger = self.place.hub.journal.ledger
        try:
            found = await ledger.sessions(wanted)
        except LedgerUnavailable as error:
            raise failed("ledger_unavailable", reason=error.cause) from error
        return [each for each in found if each.state is not SessionState.ORPHAN]

    def _session(self, session: Session, now: datetime) -> CalendarEvent:
        """Return a session; one that runs has lasted until now."""
        running = session.state is SessionState.RUNNING
        end = now if running or session.ended_at is None else session.ended_at
        start = dt_util.as_local(session.started_at)
        taken: float | None = session.energy_wh
        now_running = self.connector.transaction
        if now_running is not None and now_running.transaction_id == session.id:
            # Meter values are filed a little later than they are known.
            taken = now_running.energy_wh
        energy = None if taken is None else taken / 1000
        return CalendarEvent(
            start=start,
            # A calendar takes no event without a length.
            end=max(dt_util.as_local(end), start + timedelta(seconds=1)),
            summary=self._say(
                "running" if running else "session", energy, self._whose(session.id_tag)
            ),
            uid=f"session_{session.id}",
        )

    def _planned(self, now: datetime) -> list[CalendarEvent]:
        """Return the times of charging to come, where the plan is followed."""
        plan = self.plan
        if plan.plan is None or not plan.wishes.follows_plan:
            return []
        vehicle = plan.vehicle
        name = None if vehicle is None else vehicle.settings.name
        found: list[CalendarEvent] = []
        for one in blocks(plan.plan):
            if one.end <= now:
                continue
            start = dt_util.as_local(one.start).replace(microsecond=0)
            end = dt_util.as_local(one.end).replace(microsecond=0)
            found.append(
                CalendarEvent(
                    start=start,
                    # A calendar takes no event without a length.
                    end=max(end, start + timedelta(seconds=1)),
                    summary=self._say("planned", one.energy_kwh, name),
                    uid=f"planned_{one.start.isoformat()}",
                )
            )
        return found

    def _whose(self, id_tag: str | None) -> str | None:
        """Return the car that a tag is one of, else what the tag is called.

        What was begun from Home Assistant was nobody's in particular.
        """
        hub = self.place.hub
        if id_tag is None or fold(id_tag) == fold(self.charger.settings.start_tag):
            return None
        for vehicle in hub.vehicles.vehicles.values():
            if fold(id_tag) in vehicle.settings.id_tags:
                return vehicle.settings.name
        return tag_label(hub.entry, id_tag)

    def _say(self, key: str, energy_kwh: float | None, who: str | None) -> str:
        texts = async_get_cached_translations(
            self.hass, self.hass.config.language, "selector", DOMAIN
        )
        known = key if energy_kwh is not None else f"{key}_plain"
        text = texts[f"component.{DOMAIN}.selector.{TEXTS}.options.{known}"].format(
            energy_kwh="" if energy_kwh is None else f"{energy_kwh:.1f}"
        )
        return text if who is None else f"{who}: {text}"

    @override
    async def async_added_to_hass(self) -> None:
        """Follow the sessions too, as a calendar that is looked at does."""
        await super().async_added_to_hass()
        ledger = self.place.hub.journal.ledger
        self.async_on_remove(ledger.listen_sessions(self._sessions_changed))

    @callback
    def _sessions_changed(self, identities: frozenset[str]) -> None:
        if self.charger.identity in identities:
            self.async_write_ha_state()
