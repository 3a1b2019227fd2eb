"""Who is let in, and what the others are told."""

import asyncio
from datetime import UTC, datetime
import logging
from pathlib import Path
import ssl
from typing import Any
from urllib.parse import quote

import pytest
from websockets.exceptions import InvalidStatus

from custom_components.ocpp_charging.csms.admission import Door
from custom_components.ocpp_charging.csms.backoff import FREE_FAILURES
from custom_components.ocpp_charging.csms.bounds import MAX_REFUSED, MAX_UNKNOWN
from custom_components.ocpp_charging.csms.credentials import KeyHash
from custom_components.ocpp_charging.csms.server import CentralSystem
from custom_components.ocpp_charging.csms.verdicts import (
    Admitted,
    Denied,
    Refusal,
    Request,
    UnknownCharger,
)
from tests.conftest import PASSWORD, key_hash
from tests.csms.conftest import Dial
from tests.csms.raw import basic, settings, stamp

WRONG = "wrong-password-2026"
HEX_KEY = "0001020304050607FFFFFFFFFFFFFFFFFFFFFFFF"
NOW = datetime(2026, 11, 1, tzinfo=UTC)


async def refused(dial: Dial, *arguments: Any, **options: Any) -> tuple[int, Any]:
    """Return the status and the headers with which a charger is turned away."""
    with pytest.raises(InvalidStatus) as caught:
        await dial(*arguments, **options)
    return caught.value.response.status_code, caught.value.response.headers


async def test_a_known_charger_with_its_password_is_let_in(
    dial: Dial, central: CentralSystem
) -> None:
    raw = await dial()
    assert raw.socket.subprotocol == "ocpp1.6"
    assert central.chargers["CP1"].connected
    assert central.chargers["CP1"].remote_address == "127.0.0.1"
    assert not central.chargers["CP1"].secure
    await raw.alive()


async def test_a_charger_is_let_in_over_tls(
    dial: Dial, secure_central: CentralSystem, certificates: tuple[Path, Any]
) -> None:
    trust = ssl.create_default_context(cafile=str(certificates[0]))
    raw = await dial(to=secure_central, ssl=trust)
    await raw.alive()
    assert secure_central.chargers["CP1"].secure


@pytest.mark.parametrize(
    "path",
    ["CP2", "", "..", "CP%00", "C" * 49, "CP%3A1", "a%2Fb"],
    ids=["stranger", "bare", "dots", "NUL", "too long", "colon", "slash"],
)
async def test_an_identity_nobody_knows_is_not_found(dial: Dial, path: str) -> None:
    status, headers = await refused(dial, path, password=None)
    assert status == 404
    assert "WWW-Authenticate" not in headers


@pytest.mark.parametrize(
    "header",
    [
        None,
        basic("CP1", WRONG),
        basic("CP1", ""),
        basic("", PASSWORD),
        basic("CP2", PASSWORD),
        basic("cp1", PASSWORD),
        basic("CP1", b"\xff" * 20),
        basic("CP1", "x" * 5000),
        "Basic ???",
        "Bearer x",
        "Basic",
    ],
)
async def test_a_wrong_or_missing_password_is_unauthorized(
    dial: Dial, central: CentralSystem, header: str | None
) -> None:
    headers = {} if header is None else {"Authorization": header}
    status, answer = await refused(dial, password=None, headers=headers)
    assert status == 401
    assert answer["WWW-Authenticate"].startswith("Basic")
    assert not central.chargers["CP1"].connected


async def test_two_sets_of_credentials_are_none(dial: Dial) -> None:
    both = [("Authorization", basic("CP1", PASSWORD))] * 2
    status, _ = await refused(dial, password=None, additional_headers=both)
    assert status == 401


@pytest.mark.parametrize("offered", [["ocpp2.0.1"], ["ocpp1.5", "soap"], ["OCPP1.6"]])
async def test_without_a_common_subprotocol_there_is_no_upgrade(
    dial: Dial, offered: list[str]
) -> None:
    status, _ = await refused(dial, subprotocols=offered)
    assert status == 400


async def test_ocpp_1_6_is_chosen_among_several(dial: Dial) -> None:
    raw = await dial(subprotocols=["ocpp2.0.1", "ocpp1.6", "ocpp1.5"])
    assert raw.socket.subprotocol == "ocpp1.6"
    await raw.alive()


async def test_a_charger_that_offers_no_subprotocol_is_taken_as_ocpp_1_6(
    dial: Dial,
) -> None:
    raw = await dial(subprotocols=None)
    assert raw.socket.subprotocol is None
    await raw.alive()


async def test_compression_is_as_the_client_asks(dial: Dial) -> None:
    raw = await dial(compression="deflate")
    await raw.alive()


