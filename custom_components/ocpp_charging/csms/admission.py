"""Who may come in: decided before the upgrade, from the request alone.

Answers are those of OCPP-J 1.6 §3 and its errata: 404 for an identity nobody knows,
401 for a wrong password, 400 for a subprotocol that is not spoken here, 429 while an
address has guessed too often.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from http import HTTPStatus
import ipaddress
import logging

from .backoff import FailureBackoff
from .credentials import (
    BasicCredentials,
    InvalidCredentials,
    KeyHash,
    Verifier,
    parse_basic,
)
from .identity import IdentityFault, InvalidIdentity, parse_identity, validate_identity
from .model import ChargerSettings

_LOGGER = logging.getLogger(__name__)

SUBPROTOCOL = "ocpp1.6"
MAX_UNKNOWN = 32
"""How many unknown chargers are remembered; the one seen longest ago gives way."""

MAX_REFUSED = 64
MAX_HASHES_AT_ONCE = 2


@dataclass(frozen=True, kw_only=True)
class UnknownCharger:
    """A charger that dialled in without being known."""

    identity: str
    address: str
    first_seen: datetime
    last_seen: datetime
    attempts: int
    secure: bool


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """A known charger that came with a wrong password, or with none."""

    identity: str
    address: str
    at: datetime
    attempts: int


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a client says of itself when it dials in.

    `authorization` is None without such a header; `subprotocols` are those offered.
    """

    path: str
    address: str
    authorization: str | None
    subprotocols: Sequence[str]
    secure: bool


@dataclass(frozen=True, kw_only=True)
class Denied:
    """A client that is not let in, with the HTTP status it gets."""

    status: HTTPStatus
    retry_after: float | None = None


@dataclass(frozen=True, kw_only=True)
class Admitted:
    """A client that is let in as this charger.

    `key_hash` is the one among those in its settings whose password it presented,
    None when it was let in without one.
    """

    identity: str
    key_hash: str | None = field(default=None, repr=False)


type Verdict = Denied | Admitted


