"""Keeps a connector's plan on its charger as a profile, and sees whether it counts."""

from collections import deque
from datetime import datetime, timedelta
import logging
from typing import Protocol

from . import plan_findings
from .charger import Charger
from .commands import Commands
from .errors import ChargerOffline, CommandError
from .limits import ensure_limit, limit_level
from .measuring import ask_what_flows
from .model import (
    ChargingProfile,
    ConnectorStatus,
    HeldBy,
    ProfilePurpose,
    RateUnit,
    Registration,
    Transaction,
)
from .phase_turn import PhaseWatch
from .plan_install import (
    Installed,
    NotHeld,
    clear_plans,
    install,
    is_kept,
    is_there,
    profile_for_start,
    take_back,
)
from .plan_watch import OverdrawWatch
from .plan_ways import plan_ids
from .schedules import Fitted
from .timers import Alarm, Clock
from .timing import Timing

_LOGGER = logging.getLogger(__name__)

_NAMED_S = 2.0
"""By then a charger knows the id of its transaction, whether we saw that or not."""


def number_of(transaction: Transaction | None) -> int | None:
    """Return the id of a transaction, None where there is none."""
    return None if transaction is None else transaction.transaction_id


def _as_much_now(before: Installed | None, installed: Installed, now: datetime) -> bool:
    """Say whether a plan allows now what the one before it did, in the same way."""
    return (
        before is not None
        and before.way == installed.way
        and before.transaction_id == installed.transaction_id
        and before.fitted.at(now) == installed.fitted.at(now)
        and before.fitted.phases_at(now) == installed.fitted.phases_at(now)
    )


class Keeper(Protocol):
    """Who has a plan kept."""

    def show(self, held_by: HeldBy, plan: Fitted | None = None) -> None:
        """Show by what the connector is held, and what the plan allows now."""

    def failed(self, error: CommandError) -> datetime:
        """Tell of what went wrong; returns when to try again."""

    def again(self) -> None:
        """Look again at once."""

    def end_session(self) -> None:
        """Have the session ended next: nothing else helps."""

    def draws_at_zero(self) -> None:
        """Hear that the car draws although nothing is to flow."""


