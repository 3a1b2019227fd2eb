"""Several cars as one mixed-integer program.

A variable says what a car draws in a cell; another, where it matters, whether it is on.
It matters where a start costs something, and where a rule may leave so little room that
the least power bites. A car that is on in a cell and in both next to it draws at least
its least power for the whole cell; at the ends of a run it may be on for a part.
"""

from bisect import bisect_right
from itertools import pairwise

from .joint_draft import Desk, Draft
from .joint_load import spread
from .joint_part import Cell, Part, counts_starts, part_of
from .joint_program import Program
from .joint_room import Rooms
from .joint_rules import Rule
from .plan import Eased
from .problem import Tie
from .scene import Scene
from .slots import Slot, above_cap, power_range

LATE = 1e-3
"""What a kWh counts for its time where no price is known, as a share of the dearest."""


class Model:
    """The program of some cars, made from good plans for them."""

    def __init__(self, desk: Desk, draft: Draft, spare: float = 0.0) -> None:
        """Build it. Each car is given `spare` kWh more than it asks for."""
        self.spare = spare
        self.desk = desk
        self.rooms: Rooms = desk.rooms
        self.program = Program()
        self.parts = [part_of(self.rooms, draft, key) for key in self.rooms.cars]
        self.points = self._points()
        self.hours = [(end - start) / 3600 for start, end in pairwise(self.points)]
        edges, last = self.rooms.edges, len(self.rooms.edges) - 2
        self.places = [
            min(last, bisect_right(edges, start + 1e-6) - 1)
            for start in self.points[:-1]
        ]
        self.settled = {
            part.key: (
                spread(part.settled.power, self.points),
                spread(part.settled.sun, self.points),
            )
            for part in self.parts
        }
        self.tops = {part.key: self._tops(part) for part in self.parts}
        self.binding = self._binding()
        self.peak = -1
        self.shared: list[tuple[Rule | None, int, int]] = []
        """The rows of rules, and None for the sun's, with their cells."""
        for part in self.parts:
            self._cells(part)
            self._runs(part)
            self._energy(part)
        self._rules()
        self._sun()
        self._peak()

    def _points(self) -> list[float]:
        """Return the edges of the program's cells."""
        horizon = max((part.end for part in self.parts), default=0.0)
        points = {0.0, *self.rooms.edges}
        for part in self.parts:
            margin = self._margin(part.key)
            points |= {part.begin, part.end}
            worth, slots = self.desk.worths[part.key], self.rooms.slots[part.key]
            if not all(worth.priced(slot) for slot in slots if slot.start < part.end):
                points.add(part.end - margin)
            points |= {one for a, b, _ in part.settled.power for one in (a, b)}
        ordered = sorted(one for one in points if 0 <= one <= horizon)
        found = ordered[:1]
        for one in ordered[1:]:
            if one - found[-1] > 2e-3:
                found.append(one)
        return found

    def _margin(self, key: str) -> float:
        return self.rooms.cars[key].preferences.margin.total_seconds()

    def _binding(self) -> list[tuple[Rule, int, float]]:
        """Return the rules that may bind, with their cells and the room there."""
        found = []
        for rule in self.rooms.rules:
            for at, cell in enumerate(self.places):
                room = rule.room[cell]
                most = 0.0
                for key, share in rule.share.items():
                    room -= share * self.settled[key][0][at]
                    top = self.tops[key][at]
                    most += share * top[1] if top else 0.0
                if most > room + 1e-9:
                    found.append((rule, at, max(0.0, room)))
        return found

    def _tops(self, part: Part) -> list[tuple[float, float] | None]:
        """Return the least and the most power of a car in each cell."""
        scene, car = self.rooms.scenes[part.key], self.rooms.cars[part.key].car
        slots = self.rooms.slots[part.key]
        worth = self.desk.worths[part.key]
        margin = part.end + 1.0
        if scene.ready is not None and not part.resumes and not self._eased(part.key):
            margin = part.end - self._margin(part.key)
        rules = [
            (rule, rule.share[part.key])
            for rule in self.rooms.rules
            if part.key in rule.share
        ]
        known: dict[float, tuple[float, float] | None] = {}
        found: list[tuple[float, float] | None] = []
        for (start, end), cell in zip(pairwise(self.points), self.places, strict=True):
            slot = slots[cell]
            if (
                start < part.begin - 1e-3
                or end > part.end + 1e-3
                or (end > margin + 1e-3 and not worth.priced(slot))
            ):
                found.append(None)
                continue
            limit = self._limit(scene, slot)
            for rule, share in rules:
                limit = min(limit, rule.room[cell] / share)
            if limit not in known:
                known[limit] = power_range(car, limit)
            found.append(known[limit])
        return found

    def _eased(self, key: str) -> bool:
        state = self.rooms.cars[key].state.plan
        return state is not None and Eased.MARGIN in state.eased

    def _limit(self, scene: Scene, slot: Slot) -> float:
        return scene.power if self._free(scene, slot) else min(scene.power, slot.sun)

    def _free(self, scene: Scene, slot: Slot) -> bool:
        """Say whether a slot's grid may be used."""
        return not above_cap(slot, scene.problem.goal)

    def _cells(self, part: Part) -> None:
        """Add a car's variables of each cell."""
        program, scene = self.program, self.rooms.scenes[part.key]
        worth, goal = self.desk.worths[part.key], scene.problem.goal
        preferences = scene.problem.preferences
        binding = {at for rule, at, _ in self.binding if part.key in rule.share}
        counted = counts_starts(preferences)
        length = max(1.0, part.end - part.begin)
        for at, top in enumerate(self.tops[part.key]):
            if top is None:
                continue
            slot, hours = self.rooms.slots[part.key][self.places[at]], self.hours[at]
            least, most = top
            grid = worth.grid(slot)
            place = (self.points[at] - part.begin) / length
            late = preferences.tie is Tie.LATER or not worth.priced(slot)
            tie = LATE if not worth.known else 1e-7
            offset = worth.scale * tie * (1 - place if late else place)
            free = self._free(scene, slot)
            pool = min(slot.sun, most)
            dear = goal.price_cap is not None and slot.feed_in > goal.price_cap + 1e-9
            if not free and (not pool or dear):
                continue
            energy = program.column(cost=grid + offset, high=most * hours)
            sun = -1
            if pool:
                sun = program.column(cost=worth.sun(slot) - grid, high=pool * hours)
                if free:
                    program.row([(sun, 1.0), (energy, -1.0)], high=0.0)
                else:
                    program.row([(sun, 1.0), (energy, -1.0)], low=0.0, high=0.0)
            on = power = -1
            if counted or (least > 0 and at in binding):
                on = program.column(high=1.0, whole=True)
                program.row([(energy, 1.0), (on, -most * hours)], high=0.0)
                if at in binding:
                    power = program.column(high=most)
                    program.row([(power, 1.0), (energy, -1 / hours)], low=0.0)
                    program.row([(power, 1.0), (on, -least)], low=0.0)
            part.cells[at] = Cell(at, slot, least, most, energy, sun, on, power)

    def _runs(self, part: Part) -> None:
        """Let starts count, and runs be whole."""
        program, wish = self.program, self.rooms.cars[part.key].preferences
        if not counts_starts(wish) or not part.cells:
            return
        cells = part.cells
        first = next(
            at for at in range(len(self.hours)) if self.points[at] >= part.begin - 2e-3
        )
        for at, cell in cells.items():
            before, after = cells.get(at - 1), cells.get(at + 1)
            ran = 1.0 if part.running and at == first else 0.0
            start = program.column(cost=wish.start_cost, high=1.0)
            part.starts[at] = start
            terms = [(start, 1.0), (cell.on, -1.0)]
            if before:
                terms.append((before.on, 1.0))
            program.row(terms, low=-ran)
            program.row([(start, 1.0), (cell.on, -1.0)], high=0.0)
            if after and (before or ran):
                whole = cell.least * self.hours[at]
                around = [(cell.energy, 1.0), (cell.on, -whole), (after.on, -whole)]
                if before:
                    around.append((before.on, -whole))
                program.row(around, low=whole * (ran - 2.0))
        if wish.one_block:
            most = 0.0 if part.running else 1.0
            program.row([(one, 1.0) for one in part.starts.values()], high=most)
        if part.resumes:
            last = max(cells)
            part.again = program.column(cost=wish.start_cost, high=1.0)
            if self.points[last + 1] >= part.end - 2e-3:
                program.row([(part.again, 1.0), (cells[last].on, 1.0)], low=1.0)
            else:
                program.lower[part.again] = 1.0
        self._lengths(part)

    def _lengths(self, part: Part) -> None:
        """Hold runs and pauses to their least length."""
        wish, cells = self.rooms.cars[part.key].preferences, part.cells
        run = wish.minimum_run.total_seconds()
        pause = wish.minimum_pause.total_seconds()
        for at, cell in cells.items():
            for ahead in self._during(at, run):
                terms = [(part.starts[at], -1.0)]
                if ahead in cells:
                    terms.append((cells[ahead].on, 1.0))
                self.program.row(terms, low=0.0)
            for ahead in self._during(at + 1, pause):
                if ahead not in cells:
                    continue
                terms = [(cell.on, 1.0), (cells[ahead].on, 1.0)]
                if at + 1 in cells:
                    terms.append((cells[at + 1].on, -1.0))
                self.program.row(terms, high=1.0)

    def _during(self, first: int, seconds: float) -> list[int]:
        """Return the cells after one that begin within some time of its beginning."""
        count = len(self.hours)
        if first >= count:
            return []
        until = self.points[first] + seconds - 1e-3
        return [at for at in range(first + 1, count) if self.points[at] < until]

    def _energy(self, part: Part) -> None:
        """Give a car what it wants, or say what is missing."""
        if not part.cells:
            return
        program = self.program
        goal = self.rooms.cars[part.key].goal
        part.short = program.column(high=part.wanted)
        part.spared = program.column(cost=goal.extra_below, high=part.extra)
        program.row(
            [
                *((cell.energy, 1.0) for cell in part.cells.values()),
                (part.short, 1.0),
                (part.spared, 1.0),
            ],
            low=part.wanted + part.extra + self.spare,
            high=part.wanted + part.extra + self.spare,
        )

    def _rules(self) -> None:
        """Keep every sum within its room."""
        for rule, at, room in self.binding:
            terms: list[tuple[int, float]] = []
            for part in self.parts:
                cell = part.cells.get(at)
                if cell is None or part.key not in rule.share:
                    continue
                share = rule.share[part.key]
                if cell.power >= 0:
                    terms.append((cell.power, share))
                else:
                    terms.append((cell.energy, share / self.hours[at]))
            if terms:
                self.shared.append((rule, at, len(self.program.row_lower)))
                self.program.row(terms, high=room)

    def _sun(self) -> None:
        """Use the sun once, and first where it is worth more than the grid's energy."""
        program = self.program
        for at, hours in enumerate(self.hours):
            cells = [
                part.cells[at]
                for part in self.parts
                if at in part.cells and part.cells[at].sun >= 0
            ]
            if not cells:
                continue
            taken = sum(self.settled[part.key][1][at] for part in self.parts)
            pool = max(0.0, self.rooms.pool[self.places[at]] - taken) * hours
            suns = [(cell.sun, 1.0) for cell in cells]
            if len(cells) > 1 or taken:
                self.shared.append((None, at, len(program.row_lower)))
                program.row(suns, high=pool)
            if all(program.costs[cell.sun] <= 0 for cell in cells):
                continue
            grids = [(cell.energy, 1.0) for cell in cells]
            grids += [(cell.sun, -1.0) for cell in cells]
            most = sum(cell.most for cell in cells) * hours
            full = program.column(high=1.0, whole=True)
            pool = min(pool, sum(program.upper[cell.sun] for cell in cells))
            program.row([*grids, (full, -most)], high=0.0)
            program.row([*suns, (full, -pool)], low=0.0)

    def _peak(self) -> None:
        """Let the highest mean over a window cost what it does."""
        tariff = self.rooms.site.peak
        if tariff is None:
            return
        lowest = self.rooms.peak({part.key: part.settled for part in self.parts})
        self.peak = self.program.column(cost=tariff.price_per_kw, low=lowest)
        for window in self.rooms.windows:
            terms = [(self.peak, -window.hours)]
            house = window.house
            for at, hours in enumerate(self.hours):
                if not window.start - 1e-3 <= self.points[at] < window.end - 1e-3:
                    continue
                for part in self.parts:
                    power, sun = (one[at] for one in self.settled[part.key])
                    house += max(0.0, power - sun) * hours
                    if cell := part.cells.get(at):
                        terms.append((cell.energy, 1.0))
                        if cell.sun >= 0:
                            terms.append((cell.sun, -1.0))
            if len(terms) > 1:
                self.program.row(terms, high=-house)
