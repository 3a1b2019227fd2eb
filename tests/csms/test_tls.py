"""What the listener's TLS contexts negotiate, over real sockets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
import ssl
import warnings

import pytest

from custom_components.ocpp_charging.csms.certificates import (
    CertificateStore,
    ServerCertificates,
)
from custom_components.ocpp_charging.csms.tls import (
    TLS_1_2_SUITES,
    Chain,
    ServerContext,
    TlsMode,
    reload,
    server_context,
)

NAMES = ("ha.local", "127.0.0.1")
COMPATIBLE = TLS_1_2_SUITES[TlsMode.COMPATIBLE]
MODERN = TLS_1_2_SUITES[TlsMode.MODERN]

pytestmark = pytest.mark.usefixtures("socket_enabled")


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> ServerCertificates:
    return CertificateStore(tmp_path_factory.mktemp("old")).ensure(
        NAMES, datetime.now(UTC)
    )


@pytest.fixture(scope="module")
def new(tmp_path_factory: pytest.TempPathFactory) -> ServerCertificates:
    return CertificateStore(tmp_path_factory.mktemp("new")).ensure(
        NAMES, datetime.now(UTC)
    )


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(100):
        writer.write(data)
    writer.close()


@asynccontextmanager
async def listening(context: ssl.SSLContext) -> AsyncIterator[int]:
    """Echo on a free port of the loopback interface, which is given."""
    async with await asyncio.start_server(_echo, "127.0.0.1", 0, ssl=context) as server:
        yield server.sockets[0].getsockname()[1]


def client(
    *suites: str,
    version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2,
    trust: ServerCertificates | None = None,
) -> ssl.SSLContext:
    """Return a client of one version, and of ``suites`` alone if it is TLS 1.2.

    It verifies chain and host name if it has something to ``trust``. It itself allows
    everything that OpenSSL can do, so that a refusal is the server's.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = version
    context.set_ciphers(":".join((*(suites or ("ALL",)), "@SECLEVEL=0")))
    if trust is None:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    else:
        assert trust.ca_pem is not None
        context.load_verify_locations(cadata=trust.ca_pem.decode())
    return context


@dataclass
class Connection:
    """A client's side of a connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @property
    def tls(self) -> ssl.SSLObject:
        found = self.writer.get_extra_info("ssl_object")
        assert isinstance(found, ssl.SSLObject)
        return found

    @property
    def certificate(self) -> bytes | None:
        return self.tls.getpeercert(binary_form=True)

    @property
    def suite(self) -> str:
        found = self.tls.cipher()
        assert found is not None
        return found[0]

    async def echo(self) -> None:
        self.writer.write(b"hello")
        assert await self.reader.readexactly(5) == b"hello"


@asynccontextmanager
async def connected(
    port: int, context: ssl.SSLContext, server_name: str | None = "ha.local"
) -> AsyncIterator[Connection]:
    """Connect and see that data goes both ways; an empty name sends none."""
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=context, server_hostname=server_name
    )
    connection = Connection(reader, writer)
    try:
        await connection.echo()
        yield connection
    finally:
        writer.close()
        await writer.wait_closed()


def refusal(server: ssl.SSLContext, charger: ssl.SSLContext) -> str:
    """Return the server's reason to end a handshake.

    The handshake runs in memory: on a socket, asyncio's server resets the connection
    before the client can read why.
    """
    inbound, outbound = ssl.MemoryBIO(), ssl.MemoryBIO()
    asking = charger.wrap_bio(outbound, inbound, server_hostname="ha.local")
    answering = server.wrap_bio(inbound, outbound, server_side=True)
    with pytest.raises(ssl.SSLError) as raised:
        _shake_hands(asking, answering)
    return raised.value.reason


def _shake_hands(*sides: ssl.SSLObject) -> None:
    for _ in range(10):
        for side in sides:
            with suppress(ssl.SSLWantReadError):
                side.do_handshake()


def as_der(path: Path) -> bytes:
    return ssl.PEM_cert_to_DER_cert(path.read_text())


def all_suites() -> list[str]:
    """Return every suite of TLS 1.2 and below that this OpenSSL knows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_ciphers("ALL:COMPLEMENTOFALL:@SECLEVEL=0")
    # Those of TLS 1.3 cannot be chosen one by one; those with a pre-shared key or
    # password are not offered by a client that has none.
    return [
        suite["name"]
        for suite in context.get_ciphers()
        if suite["protocol"] != "TLSv1.3"
        and "PSK" not in suite["name"]
        and "SRP" not in suite["name"]
    ]


