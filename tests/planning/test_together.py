"""Cars that share something are planned together."""

import asyncio
from dataclasses import replace
from datetime import time, timedelta
import threading
from typing import Any

from homeassistant.config_entries import ConfigSubentryData
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
import pytest

from custom_components.ocpp_charging.charging import (
    JointPlan,
    plan_jointly as real_search,
)
from custom_components.ocpp_charging.charging.joint_site import window_edges
from custom_components.ocpp_charging.planning import ConnectorPlan, Mode, together
from custom_components.ocpp_charging.planning.asked import Asked
from custom_components.ocpp_charging.planning.scheduled import Scheduled
from custom_components.ocpp_charging.planning.together import Jointly, Together
from custom_components.ocpp_charging.planning.wishes import Override

from ..actions import Caller
from .conftest import PRICE, Home, Make

START_COST = {"price": PRICE, "planning": {"start_cost": 0.05}}
"""Where starts cost something, good plans are not proven to be the best."""


def circuit(ampere: float, **data: Any) -> ConfigSubentryData:
    """Return the subentry of a main fuse."""
    return ConfigSubentryData(
        data={"limit_a": [ampere] * 3, **data},
        subentry_type="circuit",
        title="Main fuse",
        unique_id=None,
    )


def of(made: Home) -> Together:
    found: Together = made.entry.runtime_data.planning.together
    return found


def watts(*plans: ConnectorPlan) -> list[float]:
    """Return what all cars draw together, in each quarter hour of a night."""
    now = dt_util.utcnow().replace(minute=7)
    quarter = timedelta(minutes=15)
    found = [one.plan for one in plans if one.plan is not None]
    assert len(found) == len(plans)
    return [sum(one.power_at(now + n * quarter) for one in found) for n in range(64)]


async def searched(made: Home) -> None:
    """Wait until better plans have been searched for, and for nothing else.

    Other tasks in the background may wait for time to pass, which it does not here.
    """
    await made.settle()
    while searches := [
        one
        for one in asyncio.all_tasks()
        if one.get_name() == "better plans for several cars"
    ]:
        await asyncio.wait(searches)
        await made.settle()


