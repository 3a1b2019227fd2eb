"""The actions: seen on the charger, refused in its words, checked before sending."""

from dataclasses import replace
import json
from typing import Any

from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import (
    ServiceValidationError,
    Unauthorized,
)
from homeassistant.helpers import device_registry as dr
import probatio
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser

from custom_components.ocpp_charging.services import ACTIONS, Action
from simulator import SILENCE, ChargePoint, SimulatedCallError
from simulator.answers import Odd

from .actions import BY_NAME, RAW, ROOT, Caller, charge, last
from .conftest import DOMAIN, Simulated, charger_of, wait_for_charger

MINIMAL: dict[str, dict[str, Any]] = {
    "set_charging_profile": {"limit": 10},
    "change_availability": {"available": True},
    "set_configuration": {"key": "LightIntensity", "value": "40"},
    "trigger_message": {"message": "heartbeat"},
    "data_transfer": {"vendor_id": "Simulated"},
    "reserve": {"duration": "01:00:00"},
    "set_goal": {"mode": "fast"},
    "update_firmware": {"url": "http://127.0.0.1:9/firmware"},
    "get_diagnostics": {"url": "ftp://127.0.0.1:9/"},
    "get_log": {"url": "ftp://127.0.0.1:9/"},
    "install_certificate": {"certificate": ROOT},
    "delete_certificate": {
        "hash_algorithm": "SHA256",
        "issuer_name_hash": "00",
        "issuer_key_hash": "00",
        "serial_number": "1",
    },
}
"""The least that each action needs beside its device."""

OF_PLANS = {"get_plan", "set_goal", "clear_goal", "replan", "set_grid_limit"}
"""What is about plans, and needs no charger."""

SENDS_NOTHING = OF_PLANS | {
    "cancel_reservation",
    "get_charging_profiles",
    "get_sessions",
    "stop_transaction",
}
"""What the charger is not asked for while no session runs."""

OF_CHARGERS = [action for action in ACTIONS if action.name not in OF_PLANS]


@pytest.fixture
def use(hass: HomeAssistant, charger_entry: MockConfigEntry) -> Caller:
    return Caller(hass, charger_entry)


@pytest.fixture
async def cp(charger_entry: MockConfigEntry, simulated: Simulated) -> ChargePoint:
    return await simulated(charger_entry)


@pytest.fixture
async def cp2(charger_entry: MockConfigEntry, simulated: Simulated) -> ChargePoint:
    return await simulated(charger_entry, connectors=2)


# Sessions


async def test_a_session_is_started_and_stopped(use: Caller, cp: ChargePoint) -> None:
    transaction_id = await charge(use, cp)
    assert cp.connector(1).transaction_id == transaction_id
    assert last(cp, "RemoteStartTransaction") == {
        "connectorId": 1,
        "idTag": "HomeAssistant",
    }
    response = await use("stop_transaction")
    assert response["transaction_id"] == transaction_id
    assert response["energy_wh"] >= 0
    await cp.wait_for(lambda one: one.connector(1).transaction is None)


async def test_a_session_is_started_in_the_name_of_a_tag(
    use: Caller, cp: ChargePoint
) -> None:
    await cp.plug()
    await use("start_transaction", id_tag="04A1B2C3")
    assert last(cp, "RemoteStartTransaction")["idTag"] == "04A1B2C3"


async def test_a_tag_is_not_repeated_in_an_error(use: Caller, cp: ChargePoint) -> None:
    cp.answers["RemoteStartTransaction"] = SimulatedCallError(
        "GenericError", "04A1B2C3 is unknown"
    )
    error = await use.refused("start_transaction", id_tag="04A1B2C3")
    assert "GenericError: *** is unknown" in str(error)


