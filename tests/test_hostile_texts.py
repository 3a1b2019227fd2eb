"""Texts that a charger or a stranger chooses, all the way into Home Assistant.

None may forge a line of a log, be run as a template, be shown as markup, hide itself,
or keep Home Assistant from sending what it knows to a browser.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
import logging
from pathlib import Path
from typing import Any
from urllib.parse import quote

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import (
    device_registry as dr,
    entity_registry as er,
    issue_registry as ir,
)
from homeassistant.helpers.json import json_bytes
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.ocpp_charging.diagnostics import (
    async_get_config_entry_diagnostics,
)
from custom_components.ocpp_charging.helpers import as_shown
from tests.conftest import DOMAIN, PASSWORD, charger_of, wait_for_charger
from tests.csms.raw import RawCharger, dial, stamp
from tests.csms.siege import answer_line, request

TEXTS = {
    "a forged line": "x\r\n2026-11-22 00:00:00 ERROR (MainThread) [root] pwned",
    "a terminal's escapes": "x\x1b[2J\x1b[31m\x9b1mred\x07",
    "a template": "{{ 7*7 }}{% set x = 49 %}{# y #}",
    "a script": "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "a link": "[Log in](https://evil.example) ![](https://evil.example/x.png)",
    "reversed text": "\u202egnp.exe\u2066\u200f\u061c",
    "invisible text": "\u200b\u200d\u2060\ufeff\U000e0041\u00ad",
    "a NUL": "x\0y",
    "a surrogate": "x\ud800y\udfff",
    "private characters": "\ue000\U000fffff",
    "formats": "%s%s%n %(password)s {0} {self.__class__} $HOME `id`",
    "separators": "x\u2028y\u2029z\x85",
    "a long text": "long " * 4000,
    "combining marks": "Z" + "\u0335" * 400,
    "nothing but spaces": " \t\n ",
}

SECRET_TAG = "TAG-0815-SECRET"
SECRETS = {
    "chargePointSerialNumber": "SERIAL-4711-A",
    "chargeBoxSerialNumber": "SERIAL-4711-B",
    "meterSerialNumber": "METER-4711-C",
    "iccid": "89490200001234567890",
    "imsi": "262011234567890",
}


def texts_of(value: Any) -> Iterator[str]:
    """Return every text in something, keys included."""
    match value:
        case str():
            yield value
        case Mapping():
            for key, item in value.items():
                yield from texts_of(key)
                yield from texts_of(item)
        case list() | tuple() | set() | frozenset():
            for item in value:
                yield from texts_of(item)


@asynccontextmanager
async def connected(entry: MockConfigEntry, text: str) -> AsyncIterator[RawCharger]:
    """Dial in as a charger whose every answer has this text wherever it can."""
    raw = await dial(entry.runtime_data.central)
    raw.reactions = {
        "GetConfiguration": {
            "configurationKey": [
                {"key": text, "readonly": False, "value": text},
                {"key": "SupportedFeatureProfiles", "readonly": True, "value": text},
                {"key": "NumberOfConnectors", "readonly": True, "value": text},
                {"key": "AuthorizationKey", "readonly": False, "value": PASSWORD},
            ],
            "unknownKey": [text, {"a": text}, [[text]]],
        },
        "ChangeConfiguration": {"status": text},
        "TriggerMessage": {"status": text},
        "GetLocalListVersion": {"listVersion": text},
        "GetInstalledCertificateIds": {"status": text},
        "SetChargingProfile": {"status": text},
        "ClearChargingProfile": {"status": text},
        "GetCompositeSchedule": {"status": text},
        "DataTransfer": {"status": text, "data": text},
    }
    async with raw:
        yield raw


async def say_everything(raw: RawCharger, text: str) -> None:
    """Send every message with this text wherever a text may be."""
    everywhere: dict[str, dict[str, Any]] = {
        "BootNotification": dict.fromkeys(
            (
                "chargePointVendor", "chargePointModel", "chargePointSerialNumber",
                "chargeBoxSerialNumber", "firmwareVersion", "iccid", "imsi",
                "meterType", "meterSerialNumber",
            ),
            text,
        ),
        "StatusNotification": {
            "connectorId": 1, "status": "Faulted", "errorCode": text, "info": text,
            "vendorId": text, "vendorErrorCode": text, "timestamp": stamp(),
        },
        "Authorize": {"idTag": text},
        "StartTransaction": {
            "connectorId": 1, "idTag": text, "meterStart": 1, "timestamp": stamp(),
        },
        "MeterValues": {
            "connectorId": 1,
            "meterValue": [
                {
                    "timestamp": text,
                    "sampledValue": [
                        {"value": text},
                        dict.fromkeys(
                            ("value", "context", "format", "measurand", "phase",
                             "location", "unit"),
                            text,
                        ),
                        {"value": "7", "measurand": text, "unit": text},
                    ],
                }
            ],
        },
        "StopTransaction": {
            "transactionId": 1, "meterStop": 2, "timestamp": stamp(), "idTag": text,
            "reason": text,
        },
        "DataTransfer": {"vendorId": text, "messageId": text, "data": text},
        "FirmwareStatusNotification": {"status": text},
        "DiagnosticsStatusNotification": {"status": text},
        "LogStatusNotification": {"status": text, "requestId": 1},
        "SecurityEventNotification": {
            "type": text, "timestamp": stamp(), "techInfo": text,
        },
        "SignCertificate": {"csr": text},
        "SignedFirmwareStatusNotification": {"status": text, "requestId": 1},
        text[:60]: {text: text},
    }  # fmt: skip
    for action, payload in everywhere.items():
        await raw.send_call(action, payload)
        kind, _, *answer = await raw.reply()
        if kind == 4:
            assert answer[0] != "InternalError", action
            assert answer[1].isprintable()


def known_texts(hass: HomeAssistant, entry: MockConfigEntry) -> Iterator[str]:
    """Return every text that Home Assistant shows of the integration."""
    for state in hass.states.async_all():
        json_bytes(state.as_dict())
        assert len(state.state) <= 255
        yield state.state
        yield from texts_of(dict(state.attributes))
    for device in dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id):
        yield from texts_of(device.dict_repr)
        json_bytes(device.dict_repr)
    for entity in er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id):
        yield from texts_of(entity.as_partial_dict)
    for issue in ir.async_get(hass).issues.values():
        yield from texts_of(issue.translation_placeholders)
    flows = hass.config_entries.flow.async_progress(include_uninitialized=True)
    for flow in flows:
        yield from texts_of(flow.get("context"))


def check_logs(caplog: pytest.LogCaptureFixture) -> None:
    """Fail for a line that one cannot trust, or that nobody expects."""
    for record in caplog.records:
        if record.name.startswith("websockets.client"):
            continue  # the charger's own side
        message = record.getMessage()
        if "ocpp_charging" in record.name or "ocpp_charging" in message:
            assert message.isprintable(), repr(message)
            assert record.levelno < logging.ERROR, message


def files_in(hass: HomeAssistant) -> set[Path]:
    """Return the files of the configuration folder."""
    return {path for path in Path(hass.config.config_dir).rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", TEXTS)
async def test_no_text_of_a_charger_is_more_than_a_text(
    hass: HomeAssistant,
    charger_entry: MockConfigEntry,
    caplog: pytest.LogCaptureFixture,
    name: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    text = TEXTS[name]
    before = await hass.async_add_executor_job(files_in, hass)
    charger = charger_of(charger_entry)
    async with connected(charger_entry, text) as raw:
        await say_everything(raw, text)
        await wait_for_charger(charger, lambda one: one.ready)
        await hass.async_block_till_done()
        await raw.alive()
        for shown in known_texts(hass, charger_entry):
            assert shown.isprintable(), repr(shown)
            assert len(shown) <= 500
        info = charger.info
        if name in {"a template", "a script", "a link", "formats"}:
            assert info.model == text[:50].strip(), "it is kept as it was said"
        json_bytes(await async_get_config_entry_diagnostics(hass, charger_entry))
    check_logs(caplog)
    after = await hass.async_add_executor_job(files_in, hass)
    assert {path.suffix for path in after - before} <= {".db", ".db-wal", ".db-shm"}


@pytest.mark.parametrize("name", TEXTS)
async def test_no_refusal_of_a_charger_is_more_than_a_text(
    hass: HomeAssistant, charger_entry: MockConfigEntry, name: str
) -> None:
    text = TEXTS[name]
    async with connected(charger_entry, text) as raw:
        await raw.boot()
        await wait_for_charger(charger_of(charger_entry), lambda one: one.ready)
        device = next(
            device
            for device in dr.async_entries_for_config_entry(
                dr.async_get(hass), charger_entry.entry_id
            )
            if device.serial_number is None and device.manufacturer == "Raw"
        )
        raw.reactions.pop("DataTransfer")
        raw.reactions.pop("GetConfiguration")
        acting = asyncio.create_task(
            hass.services.async_call(
                DOMAIN,
                "data_transfer",
                {"device_id": device.id, "vendor_id": "x"},
                blocking=True,
                return_response=True,
            )
        )
        while (asked := await raw.next_call()).action != "DataTransfer":
            pass
        await raw.refuse(asked, text, text)
        with pytest.raises(HomeAssistantError) as caught:
            await acting
        said = dict(caught.value.translation_placeholders or {})
        for shown in texts_of(said):
            assert shown.isprintable()
            assert len(shown) <= 210
        json_bytes(said)
        acting = asyncio.create_task(
            hass.services.async_call(
                DOMAIN,
                "get_configuration",
                {"device_id": device.id},
                blocking=True,
                return_response=True,
            )
        )
        asked = await raw.next_call("GetConfiguration")
        await raw.answer(
            asked,
            {
                "configurationKey": [{"key": text, "readonly": False, "value": text}],
                "unknownKey": [text, [[text]], {"a": text}],
            },
        )
        answer = await acting
        json_bytes(answer)
        for shown in texts_of(answer):
            assert shown.isprintable(), repr(shown)


NAMES = [
    "[A](https&#58;&#47;&#47;evil.example)", "<img src=x>", "`whoami`", "{{ 7*7 }}",
    "CP\u202e1", "\x1b[31mCP", "CP\r\nX", "www.evil.example", "a|b", "<b>CP1",
]  # fmt: skip


async def test_a_strangers_name_is_never_markup(
    hass: HomeAssistant,
    charger_entry: MockConfigEntry,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    before = len(dr.async_get(hass).devices)
    central = charger_entry.runtime_data.central
    for name in NAMES:
        path = f"/{quote(name, safe='')}"
        line = await answer_line(central, request(path, user=None))
        assert line.startswith(b"HTTP/1.1 404 ")
    await hass.async_block_till_done()
    offered = {
        str(flow["context"]["title_placeholders"]["name"])
        for flow in hass.config_entries.flow.async_progress()
    }
    assert offered == {"{{ 7*7 }}"}, "braces are nothing in a dialog"
    for shown in known_texts(hass, charger_entry):
        assert shown.isprintable()
    assert len(dr.async_get(hass).devices) == before
    check_logs(caplog)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("EVBox Livo 2.1 - A_b*c", "EVBox Livo 2.1 - A_b*c"),
        ("[a](b)", r"\[a\](b)"),
        ("<b>", r"\<b\>"),
        ("https://x", r"https\://x"),
        ("12:30", "12:30"),
        ("www.x.de", r"www\.x.de"),
        ("&#58;", r"\&#58;"),
        (r"\[a]", r"\\\[a\]"),
        ("`x`|y", r"\`x\`\|y"),
    ],
)
def test_what_would_be_markup_is_shown_as_it_is(text: str, shown: str) -> None:
    assert as_shown(text) == shown


async def test_no_secret_is_in_a_log_or_in_diagnostics(
    hass: HomeAssistant,
    charger_entry: MockConfigEntry,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Everything that is secret is said once, and nothing of it is found again."""
    for logger in ("", "sqlalchemy", "sqlalchemy.engine", "custom_components"):
        caplog.set_level(logging.DEBUG, logger)
    central = charger_entry.runtime_data.central
    charger = charger_of(charger_entry)
    async with connected(charger_entry, "x") as raw:
        await raw.boot(**SECRETS)
        await wait_for_charger(charger, lambda one: one.ready)
        await raw.call("Authorize", {"idTag": SECRET_TAG})
        await raw.status("Charging")
        started = await raw.start(idTag=SECRET_TAG)
        await raw.stop(started["transactionId"], 2000, idTag=SECRET_TAG)
        await raw.call(
            "StopTransaction",
            {"transactionId": 99, "meterStop": SECRET_TAG, "idTag": SECRET_TAG},
        )
        for broken in (
            f'[2,"7","Authorize",{{"idTag":"{SECRET_TAG}"',
            f'[2,"7","Authorize",["{SECRET_TAG}"]]',
            f'[2,"7",["{PASSWORD}"],{{}}]',
            f'[3,"7",{{"idTag":"{SECRET_TAG}"}}]',
            f'[4,"7","{SECRET_TAG}","{PASSWORD}",{{}}]',
        ):
            await raw.send_raw(broken)
        await raw.send_call("Heartbeat")
        await hass.async_block_till_done()
        diagnostics = json_bytes(
            await async_get_config_entry_diagnostics(hass, charger_entry)
        ).decode()
        wrong = request("/CP1", user="CP1", password="guess-4711-word")
        assert b" 401 " in await answer_line(central, wrong)
    await hass.config_entries.async_reload(charger_entry.entry_id)
    logged = "\n".join(_lines(caplog))
    assert "CP1" in logged
    key_hash = charger_entry.subentries[next(iter(charger_entry.subentries))].data[
        "key_hashes"
    ][0]
    for secret in (PASSWORD, "guess-4711-word", key_hash, *SECRETS.values()):
        assert secret not in logged
        assert secret not in diagnostics
    assert SECRET_TAG not in diagnostics
    # Home Assistant itself writes down the tags that are scanned, as of any reader.
    assert SECRET_TAG not in "\n".join(_lines(caplog, but="homeassistant."))


def _lines(
    caplog: pytest.LogCaptureFixture, but: str = "websockets.client"
) -> list[str]:
    """Return what was logged, but for the charger's own side and one logger."""
    return [
        f"{record.getMessage()} {record.exc_text or ''}"
        for record in caplog.records
        if not record.name.startswith(("websockets.client", but))
    ]
