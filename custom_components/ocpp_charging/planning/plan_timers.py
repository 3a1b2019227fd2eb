"""When a plan is looked at again: soon after a change, and at each of its steps."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from homeassistant.core import CALLBACK_TYPE, HassJob, HomeAssistant, callback
from homeassistant.helpers.event import (
    async_call_later,
    async_track_point_in_utc_time,
)
from homeassistant.util import dt as dt_util

from ..charging import Plan

SETTLE_S: Final = 1.0
"""What changes at the same time makes one plan."""
BETWEEN: Final = timedelta(seconds=10)
"""Plans are not made more often than this, unless the owner asks."""
QUARTER: Final = timedelta(minutes=15)


class PlanTimers:
    """The two timers of a connector's plan."""

    def __init__(
        self, hass: HomeAssistant, *, soon: Callable[[], None], edge: Callable[[], None]
    ) -> None:
        """Begin with none set.

        `soon` is called when a plan was asked for and it is time to make it, `edge` at
        a step of the plan and each quarter of an hour.
        """
        self._hass = hass
        self._soon = soon
        self._edge = edge
        self._cancel_soon: CALLBACK_TYPE | None = None
        self._cancel_edge: CALLBACK_TYPE | None = None

    @property
    def waits(self) -> bool:
        """Say whether a plan was asked for that is not being made yet."""
        return self._cancel_soon is not None

    @callback
    def async_ask(self, made_at: datetime | None) -> None:
        """Have a plan made soon; `made_at` is when the last one was."""
        if self.waits:
            return
        wait = SETTLE_S
        if made_at is not None:
            earliest = made_at + BETWEEN
            wait = max(wait, (earliest - dt_util.utcnow()).total_seconds())
        wait = min(wait, BETWEEN.total_seconds())
        self._cancel_soon = async_call_later(
            self._hass, wait, HassJob(self._async_soon, cancel_on_shutdown=True)
        )

    @callback
    def async_answered(self) -> None:
        """Forget what was asked for: it is being made."""
        if self._cancel_soon is not None:
            self._cancel_soon()
            self._cancel_soon = None

    @callback
    def async_watch(self, plan: Plan | None) -> None:
        """Wake up at the next step of a plan, and at each quarter of an hour."""
        self._forget_edge()
        now = dt_util.utcnow()
        seconds = QUARTER.total_seconds()
        quarter = dt_util.utc_from_timestamp((now.timestamp() // seconds + 1) * seconds)
        steps = () if plan is None else plan.steps
        edges = (edge for step in steps for edge in (step.start, step.end))
        self._cancel_edge = async_track_point_in_utc_time(
            self._hass,
            HassJob(self._async_edge, cancel_on_shutdown=True),
            min((quarter, *(edge for edge in edges if edge > now))),
        )

    @callback
    def async_cancel(self) -> None:
        """Wake up for nothing any more."""
        self.async_answered()
        self._forget_edge()

    def _forget_edge(self) -> None:
        if self._cancel_edge is not None:
            self._cancel_edge()
            self._cancel_edge = None

    @callback
    def _async_soon(self, _now: datetime) -> None:
        self._cancel_soon = None
        self._soon()

    @callback
    def _async_edge(self, _now: datetime) -> None:
        self._cancel_edge = None
        self._edge()