class Door:
    """Keeps the list of known chargers and decides on every request."""

    def __init__(self) -> None:
        """Begin with nobody known."""
        self.unknown: OrderedDict[str, UnknownCharger] = OrderedDict()
        self.refused: OrderedDict[str, Refusal] = OrderedDict()
        self.on_unknown: list[Callable[[UnknownCharger], None]] = []
        self.on_refused: list[Callable[[Refusal], None]] = []
        self._known: dict[str, tuple[ChargerSettings, Verifier]] = {}
        self._expected: dict[str, tuple[ChargerSettings, Verifier]] = {}
        self._backoff = FailureBackoff()
        self._gate = asyncio.Semaphore(MAX_HASHES_AT_ONCE)

    def know(self, settings: ChargerSettings) -> None:
        """Let this charger in from now on, by the keys in its settings."""
        self._known[settings.identity] = (settings, self._verifier(settings))
        self.unknown.pop(settings.identity, None)
        self.refused.pop(settings.identity, None)
        self._backoff.forget(settings.identity)

    def forget(self, identity: str) -> None:
        """Do not know this charger any more."""
        self._known.pop(identity, None)

    def expect(self, settings: ChargerSettings) -> None:
        """Let this charger in for a conversation about adding it."""
        self._expected[settings.identity] = (settings, self._verifier(settings))
        self._backoff.forget(settings.identity)

    def end_expectation(self, settings: ChargerSettings) -> list[str]:
        """End a conversation; returns the identities that it had let in."""
        ended = [
            identity
            for identity, (expected, _) in self._expected.items()
            if identity == settings.identity
            or (settings.key_hashes and expected.key_hashes == settings.key_hashes)
        ]
        for identity in ended:
            del self._expected[identity]
        return ended

    def knows(self, identity: str) -> bool:
        """Say whether a charger is known."""
        return identity in self._known

    def _verifier(self, settings: ChargerSettings) -> Verifier:
        keys = [KeyHash.parse(text) for text in settings.key_hashes]
        return Verifier(keys, gate=self._gate)

    async def decide(self, request: Request, now: datetime, clock: float) -> Verdict:
        """Decide on a request; `clock` is monotonic, in seconds."""
        credentials = _credentials(request.authorization)
        identity = _identity(request.path, credentials)
        if identity is None:
            return Denied(status=HTTPStatus.NOT_FOUND)
        if request.subprotocols and SUBPROTOCOL not in request.subprotocols:
            return Denied(status=HTTPStatus.BAD_REQUEST)
        wait = self._backoff.blocked_for(request.address, identity, clock)
        if wait > 0:
            return Denied(status=HTTPStatus.TOO_MANY_REQUESTS, retry_after=wait)
        verdict = await self._verify(identity, credentials, request)
        if isinstance(verdict, Admitted):
            self._backoff.succeeded(request.address, identity, clock)
            self.refused.pop(identity, None)
        elif verdict.status is HTTPStatus.UNAUTHORIZED:
            self._backoff.failed(request.address, identity, clock)
            self._note_refused(identity, request, now)
        elif verdict.status is HTTPStatus.NOT_FOUND:
            if self._expected and credentials is not None:
                # It was tried against the password of a conversation.
                self._backoff.failed(request.address, identity, clock)
            self._note_unknown(identity, request, now)
        return verdict

    async def _verify(
        self, identity: str, credentials: BasicCredentials | None, request: Request
    ) -> Verdict:
        candidates = [
            book[identity] for book in (self._known, self._expected) if identity in book
        ]
        for settings, verifier in candidates:
            if not settings.password_required and _is_private(request.address):
                return Admitted(identity=identity)
            if (
                credentials is not None
                and credentials.username == identity
                and (key := await verifier.match(credentials.password)) is not None
            ):
                return Admitted(identity=identity, key_hash=str(key))
        if candidates:
            return Denied(status=HTTPStatus.UNAUTHORIZED)
        if credentials is not None and credentials.username == identity:
            # The owner typed one identity and the charger insists on another: the
            # password that was made for this conversation tells that it is the one.
            for settings, verifier in tuple(self._expected.values()):
                key = (
                    await verifier.match(credentials.password)
                    if settings.password_required
                    else None
                )
                if key is not None:
                    self._expected[identity] = (
                        replace(settings, identity=identity),
                        verifier,
                    )
                    return Admitted(identity=identity, key_hash=str(key))
        return Denied(status=HTTPStatus.NOT_FOUND)

    def expected_settings(self, identity: str) -> ChargerSettings | None:
        """Return the settings under which an expected charger was let in."""
        found = self._expected.get(identity)
        return None if found is None else found[0]

    def _note_unknown(self, identity: str, request: Request, now: datetime) -> None:
        known = self.unknown.pop(identity, None)
        seen = UnknownCharger(
            identity=identity,
            address=request.address,
            first_seen=now if known is None else known.first_seen,
            last_seen=now,
            attempts=1 if known is None else known.attempts + 1,
            secure=request.secure,
        )
        self.unknown[identity] = seen
        while len(self.unknown) > MAX_UNKNOWN:
            self.unknown.popitem(last=False)
        if known is None:
            _LOGGER.info(
                "Refused the unknown charger %s from %s", identity, request.address
            )
        for listener in tuple(self.on_unknown):
            listener(seen)

    def _note_refused(self, identity: str, request: Request, now: datetime) -> None:
        known = self.refused.pop(identity, None)
        refusal = Refusal(
            identity=identity,
            address=request.address,
            at=now,
            attempts=1 if known is None else known.attempts + 1,
        )
        self.refused[identity] = refusal
        while len(self.refused) > MAX_REFUSED:
            self.refused.popitem(last=False)
        if known is None:
            _LOGGER.warning(
                "Refused charger %s from %s: wrong or missing password",
                identity,
                request.address,
            )
        for listener in tuple(self.on_refused):
            listener(refusal)


def _credentials(header: str | None) -> BasicCredentials | None:
    if header is None:
        return None
    try:
        return parse_basic(header)
    except InvalidCredentials as error:
        _LOGGER.debug("Passed over an Authorization header: %s", error)
        return None


def _identity(path: str, credentials: BasicCredentials | None) -> str | None:
    """Return the identity of the path, else of the user name, else None.

    Some chargers dial the bare URL and say who they are only by their user name.
    """
    try:
        return parse_identity(path)
    except InvalidIdentity as error:
        if error.fault is not IdentityFault.EMPTY or credentials is None:
            return None
    try:
        return validate_identity(credentials.username)
    except InvalidIdentity:
        return None


def _is_private(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_private
    except ValueError:
        return False
