"""A card at a charger: what Home Assistant is told, and what the owner is asked."""

from datetime import timedelta
from http import HTTPStatus
import logging
from typing import Any

from homeassistant.components.repairs.const import DOMAIN as REPAIRS_DOMAIN
from homeassistant.core import HomeAssistant
from homeassistant.helpers import (
    device_registry as dr,
    entity_registry as er,
    issue_registry as ir,
)
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator
from syrupy.assertion import SnapshotAssertion

from custom_components.ocpp_charging import tag_desk
from custom_components.ocpp_charging.csms.model import ChargerSettings
from custom_components.ocpp_charging.diagnostics import (
    async_get_config_entry_diagnostics,
)
from custom_components.ocpp_charging.tag_desk import MAX_NEW_TAGS
from custom_components.ocpp_charging.tag_list import async_add_tag
from custom_components.ocpp_charging.tag_requests import MAX_OPEN

from .conftest import (
    PASSWORD,
    Simulated,
    central_system,
    charger_subentry,
    key_hash,
    set_up,
    wait_for_state,
)
from .entities import assert_platform, state_of
from .flows import _texts, say
from .tags import (
    ANNA,
    STRANGER,
    authorize,
    questions,
    scanned,
    tag_subentry,
    tags_of,
)

EVENT = "event.cp1_id_tag_presented"


async def listed(hass: HomeAssistant, **options: Any) -> MockConfigEntry:
    """Return a loaded central system with a charger and some tags."""
    return await set_up(
        hass,
        central_system(
            charger_subentry(),
            tag_subentry(group="FAMILY"),
            tag_subentry("B10C", "Lost card", enabled=False),
            tag_subentry("01D", "Old card", expires="2020-01-01"),
            options=options,
        ),
    )


@pytest.fixture
async def entry(hass: HomeAssistant, unloads: None) -> MockConfigEntry:
    """Return a loaded central system that refuses unknown tags."""
    return await listed(hass)


@pytest.fixture
async def asking(hass: HomeAssistant, unloads: None) -> MockConfigEntry:
    """Return a loaded central system that asks about unknown tags."""
    return await listed(hass, unknown_tags="ask")


@pytest.mark.parametrize(
    ("id_tag", "kind", "name"),
    [
        (ANNA.lower(), "accepted", "Anna"),
        ("B10C", "blocked", "Lost card"),
        ("01D", "expired", "Old card"),
        (STRANGER, "unknown", None),
    ],
)
async def test_a_card_is_an_event_that_says_whose_and_not_which(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    simulated: Simulated,
    id_tag: str,
    kind: str,
    name: str | None,
) -> None:
    charge_point = await simulated(entry)
    await authorize(charge_point, id_tag)
    await hass.async_block_till_done()
    state = state_of(hass, EVENT)
    assert state.attributes["event_type"] == kind
    assert state.attributes["tag_name"] == name
    assert state.attributes["use"] == "authorize"
    states = str(
        [one.as_dict() for one in hass.states.async_all() if one.domain != "tag"]
    )
    assert id_tag.upper() not in states.upper()