async def test_a_start_that_does_not_happen_is_an_error(
    use: Caller, cp: ChargePoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    central = use.entry.runtime_data.central
    monkeypatch.setattr(central, "timing", replace(central.timing, confirm=0.05))
    cp.answers["RemoteStartTransaction"] = {"status": "Accepted"}
    error = await use.refused("start_transaction")
    assert error.translation_key == "charger_timeout"


async def test_what_does_not_run_cannot_be_stopped(
    use: Caller, cp: ChargePoint
) -> None:
    error = await use.refused("stop_transaction")
    assert isinstance(error, ServiceValidationError)
    assert not cp.received_calls("RemoteStopTransaction")


# The charger and its connectors


async def test_a_connector_is_unlocked(use: Caller, cp: ChargePoint) -> None:
    await use("unlock", of=1)
    assert last(cp, "UnlockConnector") == {"connectorId": 1}


@pytest.mark.parametrize("kind", ["soft", "hard"])
async def test_the_charger_restarts(use: Caller, cp: ChargePoint, kind: str) -> None:
    await use("reset", type=kind)
    assert last(cp, "Reset") == {"type": kind.capitalize()}
    await cp.wait_for(lambda one: one.presence.connections == 2 and one.accepted)


async def test_availability_is_the_chargers_or_a_connectors(
    use: Caller, cp2: ChargePoint
) -> None:
    response = await use("change_availability", available=False)
    assert response == {"connector": 0, "status": "accepted"}
    assert last(cp2, "ChangeAvailability") == {"connectorId": 0, "type": "Inoperative"}
    await use("change_availability", of=2, available=True)
    assert last(cp2, "ChangeAvailability") == {"connectorId": 2, "type": "Operative"}


async def test_availability_during_a_session_is_scheduled(
    use: Caller, cp: ChargePoint
) -> None:
    await charge(use, cp)
    response = await use("change_availability", of=1, available=False)
    assert response == {"connector": 1, "status": "scheduled"}


async def test_configuration_is_read_without_secrets(
    use: Caller, cp: ChargePoint
) -> None:
    cp.configuration.define("WifiPassword", "hunter22")
    everything = await use("get_configuration")
    assert everything["settings"]["WifiPassword"]["value"] == "(hidden)"
    assert "hunter22" not in json.dumps(everything)
    some = await use("get_configuration", keys=["NumberOfConnectors", "Nonsense"])
    assert some == {
        "settings": {"NumberOfConnectors": {"value": "1", "readonly": True}},
        "unknown": ["Nonsense"],
    }


async def test_configuration_is_written(use: Caller, cp: ChargePoint) -> None:
    response = await use("set_configuration", key="LightIntensity", value="40")
    assert response == {"reboot_required": False}
    assert cp.configuration["LightIntensity"] == "40"
    response = await use("set_configuration", key="SecurityProfile", value="1")
    assert response == {"reboot_required": True}
    error = await use.refused("set_configuration", key="Nonsense", value="1")
    assert error.translation_key == "charger_unsupported"


async def test_the_password_is_not_set_behind_home_assistants_back(
    use: Caller, cp: ChargePoint
) -> None:
    error = await use.refused(
        "set_configuration", key=" authorizationKEY", value="0123456789abcdef"
    )
    assert error.translation_key == "password_by_reconfigure"
    assert "0123456789abcdef" not in str(error)
    keys = [call["key"] for call in cp.received_calls("ChangeConfiguration")]
    assert "AuthorizationKey" not in keys


async def test_messages_are_triggered(use: Caller, cp2: ChargePoint) -> None:
    await use("trigger_message", message="heartbeat")
    assert last(cp2, "TriggerMessage") == {"requestedMessage": "Heartbeat"}
    await use("trigger_message", of=2, message="meter_values")
    assert last(cp2, "TriggerMessage") == {
        "requestedMessage": "MeterValues",
        "connectorId": 2,
    }


async def test_an_accepted_charger_is_not_asked_to_boot(
    use: Caller, cp: ChargePoint
) -> None:
    error = await use.refused("trigger_message", message="boot_notification")
    assert error.translation_key == "already_booted"


async def test_the_cache_is_cleared(use: Caller, cp: ChargePoint) -> None:
    await use("clear_cache")
    assert last(cp, "ClearCache") == {}


async def test_data_is_transferred(use: Caller, cp: ChargePoint) -> None:
    response = await use(
        "data_transfer", vendor_id="Simulated", message_id="Echo", data="hello"
    )
    assert response == {"status": "Accepted", "data": "hello"}


async def test_a_refused_data_transfer_tells_why(use: Caller, cp: ChargePoint) -> None:
    cp.answers["DataTransfer"] = {"status": "Rejected", "data": "not now"}
    error = await use.refused("data_transfer", vendor_id="Simulated")
    assert str(error).endswith("DataTransfer: Rejected not now")


async def test_firmware_is_ordered(use: Caller, cp: ChargePoint) -> None:
    cp.answers["UpdateFirmware"] = {}
    await use(
        "update_firmware",
        url="http://127.0.0.1:9/f.bin",
        retrieve_at="2026-07-01T20:00:00+02:00",
        retries=2,
        retry_interval={"minutes": 5},
    )
    assert last(cp, "UpdateFirmware") == {
        "location": "http://127.0.0.1:9/f.bin",
        "retrieveDate": "2026-07-01T18:00:00Z",
        "retries": 2,
        "retryInterval": 300,
    }


async def test_diagnostics_are_ordered(use: Caller, cp: ChargePoint) -> None:
    cp.answers["GetDiagnostics"] = {"fileName": "log.txt"}
    response = await use(
        "get_diagnostics",
        url="ftp://127.0.0.1:9/",
        start="2026-07-01T00:00:00Z",
        stop="2026-07-02T00:00:00Z",
    )
    assert response == {"file_name": "log.txt"}
    assert last(cp, "GetDiagnostics") == {
        "location": "ftp://127.0.0.1:9/",
        "startTime": "2026-07-01T00:00:00Z",
        "stopTime": "2026-07-02T00:00:00Z",
    }
    cp.answers["GetDiagnostics"] = {}
    assert await use("get_diagnostics", url="ftp://127.0.0.1:9/") == {"file_name": None}


async def test_diagnostics_need_a_start_before_the_stop(
    use: Caller, cp: ChargePoint
) -> None:
    error = await use.refused(
        "get_diagnostics",
        url="ftp://127.0.0.1:9/",
        start="2026-07-02T00:00:00Z",
        stop="2026-07-01T00:00:00Z",
    )
    assert error.translation_key == "stop_before_start"


async def test_a_password_in_a_url_is_not_repeated(
    use: Caller, cp: ChargePoint
) -> None:
    cp.answers["GetDiagnostics"] = SimulatedCallError(
        "InternalError", "no login as me with hunter22"
    )
    error = await use.refused("get_diagnostics", url="ftp://me:hunter22@127.0.0.1:9/")
    assert "no login as me with ***" in str(error)


# Refusals


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("set_charging_profile", "SetChargingProfile"),
        ("get_composite_schedule", "GetCompositeSchedule"),
        ("start_transaction", "RemoteStartTransaction"),
        ("unlock", "UnlockConnector"),
        ("reset", "Reset"),
        ("change_availability", "ChangeAvailability"),
        ("set_configuration", "ChangeConfiguration"),
        ("trigger_message", "TriggerMessage"),
        ("clear_cache", "ClearCache"),
        ("data_transfer", "DataTransfer"),
    ],
)
async def test_a_chargers_no_is_an_error_in_its_own_word(
    use: Caller, cp: ChargePoint, name: str, call: str
) -> None:
    cp.answers[call] = {"status": "Rejected"}
    error = await use.refused(name, **MINIMAL.get(name, {}))
    assert error.translation_key == "charger_refused"
    assert str(error) == f"CP1{_where(name)} refused {call}: Rejected"


