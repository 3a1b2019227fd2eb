"""Keeps a connector to what the house's fuses leave it: the share, which expires.

A lower share goes to the charger at once. Each is renewed before it expires; when we,
or the network, are gone, the charger falls to the safe value by itself.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
import logging

from . import control
from .charger import Charger
from .commands import Commands
from .errors import ChargerOffline, CommandError
from .measuring import ask_what_flows
from .model import Change, ProfilePurpose, Registration
from .plan_install import Installed
from .plan_watch import ENDED_AFTER, OverdrawWatch, ended_by_itself
from .plan_ways import PlanWay
from .share_ways import (
    NotTold,
    Target,
    clear_shares,
    install_share,
    purposes,
    share_ids,
    take_back,
)
from .timers import Clock, Timer, WorldClock
from .timing import Timing

_LOGGER = logging.getLogger(__name__)

_OF_CONNECTOR = frozenset({"transaction", "limit_a", "plan_there", "planned_phases"})
_OF_CHARGER = frozenset(
    (0, key)
    for key in ("ready", "connected", "boots", "registration", "profiles", "connectors")
)
"""What makes a keeper look whether the share is as it should be."""

_LATE_S = 0.05
"""A timer must not fire before what it waits for."""


def _is_flow(key: str) -> bool:
    return key.startswith(("current", "power"))


class ShareKeeper:
    """Keeps one connector to the share it was last given; outlives connections.

    What the charger was told shows in the connector's `share_a`, and is told of by that
    key. Nothing is raised for what a charger refuses: `problem` is the last such error.
    `ignored` says that it draws more than it may whatever it is told; then its session
    is ended.
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
        self._watch = OverdrawWatch(self._timing.share_ignored)
        self._target: Target | None = None
        self._told: tuple[object, ...] | None = None
        """What the charger was told last, and under which circumstances."""
        self._installed: Installed | None = None
        self._renew_at: datetime | None = None
        self._retry_at: datetime | None = None
        self._check_at: datetime | None = None
        self._connection: Commands | None = None
        self._proven: frozenset[PlanWay] = frozenset()
        self._asks = True
        self._timer: Timer | None = None
        self._task: asyncio.Task[None] | None = None
        self._again = False
        self._unfollow: Callable[[], None] | None = None
        self.problem: CommandError | NotTold | None = None
        self.ignored = False
        self.interrupted = False
        """Whether the charger ended the session because nothing was left, and the car
        waits for it to go on."""
        self._zero_since: datetime | None = None

    def accepted_a(self, now: datetime) -> float | None:
        """Return what the charger was told holds now; None when nothing is known."""
        return None if self._installed is None else self._installed.fitted.at(now)

    def hold(
        self, share_a: float, *, safe_a: float, valid_for: timedelta | None
    ) -> None:
        """Give a share in A per phase, in place of the one before.

        After `valid_for` without another one it is `safe_a`; with None it holds for
        good, and is not renewed.
        """
        self._follow()
        target = Target(share_a=share_a, safe_a=safe_a, valid_for=valid_for)
        if target != self._target:
            self._target = target
            self._wake()

    async def release(self) -> None:
        """Take the share off the charger: no fuse counts any more."""
        self._follow()
        self._target = None
        self._wake()
        await self.settled()

    async def settled(self) -> None:
        """Wait until what is under way is done."""
        while self._task is not None and not self._task.done():
            await asyncio.wait({self._task})

    async def stop(self) -> None:
        """End the keeper; what is on the charger stays there until it expires."""
        if self._unfollow is not None:
            self._unfollow()
            self._unfollow = None
        self._disarm()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    # What happens

    def _follow(self) -> None:
        if self._unfollow is None:
            self._unfollow = self._charger.listen_all(self._changed)

    def _changed(self, changes: frozenset[Change]) -> None:
        mine = {key for connector_id, key in changes if connector_id == self._id}
        if "transaction" in mine:
            self._watch.begin(self._charger.connector(self._id))
            self._show_ignored(ignored=False)
            self._session_changed()
        if "plugged_in" in mine and not self._charger.connector(self._id).plugged_in:
            self.interrupted = False
        if mine & _OF_CONNECTOR or changes & _OF_CHARGER or any(map(_is_flow, mine)):
            self._wake()

    def _session_changed(self) -> None:
        """Note that a charger has ended a session because nothing was left."""
        connector, charger = self._charger.connector(self._id), self._charger
        since = self._zero_since
        self.interrupted = (
            connector.transaction is None
            and connector.plugged_in is True
            and ended_by_itself(connector.last_transaction)
            and since is not None
            and self._clock.now() - since <= ENDED_AFTER
        )
        if self.interrupted and not charger.features.ends_at_zero:
            _LOGGER.info("%s: ends sessions at 0 A", charger.identity)
            charger.remember(features=replace(charger.features, ends_at_zero=True))

    def _wake(self) -> None:
        self._again = True
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(
                self._run(), name=f"ocpp share of {self._charger.identity}"
            )

    async def _run(self) -> None:
        while self._again:
            self._again = False
            try:
                await self._reconcile()
            except ChargerOffline as error:
                self.problem = error
            except CommandError as error:
                self._failed(error)
            except Exception:
                _LOGGER.exception("%s: the share is not kept", self._charger.identity)
                self._again = False

    def _failed(self, error: CommandError | NotTold) -> None:
        """Tell of what went wrong, once, and try again in a while."""
        if self.problem is None or str(self.problem) != str(error):
            _LOGGER.warning(
                "%s: what the fuse leaves: %s", self._charger.identity, error
            )
        self.problem = error
        seconds = timedelta(seconds=self._timing.share_retry)
        self._retry_at = self._clock.now() + seconds

    # What is to be done

    async def _reconcile(self) -> None:
        """Bring the charger to the share, as far as it can be now."""
        self._disarm()
        now = self._clock.now()
        commands, target = self._present(), self._target
        if target is None:
            await self._let_go(commands)
            return
        if commands is not None and self._is_due(target, now):
            await self._send(commands, target, now)
        if self._target is not target:
            # Another was given meanwhile, or none: all is looked at again.
            return
        if commands is not None:
            await self._go_on(target)
            await self._verify(commands, target)
        moments = (self._renew_at, self._retry_at, self._check_at)
        self._arm(min((each for each in moments if each is not None), default=None))

    def _present(self) -> Commands | None:
        """Return the connection of a charger that has been set up, None without."""
        charger = self._charger
        commands = charger.connection
        accepted = charger.registration is Registration.ACCEPTED
        if commands is None or not charger.ready or not accepted:
            return None
        if commands is not self._connection:
            self._connection = commands
            self._proven = frozenset()
            self._asks = True
            self._retry_at = None
        return commands

    def _circumstances(self, target: Target) -> tuple[object, ...]:
        """Return all that makes the charger need to be told anew."""
        charger, connector = self._charger, self._charger.connector(self._id)
        transaction, plan = connector.transaction, connector.plan_there
        return (
            target,
            connector.limit_a,
            None if plan is None else (plan.fitted, plan.way.purpose),
            None if transaction is None else transaction.transaction_id,
            connector.known_phases,
            connector.planned_phases,
            self._connection,
            charger.boots,
            tuple(purposes(charger, self._id)),
        )

    def _is_due(self, target: Target, now: datetime) -> bool:
        """Say whether to tell the charger now."""
        if self._retry_at is not None and now < self._retry_at:
            before, present = self._told, self._circumstances(target)
            if before is not None and before[1:] == present[1:]:
                return False
        if self._told is None or self._installed is None:
            return True
        if self._installed.profile_id(self._id) not in self._charger.memory.profiles:
            return True
        due = self._renew_at is not None and now >= self._renew_at
        return due or self._told != self._circumstances(target)

    async def _send(self, commands: Commands, target: Target, now: datetime) -> None:
        charger = self._charger
        connector = charger.connector(self._id)
        before = self.accepted_a(now)
        told = self._circumstances(target)
        self._told = told
        self._retry_at = None
        if target.share_a:
            self._zero_since = None
        elif self._zero_since is None:
            self._zero_since = now
        try:
            installed = await install_share(
                charger,
                commands,
                self._id,
                target,
                self._clock.now,
                proven=self._proven,
            )
        except NotTold as failure:
            self._installed = self._renew_at = None
            if self._circumstances(target)[1:-1] != told[1:-1]:
                # A session has begun or ended meanwhile: that may be why.
                self._again = True
                return
            self._note_ignored(failure.ignored)
            self._told = self._circumstances(target)
            self._failed(failure)
            charger.publish(self._id, connector.set_share(None))
            return
        self._installed = installed
        self.problem = None
        in_session = connector.transaction is not None
        if in_session or installed.way.purpose is ProfilePurpose.CHARGER_MAX:
            self._proven |= {installed.way}
        # What was found out on the way is no reason to tell it again.
        self._told = (*told[:-1], tuple(purposes(charger, self._id)))
        half = None if target.valid_for is None else now + target.valid_for / 2
        # A plan in it that had to be cut goes on with its next part.
        part = None if installed.fitted.exact else installed.fitted.next_edge(now)
        self._renew_at = min((at for at in (half, part) if at), default=None)
        if before != target.share_a:
            check = timedelta(seconds=self._timing.share_check)
            self._check_at = self._clock.now() + check
        if not self._watch.suspects:
            self._watch.begin(connector)
        charger.publish(self._id, connector.set_share(target.share_a))

    async def _go_on(self, target: Target) -> None:
        """Begin the session again that a charger has ended at 0 A."""
        connector = self._charger.connector(self._id)
        if not self.interrupted or not target.share_a or connector.runs:
            return
        self.interrupted = False
        ended = connector.last_transaction
        await control.start_charging(
            self._charger,
            self._id,
            id_tag=None if ended is None else ended.id_tag,
            timeout=self._timing.confirm,
        )

    async def _let_go(self, commands: Commands | None) -> None:
        """Take the share off the charger, when it is there."""
        self._renew_at = self._retry_at = self._check_at = None
        self._told = self._installed = None
        self.problem = None
        self._show_ignored(ignored=False)
        connector = self._charger.connector(self._id)
        self._charger.publish(self._id, connector.set_share(None))
        there = share_ids(self._id) & self._charger.memory.profiles.keys()
        if commands is not None and there:
            await clear_shares(self._charger, commands, self._id)

    # Whether it is kept

    async def _verify(self, commands: Commands, target: Target) -> None:
        """Look at what is drawn, and act on a charger that draws too much."""
        connector = self._charger.connector(self._id)
        if connector.transaction is None:
            self._check_at = None
            return
        now = self._clock.now()
        if self._watch.ignores(connector, target.share_a, now):
            await self._overdrawn(commands)
            return
        due = self._check_at is not None and now >= self._check_at
        if due:
            self._check_at = None
            await self._ask_what_flows(commands)
        if self._watch.suspects and self._check_at is None:
            self._check_at = now + timedelta(seconds=self._timing.share_check)

    async def _ask_what_flows(self, commands: Commands) -> None:
        """Have the charger measure now: its next sample may be minutes off."""
        if self._asks:
            self._asks = await ask_what_flows(self._charger, commands, self._id)

    async def _overdrawn(self, commands: Commands) -> None:
        """Find another way to lower what is drawn; the last one is to end it."""
        charger = self._charger
        connector = charger.connector(self._id)
        self._watch.begin(connector)
        refused = self._installed is None
        if self._installed is not None:
            purpose = self._installed.way.purpose
            _LOGGER.warning(
                "%s: draws more than the fuse leaves it: %s is ignored",
                charger.identity,
                purpose,
            )
            self._note_ignored(frozenset({purpose}))
            await take_back(charger, commands, self._id, purpose)
            self._installed = self._told = None
        if purposes(charger, self._id) and not refused:
            self._again = True
            return
        _LOGGER.warning(
            "%s: keeps to no limit of the fuse: the session is ended", charger.identity
        )
        self._show_ignored(ignored=True)
        await control.stop_charging(charger, self._id, timeout=self._timing.confirm)

    def _note_ignored(self, ignored: frozenset[ProfilePurpose]) -> None:
        features = self._charger.features
        if not ignored <= features.share_ignored:
            self._charger.remember(
                features=replace(
                    features,
                    share_purpose=None,
                    share_ignored=features.share_ignored | ignored,
                )
            )

    def _show_ignored(self, *, ignored: bool) -> None:
        if ignored and not self.ignored:
            self.ignored = True
            self._charger.publish(self._id, {"share_ignored"})
        elif not ignored and self.ignored and self._target is None:
            self.ignored = False
            self._charger.publish(self._id, {"share_ignored"})

    # Waiting

    def _arm(self, moment: datetime | None) -> None:
        if moment is None:
            return
        seconds = (moment - self._clock.now()).total_seconds() + _LATE_S
        self._timer = self._clock.later(max(seconds, _LATE_S), self._due)

    def _due(self) -> None:
        self._timer = None
        self._wake()

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
