"""Sessions are kept in the ledger, and told, whatever happens to the database."""

import asyncio
from collections.abc import Generator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
import sqlite3
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, issue_registry as ir
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)

from custom_components.ocpp_charging.devices import place_id
from custom_components.ocpp_charging.hub import PRUNE_INTERVAL
from simulator import Car, ChargePoint

from .conftest import (
    DOMAIN,
    IDENTITY,
    Simulated,
    charger_of,
    wait_for_charger,
)


@pytest.fixture
def short_of_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the ledger wait for a lock no longer than a test."""
    monkeypatch.setattr("custom_components.ocpp_charging.ledger.database.BUSY_S", 0.1)
    monkeypatch.setattr("custom_components.ocpp_charging.ledger.writer.RETRY_S", 0.1)


@contextmanager
def locked(hass: HomeAssistant, entry: MockConfigEntry) -> Generator[None]:
    """Have another program hold the database's lock."""
    file = Path(hass.config.config_dir) / f"{DOMAIN}_{entry.entry_id}.db"
    with closing(sqlite3.connect(file)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


async def charge(
    charge_point: ChargePoint, entry: MockConfigEntry, tag: str = "CARD"
) -> int:
    """Begin a session with a card; returns its id."""
    await charge_point.plug(1, Car())
    await charge_point.present_tag(1, tag)
    charger = charger_of(entry)
    await wait_for_charger(charger, lambda one: one.connectors[1].transaction)
    running = charger.connectors[1].transaction
    assert running is not None
    return running.transaction_id


async def get_sessions(
    hass: HomeAssistant, entry: MockConfigEntry, **data: Any
) -> dict[str, Any]:
    device = dr.async_get(hass).async_get_device_by_identifier(
        (DOMAIN, place_id(entry.entry_id, IDENTITY)), entry.entry_id
    )
    assert device is not None
    response = await hass.services.async_call(
        DOMAIN,
        "get_sessions",
        {"device_id": device.id, **data},
        blocking=True,
        return_response=True,
    )
    assert response is not None
    return dict(response)


async def test_a_session_is_told_while_it_runs_and_after_it_has_ended(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await simulated(charger_entry, register_wh=1000.0)
    number = await charge(charge_point, charger_entry)
    told = await get_sessions(hass, charger_entry)
    assert [(one["id"], one["state"]) for one in told["sessions"]] == [
        (number, "running")
    ]
    await charge_point.stop_locally(1)
    charger = charger_of(charger_entry)
    await wait_for_charger(charger, lambda one: not one.connectors[1].transaction)
    (session,) = (await get_sessions(hass, charger_entry, id_tag="CARD"))["sessions"]
    assert session["state"] == "ended"
    assert session["reason"] == "Local"
    assert session["energy_kwh"] is not None
    assert dt_util.parse_datetime(session["end"]) is not None
    assert (await get_sessions(hass, charger_entry, id_tag="X"))["sessions"] == []
    tomorrow = dt_util.now() + timedelta(days=1)
    told = await get_sessions(hass, charger_entry, start=tomorrow.isoformat())
    assert told["sessions"] == []


async def test_a_stop_is_not_answered_while_it_cannot_be_kept_and_then_it_is(
    hass: HomeAssistant,
    short_of_patience: None,
    charger_entry: MockConfigEntry,
    simulated: Simulated,
    issue_registry: ir.IssueRegistry,
) -> None:
    charge_point = await simulated(
        charger_entry,
        call_timeout_s=0.3,
        configuration={
            "TransactionMessageAttempts": "50",
            "TransactionMessageRetryInterval": "0",
        },
    )
    await charge(charge_point, charger_entry)
    charger = charger_of(charger_entry)
    ledger = charger_entry.runtime_data.journal.ledger
    issue = f"ledger_unavailable_{charger_entry.entry_id}_locked"
    with locked(hass, charger_entry):
        await charge_point.stop_locally(1)
        await wait_for_health(ledger, healthy=False)
        assert issue_registry.async_get_issue(DOMAIN, issue)
        (session,) = (await get_sessions(hass, charger_entry))["sessions"]
        assert session["state"] == "running"
        assert charger.connected
        assert charge_point.sent_calls("StopTransaction")
    await wait_for_health(ledger, healthy=True)
    assert not issue_registry.async_get_issue(DOMAIN, issue)
    async with asyncio.timeout(30):
        while session["state"] != "ended":
            (session,) = (await get_sessions(hass, charger_entry))["sessions"]


async def wait_for_health(ledger: Any, *, healthy: bool) -> None:
    """Wait until the ledger can, or cannot, be written."""
    changed = asyncio.Event()
    stop = ledger.listen(lambda _: changed.set())
    try:
        async with asyncio.timeout(30):
            while (ledger.health is None) is not healthy:
                changed.clear()
                await changed.wait()
    finally:
        stop()


async def test_old_readings_go_and_sessions_stay(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await simulated(charger_entry)
    number = await charge(charge_point, charger_entry)
    await charge_point.stop_locally(1)
    charger = charger_of(charger_entry)
    await wait_for_charger(charger, lambda one: not one.connectors[1].transaction)
    await charge_point.stop()
    later = dt_util.utcnow() + timedelta(days=14) + PRUNE_INTERVAL
    async_fire_time_changed(hass, later)
    await hass.async_block_till_done()
    (session,) = (await get_sessions(hass, charger_entry))["sessions"]
    assert session["id"] == number
