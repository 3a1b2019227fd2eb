"""A car that fell asleep is woken; what has helped is remembered."""

from datetime import UTC, datetime, timedelta
from typing import Any

from homeassistant.helpers.storage import Store
import pytest

from custom_components.ocpp_charging.planning import Mode
from custom_components.ocpp_charging.planning.waking import (
    PATIENCE,
    SHORT,
    Wake,
    Waking,
)
from simulator import Car

from .conftest import Home, Make, car
from .test_steering import patient, until

__all__ = ["patient"]

START = datetime(2026, 11, 23, 12, tzinfo=UTC)
TICK = timedelta(seconds=10)


def sleeps(
    waking: Waking, since: datetime, lasts: timedelta, known: Wake | None = None
) -> list[tuple[timedelta, Wake]]:
    """Look every ten seconds; return when something was done about it."""
    done: list[tuple[timedelta, Wake]] = []
    at = since
    while at <= since + lasts:
        way = waking.look(at, given=True, charging=False, wants=True, known=known)
        if way in {Wake.BLINK, Wake.RESTART}:
            done.append((at - since, way))
        at += TICK
    return done


def test_a_car_is_given_three_minutes_and_is_then_woken_in_two_ways() -> None:
    assert sleeps(Waking(), START, timedelta(minutes=15)) == [
        (PATIENCE, Wake.BLINK),
        (2 * PATIENCE, Wake.RESTART),
    ]


@pytest.mark.parametrize("known", [Wake.BLINK, Wake.RESTART])
def test_what_has_helped_before_is_done_first_and_soon(known: Wake) -> None:
    first, second = sleeps(Waking(), START, timedelta(minutes=15), known)

    assert first[1] is known
    assert SHORT <= first[0] < SHORT + TICK
    assert second[1] is not known
    assert second[0] - first[0] == PATIENCE


def test_what_helped_is_what_was_done_last_before_it_charged() -> None:
    waking = Waking()
    sleeps(waking, START, PATIENCE)
    assert waking.helped is None

    later = START + PATIENCE + TICK
    waking.look(later, given=True, charging=True, wants=True)

    assert waking.helped is Wake.BLINK


def test_a_car_that_begins_by_itself_needs_no_help() -> None:
    waking = Waking()
    waking.look(START, given=True, charging=False, wants=True)
    waking.look(START + TICK, given=True, charging=True, wants=True)

    assert waking.helped is None


async def falls_asleep_and_is_woken(made: Home) -> float:
    """Let the car sleep until it is woken; return after how many seconds that was."""
    plan = made.of()
    sleeper = Car(paused=True)
    await made.cp.plug(1, sleeper)
    await made.told(plan, lambda: plan.plugged_in)
    await made.pass_time(seconds=11)
    await until(made, lambda one: one.held_by is not None)
    told = len(made.cp.received_calls("SetChargingProfile"))
    seconds = 0.0
    while not any(
        call["csChargingProfiles"]["chargingSchedule"]["chargingSchedulePeriod"][0][
            "limit"
        ]
        == 0
        for call in made.cp.received_calls("SetChargingProfile")[told:]
    ):
        await made.pass_time(seconds=10)
        seconds += 10
        assert seconds < 400
    sleeper.paused = False
    for _ in range(12):
        await made.pass_time(seconds=10)
        await made.cp.call("Heartbeat", {})
        await made.settle()
        if plan.connector.charging:
            break
    return seconds


async def test_a_car_that_had_to_be_woken_is_woken_sooner_the_next_time(
    home: Make,
) -> None:
    made = await home(car(), soc=40)
    plan = made.of()
    await plan.async_set(steered=True, mode=Mode.FAST)
    slow = await falls_asleep_and_is_woken(made)
    await until(made, lambda one: one.connector.charging is True)
    await made.pass_time(seconds=10)
    vehicle = plan.car.key
    kept = made.entry.runtime_data.planning.kept
    assert vehicle is not None
    assert kept.wake(vehicle) is Wake.BLINK
    await made.unplug()

    quick = await falls_asleep_and_is_woken(made)

    assert slow >= PATIENCE.total_seconds() - 20
    assert quick <= SHORT.total_seconds() + 20
    # It is on disk, and read again.
    await kept.async_stop()
    name = f"ocpp_charging.{made.entry.entry_id}.wishes"
    stored = await Store[dict[str, Any]](made.hass, 1, name).async_load()
    assert stored is not None
    assert stored[f"{vehicle}/wake"] == {"wake": "blink"}
