"""Decides who charges when, and how fast: time series in, a plan out.

Pure: no clock, no input or output. Whoever calls says what time it is.
"""

from .circuits import Circuit, Circuits
from .joint import JointPlan, plan_greedy, plan_jointly
from .joint_site import PeakTariff, Place, Site, load_of_power
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
    "Circuit",
    "Circuits",
    "Eased",
    "Goal",
    "Interval",
    "JointPlan",
    "PeakTariff",
    "Period",
    "Place",
    "Plan",
    "Preferences",
    "Problem",
    "Reason",
    "ReasonKey",
    "Series",
    "Shortfall",
    "Signals",
    "Site",
    "State",
    "Step",
    "Tie",
    "Totals",
    "co2_price",
    "load_of_power",
    "plan",
    "plan_greedy",
    "plan_jointly",
]
