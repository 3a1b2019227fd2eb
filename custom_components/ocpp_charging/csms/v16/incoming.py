"""What a charger sends by OCPP 1.6, and how it is answered (OCPP 1.6 §4).

A refusal makes a charger send the same message again, for ever and before all others
(§3.7.1, errata 3.2): so every message that can be understood at all is answered with
a CALLRESULT, and only one that makes no sense gets a CALLERROR.
"""

import asyncio
from collections.abc import Callable

from ocpp.v16.enums import Action

from ..charger import Charger
from ..link import Answer, AnswerBook, Unanswered
from ..model import Registration
from ..rpc import Call, RpcError, RpcErrorCode
from .basic_messages import BasicMessages
from .certificate_messages import CertificateMessages
from .charging_messages import ChargingMessages
from .desk import Context, Desk, Handler, Messages
from .security_messages import SecurityMessages
from .status_messages import StatusMessages
from .tag_messages import TagMessages

_SUBJECTS: tuple[Callable[[Desk], Messages], ...] = (
    BasicMessages,
    CertificateMessages,
    ChargingMessages,
    SecurityMessages,
    StatusMessages,
    TagMessages,
)
"""Each answers the messages of one subject."""

_KNOWN_ACTIONS = frozenset(str(action.value) for action in Action)

_ONCE = frozenset({"StartTransaction", "StopTransaction", "MeterValues"})
"""Messages that carry their own time: a second sending is the same event."""

_KEPT = frozenset({"StartTransaction", "StopTransaction"})
"""Of these, what must not be cut short when the connection ends meanwhile."""

_BEFORE_ACCEPTANCE: dict[Registration | None, frozenset[str]] = {
    Registration.REJECTED: frozenset({"BootNotification"}),
    Registration.PENDING: frozenset(
        {
            "BootNotification",
            "DiagnosticsStatusNotification",
            "FirmwareStatusNotification",
            "Heartbeat",
            "MeterValues",
            "StatusNotification",
        }
    ),
}
"""What is answered before the charger is accepted (OCPP-J 1.6 errata 3.8)."""

type Refused = RpcError | Unanswered
"""Why a CALL gets a CALLERROR, or nothing."""


class Incoming:
    """Answers one charger's messages; it outlives the charger's connections."""

    def __init__(
        self, charger: Charger, context: Context, booted: Callable[[], None]
    ) -> None:
        """Bind a charger; `booted` is called after an accepted boot was answered."""
        self._charger = charger
        self._answers = AnswerBook()
        self._turn = asyncio.Lock()
        self._under_way: set[asyncio.Task[Answer | Refused]] = set()
        desk = Desk(charger, context, booted)
        self._handlers: dict[str, Handler] = {
            action: handler
            for subject in _SUBJECTS
            for action, handler in subject(desk).handlers.items()
        }

    async def handle(self, call: Call) -> Answer:
        """Answer a CALL.

        Raises `RpcError` to refuse it and `Unanswered` to have it sent again.
        """
        handler = self._handlers.get(call.action)
        if handler is None:
            known = call.action in _KNOWN_ACTIONS
            raise RpcError(
                RpcErrorCode.NOT_SUPPORTED if known else RpcErrorCode.NOT_IMPLEMENTED,
                "this action is not for a central system" if known else "",
            )
        allowed = _BEFORE_ACCEPTANCE.get(self._charger.registration)
        if allowed is not None and call.action not in allowed:
            raise RpcError(RpcErrorCode.SECURITY_ERROR, "not accepted yet")
        if call.action not in _ONCE:
            return await handler(call.payload)
        answering = self._once(handler, call)
        if call.action in _KEPT:
            # It goes on when the connection ends: the charger will send it again over
            # the next one, and must be told the same.
            task = asyncio.get_running_loop().create_task(answering)
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
            answer = await asyncio.shield(task)
        else:
            answer = await answering
        if isinstance(answer, Answer):
            return answer
        raise answer

    async def _once(self, handler: Handler, call: Call) -> Answer | Refused:
        """Answer a CALL as before when it was answered before; one at a time."""
        async with self._turn:
            key = AnswerBook.key(call)
            payload = self._answers.find(key)
            if payload is not None:
                return Answer(payload=payload)
            try:
                answer = await handler(call.payload)
            except (RpcError, Unanswered) as refused:
                return refused
            self._answers.keep(key, answer.payload)
            return answer
