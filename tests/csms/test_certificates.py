"""Our own authority, its server certificates, and the owner's files."""

import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
import ssl
import stat

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from cryptography.x509.verification import PolicyBuilder, Store
import pytest

from custom_components.ocpp_charging.csms import pki
from custom_components.ocpp_charging.csms.certificates import (
    CertificateError,
    CertificateFault,
    CertificateStore,
    ServerCertificates,
    fingerprint_of_files,
    load_own,
)

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
NAMES = ("ha.local", "192.168.1.5", "fd00::5")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "ocpp"


@pytest.fixture
def store(folder: Path) -> CertificateStore:
    return CertificateStore(folder)


def _leaves(certificates: ServerCertificates) -> list[x509.Certificate]:
    return [pki.load_certificates(path)[0] for path, _ in certificates.chains]


def _extension[T: x509.ExtensionType](
    certificate: x509.Certificate, kind: type[T]
) -> T:
    return certificate.extensions.get_extension_for_class(kind).value


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_first_certificates_are_an_rsa_and_an_ecdsa_one_of_our_authority(
    store: CertificateStore,
) -> None:
    made = store.ensure(NAMES, NOW)

    assert made.changed
    assert made.names == NAMES
    assert made.ca_pem is not None
    authority = x509.load_pem_x509_certificate(made.ca_pem)
    rsa_leaf, ecdsa_leaf = _leaves(made)
    for certificate in (authority, rsa_leaf):
        key = certificate.public_key()
        assert isinstance(key, rsa.RSAPublicKey)
        assert key.key_size == 2048, "J16 §6.2.1 and A00.FR.502 meet only here"
    key = ecdsa_leaf.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert isinstance(key.curve, ec.SECP256R1)
    for leaf in (rsa_leaf, ecdsa_leaf):
        leaf.verify_directly_issued_by(authority)


def test_a_strict_verifier_accepts_the_certificates_for_every_name(
    store: CertificateStore,
) -> None:
    made = store.ensure(NAMES, NOW)
    assert made.ca_pem is not None
    trust = Store([x509.load_pem_x509_certificate(made.ca_pem)])
    subjects: list[x509.DNSName | x509.IPAddress] = [
        x509.DNSName("ha.local"),
        *(x509.IPAddress(ip_address(text)) for text in NAMES[1:]),
    ]
    for leaf in _leaves(made):
        for subject in subjects:
            verifier = (
                PolicyBuilder()
                .store(trust)
                .time(NOW.replace(tzinfo=None))
                .build_server_verifier(subject)
            )
            assert verifier.verify(leaf, [])


def test_the_certificates_say_what_they_are_for(store: CertificateStore) -> None:
    made = store.ensure(NAMES, NOW)
    assert made.ca_pem is not None
    authority = x509.load_pem_x509_certificate(made.ca_pem)
    for leaf, enciphers in zip(_leaves(made), (True, False), strict=True):
        (common_name,) = leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        assert common_name.value == "ha.local"
        assert leaf.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
        assert not _extension(leaf, x509.BasicConstraints).ca
        usage = _extension(leaf, x509.KeyUsage)
        assert usage.digital_signature
        assert usage.key_encipherment is enciphers, "for suites that begin TLS_RSA"
        assert not usage.key_cert_sign
        assert list(_extension(leaf, x509.ExtendedKeyUsage)) == [
            ExtendedKeyUsageOID.SERVER_AUTH
        ]
        identifier = _extension(authority, x509.SubjectKeyIdentifier).digest
        assert (
            _extension(leaf, x509.AuthorityKeyIdentifier).key_identifier == identifier
        )
        assert len(_extension(leaf, x509.SubjectKeyIdentifier).digest) == 20
    assert _extension(authority, x509.BasicConstraints) == x509.BasicConstraints(
        ca=True, path_length=0
    )
    assert _extension(authority, x509.KeyUsage).key_cert_sign


