"""Dialling, refusals, passwords, TLS, reconnects, the offline queue and faults."""

import asyncio
import datetime as dt
from functools import partial
from http import HTTPStatus
import ipaddress
from pathlib import Path
import ssl

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
import pytest

from simulator import (
    PRESETS,
    CallTimeout,
    ChargePoint,
    ChargePointOptions,
    Disconnected,
    HandshakeRefused,
    ManualClock,
    SimulatedCallError,
)

from .conftest import MakeChargePoint, charging
from .peer import Peer

KEY = bytes(range(200, 220))


@pytest.mark.parametrize("status", [HTTPStatus.NOT_FOUND, HTTPStatus.UNAUTHORIZED])
async def test_a_refused_handshake_tells_its_status(
    peer: Peer, status: HTTPStatus
) -> None:
    peer.refuse = status
    cp = ChargePoint(ChargePointOptions(url=peer.url))
    with pytest.raises(HandshakeRefused) as refusal:
        await cp.connect()
    assert refusal.value.status == status
    assert not cp.connected


async def test_nobody_listening_is_an_os_error() -> None:
    cp = ChargePoint(ChargePointOptions(url="ws://127.0.0.1:9"))
    with pytest.raises(ConnectionRefusedError):
        await cp.connect()


async def test_a_raw_password_goes_out_as_it_is(
    make: MakeChargePoint, peer: Peer
) -> None:
    await make(identity="CP1", password=KEY)
    assert peer.authorizations == [b"CP1:" + KEY]
    assert peer.subprotocols == ["ocpp1.6"]


async def test_connect_only_dials_and_boot_only_boots(peer: Peer) -> None:
    cp = ChargePoint(ChargePointOptions(url=peer.url))
    await cp.connect()
    answer = await peer.call(
        "GetConfiguration", {"key": ["HeartbeatInterval", "Nonsense"]}
    )
    assert answer[2]["unknownKey"] == ["Nonsense"]
    assert peer.calls == []
    assert await cp.boot() == "Accepted"
    await cp.until_accepted()
    assert peer.actions == [
        "BootNotification",
        "StatusNotification",
        "StatusNotification",
    ]
    await cp.stop()
    assert not cp.connected


@pytest.mark.parametrize(
    ("quirk", "text", "password"),
    [
        ("none", KEY.hex(), KEY),
        ("none", "0123456789abcdef", b"0123456789abcdef"),
    ],
)
async def test_a_new_authorization_key_is_used_on_the_next_connection(
    make: MakeChargePoint,
    peer: Peer,
    clock: ManualClock,
    quirk: str,
    text: str,
    password: bytes,
) -> None:
    cp = await make(password="old", quirks=PRESETS[quirk])
    change = {"key": "AuthorizationKey", "value": text}
    assert await peer.status("ChangeConfiguration", change) == "Accepted"
    cp.faults.drop()
    await cp.wait_for(lambda cp: not cp.connected)
    await clock.advance(1)
    await cp.until_accepted()
    assert peer.authorizations == [b"CP1:old", b"CP1:" + password]
    answer = await peer.call("GetConfiguration", {})
    assert text not in str(answer)


def has_failed(times: int, cp: ChargePoint) -> bool:
    return cp.presence.failures == times


async def test_backoff_grows_and_ends(
    make: MakeChargePoint, peer: Peer, clock: ManualClock
) -> None:
    peer.refuse = HTTPStatus.NOT_FOUND
    cp = await make(accepted=False, reconnect_backoff_s=(1.0, 5.0))
    await cp.wait_for(lambda cp: cp.last_error)
    assert isinstance(cp.last_error, HandshakeRefused)
    for failures, seconds in enumerate([1, 5, 5], start=2):
        await clock.advance(seconds - 0.5)
        assert cp.presence.failures == failures - 1
        await clock.advance(0.5)
        await cp.wait_for(partial(has_failed, failures))
    peer.refuse = None
    await clock.advance(5)
    await cp.until_accepted()
    assert cp.last_error is None


@pytest.mark.parametrize(("preset", "boots", "statuses"), [
    ("none", 2, 4), ("no-boot", 1, 4), ("silent-reconnect", 1, 2)
])  # fmt: skip
async def test_what_is_said_after_a_reconnect(
    make: MakeChargePoint,
    peer: Peer,
    clock: ManualClock,
    preset: str,
    boots: int,
    statuses: int,
) -> None:
    cp = await make(quirks=PRESETS[preset])
    cp.faults.drop()
    await cp.wait_for(lambda cp: not cp.connected)
    await clock.advance(1)
    await cp.until_accepted()
    assert len(peer.payloads("BootNotification")) == boots
    assert len(peer.payloads("StatusNotification")) == statuses


