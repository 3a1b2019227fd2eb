"""Between a car's slots and the bare task: builds the one, reads the other's answer."""

from bisect import bisect_left
from dataclasses import dataclass
from itertools import pairwise
from math import inf

from .optimum import solve
from .plan import Eased, ReasonKey
from .problem import Car, Preferences, Tie
from .slots import Slot
from .task import Answer, Task, Use, Vertex
from .worth import TIE, TIE_START, Worth


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """A time of charging at one power. Times in seconds since now."""

    start: float
    end: float
    power: float
    """In kW."""
    why: ReasonKey | None = None
    """The reason, where it is not the price's."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ask:
    """What is asked of some slots."""

    slots: list[Slot]
    powers: list[tuple[float, float] | None]
    """The least and the most power in kW of each slot, None where it can't be on."""
    energy: float
    """What they give with the extra, kWh."""
    extra: float = 0.0
    """How much of it may be left out, kWh."""
    extra_below: float = 0.0
    running: bool = False
    """Whether it charges just before the first slot."""
    since: float | None = None
    """When it began to charge or ended."""
    resumes: bool = False
    """Whether it charges just after the last slot."""
    eased: bool = False
    """Whether to leave out what is preferred of runs and pauses."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """What was found for an `Ask`."""

    pieces: list[Piece]
    extra: float
    """How much of the extra is charged, kWh."""
    cost: float
    """Money, CO2 and starts together, as the planner counts them."""
    gap: float


def room(ask: Ask) -> float:
    """Return the most that the slots can give, kWh."""
    return sum(
        powers[1] * slot.hours
        for slot, powers in zip(ask.slots, ask.powers, strict=True)
        if powers
    )


def find(ask: Ask, worth: Worth, preferences: Preferences, car: Car) -> Found | None:
    """Return the best for what is asked, None when it can't be given that way."""
    if ask.energy - ask.extra > room(ask) + 1e-9 * ask.energy:
        return None
    task = _task(ask, worth, preferences, car.step_w / 1000)
    answer = solve(task)
    if answer is None:
        return None
    gap = answer.cost - answer.bound
    return Found(
        pieces=_pieces(ask, task, answer, preferences.tie, worth, car.step_w / 1000),
        extra=ask.extra - answer.spared,
        cost=answer.cost,
        gap=gap if gap > task.tie else 0.0,
    )


def everything(ask: Ask) -> Found:
    """Return all that the slots can give."""
    return Found(
        pieces=[
            Piece(start=slot.start, end=slot.end, power=powers[1])
            for slot, powers in zip(ask.slots, ask.powers, strict=True)
            if powers
        ],
        extra=0.0,
        cost=0.0,
        gap=0.0,
    )


def given_up(
    ask: Ask, pieces: list[Piece], preferences: Preferences
) -> tuple[Eased, ...]:
    """Return what was preferred of runs and pauses, and is not so in these pieces."""
    if not ask.eased:
        return ()
    runs: list[tuple[float, float]] = []
    for piece in pieces:
        if runs and piece.start - runs[-1][1] < 1e-3:
            runs[-1] = (runs[-1][0], piece.end)
        else:
            runs.append((piece.start, piece.end))
    if runs and ask.running and runs[0][0] <= ask.slots[0].start + 1e-3:
        runs[0] = (-inf if ask.since is None else ask.since, runs[0][1])
    run = preferences.minimum_run.total_seconds() - 1e-3
    pause = preferences.minimum_pause.total_seconds() - 1e-3
    broken = {
        Eased.ONE_BLOCK: preferences.one_block and len(runs) > 1,
        Eased.MINIMUM_RUN: any(end - start < run for start, end in runs[:-1]),
        Eased.MINIMUM_PAUSE: any(
            later[0] - one[1] < pause for one, later in pairwise(runs)
        ),
    }
    return tuple(one for one, so in broken.items() if so)


