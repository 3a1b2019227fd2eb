"""What happens to a plan, for automations: each thing is told once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from homeassistant.core import callback

from ..charging import Plan

MOVED: Final = timedelta(minutes=10)
"""An hour of a plan that moves by less is not worth a word."""


class Happened(StrEnum):
    """What can happen to a plan."""

    PLAN_CHANGED = "plan_changed"
    GOAL_AT_RISK = "goal_at_risk"
    FUSE_PROTECTED = "fuse_protected"


@dataclass(frozen=True, kw_only=True)
class Happening:
    """One thing that happened, with what there is to say about it."""

    what: Happened
    about: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Block:
    """A time of charging without a pause, whatever the power."""

    start: datetime
    end: datetime
    energy_kwh: float


def blocks(plan: Plan) -> list[Block]:
    """Return the times in which a plan charges."""
    found: list[Block] = []
    for period in plan.periods:
        if found and found[-1].end == period.start:
            before = found.pop()
            start, energy = before.start, before.energy_kwh
        else:
            start, energy = period.start, 0.0
        found.append(
            Block(start=start, end=period.end, energy_kwh=energy + period.energy_kwh)
        )
    return found


def differs(before: Plan, made: Plan) -> bool:
    """Say whether a plan charges at other times than the one before it.

    What is past by now, and small moves, are passed over.
    """
    now = made.made_at
    old, new = (
        [(max(one.start, now), one.end) for one in blocks(plan) if one.end > now]
        for plan in (before, made)
    )
    if len(old) != len(new):
        return True
    return any(
        abs(first - second) >= MOVED
        for one, other in zip(old, new, strict=True)
        for first, second in zip(one, other, strict=True)
    )


class Happenings:
    """Tells what happens at one connector to whoever listens, and remembers the last.

    A goal that is at risk is told once, and again only after it was within reach.
    """

    def __init__(self) -> None:
        """Begin with nothing that has happened."""
        self.last: Happening | None = None
        self._listeners: list[Callable[[Happening], None]] = []

    @callback
    def listen(self, happened: Callable[[Happening], None]) -> Callable[[], None]:
        """Call `happened` with each thing that happens; returns how to stop."""
        self._listeners.append(happened)
        return lambda: self._listeners.remove(happened)

    @callback
    def tell(self, what: Happened, about: Mapping[str, Any] | None = None) -> None:
        """Tell that something has happened; `about` are JSON values to go with it."""
        self.last = Happening(what=what, about=about or {})
        for listener in tuple(self._listeners):
            listener(self.last)

    @callback
    def made(self, before: Plan | None, plan: Plan) -> None:
        """See what another plan means; `before` is the one that it replaces."""
        if before is None or differs(before, plan):
            self.tell(Happened.PLAN_CHANGED)
        if not plan.met and (before is None or before.met):
            self.tell(Happened.GOAL_AT_RISK)
