"""Files that chargers send us: one-time addresses to send to, and where they are kept.

A charger knows no login of Home Assistant. So each file that it is asked for gets an
address of its own, that nobody can guess, that ends, and that takes one file.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
import os
from pathlib import Path
import re
import secrets
from typing import Final

from homeassistant.core import HomeAssistant, callback
from homeassistant.util import dt as dt_util
from homeassistant.util.hass_dict import HassKey

from .const import DOMAIN

MAX_FILE: Final = 64 * 1024 * 1024
MAX_KEPT: Final = 20
"""Files; and all together no more bytes than `MAX_TOTAL`. The oldest go first."""
MAX_TOTAL: Final = 256 * 1024 * 1024
MAX_OPEN: Final = 8
"""Addresses that wait for a file at the same time."""
LIFETIME: Final = timedelta(minutes=30)
CHUNK_TIMEOUT: Final = 30.0
"""Seconds without a byte after which a transfer is over."""

_NAME = re.compile(r"\d{8}-\d{6}-(?:diagnostics|log)-[0-9a-f]{8}\.bin", re.ASCII)
_PART = ".part"

DATA_FILES: HassKey[ChargerFiles] = HassKey(f"{DOMAIN}_files")


class FileKind(StrEnum):
    """What a charger was asked for."""

    DIAGNOSTICS = "diagnostics"
    LOG = "log"


class TooLarge(Exception):
    """A file is larger than what is taken of a charger."""


class TooMany(Exception):
    """Enough addresses wait for a file already."""


@dataclass(frozen=True, kw_only=True)
class KeptFile:
    """A file of a charger; its name is ours."""

    name: str
    size: int


@dataclass(kw_only=True, eq=False)
class Ticket:
    """An address that waits for one file; `done` has it once it is here, whole."""

    token: str
    kind: FileKind
    expires: datetime
    done: asyncio.Future[KeptFile] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )
    busy: bool = False


class ChargerFiles:
    """The files below one folder, and the addresses that are open."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Begin with no address; the folder is made for the first file."""
        self._hass = hass
        self._folder = Path(hass.config.path(DOMAIN, "files"))
        self._tickets: dict[str, Ticket] = {}

    @callback
    def expect(self, kind: FileKind) -> Ticket:
        """Open an address. Raises `TooMany` when enough are open."""
        now = dt_util.utcnow()
        for known in list(self._tickets.values()):
            if known.expires <= now:
                self.close(known)
        if len(self._tickets) >= MAX_OPEN:
            raise TooMany
        token = secrets.token_urlsafe(24)
        ticket = Ticket(token=token, kind=kind, expires=now + LIFETIME)
        self._tickets[token] = ticket
        return ticket

    @callback
    def find(self, token: str) -> Ticket | None:
        """Return the address that still waits for a file; None for any other."""
        ticket = self._tickets.get(token)
        if ticket is not None and ticket.expires <= dt_util.utcnow():
            self.close(ticket)
            return None
        return ticket

    @callback
    def close(self, ticket: Ticket) -> None:
        """Take no file at this address any more."""
        self._tickets.pop(ticket.token, None)
        ticket.done.cancel()

    async def receive(self, ticket: Ticket, chunks: AsyncIterator[bytes]) -> KeptFile:
        """Keep what comes, and close the address once it is whole.

        After a transfer that broke off the address waits on: a charger may try again.
        Raises `TooLarge`, `TimeoutError` when it comes too slowly,
        `ValueError` when it is empty, and `OSError`.
        """
        stamp = dt_util.utcnow().strftime("%Y%m%d-%H%M%S")
        name = f"{stamp}-{ticket.kind}-{secrets.token_hex(4)}.bin"
        part = self._folder / f"{name}{_PART}"
        run = self._hass.async_add_executor_job
        ticket.busy = True
        size = 0
        try:
            file = await run(_create, part)
            try:
                left = (ticket.expires - dt_util.utcnow()).total_seconds()
                async with asyncio.timeout(left):
                    while chunk := await _next(chunks):
                        size += len(chunk)
                        if size > MAX_FILE:
                            raise TooLarge
                        await run(_write, file, chunk)
            finally:
                await asyncio.shield(run(os.close, file))
            if not size:
                raise ValueError("an empty file")
            await run(self._take, part, name)
        except BaseException:
            await asyncio.shield(run(_drop, part))
            raise
        finally:
            ticket.busy = False
        kept = KeptFile(name=name, size=size)
        if not ticket.done.done():
            ticket.done.set_result(kept)
        self._tickets.pop(ticket.token, None)
        return kept

    def path(self, name: str) -> Path | None:
        """Return where a file of this name is kept; None for a name not of ours."""
        return self._folder / name if _NAME.fullmatch(name) else None

    def kept(self) -> tuple[KeptFile, ...]:
        """Return what is kept, the newest first. It reads the disk."""
        if not self._folder.is_dir():
            return ()
        return tuple(
            KeptFile(name=each.name, size=each.stat().st_size)
            for each in sorted(self._folder.iterdir(), reverse=True)
            if _NAME.fullmatch(each.name)
        )

    def delete(self, name: str) -> bool:
        """Delete a file; False when there is none. It writes to the disk."""
        path = self.path(name)
        if path is None or not path.is_file():
            return False
        path.unlink()
        return True

    def _take(self, part: Path, name: str) -> None:
        """Let a whole file take its place, and drop the oldest where it is too much."""
        part.rename(self._folder / name)
        # Names of the same second are in no order: the new one is never among the old.
        total = (self._folder / name).stat().st_size
        others = [each for each in self.kept() if each.name != name]
        for count, kept in enumerate(others, 2):
            total += kept.size
            if count > MAX_KEPT or total > MAX_TOTAL:
                self.delete(kept.name)


async def _next(chunks: AsyncIterator[bytes]) -> bytes:
    """Return the next bytes, none at the end. Raises `TimeoutError`."""
    async with asyncio.timeout(CHUNK_TIMEOUT):
        return await anext(chunks, b"")


def _create(path: Path) -> int:
    """Open a new file that only Home Assistant can read."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)


def _write(file: int, chunk: bytes) -> None:
    view = memoryview(chunk)
    while view:
        view = view[os.write(file, view) :]


def _drop(path: Path) -> None:
    path.unlink(missing_ok=True)


@callback
def charger_files(hass: HomeAssistant) -> ChargerFiles:
    """Return the files of all chargers."""
    if DATA_FILES not in hass.data:
        hass.data[DATA_FILES] = ChargerFiles(hass)
    return hass.data[DATA_FILES]
