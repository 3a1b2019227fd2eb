"""The plan of one connector: made anew when something that matters has changed."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
import logging
from typing import TYPE_CHECKING, Final, override

from homeassistant.core import callback
from homeassistant.util import dt as dt_util

from ..charging import Plan, Problem
from ..csms.charger import Charger
from ..vehicles import Vehicle
from .asked import Asked, with_asked
from .car_use import drawn_current
from .plan_timers import PlanTimers
from .plugged import Plugged
from .situation import Situation, most_a, problem_of
from .together import Basis, Jointly, WhatIf, planned_now
from .wished import Wished

if TYPE_CHECKING:
    from .planning import Planning

_LOGGER = logging.getLogger(__name__)

OFF_BY_KWH: Final = 0.3
"""So much more or less than planned makes the plan untrue."""
OVERDUE: Final = timedelta(hours=3)
"""So long a time that has passed with the goal not met still counts."""
SOC_STEP: Final = 1.0
"""A change of the state of charge that matters, in %."""

_REPLANS: Final = ("transaction", "charging", "limit_a")
"""What of a connector makes a plan untrue, besides the plug and the energy."""


class ConnectorPlan(Wished):
    """What is wished at a connector, and the plan that follows from it.

    Without a car in it there is no plan. It sends nothing to the charger: that does
    `steering`.
    """

    def __init__(
        self, planning: Planning, key: tuple[str, int], charger: Charger
    ) -> None:
        """Begin with what was wished before; `async_start` makes the first plan."""
        super().__init__(planning, key, charger)
        self._car: str | None = None
        self._asked = 0
        self._answered = 0
        self._made_at: datetime | None = None
        self._basis: Basis | None = None
        self.jointly: Jointly | None = None
        """How it was planned together with others; None where it was not."""
        self._timers = PlanTimers(
            self._hass, soon=self._async_soon, edge=self._async_edge
        )
        self._stops: list[Callable[[], None]] = []

    @property
    def charges_at_once(self) -> bool:
        """Say whether the car takes what it can get, and not what is planned."""
        free = not self.wishes.steered and self.connector.charging is True
        return free or self.wishes.at_once

    # Planning when it is asked for

    @override
    async def async_replan(self, *, afresh: bool = False) -> None:
        """Plan by what is so now; returns when it is done.

        There is never more than one at work, of all connectors: who asks while there is
        gets the next, together with all others who asked. `afresh`: not bound to the
        plan so far.
        """
        self._goal_changed |= afresh
        self._asked += 1
        mine = self._asked
        together = self._planning.together
        async with together.lock:
            if self._answered < mine:
                self._answered = mine
                await together.async_plan(self)

    async def async_what_if(self, asked: Asked) -> WhatIf:
        """Return what another goal would make of the plans; nothing is changed by it.

        Raises `ValueError` for what nobody can want.
        """
        now = planned_now()
        plugged = self._stay.present
        vehicle = self.likely_vehicle
        situation = await self._async_situation(now, plugged, vehicle)
        settings = self._planning.settings
        problem = with_asked(problem_of(situation), asked, settings.greenest)
        return await self._planning.together.async_what_if(self, problem, now)

    # When to plan

    @callback
    def async_start(self) -> None:
        """Follow the connector, and plan when a car is in it."""
        number = self.key[1]
        listen = self.charger.listen_to
        self._stops = [
            listen([(number, "plugged_in")], self._plug_changed),
            listen([(number, key) for key in _REPLANS], self._session_changed),
            listen([(0, "settings")], self.async_request),
            listen([(number, "session_energy")], self._energy_changed),
            listen([(number, "status"), (0, "connected")], self._tell),
        ]
        self._plug_changed()

    @callback
    def async_stop(self) -> None:
        """Follow nothing more."""
        for stop in self._stops:
            stop()
        self._stops = []
        self._timers.async_cancel()

    @callback
    def async_request(self) -> None:
        """Plan soon: something has changed, and more may at the same time."""
        if self._stay.plugged is not None and self._stops:
            self._timers.async_ask(self._made_at)

    @callback
    def async_car_changed(self) -> None:
        """Look which car is there, and how full: its data or its place have changed."""
        if self._stay.plugged is None:
            return
        now_there = self.car.key
        soc = self._stay.plugged.soc(self.vehicle)
        if now_there != self._car:
            self._car, self._goal_changed = now_there, True
            self.async_request()
            return
        known = None if self.problem is None else self.problem.state.soc
        if soc is None or known is None:
            matters = soc is not known
        else:
            matters = abs(soc - known) >= SOC_STEP
        if matters or self._differs():
            self.async_request()

    def _differs(self) -> bool:
        """Say whether the car's settings make another problem than is planned for."""
        if self.problem is None or self._stay.plugged is None or self._made_at is None:
            return True
        now = dt_util.utcnow()
        anew = self._stay.situation(
            now,
            self._stay.plugged,
            self.vehicle,
            wishes=self.wishes,
            before=self.plan,
            due=self._due(now),
        )
        try:
            other = problem_of(anew)
        except ValueError:
            return True
        return (other.car, other.goal) != (self.problem.car, self.problem.goal)

    @callback
    def _plug_changed(self) -> None:
        plugged_in = self.connector.plugged_in is True
        if plugged_in and self._stay.plugged is None:
            self._stay.begin()
            self._car = self.car.key
            self._goal_changed = True
            self.async_request()
        elif not plugged_in and self._stay.plugged is not None:
            self._stay.plugged = None
            self._planning.together.async_leaves(self)
            self._forget_plan()
        if self.connector.plugged_in is False:
            self._take(self.wishes.unplugged())
            self._planning.kept.async_end_stay(self.key)
        self._tell()

    def _forget_plan(self) -> None:
        self._timers.async_cancel()
        self.plan = self.problem = self.need = self._car = self._made_at = None
        self._told_of = self._draft = None
        self._basis = self.jointly = None
        self.failed = False

    @callback
    def _session_changed(self) -> None:
        if self._stay.plugged is not None:
            self._stay.plugged.look(dt_util.utcnow())
            self._stay.keep()
            self.async_request()

    @callback
    def async_look_at_phases(self, now: datetime) -> None:
        """See from which phases the car draws, for the plan and for the fuses."""
        if self._stay.look_at_phases(now, self.vehicle):
            self.async_request()

    @callback
    def async_look_at_current(
        self, drawn_a: float | None, allowed_a: float, now: datetime
    ) -> None:
        """Compare what the car draws on the phase with most with what it may, in A."""
        plugged = self._stay.plugged
        if plugged is not None and plugged.look_at_current(
            drawn_a, allowed_a=allowed_a, least_a=self.least_a, now=now
        ):
            self.async_request()

    def _allowed_a(self, now: datetime) -> float:
        """Return what the car may draw, where no fuse is shared."""
        there = self.connector.plan_there
        planned = None if there is None else there.fitted.at(now)
        most = most_a(self.charger, self.connector, self.vehicle)
        return most if planned is None else min(most, planned)

    @callback
    def _energy_changed(self) -> None:
        """See whether the car draws what was planned, and how."""
        now = dt_util.utcnow()
        self.async_look_at_phases(now)
        if self._planning.hub.fuse.home is None:
            drawn_a = drawn_current(self.connector, phases=self.phase_count)
            self.async_look_at_current(drawn_a, self._allowed_a(now), now)
        if self._stay.plugged is None or self.plan is None:
            return
        planned = sum(
            _part(one.start, one.end, self.plan.made_at, now) * one.energy_kwh
            for one in self.plan.periods
        )
        taken = self._stay.plugged.taken_kwh - self._taken_when_made
        if abs(taken - planned) >= OFF_BY_KWH:
            self.async_request()

    @callback
    def _async_soon(self) -> None:
        self._planning.async_run(self.async_replan(), self)

    @callback
    def _async_edge(self) -> None:
        """Tell that a step of the plan has ended, and see whether it still holds."""
        self._tell()
        self._watch_edge()
        self.async_request()

    def _watch_edge(self) -> None:
        if self._stay.plugged is not None and self._stops:
            self._timers.async_watch(self.plan)

    # Planning

    _taken_when_made = 0.0
    _told_of: Plan | None = None
    """The last plan of which it was told what it means."""
    _draft: tuple[Basis, Plan] | None = None
    """A quick plan that waits for a better one, and what it was made from."""

    async def async_basis(self, now: datetime) -> Basis | None:
        """Return what a plan is made from now, which takes in all that has changed.

        None without a car. Raises `ValueError` for what contradicts itself.
        """
        self._answered = self._asked
        self._timers.async_answered()
        self._take(self.wishes.without_past(now))
        plugged = self._stay.plugged
        if plugged is None:
            return None
        anew, self._goal_changed = self._goal_changed, False
        self._made_at = now
        situation = await self._async_situation(now, plugged, self.vehicle)
        if anew:
            situation = replace(situation, before=None, due=None)
        self._basis = Basis(
            now=now,
            plugged=plugged,
            taken_kwh=plugged.taken_kwh,
            need=situation.need,
            problem=problem_of(situation),
        )
        return self._basis

    async def async_problem(self, now: datetime) -> Problem | None:
        """Return what would be planned now; None without a car. Raises `ValueError`."""
        plugged = self._stay.plugged
        if plugged is None:
            return None
        return problem_of(await self._async_situation(now, plugged, self.vehicle))

    @callback
    def holds(self, basis: Basis) -> bool:
        """Say whether nothing has changed that a plan was made from."""
        return (
            basis is self._basis
            and not self._timers.waits
            and self._answered == self._asked
        )

    @callback
    def async_take(
        self, basis: Basis, made: Plan, jointly: Jointly | None = None
    ) -> None:
        """Take over a plan, unless the car was unplugged meanwhile.

        A quick one waits for the better one that is being searched for, where the plan
        so far still counts: nobody is to see it for a second.
        """
        if basis.plugged is not self._stay.plugged:
            return
        self.failed = False
        self.jointly = jointly
        quick = jointly is not None and jointly.searching
        if quick and self.plan is not None and basis.problem.state.plan is self.plan:
            self._draft = basis, made
            self._tell()
            return
        self._draft = None
        self.plan, self.problem, self.need = made, basis.problem, basis.need
        self._taken_when_made = basis.taken_kwh
        if not quick:
            self._note_happening(made)
        self._watch_edge()
        self._tell()

    def _note_happening(self, made: Plan) -> None:
        """See what a plan means that no better one is about to replace."""
        before, self._told_of = self._told_of, made
        self.happenings.made(before, made)

    @callback
    def async_not_searching(self) -> None:
        """Make do with the quick plan: no better one is searched for any more."""
        if self.jointly is None or self.plan is None:
            return
        self.jointly = replace(self.jointly, searching=False)
        if self._draft is not None:
            self.async_take(*self._draft, self.jointly)
            return
        self._note_happening(self.plan)
        self._tell()

    @callback
    def async_failed(self, error: Exception) -> None:
        """Show that no plan could be made, and log why: once."""
        if not self.failed:
            name = self._planning.name(self)
            _LOGGER.error("No plan could be made for %s", name, exc_info=error)
        self.failed = True
        self.plan = self.problem = self.need = self.jointly = self._told_of = None
        self._draft = None
        self._watch_edge()
        self._tell()

    async def _async_situation(
        self, now: datetime, plugged: Plugged, vehicle: Vehicle | None
    ) -> Situation:
        return await self._stay.async_situation(
            now,
            plugged,
            vehicle,
            wishes=self.wishes,
            before=self.plan,
            due=self._due(now),
        )

    def _due(self, now: datetime) -> datetime | None:
        """Return a time to be ready by that has just passed with the goal not met."""
        ready_by, need = self.ready_by, self.need
        if ready_by is None or need is None or need.kwh <= 0.0:
            return None
        missed = self.plan is not None and not self.plan.met
        return ready_by if missed and ready_by <= now < ready_by + OVERDUE else None


def _part(start: datetime, end: datetime, begin: datetime, until: datetime) -> float:
    """Return how much of a period lies between two times, 0 to 1."""
    seconds = (min(end, until) - max(start, begin)).total_seconds()
    return max(0.0, seconds) / (end - start).total_seconds()
