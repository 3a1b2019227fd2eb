"""Plans several cars jointly: under fuses, limits and a peak tariff, by priority.

First each car's own optimum; where these get on together nothing is better. Else one
car after another, and then what is best in all. Whatever is found, each car is planned
once more with what the others leave to it, by the planner for one car: so every plan
keeps its promises and tells its reasons. Where to find what:

- `joint_site`: what the caller says of the house; `joint_load`: what cars draw.
- `joint_rules`: the sums that stay within a fuse or a limit; `joint_room`: all that is
  shared over time, and what some cars leave to another.
- `joint_draft`: plans for all, what they come to, and those made one after another.
- `joint_prices`: prices on what is short; they lead cars to each other, and prove what
  no plans can be below. `joint_columns`: the better prices, from all plans known.
- `joint_solve`: the mixed-integer program, over all times or those that prices have
  found; `joint_model` builds it from each car's `joint_part`, `joint_program` hands it
  to HiGHS.
- `joint_reasons`: why a car waits for others.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from math import inf

from .checks import aware
from .joint_draft import Desk, Draft
from .joint_load import Load
from .joint_prices import Late, agreed, never, suits
from .joint_reasons import told
from .joint_room import Rooms
from .joint_site import Site
from .joint_solve import LONG_S, solved
from .plan import Plan
from .problem import Problem
from .series import Series

TIME_LIMIT_S = 2.5
"""How long programs may be searched if nothing else is said. Counts end the search
before that, always in the same place, but on a slow machine."""
PRICED = 0.6
"""Which part of the time is for putting together what prices have found."""
GOOD = 4e-3
"""Which share of its cost plans may be above the bound that prices have proven: then
the program is not asked."""


@dataclass(frozen=True, kw_only=True, slots=True)
class JointPlan:
    """A plan for each of several cars."""

    made_at: datetime
    plans: Mapping[str, Plan]
    cost: float
    """Money, CO2 and starts of all cars, and the peak, as the planner counts them."""
    gap: float
    """How much that may be above the best, in money: 0 when it is the best."""
    peak_kw: float
    """The highest mean from the grid that counts for the peak tariff; 0 without one."""
    peak_cost: float
    """What it costs more than the peak that is billed already."""

    @property
    def relative_gap(self) -> float:
        """Return the gap as a share of the cost."""
        return self.gap / max(abs(self.cost), 1e-9) if self.gap else 0.0


def plan_jointly(
    cars: Mapping[str, Problem],
    site: Site,
    now: datetime,
    *,
    time_limit_s: float = TIME_LIMIT_S,
    late: Late = never,
) -> JointPlan:
    """Return the best plans for all cars, or the best found in some time.

    The time is that of programs; `late` is asked between the other steps, and says
    whether the best so far has to do. Both are bounds for slow machines: where they are
    not reached, the same cars, site and time always give the same plans. Raises as
    `plan` does.
    """
    return _planned(cars, site, now, time_limit_s, late)


def plan_greedy(cars: Mapping[str, Problem], site: Site, now: datetime) -> JointPlan:
    """Return good plans at once: one car after another, by priority and urgency.

    The gap is to the cars' own optima, which no joint plan can be below. Raises as
    `plan` does.
    """
    return _planned(cars, site, now, None, never)


def _planned(
    cars: Mapping[str, Problem],
    site: Site,
    now: datetime,
    time_limit_s: float | None,
    late: Late,
) -> JointPlan:
    aware(now=now)
    now = now.astimezone(UTC)
    rooms = Rooms(cars, site, now)
    plans: dict[str, Plan] = {}
    loads: dict[str, Load] = {}
    cost = gap = 0.0
    groups = _groups(rooms)
    for group in groups:
        part = rooms
        if len(groups) > 1:
            part = Rooms({key: cars[key] for key in group}, site, now)
        desk = Desk(part)
        share = None if time_limit_s is None else time_limit_s / len(groups)
        draft, apart, bound = _best(desk, share, late)
        part_cost = desk.cost(draft)
        cost += part_cost
        gap += _gap(part_cost, bound, draft)
        loads |= draft.loads
        for key in group:
            plans[key] = told(part, draft, key, apart.plans[key])
    peak = rooms.peak(loads)
    tariff = site.peak
    return JointPlan(
        made_at=now,
        plans={key: plans[key] for key in cars},
        cost=cost,
        gap=gap,
        peak_kw=peak,
        peak_cost=tariff.price_per_kw * (peak - tariff.so_far_kw) if tariff else 0.0,
    )


def _gap(cost: float, bound: float, draft: Draft) -> float:
    """Return the gap of a draft; what is a millionth of the cost is none."""
    own = sum(one.gap for one in draft.plans.values())
    gap = max(cost - bound, own if bound == -inf else 0.0)
    return gap if gap > 1e-6 * max(abs(cost), 1e-3) else 0.0


def _groups(rooms: Rooms) -> list[list[str]]:
    """Return the cars in groups that share nothing that could run short."""
    if rooms.site.peak is not None:
        return [list(rooms.cars)] if rooms.cars else []
    root = {key: key for key in rooms.cars}

    def join(keys: list[str]) -> None:
        for key in keys:
            old, new = root[key], root[keys[0]]
            root.update({one: new for one, of in root.items() if of == old})

    most = {key: scene.power for key, scene in rooms.scenes.items()}
    for rule in rooms.rules:
        total = sum(share * most[key] for key, share in rule.share.items())
        if any(room < total - 1e-9 for room in rule.room):
            join(list(rule.share))
    for cell, pool in enumerate(rooms.pool):
        users = [key for key, slots in rooms.slots.items() if slots[cell].sun]
        if pool and sum(min(pool, most[key]) for key in users) > pool + 1e-9:
            join(users)
    found: dict[str, list[str]] = {}
    for key in rooms.cars:
        found.setdefault(root[key], []).append(key)
    return list(found.values())


def _best(
    desk: Desk, time_limit_s: float | None, late: Late
) -> tuple[Draft, Draft, float]:
    """Return the best draft, the cars' own optima, and what no plan can be below."""
    rooms = desk.rooms
    apart = desk.apart()
    lowest = desk.loads_cost(apart.loads)
    if rooms.site.peak is None:
        if len(apart.plans) < 2 or rooms.respects(apart.loads):
            own = sum(one.gap for one in apart.plans.values())
            return apart, apart, lowest - own
    else:
        lowest -= desk.peak_cost(apart.loads) - desk.peak_cost({})
    kept = _kept(desk)
    best = desk.greedy()
    bound = lowest
    if time_limit_s is not None:
        best, bound = _searched(desk, apart, best, lowest, time_limit_s, late)
    if kept is not None and _as_good(desk, kept, best):
        best = kept
    if time_limit_s is None:
        bound = lowest if _all_given(desk, apart, best) else -inf
    return best, apart, bound


