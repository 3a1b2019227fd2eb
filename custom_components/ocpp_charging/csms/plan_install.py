"""Puts a plan on a charger in the first way that works, and remembers that."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
import logging

from .charger import Charger
from .commands import Commands
from .errors import (
    CommandError,
    CommandFailed,
    CommandRefused,
    CommandTimeout,
    InvalidAnswer,
)
from .limits import limit_level
from .model import (
    ChargingProfile,
    ChargingSchedule,
    ProfileKind,
    ProfilePurpose,
    RateUnit,
    ScheduleOrigin,
)
from .plan_ways import PLAN_IDS, SHARE_IDS, PlanWay, Tries, is_ours, ways
from .schedules import Fitted, Kept, charging_schedule, keeps_to

_LOGGER = logging.getLogger(__name__)

LEAD = timedelta(seconds=60)
"""A schedule begins so long ago: no moment is without a limit when clocks differ."""

_CLOCK_OFF_S = 30.0
"""A clock that is no further off is taken for right."""

_KEEPS_AFTER = timedelta(days=1)
"""So long a safe value stays that no session takes with it."""

_LONGEST = timedelta(days=2)
"""No charger is asked for its composite schedule over more."""

_FAILURES = (CommandRefused, CommandFailed, CommandTimeout, InvalidAnswer)


@dataclass(frozen=True, kw_only=True)
class Installed:
    """A plan on a charger: how it went there, what it says, and for what session.

    `merged` says that it took the place of the owner's limit, which is in it;
    `carried`, that a share of the fuse took its own place, and that it is in that.
    """

    way: PlanWay
    fitted: Fitted
    phases: int | None
    transaction_id: int | None
    merged: bool
    first_ids: Mapping[ProfilePurpose, int] = field(default_factory=lambda: PLAN_IDS)
    """The ids of its kind of profiles; the connector is added."""
    carried: bool = False

    def profile_id(self, connector_id: int) -> int:
        """Return the id of its profile."""
        return self.first_ids[self.way.purpose] + connector_id


class NotHeld(Exception):
    """A charger holds no plan, in none of the ways.

    `ignored` are the purposes that it accepted without effect; `final` says that it
    will be the same the next time; `error` is the last refusal.
    """

    def __init__(
        self,
        ignored: frozenset[ProfilePurpose],
        *,
        final: bool,
        error: CommandError | None,
    ) -> None:
        """Keep what was found out."""
        super().__init__(str(error or "the charger takes no plan"))
        self.ignored = ignored
        self.final = final
        self.error = error


def has_share(charger: Charger, connector_id: int) -> bool:
    """Say whether a share of the fuse is on the charger."""
    shares = {first + connector_id for first in SHARE_IDS.values()}
    return not shares.isdisjoint(charger.memory.profiles)


def is_there(charger: Charger, connector_id: int, installed: Installed) -> bool:
    """Say whether a plan is still on the charger, or in the share that carries it."""
    if installed.carried:
        return has_share(charger, connector_id)
    return installed.profile_id(connector_id) in charger.memory.profiles


async def install(
    charger: Charger,
    commands: Commands,
    connector_id: int,
    fitted: Fitted,
    now: datetime,
) -> Installed:
    """Put a plan on a charger in the first way that it takes and keeps to.

    What it keeps to in a session is remembered. Where there is no room for it beside
    a share of the fuse, that carries it. Raises `NotHeld`, or `ChargerOffline` when the
    connection ends meanwhile.
    """
    if _has_room_for_share_only(charger, connector_id):
        return _carried(charger, connector_id, fitted)
    ignored: set[ProfilePurpose] = set()
    tries = Tries()
    error: CommandError | None = None
    final = True
    loop = asyncio.get_running_loop()
    began = loop.time()
    for way in ways(charger, connector_id):
        if not tries.is_worth(way):
            continue
        installed = _planned(charger, connector_id, fitted, way)
        try:
            await send(charger, commands, connector_id, installed, now)
        except _FAILURES as failure:
            error = failure
            final &= not isinstance(failure, CommandTimeout | InvalidAnswer)
            tries.failed(way, failure)
            continue
        # Refusals take time, and some chargers keep us waiting for them.
        passed = timedelta(seconds=loop.time() - began)
        if await is_kept(charger, commands, connector_id, installed, now + passed):
            _remember(charger, connector_id, way)
            return installed
        ignored.add(way.purpose)
        await take_back(charger, commands, connector_id, way.purpose)
    all_refused = final and error is not None and not ignored
    if all_refused and not tries.found_unsupported and has_share(charger, connector_id):
        return _carried(charger, connector_id, fitted)
    raise NotHeld(frozenset(ignored), final=final, error=error)


def _has_room_for_share_only(charger: Charger, connector_id: int) -> bool:
    """Say whether a plan cannot be beside the share of the fuse that is there."""
    if not has_share(charger, connector_id):
        return False
    there = charger.connector(connector_id).plan_there
    return charger.features.max_profiles == 1 or (there is not None and there.carried)


def _carried(charger: Charger, connector_id: int, fitted: Fitted) -> Installed:
    """Return a plan that the share carries, in the share's way.

    Who keeps the share sees it, and sends both as one. Raises `NotHeld` when the car
    was seen to draw more.
    """
    features = charger.features
    way = PlanWay(
        purpose=features.share_purpose or ProfilePurpose.DEFAULT,
        unit=features.share_unit or RateUnit.AMPERE,
        level=features.share_level or 0,
        origin=features.share_origin or ScheduleOrigin.ABSOLUTE,
    )
    if way.purpose in features.plan_ignored:
        raise NotHeld(frozenset(), final=True, error=None)
    planned = _planned(charger, connector_id, fitted, way)
    return replace(planned, merged=True, carried=True)


def _planned(
    charger: Charger, connector_id: int, fitted: Fitted, way: PlanWay
) -> Installed:
    connector = charger.connector(connector_id)
    transaction = connector.transaction
    return Installed(
        way=way,
        fitted=fitted,
        phases=connector.known_phases if way.unit is RateUnit.WATT else None,
        transaction_id=None if transaction is None else transaction.transaction_id,
        merged=limit_level(charger, connector_id, way.purpose) == way.level,
    )


async def send(
    charger: Charger,
    commands: Commands,
    connector_id: int,
    installed: Installed,
    now: datetime,
    *,
    keeps_after: timedelta | None = _KEEPS_AFTER,
) -> None:
    """Send a profile; outside of a session its safe value stays for `keeps_after`."""
    profile = _profile(charger, connector_id, installed, now, keeps_after)
    whole = installed.way.purpose is ProfilePurpose.CHARGER_MAX
    await commands.set_profile(0 if whole else connector_id, profile)


def profile_for_start(
    charger: Charger, connector_id: int, fitted: Fitted, now: datetime
) -> ChargingProfile | None:
    """Return a plan as the profile of a session that is asked for (OCPP 1.6 §5.11).

    It counts from the session's first second on, also with a charger that takes none
    without a session. None for one that is known to heed none of a session.
    """
    features = charger.features
    if (
        ProfilePurpose.TRANSACTION in features.plan_ignored
        or features.has("SmartCharging") is False
    ):
        return None
    units = features.rate_units or frozenset(RateUnit)
    way = PlanWay(
        purpose=ProfilePurpose.TRANSACTION,
        unit=features.plan_unit or next(each for each in RateUnit if each in units),
        level=features.plan_level or 0,
        origin=ScheduleOrigin.ABSOLUTE,
    )
    planned = _planned(charger, connector_id, fitted, way)
    return _profile(charger, connector_id, planned, now, None)


def _profile(
    charger: Charger,
    connector_id: int,
    installed: Installed,
    now: datetime,
    keeps_after: timedelta | None,
) -> ChargingProfile:
    way, fitted = installed.way, installed.fitted
    start, lead = _begin(charger, connector_id, way.origin, now)
    for_session = way.purpose is ProfilePurpose.TRANSACTION
    return ChargingProfile(
        profile_id=installed.profile_id(connector_id),
        purpose=way.purpose,
        stack_level=way.level,
        kind=(
            ProfileKind.ABSOLUTE
            if way.origin is ScheduleOrigin.ABSOLUTE
            else ProfileKind.RELATIVE
        ),
        transaction_id=installed.transaction_id if for_session else None,
        schedule=charging_schedule(
            fitted,
            unit=way.unit,
            phases=installed.phases,
            lead=lead,
            start=start,
            keeps_after=None if for_session else keeps_after,
        ),
    )


def _begin(
    charger: Charger, connector_id: int, origin: ScheduleOrigin, now: datetime
) -> tuple[datetime | None, timedelta]:
    """Return when a schedule begins, by the charger's clock, and how long ago that is.

    Some chargers' clocks are hours off: they put a Z behind their local time.
    """
    offset_s = charger.clock_offset_s or 0.0
    charger_now = now
    if abs(offset_s) > _CLOCK_OFF_S:
        charger_now += timedelta(seconds=offset_s)
    if origin is ScheduleOrigin.ABSOLUTE:
        start = (charger_now - LEAD).replace(microsecond=0)
        return start, charger_now - start
    transaction = charger.connector(connector_id).transaction
    if origin is ScheduleOrigin.RECEIVED or transaction is None:
        return None, timedelta(0)
    return None, max(timedelta(0), charger_now - transaction.started_at)


def _is_hidden(charger: Charger, connector_id: int, installed: Installed) -> bool:
    """Say whether a share lies over a plan: it carries the one before until renewed."""
    way = installed.way
    for number, each in charger.memory.profiles.items():
        if each.connector_id != connector_id or not is_ours(number):
            continue
        purpose = each.payload["chargingProfilePurpose"]
        above = purpose == way.purpose and each.payload["stackLevel"] > way.level
        session = purpose == ProfilePurpose.TRANSACTION
        if above or (session and way.purpose is ProfilePurpose.DEFAULT):
            return True
    return False


async def is_kept(
    charger: Charger,
    commands: Commands,
    connector_id: int,
    installed: Installed,
    now: datetime,
    *,
    untold: bool = True,
) -> bool:
    """Say whether the charger's composite schedule keeps to a plan, all along.

    A charger that cannot tell is taken for `untold`; so is one that has a default for
    sessions while there is none: it need not count it in (OCPP 1.6 §3.13.4). Of a plan
    below the share of a fuse it says nothing either: the share has the plan in it.
    """
    connector = charger.connector(connector_id)
    if installed.carried:
        # Who keeps the share looks after it.
        return True
    for_sessions = installed.way.purpose is ProfilePurpose.DEFAULT
    if for_sessions and connector.transaction is None:
        return untold
    if _is_hidden(charger, connector_id, installed):
        return untold
    horizon = min(installed.fitted.end - now, _LONGEST)
    loop = asyncio.get_running_loop()
    asked = loop.time()
    try:
        answer = await commands.composite_schedule(
            connector_id, max(horizon, timedelta(minutes=1))
        )
    except _FAILURES as error:
        _LOGGER.debug("%s: no composite schedule: %s", charger.identity, error)
        return untold
    if answer is None:
        return untold
    # Some keep us waiting for it.
    waited = timedelta(seconds=loop.time() - asked)
    kept = keeps_to(
        answer,
        installed.fitted,
        _began(charger, answer, now, now + waited),
        phases=connector.phases,
        most_a=charger.settings.max_current_a,
    )
    if kept is Kept.UNTOLD:
        return untold
    # One that counts from another moment than meant may allow less, at first; but the
    # fuse may be the reason as well.
    absolute = installed.way.origin is ScheduleOrigin.ABSOLUTE
    bounded = absolute or connector.share_a is not None
    return kept is Kept.YES or (kept is Kept.LESS and bounded)


def _began(
    charger: Charger, answer: ChargingSchedule, asked: datetime, told: datetime
) -> datetime:
    """Return when a composite schedule begins, by our clock: between two moments."""
    if answer.start is None:
        return told
    begins = answer.start - timedelta(seconds=charger.clock_offset_s or 0.0)
    return max(asked, min(told, begins))


def _remember(charger: Charger, connector_id: int, way: PlanWay) -> None:
    if charger.connector(connector_id).transaction is None:
        return
    charger.remember(
        features=replace(
            charger.features,
            plan_purpose=way.purpose,
            plan_unit=way.unit,
            plan_level=way.level,
            plan_origin=way.origin,
        )
    )


async def take_back(
    charger: Charger, commands: Commands, connector_id: int, purpose: ProfilePurpose
) -> None:
    """Remove a plan's profile; one that cannot be removed expires by itself."""
    profile_id = PLAN_IDS[purpose] + connector_id
    try:
        await commands.clear_profiles(profile_id=profile_id, keep_limits=True)
    except _FAILURES as error:
        _LOGGER.debug(
            "%s: profile %s of a plan stays: %s", charger.identity, profile_id, error
        )


async def clear_plans(
    charger: Charger,
    commands: Commands,
    connector_id: int,
    *,
    but: ProfilePurpose | None = None,
) -> None:
    """Remove the profiles of a connector's plans that are known, but for one."""
    for purpose, first in PLAN_IDS.items():
        if purpose is not but and first + connector_id in charger.memory.profiles:
            await take_back(charger, commands, connector_id, purpose)
