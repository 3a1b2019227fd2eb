"""The gap to the exact optimum is 0, found in two ways that share nothing with it."""

from datetime import timedelta
from math import inf
import random

from hypothesis import given, settings, strategies as st
import pytest

from custom_components.ocpp_charging.charging import Car, Signals, State, optimum
from custom_components.ocpp_charging.charging.optimum import solve
from custom_components.ocpp_charging.charging.task import Task, Use, Vertex

from . import exhaustive, milp
from .houses import check_whole, planned, series


def some_corners(rng: random.Random) -> list[Vertex]:
    """Return a slot: closed, or with a price, sun, and a least power."""
    if rng.random() < 0.1:
        return []
    most = rng.choice([2.0, 2.0, 2.0, rng.uniform(1, 3)])
    least = rng.choice([most, most * 0.375, most * 0.375, most * 0.1])
    price = round(rng.uniform(-0.1, 0.4), rng.choice([1, 2, 3]))
    feed_in = rng.choice([0.0, 0.05, 0.1])
    sun = rng.choice([0.0, 0.0, rng.uniform(0, 3)])
    at = sorted({least, most} | ({sun} if least < sun < most else set()))
    points = [(one, feed_in * min(one, sun) + price * max(0, one - sun)) for one in at]
    if price < feed_in and len(points) > 2:
        del points[1]
    return points


def some_task(rng: random.Random) -> Task:
    """Return a small task of any kind."""
    count = rng.randint(1, 7)
    vertices = [some_corners(rng) for _ in range(count)]
    room = sum(corners[-1][0] for corners in vertices if corners)
    hold = rest = None
    if rng.random() < 0.4:
        run, pause = rng.randint(1, 3), rng.randint(0, 2)
        hold = [min(at + run, count) for at in range(count + 1)]
        rest = [min(at + pause, count) for at in range(count + 1)]
    on = rng.random() < 0.3
    return Task(
        vertices=vertices,
        energy=rng.choice([rng.uniform(0.1, max(0.2, room)), rng.randint(1, 10)]),
        start_cost=rng.choice([0, 1e-6, 0.05, 0.2, 0.6]),
        hold=hold,
        rest=rest,
        one_block=rng.random() < 0.2,
        on=on,
        held_to=rng.randint(0, min(2, count)) if on and hold else 0,
        rests_to=0 if on or not rest else rng.randint(0, min(2, count)),
        resumes=rng.random() < 0.15,
        spare=rng.choice([0, 0, 0, rng.uniform(0, 3)]),
        spare_price=round(rng.uniform(-0.1, 0.4), 2),
    )


@pytest.mark.parametrize("part", range(8))
def test_no_pattern_is_cheaper_than_the_answer(part: int) -> None:
    for seed in range(300 * part, 300 * (part + 1)):
        task = some_task(random.Random(seed))
        best = exhaustive.cheapest(task)
        answer = solve(task)
        assert (answer is None) == (best == inf), seed
        if answer is not None:
            assert answer.cost == pytest.approx(best, abs=1e-7), seed
            assert answer.bound == pytest.approx(answer.cost, abs=1e-9), seed


@pytest.mark.parametrize("part", range(4))
def test_nor_when_the_search_goes_by_the_number_of_starts(
    part: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(optimum, "EASY", -1)
    for seed in range(300 * part, 300 * (part + 1)):
        task = some_task(random.Random(seed))
        answer = solve(task)
        cost = inf if answer is None else answer.cost
        assert cost == pytest.approx(exhaustive.cheapest(task), abs=1e-7), seed


def test_a_search_that_is_cut_off_tells_its_gap(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(optimum, "EASY", -1)
    monkeypatch.setattr(optimum, "HARD", -1)
    gaps = 0
    for seed in range(200):
        task = some_task(random.Random(seed))
        answer = solve(task)
        if answer is not None:
            best = exhaustive.cheapest(task)
            assert answer.bound <= best + 1e-7
            assert answer.cost >= best - 1e-7
            gaps += answer.cost > answer.bound + 1e-6
    assert gaps


def test_no_pattern_of_twelve_slots_is_cheaper_than_the_answer() -> None:
    for seed in range(12):
        rng = random.Random(seed)
        vertices = [some_corners(rng) for _ in range(12)]
        room = sum(corners[-1][0] for corners in vertices if corners)
        task = Task(
            vertices=vertices,
            energy=rng.uniform(0.2, 0.8) * room,
            start_cost=rng.choice([0.01, 0.1, 0.3]),
        )
        answer = solve(task)
        assert answer is not None
        assert answer.cost == pytest.approx(exhaustive.cheapest(task), abs=1e-7), seed


def uses_energy(uses: tuple[Use, ...]) -> float:
    return sum(use.energy for use in uses)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**9))
