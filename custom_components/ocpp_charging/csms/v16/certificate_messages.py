"""A charger asks for a certificate (OCPP 1.6 security, A02 and A03, §5.17)."""

from ..client_certificates import InvalidRequestForCertificate
from ..link import Answer
from ..rpc import RpcError, RpcErrorCode
from .desk import Desk, Handler
from .fields import Payload


class CertificateMessages:
    """Answers requests for certificates."""

    def __init__(self, desk: Desk) -> None:
        """Bind a charger's desk."""
        self._desk = desk

    @property
    def handlers(self) -> dict[str, Handler]:
        """Return who answers which OCPP action."""
        return {"SignCertificate": self._sign}

    async def _sign(self, payload: Payload) -> Answer:
        text = payload.get("csr")
        if not isinstance(text, str):
            raise RpcError(RpcErrorCode.PROTOCOL_ERROR, "csr is missing")
        office = self._desk.context.certificates
        try:
            fulfil = office.accept(self._desk.charger, text)
        except InvalidRequestForCertificate:
            return Answer(payload={"status": "Rejected"})
        return Answer(payload={"status": "Accepted"}, then=fulfil)
