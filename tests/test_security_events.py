"""What a charger reports of its security is an event, and a repair where it alarms."""

from collections.abc import AsyncGenerator

from homeassistant.components.repairs import DOMAIN as REPAIRS
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.ocpp_charging.csms.security_events import (
    ALARMING,
    SecurityEventKind,
    kind_of,
)
from custom_components.ocpp_charging.repairs import SECURITY_ISSUES
from tests.csms.raw import RawCharger, dial

from .conftest import DOMAIN, IDENTITY, PASSWORD, wait_for_state

EVENT = "event.cp1_security"

WORDS = {
    "FirmwareUpdated", "FailedToAuthenticateAtCentralSystem",
    "CentralSystemFailedToAuthenticate", "SettingSystemTime", "StartupOfTheDevice",
    "ResetOrReboot", "SecurityLogWasCleared", "ReconfigurationOfSecurityParameters",
    "MemoryExhaustion", "InvalidMessages", "AttemptedReplayAttacks",
    "TamperDetectionActivated", "InvalidFirmwareSignature",
    "InvalidFirmwareSigningCertificate", "InvalidCentralSystemCertificate",
    "InvalidChargePointCertificate", "InvalidTLSVersion", "InvalidTLSCipherSuite",
}  # fmt: skip


@pytest.fixture
async def raw(charger_entry: MockConfigEntry) -> AsyncGenerator[RawCharger]:
    connected = await dial(charger_entry.runtime_data.central, password=PASSWORD)
    async with connected:
        await connected.boot()
        yield connected


async def report(raw: RawCharger, kind: str, **changes: object) -> None:
    payload = {"type": kind, "timestamp": "2026-11-22T20:00:00Z", **changes}
    assert await raw.call("SecurityEventNotification", payload) == {}


def repairs(hass: HomeAssistant) -> set[str]:
    return {
        issue.translation_key or ""
        for (domain, key), issue in ir.async_get(hass).issues.items()
        if domain == DOMAIN and key.startswith("security_event")
    }


def test_every_kind_of_the_whitepaper_is_known_by_its_word() -> None:
    assert {kind_of(word) for word in WORDS} == set(SecurityEventKind) - {"other"}
    assert kind_of("invalidtlsversion") is SecurityEventKind.INVALID_TLS_VERSION
    assert kind_of("Maker_Specific") is SecurityEventKind.OTHER


async def test_a_report_is_an_event_with_the_chargers_own_words(
    hass: HomeAssistant, raw: RawCharger
) -> None:
    await report(raw, "SecurityLogWasCleared", techInfo="by the installer")
    state = await wait_for_state(
        hass, EVENT, lambda one: one.attributes.get("event_type")
    )
    assert state.attributes["event_type"] == "security_log_was_cleared"
    assert state.attributes["told_at"] == "2026-11-22T20:00:00+00:00"
    assert state.attributes["details"] == "by the installer"
    assert repairs(hass) == set()


async def test_an_unknown_kind_is_other_and_its_text_is_bounded(
    hass: HomeAssistant, raw: RawCharger
) -> None:
    await report(raw, "X" * 900, techInfo="y" * 9000, timestamp="yesterday")
    state = await wait_for_state(
        hass, EVENT, lambda one: one.attributes.get("event_type")
    )
    assert state.attributes["event_type"] == "other"
    assert state.attributes["told"] == "X" * 50
    assert state.attributes["told_at"] is None
    assert state.attributes["details"] == "y" * 255


async def test_a_report_sent_again_is_one_event(
    hass: HomeAssistant, raw: RawCharger
) -> None:
    await report(raw, "ResetOrReboot")
    first = await wait_for_state(
        hass, EVENT, lambda one: one.attributes.get("event_type")
    )
    await report(raw, "ResetOrReboot")
    await hass.async_block_till_done()
    again = hass.states.get(EVENT)
    assert again is not None
    assert again.state == first.state
    await report(raw, "ResetOrReboot", timestamp="2026-11-22T20:00:01Z")
    await wait_for_state(hass, EVENT, lambda one: one.state != first.state)


@pytest.mark.parametrize("kind", sorted(ALARMING))
async def test_an_alarming_report_is_a_repair_until_it_is_dismissed(
    hass: HomeAssistant, hass_client: ClientSessionGenerator, raw: RawCharger, kind: str
) -> None:
    assert await async_setup_component(hass, REPAIRS, {})
    word = next(each for each in WORDS if kind_of(each) == kind)
    await report(raw, word)
    assert repairs(hass) == {f"security_event_{kind}"}
    client = await hass_client()
    (issue_id,) = (
        key
        for (domain, key) in ir.async_get(hass).issues
        if domain == DOMAIN and key.startswith("security_event")
    )
    flow = await client.post(
        "/api/repairs/issues/fix", json={"handler": DOMAIN, "issue_id": issue_id}
    )
    step = await flow.json()
    assert step["step_id"] == "confirm"
    assert step["description_placeholders"] == {"name": IDENTITY}
    done = await client.post(f"/api/repairs/issues/fix/{step['flow_id']}", json={})
    assert (await done.json())["type"] == "create_entry"
    assert repairs(hass) == set()


async def test_the_repairs_of_a_removed_charger_go_with_it(
    hass: HomeAssistant, raw: RawCharger, charger_entry: MockConfigEntry
) -> None:
    await report(raw, "TamperDetectionActivated")
    assert repairs(hass) == {"security_event_tamper_detection_activated"}
    (subentry_id,) = charger_entry.runtime_data.chargers
    hass.config_entries.async_remove_subentry(charger_entry, subentry_id)
    await hass.async_block_till_done()
    assert repairs(hass) == set()


def test_every_alarming_kind_has_a_text_of_its_own() -> None:
    assert set(SECURITY_ISSUES) == ALARMING
    assert len(set(SECURITY_ISSUES.values())) == len(ALARMING)
