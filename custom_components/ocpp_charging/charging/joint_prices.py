"""Lets cars find together by prices on what they share.

Where there is too little room for all, a price is put on it, and each car is planned
alone at that price, exactly. What this comes to, less what the room earned, is below
every joint plan (Lagrangian relaxation): the dearer the crowded times, the nearer. And
plans made in turn at these prices are near the best, as each knows what is wanted
by the others.
"""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise, permutations
from math import isfinite

from .joint_draft import Desk, Draft
from .joint_model import Model
from .joint_part import counts_starts
from .joint_room import Load
from .plan import Plan
from .planner import plan
from .problem import Problem
from .series import Interval, Series
from .slots import allowed, clip

ROUNDS = 10
"""How often the prices are changed."""
TURNS = (0, 3, 6, 9)
"""After which rounds plans are made in turn."""
FIRST_STEP = 1.0
"""Which part of the way to the best plans known prices are changed at first."""
NEAR = 1e-3
"""Which share of its cost plans may be above the bound: then they are good enough."""


class Prices:
    """A price for each cell and rule, and for the sun."""

    def __init__(self, desk: Desk) -> None:
        """Begin at 0."""
        self.desk, self.rooms = desk, desk.rooms
        self.hours = [(b - a) / 3600 for a, b in pairwise(self.rooms.edges)]
        count = len(self.hours)
        self.of_rules = [[0.0] * count for _ in self.rooms.rules]
        self.of_sun = [0.0] * count
        self.step = FIRST_STEP

    def begin(self, model: Model) -> None:
        """Take the prices that the program has when nothing is whole."""
        duals = model.program.duals()
        if not duals:
            return
        places = {id(rule): at for at, rule in enumerate(self.rooms.rules)}
        for rule, at, row in model.shared:
            cell, worth = model.places[at], max(0.0, -duals[row])
            if rule is None:
                self.of_sun[cell] = max(self.of_sun[cell], worth)
            else:
                prices = self.of_rules[places[id(rule)]]
                prices[cell] += worth / self.hours[cell]

    def apply(self, key: str, problem: Problem) -> Problem:
        """Return a car's problem at these prices; caps are made limits."""
        rooms = self.rooms
        signals, goal = problem.signals, problem.goal
        added = [0.0] * len(self.hours)
        for rule, prices in zip(rooms.rules, self.of_rules, strict=True):
            if share := rule.share.get(key):
                added = [a + share * b for a, b in zip(added, prices, strict=True)]
        slots = rooms.slots[key]
        limit = signals.limit
        if goal.price_cap is not None or goal.co2_cap is not None:
            limits = [1000 * allowed(slot, goal) for slot in slots]
            limit = _least(limit, self._series(limits))
            goal = replace(goal, price_cap=None, co2_cap=None)
        price = [(slot.price or 0.0) + a for slot, a in zip(slots, added, strict=True)]
        feed_in = [
            slot.feed_in + a + b
            for slot, a, b in zip(slots, added, self.of_sun, strict=True)
        ]
        return replace(
            problem,
            goal=goal,
            state=replace(problem.state, plan=None),
            signals=replace(
                signals,
                price=self._series(price),
                feed_in=self._series(feed_in),
                limit=limit,
            ),
        )

    def _series(self, values: list[float]) -> Series:
        rooms = self.rooms
        return Series(
            Interval(
                start=rooms.now + timedelta(seconds=start),
                end=rooms.now + timedelta(seconds=end),
                value=value,
            )
            for (start, end), value in zip(pairwise(rooms.edges), values, strict=True)
            if isfinite(value)
        )

    def bound(self, loads: dict[str, Load]) -> float:
        """Return what loads that are best at these prices prove, and weigh the room."""
        total = self.desk.loads_cost(loads)
        self.excess, self.sun_excess = self._excess(loads)
        for prices, excess in zip(self.of_rules, self.excess, strict=True):
            total += sum(a * b for a, b in zip(prices, excess, strict=True))
        return total + sum(
            a * b for a, b in zip(self.of_sun, self.sun_excess, strict=True)
        )

    def _excess(self, loads: dict[str, Load]) -> tuple[list[list[float]], list[float]]:
        """Return by how much loads are above each room, times hours."""
        edges, count = self.rooms.edges, len(self.hours)
        energies = {key: _energies(load.power, edges) for key, load in loads.items()}
        found = []
        for rule in self.rooms.rules:
            row = [
                -room * hours if isfinite(room) else 0.0
                for room, hours in zip(rule.room, self.hours, strict=True)
            ]
            for key, share in rule.share.items():
                energy = energies[key]
                row = [a + share * b for a, b in zip(row, energy, strict=True)]
            found.append(
                [
                    value if isfinite(room) else 0.0
                    for value, room in zip(row, rule.room, strict=True)
                ]
            )
        suns = [
            -pool * hours
            for pool, hours in zip(self.rooms.pool, self.hours, strict=True)
        ]
        for load in loads.values():
            own = _energies(load.sun, edges)
            suns = [a + b for a, b in zip(suns, own, strict=True)]
        return found, suns[:count]

    def change(self, gap: float) -> None:
        """Raise the prices where there was too little room, lower them elsewhere."""
        active = [
            excess if excess > 0 or price > 0 else 0.0
            for row, prices in zip(
                [*self.excess, self.sun_excess],
                [*self.of_rules, self.of_sun],
                strict=True,
            )
            for excess, price in zip(row, prices, strict=True)
        ]
        norm = sum(one * one for one in active)
        if norm <= 0:
            return
        length = self.step * gap / norm
        for prices, row in zip(self.of_rules, self.excess, strict=True):
            prices[:] = [
                max(0.0, a + length * b) for a, b in zip(prices, row, strict=True)
            ]
        for cell, excess in enumerate(self.sun_excess):
            slot = next(iter(self.rooms.slots.values()))[cell]
            most = max(0.0, (slot.price or 0.0) - slot.feed_in)
            price = self.of_sun[cell] + length * excess
            self.of_sun[cell] = min(most, max(0.0, price))


