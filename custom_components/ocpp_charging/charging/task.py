"""The bare problem behind a plan: which slots to be on in, and how much in each.

Numbers only, no times: what `slots` makes of a car's problem, and `optimum` solves.
"""

from copy import copy
from dataclasses import dataclass, field
from itertools import pairwise
from math import inf

type Vertex = tuple[float, float]
"""Energy in kWh and cost of a slot that is on for its whole length."""


@dataclass(kw_only=True, slots=True)
class Task:
    """Slots 0 to n - 1 in the order of time, with points 0 to n between them.

    A run is a stretch of slots that are on. Its first slot may begin late, or its
    last end early. Costs must leave room to no run with a cost below zero for starting.
    """

    vertices: list[list[Vertex]]
    """For each slot the corners of its cost over its energy when it is on for its
    whole length: ascending and convex. None when it can't be on."""
    energy: float
    """What the slots and the spare give together, kWh: exactly this much."""
    spare: float = 0.0
    """How much of it may be left out, kWh."""
    spare_price: float = 0.0
    """What leaving it out costs per kWh."""
    start_cost: float = 0.0
    hold: list[int] | None = None
    """For each point the first point at which a run that begins there may end,
    unless nothing comes after it. None: at any."""
    rest: list[int] | None = None
    """For each point the first point at which a run may begin after one that ends
    there. None: at any."""
    one_block: bool = False
    """Whether there may be only one run."""
    on: bool = False
    """Whether a run is under way at point 0."""
    held_to: int = 0
    """The point before which a run under way may not end."""
    rests_to: int = 0
    """The point before which no run may begin, when none is under way."""
    resumes: bool = False
    """Whether it is on after the last point: a run that lasts until then is not
    ended there, and without one there is another start."""
    tie: float = 0.0
    """Which difference in cost only serves to choose among plans as good as equal."""
    ratio: list[int] = field(init=False)
    """For each slot the corner with the lowest cost per kWh: what a slot that is
    on for a part of its length only costs, for each kWh."""

    ends: list[tuple[float, float, float, float, float]] = field(init=False)
    """For each slot the slope between its first corner and its last, and the two."""
    bent: list[tuple[int, list[float], list[Vertex]]] = field(init=False)
    """The slots with more corners, with the slopes between them, ascending."""
    count: int = field(init=False)
    """How many slots there are."""
    closed: list[int] = field(init=False)
    """For each point the first slot at or after it that can't be on."""

    def __post_init__(self) -> None:
        """Find what is asked for again and again."""
        self.count = len(self.vertices)
        closed = [self.count]
        for at in range(self.count - 1, -1, -1):
            closed.append(closed[-1] if self.vertices[at] else at)
        self.closed = closed[::-1]
        self.ends = [_ends(corners) for corners in self.vertices]
        self.bent = [
            (slot, _slopes(corners), corners)
            for slot, corners in enumerate(self.vertices)
            if len(corners) > 2
        ]
        self.ratio = [_cheapest(corners) for corners in self.vertices]

    def with_start_cost(self, cost: float) -> Task:
        """Return the task with another cost of a start."""
        other = copy(self)
        other.start_cost = cost
        return other

    @property
    def plain(self) -> bool:
        """Return whether runs and pauses may have any length."""
        return self.hold is None and self.rest is None


def _cheapest(corners: list[Vertex]) -> int:
    """Return the corner with the lowest cost per kWh; of equals the last."""
    best, lowest = 0, inf
    for at, (energy, cost) in enumerate(corners):
        if cost / energy <= lowest:
            best, lowest = at, cost / energy
    return best


def _slopes(corners: list[Vertex]) -> list[float]:
    """Return the slopes between each two corners."""
    return [
        (high - low) / (most - least)
        for (least, low), (most, high) in pairwise(corners)
    ]


def _ends(corners: list[Vertex]) -> tuple[float, float, float, float, float]:
    """Return the slope between the first corner and the last, and the two."""
    if not corners:
        return inf, 0.0, inf, 0.0, inf
    least, low = corners[0]
    most, high = corners[-1]
    slope = (high - low) / (most - least) if most > least else -inf
    return slope, least, low, most, high


@dataclass(kw_only=True, slots=True, frozen=True)
class Use:
    """How one slot is used."""

    slot: int
    energy: float
    """In kWh."""
    partial: bool = False
    """Whether it is on for a part of its length only, at the power of its corner
    of the lowest cost per kWh."""
    from_start: bool = True
    """Whether a partial slot's part is at its beginning."""


@dataclass(kw_only=True, slots=True, frozen=True)
class Answer:
    """The solution of a task."""

    uses: tuple[Use, ...]
    spared: float
    """What was left out, kWh."""
    cost: float
    bound: float
    """What no solution can be below; `cost` where the solution is known to be best."""
