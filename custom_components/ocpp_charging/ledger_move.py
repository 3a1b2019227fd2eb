"""Moves a central system's books to another database."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
import logging
from typing import Any

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant

from .hub import OcppConfigEntry, database_of
from .ledger import LedgerUnavailable, SessionFilter
from .ledger.copying import continue_ids, copy_books
from .ledger.database import parse

_LOGGER = logging.getLogger(__name__)


async def async_count_sessions(entry: OcppConfigEntry) -> int | None:
    """Return how many sessions the present database has; None while it is away.

    Raises `LedgerUnavailable` when they cannot be read at present.
    """
    if entry.state is not ConfigEntryState.LOADED:
        return None
    ledger = entry.runtime_data.journal.ledger
    return (await ledger.totals(SessionFilter(refused=True))).sessions


async def async_move(
    hass: HomeAssistant,
    entry: OcppConfigEntry,
    options: Mapping[str, Any],
    *,
    with_history: bool,
) -> None:
    """Go on in the database that `options` name, if asked with all that was kept.

    Meanwhile no transaction is answered: chargers keep them and tell them again. Raises
    `LedgerUnavailable` when it stays as it was.
    """
    source = parse(database_of(hass, entry))
    target = parse(database_of(hass, entry, options))
    loaded = entry.state is ConfigEntryState.LOADED
    now = datetime.now(UTC)
    carry = (
        partial(copy_books, source, target, entry.entry_id, now)
        if with_history
        else partial(continue_ids, source, target, now)
    )
    try:
        if loaded:
            await _async_close(entry, with_history=with_history)
        await hass.async_add_executor_job(carry)
    except LedgerUnavailable:
        if loaded:
            hass.config_entries.async_schedule_reload(entry.entry_id)
        raise
    # One that is loaded sees that its database is another, and loads anew.
    hass.config_entries.async_update_entry(entry, options=options)
    if not loaded:
        hass.config_entries.async_schedule_reload(entry.entry_id)


async def _async_close(entry: OcppConfigEntry, *, with_history: bool) -> None:
    """Have nothing written any more. Raises `LedgerUnavailable` if some was not."""
    journal = entry.runtime_data.journal
    if with_history:
        # Where this fails, all is as it was.
        await journal.async_flush()
    try:
        await journal.async_close()
    except OSError as error:
        if with_history:
            raise
        _LOGGER.warning("What was learned last is lost: %s", error)
