"""The blueprints, in Home Assistant's own automations."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import time, timedelta
from functools import partial
from pathlib import Path
import re
import shutil
from typing import Any
from urllib.parse import quote

from homeassistant.components.automation.config import AUTOMATION_BLUEPRINT_SCHEMA
from homeassistant.components.blueprint.models import Blueprint
from homeassistant.config_entries import ConfigSubentryData
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.setup import async_setup_component
from homeassistant.util.yaml import load_yaml_dict
import pytest
from pytest_homeassistant_custom_component.common import async_mock_service

from custom_components.ocpp_charging.planning import Mode

from ..entities import value
from ..signals.calendars import Calendar, calendar
from .conftest import Make, car

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "blueprints/automation/ocpp_charging"
NAMES = ["boost_by_tag", "departure_from_calendar", "notify_goal_at_risk"]
PLACE = "cp1_connector_1"


type Automate = Callable[..., Awaitable[None]]


@pytest.fixture
async def automate(hass: HomeAssistant) -> AsyncGenerator[Automate]:
    """Return how to make an automation of a blueprint, as after importing it."""

    async def make(name: str, **inputs: Any) -> None:
        target = hass.config.path("blueprints/automation/ocpp_charging")
        await hass.async_add_executor_job(
            partial(shutil.copytree, FOLDER, target, dirs_exist_ok=True)
        )
        config = {
            "use_blueprint": {"path": f"ocpp_charging/{name}.yaml", "input": inputs},
            "alias": "made",
        }
        assert await async_setup_component(hass, "automation", {"automation": [config]})
        await hass.async_block_till_done()
        assert value(hass, "automation.made") == "on"

    yield make
    await hass.services.async_call(
        "automation", "turn_off", {"entity_id": "automation.made"}, blocking=True
    )


@pytest.fixture
async def trips(hass: HomeAssistant) -> AsyncGenerator[Calendar]:
    """Return the calendar `calendar.grid`."""
    made = await calendar(hass)
    yield made
    await made.async_remove()


def connector_device(hass: HomeAssistant) -> str:
    found = er.async_get(hass).async_get(f"select.{PLACE}_charging_mode")
    assert found is not None
    assert found.device_id is not None
    return found.device_id


@pytest.mark.parametrize("name", NAMES)
def test_a_blueprint_is_one_and_says_where_it_comes_from(name: str) -> None:
    path = FOLDER / f"{name}.yaml"
    blueprint = Blueprint(
        load_yaml_dict(str(path)),
        path=path.name,
        expected_domain="automation",
        schema=AUTOMATION_BLUEPRINT_SCHEMA,
    )
    assert blueprint.validate() is None
    source = blueprint.metadata["source_url"]
    assert source.endswith(f"/{path.relative_to(ROOT)}")
    page = (ROOT / "docs/automations.md").read_text()
    assert f"blueprint_import/?blueprint_url={quote(source, safe='')})" in page


def test_every_blueprint_is_tried_here() -> None:
    assert sorted(each.stem for each in FOLDER.glob("*.yaml")) == NAMES


async def test_the_car_is_ready_for_the_next_trip_in_the_calendar(
    home: Make, hass: HomeAssistant, automate: Automate, trips: Calendar
) -> None:
    made = await home(car(target_soc=80.0), soc=50)
    one = await made.plug()
    await trips.add("Holiday", start="2026-11-20", end="2026-11-22")
    await trips.add("Cinema", start="2026-11-21T05:00:00", end="2026-11-21T07:00:00")
    await trips.add(
        "TRIP to Bremen", start="2026-11-21T08:15:00", end="2026-11-21T20:00:00"
    )
    await automate(
        "departure_from_calendar",
        calendar="calendar.grid",
        charger=connector_device(hass),
        words="trip",
        margin=15,
        target_soc=90,
    )
    assert one.wishes.ready_by is None
    await made.pass_time(minutes=12)
    assert one.wishes.ready_by == time(8)
    assert one.wishes.one_off is not None
    assert one.wishes.target_soc == 90
    assert one.ready_by == one.wishes.one_off


async def test_a_calendar_without_a_trip_sets_nothing(
    home: Make, hass: HomeAssistant, automate: Automate, trips: Calendar
) -> None:
    made = await home(car(), soc=50)
    one = await made.plug()
    await automate(
        "departure_from_calendar",
        calendar="calendar.grid",
        charger=connector_device(hass),
    )
    await trips.add("Far away", start="2026-11-23T08:15:00", end="2026-11-23T20:00:00")
    await made.pass_time(minutes=12)
    assert one.wishes.ready_by is None


async def test_the_charger_s_own_calendar_is_no_calendar_of_trips(
    home: Make, hass: HomeAssistant, automate: Automate
) -> None:
    made = await home(car(target_soc=80.0), soc=50)
    one = await made.plug()
    own = next(
        entry.entity_id
        for entry in er.async_get(hass).entities.values()
        if entry.platform == "ocpp_charging" and entry.domain == "calendar"
    )
    await made.settle()
    assert one.plan is not None
    assert one.plan.periods
    told = async_mock_service(hass, "ocpp_charging", "set_goal")
    await automate(
        "departure_from_calendar",
        calendar=own,
        charger=connector_device(hass),
        margin=0,
        ahead=72,
    )
    await made.pass_time(minutes=16)
    assert not told


async def test_a_goal_out_of_reach_is_told(
    home: Make, hass: HomeAssistant, automate: Automate
) -> None:
    made = await home(car(target_soc=100.0), soc=0)
    told = async_mock_service(hass, "notify", "phone")
    one = await made.plug()
    await automate(
        "notify_goal_at_risk",
        goal=f"binary_sensor.{PLACE}_goal_reachable",
        wait=5,
        actions=[
            {
                "action": "notify.phone",
                "data": {"title": "{{ place }}", "message": "{{ text }}"},
            }
        ],
    )
    await one.async_set(ready_by=time(20))
    await made.settle()
    # In steps, or the charger would be taken for lost.
    for _ in range(12):
        await made.pass_time(seconds=20)
    assert not told
    for _ in range(6):
        await made.pass_time(seconds=20)
    (call,) = told
    assert re.fullmatch(r"CP1 [Cc]onnector 1|Connector 1", call.data["title"])
    assert "will be missing" in call.data["message"]
    assert "It can be ready by" in call.data["message"]


async def test_what_tells_of_the_goal_is_home_assistant_by_default(
    home: Make, hass: HomeAssistant, automate: Automate
) -> None:
    made = await home(car(target_soc=100.0), soc=0)
    told = async_mock_service(hass, "persistent_notification", "create")
    one = await made.plug()
    await automate("notify_goal_at_risk", goal=f"binary_sensor.{PLACE}_goal_reachable")
    await one.async_set(ready_by=time(20))
    await made.settle()
    for _ in range(18):
        await made.pass_time(seconds=20)
    assert len(told) == 1


async def test_a_card_boosts_and_another_does_not(
    home: Make, hass: HomeAssistant, automate: Automate
) -> None:
    tags = [
        ConfigSubentryData(
            data={"id_tag": number, "enabled": True},
            subentry_type="tag",
            title=title,
            unique_id=number.lower(),
        )
        for number, title in (("04A1B2", "Red card"), ("04C3D4", "Blue card"))
    ]
    made = await home(*tags)
    one = await made.plug()
    await one.async_set(steered=True, mode=Mode.SMART)
    await made.settle()
    # The entity appears with the first card.
    await made.cp.call("Authorize", {"idTag": "04C3D4"})
    await made.settle()
    await automate(
        "boost_by_tag",
        presented="event.cp1_id_tag_presented",
        tag="red card",
        boost=f"switch.{PLACE}_boost",
    )
    await made.cp.call("Authorize", {"idTag": "04C3D4"})
    await made.settle()
    assert not one.wishes.boost
    await made.cp.call("Authorize", {"idTag": "04A1B2"})
    await made.settle()
    assert one.wishes.boost
    # A charger that comes back shows its last event again: that boosts nothing.
    await one.async_set(boost=False)
    made.freezer.tick(timedelta(minutes=10))
    state = hass.states.get("event.cp1_id_tag_presented")
    assert state is not None
    hass.states.async_set(state.entity_id, "unavailable", state.attributes)
    hass.states.async_set(state.entity_id, state.state, state.attributes)
    await made.settle()
    assert not one.wishes.boost
