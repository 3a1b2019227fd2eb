"""The actions for charging profiles, seen on the charger."""

from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.ocpp_charging.csms import control
from custom_components.ocpp_charging.csms.model import Features
from simulator import ChargePoint

from .actions import RAW, Caller, charge, last
from .conftest import Simulated, charger_of


@pytest.fixture
def use(hass: HomeAssistant, charger_entry: MockConfigEntry) -> Caller:
    return Caller(hass, charger_entry)


@pytest.fixture
async def cp(charger_entry: MockConfigEntry, simulated: Simulated) -> ChargePoint:
    return await simulated(charger_entry)


@pytest.fixture
async def cp2(charger_entry: MockConfigEntry, simulated: Simulated) -> ChargePoint:
    return await simulated(charger_entry, connectors=2)


async def test_a_limit_is_installed_listed_and_felt(
    use: Caller, cp: ChargePoint
) -> None:
    response = await use("set_charging_profile", of=1, limit=9.96, duration="02:00:00")
    sent = last(cp, "SetChargingProfile")
    profile = sent["csChargingProfiles"]
    assert sent["connectorId"] == response["connector"] == 1
    assert profile["chargingProfileId"] == response["profile_id"]
    assert profile["chargingProfilePurpose"] == "TxDefaultProfile"
    assert profile["chargingSchedule"]["duration"] == 7200
    assert profile["chargingSchedule"]["chargingSchedulePeriod"] == [
        {"startPeriod": 0, "limit": 10.0}
    ]
    listed = await use("get_charging_profiles", of=1)
    assert {"connector": 1, "profile": profile} in listed["profiles"]
    schedule = await use("get_composite_schedule", of=1, duration="01:00:00", unit="A")
    assert last(cp, "GetCompositeSchedule") == {
        "connectorId": 1,
        "duration": 3600,
        "chargingRateUnit": "A",
    }
    assert schedule["unit"] == "A"
    assert schedule["periods"][0]["limit"] == 10.0


async def test_periods_become_a_recurring_profile(use: Caller, cp: ChargePoint) -> None:
    await use(
        "set_charging_profile",
        of=1,
        recurrence="daily",
        periods=[{"start": "00:00:00", "limit": 16}, {"start": "06:30:00", "limit": 0}],
    )
    profile = last(cp, "SetChargingProfile")["csChargingProfiles"]
    assert profile["chargingProfileKind"] == "Recurring"
    assert profile["recurrencyKind"] == "Daily"
    assert profile["chargingSchedule"]["chargingSchedulePeriod"] == [
        {"startPeriod": 0, "limit": 16.0},
        {"startPeriod": 23_400, "limit": 0.0},
    ]


async def test_a_tx_profile_is_for_the_running_session(
    use: Caller, cp: ChargePoint
) -> None:
    error = await use.refused(
        "set_charging_profile", of=1, limit=8, purpose="tx_profile"
    )
    assert isinstance(error, ServiceValidationError)
    assert error.translation_key == "no_transaction"
    transaction_id = await charge(use, cp)
    await use("set_charging_profile", of=1, limit=8, purpose="tx_profile")
    profile = last(cp, "SetChargingProfile")["csChargingProfiles"]
    assert profile["transactionId"] == transaction_id


async def test_the_chargers_maximum_is_for_the_charger(
    use: Caller, cp: ChargePoint
) -> None:
    maximum: dict[str, Any] = {"limit": 20, "purpose": "charge_point_max_profile"}
    response = await use("set_charging_profile", **maximum)
    assert response["connector"] == last(cp, "SetChargingProfile")["connectorId"] == 0
    error = await use.refused("set_charging_profile", of=1, **maximum)
    assert error.translation_key == "max_profile_needs_charger"


async def test_a_raw_profile_is_sent_as_it_is(use: Caller, cp: ChargePoint) -> None:
    response = await use("set_charging_profile", of=1, profile=RAW)
    assert response == {"connector": 1, "profile_id": 7}
    assert last(cp, "SetChargingProfile")["csChargingProfiles"] == RAW


