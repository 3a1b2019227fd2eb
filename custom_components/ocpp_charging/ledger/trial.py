"""Tries a database before the ledger is entrusted to it."""

import asyncio
from contextlib import closing
from pathlib import Path
import sqlite3
from typing import Final
from urllib.parse import quote

from sqlalchemy import URL

from .database import sqlite_path
from .errors import Cause, LedgerUnavailable
from .faults import unavailable
from .ledger import Ledger
from .records import SessionFilter
from .schema import versions

PATIENCE_S: Final = 20.0
"""Longer nobody waits before a form for what a server says."""

_closing: set[asyncio.Task[None]] = set()


async def try_out(url: URL, central: str) -> int:
    """Open a database and make the tables where there are none.

    Returns how many sessions of this central system are in it. Raises
    `LedgerUnavailable`, also for a file that another program has made.
    """
    path = sqlite_path(url)
    if path is not None:
        await asyncio.get_running_loop().run_in_executor(None, _check_file, path, url)
    ledger = Ledger(url, central=central)
    try:
        async with asyncio.timeout(PATIENCE_S):
            _opening = await ledger.open()
            return (await ledger.totals(SessionFilter(refused=True))).sessions
    except TimeoutError:
        raise LedgerUnavailable(Cause.UNREACHABLE, "it does not answer") from None
    finally:
        # A server that says nothing is not waited for.
        task = asyncio.get_running_loop().create_task(ledger.close())
        _closing.add(task)
        task.add_done_callback(_closing.discard)
        await asyncio.wait({task}, timeout=1)


def _check_file(path: Path, url: URL) -> None:
    """Raise `LedgerUnavailable` unless a file is the ledger's, or can become it.

    A file that is no sound database would be set aside: it must be none of another
    program. Nor is it looked for in a folder that is not there.
    """
    try:
        if not path.parent.is_dir():
            raise LedgerUnavailable(Cause.NO_DATABASE, "there is no such folder")
        if not path.exists() or path.stat().st_size == 0:
            return
        place = f"file:{quote(str(path))}?mode=ro"
        with closing(sqlite3.connect(place, uri=True)) as connection:
            found = {
                name
                for (name,) in connection.execute(
                    "SELECT name FROM sqlite_schema WHERE type = 'table'"
                )
            }
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_NOTADB:
            raise LedgerUnavailable(Cause.OCCUPIED, "it is no database") from None
        raise unavailable(error, url) or LedgerUnavailable(Cause.OTHER) from None
    except OSError as error:
        raise unavailable(error, url) or LedgerUnavailable(Cause.OTHER) from None
    if found and versions.name not in found:
        raise LedgerUnavailable(Cause.OCCUPIED, "it is another program's database")
