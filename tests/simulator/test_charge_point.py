"""What a charge point does by itself: registering, charging, metering."""

from typing import Any

import pytest

from simulator import Car, ChargePoint, ManualClock, Status

from .conftest import MakeChargePoint, charging
from .peer import Peer


def statuses(peer: Peer, connector: int = 1) -> list[str]:
    return [
        payload["status"]
        for payload in peer.payloads("StatusNotification")
        if payload["connectorId"] == connector
    ]


def values(payload: dict[str, Any]) -> dict[str, float]:
    """Return the values of one MeterValues by measurand and phase."""
    return {
        ".".join(
            [one["measurand"], *([one["phase"]] if "phase" in one else [])]
        ): float(one["value"])
        for one in payload["meterValue"][0]["sampledValue"]
    }


async def test_it_boots_and_reports_every_connector(
    make: MakeChargePoint, peer: Peer
) -> None:
    cp = await make(connectors=2, identity="RDAM 123")
    assert peer.paths == ["/RDAM%20123"]
    assert peer.actions == ["BootNotification", *["StatusNotification"] * 3]
    assert peer.calls[0][1]["chargePointModel"] == "SimBox 3"
    assert cp.connector(2).status is Status.AVAILABLE


async def test_a_pending_boot_is_repeated_after_the_interval(
    make: MakeChargePoint, peer: Peer, clock: ManualClock
) -> None:
    peer.boot_status = ["Pending", "Rejected", "Accepted"]
    peer.interval = 20
    cp = await make(accepted=False)
    await cp.wait_for(lambda cp: cp.registration == "Pending")
    await clock.advance(19)
    assert len(peer.payloads("BootNotification")) == 1
    await clock.advance(1)
    await cp.wait_for(lambda cp: cp.registration == "Rejected")
    assert peer.payloads("StatusNotification") == []
    await clock.advance(20)
    await cp.until_accepted()
    assert len(peer.payloads("StatusNotification")) == 2


async def test_heartbeats_come_at_the_interval_of_the_central_system(
    make: MakeChargePoint, peer: Peer, clock: ManualClock
) -> None:
    peer.interval = 45
    cp = await make()
    assert cp.configuration["HeartbeatInterval"] == "45"
    await clock.advance(45 * 3)
    await peer.until(lambda: len(peer.payloads("Heartbeat")) == 3)


async def test_plug_charge_stop_unplug(
    cp: ChargePoint, peer: Peer, clock: ManualClock
) -> None:
    transaction = await charging(cp, soc_percent=40)
    await clock.advance(3600)
    assert cp.connector(1).power_w == pytest.approx(11040)
    assert await cp.present_tag(1, "tag1"), "tags are case-insensitive"
    await cp.wait_for(lambda cp: cp.outbox.empty)
    await cp.unplug(1)
    await peer.until(lambda: statuses(peer)[-1] == "Available")
    assert statuses(peer) == [
        "Available",
        "Preparing",
        "Charging",
        "Finishing",
        "Available",
    ]
    start = peer.payloads("StartTransaction")[0]
    assert start["idTag"] == "TAG1"
    stop = peer.payloads("StopTransaction")[0]
    assert stop["transactionId"] == transaction
    assert stop["meterStop"] - start["meterStart"] == 11040
    assert stop["reason"] == "Local"
    assert peer.payloads("Authorize") == [{"idTag": "TAG1"}]


async def test_a_tag_first_waits_for_the_plug_and_then_gives_up(
    cp: ChargePoint, peer: Peer, clock: ManualClock
) -> None:
    assert await cp.present_tag(1, "TAG1")
    assert cp.connector(1).status is Status.PREPARING
    await clock.advance(60)
    assert cp.connector(1).status is Status.AVAILABLE
    assert await cp.present_tag(1, "TAG1")
    await cp.plug(1)
    await cp.wait_for(lambda cp: cp.connector(1).transaction_id)
    assert len(peer.payloads("StartTransaction")) == 1


async def test_a_refused_tag_does_not_start(cp: ChargePoint, peer: Peer) -> None:
    peer.tag_status = "Invalid"
    await cp.plug(1)
    assert not await cp.present_tag(1, "NOBODY")
    assert cp.connector(1).transaction is None


