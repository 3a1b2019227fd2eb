"""What a car usually needs, from the sessions in the ledger."""

from datetime import timedelta

from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
import pytest

from custom_components.ocpp_charging.ledger import LedgerUnavailable
from custom_components.ocpp_charging.ledger.errors import Cause

from ..conftest import Simulated, set_up, wait_for_state
from ..tags import ANNA
from ..test_past_sessions import session
from .cars import TAG, car, home, tag, vehicles_of

BEN = "0455"
START = dt_util.utcnow() - timedelta(days=40)


async def test_it_is_the_median_of_the_last_ten_sessions_of_its_tags(
    hass: HomeAssistant, unloads: None, simulated: Simulated
) -> None:
    entry = await set_up(
        hass, home(tag("ben", BEN), car("zoe", tags=[TAG]), car("ioniq"))
    )
    vehicles = vehicles_of(entry)
    assert await vehicles.async_usual_kwh("zoe", "CP1", 1) is None
    charge_point = await simulated(entry, connectors=2)
    # Two of long ago, ten that count, two that took nothing, and another's.
    taken = [90_000, 90_000, *range(1_000, 11_000, 1_000), 0, 499]
    for day, wh in enumerate(taken):
        await session(charge_point, START + timedelta(days=day), wh=wh, tag=ANNA)
    await session(charge_point, START, wh=33_000, tag=BEN, connector_id=2)
    assert await vehicles.async_usual_kwh("zoe", "CP1", 2) == 5.5
    assert await vehicles.async_usual_kwh("zoe", None, None) == 5.5
    # A car without sessions of its own, and a guest: what others took there.
    assert await vehicles.async_usual_kwh("ioniq", "CP1", 2) == 33.0
    assert await vehicles.async_usual_kwh(None, "CP1", 2) == 33.0
    assert await vehicles.async_usual_kwh("ioniq", None, None) is None
    await wait_for_state(hass, "sensor.zoe_usual_energy", "5.5")


async def test_nothing_is_known_while_the_ledger_cannot_be_read(
    hass: HomeAssistant, unloads: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = await set_up(hass, home(car("zoe", tags=[TAG])))

    async def fail(*_: object) -> None:
        raise LedgerUnavailable(Cause.UNREACHABLE)

    monkeypatch.setattr(entry.runtime_data.journal.ledger, "sessions", fail)
    assert await vehicles_of(entry).async_usual_kwh("zoe", "CP1", 1) is None
