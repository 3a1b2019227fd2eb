"""Firmware: from a file of the owner to a charger that runs it, and what goes wrong."""

import base64
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

from aiohttp.test_utils import TestClient
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from homeassistant.components.update import UpdateEntityFeature
from homeassistant.core import HomeAssistant
import probatio
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator
from syrupy.assertion import SnapshotAssertion

from custom_components.ocpp_charging import firmware_files
from custom_components.ocpp_charging.csms.pki import make_authority
from simulator import ChargePoint, SimulatedCallError

from .actions import Caller, last
from .conftest import (
    Simulated,
    central_system,
    charger_of,
    charger_subentry,
    set_up,
    wait_for_charger,
    wait_for_state,
)
from .csms.certificates import ec_key, pem
from .entities import assert_platform, state_of

type Client = TestClient

UPDATE = "update.cp1_firmware"
STATUS = "sensor.cp1_firmware_update"
FIRMWARE = bytes(range(256)) * 400

KEY = ec_key()
SIGNED: dict[str, Any] = {
    "signing_certificate": pem(make_authority(KEY, datetime.now(UTC))),
    "signature": base64.b64encode(
        KEY.sign(FIRMWARE, ec.ECDSA(hashes.SHA256()))
    ).decode(),
}


@pytest.fixture
def use(hass: HomeAssistant, charger_entry: MockConfigEntry) -> Caller:
    return Caller(hass, charger_entry)


@pytest.fixture
async def outside(
    hass: HomeAssistant,
    charger_entry: MockConfigEntry,
    hass_client_no_auth: ClientSessionGenerator,
) -> Client:
    client = await hass_client_no_auth()
    hass.config.internal_url = str(client.make_url("")).rstrip("/")
    return client


@pytest.fixture
def file(hass: HomeAssistant, tmp_path: Path) -> str:
    made = tmp_path / "box 2.3.1.bin"
    made.write_bytes(FIRMWARE)
    hass.config.allowlist_external_dirs = {str(tmp_path)}
    return str(made)


@pytest.fixture
async def cp(
    charger_entry: MockConfigEntry, simulated: Simulated, outside: Client
) -> ChargePoint:
    return await simulated(charger_entry, firmware_step_s=0.01)


@pytest.fixture
async def secure(
    charger_entry: MockConfigEntry, simulated: Simulated, outside: Client
) -> ChargePoint:
    return await simulated(charger_entry, firmware_step_s=0.01, signed_firmware=True)


@pytest.fixture
def quiet(cp: ChargePoint) -> ChargePoint:
    """Return a charger that takes an order and does nothing."""
    cp.answers["UpdateFirmware"] = {}
    return cp


def address_of(cp: ChargePoint) -> str:
    return str(last(cp, "UpdateFirmware")["location"])


async def press_install(hass: HomeAssistant) -> None:
    await hass.services.async_call(
        "update", "install", {"entity_id": UPDATE}, blocking=True
    )


def told(cp: ChargePoint, action: str) -> list[Any]:
    return [each["status"] for each in cp.sent_calls(action)]


async def test_the_update_entity(
    hass: HomeAssistant,
    charger_entry: MockConfigEntry,
    simulated: Simulated,
    snapshot: SnapshotAssertion,
) -> None:
    await simulated(charger_entry)
    await hass.async_block_till_done()
    assert_platform(hass, charger_entry, "update", snapshot)


async def test_a_charger_fetches_a_file_and_runs_it(
    hass: HomeAssistant, use: Caller, cp: ChargePoint, file: str
) -> None:
    before = await wait_for_state(hass, UPDATE, "off")
    assert before.attributes["supported_features"] == UpdateEntityFeature.PROGRESS
    await use("update_firmware", file=file, version="2.3.1")
    wanted = await wait_for_state(hass, UPDATE, "on")
    assert wanted.attributes["latest_version"] == "2.3.1"
    await wait_for_state(hass, STATUS, "installed")
    done = await wait_for_state(hass, UPDATE, "off")
    assert done.attributes["installed_version"] == "2.3.1"
    assert done.attributes["in_progress"] is False
    assert cp.dispatcher.maintenance.firmware_file == FIRMWARE
    assert address_of(cp).endswith("/box_2.3.1.bin")


