"""Plans one car: first what leaves no choice, then the cheapest of the rest.

What must be in the battery at once comes first, the reserve just before departure
last; between them lies the optimum of money, CO2 and starts. What can't be met is met
as far as possible.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import product

from .account import SMALL, Drawn, draw, periods, totals
from .checks import aware
from .draft import Ask, Found, Piece, everything, find, given_up, room
from .plan import Eased, Plan, ReasonKey, Shortfall, Totals
from .problem import Preferences, Problem
from .reasons import Story, steps
from .scene import Scene, energy_of, set_up
from .slots import above_cap, clip, split, turns
from .stable import Spans, stabilised
from .worth import Worth, judge


def plan(problem: Problem, now: datetime) -> Plan:
    """Return the best plan at a time: always the same for the same problem and time.

    Raises `ValueError` for a goal in % when the battery or its charge is not known,
    and for a time without zone.
    """
    aware(now=now)
    # In one zone, Python counts by its clock: an hour too many or too few at a change.
    scene = set_up(problem, now.astimezone(UTC))
    return _told(scene, laid_out(scene))


@dataclass(kw_only=True, slots=True)
class Layout:
    """What has been decided."""

    worth: Worth
    pieces: list[Piece] = field(default_factory=list)
    extra: float = 0.0
    """In kWh."""
    eased: tuple[Eased, ...] = ()
    gap: float = 0.0
    kept: float = 0.0


def laid_out(scene: Scene) -> Layout:
    """Return what to charge when, without figures and reasons."""
    needs, goal = scene.needs, scene.problem.goal
    window = clip(scene.line, scene.begin, scene.horizon)
    done = Layout(worth=judge(window, _preferences(scene)))
    left = scene.units(0.0, needs.total)
    at = 0.0
    if needs.minimum > SMALL:
        first = scene.units(0.0, needs.minimum)
        done.pieces = scene.at_once(0.0, first, ReasonKey.MINIMUM)
        at = done.pieces[-1].end if done.pieces else 0.0
        left -= energy_of(done.pieces)
    at = max(at, scene.begin)
    if left <= SMALL and needs.extra <= SMALL:
        return done
    if scene.ready is None and scene.horizon <= at:
        done.pieces += scene.at_once(at, left, ReasonKey.AT_ONCE)
        return done
    if scene.horizon > at:
        left -= _choose(scene, done, at, max(0.0, left))
    if left > SMALL and scene.ready is not None and goal.overrun:
        begin = max(at, scene.horizon)
        why = ReasonKey.OVERRUN
        done.pieces += scene.at_once(begin, left, why, capped=True)
    return done


def _preferences(scene: Scene) -> Preferences:
    return scene.problem.preferences


def _choose(scene: Scene, done: Layout, begin: float, energy: float) -> float:
    """Decide what to charge until the horizon; return how much of what is needed.

    `energy` is what is needed, in the units of the plan.
    """
    end = scene.horizon
    reserved: list[Piece] = []
    reserve = scene.problem.goal.reserve.total_seconds()
    if scene.ready is not None and reserve > 0 and energy > SMALL:
        why = ReasonKey.RESERVE
        reserved = scene.just_in_time(max(begin, end - reserve), end, energy, why)
    kept = energy_of(reserved)
    needs = scene.needs
    extra = scene.units(needs.total, needs.total + needs.extra)
    wanted = max(0.0, energy - kept)
    if reserved:
        end = reserved[0].start
    if end > begin and wanted + extra > SMALL:
        ask = _ask(scene, done, begin, end, wanted, extra, resumes=bool(reserved))
        found = _found(scene, done, ask, energy, kept)
        done.pieces += found.pieces
        done.extra = found.extra
        done.gap = found.gap
        kept += energy_of(found.pieces) - found.extra
    done.pieces += reserved
    return kept


def _ask(
    scene: Scene,
    done: Layout,
    begin: float,
    end: float,
    wanted: float,
    extra: float,
    *,
    resumes: bool,
) -> Ask:
    """Return what is asked of the slots between two times."""
    state, preferences = scene.problem.state, _preferences(scene)
    slots = clip(scene.line, begin, end)
    lengths = (
        preferences.minimum_run.total_seconds(),
        preferences.minimum_pause.total_seconds(),
    )
    points = turns(slots, lengths) if any(lengths) else set()
    if (begin, end) != (done.worth.begin, done.worth.end):
        done.worth = judge(slots, preferences)
    if not resumes and not all(done.worth.priced(slot) for slot in slots):
        points.add(end - preferences.margin.total_seconds())
    if points:
        slots = split(slots, points)
    running = state.running and begin <= 0
    if done.pieces and done.pieces[-1].end >= begin - 1e-3:
        running = True
    return Ask(
        slots=slots,
        powers=[scene.powers(slot) for slot in slots],
        energy=wanted + extra,
        extra=extra,
        extra_below=scene.problem.goal.extra_below,
        running=running,
        since=scene.since(),
        resumes=resumes,
    )


def _found(scene: Scene, done: Layout, ask: Ask, energy: float, kept: float) -> Found:
    """Return the best for what is asked, or as much of it as can be had."""
    preferences, car = _preferences(scene), scene.problem.car
    for way, eased in _ways(scene, done.worth, ask):
        found = find(way, done.worth, preferences, car)
        if found is not None:
            found, done.kept = stabilised(
                found, way, done.worth, preferences, car, _spans(scene)
            )
            done.eased = (*given_up(way, found.pieces, preferences), *eased)
            return found
    uncapped = replace(
        ask, powers=[scene.powers(slot, capped=False) for slot in ask.slots]
    )
    wanted = scene.units(0.0, scene.needs.essential)
    wanted -= scene.units(0.0, scene.needs.total) - energy + kept
    if wanted > room(ask) + SMALL and room(uncapped) > room(ask) + SMALL:
        essential = replace(uncapped, energy=min(wanted, room(uncapped)), extra=0.0)
        for way, eased in _ways(scene, done.worth, essential):
            found = find(way, done.worth, preferences, car)
            if found is not None:
                done.eased = (*given_up(way, found.pieces, preferences), *eased)
                return found
    ask = replace(ask, eased=True)
    found = everything(ask)
    done.eased = given_up(ask, found.pieces, preferences)
    capped = room(uncapped) > room(ask) + SMALL
    why = None if capped else ReasonKey.DEADLINE
    return replace(found, pieces=[replace(one, why=why) for one in found.pieces])


def _ways(
    scene: Scene, worth: Worth, ask: Ask
) -> Iterator[tuple[Ask, tuple[Eased, ...]]]:
    """Yield the ways to ask, from the one with all that is preferred to the least.

    Each with what gives way apart from runs and pauses. Gaps in what is known are left
    out as long as there is enough time without them. Charging at unknown prices is done
    some time before it must be.
    """
    preferences = _preferences(scene)
    margin = preferences.margin.total_seconds()
    last = ask.slots[-1].end - margin
    unknown = [not worth.priced(slot) for slot in ask.slots]
    gaps = [
        one and worth.known and slot.start < worth.known_end
        for one, slot in zip(unknown, ask.slots, strict=True)
    ]
    late = [
        one and not ask.resumes and slot.end > last + 1e-3
        for one, slot in zip(unknown, ask.slots, strict=True)
    ]
    if scene.ready is None:
        late = [False] * len(late)
    lengths = preferences.minimum_run or preferences.minimum_pause
    anew = [False]
    if preferences.one_block and ask.running:
        # Rather one block later than several because this one can't go on.
        anew.append(True)
    tried: list[tuple[list[bool], bool, bool]] = []
    for eased in (False, True) if preferences.one_block or lengths else (False,):
        for (without_gaps, with_margin), again in product(
            ((1, 1), (1, 0), (0, 0)), (False,) if eased else anew
        ):
            left_out = [
                bool(gap and without_gaps) or bool(end and with_margin)
                for gap, end in zip(gaps, late, strict=True)
            ]
            if (left_out, eased, again) in tried:
                continue
            tried.append((left_out, eased, again))
            powers = [
                None if out else one
                for out, one in zip(left_out, ask.powers, strict=True)
            ]
            marks: tuple[Eased, ...] = ()
            if any(late) and not with_margin:
                marks = (Eased.MARGIN,)
            way = replace(ask, powers=powers, eased=eased)
            if again:
                way = replace(way, running=False, since=ask.slots[0].start)
            yield way, marks


def _spans(scene: Scene) -> Spans:
    """Return when the plan so far charges from now on, in seconds since now."""
    before = scene.problem.state.plan
    if before is None:
        return []
    spans: Spans = []
    for period in before.periods:
        start = (period.start - scene.now).total_seconds()
        end = (period.end - scene.now).total_seconds()
        if end <= 1.0:
            continue
        if spans and start - spans[-1][1] < 1.0:
            spans[-1] = (spans[-1][0], end)
        else:
            spans.append((start, end))
    return spans


def _told(scene: Scene, layout: Layout) -> Plan:
    """Return the plan that a layout makes, with its figures and reasons."""
    needs, now = scene.needs, scene.now
    drawn = drawn_in(scene, layout)
    sums = _totals(scene, layout, drawn)
    in_time = _energy_by(scene, layout, scene.ready)
    met = in_time >= needs.total - max(SMALL, 1e-6 * needs.total)
    story = Story(
        now=now,
        goal=scene.problem.goal,
        worth=layout.worth,
        is_open=scene.is_open,
        line=scene.line,
        drawn=drawn,
        begin=scene.begin,
        wanted=needs.total + needs.extra > SMALL,
        whole=sums.energy_kwh >= needs.total - max(SMALL, 1e-6 * needs.total),
        kept=layout.kept,
    )
    return Plan(
        made_at=now,
        periods=periods(drawn, now),
        steps=steps(story, scene.horizon),
        totals=sums,
        needed_kwh=needs.total,
        met=met,
        shortfall=None if met else _shortfall(scene, layout, in_time, sums),
        eased=layout.eased,
        at_once=_otherwise(scene, layout, sums, late=False),
        at_the_latest=_otherwise(scene, layout, sums, late=True),
        gap=layout.gap,
    )


def drawn_in(scene: Scene, layout: Layout) -> list[Drawn]:
    """Return what a layout's pieces give."""
    most = scene.needs.total
    if layout.extra > SMALL:
        hours = layout.extra / scene.power
        most += scene.battery.energy(scene.needs.total, hours, scene.power)
    return draw(layout.pieces, scene.battery, most)


