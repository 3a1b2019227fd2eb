"""What the owner is told to put right, and where that leads."""

from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.repairs.const import DOMAIN as REPAIRS_DOMAIN
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.ocpp_charging.csms.certificates import CertificateStore
from custom_components.ocpp_charging.listener import (
    FILE_CHECK_INTERVAL,
    RENEWAL_CHECK_INTERVAL,
)

from .conftest import (
    DOMAIN,
    Simulated,
    central_system,
    charger_of,
    charger_subentry,
    set_up,
    state_of,
    wait_for_charger,
)
from .flows import issue_texts

MINE = {"security": "wss_compatible", "certificate": "files"}


def issues(hass: HomeAssistant) -> dict[str, ir.IssueEntry]:
    """Return the active issues by their kind; all of them can be read."""
    found = {
        str(issue.translation_key): issue
        for (domain, _), issue in ir.async_get(hass).issues.items()
        if domain == DOMAIN and issue.active
    }
    for kind, issue in found.items():
        issue_texts(kind, issue.translation_placeholders)
    return found


def placeholders(hass: HomeAssistant, kind: str) -> dict[str, str]:
    """Return what is filled into the texts of an active issue."""
    filled = issues(hass)[kind].translation_placeholders
    assert filled is not None
    return filled


def owner_files(folder: Path) -> dict[str, str]:
    CertificateStore(folder).ensure(["127.0.0.1"], dt_util.utcnow())
    return {
        "certificate_file": str(folder / "server-rsa.pem"),
        "key_file": str(folder / "server-rsa.key"),
    }


async def pass_time(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, time: timedelta
) -> None:
    freezer.tick(time + timedelta(seconds=1))
    async_fire_time_changed(hass)
    await hass.async_block_till_done(wait_background_tasks=True)


async def test_no_encryption_is_a_standing_issue(
    hass: HomeAssistant, central_entry: MockConfigEntry
) -> None:
    issue = issues(hass)["plain_ws"]
    assert issue.severity is ir.IssueSeverity.WARNING
    await hass.config_entries.async_reload(central_entry.entry_id)
    assert "plain_ws" in issues(hass)
    hass.config_entries.async_update_entry(
        central_entry,
        data={
            **central_entry.data,
            "security": "wss_compatible",
            "names": ["127.0.0.1"],
        },
    )
    await hass.async_block_till_done()
    assert state_of(central_entry) is ConfigEntryState.LOADED
    assert not issues(hass)


async def test_the_issues_go_with_the_central_system(
    hass: HomeAssistant, central_entry: MockConfigEntry
) -> None:
    other = await set_up(hass, central_system())
    await hass.config_entries.async_remove(central_entry.entry_id)
    await hass.async_block_till_done()
    left = [key for key in ir.async_get(hass).issues if key[0] == DOMAIN]
    assert left == [(DOMAIN, f"plain_ws_{other.entry_id}")]


