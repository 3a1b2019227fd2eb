"""Plans for several cars that hold together, and what they come to in all."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise

from .joint_load import Load, spread
from .joint_room import Rooms
from .needs import Needs
from .plan import Plan
from .planner import plan
from .problem import Goal
from .scene import Scene
from .slots import clip
from .worth import Worth, judge

LARGE = 200
"""Above how many cells, times cars, a program with all times takes too long."""
LEVELS = (0.0, 0.1, 0.25, 0.5, 0.75)
"""Where between the lowest peak and that of plans without one peaks are tried."""


@dataclass(kw_only=True, slots=True)
class Draft:
    """A plan for each car, and what it draws."""

    plans: dict[str, Plan] = field(default_factory=dict)
    loads: dict[str, Load] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, order=True)
class Score:
    """How good plans are together: less is better, what comes first counts first."""

    missing: tuple[float, ...]
    """Energies in kWh by priority, the highest first, to the watt-hour."""
    cost: float
    """Money, CO2, starts and the peak."""

    def rounded(self) -> Score:
        """Return a score in which rounding makes no difference."""
        missing = tuple(round(one, 2) for one in self.missing)
        return Score(missing=missing, cost=self.cost)


class Desk:
    """Makes and judges plans for the cars of one site."""

    def __init__(self, rooms: Rooms) -> None:
        """Put the cars in order: by priority, then by how little time is to spare."""
        self.rooms = rooms
        self.worths: dict[str, Worth] = {
            key: judge(clip(one.line, one.begin, one.horizon), one.problem.preferences)
            for key, one in rooms.scenes.items()
        }
        place = rooms.site.place
        self.order = sorted(
            rooms.cars,
            key=lambda key: (-place(key).priority, _spare(rooms.scenes[key]), key),
        )
        cells = sum(edge < rooms.horizon for edge in rooms.edges)
        self.is_large = cells * len(rooms.cars) > LARGE
        self.ranks = sorted({place(key).priority for key in rooms.cars}, reverse=True)

    def add(self, draft: Draft, key: str, peak_kw: float | None = None) -> None:
        """Plan a car anew, with what the others of a draft leave to it."""
        problem = self.rooms.left(key, draft.loads, peak_kw)
        made = plan(problem, self.rooms.now)
        draft.plans[key] = made
        draft.loads[key] = self.rooms.load(key, made, problem.signals.solar)

    def apart(self) -> Draft:
        """Return what each car would do if it were the only one."""
        draft = Draft()
        for key in self.rooms.cars:
            alone = Draft()
            self.add(alone, key)
            draft.plans |= alone.plans
            draft.loads |= alone.loads
        return draft

    def in_turn(self, order: list[str], peak_kw: float | None = None) -> Draft:
        """Plan one car after another, first what all need at once."""
        draft = Draft()
        for key in order:
            self._at_once(draft, key)
        for key in order:
            self.add(draft, key, peak_kw)
        return draft

    def _at_once(self, draft: Draft, key: str) -> None:
        """Keep the room for what a car needs at once."""
        needs: Needs = self.rooms.scenes[key].needs
        if needs.minimum <= 0:
            return
        problem = self.rooms.left(key, draft.loads)
        goal = Goal(
            energy_kwh=0.0,
            minimum_kwh=needs.minimum,
            ready_by=problem.goal.ready_by,
            overrun=problem.goal.overrun,
        )
        state = replace(problem.state, plan=None)
        made = plan(replace(problem, goal=goal, state=state), self.rooms.now)
        draft.loads[key] = self.rooms.load(key, made, problem.signals.solar)

    def improved(self, draft: Draft, peak_kw: float | None = None) -> Draft:
        """Plan each car once more among the others, and keep what is no worse."""
        best = self.score(draft)
        for key in self.order:
            other = Draft(plans=dict(draft.plans), loads=dict(draft.loads))
            self.add(other, key, peak_kw)
            score = self.score(other)
            if score <= best:
                draft, best = other, score
        return draft

    def polished(self, before: Draft, loads: Mapping[str, Load]) -> Draft:
        """Return plans made from loads, or those before if better."""
        peak = None if self.rooms.site.peak is None else self.rooms.peak(loads)
        draft = Draft(loads=dict(loads))
        for key in self.order:
            self.add(draft, key, peak)
        draft = self.improved(draft, peak)
        return min(before, draft, key=lambda one: self.score(one).rounded())

    def greedy(self) -> Draft:
        """Return good plans, made one after another."""
        found = [self.in_turn(self.order)]
        if self.rooms.site.peak is not None:
            high = self.rooms.peak(found[0].loads)
            low = self.rooms.peak({})
            found += [
                self.in_turn(self.order, low + level * (high - low))
                for level in LEVELS
                if high > low
            ]
        else:
            turned = sorted(self.order, key=self._as_late)
            if turned != self.order:
                found.append(self.in_turn(turned))
        best = min(found, key=self.score)
        peak = None
        if self.rooms.site.peak is not None:
            peak = self.rooms.peak(best.loads)
        return self.improved(best, peak)

    def _as_late(self, key: str) -> tuple[int, float, str]:
        """Order cars of one priority the other way: those with time to spare first."""
        spare = _spare(self.rooms.scenes[key])
        return (-self.rooms.site.place(key).priority, -spare, key)

    def score(self, draft: Draft) -> Score:
        """Return how good plans are."""
        missing = [0.0] * len(self.ranks)
        for key, made in draft.plans.items():
            if made.shortfall is not None:
                rank = self.ranks.index(self.rooms.site.place(key).priority)
                missing[rank] += made.shortfall.energy_kwh
        return Score(
            missing=tuple(round(one, 3) for one in missing), cost=self.cost(draft)
        )

    def cost(self, draft: Draft) -> float:
        """Return what plans come to, as the planner counts it."""
        return self.loads_cost(draft.loads)

    def loads_cost(self, loads: Mapping[str, Load]) -> float:
        """Return what loads come to."""
        cost = sum(self.car_cost(key, load) for key, load in loads.items())
        return cost + self.peak_cost(loads)

    def peak_cost(self, loads: Mapping[str, Load]) -> float:
        """Return what the peak costs more than that which is billed already."""
        tariff = self.rooms.site.peak
        if tariff is None:
            return 0.0
        return tariff.price_per_kw * (self.rooms.peak(loads) - tariff.so_far_kw)

    def car_cost(self, key: str, load: Load) -> float:
        """Return what one car's load comes to, without the peak."""
        scene, worth = self.rooms.scenes[key], self.worths[key]
        points = {slot.start for slot in scene.line} | {scene.line[-1].end}
        for part in (load.power, load.sun):
            points |= {point for start, end, _ in part for point in (start, end)}
        ordered = sorted(points)
        powers, suns = spread(load.power, ordered), spread(load.sun, ordered)
        cost = energy = 0.0
        at = 0
        for place, (start, end) in enumerate(pairwise(ordered)):
            power = powers[place]
            if not power:
                continue
            while at + 1 < len(scene.line) and scene.line[at].end <= start + 1e-6:
                at += 1
            slot, hours = scene.line[at], (end - start) / 3600
            sun = min(power, suns[place])
            cost += sun * hours * worth.sun(slot)
            cost += (power - sun) * hours * worth.grid(slot)
            energy += power * hours
        goal, needs = scene.problem.goal, scene.needs
        if needs.extra:
            spared = scene.units(0.0, needs.total + needs.extra) - energy
            cost += goal.extra_below * min(max(0.0, spared), needs.extra)
        starts = load.starts(running=scene.problem.state.running)
        return cost + scene.problem.preferences.start_cost * starts


def _spare(scene: Scene) -> float:
    """Return how much time a car has beyond what it needs, in seconds."""
    hours = scene.units(0.0, scene.needs.total) / scene.power
    end = scene.horizon if scene.ready is None else scene.ready
    return round(end - max(0.0, scene.begin) - 3600 * hours, 3)
