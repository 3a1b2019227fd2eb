"""A charger is taken to a safer connection, and never locked out by it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
import socket
from typing import Any

from homeassistant.config_entries import SOURCE_RECONFIGURE
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import issue_registry as ir
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.ocpp_charging import security_flow
from custom_components.ocpp_charging.csms import raising
from custom_components.ocpp_charging.csms.certificates import CertificateStore
from custom_components.ocpp_charging.csms.model import SecurityProfile
from simulator import SILENCE, ChargePoint
from simulator.quirks import Quirks

from .conftest import (
    IDENTITY,
    Simulated,
    central_system,
    charger_of,
    charger_subentry,
    set_up,
    wait_for_charger,
)
from .flows import assert_texts, issue_texts

type Result = Mapping[str, Any]

SETTINGS = {
    "no_password": False,
    "max_current_a": 32.0,
    "start_tag": "HomeAssistant",
    "go_on": True,
}


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for less."""
    monkeypatch.setattr(security_flow, "CHANGE_TIMEOUT", 6)
    monkeypatch.setattr(security_flow, "SIGN_TIMEOUT", 3)
    monkeypatch.setattr(security_flow, "RETURN_TIMEOUT", 3)
    monkeypatch.setattr(raising, "SETTLE", 0.1)


@pytest.fixture
async def secure_entry(hass: HomeAssistant) -> MockConfigEntry:
    """Return a central system over TLS, which knows CP1."""
    entry = central_system(
        charger_subentry(), security="wss_compatible", names=["127.0.0.1"]
    )
    return await set_up(hass, entry)


def kept(entry: MockConfigEntry) -> Mapping[str, Any]:
    """Return what is kept of the charger."""
    (subentry,) = entry.get_subentries_of_type("charger")
    return subentry.data


def profile(entry: MockConfigEntry) -> SecurityProfile:
    """Return how the charger last came in."""
    return charger_of(entry).profile


async def gone(entry: MockConfigEntry, charge_point: ChargePoint) -> None:
    """Stop a charger and wait until that has been noticed."""
    await charge_point.stop()
    await wait_for_charger(charger_of(entry), lambda one: not one.connected)


async def answer(hass: HomeAssistant, result: Result, user_input: Any = None) -> Result:
    result = await hass.config_entries.subentries.async_configure(
        result["flow_id"], user_input
    )
    assert_texts(result, "config_subentries", "charger")
    return result


async def security(hass: HomeAssistant, entry: MockConfigEntry) -> Result:
    """Open a charger's settings and go on to the security of its connection."""
    (subentry,) = entry.get_subentries_of_type("charger")
    result = await hass.config_entries.subentries.async_init(
        (entry.entry_id, "charger"),
        context={"source": SOURCE_RECONFIGURE, "subentry_id": subentry.subentry_id},
    )
    assert_texts(result, "config_subentries", "charger")
    return await answer(hass, result, SETTINGS)


async def choose(hass: HomeAssistant, result: Result, step: str) -> Result:
    assert result["type"] is FlowResultType.MENU
    assert step in result["menu_options"]
    return await answer(hass, result, {"next_step_id": step})


async def outcome(hass: HomeAssistant, result: Result) -> Result:
    """Press Submit, wait until the charger has come back or not; how did it go?"""
    result = await answer(hass, result, {})
    if result["type"] is FlowResultType.SHOW_PROGRESS:
        await hass.async_block_till_done(wait_background_tasks=True)
        result = await answer(hass, result)
    assert result["type"] is FlowResultType.ABORT
    return result


async def give_certificate(hass: HomeAssistant, entry: MockConfigEntry) -> Result:
    result = await choose(hass, await security(hass, entry), "certificate")
    return await outcome(hass, result)


