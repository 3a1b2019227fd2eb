"""What Home Assistant shows of a plan."""

from datetime import time
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import async_capture_events
from syrupy.assertion import SnapshotAssertion

from custom_components.ocpp_charging.charging import ReasonKey
from custom_components.ocpp_charging.charging.surplus import SunWhy
from custom_components.ocpp_charging.plan_sensor import (
    PLAN_BINARY_SENSORS,
    PLAN_SENSORS,
    SUN_REASONS,
    WHATEVER_IS_PLANNED,
)
from custom_components.ocpp_charging.planning import Mode
from custom_components.ocpp_charging.planning.course import Because
from custom_components.ocpp_charging.planning.sun_told import PhasesWhy
from custom_components.ocpp_charging.planning.wishes import Override

from ..entities import state_of, value
from ..flows import _texts
from .conftest import Make, car
from .test_steering import patient, steered

__all__ = ["patient"]

KEYS = [each.key for each in (*PLAN_SENSORS, *PLAN_BINARY_SENSORS)]


def entities(hass: HomeAssistant) -> dict[str, str]:
    """Return the entities of connector 1's plan by their keys."""
    return {
        key: one.entity_id
        for one in er.async_get(hass).entities.values()
        for key in KEYS
        if one.unique_id.endswith(f"_CP1_1_{key}")
    }


async def test_the_entities_of_a_plan(
    home: Make, hass: HomeAssistant, snapshot: SnapshotAssertion
) -> None:
    made = await home(car(target_soc=80.0), soc=50)
    found = entities(hass)
    assert sorted(found) == sorted(KEYS)
    assert value(hass, found["reason"]) == "no_car"
    one = await made.plug()
    await one.async_set(mode=Mode.SMART, ready_by=time(7))
    await made.settle()
    for key in KEYS:
        state = state_of(hass, found[key])
        assert {
            "state": state.state,
            "attributes": dict(state.attributes),
        } == snapshot(name=key)
    assert state_of(hass, found["reason"]).attributes["text"] == (
        "Waiting: 03:11 is 33 % cheaper"
    )
    await made.unplug()
    assert value(hass, found["plan"]) == "unknown"


async def test_a_home_that_plans_nothing_has_no_entities_of_plans(
    home: Make, hass: HomeAssistant
) -> None:
    made = await home(options={})
    assert not entities(hass)
    await made.of().async_set(greenness=50)
    await made.settle()
    assert sorted(entities(hass)) == sorted(KEYS)
    await made.of().async_set(greenness=0)
    assert await hass.config_entries.async_reload(made.entry.entry_id)
    assert sorted(entities(hass)) == sorted(KEYS)
    states = {hass.states.get(each) for each in entities(hass).values()}
    assert all(
        state is not None and not state.attributes.get("restored") for state in states
    )


async def test_they_are_unavailable_while_the_charger_is(
    home: Make, hass: HomeAssistant
) -> None:
    made = await home()
    found = entities(hass)
    await made.cp.stop()
    await made.told(made.of(), lambda: not made.of().charger.connected)
    assert {value(hass, each) for each in found.values()} == {"unavailable"}


async def test_a_goal_out_of_reach_says_what_is_missing(
    home: Make, hass: HomeAssistant
) -> None:
    made = await home(car(target_soc=100.0), soc=0)
    one = await made.plug()
    await one.async_set(ready_by=time(20))
    await made.settle()
    state = state_of(hass, entities(hass)["goal_reachable"])
    assert state.state == "off"
    assert state.attributes["missing_kwh"] == pytest.approx(45.2, abs=0.1)
    # No charger at home has the 34 kW with which it would be in time.
    assert "kW it would be" not in state.attributes["text"]
    await one.async_set(ready_by=time(22))
    await made.settle()
    state = state_of(hass, entities(hass)["goal_reachable"])
    assert "With 16.9 kW it would be in time." in state.attributes["text"]


@pytest.mark.parametrize(
    ("because", "wishes", "switched", "text"),
    [
        (Because.FAST, {"mode": Mode.FAST}, None, "Charging at once: the mode is fast"),
        (Because.OFF, {"mode": Mode.OFF}, None, "Not charging: the mode is off"),
        (Because.BOOST, {"boost": True}, None, "Charging at once: boost is on"),
        (
            Because.BOOST,
            {"boost": True, "mode": Mode.OFF},
            None,
            "Charging at once: boost is on",
        ),
        (
            Because.OVERRIDE_ON,
            {"mode": Mode.OFF},
            Override.ON,
            "Charging at once: you have switched it on",
        ),
        (
            Because.OVERRIDE_OFF,
            {"boost": True},
            Override.OFF,
            "Not charging: you have switched it off",
        ),
    ],
    ids=["fast", "off", "boost", "boost-in-off", "switched-on", "switched-off"],
)
async def test_what_counts_whatever_the_plan_says_is_told_first(
    home: Make,
    hass: HomeAssistant,
    because: Because,
    wishes: dict[str, Any],
    switched: Override | None,
    text: str,
) -> None:
    made = await home(car(target_soc=80.0), soc=50)
    reason = entities(hass)["reason"]
    one = await steered(made, mode=Mode.SMART, ready_by=time(7))
    by_plan = "Waiting: 03:11 is 33 % cheaper"
    assert state_of(hass, reason).attributes["text"] == by_plan
    await one.async_set(**wishes)
    if switched is not None:
        one.async_override(switched)
    await made.comes(lambda: value(hass, reason) == because)
    attributes = state_of(hass, reason).attributes
    assert attributes["text"].startswith(text)
    assert attributes["planned_text"] == by_plan
    await one.async_set(boost=False, mode=Mode.SMART, override=None)
    await made.comes(lambda: value(hass, reason) == ReasonKey.CHEAPER_LATER)
    assert state_of(hass, reason).attributes["text"] == by_plan
    assert "planned_text" not in state_of(hass, reason).attributes


def test_every_reason_has_a_state_and_a_text() -> None:
    texts = _texts()
    states = texts["entity"]["sensor"]["reason"]["state"]
    others = {*WHATEVER_IS_PLANNED, "no_car", "failed"}
    assert set(states) == {*ReasonKey, *SUN_REASONS.values(), *others}
    words = texts["selector"]["plan_reason"]["options"]
    ends = {"", "_plain", "_brief", "_co2", "_both"}
    assert set(ReasonKey) <= set(words)
    assert set(words) <= {f"{key}{end}" for key in ReasonKey for end in ends}
    assert set(texts["selector"]["steered_by"]["options"]) == set(WHATEVER_IS_PLANNED)
    words = texts["selector"]["sun_why"]["options"]
    assert {each.removesuffix("_plain") for each in words} == set(SunWhy)
    assert set(texts["selector"]["sun_phases"]["options"]) == set(PhasesWhy)


async def test_the_state_is_written_when_a_step_of_the_plan_ends(
    home: Make, hass: HomeAssistant
) -> None:
    made = await home(car(target_soc=80.0), soc=50)
    found = entities(hass)
    one = await made.plug()
    await one.async_set(ready_by=time(7))
    start = one.next_start
    assert start is not None
    assert value(hass, found["plan"]) == "0.0"
    changes = async_capture_events(hass, "state_changed")
    made.freezer.move_to(start)
    await made.pass_time(seconds=1)
    assert value(hass, found["plan"]) == "11.04"
    assert value(hass, found["next_start"]) == "unknown"
    assert any(one.data["entity_id"] == found["plan"] for one in changes)
