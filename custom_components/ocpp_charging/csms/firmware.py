"""Firmware that the owner gives a charger (OCPP 1.6 §5.19 and security, L01)."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
import secrets
from typing import TYPE_CHECKING, Final

from .errors import CommandError
from .model import FirmwareStatus

if TYPE_CHECKING:
    from .charger import Charger

UNDER_WAY: Final = frozenset(
    {
        FirmwareStatus.DOWNLOADING,
        FirmwareStatus.DOWNLOADED,
        FirmwareStatus.DOWNLOAD_PAUSED,
        FirmwareStatus.DOWNLOAD_SCHEDULED,
        FirmwareStatus.SIGNATURE_VERIFIED,
        FirmwareStatus.INSTALL_SCHEDULED,
        FirmwareStatus.INSTALLING,
        FirmwareStatus.INSTALL_REBOOTING,
    }
)
"""An update goes on; it has neither failed nor come to its end."""

FETCHED: Final = frozenset(FirmwareStatus) - {
    FirmwareStatus.IDLE,
    FirmwareStatus.DOWNLOADING,
    FirmwareStatus.DOWNLOAD_FAILED,
    FirmwareStatus.DOWNLOAD_PAUSED,
    FirmwareStatus.DOWNLOAD_SCHEDULED,
}
"""The charger has the whole file: it fetches it no more."""

_MAX_REQUEST: Final = 2**31 - 1


@dataclass(frozen=True, kw_only=True)
class FirmwareSignature:
    """What a charger with secure updates knows a genuine firmware by.

    `certificate` is the signer's, in PEM form; `signature` the one of the file, in
    base64.
    """

    certificate: str
    signature: str


@dataclass(frozen=True, kw_only=True)
class FirmwareOrder:
    """What the owner wants installed: a `file` of ours, or what is at a `url`.

    `version` is what the owner calls it. `request_id` is set once it is ordered with a
    signature: by it the charger's statuses are known to be of this order.
    """

    url: str | None = None
    file: Path | None = None
    version: str | None = None
    signature: FirmwareSignature | None = None
    retrieve_at: datetime
    retries: int | None = None
    retry_interval: timedelta | None = None
    request_id: int | None = None


async def order_firmware(charger: Charger, order: FirmwareOrder, location: str) -> None:
    """Have a charger fetch firmware from `location`, and keep what it was told.

    An earlier order, and how it went, count no more, unless this one is not taken.
    Raises `CommandError`.
    """
    signature = order.signature
    if signature is not None:
        order = replace(order, request_id=secrets.randbelow(_MAX_REQUEST) + 1)
    before = charger.firmware_order, charger.firmware_status
    action = "UpdateFirmware" if signature is None else "SignedUpdateFirmware"
    commands = charger.commands(action)
    # Before it is sent: the first status may come right behind the answer.
    charger.update(firmware_order=order, firmware_status=None)
    try:
        if signature is None or order.request_id is None:
            await commands.update_firmware(
                location,
                order.retrieve_at,
                retries=order.retries,
                retry_interval=order.retry_interval,
            )
        else:
            await commands.signed_update_firmware(
                order.request_id,
                location,
                order.retrieve_at,
                certificate=signature.certificate,
                signature=signature.signature,
                retries=order.retries,
                retry_interval=order.retry_interval,
            )
    except CommandError:
        if charger.firmware_order is order:
            known, status = before
            charger.update(
                firmware_order=known, firmware_status=charger.firmware_status or status
            )
        raise


def is_updating(charger: Charger) -> bool:
    """Say whether an update goes on, as far as the charger tells.

    Some never say that it is over, but start with the new version.
    """
    order, running = charger.firmware_order, charger.info.firmware
    if order is not None and order.version is not None and order.version == running:
        return False
    return charger.firmware_status in UNDER_WAY


def wanted_version(charger: Charger) -> str | None:
    """Return the version that the owner wants, until it is installed; else what runs.

    What it is called then is the charger's to say: its owner may write it otherwise.
    """
    order = charger.firmware_order
    installed = charger.firmware_status is FirmwareStatus.INSTALLED
    if order is None or order.version is None or installed:
        return charger.info.firmware
    return order.version