async def test_an_update_is_in_progress_while_the_charger_is_at_it(
    hass: HomeAssistant, use: Caller, quiet: ChargePoint, file: str
) -> None:
    await use("update_firmware", file=file, version="2")
    for word, at_it in (
        ("Downloading", True), ("Downloaded", True), ("Installing", True),
        ("InstallationFailed", False),
    ):  # fmt: skip
        await quiet.call("FirmwareStatusNotification", {"status": word})
        state = await wait_for_state(
            hass,
            UPDATE,
            lambda one, at_it=at_it: one.attributes["in_progress"] is at_it,  # type: ignore[misc]
        )
        assert state.attributes["update_percentage"] is None
    # What failed is still wanted.
    assert state_of(hass, UPDATE).state == "on"


async def test_a_failed_download_is_told_and_ordered_again(
    hass: HomeAssistant, use: Caller, cp: ChargePoint, file: str
) -> None:
    cp.faults.firmware_result = "DownloadFailed"
    await use("update_firmware", file=file, version="2.3.1")
    await wait_for_state(hass, STATUS, "download_failed")
    failed_at = address_of(cp)
    cp.faults.firmware_result = "Installed"
    await press_install(hass)
    await wait_for_state(hass, STATUS, "installed")
    assert address_of(cp) != failed_at


async def test_nobody_without_the_address_gets_a_firmware(
    use: Caller, quiet: ChargePoint, outside: Client, file: str
) -> None:
    await use("update_firmware", file=file)
    address = address_of(quiet)
    token = address.split("/")[-2]
    wrong = await outside.session.get(address.replace(token, "x" * len(token)))
    assert wrong.status == HTTPStatus.NOT_FOUND
    for method in ("HEAD", "POST", "PUT", "DELETE"):
        answer = await outside.session.request(method, address)
        assert answer.status == HTTPStatus.METHOD_NOT_ALLOWED
    folder = await outside.session.get(address.rpartition("/")[0])
    assert folder.status == HTTPStatus.NOT_FOUND
    good = await outside.session.get(address.replace("box_2.3.1.bin", "other"))
    assert await good.read() == FIRMWARE
    assert good.content_type == "application/octet-stream"


async def test_a_broken_transfer_goes_on_where_it_stopped(
    use: Caller, quiet: ChargePoint, outside: Client, file: str
) -> None:
    await use("update_firmware", file=file)
    address = address_of(quiet)
    rest = await outside.session.get(address, headers={"Range": "bytes=1000-"})
    assert rest.status == HTTPStatus.PARTIAL_CONTENT
    assert await rest.read() == FIRMWARE[1000:]
    beyond = await outside.session.get(address, headers={"Range": "bytes=9999999-"})
    assert beyond.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
    again = await outside.session.get(address)
    assert await again.read() == FIRMWARE


async def test_an_address_ends_when_the_charger_has_the_file(
    hass: HomeAssistant, use: Caller, quiet: ChargePoint, outside: Client, file: str
) -> None:
    await use("update_firmware", file=file)
    for word, status in (
        ("Downloading", HTTPStatus.OK),
        ("DownloadFailed", HTTPStatus.OK),
        ("Downloaded", HTTPStatus.NOT_FOUND),
    ):
        await quiet.call("FirmwareStatusNotification", {"status": word})
        answer = await outside.session.get(address_of(quiet))
        assert answer.status == status


