"""The house's fuses as the owner has typed them, put together to one tree."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final, Self

from homeassistant.config_entries import ConfigEntry, ConfigSubentry

from ..charging.circuits import Circuit, Circuits, Phases
from ..const import (
    CONF_CHARGERS,
    CONF_LIMIT_A,
    CONF_METER,
    CONF_OTHER_A,
    CONF_PARENT,
    CONF_SAFE_A,
    CONF_WIRING,
    SUBENTRY_CIRCUIT,
)
from ..signals.meter import HouseSettings

STRAIGHT: Final = (1, 2, 3)
"""A charger whose L1, L2 and L3 are those of the house."""

_NO_MAIN: Final = ""
_ENDLESS_A: Final = 1e6
"""What stands for a main fuse that was removed, with fuses below it left."""


@dataclass(frozen=True, kw_only=True)
class CircuitSettings:
    """One fuse. `key` is the id of its subentry; currents are in A."""

    key: str
    name: str
    limit_a: Phases
    parent: str | None
    """None for the main fuse."""
    chargers: tuple[str, ...]
    """Subentry ids; on the main fuse hang all that are on none below it."""
    wiring: Mapping[str, tuple[int, ...]]
    """By charger: the house's phases behind its L1, L2 and L3."""
    meter: tuple[str, ...]
    other_a: float
    """What else flows through it at most, for when no meter tells."""
    safe_a: float | None
    """What its chargers get when nobody tells what flows; None: the least."""

    @classmethod
    def from_subentry(cls, subentry: ConfigSubentry) -> Self:
        """Return what a subentry says."""
        data: Mapping[str, Any] = subentry.data
        one, two, three = data[CONF_LIMIT_A]
        return cls(
            key=subentry.subentry_id,
            name=subentry.title,
            limit_a=(one, two, three),
            parent=data.get(CONF_PARENT),
            chargers=tuple(data.get(CONF_CHARGERS, ())),
            wiring={
                key: tuple(int(phase) for phase in phases)
                for key, phases in data.get(CONF_WIRING, {}).items()
            },
            meter=tuple(data.get(CONF_METER, ())),
            other_a=data.get(CONF_OTHER_A, 0.0),
            safe_a=data.get(CONF_SAFE_A),
        )

    @property
    def other_by_phase(self) -> Phases:
        """Return what else flows through it at most, on each phase that it has."""
        one, two, three = (self.other_a if limit else 0.0 for limit in self.limit_a)
        return (one, two, three)

    def house_settings(self, house: HouseSettings | None) -> HouseSettings:
        """Return its own meter as one that can be read, much as the house's is."""
        settings = self.reading(self.meter)
        if house is None:
            return settings
        return replace(
            settings, voltage_v=house.voltage_v, sign_reversed=house.sign_reversed
        )

    @staticmethod
    def reading(sensors: tuple[str, ...]) -> HouseSettings:
        """Return how sensors are read: one for each phase, or one for all."""
        if len(sensors) == 1:
            return HouseSettings(grid_power=sensors[0], phases=sensors)
        return HouseSettings(phases=sensors)


