"""Why a car waits where it is others that leave it no room."""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from math import inf

from .account import SMALL
from .joint_draft import Draft
from .joint_load import Load, spread
from .joint_room import Rooms
from .plan import Plan, Reason, ReasonKey, Step, Totals
from .slots import power_range


def told(rooms: Rooms, draft: Draft, key: str, apart: Plan) -> Plan:
    """Return a car's plan with the reasons of what is shared.

    What it would come to at once and at the latest is told with the sun that the other
    cars leave; as if it were alone where they leave too little room for that.
    """
    made = draft.plans[key]
    steps: list[Step] = []
    for step in made.steps:
        reason = step.reason
        if reason.key is ReasonKey.POWER_LIMIT:
            reason = _reason(rooms, draft.loads, key, made, step)
        if (
            steps
            and steps[-1].power_w == step.power_w
            and steps[-1].reason == reason
            and steps[-1].end == step.start
        ):
            step = replace(step, start=steps.pop().start)
        steps.append(replace(step, reason=reason))
    return replace(
        made,
        steps=tuple(steps),
        at_once=_otherwise(made.at_once, apart.at_once),
        at_the_latest=_otherwise(made.at_the_latest, apart.at_the_latest),
    )


def _otherwise(beside: Totals | None, alone: Totals | None) -> Totals | None:
    """Return what another way comes to beside the other cars, else alone."""
    if beside is None or alone is None:
        return None
    less = beside.energy_kwh < alone.energy_kwh - SMALL
    return alone if less else beside


def _reason(
    rooms: Rooms, loads: Mapping[str, Load], key: str, made: Plan, step: Step
) -> Reason:
    """Return what keeps a car from charging in a step."""
    middle = step.start + (step.end - step.start) / 2
    at = (middle - rooms.now).total_seconds()
    cell = bisect_right(rooms.edges, at) - 1
    alone, among = (inf, ReasonKey.POWER_LIMIT), inf
    first: str | None = None
    for rule in rooms.rules:
        if key not in rule.share:
            continue
        room, share = rule.room[cell], rule.share[key]
        alone = min(alone, (1000 * room / share, rule.key))
        taken = {
            one: rule.share[one] * power_at(load, at)
            for one, load in loads.items()
            if one != key and one in rule.share
        }
        left = 1000 * max(0.0, room - sum(taken.values())) / share
        if left < among:
            among, first = left, max(taken, key=lambda one: taken[one], default=None)
    car = rooms.cars[key].car
    turn = _next(made, step.end)
    if power_range(car, alone[0] / 1000) is None:
        return Reason(key=alone[1], limit=round(alone[0], 1))
    if power_range(car, among / 1000) is None:
        limit = round(among, 1)
        return Reason(key=ReasonKey.OTHER_CAR, limit=limit, at=turn, car=first)
    if rooms.site.peak is not None:
        limit = (step.reason.limit or 0.0) if step.reason.limit != inf else 0.0
        return Reason(key=ReasonKey.PEAK, limit=round(limit, 1), at=turn)
    return step.reason


def power_at(load: Load, at: float) -> float:
    """Return what a load draws at a time, in kW."""
    return spread(load.power, [at - 0.01, at + 0.01])[0]


def _next(made: Plan, moment: datetime) -> datetime | None:
    """Return when a plan charges next."""
    return next((one.start for one in made.periods if one.end > moment), None)
