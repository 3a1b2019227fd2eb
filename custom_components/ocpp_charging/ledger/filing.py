"""What is written of sessions, within one transaction of the database.

A fact is filed once, however often it is told, and everything else is worked out from
the facts, so that their order cannot matter.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    Connection,
    Row,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from . import adoption, facts, register_rows, stops
from .columns import LIMIT_IDENTITY, LIMIT_TAG, LIMIT_WORD, text, whole
from .energy import Note, session_energy
from .records import Register, SessionState, Start, Stop
from .schema import chargers, id_tags, transactions

GIVEN_UP: Final = "given_up"
"""The reason of a session that ran when its charger was removed, until it has one."""


class Filing:
    """Writes for one central system over a connection that is in a transaction."""

    def __init__(
        self,
        connection: Connection,
        central: str,
        now: datetime,
        ids: Mapping[str, int] | None = None,
    ) -> None:
        """Bind the connection; `now` is when what is written was learned.

        `ids` are chargers' row numbers that are known already.
        """
        self.ids = dict(ids or {})
        self.changed: set[str] = set()
        """The chargers with sessions that began, ended or came out otherwise."""
        self.connection = connection
        self.central = central
        self.now = now

    def charger_id(self, identity: str) -> int:
        """Return the number of a charger's row, which is made when there is none."""
        name = text(identity, LIMIT_IDENTITY) or ""
        if name in self.ids:
            return self.ids[name]
        self.ids[name] = number = self._find_charger(name)
        return number

    def _find_charger(self, name: str) -> int:
        found: int | None = self.connection.scalar(
            select(chargers.c.id).where(
                chargers.c.central == self.central, chargers.c.identity == name
            )
        )
        if found is not None:
            return found
        made = self.connection.execute(
            insert(chargers).values(
                central=self.central,
                identity=name,
                forgotten=True,
                accepted=False,
                updated_at=self.now,
            )
        )
        return _key(made.inserted_primary_key)

    def start(self, start: Start, avoid: frozenset[int] = frozenset()) -> int:
        """File the beginning of a session and return its id.

        One that was filed before keeps the id that it has. A new id is none of
        `avoid`, nor one that the charger ever named another session by.
        """
        charger_id = self.charger_id(start.charger)
        tag = text(start.id_tag, LIMIT_TAG) or ""
        known = self._known_start(charger_id, tag, start)
        if known is not None:
            if start.charger_transaction_id is not None:
                adoption.name(self, known, start)
            return known
        values = {
            "charger_id": charger_id,
            "connector": start.connector,
            "id_tag": tag,
            "charger_transaction_id": whole(start.charger_transaction_id),
            "accepted": start.accepted,
            "started_at": start.time.at,
            "raw_started_at": start.time.raw,
            "meter_start_wh": whole(start.meter_start_wh),
            "clock_ahead_s": start.time.ahead_s,
            "state": SessionState.RUNNING,
        }
        transaction_id = adoption.claim(self, charger_id, values, avoid)
        other = None
        if transaction_id is None:
            transaction_id = self.add(charger_id, values, avoid)
            other = adoption.take_over(self, charger_id, transaction_id)
        self.changed.add(start.charger)
        self._see_tag(tag, start.time.at)
        self._settle_around(transaction_id, other)
        return transaction_id

    def stop(self, stop: Stop) -> int:
        """File the end of a session and return the session's id."""
        charger_id = self.charger_id(stop.charger)
        self.changed.add(stop.charger)
        transaction_id = stops.own(self.connection, charger_id, stop)
        loose = transaction_id is None
        if transaction_id is None:
            transaction_id = stops.told_before(self.connection, charger_id, stop)
        if transaction_id is None:
            transaction_id = self._orphan(charger_id, stop)
        elif not loose and self.row(transaction_id).raw_ended_at is None:
            self.end(transaction_id, stop)
        elif not loose and self.row(transaction_id).stop_named is not None:
            stops.detach(self, self.row(transaction_id))
            self.end(transaction_id, stop)
        if not loose:
            stops.drop_repeated(self.connection, charger_id, transaction_id, stop)
        # Those of a loose stop name no connector, so that they can go along with it.
        connector = 0 if loose else self.row(transaction_id).connector
        register_rows.write(
            self.connection,
            [
                register_rows.row(
                    charger_id, replace(register, connector=connector), transaction_id
                )
                for register in stop.registers
            ],
        )
        self._see_tag(text(stop.id_tag, LIMIT_TAG) or "", stop.time.at)
        other = None if loose else adoption.give_back(self, transaction_id)
        self._settle_around(transaction_id, other)
        return stops.resolve(self.connection, charger_id, transaction_id, stop)

    def registers(self, readings: Sequence[Register]) -> None:
        """File register values and what they change in sessions that have ended."""
        ids: dict[str, int] = {}
        rows = []
        for register in readings:
            if register.charger not in ids:
                ids[register.charger] = self.charger_id(register.charger)
            number = ids[register.charger]
            rows.append(register_rows.row(number, register, register.transaction_id))
        register_rows.write(self.connection, rows)
        ended = facts.ended_with(self.connection, rows)
        for transaction_id in ended:
            self.settle(transaction_id)
        if ended:
            self.changed.update(ids)

    def row(self, transaction_id: int) -> Row[Any]:
        """Return a transaction as it is filed."""
        return self.connection.execute(
            select(transactions).where(transactions.c.id == transaction_id)
        ).one()

    def end(self, transaction_id: int, stop: Stop) -> None:
        """Write a stop into the session that it names."""
        self.connection.execute(
            update(transactions)
            .where(transactions.c.id == transaction_id)
            .values(
                raw_ended_at=stop.time.raw,
                clock_ahead_s=stop.time.ahead_s,
                meter_stop_wh=whole(stop.meter_stop_wh),
                reason=text(stop.reason, LIMIT_WORD),
            )
        )

    def settle(self, transaction_id: int) -> None:
        """Work out a session's state, end and energy."""
        row = self.row(transaction_id)
        until = facts.end_of(self.connection, row)
        found = facts.of(self.connection, row, until)
        result = session_energy(found)
        notes = {str(note) for note in result.notes}
        state, ended_at, energy = SessionState(row.state), None, result.energy_wh
        if row.raw_ended_at is not None:
            if state is not SessionState.ORPHAN:
                state = SessionState.ENDED
            ended_at = facts.corrected(row.raw_ended_at, row.clock_ahead_s)
        elif row.reason == GIVEN_UP or until is not None:
            state = SessionState.ENDED
            last = max((value.at for value in found.values), default=None)
            ended_at = row.started_at if last is None else facts.ours(row, last)
            notes.add(Note.NO_STOP)
        else:
            state, energy = SessionState.RUNNING, None
        self.connection.execute(
            update(transactions)
            .where(transactions.c.id == transaction_id)
            .values(
                state=state,
                ended_at=ended_at,
                energy_wh=energy,
                gap_s=round(result.gap.total_seconds()),
                notes=sorted(notes) or None,
                settled_at=None,
            )
        )

    def _known_start(self, charger_id: int, tag: str, start: Start) -> int | None:
        columns = transactions.c
        same = [columns.charger_id == charger_id, columns.connector == start.connector]
        if start.meter_start_wh is not None or start.charger_transaction_id is None:
            same += [
                columns.id_tag == tag,
                columns.raw_started_at == start.time.raw,
                columns.meter_start_wh == whole(start.meter_start_wh),
            ]
        else:
            same += [
                columns.charger_transaction_id == whole(start.charger_transaction_id),
                or_(
                    columns.raw_ended_at.is_(None),
                    columns.raw_started_at == start.time.raw,
                ),
            ]
        found: int | None = self.connection.scalar(
            select(func.max(columns.id)).where(*same)
        )
        return found

    def add(
        self, charger_id: int, values: Mapping[str, Any], avoid: frozenset[int]
    ) -> int:
        """Insert a transaction; ids that are not wanted are used up."""
        columns = transactions.c
        while True:
            made = self.connection.execute(insert(transactions).values(**values))
            transaction_id = _key(made.inserted_primary_key)
            taken = transaction_id in avoid or self.connection.scalar(
                select(columns.id)
                .where(
                    columns.charger_id == charger_id,
                    or_(
                        columns.charger_transaction_id == transaction_id,
                        columns.stop_named == transaction_id,
                    ),
                )
                .limit(1)
            )
            if not taken:
                return transaction_id
            self.connection.execute(
                delete(transactions).where(columns.id == transaction_id)
            )

    def _orphan(self, charger_id: int, stop: Stop) -> int:
        """File a stop that names no session of ours as a session of its own."""
        values = {
            "charger_id": charger_id,
            "connector": stop.connector or 0,
            "id_tag": text(stop.id_tag, LIMIT_TAG) or "",
            "accepted": True,
            "started_at": stop.time.at,
            "raw_started_at": stop.time.raw,
            "raw_ended_at": stop.time.raw,
            "clock_ahead_s": stop.time.ahead_s,
            "meter_stop_wh": whole(stop.meter_stop_wh),
            "reason": text(stop.reason, LIMIT_WORD),
            "stop_named": whole(stop.transaction_id),
            "stop_tag": text(stop.id_tag, LIMIT_TAG) or "",
            "state": SessionState.ORPHAN,
        }
        return self.add(charger_id, values, frozenset())

    def _settle_around(self, transaction_id: int, other: int | None) -> None:
        """Settle a session, those that its facts may have changed, and another."""
        row = self.row(transaction_id)
        changed = stops.match(self, row.charger_id)
        if other is not None:
            changed.add(other)
        columns = transactions.c
        before: int | None = self.connection.scalar(
            select(columns.id)
            .where(
                columns.charger_id == row.charger_id,
                columns.connector == row.connector,
                columns.state != SessionState.ORPHAN,
                columns.raw_started_at <= facts.began(row),
                columns.id != row.id,
                columns.raw_ended_at.is_(None),
            )
            .order_by(columns.raw_started_at.desc(), columns.id.desc())
            .limit(1)
        )
        if not changed:
            self.settle(transaction_id)
            if before is not None:
                self.settle(before)
            return
        changed.add(transaction_id)
        if before is not None:
            changed.add(before)
        for each in sorted(changed):
            if stops.exists(self.connection, each):
                self.settle(each)

    def _see_tag(self, tag: str, at: datetime) -> None:
        if not tag:
            return
        known = self.connection.execute(
            select(id_tags).where(id_tags.c.id_tag == tag)
        ).one_or_none()
        if known is None:
            self.connection.execute(
                insert(id_tags).values(id_tag=tag, first_seen_at=at, last_seen_at=at)
            )
            return
        first, last = min(known.first_seen_at, at), max(known.last_seen_at, at)
        if (first, last) != (known.first_seen_at, known.last_seen_at):
            self.connection.execute(
                update(id_tags)
                .where(id_tags.c.id_tag == tag)
                .values(first_seen_at=first, last_seen_at=last)
            )


def _key(key: Sequence[Any] | None) -> int:
    assert key is not None
    return int(key[0])
