"""Finding out that a charger is gone although its socket looks open."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
import json

import pytest

from custom_components.ocpp_charging.csms.charger import Charger
from custom_components.ocpp_charging.csms.keepalive import Keepalive
from custom_components.ocpp_charging.csms.model import ChargerMemory
from custom_components.ocpp_charging.csms.server import CentralSystem, Timing
from tests.csms.conftest import Dial, StartCentral
from tests.csms.raw import bare, call_frame, settings, until

FAST = Timing(boot_grace=60, ping_interval=0.05, silence=0.8, silence_without_pongs=1.6)
DEFAULT = Timing()


@pytest.fixture
async def watchful(start_central: StartCentral) -> CentralSystem:
    """Return a central system that pings often and knows CP1."""
    central = await start_central(FAST)
    central.add(settings())
    return central


@pytest.fixture
def watched(watchful: CentralSystem) -> Charger:
    """Return what it knows of CP1."""
    return watchful.chargers["CP1"]


async def test_a_charger_that_answers_pings_stays_without_a_word(
    watchful: CentralSystem, watched: Charger, dial: Dial
) -> None:
    raw = await dial(to=watchful)
    await until(watched, lambda: watched.latency_ms is not None)
    latency = watched.latency_ms
    assert latency is not None
    assert 0 <= latency < 1000
    assert watched.memory.answers_pings
    await asyncio.sleep(2 * FAST.silence)
    assert watched.connected
    await raw.alive()


async def test_a_peer_that_answered_pings_is_dead_after_a_silence(
    start_central: StartCentral,
) -> None:
    central = await start_central(replace(FAST, silence_without_pongs=60))
    watched = central.add(settings(), ChargerMemory(answers_pings=True))
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with bare(central):
        await until(watched, lambda: not watched.connected)
        assert loop.time() - began >= FAST.silence


async def test_a_peer_that_never_answered_one_gets_more_time(
    watchful: CentralSystem, watched: Charger
) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with bare(watchful) as silent:
        await until(watched, lambda: not watched.connected)
        assert loop.time() - began >= FAST.silence_without_pongs
        await silent.ended()


async def test_one_that_talks_without_answering_pings_stays(
    watchful: CentralSystem, watched: Charger
) -> None:
    async with bare(watchful) as talker:
        for number in range(5):
            await talker.send(call_frame("Heartbeat", {}, str(number)))
            await asyncio.sleep(FAST.silence_without_pongs / 3)
        assert watched.connected
        assert watched.latency_ms is None


def test_a_dead_peer_is_found_within_a_minute() -> None:
    assert DEFAULT.silence < 60
    assert DEFAULT.ping_interval < DEFAULT.silence


async def test_new_firmware_may_answer_pings_no_more(
    watchful: CentralSystem, watched: Charger, dial: Dial
) -> None:
    raw = await dial(to=watchful)
    await raw.boot(firmwareVersion="1")
    await until(watched, lambda: watched.memory.answers_pings)
    async with bare(watchful) as updated:
        boot = {
            "chargePointVendor": "V",
            "chargePointModel": "M",
            "firmwareVersion": "2",
        }
        await updated.send(call_frame("BootNotification", boot))
        await until(watched, lambda: watched.info.firmware == "2")
        assert not watched.memory.answers_pings


async def test_when_the_charger_was_last_heard_of_is_told_but_not_with_each_message(
    watchful: CentralSystem, watched: Charger, dial: Dial
) -> None:
    raw = await dial(to=watchful)
    told: list[datetime | None] = []
    watched.listen(0, "last_seen", lambda: told.append(watched.last_seen))
    before = datetime.now(UTC)
    for _ in range(100):
        await raw.alive()
    assert len(told) < 50
    await until(watched, lambda: told and told[-1] and told[-1] >= before)
    assert watched.last_seen is not None
    assert watched.last_seen >= before


async def test_a_ping_into_a_closed_connection_is_none(
    watchful: CentralSystem, watched: Charger, dial: Dial
) -> None:
    raw = await dial(to=watchful)
    session = watchful._sessions["CP1"]
    await raw.close()
    await until(watched, lambda: not watched.connected)
    keepalive = Keepalive(
        watched,
        session.link._socket,
        FAST,
        last_heard=lambda: session.last_heard,
        dead=session.link.abort,
    )
    await keepalive._ping()
    assert not keepalive._waiting


async def test_nothing_is_told_of_a_silent_charger(
    watchful: CentralSystem, watched: Charger
) -> None:
    told: list[str] = []
    async with bare(watchful) as silent:
        await silent.send(json.dumps([3, "x", {}]))
        watched.listen(0, "last_seen", lambda: told.append("again"))
        await until(watched, lambda: not watched.connected)
    assert len(told) <= 1
