"""The settings of a central system, changed with its chargers connected."""

from collections.abc import Generator, Mapping
from contextlib import closing
from datetime import timedelta
import logging
from pathlib import Path
import socket
import sqlite3
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.diagnostics import (
    get_diagnostics_for_config_entry,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.ocpp_charging.hub import readings_kept
from custom_components.ocpp_charging.ledger import (
    Cause,
    Ledger,
    SessionFilter,
    SessionState,
)
from custom_components.ocpp_charging.ledger.database import read
from simulator import Car, ChargePoint

from .conftest import (
    Simulated,
    central_system,
    charger_of,
    charger_subentry,
    set_up,
    wait_for_charger,
)
from .databases import *  # noqa: F403 - fixtures
from .flows import _texts as texts, assert_texts, say, shown, suggested
from .ledger.books import start
from .ledger.server import PASSWORD, DatabaseServer, PostgreSQL


@pytest.fixture
def silent_port() -> Generator[int]:
    """Return a port where somebody listens and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


pytestmark = pytest.mark.usefixtures("unloads")

DAYS = {"readings_kept_days": 14}


async def opened(
    hass: HomeAssistant, entry: MockConfigEntry, step: str
) -> dict[str, Any]:
    """Open a step from the menu and return its form."""
    menu = await hass.config_entries.options.async_init(entry.entry_id)
    assert menu["type"] is FlowResultType.MENU
    assert_texts(menu, "options")
    return await go_on(hass, menu, {"next_step_id": step})


async def go_on(
    hass: HomeAssistant, result: Mapping[str, Any], answer: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Answer a step and return the next one, when what it takes is done."""
    options = hass.config_entries.options
    found = await options.async_configure(result["flow_id"], answer)
    assert_texts(found, "options")
    while found["type"] is FlowResultType.SHOW_PROGRESS:
        await hass.async_block_till_done()
        found = await options.async_configure(result["flow_id"])
        assert_texts(found, "options")
    return dict(found)


async def choose(
    hass: HomeAssistant, entry: MockConfigEntry, url: str, **changes: Any
) -> dict[str, Any]:
    """Type a database's URL and return what comes then."""
    form = await opened(hass, entry, "database")
    return await go_on(hass, form, {**DAYS, "database_url": url, **changes})


async def charge(entry: MockConfigEntry, charge_point: ChargePoint) -> int:
    """Begin a session and return its id."""
    await charge_point.plug(1, Car())
    await charge_point.present_tag(1, "CARD")
    charger = charger_of(entry)
    await wait_for_charger(charger, lambda one: one.connectors[1].transaction)
    running = charger.connectors[1].transaction
    assert running is not None
    return running.transaction_id


async def stop(entry: MockConfigEntry, charge_point: ChargePoint) -> None:
    await charge_point.stop_locally(1)
    await wait_for_charger(
        charger_of(entry), lambda one: not one.connectors[1].transaction
    )


async def sessions(entry: MockConfigEntry) -> list[tuple[int, str]]:
    ledger = entry.runtime_data.journal.ledger
    found = await ledger.sessions(SessionFilter(refused=True))
    return [(each.id, each.state.value) for each in found]


# Measuring


async def test_the_interval_is_changed_without_dropping_a_charger(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await simulated(charger_entry)
    charger = charger_of(charger_entry)
    form = await opened(hass, charger_entry, "measuring")
    result = await go_on(hass, form, {"sample_interval": 20})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done()
    assert charger_of(charger_entry) is charger
    assert charger.settings.sample_interval == timedelta(seconds=20)
    assert charge_point.connected
    assert charger.reconnects == 0


# The record of sessions


async def test_how_long_values_are_kept_is_changed_without_dropping_a_charger(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    hass.config_entries.async_update_entry(
        charger_entry, options={"sample_interval": 30}
    )
    charge_point = await simulated(charger_entry)
    charger = charger_of(charger_entry)
    form = await opened(hass, charger_entry, "database")
    assert suggested(form, "readings_kept_days") == 14
    assert suggested(form, "database_url") == ""
    result = await go_on(hass, form, {"readings_kept_days": 100})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done()
    assert charger_entry.options == {"sample_interval": 30, "readings_kept_days": 100}
    assert readings_kept(charger_entry) == timedelta(days=100)
    assert charger_of(charger_entry) is charger
    assert charge_point.connected


@pytest.mark.parametrize(
    ("typed", "error"),
    [
        ("my database", "database_invalid"),
        ("postgresql://u:secret@h:p@ss/d", "database_invalid"),
        ("postgresql://u:p@h", "database_invalid"),
        ("sqlite://", "database_invalid"),
        ("sqlite:///:memory:", "database_unsupported"),
        ("oracle://u:p@h/d", "database_unsupported"),
        ("mssql+pyodbc://u:p@h/d", "database_unsupported"),
        ("postgresql+asyncpg://u:p@h/d", "database_unsupported"),
        ("mysql+mysqlconnector://u:p@h/d", "database_unsupported"),
        ("nonsense://u:p@h/d", "database_invalid"),
        ("sqlite:////no/such/folder/ledger.db", "database_no_database"),
        ("mysql+mysqldb://u:p@127.0.0.1/d", "database_driver_missing"),
    ],
)
async def test_what_is_no_database_is_refused(
    hass: HomeAssistant,
    charger_entry: MockConfigEntry,
    caplog: pytest.LogCaptureFixture,
    typed: str,
    error: str,
) -> None:
    form = await choose(hass, charger_entry, typed)
    assert form["errors"] == {"database_url": error}
    assert "secret" not in caplog.text
    # Once it is right it is taken.
    result = await go_on(hass, form, DAYS)
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_why_a_server_does_not_take_us_is_told(
    hass: HomeAssistant,
    charger_entry: MockConfigEntry,
    server: DatabaseServer,
    free_port: int,
) -> None:
    address = server.new_database()
    name = address.rpartition("/")[2]
    server.run_sql(server.new_user("guest", name))
    for url, error in (
        (server.new_url(name, password="wrong-password"), "refused"),
        (server.new_url("nowhere"), "no_database"),
        (server.new_url(name, port=free_port), "unreachable"),
        (server.new_url(name, user="guest"), "no_rights"),
    ):
        form = await choose(hass, charger_entry, url)
        assert form["errors"] == {"database_url": f"database_{error}"}
        assert shown(form, "detail")
        assert "wrong-password" not in str(form)
        hass.config_entries.options.async_abort(form["flow_id"])


async def test_a_server_that_says_nothing_is_not_waited_for(
    hass: HomeAssistant,
    charger_entry: MockConfigEntry,
    silent_port: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("custom_components.ocpp_charging.ledger.trial.PATIENCE_S", 0.2)
    url = f"postgresql://u:p@127.0.0.1:{silent_port}/d"
    form = await choose(hass, charger_entry, url)
    assert form["errors"] == {"database_url": "database_unreachable"}


def precious(hass: HomeAssistant, content: str) -> Path:
    """Make a file that is none of ours."""
    file = Path(hass.config.path("precious"))
    if content.startswith("another"):
        with closing(sqlite3.connect(file)) as database:
            database.execute("CREATE TABLE states (id INTEGER)")
    else:
        file.write_text(content)
    return file


def content_of(file: Path) -> bytes:
    return file.read_bytes()


@pytest.mark.parametrize("content", ["secrets: 1\n" * 500, "another program's"])
async def test_a_file_of_another_program_is_left_alone(
    hass: HomeAssistant, charger_entry: MockConfigEntry, content: str
) -> None:
    file = precious(hass, content)
    before = content_of(file)
    form = await choose(hass, charger_entry, "sqlite:///precious")
    assert form["errors"] == {"database_url": "database_occupied"}
    assert content_of(file) == before
    assert [each.name for each in file.parent.glob("precious*")] == ["precious"]


async def test_a_database_with_tables_of_another_program_is_left_alone(
    hass: HomeAssistant, charger_entry: MockConfigEntry, server: DatabaseServer
) -> None:
    address = server.new_database()
    name = address.rpartition("/")[2]
    server.run_sql("CREATE TABLE transactions (amount INTEGER)", name)
    form = await choose(hass, charger_entry, address)
    assert form["errors"] == {"database_url": "database_occupied"}
    assert "transactions" in shown(form, "detail")


async def test_the_sessions_are_taken_along_to_a_server_and_back(
    hass: HomeAssistant,
    charger_entry: MockConfigEntry,
    simulated: Simulated,
    server: DatabaseServer,
) -> None:
    charge_point = await simulated(charger_entry, serial="SN1")
    first = await charge(charger_entry, charge_point)
    await stop(charger_entry, charge_point)
    running = await charge(charger_entry, charge_point)
    address = server.new_database()
    menu = await choose(hass, charger_entry, address)
    assert menu["step_id"] == "history"
    assert shown(menu, "sessions") == "2"
    result = await go_on(hass, menu, {"next_step_id": "copy_history"})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done()
    assert read(charger_entry.options["database_url"]) == read(address)
    assert await sessions(charger_entry) == [(first, "ended"), (running, "running")]
    charger = charger_of(charger_entry)
    assert charger.info.serial == "SN1"
    assert charger.connectors[1].transaction is not None
    assert charger.connectors[1].transaction.transaction_id == running

    # And to another file.
    menu = await choose(hass, charger_entry, "sqlite:///elsewhere.db")
    result = await go_on(hass, menu, {"next_step_id": "copy_history"})
    await hass.async_block_till_done()
    url = charger_entry.options["database_url"]
    assert url == f"sqlite:///{hass.config.path('elsewhere.db')}"
    assert await sessions(charger_entry) == [(first, "ended"), (running, "running")]
    after = await charger_entry.runtime_data.journal.ledger.open_transaction(start())
    assert after > running


async def test_a_new_record_can_begin_empty_without_giving_an_id_again(
    hass: HomeAssistant,
    charger_entry: MockConfigEntry,
    simulated: Simulated,
    postgresql: PostgreSQL,
) -> None:
    charge_point = await simulated(charger_entry)
    first = await charge(charger_entry, charge_point)
    await charge_point.stop()
    menu = await choose(hass, charger_entry, postgresql.new_database())
    result = await go_on(hass, menu, {"next_step_id": "leave_history"})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done()
    assert await sessions(charger_entry) == []
    ledger = charger_entry.runtime_data.journal.ledger
    second = await ledger.open_transaction(start())
    assert second > first
    # Back in the file there are the sessions of before.
    form = await choose(hass, charger_entry, "")
    assert form["step_id"] == "existing"
    assert shown(form, "sessions") == "1"
    result = await go_on(hass, form, {})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done()
    assert "database_url" not in charger_entry.options
    assert await sessions(charger_entry) == [(first, "running")]
    ledger = charger_entry.runtime_data.journal.ledger
    assert await ledger.open_transaction(start()) > second


async def test_an_empty_record_moves_without_a_question(
    hass: HomeAssistant, charger_entry: MockConfigEntry
) -> None:
    result = await choose(hass, charger_entry, "sqlite:///elsewhere.db")
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done()
    assert content_of(Path(hass.config.path("elsewhere.db")))


async def test_the_password_is_hidden_and_kept(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    charger_entry: MockConfigEntry,
    postgresql: PostgreSQL,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    address = postgresql.new_database()
    _result = await choose(hass, charger_entry, address)
    await hass.async_block_till_done()
    stored = charger_entry.options["database_url"]
    assert read(stored) == read(address)
    form = await opened(hass, charger_entry, "database")
    hidden = suggested(form, "database_url")
    assert hidden == stored.replace(PASSWORD, "***")
    result = await go_on(hass, form, {"readings_kept_days": 7, "database_url": hidden})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert charger_entry.options == {"readings_kept_days": 7, "database_url": stored}
    # In another database of the same server too, and after a wrong one was typed.
    form = await choose(hass, charger_entry, hidden.replace("ledger:***", "who:***"))
    assert form["errors"] == {"database_url": "database_refused"}
    again = suggested(form, "database_url")
    assert ":***@" in again
    result = await go_on(
        hass, form, {**DAYS, "database_url": again.replace("who", "ledger")}
    )
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done()

    assert await async_setup_component(hass, "diagnostics", {})
    data = await get_diagnostics_for_config_entry(hass, hass_client, charger_entry)
    assert data["options"]["database_url"] == "postgresql"
    for secret in (PASSWORD, PASSWORD.replace(" ", "%20")):
        assert secret not in str(data)
        assert secret not in caplog.text


async def test_where_the_present_record_cannot_be_read_nothing_is_copied(
    hass: HomeAssistant, postgresql: PostgreSQL
) -> None:
    address = postgresql.new_url("nowhere")
    entry = await set_up(
        hass, central_system(charger_subentry(), options={"database_url": address})
    )
    form = await choose(hass, entry, "")
    assert form["step_id"] == "unreadable"
    result = await go_on(hass, form, {})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done()
    assert await sessions(entry) == []
    number = await entry.runtime_data.journal.ledger.open_transaction(start())
    assert number > 1_000_000


async def test_an_entry_that_is_not_loaded_is_moved_as_well(
    hass: HomeAssistant, charger_entry: MockConfigEntry
) -> None:
    await hass.config_entries.async_unload(charger_entry.entry_id)
    form = await choose(hass, charger_entry, "sqlite:///elsewhere.db")
    assert form["step_id"] == "unreadable"
    _result = await go_on(hass, form, {})
    await hass.async_block_till_done()
    assert content_of(Path(hass.config.path("elsewhere.db")))
    assert await sessions(charger_entry) == []


async def test_a_copy_that_fails_leaves_all_as_it_was(
    hass: HomeAssistant,
    simulated: Simulated,
    free_port: int,
    postgresql: PostgreSQL,
) -> None:
    """Another central system's sessions there have the same ids."""
    entry = await set_up(hass, central_system(charger_subentry(), port=free_port))
    charge_point = await simulated(entry)
    number = await charge(entry, charge_point)
    address = postgresql.new_database()
    other = Ledger(address, central="another")
    await other.open()
    first = await other.open_transaction(start())
    for each in range(number - first + 2):
        await other.open_transaction(start(each + 1))
    await other.close()
    menu = await choose(hass, entry, address)
    form = await go_on(hass, menu, {"next_step_id": "copy_history"})
    assert form["step_id"] == "database"
    assert form["errors"] == {"database_url": "database_occupied"}
    await hass.async_block_till_done()
    assert entry.options == {}
    assert await sessions(entry) == [(number, "running")]
    # The charger finds its session where it was.
    charger = charger_of(entry)
    await wait_for_charger(charger, lambda one: one.connected)
    await stop(entry, charge_point)
    (session,) = await entry.runtime_data.journal.ledger.sessions()
    assert session.state is SessionState.ENDED


async def test_an_address_that_cannot_be_understood_can_be_put_right(
    hass: HomeAssistant,
) -> None:
    entry = central_system(options={"database_url": "my secret database"})
    entry.add_to_hass(hass)
    assert not await hass.config_entries.async_setup(entry.entry_id)
    assert entry.error_reason_translation_key == "database_url_invalid"
    form = await opened(hass, entry, "database")
    assert suggested(form, "database_url") == ""
    result = await go_on(hass, form, DAYS)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert "database_url" not in entry.options


@pytest.mark.parametrize("cause", Cause)
def test_every_cause_is_explained_in_the_form_and_in_the_repairs(cause: Cause) -> None:
    told = {"detail": "it says", "name": "Central system"}
    assert say(texts(), f"options.error.database_{cause}", told)
    for part in ("title", "description"):
        assert say(texts(), f"issues.ledger_unavailable_{cause}.{part}", told)