@dataclass(frozen=True)
class HomeCircuits:
    """All fuses of a home, with one at the top."""

    settings: tuple[CircuitSettings, ...]
    has_main: bool
    """Whether the one at the top is the owner's, or only stands for one."""

    @classmethod
    def of(cls, entry: ConfigEntry) -> HomeCircuits | None:
        """Return the fuses of a central system's home, None when none was typed."""
        return arranged(
            CircuitSettings.from_subentry(each)
            for each in entry.get_subentries_of_type(SUBENTRY_CIRCUIT)
        )

    @cached_property
    def tree(self) -> Circuits:
        """Return them as they are reckoned with."""
        return Circuits(
            Circuit(key=each.key, limit_a=each.limit_a, parent=each.parent)
            for each in self.settings
        )

    @cached_property
    def by_key(self) -> Mapping[str, CircuitSettings]:
        """Return them by their keys."""
        return {each.key: each for each in self.settings}

    @property
    def main(self) -> CircuitSettings:
        """Return the one at the top."""
        return self.settings[0]

    def of_charger(self, charger_key: str) -> CircuitSettings:
        """Return what a charger hangs on."""
        for each in self.settings[1:]:
            if charger_key in each.chargers:
                return each
        return self.main

    def wiring(self, charger_key: str) -> tuple[int, ...]:
        """Return the house's phases behind a charger's L1, L2 and L3."""
        circuit = self.of_charger(charger_key)
        has = [phase for phase in STRAIGHT if circuit.limit_a[phase - 1]]
        phases = circuit.wiring.get(charger_key, STRAIGHT)
        return tuple(each for each in phases if each in has) or tuple(has)

    def safe_a(self, charger_key: str) -> float | None:
        """Return what a charger gets when nobody tells what flows."""
        for circuit in self.tree.path(self.of_charger(charger_key).key):
            safe_a = self.by_key[circuit.key].safe_a
            if safe_a is not None:
                return safe_a
        return None

    def below(self, key: str) -> frozenset[str]:
        """Return the keys of a circuit and of all that it feeds."""
        return frozenset(
            each.key
            for each in self.settings
            if any(above.key == key for above in self.tree.path(each.key))
        )


def arranged(found: Iterable[CircuitSettings]) -> HomeCircuits | None:
    """Return the fuses as one tree, whatever has been removed of it.

    What hung on a fuse that is gone hangs on the main fuse. Where that is gone, one
    without a limit stands for it.
    """
    all_of_them = tuple(found)
    if not all_of_them:
        return None
    main = next((each for each in all_of_them if each.parent is None), None)
    has_main = main is not None
    if main is None:
        main = CircuitSettings(
            key=_NO_MAIN,
            name="",
            limit_a=(_ENDLESS_A, _ENDLESS_A, _ENDLESS_A),
            parent=None,
            chargers=(),
            wiring={},
            meter=(),
            other_a=0.0,
            safe_a=None,
        )
    parents = {each.key: each.parent for each in all_of_them if each is not main}
    settings = [
        replace(each, parent=_parent(each.key, parents, main.key))
        for each in all_of_them
        if each is not main
    ]
    return HomeCircuits((main, *settings), has_main)


def moved_up(
    entry: ConfigEntry, before: HomeCircuits, home: HomeCircuits
) -> Mapping[str, Mapping[str, Any]]:
    """Return the subentries' data that change as fuses were removed, by their ids.

    What hung on one hangs on the one that fed it then, and is wired as it was.
    """
    changed: dict[str, dict[str, Any]] = {}
    for gone in before.settings:
        path = before.tree.path(gone.key)
        left = (each.key for each in path if each.key in home.by_key)
        above = next(left, _NO_MAIN)
        if above == gone.key or above not in entry.subentries:
            continue
        for each in before.settings:
            if each.parent == gone.key and each.key in home.by_key:
                data = changed.setdefault(
                    each.key, dict(entry.subentries[each.key].data)
                )
                data[CONF_PARENT] = above
        data = changed.setdefault(above, dict(entry.subentries[above].data))
        wiring = {key: "".join(map(str, each)) for key, each in gone.wiring.items()}
        if wiring:
            data[CONF_WIRING] = data.get(CONF_WIRING, {}) | wiring
        if above != home.main.key:
            data[CONF_CHARGERS] = [*data.get(CONF_CHARGERS, ()), *gone.chargers]
    return changed


def _parent(key: str, parents: Mapping[str, str | None], main: str) -> str:
    """Return what feeds a circuit: what the owner said, unless that leads nowhere."""
    said = parents[key]
    if said is None or said not in parents:
        return main
    at: str | None = said
    seen = {key}
    while at is not None and at in parents:
        if at in seen:
            return main
        seen.add(at)
        at = parents[at]
    return said
