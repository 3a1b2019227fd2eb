"""What is asked at the door, and what is answered: the words of `admission`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from http import HTTPStatus

from .model import SecurityProfile


@dataclass(frozen=True, kw_only=True)
class UnknownCharger:
    """A charger that dialled in without being known."""

    identity: str
    address: str
    first_seen: datetime
    last_seen: datetime
    attempts: int
    secure: bool


class RefusalReason(StrEnum):
    """Why a known charger was refused."""

    PASSWORD = "wrong or missing password"
    CERTIFICATE = "a certificate that is not its own"
    NO_CERTIFICATE = "no certificate, which it had before"
    NOT_ENCRYPTED = "not encrypted, as it was before"


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """A known charger that did not prove who it is, or came less secure than before.

    `attempts` counts those in a row.
    """

    identity: str
    address: str
    at: datetime
    attempts: int
    reason: RefusalReason = RefusalReason.PASSWORD


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a client says of itself when it dials in.

    `authorization` is None without such a header; `subprotocols` are those offered.
    `origin` is what a web browser adds: where the page is from that dials. `forwarded`
    says that a proxy dials for somebody else. `certificate` is the fingerprint of the
    client's certificate, which TLS has verified to be of our authority.
    """

    path: str
    address: str
    authorization: str | None
    subprotocols: Sequence[str]
    secure: bool
    host: str | None = None
    origin: str | None = None
    forwarded: bool = False
    certificate: str | None = None


@dataclass(frozen=True, kw_only=True)
class Denied:
    """A client that is not let in, with the HTTP status it gets.

    `reason` is None but for known chargers.
    """

    status: HTTPStatus
    retry_after: float | None = None
    reason: RefusalReason | None = None


@dataclass(frozen=True, kw_only=True)
class Admitted:
    """A client that is let in as this charger.

    `key_hash` is the one among those in its settings whose password it presented,
    None when it was let in without one; `certificate` the fingerprint of the one that
    let it in.
    """

    identity: str
    profile: SecurityProfile = SecurityProfile.OPEN
    key_hash: str | None = field(default=None, repr=False)
    certificate: str | None = None


type Verdict = Denied | Admitted
