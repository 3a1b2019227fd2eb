"""Reads what the ledger keeps of the chargers, as the central system remembers it.

Transactions are filed at once and memories a little later, so the ledger's word on
them counts. What a charger was learned to be while the ledger could not be read is
brought together with what is kept (`merged`).
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
import logging
from typing import Any, Final

from .csms.clock import was_set
from .csms.model import ChargerMemory, Features, Transaction
from .ledger import ChargerRecord, Ledger, Session, SessionFilter, SessionState
from .storage_codec import decode

_LOGGER = logging.getLogger(__name__)

RECENT: Final = timedelta(days=2)
"""Sessions that began since then are remembered, also those that have ended."""

MAX_RECENT: Final = 8
ASKED_AT_ONCE: Final = 5000

type Key = tuple[str, int]
"""A charger's identity and the number of a transaction."""


@dataclass(kw_only=True)
class Kept:
    """What is kept of all chargers.

    `ours` are transactions whose number is the ledger's id, `found` those that were
    filed under a number of the charger's own.
    """

    memories: dict[str, ChargerMemory] = field(default_factory=dict)
    ours: set[Key] = field(default_factory=set)
    found: set[Key] = field(default_factory=set)

    def take(self, session: Session, *, new: bool) -> None:
        """Take a session over into its charger's memory; `new` ones too."""
        identity, number = session.charger, session.id
        if session.state is SessionState.ORPHAN:
            return
        own_number = session.charger_transaction_id
        if own_number is not None:
            self.found.add((identity, own_number))
            if session.meter_start_wh is None:
                return
        memory = self.memories.get(identity)
        if memory is None and new:
            memory = self.memories[identity] = ChargerMemory()
        known = None if memory is None else memory.transactions.get(number)
        if memory is None or (known is None and not new):
            # Another charger's number happens to be the same.
            return
        self.ours.add((identity, number))
        if own_number is not None and (identity, own_number) not in self.ours:
            # Its start was told after it had been found, and kept before its memory.
            memory.transactions.pop(own_number, None)
        if known is None:
            memory.transactions[number] = _transaction(session, memory.clock_offset_s)
        elif session.raw_ended_at is not None:
            ended = _transaction(session, memory.clock_offset_s)
            memory.transactions[number] = replace(
                ended, session_relative=known.session_relative, found_at=known.found_at
            )
        else:
            known.own_number = own_number
            known.energy_wh = max(known.energy_wh, float(session.energy_wh or 0))


async def read_kept(ledger: Ledger) -> Kept:
    """Read what is kept. Raises `LedgerUnavailable`.

    A memory that is damaged is logged and left out.
    """
    records = await ledger.chargers()
    kept = Kept(memories={record.identity: _memory(record) for record in records})
    remembered = [
        transaction_id
        for memory in kept.memories.values()
        for transaction_id in memory.transactions
    ]
    for begin in range(0, len(remembered), ASKED_AT_ONCE):
        ids = frozenset(remembered[begin : begin + ASKED_AT_ONCE])
        for session in await ledger.sessions(SessionFilter(ids=ids, refused=True)):
            kept.take(session, new=False)
    running = SessionFilter(state=SessionState.RUNNING, refused=True)
    for session in await ledger.sessions(running):
        kept.take(session, new=True)
    since = datetime.now(UTC) - RECENT
    recent = SessionFilter(since=since, refused=True, newest_first=True)
    counts: Counter[str] = Counter()
    for session in await ledger.sessions(recent):
        counts[session.charger] += 1
        if counts[session.charger] <= MAX_RECENT:
            kept.take(session, new=session.charger in kept.memories)
    return kept


def merged(kept: ChargerMemory, learned: ChargerMemory) -> ChargerMemory:
    """Return what is kept of a charger with what was learned without it.

    What was learned is newer and counts more, but nothing learned is no news. Of a
    transaction that was found running, the ledger knows better how it began.
    """
    known = kept
    firmware = learned.info.firmware
    if firmware is not None and firmware != kept.info.firmware:
        # New firmware may do what the old one refused or died of.
        features = kept.features.renewed()
        known = replace(kept, features=features, fatal_steps={}, answers_pings=False)
    result = _overlaid(known, learned, ChargerMemory())
    features = _overlaid(known.features, learned.features, Features())
    # Fewer may only mean that the others were not heard of yet.
    counts = (known.features.connectors, learned.features.connectors)
    features.connectors = max(filter(None, counts), default=None)
    result.features = features
    result.info = learned.info.completed_by(kept.info)
    result.last_reservation = max(kept.last_reservation, learned.last_reservation)
    result.transactions = _merged_transactions(kept, learned)
    return result


def _overlaid[T: (ChargerMemory, Features)](old: T, new: T, nothing: T) -> T:
    """Return `old` with what `new` says; of dictionaries, both have their part."""
    values: dict[str, Any] = {}
    for each in fields(nothing):
        before, after = getattr(old, each.name), getattr(new, each.name)
        if isinstance(before, dict):
            values[each.name] = {**before, **after}
        elif after != getattr(nothing, each.name):
            values[each.name] = after
    return replace(old, **values)


def _merged_transactions(
    kept: ChargerMemory, learned: ChargerMemory
) -> dict[int, Transaction]:
    result = dict(kept.transactions)
    for number, transaction in learned.transactions.items():
        known = kept.transactions.get(number) or _named(kept, number)
        if known is None:
            result[number] = transaction
            continue
        known.named |= known.transaction_id == number
        known.energy_wh = max(known.energy_wh, transaction.energy_wh)
        known.session_relative |= transaction.session_relative
    return result


def _named(kept: ChargerMemory, number: int) -> Transaction | None:
    """Return the running transaction that a charger has a number of its own for."""
    for each in kept.transactions.values():
        if each.own_number == number and each.ended_at is None:
            return each
    return None


def _transaction(session: Session, offset_s: float | None) -> Transaction:
    """Return a session as it is remembered, by a clock that is so far ahead."""
    charger_now = datetime.now(UTC) + timedelta(seconds=offset_s or 0)
    raw = session.raw_started_at
    timed = was_set(raw, charger_now)
    return Transaction(
        transaction_id=session.id,
        connector_id=session.connector,
        id_tag=session.id_tag,
        started_at=raw if timed else session.started_at,
        raw_started_at=None if timed else raw,
        meter_start_wh=session.meter_start_wh,
        energy_wh=float(session.energy_wh or 0),
        accepted=session.accepted,
        ended_at=session.raw_ended_at,
        meter_stop_wh=session.meter_stop_wh,
        stop_reason=session.reason,
        own_number=session.charger_transaction_id,
    )


def _memory(record: ChargerRecord) -> ChargerMemory:
    """Read a memory as far as it is sound."""
    try:
        return decode(ChargerMemory, record.memory)
    except ValueError as error:
        _LOGGER.warning(
            "What was learned of %s is damaged and left out: %s", record.identity, error
        )
    parts: Mapping[str, Any] = {"accepted": record.accepted, "info": record.info}
    try:
        return decode(ChargerMemory, parts)
    except ValueError:
        return ChargerMemory(accepted=record.accepted)
