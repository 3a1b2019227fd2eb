"""Chargers send files to one-time addresses; the owner fetches and deletes them."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
import stat

from aiohttp import FormData
from aiohttp.test_utils import TestClient
from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.ocpp_charging import file_views, files
from custom_components.ocpp_charging.csms.logs import LogStatus
from custom_components.ocpp_charging.csms.model import Setting
from custom_components.ocpp_charging.file_views import file_path, upload_path
from custom_components.ocpp_charging.files import (
    ChargerFiles,
    FileKind,
    Ticket,
    TooMany,
    charger_files,
)
from simulator import SimulatedCallError
from tests.csms.raw import dial

from .conftest import DOMAIN, PASSWORD, Simulated, charger_of, wait_for_charger

type Client = TestClient


@pytest.fixture
def store(hass: HomeAssistant, charger_entry: MockConfigEntry) -> ChargerFiles:
    return charger_files(hass)


@pytest.fixture
async def ticket(store: ChargerFiles) -> Ticket:
    return store.expect(FileKind.LOG)


@pytest.fixture
async def outside(
    store: ChargerFiles, hass_client_no_auth: ClientSessionGenerator
) -> Client:
    return await hass_client_no_auth()


def folder(hass: HomeAssistant) -> Path:
    return Path(hass.config.path(DOMAIN, "files"))


def left_over(hass: HomeAssistant) -> list[str]:
    return sorted(each.name for each in folder(hass).glob("*"))


@pytest.mark.parametrize("method", ["PUT", "POST"])
@pytest.mark.parametrize("name", ["", "log.txt", "..%2f..%2fsecrets.yaml"])
async def test_a_raw_file_is_kept_under_a_name_of_ours(
    hass: HomeAssistant,
    outside: Client,
    store: ChargerFiles,
    ticket: Ticket,
    method: str,
    name: str,
) -> None:
    path = f"{upload_path(ticket.token)}{name}"
    answer = await outside.request(method, path, data=b"what was")
    if name.startswith("..%2f"):
        # Home Assistant itself does not let such a path through.
        assert answer.status == HTTPStatus.BAD_REQUEST
        assert store.kept() == ()
        return
    assert answer.status == HTTPStatus.CREATED
    (kept,) = store.kept()
    assert (await ticket.done) == kept
    assert left_over(hass) == [kept.name]
    file = folder(hass) / kept.name
    assert file.read_bytes() == b"what was"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


async def test_a_file_in_a_form_is_taken_out_of_it(
    outside: Client, store: ChargerFiles, ticket: Ticket
) -> None:
    form = FormData()
    form.add_field("comment", "nothing")
    form.add_field("file", b"\x00\x01" * 100_000, filename="../../evil.sh")
    answer = await outside.post(upload_path(ticket.token), data=form)
    assert answer.status == HTTPStatus.CREATED
    assert (await ticket.done).size == 200_000


async def test_an_address_takes_one_file(outside: Client, ticket: Ticket) -> None:
    path = upload_path(ticket.token)
    assert (await outside.put(path, data=b"1")).status == HTTPStatus.CREATED
    assert (await outside.put(path, data=b"2")).status == HTTPStatus.NOT_FOUND


async def test_nobody_else_can_send_a_file(
    hass: HomeAssistant, outside: Client, ticket: Ticket, freezer: FrozenDateTimeFactory
) -> None:
    wrong = await outside.put(upload_path("x" * 32), data=b"1")
    assert wrong.status == HTTPStatus.NOT_FOUND
    for method in ("GET", "DELETE", "PATCH"):
        answer = await outside.request(method, upload_path(ticket.token))
        assert answer.status == HTTPStatus.METHOD_NOT_ALLOWED
    freezer.tick(files.LIFETIME + timedelta(seconds=1))
    late = await outside.put(upload_path(ticket.token), data=b"1")
    assert late.status == HTTPStatus.NOT_FOUND
    assert ticket.done.cancelled()
    assert left_over(hass) == []


async def test_too_large_a_file_is_refused_and_leaves_nothing(
    hass: HomeAssistant,
    outside: Client,
    ticket: Ticket,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 1000

    monkeypatch.setattr(files, "MAX_FILE", 10_000)
    monkeypatch.setattr(file_views, "MAX_FILE", 10_000)
    path = upload_path(ticket.token)
    told = await outside.put(path, data=b"x" * 10_001)
    assert told.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    try:
        untold = await outside.put(path, data=endless())
    except OSError:
        pass
    else:
        assert untold.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    assert left_over(hass) == []
    again = await outside.put(path, data=b"x" * 10_000)
    assert again.status == HTTPStatus.CREATED


async def test_a_transfer_that_stands_still_ends_and_may_be_tried_again(
    hass: HomeAssistant,
    outside: Client,
    ticket: Ticket,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def stuck() -> AsyncIterator[bytes]:
        yield b"x"
        await asyncio.Event().wait()

    monkeypatch.setattr(files, "CHUNK_TIMEOUT", 0.05)
    path = upload_path(ticket.token)
    async with asyncio.timeout(20):
        answer = await outside.put(path, data=stuck())
    assert answer.status == HTTPStatus.REQUEST_TIMEOUT
    assert left_over(hass) == []
    assert (await outside.put(path, data=b"x")).status == HTTPStatus.CREATED


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "application/octet-stream"),
        (b"x", "multipart/form-data"),
        (b"x", "multipart/form-data; boundary=b"),
        (b"--b\r\n\r\nx\r\n--b--", "multipart/form-data; boundary=b"),
    ],
)
async def test_a_request_without_a_file_is_refused(
    hass: HomeAssistant, outside: Client, ticket: Ticket, body: bytes, kind: str
) -> None:
    answer = await outside.post(
        upload_path(ticket.token), data=body, headers={"Content-Type": kind}
    )
    assert answer.status == HTTPStatus.BAD_REQUEST
    assert left_over(hass) == []


async def test_the_number_of_addresses_and_of_files_is_bounded(
    outside: Client, store: ChargerFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    tickets = [store.expect(FileKind.LOG) for _ in range(files.MAX_OPEN)]
    with pytest.raises(TooMany):
        store.expect(FileKind.LOG)
    monkeypatch.setattr(files, "MAX_KEPT", 3)
    for each in tickets:
        await outside.put(upload_path(each.token), data=b"x")
    assert len(store.kept()) == 3
    store.expect(FileKind.LOG)


async def test_only_an_administrator_reads_and_deletes_files(
    outside: Client,
    store: ChargerFiles,
    ticket: Ticket,
    hass_client: ClientSessionGenerator,
    hass_read_only_access_token: str,
) -> None:
    await outside.put(upload_path(ticket.token), data=b"<script>")
    (kept,) = store.kept()
    path = file_path(kept.name)
    stranger = {"Authorization": f"Bearer {hass_read_only_access_token}"}
    for headers in ({}, stranger):
        for method, where in (
            ("GET", path), ("DELETE", path), ("GET", "/api/ocpp_charging/files"),
        ):  # fmt: skip
            answer = await outside.request(method, where, headers=headers)
            assert answer.status == HTTPStatus.UNAUTHORIZED
    admin = await hass_client()
    listed = await admin.get("/api/ocpp_charging/files")
    assert await listed.json() == [{"name": kept.name, "size": 8}]
    answer = await admin.get(path)
    assert await answer.read() == b"<script>"
    assert answer.content_type == "application/octet-stream"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    for name in ("secrets.yaml", "x.part", f"{kept.name}.part"):
        missing = await admin.get(file_path(name))
        assert missing.status == HTTPStatus.NOT_FOUND
    climbing = await admin.get(file_path("..%2f..%2fsecrets.yaml"))
    assert climbing.status == HTTPStatus.BAD_REQUEST
    assert (await admin.delete(path)).status == HTTPStatus.NO_CONTENT
    assert (await admin.delete(path)).status == HTTPStatus.NOT_FOUND
    assert (await admin.get(path)).status == HTTPStatus.NOT_FOUND


async def test_a_second_upload_at_the_same_time_is_refused(
    hass: HomeAssistant, outside: Client, store: ChargerFiles, ticket: Ticket
) -> None:
    more = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b"first"
        await more.wait()
        yield b", whole"

    path = upload_path(ticket.token)
    first = asyncio.create_task(outside.put(path, data=slow()))
    await begun(hass)
    second = await outside.put(path, data=b"second")
    assert second.status == HTTPStatus.CONFLICT
    more.set()
    assert (await first).status == HTTPStatus.CREATED
    (kept,) = store.kept()
    assert (folder(hass) / kept.name).read_bytes() == b"first, whole"


async def test_a_charger_that_goes_away_in_the_middle_may_come_again(
    hass: HomeAssistant, outside: Client, store: ChargerFiles, ticket: Ticket
) -> None:
    url = outside.make_url(upload_path(ticket.token))
    _, writer = await asyncio.open_connection(url.host, url.port)
    head = f"PUT {url.path} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf"
    writer.write(head.encode())
    await begun(hass)
    writer.transport.abort()
    async with asyncio.timeout(20):
        while ticket.busy or left_over(hass):  # noqa: ASYNC110 - the disk tells
            await asyncio.sleep(0)
    assert not ticket.done.done()
    again = await outside.put(upload_path(ticket.token), data=b"whole")
    assert again.status == HTTPStatus.CREATED
    assert (await ticket.done).size == 5


async def begun(hass: HomeAssistant) -> None:
    """Wait until a file that is being sent is on the disk, in part."""
    async with asyncio.timeout(20):
        while not any(each.endswith(".part") for each in left_over(hass)):  # noqa: ASYNC110 - the disk tells
            await asyncio.sleep(0)


async def diagnostics(hass: HomeAssistant, entry: MockConfigEntry) -> dict[str, object]:
    (device_id,) = entry.runtime_data.device_ids.values()
    answer = await hass.services.async_call(
        DOMAIN,
        "get_diagnostics",
        {"device_id": device_id},
        blocking=True,
        return_response=True,
    )
    assert answer is not None
    return dict(answer)


async def test_a_charger_sends_its_diagnostics_to_home_assistant(
    hass: HomeAssistant,
    charger_entry: MockConfigEntry,
    simulated: Simulated,
    outside: Client,
) -> None:
    hass.config.internal_url = str(outside.make_url("")).rstrip("/")
    await simulated(charger_entry)
    answer = await diagnostics(hass, charger_entry)
    assert answer["size"]
    got = await outside.get(str(answer["link"]))
    assert got.status == HTTPStatus.OK
    assert len(await got.read()) == answer["size"]


async def test_a_failed_upload_and_a_late_one_are_told(
    hass: HomeAssistant,
    charger_entry: MockConfigEntry,
    simulated: Simulated,
    outside: Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hass.config.internal_url = str(outside.make_url("")).rstrip("/")
    cp = await simulated(charger_entry)
    cp.faults.diagnostics_result = "UploadFailed"
    with pytest.raises(HomeAssistantError) as caught:
        await diagnostics(hass, charger_entry)
    assert caught.value.translation_key == "upload_failed"
    monkeypatch.setattr(
        "custom_components.ocpp_charging.file_actions.UPLOAD_TIMEOUT", 0.05
    )
    cp.answers["GetDiagnostics"] = {"fileName": "never"}
    with pytest.raises(HomeAssistantError) as caught:
        await diagnostics(hass, charger_entry)
    assert caught.value.translation_key == "upload_timeout"


@pytest.mark.parametrize(
    ("protocols", "url", "key"),
    [
        ("FTP,FTPS", "http://127.0.0.1:1", "charger_needs_ftp"),
        ("FTP,HTTP", "https://127.0.0.1:1", "charger_needs_http"),
    ],
)
async def test_a_charger_that_cannot_reach_us_is_told_apart_before(
    hass: HomeAssistant,
    charger_entry: MockConfigEntry,
    simulated: Simulated,
    protocols: str,
    url: str,
    key: str,
) -> None:
    hass.config.internal_url = url
    await simulated(charger_entry)
    name = "SupportedFileTransferProtocols"
    setting = Setting(key=name, value=protocols, readonly=True)
    charger_of(charger_entry).update(configuration={name: setting})
    with pytest.raises(ServiceValidationError) as caught:
        await diagnostics(hass, charger_entry)
    assert caught.value.translation_key == key


async def get_log(
    hass: HomeAssistant, entry: MockConfigEntry, **fields: object
) -> dict[str, object]:
    (device_id,) = entry.runtime_data.device_ids.values()
    data = {"device_id": device_id, **fields}
    answer = await hass.services.async_call(
        DOMAIN, "get_log", data, blocking=True, return_response=True
    )
    assert answer is not None
    return dict(answer)


async def test_a_charger_sends_its_security_log_to_home_assistant(
    hass: HomeAssistant,
    charger_entry: MockConfigEntry,
    simulated: Simulated,
    outside: Client,
) -> None:
    hass.config.internal_url = str(outside.make_url("")).rstrip("/")
    cp = await simulated(charger_entry)
    answer = await get_log(hass, charger_entry, type="security")
    assert str(answer["file_name"]).startswith("SecurityLog")
    assert "-log-" in str(answer["file"])
    got = await outside.get(str(answer["link"]))
    assert len(await got.read()) == answer["size"] != 0
    (asked,) = cp.received_calls("GetLog")
    charger = charger_of(charger_entry)
    assert asked["requestId"] == charger.log_request
    await wait_for_charger(charger, lambda one: one.log_status is LogStatus.UPLOADED)


@pytest.mark.parametrize("word", ["UploadFailure", "PermissionDenied", "BadMessage"])
async def test_a_log_that_will_not_come_is_told(
    hass: HomeAssistant,
    charger_entry: MockConfigEntry,
    simulated: Simulated,
    outside: Client,
    word: str,
) -> None:
    hass.config.internal_url = str(outside.make_url("")).rstrip("/")
    cp = await simulated(charger_entry)
    cp.faults.log_result = word
    with pytest.raises(HomeAssistantError) as caught:
        await get_log(hass, charger_entry)
    assert caught.value.translation_key == "upload_failed"


@pytest.mark.parametrize("code", ["NotSupported", "NotImplemented"])
async def test_a_charger_without_get_log_is_told_what_to_use(
    hass: HomeAssistant,
    charger_entry: MockConfigEntry,
    simulated: Simulated,
    code: str,
) -> None:
    cp = await simulated(charger_entry)
    cp.answers["GetLog"] = SimulatedCallError(code, "what is that?")
    charger = charger_of(charger_entry)
    charger.update(log_request=7)
    with pytest.raises(HomeAssistantError) as caught:
        await get_log(hass, charger_entry, url="ftp://127.0.0.1:9/")
    assert caught.value.translation_key == "log_not_supported"
    assert "Get diagnostics" in str(caught.value)
    assert charger.log_request == 7


async def test_a_log_needs_a_beginning_before_its_end(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    await simulated(charger_entry)
    with pytest.raises(ServiceValidationError) as caught:
        await get_log(
            hass,
            charger_entry,
            oldest="2026-07-02T00:00:00Z",
            latest="2026-07-01T00:00:00Z",
        )
    assert caught.value.translation_key == "stop_before_start"


async def test_news_of_another_log_than_the_one_asked_for_is_passed_over(
    charger_entry: MockConfigEntry,
) -> None:
    charger = charger_of(charger_entry)
    charger.update(log_request=7)
    central = charger_entry.runtime_data.central
    async with await dial(central, password=PASSWORD) as raw:
        await raw.boot()
        for request, word, known in (
            (6, "UploadFailure", None),
            (7, "Uploading", LogStatus.UPLOADING),
            (7, "Nonsense", LogStatus.UPLOADING),
            (None, "Uploaded", LogStatus.UPLOADED),
        ):
            payload = {"status": word} | (
                {} if request is None else {"requestId": request}
            )
            assert await raw.call("LogStatusNotification", payload) == {}
            assert charger.log_status is known
