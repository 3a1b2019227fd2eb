"""What can go wrong between a command and the charger that should obey it."""


class CommandError(Exception):
    """A command did not do what was asked.

    `action` is the OCPP action (`RemoteStartTransaction`) that failed.
    """

    def __init__(self, action: str, message: str) -> None:
        """Keep the action beside a message fit for a log."""
        super().__init__(message)
        self.action = action


class ChargerOffline(CommandError):
    """The charger is not connected, or its connection ended before it answered."""

    def __init__(self, action: str) -> None:
        """Name the action that found nobody."""
        super().__init__(action, f"{action}: the charger is not connected")


class ChargerNotAccepted(CommandError):
    """The charger's boot is Pending or Rejected (OCPP 1.6 §4.2)."""

    def __init__(self, action: str) -> None:
        """Name the action that may not be sent yet."""
        super().__init__(action, f"{action}: the charger has not been accepted yet")


class CommandTimeout(CommandError):
    """The charger did not answer, or did not do what it had accepted, in time."""

    def __init__(self, action: str, seconds: float) -> None:
        """Name the action and how long was waited, in seconds."""
        super().__init__(action, f"{action}: nothing came within {seconds:g} s")
        self.seconds = seconds


class CommandRefused(CommandError):
    """The charger understood the command and said no, in its own word `status`."""

    def __init__(self, action: str, status: str) -> None:
        """Keep the charger's word, such as `Rejected` or `Occupied`."""
        super().__init__(action, f"{action}: the charger answered {status}")
        self.status = status


class CommandFailed(CommandError):
    """The charger answered with a CALLERROR (OCPP-J 1.6 §4.2.3).

    `code` is the error code as received, `description` the charger's own words.
    """

    def __init__(self, action: str, code: str, description: str) -> None:
        """Keep the charger's code and words."""
        super().__init__(action, f"{action}: {code} {description}".rstrip())
        self.code = code
        self.description = description

    @property
    def unsupported(self) -> bool:
        """Say whether the charger does not know or do this action at all."""
        return self.code in {"NotImplemented", "NotSupported"}


class InvalidRequest(CommandError):
    """What was asked is not a valid OCPP message; nothing was sent."""

    def __init__(self, action: str, detail: str) -> None:
        """Keep what is wrong with the request."""
        super().__init__(action, f"{action}: {detail}")
        self.detail = detail


class InvalidAnswer(CommandError):
    """The charger's answer does not have the form that OCPP gives it."""

    def __init__(self, action: str, detail: str) -> None:
        """Keep what is wrong with the answer."""
        super().__init__(action, f"{action}: {detail}")
        self.detail = detail
