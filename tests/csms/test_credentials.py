"""Basic credentials, key forms, hashes and their verification."""

import asyncio
import base64
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import override

from hypothesis import assume, given, settings, strategies as st
import pytest

from custom_components.ocpp_charging.csms.credentials import (
    BasicCredentials,
    CredentialsFault,
    InvalidCredentials,
    InvalidKey,
    KeyFault,
    KeyHash,
    Verifier,
    authorization_key_value,
    generate_key,
    is_weak_key,
    parse_basic,
    validate_key,
)

SPECIFICATION_HEADER = "Basic QUwxMDAwOgABAgMEBQYH////////////////"
"""The example of OCPP-J 1.6 §6.2.2: user AL1000, key
0001020304050607FFFFFFFFFFFFFFFFFFFFFFFF.
"""
SPECIFICATION_KEY = "0001020304050607FFFFFFFFFFFFFFFFFFFFFFFF"


def _header(user_pass: bytes) -> str:
    return "Basic " + base64.b64encode(user_pass).decode()


class CountingExecutor(ThreadPoolExecutor):
    """Counts what it is given to run."""

    runs = 0

    @override
    def submit[**P, T](
        self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> Future[T]:
        self.runs += 1
        return super().submit(fn, *args, **kwargs)


@pytest.fixture
def executor() -> Iterator[CountingExecutor]:
    with CountingExecutor(max_workers=2) as counting:
        yield counting


def test_the_example_of_the_specification_is_understood() -> None:
    credentials = parse_basic(SPECIFICATION_HEADER)
    assert credentials == BasicCredentials(
        username="AL1000", password=bytes.fromhex(SPECIFICATION_KEY)
    )
    assert KeyHash.make(validate_key(SPECIFICATION_KEY)).matches(credentials.password)


@given(
    username=st.text(st.characters(exclude_characters=":", codec="utf-8")),
    password=st.binary(max_size=60),
)
def test_a_password_may_hold_any_byte(username: str, password: bytes) -> None:
    header = _header(username.encode() + b":" + password)
    expected = BasicCredentials(username=username, password=password)
    assert parse_basic(header) == expected
    assert parse_basic(header.encode()) == expected


@pytest.mark.parametrize(
    "header",
    [
        "basic Q1A6cHc=",
        "BASIC  Q1A6cHc=",
        "Basic Q1A6cHc",
        " Basic Q1A6cHc= ",
        b"Basic Q1A6cHc=",
    ],
)
def test_harmless_variations_of_the_header_are_understood(header: str | bytes) -> None:
    assert parse_basic(header) == BasicCredentials(username="CP", password=b"pw")


@pytest.mark.parametrize(
    ("header", "fault"),
    [
        ("", CredentialsFault.OTHER_SCHEME),
        ("Bearer Q1A6cHc=", CredentialsFault.OTHER_SCHEME),
        ("Basic", CredentialsFault.NO_COLON),
        ("Basic " + "QUFB" * 2000, CredentialsFault.TOO_LONG),
        ("Basic Q1A6c!!!Hc=", CredentialsFault.NOT_BASE64),
        ("Basic Q1A6c", CredentialsFault.NOT_BASE64),
        ("Basic Q1A6\xe9cHc=", CredentialsFault.NOT_BASE64),
        (b"Basic \xff\xfe", CredentialsFault.NOT_BASE64),
        ("Basic \udcff", CredentialsFault.NOT_BASE64),
        (_header(b"hunter2hunter2"), CredentialsFault.NO_COLON),
        (_header(b"\xff\xfe:hunter2"), CredentialsFault.USERNAME_NOT_UTF8),
    ],
)
def test_a_bad_header_is_refused_with_its_reason_and_unrepeated(
    header: str | bytes, fault: CredentialsFault
) -> None:
    with pytest.raises(InvalidCredentials) as raised:
        parse_basic(header)
    assert raised.value.fault is fault
    assert str(raised.value) == f"not Basic credentials: {fault.value}"
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__ or raised.value.__context__ is None


def test_no_secret_is_in_a_repr() -> None:
    stored = KeyHash.make(b"hunter2hunter2hu")
    shown = " ".join(
        map(
            repr,
            (parse_basic(_header(b"CP:hunter2hunter2hu")), stored, Verifier([stored])),
        )
    )
    assert "hunter2" not in shown
    for part in str(stored).split("$")[4:]:
        assert part not in shown
    assert stored.digest.hex() not in shown
    assert repr(stored.digest) not in shown


FORMS = [
    # typed by the owner, presented by the charger
    ("correcthorsebattery", b"correcthorsebattery"),
    ("correcthorsebattery", b"correcthorsebattery".hex().encode()),
    ("correcthorsebattery", b"correcthorsebattery".hex().upper().encode()),
    (SPECIFICATION_KEY, bytes.fromhex(SPECIFICATION_KEY)),
    (SPECIFICATION_KEY, SPECIFICATION_KEY.encode()),
    (SPECIFICATION_KEY, SPECIFICATION_KEY.lower().encode()),
    (b"correcthorsebattery".hex(), b"correcthorsebattery"),
    # Plain text that happens to be hexadecimal digits, decoded by the charger never,
    # once, or twice.
    ("0123456789abcdef", b"0123456789abcdef"),
    ("0123456789abcdef", b"0123456789abcdef".hex().encode()),
    ("0123456789abcdef", bytes.fromhex("0123456789abcdef")),
    # Shorter than OCPP allows.
    ("swordfish", b"swordfish"),
    ("swordfish", b"swordfish".hex().encode()),
    # Hexadecimal digits, but an odd number of them: plain text.
    ("0123456789abcdef0", b"0123456789abcdef0"),
]


@pytest.mark.parametrize(("typed", "presented"), FORMS)
def test_a_key_is_recognised_in_each_of_its_forms(typed: str, presented: bytes) -> None:
    assert KeyHash.make(validate_key(typed)).matches(presented)


@pytest.mark.parametrize(("typed", "presented"), FORMS)
def test_a_key_that_differs_in_one_byte_is_another_key(
    typed: str, presented: bytes
) -> None:
    stored = KeyHash.make(validate_key(typed))
    assert not stored.matches(presented[:-1] + bytes([presented[-1] ^ 1]))
    assert not stored.matches(presented + b"x")
    assert not stored.matches(b"")
    assert not stored.matches(presented * 100)


@settings(max_examples=25, deadline=None)
@given(key=st.binary(min_size=16, max_size=20), other=st.binary(max_size=40))
def test_only_the_forms_of_a_key_match(key: bytes, other: bytes) -> None:
    stored = KeyHash.parse(str(KeyHash.make(key)))
    assert stored.matches(key)
    assert stored.matches(key.hex().encode())
    assume(other != key and other.lower() != key.hex().encode())
    assert not stored.matches(other)


def test_a_nul_at_the_end_makes_another_key() -> None:
    """The HMAC inside scrypt pads with zeros."""
    assert not KeyHash.make(b"correcthorsebattery").matches(b"correcthorsebattery\0")
    assert not KeyHash.make(bytes(16)).matches(b"")


def test_a_key_longer_than_any_is_not_hashed() -> None:
    with pytest.raises(InvalidKey):
        KeyHash.make(b"x" * 41)


def test_the_same_key_is_stored_differently_each_time() -> None:
    assert str(KeyHash.make(b"correcthorsebattery")) != str(
        KeyHash.make(b"correcthorsebattery")
    )


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: text[1:],
        lambda text: text.replace("scrypt", "bcrypt"),
        lambda text: text.replace("$8192$", "$8191$"),
        lambda text: text.replace("$8192$", "$1073741824$"),
        lambda text: text.replace("$8192$", "$x$"),
        lambda text: text + "$",
        lambda text: text[:-8],
        lambda text: text.rsplit("$", 1)[0] + "$!!!!",
        lambda text: "$".join([*text.split("$")[:4], "", text.rsplit("$", 1)[1]]),
    ],
)
def test_a_damaged_store_is_refused_without_repeating_it(
    damage: Callable[[str], str],
) -> None:
    with pytest.raises(ValueError, match=r"^not a stored key hash$"):
        KeyHash.parse(damage(str(KeyHash.make(b"correcthorsebattery"))))