def _totals(scene: Scene, layout: Layout, drawn: list[Drawn]) -> Totals:
    running = scene.problem.state.running
    co2 = layout.worth.co2_mean
    return totals(drawn, scene.line, scene.now, running=running, co2=co2)


def _energy_by(scene: Scene, layout: Layout, time: float | None) -> float:
    """Return what is drawn by a time, in kWh."""
    pieces = layout.pieces if time is None else _before(layout.pieces, time)
    drawn = draw(pieces, scene.battery, scene.needs.total)
    return sum(one.energy for one in drawn)


def _otherwise(
    scene: Scene, layout: Layout, sums: Totals, *, late: bool
) -> Totals | None:
    """Return what the same energy comes to at once, or at the latest."""
    if sums.energy_kwh <= SMALL or (late and not scene.ready):
        return None
    units = scene.units(0.0, sums.energy_kwh)
    pieces: list[Piece] = []
    if late:
        why = ReasonKey.DEADLINE
        pieces = scene.just_in_time(0.0, scene.horizon, units, why)
    if energy_of(pieces) < units - SMALL:
        # Where there is too little time, the latest is at once, too.
        pieces = scene.at_once(0.0, units, ReasonKey.AT_ONCE)
    return _totals(scene, layout, draw(pieces, scene.battery, sums.energy_kwh))