async def test_a_raw_tx_profile_gets_the_running_transaction(
    use: Caller, cp: ChargePoint
) -> None:
    raw = {**RAW, "chargingProfilePurpose": "TxProfile"}
    error = await use.refused("set_charging_profile", of=1, profile=raw)
    assert error.translation_key == "no_transaction"
    transaction_id = await charge(use, cp)
    await use("set_charging_profile", of=1, profile=raw)
    profile = last(cp, "SetChargingProfile")["csChargingProfiles"]
    assert profile == {**raw, "transactionId": transaction_id}


async def test_a_raw_profile_for_the_whole_charger_needs_no_connector(
    use: Caller, cp2: ChargePoint
) -> None:
    raw = {**RAW, "chargingProfilePurpose": "ChargePointMaxProfile"}
    await use("set_charging_profile", profile=raw)
    assert last(cp2, "SetChargingProfile")["connectorId"] == 0


@pytest.mark.parametrize("change", [{"stackLevel": "high"}, {"colour": "green"}])
async def test_a_raw_profile_outside_the_protocol_is_not_sent(
    use: Caller, cp: ChargePoint, change: dict[str, Any]
) -> None:
    before = cp.received_calls("SetChargingProfile")
    error = await use.refused("set_charging_profile", of=1, profile=RAW | change)
    assert isinstance(error, ServiceValidationError)
    assert error.translation_key == "invalid_request"
    assert cp.received_calls("SetChargingProfile") == before


async def test_only_the_raw_form_asks_a_charger_that_lacks_smart_charging(
    use: Caller, cp: ChargePoint, charger_entry: MockConfigEntry
) -> None:
    charger_of(charger_entry).memory.features = Features(profiles=frozenset({"Core"}))
    error = await use.refused("set_charging_profile", of=1, limit=8)
    assert error.translation_key == "smart_charging_missing"
    await use("set_charging_profile", of=1, profile=RAW)
    assert last(cp, "SetChargingProfile")["csChargingProfiles"] == RAW


async def test_profiles_are_cleared_by_id_alone_or_by_criteria(
    use: Caller, cp: ChargePoint
) -> None:
    made = await use("set_charging_profile", of=1, limit=8)
    cleared = await use("clear_charging_profile", of=1, profile_id=made["profile_id"])
    assert cleared == {"cleared": True}
    assert last(cp, "ClearChargingProfile") == {"id": made["profile_id"]}
    cleared = await use(
        "clear_charging_profile", of=1, purpose="tx_default_profile", stack_level=3
    )
    assert cleared == {"cleared": False}
    assert last(cp, "ClearChargingProfile") == {
        "connectorId": 1,
        "chargingProfilePurpose": "TxDefaultProfile",
        "stackLevel": 3,
    }
    assert (await use("get_charging_profiles", of=1))["profiles"] == []


async def test_a_charger_without_a_schedule_has_no_periods(
    use: Caller, cp: ChargePoint
) -> None:
    cp.answers["GetCompositeSchedule"] = {"status": "Accepted"}
    schedule = await use("get_composite_schedule")
    assert schedule == {
        "connector": 1,
        "unit": None,
        "start": None,
        "duration": None,
        "periods": [],
    }


async def test_a_limit_for_a_while_leaves_the_owners_limit_beneath_it(
    use: Caller, cp2: ChargePoint, charger_entry: MockConfigEntry
) -> None:
    charger = charger_of(charger_entry)
    await control.set_current_limit(charger, 2, 13)
    await use("set_charging_profile", of=2, limit=8, duration="01:00:00")
    schedule = await use("get_composite_schedule", of=2, duration="02:00:00", unit="A")
    limits = [period["limit"] for period in schedule["periods"]]
    assert limits == [8, 13]
    assert schedule["periods"][1]["start"] == pytest.approx(3600, abs=30)