async def test_the_event_tells_each_card_once_and_survives_a_lost_connection(
    hass: HomeAssistant, entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await simulated(entry)
    await authorize(charge_point, ANNA)
    await hass.async_block_till_done()
    first = state_of(hass, EVENT).state
    await charge_point.disconnect()
    await wait_for_state(hass, EVENT, "unavailable")
    await charge_point.connect()
    await wait_for_state(hass, EVENT, first)
    await authorize(charge_point, ANNA)
    await wait_for_state(hass, EVENT, lambda state: state.state != first)


async def test_all_events(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    simulated: Simulated,
    snapshot: SnapshotAssertion,
) -> None:
    charge_point = await simulated(entry)
    await authorize(charge_point, ANNA)
    await hass.async_block_till_done()
    assert_platform(
        hass, entry, "event", snapshot, volatile=frozenset({"tag_presented"})
    )


async def test_home_assistant_scans_the_tag_at_the_chargers_device(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    simulated: Simulated,
    device_registry: dr.DeviceRegistry,
) -> None:
    heard = scanned(hass)
    charge_point = await simulated(entry)
    await charge_point.plug()
    for id_tag in (ANNA.lower(), STRANGER.lower()):
        await authorize(charge_point, id_tag)
    await hass.async_block_till_done()
    assert [one["tag_id"] for one in heard] == [ANNA, STRANGER]
    device = device_registry.async_get(heard[0]["device_id"])
    assert device is not None
    assert device.name == "CP1"


async def test_what_home_assistant_starts_itself_is_no_scanned_tag(
    hass: HomeAssistant, entry: MockConfigEntry, simulated: Simulated
) -> None:
    heard = scanned(hass)
    charge_point = await simulated(entry)
    await charge_point.plug()
    await hass.services.async_call(
        "switch",
        "turn_on",
        {"entity_id": "switch.cp1_connector_1_charging"},
        blocking=True,
    )
    await hass.async_block_till_done()
    assert not heard
    assert hass.states.get(EVENT) is None


async def test_made_up_tags_do_not_fill_home_assistants_storage(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    simulated: Simulated,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    heard = scanned(hass)
    charge_point = await simulated(entry)
    for number in range(MAX_NEW_TAGS + 3):
        await authorize(charge_point, f"FAKE{number}")
    for known in ("FAKE0", ANNA):
        await authorize(charge_point, known)
    await hass.async_block_till_done()
    assert len(heard) == MAX_NEW_TAGS + 2
    registry = er.async_get(hass)
    assert registry.async_get_entity_id("tag", "tag", "FAKE22") is None
    # A day later.
    monkeypatch.setattr(tag_desk, "NEW_TAGS_PER", timedelta())
    await authorize(charge_point, "FAKE22")
    await hass.async_block_till_done()
    assert registry.async_get_entity_id("tag", "tag", "FAKE22") is not None


async def test_a_charger_that_is_still_being_added_tells_of_no_tags(
    hass: HomeAssistant, entry: MockConfigEntry, simulated: Simulated
) -> None:
    heard = scanned(hass)
    hub = entry.runtime_data
    expected = ChargerSettings(identity="CP2", key_hashes=(key_hash(PASSWORD),))
    expectation = hub.expect(expected)
    charge_point = await simulated(entry, "CP2", ready=False)
    await expectation.wait()
    assert (await authorize(charge_point, STRANGER))["status"] == "Invalid"
    await hass.async_block_till_done()
    assert not heard
    hub.expect_no_more(expectation)


async def test_a_tag_that_home_assistant_does_not_take_harms_nobody(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    simulated: Simulated,
    caplog: pytest.LogCaptureFixture,
) -> None:
    charge_point = await simulated(entry)
    hass.config.components.remove("tag")
    assert (await authorize(charge_point, ANNA))["status"] == "Accepted"
    await hass.async_block_till_done()
    hass.config.components.add("tag")
    assert "could not be told of a tag" in caplog.text


# Asking


async def fix(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    issue_id: str,
    *answers: dict[str, str],
) -> dict[str, Any]:
    """Go through the flow of a question; returns where it ends."""
    assert await async_setup_component(hass, REPAIRS_DOMAIN, {})
    await hass.async_block_till_done()
    client = await hass_client()
    response = await client.post(
        "/api/repairs/issues/fix",
        json={"handler": "ocpp_charging", "issue_id": issue_id},
    )
    assert response.status == HTTPStatus.OK
    result: dict[str, Any] = await response.json()
    for each in answers:
        response = await client.post(
            f"/api/repairs/issues/fix/{result['flow_id']}", json=each
        )
        assert response.status == HTTPStatus.OK, await response.text()
        result = await response.json()
    await hass.async_block_till_done()
    return result


@pytest.mark.parametrize(
    ("decision", "word"), [("allow", "Accepted"), ("refuse", "Blocked")]
)
async def test_an_unknown_card_is_refused_asked_about_and_known_the_next_time(
    hass: HomeAssistant,
    asking: MockConfigEntry,
    simulated: Simulated,
    hass_client: ClientSessionGenerator,
    decision: str,
    word: str,
) -> None:
    charge_point = await simulated(asking)
    assert (await authorize(charge_point, STRANGER))["status"] == "Invalid"
    (question,) = questions(hass)
    assert question.translation_placeholders == {"name": "CP1", "tag": STRANGER}
    assert STRANGER not in question.issue_id

    form = await fix(hass, hass_client, question.issue_id)
    assert form["step_id"] == "decide"
    assert form["description_placeholders"]["tag"] == STRANGER
    done = await fix(
        hass,
        hass_client,
        question.issue_id,
        {"name": " ", "decision": decision},
        {"name": "Guest", "decision": decision},
    )
    assert done["type"] == "create_entry"
    assert not questions(hass)
    allowed = decision == "allow"
    assert tags_of(asking)["Guest"] == {"id_tag": STRANGER, "enabled": allowed}
    info = await authorize(charge_point, STRANGER.lower())
    assert info["status"] == word
    assert not questions(hass)


async def test_a_question_that_is_settled_elsewhere_ends_so(
    hass: HomeAssistant,
    asking: MockConfigEntry,
    simulated: Simulated,
    hass_client: ClientSessionGenerator,
) -> None:
    charge_point = await simulated(asking)
    await authorize(charge_point, STRANGER)
    (question,) = questions(hass)
    await fix(hass, hass_client, question.issue_id)
    hub = asking.runtime_data
    stopped = hub.async_entry_updated
    hub.async_entry_updated = lambda: None
    async_add_tag(hass, asking, "Guest", STRANGER.lower(), enabled=True)
    await hass.async_block_till_done()
    ended = await fix(hass, hass_client, question.issue_id)
    assert (ended["type"], ended["reason"]) == ("abort", "gone")
    stopped()
    assert not questions(hass)


async def test_a_tag_that_is_made_to_look_like_a_picture_is_shown_as_it_is(
    hass: HomeAssistant, asking: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await simulated(asking)
    await authorize(charge_point, "`<img src=//evil.io>")
    (question,) = questions(hass)
    filled = question.translation_placeholders
    # As code, which is not interpreted; no backtick ends it.
    texts = _texts()["issues"]["unknown_tag"]
    assert "`{tag}`" in texts["fix_flow"]["step"]["decide"]["description"]
    assert filled is not None
    assert filled["tag"] == "'<img src=//evil.io>"


def test_the_owner_can_read_the_question() -> None:
    texts = _texts()["issues"]["unknown_tag"]
    filled = {"name": "CP1", "tag": STRANGER}
    for path in (
        "title",
        "fix_flow.step.decide.title",
        "fix_flow.step.decide.description",
    ):
        assert "CP1" in say(texts, path, filled)
    say(texts, "fix_flow.abort.gone", {})
    say(texts, "fix_flow.error.name_missing", {})


async def test_not_too_many_cards_are_asked_about_at_once(
    hass: HomeAssistant, asking: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await simulated(asking)
    for number in range(MAX_OPEN + 3):
        await authorize(charge_point, f"CARD{number}")
    assert len(questions(hass)) == MAX_OPEN
    # One that is dealt with makes room.
    ir.async_delete_issue(hass, "ocpp_charging", questions(hass)[0].issue_id)
    await authorize(charge_point, "CARD9")
    assert len(questions(hass)) == MAX_OPEN


@pytest.mark.parametrize("choice", ["refuse", "accept", "automatic"])
async def test_nobody_is_asked_any_more_when_the_owner_does_not_want_to_be(
    hass: HomeAssistant, asking: MockConfigEntry, simulated: Simulated, choice: str
) -> None:
    charge_point = await simulated(asking)
    await authorize(charge_point, STRANGER)
    hass.config_entries.async_update_entry(asking, options={"unknown_tags": choice})
    await hass.async_block_till_done()
    assert not questions(hass)
    await authorize(charge_point, STRANGER)
    assert not questions(hass)


async def test_questions_go_with_their_central_system(
    hass: HomeAssistant, asking: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await simulated(asking)
    await authorize(charge_point, STRANGER)
    assert questions(hass)
    await hass.config_entries.async_unload(asking.entry_id)
    assert not questions(hass)


async def test_no_tag_is_in_a_log_of_ours_or_in_the_diagnostics(
    hass: HomeAssistant,
    asking: MockConfigEntry,
    simulated: Simulated,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    charge_point = await simulated(asking)
    for id_tag in (ANNA, STRANGER, "B10C", "01D"):
        await authorize(charge_point, id_tag)
    await hass.async_block_till_done()
    told = str(await async_get_config_entry_diagnostics(hass, asking))
    ours = "".join(
        record.getMessage()
        for record in caplog.records
        if record.name.startswith("custom_components.ocpp_charging")
    )
    for id_tag in (ANNA, STRANGER, "B10C"):
        assert id_tag not in told
        assert id_tag not in ours
