"""Has a charger install firmware: from an address, or from a file of Home Assistant."""

from base64 import b64decode
import binascii
from pathlib import Path

from cryptography import x509
from homeassistant.const import ATTR_DEVICE_ID
from homeassistant.core import HomeAssistant, ServiceCall
from homeassistant.util import dt as dt_util

from . import devices, firmware_files
from .csms.charger import Charger
from .csms.errors import CommandFailed, CommandRefused
from .csms.firmware import FirmwareOrder, FirmwareSignature, order_firmware
from .file_actions import own_address
from .helpers import charger_name, failed, invalid, translated_errors, url_secrets

_REFUSED_CERTIFICATES = {
    "InvalidCertificate": "signer_not_trusted",
    "RevokedCertificate": "signer_revoked",
}
"""What a charger may say of the signer's certificate (OCPP 1.6 security, L01)."""


async def update_firmware(call: ServiceCall) -> None:
    """Have a charger fetch and install firmware."""
    _, charger, _ = devices.resolve(call.hass, call.data[ATTR_DEVICE_ID])
    path: str | None = call.data.get("file")
    order = FirmwareOrder(
        url=call.data.get("url"),
        file=None if path is None else await _file(call.hass, path),
        version=call.data.get("version"),
        signature=_signature(call),
        retrieve_at=call.data.get("retrieve_at") or dt_util.utcnow(),
        retries=call.data.get("retries"),
        retry_interval=call.data.get("retry_interval"),
    )
    await install(call.hass, charger, order)


async def install(hass: HomeAssistant, charger: Charger, order: FirmwareOrder) -> None:
    """Order a firmware; raise what the owner can read where the charger says no."""
    if order.file is None:
        await _order(charger, order, order.url or "")
        return
    if not await hass.async_add_executor_job(firmware_files.may_give, hass, order.file):
        raise invalid("file_not_allowed", file=order.file)
    base = own_address(hass, charger)
    download = firmware_files.offer(hass, charger, order.file, order.retrieve_at)
    try:
        await _order(charger, order, base + download.path)
    except BaseException:
        firmware_files.withdraw(hass, download)
        raise
    firmware_files.keep_only(hass, download)


async def _order(charger: Charger, order: FirmwareOrder, location: str) -> None:
    # An address of ours is a permission: it is told to nobody but the charger.
    secrets = url_secrets(location) if order.file is None else [location]
    with translated_errors(charger, secrets=secrets):
        try:
            await order_firmware(charger, order, location)
        except CommandFailed as error:
            if error.code != "NotSupported" or error.action != "UpdateFirmware":
                raise
            # A charger with secure updates takes no others (L01.FR.20).
            raise failed(
                "firmware_needs_signature", charger=charger_name(charger)
            ) from error
        except CommandRefused as error:
            key = _REFUSED_CERTIFICATES.get(error.status)
            if key is None:
                raise
            raise failed(key, charger=charger_name(charger)) from error


async def _file(hass: HomeAssistant, path: str) -> Path:
    """Return the file at a path. Raises where Home Assistant may not give it out."""
    file = await hass.async_add_executor_job(Path(path).resolve)
    if not await hass.async_add_executor_job(firmware_files.may_give, hass, file):
        raise invalid("file_not_allowed", file=path)
    return file


def _signature(call: ServiceCall) -> FirmwareSignature | None:
    """Return the signature that was given. Raises where it cannot be one."""
    if "signature" not in call.data:
        return None
    certificate: str = call.data["signing_certificate"].strip()
    signature = "".join(call.data["signature"].split())
    try:
        x509.load_pem_x509_certificate(certificate.encode("ascii", "replace"))
    except ValueError:
        raise invalid("not_a_certificate") from None
    try:
        b64decode(signature, validate=True)
    except binascii.Error, ValueError:
        raise invalid("not_a_signature") from None
    return FirmwareSignature(certificate=certificate, signature=signature)
