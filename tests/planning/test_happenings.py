"""What happens to a plan, told once to automations."""

from dataclasses import replace
from datetime import time, timedelta

from homeassistant.config_entries import ConfigSubentryData
from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import async_capture_events

from custom_components.ocpp_charging.planning import Happened
from custom_components.ocpp_charging.planning.happenings import blocks, differs

from ..entities import state_of
from .conftest import Make, car

EVENT = "event.cp1_connector_1_plan"


async def test_a_plan_that_changes_and_a_goal_out_of_reach_are_told_once(
    home: Make, hass: HomeAssistant
) -> None:
    made = await home(car(target_soc=80.0), soc=50)
    seen: list[str] = []
    made.of().happenings.listen(lambda happening: seen.append(happening.what))
    one = await made.plug()
    assert seen == ["plan_changed"]
    await one.async_set(ready_by=time(3))
    assert seen == ["plan_changed", "plan_changed"]
    state = state_of(hass, EVENT)
    assert state.attributes["event_type"] == "plan_changed"
    assert state.attributes["needed_kwh"] == 20
    assert state.attributes["ready_by"] == "2026-11-21T03:00:00+01:00"
    assert state.attributes["text"] == "Waiting: 01:11 is 33 % cheaper"
    seen.clear()
    await one.async_replan()
    await made.pass_time(minutes=15)
    assert not seen
    await one.async_set(ready_by=time(19))
    assert seen == ["plan_changed", "goal_at_risk"]
    state = state_of(hass, EVENT)
    assert state.attributes["event_type"] == "goal_at_risk"
    assert state.attributes["missing_kwh"] > 1
    assert "missing" in state.attributes["text"]
    await one.async_set(ready_by=time(19), greenness=5)
    assert seen.count("goal_at_risk") == 1
    await one.async_set(ready_by=time(7))
    await one.async_set(ready_by=time(19))
    assert seen.count("goal_at_risk") == 2


async def test_another_part_tells_what_it_did_for_the_fuse(
    home: Make, hass: HomeAssistant
) -> None:
    made = await home()
    made.of().happenings.tell(Happened.FUSE_PROTECTED, {"circuit": "Garage"})
    state = state_of(hass, EVENT)
    assert state.attributes["event_type"] == "fuse_protected"
    assert state.attributes["circuit"] == "Garage"


async def test_a_home_with_a_fuse_and_nothing_to_plan_with_has_the_event(
    home: Make, hass: HomeAssistant
) -> None:
    fuse = ConfigSubentryData(
        data={"limit_a": [25, 25, 25]},
        subentry_type="circuit",
        title="Main fuse",
        unique_id=None,
    )
    await home(fuse, options={})
    assert state_of(hass, EVENT).state == "unknown"


async def test_a_plan_that_stays_writes_no_event(
    home: Make, hass: HomeAssistant
) -> None:
    made = await home(car(target_soc=80.0), soc=50)
    one = await made.plug()
    await one.async_set(ready_by=time(7))
    await made.settle()
    events = async_capture_events(hass, "state_changed")
    for _ in range(3):
        await one.async_replan()
    await made.settle()
    assert not [each for each in events if each.data["entity_id"] == EVENT]


async def test_powers_without_a_pause_are_one_time_of_charging(home: Make) -> None:
    made = await home(car(target_soc=80.0), soc=50)
    one = await made.plug()
    await one.async_set(ready_by=time(7))
    assert one.plan is not None
    whole = one.plan.periods[-1]
    middle = whole.start + timedelta(minutes=30)
    half = replace(whole, end=middle, energy_kwh=5.0)
    rest = replace(whole, start=middle, power_w=4000.0, energy_kwh=3.0)
    split = replace(one.plan, periods=(half, rest))
    (block,) = blocks(split)
    assert (block.start, block.end) == (whole.start, whole.end)
    assert block.energy_kwh == 8
    assert not differs(split, replace(split, periods=(whole,)))
    assert differs(split, replace(split, periods=(half,)))
    assert differs(split, replace(split, periods=()))
