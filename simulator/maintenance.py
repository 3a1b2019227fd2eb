"""Firmware updates and diagnostics uploads of a charge point (OCPP 1.6 §5.9, §5.19).

Signed updates are those of the security whitepaper (L01).
"""

import asyncio
from dataclasses import dataclass
import http.client
import re
from typing import TYPE_CHECKING, Any
import urllib.error
from urllib.parse import urlsplit
import urllib.request

from .clock import parse_timestamp
from .outbox import Outgoing
from .vault import is_signed

if TYPE_CHECKING:
    from .charge_point import ChargePoint

_ENDS = frozenset(
    {
        "Idle",
        "DownloadFailed",
        "InvalidSignature",
        "InstallationFailed",
        "InstallVerificationFailed",
        "Installed",
    }
)

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, kw_only=True)
class Update:
    """A firmware that the charge point was told to install.

    With a `request_id` it is a signed one: `certificate` in PEM form and `signature` in
    base64 are what the file is checked with.
    """

    location: str
    retrieve_at: str
    retries: int = 0
    request_id: int | None = None
    certificate: str = ""
    signature: str = ""


class Maintenance:
    """What a charge point does over minutes after it said yes."""

    def __init__(self, charge_point: ChargePoint) -> None:
        """Start with nothing under way."""
        self._cp = charge_point
        self._firmware_status = "Idle"
        self._diagnostics_status = "Idle"
        self._log_status = "Idle"
        self._log_request: int | None = None
        self._update: Update | None = None
        self._rebooted = False
        self.firmware_file = b""
        """What was last downloaded, where the simulator really went for it."""

    def report_firmware(self) -> None:
        """Post the state of the firmware update."""
        payload: dict[str, Any] = {"status": self._firmware_status}
        action = "FirmwareStatusNotification"
        if self._update is not None and self._update.request_id is not None:
            action = f"Signed{action}"
            if self._firmware_status != "Idle":
                payload["requestId"] = self._update.request_id
        self._post(action, payload)

    def report_diagnostics(self) -> None:
        """Post the state of the upload."""
        self._post(
            "DiagnosticsStatusNotification", {"status": self._diagnostics_status}
        )

    def report_log(self) -> None:
        """Post the state of the upload of a log (security whitepaper, N01)."""
        payload: dict[str, Any] = {"status": self._log_status}
        if self._log_request is not None:
            payload["requestId"] = self._log_request
        self._post("LogStatusNotification", payload)

    @property
    def sending_log(self) -> bool:
        """Return whether the upload of a log is not at its end."""
        return self._log_status == "Uploading"

    def send_log(self, location: str, name: str, request_id: int) -> None:
        """Send a log in the background, in place of one that is under way."""
        self._log_request = request_id
        self._log("Uploading")
        self._cp.spawn(self._send_log(location, name, request_id))

    def upload(self, location: str, name: str) -> None:
        """Send the diagnostics file in the background."""
        self._cp.spawn(self._upload(location, name))

    @property
    def updating(self) -> bool:
        """Return whether an update is not at its end."""
        return self._update is not None and self._firmware_status not in _ENDS

    def update(self, update: Update) -> None:
        """Fetch and install firmware in the background, not before the given time.

        It takes the place of one that is under way.
        """
        self._update = update
        self._firmware_status = "DownloadScheduled"
        self._cp.spawn(self._install(update))

    def booted(self) -> None:
        """Report new firmware after the reboot that installed it."""
        if self._rebooted:
            self._rebooted = False
            self._firmware("Installed")
            self._firmware_status = "Idle"

    async def _upload(self, location: str, name: str) -> None:
        self._diagnostics("Uploading")
        await self._step()
        result = self._cp.faults.diagnostics_result
        if result == "Uploaded" and not await self._sent(location, name):
            result = "UploadFailed"
        self._diagnostics(result)
        self._diagnostics_status = "Idle"

    async def _send_log(self, location: str, name: str, request_id: int) -> None:
        await self._step()
        if request_id != self._log_request:
            return
        result = self._cp.faults.log_result
        if result == "Uploaded" and not await self._sent(location, name):
            result = "UploadFailure"
        if request_id != self._log_request:
            return
        self._log(result)
        self._log_status, self._log_request = "Idle", None

    async def _sent(self, location: str, name: str) -> bool:
        """Put what the charge point tells of itself; one that is far away is taken."""
        if not _reachable(location):
            return True
        text = f"{self._cp.describe()}\n"
        url = f"{location.rstrip('/')}/{name}" if location.endswith("/") else location
        return await asyncio.to_thread(_put, url, text.encode())

    async def _install(self, update: Update) -> None:
        cp = self._cp
        wait_s = (parse_timestamp(update.retrieve_at) - cp.device.now()).total_seconds()
        if wait_s > 0:
            await cp.clock.sleep_wall(wait_s)
        if update is not self._update or not await self._fetched(update):
            return
        # A running transaction is not ended for an update.
        await cp.wait_for(
            lambda one: not any(each.transaction for each in one.connectors.values()),
            None,
        )
        if update is not self._update:
            return
        self._firmware("Installing")
        await self._step()
        result = cp.faults.firmware_result
        if result in ("InstallationFailed", "InstallVerificationFailed"):
            self._firmware(result)
            return
        cp.firmware = new_version(update.location, cp.firmware)
        self._rebooted = True
        if update.request_id is not None:
            self._firmware("InstallRebooting")
        await cp.reboot(reason="Reboot")

    async def _fetched(self, update: Update) -> bool:
        """Download the file, and check its signature; return whether it is good."""
        faults = self._cp.faults
        self._firmware("Downloading")
        await self._step()
        failed, file = faults.firmware_result == "DownloadFailed", b""
        if not failed and _reachable(update.location):
            for _ in range(1 + update.retries):
                got = await asyncio.to_thread(_get, update.location)
                if got is not None:
                    file = got
                    break
            else:
                failed = True
        self.firmware_file = file
        if failed:
            self._firmware("DownloadFailed")
            return False
        self._firmware("Downloaded")
        if update.request_id is None:
            return True
        if faults.firmware_result == "InvalidSignature" or not is_signed(
            file, update.certificate, update.signature
        ):
            self._firmware("InvalidSignature")
            return False
        self._firmware("SignatureVerified")
        return True

    async def _step(self) -> None:
        await self._cp.clock.sleep_wall(self._cp.options.firmware_step_s)

    def _firmware(self, status: str) -> None:
        self._firmware_status = status
        self.report_firmware()

    def _diagnostics(self, status: str) -> None:
        self._diagnostics_status = status
        self.report_diagnostics()

    def _log(self, status: str) -> None:
        self._log_status = status
        self.report_log()

    def _post(self, action: str, payload: dict[str, Any]) -> None:
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


def _get(url: str) -> bytes | None:
    """Get a file by HTTP; return None where that fails. It blocks."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=10) as answer:
            return bytes(answer.read())
    except urllib.error.URLError, OSError, http.client.HTTPException:
        return None
