"""Boot and registration: Accepted, Pending, Rejected, and reconnects without boot."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
import re

import pytest

from custom_components.ocpp_charging.csms.charger import Charger
from custom_components.ocpp_charging.csms.errors import ChargerNotAccepted
from custom_components.ocpp_charging.csms.model import (
    ChargerInfo,
    ChargerMemory,
    ProfilePurpose,
    RateUnit,
    Registration,
)
from custom_components.ocpp_charging.csms.server import CentralSystem
from tests.csms.conftest import Dial, StartCentral
from tests.csms.house import QUIET
from tests.csms.raw import Payload, RawCharger, Refused, settings, stamp, until


@dataclass
class Registrar:
    """Decides on boots; a test sets what."""

    decision: Registration = Registration.ACCEPTED

    def __call__(self, charger: Charger) -> Registration:
        return self.decision


@pytest.fixture
def registrar() -> Registrar:
    return Registrar()


@pytest.fixture
async def strict(start_central: StartCentral, registrar: Registrar) -> CentralSystem:
    """Return a central system whose registrations the test decides."""
    central = await start_central(registration=registrar)
    central.add(settings())
    return central


async def test_an_accepted_boot_gets_the_time_and_the_heartbeat_interval(
    raw: RawCharger, charger: Charger
) -> None:
    answer = await raw.boot()
    assert answer["status"] == "Accepted"
    assert answer["interval"] == QUIET.heartbeat_interval
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", answer["currentTime"])
    told = datetime.fromisoformat(answer["currentTime"])
    assert abs(told - datetime.now(UTC)) < timedelta(seconds=10)
    assert charger.registration is Registration.ACCEPTED
    assert charger.memory.accepted


async def test_what_a_charger_says_of_itself_is_kept(
    raw: RawCharger, charger: Charger
) -> None:
    await raw.call(
        "BootNotification",
        {
            "chargePointVendor": "Vendor of more than twenty characters",
            "chargePointModel": "Model\x00 \n",
            "chargePointSerialNumber": "S1",
            "chargeBoxSerialNumber": "S2",
            "firmwareVersion": 1.2,
            "iccid": "",
            "imsi": None,
            "meterType": ["x"],
            "meterSerialNumber": "M1",
            "unknown": {"field": 1},
        },
    )
    assert charger.info == ChargerInfo(
        vendor="Vendor of more than twenty characters",
        model="Model",
        serial="S1",
        firmware="1.2",
        meter_serial="M1",
    )


async def test_the_older_serial_number_counts_where_there_is_no_other(
    raw: RawCharger, charger: Charger
) -> None:
    await raw.boot(chargeBoxSerialNumber="S2")
    assert charger.info.serial == "S2"


async def test_a_boot_that_says_nothing_is_accepted(
    raw: RawCharger, charger: Charger
) -> None:
    answer = await raw.call("BootNotification", {})
    assert answer["status"] == "Accepted"
    assert charger.info == ChargerInfo()


@pytest.mark.parametrize("decision", [Registration.PENDING, Registration.REJECTED])
async def test_a_boot_that_is_not_accepted_is_told_when_to_try_again(
    strict: CentralSystem, registrar: Registrar, dial: Dial, decision: Registration
) -> None:
    registrar.decision = decision
    raw = await dial(to=strict)
    answer = await raw.boot()
    assert answer["status"] == str(decision)
    assert answer["interval"] == QUIET.boot_retry
    assert strict.chargers["CP1"].registration is decision
    assert not strict.chargers["CP1"].memory.accepted
    registrar.decision = Registration.ACCEPTED
    assert (await raw.boot())["status"] == "Accepted"
    await raw.start()


REFUSED_WHILE = {
    Registration.PENDING: {"Authorize", "StartTransaction", "DataTransfer"},
    Registration.REJECTED: {
        "Authorize",
        "StartTransaction",
        "DataTransfer",
        "Heartbeat",
        "StatusNotification",
        "MeterValues",
    },
}
MESSAGES: dict[str, Payload] = {
    "Authorize": {"idTag": "TAG"},
    "StartTransaction": {
        "connectorId": 1,
        "idTag": "TAG",
        "meterStart": 1,
        "timestamp": stamp(),
    },
    "DataTransfer": {"vendorId": "V"},
    "Heartbeat": {},
    "StatusNotification": {
        "connectorId": 1,
        "status": "Available",
        "errorCode": "NoError",
    },
    "MeterValues": {"connectorId": 1, "meterValue": []},
}


@pytest.mark.parametrize("decision", REFUSED_WHILE)
@pytest.mark.parametrize("reconnect", [False, True])
async def test_before_acceptance_most_messages_get_a_security_error(
    strict: CentralSystem,
    registrar: Registrar,
    dial: Dial,
    decision: Registration,
    reconnect: bool,
) -> None:
    registrar.decision = decision
    raw = await dial(to=strict)
    await raw.boot()
    if reconnect:
        raw = await dial(to=strict)
    refused = set()
    for action, payload in MESSAGES.items():
        await raw.send_call(action, payload)
        reply = await raw.reply()
        if reply[0] == 4:
            refused.add((action, reply[2]))
    assert refused == {(each, "SecurityError") for each in REFUSED_WHILE[decision]}


@pytest.mark.parametrize("decision", REFUSED_WHILE)
async def test_commands_wait_for_acceptance(
    strict: CentralSystem, registrar: Registrar, dial: Dial, decision: Registration
) -> None:
    registrar.decision = decision
    raw = await dial(to=strict)
    await raw.boot()
    charger = strict.chargers["CP1"]
    with pytest.raises(ChargerNotAccepted) as caught:
        charger.commands("RemoteStartTransaction")
    assert caught.value.action == "RemoteStartTransaction"
    if decision is Registration.PENDING:
        assert charger.commands("GetConfiguration", pending=True)
    else:
        with pytest.raises(ChargerNotAccepted):
            charger.commands("GetConfiguration", pending=True)


async def test_acceptance_lasts_over_a_reconnect_without_boot(
    raw: RawCharger, dial: Dial, charger: Charger
) -> None:
    await raw.boot()
    await raw.close()
    again = await dial()
    assert charger.registration is Registration.ACCEPTED
    assert charger.commands("Reset")
    await again.start()


async def test_acceptance_lasts_over_a_restart_of_ours(
    start_central: StartCentral, dial: Dial
) -> None:
    central = await start_central()
    charger = central.add(settings(), ChargerMemory(accepted=True))
    await dial(to=central)
    assert charger.registration is Registration.ACCEPTED


async def test_a_charger_that_never_boots_is_served(
    raw: RawCharger, charger: Charger
) -> None:
    assert charger.registration is None
    await raw.start()
    assert charger.commands("Reset")


async def test_the_time_of_a_heartbeat_is_utc_with_a_z(raw: RawCharger) -> None:
    answer = await raw.call("Heartbeat")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", answer["currentTime"])


def _learn(charger: Charger) -> None:
    charger.features.measurands = ("Voltage",)
    charger.features.limit_purpose = ProfilePurpose.DEFAULT
    charger.features.limit_unit = RateUnit.WATT
    charger.features.max_periods = 10
    charger.memory.fatal_steps = {"configuration": 2}


@pytest.mark.parametrize(("firmware", "forgotten"), [("2", True), ("1", False)])
async def test_new_firmware_may_do_what_the_old_one_could_not(
    raw: RawCharger, charger: Charger, firmware: str, forgotten: bool
) -> None:
    await raw.boot(firmwareVersion="1")
    _learn(charger)
    await raw.boot(firmwareVersion=firmware)
    assert (charger.features.measurands is None) is forgotten
    assert (charger.features.limit_purpose is None) is forgotten
    assert (charger.memory.fatal_steps == {}) is forgotten
    assert charger.features.max_periods == 10


async def test_a_boot_that_says_less_takes_nothing_away(
    raw: RawCharger, charger: Charger
) -> None:
    await raw.boot(firmwareVersion="1", chargePointSerialNumber="S1")
    before = charger.info
    _learn(charger)
    await raw.call("BootNotification", {"chargePointVendor": [], "imsi": "I"})
    assert charger.info == replace(before, imsi="I")
    assert charger.features.measurands == ("Voltage",)


async def test_another_serial_number_is_another_charger(
    raw: RawCharger, charger: Charger
) -> None:
    await raw.boot(firmwareVersion="1", chargePointSerialNumber="S1")
    await raw.boot(chargePointSerialNumber="S2")
    assert charger.info.firmware is None


async def test_observers_hear_of_a_boot(raw: RawCharger, charger: Charger) -> None:
    heard: list[str] = []
    for key in ("info", "registration"):
        charger.listen(0, key, lambda key=key: heard.append(key))  # type: ignore[misc]
    await raw.boot()
    assert sorted(heard) == ["info", "registration"]
    await raw.boot()
    assert len(heard) == 2


async def test_the_rest_of_core_is_answered(raw: RawCharger, charger: Charger) -> None:
    answered: dict[str, Callable[[], object]] = {
        "Downloading": lambda: charger.firmware_status,
        "InstallationFailed": lambda: charger.firmware_status,
    }
    for word, status in answered.items():
        await raw.call("FirmwareStatusNotification", {"status": word})
        assert str(status()).replace("_", "") == word.lower()
    await raw.call("DiagnosticsStatusNotification", {"status": "UploadFailed"})
    assert charger.diagnostics_status == "upload_failed"
    for action in ("FirmwareStatusNotification", "DiagnosticsStatusNotification"):
        for payload, code in (
            ({"status": "Nonsense"}, "PropertyConstraintViolation"),
            ({}, "ProtocolError"),
            ({"status": []}, "TypeConstraintViolation"),
        ):
            with pytest.raises(Refused) as caught:
                await raw.call(action, payload)
            assert caught.value.code == code
    answer = await raw.call("DataTransfer", {"vendorId": "V", "data": "x" * 9000})
    assert answer == {"status": "UnknownVendorId"}
    with pytest.raises(Refused) as caught:
        await raw.call("DataTransfer", {})
    assert caught.value.code == "ProtocolError"
    assert await raw.call("SignCertificate", {"csr": "x"}) == {"status": "Rejected"}
    for action in (
        "LogStatusNotification",
        "SecurityEventNotification",
        "SignedFirmwareStatusNotification",
    ):
        assert await raw.call(action, {"anything": 1}) == {}


async def test_a_boot_on_the_old_connection_is_answered_there(
    raw: RawCharger, charger: Charger
) -> None:
    await raw.boot()
    await raw.close()
    await until(charger, lambda: not charger.connected)
    await asyncio.sleep(0)
    assert charger.registration is Registration.ACCEPTED
