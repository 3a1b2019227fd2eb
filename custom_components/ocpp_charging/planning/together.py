"""Plans cars that share something jointly: good plans at once, better ones soon after.

A fuse, a limit, the sun or a peak tariff is shared: then a car's plan is one of all
cars that are plugged in. The plans that are made at once are good; the best are
searched in a thread meanwhile, and taken over if nothing has changed since.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
import logging
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from homeassistant.core import HomeAssistant, callback
from homeassistant.util import dt as dt_util

from ..charging import (
    JointPlan,
    Plan,
    Problem,
    Site,
    plan as make_plan,
    plan_greedy,
    plan_jointly,
)
from .need import Need
from .plugged import Plugged
from .site import car_name, site_of

if TYPE_CHECKING:
    from .connector_plan import ConnectorPlan
    from .planning import Planning

_LOGGER = logging.getLogger(__name__)

TIME_LIMIT_S: Final = 2.5
"""How long better plans are searched for; then the best so far are taken."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Basis:
    """What a plan is made from, and whose it is; equal only to itself."""

    now: datetime
    plugged: Plugged
    taken_kwh: float
    need: Need
    problem: Problem


@dataclass(frozen=True, kw_only=True, slots=True)
class Jointly:
    """How a car's plan was made together with those of others."""

    cars: int
    """How many cars were planned together, this one among them."""
    gap: float
    """How much all of them may cost above the best, in money; 0 when it is the best."""
    relative_gap: float
    """The gap as a share of the cost."""
    searching: bool
    """Whether better plans are being searched for."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Beside:
    """What something that is asked for another car would make of a car's plan."""

    connector: ConnectorPlan
    problem: Problem
    before: Plan
    """What would be planned now without it."""
    after: Plan


