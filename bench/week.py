"""A week of a home with two cars, in accelerated time, second by second.

The planner, the joint planner and the sharing of the fuse are the real ones. The
house, its meter, the chargers (which follow late, restart, and lose the network) and
the cars are simulated; there are no sockets. What is not known to the plans: when a
car comes, the oven, the kettle, clouds, and what goes wrong.

Cost is settled by quarters of an hour, with the sun that really shone. It is compared
with what the joint planner does when it knows beforehand when each car comes and goes,
the limit of the grid, all prices, and nothing goes wrong; and with charging at once.
"""

import argparse
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

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
    State,
    plan_jointly,
)
from custom_components.ocpp_charging.charging.circuits import Phases
from custom_components.ocpp_charging.charging.claims import (
    Claim,
    House as Fuses,
    Reading,
    Share,
    SharingState,
)
from custom_components.ocpp_charging.charging.sharing import share
from simulator.car import Car as Battery, Supply

from .figures import Report, arguments, run
from .week_house import (
    DAYS,
    FEED_IN,
    FUSE_A,
    MONDAY,
    QUARTER,
    VOLTAGE,
    House,
    Stay,
    second,
)
from .week_plot import Trace, draw

SEEDS = (1, 2)
OVER_S = 5.0
DEARER = 0.03
METER_S: Final = 2
VALID_S: Final = 180
"""How long a charger goes on with its share of the fuse when nobody renews it."""
LOOK_S: Final = 900
"""How often it is looked whether a car is where its plan says."""
SAFE_A = 6.0
TREE = Circuits([Circuit(key="main", limit_a=(FUSE_A,) * 3)])
MAIN = TREE.main.key


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A car and its charger."""

    battery_kwh: float
    phases: tuple[int, ...]
    """The house's phases that it draws from."""
    max_a: float
    delay_s: int
    """How long its charger takes to follow."""

    @property
    def car(self) -> Car:
        """Return it as the planner knows it."""
        return Car.of_current(
            max_a=self.max_a,
            phases=len(self.phases),
            battery_kwh=self.battery_kwh,
            efficiency=0.9,
        )


KINDS = {
    "family": Kind(battery_kwh=77, phases=(2, 3, 1), max_a=16, delay_s=2),
    "city": Kind(battery_kwh=40, phases=(1,), max_a=25, delay_s=3),
}
SITE = Site(
    circuits=TREE,
    places={
        key: Place(circuit=MAIN, phases=(*kind.phases, *({1, 2, 3} - {*kind.phases})))
        for key, kind in KINDS.items()
    },
)


