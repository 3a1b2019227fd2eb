"""What a charge point says to a call of the central system."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

type Json = dict[str, Any]


class Odd(Enum):
    """Answers that are none."""

    SILENCE = "silence"
    GARBAGE = "garbage"


SILENCE: Final = Odd.SILENCE
"""No answer at all."""
GARBAGE: Final = Odd.GARBAGE
"""A text that is no JSON."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The payload of a CALLRESULT, and what is done once it has been sent."""

    payload: Json
    then: Callable[[], None] | None = None


type Verdict = Json | Odd | Answer | Exception | None
type Override = Verdict | Callable[[Json], Verdict | Awaitable[Verdict]]
"""What tests put into `ChargePoint.answers`.

A payload is sent as it is and nothing else happens; an exception becomes a CALLERROR;
None (from a callable) leaves the answer to the charge point.
"""


def accepted(then: Callable[[], None] | None = None) -> Answer:
    """Return the usual yes."""
    return Answer(payload={"status": "Accepted"}, then=then)


def rejected() -> Answer:
    """Return the usual no."""
    return Answer(payload={"status": "Rejected"})


def status(word: str) -> Answer:
    """Return an answer that is only a status."""
    return Answer(payload={"status": word})