def test_there_are_eighteen_compatible_suites_and_the_mandatory_ones_are_there() -> (
    None
):
    assert len(set(COMPATIBLE)) == 18
    assert {
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "AES128-GCM-SHA256",
        "AES256-GCM-SHA384",
    } <= set(COMPATIBLE), "A00.FR.317"


@pytest.mark.parametrize("mode", TlsMode)
async def test_every_suite_of_the_mode_is_negotiated_and_verified_and_no_other(
    mode: TlsMode, old: ServerCertificates
) -> None:
    wanted = TLS_1_2_SUITES[mode]
    others = set(all_suites()) - set(wanted)
    assert len(others) > 20
    context = server_context(mode, old.chains)
    async with listening(context) as port:
        for suite in wanted:
            async with connected(port, client(suite, trust=old)) as connection:
                assert connection.suite == suite
                assert connection.tls.version() == "TLSv1.2"
                assert connection.tls.compression() is None
                kind = 1 if "ECDSA" in suite else 0
                assert connection.certificate == as_der(old.chains[kind][0])
    for suite in sorted(others):
        assert refusal(context, client(suite)) == "NO_SHARED_CIPHER", suite


@pytest.mark.parametrize("mode", TlsMode)
async def test_an_address_is_verified_as_well_as_a_name(
    mode: TlsMode, old: ServerCertificates
) -> None:
    async with (
        listening(server_context(mode, old.chains)) as port,
        connected(port, client(trust=old), "127.0.0.1"),
    ):
        pass


@pytest.mark.parametrize("mode", TlsMode)
async def test_tls_1_3_is_spoken_and_nothing_below_1_2(
    mode: TlsMode, old: ServerCertificates
) -> None:
    context = server_context(mode, old.chains)
    async with listening(context) as port:
        newest = client(version=ssl.TLSVersion.TLSv1_3, trust=old)
        async with connected(port, newest) as connection:
            assert connection.tls.version() == "TLSv1.3"
        for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
            older = client(version=version)
            assert refusal(context, older) == "UNSUPPORTED_PROTOCOL"
            with pytest.raises(ConnectionError):
                await connected(port, older).__aenter__()


async def test_the_server_chooses_the_suite(old: ServerCertificates) -> None:
    context = server_context(TlsMode.COMPATIBLE, old.chains)
    async with listening(context) as port:
        backwards = client(*reversed(COMPATIBLE))
        async with connected(port, backwards) as connection:
            assert connection.suite == COMPATIBLE[0]


@pytest.mark.parametrize("mode", TlsMode)
def test_compression_and_renegotiation_are_off(
    mode: TlsMode, old: ServerCertificates
) -> None:
    context = server_context(mode, old.chains)
    assert ssl.OP_NO_COMPRESSION in context.options
    assert ssl.OP_NO_RENEGOTIATION in context.options


HANDSHAKES = [
    pytest.param(suite, version, name, id=f"{version.name} {suite} {name}")
    for suite, version in (
        ("ECDHE-RSA-AES128-GCM-SHA256", ssl.TLSVersion.TLSv1_2),
        ("AES256-SHA", ssl.TLSVersion.TLSv1_2),
        ("ECDHE-ECDSA-AES128-GCM-SHA256", ssl.TLSVersion.TLSv1_2),
        ("ALL", ssl.TLSVersion.TLSv1_3),
    )
    for name in ("ha.local", "127.0.0.1", "")
]
"""A host name is sent to the server, an address or nothing is not."""


@pytest.mark.parametrize(("suite", "version", "name"), HANDSHAKES)
async def test_after_a_reload_old_connections_stay_and_new_ones_see_what_is_new(
    old: ServerCertificates,
    new: ServerCertificates,
    suite: str,
    version: ssl.TLSVersion,
    name: str,
) -> None:
    context = server_context(TlsMode.COMPATIBLE, old.chains)
    kind = 0 if suite.endswith("SHA") or "-RSA-" in suite else 1
    before, after = (as_der(which.chains[kind][0]) for which in (old, new))

    async with (
        listening(context) as port,
        connected(port, client(suite, version=version), name) as first,
    ):
        assert first.certificate == before
        await asyncio.to_thread(reload, context, new.chains)
        await first.echo()
        for _ in range(2):
            trusting = client(suite, version=version, trust=new if name else None)
            async with connected(port, trusting, name) as second:
                assert second.certificate == after
        await asyncio.to_thread(reload, context, old.chains)
        async with connected(port, client(suite, version=version), name) as third:
            assert third.certificate == before
        await first.echo()


