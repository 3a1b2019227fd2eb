"""What the meters of the fuses tell now."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

from homeassistant.core import callback

from ..charging.circuits import Phases
from ..charging.claims import Reading
from ..signals.meter import DEFAULT_VOLTAGE, HouseMeter, Measured
from .circuits import CircuitSettings, HomeCircuits

if TYPE_CHECKING:
    from ..hub import Hub

STEADY: Final = timedelta(minutes=15)
"""Where only changes are told, one phase of several may say nothing for so long."""


class FuseMeters:
    """The house's meter, and those of the fuses that have one of their own."""

    def __init__(self, hub: Hub, told: Callable[[], None]) -> None:
        """Begin with none; `told` is called with whatever one tells."""
        self._hub = hub
        self._told = told
        self._own: dict[str, HouseMeter] = {}
        self._stops: dict[str, list[Callable[[], None]]] = {}

    @property
    def voltage_v(self) -> float:
        """Return the voltage of one phase against neutral."""
        settings = self._hub.board.meter.settings
        return DEFAULT_VOLTAGE if settings is None else settings.voltage_v

    @callback
    def async_follow(self, home: HomeCircuits | None) -> None:
        """Follow the meters of these fuses, and no others."""
        wanted = {} if home is None else {each.key: each for each in home.settings}
        for key in [each for each in self._own if not _own(wanted.get(each))]:
            self._end(key)
        for key, circuit in wanted.items():
            if not _own(circuit):
                continue
            if key not in self._own:
                meter = self._own[key] = HouseMeter(self._hub.hass)
                self._stops[key] = [meter.listen(self._told), meter.async_start()]
            self._own[key].async_configure(
                circuit.house_settings(self._hub.board.meter.settings)
            )

    @callback
    def async_start(self) -> Callable[[], None]:
        """Listen to the house's meter; returns how to stop all."""
        stop_house = self._hub.board.meter.listen(self._told)

        def stop() -> None:
            stop_house()
            for key in tuple(self._own):
                self._end(key)

        return stop

    def _end(self, key: str) -> None:
        for stop in self._stops.pop(key):
            stop()
        del self._own[key]

    @callback
    def readings(self, home: HomeCircuits) -> Mapping[str, Reading]:
        """Return what each meter says; a fuse without one is not named."""
        measured = {key: meter.measured() for key, meter in self._own.items()}
        house = self._hub.board.meter
        if house.settings is not None and house.settings.entities and home.has_main:
            measured.setdefault(home.main.key, house.measured())
        read = partial(reading_of, home)
        return {key: read(key, one) for key, one in measured.items()}


def _own(circuit: CircuitSettings | None) -> bool:
    return circuit is not None and bool(circuit.meter)


def reading_of(home: HomeCircuits, key: str, measured: Measured) -> Reading:
    """Return what was measured at a fuse; nothing where a part of it is missing."""
    at = measured.at
    if at is None or measured.missing:
        return Reading()
    newest = measured.newest_at or at
    if newest - at <= STEADY:
        at = newest
    limit_a = home.by_key[key].limit_a
    currents = _by_phase(measured.currents_a, limit_a)
    return Reading(currents_a=currents, power_w=measured.power_w, at=at)


def _by_phase(currents_a: tuple[float | None, ...], limit_a: Phases) -> Phases | None:
    """Return the currents of all phases; None where one of them is not measured."""
    has = [number for number, limit in enumerate(limit_a) if limit]
    if len(currents_a) == 3:
        places = [0, 1, 2]
    elif len(currents_a) == len(has):
        places = has
    else:
        return None
    by_place = {
        place: 0.0 if each is None else each
        for place, each in zip(places, currents_a, strict=True)
    }
    return (by_place.get(0, 0.0), by_place.get(1, 0.0), by_place.get(2, 0.0))
