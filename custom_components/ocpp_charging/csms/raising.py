"""Takes a charger to a higher security profile without locking it out.

OCPP lets a profile only rise (OCPP 1.6 security, A05), so nothing may depend on its
success: until a charger has come in the new way once, the old way stays open to it, and
each failure leaves it let in as before.
"""

import asyncio
from collections.abc import Callable, Collection, Generator
from contextlib import contextmanager, suppress
from enum import StrEnum
import logging

from .certificate_office import CertificateOffice
from .charger import Charger
from .client_certificates import CPO_NAME, InvalidRequestForCertificate
from .commands import Commands
from .errors import CommandError, CommandFailed, CommandRefused
from .model import RootUse, SecurityProfile

_LOGGER = logging.getLogger(__name__)

SETTLE = 5.0
"""Seconds in which a charger that needs no restart reconnects by itself."""


class RaisingFault(StrEnum):
    """Why a charger has not been raised; each names a text for its owner."""

    OFFLINE = "raise_offline"
    NOT_ENCRYPTED = "raise_not_encrypted"
    CHARGING = "raise_charging"
    """A restart would end the session."""
    NAME_REFUSED = "raise_name_refused"
    """It did not take CpoName, which its certificate must carry."""
    TRIGGER_REFUSED = "raise_trigger_refused"
    """It cannot be asked to request a certificate."""
    BAD_REQUEST = "raise_bad_request"
    CERTIFICATE_REFUSED = "raise_certificate_refused"
    PROFILE_REFUSED = "raise_profile_refused"
    NO_ANSWER = "raise_no_answer"
    NOT_BACK = "raise_not_back"
    BACK_WITHOUT = "raise_back_without"
    """It is there, as before: without encryption, or without its certificate."""


class RaisingFailed(Exception):
    """A charger has not been raised; it is let in as before.

    `detail` is the charger's own word for it, or ours, where there is one.
    """

    def __init__(self, fault: RaisingFault, detail: str = "") -> None:
        """Keep the reason."""
        super().__init__(f"not raised: {fault.value} {detail}".rstrip())
        self.fault = fault
        self.detail = detail


_REFUSED_AT = {
    "ExtendedTriggerMessage": RaisingFault.TRIGGER_REFUSED,
    "CertificateSigned": RaisingFault.CERTIFICATE_REFUSED,
}


async def raise_to_tls(
    charger: Charger, *, ca: bytes | None, names: Collection[str], timeout: float
) -> None:
    """Wait until a charger has come in encrypted, and help it where it can be helped.

    `ca` is the authority to trust, in PEM form, None for one that is not ours to give;
    `names` are those in our certificate. A charger that has taken the authority and
    dials one of these names is told to change over; any other one is for its owner.
    Raises `RaisingFailed`.
    """
    if charger.connected and charger.profile < SecurityProfile.TLS:
        if _is_running(charger):
            raise RaisingFailed(RaisingFault.CHARGING)
        with suppress(CommandError):
            commands = charger.commands("InstallCertificate")
            if ca is not None and charger.dialled in names:
                await commands.install_certificate(
                    RootUse.CENTRAL_SYSTEM, ca.decode("ascii")
                )
                await _change_profile(charger, commands, SecurityProfile.TLS)
    arrived = await _until(
        charger,
        lambda: charger.connected and charger.profile >= SecurityProfile.TLS,
        timeout,
    )
    if not arrived:
        raise RaisingFailed(_away(charger))


async def raise_to_certificate(
    charger: Charger,
    office: CertificateOffice,
    *,
    sign_timeout: float,
    return_timeout: float,
) -> None:
    """Give a charger a certificate, and see it come back with it.

    It may take `sign_timeout` seconds to make its key and `return_timeout` to come
    back. Raises `RaisingFailed`.
    """
    if not charger.connected:
        raise RaisingFailed(RaisingFault.OFFLINE)
    if charger.profile < SecurityProfile.TLS:
        raise RaisingFailed(RaisingFault.NOT_ENCRYPTED)
    if _is_running(charger):
        raise RaisingFailed(RaisingFault.CHARGING)
    before = charger.configuration.get("CpoName")
    with _at(RaisingFault.NAME_REFUSED):
        commands = charger.commands("ChangeConfiguration")
        await commands.set_configuration("CpoName", CPO_NAME)
    try:
        certificate = await _certificate(charger, office, sign_timeout)
        with _at(RaisingFault.PROFILE_REFUSED):
            await _change_profile(charger, commands, SecurityProfile.CERTIFICATE)
    except RaisingFailed:
        if before is not None and before.value not in {None, "", CPO_NAME}:
            with suppress(CommandError):
                await commands.set_configuration("CpoName", before.value or "")
        raise
    arrived = await _until(
        charger,
        lambda: charger.connected and charger.certificate == certificate,
        return_timeout,
    )
    if not arrived:
        raise RaisingFailed(_away(charger))


async def _certificate(
    charger: Charger, office: CertificateOffice, timeout: float
) -> str:
    """Have the charger get a certificate; returns its fingerprint."""
    try:
        return (await office.obtain(charger, timeout)).fingerprint
    except InvalidRequestForCertificate as error:
        raise RaisingFailed(RaisingFault.BAD_REQUEST, error.fault.value) from error
    except (CommandRefused, CommandFailed) as error:
        fault = _REFUSED_AT.get(error.action, RaisingFault.NO_ANSWER)
        raise RaisingFailed(fault, _word(error)) from error
    except CommandError as error:
        raise RaisingFailed(RaisingFault.NO_ANSWER, error.action) from error


async def _change_profile(
    charger: Charger, commands: Commands, profile: SecurityProfile
) -> None:
    """Tell a charger its profile, and restart it unless it comes back by itself."""
    restart = await commands.set_configuration("SecurityProfile", str(int(profile)))
    if not restart and await _until(
        charger, lambda: charger.connection is not commands, SETTLE
    ):
        return
    # One that answers no more has restarted already.
    with suppress(CommandError):
        await commands.reset(hard=False)


@contextmanager
def _at(fault: RaisingFault) -> Generator[None]:
    try:
        yield
    except (CommandRefused, CommandFailed) as error:
        raise RaisingFailed(fault, _word(error)) from error
    except CommandError as error:
        raise RaisingFailed(RaisingFault.NO_ANSWER, error.action) from error


def _word(error: CommandRefused | CommandFailed) -> str:
    return error.status if isinstance(error, CommandRefused) else error.code


def _away(charger: Charger) -> RaisingFault:
    return RaisingFault.BACK_WITHOUT if charger.connected else RaisingFault.NOT_BACK


def _is_running(charger: Charger) -> bool:
    return any(each.runs for each in charger.connectors.values())


async def _until(charger: Charger, shown: Callable[[], bool], timeout: float) -> bool:
    """Wait until something is true of a charger, whether it is connected or not."""
    done = asyncio.Event()
    stop = charger.listen_all(lambda _changes: done.set() if shown() else None)
    try:
        if not shown():
            async with asyncio.timeout(timeout):
                await done.wait()
    except TimeoutError:
        return shown()
    finally:
        stop()
    return True
