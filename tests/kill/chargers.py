"""Chargers that start, meter and stop, and note what they were answered.

They are as stubborn as real ones: a message that was not answered is told again over
the next connection, sometimes under its old message id, until it is.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
import json
import random
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, WebSocketException
from websockets.typing import Subprotocol

type Payload = dict[str, Any]

BEGIN = datetime(2026, 5, 1, tzinfo=UTC)
PATIENCE_S = 20.0

_ANSWERS: dict[str, Payload] = {
    "GetConfiguration": {"configurationKey": [], "unknownKey": []},
    "GetLocalListVersion": {"listVersion": 0},
}


@dataclass(kw_only=True)
class Session:
    """A session as its charger knows it; None is what was not answered yet."""

    charger: str
    connector: int
    tag: str
    started_at: datetime
    meter_start: int
    meter_stop: int = 0
    transaction_id: int | None = None
    stopped: bool = False


class Contradiction(Exception):
    """The same message was answered in two ways."""


@dataclass(kw_only=True)
class Charger:
    """One charger with one connector; `run` until it is cancelled."""

    identity: str
    port: int
    chance: random.Random
    sessions: list[Session] = field(default_factory=list)
    pending: tuple[str, Payload] | None = None
    answered: int = 0
    heard: asyncio.Event = field(default_factory=asyncio.Event)
    draining: bool = False

    async def run(self) -> None:
        """Dial in again and again, and tell one message after the other."""
        script = self._script()
        while True:
            with suppress(OSError, EOFError, WebSocketException, InvalidHandshake):
                async with connect(
                    f"ws://127.0.0.1:{self.port}/{self.identity}",
                    subprotocols=[Subprotocol("ocpp1.6")],
                    compression=None,
                    ping_interval=None,
                    open_timeout=5,
                    close_timeout=0.2,
                    proxy=None,
                ) as socket:
                    if await self._talk(socket, script):
                        return
            await asyncio.sleep(0.02)

    async def _talk(self, socket: ClientConnection, script: Any) -> bool:
        """Tell messages until the connection breaks; True when all is told."""
        numbers = count(self.chance.randrange(10**9))
        while True:
            if self.pending is None:
                if self.draining:
                    return True
                self.pending = next(script)
                self._message_id = str(next(numbers))
            elif self.answered and self.chance.random() < 0.5:
                self._message_id = str(next(numbers))
            action, payload = self.pending
            answer = await self._call(socket, action, payload)
            self._note(action, answer)
            self.pending = None

    async def _call(
        self, socket: ClientConnection, action: str, payload: Payload
    ) -> Payload:
        await socket.send(json.dumps([2, self._message_id, action, payload]))
        async with asyncio.timeout(PATIENCE_S):
            while True:
                frame = json.loads(await socket.recv())
                if frame[0] == 2:
                    answer = _ANSWERS.get(frame[2], {"status": "Accepted"})
                    await socket.send(json.dumps([3, frame[1], answer]))
                elif frame[1] == self._message_id:
                    if frame[0] == 4:
                        raise Contradiction(f"{action} was refused: {frame[2:]}")
                    found: Payload = frame[2]
                    return found

    def _note(self, action: str, answer: Payload) -> None:
        if action == "StartTransaction":
            self.sessions[-1].transaction_id = answer["transactionId"]
        elif action == "StopTransaction":
            self.sessions[-1].stopped = True
        self.answered += 1
        self.heard.set()

    def _script(self) -> Any:
        """Yield messages without end: sessions of a few minutes."""
        register, clock = self.chance.randrange(10**6), BEGIN
        yield "BootNotification", {"chargePointVendor": "V", "chargePointModel": "M"}
        while True:
            clock += timedelta(minutes=self.chance.randint(1, 9))
            session = Session(
                charger=self.identity,
                connector=1,
                tag=f"TAG{self.chance.randrange(5)}",
                started_at=clock,
                meter_start=register,
            )
            self.sessions.append(session)
            yield "StatusNotification", _status("Preparing")
            yield (
                "StartTransaction",
                {
                    "connectorId": 1,
                    "idTag": session.tag,
                    "meterStart": register,
                    "timestamp": clock.isoformat(),
                },
            )
            for _ in range(self.chance.randint(0, 3)):
                clock += timedelta(minutes=1)
                register += self.chance.randint(0, 180)
                yield (
                    "MeterValues",
                    {
                        "connectorId": 1,
                        "transactionId": session.transaction_id,
                        "meterValue": [
                            {
                                "timestamp": clock.isoformat(),
                                "sampledValue": [{"value": str(register)}],
                            }
                        ],
                    },
                )
            clock += timedelta(minutes=1)
            session.meter_stop = register
            yield (
                "StopTransaction",
                {
                    "transactionId": session.transaction_id,
                    "meterStop": register,
                    "timestamp": clock.isoformat(),
                },
            )
            yield "StatusNotification", _status("Available")

    _message_id: str = ""


def _status(word: str) -> Payload:
    return {"connectorId": 1, "status": word, "errorCode": "NoError"}
