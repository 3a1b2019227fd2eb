"""Each named deviation does what its name says."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from simulator import PRESETS, ChargePoint, ManualClock, Quirks, Status
from simulator.quirks import AfterPowerLoss, KeyChange, KeyFormat

from .conftest import MakeChargePoint, charging
from .peer import Peer
from .test_commands import install, profile

type Run = Callable[..., Any]


async def first_sample(peer: Peer, clock: ManualClock) -> dict[str, Any]:
    await clock.advance(60)
    await peer.until(lambda: peer.payloads("MeterValues"))
    return peer.payloads("MeterValues")[0]


async def test_no_subprotocol_is_offered(make: MakeChargePoint, peer: Peer) -> None:
    await make(quirks=PRESETS["no-subprotocol"])
    assert peer.subprotocols == []


async def test_pings_are_ignored(make: MakeChargePoint, peer: Peer) -> None:
    cp = await make(quirks=PRESETS["ignores-pings"])
    assert peer.socket
    waiter = asyncio.ensure_future(await peer.socket.ping())
    assert await peer.status("ClearCache") == "Accepted"
    assert not waiter.done()
    assert cp.connected


async def test_a_profile_is_accepted_and_ignored(
    make: MakeChargePoint, peer: Peer
) -> None:
    cp = await make(quirks=PRESETS["ignores-maximum-profile"])
    await charging(cp)
    raw = profile(purpose="ChargePointMaxProfile", kind="Absolute", limit=6)
    assert await install(peer, raw) == "Accepted"
    assert cp.connector(1).current_a == 16


@pytest.mark.parametrize(
    ("preset", "raw", "answer"),
    [
        ("stack-level-zero", profile(level=1), "Rejected"),
        ("stack-level-zero", profile(level=0), "Accepted"),
        ("watts-only", profile(), "Rejected"),
        ("watts-only", profile(unit="W", limit=5000), "Accepted"),
        ("rejects-relative", profile(), "Rejected"),
        ("default-profile-only", profile(purpose="ChargePointMaxProfile"), "Rejected"),
        ("default-profile-only", profile(), "Accepted"),
        ("rejects-absolute", profile(kind="Absolute"), "Rejected"),
        ("rejects-absolute", profile(), "Accepted"),
        ("amperes-only", profile(unit="W", limit=5000), "Rejected"),
        ("tx-profile-only", profile(), "Rejected"),
        ("maximum-profile-only", profile(), "Rejected"),
    ],
)
async def test_profiles_that_are_not_taken(
    make: MakeChargePoint, peer: Peer, preset: str, raw: dict[str, Any], answer: str
) -> None:
    await make(quirks=PRESETS[preset])
    assert await install(peer, raw) == answer


async def test_watts_only_shows_in_key_and_composite_schedule(
    make: MakeChargePoint, peer: Peer
) -> None:
    await make(quirks=PRESETS["watts-only"])
    name = "ChargingScheduleAllowedChargingRateUnit"
    answer = await peer.call("GetConfiguration", {"key": [name]})
    assert answer[2]["configurationKey"][0]["value"] == "Power"
    ask = {"connectorId": 1, "duration": 60, "chargingRateUnit": "A"}
    schedule = (await peer.call("GetCompositeSchedule", ask))[2]["chargingSchedule"]
    assert schedule["chargingRateUnit"] == "W"


async def test_core_only_knows_no_profiles(make: MakeChargePoint, peer: Peer) -> None:
    await make(quirks=PRESETS["core-only"])
    answer = await peer.call(
        "SetChargingProfile", {"connectorId": 0, "csChargingProfiles": profile()}
    )
    assert answer[2] == "NotSupported"
    keys = ["ChargeProfileMaxStackLevel", "SupportedFeatureProfiles"]
    answer = await peer.call("GetConfiguration", {"key": keys})
    assert answer[2]["unknownKey"] == keys[:1]
    assert "SmartCharging" not in answer[2]["configurationKey"][0]["value"]


@pytest.mark.parametrize(
    ("preset", "expected"),
    [
        ("none", {"value": "1184", "measurand": "Energy.Active.Import.Register"}),
        ("kilowatt-hours", {"value": "1.184", "unit": "kWh"}),
        ("numbers-as-values", {"value": 1184.0}),
        ("session-register", {"value": "184"}),
    ],
)
async def test_how_registers_are_written(
    make: MakeChargePoint,
    peer: Peer,
    clock: ManualClock,
    preset: str,
    expected: dict[str, Any],
) -> None:
    cp = await make(quirks=PRESETS[preset], register_wh=1000.0)
    await charging(cp)
    value = (await first_sample(peer, clock))["meterValue"][0]["sampledValue"][0]
    assert value | expected == value


async def test_power_per_phase_without_a_total(
    make: MakeChargePoint, peer: Peer, clock: ManualClock
) -> None:
    cp = await make(
        quirks=PRESETS["per-phase-only"],
        configuration={"MeterValuesSampledData": "Power.Active.Import"},
    )
    await charging(cp, phases=2)
    values = (await first_sample(peer, clock))["meterValue"][0]["sampledValue"]
    assert [(one["phase"], one["value"]) for one in values] == [
        ("L1", "3680.0"),
        ("L2", "3680.0"),
        ("L3", "0.0"),
    ]
    assert all("unit" not in one for one in values)


@pytest.mark.parametrize(
    ("preset", "number"),
    [("negative-transaction-ids", -1), ("zero-transaction-ids", 0)],
)
async def test_transaction_ids_of_its_own(
    make: MakeChargePoint, peer: Peer, clock: ManualClock, preset: str, number: int
) -> None:
    cp = await make(quirks=PRESETS[preset])
    await charging(cp)
    assert (await first_sample(peer, clock))["transactionId"] == number
    await cp.stop_locally(1)
    await cp.wait_for(lambda cp: cp.outbox.empty)
    assert peer.payloads("StopTransaction")[0]["transactionId"] == number
    await peer.status("TriggerMessage", {"requestedMessage": "MeterValues"})
    await peer.until(lambda: len(peer.payloads("MeterValues")) == 2)
    idle = peer.payloads("MeterValues")[1].get("transactionId")
    assert idle == (0 if number == 0 else None)


async def test_reading_the_measurands_reboots(
    make: MakeChargePoint, peer: Peer, clock: ManualClock
) -> None:
    cp = await make(quirks=PRESETS["reboots-on-measurands"])
    await peer.call("GetConfiguration", {"key": ["MeterValuesSampledData"]})
    await cp.wait_for(lambda cp: not cp.connected)
    await clock.advance(1)
    await cp.until_accepted()
    await peer.call("GetConfiguration", {"key": ["HeartbeatInterval"]})
    assert cp.connected


async def test_measurands_are_rejected_or_taken_and_not_sent(
    make: MakeChargePoint, peer: Peer, clock: ManualClock
) -> None:
    first = await make(quirks=PRESETS["rejects-measurands"])
    change = {"key": "MeterValuesSampledData", "value": "Voltage,Power.Active.Import"}
    assert await peer.status("ChangeConfiguration", change) == "Rejected"
    await first.stop()
    only = frozenset({"Voltage"})
    second = await make(quirks=Quirks(accepted_measurands=only))
    assert await peer.status("ChangeConfiguration", change) == "Rejected"
    await second.stop()
    cp = await make(quirks=Quirks(delivered_measurands=only))
    assert await peer.status("ChangeConfiguration", change) == "Accepted"
    await charging(cp)
    values = (await first_sample(peer, clock))["meterValue"][0]["sampledValue"]
    assert {one["measurand"] for one in values} == {"Voltage"}


async def test_values_after_the_stop_and_a_tag_with_garbage(
    make: MakeChargePoint, peer: Peer
) -> None:
    first = await make(quirks=PRESETS["meter-values-after-stop"])
    transaction = await charging(first)
    await first.stop_locally(1)
    await first.wait_for(lambda cp: cp.outbox.empty)
    order = [a for a in peer.actions if a in ("StopTransaction", "MeterValues")]
    assert order == ["StopTransaction", "MeterValues"]
    assert peer.payloads("MeterValues")[0]["transactionId"] == transaction
    await first.stop()
    cp = await make(quirks=PRESETS["garbage-tag"])
    await charging(cp, "T")
    await cp.stop_locally(1)
    await cp.wait_for(lambda cp: cp.outbox.empty)
    assert peer.payloads("StopTransaction")[-1]["idTag"] == "T\x00\x07"


async def test_statuses_that_no_schema_allows(
    make: MakeChargePoint, peer: Peer
) -> None:
    first = await make(quirks=PRESETS["long-info"])
    assert len(peer.payloads("StatusNotification")[0]["info"]) > 50
    await first.stop()
    await make(quirks=PRESETS["unknown-error-code"])
    assert peer.payloads("StatusNotification")[-1]["errorCode"] == "Error"


async def test_connector_zero_is_never_reported(
    make: MakeChargePoint, peer: Peer
) -> None:
    cp = await make(quirks=PRESETS["no-connector-zero"])
    change = {"connectorId": 0, "type": "Inoperative"}
    await peer.status("ChangeAvailability", change)
    await peer.until(
        lambda: peer.payloads("StatusNotification")[-1]["status"] == "Unavailable"
    )
    assert {one["connectorId"] for one in peer.payloads("StatusNotification")} == {1}
    assert cp.status is Status.UNAVAILABLE


async def test_an_accepted_remote_start_without_effect(
    make: MakeChargePoint, peer: Peer
) -> None:
    cp = await make(quirks=PRESETS["remote-start-without-effect"])
    await cp.plug(1)
    assert await peer.status("RemoteStartTransaction", {"idTag": "R"}) == "Accepted"
    assert await peer.status("ClearCache") == "Accepted"
    assert cp.connector(1).transaction is None


async def test_slow_answers(
    make: MakeChargePoint, peer: Peer, clock: ManualClock
) -> None:
    await make(quirks=PRESETS["slow-answers"])
    with pytest.raises(TimeoutError):
        await peer.call("ClearCache", timeout=0.05)
    await clock.advance(3)
    await peer.until(lambda: '"Accepted"' in peer.texts[-1])


async def test_a_limit_below_the_minimum_ends_the_transaction(
    make: MakeChargePoint, peer: Peer
) -> None:
    cp = await make(quirks=PRESETS["ends-below-minimum"])
    await charging(cp)
    await install(peer, profile(limit=0))
    await cp.wait_for(lambda cp: cp.connector(1).status is Status.FINISHING)


async def test_a_forgotten_transaction_is_never_stopped(
    make: MakeChargePoint, peer: Peer, clock: ManualClock
) -> None:
    cp = await make(quirks=Quirks(after_power_loss=AfterPowerLoss.FORGET))
    await charging(cp)
    await cp.reboot(hard=True)
    await cp.wait_for(lambda cp: not cp.connected)
    await clock.advance(1)
    await cp.until_accepted()
    assert peer.payloads("StopTransaction") == []
    assert cp.connector(1).status is Status.PREPARING


async def test_message_ids_begin_anew(
    make: MakeChargePoint, clock: ManualClock
) -> None:
    cp = await make(quirks=PRESETS["ids-from-one"])
    cp.faults.drop()
    await cp.wait_for(lambda cp: not cp.connected)
    await clock.advance(1)
    await cp.until_accepted()
    ids = [frame.message[1] for frame in cp.sent]
    assert ids == ["1", "2", "3", "1", "2", "3"]


@pytest.mark.parametrize(
    ("change", "passwords"),
    [
        (KeyChange.AT_ONCE, [b"old", b"text-of-the-key"]),
        (KeyChange.NEVER, [b"old", b"old"]),
        (KeyChange.AFTER_REBOOT, [b"old", b"old", b"text-of-the-key"]),
    ],
)
async def test_when_a_new_key_is_used(
    make: MakeChargePoint,
    peer: Peer,
    clock: ManualClock,
    change: KeyChange,
    passwords: list[bytes],
) -> None:
    cp = await make(password="old", quirks=Quirks(key_change=change))
    key = {"key": "AuthorizationKey", "value": "text-of-the-key"}
    assert await peer.status("ChangeConfiguration", key) == "Accepted"

    async def again() -> None:
        await cp.wait_for(lambda cp: not cp.connected)
        await clock.advance(1)
        await cp.until_accepted()

    if change is not KeyChange.AT_ONCE:
        cp.faults.drop()
    await again()
    if change is KeyChange.AFTER_REBOOT:
        await cp.reboot()
        await again()
    assert peer.authorizations == [b"CP1:" + password for password in passwords]


async def test_hex_may_stay_text(
    make: MakeChargePoint, peer: Peer, clock: ManualClock
) -> None:
    text = "ab" * 20
    cp = await make(quirks=Quirks(key_format=KeyFormat.TEXT))
    key = {"key": "AuthorizationKey", "value": text}
    await peer.status("ChangeConfiguration", key)
    cp.faults.drop()
    await cp.wait_for(lambda cp: not cp.connected)
    await clock.advance(1)
    await cp.until_accepted()
    assert peer.authorizations == [b"CP1:" + text.encode()]


async def test_an_unlimited_composite_may_be_minus_one(
    make: MakeChargePoint, peer: Peer
) -> None:
    await make(quirks=Quirks(composite_negative_limit=True))
    answer = await peer.call("GetCompositeSchedule", {"connectorId": 1, "duration": 60})
    periods = answer[2]["chargingSchedule"]["chargingSchedulePeriod"]
    assert periods == [{"startPeriod": 0, "limit": -1}]


async def test_every_preset_registers(make: MakeChargePoint) -> None:
    for quirks in PRESETS.values():
        cp: ChargePoint = await make(quirks=quirks)
        await cp.stop()


async def test_profiles_may_be_told_and_not_obeyed(
    make: MakeChargePoint, peer: Peer
) -> None:
    cp = await make(quirks=PRESETS["disobeys-profiles"])
    await charging(cp)
    assert await install(peer, profile(limit=6)) == "Accepted"
    ask = {"connectorId": 1, "duration": 60}
    schedule = (await peer.call("GetCompositeSchedule", ask))[2]["chargingSchedule"]
    assert schedule["chargingSchedulePeriod"][0]["limit"] == 6
    assert cp.connector(1).current_a == 16


@pytest.mark.parametrize(("preset", "left"), [("forgets-profiles", 0), ("none", 1)])
async def test_profiles_may_go_with_a_restart(
    make: MakeChargePoint, peer: Peer, clock: ManualClock, preset: str, left: int
) -> None:
    cp = await make(quirks=PRESETS[preset])
    assert await install(peer, profile()) == "Accepted"
    await cp.reboot(hard=True)
    await clock.advance(60)
    await cp.until_accepted()
    assert len(cp.stack.installed) == left


@pytest.mark.parametrize(("preset", "left"), [("keeps-tx-profiles", 1), ("none", 0)])
async def test_a_sessions_profile_may_outlive_it(
    make: MakeChargePoint, peer: Peer, preset: str, left: int
) -> None:
    cp = await make(quirks=PRESETS[preset])
    await charging(cp)
    assert await install(peer, profile(purpose="TxProfile"), connector=1) == "Accepted"
    await cp.stop_locally()
    assert len(cp.stack.installed) == left


async def test_a_charger_of_few_periods_takes_no_more(
    make: MakeChargePoint, peer: Peer
) -> None:
    await make(quirks=PRESETS["three-periods"])
    raw = profile()
    raw["chargingSchedule"]["chargingSchedulePeriod"] = [
        {"startPeriod": start, "limit": 6 + start} for start in range(4)
    ]
    assert await install(peer, raw) == "Rejected"
    raw["chargingSchedule"]["chargingSchedulePeriod"].pop()
    assert await install(peer, raw) == "Accepted"


@pytest.mark.parametrize(
    ("quirks", "switches", "said", "phases"),
    [
        (Quirks(), False, "false", 3),
        (Quirks(), True, "true", 1),
        (Quirks(ignores_phases=True), True, "true", 3),
    ],
    ids=["cannot", "switches", "ignores the number"],
)
async def test_the_number_of_phases_of_a_profile(
    make: MakeChargePoint,
    peer: Peer,
    quirks: Quirks,
    switches: bool,
    said: str,
    phases: int,
) -> None:
    cp = await make(quirks=quirks, switches_phases=switches)
    await charging(cp)
    raw = profile(limit=10)
    raw["chargingSchedule"]["chargingSchedulePeriod"][0]["numberPhases"] = 1
    assert await install(peer, raw) == "Accepted"
    assert cp.connector(1).power_w == 10 * 230 * phases
    ask = {"key": ["ConnectorSwitch3to1PhaseSupported"]}
    (key,) = (await peer.call("GetConfiguration", ask))[2]["configurationKey"]
    assert key["value"] == said
