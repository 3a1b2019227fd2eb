"""Who may come in: decided before the upgrade, from the request alone.

Answers are those of OCPP-J 1.6 §3 and its errata: 404 for an identity nobody knows,
401 for a wrong password or certificate, 400 for a subprotocol that is not spoken here,
429 while an address has guessed too often; and 403 for a charger that comes with less
security than before (OCPP 1.6 security, A05.FR.09) and for a web page of another site
(RFC 6455 §10.2).
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from http import HTTPStatus
import ipaddress
import logging

from .allowance import Allowance
from .backoff import FailureBackoff
from .bounds import (
    MAX_HASHES_AT_ONCE,
    MAX_REFUSED,
    MAX_UNKNOWN,
    MAX_UNKNOWN_TOLD_PER_MINUTE,
)
from .credentials import (
    BasicCredentials,
    InvalidCredentials,
    KeyHash,
    Verifier,
    parse_basic,
)
from .gate import origin_of
from .identity import IdentityFault, InvalidIdentity, parse_identity, validate_identity
from .model import ChargerSettings, SecurityProfile
from .origin import is_foreign
from .verdicts import (
    Admitted,
    Denied,
    Refusal,
    RefusalReason,
    Request,
    UnknownCharger,
    Verdict,
)

_LOGGER = logging.getLogger(__name__)

SUBPROTOCOL = "ocpp1.6"


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
        self._lines = Allowance(
            per_second=MAX_UNKNOWN_TOLD_PER_MINUTE / 60, at_once=MAX_UNKNOWN
        )
        self._gate = asyncio.Semaphore(MAX_HASHES_AT_ONCE)

    def know(self, settings: ChargerSettings) -> None:
        """Let this charger in from now on, by the keys in its settings."""
        known = self._known.get(settings.identity)
        if known is not None and known[0].key_hashes == settings.key_hashes:
            # It remembers which passwords are right: checking one costs much.
            verifier = known[1]
        else:
            verifier = self._verifier(settings)
        self._known[settings.identity] = (settings, verifier)
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

    @property
    def asks(self) -> bool:
        """Say whether there is a charger that may prove itself by a certificate."""
        return any(settings.certificates for settings, _ in self._known.values())

    def _verifier(self, settings: ChargerSettings) -> Verifier:
        keys = [KeyHash.parse(text) for text in settings.key_hashes]
        return Verifier(keys, gate=self._gate)

    async def decide(self, request: Request, now: datetime, clock: float) -> Verdict:
        """Decide on a request; `clock` is monotonic, in seconds."""
        credentials = _credentials(request.authorization)
        identity = _identity(request.path, credentials)
        if (denied := _at_once(request, identity)) is not None:
            return denied
        assert identity is not None
        origin = origin_of(request.address)

        def wait() -> float:
            return self._backoff.blocked_for(origin, identity, clock)

        def blocked() -> Denied:
            return Denied(status=HTTPStatus.TOO_MANY_REQUESTS, retry_after=wait())

        if wait() > 0:
            return blocked()
        verdict = await self._verify(
            identity, credentials, request, now, allowed=lambda: wait() <= 0
        )
        if isinstance(verdict, Admitted):
            self._backoff.succeeded(origin, identity, clock)
            self.refused.pop(identity, None)
        elif wait() > 0:
            # Others of its kind failed meanwhile; this one has not been judged.
            return blocked()
        elif verdict.reason is not None:
            if verdict.status is HTTPStatus.UNAUTHORIZED:
                self._backoff.failed(origin, identity, clock)
            self._note_refused(identity, request, now, verdict.reason)
        elif verdict.status is HTTPStatus.NOT_FOUND:
            if self._expected and credentials is not None:
                # It was tried against the password of a conversation.
                self._backoff.failed(origin, identity, clock)
            self._note_unknown(identity, request, now, clock)
        return verdict

    async def _verify(
        self,
        identity: str,
        credentials: BasicCredentials | None,
        request: Request,
        now: datetime,
        *,
        allowed: Callable[[], bool],
    ) -> Verdict:
        candidates = [
            book[identity] for book in (self._known, self._expected) if identity in book
        ]
        if request.certificate is not None and candidates:
            shown = self._by_certificate(candidates[0][0], request.certificate, now)
            if shown is not None:
                return shown
        for settings, verifier in candidates:
            if not settings.password_required and _needs_no_password(request):
                return _unless_lower(settings, Admitted(identity=identity), request)
            if (
                credentials is not None
                and credentials.username == identity
                and (key := await verifier.match(credentials.password, allowed=allowed))
                is not None
            ):
                admitted = Admitted(
                    identity=identity,
                    key_hash=str(key),
                    profile=_with_password(request),
                )
                return _unless_lower(settings, admitted, request)
        if candidates:
            return _unproven(candidates[0][0], request)
        if credentials is not None and credentials.username == identity:
            # The owner typed one identity and the charger insists on another: the
            # password that was made for this conversation tells that it is the one.
            for settings, verifier in tuple(self._expected.values()):
                key = (
                    await verifier.match(credentials.password, allowed=allowed)
                    if settings.password_required
                    else None
                )
                if key is not None:
                    self._expected[identity] = (
                        replace(settings, identity=identity),
                        verifier,
                    )
                    return Admitted(
                        identity=identity,
                        key_hash=str(key),
                        profile=_with_password(request),
                    )
        return Denied(status=HTTPStatus.NOT_FOUND)

    def _by_certificate(
        self, settings: ChargerSettings, certificate: str, now: datetime
    ) -> Verdict | None:
        """Judge a charger by a certificate of our authority.

        Its own lets it in. TLS has checked how long that is valid, but not on a
        connection that takes up an earlier one. With another charger's it is turned
        away, whatever it proves besides. None for one that says nothing: it was made
        for a charger that has been removed, or did not reach the one it was made for.
        """
        for known in settings.certificates:
            if known.fingerprint == certificate and now < known.expires:
                return Admitted(
                    identity=settings.identity,
                    profile=SecurityProfile.CERTIFICATE,
                    certificate=certificate,
                )
        for other, _ in self._known.values():
            if other.identity != settings.identity and any(
                known.fingerprint == certificate for known in other.certificates
            ):
                return Denied(
                    status=HTTPStatus.UNAUTHORIZED, reason=RefusalReason.CERTIFICATE
                )
        return None

    def expected_settings(self, identity: str) -> ChargerSettings | None:
        """Return the settings under which an expected charger was let in."""
        found = self._expected.get(identity)
        return None if found is None else found[0]

    def _note_unknown(
        self, identity: str, request: Request, now: datetime, clock: float
    ) -> None:
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
        if known is None and self._lines.left(clock) >= 1:
            self._lines.spend(1, clock)
            _LOGGER.info(
                "Refused the unknown charger %s from %s", identity, request.address
            )
        for listener in tuple(self.on_unknown):
            listener(seen)

    def _note_refused(
        self,
        identity: str,
        request: Request,
        now: datetime,
        reason: RefusalReason,
    ) -> None:
        known = self.refused.pop(identity, None)
        refusal = Refusal(
            identity=identity,
            address=request.address,
            at=now,
            attempts=1 if known is None else known.attempts + 1,
            reason=reason,
        )
        self.refused[identity] = refusal
        while len(self.refused) > MAX_REFUSED:
            self.refused.popitem(last=False)
        if known is None or known.reason is not refusal.reason:
            _LOGGER.warning(
                "Refused charger %s from %s: %s",
                identity,
                request.address,
                refusal.reason,
            )
        for listener in tuple(self.on_refused):
            listener(refusal)


def _at_once(request: Request, identity: str | None) -> Denied | None:
    """Deny what is wrong with a request whoever it comes from; None for nothing."""
    if is_foreign(request.origin, request.host):
        return Denied(status=HTTPStatus.FORBIDDEN)
    if identity is None:
        return Denied(status=HTTPStatus.NOT_FOUND)
    if request.subprotocols and SUBPROTOCOL not in request.subprotocols:
        return Denied(status=HTTPStatus.BAD_REQUEST)
    return None


def _with_password(request: Request) -> SecurityProfile:
    return SecurityProfile.TLS if request.secure else SecurityProfile.BASIC


def _unproven(settings: ChargerSettings, request: Request) -> Denied:
    """Refuse a known charger that has proved nothing."""
    reason = RefusalReason.PASSWORD
    if request.certificate is not None:
        reason = RefusalReason.CERTIFICATE
    elif settings.profile is SecurityProfile.CERTIFICATE and not request.authorization:
        reason = RefusalReason.NO_CERTIFICATE
    return Denied(status=HTTPStatus.UNAUTHORIZED, reason=reason)


def _unless_lower(
    settings: ChargerSettings, admitted: Admitted, request: Request
) -> Verdict:
    """Refuse a charger that was more secure before (OCPP 1.6 security, A05.FR.09)."""
    if admitted.profile >= settings.profile:
        return admitted
    return Denied(
        status=HTTPStatus.FORBIDDEN,
        reason=RefusalReason.NO_CERTIFICATE
        if request.secure
        else RefusalReason.NOT_ENCRYPTED,
    )


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


def _needs_no_password(request: Request) -> bool:
    """Say whether a request may do without, where the owner allows that at all.

    A browser in the house, too, has a private address, and a web page can give its own
    host name our address: what comes from a page needs a password in any case. So does
    what a proxy sends on, whose own address says nothing.
    """
    if request.origin is not None or request.forwarded:
        return False
    try:
        return ipaddress.ip_address(request.address).is_private
    except ValueError:
        return False
