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
from .commands import Commands
from .errors import ChargerOffline, CommandError
from .fitting import fit
from .limits import ensure_limit, limit_level
from .model import Change, HeldBy, ProfilePurpose, RateUnit, Registration, Transaction
from .own_profiles import OwnProfiles
from .plan_switch import PlanSwitch
from .plan_watch import OverdrawWatch, ended_by_trouble, ended_by_zero
from .plan_ways import (
    Installed,
    NotHeld,
    clear_plans,
    install,
    is_kept,
    plan_ids,
    take_back,
)
from .schedules import Fitted, PlannedSchedule
from .timers import Alarm, Clock, WorldClock
from .timing import Timing

_LOGGER = logging.getLogger(__name__)

_NAMED_S = 2.0
"""By then a charger knows the id of its transaction, whether we saw that or not."""

_OF_CONNECTOR = frozenset({"transaction", "plugged_in", "limit_a"})
_OF_CHARGER = frozenset(
    (0, key) for key in ("ready", "connected", "boots", "registration", "profiles")
)
"""What makes a keeper look whether all is as it should be."""


def _number(transaction: Transaction | None) -> int | None:
    return None if transaction is None else transaction.transaction_id


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
        self._watch = OverdrawWatch(self._timing.plan_ignored)
        self._schedule: PlannedSchedule | None = None
        self._starts = True
        charger.connector(connector_id).set_plan_there(None)
        self._sent_at: datetime | None = None
        self._connection: Commands | None = None
        self._boots = 0
        self._verify = False
        self._transaction_id: int | None = None
        self._named_by: datetime | None = None
        self._over = False
        self._overridden = False
        self._own = OwnProfiles(charger, connector_id)
        self._leftover = False
        self._waits_for_session = False
        self._send_after: datetime | None = None
        self._edge: datetime | None = None
        self._alarm = Alarm(self._clock, self._wake)
        self._switch = PlanSwitch(charger, connector_id, self._timing, self._alarm.set)
        self._task: asyncio.Task[None] | None = None
        self._again = False
        self._unfollow: Callable[[], None] | None = None
        self.problem: CommandError | None = None

    @property
    def _installed(self) -> Installed | None:
        return self._charger.connector(self._id).plan_there

    @_installed.setter
    def _installed(self, installed: Installed | None) -> None:
        connector = self._charger.connector(self._id)
        self._charger.publish(self._id, connector.set_plan_there(installed))

    @property
    def held_by(self) -> HeldBy | None:
        """Return by what the connector is held, None when it has no plan."""
        return self._charger.connector(self._id).held_by

    async def hold(
        self, schedule: PlannedSchedule, *, start: bool = True, anew: bool = False
    ) -> HeldBy | None:
        """Hold the connector to a plan from now on, in place of the one before.

        With `start`, a session is begun for a car that is plugged in and has none,
        unless its last one was ended by someone else; `anew`: whatever the owner did
        at the charger before, as this is what is wanted since. Returns by what it is
        held once that is known; a plan that changes too often waits for its turn.
        """
        if self._unfollow is None:
            connector = self._charger.connector(self._id)
            self._transaction_id = _number(connector.transaction)
            self._own.see()
            self._boots = self._charger.boots
            self._connection = self._charger.connection
            self._unfollow = self._charger.listen_all(self._changed)
        self._schedule = schedule
        self._starts = start
        if anew:
            self._over = self._overridden = False
            self._switch.renew()
        await self._settle()
        return self.held_by

    async def release(self) -> None:
        """Take the plan off the charger; the owner's limit alone counts again."""
        self._schedule = self.problem = None
        self._over = self._overridden = False
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
        if "transaction_named" in mine and self._named_by is not None:
            self._named_by = None
            self._wake()
        if "plugged_in" in mine:
            self._switch.renew()
            if self._charger.connector(self._id).plugged_in:
                self._over = False
        flows = self._installed is not None and any(map(_is_flow, mine))
        if flows or mine & _OF_CONNECTOR or changes & _OF_CHARGER:
            self._wake()

    def _session_changed(self) -> None:
        """Note that a session has ended, or that another one has begun."""
        connector = self._charger.connector(self._id)
        now = self._clock.now()
        before, number = self._transaction_id, _number(connector.transaction)
        if number == before:
            return
        self._transaction_id = number
        self._overridden = self._waits_for_session = False
        self._send_after = None
        self._switch.renew()
        self._watch.begin(connector)
        if number is not None:
            self._over = False
            self._named_by = now + timedelta(seconds=_NAMED_S)
            return
        self._over = self._ended_by_owner(before, now)
        installed = self._installed
        if installed and installed.way.purpose is ProfilePurpose.TRANSACTION:
            self._installed = None
            self._leftover = True

    def _ended_by_owner(self, transaction_id: int | None, now: datetime) -> bool:
        """Say whether a session's end was wanted by its owner, or by the car."""
        charger, installed = self._charger, self._installed
        connector = charger.connector(self._id)
        ended = connector.last_transaction
        if self._switch.has_stopped(transaction_id):
            return False
        if (
            connector.plugged_in
            and installed is not None
            and self._sent_at is not None
            and ended_by_zero(
                ended, self._ended_at(ended, now), installed.fitted, self._sent_at
            )
        ):
            plan_findings.ends_at_zero(charger)
            return self._over
        return not ended_by_trouble(ended)

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
                self._switch.pause(self._failed(error))
            except Exception:
                _LOGGER.exception("%s: the plan is not held", self._charger.identity)
                self._again = False
                self._alarm.set(self._retry_at())

    def _failed(self, error: CommandError) -> datetime:
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
        commands = self._present()
        if self._leftover and commands is not None:
            # It should have gone with its session (OCPP 1.6 §3.13.1); some keep it,
            # and would give 0 A to every later one.
            await take_back(
                self._charger, commands, self._id, ProfilePurpose.TRANSACTION
            )
            self._leftover = False
        if plan is None or self._over:
            held = None if plan is None else HeldBy.PENDING
            self._show(held, None)
            if commands is not None:
                await self._let_go(commands)
            return
        self._note_edge(plan, now)
        if self._is_overridden():
            self._show(HeldBy.OVERRIDDEN, None)
            return
        if commands is None:
            if self._installed is None or not self._installed.fitted.same_as(plan, now):
                self._show(HeldBy.PENDING, plan.at(now))
            return
        if not self._by_switch():
            await self._keep(commands, plan, now)
        if not self._by_switch():
            await self._begin_session(plan, now)
            return
        await self._let_go(commands)
        await self._start_or_stop(plan, now)

    def _fitted(self, now: datetime) -> Fitted | None:
        if self._schedule is None:
            return None
        connector = self._charger.connector(self._id)
        return fit(
            self._schedule,
            now,
            limit_a=connector.limit_a,
            most=None if self._by_switch() else self._charger.features.max_periods,
        )

    def _present(self) -> Commands | None:
        """Return the connection of a charger that has been set up, None without."""
        charger = self._charger
        commands = charger.connection
        accepted = charger.registration is Registration.ACCEPTED
        if commands is None or not charger.ready or not accepted:
            return None
        if commands is not self._connection or charger.boots != self._boots:
            self._verify = self._installed is not None
            self._waits_for_session = False
        self._connection = commands
        return commands

    def _by_switch(self) -> bool:
        """Say whether the charger is known to take no plan."""
        return self._charger.features.plan_refused

    def _note_edge(self, plan: Fitted, now: datetime) -> None:
        """Wake up at the plan's next change; after one, all may be tried anew."""
        if self._edge is not None and now >= self._edge:
            self._send_after = None
            self._switch.renew()
            self._watch.begin(self._charger.connector(self._id))
        self._edge = plan.next_edge(now)
        if self._edge is not None:
            self._alarm.set(self._edge)

    # By a profile

    async def _keep(self, commands: Commands, plan: Fitted, now: datetime) -> None:
        """See to it that the plan is on the charger, and that it keeps to it."""
        if not await self._is_due(commands, plan, now):
            self._look_at_draw(plan, now)
            return
        session = self._transaction_id
        try:
            installed = await install(self._charger, commands, self._id, plan, now)
        except NotHeld as failure:
            self._installed = None
            await self._restore_limit(commands)
            self._not_held(failure, in_session=session is not None)
            return
        for_session = installed.way.purpose is ProfilePurpose.TRANSACTION
        if for_session and installed.transaction_id != self._transaction_id:
            # Its session has ended meanwhile, which is looked at next.
            self._installed = None
            self._leftover = True
            return
        self._installed = installed
        self._sent_at = now
        self._boots = self._charger.boots
        self._verify = False
        self.problem = None
        self._watch.begin(self._charger.connector(self._id))
        self._show(HeldBy.MERGED if installed.merged else HeldBy.PROFILE, plan.at(now))
        await clear_plans(self._charger, commands, self._id, but=installed.way.purpose)

    async def _is_due(self, commands: Commands, plan: Fitted, now: datetime) -> bool:
        """Say whether the plan has to be sent now."""
        if self._has_to_wait(now):
            return False
        installed = self._installed
        there = self._charger.memory.profiles
        if installed is None or installed.profile_id(self._id) not in there:
            # It may have had to make room for the owner's limit.
            return True
        connector = self._charger.connector(self._id)
        number = _number(connector.transaction)
        if number is not None and installed.transaction_id != number:
            # A session's own profile is obeyed by more chargers than a default.
            return True
        if self._verify:
            rebooted = self._charger.boots != self._boots
            kept = await is_kept(
                self._charger,
                commands,
                self._id,
                installed,
                now,
                untold=not rebooted,
            )
            if not kept:
                return True
            self._verify = False
            self._boots = self._charger.boots
        known = connector.known_phases
        in_watts = installed.way.unit is RateUnit.WATT
        if plan.same_as(installed.fitted, now) and not (
            in_watts and known is not None and known != installed.phases
        ):
            self._show(
                HeldBy.MERGED if installed.merged else HeldBy.PROFILE, plan.at(now)
            )
            return False
        assert self._sent_at is not None
        due = self._sent_at + timedelta(seconds=self._timing.plan_pause)
        if now < due:
            self._alarm.set(due)
            return False
        return True

    def _has_to_wait(self, now: datetime) -> bool:
        """Say whether nothing can be sent now; arms for when that may change."""
        if self._waits_for_session:
            return True
        for moment in (self._named_by, self._send_after):
            if moment is not None and now < moment:
                self._alarm.set(moment)
                return True
        return False

    def _not_held(self, failure: NotHeld, *, in_session: bool) -> None:
        """Note what was found out about a charger that keeps to no plan.

        `in_session` says whether there was a session when it was asked.
        """
        charger = self._charger
        transient = not failure.final and failure.error is not None
        hopeless = in_session or charger.features.has("SmartCharging") is False
        if transient or not hopeless:
            # It may take one in a session only, or when it is asked again.
            self._show(HeldBy.PENDING, None)
            begun = charger.connector(self._id).transaction is not None
            self._waits_for_session = not transient and not begun
            if transient and failure.error is not None:
                self._send_after = self._failed(failure.error)
            return
        plan_findings.takes_no_plan(charger, failure)

    def _look_at_draw(self, plan: Fitted, now: datetime) -> None:
        """Notice that the car draws more than the plan allows, and find another way."""
        installed, allowed = self._installed, plan.at(now)
        if installed is None or allowed is None:
            return
        connector = self._charger.connector(self._id)
        if connector.transaction is None or installed.transaction_id is None:
            return
        if self._watch.ignores(connector, allowed, now):
            plan_findings.ignores(self._charger, self._id, installed.way.purpose)
            self._installed = None
            self._show(HeldBy.IGNORED, allowed)
            self._again = True
        elif self._watch.suspects:
            self._alarm.set(now + timedelta(seconds=self._timing.plan_ignored / 2))

    async def _let_go(self, commands: Commands) -> None:
        """Take the plan's profiles off the charger."""
        self._installed = None
        known = self._charger.memory.profiles
        if not plan_ids(self._id) & known.keys():
            return
        await clear_plans(self._charger, commands, self._id)
        await self._restore_limit(commands)

    async def _restore_limit(self, commands: Commands) -> None:
        """Send the owner's limit again, where the plan had taken its place."""
        charger = self._charger
        limit_a = charger.memory.limits_a.get(self._id)
        purpose = charger.features.limit_purpose
        if limit_a is None or purpose is None:
            return
        if limit_level(charger, self._id, purpose, installed=True) is None:
            try:
                await ensure_limit(charger, commands, self._id, limit_a)
            except ChargerOffline:
                raise
            except CommandError as error:
                _LOGGER.warning("%s: the owner's limit: %s", charger.identity, error)

    # The owner's own profiles

    def _is_overridden(self) -> bool:
        """Say whether the owner has put another profile over the plan, or removed it.

        That is not fought: it lasts until the session ends.
        """
        new, installed = self._own.see(), self._installed
        if not self._overridden and installed is not None:
            self._overridden = self._own.replace(new, installed)
            if self._overridden:
                _LOGGER.info(
                    "%s: the owner's own profile replaces the plan",
                    self._charger.identity,
                )
                self._installed = None
        return self._overridden

    # By starting and stopping

    async def _start_or_stop(self, plan: Fitted, now: datetime) -> None:
        """Start or stop a session, as the plan says for now."""
        ignored = self._charger.features.plan_ignored
        allowed = plan.at(now)
        self._show(HeldBy.IGNORED if ignored else HeldBy.START_STOP, allowed)
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
            self._show(HeldBy.START_STOP, 0.0)
            return
        if await self._switch.begin(now):
            self.problem = None

    def _show(self, held_by: HeldBy | None, allowed_a: float | None) -> None:
        connector = self._charger.connector(self._id)
        self._charger.publish(self._id, connector.set_held(held_by, allowed_a))
