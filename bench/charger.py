"""A charger that does nothing but send, in a process of its own.

Its CPU time is not the central system's, so it must not run where that is measured.
It reads one JSON object of settings from standard input and writes one of results.
"""

import asyncio
import base64
from datetime import UTC, datetime, timedelta
import json
import ssl
import sys
import time
from typing import Any

from websockets.asyncio.client import ClientConnection, connect


def _header(identity: str, password: str) -> dict[str, str]:
    token = base64.b64encode(f"{identity}:{password}".encode()).decode()
    return {"Authorization": f"Basic {token}"}


def _ssl(url: str) -> ssl.SSLContext | None:
    if not url.startswith("wss:"):
        return None
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def _ask(
    socket: ClientConnection, message_id: str, action: str, body: Any
) -> Any:
    """Send a CALL and return the answer; answer what is asked meanwhile."""
    await socket.send(json.dumps([2, message_id, action, body]))
    while True:
        frame = json.loads(await socket.recv())
        if frame[0] == 2:
            await socket.send(json.dumps([3, frame[1], _ANSWERS.get(frame[2], {})]))
        elif frame[1] == message_id:
            return frame[2]


_ANSWERS: dict[str, dict[str, Any]] = {
    "GetConfiguration": {
        "configurationKey": [
            {"key": "NumberOfConnectors", "readonly": True, "value": "1"},
            {
                "key": "SupportedFeatureProfiles",
                "readonly": True,
                "value": "Core,SmartCharging,RemoteTrigger,FirmwareManagement",
            },
        ]
    },
    "ChangeConfiguration": {"status": "Accepted"},
    "TriggerMessage": {"status": "Accepted"},
}


def meter_values(number: int, at: datetime, transaction_id: int) -> dict[str, Any]:
    """Return the payload of a MeterValues in which all three values have changed."""
    return {
        "connectorId": 1,
        "transactionId": transaction_id,
        "meterValue": [
            {
                "timestamp": (at + timedelta(seconds=number)).isoformat(),
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


async def send_meter_values(settings: dict[str, Any]) -> dict[str, Any]:
    """Send so many MeterValues, each after the answer to the one before."""
    identity = settings["identity"]
    async with connect(
        f"{settings['url']}/{identity}",
        subprotocols=["ocpp1.6"],  # type: ignore[list-item]
        additional_headers=_header(identity, settings["password"]),
        ssl=_ssl(settings["url"]),
    ) as socket:
        boot = {"chargePointVendor": "Bench", "chargePointModel": "Bench"}
        status = {"connectorId": 1, "errorCode": "NoError", "status": "Charging"}
        start = datetime.now(UTC)
        await _ask(socket, "boot", "BootNotification", boot)
        await _ask(socket, "status", "StatusNotification", status)
        transaction = {
            "connectorId": 1,
            "idTag": "BENCH",
            "meterStart": 1_000_000,
            "timestamp": start.isoformat(),
        }
        running = 1
        if settings["transaction"]:
            answer = await _ask(socket, "start", "StartTransaction", transaction)
            running = answer["transactionId"]

        async def send(number: int) -> None:
            values = meter_values(number, start, running)
            await _ask(socket, f"m{number}", "MeterValues", values)

        for number in range(settings["warm_up"]):
            await send(number)
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        began = time.perf_counter()
        first = settings["warm_up"]
        for number in range(first, first + settings["count"]):
            await send(number)
        return {"seconds": time.perf_counter() - began}


async def _storm_one(settings: dict[str, Any], identity: str) -> float:
    began = time.perf_counter()
    async with connect(
        f"{settings['url']}/{identity}",
        subprotocols=["ocpp1.6"],  # type: ignore[list-item]
        additional_headers=_header(identity, settings["password"]),
        ssl=_ssl(settings["url"]),
        open_timeout=60,
    ) as socket:
        boot = {"chargePointVendor": "Bench", "chargePointModel": "Bench"}
        status = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}
        await _ask(socket, "boot", "BootNotification", boot)
        await _ask(socket, "status", "StatusNotification", status)
        served = time.perf_counter() - began
        _STAY.append(asyncio.create_task(_stay(socket, settings["stay"])))
        await _STAY[-1]
    return served


_STAY: list[asyncio.Task[None]] = []


async def _stay(socket: ClientConnection, seconds: float) -> None:
    """Answer what the central system asks for a while."""
    try:
        async with asyncio.timeout(seconds):
            while True:
                frame = json.loads(await socket.recv())
                if frame[0] == 2:
                    answer = [3, frame[1], _ANSWERS.get(frame[2], {})]
                    await socket.send(json.dumps(answer))
    except TimeoutError:
        return


async def storm(settings: dict[str, Any]) -> dict[str, Any]:
    """Have all chargers dial in at the same moment; twice, the second a reconnect."""
    rounds = []
    for _ in range(settings["rounds"]):
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        served = await asyncio.gather(
            *(_storm_one(settings, identity) for identity in settings["identities"])
        )
        rounds.append(max(served))
    return {"rounds": rounds}


async def _main() -> None:
    settings = json.loads(await asyncio.to_thread(sys.stdin.readline))
    job = {"meter_values": send_meter_values, "storm": storm}[settings["job"]]
    print(json.dumps(await job(settings)), flush=True)


if __name__ == "__main__":
    asyncio.run(_main())
