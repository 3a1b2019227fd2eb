"""The command about logs (OCPP 1.6 security, §5.6)."""

from abc import ABC
from datetime import datetime, timedelta
from typing import override

from ..errors import CommandRefused, InvalidAnswer
from ..logs import LogType
from . import fields
from .calling import Calling
from .firmware_commands import seconds

_GOOD = frozenset({"Accepted", "AcceptedCanceled"})
"""With the second the charger gives up an upload that was under way."""


class LogCommands(Calling, ABC):
    """The part of `Outgoing` that is about logs."""

    @override
    async def get_log(
        self,
        request_id: int,
        kind: LogType,
        location: str,
        *,
        oldest: datetime | None = None,
        latest: datetime | None = None,
        retries: int | None = None,
        retry_interval: timedelta | None = None,
    ) -> str | None:
        action = "GetLog"
        log = {"remoteLocation": location}
        if oldest is not None:
            log["oldestTimestamp"] = fields.iso(oldest)
        if latest is not None:
            log["latestTimestamp"] = fields.iso(latest)
        answer = await self._call(
            action,
            logType=str(kind),
            requestId=request_id,
            retries=retries,
            retryInterval=seconds(retry_interval),
            log=log,
        )
        status = fields.text(answer, "status", 40)
        if status is None:
            raise InvalidAnswer(action, "the answer has no status")
        if status not in _GOOD:
            raise CommandRefused(action, status)
        return fields.text(answer, "filename", 255)
