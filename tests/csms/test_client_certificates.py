"""Security profile 3 over real TLS: who is let in by a certificate, and who is not."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
import logging
from pathlib import Path
import ssl
from typing import Any

import pytest
from websockets.exceptions import InvalidMessage, InvalidStatus

from custom_components.ocpp_charging.csms import certificates as certificates_module
from custom_components.ocpp_charging.csms.certificates import CertificateStore
from custom_components.ocpp_charging.csms.client_certificates import (
    InvalidRequestForCertificate,
    RequestFault,
    check_request,
)
from custom_components.ocpp_charging.csms.gate import Reason
from custom_components.ocpp_charging.csms.model import SecurityProfile
from custom_components.ocpp_charging.csms.server import CentralSystem
from custom_components.ocpp_charging.csms.tls import TlsMode, reload, server_context
from custom_components.ocpp_charging.csms.verdicts import Refusal, RefusalReason
from tests.csms.certificates import (
    LONG_AGO,
    Wallet,
    ec_key,
    request,
    rsa_key,
    subject,
)
from tests.csms.conftest import Dial, StartCentral
from tests.csms.house import QUIET
from tests.csms.raw import PATIENCE, RawCharger, settings, until

type Store = CertificateStore


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("authority")


@pytest.fixture(scope="module")
def store(folder: Path) -> Store:
    return CertificateStore(folder)


@pytest.fixture(scope="module")
def made(store: Store) -> certificates_module.ServerCertificates:
    return store.ensure(["127.0.0.1"], datetime.now(UTC))


@pytest.fixture(scope="module")
def trust(folder: Path, made: certificates_module.ServerCertificates) -> Path:
    return folder / "ca.pem"


@pytest.fixture(scope="module")
def other_store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    other = CertificateStore(tmp_path_factory.mktemp("other"))
    other.authority(datetime.now(UTC))
    return other


@pytest.fixture
async def guarded(
    start_central: StartCentral,
    store: Store,
    made: certificates_module.ServerCertificates,
) -> CentralSystem:
    """Return a central system over TLS with an authority, which knows CP1."""
    context = server_context(TlsMode.COMPATIBLE, made.chains, made.ca_pem)
    central = await start_central(tls=context)
    central.certificates.store = store
    central.add(settings())
    return central


@pytest.fixture
def wallet(tmp_path: Path) -> Wallet:
    return Wallet(tmp_path)


def give(central: CentralSystem, *known: Any, **changes: Any) -> None:
    """Let CP1 in by these certificates."""
    central.configure(settings(certificates=known, **changes))


async def status_of(dial: Dial, central: CentralSystem, **options: Any) -> int:
    with pytest.raises(InvalidStatus) as caught:
        await dial(to=central, **options)
    status: int = caught.value.response.status_code
    return status


async def broken(dial: Dial, central: CentralSystem, **options: Any) -> None:
    """Dial with a certificate that TLS refuses."""
    with pytest.raises((OSError, EOFError, InvalidMessage)):
        await dial(to=central, **options)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("make_key", [rsa_key, ec_key])
async def test_a_charger_is_let_in_by_its_certificate_alone(
    dial: Dial,
    guarded: CentralSystem,
    store: Store,
    trust: Path,
    tmp_path: Path,
    make_key: Any,
    version: ssl.TLSVersion,
) -> None:
    wallet = Wallet(tmp_path, make_key())
    chain, record = wallet.signed_by(store)
    give(guarded, record)
    context = wallet.show(chain, trust, version=version)
    for _ in range(2):  # the second takes up the session of the first
        raw = await dial(to=guarded, ssl=context, password=None)
        await raw.alive()
        charger = guarded.chargers["CP1"]
        assert charger.profile is SecurityProfile.CERTIFICATE
        assert charger.certificate == record.fingerprint
        await raw.close()


async def test_a_charger_without_one_goes_on_with_its_password(
    dial: Dial, guarded: CentralSystem, store: Store, trust: Path, wallet: Wallet
) -> None:
    give(guarded, wallet.signed_by(store)[1])
    guarded.add(settings("CP2"))
    plain = ssl.create_default_context(cafile=str(trust))
    for name in ("CP1", "CP2"):
        raw = await dial(name, to=guarded, ssl=plain)
        await raw.alive()
        assert guarded.chargers[name].profile is SecurityProfile.TLS


async def test_nobody_is_asked_for_a_certificate_before_there_is_one(
    dial: Dial, guarded: CentralSystem, trust: Path, wallet: Wallet
) -> None:
    raw = await dial(to=guarded, ssl=wallet.show(wallet.self_signed(), trust))
    await raw.alive()
    assert guarded.chargers["CP1"].profile is SecurityProfile.TLS


async def test_certificates_are_asked_for_after_our_own_were_renewed(
    dial: Dial,
    guarded: CentralSystem,
    store: Store,
    made: certificates_module.ServerCertificates,
    trust: Path,
    wallet: Wallet,
) -> None:
    chain, record = wallet.signed_by(store)
    give(guarded, record)
    reload(guarded._tls, made.chains)  # type: ignore[arg-type]
    raw = await dial(to=guarded, ssl=wallet.show(chain, trust), password=None)
    await raw.alive()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_foreign_certificate_breaks_one_handshake_and_locks_nobody_out(
    dial: Dial,
    guarded: CentralSystem,
    store: Store,
    other_store: Store,
    trust: Path,
    wallet: Wallet,
    version: ssl.TLSVersion,
) -> None:
    give(guarded, wallet.signed_by(store)[1])
    expired, _ = wallet.signed_by(store, at=LONG_AGO)
    for chain in (wallet.self_signed(), wallet.signed_by(other_store)[0], expired):
        shown = wallet.show(chain, trust, version=version)
        await broken(dial, guarded, ssl=shown)
        assert not guarded.chargers["CP1"].connected
        # It is not asked the next time, and what counts is its password.
        raw = await dial(to=guarded, ssl=shown)
        await raw.alive()
        assert guarded.chargers["CP1"].profile is SecurityProfile.TLS
        await raw.close()
    assert guarded._entrance.turned_away[Reason.FOREIGN_CERTIFICATE] == 3


@pytest.mark.parametrize("password", [None, "open-sesame-2026"])
async def test_another_chargers_certificate_is_refused_even_with_the_password(
    dial: Dial,
    guarded: CentralSystem,
    store: Store,
    trust: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    password: str | None,
) -> None:
    own, others = Wallet(tmp_path), Wallet(tmp_path)
    chain, record = others.signed_by(store, name=subject("CP2"))
    give(guarded, own.signed_by(store)[1])
    guarded.add(settings("CP2", certificates=(record,)))
    refusals: list[Refusal] = []
    guarded.listen_refused(refusals.append)
    shown = others.show(chain, trust)
    assert await status_of(dial, guarded, ssl=shown, password=password) == 401
    assert [each.reason for each in refusals] == [RefusalReason.CERTIFICATE]
    assert "not its own" in caplog.text
    raw = await dial("CP2", to=guarded, ssl=shown, password=None)
    await raw.alive()


async def test_the_certificate_of_a_removed_charger_lets_nobody_in(
    dial: Dial, guarded: CentralSystem, store: Store, trust: Path, tmp_path: Path
) -> None:
    wallet, other = Wallet(tmp_path), Wallet(tmp_path)
    chain, record = wallet.signed_by(store)
    give(guarded, record)
    guarded.add(
        settings("CP2", certificates=(other.signed_by(store, name=subject("CP2"))[1],))
    )
    shown = wallet.show(chain, trust)
    raw = await dial(to=guarded, ssl=shown, password=None)
    await guarded.remove("CP1")
    await raw.closed()
    assert await status_of(dial, guarded, ssl=shown, password=None) == 404
    # Added again it needs a password, which it may show beside the old certificate.
    guarded.add(settings())
    assert await status_of(dial, guarded, ssl=shown, password=None) == 401
    raw = await dial(to=guarded, ssl=shown)
    await raw.alive()
    assert guarded.chargers["CP1"].profile is SecurityProfile.TLS


async def test_a_certificate_that_ended_is_no_good_on_a_session_taken_up_again(
    dial: Dial, guarded: CentralSystem, store: Store, trust: Path, wallet: Wallet
) -> None:
    chain, record = wallet.signed_by(store)
    give(guarded, replace(record, expires=datetime.now(UTC) - timedelta(seconds=1)))
    shown = wallet.show(chain, trust)
    assert await status_of(dial, guarded, ssl=shown, password=None) == 401


@pytest.mark.parametrize("password", [None, "open-sesame-2026"])
async def test_a_charger_raised_to_a_certificate_is_not_let_in_without(
    dial: Dial,
    guarded: CentralSystem,
    store: Store,
    trust: Path,
    wallet: Wallet,
    password: str | None,
) -> None:
    chain, record = wallet.signed_by(store)
    give(guarded, record, profile=SecurityProfile.CERTIFICATE)
    refusals: list[Refusal] = []
    guarded.listen_refused(refusals.append)
    plain = ssl.create_default_context(cafile=str(trust))
    status = await status_of(dial, guarded, ssl=plain, password=password)
    assert status == (401 if password is None else 403)
    assert [each.reason for each in refusals] == [RefusalReason.NO_CERTIFICATE]
    raw = await dial(to=guarded, ssl=wallet.show(chain, trust), password=None)
    await raw.alive()


async def test_a_charger_raised_to_encryption_is_not_let_in_without(
    dial: Dial, central: CentralSystem
) -> None:
    central.configure(settings(profile=SecurityProfile.TLS))
    refusals: list[Refusal] = []
    central.listen_refused(refusals.append)
    for _ in range(8):
        # It knows its password: nobody is guessing, so nobody must wait.
        assert await status_of(dial, central) == 403
    assert {each.reason for each in refusals} == {RefusalReason.NOT_ENCRYPTED}
    central.configure(settings())
    raw = await dial()
    await raw.alive()


async def test_who_needs_no_password_is_not_let_in_lower_either(
    dial: Dial, central: CentralSystem
) -> None:
    central.configure(settings(password_required=False, profile=SecurityProfile.TLS))
    assert await status_of(dial, central, password=None) == 403


async def test_a_port_takes_both_while_chargers_change_over(
    dial: Dial,
    start_central: StartCentral,
    made: certificates_module.ServerCertificates,
    trust: Path,
) -> None:
    context = server_context(TlsMode.COMPATIBLE, made.chains, made.ca_pem)
    central = await start_central(tls=context, also_plain=True)
    central.add(settings())
    charger = central.chargers["CP1"]
    old = await dial(to=central)
    assert (charger.profile, charger.secure) == (SecurityProfile.BASIC, False)
    new = await dial(to=central, ssl=ssl.create_default_context(cafile=str(trust)))
    await old.closed()
    assert (charger.profile, charger.secure) == (SecurityProfile.TLS, True)
    assert central.broken_handshakes == 0
    central.close_plain()
    with pytest.raises((OSError, EOFError, InvalidMessage)):
        await dial(to=central)
    await new.alive()


async def test_who_says_nothing_or_goes_again_holds_no_place_while_it_takes_both(
    dial: Dial,
    start_central: StartCentral,
    made: certificates_module.ServerCertificates,
) -> None:
    context = server_context(TlsMode.COMPATIBLE, made.chains, made.ca_pem)
    central = await start_central(
        replace(QUIET, open_timeout=0.3), tls=context, also_plain=True
    )
    central.add(settings())
    for leaves in (False, True):
        reader, writer = await asyncio.open_connection("127.0.0.1", central.port)
        if leaves:
            writer.write_eof()
        async with asyncio.timeout(PATIENCE):
            with suppress(ConnectionResetError):
                assert await reader.read() == b""
        writer.close()
    raw = await dial(to=central)
    await raw.alive()
    assert central._entrance.gate.connections == 1


# What a charger asks for


async def sign(raw: RawCharger, text: str) -> str:
    answer = await raw.call("SignCertificate", {"csr": text})
    return str(answer["status"])


async def secured(dial: Dial, central: CentralSystem, trust: Path) -> RawCharger:
    return await dial(to=central, ssl=ssl.create_default_context(cafile=str(trust)))


@pytest.mark.parametrize("make_key", [rsa_key, ec_key])
@pytest.mark.parametrize("name", ["CP1", "SERIAL-7"])
async def test_a_charger_gets_the_certificate_that_it_asks_for(
    dial: Dial,
    guarded: CentralSystem,
    trust: Path,
    tmp_path: Path,
    make_key: Any,
    name: str,
) -> None:
    wallet = Wallet(tmp_path, make_key())
    raw = await secured(dial, guarded, trust)
    await raw.boot(chargePointSerialNumber="SERIAL-7")
    assert await sign(raw, request(wallet.key, subject(name))) == "Accepted"
    asked = await raw.next_call("CertificateSigned")
    await raw.answer(asked, {"status": "Accepted"})
    await raw.alive()
    shown = wallet.show(asked.payload["certificateChain"], trust)
    again = await dial(to=guarded, ssl=shown, password=None)
    await again.alive()
    assert guarded.chargers["CP1"].profile is SecurityProfile.CERTIFICATE


async def test_the_old_certificate_ends_when_the_new_one_was_used(
    dial: Dial, guarded: CentralSystem, store: Store, trust: Path, wallet: Wallet
) -> None:
    chain, record = wallet.signed_by(store)
    give(guarded, record)
    charger = guarded.chargers["CP1"]
    changed: list[int] = []
    guarded.certificates.on_change.append(
        lambda each: changed.append(len(each.settings.certificates))
    )
    charger.listen(0, "connected", lambda: guarded.certificates.used(charger))
    raw = await dial(to=guarded, ssl=wallet.show(chain, trust), password=None)
    assert await sign(raw, request(wallet.key)) == "Accepted"
    asked = await raw.next_call("CertificateSigned")
    await raw.answer(asked, {"status": "Accepted"})
    await raw.alive()
    newer = asked.payload["certificateChain"]
    # Both are good until the new one has been used.
    for each in (chain, newer):
        raw = await dial(to=guarded, ssl=wallet.show(each, trust), password=None)
        await raw.alive()
    assert changed == [2, 1]
    shown = wallet.show(chain, trust)
    assert await status_of(dial, guarded, ssl=shown, password=None) == 401


async def test_a_certificate_that_the_charger_rejects_lets_nobody_in(
    dial: Dial, guarded: CentralSystem, trust: Path, wallet: Wallet
) -> None:
    raw = await secured(dial, guarded, trust)
    raw.reactions["CertificateSigned"] = {"status": "Rejected"}
    charger = guarded.chargers["CP1"]
    changed: list[int] = []
    guarded.certificates.on_change.append(
        lambda each: changed.append(len(each.settings.certificates))
    )
    assert await sign(raw, request(wallet.key)) == "Accepted"
    await until(charger, lambda: changed == [1, 0])
    assert charger.settings.certificates == ()
    await raw.alive()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", RequestFault.NOT_PEM),
        ("x" * 6000, RequestFault.NOT_PEM),
        ("{{ 7 * 7 }}\0\u202e", RequestFault.NOT_PEM),
        (request(rsa_key(1024)), RequestFault.WEAK_KEY),
        (request(ec_key(), subject("CP2")), RequestFault.WRONG_NAME),
        (request(ec_key(), subject("cp1")), RequestFault.WRONG_NAME),
        (request(ec_key(), subject("CP1", "Acme")), RequestFault.WRONG_ORGANIZATION),
        (request(ec_key(), subject("CP1", None)), RequestFault.WRONG_ORGANIZATION),
    ],
    ids=[
        "nothing",
        "too long",
        "a template",
        "a short key",
        "another charger",
        "another spelling",
        "another organisation",
        "no organisation",
    ],
)
async def test_a_bad_request_is_rejected(
    dial: Dial,
    guarded: CentralSystem,
    trust: Path,
    caplog: pytest.LogCaptureFixture,
    text: str,
    fault: RequestFault,
) -> None:
    raw = await secured(dial, guarded, trust)
    assert await sign(raw, text) == "Rejected"
    assert fault in caplog.text
    assert guarded.chargers["CP1"].settings.certificates == ()
    await raw.alive()


def test_a_request_signed_by_another_key_is_rejected() -> None:
    good = request(ec_key())
    lines = good.splitlines()
    middle = lines[-3]
    flipped = ("B" if middle[20] != "B" else "C").join((middle[:20], middle[21:]))
    bad = "\n".join([*lines[:-3], flipped, *lines[-2:]])
    with pytest.raises(InvalidRequestForCertificate):
        check_request(bad, ["CP1"])
    check_request(good, ["CP1"])


async def test_no_certificate_is_given_over_a_plain_line(
    dial: Dial, central: CentralSystem, store: Store, wallet: Wallet
) -> None:
    central.certificates.store = store
    raw = await dial()
    assert await sign(raw, request(wallet.key)) == "Rejected"


async def test_requests_that_come_too_often_are_rejected(
    dial: Dial,
    guarded: CentralSystem,
    trust: Path,
    wallet: Wallet,
    caplog: pytest.LogCaptureFixture,
) -> None:
    raw = await secured(dial, guarded, trust)
    raw.reactions["CertificateSigned"] = {"status": "Accepted"}
    text = request(wallet.key)
    assert [await sign(raw, text) for _ in range(4)] == 3 * ["Accepted"] + ["Rejected"]
    assert len(guarded.chargers["CP1"].settings.certificates) <= 4
    # However often it asks, the log stays short.
    caplog.clear()
    assert {await sign(raw, "nonsense") for _ in range(20)} == {"Rejected"}
    assert not [
        line
        for line in caplog.records
        if line.levelno >= logging.WARNING and line.name != "asyncio"
    ]


async def test_a_charger_that_is_not_added_gets_no_certificate(
    dial: Dial, guarded: CentralSystem, trust: Path, wallet: Wallet
) -> None:
    expectation = guarded.expect(settings("CP9"))
    plain = ssl.create_default_context(cafile=str(trust))
    raw = await dial("CP9", to=guarded, ssl=plain)
    assert await sign(raw, request(wallet.key, subject("CP9"))) == "Rejected"
    expectation.close()


async def test_a_certificate_longer_than_the_charger_takes_is_not_sent(
    dial: Dial,
    guarded: CentralSystem,
    trust: Path,
    wallet: Wallet,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    raw = await secured(dial, guarded, trust)
    commands = guarded.chargers["CP1"].commands("GetConfiguration")
    size = {"key": "CertificateSignedMaxChainSize", "readonly": True, "value": "500"}
    raw.reactions["GetConfiguration"] = {"configurationKey": [size]}
    await commands.get_configuration()
    office = guarded.certificates
    obtaining = asyncio.create_task(office.obtain(guarded.chargers["CP1"], 5))
    asked = await raw.next_call("ExtendedTriggerMessage")
    assert asked.payload == {"requestedMessage": "SignChargePointCertificate"}
    await raw.answer(asked, {"status": "Accepted"})
    assert await sign(raw, request(wallet.key)) == "Accepted"
    with pytest.raises(InvalidRequestForCertificate) as caught:
        await obtaining
    assert caught.value.fault is RequestFault.CHAIN_TOO_LONG
    assert guarded.chargers["CP1"].settings.certificates == ()
