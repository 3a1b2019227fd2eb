"""A calendar in the real calendar component, whose events a test makes."""

from datetime import date, datetime
from typing import override

from homeassistant.components.calendar import CalendarEntity, CalendarEvent
from homeassistant.components.calendar.const import DATA_COMPONENT
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util


class Calendar(CalendarEntity):
    """A calendar that has what was put into it."""

    _attr_name = "Grid"

    def __init__(self) -> None:
        """Begin with no events."""
        self.events: list[CalendarEvent] = []

    @property
    @override
    def event(self) -> CalendarEvent | None:
        """Return the running or next event."""
        now = dt_util.utcnow()
        ahead = (each for each in self.events if each.end_datetime_local > now)
        return min(ahead, key=lambda each: each.start_datetime_local, default=None)

    @override
    async def async_get_events(
        self, hass: HomeAssistant, start_date: datetime, end_date: datetime
    ) -> list[CalendarEvent]:
        """Return the events of a time."""
        return [
            each
            for each in self.events
            if each.start_datetime_local < end_date
            and each.end_datetime_local > start_date
        ]

    async def add(self, summary: str, *, start: str, end: str) -> None:
        """Add an event from local times, or of whole days from dates."""
        times = [_local(text) for text in (start, end)]
        self.events.append(CalendarEvent(summary=summary, start=times[0], end=times[1]))
        self.async_write_ha_state()


def _local(text: str) -> date:
    if len(text) == len("2026-11-22"):
        return date.fromisoformat(text)
    zone = dt_util.get_default_time_zone()
    return datetime.fromisoformat(text).replace(tzinfo=zone)


async def calendar(hass: HomeAssistant) -> Calendar:
    """Return the calendar `calendar.grid`, added."""
    assert await async_setup_component(hass, "calendar", {})
    made = Calendar()
    await hass.data[DATA_COMPONENT].async_add_entities([made])
    await hass.async_block_till_done()
    return made
