"""Why a plan charges when it does, and why not at other times."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import inf

from .account import Drawn
from .plan import Reason, ReasonKey, Step
from .problem import Goal
from .slots import Slot, above_cap, clip, slot_at
from .worth import Worth


@dataclass(frozen=True, kw_only=True, slots=True)
class Story:
    """What a plan's reasons are told from."""

    now: datetime
    goal: Goal
    worth: Worth
    is_open: Callable[[Slot], bool]
    """Whether the car may draw enough to charge in a slot, caps aside."""
    line: list[Slot]
    """All slots from now on, one after the other."""
    drawn: list[Drawn]
    begin: float
    """When charging may begin, in seconds since now."""
    wanted: bool
    """Whether there was anything to charge."""
    whole: bool
    """Whether the plan charges all that is needed, in time or later."""
    kept: float
    """What another plan would gain, 0 where there was none."""

    def at(self, time: float) -> datetime:
        """Return a time in seconds since now."""
        return self.now + timedelta(seconds=time)


def steps(story: Story, end: float) -> tuple[Step, ...]:
    """Return everything until an end, and at least until charging ends."""
    drawn = story.drawn
    end = max(end, drawn[-1].piece.end if drawn else 0.0)
    mean, dear = _usual(story)
    found: list[Step] = []
    coming: _Coming | None = None
    until = story.now
    for slot, one, following in _segments(story, end):
        if following is not None and (coming is None or coming.drawn is not following):
            coming = _coming(story, following)
        if one is None:
            power = 0.0
            reason = _waiting(story, slot, coming if following else None)
        else:
            power = round(one.piece.power * 1000, 3)
            reason = _charging(story, slot, one, mean, dear)
        start, until = until, story.at(slot.end)
        if found and found[-1].power_w == power and found[-1].reason == reason:
            start = found.pop().start
        if until > start:
            found.append(Step(start=start, end=until, power_w=power, reason=reason))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Coming:
    """The next time of charging, as those before it are told of it."""

    drawn: Drawn
    at: datetime
    priced: bool
    power: float
    price: float
    """What a kWh counts then."""


def _coming(story: Story, drawn: Drawn) -> _Coming:
    """Return what is told of a time of charging."""
    piece, worth = drawn.piece, story.worth
    slot = slot_at(story.line, piece.start)
    return _Coming(
        drawn=drawn,
        at=story.at(piece.start),
        priced=worth.priced(slot),
        power=piece.power,
        price=worth.cost(slot, piece.power) / piece.power,
    )


def _segments(
    story: Story, end: float
) -> Iterator[tuple[Slot, Drawn | None, Drawn | None]]:
    """Yield each slot or part of it with what is drawn in it, and what is next."""
    coming = iter(story.drawn)
    one = next(coming, None)
    for slot in clip(story.line, 0.0, end):
        at = slot.start
        while at < slot.end:
            while one is not None and one.piece.end <= at:
                one = next(coming, None)
            if one is None or one.piece.start >= slot.end:
                until, active = slot.end, None
            elif one.piece.start > at:
                until, active = one.piece.start, None
            else:
                until, active = min(slot.end, one.piece.end), one
            whole = at == slot.start and until == slot.end
            part = slot if whole else slot._replace(start=at, end=until)
            yield part, active, one
            at = until


def _usual(story: Story) -> tuple[float | None, float | None]:
    """Return what a kWh from the grid counts where that is known.

    On average, and at the least in what is left unused: inf where only a cap forbids
    it, None where nothing is left.
    """
    worth = story.worth
    free_from = 0.0
    free: list[tuple[float, float]] = []
    for one in story.drawn:
        free.append((free_from, one.piece.start))
        free_from = one.piece.end
    free.append((free_from, inf))
    at = 0
    hours = total = 0.0
    least: float | None = None
    for slot in clip(story.line, max(0.0, worth.begin), worth.end):
        if not worth.priced(slot):
            continue
        counts = worth.grid(slot)
        hours += slot.hours
        total += counts * slot.hours
        while free[at][1] <= slot.start:
            at += 1
        if free[at][0] >= slot.end - 1e-3:
            continue
        if above_cap(slot, story.goal):
            counts = inf
        elif not story.is_open(slot):
            continue
        least = counts if least is None else min(least, counts)
    return (total / hours if hours else None), least


