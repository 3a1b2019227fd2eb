"""Whether the car at a connector can be charged on one phase in place of three."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from ..charging.phases import ALL, PhaseState
from .connector_plan import ConnectorPlan

SETTLES: Final = timedelta(minutes=2)
"""By then a charger that is there has been told of a switch."""


def phases_of_car(plan: ConnectorPlan) -> int:
    """Return how many phases the car uses, when it may use all.

    Where nothing is known it is all: with the sun it then begins rather late.
    """
    return ALL if plan.problem is None else plan.problem.car.phases


def can_switch(plan: ConnectorPlan) -> bool:
    """Say whether charger and car can do with one phase or with three."""
    return plan.charger.can_switch_phases and phases_of_car(plan) == ALL


def carried(plan: ConnectorPlan, state: PhaseState, now: datetime) -> PhaseState:
    """Return the state of the phases to decide with.

    What the charger was told counts, through a restart too, and whatever it was told
    for; only what was decided a moment ago is still on its way.
    """
    kept = plan.charger.memory.phases.get(plan.key[1])
    if not can_switch(plan):
        phases = phases_of_car(plan)
        if state.phases == phases:
            return state
        return PhaseState(phases=phases, switches=state.switches)
    if state.switches and now - state.switches[-1] < SETTLES:
        return state
    if kept is None:
        return replace(state, phases=ALL, switches=())
    return replace(state, phases=kept.phases, switches=kept.switched)