def test_small_tls_stacks_find_an_ipv4_address_among_the_names(
    store: CertificateStore,
) -> None:
    (leaf, _) = _leaves(store.ensure(["192.168.1.5"], NOW))
    names = _extension(leaf, x509.SubjectAlternativeName)
    assert names.get_values_for_type(x509.DNSName) == ["192.168.1.5"]
    assert names.get_values_for_type(x509.IPAddress) == [ip_address("192.168.1.5")]


def test_a_charger_without_a_clock_finds_them_valid_and_so_does_one_in_two_years(
    store: CertificateStore,
) -> None:
    made = store.ensure(NAMES, NOW)
    assert made.ca_pem is not None
    authority = x509.load_pem_x509_certificate(made.ca_pem)
    for certificate in (authority, *_leaves(made)):
        assert certificate.not_valid_before_utc == datetime(1970, 1, 1, tzinfo=UTC)
    assert made.expires == NOW + timedelta(days=730)
    assert made.ca_expires == authority.not_valid_after_utc
    assert authority.not_valid_after_utc == NOW + timedelta(days=7305)


def test_no_key_can_be_read_by_others(folder: Path, store: CertificateStore) -> None:
    made = store.ensure(NAMES, NOW)
    assert _mode(folder) == 0o700
    files = {path.name: _mode(path) for path in folder.iterdir()}
    assert files == {
        "ca.pem": 0o644,
        "ca.key": 0o600,
        "server-rsa.pem": 0o644,
        "server-rsa.key": 0o600,
        "server-ecdsa.pem": 0o644,
        "server-ecdsa.key": 0o600,
    }
    assert made.ca_pem == (folder / "ca.pem").read_bytes()
    assert b"PRIVATE" not in made.ca_pem


def test_rights_that_a_restored_backup_widened_are_narrowed(
    folder: Path, store: CertificateStore
) -> None:
    store.ensure(NAMES, NOW)
    keys = list(folder.glob("*.key"))
    for path in (folder, *keys):
        path.chmod(0o777)
    store.ensure(NAMES, NOW)
    assert _mode(folder) == 0o700
    assert [_mode(path) for path in keys] == [0o600] * 3


def test_what_is_good_is_kept(folder: Path, store: CertificateStore) -> None:
    first = store.ensure(NAMES, NOW)
    before = {path: path.read_bytes() for path in folder.iterdir()}
    second = CertificateStore(folder).ensure(NAMES, NOW + timedelta(days=669))
    assert not second.changed
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    assert second == first, "whether it has changed is no part of what it is"


def test_the_order_of_further_names_and_their_case_do_not_matter(
    store: CertificateStore,
) -> None:
    store.ensure(NAMES, NOW)
    assert not store.ensure(("HA.local", "fd00::5%eth0", "192.168.1.5"), NOW).changed


@pytest.mark.parametrize(
    ("names", "days"),
    [
        (NAMES, 671),
        (("homeassistant.local", *NAMES), 0),
        (("ha.local",), 0),
        (("192.168.1.5", "ha.local", "fd00::5"), 0),
    ],
    ids=["near its end", "another name", "a name less", "another first name"],
)
def test_it_is_renewed_under_the_same_authority(
    store: CertificateStore, names: tuple[str, ...], days: int
) -> None:
    first = store.ensure(NAMES, NOW)
    old = _leaves(first)
    later = NOW + timedelta(days=days)
    second = store.ensure(names, later)
    assert second.changed
    assert second.names == names
    assert second.expires == later + timedelta(days=730)
    assert second != first
    assert second.ca_fingerprint == first.ca_fingerprint
    assert not {leaf.serial_number for leaf in old} & {
        leaf.serial_number for leaf in _leaves(second)
    }


@pytest.mark.parametrize("name", ["server-rsa.pem", "server-ecdsa.key"])
@pytest.mark.parametrize(
    "damage",
    [
        Path.unlink,
        lambda path: path.write_text("nothing"),
        lambda path: path.write_bytes((path.parent / "other" / path.name).read_bytes()),
    ],
    ids=["missing", "garbled", "another's"],
)
def test_a_damaged_server_certificate_is_made_anew(
    folder: Path,
    store: CertificateStore,
    name: str,
    damage: Callable[[Path], object],
) -> None:
    first = store.ensure(NAMES, NOW)
    CertificateStore(folder / "other").ensure(NAMES, NOW)
    damage(folder / name)
    second = store.ensure(NAMES, NOW)
    assert second.changed
    assert second.ca_fingerprint == first.ca_fingerprint
    for chain in second.chains:
        load_own(*chain, now=NOW)
    assert not store.ensure(NAMES, NOW).changed


