"""What a kWh counts in each slot: money, CO2 at its price, and what is not known."""

from dataclasses import dataclass
from math import inf

from .problem import Preferences, Tie
from .slots import Slot
from .task import Vertex

TIE_START = 2e-7
"""What a start counts where it costs nothing, as a share of the dearest plan's cost."""
TIE_TIME = 1e-8
"""The same for the time of charging: less than a start in all."""
TIE = 1e-6
"""Costs nearer than this share of the dearest plan's are equal."""
ROUNDING = 1e10
"""To how many parts of the dearest a cost per kWh is told apart from another: noise in
the last digits of a price makes no difference."""

BEYOND_MEASURE = 20.0
"""How many times as dear as the usual kWh one is that is no measure for the others."""


@dataclass(frozen=True, slots=True)
class Worth:
    """How the energy of a time's slots is judged."""

    begin: float
    end: float
    by_price: bool
    """Whether any price is known. Else CO2 alone decides, or nothing does."""
    known: bool
    """Whether anything is known that tells one time from another."""
    known_end: float
    """When what is known ends."""
    co2_price: float
    co2_mean: float
    later: float
    """What a kWh counts after what is known: as much as the cheapest that is known, and
    a little less, so that what can wait waits; but at most 0 is paid for waiting."""
    gap: float
    """What a kWh counts in a gap: more than all that is known."""
    scale: float
    """The dearest kWh, but for mad ones."""
    tie: Tie

    def priced(self, slot: Slot) -> bool:
        """Return whether it is known what energy costs in a slot."""
        return (slot.price if self.by_price else slot.co2) is not None

    def grid(self, slot: Slot) -> float:
        """Return what a kWh from the grid counts in a slot."""
        if not self.priced(slot):
            return self.later if slot.start >= self.known_end else self.gap
        return self._rounded(
            (slot.price or 0.0)
            + self.co2_price * (self.co2_mean if slot.co2 is None else slot.co2) / 1000
        )

    def _rounded(self, value: float) -> float:
        return round(value / self.scale * ROUNDING) / ROUNDING * self.scale

    def sun(self, slot: Slot) -> float:
        """Return what a kWh from the roof counts in a slot."""
        return self._rounded(slot.feed_in)

    def cost(self, slot: Slot, power: float) -> float:
        """Return what an hour at a power in kW counts in a slot."""
        if not slot.sun:
            return power * self.grid(slot)
        sun = min(power, slot.sun)
        return sun * self.sun(slot) + (power - sun) * self.grid(slot)

    def corners(
        self, slot: Slot, powers: tuple[float, float], step: float
    ) -> list[Vertex]:
        """Return the corners of a slot that is on for its whole length.

        Where energy from the roof is worth more than the grid's, it is either none or
        all: power between is no better, so only the ends are corners.
        """
        least, most = powers
        hours, grid, sun = slot.hours, self.grid(slot), slot.sun
        offset = self._offset(slot) * most
        if least >= most * (1 - 1e-9):
            at = [most]
        elif least * (1 + 1e-9) < sun < most * (1 - 1e-9) and not step:
            at = [least, sun, most]
        elif sun and step:
            below = int(sun / step + 1e-9) * step
            between = (one for one in (below, below + step) if least < one < most)
            at = [least, *between, most]
        else:
            at = [least, most]
        if not sun:
            return [(one * hours, (one * grid + offset) * hours) for one in at]
        own = self.sun(slot)
        hull: list[Vertex] = []
        for power in at:
            cost = power * own if power <= sun else sun * own + (power - sun) * grid
            point = (power, cost)
            while len(hull) > 1 and _above(hull[-2], hull[-1], point):
                hull.pop()
            hull.append(point)
        return [(power * hours, (cost + offset) * hours) for power, cost in hull]

    def _offset(self, slot: Slot) -> float:
        """Return what being on counts for its time, among equals."""
        place = ((slot.start + slot.end) / 2 - self.begin) / (self.end - self.begin)
        if self.tie is Tie.LATER or not self.priced(slot):
            place = 1 - place
        return TIE_TIME * self.scale * place


def _above(first: Vertex, middle: Vertex, last: Vertex) -> bool:
    """Return whether the middle point is not below the line between the others."""
    return (middle[1] - first[1]) * (last[0] - first[0]) >= (last[1] - first[1]) * (
        middle[0] - first[0]
    ) - 1e-12 * abs(last[1])


def _scale(costs: list[float]) -> float:
    """Return the dearest kWh, but for a few that are dearer beyond measure.

    Else a single mad price would make all others as good as equal.
    """
    ordered = sorted(map(abs, costs)) or [0.0]
    usual = BEYOND_MEASURE * ordered[len(ordered) // 2]
    return min(ordered[-1], usual or inf) or 1.0


def judge(slots: list[Slot], preferences: Preferences) -> Worth:
    """Return how the energy of some slots is judged."""
    by_price = any(slot.price is not None for slot in slots)
    by_co2 = not by_price and any(slot.co2 is not None for slot in slots)
    co2_price = preferences.co2_price
    if by_co2 and not co2_price:
        co2_price = 1.0
    hours = sum(slot.hours for slot in slots if slot.co2 is not None)
    mean = sum((slot.co2 or 0.0) * slot.hours for slot in slots)
    mean = mean / hours if hours else 0.0
    told = [
        slot for slot in slots if (slot.price if by_price else slot.co2) is not None
    ]
    costs = [
        (slot.price or 0.0)
        + co2_price * (mean if slot.co2 is None else slot.co2) / 1000
        for slot in told
    ]
    suns = [slot.feed_in for slot in slots if slot.sun]
    scale = _scale([*costs, *suns])
    later = max(0.0, min(costs)) if costs else max((*suns, 0.0)) + scale
    most = max((*costs, *suns), default=0.0)
    if told:
        later -= 1e-6 * scale
    start = preferences.start_cost
    return Worth(
        begin=slots[0].start if slots else 0.0,
        end=slots[-1].end if slots else 1.0,
        by_price=by_price,
        known=bool(told),
        known_end=max((slot.end for slot in told), default=-inf),
        co2_price=co2_price,
        co2_mean=mean,
        later=later,
        gap=most + 2 * scale + start,
        scale=scale,
        tie=preferences.tie,
    )
