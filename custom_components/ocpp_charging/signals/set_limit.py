"""A limit for all chargers together that an action sets for a while."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
import logging
from typing import Any, Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, HassJob, HomeAssistant, callback
from homeassistant.helpers.event import async_track_point_in_utc_time
from homeassistant.helpers.storage import Store
from homeassistant.util import dt as dt_util

from ..charging.series import Series

_LOGGER = logging.getLogger(__name__)

VERSION: Final = 1


@dataclass(frozen=True, kw_only=True)
class GridLimit:
    """No more than `limit_w` in all, until just before `end`."""

    limit_w: float
    start: datetime
    end: datetime


def _store(hass: HomeAssistant, entry: ConfigEntry) -> Store[dict[str, Any]]:
    return Store(hass, VERSION, f"{entry.domain}.{entry.entry_id}.grid_limit")


class SetLimit:
    """Holds the limit that was set last, over restarts, and drops it when it ends."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry) -> None:
        """Begin without a limit; `async_load` reads the one that was kept."""
        self._hass = hass
        self._store = _store(hass, entry)
        self.limit: GridLimit | None = None
        self._listeners: list[Callable[[], None]] = []
        self._cancel_end: CALLBACK_TYPE | None = None

    @property
    def series(self) -> Series:
        """Return the limit as the planner takes it; empty without one."""
        one = self.limit
        return (
            Series()
            if one is None
            else Series.constant(one.limit_w, one.start, one.end)
        )

    async def async_load(self) -> None:
        """Read what was kept; what cannot be read is said once, and does not hold."""
        try:
            kept = await self._store.async_load() or {}
            if kept:
                self.limit = GridLimit(
                    limit_w=float(kept["limit_w"]),
                    start=_utc(kept["start"]),
                    end=_utc(kept["end"]),
                )
        except Exception as error:  # noqa: BLE001
            # Whatever is wrong with a file: it is no reason not to charge.
            _LOGGER.error("The limit that was set cannot be read: %s", error)
        if self.limit is not None and self.limit.end <= dt_util.utcnow():
            self.limit = None

    async def async_set(self, limit: GridLimit | None) -> None:
        """Let a limit hold from now on in place of the one so far, None for none."""
        self._take(limit)
        await self._store.async_save(
            {}
            if limit is None
            else {
                "limit_w": limit.limit_w,
                "start": limit.start.isoformat(),
                "end": limit.end.isoformat(),
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
        self._await_end()
        return self._wait_no_more

    def _take(self, limit: GridLimit | None) -> None:
        self.limit = limit
        self._await_end()
        for listener in tuple(self._listeners):
            listener()

    def _await_end(self) -> None:
        self._wait_no_more()
        if self.limit is not None:
            self._cancel_end = async_track_point_in_utc_time(
                self._hass,
                HassJob(self._async_ended, cancel_on_shutdown=True),
                self.limit.end,
            )

    @callback
    def _wait_no_more(self) -> None:
        if self._cancel_end is not None:
            self._cancel_end()
            self._cancel_end = None

    @callback
    def _async_ended(self, _now: datetime) -> None:
        # What is kept of it is past, and no longer taken at the next start.
        self._cancel_end = None
        self._take(None)


async def async_remove_limit(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Delete what was kept for a central system that is removed."""
    await _store(hass, entry).async_remove()


def _utc(text: str) -> datetime:
    return dt_util.as_utc(datetime.fromisoformat(text))
