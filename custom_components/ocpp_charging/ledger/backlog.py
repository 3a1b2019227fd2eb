"""What is written soon: register readings and what was learned of chargers.

It waits here in the form in which it will be filed, so that it stays small while the
database is away: of one minute and register the last value, of a charger the latest.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
import logging
from threading import Lock
from typing import Final

from .facts import minute, named
from .records import ChargerRecord, Register, Start

_LOGGER = logging.getLogger(__name__)

MAX_REGISTERS: Final = 100_000
"""Register readings that wait: a day and a half of forty chargers, some 30 MB."""

type RegisterKey = tuple[str, int, int, int, str]


def _key(register: Register) -> RegisterKey:
    return (
        register.charger,
        named(register.transaction_id),
        register.connector,
        minute(register.time.raw),
        register.kind.value,
    )


@dataclass(kw_only=True)
class Portion:
    """What is taken from the backlog to be written at once."""

    registers: dict[RegisterKey, Register] = field(default_factory=dict)
    chargers: dict[str, ChargerRecord] = field(default_factory=dict)
    found: dict[tuple[str, int | None], Start] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Say whether there is anything in it."""
        return bool(len(self))

    def __len__(self) -> int:
        """Return how many things are in it."""
        return len(self.registers) + len(self.chargers) + len(self.found)


class Backlog:
    """Filled by the event loop, emptied by the writer's thread."""

    def __init__(self, limit: int = MAX_REGISTERS) -> None:
        """Begin empty; at most `limit` register readings wait."""
        self._limit = limit
        self._lock = Lock()
        self._waiting = Portion()
        self.dropped = 0

    def __bool__(self) -> bool:
        """Say whether anything waits."""
        return bool(self._waiting)

    def __len__(self) -> int:
        """Return how many things wait."""
        return len(self._waiting)

    def add_registers(self, registers: Iterable[Register]) -> None:
        """Add register readings; when there are too many, the oldest give way."""
        with self._lock:
            for register in registers:
                self._put(_key(register), register)

    def add_charger(self, record: ChargerRecord) -> None:
        """Add what is known of a charger, in place of what was."""
        with self._lock:
            self._waiting.chargers[record.identity] = record

    def add_found(self, start: Start) -> None:
        """Add a session that was found running under a number of the charger's."""
        with self._lock:
            self._waiting.found[start.charger, start.charger_transaction_id] = start

    def drop_charger(self, identity: str) -> None:
        """Drop what waits of a charger."""
        with self._lock:
            self._waiting.chargers.pop(identity, None)

    def take(self, limit: int) -> Portion:
        """Take out up to `limit` of each kind, the oldest first."""
        with self._lock:
            waiting = self._waiting
            taken = Portion()
            for key in list(waiting.registers)[:limit]:
                taken.registers[key] = waiting.registers.pop(key)
            for identity in list(waiting.chargers)[:limit]:
                taken.chargers[identity] = waiting.chargers.pop(identity)
            taken.found, waiting.found = waiting.found, {}
            return taken

    def put_back(self, portion: Portion) -> None:
        """Take back what could not be written; what came meanwhile is newer."""
        with self._lock:
            newer, self._waiting = self._waiting, portion
            self._waiting.chargers.update(newer.chargers)
            self._waiting.found.update(newer.found)
            for key, register in newer.registers.items():
                self._put(key, register)

    def _put(self, key: RegisterKey, register: Register) -> None:
        waiting = self._waiting.registers
        known = waiting.get(key)
        if known is not None:
            order = (register.time.raw, register.wh)
            if order > (known.time.raw, known.wh):
                waiting[key] = register
            return
        if len(waiting) >= self._limit:
            del waiting[next(iter(waiting))]
            self.dropped += 1
            if self.dropped == 1:
                _LOGGER.error("Too many register readings wait: the oldest are lost")
        waiting[key] = register
