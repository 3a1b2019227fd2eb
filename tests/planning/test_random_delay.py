"""What is planned begins and ends a little later, by chance."""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta

from homeassistant.util import dt as dt_util
from hypothesis import example, given, strategies as st
import pytest

from custom_components.ocpp_charging.csms.model import HeldBy
from custom_components.ocpp_charging.csms.schedules import (
    PlannedCurrent,
    PlannedSchedule,
)
from custom_components.ocpp_charging.planning import Mode
from custom_components.ocpp_charging.planning.course import gives
from custom_components.ocpp_charging.planning.random_delay import RandomDelay

from ..entities import state_of
from .conftest import PRICE, Make, car
from .test_steering import offered, patient, steered, until

__all__ = ["patient"]

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MOST = timedelta(minutes=10)


def minutes(count: float) -> datetime:
    return NOON + timedelta(minutes=count)


def schedule(*rows: tuple[float, float, float]) -> PlannedSchedule:
    return PlannedSchedule(
        periods=tuple(
            PlannedCurrent(start=minutes(start), end=minutes(end), current_a=current)
            for start, end, current in rows
        ),
        after_a=16.0,
    )


NIGHT = schedule(
    (0, 60, 0), (60, 120, 16), (120, 180, 0), (180, 240, 10), (240, 900, 0)
)


def delay(*numbers: float) -> RandomDelay:
    drawn = iter([*numbers, *([0.0] * 20)])
    return RandomDelay(lambda: next(drawn))


def edges(one: PlannedSchedule) -> Sequence[tuple[datetime, float]]:
    return [(row.start, row.current_a) for row in one.periods]


def test_all_that_is_ahead_is_later_by_the_same_span() -> None:
    made = delay(0.5).delayed(NIGHT, minutes(10), most=MOST, running=False)

    assert edges(made) == [
        (minutes(0), 0.0),
        (minutes(65), 16.0),
        (minutes(125), 0.0),
        (minutes(185), 10.0),
        (minutes(245), 0.0),
    ]


def test_a_start_keeps_the_time_that_was_drawn_when_the_plan_is_made_anew() -> None:
    one = delay(0.5)
    one.delayed(NIGHT, minutes(10), most=MOST, running=False)

    for made_at in (60, 61, 64):
        anew = schedule((made_at, made_at + 60, 16), (made_at + 60, 900, 0))
        made = one.delayed(anew, minutes(made_at), most=MOST, running=False)
        assert gives(made, minutes(made_at)) == 0
        assert one.until == minutes(65)
        assert gives(made, minutes(65)) == 16

    started = one.delayed(NIGHT, minutes(65), most=MOST, running=False)
    assert one.until is None
    assert gives(started, minutes(65)) == 16


def test_an_end_is_as_much_later_as_its_start_was() -> None:
    one = delay(0.5, 0.9)
    one.delayed(NIGHT, minutes(10), most=MOST, running=False)
    one.delayed(NIGHT, minutes(66), most=MOST, running=False)

    late = one.delayed(NIGHT, minutes(121), most=MOST, running=True)

    assert gives(late, minutes(121)) == 16
    assert one.until == minutes(125)
    # The next start has another span.
    next_one = one.delayed(NIGHT, minutes(126), most=MOST, running=True)
    assert gives(next_one, minutes(126)) == 0
    assert gives(next_one, minutes(188)) == 0
    assert gives(next_one, minutes(189)) == 10


def test_what_runs_when_it_is_first_looked_at_is_not_stopped() -> None:
    made = delay(0.9).delayed(NIGHT, minutes(61), most=MOST, running=True)

    assert gives(made, minutes(61)) == 16


def test_a_car_that_comes_in_a_cheap_hour_waits_too() -> None:
    one = delay(0.9)

    made = one.delayed(NIGHT, minutes(60), most=MOST, running=False)

    assert gives(made, minutes(60)) == 0
    assert one.until == minutes(69)


