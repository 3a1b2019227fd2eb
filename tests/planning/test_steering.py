"""The car is held to what mode, owner and plan say, by its charger."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import time, timedelta
from typing import Any

from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.storage import Store
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed

from custom_components.ocpp_charging.csms.model import HeldBy
from custom_components.ocpp_charging.planning import ConnectorPlan, Mode
from custom_components.ocpp_charging.planning.course import Because
from custom_components.ocpp_charging.planning.steering import Steering
from custom_components.ocpp_charging.planning.wishes import Override
from simulator import Car, Quirks

from ..actions import Caller
from ..conftest import FAST, charger_of
from .conftest import PRICE, Home, Make, car


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody be held for dead when hours pass at one go."""
    timing = replace(
        FAST,
        call_timeout=1e6,
        confirm=1e6,
        ping_interval=1e9,
        silence=1e9,
        silence_without_pongs=1e9,
    )
    monkeypatch.setattr("custom_components.ocpp_charging.hub.TIMING", timing)


def steering(home: Home) -> Steering:
    """Return who steers the first connector."""
    found = home.entry.runtime_data.steering.of(*home.of().key)
    assert isinstance(found, Steering)
    return found


def switched(plan: ConnectorPlan) -> Override | None:
    """Return what was switched by hand, which may change between two looks."""
    return plan.override


async def until(home: Home, so: Callable[[ConnectorPlan], Any]) -> None:
    """Wait until the central system knows something, and all is done."""
    plan = home.of()
    await home.comes(lambda: so(plan))


async def offered(home: Home, so: Callable[[float], bool]) -> None:
    """Wait until the charger offers a current that something is true for."""
    await home.comes(lambda: so(home.cp.connector(1).offered_a))


async def steered(home: Home, **wishes: Any) -> ConnectorPlan:
    """Turn smart charging on and plug a car in."""
    await home.of().async_set(steered=True, **wishes)
    plan = await home.plug()
    await home.settle()
    return plan


async def to_local(home: Home, hour: int, minute: int = 1) -> None:
    """Let time pass until an hour of the next day, in quarters as it does."""
    now = dt_util.now()
    goal = (now + timedelta(days=now.hour > hour)).replace(hour=hour, minute=minute)
    while dt_util.now() < goal:
        left = (goal - dt_util.now()).total_seconds()
        await home.pass_time(seconds=min(900, left))


async def test_nothing_is_sent_where_smart_charging_is_off(home: Make) -> None:
    made = await home(car(), soc=40)
    plan = await made.plug()
    await plan.async_set(mode=Mode.SMART)
    await made.settle()
    assert plan.held_by is None
    assert not charger_of(made.entry).memory.profiles
    assert plan.connector.transaction is None


async def test_smart_begins_a_session_at_0_a_and_charges_in_the_planned_hours(
    home: Make,
) -> None:
    made = await home(car(), soc=40)
    plan = await steered(made, mode=Mode.SMART, ready_by=time(7, 0))
    await until(made, lambda one: one.connector.transaction is not None)
    await until(made, lambda one: one.held_by is HeldBy.PROFILE)
    await offered(made, lambda current: current == 0)
    assert plan.because is Because.PLAN
    assert plan.next_start is not None
    await to_local(made, 2)
    await offered(made, lambda current: current == pytest.approx(16, abs=0.2))
    await made.settle()


async def test_fast_charges_at_once(home: Make) -> None:
    made = await home(car(), soc=40)
    await steered(made, mode=Mode.FAST)
    await until(made, lambda one: one.connector.transaction is not None)
    await offered(made, lambda current: current == 16)


async def test_off_never_charges(home: Make) -> None:
    made = await home(car(), soc=40)
    plan = await steered(made, mode=Mode.OFF)
    assert plan.connector.transaction is None
    await made.charge()
    await until(made, lambda one: one.connector.transaction is not None)
    await offered(made, lambda current: current == 0)
    assert plan.because is Because.OFF


async def test_another_mode_holds_within_moments(home: Make) -> None:
    made = await home(car(), soc=40)
    plan = await steered(made, mode=Mode.SMART)
    await until(made, lambda one: one.held_by is HeldBy.PROFILE)
    await plan.async_set(mode=Mode.FAST)
    await made.pass_time(seconds=31)
    await offered(made, lambda current: current == 16)
    await plan.async_set(mode=Mode.SMART)
    await made.pass_time(seconds=31)
    await offered(made, lambda current: current == 0)


