"""The ways to tell a charger what the house's fuses leave it, tried in turn.

A share is a limit with an end: after it the charger falls to its safe value, for as
long as nobody renews it. It lies over the owner's limit and, where a charger takes
limits of one kind only, over the plan: what these allow is in it then.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
import logging
import math
from typing import Any

from .charger import Charger
from .commands import Commands
from .connector import Connector
from .errors import (
    CommandError,
    CommandFailed,
    CommandRefused,
    CommandTimeout,
    InvalidAnswer,
)
from .fitting import fit
from .limits import ensure_limit, limit_level
from .model import ProfilePurpose, RateUnit
from .plan_install import Installed, is_kept, send
from .plan_ways import SHARE_IDS, PlanWay, Tries, origins
from .schedules import NOMINAL_VOLTAGE, Fitted, PlannedCurrent, PlannedSchedule

_LOGGER = logging.getLogger(__name__)

_SAFE_IDS = {
    ProfilePurpose.CHARGER_MAX: 1900,
    ProfilePurpose.DEFAULT: 2000,
    ProfilePurpose.TRANSACTION: 2100,
}
"""Ids of the profiles below them, for chargers whose schedules have one period."""

_FAILURES = (CommandRefused, CommandFailed, CommandTimeout, InvalidAnswer)
_DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Target:
    """What a connector may draw, in A per phase.

    After `valid_for` it is `safe_a`, unless the share was renewed; None: for good.
    """

    share_a: float
    safe_a: float
    valid_for: timedelta | None


class NotTold(Exception):
    """A charger took a share in none of the ways; `error` is the last refusal.

    `ignored` are the purposes that it accepted without effect.
    """

    def __init__(
        self, ignored: frozenset[ProfilePurpose], error: CommandError | None
    ) -> None:
        """Keep what was found out."""
        super().__init__(str(error or "the charger takes no limit of the fuse"))
        self.ignored = ignored
        self.error = error


def share_ids(connector_id: int) -> frozenset[int]:
    """Return the ids of all profiles that may carry a connector's share."""
    firsts = (*SHARE_IDS.values(), *_SAFE_IDS.values())
    return frozenset(first + connector_id for first in firsts)


def purposes(charger: Charger, connector_id: int) -> list[ProfilePurpose]:
    """Return the purposes that could carry a share now, the best first.

    ChargePointMaxProfile lies beside all others (OCPP 1.6 §3.13.2), but is of the whole
    charger: it serves where there is one connector. A TxProfile hides what is the
    default for sessions.
    """
    in_session = charger.connector(connector_id).transaction is not None
    hidden = in_session and any(
        each.payload["chargingProfilePurpose"] == ProfilePurpose.TRANSACTION
        for number, each in charger.memory.profiles.items()
        if each.connector_id == connector_id and number not in share_ids(connector_id)
    )
    found = [] if hidden else [ProfilePurpose.DEFAULT]
    if in_session:
        found.append(ProfilePurpose.TRANSACTION)
    if len(charger.connectors) == 1:
        found.insert(0, ProfilePurpose.CHARGER_MAX)
    features = charger.features
    usable = [each for each in found if each not in features.share_ignored]
    return sorted(usable, key=lambda each: each is not features.share_purpose)


def ways(charger: Charger, connector_id: int) -> Iterator[PlanWay]:
    """Yield the ways to install a share now, what worked before first.

    Only those that differ in two things at most from the first: each that is refused
    takes time.
    """
    features = charger.features
    in_session = charger.connector(connector_id).transaction is not None
    units = [each for each in RateUnit if each in (features.rate_units or RateUnit)]
    units.sort(key=lambda each: each is not features.share_unit)
    for purpose in purposes(charger, connector_id):
        levels = _levels(charger, connector_id, purpose)
        begins = origins(charger, purpose, in_session=in_session)
        begins.sort(key=lambda each: each is not features.share_origin)
        combinations = [
            (
                (unit != units[0]) + (level != levels[0]) + (origin != begins[0]),
                PlanWay(purpose=purpose, unit=unit, level=level, origin=origin),
            )
            for origin in begins
            for level in levels
            for unit in units
        ]
        for differences, way in sorted(combinations, key=lambda each: each[0]):
            if differences <= 2:
                yield way


