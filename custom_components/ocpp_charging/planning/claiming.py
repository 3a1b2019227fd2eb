"""What a connector asks of the fuses: how much, on which phases, and what it draws."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from math import ceil
from typing import Final

from ..charging.circuits import Phases
from ..charging.claims import Claim, on_house
from ..csms.connector import CHARGING_THRESHOLD_W
from ..csms.model import HeldBy
from ..csms.share_ways import share_ids
from ..csms.shares import ShareKeeper
from ..vehicles.settings import NORMAL_PRIORITY
from .car_use import PHASE_NAMES
from .circuits import HomeCircuits
from .connector_plan import ConnectorPlan
from .situation import VOLTAGE_V, most_a

COARSE_A: Final = 4.0
"""A plan that changes by less than this asks the fuses for nothing else."""
OUTDATED: Final = 3
"""After so many sample intervals what was measured is not what is so."""

_HELD: Final = frozenset(
    {HeldBy.PROFILE, HeldBy.MERGED, HeldBy.START_STOP, HeldBy.IGNORED}
)


class Claimant:
    """Speaks for one connector."""

    def __init__(self, plan: ConnectorPlan, keeper: ShareKeeper) -> None:
        """Bind a connector."""
        self.plan = plan
        self.keeper = keeper

    @property
    def charges(self) -> bool:
        """Say whether there is a session, one to go on, or a flow without one."""
        connector = self.plan.connector
        power_w = connector.reading("power") or 0.0
        return (
            connector.transaction is not None
            or self.keeper.interrupted
            or power_w > CHARGING_THRESHOLD_W
        )

    @property
    def most_a(self) -> float:
        """Return what charger, owner and car allow."""
        return most_a(self.plan.charger, self.plan.connector, self.plan.vehicle)

    @property
    def is_held(self) -> bool:
        """Say whether a plan is what the car gets."""
        connector = self.plan.connector
        return connector.held_by in _HELD and connector.planned_limit_a is not None

    @property
    def is_told(self) -> bool:
        """Say whether the charger has a share."""
        ours = share_ids(self.plan.key[1])
        return bool(ours & self.plan.charger.memory.profiles.keys())

    async def let_go(self, kept_a: float | None) -> None:
        """Tell a charger for the last time, when it is there, to keep to so much.

        None: to nothing any more.
        """
        if kept_a is None:
            await self.keeper.release()
        else:
            self.keeper.hold(kept_a, safe_a=kept_a, valid_for=None)
            await self.keeper.settled()
        await self.keeper.stop()

    def safe_a(self, home: HomeCircuits) -> float:
        """Return what the charger falls to when nobody renews its share."""
        typed = home.safe_a(self.plan.key[0])
        return self.plan.least_a if typed is None else typed

    def claim(self, home: HomeCircuits, now: datetime) -> Claim | None:
        """Return what is asked for, None without a session."""
        least_a, most_a = self.plan.least_a, self.most_a
        self.plan.async_look_at_phases(now)
        allowed_a = self._allowed(now)
        if not self.charges:
            self.plan.async_look_at_current(None, allowed_a, now)
            return None
        charger_key = self.plan.key[0]
        drawn_a, drawn_at = self._drawn(home, now)
        self.plan.async_look_at_current(self._takes_a(drawn_a), allowed_a, now)
        return Claim(
            circuit=home.of_charger(charger_key).key,
            phases=self.phases(home),
            wanted_a=self._wanted(most_a),
            max_a=max(least_a, most_a),
            content_a=self.plan.content_a,
            min_a=least_a,
            priority=self.priority,
            need_kw=self._need_kw(now),
            allowed_a=allowed_a,
            drawn_a=drawn_a,
            drawn_at=drawn_at,
            safe_a=home.safe_a(charger_key),
        )

    @property
    def priority(self) -> int:
        """Return who comes first: more is earlier."""
        vehicle = self.plan.vehicle
        return NORMAL_PRIORITY if vehicle is None else vehicle.settings.priority

    def phases(self, home: HomeCircuits) -> tuple[int, ...]:
        """Return the house's phases that the car uses.

        What it was seen to draw says so, at this stay or, with a car that is known, at
        one before; else the car's data; else it may be all.
        """
        wiring = home.wiring(self.plan.key[0])
        drawn = self.plan.phases_seen
        seen = tuple(wiring[each - 1] for each in drawn if each <= len(wiring))
        return tuple(sorted(seen)) or wiring[: self.plan.phase_count or len(wiring)]

    def _takes_a(self, drawn_a: Phases | None) -> float | None:
        """Return what the car takes on the phase with most; None: unknown."""
        if drawn_a is not None:
            return max(drawn_a)
        paused = self.plan.charger.connected and self.plan.connector.charging is False
        return 0.0 if paused else None

    def _wanted(self, most_a: float) -> float:
        connector = self.plan.connector
        wanted = most_a
        if self.is_held and connector.planned_limit_a is not None:
            # In coarse steps: each other share is a message to the charger.
            steps = ceil(connector.planned_limit_a / COARSE_A - 1e-6)
            wanted = min(wanted, steps * COARSE_A)
        return wanted

    def _need_kw(self, now: datetime) -> float | None:
        """Return the energy still needed, by the time left."""
        needed_kwh = self.plan.needed_kwh
        problem = self.plan.problem
        ready_by = None if problem is None else problem.goal.ready_by
        if needed_kwh is None or ready_by is None or needed_kwh <= 0:
            return None
        hours = (ready_by - now).total_seconds() / 3600
        return needed_kwh / max(hours, 0.25)

    def _allowed(self, now: datetime) -> float:
        """Return what the charger lets flow at most, by all that it was told."""
        there = self.plan.connector.plan_there
        limits = (
            self.plan.charger.settings.max_current_a,
            self.plan.connector.limit_a,
            self.keeper.accepted_a(now),
            None if there is None else there.fitted.at(now),
        )
        return min(limit for limit in limits if limit is not None)

    def _drawn(
        self, home: HomeCircuits, now: datetime
    ) -> tuple[Phases | None, datetime | None]:
        """Return what was measured last on the house's phases, and when."""
        connector, charger = self.plan.connector, self.plan.charger
        wiring = home.wiring(self.plan.key[0])
        readings = [connector.readings.get(f"current_{each}") for each in PHASE_NAMES]
        count = len(self.phases(home))
        if not any(readings):
            whole = connector.readings.get("current")
            power = connector.readings.get("power")
            if whole is not None:
                readings = [whole] * count
            elif power is not None:
                voltage_v = connector.reading("voltage") or VOLTAGE_V
                amperes = power.value / (voltage_v * count)
                return self._on_house([amperes] * count, wiring, power.at, now)
            else:
                return None, None
        times = [each.at for each in readings if each is not None]
        amperes_ = [0.0 if each is None else each.value for each in readings]
        if not charger.connected:
            return None, None
        return self._on_house(amperes_, wiring, max(times), now)

    def _on_house(
        self,
        amperes: list[float],
        wiring: tuple[int, ...],
        told_at: datetime,
        now: datetime,
    ) -> tuple[Phases | None, datetime | None]:
        """Return a measurement by our clock, nothing when it is too old."""
        charger = self.plan.charger
        ahead = timedelta(seconds=charger.clock_offset_s or 0.0)
        at = min(now, told_at - ahead if abs(ahead.total_seconds()) > 2 else told_at)
        if now - at > OUTDATED * charger.settings.sample_interval:
            return None, None
        return on_house([max(0.0, each) for each in amperes], wiring, 0.0), at