def _searched(
    desk: Desk,
    apart: Draft,
    best: Draft,
    lowest: float,
    time_limit_s: float,
    late: Late,
) -> tuple[Draft, float]:
    """Return better plans than those made at once, and what none can be below."""
    fixed = _all_given(desk, apart, best)
    bound, proven = lowest, -inf
    if not fixed:
        best, proven = _by_program(desk, best, False, time_limit_s)
        fixed = _all_given(desk, apart, best)
    if not fixed:
        return best, proven
    if suits(desk, apart):
        best, priced = agreed(desk, best, PRICED * time_limit_s, late)
        bound = max(bound, priced)
        if late() or (desk.is_large and time_limit_s < LONG_S):
            return best, bound
        time_limit_s *= 1 - PRICED
    cost = desk.cost(best)
    if cost - bound > GOOD * abs(cost):
        best, proven = _by_program(desk, best, True, time_limit_s)
    return best, max(bound, proven)


def _all_given(desk: Desk, apart: Draft, best: Draft) -> bool:
    """Say whether each car gets as much as if it were the only one."""
    return desk.score(best).missing == desk.score(apart).missing


def _by_program(
    desk: Desk, best: Draft, fixed: bool, time_limit_s: float
) -> tuple[Draft, float]:
    """Return what the program makes of plans, and what it proves."""
    found = solved(desk, best, fixed, time_limit_s)
    if found is None:
        return best, -inf
    loads, proven = found
    return desk.polished(best, loads), proven


def _kept(desk: Desk) -> Draft | None:
    """Return the plans so far, carried on; None where a car has none."""
    rooms = desk.rooms
    befores = {key: one.state.plan for key, one in rooms.cars.items()}
    if any(one is None for one in befores.values()):
        return None
    draft = Draft()
    for key, before in befores.items():
        if before is not None:
            load = rooms.load(key, before, Series())
            ahead = [(max(0.0, a), b, kw) for a, b, kw in load.power if b > 1.0]
            draft.loads[key] = Load(power=ahead)
    # Each within what the plans so far of all others leave; when the house needs a
    # little more, somewhat beside its own.
    for key in desk.order:
        desk.add(draft, key)
    return draft if rooms.respects(draft.loads) else None


def _as_good(desk: Desk, kept: Draft, best: Draft) -> bool:
    """Say whether a new plan gains too little to leave the one so far."""
    one, other = desk.score(kept).rounded(), desk.score(best).rounded()
    threshold = max(car.preferences.threshold for car in desk.rooms.cars.values())
    return one.missing <= other.missing and one.cost <= other.cost + threshold
