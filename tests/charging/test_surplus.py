"""The solar mode: what the car gets of the sun, with numbers worked out by hand."""

from datetime import timedelta
from typing import Any

from hypothesis import given, settings, strategies as st
import pytest

from custom_components.ocpp_charging.charging.phases import PhaseRules, PhaseState
from custom_components.ocpp_charging.charging.surplus import (
    Measurement,
    SolarRules,
    SolarState,
    SunShare,
    SunWhy,
    follow_sun,
    left_for_car,
)

from .fuses import NOON, after

NONE = timedelta(0)
AT_ONCE: dict[str, Any] = {
    "start_after": NONE,
    "stop_after": NONE,
    "minimum_on": NONE,
    "minimum_off": NONE,
    "smoothing": NONE,
}
ONE = PhaseRules()
SWITCHING = PhaseRules(can_switch=True)
SINGLE = SolarState(phases=PhaseState(phases=1))


def rules(**others: Any) -> SolarRules:
    return SolarRules(**{**AT_ONCE, **others})


def sun(
    watts: float, seconds: float = 0, car_w: float = 0.0, **others: Any
) -> Measurement:
    """Return a measurement in which the sun gives so much beyond the house's need."""
    return Measurement(grid_w=car_w - watts, car_w=car_w, at=after(seconds), **others)


def run(
    how: SolarRules,
    phases: PhaseRules,
    state: SolarState,
    course: list[tuple[float, float]],
    **others: Any,
) -> list[SunShare]:
    """Return what comes of (seconds, watts of sun), the car following at once."""
    found: list[SunShare] = []
    car_w = 0.0
    for seconds, watts in course:
        share = follow_sun(
            how, phases, sun(watts, seconds, car_w), state, after(seconds), **others
        )
        state, car_w = share.state, share.power_w
        found.append(share)
    return found


@pytest.mark.parametrize(
    ("how", "watts", "current", "why"),
    [
        # One phase: 6 A are 1380 W, 16 A are 3680 W.
        ({}, 1379, 0, "no_sun"),
        ({}, 1380, 6, "sun"),
        ({}, 2000, 8, "sun"),  # 8.7 A
        ({"step_a": 0.1}, 2000, 8.6, "sun"),  # 8.69 A
        ({}, 9000, 16, "sun"),
        ({}, -500, 0, "no_sun"),
        # Half from the grid: 690 W of sun are enough for 1380 W.
        ({"grid_share": 50}, 690, 6, "sun"),
        ({"grid_share": 50}, 689, 0, "no_sun"),
        ({"grid_share": 50}, 1200, 10, "sun"),  # 2400 W
        ({"grid_share": 100}, -5000, 16, "sun"),
        # 300 W more to begin.
        ({"start_w": 300}, 1679, 0, "no_sun"),
        ({"start_w": 300}, 1680, 7, "sun"),
        ({"start_w": 300, "grid_share": 50}, 989, 0, "no_sun"),
        ({"start_w": 300, "grid_share": 50}, 990, 8, "sun"),
    ],
)
def test_the_car_gets_what_the_sun_gives(
    how: dict[str, Any], watts: float, current: float, why: str
) -> None:
    share = follow_sun(rules(**how), ONE, sun(watts), SINGLE, NOON)
    assert (share.current_a, share.why) == (current, why)
    assert share.phases == 1
    assert share.power_w == pytest.approx(current * 230)


@pytest.mark.parametrize(
    ("how", "battery_w", "soc", "left"),
    [
        # 3000 W are fed in; the battery takes or gives besides.
        ({}, 0.0, None, 3000),
        ({}, 2000.0, None, 5000),  # the car comes before the battery
        ({}, -1000.0, None, 2000),  # what the battery gives isn't the sun's
        ({"battery_reserve_w": 1500.0}, 2000.0, 50.0, 3500),
        ({"battery_reserve_w": 1500.0}, 0.0, 98.0, 3000),  # it is full
        # The battery has all that it takes only while something is fed in besides.
        ({"battery_first_soc": 80.0}, 2000.0, 50.0, 2900),
        ({"battery_first_soc": 80.0}, 2000.0, None, 2900),  # it may be below
        ({"battery_first_soc": 80.0}, 2000.0, 80.0, 5000),
        (
            {"battery_first_soc": 80.0, "battery_reserve_w": 2500.0},
            2000.0,
            50.0,
            2500,
        ),
    ],
)
def test_the_battery_is_left_what_is_reserved_for_it(
    how: dict[str, Any], battery_w: float, soc: float | None, left: float
) -> None:
    measured = Measurement(
        grid_w=-3000, car_w=0, battery_w=battery_w, battery_soc=soc, at=NOON
    )
    assert left_for_car(rules(**how), measured)[0] == left


