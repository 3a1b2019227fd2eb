"""What a session took, for every kind of register."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
import random

from hypothesis import given, settings, strategies as st
import pytest

from custom_components.ocpp_charging.ledger.energy import (
    Facts,
    Note,
    SessionEnergy,
    Value,
    energy_path,
    essential,
    session_energy,
)
from custom_components.ocpp_charging.ledger.records import RegisterKind

BEGIN = datetime(2026, 5, 1, 18, 0, tzinfo=UTC)
MEGA = 1_000_000


def after(minutes: float) -> datetime:
    return BEGIN + timedelta(minutes=minutes)


def samples(*registers: int, first: float = 1) -> list[Value]:
    """Return one value a minute."""
    return [Value(at=after(first + place), wh=wh) for place, wh in enumerate(registers)]


def session(
    start: int | None,
    values: Sequence[Value] = (),
    stop: int | None = None,
    minutes: float | None = None,
) -> Facts:
    """Return a session that ended a minute after its last value, if it ended."""
    last = max((value.at for value in values), default=after(59))
    ended = last + timedelta(minutes=1) if minutes is None else after(minutes)
    return Facts(
        started_at=BEGIN,
        meter_start_wh=start,
        ended_at=None if stop is None else ended,
        meter_stop_wh=stop,
        values=values,
    )


def took(facts: Facts) -> tuple[int | None, set[Note]]:
    found = session_energy(facts)
    return found.energy_wh, set(found.notes)


NOTHING: set[Note] = set()

CASES = {
    "only start and stop": (session(1000, (), 8000), 7000, NOTHING),
    "a lifetime register": (
        session(MEGA, samples(MEGA + 100, MEGA + 200), MEGA + 300),
        300,
        NOTHING,
    ),
    "still running": (session(1000, samples(1100, 1250)), 250, NOTHING),
    "just begun": (session(1000), 0, NOTHING),
    "a register that begins at 0": (session(0, samples(100, 200), 300), 300, NOTHING),
    "samples from 0 beside a lifetime": (
        session(MEGA, samples(100, 200, 5000), MEGA + 5100),
        5100,
        {Note.RELATIVE},
    ),
    "samples from 0 beside a lifetime, running": (
        session(MEGA, samples(100, 200, 5000)),
        5000,
        {Note.RELATIVE},
    ),
    "samples from 0 beside a small lifetime": (
        session(3000, samples(20, 1000, 2990, 3010, 5000), 8010),
        5010,
        {Note.RELATIVE},
    ),
    "samples and stop from 0 beside a lifetime": (
        session(MEGA, samples(100, 200, 5000), 5100),
        5100,
        {Note.RELATIVE},
    ),
    "only the stop from 0": (
        session(MEGA, samples(MEGA + 100, MEGA + 5000), 5100),
        5100,
        {Note.RELATIVE},
    ),
    "only start and a stop from 0": (session(MEGA, (), 5100), 5100, {Note.RELATIVE}),
    "a start of 0 beside a lifetime": (
        session(0, samples(MEGA + 100, MEGA + 200), MEGA + 300),
        200,
        {Note.JUMP},
    ),
    "a start of 0 beside a lifetime, and a stop from 0": (
        session(0, samples(MEGA + 100, MEGA + 5000), 5100),
        5100,
        {Note.JUMP},
    ),
    "a reset in the middle": (
        session(1000, samples(1500, 3000, 0, 200, 500), 600),
        2600,
        {Note.RESET},
    ),
    "a reset in the middle, passing what was": (
        session(0, samples(1500, 3000, 100, 2000, 3500), 4000),
        7000,
        {Note.RESET},
    ),
    "a reset between the last sample and the stop": (
        session(1000, samples(1500, 3000), 400),
        2400,
        {Note.RESET},
    ),
    "two resets": (
        session(0, samples(1000, 0, 500, 900, 10, 20), 30),
        1930,
        {Note.RESET},
    ),
    "a stray 0": (
        session(MEGA, samples(MEGA + 50, 0, MEGA + 90), MEGA + 100),
        100,
        NOTHING,
    ),
    "many stray 0s": (
        session(MEGA, samples(MEGA + 50, 0, 0, 0, MEGA + 90), MEGA + 100),
        100,
        NOTHING,
    ),
    "a stray 0 first": (session(MEGA, samples(0, MEGA + 90), MEGA + 100), 100, NOTHING),
    "a stray 0 last": (
        session(MEGA, samples(MEGA + 90, 0), MEGA + 100),
        100,
        {Note.RESET},
    ),
    "a number that no cable carries": (
        session(1000, samples(1100, 99 * MEGA, 1200), 1300),
        300,
        NOTHING,
    ),
    "numbers that no cable carries": (
        session(1000, samples(1100, 99 * MEGA, 99 * MEGA, 1200), 1300),
        300,
        NOTHING,
    ),
    "a meter that was changed": (
        session(1000, samples(1100, 5 * MEGA, 5 * MEGA + 50), 5 * MEGA + 70),
        170,
        {Note.JUMP},
    ),
    "jitter": (session(1000, samples(1100, 1095, 1150), 1148), 148, NOTHING),
    "a stop 1 Wh below the start": (session(1000, (), 999), 0, NOTHING),
    "a register that went back to what it had saved": (
        session(MEGA, samples(MEGA + 5000, MEGA + 4000, MEGA + 4500), MEGA + 6000),
        6000,
        NOTHING,
    ),
    "a stop of 0": (
        session(MEGA, samples(MEGA + 100, MEGA + 5000), 0),
        5000,
        {Note.RESET},
    ),
    "a stop that no cable carries": (
        session(1000, samples(1100, 1200), 99 * MEGA),
        200,
        {Note.STOP_UNUSABLE},
    ),
    "a stop of less than nothing": (
        session(1000, samples(1100, 1200), -5),
        200,
        {Note.STOP_UNUSABLE},
    ),
    "a stop without a value": (
        Facts(
            started_at=BEGIN,
            meter_start_wh=1000,
            ended_at=after(3),
            values=[*samples(1100, 1200), Value(at=after(4), wh=1300)],
        ),
        300,
        NOTHING,
    ),
    "a value long after the stop": (
        session(1000, samples(1100, 1200, 1900), 1300, minutes=2.5),
        300,
        NOTHING,
    ),
    "a session that was found running": (
        session(None, samples(1100, 1200), 1300),
        200,
        NOTHING,
    ),
    "found running, with its beginning told late": (
        session(
            None,
            [
                *samples(1100, 1200),
                Value(at=after(1.5), wh=1000, kind=RegisterKind.BEGIN),
            ],
            1300,
        ),
        300,
        NOTHING,
    ),
    "only a stop": (session(None, (), 1300), None, {Note.NO_START}),
    "nothing at all": (session(None), None, NOTHING),
    "several registers at one moment": (
        session(
            1000,
            [
                Value(at=after(1), wh=1000, kind=RegisterKind.BEGIN),
                Value(at=after(1), wh=1100),
                Value(at=after(1), wh=1400, kind=RegisterKind.END),
                Value(at=after(2), wh=1000, kind=RegisterKind.BEGIN),
                Value(at=after(2), wh=1200),
            ],
            1300,
        ),
        300,
        NOTHING,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_energy(case: str) -> None:
    facts, energy, notes = CASES[case]
    assert took(facts) == (energy, notes)


def test_the_time_in_which_nothing_is_known_is_told() -> None:
    values = [Value(at=after(10), wh=3000), Value(at=after(25), wh=100)]
    assert session_energy(session(1000, values)).gap == timedelta(minutes=15)


def test_a_clock_that_is_set_back_does_not_count_twice() -> None:
    forward = samples(*range(1100, 1700, 10))
    again = samples(*range(1700, 2300, 10), first=1)
    shifted = [Value(at=each.at + timedelta(seconds=1), wh=each.wh) for each in again]
    facts = session(1000, [*forward, *shifted], 2300)
    assert took(facts)[0] == 1300


_wh = st.integers(-1000, 3 * MEGA) | st.sampled_from([0, MEGA, 2**62, -(2**62)])
_values = st.builds(
    Value,
    at=st.integers(-100, 2000).map(after),
    wh=_wh,
    kind=st.sampled_from(RegisterKind),
)
_facts = st.builds(
    Facts,
    started_at=st.just(BEGIN),
    meter_start_wh=st.none() | _wh,
    ended_at=st.none() | st.integers(0, 3000).map(after),
    meter_stop_wh=st.none() | _wh,
    values=st.lists(_values, max_size=30),
)


@settings(max_examples=300, deadline=None)
@given(facts=_facts, order=st.randoms())
def test_whatever_is_told_the_energy_is_not_negative_and_has_no_order(
    facts: Facts, order: random.Random
) -> None:
    found = session_energy(facts)
    assert found.energy_wh is None or found.energy_wh >= 0
    shuffled = [*facts.values, *facts.values]
    order.shuffle(shuffled)
    other = Facts(
        started_at=facts.started_at,
        meter_start_wh=facts.meter_start_wh,
        ended_at=facts.ended_at,
        meter_stop_wh=facts.meter_stop_wh,
        values=shuffled,
    )
    assert session_energy(other) == found


@settings(max_examples=300, deadline=None)
@given(facts=_facts)
def test_the_path_of_the_energy_rises_to_what_a_session_took(facts: Facts) -> None:
    path = energy_path(facts)
    assert all(one <= other for one, other in pairwise(path))
    assert all(one[1] <= other[1] for one, other in pairwise(path))
    assert (path[-1][1] if path else None) == session_energy(facts).energy_wh


@settings(max_examples=300, deadline=None)
@given(facts=_facts)
def test_the_essential_values_tell_the_same(facts: Facts) -> None:
    few = essential(facts)
    assert set(few) <= set(facts.values)
    fewer = Facts(
        started_at=facts.started_at,
        meter_start_wh=facts.meter_start_wh,
        ended_at=facts.ended_at,
        meter_stop_wh=facts.meter_stop_wh,
        values=few,
    )
    assert session_energy(fewer) == session_energy(facts)


def test_few_values_of_a_sound_session_are_essential() -> None:
    facts = session(1000, samples(*range(1100, 6000, 10)), 6000)
    assert len(essential(facts)) <= 5


@settings(max_examples=200, deadline=None)
@given(
    start=st.integers(0, 50 * MEGA),
    steps=st.lists(st.integers(0, 400), min_size=1, max_size=60),
    relative=st.booleans(),
)
def test_a_sound_register_gives_its_difference(
    start: int, steps: list[int], relative: bool
) -> None:
    base = 0 if relative else start
    registers = [base + sum(steps[: place + 1]) for place in range(len(steps))]
    facts = session(start, samples(*registers[:-1]), start + sum(steps))
    assert session_energy(facts).energy_wh == sum(steps)


def test_energy_is_a_value() -> None:
    assert SessionEnergy(energy_wh=1) == SessionEnergy(energy_wh=1)


def test_a_long_session_of_nonsense_is_worked_out_in_time() -> None:
    wild = random.Random(1)
    values = samples(*(wild.choice([0, 500, MEGA]) for _ in range(20_000)))
    began = datetime.now(UTC)
    assert session_energy(session(0, values, MEGA)).energy_wh is not None
    assert datetime.now(UTC) - began < timedelta(seconds=10)
