"""What a charger proves itself with: HTTP Basic credentials, and how its key is kept.

The same key has several faces. OCPP-J 1.6 §6.2.2 sends it to the charger as hexadecimal
text and has the charger present the decoded bytes; in the field chargers also present
the hexadecimal text, and owners type plain text into the web page of a charger that
takes it as it is (OCTT TC_085). All faces of one key are the same key here: they are
brought to one canonical form before they are hashed, so a single hash is enough.
"""

import asyncio
import base64
import binascii
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from enum import StrEnum
import hashlib
import hmac
import re
import secrets
from typing import Final, Self, override

MIN_KEY_BYTES = 8
"""OCPP asks for 16; chargers in use have shorter ones that their owner cannot always
change (see ``is_weak_key``).
"""
STRONG_KEY_BYTES = 16
"""The shortest AuthorizationKey that OCPP allows (OCPP 1.6 security whitepaper,
A00.FR.205).
"""
MAX_AUTHORIZATION_KEY_CHARACTERS = 40
"""The longest value of the configuration key AuthorizationKey (OCPP-J 1.6 §6.2.2),
hence of any key.
"""

_MAX_HEADER_CHARACTERS = 4096
_KEY_CHARACTERS = "abcdefghjkmnopqrstuvwxyz23456789"
"""32 characters, 5 bits each: no 0, 1, i or l, which are mistaken for each other, and
no shift key on a phone.
"""
_GENERATED_KEY_CHARACTERS = 20
_SENT_AS_HEX: Final = re.compile(rb"(?:[0-9A-Fa-f]{2}){16,20}")
_MAYBE_HEX: Final = re.compile(rb"(?:[0-9A-Fa-f]{2}){8,20}")


class CredentialsFault(StrEnum):
    """Why a header holds no Basic credentials."""

    OTHER_SCHEME = "other_scheme"
    TOO_LONG = "too_long"
    NOT_BASE64 = "not_base64"
    NO_COLON = "no_colon"
    USERNAME_NOT_UTF8 = "username_not_utf8"


class InvalidCredentials(ValueError):
    """A header holds no Basic credentials; ``fault`` says why.

    Nothing of the header is repeated.
    """

    def __init__(self, fault: CredentialsFault) -> None:
        """Keep the reason."""
        super().__init__(f"not Basic credentials: {fault.value}")
        self.fault = fault


class KeyFault(StrEnum):
    """Why a text is no key for a charger."""

    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    NOT_PRINTABLE = "not_printable"
    """A character outside printable ASCII, whose bytes two chargers would not agree on,
    or a space at an end.
    """


class InvalidKey(ValueError):
    """A text is no key for a charger; ``fault`` says why. The text is not repeated."""

    def __init__(self, fault: KeyFault) -> None:
        """Keep the reason."""
        super().__init__(f"not a charger key: {fault.value}")
        self.fault = fault


@dataclass(frozen=True, kw_only=True)
class BasicCredentials:
    """What a charger presented: who it says it is, and its password as raw bytes."""

    username: str
    password: bytes = field(repr=False)


def parse_basic(header: str | bytes) -> BasicCredentials:
    """Parse the value of an ``Authorization`` header.

    It is ``Basic`` and the base64 text of ``username:password`` (RFC 7617). Pass the
    value as the HTTP layer has it, ``str`` or ``bytes``, undecoded: what counts is
    ASCII in either. The password may hold any byte, a colon and NUL too (OCPP-J 1.6
    §6.2.2 makes raw keys passwords), so the first colon ends the user name; an identity
    has none. Missing base64 padding is tolerated.

    Raises InvalidCredentials.
    """
    try:
        text = header if isinstance(header, str) else header.decode("ascii")
        scheme, _, token = text.strip(" \t").partition(" ")
        if scheme.lower() != "basic":
            raise InvalidCredentials(CredentialsFault.OTHER_SCHEME)
        if len(token) > _MAX_HEADER_CHARACTERS:
            raise InvalidCredentials(CredentialsFault.TOO_LONG)
        raw = token.strip(" \t").rstrip("=").encode("ascii")
        decoded = base64.b64decode(raw + b"=" * (-len(raw) % 4), validate=True)
    except binascii.Error, UnicodeError:
        # Without a chain: the original error would carry the header.
        raise InvalidCredentials(CredentialsFault.NOT_BASE64) from None
    username, colon, password = decoded.partition(b":")
    if not colon:
        raise InvalidCredentials(CredentialsFault.NO_COLON)
    try:
        return BasicCredentials(username=username.decode("utf-8"), password=password)
    except UnicodeError:
        raise InvalidCredentials(CredentialsFault.USERNAME_NOT_UTF8) from None


