"""A whole session with each kind of charger that the simulator can play."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

import pytest

from custom_components.ocpp_charging.csms import control
from custom_components.ocpp_charging.csms.charger import Charger
from custom_components.ocpp_charging.csms.errors import (
    CommandError,
    CommandRefused,
    CommandTimeout,
)
from custom_components.ocpp_charging.csms.journal import MemoryJournal
from custom_components.ocpp_charging.csms.model import ChargingState
from custom_components.ocpp_charging.csms.server import CentralSystem, Timing
from simulator import PRESETS, ChargePoint, ChargePointOptions
from tests.conftest import PASSWORD
from tests.csms.conftest import StartCentral
from tests.csms.raw import settings, until

TIMING = Timing(
    call_timeout=5, boot_grace=0.3, boot_settle=0, close_timeout=1, fatal_step=5
)
DOES_NOTHING = {"remote-start-without-effect", "accepts-does-nothing", "start-untold"}
"""Accepted, and no session is told of."""
NO_LIMIT = {"core-only", "accepts-does-nothing"}
LIMIT_UNHEEDED = {"disobeys-profiles"}
NO_POWER = {"rejects-measurands"}
STOP_REFUSED = {"rejects-remote-stop"}
"""Their session ends when the car is unplugged."""
NO_STOP = {"negative-transaction-ids", "zero-transaction-ids"}
"""Their StopTransaction names no transaction."""
STOPS_LATE = {"after-live"}
SLOW = {"slow-answers", "late-replay"}

type Simulate = Callable[..., Awaitable[ChargePoint]]


@pytest.fixture
async def lively(start_central: StartCentral) -> CentralSystem:
    """Return a central system that sets chargers up and knows CP1."""
    central = await start_central(TIMING)
    central.add(settings())
    return central


@pytest.fixture
async def simulate(lively: CentralSystem) -> AsyncGenerator[Simulate]:
    """Return how to run a simulated charger against it."""
    running: list[ChargePoint] = []

    async def start(**options: Any) -> ChargePoint:
        charge_point = ChargePoint(
            ChargePointOptions(
                url=f"ws://127.0.0.1:{lively.port}",
                password=PASSWORD,
                register_wh=1_234_567,
                reconnect_backoff_s=(0.05,),
                reboot_s=0.05,
                **options,
            )
        )
        running.append(charge_point)
        await charge_point.start()
        return charge_point

    yield start
    for charge_point in running:
        await charge_point.stop()


async def _meter(charger: Charger) -> None:
    await charger.commands("TriggerMessage").trigger("MeterValues", 1)


@pytest.mark.parametrize("preset", [name for name in PRESETS if name not in SLOW])
async def test_a_session_from_plug_to_unplug(
    lively: CentralSystem, simulate: Simulate, journal: MemoryJournal, preset: str
) -> None:
    charger = lively.chargers["CP1"]
    charge_point = await simulate(quirks=PRESETS[preset])
    await until(charger, lambda: charger.ready, timeout=10)
    connector = charger.connector(1)
    await until(charger, lambda: connector.status is not None)
    assert connector.charging_state is ChargingState.UNPLUGGED

    await charge_point.plug()
    await until(charger, lambda: connector.plugged_in)
    if preset in DOES_NOTHING:
        with pytest.raises(CommandTimeout):
            await control.start_charging(charger, 1, timeout=0.3)
        return
    await control.start_charging(charger, 1)
    await until(charger, lambda: connector.status == "charging")
    await _meter(charger)
    power = connector.reading
    if preset not in NO_POWER:
        await until(charger, lambda: (power("power") or 0) > 1000)
    assert connector.charging
    await until(charger, lambda: connector.reading("energy") is not None)
    assert connector.reading("energy") == pytest.approx(1_234_567, abs=50)
    if preset in NO_LIMIT:
        with pytest.raises(CommandError):
            await control.set_current_limit(charger, 1, 8)
    else:
        await control.set_current_limit(charger, 1, 8)
        assert connector.limit_a == 8
        await _meter(charger)
        if preset not in NO_POWER | LIMIT_UNHEEDED:
            await until(charger, lambda: (power("power") or 0) < 6000)

    if preset in STOP_REFUSED:
        with pytest.raises(CommandRefused):
            await control.stop_charging(charger, 1)
        assert connector.charging
    else:
        await control.stop_charging(charger, 1)
        await until(charger, lambda: not connector.charging)
        assert power("power") == (None if preset in NO_POWER else 0)
    await charge_point.unplug()
    await until(charger, lambda: connector.plugged_in is False)
    assert connector.session_energy == pytest.approx(0, abs=50)
    ((_, kept),) = journal.transactions.values()
    if preset not in STOPS_LATE:
        assert (kept.ended_at is None) is (preset in NO_STOP)
    assert charge_point.violations == []


async def test_a_session_lives_through_a_lost_connection(
    lively: CentralSystem, simulate: Simulate
) -> None:
    charger = lively.chargers["CP1"]
    charge_point = await simulate()
    await until(charger, lambda: charger.ready, timeout=10)
    connector = charger.connector(1)
    await charge_point.plug()
    await control.start_charging(charger, 1)
    await until(charger, lambda: connector.status == "charging")
    transaction = connector.transaction
    await charge_point.disconnect()
    await until(charger, lambda: not charger.connected)
    await charge_point.start()
    await until(charger, lambda: charger.ready, timeout=10)
    assert connector.transaction is transaction
    assert charger.reconnects == 1
    await control.stop_charging(charger, 1)
