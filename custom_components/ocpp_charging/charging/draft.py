"""Between a car's slots and the bare task: builds the one, reads the other's answer."""

from bisect import bisect_left
from dataclasses import dataclass

from .optimum import solve
from .plan import ReasonKey
from .problem import Car, Preferences, Tie
from .slots import Slot
from .task import Answer, Task, Use
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
            pieces += _whole(
                slot, use.energy / slot.hours, step, later=tie is Tie.LATER
            )
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
    """Return whether a partial slot is a run of its own, free to move in its slot."""
    if task.rest is not None:
        return False
    if (
        before is not None
        and before.slot == use.slot - 1
        and not (before.partial and before.from_start)
    ):
        return False
    if after is not None and after.slot == use.slot + 1:
        return False
    if ask.resumes and use.slot == task.count - 1:
        return False
    return not (use.slot == 0 and ask.running and use.from_start)


def _whole(slot: Slot, power: float, step: float, *, later: bool) -> list[Piece]:
    """Return a slot that is on for its whole length.

    Where the power has steps, one between two of them is a time of each.
    """
    if not step:
        return [Piece(start=slot.start, end=slot.end, power=power)]
    low = int(power / step + 1e-6) * step
    share = (power - low) / step
    if share < 1e-6:
        return [Piece(start=slot.start, end=slot.end, power=low)]
    length = slot.end - slot.start
    order = ((low, 1 - share), (low + step, share))
    first, second = order if later else order[::-1]
    middle = slot.start + length * first[1]
    return [
        Piece(start=slot.start, end=middle, power=first[0]),
        Piece(start=middle, end=slot.end, power=second[0]),
    ]
