"""Better prices on what is shared, from all plans that are known (Dantzig and Wolfe).

A column is one plan of one car: what it costs, and what it takes of everything shared.
The program that mixes columns until all fits says what more room would be worth.
Its prices jump from one round to the next, so near the best prices so far they are
free, and further away they pay a toll (du Merle and others 1999).
"""

from dataclasses import dataclass, field

from .joint_load import Load
from .joint_program import Program

TOLL = 0.06
"""How much of what all could take at once may be bought or sold at the toll."""

LITTLE = 1e-6
"""Of what less is in a mixture, nothing is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Need:
    """Something shared in a cell, in the unit that its price is for."""

    room: float
    most: float
    """What all would take at their most."""
    dearest: float
    """What its price is at most; inf where nothing says."""


@dataclass(kw_only=True, slots=True)
class Column:
    """One plan of one car."""

    load: Load
    cost: float
    taken: dict[int, float]
    """What it takes of which need."""
    weight: float = 0.0
    """How much of it is in the last mixture, 0 to 1."""


@dataclass(kw_only=True, slots=True)
class Columns:
    """All plans that are known."""

    needs: list[Need]
    known: dict[str, list[Column]] = field(default_factory=dict)

    def add(self, key: str, column: Column) -> None:
        """Add a car's plan."""
        known = self.known.setdefault(key, [])
        if all(column.load != one.load for one in known):
            known.append(column)

    def mixed(self, center: list[float], width: float) -> list[float]:
        """Mix what is known at the least cost, and return the prices of that.

        Without a toll they are at most `width` from a center. What they were is
        returned where no mixture fits.
        """
        program = Program()
        rows: list[list[tuple[int, float]]] = [[] for _ in self.needs]
        every = [one for columns in self.known.values() for one in columns]
        for place, column in enumerate(every):
            program.column(cost=column.cost)
            for at, amount in column.taken.items():
                rows[at].append((place, amount))
        for need, terms, price in zip(self.needs, rows, center, strict=True):
            toll = TOLL * need.most
            high, low = min(need.dearest, price + width), max(0.0, price - width)
            terms.append((program.column(cost=high, high=toll), -1.0))
            terms.append((program.column(cost=-low, high=toll), 1.0))
            terms.append((program.column(cost=need.dearest), -1.0))
            program.row(terms, high=need.room)
        first = 0
        for columns in self.known.values():
            places = range(first, first + len(columns))
            program.row([(place, 1.0) for place in places], low=1.0, high=1.0)
            first = places.stop
        values, duals = program.relaxed()
        if not values:
            return center
        for column, value in zip(every, values, strict=False):
            column.weight = value
        return [max(0.0, -one) for one in duals[: len(self.needs)]]

    def mixture(self) -> dict[str, list[Load]]:
        """Return the plans of which something is in the last mixture."""
        return {
            key: [one.load for one in columns if one.weight > LITTLE]
            for key, columns in self.known.items()
        }
