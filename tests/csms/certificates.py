"""Chargers with certificates: what they ask for, and how they show what they got."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
import ssl

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from custom_components.ocpp_charging.csms.certificates import CertificateStore
from custom_components.ocpp_charging.csms.client_certificates import (
    CPO_NAME,
    check_request,
    record_of,
)
from custom_components.ocpp_charging.csms.model import ClientCertificate
from custom_components.ocpp_charging.csms.pki import make_client

type Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    """Return a new RSA key."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def ec_key() -> ec.EllipticCurvePrivateKey:
    """Return a new key on P-256."""
    return ec.generate_private_key(ec.SECP256R1())


def subject(common_name: str = "CP1", organization: str | None = CPO_NAME) -> x509.Name:
    """Return who a charger says it is."""
    names = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    if organization is not None:
        names.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    return x509.Name(names)


def request(key: Key, name: x509.Name | None = None) -> str:
    """Return a charger's request for a certificate."""
    made = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(name or subject())
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode()


@dataclass
class Wallet:
    """A charger's key and what certificate it shows."""

    folder: Path
    key: Key = field(default_factory=ec_key)

    def show(
        self, chain: str, trust: Path, *, version: ssl.TLSVersion | None = None
    ) -> ssl.SSLContext:
        """Return the TLS settings of a charger that shows a certificate."""
        file = self.folder / f"{abs(hash(chain))}.pem"
        key = self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        file.write_bytes(key + chain.encode())
        context = ssl.create_default_context(cafile=str(trust))
        context.load_cert_chain(file)
        if version is not None:
            context.minimum_version = context.maximum_version = version
        return context

    def self_signed(self, name: x509.Name | None = None) -> str:
        """Return a certificate that nobody has signed but the charger itself."""
        return pem(
            x509.CertificateBuilder()
            .subject_name(name or subject())
            .issuer_name(name or subject())
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
            .not_valid_after(datetime(2060, 1, 1, tzinfo=UTC))
            .sign(self.key, hashes.SHA256())
        )

    def signed_by(
        self,
        store: CertificateStore,
        *,
        name: x509.Name | None = None,
        at: datetime | None = None,
    ) -> tuple[str, ClientCertificate]:
        """Return a certificate of an authority, and what is kept of it."""
        now = at or datetime.now(UTC)
        wanted = name or subject()
        common = wanted.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
        checked = check_request(request(self.key, wanted), [str(common)])
        made = store.sign(checked, now)
        if at is not None:
            # The store's own clock does not go back that far.
            made = make_client(checked, *store._ensure_authority(now), at)
        return pem(made), record_of(made, now)


def pem(certificate: x509.Certificate) -> str:
    """Return a certificate as text."""
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


LONG_AGO = datetime.now(UTC) - timedelta(days=3 * 365)
"""A certificate that was made then has ended."""
