"""Hands out what several bounds leave, first to the first, evenly among equals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import ceil, floor

TINY = 1e-6


@dataclass(frozen=True, kw_only=True, slots=True)
class Seeker:
    """One who gets nothing, or something from `least` to `most` in whole steps."""

    key: str
    least: float
    most: float
    step: float
    priority: int = 0
    weight: float = 1.0
    content: float | None = None
    """With so much it is content while others can use the rest."""

    @property
    def smallest(self) -> float:
        """Return the least that is whole steps."""
        return on_step(ceil(self.least / self.step - TINY), self.step)

    @property
    def greatest(self) -> float:
        """Return the most that is whole steps."""
        return on_step(floor(self.most / self.step + TINY), self.step)

    @property
    def enough(self) -> float:
        """Return with how much it is content, in whole steps."""
        if self.content is None:
            return self.greatest
        whole = on_step(ceil(self.content / self.step - TINY), self.step)
        return min(self.greatest, max(self.smallest, whole))


@dataclass(frozen=True, kw_only=True, slots=True)
class Bound:
    """What some of them can have together."""

    name: str
    room: float
    takes: Mapping[str, float]
    """How much of the room each takes, by what it gets."""
    phase: int = 0
    """Of which phase it is. 0: of all."""

    def used(self, given: Mapping[str, float]) -> float:
        """Return how much of the room is taken."""
        return sum(takes * given.get(key, 0.0) for key, takes in self.takes.items())

    def left(self, given: Mapping[str, float]) -> float:
        """Return how much of the room is left."""
        return self.room - self.used(given)


def on_step(count: int, step: float) -> float:
    """Return so many steps, without the dust of a multiplication."""
    return round(count * step, 6)


def fits(bounds: Sequence[Bound], given: Mapping[str, float], key: str) -> bool:
    """Say whether nothing that one takes a part of is overdrawn."""
    return all(
        bound.left(given) >= -TINY for bound in bounds if bound.takes.get(key, 0.0) > 0
    )


def fill(seekers: Sequence[Seeker], bounds: Sequence[Bound]) -> dict[str, float]:
    """Return what each gets: within all bounds, nothing below its least.

    Those who come first in `seekers` get their least first. What is left goes to those
    of the highest priority, by their weights, then to the next; and when all have
    enough, what is still left in the same way to those who may have more.
    """
    given = dict.fromkeys((seeker.key for seeker in seekers), 0.0)
    for seeker in seekers:
        if seeker.greatest >= seeker.smallest:
            given[seeker.key] = seeker.smallest
            if not fits(bounds, given, seeker.key):
                given[seeker.key] = 0.0
    admitted = [seeker for seeker in seekers if given[seeker.key]]
    admitted.sort(key=lambda seeker: -seeker.priority)
    enough = {seeker.key: seeker.enough for seeker in admitted}
    greatest = {seeker.key: seeker.greatest for seeker in admitted}
    for goal in (enough, greatest) if enough != greatest else (greatest,):
        for _, tier in groupby(admitted, key=lambda seeker: seeker.priority):
            _raise(list(tier), goal, bounds, given)
    return given


def _raise(
    tier: Sequence[Seeker],
    goal: Mapping[str, float],
    bounds: Sequence[Bound],
    given: dict[str, float],
) -> None:
    """Raise all of a tier together, by their weights, to their goals or a bound."""
    rising = [seeker for seeker in tier if given[seeker.key] < goal[seeker.key]]
    while rising:
        time = min((goal[one.key] - given[one.key]) / one.weight for one in rising)
        for bound in bounds:
            rate = sum(bound.takes.get(one.key, 0.0) * one.weight for one in rising)
            if rate > 0:
                time = min(time, max(0.0, bound.left(given)) / rate)
        for one in rising:
            given[one.key] += one.weight * time
        full = [bound for bound in bounds if bound.left(given) <= TINY]
        rising = [
            one
            for one in rising
            if given[one.key] < goal[one.key] - TINY
            and not any(bound.takes.get(one.key, 0.0) > 0 for bound in full)
        ]
    for one in tier:
        given[one.key] = on_step(floor(given[one.key] / one.step + TINY), one.step)
    _give_rest(tier, goal, bounds, given)


def _give_rest(
    tier: Sequence[Seeker],
    goal: Mapping[str, float],
    bounds: Sequence[Bound],
    given: dict[str, float],
) -> None:
    """Give what whole steps have left over, a step each in turn."""
    waiting = list(tier)
    while waiting:
        still = []
        for one in waiting:
            before = given[one.key]
            given[one.key] = on_step(round(before / one.step) + 1, one.step)
            if given[one.key] <= goal[one.key] + TINY and fits(bounds, given, one.key):
                still.append(one)
            else:
                given[one.key] = before
        waiting = still
