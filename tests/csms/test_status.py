"""What a StatusNotification means to a homeowner."""

from typing import Any

import pytest

from custom_components.ocpp_charging.csms.charger import Charger
from custom_components.ocpp_charging.csms.connector import (
    CHARGING_THRESHOLD_W,
    Connector,
)
from custom_components.ocpp_charging.csms.model import ChargingState, ErrorCode
from tests.csms.raw import RawCharger, Refused, stamp

STATUSES = {
    "Available": ("available", "unplugged", False, False),
    "Preparing": ("preparing", "waiting", True, False),
    "Charging": ("charging", "charging", True, False),
    "SuspendedEVSE": ("suspended_evse", "paused_by_charger", True, False),
    "SuspendedEV": ("suspended_ev", "paused_by_car", True, False),
    "Finishing": ("finishing", "finished", True, False),
    "Reserved": ("reserved", None, None, False),
    "Unavailable": ("unavailable", None, None, False),
    "Faulted": ("faulted", "fault", None, True),
}


@pytest.mark.parametrize("word", STATUSES)
async def test_a_status_is_what_a_homeowner_reads_from_it(
    raw: RawCharger, connector: Connector, word: str
) -> None:
    assert await raw.status(word) == {}
    status, state, plugged_in, problem = STATUSES[word]
    assert connector.status == status
    assert connector.charging_state == state
    assert connector.charging is (None if state is None else state == "charging")
    assert connector.plugged_in is plugged_in
    assert connector.problem is problem


def test_nothing_is_known_before_the_first_status() -> None:
    fresh = Connector(1)
    assert (fresh.status, fresh.charging_state, fresh.charging) == (None, None, None)
    assert (fresh.plugged_in, fresh.problem, fresh.session_energy) == (None, None, None)
    assert (fresh.session_start, fresh.id_tag, fresh.phases) == (None, None, 1)


@pytest.mark.parametrize(
    ("power", "state"),
    [
        (CHARGING_THRESHOLD_W, ChargingState.CHARGING),
        (CHARGING_THRESHOLD_W - 1, ChargingState.PAUSED_BY_CAR),
        (0, ChargingState.PAUSED_BY_CAR),
        (11_000, ChargingState.CHARGING),
    ],
)
async def test_a_car_that_draws_next_to_nothing_is_not_charging(
    raw: RawCharger, connector: Connector, power: float, state: ChargingState
) -> None:
    await raw.status("Charging")
    await raw.meter({"value": str(power), "measurand": "Power.Active.Import"})
    assert connector.charging_state is state
    assert connector.charging is (state is ChargingState.CHARGING)


async def test_a_power_from_before_the_status_does_not_count(
    raw: RawCharger, connector: Connector
) -> None:
    await raw.meter({"value": "0", "measurand": "Power.Active.Import"})
    await raw.status("Charging")
    assert connector.charging


async def test_the_same_status_again_changes_nothing(
    raw: RawCharger, charger: Charger, connector: Connector
) -> None:
    await raw.status("Charging")
    await raw.meter({"value": "50", "measurand": "Power.Active.Import"})
    told: list[Any] = []
    charger.listen_all(told.append)
    await raw.status("Charging")
    assert told == []
    assert connector.charging_state is ChargingState.PAUSED_BY_CAR


async def test_what_follows_from_a_status_is_told_with_it(
    raw: RawCharger, charger: Charger, connector: Connector
) -> None:
    await raw.status("Available")
    told: list[Any] = []
    charger.listen_all(told.append)
    await raw.status("Faulted", errorCode="GroundFailure", info="wet")
    assert told == [
        frozenset(
            (1, key)
            for key in (
                "status", "error_code", "error_info", "charging_state", "plugged_in",
                "problem",
            )
        )
    ]  # fmt: skip


FLOWS = [
    {"value": "7400", "measurand": "Power.Active.Import"},
    {"value": "16", "measurand": "Current.Import", "phase": "L1"},
    {"value": "230", "measurand": "Voltage"},
    {"value": "5000"},
]


@pytest.mark.parametrize("word", [word for word in STATUSES if word != "Charging"])
async def test_nothing_flows_when_the_status_says_so(
    raw: RawCharger, connector: Connector, word: str
) -> None:
    await raw.status("Charging")
    await raw.meter(*FLOWS)
    await raw.status(word)
    assert connector.reading("power") == 0
    assert connector.reading("current") == 0
    assert connector.reading("current_l1") == 0
    assert connector.reading("voltage") == 230
    assert connector.reading("energy") == 5000


# Errors


