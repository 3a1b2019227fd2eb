"""Faults on demand, for showing what a central system does about them."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .errors import SimulatedCallError

# How "no" is said to the actions that know no "Rejected"; None must be a CALLERROR.
_REFUSALS: dict[str, str | None] = {
    "ClearChargingProfile": "Unknown",
    "GetConfiguration": None,
    "GetDiagnostics": None,
    "GetLocalListVersion": None,
    "SendLocalList": "Failed",
    "UnlockConnector": "UnlockFailed",
    "UpdateFirmware": None,
}


@dataclass(kw_only=True)
class _Refusal:
    action: str | None
    left: int
    code: str | None


class Faults:
    """What shall go wrong with one charge point."""

    def __init__(self, abort: Callable[[], None], hold: Callable[[bool], None]) -> None:
        """`abort` kills the socket; `hold` stops (true) and resumes reading from it."""
        self._abort = abort
        self._hold = hold
        self._running = asyncio.Event()
        self._running.set()
        self._network = asyncio.Event()
        self._network.set()
        self._garble = 0
        self._duplicate = 0
        self._refusals: list[_Refusal] = []
        self._delays: dict[str | None, float] = {}
        self.pings_muted = False
        self.firmware_result = "Installed"
        """How the next firmware update ends: or DownloadFailed, InstallationFailed.

        A signed one also with InvalidSignature, RevokedCertificate (that is the answer)
        or InstallVerificationFailed.
        """
        self.diagnostics_result = "Uploaded"
        self.log_result = "Uploaded"
        """How the upload of a log ends: a status of LogStatusNotification."""
        """How the next upload of diagnostics ends: or UploadFailed."""

    def drop(self) -> None:
        """Kill the TCP connection without a closing handshake; then it redials."""
        self._abort()

    def cut(self) -> None:
        """Drop, and let no new connection come about until `mend`."""
        self._network.clear()
        self._abort()

    def mend(self) -> None:
        """End a `cut`."""
        self._network.set()

    async def network(self) -> None:
        """Wait until there is a network."""
        await self._network.wait()

    @property
    def network_cut(self) -> bool:
        """Return whether the network is cut."""
        return not self._network.is_set()

    def freeze(self) -> None:
        """Stop reading and writing with the socket open: a charge point that hangs."""
        self._running.clear()
        self._hold(True)

    def thaw(self) -> None:
        """End a `freeze`; what was held back is dealt with then."""
        self._running.set()
        self._hold(False)

    async def running(self) -> None:
        """Wait until the charge point is not frozen."""
        await self._running.wait()

    @property
    def frozen(self) -> bool:
        """Return whether the charge point hangs."""
        return not self._running.is_set()

    def mute_pings(self, muted: bool = True) -> None:
        """Stop answering WebSocket pings, or answer them again."""
        self.pings_muted = muted

    def garble_next(self, times: int = 1) -> None:
        """Send the next messages cut off in the middle, which is no JSON."""
        self._garble += times

    def duplicate_next(self, times: int = 1) -> None:
        """Send the next messages twice, id and all."""
        self._duplicate += times

    def refuse(
        self, action: str | None = None, times: int = 1, code: str | None = None
    ) -> None:
        """Refuse the next calls of the central system, of one action or of any.

        The answer is the action's word for no, or, with `code`, a CALLERROR.
        """
        self._refusals.append(_Refusal(action=action, left=times, code=code))

    def delay_answers(self, seconds: float, action: str | None = None) -> None:
        """Wait before each answer, to one action or to any; 0 ends it."""
        self._delays[action] = seconds

    def delay_of(self, action: str) -> float:
        """Return how long to wait before answering."""
        return self._delays.get(action, self._delays.get(None, 0.0))

    def refusal_of(self, action: str) -> dict[str, Any] | None:
        """Return the refusing answer if one is due, None otherwise.

        Raises SimulatedCallError where the refusal is a CALLERROR.
        """
        for refusal in self._refusals:
            if refusal.action in (None, action):
                refusal.left -= 1
                if refusal.left <= 0:
                    self._refusals.remove(refusal)
                word = _REFUSALS.get(action, "Rejected")
                if refusal.code is not None or word is None:
                    raise SimulatedCallError(
                        refusal.code or "GenericError", "refused on demand"
                    )
                return {"status": word}
        return None

    def texts(self, text: str) -> list[str]:
        """Return what really goes over the wire in place of a message."""
        if self._garble:
            self._garble -= 1
            text = text[: max(1, len(text) // 2)]
        if self._duplicate:
            self._duplicate -= 1
            return [text, text]
        return [text]
