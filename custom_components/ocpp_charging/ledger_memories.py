"""Holds the memories of the chargers, and has the ledger keep them as they change."""

import asyncio
from collections import defaultdict
from collections.abc import Callable
import logging
from typing import Final

from .csms.model import ChargerMemory
from .ledger import ChargerRecord, Ledger, LedgerUnavailable
from .ledger_recall import Kept, merged
from .storage_codec import encode

_LOGGER = logging.getLogger(__name__)

SAVE_DELAY_S: Final = 2.0
"""A charger that changes says several things in a row: they are written together."""

AT_ONCE: Final = 10
"""So many memories are made JSON of before the event loop has its turn again."""

type Saved = Callable[[str, ChargerMemory], None]


class Memories:
    """What is remembered of each charger, written as JSON soon after it changed.

    Nothing is written before `take_over` has brought what is kept: it would be lost.
    """

    def __init__(self, ledger: Ledger, saved: Saved) -> None:
        """Begin empty; `saved` is called with each memory that is handed over."""
        self._ledger = ledger
        self._saved = saved
        self._memories: dict[str, ChargerMemory] = {}
        self._ours: defaultdict[str, set[int]] = defaultdict(set)
        self._found: defaultdict[str, set[int]] = defaultdict(set)
        self._stale: dict[str, None] = {}
        self._limits_a: dict[str, dict[int, float]] = {}
        self._forgotten: dict[str, bool] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._forgetting: set[asyncio.Task[None]] = set()
        self.complete = False
        self._closed = False

    @property
    def identities(self) -> frozenset[str]:
        """Return the chargers of which something is remembered."""
        return frozenset(self._memories)

    def memory(self, identity: str) -> ChargerMemory:
        """Return what is remembered of a charger; nothing yet is an empty memory."""
        return self._memories.setdefault(identity, ChargerMemory())

    def take_over(self, kept: Kept) -> None:
        """Bring what is kept together with what was learned before it could be read."""
        for identity, memory in kept.memories.items():
            if identity in self._forgotten:
                continue
            learned = self._memories.get(identity)
            if learned is not None:
                memory = merged(memory, learned)
                self._stale[identity] = None
            self._memories[identity] = memory
        for known, added in ((self._ours, kept.ours), (self._found, kept.found)):
            for identity, number in added:
                known[identity].add(number)
        self.complete = True
        self.forget_soon()
        if self._stale and self._timer is None:
            self._save_in(SAVE_DELAY_S)

    def is_ours(self, identity: str, number: int) -> bool:
        """Say whether a transaction's number is an id of the ledger's."""
        return number in self._ours.get(identity, ())

    def note_ours(self, identity: str, number: int) -> None:
        """Note that the ledger gave this id."""
        self._ours[identity].add(number)

    def is_found(self, identity: str, number: int) -> bool:
        """Say whether a transaction was filed under this number of the charger's."""
        return number in self._found.get(identity, ())

    def note_found(self, identity: str, number: int) -> None:
        """Note that a transaction was filed under a number of the charger's own."""
        self._found[identity].add(number)

    def remember(self, identity: str, memory: ChargerMemory) -> None:
        """Have a memory kept, soon; with another limit at once: that is the owner's."""
        self._memories[identity] = memory
        self._forgotten.pop(identity, None)
        self._stale[identity] = None
        # What is said after the end is kept by the sessions themselves.
        if not self.complete or self._closed:
            return
        if memory.limits_a != self._limits_a.get(identity, {}):
            self._save(identity)
        elif self._timer is None:
            self._save_in(SAVE_DELAY_S)

    def forget(self, identity: str, *, history: bool) -> None:
        """Drop what was learned of a charger, and with `history` its sessions too."""
        for each in (self._memories, self._stale, self._ours, self._found):
            each.pop(identity, None)
        self._limits_a.pop(identity, None)
        self._forgotten[identity] = history
        self.forget_soon()

    def forget_soon(self) -> None:
        """Have the ledger forget what it could not forget before."""
        if not self._forgotten:
            return
        task = asyncio.get_running_loop().create_task(self.forget_now())
        self._forgetting.add(task)
        task.add_done_callback(self._forgetting.discard)

    async def forget_now(self, *, raising: bool = False) -> None:
        """Have the ledger forget now. Raises `LedgerUnavailable` if so asked.

        Not before `take_over`, which must know what not to bring back.
        """
        if not self.complete:
            return
        for identity in tuple(self._forgotten):
            history = self._forgotten[identity]
            try:
                await self._ledger.forget(identity, history=history)
            except LedgerUnavailable as error:
                if raising:
                    raise
                _LOGGER.warning("%s is not forgotten yet: %s", identity, error)
                return
            self._forgotten.pop(identity, None)

    async def hand_over(self) -> None:
        """Hand all that changed to the ledger, and wait for what it is to forget."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        await asyncio.gather(*self._forgetting)
        while self._stale and self.complete:
            self._save_some()

    async def close(self) -> None:
        """Hand over what changed, for the last time: the ledger is closed after it."""
        self._closed = True
        await self.hand_over()

    def _save_in(self, delay_s: float) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(delay_s, self._save_due)

    def _save_due(self) -> None:
        self._timer = None
        self._save_some()
        if self._stale:
            self._save_in(0)

    def _save_some(self) -> None:
        """Hand a few of the changed memories to the ledger."""
        for identity in list(self._stale)[:AT_ONCE]:
            self._save(identity)

    def _save(self, identity: str) -> None:
        """Hand a memory to the ledger."""
        del self._stale[identity]
        memory = self._memories[identity]
        self._limits_a[identity] = dict(memory.limits_a)
        data = encode(memory)
        self._ledger.save_charger(
            ChargerRecord(
                identity=identity,
                accepted=memory.accepted,
                info=data["info"],
                features=data["features"],
                memory=data,
            )
        )
        self._saved(identity, memory)
        self._drop_numbers(identity, memory)

    def _drop_numbers(self, identity: str, memory: ChargerMemory) -> None:
        """Drop the numbers of transactions that are remembered no more."""
        named = set(memory.transactions)
        for each in memory.transactions.values():
            if each.own_number is not None:
                named.add(each.own_number)
        for numbers in (self._ours, self._found):
            numbers[identity] &= named
