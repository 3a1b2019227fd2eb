"""The planner: how long plans take, and what a year of plans comes to.

Times are CPU times of whole plans, with figures and reasons, over seeded random
problems. The year compares strategies on synthetic prices, whose statistics are printed
beside: each evening at six a car comes that needs 5 to 35 kWh by seven in the morning,
at 4.1 to 11 kW.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
import gc
import math
import random
import statistics
import time

from custom_components.ocpp_charging.charging import (
    Car,
    Circuit,
    Circuits,
    Goal,
    Interval,
    Place,
    Plan,
    Preferences,
    Problem,
    Series,
    Signals,
    Site,
    plan,
    plan_greedy,
    plan_jointly,
)

from .figures import Report, arguments, run, slowness

MIDNIGHT = datetime(2026, 1, 1, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
LIMITS_MS = {192: 5.0, 672: 20.0}
"""What is promised of a plan, by its number of intervals: the median of each kind, and
95 of 100 plans of all kinds."""
BEYOND = 5.0
"""How many of 100 plans may take longer."""
SEEDS = {192: 40, 672: 15}
JOINT_MS = 1000.0
"""What a joint plan for four cars over 192 intervals may take: the median."""
JOINT_SEEDS = 5
JOINT_KINDS = ("prices alone", "start cost", "sun, start cost")
DAYS = 365
START_COST = 0.05
CAR = Car.of_current(max_a=16, min_a=6)


def quarters(values: Sequence[float], each: int = 1) -> Series:
    """Return values of one or more quarters of an hour each."""
    length = each * QUARTER
    return Series(
        Interval(
            start=MIDNIGHT + index * length,
            end=MIDNIGHT + (index + 1) * length,
            value=value,
        )
        for index, value in enumerate(values)
    )


def prices(rng: random.Random, hours: int, per_hour: int) -> list[float]:
    """Return prices like those of a day-ahead market with fees.

    Two peaks a day, a dip at noon that is deeper in summer, days that are dear or
    cheap one after the other, noise from hour to hour, saws within the hour.
    """
    found: list[float] = []
    day = noise = 0.0
    for hour in range(hours):
        if hour % 24 == 0:
            day = 0.7 * day + rng.gauss(0, 0.035)
        noise = 0.75 * noise + rng.gauss(0, 0.014)
        summer = 0.5 - 0.5 * math.cos(2 * math.pi * hour / (24 * 365))
        clock = hour % 24
        shape = 0.055 * math.exp(-(((clock - 8) / 2) ** 2))
        shape += 0.085 * math.exp(-(((clock - 19) / 2.5) ** 2))
        shape -= (0.03 + 0.09 * summer) * math.exp(-(((clock - 13.5) / 2.5) ** 2))
        shape -= 0.04 * math.exp(-(((clock - 3) / 3) ** 2))
        for part in range(per_hour):
            saw = rng.gauss(0, 0.008) + 0.012 * (part - 1.5) * (1 if clock < 12 else -1)
            saw = saw if per_hour > 1 else 0.0
            found.append(round(0.24 + shape + day + noise + saw, 5))
    return found


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of problem."""

    name: str
    start_cost: float = 0.0
    sun: bool = False
    co2: bool = False
    run: int = 0
    block: bool = False


KINDS = (
    Kind(name="prices alone"),
    Kind(name="start cost", start_cost=0.1),
    Kind(name="start cost, CO2", start_cost=0.1, co2=True),
    Kind(name="one block", block=True),
    Kind(name="least run and pause", start_cost=0.1, run=60),
    Kind(name="sun", sun=True),
    Kind(name="sun, start cost", sun=True, start_cost=0.1),
    Kind(name="sun, start cost, run and pause", sun=True, start_cost=0.1, run=60),
)


