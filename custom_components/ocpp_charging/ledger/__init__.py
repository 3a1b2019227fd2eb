"""What was charged, and for how much: kept in a database, never lost.

This package knows nothing of Home Assistant and nothing of OCPP.
"""

from .errors import Cause, LedgerUnavailable
from .ledger import Ledger, Opening
from .records import (
    ChargerRecord,
    ChargerTime,
    Register,
    RegisterKind,
    Session,
    SessionFilter,
    SessionState,
    Start,
    Stop,
    Totals,
)

__all__ = [
    "Cause",
    "ChargerRecord",
    "ChargerTime",
    "Ledger",
    "LedgerUnavailable",
    "Opening",
    "Register",
    "RegisterKind",
    "Session",
    "SessionFilter",
    "SessionState",
    "Start",
    "Stop",
    "Totals",
]
