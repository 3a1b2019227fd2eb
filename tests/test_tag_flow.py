"""Putting id tags on the owner's list, and changing them."""

from collections.abc import Mapping
from typing import Any

from homeassistant.config_entries import SOURCE_RECONFIGURE, SOURCE_USER
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.ocpp_charging.csms.tags import OfflineTags, UnknownTags
from custom_components.ocpp_charging.tag_list import AUTOMATIC

from .conftest import Simulated, central_system, charger_of, charger_subentry, set_up
from .flows import _texts, assert_texts, shown, suggested
from .tags import ANNA, STRANGER, authorize, tag_subentry, tags_of

type Result = Mapping[str, Any]

ROOT = ("config_subentries", "tag")
NEW = {"name": "Ben", "id_tag": "04FFEE", "enabled": True}


@pytest.fixture
async def entry(hass: HomeAssistant, unloads: None) -> MockConfigEntry:
    """Return a loaded central system with a charger and Anna's card."""
    return await set_up(
        hass, central_system(charger_subentry(), tag_subentry(group="FAMILY"))
    )


async def begin(hass: HomeAssistant, entry: MockConfigEntry) -> Result:
    result = await hass.config_entries.subentries.async_init(
        (entry.entry_id, "tag"), context={"source": SOURCE_USER}
    )
    assert_texts(result, *ROOT)
    return result


async def change(hass: HomeAssistant, entry: MockConfigEntry) -> Result:
    (subentry,) = entry.get_subentries_of_type("tag")
    result = await hass.config_entries.subentries.async_init(
        (entry.entry_id, "tag"),
        context={"source": SOURCE_RECONFIGURE, "subentry_id": subentry.subentry_id},
    )
    assert_texts(result, *ROOT)
    return result


async def answer(hass: HomeAssistant, result: Result, user_input: Any) -> Result:
    result = await hass.config_entries.subentries.async_configure(
        result["flow_id"], user_input
    )
    assert_texts(result, *ROOT)
    await hass.async_block_till_done()
    return result


def offered(result: Result, key: str) -> list[str]:
    """Return what can be picked in a field."""
    schema = result["data_schema"].schema
    config = next(field for marker, field in schema.items() if marker == key).config
    return [option["value"] for option in config["options"]]


