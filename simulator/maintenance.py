"""Firmware updates and diagnostics uploads of a charge point (OCPP 1.6 §5.9, §5.19)."""

import asyncio
import re
from typing import TYPE_CHECKING, Any
import urllib.error
from urllib.parse import urlsplit
import urllib.request

from .clock import parse_timestamp
from .outbox import Outgoing

if TYPE_CHECKING:
    from .charge_point import ChargePoint

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class Maintenance:
    """What a charge point does over minutes after it said yes."""

    def __init__(self, charge_point: ChargePoint) -> None:
        """Start with nothing under way."""
        self._cp = charge_point
        self._firmware_status = "Idle"
        self._diagnostics_status = "Idle"
        self._installing: str | None = None

    def report_firmware(self) -> None:
        """Post the state of the firmware update."""
        self._post("FirmwareStatusNotification", self._firmware_status)

    def report_diagnostics(self) -> None:
        """Post the state of the upload."""
        self._post("DiagnosticsStatusNotification", self._diagnostics_status)

    def upload(self, location: str, name: str) -> None:
        """Send the diagnostics file in the background."""
        self._cp.spawn(self._upload(location, name))

    def update(self, location: str, retrieve_at: str) -> None:
        """Fetch and install firmware in the background, not before the given time."""
        self._cp.spawn(self._update(location, retrieve_at))

    def booted(self) -> None:
        """Report new firmware after the reboot that installed it."""
        if self._installing:
            self._installing = None
            self._firmware("Installed")
            self._firmware_status = "Idle"

    async def _upload(self, location: str, name: str) -> None:
        self._diagnostics("Uploading")
        await self._step()
        result = self._cp.faults.diagnostics_result
        if result == "Uploaded" and _reachable(location):
            text = f"{self._cp.describe()}\n"
            url = (
                f"{location.rstrip('/')}/{name}" if location.endswith("/") else location
            )
            if not await asyncio.to_thread(_put, url, text.encode()):
                result = "UploadFailed"
        self._diagnostics(result)
        self._diagnostics_status = "Idle"

    async def _update(self, location: str, retrieve_at: str) -> None:
        cp = self._cp
        wait_s = (parse_timestamp(retrieve_at) - cp.device.now()).total_seconds()
        if wait_s > 0:
            await cp.clock.sleep_wall(wait_s)
        self._firmware("Downloading")
        await self._step()
        if cp.faults.firmware_result == "DownloadFailed":
            self._firmware("DownloadFailed")
            return
        self._firmware("Downloaded")
        # A running transaction is not ended for an update.
        await cp.wait_for(
            lambda one: not any(each.transaction for each in one.connectors.values()),
            None,
        )
        self._firmware("Installing")
        await self._step()
        if cp.faults.firmware_result == "InstallationFailed":
            self._firmware("InstallationFailed")
            return
        self._installing = cp.firmware = new_version(location, cp.firmware)
        await cp.reboot(reason="Reboot")

    async def _step(self) -> None:
        await self._cp.clock.sleep_wall(self._cp.options.firmware_step_s)

    def _firmware(self, status: str) -> None:
        self._firmware_status = status
        self.report_firmware()

    def _diagnostics(self, status: str) -> None:
        self._diagnostics_status = status
        self.report_diagnostics()

    def _post(self, action: str, status: str) -> None:
        payload: dict[str, Any] = {"status": status}
        self._cp.outbox.post(
            Outgoing(action=action, build=lambda: payload, before_accepted=True)
        )


def new_version(location: str, old: str) -> str:
    """Return the version in a firmware file's name, else the one after the old."""
    named = re.findall(r"\d+(?:\.\d+)+", urlsplit(location).path)
    if named:
        return str(named[-1])[:50]
    head, dot, last = old.rpartition(".")
    return f"{head}{dot}{int(last) + 1}" if last.isdigit() else f"{old}.1"


def _reachable(location: str) -> bool:
    """Return whether a location is one the simulator really goes to: this machine's."""
    parts = urlsplit(location)
    return parts.scheme in ("http", "https") and parts.hostname in _LOOPBACK


def _put(url: str, body: bytes) -> bool:
    """Put a file by HTTP; return whether the server took it. It blocks."""
    request = urllib.request.Request(url, data=body, method="PUT")  # noqa: S310 - loopback only
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=10) as answer:
            return bool(200 <= answer.status < 300)
    except urllib.error.URLError, OSError:
        return False
