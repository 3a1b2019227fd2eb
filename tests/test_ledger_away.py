"""The database is away when a central system is set up, or goes while it runs.

Chargers are served all the same. What must be kept before it is answered stays with
them, and is filed when the database is there again.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
import subprocess
import sys
from typing import Any

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er, issue_registry as ir
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.ocpp_charging.ledger import Ledger, SessionFilter
from simulator import ChargePoint

from .conftest import (
    DOMAIN,
    Simulated,
    central_system,
    charger_of,
    charger_subentry,
    set_up,
    state_of,
    wait_for_charger,
    wait_for_state,
)
from .databases import *  # noqa: F403 - fixtures
from .ledger.server import DatabaseServer, wait_for_port_to_close
from .ledger.test_faults import HOLD, fill, small_disk  # noqa: F401 - a fixture
from .test_ledger_in_use import charge, get_sessions, wait_for_health
from .test_past_sessions import YESTERDAY, session

pytestmark = pytest.mark.usefixtures("unloads", "short_of_patience")

PATIENT = {
    "call_timeout_s": 0.5,
    "configuration": {
        "TransactionMessageAttempts": "50",
        "TransactionMessageRetryInterval": "0",
    },
}

HASTY = {
    "call_timeout_s": 0.5,
    "configuration": {"TransactionMessageAttempts": "1"},
}


@pytest.fixture
def short_of_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the ledger wait for less, and try again sooner."""
    package = "custom_components.ocpp_charging"
    monkeypatch.setattr(f"{package}.ledger.database.BUSY_S", 0.1)
    monkeypatch.setattr(f"{package}.ledger.rescue.BUSY_S", 0.1)
    monkeypatch.setattr(f"{package}.ledger.writer.RETRY_S", 0.1)
    monkeypatch.setattr(f"{package}.ledger_journal.RETRY_S", 0.1)


@pytest.fixture
async def stopped(server: DatabaseServer) -> AsyncGenerator[DatabaseServer]:
    """Return a server that a test may stop; it is started again in the end."""
    yield server
    server.stop()
    server.start()