def test_server_certificates_of_another_authority_are_made_anew(
    folder: Path, store: CertificateStore
) -> None:
    store.ensure(NAMES, NOW)
    other = CertificateStore(folder / "other")
    other.ensure(NAMES, NOW)
    for path in (folder / "other").glob("server-*"):
        path.replace(folder / path.name)
    made = store.ensure(NAMES, NOW)
    assert made.changed
    assert made.ca_pem is not None
    (leaf, _) = _leaves(made)
    leaf.verify_directly_issued_by(x509.load_pem_x509_certificate(made.ca_pem))


def test_a_lost_certificate_of_the_authority_is_made_again_and_stays_trusted(
    folder: Path, store: CertificateStore
) -> None:
    first = store.ensure(NAMES, NOW)
    assert first.ca_pem is not None
    (folder / "ca.pem").unlink()
    second = store.ensure(NAMES, NOW + timedelta(days=700))
    (new_leaf, _) = _leaves(second)
    new_leaf.verify_directly_issued_by(x509.load_pem_x509_certificate(first.ca_pem))


def _swap(path: Path) -> None:
    path.write_bytes(pki.key_bytes(pki.make_rsa_key()))


@pytest.mark.parametrize(
    ("name", "damage", "fault"),
    [
        ("ca.key", Path.unlink, CertificateFault.AUTHORITY_DAMAGED),
        ("ca.key", _swap, CertificateFault.AUTHORITY_DAMAGED),
        (
            "ca.key",
            lambda path: path.write_text(""),
            CertificateFault.AUTHORITY_DAMAGED,
        ),
        (
            "ca.pem",
            lambda path: path.write_text("nothing"),
            CertificateFault.AUTHORITY_DAMAGED,
        ),
        (
            "ca.pem",
            lambda path: (path.unlink(), path.mkdir()),
            CertificateFault.UNREADABLE,
        ),
        (
            "ca.pem",
            lambda path: (path.unlink(), path.with_suffix(".key").unlink()),
            CertificateFault.AUTHORITY_MISSING,
        ),
    ],
)
def test_a_damaged_authority_is_an_error_and_never_replaced(
    folder: Path,
    store: CertificateStore,
    name: str,
    damage: Callable[[Path], object],
    fault: CertificateFault,
) -> None:
    store.ensure(NAMES, NOW)
    damage(folder / name)
    left = {path.name for path in folder.iterdir()}
    with pytest.raises(CertificateError) as raised:
        store.ensure(NAMES, NOW)
    assert raised.value.fault is fault
    assert str(folder / "ca.") in raised.value.detail
    assert {path.name for path in folder.iterdir()} == left


def test_retiring_a_damaged_authority_makes_way_for_a_new_one(
    folder: Path, store: CertificateStore
) -> None:
    first = store.ensure(NAMES, NOW)
    (folder / "ca.key").unlink()
    store.retire()
    second = store.ensure(NAMES, NOW)
    assert second.ca_fingerprint != first.ca_fingerprint
    assert (folder / "ca.pem.old").read_bytes() == first.ca_pem


def test_at_the_end_of_the_authority_nothing_is_renewed_in_vain_and_then_it_is_said(
    store: CertificateStore,
) -> None:
    first = store.ensure(NAMES, NOW)
    assert first.ca_expires is not None
    eve = first.ca_expires - timedelta(days=30)
    second = store.ensure(NAMES, eve)
    assert second.expires == first.ca_expires
    assert not store.ensure(NAMES, eve + timedelta(days=1)).changed
    with pytest.raises(CertificateError) as raised:
        store.ensure(NAMES, first.ca_expires)
    assert raised.value.fault is CertificateFault.AUTHORITY_EXPIRED