class Outlet:
    """A charger: the plan and the share it was told last, and the car at it."""

    def __init__(self, kind: Kind) -> None:
        """Begin without a car."""
        self.kind = kind
        self.car: Battery | None = None
        self.stay: Stay | None = None
        self.reached: list[float] = []
        self.plan: Plan | None = None
        self._here: Plan | None = None
        self.allowed_a = 0.0
        self._share = 0.0
        self._renewed = 0
        self._late: deque[tuple[int, float]] = deque()
        self.drawn_a = 0.0
        self.sample: tuple[int, float] = (0, 0.0)
        self.powered = self.connected = True

    def tell_plan(self, plan: Plan | None) -> None:
        """Have a plan for it; it gets there as soon as it is connected."""
        self.plan = plan

    def tell_share(self, now: int, current: float) -> None:
        """Tell it its share of the fuse. Without a connection that is lost."""
        if not self.connected:
            return
        if current != self.allowed_a or now - self._renewed >= VALID_S / 2:
            self.allowed_a, self._renewed = current, now
            self._late.append((now + self.kind.delay_s, current))

    def planned_a(self, moment: datetime, plan: Plan | None) -> float:
        """Return the current per phase that a plan has at a moment."""
        if plan is None:
            return 0.0
        watts = plan.power_at(moment)
        return round(watts / VOLTAGE / len(self.kind.phases), 1)

    def tick(self, now: int, moment: datetime) -> float:
        """Let a second pass; returns the energy in Wh."""
        if self.connected:
            self._here = self.plan
        while self._late and self._late[0][0] <= now:
            self._share = self._late.popleft()[1]
        held = self._share if now - self._renewed < VALID_S else SAFE_A
        limit = min(held, self.planned_a(moment, self._here))
        energy = 0.0
        if self.car is None or not self.powered or limit < 6:
            self.drawn_a = 0.0
        else:
            # A car rises by 2 A each second, and falls at once.
            supply = Supply(
                current_a=min(limit, max(6.0, self.drawn_a + 2)),
                phases=len(self.kind.phases),
            )
            self.drawn_a = self.car.current_a(supply)
            energy = self.car.advance(supply, 1.0)
        if now % 10 == 0:
            self.sample = (now, self.drawn_a)
        return energy

    def claim(self, moment: datetime) -> Claim:
        """Return what is asked for it."""
        at, current = self.sample
        drawn = [current if phase in self.kind.phases else 0.0 for phase in (1, 2, 3)]
        wanted = 0.0 if self.car is None else self.planned_a(moment, self.plan)
        return Claim(
            circuit=MAIN,
            phases=self.kind.phases,
            wanted_a=wanted,
            max_a=self.kind.max_a,
            step_a=0.1,
            allowed_a=self.allowed_a,
            drawn_a=(drawn[0], drawn[1], drawn[2]),
            drawn_at=MONDAY + timedelta(seconds=at),
            safe_a=SAFE_A,
        )


@dataclass
class Lived:
    """What came of a week."""

    wh: dict[str, list[float]]
    """Energy by car and quarter of an hour."""
    reached: dict[str, list[float]]
    over_s: int = 0
    """The longest time above the fuse."""
    cut_off_s: int = 0
    """The same while nobody could tell a charger."""
    over_in_all_s: int = 0
    most_a: float = 0.0
    plans: int = 0
    trace: Trace = field(default_factory=Trace)