async def test_what_happened_offline_is_told_in_order(
    make: MakeChargePoint, peer: Peer, clock: ManualClock
) -> None:
    cp = await make(configuration={"AllowOfflineTxForUnknownId": "true"})
    cp.faults.cut()
    await cp.wait_for(lambda cp: not cp.connected)
    await cp.plug(1)
    assert await cp.present_tag(1, "OFFLINE")
    await clock.advance(150)
    await cp.unplug(1)
    assert cp.outbox.queued == [
        "StartTransaction",
        "MeterValues",
        "MeterValues",
        "StopTransaction",
    ]
    before = len(peer.calls)
    cp.faults.mend()
    await clock.advance(1)
    await cp.until_accepted()
    told = peer.calls[before:]
    assert [action for action, _ in told][:5] == [
        "BootNotification",
        "StartTransaction",
        "MeterValues",
        "MeterValues",
        "StopTransaction",
    ]
    start, meter, _, stop = (payload for _, payload in told[1:5])
    assert start["timestamp"] == "2026-01-05T12:00:00.000Z"
    assert meter["meterValue"][0]["timestamp"] == "2026-01-05T12:01:00.000Z"
    assert stop["timestamp"] == "2026-01-05T12:02:30.000Z"
    assert meter["transactionId"] == stop["transactionId"] == 1001
    assert stop["meterStop"] == 460


async def test_the_old_stop_may_come_after_the_status(
    make: MakeChargePoint, peer: Peer, clock: ManualClock
) -> None:
    cp = await make(quirks=PRESETS["late-replay"])
    await charging(cp)
    cp.faults.cut()
    await cp.wait_for(lambda cp: not cp.connected)
    await cp.unplug(1)
    cp.faults.mend()
    await clock.advance(1)
    await cp.wait_for(lambda cp: cp.accepted)
    await peer.until(
        lambda: peer.payloads("StatusNotification")[-1]["status"] == "Available"
    )
    assert peer.payloads("StopTransaction") == []
    await clock.advance(30)
    await peer.until(lambda: peer.payloads("StopTransaction"))


async def test_an_unanswered_message_is_told_again_after_the_reconnect(
    make: MakeChargePoint, peer: Peer, clock: ManualClock
) -> None:
    cp = await make()
    peer.mute = {"StartTransaction"}
    await cp.plug(1)
    await cp.present_tag(1, "TAG1")
    await peer.until(lambda: peer.payloads("StartTransaction"))
    cp.faults.drop()
    await cp.wait_for(lambda cp: not cp.connected)
    peer.mute = set()
    await clock.advance(1)
    await cp.wait_for(lambda cp: cp.connector(1).transaction_id)
    first, second = peer.payloads("StartTransaction")
    assert first == second


async def test_a_start_given_up_leaves_a_stop_with_minus_one(
    make: MakeChargePoint, peer: Peer, clock: ManualClock
) -> None:
    cp = await make(configuration={"TransactionMessageAttempts": "2"})
    peer.errors["StartTransaction"] = 2
    await cp.plug(1)
    await cp.present_tag(1, "TAG1")
    await peer.until(lambda: len(peer.payloads("StartTransaction")) == 1)
    await cp.wait_for(lambda cp: cp.outbox.queued)
    await clock.advance(10)
    await cp.wait_for(lambda cp: cp.outbox.given_up == ["StartTransaction"])
    await cp.stop_locally(1)
    await cp.wait_for(lambda cp: cp.outbox.empty)
    assert peer.payloads("StopTransaction")[0]["transactionId"] == -1


@pytest.mark.parametrize(
    ("hard", "reason"), [(True, "HardReset"), (False, "SoftReset")]
)
async def test_a_reset_ends_transactions_and_boots_again(
    make: MakeChargePoint, peer: Peer, clock: ManualClock, hard: bool, reason: str
) -> None:
    cp = await make(reboot_s=3.0)
    await charging(cp)
    before = len(peer.calls)
    kind = "Hard" if hard else "Soft"
    assert await peer.status("Reset", {"type": kind}) == "Accepted"
    await cp.wait_for(lambda cp: not cp.connected)
    assert cp.connector(1).power_w == 0
    await clock.advance(2)
    assert not cp.connected
    await clock.advance(1)
    await cp.until_accepted()
    actions = peer.actions[before:]
    first, second = "BootNotification", "StopTransaction"
    order = [action for action in actions if action in (first, second)]
    assert order == ([first, second] if hard else [second, first])
    assert peer.payloads("StopTransaction")[0]["reason"] == reason


async def test_some_resume_after_a_power_cut_with_an_empty_register(
    make: MakeChargePoint, peer: Peer, clock: ManualClock
) -> None:
    cp = await make(quirks=PRESETS["resumes-from-zero"], register_wh=1000.0)
    transaction = await charging(cp)
    await cp.reboot(hard=True)
    await cp.wait_for(lambda cp: not cp.connected)
    await clock.advance(1)
    await cp.until_accepted()
    await clock.advance(60)
    await cp.wait_for(lambda cp: cp.outbox.empty)
    assert peer.payloads("StopTransaction") == []
    last = peer.payloads("MeterValues")[-1]
    assert last["transactionId"] == transaction
    assert last["meterValue"][0]["sampledValue"][0]["value"] == "184"