def test_what_cannot_wait_any_more_begins_at_once() -> None:
    one = delay(0.9)
    one.delayed(NIGHT, minutes(60), most=MOST, running=False)

    made = one.delayed(NIGHT, minutes(61), most=timedelta(0), running=False)

    assert gives(made, minutes(61)) == 16
    assert one.until is None


def test_after_the_car_has_left_another_span_is_drawn() -> None:
    one = delay(0.9, 0.1)
    one.delayed(NIGHT, minutes(60), most=MOST, running=False)

    one.forget()

    one.delayed(NIGHT, minutes(60), most=MOST, running=False)
    assert one.until == minutes(61)


@given(
    drawn=st.floats(0, 1),
    looks=st.lists(st.integers(0, 800), max_size=30),
    most=st.integers(0, 30),
)
@example(drawn=1.0, looks=[61, 240], most=1)
def test_no_start_is_early_and_none_later_than_allowed(
    drawn: float, looks: list[int], most: int
) -> None:
    one, span = RandomDelay(lambda: drawn), timedelta(minutes=most)
    for at in sorted(looks):
        made = one.delayed(NIGHT, minutes(at), most=span, running=False)
        meant = gives(NIGHT, minutes(at))
        given_now = gives(made, minutes(at))
        before = gives(NIGHT, minutes(at) - span)
        assert given_now in {meant, before}


@pytest.mark.parametrize("drawn", [0.0, 0.3, 1.0])
def test_as_much_is_charged(drawn: float) -> None:
    made = RandomDelay(lambda: drawn).delayed(
        NIGHT, minutes(10), most=MOST, running=False
    )

    def ampere_hours(one: PlannedSchedule) -> float:
        return sum(row.current_a * row.hours for row in one.periods)

    assert ampere_hours(made) == pytest.approx(ampere_hours(NIGHT))


OPTIONS = {"price": PRICE, "planning": {"random_delay_seconds": 600}}


@pytest.fixture
def by_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have chance give the half of what there can be: five minutes."""
    chance = "custom_components.ocpp_charging.planning.scheduled.random.SystemRandom"
    monkeypatch.setattr(f"{chance}.random", lambda _self: 0.5)


@pytest.mark.usefixtures("patient", "by_chance")
async def test_a_planned_start_waits_for_its_chance_and_says_so(home: Make) -> None:
    made = await home(car(), soc=40, options=OPTIONS)
    plan = await steered(made, mode=Mode.SMART, ready_by=time(7, 0))
    await until(made, lambda one: one.held_by is HeldBy.PROFILE)
    start = plan.next_start
    assert start is not None
    now = dt_util.utcnow()

    await made.pass_time(seconds=(start - now).total_seconds() + 1)
    await until(made, lambda one: one.delayed_until is not None)
    assert plan.delayed_until is not None
    late = plan.delayed_until - start - timedelta(minutes=5)
    assert timedelta(0) <= late < timedelta(seconds=5)
    await offered(made, lambda current: current == 0)
    state = state_of(made.hass, "sensor.cp1_connector_1_plan_reason")
    assert state.attributes["delayed_until"] == plan.delayed_until

    await made.pass_time(minutes=5, seconds=5)
    await offered(made, lambda current: current == pytest.approx(16, abs=0.2))
    assert plan.delayed_until is None


@pytest.mark.usefixtures("patient", "by_chance")
async def test_the_owner_need_not_wait(home: Make) -> None:
    made = await home(car(), soc=40, options=OPTIONS)
    plan = await steered(made, mode=Mode.SMART, ready_by=time(7, 0))
    await until(made, lambda one: one.held_by is HeldBy.PROFILE)
    assert plan.next_start is not None
    left = (plan.next_start - dt_util.utcnow()).total_seconds()
    await made.pass_time(seconds=left + 1)
    await until(made, lambda one: one.delayed_until is not None)

    await plan.async_set_boost(True)
    await made.pass_time(seconds=31)

    await offered(made, lambda current: current == 16)
    assert plan.delayed_until is None
