"""One car: what its own integration says of it now, and when it leaves."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from homeassistant.const import (
    ATTR_UNIT_OF_MEASUREMENT,
    PERCENTAGE,
    STATE_UNAVAILABLE,
    STATE_UNKNOWN,
)
from homeassistant.core import CoreState, HomeAssistant, State
from homeassistant.util import dt as dt_util

from .settings import VehicleSettings
from .words import is_home, is_plugged


class Told:
    """A yes or no that an entity tells, and since when.

    Most cars report only now and then: what is told again after a silence is the same
    as before, not a change.
    """

    def __init__(self) -> None:
        """Begin with nothing told."""
        self.value: bool | None = None
        self._last: bool | None = None
        self._since: datetime | None = None

    @property
    def since(self) -> datetime | None:
        """Return since when it is so; `None` while nothing is told."""
        return None if self.value is None else self._since

    def read(
        self,
        state: State | None,
        meaning: Callable[[State], bool | None],
        *,
        starting: bool,
    ) -> None:
        """Take over what an entity says now.

        What it says for the first time while Home Assistant starts may be so for long.
        """
        self.value = None if state is None else meaning(state)
        if state is None or self.value in {None, self._last}:
            return
        unknown = starting and self._last is None
        self._since = None if unknown else state.last_changed
        self._last = self.value

    def kept(self) -> dict[str, Any] | None:
        """Return what outlives a restart, which would look like a change otherwise."""
        if self._last is None:
            return None
        since = None if self._since is None else self._since.isoformat()
        return {"value": self._last, "since": since}

    def recall(self, kept: Mapping[str, Any]) -> None:
        """Take over what was kept.

        Raises `KeyError`, `TypeError` or `ValueError` for what `kept` cannot return.
        """
        last, since = kept["value"], kept["since"]
        if not isinstance(last, bool):
            raise TypeError("neither yes nor no")
        self._since = None if since is None else aware_time(since)
        self._last = last


class Vehicle:
    """A car's settings and what its entities say; `None` where they say nothing.

    `soc` and `charge_limit` are in percent. The limit is set in the car and stays
    there, so the one that was told last counts while its entity says nothing.
    """

    def __init__(self, hass: HomeAssistant, settings: VehicleSettings) -> None:
        """Begin with nothing known; `read` looks at the entities."""
        self._hass = hass
        self.settings = settings
        self.soc: float | None = None
        self.charge_limit: float | None = None
        self._plugged = Told()
        self._home = Told()

    @property
    def key(self) -> str:
        """Return the id of the car's subentry."""
        return self.settings.key

    @property
    def plugged(self) -> bool | None:
        """Say whether the car reports a plug in it, wherever that is."""
        return self._plugged.value

    @property
    def plugged_since(self) -> datetime | None:
        """Return since when it reports that it is plugged in, or is not."""
        return self._plugged.since

    @property
    def home(self) -> bool | None:
        """Say whether the car is at home."""
        return self._home.value

    @property
    def home_since(self) -> datetime | None:
        """Return since when it is at home, or away."""
        return self._home.since

    def configure(self, settings: VehicleSettings) -> bool:
        """Take over the settings and say whether anything has changed.

        What another entity said is forgotten.
        """
        before, self.settings = self.settings, settings
        if settings.plugged_entity != before.plugged_entity:
            self._plugged = Told()
        if settings.home_entity != before.home_entity:
            self._home = Told()
        if settings.limit_entity != before.limit_entity:
            self.charge_limit = None
        return self.read() or settings != before

    def read(self) -> bool:
        """Read the entities and say whether anything has changed."""
        before = self._said
        settings = self.settings
        self.soc = _percent(self._state(settings.soc_entity))
        limit = _percent(self._state(settings.limit_entity))
        self.charge_limit = self.charge_limit if limit is None else limit
        starting = self._hass.state is not CoreState.running
        plugged, home = settings.plugged_entity, settings.home_entity
        self._plugged.read(self._state(plugged), is_plugged, starting=starting)
        self._home.read(self._state(home), is_home, starting=starting)
        return self._said != before

    def kept(self) -> dict[str, Any]:
        """Return what outlives a restart."""
        told = {
            "plugged": self._plugged.kept(),
            "home": self._home.kept(),
            "charge_limit": self.charge_limit,
        }
        return {name: kept for name, kept in told.items() if kept is not None}

    def recall(self, kept: object) -> bool:
        """Take over what was kept before a restart; say whether all could be read."""
        if not isinstance(kept, dict):
            return False
        readable = True
        for name, told in (("plugged", self._plugged), ("home", self._home)):
            try:
                if name in kept:
                    told.recall(kept[name])
            except KeyError, TypeError, ValueError:
                readable = False
        limit = kept.get("charge_limit")
        if limit is None:
            return readable
        if not isinstance(limit, int | float) or not 0 <= limit <= 100:
            return False
        if self.settings.limit_entity is not None:
            self.charge_limit = float(limit)
        return readable

    @property
    def _said(self) -> tuple[object, ...]:
        return (
            self.soc,
            self.charge_limit,
            self.plugged,
            self.plugged_since,
            self.home,
            self.home_since,
        )

    def _state(self, entity_id: str | None) -> State | None:
        """Return what an entity says, `None` where it says nothing."""
        state = None if entity_id is None else self._hass.states.get(entity_id)
        silent = state is None or state.state in {STATE_UNKNOWN, STATE_UNAVAILABLE}
        return None if silent else state

    def next_departure(self, now: datetime) -> datetime | None:
        """Return when the car leaves next after `now`, in UTC; `None` when it doesn't.

        Times are by the local clock of that day. One that the clock skips when summer
        begins is as much later as the clock is put forward; one that there is twice
        when it ends is the first.
        """
        today = dt_util.as_local(now).date()
        for ahead in range(8):
            day = today + timedelta(days=ahead)
            leaves = self.settings.departures.get(day.weekday())
            if leaves is None:
                continue
            local = datetime.combine(day, leaves, dt_util.get_default_time_zone())
            if (at := dt_util.as_utc(local)) > now:
                return at
        return None


def aware_time(text: str) -> datetime:
    """Return a time that was kept.

    Raises `TypeError` or `ValueError` for what is none, or has no time zone.
    """
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("a time without a zone")
    return at


def _percent(state: State | None) -> float | None:
    """Return a state in percent; what has another unit or is out of range is none."""
    if state is None:
        return None
    if state.attributes.get(ATTR_UNIT_OF_MEASUREMENT, PERCENTAGE) != PERCENTAGE:
        return None
    try:
        value = float(state.state)
    except ValueError:
        return None
    return value if 0 <= value <= 100 else None