@pytest.fixture
async def hold(
    tmp_path: Path,
) -> AsyncGenerator[Callable[[Path], Awaitable[asyncio.subprocess.Process]]]:
    """Return how to have another process lock a file."""
    holders: list[asyncio.subprocess.Process] = []

    async def lock(file: Path) -> asyncio.subprocess.Process:
        holder = await asyncio.create_subprocess_exec(
            sys.executable, "-c", HOLD, file,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        holders.append(holder)
        assert holder.stdout is not None
        assert await holder.stdout.readline() == b"held\n"
        return holder

    yield lock
    for holder in holders:
        if holder.returncode is None:
            holder.kill()
        await holder.wait()


def stop_server(server: DatabaseServer) -> None:
    server.stop()
    wait_for_port_to_close(server.port)


def entry_at(url: str, **changes: Any) -> MockConfigEntry:
    """Return a central system that keeps its sessions in a database."""
    return central_system(charger_subentry(), options={"database_url": url}, **changes)


async def until_loaded(entry: MockConfigEntry) -> None:
    """Wait until what is kept was read."""
    journal = entry.runtime_data.journal
    if not journal.loaded:
        loaded = asyncio.Event()
        journal.on_loaded.append(loaded.set)
        async with asyncio.timeout(20):
            await loaded.wait()


def problem(registry: ir.IssueRegistry, entry: MockConfigEntry, cause: str) -> Any:
    issue = f"ledger_unavailable_{entry.entry_id}_{cause}"
    return registry.async_get_issue(DOMAIN, issue)


async def starting(charge_point: ChargePoint) -> None:
    """Begin a session that is not answered yet, and see that it was asked for."""
    await charge_point.plug(1)
    await charge_point.present_tag(1, "CARD")
    await charge_point.wait_for(lambda one: one.sent_calls("StartTransaction"))


async def given_up(charge_point: ChargePoint, action: str, *, times: int = 1) -> None:
    """Wait until a charger has dropped a message that was not answered."""
    await charge_point.wait_for(
        lambda one: one.outbox.given_up.count(action) >= times, timeout=20
    )


async def all_sessions(entry: MockConfigEntry) -> list[tuple[int, str]]:
    ledger = entry.runtime_data.journal.ledger
    found = await ledger.sessions(SessionFilter(refused=True))
    return [(each.id, each.state.value) for each in found]


async def test_chargers_are_served_while_the_server_is_down_from_the_beginning(
    hass: HomeAssistant,
    simulated: Simulated,
    stopped: DatabaseServer,
    issue_registry: ir.IssueRegistry,
) -> None:
    address = stopped.new_database()
    stop_server(stopped)
    entry = await set_up(hass, entry_at(address))
    assert state_of(entry) is ConfigEntryState.LOADED
    assert problem(issue_registry, entry, "unreachable")
    charge_point = await simulated(entry, **PATIENT)
    charger = charger_of(entry)
    assert charger.connected
    assert charger.info.vendor == "Simulated"
    await starting(charge_point)
    await wait_for_charger(charger, lambda one: one.connectors[1].plugged_in)
    assert charger.connectors[1].transaction is None
    with pytest.raises(HomeAssistantError) as refused:
        await get_sessions(hass, entry)
    assert refused.value.translation_key == "ledger_unavailable"

    stopped.start()
    await until_loaded(entry)
    await wait_for_charger(charger, lambda one: one.connectors[1].transaction)
    assert not problem(issue_registry, entry, "unreachable")
    running = charger.connectors[1].transaction
    assert running is not None
    assert await all_sessions(entry) == [(running.transaction_id, "running")]
    assert charger.reconnects == 0
    # What was learned meanwhile is kept.
    await entry.runtime_data.journal.async_flush()
    (record,) = await entry.runtime_data.journal.ledger.chargers()
    assert (record.accepted, record.info["vendor"]) == (True, "Simulated")


async def test_a_session_from_before_is_the_same_when_the_server_is_back(
    hass: HomeAssistant,
    simulated: Simulated,
    stopped: DatabaseServer,
    free_port: int,
) -> None:
    """The charger is found charging under the id that the ledger gave it."""
    entry = await set_up(hass, entry_at(stopped.new_database(), port=free_port))
    charge_point = await simulated(
        entry, **PATIENT, connectors=2, serial="SN1", register_wh=5000.0
    )
    number = await charge(charge_point, entry)
    before = charger_of(entry).connectors[1].transaction
    assert before is not None
    await charge_point.until_accepted()
    assert await hass.config_entries.async_unload(entry.entry_id)
    stop_server(stopped)

    assert await hass.config_entries.async_setup(entry.entry_id)
    charger = charger_of(entry)
    assert not charger.connectors
    await wait_for_charger(charger, lambda one: one.ready)
    await wait_for_charger(charger, lambda one: one.connectors[1].transaction)
    found = charger.connectors[1].transaction
    assert found is not None
    assert (found.transaction_id, found.id_tag) == (number, None)

    stopped.start()
    await until_loaded(entry)
    running = charger.connectors[1].transaction
    assert running is not None
    assert running is not found
    assert (running.transaction_id, running.id_tag) == (number, "CARD")
    assert running.started_at == before.started_at
    assert running.meter_start_wh == before.meter_start_wh
    assert (charger.info.serial, list(charger.connectors)) == ("SN1", [1, 2])
    await charge_point.stop_locally(1)
    await charge_point.until_accepted()
    assert await all_sessions(entry) == [(number, "ended")]


async def test_a_session_that_ended_meanwhile_is_not_shown_as_running(
    hass: HomeAssistant,
    simulated: Simulated,
    stopped: DatabaseServer,
    free_port: int,
) -> None:
    entry = await set_up(hass, entry_at(stopped.new_database(), port=free_port))
    charge_point = await simulated(entry, **PATIENT)
    number = await charge(charge_point, entry)
    await charge_point.until_accepted()
    assert await hass.config_entries.async_unload(entry.entry_id)
    stop_server(stopped)
    await charge_point.stop_locally(1)
    await charge_point.unplug(1)

    assert await hass.config_entries.async_setup(entry.entry_id)
    charger = charger_of(entry)
    await wait_for_charger(charger, lambda one: one.ready)
    await charge_point.wait_for(lambda one: one.sent_calls("StopTransaction"))
    stopped.start()
    await until_loaded(entry)
    await charge_point.until_accepted()
    assert charger.connectors[1].transaction is None
    assert charger.connectors[1].last_transaction is not None
    assert charger.connectors[1].last_transaction.ended_at
    assert await all_sessions(entry) == [(number, "ended")]


async def test_a_server_that_goes_in_mid_session_costs_nothing(
    hass: HomeAssistant,
    simulated: Simulated,
    stopped: DatabaseServer,
    issue_registry: ir.IssueRegistry,
) -> None:
    entry = await set_up(hass, entry_at(stopped.new_database()))
    charge_point = await simulated(entry, **PATIENT, register_wh=1000.0)
    number = await charge(charge_point, entry)
    charger = charger_of(entry)
    ledger = entry.runtime_data.journal.ledger
    stop_server(stopped)
    await charge_point.stop_locally(1)
    await wait_for_health(ledger, healthy=False)
    assert problem(issue_registry, entry, "unreachable")
    assert charger.connected
    stopped.start()
    await wait_for_health(ledger, healthy=True)
    await charge_point.until_accepted()
    assert charger.connectors[1].transaction is None
    assert not problem(issue_registry, entry, "unreachable")
    assert await all_sessions(entry) == [(number, "ended")]


async def test_what_a_charger_gives_up_telling_is_filed_all_the_same(
    hass: HomeAssistant, simulated: Simulated, stopped: DatabaseServer
) -> None:
    """An end, and then a whole session, told only while the database is away."""
    entry = await set_up(hass, entry_at(stopped.new_database()))
    charge_point = await simulated(entry, **HASTY, register_wh=1000.0)
    number = await charge(charge_point, entry)
    ledger = entry.runtime_data.journal.ledger
    stop_server(stopped)
    await charge_point.stop_locally(1)
    await given_up(charge_point, "StopTransaction")
    await charge_point.present_tag(1, "CARD")
    await given_up(charge_point, "StartTransaction")
    await charge_point.present_tag(1, "CARD")
    await given_up(charge_point, "StopTransaction", times=2)
    stopped.start()
    await wait_for_health(ledger, healthy=True)
    async with asyncio.timeout(20):
        while len(found := await ledger.sessions(SessionFilter(refused=True))) < 2 or (
            any(each.reason is None for each in found)
        ):
            await ledger.flush()
    told = [(each.state.value, each.reason, each.meter_stop_wh) for each in found]
    stops = charge_point.sent_calls("StopTransaction")
    assert told == [
        ("ended", "Local", stops[0]["meterStop"]),
        ("ended", "Local", stops[-1]["meterStop"]),
    ]
    assert min(each.id for each in found) == number


async def test_chargers_are_served_while_another_program_blocks_the_file(
    hass: HomeAssistant,
    simulated: Simulated,
    issue_registry: ir.IssueRegistry,
    hold: Any,
) -> None:
    file = Path(hass.config.path("ledger.db"))
    address = f"sqlite:///{file}"
    ledger = Ledger(address, central="another")
    await ledger.open()
    await ledger.close()
    holder = await hold(file)
    entry = await set_up(hass, entry_at(address))
    assert problem(issue_registry, entry, "locked")
    charge_point = await simulated(entry, **PATIENT)
    await starting(charge_point)
    assert not charger_of(entry).connectors[1].transaction
    holder.kill()
    await holder.wait()
    await until_loaded(entry)
    charger = charger_of(entry)
    await wait_for_charger(charger, lambda one: one.connectors[1].transaction)
    assert not problem(issue_registry, entry, "locked")
    assert len(await all_sessions(entry)) == 1


async def test_chargers_are_served_while_the_disk_is_full(
    hass: HomeAssistant,
    simulated: Simulated,
    issue_registry: ir.IssueRegistry,
    small_disk: Path,  # noqa: F811
) -> None:
    ballast = fill(small_disk)
    entry = await set_up(hass, entry_at(f"sqlite:///{small_disk / 'ledger.db'}"))
    assert problem(issue_registry, entry, "disk_full")
    charge_point = await simulated(entry, **PATIENT)
    await starting(charge_point)
    ballast.unlink()
    charger = charger_of(entry)
    await wait_for_charger(charger, lambda one: one.connectors[1].transaction)
    assert not problem(issue_registry, entry, "disk_full")
    assert len(await all_sessions(entry)) == 1


async def test_a_database_that_answers_late_is_not_waited_for(
    hass: HomeAssistant,
    hold: Any,
    monkeypatch: pytest.MonkeyPatch,
    issue_registry: ir.IssueRegistry,
) -> None:
    package = "custom_components.ocpp_charging"
    monkeypatch.setattr(f"{package}.ledger.rescue.BUSY_S", 20)
    monkeypatch.setattr(f"{package}.ledger_journal.PATIENCE_S", 0.1)
    file = Path(hass.config.path("ledger.db"))
    ledger = Ledger(f"sqlite:///{file}")
    await ledger.open()
    await ledger.close()
    holder = await hold(file)
    entry = await set_up(hass, entry_at(f"sqlite:///{file}"))
    assert not entry.runtime_data.journal.loaded
    holder.kill()
    await holder.wait()
    await until_loaded(entry)
    assert await all_sessions(entry) == []


async def test_it_can_be_unloaded_and_removed_while_the_server_is_down(
    hass: HomeAssistant, simulated: Simulated, stopped: DatabaseServer
) -> None:
    address = stopped.new_database()
    stop_server(stopped)
    entry = await set_up(hass, entry_at(address))
    charge_point = await simulated(entry)
    await charge_point.stop()
    assert await hass.config_entries.async_reload(entry.entry_id)
    await hass.config_entries.async_remove(entry.entry_id)


async def test_a_charger_that_is_removed_meanwhile_is_forgotten_later(
    hass: HomeAssistant, simulated: Simulated, stopped: DatabaseServer
) -> None:
    entry = await set_up(hass, entry_at(stopped.new_database()))
    charge_point = await simulated(entry)
    await charge_point.stop()
    assert await hass.config_entries.async_unload(entry.entry_id)
    stop_server(stopped)
    assert await hass.config_entries.async_setup(entry.entry_id)
    (subentry_id,) = entry.subentries
    hass.config_entries.async_remove_subentry(entry, subentry_id)
    await hass.async_block_till_done()
    stopped.start()
    await until_loaded(entry)
    await entry.runtime_data.journal.async_flush()
    assert await entry.runtime_data.journal.ledger.chargers() == []


async def test_a_password_that_is_not_taken_any_more_is_told_and_put_right(
    hass: HomeAssistant, server: DatabaseServer, issue_registry: ir.IssueRegistry
) -> None:
    address = server.new_database()
    name = address.rpartition("/")[2]
    wrong = server.new_url(name, password="not-it")
    entry = await set_up(hass, entry_at(wrong))
    assert problem(issue_registry, entry, "refused")
    hass.config_entries.async_update_entry(entry, options={"database_url": address})
    await hass.async_block_till_done()
    assert not problem(issue_registry, entry, "refused")
    assert entry.runtime_data.journal.loaded


async def test_the_sensors_of_id_tags_are_there_again_when_it_is(
    hass: HomeAssistant,
    simulated: Simulated,
    stopped: DatabaseServer,
    entity_registry: er.EntityRegistry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("custom_components.ocpp_charging.past_sessions.RETRY_S", 0.1)
    monkeypatch.setattr("custom_components.ocpp_charging.past_sessions.PAUSE_S", 0.1)
    entry = await set_up(hass, entry_at(stopped.new_database()))
    charge_point = await simulated(entry)
    await session(charge_point, YESTERDAY)
    await charge_point.stop()
    entity_id = await tag_sensor(entry, entity_registry)
    entity_registry.async_update_entity(entity_id, name="The red card")
    energy = (await wait_for_state(hass, entity_id, lambda state: True)).state
    assert await hass.config_entries.async_unload(entry.entry_id)
    stop_server(stopped)

    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    kept = entity_registry.async_get(entity_id)
    assert kept is not None
    assert kept.name == "The red card"
    stopped.start()
    await wait_for_state(hass, entity_id, energy)


async def tag_sensor(entry: MockConfigEntry, registry: er.EntityRegistry) -> str:
    """Wait for the sensor of an id tag."""
    added = asyncio.Event()
    stop = entry.runtime_data.past.async_listen(added.set)
    while True:
        for found in er.async_entries_for_config_entry(registry, entry.entry_id):
            if found.translation_key == "tag_energy":
                stop()
                return found.entity_id
        async with asyncio.timeout(30):
            await added.wait()
        added.clear()