def _levels(charger: Charger, connector_id: int, purpose: ProfilePurpose) -> list[int]:
    """Return the stack levels to try: above all others, else in their place."""
    features = charger.features
    ours = share_ids(connector_id)
    others = [
        int(each.payload["stackLevel"])
        for number, each in charger.memory.profiles.items()
        if number not in ours
        and each.connector_id in {0, connector_id}
        and each.payload["chargingProfilePurpose"] == purpose
    ]
    owners = limit_level(charger, connector_id, purpose)
    # There may be a plan later, at the level above the owner's limit.
    above = max([owners or 0, *others, 1]) + 1
    if features.max_periods == 1:
        above += 1
    highest = 99 if features.max_stack_level is None else features.max_stack_level
    levels = [min(above, highest), min(max(others, default=0), highest)]
    known = features.share_level
    if known is not None and known > max(others, default=-1):
        levels.insert(0, known)
    return list(dict.fromkeys(levels))


def fitted_share(
    charger: Charger,
    connector_id: int,
    target: Target,
    now: datetime,
    purpose: ProfilePurpose,
) -> Fitted:
    """Return a share as a schedule, with all in it that it hides."""
    connector = charger.connector(connector_id)
    until = now + (target.valid_for or _DAY)
    owners = math.inf if connector.limit_a is None else connector.limit_a
    share_a, after = min(target.share_a, owners), min(target.safe_a, owners)
    if target.valid_for is None:
        after = share_a
    plan = _hidden_plan(charger, connector_id, purpose)
    edges = {now, until}
    if plan is not None:
        edges |= {each.end for each in plan.periods if each.end > now}
    rows = sorted(edges)
    periods = []
    for start, end in pairwise(rows):
        ceiling = share_a if start < until else after
        planned = None if plan is None else plan.at(start)
        current = ceiling if planned is None else min(ceiling, planned)
        periods.append(
            PlannedCurrent(
                start=start,
                end=end,
                current_a=current,
                ceiling_a=ceiling,
                phases=None if plan is None else plan.phases_at(start),
            )
        )
    if plan is not None and plan.after_a is not None:
        after = min(after, plan.after_a)
    fitted = fit(
        PlannedSchedule(periods=tuple(periods), after_a=after),
        now,
        most=charger.features.max_periods,
    )
    assert fitted is not None
    return fitted


def _hidden_plan(
    charger: Charger, connector_id: int, purpose: ProfilePurpose
) -> Fitted | None:
    """Return the plan that a share of a purpose takes the place of."""
    installed = charger.connector(connector_id).plan_there
    if installed is None:
        return None
    beside = ProfilePurpose.CHARGER_MAX
    apart = (
        purpose is beside
        and installed.way.purpose is not beside
        and not installed.carried
    )
    return None if apart else installed.fitted


async def install_share(
    charger: Charger,
    commands: Commands,
    connector_id: int,
    target: Target,
    now: Callable[[], datetime],
    *,
    proven: frozenset[PlanWay],
) -> Installed:
    """Put a share on a charger in the first way that it takes and keeps to.

    Those that are `proven` are not asked about. Raises `NotTold`, or `ChargerOffline`
    when the connection ends meanwhile.
    """
    connector = charger.connector(connector_id)
    ignored: set[ProfilePurpose] = set()
    tries = Tries()
    error: CommandError | None = None
    for way in ways(charger, connector_id):
        if not tries.is_worth(way):
            continue
        transaction, begin = connector.transaction, now()
        installed = Installed(
            way=way,
            fitted=fitted_share(charger, connector_id, target, begin, way.purpose),
            phases=_phases(connector) if way.unit is RateUnit.WATT else None,
            transaction_id=None if transaction is None else transaction.transaction_id,
            merged=False,
            first_ids=SHARE_IDS,
        )
        try:
            await send(
                charger, commands, connector_id, installed, begin, keeps_after=None
            )
        except _FAILURES as failure:
            error = failure
            tries.failed(way, failure)
            continue
        _carry_plan(charger, connector_id)
        try:
            await _send_safe(charger, commands, connector_id, installed, target)
        except _FAILURES as failure:
            error = failure
            continue
        known = way in proven
        if known or await is_kept(charger, commands, connector_id, installed, now()):
            _remember(charger, way)
            if installed.fitted.after_a is None and target.valid_for is not None:
                fitted = replace(installed.fitted, after_a=target.safe_a)
                installed = replace(installed, fitted=fitted)
            return installed
        ignored.add(way.purpose)
        await take_back(charger, commands, connector_id, installed.way.purpose)
    raise NotTold(frozenset(ignored), error)