def problem(rng: random.Random, kind: Kind, count: int) -> Problem:
    """Return a problem of a kind with a number of intervals."""
    cloud = 1.0
    suns = []
    for index in range(count):
        cloud = rng.uniform(0.3, 1) if index % 4 == 0 else cloud
        height = math.sin((index % 96 - 28) / 40 * math.pi)
        suns.append(max(0.0, 9000 * cloud * height) if 28 < index % 96 < 68 else 0.0)
    pause = timedelta(minutes=kind.run / 2)
    return Problem(
        signals=Signals(
            price=quarters(prices(rng, count // 4, 4)),
            solar=quarters(suns) if kind.sun else Series(),
            feed_in=quarters([0.08] * count) if kind.sun else Series(),
            co2=quarters([rng.uniform(50, 500) for _ in range(count)])
            if kind.co2
            else Series(),
        ),
        car=CAR,
        goal=Goal(energy_kwh=rng.uniform(5, 55), ready_by=MIDNIGHT + count * QUARTER),
        preferences=Preferences(
            co2_price=0.5,
            start_cost=kind.start_cost,
            minimum_run=timedelta(minutes=kind.run),
            minimum_pause=pause,
            one_block=kind.block,
        ),
    )


def timed(kind: Kind, count: int) -> tuple[list[float], float]:
    """Return the CPU times of some plans in ms, and their largest gap in money."""
    took: list[float] = []
    gap = 0.0
    for seed in range(SEEDS[count]):
        rng = random.Random(seed)
        one = problem(rng, kind, count)
        now = MIDNIGHT + timedelta(minutes=rng.uniform(0, 14))
        began = time.process_time()
        made = plan(one, now)
        took.append((time.process_time() - began) * 1000)
        gap = max(gap, made.gap)
    return took, gap


def times(report: Report) -> None:
    """Measure how long plans take.

    Without what was there before: the collector's rare pass over everything in this
    process takes 100 ms or more, whatever happens to be running then.
    """
    gc.collect()
    gc.freeze()
    for count, limit in LIMITS_MS.items():
        report.title(f"A plan over {count} intervals, {SEEDS[count]} of each kind")
        every: list[float] = []
        gaps: list[float] = []
        for kind in KINDS:
            took, gap = timed(kind, count)
            every += took
            gaps.append(gap)
            median = statistics.median(took)
            report.time(f"{kind.name}, median", median, "ms", limit=limit)
            report.figure("  the slowest", max(took), "ms")
        report.time("all kinds, median", statistics.median(every), "ms", limit=limit)
        percentile = statistics.quantiles(every, n=20)[-1]
        report.time("  95 of 100 are below", percentile, "ms", limit=limit)
        longest = limit * slowness()
        share = 100 * sum(one > longest for one in every) / len(every)
        report.figure("  take longer than promised", share, "%", limit=BEYOND)
        report.figure("  largest gap to the optimum that is told", max(gaps), limit=0.0)


def street(rng: random.Random, kind: Kind) -> tuple[dict[str, Problem], Site]:
    """Return four cars behind one fuse of 32 A, with a house that uses up to 12 A."""
    base = problem(rng, kind, 192)
    cars = {
        f"car {number}": Problem(
            signals=base.signals,
            car=CAR,
            goal=Goal(
                energy_kwh=rng.uniform(8, 35),
                ready_by=MIDNIGHT + rng.choice([60, 100, 124, 192]) * QUARTER,
            ),
            preferences=base.preferences,
        )
        for number in range(4)
    }
    load = quarters([rng.uniform(0, 12) for _ in range(192)])
    site = Site(
        circuits=Circuits([Circuit(key="main", limit_a=(32, 32, 32))]),
        base_load={"main": (load, load, load)},
        places={key: Place(circuit="main") for key in cars},
    )
    return cars, site


def joint(report: Report) -> None:
    """Measure how long plans for several cars take, and how near they are."""
    report.title(f"Four cars, one fuse, 192 intervals, {JOINT_SEEDS} of each kind")
    for kind in KINDS:
        if kind.name not in JOINT_KINDS:
            continue
        took: list[float] = []
        first: list[float] = []
        gaps: list[float] = []
        for seed in range(JOINT_SEEDS):
            cars, site = street(random.Random(seed), kind)
            began = time.process_time()
            plan_greedy(cars, site, MIDNIGHT)
            first.append((time.process_time() - began) * 1000)
            began = time.process_time()
            made = plan_jointly(cars, site, MIDNIGHT)
            took.append((time.process_time() - began) * 1000)
            gaps.append(100 * made.relative_gap)
        median = statistics.median(took)
        report.time(f"{kind.name}, median", median, "ms", limit=JOINT_MS)
        report.figure("  one car after another", statistics.median(first), "ms")
        report.figure("  gap that is told, median", statistics.median(gaps), "%")


def cheapest_intervals(one: Problem, now: datetime) -> tuple[float, int]:
    """Return cost and starts of the cheapest intervals, the earlier of equals."""
    ready = one.goal.ready_by or now
    left = (one.goal.energy_kwh or 0.0) / (CAR.max_power_w / 1000)
    taken: list[tuple[datetime, datetime]] = []
    cost = 0.0
    for item in sorted(
        one.signals.price.between(now, ready), key=lambda one: one.value
    ):
        hours = min(item.hours, left)
        if hours <= 1e-9:
            break
        left -= hours
        cost += hours * CAR.max_power_w / 1000 * item.value
        taken.append((item.start, item.start + timedelta(hours=hours)))
    taken.sort()
    ends = [end for _, end in taken]
    starts = sum(start not in ends for start, _ in taken)
    return cost, starts


def whole_intervals(one: Problem, now: datetime) -> tuple[float, int]:
    """Return cost and starts of the cheapest whole intervals, until the car is full.

    As a switch does it that knows no parts of an interval: the last one is cut, be it
    dear or cheap.
    """
    power = CAR.max_power_w / 1000
    left = (one.goal.energy_kwh or 0.0) / power
    known = list(one.signals.price.between(now, one.goal.ready_by or now))
    taken = sorted(known, key=lambda item: item.value)
    count = next(n for n in range(len(taken) + 1) if _hours(taken[:n]) >= left - 1e-9)
    cost, starts, end = 0.0, 0, None
    for item in sorted(taken[:count]):
        hours = min(item.hours, left)
        cost += hours * power * item.value
        left -= hours
        starts += item.start != end
        end = item.end
    return cost, starts


def stretch_from_an_edge(one: Problem, now: datetime) -> tuple[float, int]:
    """Return cost and starts of the cheapest stretch that begins with an interval."""
    power = CAR.max_power_w / 1000
    known = list(one.signals.price.between(now, one.goal.ready_by or now))
    costs = []
    for first in range(len(known)):
        left = (one.goal.energy_kwh or 0.0) / power
        cost = 0.0
        for item in known[first:]:
            hours = min(item.hours, left)
            cost += hours * power * item.value
            left -= hours
        if left <= 1e-9:
            costs.append(cost)
    return min(costs), 1


def _hours(items: Sequence[Interval]) -> float:
    return sum(item.hours for item in items)


def _spread(values: Sequence[float], per_day: int) -> float:
    days = [values[at : at + per_day] for at in range(0, len(values), per_day)]
    return statistics.mean(max(day) - min(day) for day in days)


def year(report: Report, per_hour: int) -> None:
    """Compare strategies over a year of nights."""
    rng = random.Random(2026)
    values = prices(rng, (DAYS + 1) * 24, per_hour)
    series = quarters(values, 4 // per_hour)
    steps = "15-minute" if per_hour == 4 else "hourly"
    report.title(f"A year of {steps} prices: the statistics of what is synthetic")
    report.figure("mean", statistics.mean(values), "a kWh")
    report.figure("standard deviation", statistics.stdev(values), "a kWh")
    report.figure(
        "mean of dearest less cheapest of a day", _spread(values, 24 * per_hour)
    )
    report.figure("lowest", min(values))
    report.figure("highest", max(values))
    report.figure(
        "correlation with the interval before",
        statistics.correlation(values[:-1], values[1:]),
    )
    sums: dict[str, list[float]] = {}

    def add(name: str, cost: float, starts: int) -> None:
        entry = sums.setdefault(name, [0.0, 0.0])
        entry[0] += cost
        entry[1] += starts

    for day in range(DAYS):
        now = MIDNIGHT + timedelta(days=day, hours=18)
        night = series.between(now, now + timedelta(hours=13))
        one = Problem(
            signals=Signals(price=night),
            car=CAR,
            goal=Goal(
                energy_kwh=rng.uniform(5, 35), ready_by=now + timedelta(hours=13)
            ),
        )
        best = _with(one, now)
        for name, totals in (
            ("at once", best.at_once),
            ("at the latest", best.at_the_latest),
        ):
            assert totals is not None
            add(name, totals.cost, totals.starts)
        add("cheapest intervals", *cheapest_intervals(one, now))
        add("cheapest whole intervals", *whole_intervals(one, now))
        add("one stretch from an edge", *stretch_from_an_edge(one, now))
        add("planned, starts free", best.totals.cost, best.totals.starts)
        block = _with(one, now, one_block=True)
        add("planned, one block", block.totals.cost, block.totals.starts)
        made = _with(one, now, start_cost=START_COST)
        add(f"planned, {START_COST} a start", made.totals.cost, made.totals.starts)
    report.title(f"The year by strategy: cost, starts, cost with {START_COST} a start")
    for name, (cost, starts) in sums.items():
        total = cost + START_COST * starts
        print(f"  {name:<32}{cost:10.2f}{starts:10.0f}{total:12.2f}", flush=True)


def _with(one: Problem, now: datetime, **preferences: float) -> Plan:
    """Return a plan with some preferences."""
    wanted = Preferences(**preferences)  # type: ignore[arg-type]
    return plan(
        Problem(signals=one.signals, car=one.car, goal=one.goal, preferences=wanted),
        now,
    )


PARTS: tuple[Callable[[Report], None], ...] = (
    times,
    joint,
    lambda report: year(report, 1),
    lambda report: year(report, 4),
)


async def program(report: Report, _options: argparse.Namespace) -> None:
    """Measure."""
    for part in PARTS:
        part(report)


if __name__ == "__main__":
    run(program, arguments(__doc__))
