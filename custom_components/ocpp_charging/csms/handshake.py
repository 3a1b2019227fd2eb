"""What a charger says in its request to connect, and how one is told that it may not.

That is decided in `admission`, which knows nothing of HTTP (OCPP-J 1.6 §3).
"""

from collections.abc import Sequence
from urllib.parse import urlsplit

from websockets.asyncio.server import ServerConnection
from websockets.datastructures import MultipleValuesError
from websockets.http11 import Request as HttpRequest, Response
from websockets.typing import Subprotocol

from .admission import SUBPROTOCOL
from .connection import ChargerConnection
from .verdicts import Denied, RefusalReason, Request


def asks_for_websocket(http: HttpRequest) -> bool:
    """Say whether a request is for an upgrade to WebSocket, as every charger's is."""
    upgrades = ",".join(http.headers.get_all("Upgrade")).lower().split(",")
    return "websocket" in {word.strip() for word in upgrades}


def read_request(connection: ChargerConnection, http: HttpRequest) -> Request:
    """Return what a client says of itself in its request."""
    try:
        authorization = http.headers.get("Authorization")
    except MultipleValuesError:
        authorization = None
    return Request(
        path=http.path,
        address=connection.address,
        authorization=authorization,
        subprotocols=_offered(http),
        secure=connection.secure,
        host=_only(http, "Host"),
        origin=_only(http, "Origin"),
        forwarded=not _FORWARDED.isdisjoint(map(str.lower, http.headers)),
        certificate=connection.presented,
    )


def _offered(http: HttpRequest) -> list[str]:
    return [
        word.strip()
        for line in http.headers.get_all("Sec-WebSocket-Protocol")
        for word in line.split(",")
        if word.strip()
    ]


_FORWARDED = frozenset({"forwarded", "x-forwarded-for", "x-real-ip"})
"""What a proxy adds, each in lower case."""


def _only(http: HttpRequest, name: str) -> str | None:
    """Return a header that there should be at most once; several make it unreadable."""
    found = http.headers.get_all(name)
    return ", ".join(found) if found else None


def host_of(header: str | None) -> str | None:
    """Return the host name or address of a Host header, without the port."""
    try:
        return urlsplit(f"//{header or ''}").hostname
    except ValueError:
        return None


def select_subprotocol(
    connection: ServerConnection, offered: Sequence[Subprotocol]
) -> Subprotocol | None:
    """Choose the version that is spoken here, where it is offered."""
    wanted = Subprotocol(SUBPROTOCOL)
    return wanted if wanted in offered else None


_LOWER_TEXTS = {
    RefusalReason.CERTIFICATE: "This certificate is not this charger's.\n",
    RefusalReason.NO_CERTIFICATE: "This charger must show its certificate.\n",
    RefusalReason.NOT_ENCRYPTED: "This charger must use an encrypted connection.\n",
}
_TEXTS = {
    400: "This central system speaks ocpp1.6.\n",
    401: "Wrong or missing password.\n",
    403: "Chargers only: no web page may connect here.\n",
    404: "This charger is not known here.\n",
    429: "Too many wrong passwords; wait.\n",
}


def refuse(connection: ServerConnection, denied: Denied) -> Response:
    """Answer one that is not let in, in words for who looks at its log."""
    text = _LOWER_TEXTS.get(denied.reason) if denied.reason is not None else None
    response = connection.respond(denied.status, text or _TEXTS[denied.status])
    if denied.status == 401:
        response.headers["WWW-Authenticate"] = 'Basic realm="ocpp"'
    if denied.retry_after is not None:
        response.headers["Retry-After"] = str(max(1, round(denied.retry_after)))
    return response