async def test_an_address_ends_by_itself_after_the_charger_may_fetch(
    use: Caller,
    quiet: ChargePoint,
    outside: Client,
    file: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(firmware_files, "LIFETIME", timedelta(0))
    later = datetime.now(UTC) + timedelta(days=1)
    await use("update_firmware", file=file, retrieve_at=later.isoformat())
    assert (await outside.session.get(address_of(quiet))).status == HTTPStatus.OK
    await use("update_firmware", file=file)
    gone = await outside.session.get(address_of(quiet))
    assert gone.status == HTTPStatus.NOT_FOUND


async def test_each_order_has_an_address_of_its_own(
    hass: HomeAssistant, use: Caller, quiet: ChargePoint, outside: Client, file: str
) -> None:
    await use("update_firmware", file=file)
    first = address_of(quiet)
    await quiet.call("FirmwareStatusNotification", {"status": "Idle"})
    quiet.answers["UpdateFirmware"] = lambda payload: SimulatedCallError(
        "GenericError", f"No way to {payload['location']}"
    )
    error = await use.refused("update_firmware", file=file)
    refused = address_of(quiet)
    # An order that is not taken takes nothing away, and its address is not told.
    assert "No way to ***" in str(error)
    assert charger_of(use.entry).firmware_status == "idle"
    assert (await outside.session.get(refused)).status == HTTPStatus.NOT_FOUND
    assert (await outside.session.get(first)).status == HTTPStatus.OK
    quiet.answers["UpdateFirmware"] = {}
    await use("update_firmware", file=file)
    assert (await outside.session.get(first)).status == HTTPStatus.NOT_FOUND


async def test_each_charger_has_an_address_of_its_own(
    hass: HomeAssistant,
    unloads: None,
    simulated: Simulated,
    hass_client_no_auth: ClientSessionGenerator,
    file: str,
) -> None:
    entry = central_system(charger_subentry(), charger_subentry("CP2"))
    await set_up(hass, entry)
    outside = await hass_client_no_auth()
    hass.config.internal_url = str(outside.make_url("")).rstrip("/")
    addresses, chargers = [], []
    for identity in ("CP1", "CP2"):
        one = await simulated(entry, identity)
        one.answers["UpdateFirmware"] = {}
        subentry_id = entry.runtime_data.subentry_id_of(identity)
        device_id = entry.runtime_data.device_ids[subentry_id]
        await Caller(hass, entry)("update_firmware", device_id=device_id, file=file)
        addresses.append(address_of(one))
        chargers.append(one)
    # The second one's order, and its end, leave the address of the first alone.
    await chargers[1].call("FirmwareStatusNotification", {"status": "Downloaded"})
    answers = [(await outside.session.get(each)).status for each in addresses]
    assert answers == [HTTPStatus.OK, HTTPStatus.NOT_FOUND]


@pytest.mark.parametrize("name", ["../outside.bin", "missing.bin", "link.bin", "."])
async def test_only_files_that_home_assistant_may_use_are_given_out(
    use: Caller, cp: ChargePoint, file: str, tmp_path: Path, name: str
) -> None:
    outside = tmp_path.parent / "outside.bin"
    outside.write_bytes(b"secret")
    (tmp_path / "link.bin").symlink_to(outside)
    error = await use.refused("update_firmware", file=f"{tmp_path}/{name}")
    assert error.translation_key == "file_not_allowed"
    assert cp.received_calls("UpdateFirmware") == []


async def test_a_file_that_is_gone_or_forbidden_meanwhile_is_not_given_out(
    hass: HomeAssistant, use: Caller, quiet: ChargePoint, outside: Client, file: str
) -> None:
    await use("update_firmware", file=file, version="2")
    allowed = hass.config.allowlist_external_dirs
    hass.config.allowlist_external_dirs = set()
    assert (await outside.session.get(address_of(quiet))).status == HTTPStatus.NOT_FOUND
    hass.config.allowlist_external_dirs = allowed
    await hass.async_add_executor_job(Path(file).unlink)
    assert (await outside.session.get(address_of(quiet))).status == HTTPStatus.NOT_FOUND
    await wait_for_state(hass, UPDATE, "on")
    with pytest.raises(Exception, match="is no file"):
        await press_install(hass)


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"file": "/a", "url": "http://127.0.0.1/a"},
        {"file": "/a", "signature": "x"},
        {"file": "/a", "signing_certificate": "x"},
        {"file": "/a", "version": "x" * 51},
    ],
)
async def test_fields_that_do_not_go_together_are_refused(
    use: Caller, cp: ChargePoint, data: dict[str, Any]
) -> None:
    with pytest.raises(probatio.Invalid):
        await use("update_firmware", **data)


async def test_a_url_has_no_install_button(
    hass: HomeAssistant, use: Caller, quiet: ChargePoint
) -> None:
    await use("update_firmware", url="http://127.0.0.1:9/f.bin", version="2")
    state = await wait_for_state(hass, UPDATE, "on")
    assert state.attributes["supported_features"] == UpdateEntityFeature.PROGRESS


# Signed


