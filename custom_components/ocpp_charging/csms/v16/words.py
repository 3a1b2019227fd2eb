"""OCPP 1.6's words and the model's, in tables."""

import re

from ..logs import LogStatus
from ..model import (
    ConnectorStatus,
    DiagnosticsStatus,
    ErrorCode,
    FirmwareStatus,
    RateUnit,
)

STATUSES: dict[str, ConnectorStatus] = {
    "Available": ConnectorStatus.AVAILABLE,
    "Preparing": ConnectorStatus.PREPARING,
    "Charging": ConnectorStatus.CHARGING,
    "SuspendedEVSE": ConnectorStatus.SUSPENDED_EVSE,
    "SuspendedEV": ConnectorStatus.SUSPENDED_EV,
    "Finishing": ConnectorStatus.FINISHING,
    "Reserved": ConnectorStatus.RESERVED,
    "Unavailable": ConnectorStatus.UNAVAILABLE,
    "Faulted": ConnectorStatus.FAULTED,
}

_SNAKE = re.compile(r"(?<=[a-z])(?=[A-Z])")

ERROR_CODES: dict[str, ErrorCode] = {
    "".join(part.capitalize() for part in code.split("_")): code for code in ErrorCode
} | {"EVCommunicationError": ErrorCode.EV_COMMUNICATION_ERROR}

RATE_UNITS: dict[str, RateUnit] = {
    "A": RateUnit.AMPERE,
    "Current": RateUnit.AMPERE,
    "W": RateUnit.WATT,
    "Power": RateUnit.WATT,
}
"""Chargers say both the words of the key and those of the messages (errata 3.86)."""


def snake(camel: str) -> str:
    """Turn `DownloadFailed` into `download_failed`."""
    return _SNAKE.sub("_", camel).lower()


def firmware_status(word: str) -> FirmwareStatus | None:
    """Return what a FirmwareStatusNotification's word means (OCPP 1.6 §7.25)."""
    found = snake(word)
    return FirmwareStatus(found) if found in FirmwareStatus else None


def diagnostics_status(word: str) -> DiagnosticsStatus | None:
    """Return what a DiagnosticsStatusNotification's word means (OCPP 1.6 §7.24)."""
    found = snake(word)
    return DiagnosticsStatus(found) if found in DiagnosticsStatus else None


def log_status(word: str) -> LogStatus | None:
    """Return what a LogStatusNotification's word means (OCPP 1.6 security, §6.17)."""
    found = snake(word)
    return LogStatus(found) if found in LogStatus else None