def _task(ask: Ask, worth: Worth, preferences: Preferences, step: float) -> Task:
    """Return the bare task of what is asked."""
    slots = ask.slots
    edges = [slots[0].start, *(slot.end for slot in slots)]
    count = len(slots)

    def first_from(time: float) -> int:
        return min(count, bisect_left(edges, time - 1e-3))

    run = preferences.minimum_run.total_seconds()
    pause = preferences.minimum_pause.total_seconds()
    timed = not ask.eased and (run > 0 or pause > 0)
    since = ask.since
    dearest = worth.scale * ask.energy
    return Task(
        vertices=[
            worth.corners(slot, powers, step) if powers else []
            for slot, powers in zip(slots, ask.powers, strict=True)
        ],
        energy=ask.energy,
        spare=ask.extra,
        # What costs just as much as the limit is taken.
        spare_price=ask.extra_below + 1e-5 * worth.scale,
        start_cost=preferences.start_cost + TIE_START * dearest,
        hold=[first_from(edge + run) for edge in edges] if timed else None,
        rest=[first_from(edge + pause) for edge in edges] if timed else None,
        one_block=preferences.one_block and not ask.eased,
        on=ask.running,
        held_to=(
            first_from(since + run)
            if timed and ask.running and since is not None
            else 0
        ),
        rests_to=(
            first_from(since + pause)
            if timed and not ask.running and since is not None
            else 0
        ),
        resumes=ask.resumes,
        tie=TIE * dearest,
    )


def _pieces(
    ask: Ask, task: Task, answer: Answer, tie: Tie, worth: Worth, step: float
) -> list[Piece]:
    """Return the times and powers of an answer."""
    pieces: list[Piece] = []
    around = (None, *answer.uses, None)
    for use, before, after in zip(answer.uses, around[:-2], around[2:], strict=True):
        slot = ask.slots[use.slot]
        if not use.partial:
            power = use.energy / slot.hours
            low, high = power, power
            if step:
                low = int(power / step + 1e-6) * step
                high = low + step
            if slot.sun and worth.sun(slot) > worth.grid(slot):
                low, high = _around(task.vertices[use.slot], use.energy, slot.hours)
            pieces += _mixed(slot, power, low, high, later=tie is Tie.LATER)
            continue
        whole, _ = task.vertices[use.slot][task.ratio[use.slot]]
        length = (slot.end - slot.start) * min(1.0, use.energy / whole)
        from_start = use.from_start
        if _alone(ask, task, use, before, after):
            late = tie is Tie.LATER or not worth.priced(slot)
            from_start = not late
        start = slot.start if from_start else slot.end - length
        power = whole / slot.hours
        pieces.append(Piece(start=start, end=start + length, power=power))
    return pieces


def _alone(
    ask: Ask, task: Task, use: Use, before: Use | None, after: Use | None
) -> bool:
    """Return whether a partial slot may lie at either end of its slot.

    So it may when it is a run of its own, or meets one on both sides.
    """
    if not task.plain:
        return False
    meets = (
        before is not None
        and before.slot == use.slot - 1
        and not (before.partial and before.from_start)
    ) or (use.slot == 0 and ask.running)
    met = (
        after is not None
        and after.slot == use.slot + 1
        and (not after.partial or after.from_start)
    ) or (use.slot == task.count - 1 and ask.resumes)
    return meets == met


def _around(corners: list[Vertex], energy: float, hours: float) -> tuple[float, float]:
    """Return the powers in kW of the corners next to an energy."""
    at = min(bisect_left(corners, (energy, -inf)), len(corners) - 1)
    return corners[max(0, at - 1)][0] / hours, corners[at][0] / hours


def _mixed(
    slot: Slot, power: float, low: float, high: float, *, later: bool
) -> list[Piece]:
    """Return a slot that is on for its whole length, at two powers for some time each.

    So it is where the power has steps, and where energy from the roof would earn more
    than the grid's costs: there a power between two corners would cost more.
    """
    share = (power - low) / (high - low) if high > low else 0.0
    if share < 1e-6 or share > 1 - 1e-6:
        one = high if share > 0.5 else low
        return [Piece(start=slot.start, end=slot.end, power=one)]
    order = ((low, 1 - share), (high, share))
    first, second = order if later else order[::-1]
    middle = slot.start + (slot.end - slot.start) * first[1]
    return [
        Piece(start=slot.start, end=middle, power=first[0]),
        Piece(start=middle, end=slot.end, power=second[0]),
    ]
