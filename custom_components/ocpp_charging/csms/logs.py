"""Logs that a charger with the security whitepaper uploads (OCPP 1.6 security, N01)."""

from datetime import datetime, timedelta
from enum import StrEnum
import secrets
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .charger import Charger


class LogType(StrEnum):
    """Which log is meant, in OCPP's words (OCPP 1.6 security, §6.8)."""

    DIAGNOSTICS = "DiagnosticsLog"
    SECURITY = "SecurityLog"


class LogStatus(StrEnum):
    """Where the upload of a log stands (OCPP 1.6 security, §6.17)."""

    IDLE = "idle"
    UPLOADING = "uploading"
    UPLOADED = "uploaded"
    BAD_MESSAGE = "bad_message"
    NOT_SUPPORTED_OPERATION = "not_supported_operation"
    PERMISSION_DENIED = "permission_denied"
    UPLOAD_FAILURE = "upload_failure"


FAILED: Final = frozenset(
    {
        LogStatus.BAD_MESSAGE,
        LogStatus.NOT_SUPPORTED_OPERATION,
        LogStatus.PERMISSION_DENIED,
        LogStatus.UPLOAD_FAILURE,
    }
)
"""No file will come any more."""

_MAX_REQUEST: Final = 2**31 - 1


async def order_log(
    charger: Charger,
    kind: LogType,
    location: str,
    *,
    oldest: datetime | None = None,
    latest: datetime | None = None,
    retries: int | None = None,
    retry_interval: timedelta | None = None,
) -> str | None:
    """Have a charger upload a log, and keep the number by which its news is known.

    Returns the charger's name for the file, None where it says none. An earlier order
    counts no more, unless this one is not taken. Raises `CommandError`.
    """
    commands = charger.commands("GetLog")
    before = charger.log_request
    request_id = secrets.randbelow(_MAX_REQUEST) + 1
    # Before it is sent: the first status may come right behind the answer.
    charger.update(log_request=request_id, log_status=None)
    try:
        return await commands.get_log(
            request_id,
            kind,
            location,
            oldest=oldest,
            latest=latest,
            retries=retries,
            retry_interval=retry_interval,
        )
    except BaseException:
        if charger.log_request == request_id:
            charger.update(log_request=before)
        raise
