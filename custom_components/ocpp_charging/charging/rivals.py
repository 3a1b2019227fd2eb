"""Labels of `search`, and which of them another one makes superfluous."""

from dataclasses import dataclass

RIVALS = 12
"""With how many of the best labels of a point each is compared."""

type Step = tuple[Step | None, int, float, float, bool, bool]
"""The step before, a slot, its energy in kWh, how much more it may take (0: none),
whether it is on in part, and whether that part is at its beginning."""
type Label = tuple[float, float, float, float, int, int, float, float, Step | None]
"""Energy and cost so far; how much energy may still be added in open slots, and what
that costs per kWh; the point before which the run may not end unless it is the last;
the number of starts to come, if it is given; the lowest and the highest price that the
last kWh may have; the last step."""


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

    def reduced(self, label: Label) -> float:
        """Return a label's cost less what its energy earns."""
        value = label[1] - self.price * label[0]
        return value + min(0.0, (label[3] - self.price) * label[2])

    def thinned(self, labels: list[Label]) -> list[Label]:
        """Drop labels that another one makes superfluous."""
        if len(labels) < 2:
            return labels
        kept: list[Label] = []
        for label in sorted(labels, key=self.reduced):
            if not self._superfluous(label, kept[:RIVALS]):
                kept.append(label)
        return kept

    def _superfluous(self, label: Label, rivals: list[Label]) -> bool:
        """Return whether one rival, or several together, are better than a label."""
        for rival in rivals:
            if self._dominates(rival, label):
                return True
        width = label[2]
        if not width:
            return False
        at, end = label[0], label[0] + width
        while at < end - self.small:
            for rival in rivals:
                reach = self._reach(rival, label, at)
                if reach > at + self.small:
                    at = reach
                    break
            else:
                return False
        return True

    def _reach(self, one: Label, other: Label, at: float) -> float:
        """Return up to which energy one is better than another from an energy on."""
        if one[4] > other[4] or one[5] != other[5]:
            return at
        energy, cost, width, slope = one[:4]
        worth = other[1] + (at - other[0]) * other[3] - self.margin
        if energy > at:
            if cost - (energy - at) * self.least > worth:
                return at
            worth += (energy - at) * other[3]
            at = energy
            ahead = worth - cost
        else:
            if energy + width <= at:
                return at
            ahead = worth - cost - (at - energy) * slope
            if ahead < 0:
                return at
        if not width or ahead < 0:
            return at
        end = energy + width
        loss = slope - other[3]
        if loss <= 0 or ahead >= loss * (end - at):
            return end
        return at + ahead / loss

    def _dominates(self, one: Label, other: Label) -> bool:
        """Return whether one is better than the other, whatever follows.

        What follows can always be cut at its end by the energy that one has more,
        which saves at least the least slope for each kWh. Of two as good as each
        other one goes only if both are open, or neither is.
        """
        if one[4] > other[4] or one[5] != other[5]:
            return False
        energy, cost, width, slope = one[:4]
        slack = self.eps if (width > 0) == (other[2] > 0) else -self.margin
        for added in (0.0, other[2]) if other[2] else (0.0,):
            more = energy - other[0] - added
            if more > self.small:
                own = cost - more * self.least
            elif more >= -width - self.small:
                own = cost - min(more, 0.0) * slope
            else:
                return False
            if own > other[1] + added * other[3] + slack:
                return False
        return True
