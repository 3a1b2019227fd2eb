"""Each wish, and what it does to the plan of a car that is plugged in."""

from datetime import date, datetime, time, timedelta

import pytest

from custom_components.ocpp_charging.charging import ReasonKey
from custom_components.ocpp_charging.planning import Mode, NeedSource

from ..entities import meter
from .conftest import BERLIN, Make, car


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=BERLIN)


async def test_a_car_is_charged_in_the_cheapest_time_before_it_leaves(
    home: Make,
) -> None:
    made = await home(car(target_soc=80.0), soc=50)
    one = await made.plug()
    await one.async_set(ready_by=time(7))
    assert one.plan is not None
    assert one.reachable
    assert one.needed_kwh == pytest.approx(20)
    assert one.ready_by == at(21, 7)
    assert one.expected_end == at(21, 5)
    assert one.next_start == at(21, 5) - timedelta(hours=20 / (16 * 3 * 0.23))
    assert one.planned_power_w == 0
    assert one.reason is not None
    assert one.reason.key is ReasonKey.CHEAPER_LATER
    assert one.reason.percent == pytest.approx(33.3)


async def test_what_the_owner_set_counts_before_what_the_car_has(home: Make) -> None:
    made = await home(car(target_soc=80.0, departures={"saturday": "09:00:00"}), soc=50)
    one = await made.plug()
    assert one.ready_by == at(21, 9)
    await one.async_set(target_soc=65, ready_by=time(6, 30))
    assert one.ready_by == at(21, 6, 30)
    assert one.needed_kwh == pytest.approx(10)
    await one.async_clear_goal()
    assert one.ready_by == at(21, 9)
    assert one.needed_kwh == pytest.approx(20)


async def test_the_target_is_never_above_the_limit_of_the_car(
    home: Make,
) -> None:
    made = await home(car(limit_entity="sensor.car_limit"), soc=50)
    one = await made.plug()
    assert one.need is not None
    assert one.need.target_soc == 100
    made.hass.states.async_set("sensor.car_limit", "70", {"unit_of_measurement": "%"})
    await made.pass_time(seconds=11)
    assert one.need.target_soc == 70
    await one.async_set(target_soc=90)
    assert one.need.target_soc == 70


async def test_the_minimum_is_never_above_the_limit_of_the_car(home: Make) -> None:
    made = await home(car(minimum_soc=60.0, limit_entity="sensor.car_limit"), soc=40)
    made.hass.states.async_set("sensor.car_limit", "50", {"unit_of_measurement": "%"})
    one = await made.plug()
    assert one.plan is not None
    assert one.plan.met
    assert one.needed_kwh == pytest.approx(0.1 * 60 / 0.9)


async def test_a_car_that_slows_down_begins_early_enough_to_be_full_in_time(
    home: Make,
) -> None:
    times = []
    for data in ({}, {"taper_from": 90.0}):
        made = await home(car(target_soc=100.0, **data), soc=85, options={})
        one = await made.plug()
        await one.async_set(ready_by=time(7))
        assert one.plan is not None
        assert one.plan.met
        times.append(sum((p.end - p.start for p in one.plan.periods), timedelta()))
        await made.hass.config_entries.async_unload(made.entry.entry_id)
    without, slowing = times
    assert timedelta(minutes=15) < slowing - without < timedelta(hours=2)


async def test_energy_that_was_taken_already_counts(home: Make) -> None:
    made = await home(car(), soc=50)
    one = await made.plug()
    await one.async_set(target_kwh=12)
    assert one.needed_kwh == 12
    transaction = await made.charge()
    await meter(
        made.cp, transaction_id=transaction, Energy_Active_Import_Register="5000"
    )
    await made.pass_time(seconds=11)
    assert one.needed_kwh == pytest.approx(7)
    assert one.need is not None
    assert one.need.source is NeedSource.TARGET_KWH


async def test_what_was_charged_since_the_car_told_its_charge_is_added(
    home: Make,
) -> None:
    made = await home(car(target_soc=80.0), soc=50)
    one = await made.plug()
    transaction = await made.charge()
    await meter(
        made.cp, transaction_id=transaction, Energy_Active_Import_Register="10000"
    )
    await made.pass_time(seconds=11)
    assert one.need is not None
    assert one.need.soc == pytest.approx(65)
    assert one.needed_kwh == pytest.approx(10)


