"""What the bench's chargers say, and how they wait for the bench."""

import asyncio
from datetime import datetime
import sys
from typing import Any

BOOT = {"chargePointVendor": "Bench", "chargePointModel": "Bench"}


async def signal() -> None:
    """Say that the chargers wait, and wait until they are told to go on."""
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)


def status(word: str) -> dict[str, Any]:
    """Return the payload of a StatusNotification of connector 1."""
    return {"connectorId": 1, "errorCode": "NoError", "status": word}


def start(at: datetime, register: int, tag: str = "BENCH") -> dict[str, Any]:
    """Return the payload of a StartTransaction on connector 1."""
    return {
        "connectorId": 1,
        "idTag": tag,
        "meterStart": register,
        "timestamp": at.isoformat(),
    }


def stop(transaction_id: int, at: datetime, register: int) -> dict[str, Any]:
    """Return the payload of a StopTransaction."""
    return {
        "transactionId": transaction_id,
        "meterStop": register,
        "timestamp": at.isoformat(),
    }


def meter_values(
    number: int, at: datetime, transaction_id: int | None
) -> dict[str, Any]:
    """Return the payload of a MeterValues in which all three values have changed."""
    named = {} if transaction_id is None else {"transactionId": transaction_id}
    return {
        "connectorId": 1,
        **named,
        "meterValue": [
            {
                "timestamp": at.isoformat(),
                "sampledValue": [
                    {
                        "value": str(1_000_000 + number),
                        "measurand": "Energy.Active.Import.Register",
                        "unit": "Wh",
                    },
                    {
                        "value": str(7000 + number % 100),
                        "measurand": "Power.Active.Import",
                        "unit": "W",
                    },
                    {
                        "value": f"{30 + (number % 50) / 10}",
                        "measurand": "Current.Import",
                        "unit": "A",
                    },
                ],
            }
        ],
    }