def agreed(desk: Desk, best: Draft) -> tuple[Draft, float]:
    """Return the best plans found by prices, and what none can be below."""
    prices = Prices(desk)
    prices.begin(Model(desk, best))
    score = desk.score(best)
    highest = float("-inf")
    misses = 0
    for round_ in range(ROUNDS):
        made = {key: _alone(prices, key) for key in desk.rooms.cars}
        # A search that was cut off proves that much less.
        gaps = sum(one.gap for one, _ in made.values())
        bound = prices.bound({key: load for key, (_, load) in made.items()}) - gaps
        misses = 0 if bound > highest + 1e-4 * abs(score.cost) else misses + 1
        if misses > 2:
            prices.step, misses = prices.step / 2, 0
        highest = max(highest, bound)
        if score.cost - highest <= NEAR * abs(score.cost):
            break
        if round_ in TURNS:
            for draft in _in_turn(prices, round_):
                other = desk.score(draft)
                if other < score:
                    best, score = draft, other
        prices.change(max(score.cost - bound, 1e-9))
    return _by_pairs(prices, best), highest


def _by_pairs(prices: Prices, best: Draft) -> Draft:
    """Plan two cars anew at a time, each once first, and keep what is better."""
    desk = prices.desk
    score = desk.score(best)
    for first, second in permutations(desk.order, 2):
        loads = {k: v for k, v in best.loads.items() if k not in {first, second}}
        draft = Draft(plans=dict(best.plans), loads=loads)
        problem = prices.apply(first, desk.rooms.left(first, loads))
        made = plan(problem, desk.rooms.now)
        load = desk.rooms.load(first, made, problem.signals.solar)
        draft.loads = {**loads, first: load}
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


def _alone(prices: Prices, key: str) -> tuple[Plan, Load]:
    """Return a car's best plan at the prices, as if it were the only one."""
    rooms = prices.rooms
    problem = prices.apply(key, rooms.left(key, {}))
    made = plan(problem, rooms.now)
    return made, rooms.load(key, made, problem.signals.solar)


def _in_turn(prices: Prices, round_: int) -> Iterator[Draft]:
    """Yield plans made one after another at the prices, each car once the first."""
    desk, rooms = prices.desk, prices.rooms
    order = desk.order
    turn = round_ % len(order)
    for one in (order, [*order[turn:], *order[:turn]][::-1]):
        draft = Draft()
        for key in one:
            problem = rooms.left(key, draft.loads)
            made = plan(prices.apply(key, problem), rooms.now)
            draft.loads[key] = rooms.load(key, made, problem.signals.solar)
        for key in one:
            desk.add(draft, key)
        yield draft


def _energies(
    track: list[tuple[float, float, float]], edges: list[float]
) -> list[float]:
    """Return a track's energy in each cell, in kWh."""
    values = [0.0] * (len(edges) - 1)
    for start, end, kw in track:
        at = max(0, bisect_right(edges, start) - 1)
        while at < len(values) and edges[at] < end:
            inside = min(end, edges[at + 1]) - max(start, edges[at])
            values[at] += kw * max(0.0, inside) / 3600
            at += 1
    return values


def _least(one: Series, other: Series) -> Series:
    """Return the lower of two series, where only one is known that one."""
    points = sorted({p for item in (*one, *other) for p in (item.start, item.end)})
    found = []
    for start, end in pairwise(points):
        known = [
            value for value in (one.at(start), other.at(start)) if value is not None
        ]
        if known:
            found.append(Interval(start=start, end=end, value=min(known)))
    return Series(found)