def generate_key() -> str:
    """Return a new random key of 20 characters and 100 bits, typeable on a phone."""
    return "".join(
        secrets.choice(_KEY_CHARACTERS) for _ in range(_GENERATED_KEY_CHARACTERS)
    )


def validate_key(text: str) -> bytes:
    """Return the key that an owner typed, as bytes for ``KeyHash.make``.

    Allowed are 8 to 40 characters of printable ASCII without a space at either end:
    plain text, or hexadecimal text of a binary key.

    Raises InvalidKey.
    """
    if not text.isascii() or not text.isprintable() or text != text.strip():
        raise InvalidKey(KeyFault.NOT_PRINTABLE)
    if len(text) < MIN_KEY_BYTES:
        raise InvalidKey(KeyFault.TOO_SHORT)
    if len(text) > MAX_AUTHORIZATION_KEY_CHARACTERS:
        raise InvalidKey(KeyFault.TOO_LONG)
    return text.encode("ascii")


def is_weak_key(text: str) -> bool:
    """Tell whether a valid key is shorter than the 16 characters that OCPP asks for.

    It works, but the owner should be warned. Raises InvalidKey.
    """
    return len(validate_key(text)) < STRONG_KEY_BYTES


def authorization_key_value(text: str, *, plain: bool = False) -> str:
    """Return the value of AuthorizationKey that makes ``text`` the charger's key.

    Hexadecimal by OCPP-J 1.6 §6.2.2: a key typed in hexadecimal is sent as it is, any
    other as the hexadecimal digits of its characters. A plain key over 20 characters
    has no such form within 40 digits and is sent as text. With ``plain`` it is always
    the text: for chargers that take that and refuse hexadecimal.

    Raises InvalidKey.
    """
    key = validate_key(text)
    if plain:
        return text
    if _SENT_AS_HEX.fullmatch(key):
        return text.upper()
    digits = key.hex().upper()
    return digits if len(digits) <= MAX_AUTHORIZATION_KEY_CHARACTERS else text


def _canonical(key: bytes) -> bytes:
    """Return the one form that all faces of a key share.

    Hexadecimal text of 16 to 40 digits stands for the bytes that it spells, again and
    again: the plain key "0123456789abcdef" may come as 8 bytes, as 16 digits or as the
    32 digits that spell these digits, depending on how often a charger decodes. Nothing
    is lost but the case of a key of hexadecimal digits. Other keys, and all raw bytes,
    stand for themselves.
    """
    while _MAYBE_HEX.fullmatch(key):
        key = bytes.fromhex(key.decode("ascii"))
    return key


@dataclass(frozen=True, kw_only=True)
class _Cost:
    """What one hash costs.

    Memory is 128 * n * r bytes, 8 MiB by default; time about 15 ms on a small PC.
    """

    n: int = 2**13
    r: int = 8
    p: int = 1

    def __post_init__(self) -> None:
        """Refuse what only a damaged store can say, before any memory is taken."""
        if not (
            2 <= self.n <= 2**17
            and self.n.bit_count() == 1
            and 1 <= self.r <= 16
            and 1 <= self.p <= 4
        ):
            raise ValueError("scrypt parameters out of bounds")

    def digest(self, key: bytes, salt: bytes) -> bytes:
        """Return the 32-byte scrypt hash (RFC 7914) of ``key``.

        Blocks for its whole time, without the GIL.
        """
        # The HMAC inside scrypt pads with zeros: without its length a key would equal
        # itself with a NUL at the end.
        framed = bytes([len(key)]) + key
        maximum = 256 * self.n * self.r * self.p + 2**20
        return hashlib.scrypt(
            framed,
            salt=salt,
            n=self.n,
            r=self.r,
            p=self.p,
            maxmem=maximum,
            dklen=_DIGEST_BYTES,
        )


_SALT_BYTES = 16
_DIGEST_BYTES = 32


