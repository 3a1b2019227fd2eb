"""What each of several cars has to choose, beside what leaves no choice."""

from dataclasses import dataclass, field

from .account import SMALL
from .joint_draft import Draft
from .joint_load import Load, within
from .joint_room import Rooms
from .plan import ReasonKey
from .problem import Preferences
from .slots import Slot

SETTLED = {ReasonKey.MINIMUM, ReasonKey.RESERVE, ReasonKey.AT_ONCE}
"""What leaves no choice: the one-car planner has settled it. Not what is made up for
after the car should have been ready: that takes what room is left then."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A car in a cell: the places of its variables, -1 where there is none."""

    at: int
    slot: Slot
    least: float
    most: float
    energy: int
    """In kWh."""
    sun: int
    on: int
    power: int
    """What is taken of the room while it is on, in kW."""


@dataclass(kw_only=True, slots=True)
class Part:
    """What one car has to choose."""

    key: str
    begin: float
    end: float
    wanted: float
    """In kWh."""
    extra: float
    resumes: bool
    running: bool
    settled: Load
    cells: dict[int, Cell] = field(default_factory=dict)
    starts: dict[int, int] = field(default_factory=dict)
    short: int = -1
    spared: int = -1
    again: int = -1


def part_of(rooms: Rooms, draft: Draft, key: str) -> Part:
    """Return what a car has to choose, beside what is settled."""
    scene, made, load = rooms.scenes[key], draft.plans[key], draft.loads[key]
    needs, goal = scene.needs, scene.problem.goal
    capped = goal.price_cap is not None or goal.co2_cap is not None
    begin, end = scene.begin, scene.horizon
    fixed: list[tuple[float, float, ReasonKey]] = []
    for step in made.steps:
        if step.power_w and step.reason.key in SETTLED:
            start = (step.start - rooms.now).total_seconds()
            until = (step.end - rooms.now).total_seconds()
            fixed.append((start, until, step.reason.key))
    resumes = False
    for start, until, why in fixed:
        if why is ReasonKey.MINIMUM:
            begin = max(begin, until)
        if why is ReasonKey.RESERVE:
            end, resumes = min(end, start), True
    power = within(load.power, [(a, b) for a, b, _ in fixed])
    given = sum(kw * (until - start) / 3600 for start, until, kw in power)
    wanted = max(0.0, scene.units(0.0, needs.total) - given)
    extra = scene.units(needs.total, needs.total + needs.extra)
    sun = within(load.sun, [(a, b) for a, b, _ in fixed])
    forced = capped and needs.essential > needs.minimum + SMALL
    if end <= begin or wanted + extra <= SMALL or forced:
        power, sun, end = load.power, load.sun, begin
    first = min((a for a, _, _ in fixed), default=1.0)
    running = (scene.problem.state.running and begin <= 0) or (
        first <= 0 < begin and any(abs(until - begin) < 1e-3 for _, until, _ in fixed)
    )
    return Part(
        key=key,
        begin=begin,
        end=end,
        wanted=wanted,
        extra=extra,
        resumes=resumes,
        running=running,
        settled=Load(power=power, sun=sun),
    )


def counts_starts(wish: Preferences) -> bool:
    """Say whether it counts how often a car starts."""
    return bool(
        wish.start_cost > 0 or wish.one_block or wish.minimum_run or wish.minimum_pause
    )