def _phases(connector: Connector) -> int | None:
    """Return for how many phases a limit in watts is: one while one is charged on."""
    return connector.planned_phases or connector.known_phases


def _carry_plan(charger: Charger, connector_id: int) -> None:
    """Note that the share which was sent took the place of the plan, which is in it."""
    connector = charger.connector(connector_id)
    plan = connector.plan_there
    if plan is None or plan.carried:
        return
    if plan.profile_id(connector_id) not in charger.memory.profiles:
        there = connector.set_plan_there(replace(plan, merged=True, carried=True))
        charger.publish(connector_id, there)


async def _send_safe(
    charger: Charger,
    commands: Commands,
    connector_id: int,
    installed: Installed,
    target: Target,
) -> None:
    """Put the safe value below a share that has no room for it."""
    fitted = installed.fitted
    if (
        fitted.after_a is not None
        or target.valid_for is None
        or not installed.way.level
    ):
        return
    safe = PlannedCurrent(
        start=fitted.start, end=fitted.start + _DAY, current_a=target.safe_a
    )
    below = replace(
        installed,
        way=replace(installed.way, level=installed.way.level - 1),
        fitted=Fitted(periods=(safe,), after_a=target.safe_a, exact=True),
        first_ids=_SAFE_IDS,
    )
    there = charger.memory.profiles.get(below.profile_id(connector_id))
    if there is None or not _says(there.payload, below):
        await send(
            charger, commands, connector_id, below, fitted.start, keeps_after=None
        )


def _says(payload: Mapping[str, Any], installed: Installed) -> bool:
    """Say whether a profile that is there is the same constant limit."""
    schedule = payload["chargingSchedule"]
    way = installed.way
    factor = NOMINAL_VOLTAGE * (installed.phases or 1)
    limit = installed.fitted.periods[0].current_a
    limit *= factor if way.unit is RateUnit.WATT else 1.0
    return bool(
        schedule["chargingSchedulePeriod"][0]["limit"] == round(limit, 1)
        and schedule["chargingRateUnit"] == way.unit
        and payload["stackLevel"] == way.level
        and payload.get("transactionId") == installed.transaction_id
    )


def _remember(charger: Charger, way: PlanWay) -> None:
    charger.remember(
        features=replace(
            charger.features,
            share_purpose=way.purpose,
            share_unit=way.unit,
            share_level=way.level,
            share_origin=way.origin,
        )
    )


async def take_back(
    charger: Charger, commands: Commands, connector_id: int, purpose: ProfilePurpose
) -> None:
    """Remove a share's profile; one that cannot be removed expires by itself."""
    for first_ids in (SHARE_IDS, _SAFE_IDS):
        profile_id = first_ids[purpose] + connector_id
        if profile_id not in charger.memory.profiles:
            continue
        try:
            await commands.clear_profiles(profile_id=profile_id, keep_limits=True)
        except _FAILURES as error:
            _LOGGER.debug(
                "%s: profile %s of a share stays: %s",
                charger.identity,
                profile_id,
                error,
            )


async def clear_shares(charger: Charger, commands: Commands, connector_id: int) -> None:
    """Remove a connector's shares, and send the owner's limit where it gave way."""
    for purpose in ProfilePurpose:
        await take_back(charger, commands, connector_id, purpose)
    limit_a = charger.memory.limits_a.get(connector_id)
    purpose_of_limit = charger.features.limit_purpose
    if limit_a is None or purpose_of_limit is None:
        return
    if limit_level(charger, connector_id, purpose_of_limit, installed=True) is None:
        try:
            await ensure_limit(charger, commands, connector_id, limit_a)
        except _FAILURES as error:
            _LOGGER.warning("%s: the owner's limit: %s", charger.identity, error)