def test_an_answer_gives_just_the_energy_in_slots_that_can_be_on(seed: int) -> None:
    task = some_task(random.Random(seed))
    answer = solve(task)
    if answer is None:
        return
    assert uses_energy(answer.uses) + answer.spared == pytest.approx(task.energy)
    for use in answer.uses:
        corners = task.vertices[use.slot]
        assert corners
        assert use.energy <= corners[-1][0] + 1e-9
        assert use.partial or use.energy >= corners[0][0] - 1e-9


def some_case(rng: random.Random, count: int) -> milp.Case:
    """Return a night or a sunny day with all that may be asked of it.

    No price is below what the sun earns: there a linear program takes the grid's
    energy first, which no house can.
    """
    most = rng.choice([11.04, 7.36, 3.68])
    least = rng.choice([most, most * 0.375, most * 0.5])
    feed_in = rng.choice([0, 0.05, 0.08])
    dark = rng.random() < 0.4
    limits = [rng.choice([99, 99, 99, 99, rng.uniform(0, 12)]) for _ in range(count)]
    room = sum(min(most, limit) * 0.25 for limit in limits if limit >= least)
    run, pause = rng.choice([(0, 0), (0, 0), (3, 0), (2, 2), (0, 2)])
    one_block = rng.random() < 0.15
    return milp.Case(
        hours=0.25,
        prices=[
            round(rng.uniform(-0.1 if dark else feed_in, 0.4), 3) for _ in range(count)
        ],
        suns=[
            0 if dark else round(rng.choice([0, 0, rng.uniform(0, 12)]), 2)
            for _ in range(count)
        ],
        feed_in=feed_in,
        limits=limits,
        least=least,
        most=most,
        energy=round(rng.uniform(0.5, room * 0.9), 2),
        start_cost=rng.choice([0, 0.02, 0.1, 0.5]),
        run=run,
        pause=pause,
        one_block=one_block,
        running=rng.random() < 0.2 and not one_block,
        extra=rng.choice([0, 0, round(rng.uniform(0, 5), 2)]),
        extra_below=round(rng.uniform(0, 0.3), 2),
    )


@pytest.mark.parametrize(
    ("seeds", "count"),
    [(range(80), 12), (range(80, 160), 12), (range(12), 32), (range(12, 24), 32)],
)
def test_no_mixed_integer_program_finds_a_cheaper_plan(
    seeds: range, count: int
) -> None:
    for seed in seeds:
        case = some_case(random.Random(seed), count)
        best = milp.cheapest(case)
        made = planned(
            Signals(
                price=series(case.prices, 15),
                solar=series([1000 * sun for sun in case.suns], 15),
                feed_in=series([case.feed_in] * count, 15),
                limit=series([1000 * limit for limit in case.limits], 15),
            ),
            case.energy,
            ready=count / 4,
            car=Car(max_power_w=case.most * 1000, min_power_w=case.least * 1000),
            prefer={
                "start_cost": case.start_cost,
                "minimum_run": timedelta(minutes=15 * case.run),
                "minimum_pause": timedelta(minutes=15 * case.pause),
                "one_block": case.one_block,
            },
            state=State(running=case.running),
            extra_kwh=case.extra,
            extra_below=case.extra_below,
        )
        check_whole(made)
        if best is None:
            assert made.eased or not made.met, seed
            continue
        asked = case.energy + case.extra
        counts = (
            made.totals.cost
            + made.totals.starts * case.start_cost
            + (asked - made.totals.energy_kwh) * case.extra_below
        )
        assert not made.eased, seed
        assert counts == pytest.approx(best, abs=1e-6), seed
