"""When a charger switches between one phase and three."""

from datetime import timedelta
from itertools import pairwise

from hypothesis import given, settings, strategies as st
import pytest

from custom_components.ocpp_charging.charging.phases import (
    PhaseRules,
    PhaseState,
    best_phases,
    choose_phases,
    may_switch,
)

from .fuses import NOON, after

RULES = PhaseRules(can_switch=True)
THREE_LEAST = 6 * 3 * 230.0


@pytest.mark.parametrize(
    ("power_w", "phases", "best"),
    [
        (THREE_LEAST, 1, 3),
        (THREE_LEAST - 1, 3, 1),
        (THREE_LEAST - 1, 1, 1),
        (11000, 3, 3),
        (11000, 2, 2),
        (0, 3, 1),
    ],
)
def test_three_phases_are_best_as_soon_as_three_bear_it(
    power_w: float, phases: int, best: int
) -> None:
    assert best_phases(RULES, power_w, phases) == best


def test_a_charger_that_cannot_switch_stays_as_it_is() -> None:
    rules = PhaseRules()
    for phases in (1, 2, 3):
        state = PhaseState(phases=phases)
        assert choose_phases(rules, 2000, state, NOON, charging=False) == state


def test_a_car_that_charges_is_switched_when_it_has_been_better_for_a_while() -> None:
    state = PhaseState(phases=3)
    for seconds, phases in ((0, 3), (60, 3), (119, 3), (120, 1)):
        state = choose_phases(RULES, 2000, state, after(seconds), charging=True)
        assert state.phases == phases, seconds
    assert state.switches == (after(120),)


def test_a_moment_of_sun_begins_the_wait_again() -> None:
    state = PhaseState(phases=3)
    for seconds, power in ((0, 2000), (100, 5000), (110, 2000), (220, 2000)):
        state = choose_phases(RULES, power, state, after(seconds), charging=True)
        assert state.phases == 3, seconds
    assert choose_phases(RULES, 2000, state, after(230), charging=True).phases == 1


def test_without_a_car_that_charges_it_is_switched_at_once() -> None:
    state = choose_phases(RULES, 2000, PhaseState(), NOON, charging=False)
    assert state.phases == 1
    # But not back before its rest is over.
    state = choose_phases(RULES, 9000, state, after(599), charging=False)
    assert state.phases == 1
    assert choose_phases(RULES, 9000, state, after(600), charging=False).phases == 3


def test_after_so_many_switches_in_a_day_it_stays() -> None:
    rules = PhaseRules(can_switch=True, most_per_day=2, rest=timedelta(0))
    state = PhaseState(phases=3, switches=(after(0), after(3600)))
    assert not may_switch(rules, state, after(7200))
    assert choose_phases(rules, 2000, state, after(7200), charging=False).phases == 3
    assert may_switch(rules, state, after(86400))


@given(
    powers=st.lists(st.floats(0, 12000), min_size=1, max_size=300),
    most=st.integers(0, 5),
    charging=st.booleans(),
)
@settings(max_examples=200, deadline=None)
def test_switches_keep_their_rest_and_their_number(
    powers: list[float], most: int, charging: bool
) -> None:
    rules = PhaseRules(can_switch=True, most_per_day=most)
    state = PhaseState()
    at = []
    for step, power in enumerate(powers):
        now = after(300 * step)
        before = state.phases
        state = choose_phases(rules, power, state, now, charging=charging)
        if state.phases != before:
            at.append(now)
    assert all(later - one >= rules.rest for one, later in pairwise(at))
    for one in at:
        day = [other for other in at if one <= other < one + timedelta(days=1)]
        assert len(day) <= most


@pytest.mark.parametrize("wrong", [{"min_a": 0}, {"min_a": 20}, {"voltage_v": 0}])
def test_rules_that_no_charger_has_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="least current"):
        PhaseRules(**wrong)  # type: ignore[arg-type]
