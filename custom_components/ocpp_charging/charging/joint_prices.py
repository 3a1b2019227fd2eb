"""Lets cars find together by prices on what they share.

Where there is too little room for all, a price is put on it, and each car is planned
alone at that price, exactly. What this comes to, less what the room earned, is below
every joint plan (Lagrangian relaxation): the better the prices, the nearer. And plans
made in turn at these prices are near the best, as each knows what is wanted by the
others.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise, permutations
from math import inf, isfinite

from .joint_columns import Column, Columns, Need
from .joint_draft import Desk, Draft
from .joint_load import Load, energies
from .joint_model import Model
from .joint_part import counts_starts
from .joint_room import Values
from .joint_rules import Rule
from .joint_solve import solved
from .planner import drawn_in, laid_out
from .slots import clip, slot_at


@dataclass(frozen=True, kw_only=True, slots=True)
class Effort:
    """How long good prices are looked for."""

    rounds: int
    """How often the prices are changed."""
    turns: tuple[int, ...]
    """After which rounds plans are made in turn."""
    width: float
    """How far prices go at first from the best, as a share of the dearest kWh."""


USUAL = Effort(rounds=12, turns=(0, 4, 8), width=0.05)
SUNNY = Effort(rounds=16, turns=(0, 5, 10, 15), width=0.1)
"""With sun, where good prices are harder to find, and the program is slow and finds
little: it is not asked."""
NARROWER = 0.7
"""How much less far after prices that were no better."""
DEAREST = 5.0
"""What room may cost at most, in dearest kWh."""
NEAR = 1e-3
"""Which share of its cost plans may be above the bound: then they are good enough."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Priced:
    """A car's best plan at some prices."""

    load: Load
    gap: float
    """How much it may be above the best: where the search was cut off."""


@dataclass(slots=True)
class Prices:
    """Prices for all that may run short: in a cell, of a rule's room or of the sun."""

    desk: Desk
    places: list[tuple[Rule | None, int]] = field(init=False)
    """The rule and the cell of each price; None is the sun."""
    needs: list[Need] = field(init=False)
    values: list[float] = field(init=False)
    scale: float = field(init=False)
    """The dearest kWh."""

    def __post_init__(self) -> None:
        """Find what may run short, and begin at 0."""
        rooms = self.desk.rooms
        self.scale = max(one.scale for one in self.desk.worths.values())
        most = {key: scene.power for key, scene in rooms.scenes.items()}
        self.places, self.needs = [], []
        for rule in rooms.rules:
            total = sum(share * most[key] for key, share in rule.share.items())
            dearest = DEAREST * self.scale / max(rule.share.values())
            for cell, hours in enumerate(self._hours()):
                room = rule.room[cell]
                if isfinite(room) and room < total - 1e-9:
                    self.places.append((rule, cell))
                    self.needs.append(
                        Need(room=room * hours, most=total * hours, dearest=dearest)
                    )
        for cell, hours in enumerate(self._hours()):
            slots = [one[cell] for one in rooms.slots.values() if one[cell].sun]
            if len(slots) > 1:
                pool = rooms.pool[cell] * hours
                dearest = min((one.price or 0.0) - one.feed_in for one in slots)
                self.places.append((None, cell))
                total = len(slots) * pool
                self.needs.append(
                    Need(room=pool, most=total, dearest=max(0.0, dearest))
                )
        self.values = [0.0] * len(self.needs)

    def _hours(self) -> list[float]:
        return [(end - start) / 3600 for start, end in pairwise(self.desk.rooms.edges)]

    def begin(self, model: Model) -> None:
        """Take the prices that the program has when nothing is whole."""
        for part in model.parts:
            if part.short >= 0:
                model.program.upper[part.short] = 0.0
        _, duals = model.program.relaxed()
        hours = self._hours()
        at = {(id(rule), cell): i for i, (rule, cell) in enumerate(self.places)}
        for rule, point, row in model.shared if duals else ():
            cell, worth = model.places[point], max(0.0, -duals[row])
            place = at.get((id(rule), cell))
            if place is None:
                continue
            if rule is not None:
                worth = self.values[place] + worth / hours[cell]
            self.values[place] = max(self.values[place], worth)

    def alone(self, key: str) -> Priced:
        """Return a car's best plan at the prices, as if it were the only one."""
        return self.among(key, {})

    def among(self, key: str, loads: dict[str, Load]) -> Priced:
        """Return a car's best plan at the prices, with what others leave to it."""
        rooms = self.desk.rooms
        scene = rooms.scenes[key]
        goal = replace(scene.problem.goal, price_cap=None, co2_cap=None)
        problem = replace(
            scene.problem, goal=goal, state=replace(scene.problem.state, plan=None)
        )
        line = rooms.line(key, loads, self._added(key))
        scene = replace(scene, problem=problem, line=line)
        layout = laid_out(scene)
        most = scene.power
        load = Load()
        for drawn in drawn_in(scene, layout):
            piece = drawn.piece
            start, end = round(piece.start, 3), round(piece.end, 3)
            if end <= start:
                continue
            kw = min(piece.power, most)
            load.power.append((start, end, kw))
            sun = slot_at(line, (start + end) / 2).sun
            if sun > 0:
                load.sun.append((start, end, min(kw, sun)))
        return Priced(load=load, gap=layout.gap)

    def _added(self, key: str) -> Values:
        """Return how much dearer a car's kWh are: from the grid, and from the roof."""
        grids = [0.0] * (len(self.desk.rooms.edges) - 1)
        suns = [0.0] * len(grids)
        for (rule, cell), price in zip(self.places, self.values, strict=True):
            if rule is None:
                suns[cell] += price
            elif share := rule.share.get(key):
                grids[cell] += share * price
        return [(grid, grid + sun) for grid, sun in zip(grids, suns, strict=True)]

    def column(self, key: str, load: Load) -> Column:
        """Return what a car's load costs by itself, and what it takes."""
        edges = self.desk.rooms.edges
        powers, suns = energies(load.power, edges), energies(load.sun, edges)
        taken = {}
        for at, (rule, cell) in enumerate(self.places):
            if rule is None:
                amount = suns[cell]
            else:
                amount = rule.share.get(key, 0.0) * powers[cell]
            if amount > 1e-9:
                taken[at] = amount
        return Column(load=load, cost=self.desk.car_cost(key, load), taken=taken)