async def test_a_reload_keeps_the_mode_and_forgets_what_has_no_successor(
    old: ServerCertificates, new: ServerCertificates
) -> None:
    context = server_context(TlsMode.MODERN, old.chains)
    async with listening(context) as port:
        reload(context, new.chains[:1])
        async with connected(port, client(MODERN[1], trust=new)):
            pass
        for suite in (MODERN[0], "AES128-SHA"):
            with pytest.raises(ConnectionError):
                await connected(port, client(suite)).__aenter__()
    # OpenSSL asks the outer context for the version, and the new one for the rest.
    for suite in (MODERN[0], "AES128-SHA"):
        assert refusal(context, client(suite)) == "NO_SHARED_CIPHER"
    older = client(version=ssl.TLSVersion.TLSv1_1)
    assert refusal(context, older) == "UNSUPPORTED_PROTOCOL"


async def test_a_session_from_before_a_reload_can_be_resumed(
    old: ServerCertificates, new: ServerCertificates
) -> None:
    context = server_context(TlsMode.COMPATIBLE, old.chains)
    charger = client()
    async with listening(context) as port:
        async with connected(port, charger) as connection:
            session = connection.tls.session
        reload(context, new.chains)
        assert await asyncio.to_thread(_resumes, port, charger, session)


def _resumes(
    port: int, context: ssl.SSLContext, session: ssl.SSLSession | None
) -> bool:
    """Tell whether a connection with an old session is resumed; asyncio cannot."""
    import socket

    with (
        socket.create_connection(("127.0.0.1", port), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname="ha.local", session=session) as tls,
    ):
        tls.sendall(b"hello")
        assert tls.recv(5) == b"hello"
        return bool(tls.session_reused)


def _bad_chains(old: ServerCertificates, folder: Path) -> list[Chain]:
    (rsa_certificate, _), (_, ecdsa_key) = old.chains
    garbled = folder / "garbled.pem"
    garbled.write_text("nothing")
    return [
        (rsa_certificate, ecdsa_key),
        (rsa_certificate, folder / "missing.key"),
        (garbled, ecdsa_key),
    ]


async def test_files_that_cannot_be_used_change_nothing(
    old: ServerCertificates, tmp_path: Path
) -> None:
    context = server_context(TlsMode.COMPATIBLE, old.chains)
    async with listening(context) as port:
        for bad in _bad_chains(old, tmp_path):
            with pytest.raises(OSError):  # noqa: PT011 - each file has its own words
                server_context(TlsMode.COMPATIBLE, [bad])
            with pytest.raises(OSError):  # noqa: PT011
                reload(context, [old.chains[0], bad])
            for suite in COMPATIBLE[:2]:
                async with connected(port, client(suite, trust=old)):
                    pass


def test_an_encrypted_key_is_an_error_and_no_question_at_the_terminal(
    old: ServerCertificates, tmp_path: Path
) -> None:
    from cryptography.hazmat.primitives import serialization

    certificate, key_path = old.chains[0]
    key = serialization.load_pem_private_key(key_path.read_bytes(), None)
    encrypted = tmp_path / "encrypted.key"
    encrypted.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    with pytest.raises(ssl.SSLError):
        server_context(TlsMode.COMPATIBLE, [(certificate, encrypted)])


async def test_a_flood_of_handshakes_survives_reloads(
    old: ServerCertificates, new: ServerCertificates
) -> None:
    context = server_context(TlsMode.COMPATIBLE, old.chains)
    known = {as_der(which.chains[0][0]) for which in (old, new)}
    seen: set[bytes | None] = set()

    async with listening(context) as port:

        async def dial() -> None:
            for _ in range(10):
                async with connected(port, client("AES128-SHA")) as connection:
                    seen.add(connection.certificate)

        def swap() -> None:
            for _ in range(5):
                reload(context, new.chains)
                reload(context, old.chains)

        await asyncio.gather(*(dial() for _ in range(4)), asyncio.to_thread(swap))
    assert seen <= known


def test_the_context_is_one_that_any_server_takes(old: ServerCertificates) -> None:
    context = server_context(TlsMode.MODERN, old.chains)
    assert isinstance(context, ServerContext)
    assert isinstance(context, ssl.SSLContext)
    assert context.mode is TlsMode.MODERN