def _where(name: str) -> str:
    """Return how the message names what was meant beside the charger."""
    connectors = {"set_charging_profile", "get_composite_schedule"}
    connectors |= {"start_transaction", "unlock"}
    return " #1" if name in connectors else ""


@pytest.mark.parametrize("name", sorted(set(BY_NAME) - SENDS_NOTHING))
async def test_an_unsupported_action_says_so(
    use: Caller, cp: ChargePoint, name: str
) -> None:
    for call in list(_CALLS.values()):
        cp.answers[call] = SimulatedCallError("NotImplemented", "")
    error = await use.refused(name, **MINIMAL.get(name, {}))
    if name == "get_log":
        # There is another way, which is named.
        assert error.translation_key == "log_not_supported"
        return
    assert error.translation_key == "charger_unsupported"
    assert "does not support" in str(error)


_CALLS = {
    action.name: call
    for action, call in zip(
        OF_CHARGERS,
        (
            "SetChargingProfile",
            "ClearChargingProfile",
            "",
            "GetCompositeSchedule",
            "RemoteStartTransaction",
            "RemoteStopTransaction",
            "ReserveNow",
            "CancelReservation",
            "UnlockConnector",
            "Reset",
            "ChangeAvailability",
            "GetConfiguration",
            "ChangeConfiguration",
            "",
            "TriggerMessage",
            "ClearCache",
            "DataTransfer",
            "UpdateFirmware",
            "GetDiagnostics",
            "GetLog",
            "InstallCertificate",
            "GetInstalledCertificateIds",
            "DeleteCertificate",
        ),
        strict=True,
    )
}


@pytest.mark.parametrize("action", OF_CHARGERS, ids=lambda action: action.name)
async def test_a_charger_that_is_away_is_an_error(
    use: Caller, cp: ChargePoint, charger_entry: MockConfigEntry, action: Action
) -> None:
    await cp.stop()
    await wait_for_charger(charger_of(charger_entry), lambda one: not one.connected)
    kept = {"get_charging_profiles": "profiles", "get_sessions": "sessions"}
    if action.name in kept:
        assert kept[action.name] in await use(action.name)
        return
    if action.name == "stop_transaction":
        error = await use.refused(action.name)
        assert error.translation_key == "invalid_request"  # nothing runs
        return
    error = await use.refused(action.name, **MINIMAL.get(action.name, {}))
    assert error.translation_key == "charger_offline"


