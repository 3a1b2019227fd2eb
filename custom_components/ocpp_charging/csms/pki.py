"""Make and read the X.509 certificates and keys of the listener and of chargers.

Why they look as they do:

- A charger verifies the chain with the one CA certificate that its owner installed, and
  old ones only know RSA. So an RSA authority signs two server certificates, RSA and
  ECDSA, which OCPP's mandatory suites need (OCPP 1.6 security whitepaper A00.FR.317).
- RSA keys have exactly 2048 bits: no more by OCPP-J 1.6 §6.2.1, no less by A00.FR.502.
- They are valid from 1970 on. A charger without a battery starts its clock there, and
  gets the time from us only after it has accepted the certificate.
- The server certificates last two years, so that they survive long absences, and are
  renewed 60 days before their end. The authority lasts 20.
- The authority's name is derived from its key: if its certificate is lost it can be
  made again, and what chargers trust stays valid.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

RSA_BITS = 2048
AUTHORITY_LIFETIME = timedelta(days=20 * 365 + 5)
SERVER_LIFETIME = timedelta(days=2 * 365)
CLIENT_LIFETIME = timedelta(days=2 * 365)
RENEW_BEFORE_END = timedelta(days=60)

_ORGANIZATION = "OCPP Charging"
_VALID_FROM = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_COMMON_NAME_CHARACTERS = 64
_MALFORMED = (
    ValueError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)

type PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
type PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey


class CertificateFault(StrEnum):
    """What is wrong with a certificate, a key or a name."""

    UNREADABLE = "unreadable"
    """A file or folder is missing, or may not be read or written."""
    NOT_PEM = "not_pem"
    """A file holds no well-formed certificate, or key, in PEM form."""
    ENCRYPTED_KEY = "encrypted_key"
    UNSUPPORTED_KEY = "unsupported_key"
    """Neither RSA nor ECDSA: no suite of TLS 1.2 that a charger offers can use it."""
    WEAK_KEY = "weak_key"
    """RSA below 2048 bits or a curve below 224 (A00.FR.502)."""
    KEY_MISMATCH = "key_mismatch"
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    BROKEN_CHAIN = "broken_chain"
    """A certificate in a file is not followed by its issuer's."""
    SAME_KEY_TYPE = "same_key_type"
    """Two pairs of one kind, of which only the last would be used."""
    INVALID_NAME = "invalid_name"
    """There is no host name, or one is neither an address nor fit for the DNS."""
    AUTHORITY_MISSING = "authority_missing"
    """Our server certificates are there, but not the authority that made them."""
    AUTHORITY_DAMAGED = "authority_damaged"
    """The files of our authority are no PEM, lack the key, or do not match."""
    AUTHORITY_EXPIRED = "authority_expired"


class CertificateError(Exception):
    """Certificates cannot be made or used.

    ``fault`` is the reason, ``detail`` the file or name that it concerns.
    """

    def __init__(self, fault: CertificateFault, detail: str) -> None:
        super().__init__(f"{fault.value}: {detail}")
        self.fault = fault
        self.detail = detail


def make_rsa_key() -> rsa.RSAPrivateKey:
    """Make an RSA key; takes up to seconds."""
    return rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)


def make_ecdsa_key() -> ec.EllipticCurvePrivateKey:
    """Make a key on P-256, the one curve that every TLS stack knows."""
    return ec.generate_private_key(ec.SECP256R1())


def make_authority(key: PrivateKey, now: datetime) -> x509.Certificate:
    """Return the self-signed certificate of the authority with this ``key``."""
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    name = _name(f"{_ORGANIZATION} CA {identifier.digest.hex()[:8]}")
    return (
        _builder(name, name, key.public_key(), now + AUTHORITY_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(identifier, critical=False)
        .sign(key, hashes.SHA256())
    )


def make_server(
    key: PrivateKey,
    names: Sequence[str],
    authority: x509.Certificate,
    signer: PrivateKey,
    now: datetime,
) -> x509.Certificate:
    """Return a server certificate for ``names``, signed by the authority's ``signer``.

    Raises CertificateError if a name is unfit.
    """
    alternatives = alternative_names(names)
    texts = (str(name.value) for name in alternatives)
    common_name = next(
        (text for text in texts if len(text) <= _MAX_COMMON_NAME_CHARACTERS),
        _ORGANIZATION,
    )
    end = min(now + SERVER_LIFETIME, authority.not_valid_after_utc)
    # RSA suites without forward secrecy encipher the session's key with ours.
    usage = _key_usage(
        digital_signature=True, key_encipherment=isinstance(key, rsa.RSAPrivateKey)
    )
    purpose = ExtendedKeyUsageOID.SERVER_AUTH
    leaf = _leaf(_name(common_name), key.public_key(), authority, end, usage, purpose)
    return leaf.add_extension(alternatives, critical=False).sign(
        signer, hashes.SHA256()
    )


def make_client(
    request: x509.CertificateSigningRequest,
    authority: x509.Certificate,
    signer: PrivateKey,
    now: datetime,
) -> x509.Certificate:
    """Return the certificate that a charger asks for; its request has been checked.

    Only its name and its key are taken from the request: what it may be used for is
    not the charger's to say.
    """
    key = request.public_key()
    assert isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey)
    end = min(now + CLIENT_LIFETIME, authority.not_valid_after_utc)
    usage = _key_usage(digital_signature=True)
    purpose = ExtendedKeyUsageOID.CLIENT_AUTH
    leaf = _leaf(request.subject, key, authority, end, usage, purpose)
    return leaf.sign(signer, hashes.SHA256())


