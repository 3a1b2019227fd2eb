"""Commands about firmware (OCPP 1.6 §5.19, and security, §5.20)."""

from abc import ABC
from datetime import datetime, timedelta
from typing import override

from . import fields
from .calling import Calling


class FirmwareCommands(Calling, ABC):
    """The part of `Outgoing` that is about firmware."""

    @override
    async def update_firmware(
        self,
        location: str,
        retrieve_at: datetime,
        *,
        retries: int | None = None,
        retry_interval: timedelta | None = None,
    ) -> None:
        await self._call(
            "UpdateFirmware",
            location=location,
            retrieveDate=fields.iso(retrieve_at),
            retries=retries,
            retryInterval=seconds(retry_interval),
        )

    @override
    async def signed_update_firmware(
        self,
        request_id: int,
        location: str,
        retrieve_at: datetime,
        *,
        certificate: str,
        signature: str,
        retries: int | None = None,
        retry_interval: timedelta | None = None,
    ) -> bool:
        status = await self._ask(
            "SignedUpdateFirmware",
            ("Accepted", "AcceptedCanceled"),
            requestId=request_id,
            firmware={
                "location": location,
                "retrieveDateTime": fields.iso(retrieve_at),
                "signingCertificate": certificate,
                "signature": signature,
            },
            retries=retries,
            retryInterval=seconds(retry_interval),
        )
        return status == "AcceptedCanceled"


def seconds(span: timedelta | None) -> int | None:
    """Return a length of time as OCPP writes it."""
    return None if span is None else round(span.total_seconds())
