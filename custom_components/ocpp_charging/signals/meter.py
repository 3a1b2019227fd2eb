"""What the house draws from the grid now, in all and per phase, and how old that is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Self

from homeassistant.core import (
    Event,
    EventStateChangedData,
    EventStateReportedData,
    HomeAssistant,
    callback,
)
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.event import (
    async_track_state_change_event,
    async_track_state_report_event,
)

from .told import number

CONF_GRID_POWER: Final = "grid_power"
CONF_FED_IN_POWER: Final = "fed_in_power"
CONF_PHASES: Final = "phases"
CONF_REVERSED: Final = "reversed"
CONF_VOLTAGE: Final = "voltage"

DEFAULT_VOLTAGE: Final = 230.0
STALE: Final = timedelta(minutes=2)
"""A value that is older than this is not what is so now."""

_WATTS: Final = {"W": 1.0, "kW": 1000.0, "MW": 1e6, "mW": 1e-3, "VA": 1.0, "kVA": 1e3}
_AMPERES: Final = {"A": 1.0, "mA": 1e-3}


@dataclass(frozen=True, kw_only=True)
class HouseSettings:
    """Which entities measure at the house's connection to the grid; each may be absent.

    `grid_power` is what is drawn, below 0 what is fed in; a meter that tells the two
    apart has `fed_in_power` besides. `phases` are powers or currents, L1 first.
    `sign_reversed` is for meters that count what
    is fed in as positive.
    """

    grid_power: str | None = None
    fed_in_power: str | None = None
    phases: tuple[str, ...] = ()
    sign_reversed: bool = False
    voltage_v: float = DEFAULT_VOLTAGE

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Self:
        """Return what was kept."""
        return cls(
            grid_power=data.get(CONF_GRID_POWER) or None,
            fed_in_power=data.get(CONF_FED_IN_POWER) or None,
            phases=tuple(data.get(CONF_PHASES) or ()),
            sign_reversed=bool(data.get(CONF_REVERSED, False)),
            voltage_v=number(data.get(CONF_VOLTAGE)) or DEFAULT_VOLTAGE,
        )

    def as_data(self) -> dict[str, Any]:
        """Return what `from_data` takes."""
        return {
            CONF_GRID_POWER: self.grid_power,
            CONF_FED_IN_POWER: self.fed_in_power,
            CONF_PHASES: list(self.phases),
            CONF_REVERSED: self.sign_reversed,
            CONF_VOLTAGE: self.voltage_v,
        }

    @property
    def entities(self) -> tuple[str, ...]:
        """Return all that are read."""
        named = (self.grid_power, self.fed_in_power, *self.phases)
        return tuple(dict.fromkeys(each for each in named if each))


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """What was measured, and when; None where nothing is.

    `power_w` is what the house draws from the grid, below 0 what it feeds in.
    `currents_a` is the same for each phase, below 0 only where the meter tells so. `at`
    is when the oldest of the values was told, and `newest_at` when the last one was.
    """

    power_w: float | None = None
    currents_a: tuple[float | None, ...] = ()
    at: datetime | None = None
    newest_at: datetime | None = None
    missing: tuple[str, ...] = ()

    def age(self, now: datetime) -> timedelta | None:
        """Return how old it is, None when nothing was measured."""
        return None if self.at is None else max(now - self.at, timedelta())

    def is_stale(self, now: datetime) -> bool:
        """Say whether it is not what is so now: too old, or a part of it is missing."""
        age = self.age(now)
        return age is None or age > STALE or bool(self.missing)


@dataclass(frozen=True, slots=True)
class _Value:
    """A value, and whether it is a current."""

    number: float
    is_current: bool
    at: datetime = field(compare=False)


class HouseMeter:
    """Reads the house's meter; the values are looked up when they are asked for."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Make a meter that reads nothing yet."""
        self._hass = hass
        self.settings: HouseSettings | None = None
        self._listeners: list[Callable[[], None]] = []
        self._stops: list[Callable[[], None]] = []
        self._started = False

    @callback
    def listen(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Call `changed` whenever the meter tells anything; returns how to stop.

        Also when it tells the same again: that is not what a silent one does.
        """
        self._listeners.append(changed)
        return lambda: self._listeners.remove(changed)

    @callback
    def async_start(self) -> Callable[[], None]:
        """Begin to follow the meter; returns how to stop."""
        self._started = True
        self._follow()

        def stop() -> None:
            self._started = False
            self._follow()

        return stop

    @callback
    def async_configure(self, settings: HouseSettings | None) -> None:
        """Take over what the owner decided."""
        if settings == self.settings:
            return
        self.settings = settings
        self._follow()
        self._tell()

    @callback
    def measured(self) -> Measured:
        """Return what the meter tells now."""
        return measure(self._hass, self.settings or HouseSettings())

    def _follow(self) -> None:
        for stop in self._stops:
            stop()
        self._stops = []
        if self._started and self.settings is not None and self.settings.entities:
            entities = self.settings.entities
            self._stops = [
                async_track_state_change_event(
                    self._hass, entities, self._async_changed
                ),
                async_track_state_report_event(
                    self._hass, entities, self._async_changed
                ),
            ]

    @callback
    def _async_changed(
        self, _event: Event[EventStateChangedData] | Event[EventStateReportedData]
    ) -> None:
        self._tell()

    def _tell(self) -> None:
        for listener in tuple(self._listeners):
            listener()


@callback
def measure(hass: HomeAssistant, settings: HouseSettings) -> Measured:
    """Return what the entities tell now."""
    values = {each: _value(hass, each) for each in settings.entities}
    sign = -1.0 if settings.sign_reversed else 1.0
    phases = [values[each] for each in settings.phases]
    times = [value.at for value in values.values() if value is not None]
    return Measured(
        power_w=_power(settings, values, phases, sign),
        currents_a=tuple(
            None if phase is None else sign * _amperes(phase, settings.voltage_v)
            for phase in phases
        ),
        at=min(times, default=None),
        newest_at=max(times, default=None),
        missing=tuple(each for each, value in values.items() if value is None),
    )


def _power(
    settings: HouseSettings,
    values: Mapping[str, _Value | None],
    phases: list[_Value | None],
    sign: float,
) -> float | None:
    """Return the power in W: of the whole, less what is fed in, else of the phases."""
    if settings.grid_power is None:
        known = [phase for phase in phases if phase is not None]
        if not phases or len(known) < len(phases):
            return None
        return sign * sum(_watts(phase, settings.voltage_v) for phase in known)
    drawn = values[settings.grid_power]
    if drawn is None:
        return None
    power = sign * _watts(drawn, settings.voltage_v)
    if settings.fed_in_power is not None:
        fed_in = values[settings.fed_in_power]
        if fed_in is None:
            return None
        power -= abs(_watts(fed_in, settings.voltage_v))
    return power


def _watts(value: _Value, voltage_v: float) -> float:
    return value.number * voltage_v if value.is_current else value.number


def _amperes(value: _Value, voltage_v: float) -> float:
    return value.number if value.is_current else value.number / voltage_v


@callback
def power_of(hass: HomeAssistant, entity_id: str) -> tuple[float, datetime] | None:
    """Return a power in W and when it was told, None where there is none now."""
    value = _value(hass, entity_id)
    if value is None or value.is_current:
        return None
    return value.number, value.at


@callback
def _value(hass: HomeAssistant, entity_id: str) -> _Value | None:
    registry = er.async_get(hass)
    state = hass.states.get(
        er.async_resolve_entity_id(registry, entity_id) or entity_id
    )
    found = number(state.state) if state else None
    if state is None or found is None:
        return None
    unit = str(state.attributes.get("unit_of_measurement", "W"))
    factor = _AMPERES.get(unit) or _WATTS.get(unit)
    if factor is None:
        return None
    return _Value(found * factor, unit in _AMPERES, state.last_reported)