@pytest.mark.parametrize(
    ("stops", "status"), [("true", "Finishing"), ("false", "SuspendedEVSE")]
)
async def test_a_tag_refused_at_the_start_ends_or_suspends(
    make: MakeChargePoint, peer: Peer, stops: str, status: str
) -> None:
    cp = await make(configuration={"StopTransactionOnInvalidId": stops})
    await cp.plug(1)
    peer.tag_status = "Blocked"
    answer = await peer.status("RemoteStartTransaction", {"idTag": "X"})
    assert answer == "Accepted"
    await cp.wait_for(lambda cp: cp.connector(1).status == status and cp.outbox.empty)
    assert cp.connector(1).power_w == 0
    reasons = [payload["reason"] for payload in peer.payloads("StopTransaction")]
    assert reasons == (["DeAuthorized"] if stops == "true" else [])


async def test_unplugging_ends_the_transaction(cp: ChargePoint, peer: Peer) -> None:
    await charging(cp)
    await cp.unplug(1)
    await cp.wait_for(lambda cp: cp.outbox.empty)
    assert peer.payloads("StopTransaction")[0]["reason"] == "EVDisconnected"
    assert cp.connector(1).status is Status.AVAILABLE


async def test_a_full_car_suspends(
    cp: ChargePoint, peer: Peer, clock: ManualClock
) -> None:
    await charging(cp, soc_percent=99, battery_kwh=50, efficiency=1.0)
    await clock.advance(3600)
    connector = cp.connector(1)
    assert connector.status is Status.SUSPENDED_EV
    assert connector.power_w == 0
    assert connector.register_wh == pytest.approx(500, abs=0.01)
    await cp.wait_for(lambda cp: cp.outbox.empty)
    assert statuses(peer)[-2:] == ["Charging", "SuspendedEV"]


async def test_a_car_that_pauses_and_goes_on(cp: ChargePoint) -> None:
    await charging(cp)
    cp.pause_car(1)
    assert cp.connector(1).status is Status.SUSPENDED_EV
    cp.pause_car(1, paused=False)
    assert cp.connector(1).status is Status.CHARGING


async def test_samples_come_at_the_interval_with_the_measurands_asked_for(
    make: MakeChargePoint, peer: Peer, clock: ManualClock
) -> None:
    cp = await make(
        configuration={
            "MeterValuesSampledData": "Energy.Active.Import.Register,"
            "Power.Active.Import,Current.Import,Voltage,SoC",
            "MeterValueSampleInterval": "30",
        },
        register_wh=5000.0,
    )
    transaction = await charging(cp, phases=1, battery_kwh=50, soc_percent=50)
    await clock.advance(60)
    await cp.wait_for(lambda cp: cp.outbox.empty)
    first, second = peer.payloads("MeterValues")
    assert first["transactionId"] == transaction
    assert first["connectorId"] == 1
    assert second["meterValue"][0]["timestamp"] == "2026-01-05T12:01:00.000Z"
    assert values(second) == {
        "Energy.Active.Import.Register": 5061,
        "Power.Active.Import": 3680,
        "Current.Import.L1": 16,
        "Current.Import.L2": 0,
        "Current.Import.L3": 0,
        "Voltage.L1-N": 230,
        "Voltage.L2-N": 230,
        "Voltage.L3-N": 230,
        "SoC": 50.1,
    }


async def test_a_changed_interval_counts_at_once(
    cp: ChargePoint, peer: Peer, clock: ManualClock
) -> None:
    await charging(cp)
    change = {"key": "MeterValueSampleInterval", "value": "10"}
    assert await peer.status("ChangeConfiguration", change) == "Accepted"
    await clock.advance(30)
    await peer.until(lambda: len(peer.payloads("MeterValues")) == 3)


async def test_begin_and_end_are_sampled_when_wanted(
    make: MakeChargePoint, peer: Peer, clock: ManualClock
) -> None:
    cp = await make(
        sample_at_begin=True,
        sample_at_end=True,
        configuration={"StopTxnSampledData": "Energy.Active.Import.Register"},
    )
    await charging(cp)
    await clock.advance(36)
    await cp.stop_locally(1)
    await cp.wait_for(lambda cp: cp.outbox.empty)
    contexts = [
        payload["meterValue"][0]["sampledValue"][0]["context"]
        for payload in peer.payloads("MeterValues")
    ]
    assert contexts == ["Transaction.Begin", "Transaction.End"]
    data = peer.payloads("StopTransaction")[0]["transactionData"]
    assert [one["sampledValue"][0]["value"] for one in data] == ["0", "110"]