type Late = Callable[[], bool]
"""Says whether the best so far has to do."""


def never() -> bool:
    """Say that there is always more time."""
    return False


def agreed(
    desk: Desk, best: Draft, time_limit_s: float, late: Late = never
) -> tuple[Draft, float]:
    """Return the best plans found by prices, and what none can be below.

    The time is for putting together what the prices have found, and not taken where it
    is `late`.
    """
    prices = Prices(desk)
    prices.begin(Model(desk, best))
    columns = Columns(needs=prices.needs)
    _learn(columns, prices, best.loads)
    score, highest = desk.score(best), -inf
    sunny = desk.is_large and any(rule is None for rule, _ in prices.places)
    effort = SUNNY if sunny else USUAL
    center, width = prices.values, effort.width * prices.scale
    for round_ in range(effort.rounds):
        made = {key: prices.alone(key) for key in desk.rooms.cars}
        bound = _learn(columns, prices, {key: one.load for key, one in made.items()})
        bound -= sum(one.gap for one in made.values())
        if bound > highest:
            highest, center = bound, prices.values
        else:
            width *= NARROWER
        if late() or score.cost - highest <= NEAR * abs(score.cost):
            break
        if round_ in effort.turns:
            for draft in _in_turn(prices, round_):
                _learn(columns, prices, draft.loads)
                other = desk.score(draft)
                if other < score:
                    best, score = draft, other
        prices.values = columns.mixed(center, width)
    prices.values = center
    best = _by_pairs(prices, best, late)
    if sunny or late():
        return best, highest
    return _recombined(desk, best, columns, time_limit_s), highest


def _recombined(
    desk: Desk, best: Draft, columns: Columns, time_limit_s: float
) -> Draft:
    """Return the best plans in the times of those that are mixed, if better."""
    usable = columns.mixture()
    for key, load in best.loads.items():
        usable[key].append(load)
    found = solved(desk, best, True, time_limit_s, usable=usable)
    if found is not None:
        found_loads, _ = found
        return desk.polished(best, found_loads)
    return best


def _learn(columns: Columns, prices: Prices, loads: dict[str, Load]) -> float:
    """Add loads to the columns; return what they come to at the prices.

    Where each is the car's best at them, no joint plan comes to less.
    """
    total = 0.0
    for key, load in loads.items():
        column = prices.column(key, load)
        columns.add(key, column)
        total += column.cost
        total += sum(prices.values[at] * one for at, one in column.taken.items())
    return total - sum(
        price * need.room
        for price, need in zip(prices.values, prices.needs, strict=True)
    )


def _by_pairs(prices: Prices, best: Draft, late: Late) -> Draft:
    """Plan two cars anew at a time, each once first, and keep what is better."""
    desk = prices.desk
    score = desk.score(best)
    for first, second in permutations(desk.order, 2):
        if late():
            break
        loads = {k: v for k, v in best.loads.items() if k not in {first, second}}
        draft = Draft(plans=dict(best.plans), loads=loads)
        draft.loads = {**loads, first: prices.among(first, loads).load}
        desk.add(draft, second)
        desk.add(draft, first)
        other = desk.score(draft)
        if other < score:
            best, score = draft, other
    return best


def suits(desk: Desk, apart: Draft) -> bool:
    """Say whether prices on what is shared help, and can be put on it.

    They help where starts count; else the program is easy. They can be where all energy
    has a price.
    """
    rooms = desk.rooms
    if not any(counts_starts(one.preferences) for one in rooms.cars.values()):
        return False
    return rooms.site.peak is None and all(
        made.met
        and desk.worths[key].by_price
        and all(
            desk.worths[key].priced(slot)
            for slot in clip(scene.line, scene.begin, scene.horizon)
        )
        for key, scene in rooms.scenes.items()
        for made in (apart.plans[key],)
    )


def _in_turn(prices: Prices, round_: int) -> Iterator[Draft]:
    """Yield plans made one after another at the prices, each car once the first."""
    desk = prices.desk
    order = desk.order
    turn = round_ % len(order)
    for one in (order, [*order[turn:], *order[:turn]][::-1]):
        draft = Draft()
        for key in one:
            draft.loads[key] = prices.among(key, draft.loads).load
        for key in one:
            desk.add(draft, key)
        yield draft
