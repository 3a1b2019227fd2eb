"""Keys and certificates of a charge point (OCPP 1.6 security whitepaper).

`cryptography` is needed only here, and only when a certificate is dealt with.
"""

import base64
import hashlib
from pathlib import Path
import tempfile
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from .charge_point import ChargePoint

type Json = dict[str, Any]

CENTRAL_SYSTEM = "CentralSystemRootCertificate"


class Vault:
    """What a charge point trusts, and what it shows."""

    def __init__(self, charge_point: ChargePoint) -> None:
        """Begin with the CA file of the options, and no certificate of its own."""
        self._cp = charge_point
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._next_key: ec.EllipticCurvePrivateKey | None = None
        self._count = 0
        self.roots: dict[str, list[x509.Certificate]] = {}
        self.chains: list[Path] = []
        """The files with the certificates that it got, each with its key."""
        self.changed = False
        """Whether SecurityProfile was changed."""
        self.raised = False
        """Whether it changed to profile 2 or 3 by command, and dials wss for it."""

    @property
    def shown(self) -> Path | None:
        """Return the file that it shows when it dials, None under profile 1 and 2."""
        profile = self._cp.configuration.integer("SecurityProfile")
        return self.chains[-1] if self.raised and profile == 3 and self.chains else None

    def profile_changed(self) -> None:
        """Dial by the new profile from now on."""
        self.changed = True
        self.raised = self._cp.configuration.integer("SecurityProfile") >= 2

    def request(self) -> str:
        """Make a key, and return the request for its certificate."""
        self._next_key = ec.generate_private_key(ec.SECP256R1())
        cp = self._cp
        name = cp.options.serial_number if cp.options.serial else cp.options.identity
        if cp.quirks.wrong_certificate_request:
            name = "SomebodyElse"
        subject = [
            x509.NameAttribute(NameOID.COMMON_NAME, name),
            x509.NameAttribute(
                NameOID.ORGANIZATION_NAME, cp.configuration["CpoName"] or "Nobody"
            ),
        ]
        made = (
            x509.CertificateSigningRequestBuilder()
            .subject_name(x509.Name(subject))
            .sign(self._next_key, hashes.SHA256())
        )
        return made.public_bytes(serialization.Encoding.PEM).decode()

    def take(self, chain: str) -> bool:
        """Take the certificate that was asked for; False for one that is no good."""
        limit = self._cp.configuration.integer("CertificateSignedMaxChainSize")
        if self._next_key is None or len(chain) > limit > 0:
            return False
        try:
            leaf = x509.load_pem_x509_certificates(chain.encode())[0]
        except ValueError:
            return False
        if leaf.public_key() != self._next_key.public_key():
            return False
        key = self._next_key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="simulated-charger-")
        self._count += 1
        file = Path(self._folder.name) / f"{self._count}.pem"
        file.write_bytes(key + chain.encode())
        self.chains.append(file)
        self._next_key = None
        return True

    def install(self, use: str, certificate: str) -> str:
        """Trust an authority; returns the status word."""
        try:
            root = x509.load_pem_x509_certificate(certificate.encode())
        except ValueError:
            return "Rejected"
        known = self.roots.setdefault(use, [])
        limit = self._cp.configuration.integer("CertificateStoreMaxLength") or 20
        if len(known) >= limit:
            return "Failed"
        if root not in known:
            known.append(root)
        return "Accepted"

    def ids(self, use: str) -> list[Json]:
        """Return how the authorities of one use are named."""
        return [identify(root) for root in self.roots.get(use, [])]

    def delete(self, wanted: Json) -> str:
        """Trust an authority no more; returns the status word."""
        for known in self.roots.values():
            for root in known:
                if identify(root) == wanted:
                    known.remove(root)
                    return "Accepted"
        return "NotFound"


def identify(root: x509.Certificate) -> Json:
    """Return the CertificateHashDataType of a certificate."""
    key = (
        root.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.PKCS1
        )
        if _is_rsa(root)
        else root.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )
    )
    return {
        "hashAlgorithm": "SHA256",
        "issuerNameHash": hashlib.sha256(root.issuer.public_bytes()).hexdigest(),
        "issuerKeyHash": hashlib.sha256(key).hexdigest(),
        "serialNumber": f"{root.serial_number:X}",
    }


def _is_rsa(certificate: x509.Certificate) -> bool:
    return not isinstance(certificate.public_key(), ec.EllipticCurvePublicKey)


def is_signed(file: bytes, certificate: str, signature: str) -> bool:
    """Return whether a firmware is signed by a certificate (L01: RSA-PSS or ECDSA)."""
    try:
        key = x509.load_pem_x509_certificate(certificate.encode()).public_key()
        bits = base64.b64decode(signature, validate=True)
        match key:
            case rsa.RSAPublicKey():
                pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.AUTO)
                key.verify(bits, file, pss, hashes.SHA256())
            case ec.EllipticCurvePublicKey():
                key.verify(bits, file, ec.ECDSA(hashes.SHA256()))
            case _:
                return False
    except ValueError, InvalidSignature:
        return False
    return True


def is_certificate(text: str) -> bool:
    """Return whether a text is a certificate in PEM form."""
    try:
        x509.load_pem_x509_certificate(text.encode())
    except ValueError:
        return False
    return True
