"""Has a charger send a file to Home Assistant itself, and waits for it."""

import asyncio
from collections.abc import Collection, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final

from homeassistant.components.http.auth import async_sign_path
from homeassistant.core import HomeAssistant
from homeassistant.helpers.network import NoURLAvailableError, get_url

from .csms import logs
from .csms.charger import Charger
from .csms.model import DiagnosticsStatus
from .file_views import file_path, upload_path
from .files import FileKind, KeptFile, Ticket, TooMany, charger_files
from .helpers import charger_name, failed, invalid

UPLOAD_TIMEOUT: Final = 300.0
"""Seconds that a charger may take until its file is here."""
LINK_LIFETIME: Final = timedelta(hours=1)
PROTOCOLS_KEY: Final = "SupportedFileTransferProtocols"

_NEWS: Final[Mapping[FileKind, tuple[str, Collection[StrEnum]]]] = {
    FileKind.DIAGNOSTICS: ("diagnostics_status", {DiagnosticsStatus.UPLOAD_FAILED}),
    FileKind.LOG: ("log_status", logs.FAILED),
}
"""Which key of the charger tells how an upload goes, and the words for a failure."""


@dataclass(frozen=True, kw_only=True)
class Expected:
    """A file that a charger is asked for, and the URL that it shall send it to."""

    ticket: Ticket
    url: str


def own_address(hass: HomeAssistant, charger: Charger) -> str:
    """Return the URL at which a charger reaches Home Assistant, without a path.

    Raises a translated error for a charger that does not speak HTTP, and where Home
    Assistant does not know its own address.
    """
    setting = charger.configuration.get(PROTOCOLS_KEY)
    spoken = (setting.value or "").upper() if setting else ""
    if spoken and "HTTP" not in spoken:
        raise invalid(
            "charger_needs_ftp", charger=charger_name(charger), protocols=spoken[:50]
        )
    try:
        base = get_url(hass, allow_external=False, allow_cloud=False)
    except NoURLAvailableError:
        raise invalid("no_internal_url") from None
    if base.startswith("https:") and spoken and "HTTPS" not in spoken:
        raise invalid(
            "charger_needs_http", charger=charger_name(charger), protocols=spoken[:50]
        )
    return base


@contextmanager
def address(
    hass: HomeAssistant, charger: Charger, kind: FileKind
) -> Generator[Expected]:
    """Have an address of ours for one file; it ends with the context.

    A charger that says meanwhile that it failed ends the waiting. Raises as
    `own_address` does.
    """
    base = own_address(hass, charger)
    try:
        ticket = charger_files(hass).expect(kind)
    except TooMany:
        raise invalid("too_many_files_awaited") from None

    key, failures = _NEWS[kind]

    def look() -> None:
        if getattr(charger, key) in failures:
            ticket.done.cancel()

    stop = charger.listen(0, key, look)
    try:
        yield Expected(ticket=ticket, url=base + upload_path(ticket.token))
    finally:
        stop()
        charger_files(hass).close(ticket)


async def wait_for_file(charger: Charger, ticket: Ticket) -> KeptFile:
    """Return the file once it is here; raise what the owner can read when it fails."""
    try:
        async with asyncio.timeout(UPLOAD_TIMEOUT):
            await asyncio.wait((ticket.done,))
    except TimeoutError:
        raise failed("upload_timeout", charger=charger_name(charger)) from None
    if ticket.done.cancelled():
        raise failed("upload_failed", charger=charger_name(charger))
    return ticket.done.result()


def file_response(hass: HomeAssistant, kept: KeptFile) -> dict[str, Any]:
    """Return what an action tells of a file: with a link that is good for an hour."""
    return {
        "file": kept.name,
        "size": kept.size,
        "link": async_sign_path(hass, file_path(kept.name), LINK_LIFETIME),
    }
