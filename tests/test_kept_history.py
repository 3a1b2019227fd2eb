"""What becomes of the sessions of a charger, or a central system, that is removed."""

from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

from homeassistant.components.repairs.const import DOMAIN as REPAIRS_DOMAIN
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.ocpp_charging.hub import make_journal
from custom_components.ocpp_charging.kept_history import async_note_entry_removed
from custom_components.ocpp_charging.ledger import (
    LedgerUnavailable,
    SessionFilter,
    Totals,
)
from custom_components.ocpp_charging.ledger.errors import Cause

from .conftest import (
    DOMAIN,
    IDENTITY,
    Simulated,
    central_system,
    charger_of,
    charger_subentry,
    set_up,
    state_of,
    wait_for_charger,
)
from .flows import assert_texts, say
from .test_past_sessions import YESTERDAY, session


def issue_of(hass: HomeAssistant, kind: str) -> ir.IssueEntry | None:
    """Return the question, if it is asked."""
    for (domain, _), issue in ir.async_get(hass).issues.items():
        if domain == DOMAIN and issue.active and issue.translation_key == kind:
            return issue
    return None


def asked(hass: HomeAssistant, kind: str = "charger_history") -> ir.IssueEntry:
    """Return the question, which must be asked and can be read."""
    issue = issue_of(hass, kind)
    assert issue is not None
    assert issue.is_persistent
    assert_texts({"type": "other"}, "issues", kind)
    return issue


