"""TLS contexts for the listener, and how to change their certificates while it runs.

Chargers are older than browsers: half of the suites that they must be offered
(``COMPATIBLE``) are ones that Python leaves out by default. Everything here that reads
files blocks; run it in an executor.
"""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
import ssl

type Chain = tuple[Path, Path]
"""Two PEM files: a certificate followed by its intermediates, and its private key."""


class TlsMode(StrEnum):
    """Which TLS 1.2 suites are offered. TLS 1.3 and its own suites always are."""

    COMPATIBLE = "compatible"
    """Exactly those of AWS's policy ELBSecurityPolicy-TLS-1-2-Ext-2018-06.

    It contains the four that every OCPP central system must support (OCPP 1.6 security
    whitepaper, A00.FR.317), two of them without forward secrecy.
    """
    MODERN = "modern"
    """Only with forward secrecy and authenticated encryption."""


TLS_1_2_SUITES = {
    TlsMode.COMPATIBLE: (
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-RSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-AES128-SHA256",
        "ECDHE-RSA-AES128-SHA256",
        "ECDHE-ECDSA-AES128-SHA",
        "ECDHE-RSA-AES128-SHA",
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-RSA-AES256-GCM-SHA384",
        "ECDHE-ECDSA-AES256-SHA384",
        "ECDHE-RSA-AES256-SHA384",
        "ECDHE-RSA-AES256-SHA",
        "ECDHE-ECDSA-AES256-SHA",
        "AES128-GCM-SHA256",
        "AES128-SHA256",
        "AES128-SHA",
        "AES256-GCM-SHA384",
        "AES256-SHA256",
        "AES256-SHA",
    ),
    TlsMode.MODERN: (
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-RSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-RSA-AES256-GCM-SHA384",
        "ECDHE-ECDSA-CHACHA20-POLY1305",
        "ECDHE-RSA-CHACHA20-POLY1305",
    ),
}
"""The suites by their OpenSSL names, in the server's order of preference."""

_SECURITY_LEVEL = "@SECLEVEL=2"
"""OpenSSL's default since 3.2: 112 bits. Named, so that a system whose configuration
says 3 (which refuses the RSA keys of 2048 bits that OCPP-J 1.6 §6.2.1 prescribes) or 0
behaves like all others.
"""


class ServerContext(ssl.SSLContext):
    """A listener's TLS context whose certificates can be replaced while it serves.

    New certificates go into a new context, to which each new handshake is moved by the
    server name callback; OpenSSL calls that also for a client that names no server.
    Loading them into the serving context instead would leave a moment with the new
    certificate and the old key, would keep a certificate that has no successor, and
    would change what a handshake on another thread is reading.
    """

    mode: TlsMode
    current: ssl.SSLContext
    """The context that new handshakes use: this one, until the first reload."""
    silent: ssl.SSLContext
    """The same for a client that is not to be asked for a certificate."""
    client_ca: str | None = None
    """In PEM form, the one authority whose certificates are taken from clients."""
    handshakes: int = 0
    """How many handshakes have begun, whether they came to an end or not."""


def server_context(
    mode: TlsMode, chains: Sequence[Chain], client_ca: bytes | None = None
) -> ServerContext:
    """Make the context of a listener that presents ``chains``. Blocks: reads files.

    Clients are asked for a certificate of ``client_ca`` after ``ask(context, True)``.

    Give an RSA and an ECDSA chain, in any order: with one of them alone, the suites of
    the other cannot be negotiated.

    Raises OSError (of which ssl.SSLError is one) if a file cannot be used.
    """
    context = ServerContext(ssl.PROTOCOL_TLS_SERVER)
    context.client_ca = None if client_ca is None else client_ca.decode("ascii")
    _configure(context, mode, chains, context.client_ca)
    context.mode = mode
    context.current = context
    context.sni_callback = _move_to_current
    context.silent = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _configure(context.silent, mode, chains, None)
    context.silent.sni_callback = lambda connection, name, _: _move_to_current(
        connection, name, context
    )
    return context


def ask(context: ServerContext, asks: bool) -> None:
    """Ask clients for a certificate from the next handshake on, or no more.

    They need not have one, but one that does not come from ``client_ca`` makes their
    handshake fail (OpenSSL can't be told to let it pass): see ``silent``.
    """
    wanted = asks and context.client_ca is not None
    context.verify_mode = ssl.CERT_OPTIONAL if wanted else ssl.CERT_NONE


def reload(context: ServerContext, chains: Sequence[Chain]) -> None:
    """Present ``chains`` from the next handshake on. Blocks: reads files.

    Connections that stand are not touched, and if a file cannot be used nothing has
    changed.

    Raises OSError (of which ssl.SSLError is one) if a file cannot be used.
    """
    successor = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _configure(successor, context.mode, chains, context.client_ca)
    context.current = successor


def _configure(
    context: ssl.SSLContext,
    mode: TlsMode,
    chains: Sequence[Chain],
    client_ca: str | None,
) -> None:
    """Set up everything that a handshake looks at."""
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= (
        ssl.OP_NO_COMPRESSION
        | ssl.OP_NO_RENEGOTIATION
        | ssl.OP_CIPHER_SERVER_PREFERENCE
    )
    context.set_ciphers(":".join((*TLS_1_2_SUITES[mode], _SECURITY_LEVEL)))
    for certificate, key in chains:
        context.load_cert_chain(certificate, key, password=_no_password)
    if client_ca is not None:
        context.load_verify_locations(cadata=client_ca)


def _no_password() -> str:
    """Answer OpenSSL, which would else ask at the terminal, that there is none."""
    return ""


def _move_to_current(
    connection: ssl.SSLSocket | ssl.SSLObject,
    _server_name: str | None,
    context: ssl.SSLContext,
) -> None:
    """Let the handshake that begins on ``connection`` use the newest certificates."""
    if isinstance(context, ServerContext):
        context.handshakes += 1
        connection.context = context.current
