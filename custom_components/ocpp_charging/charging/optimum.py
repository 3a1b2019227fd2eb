"""Solves a task exactly: a bound, a good plan, and a search through what is between."""

from math import ceil, inf
from operator import attrgetter, itemgetter

from .condense import Condensed, condensed, uncondensed
from .multiplier import Relaxed, extreme, relax, relax_starts
from .relaxation import FREE, Sweep, sweep
from .repair import repaired
from .search import Search
from .task import Answer, Task

EASY = 150
"""How many labels are made before the number of starts is taken into the bound."""
CLOSE = 0.1
"""How many costs of a start the best known may be above the bound where a search is
worth a try before that."""
FREELY = 5_000
"""How many labels are made before that where starts cost nothing."""
HARD = 60_000
"""How many labels may be made before the best known is taken, with its gap."""
FOR_TIES = 250
"""The same when all that is left to gain is the choice among plans as good as equal."""
FOR_STARTS = 600
"""The same among those of one number of starts."""
ROUGH = 3
"""How many prices of energy are tried for a rough bound."""
LADDER = (-1.0, -0.3, 0.3, 1.0)
"""How far from the best price of energy its neighbours are, in gaps per kWh."""
BESIDE = 4.0
"""The same for those between which the best price for a number of starts is looked for
first."""


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
        task,
        relaxed,
        Answer(uses=(), spared=0.0, cost=inf, bound=relaxed.best.bound),
    )
    if best.cost < inf and best.cost - relaxed.best.bound <= 1e-12 * abs(best.cost):
        return _known(best)
    price, gap = relaxed.best.price, best.cost - relaxed.best.bound
    left = condensed(uncondensed(task), relaxed.best, best.cost)
    most = _effort(task, gap)
    if most:
        best, ended, _ = _searched(left, price, best, most)
        if ended:
            return _known(best)
        gap = best.cost - relaxed.best.bound
    if gap <= task.tie or task.one_block:
        return _known(best, relaxed.best.bound)
    return _by_starts(condensed(left, sweep(left.task, price), best.cost), price, best)


def _effort(task: Task, gap: float) -> int:
    """Return how many labels to make before the starts are counted."""
    if gap <= task.tie:
        return FOR_TIES
    if task.one_block:
        return HARD
    if task.start_cost <= task.tie:
        return FREELY
    return EASY if gap <= CLOSE * task.start_cost else 0


def _searched(
    left: Condensed, price: float, best: Answer, most: int, starts: int = FREE
) -> tuple[Answer, bool, int]:
    """Search what is left.

    Return the best, whether it is known to be, and how many labels were made.
    """
    ladder = _ladder(left, price, best.cost, starts)
    search = Search(left, ladder, best.cost, starts)
    ended = search.run(most)
    if search.found is not None:
        best = left.answer(search.found)
    return best, ended, search.made


def _better(task: Task, relaxed: Relaxed, best: Answer) -> Answer:
    """Return the best of an answer and those next to the relaxed task's choices."""
    price = relaxed.best.price
    for traced in (relaxed.high, relaxed.low):
        answer = repaired(task, traced, price)
        if answer is not None and answer.cost < best.cost:
            best = answer
    return best


def _ladder(left: Condensed, price: float, cost: float, starts: int) -> list[Sweep]:
    """Return the sweep with the best bound, and some at prices next to its own.

    They tell apart plans that give too much or too little from those that give just
    what is demanded.
    """
    swept = sweep(left.task, price, starts)
    gap = cost - swept.bound
    if not 0 < gap < inf:
        return [swept]
    beside = (price + step * gap / left.widest for step in LADDER)
    return [swept, *(sweep(left.task, one, starts) for one in beside)]


def _by_starts(left: Condensed, price: float, best: Answer) -> Answer | None:
    """Search among the plans of one start, of two, and so on."""
    given, best = _bounded(left, price, best)
    unproven = inf
    effort = HARD
    for floor, number, swept in sorted(given, key=itemgetter(0, 1)):
        if floor >= best.cost:
            break
        tied = best.cost - floor <= left.task.tie
        few = condensed(left, swept, best.cost)
        most = FOR_STARTS if tied else effort
        best, ended, made = _searched(few, swept.price, best, most, number)
        if not ended and not tied:
            # The effort is used up, and no bound of the others is lower.
            unproven = floor
            break
        effort = max(0, effort - made)
    return _known(best, unproven)


def _bounded(
    left: Condensed, price: float, best: Answer
) -> tuple[list[tuple[float, int, Sweep]], Answer]:
    """Return the bound and sweep of each number of starts that may be better.

    And the best answer known after that.
    """
    task = left.task
    numbers = _numbers(task, price, best)
    # One sweep tells of every number of starts up to its own.
    rough = sweep(task, price, numbers.stop - 1)
    bounds = {number: rough.bound_with(task, number) for number in numbers}
    order = [
        one for one in sorted(bounds, key=bounds.__getitem__) if bounds[one] < best.cost
    ]
    if not order:
        return [], best
    most, end = max(order), extreme(left.whole)
    step = min(BESIDE * (best.cost - bounds[order[0]]) / left.widest, end / 2)
    beside = (-end, price - step, price + step, end)
    known = [rough.with_starts(task, most), *(sweep(task, one, most) for one in beside)]
    known.sort(key=attrgetter("price"))
    given: list[tuple[float, int, Sweep]] = []
    for number in order:
        if bounds[number] >= best.cost:
            break
        one = relax_starts(task, number, best.cost, known)
        if one is not None and one.best.bound < best.cost:
            low, high = left.trace(one.low), left.trace(one.high)
            whole = Relaxed(best=one.best, low=low, high=high)
            best = _better(left.whole, whole, best)
            given.append((one.best.bound, number, one.best))
    return given, best


def _numbers(task: Task, price: float, best: Answer) -> range:
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
