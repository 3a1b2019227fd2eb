"""The name a charger calls itself by: the last segment of the URL that it dials.

OCPP-J 1.6 §3.1.1 has the charger append its identity, percent-encoded, to the URL of
the central system. It sets neither a length nor an alphabet. OCPP 2.1 Part 4 §3.1.1
does (48 characters, no colon), and we take its limits over, because an identity becomes
a user name, a device name and a line in a log.
"""

from enum import StrEnum
import unicodedata
from urllib.parse import quote, unquote_to_bytes

MAX_IDENTITY_CHARACTERS = 48
"""OCPP 2.1 Part 4 §3.1.1."""

_FORBIDDEN_CHARACTERS = frozenset(":/\\")
"""The colon ends the user name in Basic credentials; the slashes separate segments and
folders.
"""

_FORBIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
"""Characters nobody can see or that reorder what is seen: control, format (bidi marks
are there), unassigned, private use, surrogates, line and paragraph separators.
"""


class IdentityFault(StrEnum):
    """Why a text is no identity."""

    EMPTY = "empty"
    """There is none. Some chargers dial the bare URL and name themselves only as the
    user of Basic credentials.
    """
    TOO_LONG = "too_long"
    FORBIDDEN_CHARACTER = "forbidden_character"
    DOT_SEGMENT = "dot_segment"
    """"." or "..", which a proxy on the way would resolve as a folder."""
    NOT_UTF8 = "not_utf8"


class InvalidIdentity(ValueError):
    """A text is no charger identity; ``fault`` says why.

    The text itself is not repeated, as it may be anything.
    """

    def __init__(self, fault: IdentityFault) -> None:
        """Keep the reason."""
        super().__init__(f"not a charger identity: {fault.value}")
        self.fault = fault


def validate_identity(text: str) -> str:
    """Return the decoded identity ``text`` unchanged.

    Raises InvalidIdentity unless it has 1 to 48 visible characters, none of them a
    colon, slash or backslash, and is not a dot segment.
    """
    if not text:
        raise InvalidIdentity(IdentityFault.EMPTY)
    if len(text) > MAX_IDENTITY_CHARACTERS:
        raise InvalidIdentity(IdentityFault.TOO_LONG)
    if text in {".", ".."}:
        raise InvalidIdentity(IdentityFault.DOT_SEGMENT)
    if any(
        character in _FORBIDDEN_CHARACTERS
        or unicodedata.category(character) in _FORBIDDEN_CATEGORIES
        for character in text
    ):
        raise InvalidIdentity(IdentityFault.FORBIDDEN_CHARACTER)
    return text


def parse_identity(path: str) -> str:
    """Return the identity in ``path``, the request target of a WebSocket handshake.

    It is the last segment, percent-decoded exactly once ("RDAM%20123" is "RDAM 123",
    OCPP-J 1.6 §3.1.1). A query string is ignored. One trailing slash is tolerated,
    since owners paste URLs that end in one. A percent sign that starts no escape stands
    for itself.

    Raises InvalidIdentity.
    """
    target = path.partition("?")[0]
    if not target.startswith("/"):
        # An absolute URL (RFC 9112 §3.2.2): without a path its last segment would be
        # our own host name.
        target = target.partition("://")[2].partition("/")[2]
    segment = target.removesuffix("/").rpartition("/")[2]
    try:
        text = unquote_to_bytes(segment).decode("utf-8")
    except UnicodeError:
        raise InvalidIdentity(IdentityFault.NOT_UTF8) from None
    return validate_identity(text)


def encode_identity(identity: str) -> str:
    """Return ``identity`` as the path segment to show in a URL.

    ``parse_identity`` is the inverse. Raises InvalidIdentity.
    """
    return quote(validate_identity(identity), safe="")