@dataclass(frozen=True, kw_only=True, eq=False)
class WhatIf:
    """The plan for what is asked, and what it does to cars that share with this one."""

    problem: Problem
    plan: Plan
    others: tuple[Beside, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class _Round:
    """Several cars' plans to be made at one time."""

    now: datetime
    site: Site
    bases: Mapping[ConnectorPlan, Basis]

    @property
    def cars(self) -> dict[str, Problem]:
        """Return what each car takes: all at once where that is wished."""
        return {
            car_name(each.key): _at_once(one.problem)
            if each.charges_at_once
            else one.problem
            for each, one in self.bases.items()
        }


def planned_now() -> datetime:
    """Return the time at which a plan is made, to the millisecond.

    Joint plans are reckoned in milliseconds from it on: an hour that begins at 8:00 is
    to begin there in the plan, too, and not a part of a millisecond before.
    """
    now = dt_util.utcnow()
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


class Together:
    """Makes the plans of all connectors: of one car by itself, or of several jointly.

    Its `lock` is held by whoever makes plans: there are never two at it, but for the
    search for better ones, of which there is one at most.
    """

    def __init__(self, planning: Planning) -> None:
        """Begin with nothing planned."""
        self.lock = asyncio.Lock()
        self.rounds = self.searches = self.taken = 0
        """How often cars were planned jointly, better plans were searched for, and
        were taken over."""
        self._planning = planning
        self._newest: _Round | None = None
        self._waiting: _Round | None = None
        self._worker: asyncio.Task[None] | None = None
        self._failed = False

    async def async_plan(self, wanted: ConnectorPlan) -> None:
        """Make the plan of a connector, and of all that share with it.

        To be called with the lock held. A plan that cannot be made is told to its
        connector, and does not keep the others from theirs.
        """
        now = planned_now()
        connectors = [wanted]
        if self._shares:
            others = self._planning.connectors.values()
            connectors += [each for each in others if each is not wanted]
        bases: dict[ConnectorPlan, Basis] = {}
        for each in connectors:
            try:
                basis = await each.async_basis(now)
            except Exception as error:  # noqa: BLE001 - it is logged there, once
                each.async_failed(error)
            else:
                if basis is not None:
                    bases[each] = basis
        site = self.site()
        # Who is turned off takes nothing: the others have it all.
        on = {each: one for each, one in bases.items() if not each.wishes.turned_off}
        self._newest = None
        if on and (len(on) > 1 or _limits(site)):
            await self._async_jointly(_Round(now=now, site=site, bases=on))
            apart = [each for each in bases if each not in on or each.charges_at_once]
        else:
            apart = list(bases)
        await self._async_apart({each: bases[each] for each in apart}, site)

    async def async_what_if(
        self, asking: ConnectorPlan, problem: Problem, now: datetime
    ) -> WhatIf:
        """Return a connector's plan for a problem, and those of the other cars then.

        Theirs are compared with what would be planned now without it. Nothing is
        changed by it. Raises as `charging.plan` does.
        """
        others: dict[ConnectorPlan, Problem] = {}
        if self._shares:
            for each in self._planning.connectors.values():
                if each is asking or each.wishes.turned_off or each.problem is None:
                    continue
                if (other := await each.async_problem(now)) is not None:
                    others[each] = _at_once(other) if each.charges_at_once else other
        site = self.site()
        if not others and not _limits(site):
            alone = await self._hass.async_add_executor_job(make_plan, problem, now)
            return WhatIf(problem=problem, plan=alone)
        name = car_name(asking.key)
        cars = {car_name(each.key): one for each, one in others.items()}
        after = await self._async_search_one({**cars, name: problem}, site, now)
        if not others:
            return WhatIf(problem=problem, plan=after[name])
        own = await asking.async_problem(now)
        before = await self._async_search_one(
            cars if own is None else {**cars, name: own}, site, now
        )
        return WhatIf(
            problem=problem,
            plan=after[name],
            others=tuple(
                Beside(
                    connector=each,
                    problem=one,
                    before=before[car_name(each.key)],
                    after=after[car_name(each.key)],
                )
                for each, one in others.items()
            ),
        )

    async def _async_search_one(
        self, cars: Mapping[str, Problem], site: Site, now: datetime
    ) -> Mapping[str, Plan]:
        """Return the best plans that are found in a while."""
        search = _in_time()
        made = await self._hass.async_add_executor_job(search, cars, site, now)
        return made.plans

    @callback
    def async_leaves(self, leaving: ConnectorPlan) -> None:
        """Plan anew for those that shared with a car which is unplugged."""
        for each in self._planning.connectors.values():
            if each is not leaving and each.jointly is not None:
                each.async_request()

    def site(self) -> Site:
        """Return what cars share here, with who comes first, and what a peak costs."""
        hub = self._planning.hub
        site = site_of(hub)
        return replace(site, peak=self._planning.peak.tariff())

    def diagnostics(self) -> dict[str, Any]:
        """Return what was done so far."""
        return {
            "rounds": self.rounds,
            "searches": self.searches,
            "taken": self.taken,
            "searching": self._searching,
        }

    @property
    def _hass(self) -> HomeAssistant:
        return self._planning.hub.hass

    @property
    def _shares(self) -> bool:
        """Say whether there is anything here that cars could share."""
        hub = self._planning.hub
        site = self.site()
        return bool(_limits(site) or site.grid_limit or hub.board.surplus)

    @property
    def _searching(self) -> bool:
        return self._worker is not None and not self._worker.done()

    # One by one

    async def _async_apart(
        self, bases: Mapping[ConnectorPlan, Basis], site: Site
    ) -> None:
        for each, basis in bases.items():
            try:
                made = await self._hass.async_add_executor_job(
                    _plan_alone, car_name(each.key), basis, site
                )
            except Exception as error:  # noqa: BLE001 - it is logged there, once
                each.async_failed(error)
            else:
                each.async_take(basis, made)

    # Jointly

    async def _async_jointly(self, asked: _Round) -> None:
        """Have good plans taken over at once, and better ones searched for."""
        self.rounds += 1
        try:
            made = await self._hass.async_add_executor_job(
                plan_greedy, asked.cars, asked.site, asked.now
            )
        except Exception as error:  # noqa: BLE001 - it is logged there, once
            self._tell_failure(error)
            await self._async_apart(asked.bases, Site())
            return
        self._newest = asked
        better = made.gap > 0.0
        self._take(asked, made, searching=better)
        if better:
            self._waiting = asked
            if not self._searching:
                entry = self._planning.hub.entry
                self._worker = entry.async_create_background_task(
                    self._hass, self._async_search(), "better plans for several cars"
                )

    async def _async_search(self) -> None:
        """Search for better plans of what was asked last, until that is done."""
        while (asked := self._waiting) is not None:
            self._waiting = None
            self.searches += 1
            search = _in_time()
            try:
                made = await self._hass.async_add_executor_job(
                    search, asked.cars, asked.site, asked.now
                )
            except Exception as error:  # noqa: BLE001 - it is logged there, once
                self._tell_failure(error)
                for each in asked.bases:
                    each.async_not_searching()
                continue
            self._failed = False
            if self._holds(asked):
                self.taken += 1
                self._take(asked, made, searching=False)

    @callback
    def _holds(self, asked: _Round) -> bool:
        """Say whether all is still as it was when plans were asked for."""
        return asked is self._newest and all(
            each.holds(basis) for each, basis in asked.bases.items()
        )

    @callback
    def _take(self, asked: _Round, made: JointPlan, *, searching: bool) -> None:
        jointly = Jointly(
            cars=len(asked.bases),
            gap=made.gap,
            relative_gap=made.relative_gap,
            searching=searching,
        )
        for each, basis in asked.bases.items():
            if not each.charges_at_once:
                each.async_take(basis, made.plans[car_name(each.key)], jointly)

    def _tell_failure(self, error: Exception) -> None:
        """Log what went wrong: once, until it goes well."""
        if not self._failed:
            _LOGGER.error("The cars could not be planned together", exc_info=error)
        self._failed = True


def _in_time() -> Callable[[Mapping[str, Problem], Site, datetime], JointPlan]:
    """Return a search that ends in time on a slow machine, too."""
    until = monotonic() + TIME_LIMIT_S
    return partial(
        plan_jointly, time_limit_s=TIME_LIMIT_S, late=lambda: monotonic() > until
    )


def _at_once(problem: Problem) -> Problem:
    """Return what comes of a problem when nobody waits for a good time."""
    goal = problem.goal
    soc = goal.minimum_soc if goal.energy_kwh is not None else goal.target_soc
    kwh = goal.energy_kwh or goal.minimum_kwh
    return replace(problem, goal=replace(goal, minimum_kwh=kwh, minimum_soc=soc))


def _plan_alone(name: str, basis: Basis, site: Site) -> Plan:
    """Return the plan of a car as if there were no other, within what a site limits."""
    if not _limits(site):
        return make_plan(basis.problem, basis.now)
    return plan_greedy({name: basis.problem}, site, basis.now).plans[name]


def _limits(site: Site) -> bool:
    """Say whether a site limits even a single car."""
    return site.circuits is not None or site.peak is not None