def safe_values(
    claimants: Mapping[tuple[str, int], Claimant], home: HomeCircuits
) -> dict[tuple[str, int], float]:
    """Return what each connector falls to when nobody tells what flows, in A per phase.

    That is what the owner has typed, else the least current of the car; and nothing
    for those that a fuse on the way would not bear beside the ones before them.
    """
    found: dict[tuple[str, int], float] = {}
    taken = {each.key: each.other_a for each in home.settings}
    for key, claimant in claimants.items():
        safe_a = min(claimant.safe_a(home), claimant.most_a)
        path = home.tree.path(home.of_charger(key[0]).key)
        fits = all(
            taken[one.key] + safe_a <= min(a for a in one.limit_a if a) for one in path
        )
        typed = home.safe_a(key[0]) is not None
        found[key] = safe_a if fits or typed else 0.0
        for one in path:
            taken[one.key] += found[key]
    return found


def is_borne(
    claimants: Mapping[tuple[str, int], Claimant], home: HomeCircuits, charger_key: str
) -> bool:
    """Say whether the fuses bear all that a charger can give, beside the others.

    These fall to their safe values for it.
    """
    draws = safe_values(claimants, home) | {
        key: most_a(one.plan.charger, one.plan.connector, None)
        for key, one in claimants.items()
        if key[0] == charger_key
    }
    return all(
        home.by_key[circuit.key].other_a
        + sum(
            current_a
            for key, current_a in draws.items()
            if circuit in home.tree.path(home.of_charger(key[0]).key)
        )
        <= min(limit_a for limit_a in circuit.limit_a if limit_a)
        for circuit in home.tree.path(home.of_charger(charger_key).key)
    )
