"""Labels of `search`, and which of them another one makes superfluous."""

from dataclasses import dataclass
from operator import itemgetter

RIVALS = 12
"""With how many of the best labels of a point each is compared."""

type Step = tuple[Step | None, int, float, float, bool, bool]
"""The step before, a slot, its energy in kWh, how much more it may take (0: none),
whether it is on in part, and whether that part is at its beginning."""
type Label = tuple[
    float, float, float, float, int, int, float, float, Step | None, float
]
"""Energy and cost so far; how much energy may still be added in open slots, and what
that costs per kWh; the point before which the run may not end unless it is the last;
the number of starts to come, if it is given; the lowest and the highest price that the
last kWh may have; the last step; the cost less what the energy earns."""
REDUCED = itemgetter(9)
"""By which labels are compared."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rivals:
    """Compares labels that stand at the same point, in the same state."""

    price: float
    """Of energy, where the bound is best."""
    least: float
    """The least that can be saved for each kWh that is taken away from a plan."""
    small: float
    """Energies that differ by less are equal."""
    eps: float
    """Costs that differ by less are equal."""
    margin: float
    """More than what the rounding of slopes makes of a cost."""

    def reduced(self, energy: float, cost: float, width: float, slope: float) -> float:
        """Return a label's cost less what its energy earns."""
        value = cost - self.price * energy
        return value + (slope - self.price) * width if slope < self.price else value

    def thinned(self, labels: list[Label]) -> list[Label]:
        """Drop labels that another one makes superfluous; the best are the first."""
        if len(labels) < 2:
            return labels
        kept: list[Label] = []
        for label in sorted(labels, key=REDUCED):
            end = label[0] + label[2] - self.small
            for one in kept[:RIVALS]:
                if one[0] + one[2] >= end and self._dominates(one, label):
                    break
            else:
                kept.append(label)
        return kept

    def _dominates(self, one: Label, other: Label) -> bool:
        """Return whether one is better than the other, whatever follows.

        It can give as much. What follows can always be cut at its end by the energy
        that one has more, which saves at least the least slope for each kWh. Of two as
        good as each other one goes only if both are open, or neither is.
        """
        if one[4] > other[4] or one[5] != other[5]:
            return False
        energy, cost, width, slope = one[:4]
        slack = self.eps if (width > 0) == (other[2] > 0) else -self.margin
        for added in (0.0, other[2]) if other[2] else (0.0,):
            more = energy - other[0] - added
            if more > self.small:
                own = cost - more * self.least
            else:
                own = cost - min(more, 0.0) * slope
            if own > other[1] + added * other[3] + slack:
                return False
        return True
