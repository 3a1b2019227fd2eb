"""From an incoming call to its answer: overrides, faults, then the own word."""

from collections.abc import Callable
import inspect
from typing import TYPE_CHECKING, Any

from . import (
    commands_certificates,
    commands_charging,
    commands_core,
    commands_lists,
)
from .answers import GARBAGE, SILENCE, Answer, Odd, Override, Verdict
from .errors import SimulatedCallError
from .maintenance import Maintenance
from .presence import Registration
from .wire import CALL_ERROR, CALL_RESULT

if TYPE_CHECKING:
    from .charge_point import ChargePoint

type Json = dict[str, Any]
type Handler = Callable[[ChargePoint, Json], Answer | Odd]

_HANDLERS: dict[str, Handler] = {
    **commands_certificates.HANDLERS,
    **commands_core.HANDLERS,
    **commands_charging.HANDLERS,
    **commands_lists.HANDLERS,
}

# Not to be sent before the registration is accepted (OCPP 1.6 §4.2.1).
_ONLY_ACCEPTED = frozenset({"RemoteStartTransaction", "RemoteStopTransaction"})


class Dispatcher:
    """Answers every call exactly once, or deliberately not."""

    def __init__(self, charge_point: ChargePoint) -> None:
        """Know the charge point that answers."""
        self._cp = charge_point
        self.maintenance: Maintenance = Maintenance(charge_point)

    async def answer(self, message_id: str, action: str, payload: Any) -> None:
        """Answer one call, then do what follows from it."""
        cp = self._cp
        delay_s = cp.faults.delay_of(action) or cp.quirks.answer_delay_s
        if delay_s:
            await cp.clock.sleep_wall(delay_s)
        try:
            verdict = await self._verdict(action, payload)
        except SimulatedCallError as error:
            cp.wire.answered(message_id)
            await cp.wire.reply(
                [CALL_ERROR, message_id, error.code, error.args[0][:255], error.details]
            )
            return
        cp.wire.answered(message_id)
        if isinstance(verdict, Answer):
            await cp.wire.reply([CALL_RESULT, message_id, verdict.payload])
            if verdict.then:
                verdict.then()
        else:
            cp.wire.unanswered += 1
            if verdict is GARBAGE:
                await cp.wire.send(f'[3,"{message_id}",{{"status":')
            cp.changed()

    async def _verdict(self, action: str, payload: Any) -> Answer | Odd:
        override = await self._override(action, payload)
        if override is not None:
            return override
        refusal = self._cp.faults.refusal_of(action)
        if refusal is not None:
            return Answer(payload=refusal)
        return self._own(action, payload)

    async def _override(self, action: str, payload: Any) -> Answer | Odd | None:
        if action not in self._cp.answers:
            return None
        chosen: Override = self._cp.answers[action]
        verdict: Verdict
        if callable(chosen):
            found = chosen(payload)
            verdict = await found if inspect.isawaitable(found) else found
        else:
            verdict = chosen
        match verdict:
            case dict():
                return Answer(payload=verdict)
            case SimulatedCallError():
                raise verdict
            case Exception():
                raise SimulatedCallError("InternalError", str(verdict))
        return verdict

    def _own(self, action: str, payload: Any) -> Answer | Odd:
        """Return what the charge point says by itself; raises SimulatedCallError."""
        cp = self._cp
        handler = _HANDLERS.get(action)
        if handler is None:
            raise SimulatedCallError("NotImplemented", f"{action} is not known")
        if not isinstance(payload, dict):
            raise SimulatedCallError("FormationViolation", "the payload is no object")
        if action in _ONLY_ACCEPTED and cp.registration is not Registration.ACCEPTED:
            cp.violations.append(
                f"{action} while the registration is {cp.registration}"
            )
            if cp.registration is Registration.PENDING:
                return SILENCE
        try:
            return handler(cp, payload)
        except KeyError as missing:
            raise SimulatedCallError(
                "ProtocolError", f"{missing} is missing"
            ) from missing
        except ValueError as wrong:
            raise SimulatedCallError(
                "PropertyConstraintViolation", str(wrong)
            ) from wrong
        except (TypeError, AttributeError) as wrong:
            raise SimulatedCallError("TypeConstraintViolation", str(wrong)) from wrong
