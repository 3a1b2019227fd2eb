"""Whatever habits a charger has with limits and stops, it charges when it is to."""

from collections.abc import Callable
from dataclasses import replace
from datetime import time
from typing import Any

import pytest

from custom_components.ocpp_charging.csms.model import HeldBy
from custom_components.ocpp_charging.planning import ConnectorPlan, Mode
from simulator import PRESETS, Car

from ..conftest import FAST
from .conftest import Home, Make, car

HABITS = (
    "none",
    "ignores-maximum-profile",
    "stack-level-zero",
    "watts-only",
    "amperes-only",
    "rejects-measurands",
    "default-profile-only",
    "tx-profile-only",
    "rejects-tx-profile",
    "rejects-absolute",
    "rejects-relative",
    "three-periods",
    "forgets-profiles",
    "keeps-tx-profiles",
    "core-only",
    "ends-below-minimum",
    "garbage-tag",
    "meter-values-after-stop",
    "negative-transaction-ids",
    "zero-transaction-ids",
)
"""Presets of the simulator; each is what real chargers were seen to do."""
HELD = {HeldBy.PROFILE, HeldBy.MERGED, HeldBy.START_STOP, HeldBy.IGNORED}


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody be held for dead when minutes pass at one go."""
    timing = replace(
        FAST,
        call_timeout=1e6,
        confirm=1e6,
        ping_interval=1e9,
        silence=1e9,
        silence_without_pongs=1e9,
    )
    monkeypatch.setattr("custom_components.ocpp_charging.hub.TIMING", timing)


async def settles(made: Home, so: Callable[[], object]) -> None:
    """Wait until something is so; what was refused is tried again after a while."""
    for _ in range(12):
        for _ in range(10):
            if so():
                return
            # Time stands still: a round trip lets both sides say what they have to.
            await made.cp.call("Heartbeat", {})
            await made.settle()
        await made.pass_time(seconds=61)
    pytest.fail("it never came to be so")


async def wish(made: Home, one: ConnectorPlan, *, current: bool, **wishes: Any) -> None:
    """Wish something, and wait until the charger does it."""
    await one.async_set(steered=True, **wishes)
    await made.pass_time(seconds=31)

    def so() -> bool:
        flowing = made.cp.connector(1).current_a > 0
        # A session that the charger ended at 0 A has nothing left to hold.
        ended = one.connector.last_transaction is not None
        over = ended and one.connector.transaction is None and not current
        return flowing is current and (over or one.connector.held_by in HELD)

    await settles(made, so)


@pytest.mark.parametrize("habit", HABITS)
async def test_a_car_waits_for_its_plan_charges_and_stops(
    home: Make, habit: str
) -> None:
    made = await home(car(), soc=40, quirks=PRESETS[habit])
    await made.cp.plug(1, Car(battery_kwh=60, soc_percent=40))
    one = made.of()
    await made.told(one, lambda: one.plugged_in)
    await made.pass_time(seconds=11)
    await wish(
        made, one, current=False, mode=Mode.SMART, ready_by=time(7), target_soc=60
    )
    await wish(made, one, current=True, mode=Mode.FAST)
    await wish(made, one, current=False, mode=Mode.OFF)
    assert made.cp.violations == []