def test_a_computer_that_has_not_got_the_time_yet_makes_no_short_lived_authority(
    store: CertificateStore,
) -> None:
    made = store.ensure(NAMES, datetime(1970, 1, 1, 0, 1, tzinfo=UTC))
    assert made.ca_expires is not None
    assert made.ca_expires > datetime(2045, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "names", [(), ("",), ("ha local",), ("a..b",), ("x" * 64,), ("ok", "*.local")]
)
def test_unfit_names_are_refused_before_anything_is_written(
    folder: Path, store: CertificateStore, names: tuple[str, ...]
) -> None:
    with pytest.raises(CertificateError) as raised:
        store.ensure(names, NOW)
    assert raised.value.fault is CertificateFault.INVALID_NAME
    assert not folder.exists()


def test_unusual_names_are_fit_too(store: CertificateStore) -> None:
    long = "a" * 60 + ".example.local"
    made = store.ensure((long, "bücher.local"), NOW)
    assert made.names == (long, "xn--bcher-kva.local")
    (leaf, _) = _leaves(made)
    (common_name,) = leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert common_name.value == "xn--bcher-kva.local", "64 characters at most"


def test_a_folder_that_cannot_be_made_is_an_error_with_its_path(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CertificateError) as raised:
        CertificateStore(tmp_path / "file" / "ocpp").ensure(NAMES, NOW)
    assert raised.value.fault is CertificateFault.UNREADABLE
    assert str(tmp_path / "file") in raised.value.detail


