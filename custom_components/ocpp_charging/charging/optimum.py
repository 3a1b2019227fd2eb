"""Solves a task exactly: a bound, a good plan, and a search through what is between."""

from math import ceil, inf

from .multiplier import Relaxed, extreme, relax, relax_starts
from .relaxation import FREE, Sweep, sweep
from .repair import repaired
from .search import Described, Search, describe
from .task import Answer, Task

EASY = 300
"""How many labels are made before the number of starts is taken into the bound."""
CLOSE = 0.3
"""How many costs of a start the best known may be above the bound where a search is
worth a try before that."""
HARD = 15_000
"""How many labels may be made before the best known is taken, with its gap."""
FOR_TIES = 800
"""The same when all that is left to gain is the choice among plans as good as equal."""
ROUGH = 3
"""How many prices of energy are tried for a rough bound."""
LADDER = (-1.0, 1.0)
"""How far from the best price of energy its neighbours are, in gaps per kWh."""


def solve(task: Task) -> Answer | None:
    """Return the best answer; None when the demanded runs can't give the energy."""
    if task.energy <= 0:
        return Answer(uses=(), spared=0.0, cost=0.0, bound=0.0)
    relaxed = relax(task)
    if relaxed is None:
        if task.energy > task.spare:
            return None
        cost = task.energy * task.spare_price
        cost += task.start_cost if task.resumes else 0.0
        return Answer(uses=(), spared=task.energy, cost=cost, bound=cost)
    best = _better(
        task, relaxed, Answer(uses=(), spared=0.0, cost=inf, bound=relaxed.best.bound)
    )
    if best.cost < inf and best.cost - relaxed.best.bound <= 1e-12 * abs(best.cost):
        return _known(best)
    described = describe(task)
    gap = best.cost - relaxed.best.bound
    counted = task.start_cost > task.tie and not task.one_block
    if not counted or gap <= max(task.tie, CLOSE * task.start_cost):
        search = Search(task, described, _ladder(task, relaxed, best, FREE), best)
        if search.run(HARD if task.one_block else EASY):
            return _known(search.best)
        best = search.best
    if task.one_block or best.cost - relaxed.best.bound <= task.tie:
        return _known(best, relaxed.best.bound)
    return _by_starts(task, described, relaxed, best)


def _better(task: Task, relaxed: Relaxed, best: Answer) -> Answer:
    """Return the best of an answer and those next to the relaxed task's choices."""
    price = relaxed.best.price
    for traced in (relaxed.high, relaxed.low):
        answer = repaired(task, traced, price)
        if answer is not None and answer.cost < best.cost:
            best = answer
    return best


def _ladder(task: Task, relaxed: Relaxed, best: Answer, starts: int) -> list[Sweep]:
    """Return the sweep with the best bound, and some at prices next to its own.

    They tell apart plans that give too much or too little from those that give just
    what is demanded.
    """
    gap = best.cost - relaxed.best.bound
    if not 0 < gap < inf:
        return [relaxed.best]
    width = max(corners[-1][0] for corners in task.vertices if corners)
    return [
        relaxed.best,
        *(
            sweep(task, relaxed.best.price + step * gap / width, starts)
            for step in LADDER
        ),
    ]


def _by_starts(
    task: Task, described: Described, relaxed: Relaxed, best: Answer
) -> Answer | None:
    """Search among the plans of one start, of two, and so on."""
    given: list[tuple[float, int, Relaxed]] = []
    numbers = _numbers(task, relaxed, best)
    price, end = relaxed.best.price, extreme(task)
    # One sweep tells of every number of starts up to its own.
    known = [sweep(task, one, numbers.stop - 1) for one in (-end, price, end)]
    rough = known[1]
    for number in sorted(numbers, key=lambda one: rough.bound_with(task, one)):
        if rough.bound_with(task, number) >= best.cost:
            break
        one = relax_starts(task, number, best.cost, known)
        if one is not None and one.best.bound < best.cost:
            best = _better(task, one, best)
            given.append((one.best.bound, number, one))
    unproven = inf
    left = HARD
    for floor, number, one in sorted(given, key=lambda item: item[:2]):
        if floor >= best.cost:
            break
        ladder = _ladder(task, one, best, number)
        search = Search(task, described, ladder, best, number)
        tie = best.cost - floor <= task.tie
        if not search.run(FOR_TIES if tie else left) and not tie:
            unproven = min(unproven, floor)
        left = max(0, left - search.made)
        best = search.best
    return _known(best, unproven)


def _numbers(task: Task, relaxed: Relaxed, best: Answer) -> range:
    """Return the numbers of starts that may be better.

    A plan costs as much less as it has starts, times half of what a start costs, when
    they cost half as much; and no less than the bound is then. Likewise when they
    cost half as much again.
    """
    half = task.start_cost / 2
    if half <= 0 or best.cost == inf:
        return range(task.count + 1)
    least = 0 if task.on or task.resumes or task.energy <= task.spare else 1
    most = task.count
    price = relaxed.best.price
    cheap = relax(task.with_start_cost(half), price=price, rounds=ROUGH)
    if cheap is not None:
        most = min(most, int((best.cost - cheap.best.bound) / half + 1e-6))
    dear = relax(task.with_start_cost(3 * half), price=price, rounds=ROUGH)
    if dear is not None:
        again = 1 if task.resumes else 0
        needed = (dear.best.bound - best.cost) / half - again
        least = max(least, ceil(needed - 1e-6))
    return range(least, most + 1)


def _known(best: Answer, bound: float | None = None) -> Answer | None:
    """Return the best answer with its bound, None when there is none."""
    if best.cost == inf:
        return None
    return Answer(
        uses=best.uses,
        spared=best.spared,
        cost=best.cost,
        bound=best.cost if bound is None else min(bound, best.cost),
    )
