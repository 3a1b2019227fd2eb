"""Why something could not be kept."""

from enum import StrEnum


class Cause(StrEnum):
    """What keeps the ledger from writing, as far as its owner can act on it.

    `REFUSED` is a login that the server does not take, `OCCUPIED` a database in which
    another program has tables of the same names.
    """

    DISK_FULL = "disk_full"
    LOCKED = "locked"
    DAMAGED = "damaged"
    UNREACHABLE = "unreachable"
    DRIVER_MISSING = "driver_missing"
    REFUSED = "refused"
    NO_DATABASE = "no_database"
    NO_RIGHTS = "no_rights"
    OCCUPIED = "occupied"
    NEWER = "newer"
    OTHER = "other"


class LedgerUnavailable(OSError):
    """The ledger can neither be written nor read at present.

    Nothing of what was asked for was kept, or it cannot be told whether it was: it
    must be asked for again, which does no harm. The text names no id tag and no
    password.
    """

    def __init__(self, cause: Cause, detail: str = "") -> None:
        """Say why, with a detail for the log."""
        super().__init__(f"{cause.value}: {detail}" if detail else cause.value)
        self.cause = cause
        self.detail = detail
