"""What the plan's entities say in nights without prices, and when clocks change."""

from datetime import datetime, time, timedelta
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
import pytest

from custom_components.ocpp_charging.planning import ConnectorPlan, Happened, Mode

from ..entities import state_of
from . import conftest
from .conftest import BERLIN, NOW, Home, Make, car
from .test_plan_calendar import events

PLACE = "cp1_connector_1"
LISTED = {"price": {"reader": "list_attribute", "target": "sensor.prices"}}


def prices(hass: HomeAssistant, start: datetime, *each: float) -> None:
    """Let a sensor tell prices of hours from a time on."""
    begin = dt_util.as_utc(start)
    hour = timedelta(hours=1)
    rows = [
        {
            "start": (begin + n * hour).isoformat(),
            "end": (begin + (n + 1) * hour).isoformat(),
            "value": price,
        }
        for n, price in enumerate(each)
    ]
    hass.states.async_set(
        "sensor.prices",
        str(each[0]),
        {"unit_of_measurement": "EUR/kWh", "prices": rows},
    )


def shown(hass: HomeAssistant) -> dict[str, Any]:
    """Return the states of the entities of the first connector's plan."""
    names = {
        "reachable": "binary_sensor.{}_goal_reachable",
        "reason": "sensor.{}_plan_reason",
        "cost": "sensor.{}_expected_cost",
        "end": "sensor.{}_expected_end",
        "event": "event.{}_plan",
    }
    return {key: state_of(hass, name.format(PLACE)) for key, name in names.items()}


async def planned(hass: HomeAssistant, now: datetime) -> list[tuple[str, str]]:
    """Return when charging is planned, by the calendar."""
    told = await events(hass, now, now + timedelta(days=2))
    return [
        (each["start"], each["end"])
        for each in told
        if each["summary"].endswith("planned")
    ]


async def smart(made: Home, **wished: Any) -> ConnectorPlan:
    """Plug a car in that follows its plan."""
    one = await made.plug()
    await one.async_set(steered=True, mode=Mode.SMART, **wished)
    await made.settle()
    return one


async def test_without_prices_the_calendar_and_the_goal_are_as_late_as_is_safe(
    home: Make, hass: HomeAssistant
) -> None:
    made = await home(car(target_soc=80.0), soc=50, options={})
    one = await smart(made, ready_by=time(7))
    told = shown(hass)
    assert told["reachable"].state == "on"
    assert told["reason"].state == "late_start"
    assert told["cost"].state == "unknown"
    ((start, end),) = await planned(hass, NOW)
    assert start == "2026-11-21T04:56:18+01:00"
    assert end == "2026-11-21T06:45:00+01:00"
    assert one.happenings.last is not None
    assert one.happenings.last.what is Happened.PLAN_CHANGED
    await one.async_set(target_kwh=200)
    told = shown(hass)
    assert told["reachable"].state == "off"
    assert "kWh will be missing" in told["reachable"].attributes["text"]
    assert told["event"].attributes["event_type"] == "goal_at_risk"


async def test_prices_that_end_in_the_night_and_those_that_come_then(
    home: Make, hass: HomeAssistant
) -> None:
    prices(hass, NOW.replace(minute=0), *[0.3] * 5, 0.2)
    made = await home(car(target_soc=80.0), soc=50, options=LISTED)
    await smart(made, ready_by=time(7))
    told = shown(hass)
    assert told["reachable"].state == "on"
    assert told["reason"].state == "prices_later"
    assert told["reason"].attributes["text"] == (
        "The known prices end at 00:00: what can wait, waits for the next"
    )
    assert all(start > "2026-11-21T00" for start, _ in await planned(hass, NOW))
    prices(hass, NOW.replace(minute=0), *[0.3] * 5, 0.2, *[0.1] * 3, *[0.4] * 30)
    await made.pass_time(seconds=11)
    told = shown(hass)
    assert told["reason"].state == "cheaper_later"
    assert told["event"].attributes["event_type"] == "plan_changed"
    assert float(told["cost"].state) == pytest.approx(2.0, abs=0.01)
    assert {start[:13] for start, _ in await planned(hass, NOW)} <= {
        "2026-11-21T00",
        "2026-11-21T01",
    }


@pytest.mark.parametrize(
    ("day", "until", "ends", "hours"),
    [
        pytest.param("2026-10-24", time(7), "2026-10-25T07:00:00+01:00", 12, id="long"),
        pytest.param(
            "2026-10-24", time(2, 30), "2026-10-25T02:30:00+02:00", 6.5, id="twice"
        ),
        pytest.param(
            "2027-03-27", time(7), "2027-03-28T07:00:00+02:00", 10, id="short"
        ),
        pytest.param(
            "2027-03-27", time(2, 30), "2027-03-28T03:30:00+02:00", 6.5, id="skipped"
        ),
    ],
)
async def test_when_the_clocks_change_all_is_by_the_clock_of_its_hour(
    home: Make,
    hass: HomeAssistant,
    monkeypatch: pytest.MonkeyPatch,
    day: str,
    until: time,
    ends: str,
    hours: float,
) -> None:
    evening = datetime.fromisoformat(f"{day}T20:00:00").replace(tzinfo=BERLIN)
    monkeypatch.setattr(conftest, "NOW", evening)
    made = await home(car(target_soc=70.0), soc=50)
    one = await smart(made, ready_by=until)
    now = dt_util.utcnow()
    assert one.ready_by is not None
    told = state_of(hass, f"sensor.{PLACE}_energy_needed").attributes["ready_by"]
    assert told == ends
    assert (one.ready_by - evening).total_seconds() / 3600 == hours
    assert shown(hass)["reachable"].state == "on"
    times = await planned(hass, evening)
    moments = [datetime.fromisoformat(each) for one in times for each in one]
    assert moments == sorted(moments)
    assert now <= moments[0]
    assert moments[-1] <= one.ready_by
    finish = datetime.fromisoformat(shown(hass)["end"].state)
    assert finish == moments[-1]
    # It is cheap from 1:00 to 5:00 by the clock on the wall.
    assert time(1) <= moments[0].time()
    assert moments[-1].time() <= time(5)