async def test_a_charger_gets_a_certificate_and_is_not_let_in_without_any_more(
    hass: HomeAssistant, secure_entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await simulated(secure_entry)
    charger = charger_of(secure_entry)
    await hass.async_block_till_done()
    assert kept(secure_entry)["security_profile"] == 2
    result = await give_certificate(hass, secure_entry)
    assert result["reason"] == "raised_certificate"
    assert charger.profile is SecurityProfile.CERTIFICATE
    await hass.async_block_till_done()
    assert kept(secure_entry)["security_profile"] == 3
    assert len(kept(secure_entry)["certificates"]) == 1
    # It survives a restart of the central system.
    await hass.config_entries.async_reload(secure_entry.entry_id)
    await hass.async_block_till_done()
    again = charger_of(secure_entry)
    assert again is not charger
    assert again.settings.profile is SecurityProfile.CERTIFICATE
    await charge_point.stop()
    # Somebody who knows the password is not enough.
    refusals: list[Any] = []
    secure_entry.runtime_data.central.listen_refused(refusals.append)
    thief = await simulated(secure_entry, ready=False)
    await thief.wait_for(lambda cp: cp.presence.failures >= 3)
    await thief.stop()
    await hass.async_block_till_done()
    assert not again.connected
    issue = next(
        issue
        for (_, key), issue in ir.async_get(hass).issues.items()
        if key.startswith("less_secure")
    )
    issue_texts("less_secure", issue.translation_placeholders)
    issue_texts("wrong_certificate", issue.translation_placeholders)


def refuse(action: str, key: str | None = None, word: str = "Rejected") -> Any:
    """Return how a charger refuses an action, or one configuration key."""

    def install(charge_point: ChargePoint) -> None:
        charge_point.answers[action] = lambda payload: (
            {"status": word} if key in {None, payload.get("key")} else None
        )

    return install


@pytest.mark.parametrize(
    ("prepare", "quirks", "reason"),
    [
        (refuse("ChangeConfiguration", "CpoName"), {}, "raise_name_refused"),
        (
            refuse("ChangeConfiguration", "CpoName", "NotSupported"),
            {},
            "raise_name_refused",
        ),
        (
            refuse("ExtendedTriggerMessage", word="NotImplemented"),
            {},
            "raise_trigger_refused",
        ),
        (refuse("CertificateSigned"), {}, "raise_certificate_refused"),
        (
            refuse("ChangeConfiguration", "SecurityProfile"),
            {},
            "raise_profile_refused",
        ),
        (
            lambda cp: cp.answers.update({"ExtendedTriggerMessage": SILENCE}),
            {},
            "raise_no_answer",
        ),
        (
            lambda cp: cp.configuration.define("CertificateSignedMaxChainSize", "400"),
            {},
            "raise_bad_request",
        ),
        (lambda cp: None, {"wrong_certificate_request": True}, "raise_bad_request"),
        (lambda cp: None, {"ignores_profile": True}, "raise_back_without"),
        (lambda cp: None, {"lost_after_profile": True}, "raise_not_back"),
    ],
)
async def test_each_failure_leaves_the_charger_let_in_as_before(
    hass: HomeAssistant,
    secure_entry: MockConfigEntry,
    simulated: Simulated,
    prepare: Any,
    quirks: Any,
    reason: str,
) -> None:
    charge_point = await simulated(
        secure_entry, quirks=Quirks(**quirks), configuration={"CpoName": "Acme"}
    )
    prepare(charge_point)
    await charger_of(secure_entry).commands("x").get_configuration()
    result = await give_certificate(hass, secure_entry)
    assert result["reason"] == reason
    assert kept(secure_entry)["security_profile"] == 2
    if reason not in {"raise_back_without", "raise_not_back", "raise_name_refused"}:
        assert charge_point.configuration["CpoName"] == "Acme"
    # The same charger, without its certificate, is let in by its password.
    await gone(secure_entry, charge_point)
    await simulated(secure_entry)
    assert profile(secure_entry) is SecurityProfile.TLS


async def test_nothing_is_begun_while_a_car_is_charging(
    hass: HomeAssistant, secure_entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await simulated(secure_entry)
    await charge_point.plug()
    await charge_point.present_tag(1, "TAG")
    charger = charger_of(secure_entry)
    await wait_for_charger(charger, lambda one: one.connector(1).runs)
    result = await give_certificate(hass, secure_entry)
    assert result["reason"] == "raise_charging"
    assert charger.connected


async def test_a_charger_that_has_gone_is_not_raised(
    hass: HomeAssistant, secure_entry: MockConfigEntry, simulated: Simulated
) -> None:
    charge_point = await simulated(secure_entry)
    result = await choose(hass, await security(hass, secure_entry), "certificate")
    await charge_point.stop()
    await wait_for_charger(charger_of(secure_entry), lambda one: not one.connected)
    result = await outcome(hass, result)
    assert result["reason"] == "raise_offline"


async def test_a_charger_changes_over_to_encryption_by_itself(
    hass: HomeAssistant, simulated: Simulated
) -> None:
    entry = central_system(
        charger_subentry(),
        security="wss_compatible",
        names=["127.0.0.1"],
        also_plain=True,
    )
    await set_up(hass, entry)
    issues = ir.async_get(hass).issues
    assert any(key.startswith("plain_ws") for _, key in issues)
    charge_point = await simulated(
        entry, url=f"ws://127.0.0.1:{entry.runtime_data.central.port}"
    )
    charger = charger_of(entry)
    assert profile(entry) is SecurityProfile.BASIC
    result = await choose(hass, await security(hass, entry), "encrypt")
    result = await outcome(hass, result)
    assert result["reason"] == "raised_encrypted"
    assert profile(entry) is SecurityProfile.TLS
    assert charge_point.vault.roots["CentralSystemRootCertificate"]
    await hass.async_block_till_done()
    # It was the last one: nothing is taken without encryption any more, and that
    # disturbed nobody.
    assert entry.data["also_plain"] is False
    assert charger_of(entry) is charger
    assert charger.connected
    assert not any(key.startswith("plain_ws") for _, key in issues)
    late = await simulated(
        entry, ready=False, url=f"ws://127.0.0.1:{entry.runtime_data.central.port}"
    )
    await late.wait_for(lambda cp: cp.presence.failures >= 1)


async def test_a_charger_that_stays_unencrypted_is_let_in_as_before(
    hass: HomeAssistant, simulated: Simulated
) -> None:
    entry = central_system(
        charger_subentry(),
        security="wss_compatible",
        names=["127.0.0.1"],
        also_plain=True,
    )
    await set_up(hass, entry)
    charge_point = await simulated(
        entry, url=f"ws://127.0.0.1:{entry.runtime_data.central.port}"
    )
    refuse("InstallCertificate")(charge_point)
    result = await choose(hass, await security(hass, entry), "encrypt")
    result = await outcome(hass, result)
    assert result["reason"] == "raise_back_without"
    assert charger_of(entry).connected
    assert entry.data["also_plain"]


async def test_the_central_system_itself_must_be_encrypted_first(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    await simulated(charger_entry)
    result = await choose(hass, await security(hass, charger_entry), "encrypt")
    assert result["reason"] == "raise_listener_first"


async def test_the_owner_can_leave_it_as_it_is(
    hass: HomeAssistant, charger_entry: MockConfigEntry
) -> None:
    result = await choose(hass, await security(hass, charger_entry), "stay")
    assert result["reason"] == "reconfigure_successful"


async def test_the_owner_can_let_a_charger_in_lower_again(
    hass: HomeAssistant, simulated: Simulated
) -> None:
    entry = await set_up(hass, central_system(charger_subentry(security_profile=2)))
    charge_point = await simulated(entry, ready=False)
    await charge_point.wait_for(lambda cp: cp.presence.failures >= 1)
    assert not charger_of(entry).connected
    result = await choose(hass, await security(hass, entry), "allow_lower")
    result = await answer(hass, result, {"confirm": False})
    assert result["errors"] == {"confirm": "not_confirmed"}
    result = await answer(hass, result, {"confirm": True})
    assert result["reason"] == "lower_allowed"
    await wait_for_charger(charger_of(entry), lambda one: one.ready)
    await hass.async_block_till_done()
    assert kept(entry)["security_profile"] == 0


@pytest.mark.parametrize("step", ["security", "encrypt", "certificate"])
async def test_without_a_running_central_system_nothing_is_done(
    hass: HomeAssistant,
    secure_entry: MockConfigEntry,
    simulated: Simulated,
    step: str,
) -> None:
    if step != "security":
        if step == "certificate":
            await simulated(secure_entry)
        result = await choose(hass, await security(hass, secure_entry), step)
        await hass.config_entries.async_unload(secure_entry.entry_id)
        result = await answer(hass, result, {})
    else:
        await hass.config_entries.async_unload(secure_entry.entry_id)
        result = await security(hass, secure_entry)
    assert result["reason"] == "not_loaded"


async def test_a_central_system_that_stops_ends_the_wait(
    hass: HomeAssistant, secure_entry: MockConfigEntry
) -> None:
    result = await choose(hass, await security(hass, secure_entry), "encrypt")
    result = await answer(hass, result, {})
    await hass.config_entries.async_unload(secure_entry.entry_id)
    result = await answer(hass, result)
    assert result["reason"] == "not_loaded"


async def test_what_nobody_foresaw_is_not_hidden(
    hass: HomeAssistant,
    secure_entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("unforeseen")

    monkeypatch.setattr(security_flow, "raise_to_tls", fail)
    result = await choose(hass, await security(hass, secure_entry), "encrypt")
    with pytest.raises(RuntimeError, match="unforeseen"):
        await answer(hass, result, {})


async def test_a_certificate_is_renewed_before_its_end(
    hass: HomeAssistant,
    secure_entry: MockConfigEntry,
    simulated: Simulated,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    charge_point = await simulated(secure_entry)
    assert (await give_certificate(hass, secure_entry))["reason"] == (
        "raised_certificate"
    )
    await hass.async_block_till_done()
    first = kept(secure_entry)["certificates"]
    office = secure_entry.runtime_data.central.certificates
    monkeypatch.setattr(type(office), "is_due", lambda *_: True)
    charger = charger_of(secure_entry)
    await wait_for_charger(charger, lambda one: one.ready)
    await charge_point.reboot()
    await wait_for_charger(charger, lambda one: not one.ready)
    await wait_for_charger(charger, lambda one: len(one.settings.certificates) == 2)
    monkeypatch.undo()
    await charge_point.wait_for(lambda cp: len(cp.vault.chains) == 2)
    await charge_point.reboot()
    await wait_for_charger(charger, lambda one: len(one.settings.certificates) == 1)
    await hass.async_block_till_done()
    assert kept(secure_entry)["certificates"] != first
    assert charger.identity == IDENTITY


async def change_listener(
    hass: HomeAssistant, entry: MockConfigEntry, port: int, security: str
) -> None:
    """Change the central system by its own flow."""
    result: Any = await entry.start_reconfigure_flow(hass)
    configure = hass.config_entries.flow.async_configure
    advanced = {"certificate": "own_ca", "host": "127.0.0.1"}
    result = await configure(
        result["flow_id"], {"port": port, "security": security, "advanced": advanced}
    )
    last = {"confirm": True} if security == "ws" else {"names": ["127.0.0.1"]}
    result = await configure(result["flow_id"], last)
    assert result["reason"] == "reconfigure_successful"
    await hass.async_block_till_done()


async def test_the_change_of_the_central_system_locks_no_charger_out(
    hass: HomeAssistant, simulated: Simulated
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    entry = await set_up(hass, central_system(charger_subentry(), port=port))
    charge_point = await simulated(entry)
    await change_listener(hass, entry, port, "wss_compatible")
    assert entry.data["also_plain"]
    # It comes back in the old way, as it must until it has been changed over.
    await wait_for_charger(charger_of(entry), lambda one: one.ready)
    assert profile(entry) is SecurityProfile.BASIC
    await gone(entry, charge_point)
    changed = await simulated(entry)
    assert profile(entry) is SecurityProfile.TLS
    await hass.async_block_till_done()
    assert kept(entry)["security_profile"] == 2
    assert not entry.data["also_plain"]
    await gone(entry, changed)
    # And back again: its owner has confirmed that nothing is encrypted any more.
    await change_listener(hass, entry, port, "ws")
    assert "security_profile" not in kept(entry)
    await simulated(entry)
    assert profile(entry) is SecurityProfile.BASIC


async def test_a_charger_without_a_password_cannot_have_been_raised(
    hass: HomeAssistant, secure_entry: MockConfigEntry, simulated: Simulated
) -> None:
    await simulated(secure_entry)
    await hass.async_block_till_done()
    assert kept(secure_entry)["security_profile"] == 2
    (subentry,) = secure_entry.get_subentries_of_type("charger")
    result: Any = await hass.config_entries.subentries.async_init(
        (secure_entry.entry_id, "charger"),
        context={"source": SOURCE_RECONFIGURE, "subentry_id": subentry.subentry_id},
    )
    await answer(hass, result, SETTINGS | {"go_on": False, "no_password": True})
    await hass.async_block_till_done()
    assert "security_profile" not in kept(secure_entry)


@pytest.fixture
async def own_files(hass: HomeAssistant, tmp_path: Path) -> MockConfigEntry:
    """Return a central system with the owner's certificate, not set up yet."""
    store = CertificateStore(tmp_path / "owner")
    made = await hass.async_add_executor_job(
        store.ensure, ["127.0.0.1"], datetime.now(UTC)
    )
    certificate, key = made.chains[0]
    return central_system(
        charger_subentry(),
        security="wss_compatible",
        certificate="files",
        certificate_file=str(certificate),
        key_file=str(key),
    )


async def test_chargers_get_certificates_where_the_line_has_the_owners_own(
    hass: HomeAssistant, own_files: MockConfigEntry, simulated: Simulated
) -> None:
    await set_up(hass, own_files)
    await simulated(own_files)
    result = await give_certificate(hass, own_files)
    assert result["reason"] == "raised_certificate"
    assert profile(own_files) is SecurityProfile.CERTIFICATE


async def test_a_damaged_authority_costs_certificates_and_nothing_else(
    hass: HomeAssistant, own_files: MockConfigEntry, simulated: Simulated
) -> None:
    folder = Path(hass.config.path(".storage", "ocpp_charging.certificates"))

    def damage() -> None:
        folder.mkdir(parents=True)
        (folder / "ca.key").write_text("damaged")

    await hass.async_add_executor_job(damage)
    await set_up(hass, own_files)
    await simulated(own_files)
    result = await give_certificate(hass, own_files)
    assert result["reason"] == "raise_bad_request"
    assert profile(own_files) is SecurityProfile.TLS
