"""What the commands of every subject are sent with."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from ..commands import Commands


class Calling(Commands, ABC):
    """A part of the commands; `Outgoing` puts the parts together and sends."""

    @abstractmethod
    async def _call(self, action: str, **payload: Any) -> dict[str, Any]:
        """Send what is not None of a payload, checked; return the answer."""

    @abstractmethod
    async def _ask(self, action: str, good: Sequence[str], **payload: Any) -> str:
        """Send a CALL whose answer is a status word; refuse all but the good ones."""
