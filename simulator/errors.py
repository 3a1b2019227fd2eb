"""What can go wrong between a simulated charge point and its central system."""

from typing import Any


class SimulatedCallError(Exception):
    """A CALLERROR: received for one of our calls, or to be sent for one of the peer's.

    `code` is the code on the wire (OCPP-J 1.6 §4.2.3, spelling as there),
    `description` and `details` are the other two elements of the frame.
    """

    def __init__(
        self, code: str, description: str = "", details: dict[str, Any] | None = None
    ) -> None:
        """Keep the three elements of the frame."""
        super().__init__(f"{code}: {description}" if description else code)
        self.code = code
        self.description = description
        self.details = details or {}


class Disconnected(ConnectionError):
    """The socket is not open, or it closed before the answer came."""


class CallTimeout(TimeoutError):
    """The central system did not answer a call in time (OCPP-J 1.6 §4.1.1)."""


class HandshakeRefused(ConnectionRefusedError):
    """The central system answered the opening handshake with something else than 101.

    `status` is the HTTP status, or None where the answer was no HTTP at all;
    `headers` are those of the answer, names in lower case.
    """

    def __init__(
        self, message: str, status: int | None, headers: dict[str, str] | None = None
    ) -> None:
        """Keep what the central system answered."""
        super().__init__(message)
        self.status = status
        self.headers = headers or {}