async def test_a_minimum_is_charged_at_once(home: Make) -> None:
    made = await home(car(target_soc=80.0), soc=20)
    one = await made.plug()
    await one.async_set(ready_by=time(7), minimum_soc=30)
    assert one.reason is not None
    assert one.reason.key is ReasonKey.MINIMUM
    assert one.planned_power_w == pytest.approx(11040)
    assert one.next_start is None


async def test_a_price_cap_that_cannot_be_kept_is_told(home: Make) -> None:
    made = await home(car(target_soc=100.0), soc=0)
    one = await made.plug()
    await one.async_set(ready_by=time(7), price_cap=0.25)
    assert one.plan is not None
    assert one.reachable is False
    shortfall = one.plan.shortfall
    assert shortfall is not None
    assert shortfall.capped_kwh == pytest.approx(60 / 0.9 - 4 * 11.04)
    words = one.words.shortfall(shortfall, one.ready_by)
    assert words.startswith("22.5 kWh will be missing at 07:00.")
    assert "22.5 kWh of it are missing for a limit on price or CO2" in words
    assert "6.75 EUR" in words


async def test_the_slider_weighs_co2_against_the_price(home: Make) -> None:
    made = await home(car(target_soc=80.0), soc=50)
    board = made.entry.runtime_data.board
    series = board.prices.price.series
    clean = series.map(lambda price: 600.0 if price < 0.25 else 50.0)
    board.co2.known = type(board.co2.known)(series=clean)
    one = await made.plug()
    await one.async_set(ready_by=time(7))
    assert one.plan is not None
    dirty = one.plan.totals
    await one.async_set(greenness=100)
    assert one.plan.totals.co2_kg < dirty.co2_kg / 5
    assert one.plan.totals.cost > dirty.cost
    await one.async_set(greenness=0, co2_cap=100)
    assert one.plan.totals.co2_kg < dirty.co2_kg / 5


async def test_a_date_is_forgotten_when_it_is_past_and_the_daily_time_returns(
    home: Make,
) -> None:
    made = await home(car(target_soc=80.0), soc=79)
    one = await made.plug()
    await one.async_set(ready_by=time(7))
    await one.async_set(ready_by=time(5, 30), ready_on=date(2026, 11, 22))
    assert one.ready_by == at(22, 5, 30)
    made.soc(80)
    await made.pass_time(days=1, hours=12)
    await one.async_replan()
    assert one.wishes.ready_on is None
    assert one.ready_by == at(22, 7)


async def test_a_wish_beside_the_cars_own_value_ends_with_the_plug_others_stay(
    home: Make,
) -> None:
    made = await home(car(target_soc=80.0), soc=50)
    one = await made.plug()
    await one.async_set(target_soc=100, greenness=40, ready_by=time(7))
    assert one.wishes.passing == {"target_soc"}
    await made.unplug()
    assert one.wishes.target_soc is None
    assert one.wishes.greenness == 40
    assert one.wishes.ready_by == time(7)
    await one.async_set(target_soc=90)
    again = await made.plug()
    assert again.need is not None
    assert again.need.target_soc == 90


async def test_from_the_sun_only_nothing_is_taken_from_the_grid(home: Make) -> None:
    made = await home(car(target_soc=80.0), soc=50)
    board = made.entry.runtime_data.board
    noon = at(21, 10)
    sun = board.prices.price.series.between(noon, noon + timedelta(hours=2))
    board.solar.known = type(board.solar.known)(series=sun.map(lambda _: 6000.0))
    one = await made.plug()
    await one.async_set(mode=Mode.SOLAR)
    assert one.plan is not None
    assert one.plan.totals.energy_kwh == pytest.approx(12)
    assert one.plan.totals.solar_share == pytest.approx(1)
    assert one.next_start == noon
    await one.async_set(mode=Mode.SMART, ready_by=time(7))
    assert one.expected_end == at(21, 5)
    await one.async_set(mode=Mode.SMART_SOLAR, ready_by=time(13), target_soc=70)
    assert one.plan.totals.energy_kwh == pytest.approx(20 / 1.5 + 2, abs=5)
    assert one.plan.totals.solar_share > 0.3