async def test_a_tag_is_typed_and_counts_at_once(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await simulated(charger_entry)
    assert (await authorize(charge_point, STRANGER))["status"] == "Accepted"
    result = await begin(hass, charger_entry)
    assert len(shown(result, "made")) == 16
    more = {"expires": "2030-12-31", "group": " FAMILY "}
    result = await answer(
        hass, result, NEW | more | {"name": " Ben ", "id_tag": "04ffee "}
    )
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert tags_of(charger_entry) == {
        "Ben": {
            "id_tag": "04ffee",
            "enabled": True,
            "expires": "2030-12-31",
            "group": "FAMILY",
        }
    }
    info = await authorize(charge_point, "04FFEE")
    assert info["status"] == "Accepted"
    assert info["parentIdTag"] == "FAMILY"
    assert info["expiryDate"].startswith("2031-01-01") or info["expiryDate"].startswith(
        "2030-12-31"
    )
    assert (await authorize(charge_point, STRANGER))["status"] == "Invalid"
    assert charger_of(charger_entry).connected, "nothing was reloaded"


async def test_tags_that_were_at_a_charger_are_offered_the_latest_first(
    hass: HomeAssistant, entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await simulated(entry)
    for id_tag in (STRANGER, "HomeAssistant", ANNA, "Ünknown", "CAFE"):
        await authorize(charge_point, id_tag)
    result = await begin(hass, entry)
    assert offered(result, "id_tag") == ["CAFE", STRANGER]
    assert offered(result, "group") == ["FAMILY"]
    result = await answer(hass, result, NEW | {"id_tag": "CAFE"})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert offered(await begin(hass, entry), "id_tag") == [STRANGER]


async def test_tags_that_have_charged_before_a_restart_are_offered_too(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await simulated(charger_entry)
    payload = {"connectorId": 1, "idTag": "cafe", "meterStart": 0}
    at = {"timestamp": "2026-01-01T00:00:00Z"}
    started = await charge_point.call("StartTransaction", payload | at)
    stop = {"transactionId": started["transactionId"], "meterStop": 5000}
    await charge_point.call(
        "StopTransaction", stop | {"timestamp": "2026-01-01T02:00:00Z"}
    )
    await charge_point.stop()
    assert await hass.config_entries.async_reload(charger_entry.entry_id)
    await hass.async_block_till_done()
    assert offered(await begin(hass, charger_entry), "id_tag") == ["CAFE"]


async def test_tags_are_managed_while_the_central_system_is_not_running(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    await hass.config_entries.async_unload(entry.entry_id)
    result = await begin(hass, entry)
    assert offered(result, "id_tag") == []
    result = await answer(hass, result, NEW)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert set(tags_of(entry)) == {"Anna", "Ben"}


@pytest.mark.parametrize(
    ("wrong", "field", "error"),
    [
        ({"name": " "}, "name", "name_missing"),
        ({"id_tag": " "}, "id_tag", "invalid_tag"),
        ({"id_tag": "A" * 21}, "id_tag", "invalid_tag"),
        ({"id_tag": "Ünknown"}, "id_tag", "invalid_tag"),
        ({"id_tag": "A\tB"}, "id_tag", "invalid_tag"),
        ({"id_tag": ANNA.lower()}, "id_tag", "tag_taken"),
        ({"group": "A" * 21}, "group", "invalid_group"),
    ],
)
async def test_what_is_wrong_is_said_and_can_be_put_right(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    wrong: dict[str, str],
    field: str,
    error: str,
) -> None:
    result = await answer(hass, await begin(hass, entry), NEW | wrong)
    assert result["errors"] == {field: error}
    assert suggested(result, field) == wrong[field]
    result = await answer(hass, result, NEW)
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_a_tag_is_changed_and_the_change_counts_at_once(
    hass: HomeAssistant, entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await simulated(entry)
    result = await change(hass, entry)
    assert suggested(result, "name") == "Anna"
    assert suggested(result, "id_tag") == ANNA
    assert suggested(result, "group") == "FAMILY"
    taken_back = {"name": "Lost", "id_tag": ANNA.lower(), "enabled": False}
    result = await answer(hass, result, taken_back)
    assert result["reason"] == "reconfigure_successful"
    assert tags_of(entry) == {"Lost": {"id_tag": ANNA.lower(), "enabled": False}}
    assert await authorize(charge_point, ANNA) == {"status": "Blocked"}


async def test_a_change_can_be_wrong_too(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    result = await answer(hass, await change(hass, entry), NEW | {"name": ""})
    assert result["errors"] == {"name": "name_missing"}
    assert tags_of(entry)["Anna"]["id_tag"] == ANNA


async def test_a_removed_tag_is_refused_and_the_last_one_lets_everyone_in_again(
    hass: HomeAssistant, entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await simulated(entry)
    assert (await authorize(charge_point, STRANGER))["status"] == "Invalid"
    (subentry,) = entry.get_subentries_of_type("tag")
    hass.config_entries.async_remove_subentry(entry, subentry.subentry_id)
    await hass.async_block_till_done()
    assert (await authorize(charge_point, STRANGER))["status"] == "Accepted"


async def test_a_tag_may_charge_through_its_last_day_at_home(
    hass: HomeAssistant, unloads: None
) -> None:
    await hass.config.async_set_time_zone("Europe/Berlin")
    entry = await set_up(hass, central_system(tag_subentry(expires="2026-07-01")))
    tag = entry.runtime_data.central.authorizer.rules.find(ANNA)
    assert tag.expires.isoformat() == "2026-07-01T22:00:00+00:00"


async def test_what_holds_besides_the_list_is_chosen_in_the_settings(
    hass: HomeAssistant, entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await simulated(entry)
    charger = charger_of(entry)
    options = hass.config_entries.options
    menu = await options.async_init(entry.entry_id)
    assert_texts(menu, "options")
    form = await options.async_configure(menu["flow_id"], {"next_step_id": "tags"})
    assert_texts(form, "options")
    assert suggested(form, "unknown_tags") == "automatic"
    assert suggested(form, "offline_tags") == "unchanged"
    chosen = {
        "unknown_tags": "accept",
        "one_session": True,
        "offline_tags": "nobody",
        "pre_authorize": False,
    }
    done = await options.async_configure(form["flow_id"], chosen)
    assert done["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done()
    assert entry.options == chosen
    assert (await authorize(charge_point, STRANGER))["status"] == "Accepted"
    assert entry.runtime_data.central.authorizer.rules.one_session
    assert charger.connected
    assert charger.reconnects == 0


def test_every_choice_of_the_settings_has_its_words() -> None:
    texts = _texts()["selector"]
    for key, words in {
        "unknown_tags": {AUTOMATIC, *UnknownTags},
        "offline_tags": set(OfflineTags),
        "tag_decision": {"allow", "refuse"},
    }.items():
        assert texts[key]["options"].keys() == words
