"""The certificates of the listener: our own authority's, or files that the owner has.

Everything here reads and writes files or makes keys (seconds on a small computer). It
blocks: run it in an executor.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
import os
from pathlib import Path
import threading
from typing import override

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding

from .pki import (
    RENEW_BEFORE_END,
    RSA_BITS,
    CertificateError,
    CertificateFault,
    PrivateKey,
    alternative_names,
    fingerprint,
    is_issued_by,
    key_bytes,
    load_certificates,
    load_key,
    make_authority,
    make_client,
    make_ecdsa_key,
    make_rsa_key,
    make_server,
    names_in,
    unreadable,
)
from .tls import Chain

__all__ = [
    "CertificateError",
    "CertificateFault",
    "CertificateStore",
    "FileMarks",
    "ServerCertificates",
    "fingerprint_of_files",
    "load_own",
]

_EARLIEST_NOW = datetime(2026, 1, 1, tzinfo=UTC)
"""No computer runs this earlier: one that says so has not got the time yet, and would
make an authority that has expired when it gets it.
"""
_MIN_CURVE_BITS = 224

type FileMarks = tuple[tuple[int, int, int] | None, ...]


@dataclass(frozen=True, kw_only=True)
class ServerCertificates:
    """What a listener presents.

    ``chains`` are its pairs of files, for ``tls.server_context``. ``names`` are the
    host names and addresses of the first, ``expires`` is the earliest end of any,
    ``fingerprints`` are the SHA-256 of each (hexadecimal with colons), so that two
    objects are equal if they present the same. ``changed`` tells whether ``ensure`` has
    just made one, so that a running listener must be reloaded. ``ca_pem``,
    ``ca_fingerprint`` and ``ca_expires`` are our own authority's, to install on
    chargers; None for files of the owner.
    """

    chains: tuple[Chain, ...]
    names: tuple[str, ...]
    expires: datetime
    fingerprints: tuple[str, ...]
    changed: bool = field(default=False, compare=False)
    ca_pem: bytes | None = None
    ca_fingerprint: str | None = None
    ca_expires: datetime | None = None


def fingerprint_of_files(paths: Sequence[Path]) -> FileMarks:
    """Return a value that changes when one of the files does. Blocks, but briefly.

    Per file it holds the inode, the time of change in ns and the size in bytes, or None
    for one that cannot be found. Links are followed: certificate clients swap those.
    """
    return tuple(_mark(path) for path in paths)


def _mark(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def load_own(
    certificate: Path, key: Path, second: Chain | None = None, *, now: datetime
) -> ServerCertificates:
    """Check the owner's files and return them as what a listener presents. Blocks.

    ``second`` is another pair of the other kind (RSA and ECDSA), for chargers that know
    only one. ``now`` is an aware time.

    Raises CertificateError.
    """
    chains = (certificate, key), *((second,) if second else ())
    leaves = [_check_pair(*chain, now=now) for chain in chains]
    if len({type(leaf.public_key()) for leaf in leaves}) < len(leaves):
        raise CertificateError(CertificateFault.SAME_KEY_TYPE, str(chains[-1][0]))
    return ServerCertificates(
        chains=chains,
        names=names_in(leaves[0]),
        expires=min(leaf.not_valid_after_utc for leaf in leaves),
        fingerprints=tuple(fingerprint(leaf) for leaf in leaves),
    )


def _check_pair(certificate: Path, key: Path, *, now: datetime) -> x509.Certificate:
    """Return the server certificate in a file after checking it against its key."""
    leaf, *issuers = load_certificates(certificate)
    private = load_key(key)
    if private.public_key() != leaf.public_key():
        raise CertificateError(CertificateFault.KEY_MISMATCH, str(key))
    bits = RSA_BITS if isinstance(private, rsa.RSAPrivateKey) else _MIN_CURVE_BITS
    if private.key_size < bits:
        raise CertificateError(CertificateFault.WEAK_KEY, str(key))
    if now >= leaf.not_valid_after_utc:
        raise CertificateError(CertificateFault.EXPIRED, str(certificate))
    if now < leaf.not_valid_before_utc:
        raise CertificateError(CertificateFault.NOT_YET_VALID, str(certificate))
    for child, parent in zip((leaf, *issuers), issuers, strict=False):
        if child.issuer != parent.subject:
            raise CertificateError(CertificateFault.BROKEN_CHAIN, str(certificate))
    return leaf


class CertificateStore:
    """Our own authority and its server certificates in one folder.

    The folder is closed to others (0700), and so are the keys in it (0600). The
    authority's key is used to sign and never leaves.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._authority: Chain = folder / "ca.pem", folder / "ca.key"
        self._servers: dict[Chain, Callable[[], PrivateKey]] = {
            (folder / "server-rsa.pem", folder / "server-rsa.key"): make_rsa_key,
            (folder / "server-ecdsa.pem", folder / "server-ecdsa.key"): make_ecdsa_key,
        }

    @override
    def __repr__(self) -> str:
        return f"CertificateStore({str(self._folder)!r})"

    def ensure(self, names: Sequence[str], now: datetime) -> ServerCertificates:
        """Return certificates for ``names``, made or renewed where need be. Blocks.

        ``names`` are the host names and IP addresses that chargers dial, the most
        important first: it becomes the common name (A00.FR.511). ``now`` is an aware
        time. Call it at start, when the names change, and once a day.

        A server certificate is made anew if it is missing, unreadable, not for these
        names, not of this authority, without its key or near its end. The authority is
        made only where none has been: chargers trust it, so a damaged one is an error.

        Raises CertificateError.
        """
        alternative_names(names)  # before anything is written
        now = max(now, _EARLIEST_NOW)
        with self._lock:
            try:
                self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._folder.chmod(0o700)
                authority, signer = self._ensure_authority(now)
                changed = False
                for chain, make_key in self._servers.items():
                    if not _is_current(chain, names, authority, now):
                        key = make_key()
                        leaf = make_server(key, names, authority, signer, now)
                        _write(chain[1], key_bytes(key), mode=0o600)
                        _write(chain[0], leaf.public_bytes(Encoding.PEM), mode=0o644)
                        changed = True
                    chain[1].chmod(0o600)
            except OSError as error:
                raise unreadable(error, self._folder) from error
            leaves = [load_certificates(path)[0] for path, _ in self._servers]
        return ServerCertificates(
            chains=tuple(self._servers),
            names=names_in(leaves[0]),
            expires=min(leaf.not_valid_after_utc for leaf in leaves),
            fingerprints=tuple(fingerprint(leaf) for leaf in leaves),
            changed=changed,
            ca_pem=authority.public_bytes(Encoding.PEM),
            ca_fingerprint=fingerprint(authority),
            ca_expires=authority.not_valid_after_utc,
        )

    def authority(self, now: datetime) -> bytes:
        """Return the authority's certificate in PEM form, made if need be. Blocks.

        Raises CertificateError.
        """
        now = max(now, _EARLIEST_NOW)
        with self._lock:
            try:
                self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._folder.chmod(0o700)
                return self._ensure_authority(now)[0].public_bytes(Encoding.PEM)
            except OSError as error:
                raise unreadable(error, self._folder) from error

    def sign(
        self, request: x509.CertificateSigningRequest, now: datetime
    ) -> x509.Certificate:
        """Return the certificate that a charger asks for. Blocks.

        The request has been checked (`client_certificates.check_request`). Raises
        CertificateError.
        """
        now = max(now, _EARLIEST_NOW)
        with self._lock:
            try:
                return make_client(request, *self._ensure_authority(now), now)
            except OSError as error:
                raise unreadable(error, self._folder) from error

    def retire(self) -> None:
        """Put every file aside, so that the next ``ensure`` makes a new authority.

        This is the way out of a damaged or expired one; every charger must then get the
        new CA certificate. The old files stay in the folder, with ``.old`` at the end.
        Blocks. Raises OSError.
        """
        with self._lock:
            for path in (path for chain in self._chains() for path in chain):
                if path.exists():
                    path.replace(path.with_name(f"{path.name}.old"))

    def _chains(self) -> tuple[Chain, ...]:
        return self._authority, *self._servers

    def _ensure_authority(self, now: datetime) -> tuple[x509.Certificate, PrivateKey]:
        """Return the authority's certificate and key, made if there never were any."""
        path, key_path = self._authority
        if not key_path.exists():
            if path.exists():
                raise CertificateError(
                    CertificateFault.AUTHORITY_DAMAGED, str(key_path)
                )
            if any(file.exists() for chain in self._servers for file in chain):
                raise CertificateError(CertificateFault.AUTHORITY_MISSING, str(path))
            _write(key_path, key_bytes(make_rsa_key()), mode=0o600)
        try:
            key = load_key(key_path)
            if not path.exists():
                made = make_authority(key, now)
                _write(path, made.public_bytes(Encoding.PEM), mode=0o644)
            certificate = load_certificates(path)[0]
        except CertificateError as error:
            if error.fault is CertificateFault.UNREADABLE:
                raise
            raise CertificateError(
                CertificateFault.AUTHORITY_DAMAGED, error.detail
            ) from error
        if certificate.public_key() != key.public_key():
            raise CertificateError(CertificateFault.AUTHORITY_DAMAGED, str(key_path))
        if now >= certificate.not_valid_after_utc:
            raise CertificateError(CertificateFault.AUTHORITY_EXPIRED, str(path))
        key_path.chmod(0o600)
        return certificate, key


def _is_current(
    chain: Chain, names: Sequence[str], authority: x509.Certificate, now: datetime
) -> bool:
    """Tell whether a server certificate of ours can stay as it is."""
    try:
        leaf, key = load_certificates(chain[0])[0], load_key(chain[1])
    except CertificateError:
        return False  # it is made anew, which is the answer
    end = leaf.not_valid_after_utc
    # One that ends with its authority cannot get any later end.
    is_near_end = now >= end - RENEW_BEFORE_END and end < authority.not_valid_after_utc
    alternatives = alternative_names(names)
    return (
        not is_near_end
        and now < end
        and key.public_key() == leaf.public_key()
        and is_issued_by(leaf, authority)
        and set(names_in(leaf)) == {str(name.value) for name in alternatives}
        and names_in(leaf)[0] == str(next(iter(alternatives)).value)
    )


def _write(path: Path, data: bytes, *, mode: int) -> None:
    """Replace a file at once or not at all, never readable by more than ``mode``."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(temporary, flags, 0o600)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor has no path
            file.write(data)
            os.fchmod(descriptor, mode)
            file.flush()
            os.fsync(descriptor)
        temporary.replace(path)
    except OSError:
        with suppress(OSError):  # the first error is the one to tell
            temporary.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
