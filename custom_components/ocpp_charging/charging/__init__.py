"""Decides who charges when, and how fast: time series in, a plan out.

Pure: no clock, no input or output. Whoever calls says what time it is.
"""

from .plan import (
    Eased,
    Period,
    Plan,
    Reason,
    ReasonKey,
    Shortfall,
    Step,
    Totals,
)
from .planner import plan
from .problem import (
    Car,
    Goal,
    Preferences,
    Problem,
    Signals,
    State,
    Tie,
    co2_price,
)
from .series import Interval, Series

__all__ = [
    "Car",
    "Eased",
    "Goal",
    "Interval",
    "Period",
    "Plan",
    "Preferences",
    "Problem",
    "Reason",
    "ReasonKey",
    "Series",
    "Shortfall",
    "Signals",
    "State",
    "Step",
    "Tie",
    "Totals",
    "co2_price",
    "plan",
]
