"""What the ledger's tests file."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from custom_components.ocpp_charging.ledger import (
    ChargerTime,
    Ledger,
    Register,
    Start,
    Stop,
)

BEGIN = datetime(2026, 5, 1, 18, 0, tzinfo=UTC)


def at(minutes: float) -> ChargerTime:
    """Return a moment so many minutes after the first."""
    return ChargerTime(raw=BEGIN + timedelta(minutes=minutes))


def start(minutes: float = 0, **changes: Any) -> Start:
    """Return the start of a session."""
    values = {
        "charger": "CP1",
        "connector": 1,
        "id_tag": "TAG",
        "time": at(minutes),
        "meter_start_wh": 1000,
    }
    return Start(**{**values, **changes})


def stop(transaction_id: int, minutes: float = 60, **changes: Any) -> Stop:
    """Return the end of a session."""
    values = {
        "charger": "CP1",
        "transaction_id": transaction_id,
        "time": at(minutes),
        "meter_stop_wh": 8000,
        "reason": "Local",
    }
    return Stop(**{**values, **changes})


def register(
    minutes: float, wh: int, transaction_id: int | None, **changes: Any
) -> Register:
    """Return what a register showed."""
    values = {
        "charger": "CP1",
        "connector": 1,
        "transaction_id": transaction_id,
        "time": at(minutes),
        "wh": wh,
    }
    return Register(**{**values, **changes})


def url(folder: Path) -> str:
    """Return the URL of the ledger in a folder."""
    return f"sqlite:///{folder / 'ledger.db'}"


async def opened(address: str, **options: Any) -> Ledger:
    """Return an open ledger."""
    ledger = Ledger(address, **options)
    _opening = await ledger.open()
    return ledger