async def test_a_wrong_password_is_an_issue_until_it_is_right(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    wrong = await simulated(charger_entry, ready=False, password="not-this-one")
    # One or two may be a slip.
    await wrong.wait_for(lambda one: getattr(one.last_error, "status", None) == 401)
    assert "wrong_password" not in issues(hass)
    await wrong.wait_for(lambda _: "wrong_password" in issues(hass), timeout=20)
    assert placeholders(hass, "wrong_password") == {
        "name": "CP1",
        "address": "127.0.0.1",
    }
    await wrong.stop()

    right = await simulated(charger_entry, ready=False)
    await right.wait_for(lambda one: one.connected, timeout=20)
    await wait_for_charger(charger_of(charger_entry), lambda one: one.connected)
    assert "wrong_password" not in issues(hass)


async def test_the_issue_of_a_charger_goes_with_it(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    wrong = await simulated(charger_entry, ready=False, password="not-this-one")
    await wrong.wait_for(lambda _: "wrong_password" in issues(hass), timeout=20)
    (subentry_id,) = charger_entry.subentries
    hass.config_entries.async_remove_subentry(charger_entry, subentry_id)
    await hass.async_block_till_done()
    assert "wrong_password" not in issues(hass)


# Certificates


async def test_a_certificate_that_cannot_be_used_stops_the_set_up(
    hass: HomeAssistant, unloads: None, tmp_path: Path
) -> None:
    files = owner_files(tmp_path / "own")
    (tmp_path / "own" / "server-rsa.key").unlink()
    entry = central_system(**MINE, **files)
    entry.add_to_hass(hass)
    assert not await hass.config_entries.async_setup(entry.entry_id)
    assert state_of(entry) is ConfigEntryState.SETUP_ERROR
    assert entry.error_reason_translation_key == "certificate_unusable"
    issue = issues(hass)["certificate_unusable"]
    assert issue.severity is ir.IssueSeverity.ERROR
    reason = placeholders(hass, "certificate_unusable")["reason"]
    assert "server-rsa.key" in reason
    assert "may not read" in reason

    owner_files(tmp_path / "own")
    await hass.config_entries.async_reload(entry.entry_id)
    assert state_of(entry) is ConfigEntryState.LOADED
    assert not issues(hass)


async def test_a_certificate_that_ends_soon_is_an_issue_in_time(
    hass: HomeAssistant, unloads: None, tmp_path: Path, freezer: FrozenDateTimeFactory
) -> None:
    entry = await set_up(hass, central_system(**MINE, **owner_files(tmp_path / "own")))
    assert not issues(hass)
    end = entry.runtime_data.tls.certificates.expires
    await pass_time(hass, freezer, end - dt_util.utcnow() - timedelta(days=15))
    assert not issues(hass)
    await pass_time(hass, freezer, RENEWAL_CHECK_INTERVAL + timedelta(hours=1))
    local = dt_util.as_local(end).strftime("%Y-%m-%d %H:%M")
    assert placeholders(hass, "certificate_expiring")["date"] == local

    # The owner puts new files in their place.
    owner_files(tmp_path / "own")
    await pass_time(hass, freezer, FILE_CHECK_INTERVAL)
    assert not issues(hass)
    assert entry.runtime_data.tls.certificates.expires > end


async def test_files_that_become_unusable_are_an_issue_and_the_old_ones_serve(
    hass: HomeAssistant, unloads: None, tmp_path: Path, simulated: Simulated
) -> None:
    entry = await set_up(
        hass,
        central_system(charger_subentry(), **MINE, **owner_files(tmp_path / "own")),
    )
    key = tmp_path / "own" / "server-rsa.key"
    good = key.read_bytes()
    key.write_text("garbage")
    await look_again(hass)
    assert "certificate_unusable" in issues(hass)
    await simulated(entry)

    key.write_bytes(good)
    await look_again(hass, 2)
    assert not issues(hass)
    assert charger_of(entry).connected
    assert charger_of(entry).reconnects == 0


async def look_again(hass: HomeAssistant, times: int = 1) -> None:
    """Let the files be looked at, with the clock of the chargers going on."""
    later = dt_util.utcnow() + times * FILE_CHECK_INTERVAL + timedelta(seconds=1)
    async_fire_time_changed(hass, later)
    await hass.async_block_till_done(wait_background_tasks=True)


# The way to the settings


async def repair_client(
    hass: HomeAssistant, hass_client: ClientSessionGenerator
) -> Any:
    """Return who asks for repairs; the integration must be set up before."""
    assert await async_setup_component(hass, REPAIRS_DOMAIN, {})
    assert await async_setup_component(hass, "config", {})
    return await hass_client()


async def start_fix(client: Any, issue: ir.IssueEntry) -> Mapping[str, Any]:
    response = await client.post(
        "/api/repairs/issues/fix",
        json={"handler": DOMAIN, "issue_id": issue.issue_id},
    )
    assert response.status == HTTPStatus.OK
    result: Mapping[str, Any] = await response.json()
    return result


async def submit(client: Any, flow: Mapping[str, Any]) -> Mapping[str, Any]:
    response = await client.post(f"/api/repairs/issues/fix/{flow['flow_id']}", json={})
    assert response.status == HTTPStatus.OK
    result: Mapping[str, Any] = await response.json()
    return result


async def fix(client: Any, hass: HomeAssistant, kind: str) -> Mapping[str, Any]:
    issue = issues(hass)[kind]
    flow = await start_fix(client, issue)
    assert flow["step_id"] == "confirm"
    issue_texts(kind, flow["description_placeholders"])
    return await submit(client, flow)


async def test_an_issue_of_the_listener_leads_to_its_settings(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    central_entry: MockConfigEntry,
) -> None:
    client = await repair_client(hass, hass_client)
    result = await fix(client, hass, "plain_ws")
    assert result["reason"] == "open_settings"
    kind, flow_id = result["next_flow"]
    assert kind == "config_flow"
    flow = hass.config_entries.flow.async_get(flow_id)
    assert flow["step_id"] == "reconfigure"
    assert flow["context"]["entry_id"] == central_entry.entry_id
    # It stays until it is no longer so.
    assert "plain_ws" in issues(hass)


async def test_an_issue_of_a_charger_leads_to_its_settings(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    charger_entry: MockConfigEntry,
    simulated: Simulated,
) -> None:
    client = await repair_client(hass, hass_client)
    wrong = await simulated(charger_entry, ready=False, password="not-this-one")
    await wrong.wait_for(lambda _: "wrong_password" in issues(hass), timeout=20)
    result = await fix(client, hass, "wrong_password")
    kind, flow_id = result["next_flow"]
    assert kind == "config_subentries_flow"
    flow = hass.config_entries.subentries.async_get(flow_id)
    assert flow["step_id"] == "reconfigure"
    assert flow["context"]["subentry_id"] in charger_entry.subentries


async def test_what_is_gone_cannot_be_put_right(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    central_entry: MockConfigEntry,
) -> None:
    client = await repair_client(hass, hass_client)
    issue = issues(hass)["plain_ws"]
    flow = await start_fix(client, issue)
    await hass.config_entries.async_remove(central_entry.entry_id)
    result = await submit(client, flow)
    assert result["reason"] == "gone"
