"""The calendar of a connector: past sessions from the record, planned ones ahead."""

from datetime import datetime, time, timedelta
from typing import Any
from unittest.mock import patch

from homeassistant.config_entries import ConfigSubentryData
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
import pytest

from custom_components.ocpp_charging.ledger import Cause, Ledger, LedgerUnavailable
from custom_components.ocpp_charging.planning import Mode

from ..entities import meter, state_of, value
from .conftest import NOW, Home, Make, car

CALENDAR = "calendar.cp1_connector_1_charging_sessions"


async def events(
    hass: HomeAssistant, start: datetime, end: datetime
) -> list[dict[str, Any]]:
    told: Any = await hass.services.async_call(
        "calendar",
        "get_events",
        {
            "entity_id": CALENDAR,
            "start_date_time": start.isoformat(),
            "end_date_time": end.isoformat(),
        },
        blocking=True,
        return_response=True,
    )
    found: list[dict[str, Any]] = told[CALENDAR]["events"]
    return found


def is_over_or_ahead(event: dict[str, Any]) -> bool:
    """Say whether an event is no session that runs: the charger is being steered."""
    return not str(event["summary"]).endswith("so far")


async def session(made: Home, *, hours: float, wh: int, id_tag: str = "") -> None:
    """Have a car charge for some hours."""
    began = datetime.now(NOW.tzinfo)
    response = await made.cp.call(
        "StartTransaction",
        {
            "connectorId": 1,
            "idTag": id_tag or "HomeAssistant",
            "meterStart": 0,
            "timestamp": began.isoformat(),
        },
    )
    made.freezer.tick(timedelta(hours=hours))
    await made.cp.call(
        "StopTransaction",
        {
            "transactionId": response["transactionId"],
            "meterStop": wh,
            "timestamp": (began + timedelta(hours=hours)).isoformat(),
        },
    )
    await made.settle()


async def test_what_was_charged_and_what_is_planned_are_in_the_calendar(
    home: Make, hass: HomeAssistant
) -> None:
    made = await home(car(target_soc=80.0), soc=50)
    await session(made, hours=2, wh=7400)
    one = await made.plug()
    await one.async_set(steered=True, mode=Mode.SMART, ready_by=time(7))
    await made.settle()
    told = await events(hass, NOW - timedelta(days=1), NOW + timedelta(days=1))
    found = [each for each in told if is_over_or_ahead(each)]
    assert [each["summary"] for each in found] == [
        "7.4 kWh charged",
        "Car: 20.0 kWh planned",
    ]
    assert found[0]["start"] == "2026-11-20T18:03:00+01:00"
    assert found[0]["end"] == "2026-11-20T20:03:00+01:00"
    assert found[1]["end"] == "2026-11-21T05:00:00+01:00"
    assert value(hass, CALENDAR) == "off"
    assert state_of(hass, CALENDAR).attributes["message"] == "Car: 20.0 kWh planned"
    assert one.next_start is not None
    made.freezer.move_to(one.next_start)
    await made.pass_time(seconds=1)
    assert value(hass, CALENDAR) == "on"
    # What is not followed will not happen.
    await one.async_set(boost=True)
    told = await events(hass, NOW - timedelta(days=1), NOW + timedelta(days=1))
    found = [each for each in told if is_over_or_ahead(each)]
    assert [each["summary"] for each in found] == ["7.4 kWh charged"]
    assert "message" not in state_of(hass, CALENDAR).attributes


async def test_a_session_that_runs_and_one_that_began_before_are_found(
    home: Make, hass: HomeAssistant
) -> None:
    tag = ConfigSubentryData(
        data={"id_tag": "04A1B2", "enabled": True},
        subentry_type="tag",
        title="Blue card",
        unique_id="04a1b2",
    )
    made = await home(tag)
    await session(made, hours=3, wh=12_000, id_tag="04A1B2")
    transaction = await made.charge()
    made.freezer.tick(timedelta(minutes=30))
    await meter(
        made.cp, transaction_id=transaction, Energy_Active_Import_Register="1500"
    )
    await made.settle()
    start = NOW + timedelta(hours=2)
    found = await events(hass, start, start + timedelta(hours=12))
    assert [each["summary"] for each in found] == [
        "Blue card: 12.0 kWh charged",
        "1.5 kWh so far",
    ]
    assert not await events(hass, NOW - timedelta(days=3), NOW - timedelta(days=1))
    await made.cp.stop()
    await made.told(made.of(), lambda: not made.of().charger.connected)
    assert value(hass, CALENDAR) == "off"


async def test_a_tag_of_a_car_is_shown_as_the_car(
    home: Make, hass: HomeAssistant
) -> None:
    made = await home(car())
    (vehicle,) = made.entry.runtime_data.vehicles.vehicles.values()
    tagged = type(vehicle.settings)(
        key=vehicle.key, name="Zoe", id_tags=frozenset({"04a1b2"})
    )
    with patch.object(vehicle, "settings", tagged):
        await session(made, hours=1, wh=3000, id_tag="04A1B2")
        found = await events(hass, NOW, NOW + timedelta(days=1))
    assert [each["summary"] for each in found] == ["Zoe: 3.0 kWh charged"]


async def test_a_record_that_cannot_be_read_is_said(
    home: Make, hass: HomeAssistant
) -> None:
    await home()
    with (
        patch.object(Ledger, "sessions", side_effect=LedgerUnavailable(Cause.LOCKED)),
        pytest.raises(HomeAssistantError, match="record"),
    ):
        await events(hass, NOW, NOW + timedelta(days=1))
