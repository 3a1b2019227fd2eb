"""What is known of a car that is plugged in outlives a restart of Home Assistant."""

from collections.abc import Awaitable, Callable
from datetime import time
import json
from typing import Any

from freezegun import api as freezing
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
import pytest

from custom_components.ocpp_charging import storage_codec
from custom_components.ocpp_charging.csms.model import HeldBy
from custom_components.ocpp_charging.planning import Mode
from custom_components.ocpp_charging.planning.course import Because
from custom_components.ocpp_charging.planning.kept_wishes import KeptWishes

from ..conftest import charger_of
from ..test_init import fixed_port
from .conftest import PRICE, Home, Make, car
from .test_steering import offered, patient, steered, to_local, until

__all__ = ["patient"]

type Restart = Callable[[Home], Awaitable[None]]


@pytest.fixture
def restart(hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch) -> Restart:
    """Return how to restart the central system; the charger comes back by itself."""

    async def again(home: Home) -> None:
        # What is stopped is the test's time: it is read back with the real kind.
        monkeypatch.setattr(storage_codec, "datetime", freezing.real_datetime)
        before = home.entry.runtime_data
        if home.entry.data["port"] == 0:
            # Another port than chance's is a restart, too.
            await fixed_port(hass, home.entry)
        else:
            assert await hass.config_entries.async_reload(home.entry.entry_id)
        assert home.entry.runtime_data is not before
        for _ in range(300):
            # Little by little: to dial takes a few turns of the loop, too.
            await home.pass_time(seconds=0.2)
            if charger_of(home.entry).ready and home.of().plan is not None:
                break
        else:
            pytest.fail("the charger does not come back")
        await home.pass_time(seconds=11)

    return again


async def needed(home: Home) -> float:
    """Return what the car still needs, in kWh."""
    await home.of().async_replan()
    need = home.of().need
    assert need is not None
    return need.kwh


async def end_at_the_charger(home: Home) -> None:
    """End the session as the owner does, with a button or a card."""
    await home.pass_time(minutes=5)
    await home.cp.stop_locally(1)
    await until(home, lambda one: one.connector.transaction is None)


async def test_a_session_that_was_ended_at_the_charger_is_not_begun_again(
    home: Make, restart: Restart
) -> None:
    made = await home(car(), soc=40)
    await steered(made, mode=Mode.FAST)
    await until(made, lambda one: one.connector.transaction is not None)
    await end_at_the_charger(made)
    await made.pass_time(minutes=5)
    assert made.of().connector.transaction is None
    for _ in range(2):
        await restart(made)
        await made.pass_time(minutes=5)
        assert made.of().connector.transaction is None
    # The next car is another matter.
    await made.unplug()
    await made.plug()
    await until(made, lambda one: one.connector.transaction is not None)


async def test_what_is_wished_after_such_a_restart_counts(
    home: Make, restart: Restart
) -> None:
    made = await home(car(), soc=40)
    await steered(made, mode=Mode.FAST)
    await until(made, lambda one: one.connector.transaction is not None)
    await end_at_the_charger(made)
    await restart(made)
    await made.of().async_set_boost(True)
    await until(made, lambda one: one.connector.transaction is not None)
    await restart(made)
    assert made.of().connector.transaction is not None
    assert made.of().held_by is HeldBy.PROFILE


async def test_what_earlier_sessions_of_the_stay_took_counts_after_a_restart(
    home: Make, restart: Restart
) -> None:
    made = await home(car(soc_entity=None))
    plan = await steered(made, mode=Mode.FAST, target_kwh=20.0)
    await until(made, lambda one: one.connector.transaction is not None)
    await made.pass_time(minutes=30)
    await end_at_the_charger(made)
    taken = 20 - await needed(made)
    assert taken > 4
    await plan.async_set_boost(True)
    await until(made, lambda one: one.connector.transaction is not None)
    await restart(made)
    assert await needed(made) <= 20 - taken


async def test_a_session_that_ends_while_nobody_listens_counts_too(
    home: Make, restart: Restart
) -> None:
    made = await home(car(soc_entity=None))
    await steered(made, mode=Mode.FAST, target_kwh=20.0)
    await until(made, lambda one: one.connector.transaction is not None)
    await made.pass_time(minutes=30)
    await end_at_the_charger(made)
    left = await needed(made)
    assert left < 16
    await restart(made)
    assert await needed(made) == pytest.approx(left, abs=0.1)