async def test_signed_firmware_is_verified_and_runs(
    hass: HomeAssistant, use: Caller, secure: ChargePoint, file: str
) -> None:
    await use("update_firmware", file=file, version="2.3.1", **SIGNED)
    await wait_for_state(hass, STATUS, "installed")
    await wait_for_charger(
        charger_of(use.entry), lambda one: one.info.firmware == "2.3.1"
    )
    assert told(secure, "SignedFirmwareStatusNotification") == [
        "Downloading", "Downloaded", "SignatureVerified", "Installing",
        "InstallRebooting", "Installed",
    ]  # fmt: skip


async def test_firmware_that_was_changed_is_told(
    hass: HomeAssistant, use: Caller, secure: ChargePoint, file: str
) -> None:
    changed = FIRMWARE + b"x"
    await hass.async_add_executor_job(Path(file).write_bytes, changed)
    await use("update_firmware", file=file, version="2.3.1", **SIGNED)
    await wait_for_state(hass, STATUS, "invalid_signature")
    state = await wait_for_state(hass, UPDATE, "on")
    assert state.attributes["in_progress"] is False
    assert secure.firmware == "1.0"


@pytest.mark.parametrize(
    ("word", "key"),
    [
        ("RevokedCertificate", "signer_revoked"),
        ("InvalidCertificate", "signer_not_trusted"),
        ("Rejected", "charger_refused"),
    ],
)
async def test_a_signed_order_that_is_refused_says_why_and_leaves_nothing(
    hass: HomeAssistant,
    use: Caller,
    secure: ChargePoint,
    outside: Client,
    file: str,
    word: str,
    key: str,
) -> None:
    if word == "RevokedCertificate":
        secure.faults.firmware_result = word
    else:
        secure.answers["SignedUpdateFirmware"] = {"status": word}
    error = await use.refused("update_firmware", file=file, version="2", **SIGNED)
    assert error.translation_key == key
    location = last(secure, "SignedUpdateFirmware")["firmware"]["location"]
    assert (await outside.session.get(location)).status == HTTPStatus.NOT_FOUND
    assert state_of(hass, UPDATE).state == "off"


async def test_a_charger_with_secure_updates_asks_for_the_signature(
    use: Caller, secure: ChargePoint, file: str
) -> None:
    error = await use.refused("update_firmware", file=file)
    assert error.translation_key == "firmware_needs_signature"


async def test_statuses_of_an_earlier_order_are_passed_over(
    hass: HomeAssistant, use: Caller, secure: ChargePoint, file: str
) -> None:
    secure.answers["SignedUpdateFirmware"] = {"status": "Accepted"}
    await use("update_firmware", file=file, **SIGNED)
    request_id = last(secure, "SignedUpdateFirmware")["requestId"]

    async def tell(word: str, **more: int) -> str | None:
        payload = {"status": word, **more}
        await secure.call("SignedFirmwareStatusNotification", payload)
        return charger_of(use.entry).firmware_status

    assert await tell("Installed", requestId=request_id - 1) is None
    assert await tell("DownloadScheduled", requestId=request_id) == "download_scheduled"
    assert await tell("Nonsense", requestId=request_id) == "download_scheduled"
    assert await tell("Idle") == "idle"


async def test_a_later_signed_order_takes_the_place_of_one_under_way(
    hass: HomeAssistant, use: Caller, secure: ChargePoint, file: str
) -> None:
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    await use("update_firmware", file=file, retrieve_at=later, **SIGNED)
    await use("update_firmware", file=file, version="2.3.1", **SIGNED)
    await wait_for_state(hass, STATUS, "installed")
    answers = [
        frame.payload["status"]
        for frame in secure.sent
        if isinstance(frame.payload, dict)
        and frame.payload.get("status") in {"Accepted", "AcceptedCanceled"}
    ]
    assert "AcceptedCanceled" in answers


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"signing_certificate": "none"}, "not_a_certificate"),
        ({"signature": "ü"}, "not_a_signature"),
        ({"signature": "abc"}, "not_a_signature"),
    ],
)
async def test_what_cannot_be_a_signature_is_not_sent(
    use: Caller, secure: ChargePoint, file: str, changes: dict[str, Any], key: str
) -> None:
    error = await use.refused("update_firmware", file=file, **(SIGNED | changes))
    assert error.translation_key == key
    assert secure.received_calls("SignedUpdateFirmware") == []
