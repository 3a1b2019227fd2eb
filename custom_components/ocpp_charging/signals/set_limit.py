"""Limits for all chargers together that an action sets for times to come."""

from collections.abc import Callable
from datetime import datetime, timedelta
import logging
from typing import Any, Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, HassJob, HomeAssistant, callback
from homeassistant.helpers.event import async_track_point_in_utc_time
from homeassistant.helpers.storage import Store
from homeassistant.util import dt as dt_util

from ..charging.series import Interval, Series

_LOGGER = logging.getLogger(__name__)

VERSION: Final = 1
LONGEST: Final = timedelta(days=31)
"""How far ahead limits are set: one that nobody renews ends."""


def _store(hass: HomeAssistant, entry: ConfigEntry) -> Store[dict[str, Any]]:
    return Store(hass, VERSION, f"{entry.domain}.{entry.entry_id}.grid_limit")


class SetLimit:
    """Holds what was set, in W, over restarts; what was said last of a time counts.

    Listeners are told when something else was set, and when a limit begins or ends.
    """

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry) -> None:
        """Begin without a limit; `async_load` reads what was kept."""
        self._hass = hass
        self._store = _store(hass, entry)
        self.series = Series()
        self._listeners: list[Callable[[], None]] = []
        self._cancel_edge: CALLBACK_TYPE | None = None

    async def async_load(self) -> None:
        """Read what was kept; what cannot be read is said once, and does not hold."""
        try:
            kept = await self._store.async_load() or {}
            # Until there could be several it was one, or none.
            limits = kept.get("limits", [kept] if kept else [])
            self.series = Series(
                Interval(
                    start=datetime.fromisoformat(each["start"]),
                    end=datetime.fromisoformat(each["end"]),
                    value=float(each["limit_w"]),
                )
                for each in limits
            )
        except Exception as error:  # noqa: BLE001
            # Whatever is wrong with a file: it is no reason not to charge.
            _LOGGER.error("The limit that was set cannot be read: %s", error)
        self.series = self._to_come()

    async def async_set(
        self, limit_w: float | None, start: datetime, end: datetime
    ) -> None:
        """Let a limit hold from `start` until just before `end`, None for none then.

        What was set for other times stays.
        """
        now = dt_util.utcnow()
        found = [
            *self.series.between(now, start),
            *self.series.between(end, now + LONGEST),
        ]
        if limit_w is not None:
            found.append(Interval(start=start, end=end, value=limit_w))
        self._take(Series(found))
        await self._store.async_save(
            {
                "limits": [
                    {
                        "limit_w": item.value,
                        "start": item.start.isoformat(),
                        "end": item.end.isoformat(),
                    }
                    for item in self.series
                ]
            }
        )

    @callback
    def listen(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Call `changed` when another limit holds, or none; returns how to stop."""
        self._listeners.append(changed)
        return lambda: self._listeners.remove(changed)

    @callback
    def async_start(self) -> Callable[[], None]:
        """Begin to follow the clock; returns how to stop."""
        self._await_edge()
        return self._wait_no_more

    def _to_come(self) -> Series:
        now = dt_util.utcnow()
        return self.series.between(now, now + LONGEST)

    def _take(self, series: Series) -> None:
        self.series = series
        self._await_edge()
        for listener in tuple(self._listeners):
            listener()

    def _await_edge(self) -> None:
        self._wait_no_more()
        now = dt_util.utcnow()
        edges = (edge for item in self.series for edge in (item.start, item.end))
        if (first := min((edge for edge in edges if edge > now), default=None)) is None:
            return
        self._cancel_edge = async_track_point_in_utc_time(
            self._hass, HassJob(self._async_edge, cancel_on_shutdown=True), first
        )

    @callback
    def _wait_no_more(self) -> None:
        if self._cancel_edge is not None:
            self._cancel_edge()
            self._cancel_edge = None

    @callback
    def _async_edge(self, _now: datetime) -> None:
        # What is kept of the past is no longer taken at the next start.
        self._cancel_edge = None
        self._take(self._to_come())


async def async_remove_limit(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Delete what was kept for a central system that is removed."""
    await _store(hass, entry).async_remove()
