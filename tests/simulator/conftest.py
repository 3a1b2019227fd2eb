"""Fixtures: a scripted peer, a clock that moves when told to, charge points."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio

from simulator import Car, ChargePoint, ChargePointOptions, ManualClock, Quirks
from simulator.clock import timestamp

from .peer import Peer
from .schemas import faulty_frames

type MakeChargePoint = Callable[..., Awaitable[ChargePoint]]


@pytest.fixture(autouse=True)
def _sockets(socket_enabled: None) -> None:
    """These tests talk over real sockets on the loopback interface."""


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest_asyncio.fixture
async def peer(clock: ManualClock) -> AsyncIterator[Peer]:
    async with Peer() as made:
        made.current_time = lambda: timestamp(clock.now())
        yield made


@pytest_asyncio.fixture
async def make(peer: Peer, clock: ManualClock) -> AsyncIterator[MakeChargePoint]:
    """Make started charge points that are registered; stop them at the end."""
    started: list[ChargePoint] = []

    async def one(*, accepted: bool = True, **settings: Any) -> ChargePoint:
        options = replace(ChargePointOptions(url=peer.url), **settings)
        charge_point = ChargePoint(options, clock=clock)
        started.append(charge_point)
        await charge_point.start()
        if accepted:
            await charge_point.until_accepted()
        return charge_point

    yield one
    for charge_point in started:
        await charge_point.stop()
        assert charge_point.errors == []
        if charge_point.quirks == Quirks() and not charge_point.answers:
            assert faulty_frames(charge_point) == []


@pytest_asyncio.fixture
async def cp(make: MakeChargePoint) -> ChargePoint:
    return await make()


async def charging(cp: ChargePoint, tag: str = "TAG1", **car: Any) -> int:
    """Plug in a car, start with a tag, and return the transaction id."""
    await cp.plug(1, Car(**car))
    assert await cp.present_tag(1, tag)
    found = await cp.wait_for(lambda cp: cp.connector(1).transaction_id)
    await cp.wait_for(lambda cp: cp.outbox.empty)
    assert found
    return found