def test_generated_keys_are_strong_typeable_and_different() -> None:
    keys = {generate_key() for _ in range(200)}
    assert len(keys) == 200
    letters = set("".join(keys))
    assert len(letters) == 32, "5 bits a character, so 100 bits in 20"
    assert not letters & set("01il")
    assert "".join(keys).islower()
    assert all(len(key) == 20 and not is_weak_key(key) for key in keys)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", KeyFault.TOO_SHORT),
        ("x" * 7, KeyFault.TOO_SHORT),
        ("x" * 41, KeyFault.TOO_LONG),
        ("pässwörd-pässwörd", KeyFault.NOT_PRINTABLE),
        ("password\n", KeyFault.NOT_PRINTABLE),
        ("pass\0word", KeyFault.NOT_PRINTABLE),
        (" password", KeyFault.NOT_PRINTABLE),
    ],
)
def test_a_key_that_no_charger_could_hold_is_refused_with_its_reason(
    text: str, fault: KeyFault
) -> None:
    with pytest.raises(InvalidKey) as raised:
        validate_key(text)
    assert raised.value.fault is fault


def test_short_keys_are_allowed_but_called_weak() -> None:
    assert is_weak_key("swordfish")
    assert not is_weak_key("x" * 16)
    assert validate_key("x" * 40) == b"x" * 40
    assert validate_key("pass word") == b"pass word"


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("correcthorsebattery", b"correcthorsebattery".hex().upper()),
        (SPECIFICATION_KEY.lower(), SPECIFICATION_KEY),
        ("0123456789abcdef", b"0123456789abcdef".hex()),
        ("x" * 20, "78" * 20),
        ("x" * 21, "x" * 21),
        ("x" * 40, "x" * 40),
    ],
)
def test_the_value_written_to_the_charger_is_hexadecimal_where_it_fits(
    typed: str, sent: str
) -> None:
    assert authorization_key_value(typed) == sent
    assert authorization_key_value(typed, plain=True) == typed
    stored = KeyHash.make(validate_key(typed))
    assert stored.matches(sent.encode()), "a charger that keeps the text as it is"
    if sent != typed:
        assert stored.matches(bytes.fromhex(sent)), "a charger that decodes it"


