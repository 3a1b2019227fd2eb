"""Begins and ends what is planned a little later, each time by another span.

Where thousands of homes follow the same tariff, all their cars would begin in the same
second. British law (Smart Charge Points Regulations 2021, reg. 11) has charging begin
and end up to 600 s later, by chance; the owner can have it at once all the same.
Pure: the present time is told, and chance is given.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Final

from ..csms.schedules import PlannedCurrent, PlannedSchedule
from .course import gives

MOST: Final = timedelta(seconds=1800)
"""Nobody is asked to wait for longer."""


class RandomDelay:
    """The delay of one connector; carries what has to last between two looks."""

    def __init__(self, chance: Callable[[], float]) -> None:
        """Begin with nothing seen. `chance` is called for a number from 0 to 1."""
        self._chance = chance
        self.drawn = chance()
        """What chance said for the next start and end, 0 to 1."""
        self._current_a: float | None = None
        """What is given, in A per phase; None before the first look."""
        self._due: datetime | None = None
        self.until: datetime | None = None
        """Until when a start or an end that is planned for now waits, else None."""

    def forget(self) -> None:
        """Begin anew: the car has left, or something else counts than its plan."""
        self.drawn = self._chance()
        self._current_a = self._due = self.until = None

    def kept(self) -> dict[str, Any]:
        """Return what outlives a restart: what chance said, and what waits for it."""
        due = None if self._due is None else self._due.isoformat()
        return {"drawn": self.drawn, "due": due}

    def recall(self, kept: object) -> None:
        """Take over what was kept before a restart, where it can be read."""
        try:
            drawn, due = float(kept["drawn"]), kept["due"]  # type: ignore[index]
            until = None if due is None else datetime.fromisoformat(due)
        except KeyError, TypeError, ValueError:
            return
        if 0 <= drawn <= 1 and (until is None or until.tzinfo is not None):
            self.drawn, self._due = drawn, until

    def delayed(
        self,
        schedule: PlannedSchedule,
        now: datetime,
        *,
        most: timedelta,
        running: bool,
    ) -> PlannedSchedule:
        """Return a plan whose next start and end are later, by at most `most`.

        Both by the same span, so that as much is charged: it is drawn anew after each
        end. `schedule` says what was planned when it was made, and not only from now
        on. `running` says whether the car charges: what runs when it is first looked
        at has begun. A start or end that waits keeps its time when the plan is renewed.
        """
        wanted = gives(schedule, now)
        if self._current_a is None:
            self._current_a = wanted if running else 0.0
        begin, end = _run(schedule, now)
        if (wanted > 0) != (self._current_a > 0):
            if self._due is None:
                self._due = begin + self.drawn * most
            due = min(self._due, now + most)
            if now < due:
                self.until = due
                return _waiting(schedule, begin, due, self._current_a)
            if wanted <= 0:
                self.drawn = self._chance()
        self._due = self.until = None
        self._current_a = wanted
        return _later(schedule, end, self.drawn * most)


def _run(schedule: PlannedSchedule, now: datetime) -> tuple[datetime, datetime]:
    """Return since when, and until when, it charges without a pause, or pauses."""
    begin, end = schedule.start, schedule.end
    for one, two in pairwise(schedule.periods):
        if (one.current_a > 0) == (two.current_a > 0):
            continue
        if two.start > now:
            return begin, two.start
        begin = two.start
    return begin, end


def _later(schedule: PlannedSchedule, edge: datetime, by: timedelta) -> PlannedSchedule:
    """Return the same with all that begins at an edge, or after it, later."""
    rows = [
        replace(
            one,
            start=one.start + by if one.start >= edge else one.start,
            end=one.end + by if one.end >= edge else one.end,
        )
        for one in schedule.periods
    ]
    return replace(schedule, periods=tuple(rows))


def _waiting(
    schedule: PlannedSchedule, begin: datetime, due: datetime, current_a: float
) -> PlannedSchedule:
    """Return a plan that goes on until `due` as before `begin`, and then as from there.

    `current_a` is what is given where the plan says nothing of the time before.
    """
    for one in schedule.periods:
        if one.start < begin:
            current_a = one.current_a
    rows = [
        replace(one, start=one.start + (due - begin), end=one.end + (due - begin))
        for one in schedule.periods
        if one.start >= begin
    ]
    wait = PlannedCurrent(start=schedule.start, end=due, current_a=current_a)
    return replace(schedule, periods=(wait, *rows))
