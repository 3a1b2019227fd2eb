"""The certificates by which chargers prove who they are (security profile 3).

What is asked of them is in the OCPP 1.6 security whitepaper: the subject's common name
is the charger's serial number, its organisation the operator's name (A00.FR.404), and
keys are as strong as those of servers (A00.FR.502).
"""

from collections.abc import Collection
from datetime import datetime
from enum import StrEnum

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from .model import ClientCertificate
from .pki import fingerprint

CPO_NAME = "OCPP Charging"
"""What chargers are told to put into their requests as the operator's name."""
MAX_REQUEST_CHARACTERS = 5500
"""The longest CSR of a SignCertificate (OCPP 1.6 security, §5.17)."""
MIN_RSA_BITS = 2048
MAX_RSA_BITS = 4096
"""Each handshake costs us the work; larger ones are no charger's."""
MIN_CURVE_BITS = 224

_MALFORMED = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)


class RequestFault(StrEnum):
    """Why a charger's request for a certificate is not fulfilled."""

    NOT_PEM = "not_pem"
    """No well-formed request (PKCS #10) in PEM form."""
    BAD_SIGNATURE = "bad_signature"
    """It is not signed by the key in it."""
    UNSUPPORTED_KEY = "unsupported_key"
    WEAK_KEY = "weak_key"
    WRONG_NAME = "wrong_name"
    """The common name is neither the charger's serial number nor its identity."""
    WRONG_ORGANIZATION = "wrong_organization"
    """The organisation is not what the charger was told by CpoName."""
    CHAIN_TOO_LONG = "chain_too_long"
    """The charger takes none of this length (CertificateSignedMaxChainSize)."""
    TOO_OFTEN = "too_often"
    NOT_ENCRYPTED = "not_encrypted"
    """It came over a line on which it could have been exchanged."""
    NO_AUTHORITY = "no_authority"
    """Our own authority cannot be used."""


class InvalidRequestForCertificate(ValueError):
    """A request for a certificate is not fulfilled; nothing of it is repeated."""

    def __init__(self, fault: RequestFault) -> None:
        """Keep the reason."""
        super().__init__(f"no certificate: {fault.value}")
        self.fault = fault


def check_request(
    text: str, names: Collection[str], organization: str = CPO_NAME
) -> x509.CertificateSigningRequest:
    """Return a charger's request for a certificate after checking it.

    `names` are what its common name may be. Takes about a millisecond. Raises
    InvalidRequestForCertificate.
    """
    if len(text) > MAX_REQUEST_CHARACTERS:
        raise InvalidRequestForCertificate(RequestFault.NOT_PEM)
    try:
        request = x509.load_pem_x509_csr(text.encode("ascii", "replace"))
        _check_key(request.public_key())
        is_own = request.is_signature_valid
        common_names, organizations = (
            [str(item.value) for item in request.subject.get_attributes_for_oid(kind)]
            for kind in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME)
        )
    except InvalidRequestForCertificate:
        raise
    except _MALFORMED:
        raise InvalidRequestForCertificate(RequestFault.NOT_PEM) from None
    if not is_own:
        raise InvalidRequestForCertificate(RequestFault.BAD_SIGNATURE)
    if len(common_names) != 1 or common_names[0] not in names:
        raise InvalidRequestForCertificate(RequestFault.WRONG_NAME)
    if organizations != [organization]:
        raise InvalidRequestForCertificate(RequestFault.WRONG_ORGANIZATION)
    return request


def _check_key(key: object) -> None:
    match key:
        case rsa.RSAPublicKey():
            weak = key.key_size < MIN_RSA_BITS
            usable = key.key_size <= MAX_RSA_BITS
        case ec.EllipticCurvePublicKey():
            weak, usable = key.curve.key_size < MIN_CURVE_BITS, True
        case _:
            weak = usable = False
    if weak:
        raise InvalidRequestForCertificate(RequestFault.WEAK_KEY)
    if not usable:
        raise InvalidRequestForCertificate(RequestFault.UNSUPPORTED_KEY)


def record_of(certificate: x509.Certificate, issued: datetime) -> ClientCertificate:
    """Return what is kept of a certificate."""
    return ClientCertificate(
        fingerprint=fingerprint(certificate),
        serial=f"{certificate.serial_number:X}",
        issued=issued,
        expires=certificate.not_valid_after_utc,
    )


def fingerprint_of(der: bytes) -> str:
    """Return the SHA-256 of a certificate as it came over the line."""
    digest = hashes.Hash(hashes.SHA256())
    digest.update(der)
    return digest.finalize().hex(":").upper()
