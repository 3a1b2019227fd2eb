"""What is left out of a task is in no plan that is better than the best known."""

from datetime import timedelta
from itertools import pairwise
from math import inf
import random

import pytest

from custom_components.ocpp_charging.charging import Car, optimum
from custom_components.ocpp_charging.charging.condense import (
    Condensed,
    condensed,
    uncondensed,
)
from custom_components.ocpp_charging.charging.multiplier import relax
from custom_components.ocpp_charging.charging.optimum import solve
from custom_components.ocpp_charging.charging.relaxation import Sweep
from custom_components.ocpp_charging.charging.slots import Slot, split, turns
from custom_components.ocpp_charging.charging.task import Answer, Task, Use

from .houses import planned
from .test_optimum import some_corners


def night(seed: int, count: int) -> Task:
    """Return a task of many slots, some with runs and pauses of a least length."""
    rng = random.Random(seed)
    vertices = [some_corners(rng) for _ in range(count)]
    run, pause = rng.choice([(0, 0), (0, 0), (3, 2), (2, 0)])
    timed = run or pause
    return Task(
        vertices=vertices,
        energy=rng.uniform(0.1, 0.6) * sum(row[-1][0] for row in vertices if row),
        start_cost=rng.choice([0.0, 0.05, 0.2]),
        hold=[min(at + run, count) for at in range(count + 1)] if timed else None,
        rest=[min(at + pause, count) for at in range(count + 1)] if timed else None,
        one_block=rng.random() < 0.1,
        on=rng.random() < 0.3,
        resumes=rng.random() < 0.2,
    )


def untouched(before: Condensed, _swept: Sweep, _cost: float) -> Condensed:
    """Leave nothing out."""
    return before


@pytest.mark.parametrize("part", range(4))
def test_an_answer_costs_the_same_when_nothing_is_left_out(
    part: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeds = range(40 * part, 40 * (part + 1))
    answers = [solve(night(seed, 30)) for seed in seeds]
    monkeypatch.setattr(optimum, "condensed", untouched)
    for seed, answer in zip(seeds, answers, strict=True):
        other = solve(night(seed, 30))
        assert (answer is None) == (other is None), seed
        if answer is not None and other is not None:
            assert answer.cost == pytest.approx(other.cost, abs=1e-9), seed


def test_of_a_night_little_is_left_that_the_search_goes_through() -> None:
    rng = random.Random(1)
    task = Task(
        vertices=[
            [(1.0, price), (2.7, 2.7 * price)]
            for price in (rng.uniform(0.1, 0.4) for _ in range(192))
        ],
        energy=40.0,
        start_cost=0.1,
    )
    answer, relaxed = solve(task), relax(task)
    assert answer is not None
    assert relaxed is not None
    left = condensed(uncondensed(task), relaxed.best, answer.cost)
    assert left.task.count < 192 / 3
    assert left.points[0] == 0
    assert left.points[-1] == 192


def test_nothing_is_left_out_while_no_plan_is_known() -> None:
    task = night(3, 20)
    relaxed = relax(task)
    assert relaxed is not None
    whole = uncondensed(task)
    assert condensed(whole, relaxed.best, inf) is whole


def test_slots_that_are_one_give_their_cheapest_energy_first() -> None:
    task = Task(
        vertices=[
            [(1.0, 0.3), (3.0, 0.9)],
            [(1.0, 0.1), (3.0, 0.3)],
            [(1.0, 0.2), (3.0, 0.6)],
        ],
        energy=6.0,
    )
    left = Condensed(task, task, [0, 3], unit=1e-10, least=0.1, eps=1e-12, widest=3.0)
    made = left.answer(
        Answer(uses=(Use(slot=0, energy=6.0),), spared=0.0, cost=1.0, bound=1.0)
    )
    assert [(use.slot, use.energy) for use in made.uses] == [
        (0, 1.0),
        (1, 3.0),
        (2, pytest.approx(2.0)),
    ]


def test_nearly_equal_points_make_no_slot_of_no_length() -> None:
    edges = [0.0, *(round(1234.567891 + 3600 * hour, 6) for hour in range(30))]
    slots = [
        Slot(start, end, 0.2, None, 0.0, 0.0, inf) for start, end in pairwise(edges)
    ]
    parts = split(slots, turns(slots, (1800.0, 900.0)))
    assert min(part.end - part.start for part in parts) > 1


@pytest.mark.parametrize("seed", range(20))
def test_a_plan_is_the_best_at_whichever_moment_it_is_made(seed: int) -> None:
    rng = random.Random(seed)
    made = planned(
        [rng.choice([0.1, 0.2, 0.3]) for _ in range(24)],
        60,
        ready=24,
        now=rng.random(),
        car=Car(max_power_w=11_040, min_power_w=4140),
        prefer={
            "start_cost": 0.3,
            "minimum_run": timedelta(minutes=30),
            "minimum_pause": timedelta(minutes=15),
        },
    )
    assert made.met
    assert made.gap == 0