def _shortfall(scene: Scene, layout: Layout, in_time: float, sums: Totals) -> Shortfall:
    """Return what is missing, and what it would take."""
    needs, goal = scene.needs, scene.problem.goal
    missing = needs.total - in_time
    ready_at = sums.finish
    if sums.energy_kwh < needs.total - SMALL:
        begin = max(scene.horizon, scene.begin)
        units = scene.units(sums.energy_kwh, needs.total)
        after = scene.at_once(begin, units, ReasonKey.OVERRUN, capped=True)
        enough = energy_of(after) >= units - SMALL
        ready_at = scene.now + timedelta(seconds=after[-1].end) if enough else None
    capped, cost = 0.0, None
    if goal.price_cap is not None or goal.co2_cap is not None:
        free = replace(goal, price_cap=None, co2_cap=None, extra_kwh=0.0, overrun=False)
        state = replace(scene.problem.state, plan=None)
        other = plan(replace(scene.problem, goal=free, state=state), scene.now)
        own = replace(layout, pieces=_before(layout.pieces, scene.horizon))
        drawn = draw(own.pieces, scene.battery, needs.total)
        now_cost = _totals(scene, own, drawn)
        capped = max(0.0, other.totals.energy_kwh - now_cost.energy_kwh)
        if capped > SMALL and not other.totals.unpriced_kwh:
            cost = other.totals.cost - now_cost.cost
    return Shortfall(
        energy_kwh=missing,
        ready_at=ready_at,
        power_w=_power_needed(scene),
        capped_kwh=capped,
        cap_cost=cost,
    )


def _before(pieces: list[Piece], time: float) -> list[Piece]:
    """Return what lies before a time."""
    return [replace(one, end=min(one.end, time)) for one in pieces if one.start < time]


def _power_needed(scene: Scene) -> float | None:
    """Return the power in W that would be enough, None when none would be."""
    goal = scene.problem.goal
    limits = sorted(
        (
            min(slot.limit, slot.sun) if above_cap(slot, goal) else slot.limit,
            slot.hours,
        )
        for slot in clip(scene.line, scene.begin, scene.horizon)
    )
    left = scene.needs.total
    hours = sum(length for _, length in limits)
    for limit, length in limits:
        if limit * hours >= left:
            break
        left -= limit * length
        hours -= length
    if hours <= 0:
        return None
    power = left / hours * 1000
    return power if power > scene.problem.car.max_power_w else None