async def test_without_prices_it_is_as_late_as_is_safe(home: Make) -> None:
    made = await home(car(target_soc=80.0), soc=50, options={})
    one = await made.plug()
    before = one.reason
    assert before is not None
    assert before.key is ReasonKey.AT_ONCE
    await one.async_set(ready_by=time(7))
    assert one.reason is not None
    assert one.reason.key is ReasonKey.LATE_START
    assert one.expected_end == at(21, 6, 45)
    assert one.problem is not None
    words = one.words.reason(one.reason, one.problem)
    assert words == (
        "Waiting until 04:56: no prices are known, and there is still time"
    )


async def test_a_car_that_falls_silent_needs_what_it_needed(home: Make) -> None:
    made = await home(car(target_soc=80.0), soc=50)
    one = await made.plug()
    assert one.needed_kwh == pytest.approx(20)
    made.soc(None)
    await made.pass_time(seconds=11)
    assert one.need is not None
    assert one.need.source is NeedSource.TARGET_SOC
    assert one.needed_kwh == pytest.approx(20)
    assert one.knows_soc
    await made.unplug()
    assert not one.knows_soc


async def test_a_guest_is_taken_to_need_what_it_usually_is(home: Make) -> None:
    made = await home()
    one = await made.plug()
    assert one.vehicle is None
    assert one.need is not None
    assert one.need.source is NeedSource.ASSUMED
    assert one.needed_kwh == 20


async def test_what_the_owner_says_a_car_needs_is_taken(home: Make) -> None:
    made = await home(car(energy_kwh=8.0, soc_entity=None))
    one = await made.plug()
    assert one.needed_kwh == 8
    assert one.need is not None
    assert one.need.source is NeedSource.VEHICLE


async def test_a_limit_below_what_a_car_takes_forbids_charging(home: Make) -> None:
    made = await home(car(target_soc=80.0), soc=50)
    one = await made.plug()
    one.charger.publish(1, one.connector.set_limit(4.0))
    await made.pass_time(seconds=11)
    assert one.plan is not None
    assert not one.plan.periods
    assert one.reason is not None
    assert one.reason.key is ReasonKey.POWER_LIMIT
    one.charger.publish(1, one.connector.set_limit(10.0))
    await made.pass_time(seconds=11)
    assert one.problem is not None
    assert one.problem.car.max_power_w == pytest.approx(6900)


async def test_what_has_passed_without_the_goal_met_counts_a_while(
    home: Make,
) -> None:
    made = await home(car(target_soc=80.0), soc=0)
    one = await made.plug()
    await one.async_set(ready_by=time(19))
    assert one.reachable is False
    await made.pass_time(hours=1, minutes=5)
    assert one.ready_by == at(20, 19)
    assert one.reason is not None
    assert one.reason.key is ReasonKey.OVERRUN
    await made.pass_time(hours=3)
    await made.pass_time(seconds=11)
    assert one.ready_by == at(21, 19)


@pytest.mark.parametrize(
    "wish",
    [
        {"target_soc": 101},
        {"greenness": -1},
        {"target_kwh": float("nan")},
        {"price_cap": float("inf")},
        {"made_up": 1},
    ],
)
async def test_what_nobody_can_wish_is_refused(
    home: Make, wish: dict[str, object]
) -> None:
    made = await home()
    one = made.of()
    with pytest.raises((ValueError, TypeError)):
        await one.async_set(**wish)
    assert one.wishes.as_data() == {}


async def test_without_a_time_a_car_is_charged_within_a_day_of_the_plug(
    home: Make,
) -> None:
    made = await home(car(target_soc=80.0), soc=50)
    one = await made.plug()
    assert one.ready_by is None
    assert one.expected_end == at(21, 5)
    # Every night is as cheap: it does not wait for another one.
    await made.pass_time(hours=10, minutes=30)
    await one.async_replan(afresh=True)
    assert one.expected_end is not None
    assert one.expected_end <= at(21, 18, 3)