@pytest.mark.parametrize(
    "path",
    ["RDAM%20123", "some/folder/RDAM%20123", "RDAM%20123/", "RDAM%20123?x=1"],
)
async def test_the_identity_is_the_last_segment_decoded_once(
    dial: Dial, central: CentralSystem, path: str
) -> None:
    central.add(settings("RDAM 123"))
    await dial(path, user="RDAM 123")
    assert central.chargers["RDAM 123"].connected


async def test_the_identity_is_not_decoded_twice(
    dial: Dial, central: CentralSystem
) -> None:
    central.add(settings("CP 2"))
    status, _ = await refused(dial, quote(quote("CP 2")), user="CP 2")
    assert status == 404


async def test_a_charger_that_dials_the_bare_url_is_known_by_its_user_name(
    dial: Dial, central: CentralSystem
) -> None:
    await dial("", user="CP1")
    assert central.chargers["CP1"].connected
    status, _ = await refused(dial, "", user="CP2")
    assert status == 404
    status, _ = await refused(dial, "", user="a/b")
    assert status == 404


@pytest.mark.parametrize(
    "password",
    [bytes.fromhex(HEX_KEY), HEX_KEY, HEX_KEY.lower()],
    ids=["raw bytes", "hex", "lower-case hex"],
)
async def test_a_key_opens_in_each_of_its_forms(
    dial: Dial, central: CentralSystem, password: bytes | str
) -> None:
    central.add(settings("HEX", key_hashes=(key_hash(HEX_KEY),)))
    raw = await dial("HEX", password=password)
    await raw.alive()


async def test_both_keys_open_while_one_is_being_changed(
    dial: Dial, central: CentralSystem
) -> None:
    other = "another-password"
    hashes = (key_hash(PASSWORD), key_hash(other))
    central.configure(settings(key_hashes=hashes))
    for password, its_hash in zip((PASSWORD, other), hashes, strict=True):
        raw = await dial(password=password)
        await raw.alive()
        assert central.chargers["CP1"].key_hash == its_hash


async def test_which_key_opened_is_known_but_not_shown() -> None:
    door = Door()
    door.know(settings(key_hashes=(key_hash(PASSWORD),)))
    door.expect(settings("NEW", key_hashes=(key_hash(WRONG),)))
    for identity, password in (("CP1", PASSWORD), ("NEW", WRONG), ("OTHER", WRONG)):
        verdict = await door.decide(
            request(identity, authorization=basic(identity, password)), NOW, 0.0
        )
        assert isinstance(verdict, Admitted)
        assert verdict.key_hash == key_hash(password)
        assert "scrypt" not in repr(verdict)


async def test_a_password_is_not_checked_anew_when_another_setting_changes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    checked: list[bytes] = []
    matches = KeyHash.matches

    def counted(self: KeyHash, presented: bytes) -> bool:
        checked.append(presented)
        return matches(self, presented)

    monkeypatch.setattr(KeyHash, "matches", counted)
    door = Door()
    for limit_a in (16.0, 32.0):
        door.know(settings(max_current_a=limit_a))
        verdict = await door.decide(
            request(authorization=basic("CP1", PASSWORD)), NOW, 0.0
        )
        assert isinstance(verdict, Admitted)
    assert len(checked) == 1
    door.know(settings(key_hashes=(key_hash(WRONG),)))
    verdict = await door.decide(request(authorization=basic("CP1", PASSWORD)), NOW, 0.0)
    assert isinstance(verdict, Denied)


async def test_who_is_let_in_without_a_password_has_no_key(
    dial: Dial, central: CentralSystem
) -> None:
    await dial()
    assert central.chargers["CP1"].key_hash == key_hash(PASSWORD)
    central.configure(settings(password_required=False))
    await dial(password=None)
    assert central.chargers["CP1"].key_hash is None


async def test_new_settings_count_at_once_and_keep_the_connection(
    dial: Dial, central: CentralSystem
) -> None:
    raw = await dial()
    central.configure(settings(key_hashes=(key_hash("another-password"),)))
    await raw.alive()
    status, _ = await refused(dial)
    assert status == 401


async def test_without_a_password_only_where_the_owner_allowed_it(
    dial: Dial, central: CentralSystem
) -> None:
    central.configure(settings(key_hashes=(), password_required=False))
    raw = await dial(password=None)
    await raw.alive()
    central.configure(settings())
    status, _ = await refused(dial, password=None)
    assert status == 401


@pytest.mark.parametrize(
    ("address", "admitted"),
    [
        ("192.168.1.7", True),
        ("10.0.0.1", True),
        ("127.0.0.1", True),
        ("fe80::1", True),
        ("fd00::1", True),
        ("8.8.8.8", False),
        ("2001:4860:4860::8888", False),
        ("nonsense", False),
    ],
)
async def test_without_a_password_only_from_private_addresses(
    address: str, admitted: bool
) -> None:
    door = Door()
    door.know(settings(key_hashes=(), password_required=False))
    verdict = await door.decide(request(address=address), NOW, 0.0)
    assert isinstance(verdict, Admitted) is admitted


