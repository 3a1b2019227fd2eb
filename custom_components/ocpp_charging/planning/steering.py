"""Holds the car at a connector to what its mode, the owner and the plan say.

One for each connector, and nothing else tells a charger what a plan wants. It acts only
where the owner has turned smart charging on and a car is plugged in.
"""

from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
import logging
from typing import TYPE_CHECKING, Any, Final

from homeassistant.core import CALLBACK_TYPE, HassJob, callback
from homeassistant.helpers.event import async_call_later
from homeassistant.util import dt as dt_util

from ..charging import Problem
from ..charging.phases import ALL
from ..csms import control
from ..csms.errors import CommandError
from ..csms.model import HeldBy
from ..csms.plan_keeper import PlanKeeper
from ..csms.plan_ways import plan_ids
from ..csms.schedules import MINIMUM_A, PlannedSchedule, in_phases
from .connector_plan import ConnectorPlan
from .course import (
    Because,
    Course,
    because_of,
    blinking,
    constant,
    gives,
    sunny,
)
from .held_back import HeldBack
from .phase_switching import can_switch
from .scheduled import Scheduled
from .sunshine import Sunshine
from .waking import BLINK, Wake, Waking
from .wishes import Mode, Override

if TYPE_CHECKING:
    from ..hub import Hub

_LOGGER = logging.getLogger(__name__)

TICK: Final = timedelta(seconds=10)
"""So often the sun is looked at while a car could have it."""

_OVER: Final = "over"
"""What is kept of a stay: that its owner has ended the session."""

_TELLING: Final = ("plugged_in", "transaction", "limit_a", "charging", "status")
"""Nothing of what its own keeper tells, which would have it look for ever."""