async def test_turned_off_it_takes_the_plan_off_the_charger(home: Make) -> None:
    made = await home(car(), soc=40)
    plan = await steered(made, mode=Mode.SMART)
    await until(made, lambda one: one.held_by is HeldBy.PROFILE)
    await plan.async_set(steered=False)
    await until(made, lambda one: one.held_by is None)
    assert not charger_of(made.entry).memory.profiles
    await offered(made, lambda current: current > 0)


async def test_boost_charges_at_once_until_the_car_is_unplugged(home: Make) -> None:
    made = await home(car(), soc=40)
    plan = await steered(made, mode=Mode.SMART)
    await until(made, lambda one: one.held_by is HeldBy.PROFILE)
    await plan.async_set_boost(True)
    await made.pass_time(seconds=31)
    await offered(made, lambda current: current == 16)
    assert plan.because is Because.BOOST
    await made.unplug()
    assert not plan.wishes.boost
    await made.settle()
    assert plan.because is None
    assert not charger_of(made.entry).memory.profiles


async def test_boost_is_a_later_word_than_what_was_switched_off(home: Make) -> None:
    made = await home(car(), soc=40)
    plan = await steered(made, mode=Mode.SMART)
    await until(made, lambda one: one.held_by is HeldBy.PROFILE)
    plan.async_override(Override.OFF)
    await made.settle()
    assert switched(plan) is Override.OFF
    await plan.async_set_boost(True)
    assert switched(plan) is None
    await made.settle()
    await offered(made, lambda current: current == 16)


async def test_what_the_owner_wishes_is_on_disk_at_once(home: Make) -> None:
    made = await home(car(), soc=40)
    plan = await steered(made, mode=Mode.SMART)
    plan.async_override(Override.OFF)
    # No time passes: the power may fail now.
    async_fire_time_changed(made.hass, dt_util.utcnow())
    await made.settle()
    name = f"ocpp_charging.{made.entry.entry_id}.wishes"
    stored = await Store[dict[str, Any]](made.hass, 1, name).async_load()
    assert stored is not None
    assert [one["override"] for one in stored.values() if "override" in one] == ["off"]


async def by_switch(home: Home, on: bool) -> None:
    """Start or stop charging with the connector's switch."""
    entity = er.async_get(home.hass).async_get_entity_id(
        "switch", "ocpp_charging", f"{home.entry.entry_id}_CP1_1_charging"
    )
    await home.hass.services.async_call(
        "switch", f"turn_{'on' if on else 'off'}", {"entity_id": entity}, blocking=True
    )


async def by_action(home: Home, on: bool) -> None:
    """Start or stop charging with the actions of OCPP."""
    use = Caller(home.hass, home.entry)
    await use(f"{'start' if on else 'stop'}_transaction", of=1)


@pytest.mark.parametrize("by", [by_switch, by_action], ids=["switch", "action"])
async def test_the_owners_word_wins_until_the_car_is_unplugged(
    home: Make, by: Callable[[Home, bool], Awaitable[None]]
) -> None:
    made = await home(car(), soc=40)
    plan = await steered(made, mode=Mode.SMART)
    await until(made, lambda one: one.held_by is HeldBy.PROFILE)
    await by(made, False)
    assert switched(plan) is Override.OFF
    await until(made, lambda one: one.connector.transaction is None)
    await made.pass_time(hours=8)
    assert plan.connector.transaction is None
    await by(made, True)
    assert switched(plan) is Override.ON
    await made.pass_time(seconds=31)
    await until(made, lambda one: one.connector.transaction is not None)
    await offered(made, lambda current: current == 16)
    await plan.async_clear_override()
    await until(made, lambda one: one.because is Because.PLAN)
    await made.unplug()
    assert switched(plan) is None


async def test_a_boost_ends_when_the_car_has_what_it_needs(home: Make) -> None:
    made = await home(car(target_soc=50.0), soc=40)
    plan = await steered(made, mode=Mode.SMART, ready_by=time(7, 0))
    await until(made, lambda one: one.held_by is HeldBy.PROFILE)
    await plan.async_set_boost(True)
    await made.pass_time(seconds=31)
    await offered(made, lambda current: current == 16)
    made.soc(49)
    await made.pass_time(seconds=11)
    assert plan.wishes.boost
    assert made.cp.connector(1).offered_a == 16
    made.soc(50)
    await made.pass_time(seconds=11)
    assert plan.because is Because.PLAN
    await made.pass_time(seconds=31)
    await offered(made, lambda current: current == 0)