async def test_a_silent_car_is_where_it_was_before_the_restart(
    home: Make, restart: Restart
) -> None:
    made = await home(car(limit_entity="sensor.car_limit"), soc=40)
    made.hass.states.async_set("sensor.car_limit", "70", {"unit_of_measurement": "%"})
    await steered(made, mode=Mode.SMART, ready_by=time(7, 0))
    await made.pass_time(seconds=11)
    before = await needed(made)
    assert before == pytest.approx(30 * 0.6 / 0.9)
    made.soc(None)
    made.hass.states.async_set("sensor.car_limit", "unavailable")
    await made.settle()
    await restart(made)
    assert await needed(made) == pytest.approx(before)
    # What it takes from 3:11 on is added.
    await to_local(made, 4, 30)
    made.cp.send_meter_values(made.cp.connector(1))
    await until(made, lambda one: (one.connector.session_energy or 0) > 5000)
    assert await needed(made) < before - 5


async def test_a_start_that_waits_by_chance_keeps_its_time(
    home: Make, restart: Restart, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = [0.9]
    monkeypatch.setattr(
        "custom_components.ocpp_charging.planning.scheduled.random.SystemRandom.random",
        lambda _self: chance[0],
    )
    options = {"price": PRICE, "planning": {"random_delay_seconds": 1800}}
    made = await home(car(), soc=40, options=options)
    plan = await steered(made, mode=Mode.SMART, ready_by=time(7, 0))
    await until(made, lambda one: one.held_by is HeldBy.PROFILE)
    start = plan.next_start
    assert start is not None
    await made.pass_time(seconds=(start - dt_util.utcnow()).total_seconds() + 1)
    await until(made, lambda one: one.delayed_until is not None)
    until_then = plan.delayed_until
    chance[0] = 0.1
    await restart(made)
    assert made.of().because is Because.PLAN
    assert made.of().delayed_until == until_then
    await offered(made, lambda current: current == 0)


@pytest.mark.parametrize(
    "kept",
    [
        [],
        {"plugged": 7},
        {"plugged": {"began": "yesterday"}},
        {"plugged": {"began": "2026-11-20T18:00:00"}},
        {"plugged": {"before_kwh": None}, "over": "no", "delay": "late"},
        {"delay": {"drawn": 17.0, "due": "2026-11-20T18:00:00"}},
    ],
    ids=["list", "number", "no-time", "no-zone", "nothing", "out-of-range"],
)
async def test_what_cannot_be_read_of_a_stay_is_no_reason_not_to_charge(
    home: Make,
    restart: Restart,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    kept: Any,
) -> None:
    made = await home(car(), soc=40)
    await steered(made, mode=Mode.SMART, ready_by=time(7, 0))
    await until(made, lambda one: one.held_by is HeldBy.PROFILE)
    load = KeptWishes.async_load

    async def other(self: KeptWishes) -> None:
        await load(self)
        for name in [each for each in self._kept if each.endswith("/stay")]:
            self._kept[name] = json.loads(json.dumps(kept))

    monkeypatch.setattr(KeptWishes, "async_load", other)
    await restart(made)
    await until(made, lambda one: one.held_by is HeldBy.PROFILE)
    caplog.clear()


async def test_another_car_that_came_meanwhile_is_planned_from_nothing(
    home: Make, restart: Restart
) -> None:
    made = await home(car(soc_entity=None))
    await steered(made, mode=Mode.FAST, target_kwh=20.0)
    await until(made, lambda one: one.connector.transaction is not None)
    await made.pass_time(minutes=30)
    await end_at_the_charger(made)
    assert await needed(made) < 16
    await made.cp.disconnect()
    await made.cp.unplug(1)
    await made.cp.plug(1)
    await made.cp.connect()
    await restart(made)
    assert await needed(made) == pytest.approx(20, abs=0.1)
    await made.pass_time(minutes=5)
    await until(made, lambda one: one.connector.transaction is not None)