def _leaf(
    subject: x509.Name,
    key: PublicKey,
    authority: x509.Certificate,
    end: datetime,
    usage: x509.KeyUsage,
    purpose: x509.ObjectIdentifier,
) -> x509.CertificateBuilder:
    """Return a certificate of the authority that signs no others, to be signed."""
    issuer_identifier = authority.extensions.get_extension_for_class(
        x509.SubjectKeyIdentifier
    ).value
    return (
        _builder(subject, authority.subject, key, end)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(
                issuer_identifier
            ),
            critical=False,
        )
    )


def alternative_names(names: Sequence[str]) -> x509.SubjectAlternativeName:
    """Return the names and addresses in the form that a certificate carries.

    An IPv4 address is there twice, as an address and as a name: many chargers are given
    a URL with an address, and small TLS stacks compare it only with names.

    Raises CertificateError if there is no name, or one is unfit.
    """
    found: list[x509.GeneralName] = []
    for name in names:
        found.extend(_general_names(name))
    if not found:
        raise CertificateError(CertificateFault.INVALID_NAME, "no host name")
    return x509.SubjectAlternativeName(dict.fromkeys(found))


def _general_names(name: str) -> list[x509.GeneralName]:
    try:
        address = ip_address(name)
    except ValueError:
        try:
            # Checks the lengths of labels, and gives the ASCII form of other scripts.
            ascii_name = name.encode("idna").decode("ascii").lower()
        except UnicodeError:
            ascii_name = ""
        allowed = set("abcdefghijklmnopqrstuvwxyz0123456789-_.")
        if not ascii_name or not allowed.issuperset(ascii_name):
            raise CertificateError(CertificateFault.INVALID_NAME, repr(name)) from None
        return [x509.DNSName(ascii_name)]
    if isinstance(address, IPv4Address):
        return [x509.IPAddress(address), x509.DNSName(str(address))]
    # Without a zone ("%eth0"), which means something only on this computer.
    return [x509.IPAddress(IPv6Address(int(address)))]


def names_in(certificate: x509.Certificate) -> tuple[str, ...]:
    """Return the host names and addresses that a certificate is for, each once."""
    try:
        extension = certificate.extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        )
    except x509.ExtensionNotFound:
        return ()
    kinds = x509.DNSName | x509.IPAddress
    names = [str(name.value) for name in extension.value if isinstance(name, kinds)]
    return tuple(dict.fromkeys(names))


def fingerprint(certificate: x509.Certificate) -> str:
    """Return the SHA-256 of a certificate as people compare it: ``AB:CD:...``."""
    return certificate.fingerprint(hashes.SHA256()).hex(":").upper()


def is_issued_by(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    """Tell whether ``authority`` has signed ``certificate``."""
    try:
        certificate.verify_directly_issued_by(authority)
    except ValueError, TypeError, InvalidSignature:
        return False
    return True


def load_certificates(path: Path) -> list[x509.Certificate]:
    """Read a PEM file of one or more certificates. Blocks. Raises CertificateError."""
    try:
        certificates = x509.load_pem_x509_certificates(_read(path))
        for certificate in certificates:
            # These are read only on demand, where nobody expects an error.
            _ = certificate.extensions, certificate.public_key()
    except _MALFORMED:
        raise CertificateError(CertificateFault.NOT_PEM, str(path)) from None
    return certificates


def load_key(path: Path) -> PrivateKey:
    """Read a PEM file with a private key. Blocks. Raises CertificateError."""
    data = _read(path)
    try:
        key = serialization.load_pem_private_key(data, password=None)
    except TypeError:
        raise CertificateError(CertificateFault.ENCRYPTED_KEY, str(path)) from None
    except UnsupportedAlgorithm:
        raise CertificateError(CertificateFault.UNSUPPORTED_KEY, str(path)) from None
    except ValueError:
        raise CertificateError(CertificateFault.NOT_PEM, str(path)) from None
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise CertificateError(CertificateFault.UNSUPPORTED_KEY, str(path))
    return key


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise unreadable(error, path) from error


def unreadable(error: OSError, path: Path) -> CertificateError:
    """Return what to raise for an ``error`` of the file system at ``path``."""
    return CertificateError(
        CertificateFault.UNREADABLE, f"{error.filename or path}: {error.strerror}"
    )


def key_bytes(key: PrivateKey) -> bytes:
    """Return ``key`` in PEM form, not encrypted."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _name(common_name: str) -> x509.Name:
    """Return a subject: a common name, and the organisation that A00.FR.510 wants."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, _ORGANIZATION),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: PublicKey, end: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(_VALID_FROM)
        .not_valid_after(end.astimezone(UTC).replace(microsecond=0))
    )


def _key_usage(
    *,
    digital_signature: bool = False,
    key_encipherment: bool = False,
    key_cert_sign: bool = False,
    crl_sign: bool = False,
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_encipherment=key_encipherment,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