class Steering:
    """Steers one connector: brings what is wished and planned to its `PlanKeeper`."""

    def __init__(self, hub: Hub, plan: ConnectorPlan) -> None:
        """Bind a connector; nothing is sent before `async_start`."""
        self._hub = hub
        self._hass = hub.hass
        self.plan = plan
        self.course: Course | None = None
        """What the connector is held to; None where it is not steered, or empty."""
        self.keeper = PlanKeeper(plan.charger, plan.key[1], timing=hub.central.timing)
        self.sunshine = Sunshine(hub, plan)
        self._scheduled = Scheduled(hub, plan)
        self._held_back = HeldBack(hub, plan)
        self._waking = Waking()
        self._wake = Wake.NOTHING
        self._blink_until: datetime | None = None
        self._stops: list[Callable[[], None]] = []
        self._cancel_tick: CALLBACK_TYPE | None = None
        self._soon = False
        self._owner_acts = False
        self._plugged_in: bool | None = None
        self._recalled = False
        self._held = False
        """Whether the keeper was given something that was not taken back since."""
        self._planned_for: Problem | None = None
        self._afresh = False
        """Whether what is to be held was planned anew, and is not sent yet."""

    # Following

    @callback
    def async_start(self) -> None:
        """Follow the plan, the wishes, the charger and the house's meter."""
        number = self.plan.key[1]
        self._stops = [
            self.plan.listen(self.async_request),
            self.plan.charger.listen_to(
                [*((number, key) for key in _TELLING), (0, "ready")],
                self.async_request,
            ),
            self._hub.board.meter.listen(self._measured),
        ]
        self.async_request()

    @callback
    def async_stop(self) -> None:
        """Follow nothing more; what is on the charger stays there."""
        for stop in self._stops:
            stop()
        self._stops = []
        self._cancel()

    async def async_close(self) -> None:
        """End the keeper; the charger goes on with its plan."""
        await self.keeper.stop()

    async def async_release(self) -> None:
        """Take the plan off a charger that is removed, where it is there."""
        self.async_stop()
        if self._held or self._is_left():
            await self.keeper.release()
        await self.keeper.stop()

    @callback
    def async_request(self) -> None:
        """Look soon, with all that is told at the same time."""
        if not self._soon and self._stops:
            self._soon = True
            self._hass.loop.call_soon(self._async_look)

    @callback
    def _measured(self) -> None:
        if self.course is not None and self.course.because is Because.SUN:
            self.async_request()

    @callback
    def _async_tick(self, _now: datetime) -> None:
        self._cancel_tick = None
        self.async_request()

    def _cancel(self) -> None:
        if self._cancel_tick is not None:
            self._cancel_tick()
            self._cancel_tick = None

    # Steering

    @callback
    def _async_look(self) -> None:
        """See what is to be held now, and have it held."""
        self._soon = False
        if not self._stops:
            return
        self._cancel()
        plugged_in = self.plan.connector.plugged_in
        if plugged_in is not None:
            self._plugged_in = plugged_in
        steered = self.plan.wishes.steered
        if not steered and self._plugged_in is not False and self._held_back.is_on:
            self._run(self._async_hold_back(anew=False))
            return
        self._held_back.set(on=False)
        if not steered or self._plugged_in is False:
            self._let_go()
            return
        if self._plugged_in is None:
            # Not known since a restart: what is on the charger goes on.
            return
        self._end_boost()
        now = dt_util.utcnow()
        course = self._course(now)
        if course is None:
            # A plan that is made is told of; a meter may stay away.
            self._look_again(TICK)
            return
        anew = self._take(course) and not self._recall_end()
        if self._soundly_asleep(course, now):
            return
        self._run(self._async_hold(self._with_blink(course.schedule), anew=anew))
        self._note(_OVER, self.keeper.over and not anew)
        if not self._follows_plan(course.because):
            self._scheduled.forget()
        until = self._scheduled.waits_until
        waits = [] if until is None else [until - now]
        if course.because is Because.SUN or self._wake is not Wake.NOTHING:
            waits.append(TICK)
        if waits:
            self._look_again(min(waits))

    def _recall_end(self) -> bool:
        """Say whether the owner ended the session before a restart, and nothing since.

        Only the first time: what is wished later counts anew.
        """
        first, self._recalled = not self._recalled, True
        stay = self._hub.planning.kept.stay(self.plan.key)
        if first and stay.get(_OVER) and self.plan.connector.transaction is None:
            self.keeper.over = True
            return True
        return False

    def _note(self, part: str, value: object) -> None:
        """Keep something of this stay over restarts."""
        self._hub.planning.kept.async_note(self.plan.key, part, value or None)

    def _look_again(self, wait: timedelta) -> None:
        tick = HassJob(self._async_tick, cancel_on_shutdown=True)
        self._cancel_tick = async_call_later(self._hass, wait, tick)

    def _soundly_asleep(self, course: Course, now: datetime) -> bool:
        """See whether the car sleeps; say whether its session is begun anew."""
        connector, need = self.plan.connector, self.plan.need
        holds = connector.held_by in {HeldBy.PROFILE, HeldBy.MERGED}
        given = holds and connector.transaction is not None
        kept, car = self._hub.planning.kept, self.plan.car.key
        self._wake = self._waking.look(
            now,
            given=given and gives(course.schedule, now) >= MINIMUM_A,
            charging=connector.charging is True,
            wants=need is not None and need.kwh > 0,
            ends_at_zero=self.plan.charger.features.ends_at_zero is True,
            known=None if car is None else kept.wake(car),
        )
        if car is not None and self._waking.helped is not None:
            kept.async_set_wake(car, self._waking.helped)
        if self._wake is Wake.BLINK:
            self._blink_until = now + BLINK
        self._show(course)
        if self._wake is Wake.RESTART and not self._owner_acts:
            _LOGGER.info("%s: the car sleeps: another session", self._name)
            self._run(self._async_restart())
            return True
        return False

    async def _async_restart(self) -> None:
        """End the session and begin another, as plugging in anew would."""
        self._owner_acts = True
        charger, number = self.plan.charger, self.plan.key[1]
        try:
            seconds = self._hub.central.timing.confirm
            await control.stop_charging(charger, number, timeout=seconds)
        except CommandError as error:
            _LOGGER.info("%s: its session does not end: %s", self._name, error)
        finally:
            self._owner_acts = False
        course = self.course
        if course is not None:
            await self._async_hold(course.schedule, anew=True)

    def _with_blink(self, schedule: PlannedSchedule) -> PlannedSchedule:
        now, until = dt_util.utcnow(), self._blink_until
        if until is None or now >= until:
            self._blink_until = None
            return schedule
        return blinking(schedule, now, until - now)

    def _let_go(self) -> None:
        """Leave the charger to itself, once."""
        self._waking, self._wake, self._blink_until = Waking(), Wake.NOTHING, None
        self._recalled = True
        self._scheduled.forget()
        self._show(None)
        self.sunshine.forget()
        if self._held or self._is_left():
            self._held = False
            self._run(self.keeper.release())

    def _is_left(self) -> bool:
        """Say whether a plan of before a restart is still on the charger."""
        known = self.plan.charger.memory.profiles
        return bool(plan_ids(self.plan.key[1]) & known.keys())

    def _end_boost(self) -> None:
        """End a boost when the car has what it needs."""
        need = self.plan.need
        if self.plan.wishes.boost and need is not None and need.kwh <= 0:
            self._run(self.plan.async_set(boost=False))

    def _course(self, now: datetime) -> Course | None:
        """Return what is to be held; None while that is still being found out."""
        plan = self.plan
        because = because_of(plan.wishes, failed=plan.failed)
        if because in {Because.OVERRIDE_OFF, Because.OFF}:
            return Course(because=because, schedule=constant(0.0, now))
        if because in {Because.SUN, Because.PLAN} and self._scheduled.is_draft(now):
            return None
        if because is Because.SUN:
            return self._sunny(now)
        if because is not Because.PLAN:
            most_a = self._scheduled.most_a
            return Course(because=because, schedule=constant(most_a, now))
        schedule = self._scheduled.delayed(now)
        return None if schedule is None else Course(because=because, schedule=schedule)

    def _follows_plan(self, because: Because | None) -> bool:
        """Say whether what is planned counts, by itself or besides the sun."""
        both = because is Because.SUN and self.plan.wishes.mode is Mode.SMART_SOLAR
        return because is Because.PLAN or both

    def _sunny(self, now: datetime) -> Course | None:
        """Return what the sun gives, or the plan where the mode has both."""
        follows = self._follows_plan(Because.SUN)
        schedule = self._scheduled.delayed(now) if follows else None
        waits = schedule is not None and self._scheduled.waits_until is not None
        waits_a = gives(schedule, now) if waits and schedule is not None else None
        share = self.sunshine.share(now, waits_a)
        if share is None:
            return None
        phases = share.phases if can_switch(self.plan) else None
        return Course(
            because=Because.SUN,
            schedule=sunny(share.current_a, now, schedule, phases=phases),
        )

    def _take(self, course: Course) -> bool:
        """Take over what is to be held; say whether it is because of something else."""
        anew = self.course is None or self.course.because is not course.because
        self._held = True
        problem = self.plan.problem
        if problem is not self._planned_for:
            # Not bound to the plan before: the owner wishes something else.
            self._planned_for = problem
            self._afresh |= problem is not None and problem.state.plan is None
        self._show(course)
        return anew

    async def _async_hold(self, schedule: PlannedSchedule, *, anew: bool) -> None:
        # Where nothing else is said it is on all phases, and not on the last ones.
        schedule = in_phases(schedule, ALL, anew=False)
        at_once, self._afresh = self._afresh, False
        await self.keeper.hold(
            schedule, start=self._may_start, anew=anew, at_once=at_once
        )

    @property
    def _may_start(self) -> bool:
        """Say whether a session may be begun for a car that has none."""
        course = self.course
        never = {Because.OVERRIDE_OFF, Because.OFF}
        return (
            not self._owner_acts
            and course is not None
            and (course.because not in never)
        )

    def _show(self, course: Course | None) -> None:
        self.course = course
        because = None if course is None else course.because
        waits_until = self._scheduled.waits_until
        self.plan.async_steered(
            because,
            asleep=self._wake is Wake.ASLEEP,
            delayed_until=waits_until if self._follows_plan(because) else None,
            sun=self.sunshine.told if because is Because.SUN else None,
        )

    @property
    def _name(self) -> str:
        return self._hub.planning.name(self.plan)

    def _run(self, work: Coroutine[Any, Any, object]) -> None:
        name = f"steering of {self._name}"
        _task = self._hub.entry.async_create_task(self._hass, work, name)

    # The owner

    @asynccontextmanager
    async def async_owner_acts(self, override: Override) -> AsyncGenerator[None]:
        """Let the owner start or stop charging within; it holds until unplugged.

        Without smart charging it is as if nobody steered. When what is done within
        fails, what held before holds again, and the error is the owner's to see. Where
        a charger does not end its session, it is enough that this gives nothing.
        """
        if self.plan.connector.plugged_in is not True:
            yield
            return
        if not self.plan.wishes.steered:
            async with self._async_alone(override):
                yield
            return
        before = self.plan.wishes.override
        self._owner_acts = True
        try:
            self.plan.async_override(override)
            course = self._course(dt_util.utcnow())
            assert course is not None
            self._take(course)
            # Whatever was done at the charger before: this is the owner's word now.
            await self._async_hold(course.schedule, anew=True)
            yield
        except BaseException as error:
            if not self._held_back.serves(error, override):
                self.plan.async_override(before)
                raise
        finally:
            self._owner_acts = False
            self.async_request()

    @asynccontextmanager
    async def _async_alone(self, override: Override) -> AsyncGenerator[None]:
        """Let the owner start or stop charging within, where nobody steers."""
        self._held_back.set(on=False)
        try:
            yield
        except CommandError as error:
            if override is Override.OFF and self._held_back.session is not None:
                self._held_back.set(on=True)
                await self._async_hold_back(anew=True)
            if not self._held_back.serves(error, override):
                self._held_back.set(on=False)
                raise
        finally:
            self.async_request()

    async def _async_hold_back(self, *, anew: bool) -> None:
        """Let nothing flow in a session that its charger does not end."""
        self._held = True
        await self._async_hold(constant(0.0, dt_util.utcnow()), anew=anew)
