"""The least cost by the minute, for a car of 1 kW: exact, simple, and nothing of ours.

A kWh is an hour at the price of each minute. Where all times and the energy are whole
minutes no plan is cheaper: at most one interval is used in part, by what is left over.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import accumulate
from math import inf

import numpy as np

from custom_components.ocpp_charging.charging import Series

MINUTE = timedelta(minutes=1)


def prices_by_minute(
    known: Series, begin: datetime, end: datetime, cap: float | None = None
) -> list[float]:
    """Return the price of each minute, inf where it is unknown or above the cap."""
    found = []
    for one in range(round((end - begin) / MINUTE)):
        price = known.at(begin + one * MINUTE + MINUTE / 60)
        usable = price is not None and (cap is None or price <= cap)
        found.append(price if usable and price is not None else inf)
    return found


def cheapest(prices: Sequence[float], length: int) -> float:
    """Return what the cheapest minutes cost."""
    return sum(sorted(prices)[:length]) / 60


def cheapest_stretch(prices: Sequence[float], length: int) -> float:
    """Return what the cheapest stretch costs; inf where there is none."""
    closed = [0, *accumulate(price == inf for price in prices)]
    sums = [0.0, *accumulate(0.0 if price == inf else price for price in prices)]
    return min(
        (
            (sums[begin + length] - sums[begin]) / 60
            for begin in range(len(prices) - length + 1)
            if closed[begin] == closed[begin + length]
        ),
        default=inf,
    )


def cheapest_with_starts(
    prices: Sequence[float], length: int, start_cost: float
) -> float:
    """Return what the best minutes and their starts cost.

    By how many minutes it was on so far, and whether it is on, minute by minute.
    """
    off = np.full(length + 1, inf)
    on = np.full(length + 1, inf)
    off[0] = 0.0
    for price in prices:
        begun = np.minimum(on, off + start_cost)
        off = np.minimum(off, on)
        on = np.concatenate(([inf], begun[:-1] + price / 60))
    return float(min(off[-1], on[-1]))