# Faults


async def test_freeze_holds_everything_until_the_thaw(
    cp: ChargePoint, peer: Peer
) -> None:
    cp.faults.freeze()
    with pytest.raises(TimeoutError):
        await peer.call("ClearCache", timeout=0.05)
    assert peer.socket
    waiter = await peer.socket.ping()
    cp.faults.thaw()
    await waiter
    assert await peer.status("ClearCache") == "Accepted"


async def test_muted_pings_while_talking_goes_on(cp: ChargePoint, peer: Peer) -> None:
    assert peer.socket
    cp.faults.mute_pings()
    waiter = asyncio.ensure_future(await peer.socket.ping())
    assert await peer.status("ClearCache") == "Accepted"
    assert not waiter.done()
    cp.faults.mute_pings(False)
    await (await peer.socket.ping())


async def test_refusals_count_down(cp: ChargePoint, peer: Peer) -> None:
    cp.faults.refuse("ClearCache", times=2)
    cp.faults.refuse("GetConfiguration")
    cp.faults.refuse("Reset", code="InternalError")
    words = [await peer.status("ClearCache") for _ in range(3)]
    assert words == ["Rejected", "Rejected", "Accepted"]
    assert (await peer.call("GetConfiguration", {}))[:1] == [4]
    assert (await peer.call("Reset", {"type": "Soft"}))[2] == "InternalError"


async def test_a_garbled_and_a_duplicated_message(cp: ChargePoint, peer: Peer) -> None:
    cp.faults.duplicate_next()
    await cp.call("Heartbeat", {})
    assert len(peer.payloads("Heartbeat")) == 2
    assert peer.texts[-1] == peer.texts[-2]
    cp.faults.garble_next()
    with pytest.raises(TimeoutError):
        await peer.call("ClearCache", timeout=0.05)
    assert peer.texts[-1].startswith("[3,")
    assert not peer.texts[-1].endswith("]")


async def test_delayed_answers(cp: ChargePoint, peer: Peer, clock: ManualClock) -> None:
    cp.faults.delay_answers(7, "ClearCache")
    with pytest.raises(TimeoutError):
        await peer.call("ClearCache", timeout=0.05)
    await clock.advance(7)
    await peer.until(lambda: '"Accepted"' in peer.texts[-1])


async def test_calls_fail_with_what_happened(
    make: MakeChargePoint, peer: Peer, clock: ManualClock
) -> None:
    cp = await make(call_timeout_s=0.05)
    peer.errors["DataTransfer"] = 1
    with pytest.raises(SimulatedCallError) as error:
        await cp.call("DataTransfer", {"vendorId": "x"})
    assert error.value.code == "InternalError"
    peer.mute = {"DataTransfer"}
    with pytest.raises(CallTimeout):
        await cp.call("DataTransfer", {"vendorId": "x"})
    cp.faults.cut()
    await cp.wait_for(lambda cp: not cp.connected)
    with pytest.raises(Disconnected):
        await cp.call("Heartbeat", {})


# TLS


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """Make a self-signed certificate for localhost or an address."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    try:
        alternative: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        alternative = x509.DNSName(name)
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = folder / f"{name}.pem", folder / f"{name}.key"
    certificate_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate_file, key_file


async def dial(peer: Peer, **settings: object) -> tuple[str, str, int] | None:
    cp = ChargePoint(ChargePointOptions(url=peer.url, **settings))  # type: ignore[arg-type]
    try:
        await cp.connect()
        return cp.wire.tls_cipher
    finally:
        await cp.stop()


async def test_tls_is_verified_as_told(tmp_path: Path) -> None:
    ours, key = certificate(tmp_path, "127.0.0.1")
    other, _ = certificate(tmp_path, "elsewhere.example")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(ours, key)
    async with Peer(context) as peer:
        cipher = await dial(peer, ca_file=ours)
        assert cipher
        assert cipher[1] == "TLSv1.3"
        assert await dial(peer)
        with pytest.raises(ssl.SSLCertVerificationError):
            await dial(peer, ca_file=other)
        chosen = await dial(
            peer, ca_file=ours, tls12_only=True, ciphers="ECDHE-ECDSA-AES128-SHA"
        )
        assert chosen
        assert chosen[0] == "ECDHE-ECDSA-AES128-SHA"


async def test_the_host_name_is_checked_unless_told_otherwise(tmp_path: Path) -> None:
    ours, key = certificate(tmp_path, "elsewhere.example")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(ours, key)
    async with Peer(context) as peer:
        with pytest.raises(ssl.SSLCertVerificationError):
            await dial(peer, ca_file=ours)
        assert await dial(peer, ca_file=ours, verify_hostname=False)