def test_one_that_comes_first_may_have_what_later_ones_draw() -> None:
    first = Measurement(grid_w=0, car_w=0, yielding_w=2000, at=NOON)
    later = Measurement(grid_w=0, car_w=2000, at=NOON)
    assert left_for_car(rules(), first)[0] == 2000
    assert left_for_car(rules(), later)[0] == 2000
    assert follow_sun(rules(), ONE, first, SINGLE, NOON).current_a == 8


def test_a_battery_that_comes_first_is_told_as_the_reason() -> None:
    measured = Measurement(grid_w=0, car_w=0, battery_w=3000, battery_soc=40, at=NOON)
    how = rules(battery_first_soc=60.0)
    share = follow_sun(how, ONE, measured, SINGLE, NOON)
    assert (share.current_a, share.why) == (0, SunWhy.BATTERY_FIRST)


def test_a_battery_that_comes_first_gets_back_what_the_car_takes() -> None:
    # The roof gives 5 kW, of which the battery could take 4.
    how = rules(battery_first_soc=60.0)
    state, car_w, battery_w = SINGLE, 0.0, 0.0
    for second in range(0, 600, 10):
        now = NOON + timedelta(seconds=second)
        sun_w = 5000.0 if second < 200 else 4200.0
        battery_w = min(4000.0, sun_w - car_w)
        grid_w = car_w + battery_w - sun_w
        seen = Measurement(
            grid_w=grid_w, car_w=car_w, battery_w=battery_w, battery_soc=40.0, at=now
        )
        share = follow_sun(how, PhaseRules(can_switch=False, min_a=1), seen, state, now)
        state, car_w = share.state, share.power_w
    assert battery_w >= 3900


def test_a_cloud_neither_ends_nor_begins_anything() -> None:
    how = SolarRules(smoothing=NONE)
    found = run(
        how,
        ONE,
        SINGLE,
        [
            (0, 2000),
            (59, 2000),
            (60, 2000),  # a minute of sun: it begins
            (120, 0),
            (200, 0),
            (201, 2000),  # a cloud of less than three minutes
            (400, 0),
            (579, 0),
            (580, 0),  # three minutes without sun: it ends
            (590, 2000),
            (879, 2000),
            (880, 2000),  # five minutes of rest
        ],
    )
    assert [(share.current_a, str(share.why)) for share in found] == [
        (0, "starting"),
        (0, "starting"),
        (8, "sun"),
        (6, "lasting"),
        (6, "lasting"),
        (8, "sun"),
        (6, "lasting"),
        (6, "lasting"),
        (0, "no_sun"),
        (0, "starting"),
        (0, "resting"),
        (8, "sun"),
    ]


def test_what_is_measured_is_smoothed() -> None:
    how = rules(smoothing=timedelta(minutes=1))
    found = run(how, ONE, SINGLE, [(0, 1400), (60, 3400)])
    # 1 - 1/e of the change has arrived: 1400 + 0.632 x 2000.
    assert found[1].sun_w == pytest.approx(1400 + 0.6321 * 2000, abs=1)
    assert found[1].current_a == 11


def test_a_measurement_twice_counts_once() -> None:
    how = rules(smoothing=timedelta(minutes=1))
    first = follow_sun(how, ONE, sun(1400), SINGLE, NOON)
    once = follow_sun(how, ONE, sun(3400, 60), first.state, after(60))
    twice = follow_sun(how, ONE, sun(3400, 60), once.state, after(61))
    assert twice.sun_w == once.sun_w


def test_without_a_measurement_that_is_so_now_the_car_gets_nothing() -> None:
    began = follow_sun(rules(), ONE, sun(2000), SINGLE, NOON)
    assert began.current_a == 8
    share = follow_sun(rules(), ONE, sun(2000), began.state, after(121))
    assert (share.current_a, share.why) == (0, SunWhy.UNKNOWN)
    assert follow_sun(rules(), ONE, None, began.state, NOON).why is SunWhy.UNKNOWN