async def test_what_the_owner_wishes_is_on_the_charger_without_a_pause(
    home: Make,
) -> None:
    made = await home(car(target_soc=60.0), soc=40)
    plan = await steered(made, mode=Mode.SMART, ready_by=time(7, 0))
    await until(made, lambda one: one.held_by is HeldBy.PROFILE)
    connector = made.cp.connector(1)
    await offered(made, lambda current: current == 0)
    before = dt_util.utcnow()
    for ready_by, current in ((19, 16), (7, 0), (19, 16)):
        await plan.async_set(ready_by=time(ready_by))
        await made.settle()
        assert connector.offered_a == current
    assert dt_util.utcnow() == before


async def test_a_restart_leaves_the_plan_on_the_charger(
    home: Make,
) -> None:
    made = await home(car(), soc=40)
    await steered(made, mode=Mode.SMART, ready_by=time(7, 0))
    await until(made, lambda one: one.held_by is HeldBy.PROFILE)
    await offered(made, lambda current: current == 0)
    assert await made.hass.config_entries.async_unload(made.entry.entry_id)
    assert made.cp.connector(1).offered_a == 0
    assert made.cp.connector(1).offered_a == 0
    # The port is another one now: the charger does not find us, and goes on alone.
    await charged_in_the_planned_hours(made)


async def test_the_network_is_cut_and_the_charger_keeps_to_the_plan(
    home: Make,
) -> None:
    made = await home(car(), soc=40)
    await steered(made, mode=Mode.SMART, ready_by=time(7, 0))
    await until(made, lambda one: one.held_by is HeldBy.PROFILE)
    await offered(made, lambda current: current == 0)
    made.cp.faults.cut()
    await charged_in_the_planned_hours(made)


