"""What a charge point does when the central system asks for something."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest
import pytest_asyncio

from simulator import (
    GARBAGE,
    SILENCE,
    Car,
    ChargePoint,
    ManualClock,
    SimulatedCallError,
    Status,
)
from simulator.clock import timestamp

from .conftest import MakeChargePoint, charging
from .peer import Peer


def profile(
    number: int = 1,
    purpose: str = "TxDefaultProfile",
    limit: float = 10,
    *,
    level: int = 0,
    kind: str = "Relative",
    unit: str = "A",
    **fields: Any,
) -> dict[str, Any]:
    return {
        "chargingProfileId": number,
        "stackLevel": level,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": kind,
        "chargingSchedule": {
            "chargingRateUnit": unit,
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}],
        },
        **fields,
    }


async def install(peer: Peer, raw: dict[str, Any], connector: int = 0) -> str:
    return await peer.status(
        "SetChargingProfile", {"connectorId": connector, "csChargingProfiles": raw}
    )


# Remote start and stop


async def test_remote_start_without_a_connector_takes_the_one_with_a_car(
    make: MakeChargePoint, peer: Peer
) -> None:
    cp = await make(connectors=2)
    await cp.plug(2)
    assert await peer.status("RemoteStartTransaction", {"idTag": "R"}) == "Accepted"
    await cp.wait_for(lambda cp: cp.connector(2).transaction_id and cp.outbox.empty)
    assert peer.payloads("Authorize") == []
    stop = {"transactionId": cp.connector(2).transaction_id}
    assert await peer.status("RemoteStopTransaction", stop) == "Accepted"
    await cp.wait_for(lambda cp: cp.connector(2).status is Status.FINISHING)
    assert await peer.status("RemoteStopTransaction", stop) == "Rejected"


async def test_remote_start_may_have_to_ask_first(
    make: MakeChargePoint, peer: Peer
) -> None:
    cp = await make(configuration={"AuthorizeRemoteTxRequests": "true"})
    await cp.plug(1)
    assert await peer.status("RemoteStartTransaction", {"idTag": "R"}) == "Accepted"
    await cp.wait_for(lambda cp: cp.connector(1).transaction_id and cp.outbox.empty)
    assert peer.payloads("Authorize") == [{"idTag": "R"}]


@pytest.mark.parametrize("reason", ["busy", "faulted", "inoperative", "absent"])
async def test_remote_start_is_rejected_where_it_can_not_be(
    cp: ChargePoint, peer: Peer, reason: str
) -> None:
    number = 7 if reason == "absent" else 1
    if reason == "busy":
        await charging(cp)
    elif reason == "faulted":
        cp.fault(1)
    elif reason == "inoperative":
        change = {"connectorId": 1, "type": "Inoperative"}
        assert await peer.status("ChangeAvailability", change) == "Accepted"
        await cp.wait_for(lambda cp: cp.connector(1).status is Status.UNAVAILABLE)
    start = {"idTag": "R", "connectorId": number}
    assert await peer.status("RemoteStartTransaction", start) == "Rejected"


async def test_remote_start_with_a_profile_limits_this_transaction_only(
    cp: ChargePoint, peer: Peer
) -> None:
    await cp.plug(1)
    start = {"idTag": "R", "chargingProfile": profile(5, "TxProfile", 8)}
    assert await peer.status("RemoteStartTransaction", start) == "Accepted"
    await cp.wait_for(lambda cp: cp.connector(1).current_a == 8)
    await cp.stop_locally(1)
    assert cp.stack.installed == []
    start["chargingProfile"]["chargingProfilePurpose"] = "TxDefaultProfile"  # type: ignore[index]
    assert await peer.status("RemoteStartTransaction", start) == "Rejected"


async def test_nothing_is_started_while_the_registration_is_pending(
    make: MakeChargePoint, peer: Peer
) -> None:
    peer.boot_status = ["Pending"]
    cp = await make(accepted=False)
    await cp.wait_for(lambda cp: cp.registration == "Pending")
    with pytest.raises(TimeoutError):
        await peer.call("RemoteStartTransaction", {"idTag": "R"}, timeout=0.05)
    assert cp.violations == ["RemoteStartTransaction while the registration is Pending"]
    answer = await peer.call(
        "TriggerMessage", {"requestedMessage": "StatusNotification"}
    )
    assert answer[2]["status"] == "Accepted"
    await peer.until(lambda: len(peer.payloads("StatusNotification")) == 2)


# Availability, unlocking, cache, data


async def test_availability_waits_for_the_end_of_a_transaction(
    cp: ChargePoint, peer: Peer
) -> None:
    await charging(cp)
    change = {"connectorId": 0, "type": "Inoperative"}
    assert await peer.status("ChangeAvailability", change) == "Scheduled"
    await cp.wait_for(lambda cp: cp.status is Status.UNAVAILABLE)
    assert cp.connector(1).status is Status.CHARGING
    await cp.stop_locally(1)
    assert cp.connector(1).status is Status.UNAVAILABLE
    change["type"] = "Operative"
    assert await peer.status("ChangeAvailability", change) == "Accepted"
    await cp.wait_for(lambda cp: cp.connector(1).status is Status.FINISHING)


async def test_unlocking_ends_a_transaction(
    make: MakeChargePoint, cp: ChargePoint, peer: Peer
) -> None:
    await charging(cp)
    assert await peer.status("UnlockConnector", {"connectorId": 1}) == "Unlocked"
    await cp.wait_for(lambda cp: cp.outbox.empty)
    assert peer.payloads("StopTransaction")[0]["reason"] == "UnlockCommand"
    assert await peer.status("UnlockConnector", {"connectorId": 3}) == "NotSupported"
    await cp.stop()
    await make(fixed_cable=True)
    assert await peer.status("UnlockConnector", {"connectorId": 1}) == "NotSupported"


async def test_the_cache_and_the_local_list_spare_the_question(
    cp: ChargePoint, peer: Peer
) -> None:
    for change in ("LocalPreAuthorize", "AuthorizationCacheEnabled"):
        key = {"key": change, "value": "true"}
        assert await peer.status("ChangeConfiguration", key) == "Accepted"
    for _ in range(2):
        await charging(cp, "SEEN")
        await cp.stop_locally(1)
    assert len(peer.payloads("Authorize")) == 1
    assert await peer.status("ClearCache") == "Accepted"
    entry = {"idTag": "LISTED", "idTagInfo": {"status": "Accepted"}}
    full = {"listVersion": 3, "updateType": "Full", "localAuthorizationList": [entry]}
    assert await peer.status("SendLocalList", full) == "Accepted"
    await charging(cp, "listed")
    assert len(peer.payloads("Authorize")) == 1


async def test_local_lists_by_difference(cp: ChargePoint, peer: Peer) -> None:
    def entry(tag: str, **more: Any) -> dict[str, Any]:
        return {"idTag": tag, **more}

    def sent(version: int, kind: str, *entries: Any) -> dict[str, Any]:
        return {
            "listVersion": version,
            "updateType": kind,
            "localAuthorizationList": list(entries),
        }

    yes = {"idTagInfo": {"status": "Accepted"}}
    answers = [
        await peer.status("SendLocalList", each)
        for each in (
            sent(1, "Full", entry("A", **yes), entry("B", **yes)),
            sent(2, "Differential", entry("A"), entry("C", **yes)),
            sent(2, "Differential", entry("D", **yes)),
            sent(3, "Full", entry("A")),
            sent(3, "Full", entry("A", **yes), entry("a", **yes)),
        )
    ]
    assert answers == ["Accepted", "Accepted", "VersionMismatch", "Failed", "Failed"]
    assert sorted(cp.authorizer.local_list) == ["b", "c"]
    assert (await peer.call("GetLocalListVersion"))[2] == {"listVersion": 2}


async def test_another_tag_of_the_group_may_stop(cp: ChargePoint, peer: Peer) -> None:
    group = {"status": "Accepted", "parentIdTag": "FAMILY"}
    full = {
        "listVersion": 1,
        "updateType": "Full",
        "localAuthorizationList": [
            {"idTag": tag, "idTagInfo": group} for tag in ("ANNA", "BERT")
        ],
    }
    await peer.status("SendLocalList", full)
    await peer.status(
        "ChangeConfiguration", {"key": "LocalPreAuthorize", "value": "true"}
    )
    await charging(cp, "ANNA")
    assert not await cp.present_tag(1, "STRANGER")
    assert await cp.present_tag(1, "BERT")
    await cp.wait_for(lambda cp: cp.outbox.empty)
    assert peer.payloads("StopTransaction")[0]["idTag"] == "BERT"


async def test_data_transfer_knows_only_its_vendor(cp: ChargePoint, peer: Peer) -> None:
    words = [
        await peer.status("DataTransfer", {"vendorId": vendor, "messageId": message})
        for vendor, message in [("x", "y"), ("Simulated", "y"), ("Simulated", "Echo")]
    ]
    assert words == ["UnknownVendorId", "UnknownMessageId", "Accepted"]


# Configuration


async def test_configuration_keys_keep_their_rules(cp: ChargePoint, peer: Peer) -> None:
    cases = {
        ("MeterValueSampleInterval", "15"): "Accepted",
        ("MeterValueSampleInterval", "-1"): "Rejected",
        ("MeterValueSampleInterval", "often"): "Rejected",
        ("MeterValuesSampledData", "Voltage,SoC"): "Accepted",
        ("MeterValuesSampledData", "Voltage,Smell"): "Rejected",
        ("NumberOfConnectors", "4"): "Rejected",
        ("LocalPreAuthorize", "perhaps"): "Rejected",
        ("SecurityProfile", "3"): "RebootRequired",
        ("NoSuchKey", "1"): "NotSupported",
    }
    for (key, value), expected in cases.items():
        change = {"key": key, "value": value}
        assert await peer.status("ChangeConfiguration", change) == expected, key
    answer = await peer.call("GetConfiguration", {"key": ["SecurityProfile", "Nope"]})
    assert answer[2] == {
        "configurationKey": [
            {"key": "SecurityProfile", "readonly": False, "value": "2"}
        ],
        "unknownKey": ["Nope"],
    }
    everything = (await peer.call("GetConfiguration"))[2]["configurationKey"]
    assert len(everything) > 40


async def test_some_keys_count_after_a_reboot(
    cp: ChargePoint, peer: Peer, clock: ManualClock
) -> None:
    change = {"key": "SecurityProfile", "value": "1"}
    assert await peer.status("ChangeConfiguration", change) == "RebootRequired"
    await cp.reboot()
    await cp.wait_for(lambda cp: not cp.connected)
    await clock.advance(1)
    await cp.until_accepted()
    assert cp.configuration["SecurityProfile"] == "1"


# Smart charging


@pytest.mark.parametrize(
    ("connector", "raw", "answer"),
    [
        (0, profile(purpose="ChargePointMaxProfile", kind="Absolute"), "Accepted"),
        (1, profile(purpose="ChargePointMaxProfile", kind="Absolute"), "Rejected"),
        (0, profile(), "Accepted"),
        (1, profile(), "Accepted"),
        (1, profile(purpose="TxProfile"), "Rejected"),
        (0, profile(level=9), "Rejected"),
    ],
)
async def test_where_profiles_may_be(
    cp: ChargePoint, peer: Peer, connector: int, raw: dict[str, Any], answer: str
) -> None:
    assert await install(peer, raw, connector) == answer


async def test_a_tx_profile_needs_its_transaction(cp: ChargePoint, peer: Peer) -> None:
    transaction = await charging(cp)
    raw = profile(purpose="TxProfile", transactionId=transaction)
    assert await install(peer, raw, 1) == "Accepted"
    raw["transactionId"] = transaction + 1
    assert await install(peer, raw, 1) == "Rejected"


async def test_bad_profiles_are_call_errors(cp: ChargePoint, peer: Peer) -> None:
    raw = profile()
    answer = await peer.call(
        "SetChargingProfile", {"connectorId": 5, "csChargingProfiles": raw}
    )
    assert answer[2] == "PropertyConstraintViolation"
    del raw["stackLevel"]
    answer = await peer.call(
        "SetChargingProfile", {"connectorId": 0, "csChargingProfiles": raw}
    )
    assert answer[2] == "ProtocolError"


async def test_profiles_outlive_a_reboot(
    cp: ChargePoint, peer: Peer, clock: ManualClock
) -> None:
    await install(peer, profile(limit=9))
    await cp.reboot(hard=True)
    await cp.wait_for(lambda cp: not cp.connected)
    await clock.advance(1)
    await cp.until_accepted()
    await charging(cp)
    assert cp.connector(1).current_a == 9


async def test_the_composite_schedule_tells_start_unit_and_periods(
    cp: ChargePoint, peer: Peer, clock: ManualClock
) -> None:
    raw = profile(kind="Absolute")
    raw["chargingSchedule"] |= {
        "duration": 60,
        "startSchedule": timestamp(clock.now()),
    }
    await install(peer, raw)
    await clock.advance(30.4)
    answer = await peer.call(
        "GetCompositeSchedule",
        {"connectorId": 1, "duration": 600, "chargingRateUnit": "W"},
    )
    assert answer[2] == {
        "status": "Accepted",
        "connectorId": 1,
        "scheduleStart": "2026-01-05T12:00:31.000Z",
        "chargingSchedule": {
            "duration": 600,
            "startSchedule": "2026-01-05T12:00:31.000Z",
            "chargingRateUnit": "W",
            "chargingSchedulePeriod": [
                {"startPeriod": 0, "limit": 6900.0},
                {"startPeriod": 29, "limit": 22080.0},
            ],
        },
    }
    assert await peer.status("ClearChargingProfile", {"id": 1}) == "Accepted"
    assert await peer.status("ClearChargingProfile", {"id": 1}) == "Unknown"


# Triggers, reservations


@pytest.mark.parametrize(
    ("message", "action", "count"),
    [
        ("BootNotification", "BootNotification", 2),
        ("Heartbeat", "Heartbeat", 1),
        ("MeterValues", "MeterValues", 1),
        ("StatusNotification", "StatusNotification", 4),
        ("FirmwareStatusNotification", "FirmwareStatusNotification", 1),
        ("DiagnosticsStatusNotification", "DiagnosticsStatusNotification", 1),
    ],
)
async def test_every_message_can_be_triggered(
    cp: ChargePoint, peer: Peer, message: str, action: str, count: int
) -> None:
    trigger: dict[str, Any] = {"requestedMessage": message}
    assert await peer.status("TriggerMessage", trigger) == "Accepted"
    await peer.until(lambda: len(peer.payloads(action)) == count)
    trigger["connectorId"] = 9
    assert await peer.status("TriggerMessage", trigger) == "Rejected"


async def test_triggered_values_say_so(cp: ChargePoint, peer: Peer) -> None:
    await peer.status("TriggerMessage", {"requestedMessage": "MeterValues"})
    await peer.until(lambda: peer.payloads("MeterValues"))
    value = peer.payloads("MeterValues")[0]["meterValue"][0]["sampledValue"][0]
    assert value["context"] == "Trigger"


async def test_a_reservation_keeps_others_out_until_it_expires(
    cp: ChargePoint, peer: Peer, clock: ManualClock
) -> None:
    reserve: dict[str, Any] = {
        "connectorId": 1,
        "expiryDate": "2026-01-05T12:10:00Z",
        "idTag": "MINE",
        "reservationId": 4,
    }
    assert await peer.status("ReserveNow", reserve) == "Accepted"
    await cp.wait_for(lambda cp: cp.connector(1).status is Status.RESERVED)
    assert not await cp.present_tag(1, "OTHER")
    await clock.advance(600)
    assert cp.connector(1).status is Status.AVAILABLE
    reserve["expiryDate"] = "2026-01-05T13:00:00Z"
    assert await peer.status("ReserveNow", reserve) == "Accepted"
    await charging(cp, "MINE")
    assert peer.payloads("StartTransaction")[0]["reservationId"] == 4
    assert await peer.status("ReserveNow", reserve) == "Occupied"
    cancel = {"reservationId": 4}
    assert await peer.status("CancelReservation", cancel) == "Rejected"


# Firmware and diagnostics


def has_told(peer: Peer, count: int) -> bool:
    return len(peer.payloads("FirmwareStatusNotification")) == count


async def test_new_firmware_is_there_after_a_reboot(
    make: MakeChargePoint, peer: Peer, clock: ManualClock
) -> None:
    cp = await make(firmware="1.0")
    update = {
        "location": "ftp://files.example/box-2.3.1.bin",
        "retrieveDate": "2026-01-05T12:05:00Z",
    }
    assert (await peer.call("UpdateFirmware", update))[:1] == [3]
    await clock.advance(299)
    assert peer.payloads("FirmwareStatusNotification") == []
    for count in (1, 3):
        await clock.advance(1)
        await peer.until(partial(has_told, peer, count))
    await clock.advance(1)
    await cp.wait_for(lambda cp: not cp.connected)
    await clock.advance(1)
    await cp.until_accepted()
    told = [one["status"] for one in peer.payloads("FirmwareStatusNotification")]
    assert told == ["Downloading", "Downloaded", "Installing", "Installed"]
    assert peer.payloads("BootNotification")[-1]["firmwareVersion"] == "2.3.1"


async def test_a_failing_update_says_so(
    cp: ChargePoint, peer: Peer, clock: ManualClock
) -> None:
    cp.faults.firmware_result = "DownloadFailed"
    update = {"location": "ftp://x.example/a", "retrieveDate": "2026-01-05T12:00:00Z"}
    await peer.call("UpdateFirmware", update)
    await peer.until(lambda: peer.payloads("FirmwareStatusNotification"))
    await clock.advance(1)
    await peer.until(
        lambda: (
            peer.payloads("FirmwareStatusNotification")[-1]["status"]
            == "DownloadFailed"
        )
    )
    assert cp.firmware == "1.0"


class Uploads:
    """A minimal HTTP server that takes one PUT a connection."""

    def __init__(self) -> None:
        self.requests: list[bytes] = []
        self.url = ""

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length")
        )
        self.requests.append(head + await reader.readexactly(length))
        writer.write(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()


@pytest_asyncio.fixture
async def uploads() -> AsyncIterator[Uploads]:
    made = Uploads()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/in/"
    yield made
    server.close()


async def test_diagnostics_are_really_uploaded_to_this_machine(
    cp: ChargePoint, peer: Peer, clock: ManualClock, uploads: Uploads
) -> None:
    answer = await peer.call("GetDiagnostics", {"location": uploads.url})
    assert answer[2] == {"fileName": "diagnostics-SIM-CP1.txt"}
    await peer.until(lambda: peer.payloads("DiagnosticsStatusNotification"))
    await clock.advance(1)
    await peer.until(lambda: len(peer.payloads("DiagnosticsStatusNotification")) == 2)
    told = [one["status"] for one in peer.payloads("DiagnosticsStatusNotification")]
    assert told == ["Uploading", "Uploaded"]
    assert uploads.requests[0].startswith(b"PUT /in/diagnostics-SIM-CP1.txt HTTP")


async def test_an_upload_to_nobody_fails(
    cp: ChargePoint, peer: Peer, clock: ManualClock
) -> None:
    await peer.call("GetDiagnostics", {"location": "http://127.0.0.1:9/"})
    await peer.until(lambda: peer.payloads("DiagnosticsStatusNotification"))
    await clock.advance(1)
    await peer.until(
        lambda: (
            peer.payloads("DiagnosticsStatusNotification")[-1]["status"]
            == "UploadFailed"
        )
    )


# Answers that a test chooses


async def test_answers_can_be_chosen(cp: ChargePoint, peer: Peer) -> None:
    cp.answers["ClearCache"] = {"status": "Rejected"}
    assert await peer.status("ClearCache") == "Rejected"
    cp.answers["ClearCache"] = SimulatedCallError("SecurityError", "no")
    assert (await peer.call("ClearCache"))[2] == "SecurityError"
    cp.answers["ClearCache"] = SILENCE
    with pytest.raises(TimeoutError):
        await peer.call("ClearCache", timeout=0.05)
    cp.answers["ClearCache"] = GARBAGE
    with pytest.raises(TimeoutError):
        await peer.call("ClearCache", timeout=0.05)
    asked = []

    async def answer(payload: dict[str, Any]) -> None:
        asked.append(payload)

    cp.answers["ClearCache"] = answer
    assert await peer.status("ClearCache") == "Accepted"
    assert asked == [{}]


@pytest.mark.parametrize(
    ("action", "payload", "code"),
    [
        ("MakeCoffee", {}, "NotImplemented"),
        ("SignedUpdateFirmware", {}, "NotSupported"),
        ("Reset", {}, "ProtocolError"),
        (
            "ChangeConfiguration",
            {"key": "BlinkRepeat", "value": 3},
            "TypeConstraintViolation",
        ),
        ("ClearCache", ["x"], "FormationViolation"),
    ],
)
async def test_errors_bear_their_code(
    cp: ChargePoint, peer: Peer, action: str, payload: Any, code: str
) -> None:
    assert (await peer.call(action, payload))[2] == code


async def test_a_second_call_before_the_answer_is_noticed(
    cp: ChargePoint, peer: Peer, clock: ManualClock
) -> None:
    cp.faults.delay_answers(1)
    first = asyncio.create_task(peer.call("ClearCache"))
    second = asyncio.create_task(peer.call("GetLocalListVersion"))
    await cp.wait_for(lambda cp: cp.violations)
    assert cp.violations == ["GetLocalListVersion while another call was unanswered"]
    await clock.advance(1)
    await asyncio.gather(first, second)


async def test_a_new_car_is_a_usual_one(cp: ChargePoint) -> None:
    assert await cp.plug(1) == Car()