class Week:
    """The simulated home."""

    def __init__(self, seed: int) -> None:
        """Have a house, two chargers, and nothing planned."""
        self.house = House(seed)
        self.forecast = self.house.forecast()
        self.usual = self.house.usual_a()
        self.outlets = {key: Outlet(kind) for key, kind in KINDS.items()}
        self.state = SharingState()
        self.reading = Reading(currents_a=(0.0, 0.0, 0.0), at=MONDAY)
        self.home_up = True
        self.lived = Lived(
            wh={key: [0.0] * (DAYS * 96) for key in KINDS},
            reached={key: [] for key in KINDS},
        )
        self._over = self._over_cut = 0

    def live(self) -> Lived:
        """Let the week pass."""
        edges = self._edges()
        for now in range(DAYS * 86400):
            moment = MONDAY + timedelta(seconds=now)
            replan = now in edges and self._happen(moment)
            if replan or (now % LOOK_S == 0 and self._astray(moment)):
                self._replan(moment)
            self._second(now, moment)
        for key, outlet in self.outlets.items():
            self.lived.reached[key] = outlet.reached
        return self.lived

    def _edges(self) -> set[int]:
        """Return the seconds in which something begins or ends."""
        house = self.house
        spans = [*house.faults, house.demand]
        moments = [moment for span in spans for moment in (span.start, span.end)]
        moments += [stay.arrives for stays in house.stays.values() for stay in stays]
        moments += [stay.leaves for stays in house.stays.values() for stay in stays]
        moments += [MONDAY + timedelta(days=day, hours=13) for day in range(DAYS)]
        return {second(moment) for moment in [*moments, house.demand_told]}

    def _happen(self, moment: datetime) -> bool:
        """Let cars come and go and faults begin and end; True: plan anew."""

        def on(kind: str, car: str = "") -> bool:
            return any(
                fault.kind == kind
                and fault.car == car
                and second(fault.start) <= second(moment) < second(fault.end)
                for fault in self.house.faults
            )

        self.home_up = not on("Home Assistant restarts")
        self.silent, self.stuck = on("meter silent"), on("meter stuck")
        for key, outlet in self.outlets.items():
            outlet.powered = not on("charger reboots", key)
            outlet.connected = (
                outlet.powered and self.home_up and not on("network cut", key)
            )
            self._come_and_go(key, outlet, moment)
            if outlet.car is not None:
                outlet.car.paused = on("car takes a rest", key)
        return True

    silent = stuck = False

    def _come_and_go(self, key: str, outlet: Outlet, moment: datetime) -> None:
        now = second(moment)
        for stay in self.house.stays[key]:
            if second(stay.leaves) == now and outlet.car is not None:
                outlet.reached.append(outlet.car.soc_percent)
                outlet.car = outlet.stay = None
                outlet.tell_plan(None)
            if second(stay.arrives) == now:
                kind = outlet.kind
                outlet.stay = stay
                outlet.car = Battery(
                    battery_kwh=kind.battery_kwh,
                    soc_percent=stay.soc,
                    phases=len(kind.phases),
                    max_current_a=kind.max_a,
                    taper_from_percent=100,
                    target_percent=stay.target,
                )

    def _astray(self, moment: datetime) -> bool:
        """Say whether a car has got less or more than its plan said by now."""
        for outlet in self.outlets.values():
            plan, car, stay = outlet.plan, outlet.car, outlet.stay
            if plan is None or car is None or stay is None or not outlet.connected:
                continue
            left = (stay.target - car.soc_percent) / 100 * car.battery_kwh / 0.9
            planned = sum(
                period.energy_kwh
                * max(0.0, (period.end - max(period.start, moment)).total_seconds())
                / (period.end - period.start).total_seconds()
                for period in plan.periods
            )
            if abs(left - planned) > 0.15:
                return True
        return False

    def _replan(self, moment: datetime) -> None:
        if not self.home_up:
            return
        problems: dict[str, Problem] = {}
        for key, outlet in self.outlets.items():
            if outlet.car is not None and outlet.stay is not None:
                problems[key] = problem(
                    outlet.kind,
                    outlet.stay,
                    outlet.car.soc_percent,
                    Signals(
                        price=self.house.known_prices(moment),
                        feed_in=self._feed_in,
                        solar=self.forecast,
                    ),
                    State(
                        soc=outlet.car.soc_percent,
                        running=outlet.drawn_a > 0,
                        plan=outlet.plan,
                    ),
                )
        if not problems:
            return
        told = moment >= self.house.demand_told
        site = site_of(self.usual, self.limit if told else Series())
        made = plan_jointly(problems, site, moment)
        self.lived.plans += 1
        for key, plan in made.plans.items():
            self.outlets[key].tell_plan(plan)

    @property
    def _feed_in(self) -> Series:
        return Series.constant(FEED_IN, MONDAY, MONDAY + timedelta(days=DAYS + 1))

    @property
    def limit(self) -> Series:
        """Return what the grid allows all cars together."""
        demand = self.house.demand
        return Series.constant(self.house.demand_w, demand.start, demand.end)

    def _second(self, now: int, moment: datetime) -> None:
        """Let a second pass: chargers, the meter, the fuse."""
        one, two, three = self.house.load(now)
        lines = [one, two, three]
        for key, outlet in self.outlets.items():
            self.lived.wh[key][now // 900] += outlet.tick(now, moment)
            for phase in outlet.kind.phases:
                lines[phase - 1] += outlet.drawn_a
        self._watch(now, lines)
        if now % METER_S == 0:
            if not (self.silent or self.stuck):
                self.reading = Reading(
                    currents_a=(lines[0], lines[1], lines[2]), at=moment
                )
            elif self.stuck:
                self.reading = replace(self.reading, at=moment)
            if self.home_up and any(
                outlet.car or outlet.allowed_a for outlet in self.outlets.values()
            ):
                self._share(now, moment)
        if now % 300 == 0:
            self.lived.trace.add(
                now,
                lines,
                {
                    key: (
                        outlet.drawn_a * len(outlet.kind.phases) * VOLTAGE,
                        None if outlet.car is None else outlet.car.soc_percent,
                    )
                    for key, outlet in self.outlets.items()
                },
            )

    def _share(self, now: int, moment: datetime) -> None:
        house = self.house
        limited = house.demand.start <= moment < house.demand.end
        shares = share(
            FUSES,
            {key: outlet.claim(moment) for key, outlet in self.outlets.items()},
            {MAIN: self.reading},
            self.state,
            moment,
            grid_limit_w=house.demand_w if limited else None,
        )
        self.state = shares.state
        allowed: Mapping[str, Share] = shares.allowed
        for key, outlet in self.outlets.items():
            outlet.tell_share(now, allowed[key].current_a)

    def _watch(self, now: int, lines: list[float]) -> None:
        """Note how long the fuse bears more than it should."""
        lived, most = self.lived, max(lines)
        lived.most_a = max(lived.most_a, most)
        if most <= FUSE_A + 0.5:
            self._over = self._over_cut = 0
            return
        lived.over_in_all_s += 1
        if all(outlet.connected for outlet in self.outlets.values()):
            self._over += 1
            lived.over_s = max(lived.over_s, self._over)
        else:
            self._over_cut += 1
            lived.cut_off_s = max(lived.cut_off_s, self._over_cut)


OTHER: Phases = (8.0, 8.0, 7.0)
FUSES = Fuses(circuits=TREE, other_a={MAIN: OTHER})


def problem(
    kind: Kind,
    stay: Stay,
    soc: float,
    signals: Signals,
    state: State,
    *,
    not_before: datetime | None = None,
) -> Problem:
    """Return what one car is planned from."""
    return Problem(
        signals=signals,
        car=kind.car,
        goal=Goal(target_soc=stay.target, ready_by=stay.leaves, not_before=not_before),
        preferences=Preferences(start_cost=0.01),
        state=replace(state, soc=soc),
    )


def site_of(usual: tuple[Series, Series, Series], limit: Series) -> Site:
    """Return the house for the joint planner."""
    return replace(SITE, base_load={MAIN: usual}, grid_limit=limit)


def foreseen(week: Week, solar: Series) -> tuple[dict[str, list[float]], list[str]]:
    """Plan all stays of the week with everything known; energy by quarter, and goals.

    Stays of both cars that meet are planned jointly. What can't be reached is told.
    """
    wh = {key: [0.0] * (DAYS * 96) for key in KINDS}
    missed = []
    house = week.house
    for family, city in zip(house.stays["family"], house.stays["city"], strict=True):
        stays = {"family": family, "city": city}
        now = min(stay.arrives for stay in stays.values())
        signals = Signals(price=house.prices, feed_in=week._feed_in, solar=solar)
        problems = {
            key: problem(
                KINDS[key], stay, stay.soc, signals, State(), not_before=stay.arrives
            )
            for key, stay in stays.items()
        }
        made = plan_jointly(
            problems, site_of(week.usual, week.limit), now, time_limit_s=4.0
        )
        for key, plan in made.plans.items():
            if not plan.met:
                missed.append(f"{key} {stays[key].leaves:%a}")
            spread(plan, wh[key])
    return wh, missed


def at_once(week: Week) -> dict[str, list[float]]:
    """Return the energy by quarter when every car charges as soon as it comes."""
    wh = {key: [0.0] * (DAYS * 96) for key in KINDS}
    for key, kind in KINDS.items():
        for stay in week.house.stays[key]:
            left = (stay.target - stay.soc) * kind.battery_kwh * 10 / 0.9
            moment = stay.arrives
            power = kind.max_a * len(kind.phases) * VOLTAGE
            while left > 0:
                index = int((moment - MONDAY) / QUARTER)
                end = MONDAY + (index + 1) * QUARTER
                wh_now = min(left, power * (end - moment).total_seconds() / 3600)
                wh[key][index] += wh_now
                left -= wh_now
                moment = end
    return wh


def spread(plan: Plan, wh: list[float]) -> None:
    """Add a plan's energy to quarters of an hour."""
    for period in plan.periods:
        length = (period.end - period.start).total_seconds()
        moment = period.start
        while moment < period.end:
            index = int((moment - MONDAY) / QUARTER)
            end = min(MONDAY + (index + 1) * QUARTER, period.end)
            if index < len(wh):
                part = (end - moment).total_seconds() / length
                wh[index] += period.energy_kwh * 1000 * part
            moment = end


def settle(week: Week, wh: Mapping[str, list[float]], surplus: list[float]) -> float:
    """Return what energy costs, sun first, settled by quarters of an hour."""
    cost = 0.0
    for index in range(DAYS * 96):
        kwh = sum(each[index] for each in wh.values()) / 1000
        if kwh:
            sun = min(kwh, surplus[index] / 4000)
            price = week.house.prices.at(MONDAY + index * QUARTER) or 0.0
            cost += sun * FEED_IN + (kwh - sun) * price
    return cost


def true_sun(surplus: list[float]) -> Series:
    """Return the surplus that there really was."""
    return Series(
        Interval(
            start=MONDAY + index * QUARTER,
            end=MONDAY + (index + 1) * QUARTER,
            value=value,
        )
        for index, value in enumerate(surplus)
    )


def total(wh: Mapping[str, list[float]]) -> float:
    """Return energy in kWh."""
    return sum(map(sum, wh.values())) / 1000


def compare(report: Report, week: Week, lived: Lived) -> None:
    """Print what the week came to, beside what it could have come to."""
    surplus = week.house.surplus()
    best, impossible = foreseen(week, week.forecast)
    clairvoyant, _ = foreseen(week, true_sun(surplus))
    paid, least = settle(week, lived.wh, surplus), settle(week, best, surplus)
    now = settle(week, at_once(week), surplus)
    report.figure("energy", total(lived.wh), "kWh")
    report.figure("  of the optimum", total(best), "kWh")
    report.figure("paid", paid, "EUR")
    report.figure("optimum, same forecasts", least, "EUR")
    report.figure("optimum, sun known as well", settle(week, clairvoyant, surplus))
    report.figure("charging at once", now, "EUR")
    report.figure(
        "dearer than the optimum", 100 * (paid / least - 1), "%", limit=100 * DEARER
    )
    report.figure("longest time above the fuse", lived.over_s, "s", limit=OVER_S)
    report.figure("  while a charger was cut off", lived.cut_off_s, "s", limit=VALID_S)
    report.figure("  in all", lived.over_in_all_s, "s")
    report.figure("highest current", lived.most_a, "A")
    missed = 0
    for key, stays in week.house.stays.items():
        for stay, soc in zip(stays, lived.reached[key], strict=True):
            name = f"{key} {stay.leaves:%a}"
            if soc < stay.target - 0.5 and name not in impossible:
                missed += 1
                print(f"  {name}: {soc:.1f} % of {stay.target:.0f} %")
    report.figure("goals", sum(map(len, week.house.stays.values())))
    report.figure("  missed that could be reached", missed, limit=0)
    report.figure("plans made", lived.plans)


async def program(report: Report, options: argparse.Namespace) -> None:
    """Live some weeks."""
    for seed in options.seed or SEEDS:
        week = Week(seed)
        report.title(f"A week, seed {seed}, {len(week.house.faults)} faults")
        lived = week.live()
        compare(report, week, lived)
        if options.plot and seed == (options.seed or SEEDS)[0]:
            draw(options.plot, week.house, lived.trace)


def main() -> None:
    """Run from the command line."""
    parser = arguments(__doc__)
    parser.add_argument("--seed", type=int, action="append", help="which weeks")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="save it as SVG")
    run(program, parser)


if __name__ == "__main__":
    main()
