"""What a connector asks of the fuses: how much, on which phases, and what it draws."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from math import ceil
from typing import Final

from ..charging.circuits import Phases
from ..charging.claims import Claim, on_house
from ..csms.connector import CHARGING_THRESHOLD_W
from ..csms.model import HeldBy
from ..csms.shares import ShareKeeper
from ..vehicles.settings import NORMAL_PRIORITY
from .circuits import HomeCircuits
from .connector_plan import ConnectorPlan
from .situation import MIN_CURRENT_A, USED_A, VOLTAGE_V

COARSE_A: Final = 4.0
"""A plan that changes by less than this asks the fuses for nothing else."""
SURE_AFTER: Final = timedelta(seconds=30)
"""What a car draws then, it draws on all phases that it uses."""
ASLEEP_AFTER: Final = timedelta(minutes=5)
"""A car that has paused for so long keeps no more than its least current free."""
OUTDATED: Final = 3
"""After so many sample intervals what was measured is not what is so."""

_HELD: Final = frozenset(
    {HeldBy.PROFILE, HeldBy.MERGED, HeldBy.START_STOP, HeldBy.IGNORED}
)
_PHASES: Final = ("l1", "l2", "l3")


class Claimant:
    """Speaks for one connector, and learns which phases its car uses."""

    def __init__(self, plan: ConnectorPlan, keeper: ShareKeeper) -> None:
        """Begin with nothing learned."""
        self.plan = plan
        self.keeper = keeper
        self._used: frozenset[int] = frozenset()
        """The charger's phases that the car was seen to draw from, 1 to 3."""
        self._paused_since: datetime | None = None
        self._charging_since: datetime | None = None

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
    def least_a(self) -> float:
        """Return the least current that the car takes."""
        vehicle = self.plan.vehicle
        return MIN_CURRENT_A if vehicle is None else vehicle.settings.min_current_a

    @property
    def most_a(self) -> float:
        """Return what charger, owner and car allow."""
        vehicle = self.plan.vehicle
        limits = (
            self.plan.charger.settings.max_current_a,
            self.plan.connector.limit_a,
            None if vehicle is None else vehicle.settings.max_current_a,
        )
        return min(limit for limit in limits if limit is not None)

    @property
    def is_held(self) -> bool:
        """Say whether a plan is what the car gets."""
        connector = self.plan.connector
        return connector.held_by in _HELD and connector.planned_limit_a is not None

    def safe_a(self, home: HomeCircuits) -> float:
        """Return what the charger falls to when nobody renews its share."""
        typed = home.safe_a(self.plan.key[0])
        return self.least_a if typed is None else typed

    def claim(self, home: HomeCircuits, now: datetime) -> Claim | None:
        """Return what is asked for, None without a session."""
        self._look(now)
        if not self.charges:
            self._paused_since = None
            return None
        least_a, most_a = self.least_a, self.most_a
        charger_key = self.plan.key[0]
        drawn_a, drawn_at = self._drawn(home, now)
        return Claim(
            circuit=home.of_charger(charger_key).key,
            phases=self.phases(home),
            wanted_a=self._wanted(least_a, most_a, now),
            max_a=max(least_a, most_a),
            min_a=least_a,
            priority=self.priority,
            need_kw=self._need_kw(now),
            allowed_a=self._allowed(now),
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

        What it was seen to draw says so; else the car's data; else it may be all.
        """
        wiring = home.wiring(self.plan.key[0])
        seen = tuple(wiring[each - 1] for each in self._used if each <= len(wiring))
        if seen:
            return tuple(sorted(seen))
        vehicle = self.plan.vehicle
        known = self.plan.connector.known_phases
        told = [
            known,
            None if vehicle is None else vehicle.settings.phases,
        ]
        count = min((each for each in told if each), default=len(wiring))
        return wiring[: max(1, count)]

    def _look(self, now: datetime) -> None:
        """Take over what the car does."""
        connector = self.plan.connector
        if connector.plugged_in is not True:
            self._used = frozenset()
        if connector.charging:
            self._paused_since = None
            self._charging_since = self._charging_since or now
        else:
            self._charging_since = None
            if self._paused_since is None:
                self._paused_since = now
            return
        if connector.planned_phases == 1:
            # It may be on three again in a moment, and is to have room on all.
            return
        flowing = frozenset(
            number
            for number, phase in enumerate(_PHASES, 1)
            if (connector.reading(f"current_{phase}") or 0.0) >= USED_A
        )
        if not flowing:
            flowing = frozenset(range(1, self._phases_by_power() + 1))
        sure = now - self._charging_since >= SURE_AFTER
        if flowing and (sure or self._used):
            self._used |= flowing

    def _phases_by_power(self) -> int:
        """Return on how many phases as much current gives such power; 0: unknown."""
        connector = self.plan.connector
        current = connector.reading("current") or 0.0
        power_w = connector.reading("power") or 0.0
        if current < USED_A or current > self.most_a + USED_A:
            # A current that is the sum of all phases tells nothing of their number.
            return 0
        voltage_v = connector.reading("voltage") or VOLTAGE_V
        return min(3, max(1, round(power_w / (voltage_v * current))))

    def _wanted(self, least_a: float, most_a: float, now: datetime) -> float:
        connector = self.plan.connector
        wanted = most_a
        if self.is_held and connector.planned_limit_a is not None:
            # In coarse steps: each other share is a message to the charger.
            steps = ceil(connector.planned_limit_a / COARSE_A - 1e-6)
            wanted = min(wanted, steps * COARSE_A)
        asleep = (
            self._paused_since is not None and now - self._paused_since > ASLEEP_AFTER
        )
        return min(wanted, least_a) if asleep else wanted

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
        readings = [connector.readings.get(f"current_{each}") for each in _PHASES]
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
