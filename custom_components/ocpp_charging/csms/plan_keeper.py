"""Holds one connector to a plan, whatever charger and network do.

The plan is put on the charger, as a profile that goes on without us. Where that cannot
be, sessions are started and stopped as the plan says, for as long as we run.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
import logging

from . import plan_findings
from .charger import Charger
from .errors import ChargerOffline, CommandError
from .fitting import fit
from .model import Change, HeldBy, Transaction
from .own_profiles import OwnProfiles
from .phase_turn import note, with_pauses
from .plan_profile import PlanProfile, number_of
from .plan_switch import PlanSwitch
from .plan_watch import ended_by_trouble, ended_by_zero, was_forgotten
from .schedules import Fitted, PlannedSchedule, in_phases
from .timers import Alarm, Clock, WorldClock
from .timing import Timing

_LOGGER = logging.getLogger(__name__)

_OF_CONNECTOR = frozenset({"transaction", "plugged_in", "limit_a"})
_OF_CHARGER = frozenset(
    (0, key)
    for key in ("ready", "connected", "boots", "registration", "profiles", "settings")
)
"""What makes a keeper look whether all is as it should be."""


def _is_flow(key: str) -> bool:
    return key.startswith(("current", "power"))


class PlanKeeper:
    """Keeps one connector to the plan that it was last given; outlives connections.

    What it does shows in the connector's `held_by` and `planned_limit_a`. Nothing is
    raised for what a charger refuses: `problem` is the last such error, None when all
    is well.
    """

    def __init__(
        self,
        charger: Charger,
        connector_id: int,
        *,
        timing: Timing | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Bind a connector; nothing is done before `hold`."""
        self._charger = charger
        self._id = connector_id
        self._timing = timing or Timing()
        self._clock = clock or WorldClock()
        self._schedule: PlannedSchedule | None = None
        self._starts = True
        self.over = False
        """Whether its owner ended the last session: none is begun until unplugged."""
        self._overridden = False
        self._ends_session = False
        self._own = OwnProfiles(charger, connector_id)
        self._edge: datetime | None = None
        self._alarm = Alarm(self._clock, self._wake)
        self._profile = PlanProfile(
            charger,
            connector_id,
            keeper=self,
            timing=self._timing,
            clock=self._clock,
            alarm=self._alarm,
        )
        self._switch = PlanSwitch(charger, connector_id, self._timing, self._alarm.set)
        self._task: asyncio.Task[None] | None = None
        self._again = False
        self._unfollow: Callable[[], None] | None = None
        self.problem: CommandError | None = None

    @property
    def held_by(self) -> HeldBy | None:
        """Return by what the connector is held, None when it has no plan."""
        return self._charger.connector(self._id).held_by

    async def hold(
        self,
        schedule: PlannedSchedule,
        *,
        start: bool = True,
        anew: bool = False,
        at_once: bool = False,
    ) -> HeldBy | None:
        """Hold the connector to a plan from now on, in place of the one before.

        With `start`, a session is begun for a car that is plugged in and has none,
        unless its last one was ended by someone else; `anew`: whatever the owner did
        at the charger before, as this is what is wanted since. Returns by what it is
        held once that is known; a plan that changes too often waits for its turn,
        but not one that is wanted `at_once` or `anew`.
        """
        if self._unfollow is None:
            self._own.see()
            self._profile.begin()
            self._unfollow = self._charger.listen_all(self._changed)
        self._schedule = schedule
        self._starts = start
        if anew:
            self.over = self._overridden = False
            self._switch.renew()
        if anew or at_once:
            self._profile.hurry()
        await self._settle()
        return self.held_by

    async def release(self) -> None:
        """Take the plan off the charger; the owner's limit alone counts again."""
        self._schedule = self.problem = None
        self.over = self._overridden = False
        await self._settle()

    async def stop(self) -> None:
        """End the keeper; what is on the charger stays and goes on there."""
        if self._unfollow is not None:
            self._unfollow()
            self._unfollow = None
        self._again = False
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        self._alarm.clear()

    # What happens

    def _changed(self, changes: frozenset[Change]) -> None:
        mine = {key for connector_id, key in changes if connector_id == self._id}
        if "transaction" in mine:
            self._session_changed()
        if "transaction_named" in mine and self._profile.named():
            self._wake()
        if "plugged_in" in mine:
            self._switch.renew()
            if self._charger.connector(self._id).plugged_in:
                self.over = False
        flows = self._profile.installed is not None and any(map(_is_flow, mine))
        if flows or mine & _OF_CONNECTOR or changes & _OF_CHARGER:
            self._wake()

    def _session_changed(self) -> None:
        """Note that a session has ended, or that another one has begun."""
        connector = self._charger.connector(self._id)
        now = self._clock.now()
        before = self._profile.transaction_id
        number = number_of(connector.transaction)
        if number == before:
            return
        self._overridden = False
        self._switch.renew()
        self.over = number is None and self._ended_by_owner(before, now)
        self._profile.session_changed(number)

    def _ended_by_owner(self, transaction_id: int | None, now: datetime) -> bool:
        """Say whether a session's end was wanted by its owner, or by the car."""
        charger, profile = self._charger, self._profile
        connector = charger.connector(self._id)
        ended = connector.last_transaction
        if self._switch.has_stopped(transaction_id):
            return False
        ended_at = self._ended_at(ended, now)
        if connector.plugged_in and any(
            ended_by_zero(ended, ended_at, fitted, sent_at)
            for fitted, sent_at in profile.given
        ):
            plan_findings.ends_at_zero(charger)
            return self.over
        return not (ended_by_trouble(ended) or was_forgotten(connector))

    def _ended_at(self, ended: Transaction | None, now: datetime) -> datetime:
        """Return when a session ended, by our clock: the word may come late."""
        if ended is None or ended.ended_at is None:
            return now
        offset = timedelta(seconds=self._charger.clock_offset_s or 0)
        return ended.ended_at - offset

    @property
    def _busy(self) -> bool:
        return self._task is not None and not self._task.done()

    def _wake(self) -> None:
        self._again = True
        if not self._busy:
            self._task = asyncio.get_running_loop().create_task(
                self._run(), name=f"ocpp plan of {self._charger.identity}"
            )

    async def _settle(self) -> None:
        self._wake()
        if self._task is not None:
            await asyncio.wait({self._task})

    async def _run(self) -> None:
        while self._again:
            self._again = False
            try:
                await self._reconcile()
            except ChargerOffline as error:
                self.problem = error
            except CommandError as error:
                self._switch.pause(self.failed(error))
            except Exception:
                _LOGGER.exception("%s: the plan is not held", self._charger.identity)
                self._again = False
                self._alarm.set(self._retry_at())

    def again(self) -> None:
        """Look again when what is under way is done."""
        self._again = True

    def end_session(self) -> None:
        """Have the session ended next; another one is begun where one is to be."""
        self._ends_session = True

    def draws_at_zero(self) -> None:
        """Have the session ended next where none is to be: the owner has said off."""
        self._ends_session |= not self._starts

    def failed(self, error: CommandError) -> datetime:
        """Tell of what went wrong, once; returns when to try again."""
        if self.problem is None or str(self.problem) != str(error):
            _LOGGER.warning("%s: the plan: %s", self._charger.identity, error)
        self.problem = error
        again = self._retry_at()
        self._alarm.set(again)
        return again

    def _retry_at(self) -> datetime:
        return self._clock.now() + timedelta(seconds=self._timing.plan_retry)

    # What is to be done

    async def _reconcile(self) -> None:
        """Bring the charger to where the plan wants it, as far as it can be now."""
        self._alarm.clear()
        now = self._clock.now()
        plan = self._fitted(now)
        profile = self._profile
        commands = await profile.present()
        if plan is None or self.over:
            self.show(None if plan is None else HeldBy.PENDING)
            if commands is not None:
                await profile.let_go(commands)
            return
        self._note_edge(plan, now)
        if self._is_overridden():
            self.show(HeldBy.OVERRIDDEN)
            return
        if commands is None:
            there = profile.installed
            if there is None or not there.fitted.same_as(plan, now):
                self.show(HeldBy.PENDING, plan)
            return
        if not self._by_switch() and await profile.keep(commands, plan, now):
            self.problem = None
        if self._ends_session:
            self._ends_session = False
            await self._switch.end(now)
            return
        if not self._by_switch():
            await self._begin_session(plan, now)
            return
        await profile.let_go(commands)
        await self._start_or_stop(plan, now)

    def _fitted(self, now: datetime) -> Fitted | None:
        if self._schedule is None:
            return None
        charger, schedule = self._charger, self._schedule
        connector = charger.connector(self._id)
        if not charger.can_switch_phases:
            schedule = in_phases(schedule, None)
        elif not charger.features.ends_at_zero:
            there = self._profile.installed
            schedule = with_pauses(
                schedule,
                now,
                None if there is None else there.fitted,
                charging=connector.charging is True,
            )
        return fit(
            schedule,
            now,
            limit_a=connector.limit_a,
            most=None if self._by_switch() else self._charger.features.max_periods,
        )

    def _by_switch(self) -> bool:
        """Say whether the charger is known to take no plan."""
        return self._charger.features.plan_refused

    def _note_edge(self, plan: Fitted, now: datetime) -> None:
        """Wake up at the plan's next change; after one, all may be tried anew."""
        if self._edge is not None and now >= self._edge:
            self._switch.renew()
            self._profile.renew()
        self._edge = plan.next_edge(now)
        if self._edge is not None:
            self._alarm.set(self._edge)

    # The owner's own profiles

    def _is_overridden(self) -> bool:
        """Say whether the owner has put another profile over the plan, or removed it.

        That is not fought: it lasts until the session ends.
        """
        new, installed = self._own.see(), self._profile.installed
        if not self._overridden and installed is not None:
            self._overridden = self._own.replace(new, installed)
            if self._overridden:
                _LOGGER.info(
                    "%s: the owner's own profile replaces the plan",
                    self._charger.identity,
                )
                self._profile.installed = None
        return self._overridden

    # By starting and stopping

    async def _start_or_stop(self, plan: Fitted, now: datetime) -> None:
        """Start or stop a session, as the plan says for now."""
        ignored = self._charger.features.plan_ignored
        allowed = plan.at(now)
        self.show(HeldBy.IGNORED if ignored else HeldBy.START_STOP, plan)
        if allowed != 0:
            await self._begin_session(plan, now)
        elif await self._switch.end(now):
            self.problem = None

    async def _begin_session(self, plan: Fitted, now: datetime) -> None:
        """Begin a session for a car that waits for one."""
        connector = self._charger.connector(self._id)
        if connector.runs or not connector.plugged_in or not self._starts:
            return
        if plan.at(now) == 0 and self._charger.features.ends_at_zero:
            return
        if await self._switch.begin(now, self._profile.for_start(plan, now)):
            self.problem = None

    def show(self, held_by: HeldBy | None, plan: Fitted | None = None) -> None:
        """Show by what the connector is held, and what the plan allows now."""
        charger, now = self._charger, self._clock.now()
        connector = charger.connector(self._id)
        allowed_a = phases = None
        if plan is not None:
            allowed_a, phases = plan.at(now), plan.phases_at(now)
        by_profile = held_by in {HeldBy.PROFILE, HeldBy.MERGED}
        if by_profile and allowed_a == 0 and self._waits_for_start():
            held_by = HeldBy.START_STOP
        if by_profile and allowed_a and phases is not None:
            note(charger, self._id, phases, now)
        changed = connector.set_held(held_by, allowed_a, phases)
        charger.publish(self._id, changed)

    def _waits_for_start(self) -> bool:
        """Say whether it is a start of ours that lets the car charge, later.

        A charger that ends its session at 0 A has none until then, whatever the
        profile says that waits on it.
        """
        connector = self._charger.connector(self._id)
        ends = self._charger.features.ends_at_zero
        return ends and self._starts and not connector.runs
