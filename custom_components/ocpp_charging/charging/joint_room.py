"""What several cars share over time, and what some of them leave to another.

Times are seconds since now. Cells are stretches in which nothing shared changes.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from math import inf

from .joint_load import Load, Track, spread
from .joint_rules import rules_of
from .joint_site import Site, window_edges
from .plan import Plan, ReasonKey
from .problem import Problem
from .scene import Scene, set_up
from .series import Interval, Series
from .slots import Slot, allowed, track

type Values = list[tuple[float, float]]
"""Two values for each cell."""
TOLERANCE_KW = 1e-5
"""By how much rounding may bring a sum above a limit: a hundredth of a watt."""


@dataclass(frozen=True, slots=True)
class Window:
    """A time over which a peak is a mean."""

    start: float
    end: float
    house: float
    """What goes to the house in it, and went to all before now, in kWh."""

    @property
    def hours(self) -> float:
        """Return its length."""
        return (self.end - self.start) / 3600

    @property
    def left(self) -> float:
        """Return how many hours of it are to come."""
        return (self.end - max(0.0, self.start)) / 3600


class Rooms:
    """Several problems at one site, at a time."""

    def __init__(self, cars: Mapping[str, Problem], site: Site, now: datetime) -> None:
        """Lay all that is shared beside each other. Raises as `plan` does."""
        self.cars = dict(sorted(cars.items()))
        self.site = site
        self.now = now
        self.scenes: dict[str, Scene] = {
            key: set_up(problem, now) for key, problem in self.cars.items()
        }
        self.end = max((one.line[-1].end for one in self.scenes.values()), default=0.0)
        self.horizon = max((one.horizon for one in self.scenes.values()), default=0.0)
        self.windows = self._windows()
        self.edges = self._edges()
        self.slots: dict[str, list[Slot]] = {
            key: _by_cell(scene.line, self.edges) for key, scene in self.scenes.items()
        }
        cells = range(len(self.edges) - 1)
        self.pool = [
            max((slots[cell].sun for slots in self.slots.values()), default=0.0)
            for cell in cells
        ]
        """What the roof has to spare, in kW."""
        self.rules = rules_of(self.cars, site, now, self.edges)

    def _windows(self) -> list[Window]:
        tariff = self.site.peak
        if tariff is None:
            return []
        found = []
        for start, end in window_edges(tariff, self.now, self.end):
            house = sum(
                max(0.0, watts) * (until - begin) / 3.6e6
                for begin, until, watts in track(
                    tariff.house, self.now, max(0.0, start), end
                )
            )
            found.append(
                Window(start, end, house + (tariff.used_kwh if start < 0 else 0.0))
            )
        return found

    def _edges(self) -> list[float]:
        series = [self.site.grid_limit]
        for phases in self.site.base_load.values():
            series += phases
        points = {0.0, self.end}
        for one in series:
            for start, until, _ in track(one, self.now, 0.0, self.end):
                points |= {start, until}
        for scene in self.scenes.values():
            points |= {slot.start for slot in scene.line}
        points |= {one.start for one in self.windows if one.start > 0}
        return sorted(points)

    def load(self, key: str, made: Plan, sun: Series) -> Load:
        """Return what a plan draws, made with some sun in W."""
        problem = self.cars[key]
        power: Track = []
        own: Track = []
        for period in made.periods:
            kw = min(period.power_w, problem.car.max_power_w) / 1000
            power.append((self._seconds(period.start), self._seconds(period.end), kw))
            own += [
                (
                    self._seconds(item.start),
                    self._seconds(item.end),
                    min(kw, item.value / 1000),
                )
                for item in sun.between(period.start, period.end)
                if item.value > 0
            ]
        return Load(power=power, sun=own)

    def _seconds(self, moment: datetime) -> float:
        """Return a moment in seconds since now, to the millisecond."""
        return round((moment - self.now).total_seconds(), 3)

    def left(
        self, key: str, loads: Mapping[str, Load], peak_kw: float | None = None
    ) -> Problem:
        """Return a car's problem with what the loads of the others leave to it.

        Under a peak, its own load is what it may draw; what is left of a window may be
        drawn at any time of it.
        """
        fused = any(
            key in rule.share and rule.key is not ReasonKey.POWER_LIMIT
            for rule in self.rules
        )
        alone = not any(one != key for one in loads)
        if alone and not (fused or len(self.site.grid_limit) or peak_kw is not None):
            return self.cars[key]
        points, limits, suns = self.spared(key, loads, peak_kw)
        problem = self.cars[key]
        signals = replace(
            problem.signals,
            limit=self._series(points, [_watts(one) for one in limits]),
            solar=self._series(points, [1000 * one if one else inf for one in suns]),
        )
        return replace(problem, signals=signals)

    def line(self, key: str, loads: Mapping[str, Load], more: Values) -> list[Slot]:
        """Return a car's slots with what the others leave to it, and dearer.

        `more` says by how much, for each cell: a kWh from the grid, one from the roof.
        Caps are made limits, as they are meant for the price without that.
        """
        scene, slots = self.scenes[key], self.slots[key]
        points, limits, suns = self.spared(key, loads)
        found: list[Slot] = []
        for at, cell in enumerate(self.cells(points)):
            start, end = points[at], points[at + 1]
            if start >= scene.line[-1].end - 1e-3:
                break
            slot, (grid, sun) = slots[cell], more[cell]
            slot = Slot(
                start,
                end,
                None if slot.price is None else slot.price + grid,
                slot.co2,
                slot.feed_in + sun,
                suns[at],
                min(_watts(limits[at]) / 1000, allowed(slot, scene.problem.goal)),
            )
            if found and found[-1][2:] == slot[2:]:
                slot = slot._replace(start=found.pop().start)
            found.append(slot)
        return found

    def spared(
        self, key: str, loads: Mapping[str, Load], peak_kw: float | None = None
    ) -> tuple[list[float], list[float], list[float]]:
        """Return points in time, and between each two what is left to a car, in kW.

        First what it may draw, then how much of that the roof has.
        """
        others = {one: load for one, load in loads.items() if one != key}
        points = self._points(loads.values())
        powers = {one: spread(load.power, points) for one, load in others.items()}
        cells = self.cells(points)
        limits = [inf] * len(cells)
        for rule in self.rules:
            if key not in rule.share:
                continue
            own = rule.share[key]
            rows = [
                (rule.share[one], power)
                for one, power in powers.items()
                if one in rule.share
            ]
            for at, cell in enumerate(cells):
                room = rule.room[cell]
                for share, power in rows:
                    room -= share * power[at]
                limits[at] = min(limits[at], room / own)
        free = [self.pool[cell] for cell in cells]
        for taken in (spread(load.sun, points) for load in others.values()):
            free = [a - b for a, b in zip(free, taken, strict=True)]
        slots = self.slots[key]
        suns = [
            max(0.0, min(one, slots[cell].sun))
            for one, cell in zip(free, cells, strict=True)
        ]
        if peak_kw is not None:
            self._under_peak(key, loads, points, suns, limits, peak_kw)
        return points, limits, suns

    def _under_peak(
        self,
        key: str,
        loads: Mapping[str, Load],
        points: list[float],
        suns: list[float],
        limits: list[float],
        peak_kw: float,
    ) -> None:
        """Lower the limits so that no window's mean gets above a peak."""
        own = spread(loads[key].power if key in loads else [], points)
        grid = self.grid({k: one for k, one in loads.items() if k != key}, points)
        mine = [max(0.0, power - sun) for power, sun in zip(own, suns, strict=True)]
        for window in self.windows:
            first = bisect_left(points, max(0.0, window.start) - 1e-6)
            last = bisect_left(points, min(window.end, points[-1]) - 1e-6)
            slack = peak_kw * window.hours - window.house
            for at in range(first, last):
                hours = (points[at + 1] - points[at]) / 3600
                slack -= (grid[at] + mine[at]) * hours
            for at in range(first, last):
                more = max(0.0, slack) / window.left
                limits[at] = min(limits[at], mine[at] + suns[at] + more)

    def grid(self, loads: Mapping[str, Load], points: list[float]) -> list[float]:
        """Return what loads take from the grid between each two points, in kW."""
        total = [0.0] * (len(points) - 1)
        for load in loads.values():
            power, sun = spread(load.power, points), spread(load.sun, points)
            total = [
                before + max(0.0, a - b)
                for before, a, b in zip(total, power, sun, strict=True)
            ]
        return total

    def peak(self, loads: Mapping[str, Load]) -> float:
        """Return the highest mean from the grid in kW, or what is billed already."""
        if self.site.peak is None:
            return 0.0
        points = self._points(loads.values())
        grid = self.grid(loads, points)
        highest = self.site.peak.so_far_kw
        for window in self.windows:
            energy = window.house
            first = bisect_left(points, max(0.0, window.start) - 1e-6)
            for at in range(first, len(grid)):
                if points[at] >= window.end - 1e-6:
                    break
                energy += grid[at] * (points[at + 1] - points[at]) / 3600
            highest = max(highest, energy / window.hours)
        return highest

    def respects(self, loads: Mapping[str, Load]) -> bool:
        """Say whether the loads together break no rule and use no sun twice."""
        points = self._points(loads.values())
        powers = {key: spread(load.power, points) for key, load in loads.items()}
        cells = self.cells(points)
        for rule in self.rules:
            rows = [
                (rule.share[key], powers[key]) for key in powers if key in rule.share
            ]
            for at, cell in enumerate(cells):
                used = sum(share * power[at] for share, power in rows)
                slack = TOLERANCE_KW * max(rule.share.values(), default=0.0)
                if used > rule.room[cell] + slack and used > slack:
                    return False
        suns = [spread(load.sun, points) for load in loads.values()]
        return all(
            sum(sun[at] for sun in suns) <= self.pool[cell] + TOLERANCE_KW
            for at, cell in enumerate(cells)
        )

    def _points(self, loads: Iterable[Load]) -> list[float]:
        """Return the cells' edges and those of the loads."""
        points = set(self.edges)
        for load in loads:
            for start, end, _ in (*load.power, *load.sun):
                points |= {start, end}
        ordered = sorted(one for one in points if one <= self.end)
        found = ordered[:1]
        for one in ordered[1:]:
            if one - found[-1] > 2e-3:
                found.append(one)
        return found

    def cells(self, points: list[float]) -> list[int]:
        """Return the cell of each stretch between two points."""
        last = len(self.edges) - 2
        return [
            min(last, bisect_right(self.edges, (start + end) / 2) - 1)
            for start, end in pairwise(points)
        ]

    def _series(self, points: list[float], values: list[float]) -> Series:
        """Return values in W as a series; equal neighbours are one, inf is a gap."""
        items: list[Interval] = []
        begin = 0
        for at in range(1, len(values) + 1):
            if at < len(values) and values[at] == values[begin]:
                continue
            if values[begin] != inf:
                items.append(
                    Interval(
                        start=self.now + timedelta(seconds=points[begin]),
                        end=self.now + timedelta(seconds=points[at]),
                        value=values[begin],
                    )
                )
            begin = at
        return Series(items)


def _watts(limit: float) -> float:
    """Return a limit in W, rounded up so that what was given once fits again."""
    return limit if limit == inf else max(0.0, round(1000 * limit + 0.004, 2))


def _by_cell(line: list[Slot], edges: list[float]) -> list[Slot]:
    """Return the slot that each cell lies in."""
    found = []
    at = 0
    for start in edges[:-1]:
        while at + 1 < len(line) and line[at].end <= start + 1e-6:
            at += 1
        found.append(line[at])
    return found