@dataclass(frozen=True, kw_only=True)
class KeyHash:
    """A charger's key, kept so that it can be recognised but not read.

    OCPP 1.6 security whitepaper, section 2 (store a salted hash). ``str()`` gives the
    text to store, ``scrypt$n$r$p$salt$hash``; ``repr()`` gives nothing away.
    """

    cost: _Cost = field(default_factory=_Cost)
    salt: bytes = field(repr=False)
    digest: bytes = field(repr=False)

    @classmethod
    def make(cls, key: bytes) -> Self:
        """Hash ``key``, in whichever of its forms, with a new salt.

        Blocks about 15 ms: run it in a thread. Raises InvalidKey if it is longer than a
        key can be.
        """
        if len(key) > MAX_AUTHORIZATION_KEY_CHARACTERS:
            raise InvalidKey(KeyFault.TOO_LONG)
        cost, salt = _Cost(), secrets.token_bytes(_SALT_BYTES)
        return cls(cost=cost, salt=salt, digest=cost.digest(_canonical(key), salt))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what ``str()`` wrote.

        Raises ValueError, without the text, if it is anything else.
        """
        try:
            scheme, n, r, p, salt, digest = text.split("$")
            cost = _Cost(n=int(n), r=int(r), p=int(p))
            parsed = cls(
                cost=cost, salt=_from_base64(salt), digest=_from_base64(digest)
            )
        except ValueError:
            raise ValueError("not a stored key hash") from None
        if (
            scheme != "scrypt"
            or len(parsed.salt) < _SALT_BYTES
            or len(parsed.digest) != _DIGEST_BYTES
        ):
            raise ValueError("not a stored key hash")
        return parsed

    @override
    def __str__(self) -> str:
        """Return the text to store. It is as confidential as any password hash."""
        cost = self.cost
        parts = ("scrypt", cost.n, cost.r, cost.p)
        return "$".join([*map(str, parts), *map(_to_base64, (self.salt, self.digest))])

    def matches(self, presented: bytes) -> bool:
        """Tell whether ``presented`` is this key in any of its forms.

        Blocks about 15 ms: run it in a thread. The digests are compared in constant
        time. A value longer than any key can be is refused unhashed.
        """
        if len(presented) > MAX_AUTHORIZATION_KEY_CHARACTERS:
            return False
        return hmac.compare_digest(
            self.cost.digest(_canonical(presented), self.salt), self.digest
        )


class Verifier:
    """Recognises the keys of one charger, and pays for the slow hash only once.

    After a success it remembers an HMAC of the presented bytes under a key that lives
    as long as this object, so a charger that reconnects, or 200 that do so at once,
    cost microseconds. Wrong keys are not remembered: they are the business of
    ``FailureBackoff``.
    """

    _REMEMBERED_FORMS = 8

    def __init__(
        self,
        keys: Sequence[KeyHash],
        *,
        executor: Executor | None = None,
        gate: asyncio.Semaphore | None = None,
    ) -> None:
        """Accept every one of ``keys``.

        They are two while a change of key has not been seen to work (A01.FR.03-04),
        else one. The hash runs in ``executor``, by default the event loop's. Each run
        takes 8 MiB and one core, so verifiers of one listener share a ``gate`` of as
        many permits as hashes may run at once.
        """
        self._keys = tuple(keys)
        self._executor = executor
        self._gate = gate or asyncio.Semaphore(1)
        self._secret = secrets.token_bytes(_DIGEST_BYTES)
        self._recognised: dict[bytes, KeyHash] = {}

    @property
    def keys(self) -> tuple[KeyHash, ...]:
        """The accepted keys."""
        return self._keys

    @override
    def __repr__(self) -> str:
        """Say how many keys there are, and nothing of them."""
        return f"<Verifier of {len(self._keys)} keys>"

    async def verify(self, presented: bytes) -> bool:
        """Tell whether ``presented`` is one of the accepted keys."""
        return await self.match(presented) is not None

    async def match(
        self, presented: bytes, *, allowed: Callable[[], bool] = lambda: True
    ) -> KeyHash | None:
        """Return the accepted key that ``presented`` is a form of, or None.

        During a change of key this tells the old one from the new one. ``allowed`` is
        asked when its turn has come: of many guesses at the same moment, those that
        are too many by then are not even hashed.
        """
        mark = hmac.digest(self._secret, presented, "sha256")
        if (known := self._recall(mark)) is not None:
            return known
        async with self._gate:
            # While we waited, the same charger may have been recognised over another
            # socket.
            if (known := self._recall(mark)) is not None:
                return known
            if not allowed():
                return None
            loop = asyncio.get_running_loop()
            found = await loop.run_in_executor(self._executor, self._search, presented)
        if found is not None:
            while len(self._recognised) >= self._REMEMBERED_FORMS:
                self._recognised.pop(next(iter(self._recognised)))
            self._recognised[mark] = found
        return found

    def _recall(self, mark: bytes) -> KeyHash | None:
        """Look ``mark`` up; as an HMAC under a secret key, its timing tells nothing."""
        return self._recognised.get(mark)

    def _search(self, presented: bytes) -> KeyHash | None:
        """Try each accepted key."""
        return next((key for key in self._keys if key.matches(presented)), None)


def _to_base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _from_base64(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