def _charging(
    story: Story, slot: Slot, one: Drawn, mean: float | None, left: float | None
) -> Reason:
    """Return why it charges in a slot."""
    piece, goal, worth = one.piece, story.goal, story.worth
    if piece.why is ReasonKey.MINIMUM:
        return Reason(key=piece.why, energy_kwh=goal.minimum_kwh or None)
    if piece.why is ReasonKey.KEPT:
        return Reason(key=piece.why, price=story.kept)
    if piece.why is ReasonKey.AT_ONCE:
        return Reason(key=piece.why)
    if piece.why is not None:
        return Reason(key=piece.why, at=goal.ready_by)
    hours = (piece.end - piece.start) / 3600
    sun = min(one.energy, slot.sun * hours) / one.energy if one.energy else 0.0
    if sun >= 0.5:
        return Reason(key=ReasonKey.SUN, percent=100 * sun, price=slot.feed_in)
    if not worth.known:
        return Reason(key=ReasonKey.NO_PRICES, at=goal.ready_by)
    if not worth.priced(slot):
        return Reason(key=ReasonKey.PRICES_LATER, at=story.at(worth.known_end))
    counts = worth.grid(slot)
    shown = slot.price if slot.price is not None else slot.co2
    if left is None and goal.ready_by is not None:
        return Reason(key=ReasonKey.DEADLINE, at=goal.ready_by)
    if left is not None and counts > left + 1e-6 * worth.scale:
        return Reason(key=ReasonKey.BRIDGE, price=shown)
    percent = None if mean is None else _percent(mean - counts, mean)
    return Reason(key=ReasonKey.CHEAP, price=shown, percent=percent)


def _percent(part: float, whole: float) -> float | None:
    """Return a share in %, None of nothing and of a price below 0."""
    return round(100 * part / whole, 1) if whole > 1e-9 else None


def _waiting(story: Story, slot: Slot, coming: _Coming | None) -> Reason:
    """Return why it does not charge in a slot."""
    goal, worth = story.goal, story.worth
    if not story.wanted:
        return Reason(key=ReasonKey.DONE)
    if slot.start < story.begin:
        return Reason(key=ReasonKey.NOT_BEFORE, at=goal.not_before)
    if coming is None and story.whole:
        return Reason(key=ReasonKey.PLANNED_DONE)
    if above_cap(slot, goal):
        if goal.price_cap is not None and (slot.price or 0.0) > goal.price_cap:
            return Reason(
                key=ReasonKey.PRICE_CAP, price=slot.price, limit=goal.price_cap
            )
        return Reason(key=ReasonKey.CO2_CAP, price=slot.co2, limit=goal.co2_cap)
    if not story.is_open(slot):
        return Reason(key=ReasonKey.POWER_LIMIT, limit=slot.limit * 1000)
    if coming is None:
        return Reason(key=ReasonKey.PLANNED_DONE)
    if coming.drawn.piece.why is ReasonKey.RESERVE:
        return Reason(key=ReasonKey.NOT_BEFORE, at=coming.at)
    gap = coming.priced and not worth.priced(slot)
    if not worth.known or gap:
        return Reason(key=ReasonKey.LATE_START, at=coming.at)
    if not coming.priced:
        return Reason(key=ReasonKey.PRICES_LATER, at=story.at(worth.known_end))
    here = worth.cost(slot, coming.power) / coming.power
    if here - coming.price <= 1e-6 * worth.scale:
        return Reason(key=ReasonKey.AS_GOOD_LATER, at=coming.at)
    return Reason(
        key=ReasonKey.CHEAPER_LATER,
        at=coming.at,
        percent=_percent(here - coming.price, here),
        price=round(coming.price, 6),
        limit=round(here, 6),
    )