class Search:
    """Holds the search for better plans back until it is let go."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.may_end = threading.Event()
        self.fails = False
        self.at_work = self.most_at_work = self.calls = 0

    def __call__(self, *args: Any, **kwargs: Any) -> JointPlan:
        self.calls += 1
        self.at_work += 1
        self.most_at_work = max(self.most_at_work, self.at_work)
        self.begun.set()
        try:
            assert self.may_end.wait(20)
            if self.fails:
                raise RuntimeError("bug")
            return real_search(*args, **kwargs)
        finally:
            self.at_work -= 1

    async def has_begun(self) -> None:
        assert await asyncio.to_thread(self.begun.wait, 10)
        self.begun.clear()


@pytest.fixture
def search(monkeypatch: pytest.MonkeyPatch) -> Search:
    found = Search()
    monkeypatch.setattr(together, "plan_jointly", found)
    return found


async def goal(made: Home, kwh: float, *numbers: int) -> None:
    """Say what each car is to get."""
    for number in numbers:
        await made.of(number).async_set(target_kwh=kwh, ready_by=time(7))


async def test_two_cars_stay_below_a_fuse_together(home: Make) -> None:
    made = await home(circuit(20.0))
    one, two = await made.plug(1), await made.plug(2)
    await goal(made, 8.0, 1, 2)
    await searched(made)
    assert max(watts(one, two)) <= 20 * 3 * 230 + 1
    assert one.jointly is not None
    assert one.jointly == two.jointly
    assert one.jointly.cars == 2
    assert not one.jointly.searching
    assert one.jointly.relative_gap < 0.005
    told = made.hass.states.get("sensor.cp1_connector_1_planned_power")
    assert told is not None
    assert told.attributes["cars_planned_together"] == 2
    assert told.attributes["searching_better"] is False
    assert one.plan is not None
    assert two.plan is not None
    assert one.plan.met
    assert two.plan.met


async def test_a_joint_plan_begins_with_the_hour_and_not_a_moment_before(
    home: Make,
) -> None:
    made = await home(circuit(20.0))
    made.freezer.tick(timedelta(microseconds=127_793))
    plans = [await made.plug(1), await made.plug(2)]
    await goal(made, 8.0, 1, 2)
    await searched(made)
    hour = timedelta(hours=1)
    edges = [
        edge
        for one in plans
        if one.plan is not None
        for each in one.plan.steps[1:]
        for edge in (each.start, each.end)
    ]
    hours = [
        (edge + hour / 2).replace(minute=0, second=0, microsecond=0) for edge in edges
    ]
    off = [abs(edge - near) for edge, near in zip(edges, hours, strict=True)]
    assert timedelta() in off
    assert not [one for one in off if timedelta() < one < timedelta(milliseconds=1)]


async def test_one_car_keeps_below_a_fuse_beside_what_else_is_on(home: Make) -> None:
    made = await home(circuit(20.0, other_a=12.0))
    one = await made.plug()
    await goal(made, 8.0, 1)
    assert 0 < max(watts(one)) <= 8 * 3 * 230 + 1
    assert one.jointly is not None
    assert one.jointly.cars == 1


@pytest.mark.parametrize(
    "wished", [{"mode": Mode.OFF}, {"override": Override.OFF}], ids=["mode", "switch"]
)
async def test_who_is_turned_off_leaves_all_to_the_others(
    home: Make, wished: dict[str, Any]
) -> None:
    made = await home(circuit(16.0))
    one, two = await made.plug(1), await made.plug(2)
    await goal(made, 30.0, 1, 2)
    await searched(made)
    both = one.plan
    assert both is not None
    assert one.jointly is not None
    await two.async_set(steered=True, **wished)
    await made.pass_time(seconds=11)
    await searched(made)
    alone = one.plan
    assert alone is not None
    assert alone.totals.cost < both.totals.cost - 0.01
    assert one.jointly.cars == 1
    # What would be planned for it is still told, and keeps below the fuse.
    assert two.jointly is None
    assert two.plan is not None
    assert two.plan.needed_kwh == pytest.approx(30)
    assert max(watts(two)) <= 16 * 3 * 230 + 1
    asked = await two.async_what_if(Asked(energy_kwh=20.0))
    assert asked.plan.needed_kwh == pytest.approx(20)
    assert [each.connector for each in asked.others] == [one]


async def test_beside_a_car_that_charges_at_once_is_planned_what_it_leaves(
    home: Make,
) -> None:
    made = await home(circuit(16.0))
    one, two = await made.plug(1), await made.plug(2)
    await goal(made, 30.0, 1, 2)
    await searched(made)
    await two.async_set(steered=True, boost=True)
    await made.comes(lambda: two.connector.transaction)
    await made.pass_time(seconds=11)
    await searched(made)
    assert one.plan is not None
    assert two.plan is not None
    # 30 kWh at 16 A take less than three hours, of which nothing is left for the other.
    now = one.plan.made_at
    assert one.plan.power_at(now + timedelta(hours=2)) == 0
    assert one.jointly is not None
    assert one.jointly.cars == 2
    # What would be planned for it without the boost is still told.
    assert two.plan.periods[0].start > now + timedelta(hours=1)
    assert two.jointly is None
    (beside,) = (await one.async_what_if(Asked(energy_kwh=20.0))).others
    assert beside.before.periods[0].start < now + timedelta(hours=1)
    # It has the cheap hours for itself now.
    most = max(each.power_w for each in one.plan.periods)
    assert most == pytest.approx(16 * 3 * 230, abs=1)
    # When it has left, the other is planned anew.
    rounds = of(made).rounds
    await made.unplug(2)
    await made.pass_time(seconds=11)
    await searched(made)
    assert of(made).rounds > rounds
    assert one.jointly.cars == 1


async def test_cars_that_share_nothing_are_planned_apart(home: Make) -> None:
    made = await home()
    one, _ = await made.plug(1), await made.plug(2)
    before = made.of(2).plan
    await one.async_set(target_kwh=5)
    assert one.jointly is None
    assert made.of(2).plan is before
    assert of(made).rounds == 0


async def test_a_limit_of_the_grid_and_an_unplugging_count_for_all(
    home: Make, hass: HomeAssistant
) -> None:
    made = await home()
    one, two = await made.plug(1), await made.plug(2)
    await goal(made, 6.0, 1, 2)
    await hass.services.async_call(
        "ocpp_charging",
        "set_grid_limit",
        {"limit": 4200, "duration": {"hours": 20}},
        blocking=True,
        return_response=True,
    )
    await made.pass_time(seconds=11)
    await searched(made)
    assert max(watts(one, two)) <= 4201
    await made.unplug(2)
    assert two.jointly is None
    await made.pass_time(seconds=11)
    assert one.jointly is None
    assert max(watts(one)) <= 4201


async def test_good_plans_are_there_while_better_ones_are_searched(
    home: Make, search: Search
) -> None:
    made = await home(circuit(20.0), options=START_COST)
    one, two = await made.plug(1), await made.plug(2)
    await goal(made, 30.0, 1, 2)
    await search.has_begun()
    assert one.jointly is not None
    assert one.jointly.searching
    assert max(watts(one, two)) <= 20 * 3 * 230 + 1
    search.may_end.set()
    await searched(made)
    assert not one.jointly.searching
    assert of(made).taken >= 1
    assert of(made).diagnostics()["searching"] is False


@pytest.mark.parametrize("fails", [False, True], ids=["found", "fails"])
async def test_a_plan_that_still_counts_stays_until_the_search_for_another_ends(
    home: Make, search: Search, fails: bool
) -> None:
    search.may_end.set()
    made = await home(circuit(20.0), options=START_COST)
    one, two = await made.plug(1), await made.plug(2)
    await goal(made, 30.0, 1, 2)
    await searched(made)
    before = one.plan
    search.may_end.clear()
    search.begun.clear()
    search.fails = fails
    one.async_request()
    await made.pass_time(seconds=11)
    await search.has_begun()
    assert one.plan is before
    assert one.jointly is not None
    assert one.jointly.searching
    # What is wished is at once in a plan, if only in a quick one.
    await two.async_set(target_kwh=29)
    assert two.plan is not None
    assert two.plan.needed_kwh == pytest.approx(29)
    assert one.plan is before
    search.may_end.set()
    await searched(made)
    assert one.plan is not before
    assert not one.jointly.searching


SEARCHING = Jointly(cars=2, gap=0.1, relative_gap=0.1, searching=True)


async def test_a_quick_plan_waits_a_moment_for_a_better_one(home: Make) -> None:
    made = await home(circuit(20.0))
    plan = await made.plug()
    schedule = Scheduled(made.entry.runtime_data, plan)
    now = dt_util.utcnow()
    for jointly in (None, replace(SEARCHING, searching=False)):
        plan.jointly = jointly
        assert not schedule.is_draft(now)
    plan.jointly = SEARCHING
    assert schedule.is_draft(now)
    assert schedule.is_draft(now + timedelta(seconds=9))
    assert not schedule.is_draft(now + timedelta(seconds=10))
    plan.jointly = None
    assert not schedule.is_draft(now + timedelta(seconds=11))
    plan.jointly = SEARCHING
    assert schedule.is_draft(now + timedelta(seconds=12))


async def test_of_a_quick_plan_and_a_better_one_only_the_better_one_is_told(
    home: Make,
) -> None:
    made = await home(circuit(20.0))
    plan = await made.plug()
    first = plan.plan
    await plan.async_set(target_kwh=8.0, ready_by=time(7))
    second = plan.plan
    assert first is not None
    assert second is not None
    told: list[str] = []
    plan.happenings.listen(lambda happening: told.append(happening.what))
    basis = await plan.async_basis(dt_util.utcnow())
    assert basis is not None
    plan.async_take(basis, first, SEARCHING)
    plan.async_take(basis, second, replace(SEARCHING, searching=False))
    assert told == []
    plan.async_take(basis, first, SEARCHING)
    assert told == []
    plan.async_not_searching()
    assert told == ["plan_changed"]


@pytest.mark.parametrize("happens", ["wish", "unplugged", "request"])
async def test_plans_of_what_is_no_longer_so_are_not_taken(
    home: Make, search: Search, happens: str
) -> None:
    made = await home(circuit(20.0), options=START_COST)
    one, two = await made.plug(1), await made.plug(2)
    await goal(made, 30.0, 1, 2)
    await search.has_begun()
    taken = of(made).taken
    match happens:
        case "wish":
            await two.async_set(target_kwh=29)
            assert two.plan is not None
            assert two.plan.needed_kwh == pytest.approx(29)
        case "unplugged":
            await made.unplug(2)
        case "request":
            two.async_request()
    plan = one.plan
    search.may_end.set()
    await searched(made)
    if happens == "wish":
        assert two.plan is not None
        assert two.plan.needed_kwh == pytest.approx(29)
    else:
        assert one.plan is plan
        assert of(made).taken == taken
    assert search.most_at_work == 1


async def test_the_newest_waits_for_the_search_at_work_and_is_the_next(
    home: Make, search: Search
) -> None:
    made = await home(circuit(20.0), options=START_COST)
    _, two = await made.plug(1), await made.plug(2)
    await goal(made, 30.0, 1, 2)
    await search.has_begun()
    calls = search.calls
    for kwh in (31, 28, 29):
        await two.async_set(target_kwh=kwh)
    assert search.calls == calls
    search.may_end.set()
    await searched(made)
    assert search.calls == calls + 1
    assert search.most_at_work == 1
    assert two.plan is not None
    assert two.plan.needed_kwh == pytest.approx(29)


async def test_a_search_that_fails_leaves_the_good_plans_and_is_told_once(
    home: Make, search: Search, caplog: pytest.LogCaptureFixture
) -> None:
    search.fails = True
    search.may_end.set()
    made = await home(circuit(20.0), options=START_COST)
    one, two = await made.plug(1), await made.plug(2)
    await goal(made, 30.0, 1, 2)
    await searched(made)
    await goal(made, 29.0, 1, 2)
    await searched(made)
    assert search.calls >= 2
    assert caplog.text.count("could not be planned together") == 1
    assert max(watts(one, two)) <= 20 * 3 * 230 + 1


async def test_cars_that_cannot_be_planned_together_are_planned_apart(
    home: Make, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_: Any) -> None:
        raise RuntimeError("bug")

    monkeypatch.setattr(together, "plan_greedy", fails)
    made = await home(circuit(20.0))
    one, two = await made.plug(1), await made.plug(2)
    await goal(made, 30.0, 1, 2)
    assert one.plan is not None
    assert two.plan is not None
    assert caplog.text.count("could not be planned together") == 1


async def test_signals_that_change_make_one_round_for_all(home: Make) -> None:
    made = await home(circuit(20.0))
    await made.plug(1)
    await made.plug(2)
    await goal(made, 30.0, 1, 2)
    await made.pass_time(seconds=20)
    await searched(made)
    rounds = of(made).rounds
    made.hass.config_entries.async_update_entry(
        made.entry, options={"price": {**PRICE, "amount": 0.4}}
    )
    await made.pass_time(seconds=11)
    assert of(made).rounds == rounds + 1


async def test_what_if_reckons_with_the_other_car(home: Make) -> None:
    made = await home(circuit(16.0))
    await made.plug(1)
    two = await made.plug(2)
    await made.of(1).async_set(target_kwh=40, ready_by=time(1))
    await searched(made)
    before = two.plan
    told = await Caller(made.hass, made.entry)(
        "get_plan", of=2, energy_kwh=76, ready_by="2026-11-21 01:00:00"
    )
    assert two.plan is before
    texts = {step["reason"]: step["text"] for step in told["steps"]}
    assert texts["other_car"].startswith("Waiting: CP1 #1 charges first; it is this")


async def test_what_if_says_what_it_does_to_the_other_cars(home: Make) -> None:
    made = await home(circuit(16.0))
    one, two = await made.plug(1), await made.plug(2)
    await one.async_set(target_kwh=30, ready_by=time(5))
    await two.async_set(target_kwh=2, ready_by=time(5))
    await searched(made)
    before, use = one.plan, Caller(made.hass, made.entry)
    told = await use("get_plan", of=2, energy_kwh=20, ready_by="2026-11-21 05:00:00")
    (beside,) = told["others"]
    assert (beside["charger"], beside["connector"]) == ("CP1 #1", 1)
    assert beside["ready_by"] == "2026-11-21T05:00:00+01:00"
    assert before is not None
    assert one.plan is before
    assert beside["before"]["cost"] == pytest.approx(before.totals.cost, rel=0.01)
    assert told["met"]
    assert beside["after"]["met"]
    assert beside["after"]["cost"] > beside["before"]["cost"] + 0.1
    told = await use("get_plan", of=2, minimum_kwh=110, energy_kwh=110)
    (beside,) = told["others"]
    assert beside["before"]["met"]
    assert beside["after"]["met"] is False
    assert beside["after"]["missing_kwh"] > 10
    await made.unplug(2)
    told = await use("get_plan", of=2, minimum_kwh=110, energy_kwh=110)
    assert told["others"][0]["before"]["met"]


async def test_the_peak_of_a_month_is_kept_low(home: Make, hass: HomeAssistant) -> None:
    hass.states.async_set("sensor.peak", "5", {"unit_of_measurement": "kW"})
    peak: dict[str, object] = {"peak_price": 4.0, "peak_window_minutes": "15"}
    options = {"price": PRICE, "planning": {**peak, "peak_so_far": "sensor.peak"}}
    made = await home(options=options)
    one = await made.plug()
    await goal(made, 8.0, 1)
    await searched(made)
    assert one.plan is not None
    assert one.plan.met
    assert 0 < max(watts(one)) <= 5001


async def test_what_the_running_window_has_used_counts_for_the_peak(
    home: Make, hass: HomeAssistant
) -> None:
    options = {
        "price": PRICE,
        "house": {"grid_power": "sensor.grid"},
        "planning": {"peak_price": 4.0, "peak_window_minutes": "15"},
    }
    made = await home(options=options)
    peak = made.entry.runtime_data.planning.peak
    hass.states.async_set("sensor.grid", "6000", {"unit_of_measurement": "W"})
    await made.settle()
    await made.pass_time(seconds=60)
    assert peak.tariff().used_kwh == pytest.approx(0.1)
    assert peak.tariff().so_far_kw == 0
    await made.pass_time(minutes=15)
    assert peak.tariff().used_kwh == 0


@pytest.mark.parametrize(
    ("zone", "moment"),
    [
        pytest.param("Europe/Berlin", "2026-03-29T01:20:00+00:00", id="spring"),
        pytest.param("Europe/Berlin", "2026-10-25T01:20:00+00:00", id="autumn"),
        pytest.param("Asia/Kolkata", "2026-11-20T17:03:00+00:00", id="half-hour"),
        pytest.param("Asia/Kathmandu", "2026-11-20T17:03:00+00:00", id="quarters"),
        pytest.param("Australia/Lord_Howe", "2026-10-03T17:50:00+00:00", id="30-min"),
    ],
)
async def test_a_window_of_the_peak_begins_at_the_homes_full_hour(
    home: Make, hass: HomeAssistant, zone: str, moment: str
) -> None:
    options = {
        "price": PRICE,
        "house": {"grid_power": "sensor.grid"},
        "planning": {"peak_price": 4.0, "peak_window_minutes": "60"},
    }
    made = await home(options=options)
    await hass.config.async_update(time_zone=zone)
    made.freezer.move_to(moment)
    peak = made.entry.runtime_data.planning.peak
    now = dt_util.utcnow()
    start = next(window_edges(peak.tariff(), now, 10.0))[0]
    begun = dt_util.as_local(now + timedelta(seconds=start))
    assert (begun.minute, begun.second) == (0, 0)
    hass.states.async_set("sensor.grid", "6000", {"unit_of_measurement": "W"})
    await made.settle()
    made.freezer.tick(timedelta(seconds=60))
    assert peak.tariff().used_kwh == pytest.approx(0.1)
    made.freezer.move_to(now + timedelta(seconds=start + 3599))
    assert peak.tariff().used_kwh == pytest.approx(0.1)
    made.freezer.tick(timedelta(seconds=1))
    assert peak.tariff().used_kwh == 0
