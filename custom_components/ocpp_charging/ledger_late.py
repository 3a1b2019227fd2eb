"""Files what chargers told of transactions while the database was away.

Such a message is not answered, so the charger keeps it and tells it again; but many do
so three times only and then drop it (`TransactionMessageAttempts`, OCPP 1.6 §9.1.31).
It is therefore kept here too, until Home Assistant ends, and filed when the database
is there again. One that the charger tells again all the same is recognised as told.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from contextlib import suppress
import logging
from typing import Final

from .ledger import LedgerUnavailable

_LOGGER = logging.getLogger(__name__)

MAX_OF_ONE: Final = 64
"""So many starts and ends of one charger are kept; more it keeps by itself."""

type File = Callable[[], Awaitable[object]]


class LateFiling:
    """What could not be filed when it was told, by charger and in its order."""

    def __init__(self, ready: Callable[[], bool]) -> None:
        """Begin with nothing; `ready` says whether something can be filed now."""
        self._ready = ready
        self._waiting: dict[str, dict[Hashable, File]] = {}
        self._filing: asyncio.Task[None] | None = None

    def keep(self, identity: str, key: Hashable, file: File) -> None:
        """Have something filed later; the same `key` told again is the same."""
        waiting = self._waiting.setdefault(identity, {})
        if len(waiting) < MAX_OF_ONE:
            waiting.setdefault(key, file)
        self.begin()

    def forget(self, identity: str) -> None:
        """Drop what waits of a charger that was removed."""
        self._waiting.pop(identity, None)

    def begin(self) -> None:
        """File what waits, if that is possible."""
        busy = self._filing is not None and not self._filing.done()
        if self._waiting and self._ready() and not busy:
            self._filing = asyncio.get_running_loop().create_task(self._file())

    async def close(self) -> None:
        """File no more: the chargers tell again what they still have."""
        if self._filing is not None:
            self._filing.cancel()
            with suppress(asyncio.CancelledError):
                await self._filing

    async def _file(self) -> None:
        while self._waiting:
            identity, waiting = next(iter(self._waiting.items()))
            if not waiting:
                del self._waiting[identity]
                continue
            key, file = next(iter(waiting.items()))
            try:
                await file()
            except LedgerUnavailable as error:
                _LOGGER.debug("%s: still not filed: %s", identity, error)
                return
            except Exception:
                _LOGGER.exception("%s: a message was not filed", identity)
            waiting.pop(key, None)
