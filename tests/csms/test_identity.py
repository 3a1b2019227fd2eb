"""The identity in a request target."""

import unicodedata

from hypothesis import given, strategies as st
import pytest

from custom_components.ocpp_charging.csms.identity import (
    MAX_IDENTITY_CHARACTERS,
    IdentityFault,
    InvalidIdentity,
    encode_identity,
    parse_identity,
    validate_identity,
)


def _is_valid(text: str) -> bool:
    """Apply the rule, written a second time and differently."""
    return (
        0 < len(text) <= MAX_IDENTITY_CHARACTERS
        and text not in (".", "..")
        and not any(c in ":/\\" for c in text)
        and not any(
            unicodedata.category(c)[0] == "C" or c in "\u2028\u2029" for c in text
        )
    )


@pytest.mark.parametrize(
    ("path", "identity"),
    [
        ("/CP1", "CP1"),
        ("/CP1/", "CP1"),
        ("/CP1?token=1/2", "CP1"),
        ("/CP1/?x", "CP1"),
        ("/ocpp/1.6/RDAM%20123", "RDAM 123"),
        ("//CP1", "CP1"),
        ("/../../etc/passwd", "passwd"),
        ("/RDAM%2520123", "RDAM%20123"),
        ("/100%", "100%"),
        ("/A%2BB+C", "A+B+C"),
        ("/b%C3%A5t", "båt"),
        ("/" + "x" * 48, "x" * 48),
        ("ws://ha.local:9000/ocpp/CP1", "CP1"),
    ],
)
def test_the_last_segment_is_decoded_once(path: str, identity: str) -> None:
    assert parse_identity(path) == identity


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        ("", IdentityFault.EMPTY),
        ("/", IdentityFault.EMPTY),
        ("/?CP1", IdentityFault.EMPTY),
        ("/CP1//", IdentityFault.EMPTY),
        ("ws://ha.local:9000", IdentityFault.EMPTY),
        ("ws://ha/", IdentityFault.EMPTY),
        ("*", IdentityFault.EMPTY),
        ("/" + "x" * 49, IdentityFault.TOO_LONG),
        ("/" + "x" * 8000, IdentityFault.TOO_LONG),
        ("/CP%00", IdentityFault.FORBIDDEN_CHARACTER),
        ("/CP%0A1", IdentityFault.FORBIDDEN_CHARACTER),
        ("/CP%3A1", IdentityFault.FORBIDDEN_CHARACTER),
        ("/CP:1", IdentityFault.FORBIDDEN_CHARACTER),
        ("/a%2Fb", IdentityFault.FORBIDDEN_CHARACTER),
        ("/a%5Cb", IdentityFault.FORBIDDEN_CHARACTER),
        ("/CP%E2%80%AE1", IdentityFault.FORBIDDEN_CHARACTER),  # right-to-left override
        ("/CP%E2%80%8B1", IdentityFault.FORBIDDEN_CHARACTER),  # zero width space
        ("/CP%E2%80%A81", IdentityFault.FORBIDDEN_CHARACTER),  # line separator
        ("/.", IdentityFault.DOT_SEGMENT),
        ("/x/%2E%2e", IdentityFault.DOT_SEGMENT),
        ("/CP%FF", IdentityFault.NOT_UTF8),
        ("/CP%C0%AF", IdentityFault.NOT_UTF8),  # a slash, overlong
        ("/CP%ED%A0%80", IdentityFault.NOT_UTF8),  # a surrogate
        ("/CP\udc80", IdentityFault.NOT_UTF8),
    ],
)
def test_what_is_no_identity_is_refused_with_its_reason(
    path: str, fault: IdentityFault
) -> None:
    with pytest.raises(InvalidIdentity) as raised:
        parse_identity(path)
    assert raised.value.fault is fault
    assert "CP" not in str(raised.value)


@given(st.text(max_size=60))
def test_an_identity_survives_the_way_through_a_url(text: str) -> None:
    if _is_valid(text):
        assert validate_identity(text) == text
        assert parse_identity(f"/ocpp/{encode_identity(text)}") == text
    else:
        for function in (validate_identity, encode_identity):
            with pytest.raises(InvalidIdentity):
                function(text)


@given(st.one_of(st.text(), st.text("/%?.:0123456789ABCDEFcp \\", max_size=70)))
def test_whatever_is_dialled_an_accepted_identity_is_valid(path: str) -> None:
    try:
        identity = parse_identity(path)
    except InvalidIdentity:
        return
    assert _is_valid(identity)
