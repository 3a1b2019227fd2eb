"""Commands of the security whitepaper that are about certificates (§5)."""

from abc import ABC
from typing import override

from ..errors import CommandRefused
from ..model import CertificateId, RootUse
from . import fields
from .calling import Calling

MAX_IDS = 64
"""More certificates of a charger are not looked at."""


class CertificateCommands(Calling, ABC):
    """The part of `Outgoing` that is about certificates."""

    @override
    async def extended_trigger(
        self, message: str, connector_id: int | None = None
    ) -> None:
        await self._ask(
            "ExtendedTriggerMessage",
            ("Accepted",),
            requestedMessage=message,
            connectorId=connector_id,
        )

    @override
    async def certificate_signed(self, chain: str) -> None:
        await self._ask("CertificateSigned", ("Accepted",), certificateChain=chain)

    @override
    async def install_certificate(self, use: RootUse, certificate: str) -> None:
        await self._ask(
            "InstallCertificate",
            ("Accepted",),
            certificateType=str(use),
            certificate=certificate,
        )

    @override
    async def installed_certificates(self, use: RootUse) -> tuple[CertificateId, ...]:
        action = "GetInstalledCertificateIds"
        answer = await self._call(action, certificateType=str(use))
        status = fields.text(answer, "status", 40)
        if status == "NotFound":
            return ()
        if status != "Accepted":
            raise CommandRefused(action, status or "nothing")
        found = (
            CertificateId(
                algorithm=fields.text(item, "hashAlgorithm", 6) or "",
                issuer_name_hash=fields.text(item, "issuerNameHash", 128) or "",
                issuer_key_hash=fields.text(item, "issuerKeyHash", 128) or "",
                serial=fields.text(item, "serialNumber", 40) or "",
            )
            for item in fields.objects(answer, "certificateHashData")[:MAX_IDS]
        )
        return tuple(each for each in found if each.serial)

    @override
    async def delete_certificate(self, certificate: CertificateId) -> bool:
        status = await self._ask(
            "DeleteCertificate",
            ("Accepted", "NotFound"),
            certificateHashData={
                "hashAlgorithm": certificate.algorithm,
                "issuerNameHash": certificate.issuer_name_hash,
                "issuerKeyHash": certificate.issuer_key_hash,
                "serialNumber": certificate.serial,
            },
        )
        return status == "Accepted"
