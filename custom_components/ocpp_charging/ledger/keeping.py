"""What is kept of chargers, and what is thrown away in time."""

from collections.abc import Sequence

from sqlalchemy import Connection, delete, func, or_, select, update

from . import facts
from .columns import LIMIT_IDENTITY, moment, text
from .energy import essential
from .filing import GIVEN_UP, Filing
from .records import ChargerRecord, SessionState
from .schema import chargers, registers, settlements, transactions


def save_charger(filing: Filing, record: ChargerRecord) -> None:
    """Keep what is known of a charger."""
    charger_id = filing.charger_id(record.identity)
    filing.connection.execute(
        update(chargers)
        .where(chargers.c.id == charger_id)
        .values(
            forgotten=False,
            accepted=record.accepted,
            info=dict(record.info),
            features=dict(record.features),
            memory=dict(record.memory),
            updated_at=filing.now,
        )
    )


def forget(filing: Filing, identity: str, *, history: bool) -> None:
    """Drop what was learned of a charger, and with `history` its sessions too.

    Their ids are never given again. Sessions that stay and were running have ended.
    """
    connection = filing.connection
    name = text(identity, LIMIT_IDENTITY) or ""
    charger_id = connection.scalar(
        select(chargers.c.id).where(
            chargers.c.central == filing.central, chargers.c.identity == name
        )
    )
    if charger_id is None:
        return
    filing.changed.add(identity)
    if history:
        _delete_history(connection, [charger_id])
        filing.ids.pop(name, None)
        connection.execute(delete(chargers).where(chargers.c.id == charger_id))
        return
    running = connection.scalars(
        select(transactions.c.id).where(
            transactions.c.charger_id == charger_id,
            transactions.c.state == SessionState.RUNNING,
        )
    ).all()
    for transaction_id in running:
        connection.execute(
            update(transactions)
            .where(transactions.c.id == transaction_id)
            .values(reason=GIVEN_UP)
        )
        filing.settle(transaction_id)
    connection.execute(
        update(chargers)
        .where(chargers.c.id == charger_id)
        .values(
            forgotten=True,
            accepted=False,
            info=None,
            features=None,
            memory=None,
            updated_at=filing.now,
        )
    )


def forget_all(filing: Filing) -> None:
    """Delete everything of this central system."""
    connection = filing.connection
    _delete_history(connection, charger_ids(filing))
    filing.ids.clear()
    connection.execute(delete(chargers).where(chargers.c.central == filing.central))


def charger_ids(filing: Filing) -> Sequence[int]:
    """Return the numbers of this central system's chargers."""
    return filing.connection.scalars(
        select(chargers.c.id).where(chargers.c.central == filing.central)
    ).all()


def prune(filing: Filing, charger_id: int, before: int) -> int:
    """Delete a charger's register readings from before a minute; return how many.

    Those stay that an old session's energy depends on, and all of a session that
    runs.
    """
    connection = filing.connection
    columns = transactions.c
    running = connection.scalar(
        select(func.min(columns.raw_started_at)).where(
            columns.charger_id == charger_id, columns.state == SessionState.RUNNING
        )
    )
    if running is not None:
        before = min(before, facts.minute(running))
    old = (
        registers.c.charger_id == charger_id,
        registers.c.raw_minute < before,
        # That of a clock which was not set is long ago only by itself.
        registers.c.at < moment(before * facts.MINUTE_US),
        registers.c.kept.is_(False),
    )
    oldest = connection.scalar(select(func.min(registers.c.raw_at)).where(*old))
    if oldest is None:
        return 0
    sessions = connection.execute(
        select(transactions).where(
            columns.charger_id == charger_id,
            columns.state != SessionState.RUNNING,
            columns.raw_started_at < moment(before * facts.MINUTE_US),
            func.coalesce(columns.raw_ended_at, columns.ended_at) >= oldest,
        )
    ).all()
    for row in sessions:
        found = facts.of(connection, row, facts.end_of(connection, row))
        kept = essential(found)
        for value in kept:
            connection.execute(
                update(registers)
                .where(
                    registers.c.charger_id == charger_id,
                    or_(registers.c.raw_at == value.at, registers.c.at == value.at),
                    registers.c.wh == value.wh,
                    registers.c.kind == str(value.kind),
                )
                .values(kept=True)
            )
    return connection.execute(delete(registers).where(*old)).rowcount


def _delete_history(connection: Connection, ids: Sequence[int]) -> None:
    for charger_id in ids:
        of_charger = select(transactions.c.id).where(
            transactions.c.charger_id == charger_id
        )
        connection.execute(
            delete(settlements).where(settlements.c.transaction_id.in_(of_charger))
        )
        for table in (registers, transactions):
            connection.execute(delete(table).where(table.c.charger_id == charger_id))
