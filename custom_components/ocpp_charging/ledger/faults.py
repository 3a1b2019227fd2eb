"""What a database's errors say of it."""

from collections.abc import Mapping
import errno
import os
import sqlite3
from typing import Any, Final

from sqlalchemy import URL, exc

from .database import secrets, sqlite_path
from .errors import Cause, LedgerUnavailable

_FEW_BYTES = 256 * 1024
"""With less room than this on its disk, SQLite's errors mean that it is full."""

_DETAIL_CHARACTERS = 200

_SQLITE_CAUSES: Final[Mapping[int, Cause]] = {
    sqlite3.SQLITE_FULL: Cause.DISK_FULL,
    sqlite3.SQLITE_BUSY: Cause.LOCKED,
    sqlite3.SQLITE_LOCKED: Cause.LOCKED,
    sqlite3.SQLITE_CORRUPT: Cause.DAMAGED,
    sqlite3.SQLITE_NOTADB: Cause.DAMAGED,
    sqlite3.SQLITE_CANTOPEN: Cause.NO_RIGHTS,
    sqlite3.SQLITE_READONLY: Cause.NO_RIGHTS,
    sqlite3.SQLITE_PERM: Cause.NO_RIGHTS,
}

_ERRNO_CAUSES: Final[Mapping[int, Cause]] = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), Cause.DISK_FULL),
    **dict.fromkeys(
        (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR),
        Cause.NO_RIGHTS,
    ),
}

_STATE_CAUSES: Final[Mapping[str, Cause]] = {
    "53300": Cause.UNREACHABLE,
    "42501": Cause.NO_RIGHTS,
    "25006": Cause.NO_RIGHTS,
    "53": Cause.DISK_FULL,
    "55": Cause.LOCKED,
    "40": Cause.LOCKED,
    "57": Cause.UNREACHABLE,
    "08": Cause.UNREACHABLE,
    "28": Cause.REFUSED,
    "3D": Cause.NO_DATABASE,
    "XX": Cause.DAMAGED,
}
"""By the SQLSTATE, or else its class (PostgreSQL, appendix A)."""

_LOGIN_CAUSES: Final[Mapping[str, Cause]] = {
    "does not exist": Cause.NO_DATABASE,
    "permission denied": Cause.NO_RIGHTS,
    "authentication failed": Cause.REFUSED,
    "no password supplied": Cause.REFUSED,
    "pg_hba.conf": Cause.REFUSED,
    "not permitted to log in": Cause.REFUSED,
}
"""By what PostgreSQL says when it lets nobody in: drivers then have no SQLSTATE."""

_MYSQL_CAUSES: Final[Mapping[int, Cause]] = {
    **dict.fromkeys((1021, 1114), Cause.DISK_FULL),
    **dict.fromkeys((1205, 1213), Cause.LOCKED),
    **dict.fromkeys((126, 1034, 1035), Cause.DAMAGED),
    **dict.fromkeys((1045, 1130, 1698), Cause.REFUSED),
    **dict.fromkeys((1044, 1142, 1227, 1290), Cause.NO_RIGHTS),
    1049: Cause.NO_DATABASE,
    **dict.fromkeys((1040, 1053, 2002, 2003, 2005, 2006, 2013), Cause.UNREACHABLE),
}
"""By the error number (MariaDB, error codes)."""


def unavailable(error: BaseException, url: URL) -> LedgerUnavailable | None:
    """Return what an error of the database says of it.

    None when the error is about what was asked, not about the database.
    """
    if isinstance(error, LedgerUnavailable):
        return error
    if isinstance(error, exc.TimeoutError):
        return LedgerUnavailable(Cause.LOCKED, "no connection was free")
    cause = _cause(error, url)
    if cause is None:
        return None
    original = error.orig if isinstance(error, exc.DBAPIError) else error
    return LedgerUnavailable(cause, _words(original, url))


def _words(original: BaseException | None, url: URL) -> str:
    """Return a driver's own words, without a password that they may repeat."""
    arguments: tuple[object, ...] = getattr(original, "args", ())
    numbered = len(arguments) == 2 and isinstance(arguments[0], int)
    lines = str(arguments[1] if numbered else original).strip().splitlines()
    words = lines[0] if lines else type(original).__name__
    for secret in secrets(url):
        words = words.replace(secret, "***")
    return words[:_DETAIL_CHARACTERS]


def _cause(error: BaseException, url: URL) -> Cause | None:
    original: Any = error.orig if isinstance(error, exc.DBAPIError) else error
    if isinstance(original, sqlite3.Error):
        return _sqlite_cause(original, url)
    if isinstance(error, OSError):
        return _ERRNO_CAUSES.get(error.errno or 0, Cause.OTHER)
    if not isinstance(error, exc.DBAPIError):
        return None
    state = getattr(original, "sqlstate", None) or getattr(original, "pgcode", None)
    if isinstance(state, str):
        for known in (state, state[:2]):
            if known in _STATE_CAUSES:
                return _STATE_CAUSES[known]
    number = original.args[0] if getattr(original, "args", ()) else None
    if isinstance(number, int) and number in _MYSQL_CAUSES:
        return _MYSQL_CAUSES[number]
    gone = error.connection_invalidated or isinstance(error, exc.InterfaceError)
    if gone or (state is None and isinstance(error, exc.OperationalError)):
        text = str(original)
        return next(
            (cause for words, cause in _LOGIN_CAUSES.items() if words in text),
            Cause.UNREACHABLE,
        )
    return Cause.OTHER if isinstance(error, exc.OperationalError) else None


def _sqlite_cause(error: sqlite3.Error, url: URL) -> Cause | None:
    # The low byte is the primary code.
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return None
    primary = code & 0xFF
    if primary == sqlite3.SQLITE_IOERR and _disk_is_full(url):
        return Cause.DISK_FULL
    if primary in _SQLITE_CAUSES:
        return _SQLITE_CAUSES[primary]
    about_the_file = isinstance(error, sqlite3.OperationalError) and primary not in {
        sqlite3.SQLITE_ERROR,
        sqlite3.SQLITE_CONSTRAINT,
    }
    return Cause.OTHER if about_the_file else None


def _disk_is_full(url: URL) -> bool:
    path = sqlite_path(url)
    if path is None:
        return False
    try:
        room = os.statvfs(path.parent)
    except OSError:
        return False
    return room.f_bavail * room.f_frsize < _FEW_BYTES