ERRORS = {
    "ConnectorLockFailure": "connector_lock_failure",
    "EVCommunicationError": "ev_communication_error",
    "GroundFailure": "ground_failure",
    "HighTemperature": "high_temperature",
    "InternalError": "internal_error",
    "LocalListConflict": "local_list_conflict",
    "OtherError": "other_error",
    "OverCurrentFailure": "over_current_failure",
    "OverVoltage": "over_voltage",
    "PowerMeterFailure": "power_meter_failure",
    "PowerSwitchFailure": "power_switch_failure",
    "ReaderFailure": "reader_failure",
    "ResetFailure": "reset_failure",
    "UnderVoltage": "under_voltage",
    "WeakSignal": "weak_signal",
}


@pytest.mark.parametrize("word", ERRORS)
async def test_an_error_is_a_problem_whatever_the_status(
    raw: RawCharger, connector: Connector, word: str
) -> None:
    await raw.status("Available", errorCode=word)
    assert connector.error_code == ERRORS[word]
    assert connector.problem
    await raw.status("Available")
    assert connector.error_code is ErrorCode.NO_ERROR
    assert not connector.problem


async def test_every_error_code_has_a_word() -> None:
    assert {*ERRORS.values(), "no_error"} == set(ErrorCode)


async def test_an_unknown_error_is_another_error_with_its_own_word(
    raw: RawCharger, connector: Connector
) -> None:
    await raw.status("Available", errorCode="Error")
    assert connector.error_code is ErrorCode.OTHER_ERROR
    assert connector.vendor_error == "Error"
    await raw.status("Available", errorCode="Error", vendorErrorCode="E42")
    assert connector.vendor_error == "E42"


async def test_a_missing_error_code_is_no_error(
    raw: RawCharger, connector: Connector
) -> None:
    payload = {"connectorId": "1", "status": "Available", "info": None}
    assert await raw.call("StatusNotification", payload) == {}
    assert connector.error_code is ErrorCode.NO_ERROR


async def test_a_long_info_is_taken(raw: RawCharger, connector: Connector) -> None:
    await raw.status("Available", info="i" * 200, vendorErrorCode="v" * 200)
    assert connector.error_info == "i" * 200
    assert connector.vendor_error == "v" * 50
    await raw.status("Available", info="i" * 9000)
    assert connector.error_info == "i" * 255


# Connectors


async def test_connector_0_is_the_charger_itself(
    raw: RawCharger, charger: Charger
) -> None:
    assert charger.availability is None
    told: list[str] = []
    charger.listen(0, "availability", lambda: told.append("availability"))
    await raw.status("Unavailable", 0)
    assert charger.availability is False
    await raw.status("Available", 0)
    assert charger.availability is True
    assert told == ["availability"] * 2
    assert charger.connectors == {}


async def test_a_connector_appears_with_its_first_message(
    raw: RawCharger, charger: Charger
) -> None:
    told: list[str] = []
    charger.listen(0, "connectors", lambda: told.append("connectors"))
    await raw.status("Available", 2)
    assert list(charger.connectors) == [2]
    assert charger.features.connectors == 2
    assert told == ["connectors"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"connectorId": -1}, "PropertyConstraintViolation"),
        ({"connectorId": 65535}, "PropertyConstraintViolation"),
        ({"connectorId": None}, "ProtocolError"),
        ({"connectorId": []}, "TypeConstraintViolation"),
        ({"connectorId": "one"}, "TypeConstraintViolation"),
        ({"status": "Sleeping"}, "PropertyConstraintViolation"),
        ({"status": None}, "ProtocolError"),
        ({"status": 7}, "PropertyConstraintViolation"),
        ({"status": {}}, "TypeConstraintViolation"),
    ],
)
async def test_a_status_that_makes_no_sense_is_refused(
    raw: RawCharger, charger: Charger, changes: dict[str, Any], code: str
) -> None:
    payload = {"connectorId": 1, "status": "Available", "errorCode": "NoError"}
    with pytest.raises(Refused) as caught:
        await raw.call("StatusNotification", payload | changes)
    assert caught.value.code == code
    assert not any(each.status for each in charger.connectors.values())


async def test_the_clock_is_compared_with_ours(
    raw: RawCharger, charger: Charger
) -> None:
    told: list[Any] = []
    charger.listen(0, "clock_offset_s", lambda: told.append(charger.clock_offset_s))
    await raw.status("Available", timestamp=stamp())
    await raw.status("Available", timestamp=stamp())
    assert told == [pytest.approx(0, abs=1)]
    await raw.status("Available", timestamp="nonsense")
    assert len(told) == 1