class Owner:
    """Answers the questions in the repairs."""

    def __init__(self, hass: HomeAssistant, client: Any) -> None:
        self._hass = hass
        self._client = client

    async def begin(self, kind: str) -> Mapping[str, Any]:
        issue = asked(self._hass, kind)
        flow = await self._post(
            "", {"handler": DOMAIN, "issue_id": issue.issue_id}, kind
        )
        assert flow["type"] == "menu"
        return flow

    async def choose(
        self, flow: Mapping[str, Any], kind: str, option: str
    ) -> Mapping[str, Any]:
        return await self._post(f"/{flow['flow_id']}", {"next_step_id": option}, kind)

    async def submit(self, flow: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
        return await self._post(f"/{flow['flow_id']}", {}, kind)

    async def delete(self, kind: str = "charger_history") -> Mapping[str, Any]:
        """Have the sessions deleted; return what that leads to."""
        flow = await self.choose(await self.begin(kind), kind, "delete")
        assert flow["step_id"] == "delete"
        return await self.submit(flow, kind)

    async def keep(self, kind: str = "charger_history") -> None:
        result = await self.choose(await self.begin(kind), kind, "keep")
        assert result["type"] == "create_entry"

    async def _post(self, path: str, data: Any, kind: str) -> Mapping[str, Any]:
        response = await self._client.post(f"/api/repairs/issues/fix{path}", json=data)
        assert response.status == HTTPStatus.OK
        result: dict[str, Any] = await response.json()
        shown = {**result}
        if "data_schema" in shown:
            shown["data_schema"] = None
        assert_texts(shown, "issues", kind, "fix_flow")
        return result


@pytest.fixture
async def owner(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    charger_entry: MockConfigEntry,
) -> Owner:
    assert await async_setup_component(hass, REPAIRS_DOMAIN, {})
    return Owner(hass, await hass_client())


async def charge_and_remove(
    hass: HomeAssistant, entry: MockConfigEntry, simulated: Simulated, count: int = 3
) -> None:
    """Have some sessions of 5 kWh, and remove the charger."""
    charge_point = await simulated(entry)
    for number in range(count):
        await session(charge_point, YESTERDAY - timedelta(hours=2 * number))
    await charge_point.stop()
    await wait_for_charger(charger_of(entry), lambda one: not one.connected)
    await remove(hass, entry)


async def remove(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    (subentry_id,) = entry.subentries
    hass.config_entries.async_remove_subentry(entry, subentry_id)
    await hass.async_block_till_done()


async def kept(entry: MockConfigEntry) -> int:
    ledger = entry.runtime_data.journal.ledger
    return len(await ledger.sessions(SessionFilter(charger=IDENTITY)))


# A charger


async def test_removing_a_charger_keeps_its_sessions_and_asks(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    await charge_and_remove(hass, charger_entry, simulated)
    assert await kept(charger_entry) == 3
    issue = asked(hass)
    since = dt_util.as_local(YESTERDAY - timedelta(hours=4)).date()
    assert issue.translation_placeholders == {
        "name": "CP1",
        "sessions": "3",
        "energy": "15.0",
        "since": str(since),
    }
    assert say({"it": "{name}"}, "it", issue.translation_placeholders) == "CP1"


async def test_who_deletes_is_told_what_is_lost_and_then_it_is(
    hass: HomeAssistant,
    owner: Owner,
    charger_entry: MockConfigEntry,
    simulated: Simulated,
) -> None:
    await charge_and_remove(hass, charger_entry, simulated)
    result = await owner.delete()
    assert result["type"] == "create_entry"
    assert issue_of(hass, "charger_history") is None
    assert await kept(charger_entry) == 0


async def test_who_keeps_is_not_asked_again(
    hass: HomeAssistant,
    owner: Owner,
    charger_entry: MockConfigEntry,
    simulated: Simulated,
) -> None:
    await charge_and_remove(hass, charger_entry, simulated)
    await owner.keep()
    assert await hass.config_entries.async_reload(charger_entry.entry_id)
    await hass.async_block_till_done()
    assert issue_of(hass, "charger_history") is None
    assert await kept(charger_entry) == 3


async def test_the_question_is_there_after_a_restart(
    hass: HomeAssistant,
    owner: Owner,
    charger_entry: MockConfigEntry,
    simulated: Simulated,
) -> None:
    await charge_and_remove(hass, charger_entry, simulated)
    assert await hass.config_entries.async_reload(charger_entry.entry_id)
    # What is stored is all that is left of the question.
    registry = ir.async_get(hass)
    issue = asked(hass)
    stored = issue.to_json()
    assert stored["data"] == {"entry_id": charger_entry.entry_id, "identity": IDENTITY}
    assert stored["translation_placeholders"]
    assert registry.async_get_issue(DOMAIN, issue.issue_id) is issue
    result = await owner.delete()
    assert result["type"] == "create_entry"
    assert await kept(charger_entry) == 0


async def test_a_charger_that_was_removed_while_nothing_ran_is_asked_about(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await simulated(charger_entry)
    await session(charge_point, YESTERDAY)
    await charge_point.stop()
    await hass.config_entries.async_unload(charger_entry.entry_id)
    await remove(hass, charger_entry)
    assert issue_of(hass, "charger_history") is None
    assert await hass.config_entries.async_setup(charger_entry.entry_id)
    await hass.async_block_till_done()
    assert asked(hass).translation_placeholders
    assert await kept(charger_entry) == 1


async def test_a_charger_without_sessions_leaves_no_question(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    await charge_and_remove(hass, charger_entry, simulated, count=0)
    assert issue_of(hass, "charger_history") is None


async def test_a_charger_that_is_added_again_has_its_history(
    hass: HomeAssistant,
    owner: Owner,
    charger_entry: MockConfigEntry,
    simulated: Simulated,
) -> None:
    (subentry,) = charger_entry.subentries.values()
    await charge_and_remove(hass, charger_entry, simulated)
    flow = await owner.begin("charger_history")
    flow = await owner.choose(flow, "charger_history", "delete")
    hass.config_entries.async_add_subentry(charger_entry, subentry)
    await hass.async_block_till_done()
    assert issue_of(hass, "charger_history") is None
    # Who had the dialog open meanwhile deletes nothing of it.
    result = await owner.submit(flow, "charger_history")
    assert result["reason"] == "added_again"
    assert await kept(charger_entry) == 3


async def test_what_cannot_be_deleted_now_can_be_later(
    hass: HomeAssistant,
    owner: Owner,
    charger_entry: MockConfigEntry,
    simulated: Simulated,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await charge_and_remove(hass, charger_entry, simulated)
    ledger = charger_entry.runtime_data.journal.ledger

    async def failing(*_: Any, **__: Any) -> None:
        raise LedgerUnavailable(Cause.LOCKED, "another program has it")

    with monkeypatch.context() as patched:
        patched.setattr(ledger, "forget", failing)
        flow = await owner.delete()
        assert flow["errors"] == {"base": "not_deleted"}
        assert asked(hass)
    result = await owner.submit(flow, "charger_history")
    assert result["type"] == "create_entry"
    assert await kept(charger_entry) == 0


async def test_nothing_can_be_deleted_while_the_central_system_is_not_running(
    hass: HomeAssistant,
    owner: Owner,
    charger_entry: MockConfigEntry,
    simulated: Simulated,
) -> None:
    await charge_and_remove(hass, charger_entry, simulated)
    await hass.config_entries.async_unload(charger_entry.entry_id)
    assert (await owner.delete())["reason"] == "not_loaded"
    assert asked(hass)
    assert await hass.config_entries.async_setup(charger_entry.entry_id)
    assert await kept(charger_entry) == 3


async def test_a_ledger_that_cannot_be_read_asks_nothing_and_loses_nothing(
    hass: HomeAssistant,
    charger_entry: MockConfigEntry,
    simulated: Simulated,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def failing(*_: Any) -> None:
        raise LedgerUnavailable(Cause.UNREACHABLE, "the server is away")

    ledger = charger_entry.runtime_data.journal.ledger
    monkeypatch.setattr(ledger, "totals", failing)
    await charge_and_remove(hass, charger_entry, simulated)
    assert issue_of(hass, "charger_history") is None
    assert "are kept" in caplog.text
    assert await kept(charger_entry) == 3


# A central system


def ledger_file(hass: HomeAssistant, entry: MockConfigEntry) -> Path:
    return Path(hass.config.config_dir) / f"{DOMAIN}_{entry.entry_id}.db"


async def charged(
    hass: HomeAssistant, entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await simulated(entry)
    await session(charge_point, YESTERDAY)
    await charge_point.stop()


async def test_removing_a_central_system_keeps_its_sessions_and_asks(
    hass: HomeAssistant,
    owner: Owner,
    charger_entry: MockConfigEntry,
    simulated: Simulated,
) -> None:
    await charged(hass, charger_entry, simulated)
    await hass.config_entries.async_remove(charger_entry.entry_id)
    await hass.async_block_till_done()
    file = ledger_file(hass, charger_entry)
    assert file.exists()
    filled = asked(hass, "central_history").translation_placeholders
    assert filled is not None
    assert filled["place"] == str(file)
    assert filled["sessions"] == "1"
    await owner.keep("central_history")
    assert file.exists()


async def test_the_sessions_of_a_removed_central_system_can_be_deleted(
    hass: HomeAssistant,
    owner: Owner,
    charger_entry: MockConfigEntry,
    simulated: Simulated,
) -> None:
    await charged(hass, charger_entry, simulated)
    await hass.config_entries.async_remove(charger_entry.entry_id)
    await hass.async_block_till_done()
    result = await owner.delete("central_history")
    assert result["type"] == "create_entry"
    assert not ledger_file(hass, charger_entry).exists()
    assert issue_of(hass, "central_history") is None


async def test_after_a_restart_the_sessions_of_a_removed_system_stay_where_they_are(
    hass: HomeAssistant,
    owner: Owner,
    charger_entry: MockConfigEntry,
    simulated: Simulated,
) -> None:
    await charged(hass, charger_entry, simulated)
    await hass.config_entries.async_remove(charger_entry.entry_id)
    await hass.async_block_till_done()
    hass.data.pop(f"{DOMAIN}_removed")
    assert (await owner.delete("central_history"))["reason"] == "unreachable"
    assert ledger_file(hass, charger_entry).exists()
    # Without a central system, Home Assistant's own dialog shows this text.
    issue = asked(hass, "central_history")
    assert_texts(
        {
            "type": "form",
            "step_id": "confirm",
            "data_schema": None,
            "errors": None,
            "description_placeholders": issue.translation_placeholders,
        },
        "issues",
        "central_history",
        "fix_flow",
    )


async def test_in_a_shared_database_only_what_was_removed_is_deleted(
    hass: HomeAssistant,
    owner: Owner,
    simulated: Simulated,
    tmp_path: Path,
) -> None:
    url = f"sqlite:///{tmp_path / 'shared.db'}"
    entries = [
        await set_up(
            hass, central_system(charger_subentry(), options={"database_url": url})
        )
        for _ in range(2)
    ]
    for entry in entries:
        await charged(hass, entry, simulated)
    first, second = entries
    await hass.config_entries.async_remove(first.entry_id)
    await hass.async_block_till_done()
    assert (await owner.delete("central_history"))["type"] == "create_entry"
    assert await kept(second) == 1


async def test_the_password_of_a_database_is_not_part_of_the_question(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = central_system()

    async def some(*_: Any) -> Totals:
        return Totals(sessions=2, energy_wh=1, began_at=None)

    monkeypatch.setattr("custom_components.ocpp_charging.ledger.Ledger.totals", some)
    await async_note_entry_removed(
        hass,
        entry,
        lambda: make_journal(hass, entry),
        "postgresql://anna:open-sesame@db.example/charging",
    )
    issue = asked(hass, "central_history")
    assert "open-sesame" not in str(issue)
    assert "db.example" in str(issue.translation_placeholders)


async def test_a_ledger_that_cannot_be_read_at_the_removal_is_not_deleted(
    hass: HomeAssistant, caplog: pytest.LogCaptureFixture
) -> None:
    entry = await set_up(hass, central_system())
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert state_of(entry) is ConfigEntryState.NOT_LOADED
    file = ledger_file(hass, entry)
    file.unlink()
    file.mkdir()
    await hass.config_entries.async_remove(entry.entry_id)
    await hass.async_block_till_done()
    assert file.exists()
    assert "are kept in" in caplog.text
