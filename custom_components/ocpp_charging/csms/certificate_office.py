"""Makes chargers the certificates that they ask for, and hands them out.

A charger sends a request of its own accord, shortly before its certificate ends, or
because we asked it to (OCPP 1.6 security, A02 and A03). What it gets lets it in from
that moment on, beside what it had: the older ones end when the new one has been used.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
import logging

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from .allowance import Allowance
from .bounds import CERTIFICATE_INTERVAL_S, CERTIFICATES_AT_ONCE, MAX_CERTIFICATES
from .certificates import CertificateError, CertificateStore
from .charger import Charger
from .client_certificates import (
    CPO_NAME,
    InvalidRequestForCertificate,
    RequestFault,
    check_request,
    record_of,
)
from .errors import CommandError, CommandFailed, CommandRefused, CommandTimeout
from .model import ChargerSettings, ClientCertificate
from .pki import RENEW_BEFORE_END

_LOGGER = logging.getLogger(__name__)

type Keep = Callable[[ChargerSettings], None]


class CertificateOffice:
    """Signs requests, and gives each charger its certificate.

    `store` holds the authority; without one every request is rejected.
    """

    def __init__(self, keep: Keep, *, known: Callable[[str], bool]) -> None:
        """Begin without an authority.

        `keep` makes changed certificates count, `known` tells the chargers that have
        been added from those that are only looked at.
        """
        self.store: CertificateStore | None = None
        self.on_change: list[Callable[[Charger], None]] = []
        """Called with a charger whose certificates have changed, to have them kept."""
        self._keep = keep
        self._known = known
        self._waiting: dict[str, asyncio.Future[ClientCertificate]] = {}
        self._allowances: dict[str, Allowance] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def obtain(self, charger: Charger, timeout: float) -> ClientCertificate:
        """Have a charger ask for a certificate, and wait until it has taken it.

        Raises `InvalidRequestForCertificate` for a request that is no good, and the
        errors of `commands`; `CommandTimeout` when nothing comes within `timeout`
        seconds.
        """
        commands = charger.commands("ExtendedTriggerMessage")
        future: asyncio.Future[ClientCertificate] = (
            asyncio.get_running_loop().create_future()
        )
        self._waiting[charger.identity] = future
        try:
            async with asyncio.timeout(timeout):
                await commands.extended_trigger("SignChargePointCertificate")
                return await future
        except TimeoutError:
            raise CommandTimeout("SignCertificate", timeout) from None
        finally:
            if self._waiting.get(charger.identity) is future:
                del self._waiting[charger.identity]
            if future.done() and not future.cancelled():
                # It may have ended while the charger's answer was still waited for.
                future.exception()

    def accept(self, charger: Charger, text: str) -> Callable[[], None]:
        """Check a charger's request; returns what fulfils it, once it is answered.

        Raises `InvalidRequestForCertificate`.
        """
        try:
            request = self._check(charger, text)
        except InvalidRequestForCertificate as error:
            often = error.fault is RequestFault.TOO_OFTEN
            _LOGGER.log(
                logging.DEBUG if often else logging.WARNING,
                "Charger %s gets no certificate: %s",
                charger.identity,
                error.fault,
            )
            self._end(charger, error)
            raise

        def fulfil() -> None:
            task = asyncio.get_running_loop().create_task(
                self._fulfil(charger, request),
                name=f"ocpp certificate of {charger.identity}",
            )
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        return fulfil

    async def stop(self) -> None:
        """Break off what is under way."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def forget(self, identity: str) -> None:
        """Forget a charger that was removed; its certificates let nobody in."""
        self._allowances.pop(identity, None)

    def used(self, charger: Charger) -> None:
        """Let the certificates go that are older than the one a charger came with."""
        known = charger.settings.certificates
        for index, each in enumerate(known):
            if each.fingerprint == charger.certificate and index:
                self._change(charger, known[index:])
                _LOGGER.info("Charger %s uses its new certificate", charger.identity)

    def is_due(self, charger: Charger, now: datetime) -> bool:
        """Say whether a charger that proves itself by a certificate needs a new one."""
        used = charger.certificate
        newest = charger.settings.certificates[-1:]
        return used is not None and all(
            now >= each.expires - RENEW_BEFORE_END for each in newest
        )

    def withdraw(self, charger: Charger, certificate: ClientCertificate) -> None:
        """Let a certificate not let anyone in any more."""
        known = charger.settings.certificates
        self._change(charger, tuple(each for each in known if each != certificate))

    def _check(self, charger: Charger, text: str) -> x509.CertificateSigningRequest:
        if charger.identity not in self._waiting:
            now = asyncio.get_running_loop().time()
            allowance = self._allowances.setdefault(
                charger.identity,
                Allowance(
                    per_second=1 / CERTIFICATE_INTERVAL_S,
                    at_once=CERTIFICATES_AT_ONCE,
                ),
            )
            if allowance.left(now) < 1:
                raise InvalidRequestForCertificate(RequestFault.TOO_OFTEN)
            allowance.spend(1, now)
        if self.store is None or not self._known(charger.identity):
            raise InvalidRequestForCertificate(RequestFault.NO_AUTHORITY)
        if not charger.secure:
            raise InvalidRequestForCertificate(RequestFault.NOT_ENCRYPTED)
        names = {charger.identity, charger.info.serial} - {None}
        return check_request(text, [name for name in names if name], CPO_NAME)

    async def _fulfil(
        self, charger: Charger, request: x509.CertificateSigningRequest
    ) -> None:
        try:
            certificate = await self._hand_out(charger, request)
        except (CommandError, InvalidRequestForCertificate) as error:
            _LOGGER.warning(
                "Charger %s has not taken its new certificate: %s",
                charger.identity,
                error,
            )
            self._end(charger, error)
            return
        _LOGGER.info("Charger %s has a new certificate", charger.identity)
        future = self._waiting.get(charger.identity)
        if future is not None and not future.done():
            future.set_result(certificate)

    async def _hand_out(
        self, charger: Charger, request: x509.CertificateSigningRequest
    ) -> ClientCertificate:
        assert self.store is not None
        now = datetime.now(UTC)
        try:
            made = await asyncio.to_thread(self.store.sign, request, now)
        except CertificateError as error:
            _LOGGER.error("The authority cannot sign: %s", error)
            raise InvalidRequestForCertificate(RequestFault.NO_AUTHORITY) from error
        # Our authority is a root, which is no part of what is sent: the chain is this.
        chain = made.public_bytes(Encoding.PEM).decode("ascii")
        if len(chain) > _max_chain(charger):
            raise InvalidRequestForCertificate(RequestFault.CHAIN_TOO_LONG)
        certificate = record_of(made, now)
        # It may come with it before it has answered.
        self._change(charger, self._with_new(charger, certificate))
        try:
            commands = charger.commands("CertificateSigned")
            await commands.certificate_signed(chain)
        except CommandRefused, CommandFailed:
            self.withdraw(charger, certificate)
            raise
        return certificate

    def _with_new(
        self, charger: Charger, certificate: ClientCertificate
    ) -> tuple[ClientCertificate, ...]:
        """Return a charger's certificates when a new one comes; none in use goes."""
        known = charger.settings.certificates
        in_use = [each for each in known if each.fingerprint == charger.certificate]
        others = [each for each in known if each not in in_use]
        room = MAX_CERTIFICATES - 1 - len(in_use)
        return (*in_use, *others[-room:], certificate)

    def _change(
        self, charger: Charger, certificates: tuple[ClientCertificate, ...]
    ) -> None:
        self._keep(replace(charger.settings, certificates=certificates))
        for listener in tuple(self.on_change):
            listener(charger)

    def _end(self, charger: Charger, error: Exception) -> None:
        future = self._waiting.get(charger.identity)
        if future is not None and not future.done():
            future.set_exception(error)


def _max_chain(charger: Charger) -> int:
    """Return how long a chain may be, in characters (OCPP 1.6 security, §5.2)."""
    setting = charger.configuration.get("CertificateSignedMaxChainSize")
    text = ((setting and setting.value) or "").strip()
    told = int(text) if text.isascii() and text.isdigit() and len(text) < 7 else 0
    return min(told or _MAX_CHAIN_CHARACTERS, _MAX_CHAIN_CHARACTERS)


_MAX_CHAIN_CHARACTERS = 10_000
"""The longest chain of a CertificateSigned (OCPP 1.6 security, §5.1)."""