async def test_twelve_hours_after_its_plan_a_charger_left_alone_gives_everything(
    home: Make,
) -> None:
    made = await home(car(), soc=40)
    plan = await steered(made, mode=Mode.SMART, ready_by=time(7, 0))
    await until(made, lambda one: one.held_by is HeldBy.PROFILE)
    await offered(made, lambda current: current == 0)
    assert plan.plan is not None
    ends = plan.plan.periods[-1].end
    made.cp.faults.cut()
    given: dict[int, float] = {}
    while (since := dt_util.utcnow() - ends) < timedelta(hours=15):
        given[int(since.total_seconds() // 1800)] = made.cp.connector(1).offered_a
        await made.pass_time(minutes=15)
        made.cp.describe()
    assert {given[half] for half in range(1, 24)} == {0}
    assert {given[half] for half in range(27, 30)} == {16}


async def test_the_charger_forgets_all_in_a_reboot_and_gets_its_plan_again(
    home: Make,
) -> None:
    made = await home(car(), soc=40, quirks=Quirks(forgets_profiles=True))
    plan = await steered(made, mode=Mode.SMART, ready_by=time(7, 0))
    await until(made, lambda one: one.held_by is HeldBy.PROFILE)
    boots = charger_of(made.entry).boots
    await made.cp.reboot(hard=True)
    for _ in range(30):
        await made.pass_time(seconds=2)
        if charger_of(made.entry).boots > boots and charger_of(made.entry).ready:
            break
    await made.pass_time(seconds=31)
    await until(made, lambda one: one.connector.transaction is not None)
    await until(made, lambda one: one.held_by is HeldBy.PROFILE)
    await offered(made, lambda current: current == 0)
    assert plan.because is Because.PLAN


async def test_a_charger_that_ends_sessions_at_0_a_is_started_when_it_is_time(
    home: Make,
) -> None:
    made = await home(car(), soc=40, quirks=Quirks(ends_transaction_below_minimum=True))
    plan = await steered(made, mode=Mode.SMART, ready_by=time(7, 0))
    await until(made, lambda one: one.held_by is HeldBy.START_STOP)
    assert plan.charger.features.ends_at_zero
    assert plan.connector.transaction is None
    await to_local(made, 2)
    await until(made, lambda one: one.connector.transaction is not None)
    await offered(made, lambda current: current == pytest.approx(16, abs=0.2))
    assert plan.because is Because.PLAN


async def test_who_removes_the_charger_gets_it_back_without_the_plan(
    home: Make,
) -> None:
    made = await home(car(), soc=40)
    plan = await steered(made, mode=Mode.SMART)
    await until(made, lambda one: one.held_by is HeldBy.PROFILE)
    made.hass.config_entries.async_remove_subentry(made.entry, plan.key[0])
    await made.settle()
    assert made.cp.received_calls("ClearChargingProfile")
    assert made.cp.connector(1).offered_a > 0


async def test_a_car_with_another_price_is_held_to_another_plan(home: Make) -> None:
    made = await home(car(), soc=40)
    plan = await steered(made, mode=Mode.SMART, ready_by=time(7, 0))
    await until(made, lambda one: one.held_by is HeldBy.PROFILE)
    ten = dt_util.now().replace(hour=22, minute=1)

    def at_ten() -> float | None:
        there = plan.connector.plan_there
        return None if there is None else there.fitted.at(ten)

    assert at_ten() == 0
    late = {
        **PRICE,
        "periods": [{"start": "18:00", "end": "23:00", "amount": 0.05}],
    }
    made.hass.config_entries.async_update_entry(
        made.entry, options={**made.entry.options, "price": late}
    )
    await made.comes(lambda: at_ten() == pytest.approx(16, abs=0.2), step=11)
    assert plan.held_by is HeldBy.PROFILE


async def charged_in_the_planned_hours(home: Home) -> None:
    """Let the night pass; the charger alone knows what is planned for it."""
    assert home.cp.connector(1).offered_a == 0
    given: dict[int, float] = {}
    for _ in range(12 * 4):
        await home.pass_time(minutes=15)
        home.cp.describe()
        given[dt_util.now().hour] = home.cp.connector(1).offered_a
    assert {hour for hour, current in given.items() if current > 0} <= {1, 2, 3, 4}
    assert given[3] == pytest.approx(16, abs=0.2)


async def test_a_car_that_sleeps_is_woken_and_then_said_to_sleep(home: Make) -> None:
    made = await home(car(), soc=40)
    plan = made.of()
    await plan.async_set(steered=True, mode=Mode.FAST)
    sleeper = Car(paused=True)
    await made.cp.plug(1, sleeper)
    await made.told(plan, lambda: plan.plugged_in)
    await made.pass_time(seconds=11)
    await until(made, lambda one: one.held_by is HeldBy.PROFILE)
    first = plan.connector.transaction
    assert first is not None
    await made.pass_time(seconds=10)
    for _ in range(4 * 6):
        await made.pass_time(seconds=10)
    blinked = [
        one["chargingSchedule"]["chargingSchedulePeriod"]
        for one in (
            each["csChargingProfiles"]
            for each in made.cp.received_calls("SetChargingProfile")
        )
    ]
    assert any(len(one) > 1 and one[0]["limit"] == 0 for one in blinked)
    for _ in range(4 * 6):
        await made.pass_time(seconds=10)
    await until(made, lambda one: one.connector.transaction not in (None, first))
    for _ in range(4 * 6):
        await made.pass_time(seconds=10)
    assert plan.asleep


async def test_a_charger_without_smart_charging_is_started_and_stopped(
    home: Make,
) -> None:
    made = await home(car(), soc=40, quirks=Quirks(no_smart_charging=True))
    plan = await steered(made, mode=Mode.SMART, ready_by=time(7, 0))
    await made.settle()
    assert plan.connector.transaction is None
    await to_local(made, 2)
    await until(made, lambda one: one.connector.transaction is not None)
    assert plan.held_by is HeldBy.START_STOP
    await plan.async_set(mode=Mode.OFF)
    await until(made, lambda one: one.connector.transaction is None)


async def test_the_sun_is_followed(home: Make) -> None:
    options = {"house": {"grid_power": "sensor.grid"}}
    made = await home(car(), soc=40, options=options)
    meter(made, -8000)
    plan = await steered(made, mode=Mode.SOLAR)
    assert plan.because is Because.SUN
    await offered(made, lambda current: current == 0)
    seen = set()
    for _ in range(12):
        # What the car draws is not fed in.
        meter(made, 3 * 230 * made.cp.connector(1).current_a - 8000)
        await made.pass_time(seconds=10)
        seen.add(made.cp.connector(1).offered_a)
    # What the two meters tell is not of the same moment, so it may sway.
    assert 11 in seen
    assert seen <= {0, 10, 11}


def meter(home: Home, power_w: float) -> None:
    """Have the house's meter tell what is drawn."""
    attributes = {"unit_of_measurement": "W"}
    home.hass.states.async_set("sensor.grid", str(power_w), attributes)