def test_a_failed_write_leaves_the_old_file_and_no_rest(
    folder: Path, store: CertificateStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.ensure(NAMES, NOW)
    before = {path: path.read_bytes() for path in folder.iterdir()}

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(CertificateError) as raised:
        store.ensure(("other.local",), NOW)
    assert raised.value.fault is CertificateFault.UNREADABLE
    assert "No space left" in raised.value.detail
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_the_repr_of_a_store_is_its_folder(folder: Path) -> None:
    assert repr(CertificateStore(folder)) == f"CertificateStore({str(folder)!r})"


# The owner's files


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> ServerCertificates:
    return CertificateStore(tmp_path_factory.mktemp("ours")).ensure(NAMES, NOW)


def test_the_owners_files_are_accepted(ours: ServerCertificates) -> None:
    first, second = ours.chains
    own = load_own(*first, now=NOW)
    assert (own.chains, own.names, own.expires) == ((first,), NAMES, ours.expires)
    assert own.ca_pem is None
    assert own.fingerprints == ours.fingerprints[:1]
    assert load_own(*first, second, now=NOW).chains == ours.chains


def test_a_certificate_without_names_is_accepted_without_names(
    ours: ServerCertificates,
) -> None:
    ca_path = ours.chains[0][0].with_name("ca.pem")
    own = load_own(ca_path, ca_path.with_suffix(".key"), now=NOW)
    assert own.names == ()


def test_a_chain_is_accepted_in_order_only(
    ours: ServerCertificates, tmp_path: Path
) -> None:
    (leaf_path, key), (other_path, _) = ours.chains
    leaf, other = leaf_path.read_bytes(), other_path.read_bytes()
    assert ours.ca_pem is not None
    chain = tmp_path / "chain.pem"
    chain.write_bytes(leaf + ours.ca_pem)
    assert load_own(chain, key, now=NOW).chains == ((chain, key),)
    chain.write_bytes(leaf + other)
    with pytest.raises(CertificateError) as raised:
        load_own(chain, key, now=NOW)
    assert raised.value.fault is CertificateFault.BROKEN_CHAIN


def _encrypted(key: pki.PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )


def _ed25519() -> bytes:
    return ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _unknown_curve() -> bytes:
    """Return a key whose curve, prime192v2, nobody has implemented."""
    lines = pki.key_bytes(pki.make_ecdsa_key()).splitlines()
    prime256v1 = bytes.fromhex("06082a8648ce3d030107")
    key = base64.b64decode(b"".join(lines[1:-1]))
    assert prime256v1 in key
    key = key.replace(prime256v1, bytes.fromhex("06082a8648ce3d030102"))
    return b"\n".join([lines[0], base64.encodebytes(key).strip(), lines[-1]])


@pytest.mark.parametrize(
    ("key", "fault"),
    [
        (lambda: b"", CertificateFault.NOT_PEM),
        (lambda: b"\xff\x00", CertificateFault.NOT_PEM),
        (lambda: pki.key_bytes(pki.make_ecdsa_key()), CertificateFault.KEY_MISMATCH),
        (lambda: _encrypted(pki.make_ecdsa_key()), CertificateFault.ENCRYPTED_KEY),
        (_ed25519, CertificateFault.UNSUPPORTED_KEY),
        (_unknown_curve, CertificateFault.UNSUPPORTED_KEY),
    ],
)
def test_an_unfit_key_is_refused_with_its_reason(
    ours: ServerCertificates,
    tmp_path: Path,
    key: Callable[[], bytes],
    fault: CertificateFault,
) -> None:
    path = tmp_path / "own.key"
    path.write_bytes(key())
    with pytest.raises(CertificateError) as raised:
        load_own(ours.chains[0][0], path, now=NOW)
    assert raised.value.fault is fault
    assert raised.value.detail == str(path)


def test_a_weak_key_is_refused(tmp_path: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    (tmp_path / "own.pem").write_bytes(
        pki.make_authority(key, NOW).public_bytes(serialization.Encoding.PEM)
    )
    (tmp_path / "own.key").write_bytes(pki.key_bytes(key))
    with pytest.raises(CertificateError) as raised:
        load_own(tmp_path / "own.pem", tmp_path / "own.key", now=NOW)
    assert raised.value.fault is CertificateFault.WEAK_KEY


def _with_malformed_names(path: Path) -> bytes:
    """Return a certificate that is well-formed but for what is in an extension."""
    (leaf,) = pki.load_certificates(path)
    data = leaf.public_bytes(serialization.Encoding.DER)
    assert data.count(b"\x82\x08ha.local") == 1
    damaged = data.replace(b"\x82\x08ha.local", b"\x82\x7fha.local")
    return ssl.DER_cert_to_PEM_cert(damaged).encode()


def test_other_unfit_files_are_refused_with_their_reason(
    ours: ServerCertificates, tmp_path: Path
) -> None:
    certificate, key = ours.chains[0]
    missing, text = tmp_path / "missing.pem", tmp_path / "text.pem"
    text.write_text("-----BEGIN CERTIFICATE-----\nnothing\n")
    malformed = tmp_path / "malformed.pem"
    malformed.write_bytes(_with_malformed_names(certificate))
    attempts: list[tuple[Callable[[], object], CertificateFault]] = [
        (lambda: load_own(missing, key, now=NOW), CertificateFault.UNREADABLE),
        (lambda: load_own(text, key, now=NOW), CertificateFault.NOT_PEM),
        (lambda: load_own(key, key, now=NOW), CertificateFault.NOT_PEM),
        (lambda: load_own(malformed, key, now=NOW), CertificateFault.NOT_PEM),
        (
            lambda: load_own(certificate, key, now=ours.expires),
            CertificateFault.EXPIRED,
        ),
        (
            lambda: load_own(certificate, key, now=datetime(1969, 12, 31, tzinfo=UTC)),
            CertificateFault.NOT_YET_VALID,
        ),
        (
            lambda: load_own(certificate, key, (certificate, key), now=NOW),
            CertificateFault.SAME_KEY_TYPE,
        ),
    ]
    for attempt, fault in attempts:
        with pytest.raises(CertificateError) as raised:
            attempt()
        assert raised.value.fault is fault


def test_the_mark_of_files_changes_when_one_does(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    first.write_text("1")
    marks = [fingerprint_of_files([first, second])]
    assert marks == [fingerprint_of_files([first, second])]
    second.write_text("1")
    marks.append(fingerprint_of_files([first, second]))
    replacement = tmp_path / "c"
    replacement.write_text("2")
    replacement.replace(first)
    marks.append(fingerprint_of_files([first, second]))
    second.unlink()
    second.symlink_to(first)
    marks.append(fingerprint_of_files([first, second]))
    assert len(set(marks)) == 4
