"""The plan of one connector: made anew when something that matters has changed."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
import logging
from typing import TYPE_CHECKING, Any, Final

from homeassistant.core import CALLBACK_TYPE, HassJob, callback
from homeassistant.helpers.event import (
    async_call_later,
    async_track_point_in_utc_time,
)
from homeassistant.util import dt as dt_util

from ..charging import Plan, Problem
from ..csms.charger import Charger
from ..csms.connector import Connector
from ..csms.model import HeldBy
from ..vehicles import CarThere, Vehicle
from .asked import Asked, with_asked
from .course import Because
from .happenings import Happenings
from .planned import Planned
from .plugged import Plugged
from .situation import Situation, problem_of
from .together import Basis, Jointly
from .wishes import OF_CAR, OF_GOAL, Override, Wishes
from .words import Words

if TYPE_CHECKING:
    from .planning import Planning

_LOGGER = logging.getLogger(__name__)

SETTLE_S: Final = 1.0
"""What changes at the same time makes one plan."""
BETWEEN: Final = timedelta(seconds=10)
"""Plans are not made more often than this, unless the owner asks."""
QUARTER: Final = timedelta(minutes=15)
OFF_BY_KWH: Final = 0.3
"""So much more or less than planned makes the plan untrue."""
OVERDUE: Final = timedelta(hours=3)
"""So long a time that has passed with the goal not met still counts."""
SOC_STEP: Final = 1.0
"""A change of the state of charge that matters, in %."""

_REPLANS: Final = ("transaction", "charging", "limit_a")
"""What of a connector makes a plan untrue, besides the plug and the energy."""


class ConnectorPlan(Planned):
    """What is wished at a connector, and the plan that follows from it.

    `key` is the charger's subentry id and the connector's number. Without a car in it
    there is no plan. It sends nothing to the charger: that does `steering`.
    """

    def __init__(
        self, planning: Planning, key: tuple[str, int], charger: Charger
    ) -> None:
        """Begin with what was wished before; `async_start` makes the first plan."""
        super().__init__()
        self._planning = planning
        self._hass = planning.hub.hass
        self.key = key
        self.charger = charger
        self.connector: Connector = charger.connector(key[1])
        self.wishes: Wishes = planning.kept.get(key)
        self.because: Because | None = None
        """By what the car is steered now; None where it is not."""
        self.asleep = False
        """Whether the car draws nothing of what it is given, and nothing woke it."""
        self.happenings = Happenings()
        """What happens to the plan: for an event entity."""
        self._plugged: Plugged | None = None
        self._car: str | None = None
        self._goal_changed = False
        self._listeners: list[Callable[[], None]] = []
        self._asked = 0
        self._answered = 0
        self._made_at: datetime | None = None
        self._basis: Basis | None = None
        self.jointly: Jointly | None = None
        """How it was planned together with others; None where it was not."""
        self._cancel_soon: CALLBACK_TYPE | None = None
        self._cancel_edge: CALLBACK_TYPE | None = None
        self._stops: list[Callable[[], None]] = []

    # What is so

    @property
    def car(self) -> CarThere:
        """Return which car is there, and why it is held to be that one."""
        return self._planning.hub.vehicles.at(*self.key)

    @property
    def vehicle(self) -> Vehicle | None:
        """Return the owner's car that is there; None for a guest."""
        return self._planning.hub.vehicles.vehicles.get(self.car.key or "")

    @property
    def plugged_in(self) -> bool:
        """Say whether there is a car to plan for."""
        return self._plugged is not None

    @property
    def wanted(self) -> bool:
        """Say whether the owner has anything to plan with, or has planned."""
        planning = self._planning
        return self.connector.status is not None and (
            planning.has_signals
            or bool(planning.hub.vehicles.vehicles)
            or self.wishes != Wishes()
        )

    @property
    def override(self) -> Override | None:
        """Return what the owner has switched by hand, until the car is unplugged."""
        return self.wishes.override

    @property
    def held_by(self) -> HeldBy | None:
        """Return by what the charger is held to it; None where it is not."""
        return self.connector.held_by

    @property
    def words(self) -> Words:
        """Return who puts the plan into words."""
        return Words(self._hass, self._planning.currency)

    @property
    def currency(self) -> str:
        """Return the currency that the plan's costs are in."""
        return self._planning.currency

    @property
    def knows_soc(self) -> bool:
        """Say whether the state of charge is known of the car that is planned for."""
        vehicle = self.likely_vehicle
        return self._stay.soc(vehicle) is not None

    @property
    def likely_vehicle(self) -> Vehicle | None:
        """Return the car that is there, else the one that will most likely be."""
        if self._plugged is not None:
            return self.vehicle
        cars = list(self._planning.hub.vehicles.vehicles.values())
        own = [one for one in cars if one.settings.preferred_charger == self.key[0]]
        return own[0] if len(own) == 1 else cars[0] if len(cars) == 1 else None

    # What the owner does

    async def async_set(self, **changes: Any) -> None:
        """Change wishes, and plan by them; returns when that plan is made.

        Where the car that is plugged in has a value of its own, the wish is for this
        stay only. Raises `ValueError` or `TypeError` for what is no wish.
        """
        passing = frozenset(changes.keys() & OF_CAR & self._of_car)
        if "ready_on" in changes and "ready_by" in passing:
            passing |= {"ready_on"}
        self._take(self.wishes.changed(changes, passing))
        await self.async_replan()

    async def async_set_boost(self, on: bool) -> None:
        """Charge at once until the car has what it needs or leaves, or no more so."""
        await self.async_set(boost=on)

    async def async_clear_override(self) -> None:
        """Forget what was switched by hand: the mode counts again."""
        await self.async_set(override=None)

    @callback
    def async_override(self, override: Override | None) -> None:
        """Note what the owner has switched by hand; None is nothing."""
        self._take(replace(self.wishes, override=override))

    async def async_clear_goal(self) -> None:
        """Forget what makes the goal: then the car's own values hold."""
        await self.async_set(**dict.fromkeys(OF_GOAL))

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

    async def async_what_if(self, asked: Asked) -> tuple[Problem, Plan]:
        """Return the plan for another goal; nothing is changed by it.

        Raises `ValueError` for what nobody can want.
        """
        now = dt_util.utcnow()
        plugged = self._stay
        vehicle = self.likely_vehicle
        situation = await self._async_situation(now, plugged, vehicle)
        settings = self._planning.settings
        problem = with_asked(problem_of(situation), asked, settings.greenest)
        made = await self._planning.together.async_what_if(self, problem, now)
        return problem, made

    @property
    def _of_car(self) -> frozenset[str]:
        """Return the wishes for which the car that is here has values of its own."""
        vehicle = self.vehicle
        if self._plugged is None or vehicle is None:
            return frozenset()
        own = vehicle.settings
        named: dict[str, object] = {
            "ready_by": own.departures or None,
            "target_soc": own.target_soc,
            "target_kwh": own.energy_kwh if own.target_soc is None else own.target_soc,
            "minimum_soc": own.minimum_soc,
        }
        return frozenset(name for name, value in named.items() if value is not None)

    def _take(self, wishes: Wishes) -> None:
        """Take over wishes that have changed, and keep them."""
        before, self.wishes = self.wishes, wishes
        if wishes == before:
            return
        self._goal_changed = True
        self._planning.kept.async_set(self.key, wishes)
        self._tell()

    # Observers

    @callback
    def listen(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Call `changed` when wishes, plan or what it says now change.

        Returns how to stop.
        """
        self._listeners.append(changed)
        return lambda: self._listeners.remove(changed)

    @callback
    def _tell(self) -> None:
        for listener in tuple(self._listeners):
            listener()

    @callback
    def async_steered(self, because: Because | None, *, asleep: bool) -> None:
        """Show because of what the connector is given what it gets now."""
        if because is not self.because or asleep != self.asleep:
            self.because, self.asleep = because, asleep
            self._tell()

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
        self._cancel_timers()

    @callback
    def async_request(self) -> None:
        """Plan soon: something has changed, and more may at the same time."""
        if self._plugged is None or self._cancel_soon is not None or not self._stops:
            return
        wait = SETTLE_S
        if self._made_at is not None:
            earliest = self._made_at + BETWEEN
            wait = max(wait, (earliest - dt_util.utcnow()).total_seconds())
        wait = min(wait, BETWEEN.total_seconds())
        self._cancel_soon = async_call_later(
            self._hass, wait, HassJob(self._async_soon, cancel_on_shutdown=True)
        )

    @callback
    def async_car_changed(self) -> None:
        """Look which car is there, and how full: its data or its place have changed."""
        if self._plugged is None:
            return
        now_there = self.car.key
        soc = self._plugged.soc(self.vehicle)
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
        if self.problem is None or self._plugged is None or self._made_at is None:
            return True
        now = dt_util.utcnow()
        anew = self._situation(now, self._plugged, self.vehicle)
        try:
            other = problem_of(anew)
        except ValueError:
            return True
        return (other.car, other.goal) != (self.problem.car, self.problem.goal)

    @callback
    def _plug_changed(self) -> None:
        plugged_in = self.connector.plugged_in is True
        if plugged_in and self._plugged is None:
            self._plugged = self._stay
            self._car = self.car.key
            self._goal_changed = True
            self.async_request()
        elif not plugged_in and self._plugged is not None:
            self._plugged = None
            self._planning.together.async_leaves(self)
            self._forget_plan()
        if self.connector.plugged_in is False:
            self._take(self.wishes.unplugged())
        self._tell()

    def _forget_plan(self) -> None:
        self._cancel_timers()
        self.plan = self.problem = self.need = self._car = self._made_at = None
        self._basis = self.jointly = None
        self.failed = False

    @callback
    def _session_changed(self) -> None:
        if self._plugged is not None:
            self._plugged.look(dt_util.utcnow())
            self.async_request()

    @callback
    def _energy_changed(self) -> None:
        """See whether the car draws what was planned."""
        if self._plugged is None or self.plan is None:
            return
        now = dt_util.utcnow()
        planned = sum(
            _part(one.start, one.end, self.plan.made_at, now) * one.energy_kwh
            for one in self.plan.periods
        )
        taken = self._plugged.taken_kwh - self._taken_when_made
        if abs(taken - planned) >= OFF_BY_KWH:
            self.async_request()

    @callback
    def _async_soon(self, _now: datetime) -> None:
        self._cancel_soon = None
        self._planning.async_run(self.async_replan(), self)

    @callback
    def _async_edge(self, _now: datetime) -> None:
        """Tell that a step of the plan has ended, and see whether it still holds."""
        self._cancel_edge = None
        self._tell()
        self._watch_edge()
        self.async_request()

    def _watch_edge(self) -> None:
        """Wake up at the next step of the plan, and at each quarter of an hour."""
        if self._cancel_edge is not None:
            self._cancel_edge()
            self._cancel_edge = None
        if self._plugged is None or not self._stops:
            return
        now = dt_util.utcnow()
        seconds = QUARTER.total_seconds()
        quarter = dt_util.utc_from_timestamp((now.timestamp() // seconds + 1) * seconds)
        steps = () if self.plan is None else self.plan.steps
        edges = (edge for step in steps for edge in (step.start, step.end))
        self._cancel_edge = async_track_point_in_utc_time(
            self._hass,
            HassJob(self._async_edge, cancel_on_shutdown=True),
            min((quarter, *(edge for edge in edges if edge > now))),
        )

    def _cancel_timers(self) -> None:
        for cancel in (self._cancel_soon, self._cancel_edge):
            if cancel is not None:
                cancel()
        self._cancel_soon = self._cancel_edge = None

    # Planning

    _taken_when_made = 0.0

    async def async_basis(self, now: datetime) -> Basis | None:
        """Return what a plan is made from now, which takes in all that has changed.

        None without a car. Raises `ValueError` for what contradicts itself.
        """
        self._answered = self._asked
        if self._cancel_soon is not None:
            self._cancel_soon()
            self._cancel_soon = None
        self._take(self.wishes.without_past(now))
        plugged = self._plugged
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
        plugged = self._plugged
        if plugged is None:
            return None
        return problem_of(await self._async_situation(now, plugged, self.vehicle))

    @callback
    def holds(self, basis: Basis) -> bool:
        """Say whether nothing has changed that a plan was made from."""
        return (
            basis is self._basis
            and self._cancel_soon is None
            and self._answered == self._asked
        )

    @callback
    def async_take(
        self, basis: Basis, made: Plan, jointly: Jointly | None = None
    ) -> None:
        """Take over a plan, unless the car was unplugged meanwhile."""
        if basis.plugged is not self._plugged:
            return
        self.failed = False
        before = self.plan
        self.plan, self.problem, self.need = made, basis.problem, basis.need
        self.jointly = jointly
        self._taken_when_made = basis.taken_kwh
        self.happenings.made(before, made)
        self._watch_edge()
        self._tell()

    @callback
    def async_not_searching(self) -> None:
        """Show that no better plan is searched for any more."""
        if self.jointly is not None:
            self.jointly = replace(self.jointly, searching=False)
            self._tell()

    @callback
    def async_failed(self, error: Exception) -> None:
        """Show that no plan could be made, and log why: once."""
        if not self.failed:
            name = self._planning.name(self)
            _LOGGER.error("No plan could be made for %s", name, exc_info=error)
        self.failed = True
        self.plan = self.problem = self.need = self.jointly = None
        self._watch_edge()
        self._tell()

    async def _async_situation(
        self, now: datetime, plugged: Plugged, vehicle: Vehicle | None
    ) -> Situation:
        car = "" if vehicle is None else vehicle.key
        if plugged.usual_of != car:
            vehicles = self._planning.hub.vehicles
            identity, number = self.charger.identity, self.key[1]
            usual = await vehicles.async_usual_kwh(car or None, identity, number)
            plugged.usual_of, plugged.usual_kwh = car, usual
        return self._situation(now, plugged, vehicle)

    @property
    def _stay(self) -> Plugged:
        """Return the stay of the car that is there, else as if one came now."""
        return self._plugged or Plugged(self.connector, dt_util.utcnow())

    def _situation(
        self, now: datetime, plugged: Plugged, vehicle: Vehicle | None
    ) -> Situation:
        return Situation(
            now=now,
            signals=self._planning.hub.board.signals,
            settings=self._planning.settings,
            charger=self.charger,
            connector=self.connector,
            wishes=self.wishes,
            vehicle=vehicle,
            soc=plugged.soc(vehicle),
            taken_kwh=plugged.taken_kwh,
            usual_kwh=plugged.usual_kwh,
            since=plugged.since,
            began=plugged.began,
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