def test_smart_and_solar_takes_what_is_more() -> None:
    for watts, plan_w, current, why in (
        (2000, 0.0, 8, "sun"),
        (2000, 3680.0, 16, "plan"),
        (0, 2300.0, 10, "plan"),
        (3000, 2300.0, 13, "sun"),
        (0, 0.0, 0, "no_sun"),
    ):
        share = follow_sun(rules(), ONE, sun(watts), SINGLE, NOON, plan_w=plan_w)
        assert (share.current_a, str(share.why)) == (current, why), (watts, plan_w)
    share = follow_sun(rules(), ONE, None, SINGLE, NOON, plan_w=3680)
    assert (share.current_a, share.why) == (16, SunWhy.PLAN)


def test_little_sun_charges_on_one_phase_and_much_on_three() -> None:
    three = SolarState()
    found = run(
        rules(),
        SWITCHING,
        three,
        [
            (0, 2000),  # 8.7 A on one phase; three would need 4140 W
            (300, 5000),  # the rest between switches is not over
            (600, 5000),  # it is, and three have been better for two minutes
            (720, 5000),
            (900, 2000),  # too little for three, and the rest is not over
            (1199, 2000),
            (1200, 2000),  # ten minutes after the last switch
        ],
    )
    assert [(share.phases, share.current_a) for share in found] == [
        (1, 8),
        (1, 16),
        (3, 7),
        (3, 7),
        (3, 0),
        (3, 0),
        (1, 8),
    ]


def test_phases_are_not_switched_for_a_car_that_does_not_charge() -> None:
    found = run(
        rules(), SWITCHING, SolarState(), [(step * 1000, 0) for step in range(5)]
    )
    assert {share.phases for share in found} == {3}
    assert not found[-1].state.phases.switches


COURSE = st.lists(
    st.tuples(st.sampled_from([5, 30, 60, 200, 600]), st.floats(-3000, 14000)),
    min_size=1,
    max_size=80,
)


@given(
    course=COURSE,
    share=st.sampled_from([0.0, 20.0, 100.0]),
    switching=st.booleans(),
    step=st.sampled_from([1.0, 0.1]),
    plan_w=st.sampled_from([0.0, 0.0, 3000.0]),
)
@settings(max_examples=200, deadline=None)
def test_whatever_the_weather(
    course: list[tuple[float, float]],
    share: float,
    switching: bool,
    step: float,
    plan_w: float,
) -> None:
    how = SolarRules(grid_share=share, step_a=step)
    phases = PhaseRules(can_switch=switching, most_per_day=3)
    times = []
    at = 0.0
    for seconds, watts in course:
        at += seconds
        times.append((at, watts))
    found = run(how, phases, SolarState(), times, plan_w=plan_w)
    assert found == run(how, phases, SolarState(), times, plan_w=plan_w)
    began: float | None = None
    ended: float | None = None
    for (now, _), one in zip(times, found, strict=True):
        assert one.current_a == 0 or 6 <= one.current_a <= 16
        assert (one.phases == 3) if not switching else one.phases in {1, 3}
        if plan_w:
            assert one.power_w >= 6 * 230
        elif one.current_a and began is None:
            assert ended is None or now - ended >= 300
            began = now
        elif not one.current_a and began is not None:
            # A gap in what is measured ends it at any time; there is none here
            # that is longer than a stale value.
            assert now - began >= 300
            began, ended = None, now
    switched = found[-1].state.phases.switches
    assert len(switched) <= 3


@given(watts=st.floats(1500, 12000), share=st.sampled_from([0.0, 25.0, 50.0]))
@settings(max_examples=100, deadline=None)
def test_a_steady_sun_is_used_up_to_a_step_and_no_more_grid_than_allowed(
    watts: float, share: float
) -> None:
    how = SolarRules(grid_share=share)
    course = [(10.0 * step, watts) for step in range(100)]
    last = run(how, SWITCHING, SolarState(), course)[-1]
    power = min(watts / (1 - share / 100), 16 * 3 * 230)
    assert last.power_w <= power + 1e-6
    # A step on three phases; or between 16 A on one phase and 6 A on three.
    assert last.power_w >= min(power - 690, 3680) - 1e-6


@pytest.mark.parametrize("wrong", [{"grid_share": 101}, {"step_a": 0}])
def test_rules_that_there_cannot_be_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"share|step"):
        rules(**wrong)
