"""Has a charger with the security whitepaper send one of its logs."""

from typing import Final

from homeassistant.const import ATTR_DEVICE_ID
from homeassistant.core import ServiceCall, ServiceResponse

from . import devices, file_actions
from .csms.charger import Charger
from .csms.errors import CommandFailed
from .csms.logs import LogType, order_log
from .files import FileKind
from .helpers import charger_name, failed, invalid, translated_errors, url_secrets

LOGS: Final = {"diagnostics": LogType.DIAGNOSTICS, "security": LogType.SECURITY}

_UNKNOWN = frozenset({"NotSupported", "NotImplemented"})
"""What a charger without the whitepaper says of GetLog."""


async def get_log(call: ServiceCall) -> ServiceResponse:
    """Have the charger send a log: to us, unless an address is given."""
    _, charger, _ = devices.resolve(call.hass, call.data[ATTR_DEVICE_ID])
    url: str | None = call.data.get("url")
    oldest, latest = call.data.get("oldest"), call.data.get("latest")
    if oldest is not None and latest is not None and oldest >= latest:
        raise invalid("stop_before_start")
    if url is not None:
        return {"file_name": await _order(call, charger, url)}
    with file_actions.address(call.hass, charger, FileKind.LOG) as expected:
        # Some chargers give no name and send the file all the same.
        file_name = await _order(call, charger, expected.url)
        kept = await file_actions.wait_for_file(charger, expected.ticket)
    return {"file_name": file_name, **file_actions.file_response(call.hass, kept)}


async def _order(call: ServiceCall, charger: Charger, url: str) -> str | None:
    # An address of ours is a permission: it is told to nobody but the charger.
    secrets = url_secrets(url) if "url" in call.data else [url]
    with translated_errors(charger, secrets=secrets):
        try:
            return await order_log(
                charger,
                call.data["type"],
                url,
                oldest=call.data.get("oldest"),
                latest=call.data.get("latest"),
                retries=call.data.get("retries"),
                retry_interval=call.data.get("retry_interval"),
            )
        except CommandFailed as error:
            if error.code not in _UNKNOWN:
                raise
            raise failed("log_not_supported", charger=charger_name(charger)) from error
