"""The sums that several cars stay within together: fuses, phase by phase, and limits.

Cells are stretches of time in which nothing shared changes, given by their edges in
seconds since now.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from math import inf

from .circuits import Circuit
from .joint_site import Site
from .plan import ReasonKey
from .problem import Problem
from .series import Series
from .slots import track


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """A sum that stays within its room: of A in a phase, or of kW."""

    key: ReasonKey
    """Why a car waits for which there is no room."""
    share: Mapping[str, float]
    """How much of the room each car takes, for each kW."""
    room: list[float]
    """For each cell; inf where there is no limit."""


def rules_of(
    cars: Mapping[str, Problem], site: Site, now: datetime, edges: list[float]
) -> list[Rule]:
    """Return all rules of a site at a time."""
    return [*_fuses(cars, site, now, edges), *_limits(cars, site, now, edges)]


def _at_cells(
    series: Series, now: datetime, edges: list[float], unknown: float
) -> list[float]:
    """Return a series' value in each cell."""
    values = [unknown] * (len(edges) - 1)
    for start, until, value in track(series, now, 0.0, edges[-1]):
        first = bisect_left(edges, start)
        for cell in range(first, bisect_left(edges, until)):
            values[cell] = value
    return values


def _fuses(
    cars: Mapping[str, Problem], site: Site, now: datetime, edges: list[float]
) -> Iterable[Rule]:
    """Yield a rule for each phase of each circuit; equal phases are one."""
    for circuit in site.circuits.circuits if site.circuits else ():
        by_share: dict[tuple[tuple[str, float], ...], list[float]] = {}
        for phase in range(3):
            share = tuple(_shares(cars, site, circuit, phase + 1))
            if not share:
                continue
            room = _fuse_room(site, circuit, phase, now, edges)
            before = by_share.get(share)
            if before is not None:
                room = [min(two) for two in zip(before, room, strict=True)]
            by_share[share] = room
        key = ReasonKey.FUSE if circuit.parent is None else ReasonKey.CIRCUIT
        for share, room in by_share.items():
            yield Rule(key=key, share=dict(share), room=room)


def _shares(
    cars: Mapping[str, Problem], site: Site, circuit: Circuit, phase: int
) -> Iterable[tuple[str, float]]:
    """Yield the cars on a circuit's phase, with their A for each kW."""
    for key, problem in cars.items():
        place, car = site.place(key), problem.car
        used = place.phases[: car.phases]
        if phase in used and circuit in site.above(key):
            yield key, 1000 / (len(used) * car.voltage_v)


def _fuse_room(
    site: Site, circuit: Circuit, phase: int, now: datetime, edges: list[float]
) -> list[float]:
    """Return what the house leaves of a circuit's phase in each cell, in A."""
    limit = circuit.limit_a[phase]
    base = site.base_load.get(circuit.key)
    if base is None:
        return [limit] * (len(edges) - 1)
    values = _at_cells(base[phase], now, edges, 0.0)
    return [max(0.0, limit - max(0.0, value)) for value in values]


def _limits(
    cars: Mapping[str, Problem], site: Site, now: datetime, edges: list[float]
) -> Iterable[Rule]:
    """Yield the rules of powers: cars with the same limit share it."""
    shared: dict[Series, list[str]] = {}
    for key, problem in cars.items():
        if len(problem.signals.limit):
            shared.setdefault(problem.signals.limit, []).append(key)
    if len(site.grid_limit):
        shared[site.grid_limit] = list(cars)
    for series, keys in shared.items():
        values = _at_cells(series, now, edges, inf)
        yield Rule(
            key=ReasonKey.POWER_LIMIT,
            share=dict.fromkeys(keys, 1.0),
            room=[max(0.0, value / 1000) for value in values],
        )