class PlanProfile:
    """The profile that carries a connector's plan; outlives connections.

    `transaction_id` is that of the session it is for, None without one.
    """

    def __init__(
        self,
        charger: Charger,
        connector_id: int,
        *,
        keeper: Keeper,
        timing: Timing,
        clock: Clock,
        alarm: Alarm,
    ) -> None:
        """Bind a connector, with nothing on its charger that is known."""
        self._charger = charger
        self._id = connector_id
        self._keeper = keeper
        self._timing = timing
        self._clock = clock
        self._alarm = alarm
        self._watch = OverdrawWatch(timing.plan_ignored, timing.plan_ignored_far)
        self._phase_watch = PhaseWatch(timing.plan_ignored)
        charger.connector(connector_id).set_plan_there(None)
        self.sent_at: datetime | None = None
        self.transaction_id: int | None = None
        self._connection: Commands | None = None
        self._boots = 0
        self._verify = False
        self._named_by: datetime | None = None
        self._leftover = False
        self._waits_for_session = False
        self._send_after: datetime | None = None
        self._measure_at: datetime | None = None
        self._measured = self._measures = True
        self._told: tuple[float | None, int | None] = None, None
        """What the charger was last seen to be told: a current in A, and phases."""
        self._in_start = False
        self._hurries = False
        self._given: deque[tuple[Fitted, datetime]] = deque(maxlen=2)

    @property
    def given(self) -> list[tuple[Fitted, datetime]]:
        """Return what the charger was given last, and before, and from when on.

        The end of a session may be told when there is another plan already.
        """
        return list(self._given)

    @property
    def installed(self) -> Installed | None:
        """The plan that is on the charger."""
        return self._charger.connector(self._id).plan_there

    @installed.setter
    def installed(self, installed: Installed | None) -> None:
        connector = self._charger.connector(self._id)
        self._charger.publish(self._id, connector.set_plan_there(installed))

    # What happens

    def begin(self) -> None:
        """Take the charger as it is now."""
        connector = self._charger.connector(self._id)
        self.transaction_id = number_of(connector.transaction)
        self._boots = self._charger.boots
        self._connection = self._charger.connection

    def session_changed(self, number: int | None) -> None:
        """Note that a session has ended, or that another one has begun."""
        self.transaction_id = number
        self._waits_for_session = False
        self._send_after = None
        self.renew_watch()
        if number is not None:
            self._named_by = self._clock.now() + timedelta(seconds=_NAMED_S)
            return
        installed = self.installed
        if installed and installed.way.purpose is ProfilePurpose.TRANSACTION:
            self.installed = None
            self._leftover = True

    def hurry(self) -> None:
        """Send the next plan without a pause: something else counts than before."""
        self._hurries = True

    def named(self) -> bool:
        """Note that the charger knows its transaction; says whether it was awaited."""
        awaited = self._named_by is not None
        self._named_by = None
        return awaited

    def renew(self) -> None:
        """Try all anew: another part of the plan has begun."""
        self._send_after = None
        self.renew_watch()

    def renew_watch(self) -> None:
        """Look anew at what the car draws: another limit holds."""
        connector = self._charger.connector(self._id)
        self._watch.begin(connector)
        self._phase_watch.begin(connector)

    async def present(self) -> Commands | None:
        """Return the connection of a charger that has been set up, None without."""
        charger = self._charger
        commands = charger.connection
        accepted = charger.registration is Registration.ACCEPTED
        if commands is None or not charger.ready or not accepted:
            return None
        if commands is not self._connection or charger.boots != self._boots:
            self._verify = self.installed is not None
            self._waits_for_session = False
            self._measures = True
        self._connection = commands
        if self._leftover:
            # It should have gone with its session (OCPP 1.6 §3.13.1); some keep it,
            # and would give 0 A to every later one.
            await take_back(charger, commands, self._id, ProfilePurpose.TRANSACTION)
            self._leftover = False
        return commands

    # What is done

    async def keep(self, commands: Commands, plan: Fitted, now: datetime) -> bool:
        """See to it that the plan is on the charger, and that it keeps to it.

        Says whether it was sent.
        """
        if not await self._is_due(commands, plan, now):
            await self._look_at_draw(commands, now)
            return False
        session, before = self.transaction_id, self.installed
        suspended = self._is_suspended(before)
        try:
            installed = await install(self._charger, commands, self._id, plan, now)
        except NotHeld as failure:
            self.installed = None
            if self._in_start and session is not None:
                # What its session began with could not be renewed.
                self._in_start = False
                await take_back(
                    self._charger, commands, self._id, ProfilePurpose.TRANSACTION
                )
            await self._restore_limit(commands)
            self._not_held(failure, in_session=session is not None)
            return False
        for_session = installed.way.purpose is ProfilePurpose.TRANSACTION
        if for_session and installed.transaction_id != self.transaction_id:
            # Its session has ended meanwhile, which is looked at next.
            self.installed = None
            self._leftover = True
            return False
        if suspended and not for_session:
            # What holds the session back counts above all else, and stays.
            plan_findings.is_stuck(self._charger)
            self._keeper.end_session()
        self.installed = installed
        self.sent_at = now
        self._given.append((installed.fitted, now))
        self._hurries = False
        self._boots = self._charger.boots
        self._verify = False
        if not _as_much_now(before, installed, now):
            # Who is given as much as before is watched on, or a plan that changes
            # each minute would hide that it is ignored.
            self.renew_watch()
        self._measure_at = now + timedelta(seconds=self._timing.plan_check)
        self._alarm.set(self._measure_at)
        self._measured = False
        self._show(installed, plan)
        await clear_plans(self._charger, commands, self._id, but=installed.way.purpose)
        return True

    def _is_suspended(self, before: Installed | None) -> bool:
        """Say whether a session is held back by the profile that it has of us."""
        connector = self._charger.connector(self._id)
        return (
            before is not None
            and before.way.purpose is ProfilePurpose.TRANSACTION
            and before.transaction_id == self.transaction_id
            and connector.status is ConnectorStatus.SUSPENDED_EVSE
        )

    def _show(self, installed: Installed, plan: Fitted) -> None:
        held_by = HeldBy.MERGED if installed.merged else HeldBy.PROFILE
        self._keeper.show(held_by, plan)

    async def _is_due(self, commands: Commands, plan: Fitted, now: datetime) -> bool:
        """Say whether the plan has to be sent now."""
        if self._has_to_wait(now):
            return False
        installed = self.installed
        if installed is None or not is_there(self._charger, self._id, installed):
            # It may have had to make room for the owner's limit.
            return True
        connector = self._charger.connector(self._id)
        number = number_of(connector.transaction)
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
            self._show(installed, plan)
            return False
        assert self.sent_at is not None
        due = self.sent_at + timedelta(seconds=self._timing.plan_pause)
        # The phases change seldom, and a pause before that has begun already.
        turns = plan.phases_ahead(now) != installed.fitted.phases_ahead(now)
        before, wanted = installed.fitted.at(now), plan.at(now)
        stops = wanted == 0 and before != 0
        if now < due and not (turns or stops or self._hurries):
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
            self._keeper.show(HeldBy.PENDING)
            begun = charger.connector(self._id).transaction is not None
            self._waits_for_session = not transient and not begun
            if transient and failure.error is not None:
                self._send_after = self._keeper.failed(failure.error)
            return
        plan_findings.takes_no_plan(charger, failure)

    async def _look_at_draw(self, commands: Commands, now: datetime) -> None:
        """Notice that the car draws more than the charger was told, and find a way.

        What is wanted by now may be less, and wait for its turn to be sent.
        """
        installed = self.installed
        if installed is None:
            return
        plan = installed.fitted
        allowed, phases = plan.at(now), plan.phases_at(now)
        connector = self._charger.connector(self._id)
        if connector.transaction is None or installed.transaction_id is None:
            return
        if (allowed, phases) != self._told:
            self._told = allowed, phases
            self.renew_watch()
        if allowed is None:
            return
        one = phases == 1 and allowed > 0 and self._charger.can_switch_phases
        ignores_phases = one and self._phase_watch.ignores(connector, 1, now)
        ignores = self._watch.ignores(connector, allowed, now)
        if ignores_phases or (one and ignores):
            # More power than meant may well be that of three phases.
            plan_findings.ignores_phases(self._charger)
            self.renew_watch()
            self._keeper.again()
        elif ignores:
            plan_findings.ignores(self._charger, self._id, installed.way.purpose)
            self.installed = None
            self._keeper.show(HeldBy.IGNORED, plan)
            if allowed == 0:
                self._keeper.draws_at_zero()
            self._keeper.again()
        elif (
            self._watch.suspects
            or (one and self._phase_watch.suspects)
            or not self._measured
        ):
            await self._measure(commands, now)

    async def _measure(self, commands: Commands, now: datetime) -> None:
        """Have the charger measure when it is time to: its next sample may be far.

        That is once after each plan, and while the car seems to draw too much.
        """
        if self._measure_at is None or now >= self._measure_at:
            self._measured = True
            self._measure_at = now + timedelta(seconds=self._timing.plan_check)
            if self._measures:
                self._measures = await ask_what_flows(self._charger, commands, self._id)
        self._alarm.set(self._measure_at)

    def for_start(self, plan: Fitted, now: datetime) -> ChargingProfile | None:
        """Return what a session is to begin with, None where it is there already."""
        if self.installed is not None or self._charger.features.plan_refused:
            return None
        profile = profile_for_start(self._charger, self._id, plan, now)
        self._in_start = profile is not None
        if profile is not None:
            self._given.append((plan, now))
        return profile

    async def let_go(self, commands: Commands) -> None:
        """Take the plan's profiles off the charger."""
        self.installed = None
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
