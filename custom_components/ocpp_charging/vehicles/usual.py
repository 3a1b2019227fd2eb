"""What a car usually needs, from the sessions in the ledger."""

from collections.abc import Iterable
from dataclasses import replace
from statistics import median
from typing import Final

from ..ledger import Ledger, Session, SessionFilter, SessionState

SESSIONS: Final = 10
"""So many of the last sessions are looked at."""

LEAST_WH: Final = 500
"""A session that took less was none: broken off, or a car that was full."""

_READ: Final = 3 * SESSIONS
"""So many are read, as some of them may have taken next to nothing."""


async def async_usual_kwh(
    ledger: Ledger,
    id_tags: Iterable[str],
    identity: str | None,
    connector_id: int | None,
) -> float | None:
    """Return the median of the last sessions of these tags, in kWh.

    Where there are none, of those at the connector; `None` when there are none either.
    The ledger reads beside the event loop. Raises `LedgerUnavailable`.
    """
    wanted = SessionFilter(state=SessionState.ENDED, limit=_READ, newest_first=True)
    found: list[Session] = []
    for id_tag in sorted(id_tags):
        found += await ledger.sessions(replace(wanted, id_tag=id_tag))
    usual = _usual(found)
    if usual is None and identity is not None:
        here = replace(wanted, charger=identity, connector=connector_id)
        usual = _usual(await ledger.sessions(here))
    return usual


def _usual(sessions: Iterable[Session]) -> float | None:
    last = sorted(sessions, key=lambda each: each.started_at, reverse=True)
    taken = [
        each.energy_wh for each in last if each.energy_wh and each.energy_wh >= LEAST_WH
    ]
    return median(taken[:SESSIONS]) / 1000 if taken else None