async def test_a_key_is_hashed_once_and_then_remembered(
    executor: CountingExecutor,
) -> None:
    verifier = Verifier([KeyHash.make(b"correcthorsebattery")], executor=executor)
    assert await verifier.verify(b"correcthorsebattery")
    assert await verifier.verify(b"correcthorsebattery")
    assert executor.runs == 1


async def test_a_wrong_key_is_never_remembered(executor: CountingExecutor) -> None:
    verifier = Verifier([KeyHash.make(b"correcthorsebattery")], executor=executor)
    assert not await verifier.verify(b"wronghorsebattery")
    assert not await verifier.verify(b"wronghorsebattery")
    assert executor.runs == 2


async def test_simultaneous_sockets_of_one_charger_cost_one_hash(
    executor: CountingExecutor,
) -> None:
    verifier = Verifier([KeyHash.make(b"correcthorsebattery")], executor=executor)
    assert all(
        await asyncio.gather(
            *(verifier.verify(b"correcthorsebattery") for _ in range(20))
        )
    )
    assert executor.runs == 1


async def test_during_a_change_of_key_both_are_accepted_and_told_apart() -> None:
    old, new = KeyHash.make(b"the old key of it"), KeyHash.make(b"the new key of it")
    verifier = Verifier([old, new])
    assert verifier.keys == (old, new)
    for _ in range(2):
        assert await verifier.match(b"the old key of it") is old
        assert await verifier.match(b"the new key of it") is new
        assert await verifier.match(b"some other key") is None


async def test_without_a_key_nothing_is_accepted() -> None:
    assert not await Verifier([]).verify(b"")


async def test_the_forms_remembered_are_bounded(executor: CountingExecutor) -> None:
    key = b"jklmnojklmnojklmno"  # all of whose second digits are letters
    verifier = Verifier([KeyHash.make(key)], executor=executor)
    digits = key.hex()
    forms = [
        (digits[:cut].upper() + digits[cut:]).encode() for cut in range(len(digits) + 1)
    ]
    distinct = len(set(forms))
    for form in forms:
        assert await verifier.verify(form)
    assert executor.runs == distinct > 8
    assert await verifier.verify(forms[0])
    assert executor.runs == distinct + 1, "the first form was forgotten"
