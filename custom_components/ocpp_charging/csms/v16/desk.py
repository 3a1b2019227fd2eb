"""What the handlers of one charger's messages share.

A module `*_messages.py` deals with the messages of one subject. Its class is made
with the charger's `Desk` and contributes its `handlers` to the table of `incoming`.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from ..authorizer import Authorizer
from ..certificate_office import CertificateOffice
from ..charger import Charger
from ..clock import ChargerClock
from ..connector import Connector
from ..link import Answer
from ..model import Registration, TagInfo
from ..pace import Pace
from ..rpc import RpcError, RpcErrorCode
from ..tags import TagUse
from ..timing import Timing
from ..transactions import TransactionBook
from . import fields
from .fields import Payload

MAX_CONNECTORS = 64
"""A connector beyond this number is a mistake (chargers send -1 and 65535)."""

type Handler = Callable[[Payload], Awaitable[Answer]]
"""Answers one action's payload.

Raises `RpcError` to refuse it and `Unanswered` to have it sent again.
"""


class Messages(Protocol):
    """The messages of one subject."""

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """Return who answers which OCPP action."""


@dataclass(frozen=True, kw_only=True)
class Context:
    """What the handlers need from the central system."""

    authorizer: Authorizer
    certificates: CertificateOffice
    registration: Callable[[Charger], Registration]
    timing: Timing
    pace: Pace = field(default_factory=Pace)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)


class Desk:
    """One charger, with what is known of its clock and its transactions."""

    def __init__(
        self, charger: Charger, context: Context, booted: Callable[[], None]
    ) -> None:
        """Bind a charger; `booted` is called after an accepted boot was answered."""
        self.charger = charger
        self.context = context
        self.booted = booted
        self.book = TransactionBook(charger)
        self.clock = ChargerClock(charger)

    def now(self) -> datetime:
        """Return the present by our clock."""
        return self.context.now()

    def now_text(self) -> str:
        """Return the present by our clock as chargers read it."""
        return fields.iso(self.now())

    def charger_time(self) -> datetime:
        """Return the present by the charger's clock."""
        return self.clock.time(self.now())

    def heard(self, told: datetime | None) -> datetime:
        """Learn from the time in a message; return the present by that clock."""
        if told is not None:
            self.clock.measure(told, self.now())
        return self.charger_time()

    def decide(
        self,
        tag: str,
        use: TagUse,
        *,
        connector_id: int | None = None,
        at: datetime | None = None,
        presented: bool = True,
    ) -> TagInfo:
        """Return what an id tag may do; see `Authorizer.decide`.

        `at` is by the charger's clock.
        """
        now = self.now()
        if at is not None:
            try:
                at += now - self.charger_time()
            except OverflowError:
                at = None
        return self.context.authorizer.decide(
            self.charger,
            tag,
            use,
            now,
            connector_id=connector_id,
            at=at,
            presented=presented,
        )

    def connector(self, payload: Payload) -> Connector:
        """Return the connector that a message names. Raises `RpcError` for none."""
        connector_id = fields.required_integer(payload, "connectorId")
        if not 0 <= connector_id <= MAX_CONNECTORS:
            raise RpcError(
                RpcErrorCode.PROPERTY_CONSTRAINT_VIOLATION, "no such connectorId"
            )
        return self.charger.connector(connector_id)