async def test_clock_aligned_values_bear_the_aligned_time(
    make: MakeChargePoint, peer: Peer, clock: ManualClock
) -> None:
    await clock.advance(100)
    await make(
        connectors=2, main_meter=True, configuration={"ClockAlignedDataInterval": "900"}
    )
    await clock.advance(900)
    await peer.until(lambda: len(peer.payloads("MeterValues")) == 3)
    assert [one["connectorId"] for one in peer.payloads("MeterValues")] == [0, 1, 2]
    value = peer.payloads("MeterValues")[1]["meterValue"][0]
    assert value["timestamp"] == "2026-01-05T12:15:00.000Z"
    assert value["sampledValue"][0]["context"] == "Sample.Clock"
    assert "transactionId" not in peer.payloads("MeterValues")[1]


async def test_the_register_is_the_integral_of_power(
    cp: ChargePoint, peer: Peer, clock: ManualClock
) -> None:
    await charging(cp, soc_percent=10, battery_kwh=100)
    profile = {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": {
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [
                {"startPeriod": 0, "limit": 10},
                {"startPeriod": 100, "limit": 0},
                {"startPeriod": 200, "limit": 5},
                {"startPeriod": 300, "limit": 8},
            ],
        },
    }
    answer = await peer.status(
        "SetChargingProfile", {"connectorId": 1, "csChargingProfiles": profile}
    )
    assert answer == "Accepted"
    await clock.advance(400)
    assert cp.connector(1).register_wh == pytest.approx(18 * 230 * 3 * 100 / 3600)
    await peer.until(
        lambda: statuses(peer)[-1] == "Charging" and len(statuses(peer)) > 4
    )
    assert statuses(peer)[-2:] == ["SuspendedEVSE", "Charging"]


async def test_connectors_share_what_the_charge_point_may_draw(
    make: MakeChargePoint, clock: ManualClock, peer: Peer
) -> None:
    cp = await make(connectors=2, autostart_tag="FREE")
    maximum: dict[str, Any] = {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "ChargePointMaxProfile",
        "chargingProfileKind": "Absolute",
        "chargingSchedule": {
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 20}],
        },
    }
    await peer.status(
        "SetChargingProfile", {"connectorId": 0, "csChargingProfiles": maximum}
    )
    await cp.plug(1, Car(max_current_a=16))
    assert cp.connector(1).current_a == 16
    await clock.advance(1)
    await cp.plug(2, Car(max_current_a=16))
    assert [one.current_a for one in cp.connectors.values()] == [10, 10]
    cp.pause_car(1)
    assert [one.current_a for one in cp.connectors.values()] == [0, 16]
    cp.pause_car(1, paused=False)
    maximum["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"] = 11
    await peer.status(
        "SetChargingProfile", {"connectorId": 0, "csChargingProfiles": maximum}
    )
    await cp.wait_for(lambda cp: cp.connector(2).status is Status.SUSPENDED_EVSE)
    assert [one.current_a for one in cp.connectors.values()] == [11, 0]


async def test_a_fault_is_reported_with_its_codes(cp: ChargePoint, peer: Peer) -> None:
    await charging(cp)
    cp.fault(1, "GroundFailure", info="30 mA", vendor_error_code="E17")
    await cp.wait_for(lambda cp: cp.outbox.empty)
    last = peer.payloads("StatusNotification")[-1]
    assert (last["status"], last["errorCode"]) == ("Faulted", "GroundFailure")
    assert (last["info"], last["vendorErrorCode"]) == ("30 mA", "E17")
    assert cp.connector(1).power_w == 0
    cp.clear_fault(1)
    assert cp.connector(1).status is Status.CHARGING


async def test_the_device_clock_is_set_by_the_central_system(
    make: MakeChargePoint, peer: Peer, clock: ManualClock
) -> None:
    cp = await make(accepted=False, clock_offset_s=-86400.0, clock_drift_ppm=1e5)
    await cp.until_accepted()
    assert abs((cp.device.now() - clock.now()).total_seconds()) < 1
    await clock.advance(100)
    assert (cp.device.now() - clock.now()).total_seconds() == pytest.approx(10)


async def test_wait_for_says_what_it_saw_instead(cp: ChargePoint) -> None:
    with pytest.raises(TimeoutError, match="connector 1 Available"):
        await cp.wait_for(lambda cp: cp.connector(1).transaction_id, 0.01)