def request(identity: str = "CP1", **changes: Any) -> Request:
    """Return a request as the door sees it."""
    return Request(
        **{
            "path": f"/{identity}",
            "address": "192.168.1.7",
            "authorization": None,
            "subprotocols": ["ocpp1.6"],
            "secure": True,
            **changes,
        }
    )


# Those who are turned away are remembered


async def test_an_unknown_charger_is_remembered_and_told_of(
    dial: Dial, central: CentralSystem
) -> None:
    told: list[UnknownCharger] = []
    stop = central.listen_unknown(told.append)
    for _ in range(2):
        await refused(dial, "NEW", password=None)
    stop()
    await refused(dial, "NEW", password=None)
    seen = central.unknown["NEW"]
    assert [each.attempts for each in told] == [1, 2]
    assert (seen.identity, seen.address, seen.attempts) == ("NEW", "127.0.0.1", 3)
    assert seen.secure is False
    assert seen.first_seen == told[0].first_seen <= seen.last_seen


@pytest.mark.parametrize("path", ["/", "/favicon.ico", "/CP1"])
async def test_a_browser_is_no_unknown_charger(
    central: CentralSystem, path: str
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", central.port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert (await reader.read()).startswith(b"HTTP/1.1 426 ")
    writer.close()
    assert not central.unknown
    assert not central._door.refused


async def test_a_charger_that_is_added_is_unknown_no_more(
    dial: Dial, central: CentralSystem
) -> None:
    await refused(dial, "NEW", password=None)
    central.add(settings("NEW"))
    assert "NEW" not in central.unknown


async def test_what_is_remembered_of_strangers_is_bounded() -> None:
    door = Door()
    for number in range(MAX_UNKNOWN + 5):
        await door.decide(request(f"NEW{number}"), NOW, 0.0)
    await door.decide(request("NEW5"), NOW, 0.0)
    assert len(door.unknown) == MAX_UNKNOWN
    assert "NEW4" not in door.unknown
    assert next(reversed(door.unknown)) == "NEW5"


async def test_what_is_remembered_of_refusals_is_bounded() -> None:
    door = Door()
    for number in range(MAX_REFUSED + 1):
        door.know(settings(f"CP{number}"))
        await door.decide(request(f"CP{number}", address=f"10.0.0.{number}"), NOW, 0.0)
    assert len(door.refused) == MAX_REFUSED
    assert "CP0" not in door.refused


async def test_a_known_charger_with_a_wrong_password_is_told_of(
    dial: Dial, central: CentralSystem
) -> None:
    told: list[Refusal] = []
    stop = central.listen_refused(told.append)
    for _ in range(2):
        await refused(dial, password=WRONG)
    stop()
    await refused(dial, password=WRONG)
    assert [(each.identity, each.address, each.attempts) for each in told] == [
        ("CP1", "127.0.0.1", 1),
        ("CP1", "127.0.0.1", 2),
    ]
    await dial()
    await refused(dial, password=WRONG)
    assert central._door.refused["CP1"].attempts == 1


# Back-off


async def test_an_address_that_guesses_must_wait(dial: Dial) -> None:
    for _ in range(FREE_FAILURES):
        assert (await refused(dial, password=WRONG))[0] == 401
    status, headers = await refused(dial)
    assert status == 429
    assert int(headers["Retry-After"]) >= 1


async def test_guesses_on_one_charger_do_not_lock_out_another(
    dial: Dial, central: CentralSystem
) -> None:
    central.add(settings("GOOD"))
    for _ in range(FREE_FAILURES + 1):
        await refused(dial, password=WRONG)
    raw = await dial("GOOD")
    await raw.alive()


async def test_a_new_password_may_be_tried_at_once(
    dial: Dial, central: CentralSystem
) -> None:
    for _ in range(FREE_FAILURES):
        await refused(dial, password=WRONG)
    central.configure(settings(key_hashes=(key_hash(WRONG),)))
    raw = await dial(password=WRONG)
    await raw.alive()


async def test_200_wrong_guesses_never_shut_out_a_charger_that_has_proved_itself() -> (
    None
):
    door = Door()
    door.know(settings())
    good = request(authorization=basic("CP1", PASSWORD))
    assert isinstance(await door.decide(good, NOW, 0.0), Admitted)
    for number in range(200):
        door.know(settings(f"X{number}"))
        await door.decide(request(f"X{number}"), NOW, 1.0)
    last = await door.decide(request("X0"), NOW, 1.0)
    assert isinstance(last, Denied)
    assert last.status == 429
    assert isinstance(await door.decide(good, NOW, 1.0), Admitted)


# Adding a charger is a conversation


async def test_an_expected_charger_is_let_in_and_kept_when_it_is_added(
    dial: Dial, central: CentralSystem
) -> None:
    expectation = central.expect(settings("NEW"))
    raw = await dial("NEW")
    assert expectation.connected
    present = central.chargers["NEW"]
    added = central.add(settings("NEW", max_current_a=16))
    expectation.close()
    assert added is present
    assert added.settings.max_current_a == 16
    await raw.alive()
    assert added.connected


async def test_a_conversation_that_ends_without_adding_disconnects(
    dial: Dial, central: CentralSystem
) -> None:
    expectation = central.expect(settings("NEW"))
    raw = await dial("NEW")
    waiting = asyncio.create_task(expectation.wait())
    await asyncio.sleep(0)
    expectation.close()
    expectation.close()
    assert await raw.closed() == 1000
    assert "NEW" not in central.chargers
    assert (await refused(dial, "NEW"))[0] == 404
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_the_password_of_the_conversation_tells_which_charger_it_is(
    dial: Dial, central: CentralSystem
) -> None:
    expectation = central.expect(
        settings("TYPED", key_hashes=(key_hash("made-for-this-one"),))
    )
    assert (await refused(dial, "SERIAL", password=WRONG))[0] == 404
    await dial("SERIAL", password="made-for-this-one")
    assert expectation.connected
    assert central.chargers["SERIAL"].settings.identity == "SERIAL"
    assert "TYPED" not in central.chargers


async def test_a_charger_that_does_not_trust_us_is_noticed(
    dial: Dial, central: CentralSystem, secure_central: CentralSystem
) -> None:
    expectation = secure_central.expect(settings("NEW"))
    plain = central.expect(settings("NEW"))
    assert (expectation.broken_handshakes, plain.broken_handshakes) == (0, 0)
    with pytest.raises(ssl.SSLCertVerificationError):
        await dial("NEW", to=secure_central, ssl=ssl.create_default_context())
    assert (expectation.broken_handshakes, plain.broken_handshakes) == (1, 0)


async def test_an_expected_charger_has_no_say_over_a_known_one(
    dial: Dial, central: CentralSystem
) -> None:
    expectation = central.expect(
        settings("NEW", key_hashes=(key_hash("made-for-this-one"),))
    )
    assert (await refused(dial, password="made-for-this-one"))[0] == 401
    assert not expectation.connected


async def test_wrong_passwords_are_counted_in_the_conversation(
    dial: Dial, central: CentralSystem
) -> None:
    central.add(settings("XNEW"))
    expectation = central.expect(settings("A NEW"))
    for path, user in (("A%20NEW", "A NEW"), ("A%20NEW/", "A NEW"), ("XNEW", "XNEW")):
        assert (await refused(dial, path, user=user, password=WRONG))[0] == 401
    assert expectation.refusals == 2


async def test_the_conversation_goes_on_when_the_charger_has_been_read(
    dial: Dial, central: CentralSystem
) -> None:
    expectation = central.expect(settings("NEW"))
    waiting = asyncio.create_task(expectation.wait())
    await dial("NEW")
    central.chargers["NEW"].update(ready=True)
    assert (await waiting).identity == "NEW"
    later = central.expect(settings("NEW"))
    await dial("NEW")
    central.chargers["NEW"].update(ready=True)
    assert (await later.wait()).identity == "NEW"


async def test_a_charger_without_password_can_be_expected(
    dial: Dial, central: CentralSystem
) -> None:
    central.expect(settings("OTHER", key_hashes=(key_hash("made-for-this-one"),)))
    expectation = central.expect(
        settings("NEW", key_hashes=(), password_required=False)
    )
    raw = await dial("NEW", password=None)
    assert expectation.connected
    expectation.close()
    assert await raw.closed() == 1000


# Secrets


async def test_no_password_is_ever_logged(
    dial: Dial, central: CentralSystem, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, "custom_components.ocpp_charging")
    raw = await dial()
    await refused(dial, password=WRONG)
    await refused(dial, "NEW", password=WRONG)
    await refused(dial, password=None, headers={"Authorization": WRONG})
    await raw.start(idTag="SECRETTAG", timestamp=stamp())
    commands = central.chargers["CP1"].commands("ChangeConfiguration")
    change = asyncio.create_task(
        commands.set_configuration("AuthorizationKey", HEX_KEY)
    )
    await raw.refuse(await raw.next_call(), "GenericError", HEX_KEY)
    await asyncio.gather(change, return_exceptions=True)
    ours = "\n".join(
        record.getMessage()
        for record in caplog.records
        if not record.name.startswith("websockets.client")  # the charger's own side
    )
    assert "CP1" in ours
    for secret in (PASSWORD, WRONG, HEX_KEY, "SECRETTAG", basic("CP1", WRONG)):
        assert secret not in ours