async def test_a_connection_that_ends_before_the_answer_is_an_error(
    use: Caller, cp: ChargePoint
) -> None:
    def hang_up(_payload: object) -> Odd:
        cp.faults.drop()
        return SILENCE

    cp.answers["Reset"] = hang_up
    error = await use.refused("reset")
    assert error.translation_key == "charger_offline"


# Devices


async def test_several_connectors_must_be_told_apart(
    use: Caller, cp2: ChargePoint
) -> None:
    error = await use.refused("unlock")
    assert error.translation_key == "connector_needed"
    await use("unlock", connector=2)
    assert last(cp2, "UnlockConnector") == {"connectorId": 2}
    error = await use.refused("unlock", connector=3)
    assert error.translation_key == "connector_unknown"
    assert str(error) == "CP1 has no connector 3. It has: 1, 2"
    error = await use.refused("unlock", of=1, connector=2)
    assert error.translation_key == "connector_differs"
    error = await use.refused("unlock", connector=0)
    assert error.translation_key == "connector_needed"
    await use("unlock", of=1, connector=1)
    assert last(cp2, "UnlockConnector") == {"connectorId": 1}


async def test_a_default_for_all_connectors_is_connector_zero(
    use: Caller, cp2: ChargePoint
) -> None:
    await use("set_charging_profile", connector=0, limit=12)
    assert last(cp2, "SetChargingProfile")["connectorId"] == 0


async def test_a_device_that_is_no_charger_is_refused(
    hass: HomeAssistant, use: Caller
) -> None:
    registry = dr.async_get(hass)
    central = registry.async_get_device_by_identifier(
        (DOMAIN, use.entry.entry_id), use.entry.entry_id
    )
    assert central is not None
    other_entry = MockConfigEntry(domain="other")
    other_entry.add_to_hass(hass)
    other = registry.async_get_or_create(
        config_entry_id=other_entry.entry_id, identifiers={("other", "1")}
    )
    for device_id in (central.id, other.id, "nonsense"):
        error = await use.refused("clear_cache", device_id=device_id)
        assert isinstance(error, ServiceValidationError)


async def test_the_actions_of_an_unloaded_entry_say_so(
    hass: HomeAssistant, use: Caller
) -> None:
    device_id = use.device()
    assert await hass.config_entries.async_unload(use.entry.entry_id)
    error = await use.refused("clear_cache", device_id=device_id)
    assert isinstance(error, ServiceValidationError)
    assert error.translation_key == "service_config_entry_not_loaded"


# Fields and rights


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("set_charging_profile", {}),
        ("set_charging_profile", {"limit": 8, "profile": RAW}),
        ("set_charging_profile", {"duration": 60, "profile": RAW}),
        ("set_charging_profile", {"limit": -1}),
        ("clear_charging_profile", {"profile_id": 1, "purpose": "tx_profile"}),
        ("start_transaction", {"id_tag": "x" * 21}),
        ("start_transaction", {"id_tag": ""}),
        ("unlock", {"connector": -1}),
        ("reset", {"type": "gentle"}),
        ("change_availability", {}),
        ("get_configuration", {"keys": []}),
        ("set_configuration", {"key": "a" * 51, "value": ""}),
        ("set_configuration", {"key": "a", "value": "b" * 501}),
        ("trigger_message", {"message": "Nonsense"}),
        ("data_transfer", {"vendor_id": ""}),
        ("update_firmware", {"url": "firmware.bin"}),
        ("update_firmware", {"url": "http://[::1"}),
        ("get_diagnostics", {"url": "ftp://127.0.0.1", "retries": -1}),
        ("reset", {"unknown": 1}),
    ],
)
async def test_invalid_fields_are_refused_before_anything_is_sent(
    use: Caller, cp: ChargePoint, name: str, data: dict[str, Any]
) -> None:
    before = len(cp.received)
    with pytest.raises(probatio.Invalid):
        await use(name, **data)
    assert len(cp.received) == before


ADMIN = {
    "get_configuration",
    "set_configuration",
    "clear_cache",
    "data_transfer",
    "update_firmware",
    "get_diagnostics",
    "get_log",
    "install_certificate",
    "get_installed_certificates",
    "delete_certificate",
}


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.name)
async def test_what_reconfigures_a_charger_is_for_administrators(
    hass: HomeAssistant, use: Caller, action: Action
) -> None:
    user = MockUser().add_to_hass(hass)
    expected = Unauthorized if action.name in ADMIN else ServiceValidationError
    with pytest.raises(expected):
        await use(
            action.name,
            device_id="nonsense",
            context=Context(user_id=user.id),
            **MINIMAL.get(action.name, {}),
        )
