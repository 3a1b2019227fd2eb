"""What was charged, and for how much: kept in a database, never lost.

This package knows nothing of Home Assistant and nothing of OCPP.
"""

from .errors import Cause, LedgerUnavailable
from .ledger import Ledger, Opening
from .records import (
    ChargerRecord,
    ChargerTime,
    Cost,
    Register,
    RegisterKind,
    Session,
    SessionFilter,
    SessionState,
    Start,
    Stop,
    Totals,
)
from .settling import Due, Rates, Stretch

__all__ = [
    "Cause",
    "ChargerRecord",
    "ChargerTime",
    "Cost",
    "Due",
    "Ledger",
    "LedgerUnavailable",
    "Opening",
    "Rates",
    "Register",
    "RegisterKind",
    "Session",
    "SessionFilter",
    "SessionState",
    "Start",
    "Stop",
    "Stretch",
    "Totals",
]
