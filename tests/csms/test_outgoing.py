"""Each command: what is sent, and what each kind of answer amounts to."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from custom_components.ocpp_charging.csms.charger import Charger
from custom_components.ocpp_charging.csms.commands import Commands
from custom_components.ocpp_charging.csms.errors import (
    CommandFailed,
    CommandRefused,
    InvalidAnswer,
    InvalidRequest,
)
from custom_components.ocpp_charging.csms.logs import LogType
from custom_components.ocpp_charging.csms.model import (
    CertificateId,
    ChargingProfile,
    ChargingSchedule,
    DataTransferAnswer,
    ProfilePurpose,
    RateUnit,
    Reservation,
    RootUse,
    SchedulePeriod,
    Setting,
    TagDecision,
    TagInfo,
)
from custom_components.ocpp_charging.csms.v16 import schemas
from custom_components.ocpp_charging.csms.v16.outgoing import ACTIONS, MAX_KEPT_PROFILES
from tests.csms.raw import Payload, RawCharger

type Command = Callable[[Commands], Awaitable[Any]]

NIGHT = datetime(2026, 11, 1, 1, 30, tzinfo=timezone(timedelta(hours=2)))
RAW_PROFILE: Payload = {
    "chargingProfileId": 7,
    "stackLevel": 1,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Absolute",
    "chargingSchedule": {
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16.1}],
    },
}


def profile(profile_id: int = 7, **changes: Any) -> ChargingProfile:
    """Return a profile."""
    return ChargingProfile(
        **{
            "profile_id": profile_id,
            "purpose": ProfilePurpose.DEFAULT,
            "schedule": ChargingSchedule(
                unit=RateUnit.AMPERE,
                periods=(SchedulePeriod(start=timedelta(0), limit=16.1),),
            ),
            **changes,
        }
    )


CERTIFICATE_ID = CertificateId(
    algorithm="SHA256", issuer_name_hash="0a", issuer_key_hash="0b", serial="1f"
)
CERTIFICATE_ID_SENT: Payload = {
    "hashAlgorithm": "SHA256",
    "issuerNameHash": "0a",
    "issuerKeyHash": "0b",
    "serialNumber": "1f",
}

COMMANDS: dict[str, tuple[Command, str, Payload]] = {
    "trigger, extended": (
        lambda to: to.extended_trigger("LogStatusNotification"),
        "ExtendedTriggerMessage",
        {"requestedMessage": "LogStatusNotification"},
    ),
    "a signed certificate": (
        lambda to: to.certificate_signed("PEM"),
        "CertificateSigned",
        {"certificateChain": "PEM"},
    ),
    "install a root": (
        lambda to: to.install_certificate(RootUse.CENTRAL_SYSTEM, "PEM"),
        "InstallCertificate",
        {"certificateType": "CentralSystemRootCertificate", "certificate": "PEM"},
    ),
    "start": (
        lambda to: to.remote_start(1, "TAG"),
        "RemoteStartTransaction",
        {"connectorId": 1, "idTag": "TAG"},
    ),
    "stop": (
        lambda to: to.remote_stop(9),
        "RemoteStopTransaction",
        {"transactionId": 9},
    ),
    "unlock": (lambda to: to.unlock(2), "UnlockConnector", {"connectorId": 2}),
    "soft reset": (lambda to: to.reset(hard=False), "Reset", {"type": "Soft"}),
    "hard reset": (lambda to: to.reset(hard=True), "Reset", {"type": "Hard"}),
    "availability": (
        lambda to: to.change_availability(0, operative=False),
        "ChangeAvailability",
        {"connectorId": 0, "type": "Inoperative"},
    ),
    "change configuration": (
        lambda to: to.set_configuration("HeartbeatInterval", "60"),
        "ChangeConfiguration",
        {"key": "HeartbeatInterval", "value": "60"},
    ),
    "set profile": (
        lambda to: to.set_profile(1, profile(stack_level=1)),
        "SetChargingProfile",
        {"connectorId": 1, "csChargingProfiles": RAW_PROFILE},
    ),
    "set raw profile": (
        lambda to: to.set_raw_profile(1, RAW_PROFILE),
        "SetChargingProfile",
        {"connectorId": 1, "csChargingProfiles": RAW_PROFILE},
    ),
    "clear all profiles": (lambda to: to.clear_profiles(), "ClearChargingProfile", {}),
    "clear some profiles": (
        lambda to: to.clear_profiles(
            connector_id=1, purpose=ProfilePurpose.DEFAULT, stack_level=0
        ),
        "ClearChargingProfile",
        {
            "connectorId": 1,
            "chargingProfilePurpose": "TxDefaultProfile",
            "stackLevel": 0,
        },
    ),
    "clear one profile": (
        lambda to: to.clear_profiles(profile_id=7),
        "ClearChargingProfile",
        {"id": 7},
    ),
    "trigger": (
        lambda to: to.trigger("MeterValues"),
        "TriggerMessage",
        {"requestedMessage": "MeterValues"},
    ),
    "trigger of a connector": (
        lambda to: to.trigger("StatusNotification", 2),
        "TriggerMessage",
        {"requestedMessage": "StatusNotification", "connectorId": 2},
    ),
    "clear cache": (lambda to: to.clear_cache(), "ClearCache", {}),
    "reserve": (
        lambda to: to.reserve(
            Reservation(reservation_id=5, connector_id=1, id_tag="TAG", expires=NIGHT)
        ),
        "ReserveNow",
        {
            "connectorId": 1,
            "expiryDate": "2026-10-31T23:30:00Z",
            "idTag": "TAG",
            "reservationId": 5,
        },
    ),
}
"""Those whose answer is a word that is Accepted or not."""

GOOD = {"UnlockConnector": "Unlocked"}

OTHERS: dict[str, tuple[Command, str, Payload, Payload, Any]] = {
    "read all of the configuration": (
        lambda to: to.get_configuration(),
        "GetConfiguration",
        {},
        {},
        None,
    ),
    "read some of the configuration": (
        lambda to: to.get_configuration(["A", "B"]),
        "GetConfiguration",
        {"key": ["A", "B"]},
        {},
        None,
    ),
    "composite schedule": (
        lambda to: to.composite_schedule(1, timedelta(hours=1), RateUnit.WATT),
        "GetCompositeSchedule",
        {"connectorId": 1, "duration": 3600, "chargingRateUnit": "W"},
        {"status": "Accepted"},
        None,
    ),
    "composite schedule in any unit": (
        lambda to: to.composite_schedule(0, timedelta(hours=1)),
        "GetCompositeSchedule",
        {"connectorId": 0, "duration": 3600},
        {"status": "Accepted"},
        None,
    ),
    "version of the local list": (
        lambda to: to.local_list_version(),
        "GetLocalListVersion",
        {},
        {"listVersion": 7},
        7,
    ),
    "local list": (
        lambda to: to.send_local_list(
            8,
            {"GONE": None, "TAG": TagInfo(decision=TagDecision.ACCEPTED, group="G")},
            full=False,
        ),
        "SendLocalList",
        {
            "listVersion": 8,
            "updateType": "Differential",
            "localAuthorizationList": [
                {"idTag": "GONE"},
                {
                    "idTag": "TAG",
                    "idTagInfo": {"status": "Accepted", "parentIdTag": "G"},
                },
            ],
        },
        {"status": "VersionMismatch"},
        "VersionMismatch",
    ),
    "reservation given back": (
        lambda to: to.cancel_reservation(5),
        "CancelReservation",
        {"reservationId": 5},
        {"status": "Rejected"},
        False,
    ),
    "data transfer": (
        lambda to: to.data_transfer("org.example", "ping", "x"),
        "DataTransfer",
        {"vendorId": "org.example", "messageId": "ping", "data": "x"},
        {"status": "UnknownMessageId", "data": "?"},
        DataTransferAnswer(status="UnknownMessageId", data="?"),
    ),
    "data transfer without anything": (
        lambda to: to.data_transfer("org.example", None, None),
        "DataTransfer",
        {"vendorId": "org.example"},
        {"status": "Accepted"},
        DataTransferAnswer(status="Accepted", data=None),
    ),
    "firmware": (
        lambda to: to.update_firmware("ftp://host/file", NIGHT),
        "UpdateFirmware",
        {"location": "ftp://host/file", "retrieveDate": "2026-10-31T23:30:00Z"},
        {},
        None,
    ),
    "installed roots": (
        lambda to: to.installed_certificates(RootUse.MANUFACTURER),
        "GetInstalledCertificateIds",
        {"certificateType": "ManufacturerRootCertificate"},
        {"status": "Accepted", "certificateHashData": [CERTIFICATE_ID_SENT]},
        (CERTIFICATE_ID,),
    ),
    "no installed roots": (
        lambda to: to.installed_certificates(RootUse.CENTRAL_SYSTEM),
        "GetInstalledCertificateIds",
        {"certificateType": "CentralSystemRootCertificate"},
        {"status": "NotFound"},
        (),
    ),
    "delete a root": (
        lambda to: to.delete_certificate(CERTIFICATE_ID),
        "DeleteCertificate",
        {"certificateHashData": CERTIFICATE_ID_SENT},
        {"status": "Accepted"},
        True,
    ),
    "delete a root that is not there": (
        lambda to: to.delete_certificate(CERTIFICATE_ID),
        "DeleteCertificate",
        {"certificateHashData": CERTIFICATE_ID_SENT},
        {"status": "NotFound"},
        False,
    ),
    "firmware with retries": (
        lambda to: to.update_firmware(
            "ftp://host/file", NIGHT, retries=3, retry_interval=timedelta(minutes=1)
        ),
        "UpdateFirmware",
        {
            "location": "ftp://host/file",
            "retrieveDate": "2026-10-31T23:30:00Z",
            "retries": 3,
            "retryInterval": 60,
        },
        {"ignored": True},
        None,
    ),
    "signed firmware": (
        lambda to: to.signed_update_firmware(
            7, "http://host/file", NIGHT, certificate="PEM", signature="c2ln"
        ),
        "SignedUpdateFirmware",
        {
            "requestId": 7,
            "firmware": {
                "location": "http://host/file",
                "retrieveDateTime": "2026-10-31T23:30:00Z",
                "signingCertificate": "PEM",
                "signature": "c2ln",
            },
        },
        {"status": "Accepted"},
        False,
    ),
    "signed firmware in place of another": (
        lambda to: to.signed_update_firmware(
            8,
            "http://host/file",
            NIGHT,
            certificate="PEM",
            signature="c2ln",
            retries=3,
            retry_interval=timedelta(minutes=1),
        ),
        "SignedUpdateFirmware",
        {
            "requestId": 8,
            "firmware": {
                "location": "http://host/file",
                "retrieveDateTime": "2026-10-31T23:30:00Z",
                "signingCertificate": "PEM",
                "signature": "c2ln",
            },
            "retries": 3,
            "retryInterval": 60,
        },
        {"status": "AcceptedCanceled"},
        True,
    ),
    "diagnostics": (
        lambda to: to.get_diagnostics("ftp://host/"),
        "GetDiagnostics",
        {"location": "ftp://host/"},
        {},
        None,
    ),
    "diagnostics of a time": (
        lambda to: to.get_diagnostics(
            "ftp://host/",
            start=NIGHT,
            stop=NIGHT + timedelta(hours=1),
            retries=1,
            retry_interval=timedelta(seconds=5),
        ),
        "GetDiagnostics",
        {
            "location": "ftp://host/",
            "startTime": "2026-10-31T23:30:00Z",
            "stopTime": "2026-11-01T00:30:00Z",
            "retries": 1,
            "retryInterval": 5,
        },
        {"fileName": "log.zip"},
        "log.zip",
    ),
    "a log of a time": (
        lambda to: to.get_log(
            7,
            LogType.SECURITY,
            "ftp://host/",
            oldest=NIGHT,
            latest=NIGHT + timedelta(hours=1),
            retries=1,
            retry_interval=timedelta(seconds=5),
        ),
        "GetLog",
        {
            "logType": "SecurityLog",
            "requestId": 7,
            "log": {
                "remoteLocation": "ftp://host/",
                "oldestTimestamp": "2026-10-31T23:30:00Z",
                "latestTimestamp": "2026-11-01T00:30:00Z",
            },
            "retries": 1,
            "retryInterval": 5,
        },
        {"status": "AcceptedCanceled", "filename": "log.zip"},
        "log.zip",
    ),
}


def test_every_action_is_tested() -> None:
    tested = {each[1] for each in (*COMMANDS.values(), *OTHERS.values())}
    assert tested == set(ACTIONS)


@pytest.mark.parametrize("name", COMMANDS)
async def test_a_command_is_sent_and_accepted(
    raw: RawCharger, charger: Charger, name: str
) -> None:
    command, action, payload = COMMANDS[name]
    running = asyncio.ensure_future(command(charger.commands(action)))
    asked = await raw.next_call(action)
    assert asked.payload == payload
    await raw.answer(asked, {"status": GOOD.get(action, "Accepted"), "more": 1})
    await running


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("word", ["Rejected", "Vendor says no", 7])
async def test_a_refusal_is_an_error_in_the_chargers_own_word(
    raw: RawCharger, charger: Charger, name: str, word: Any
) -> None:
    command, action, _ = COMMANDS[name]
    raw.reactions[action] = {"status": word}
    with pytest.raises(CommandRefused) as caught:
        await command(charger.commands(action))
    assert (caught.value.action, caught.value.status) == (action, str(word))


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("answer", [{}, {"status": None}, {"status": ["Accepted"]}])
async def test_an_answer_without_a_status_is_invalid(
    raw: RawCharger, charger: Charger, name: str, answer: Payload
) -> None:
    command, action, _ = COMMANDS[name]
    raw.reactions[action] = answer
    with pytest.raises(InvalidAnswer) as caught:
        await command(charger.commands(action))
    assert caught.value.detail == "the answer has no status"


@pytest.mark.parametrize("name", [*COMMANDS, *OTHERS])
async def test_a_callerror_is_an_error_with_code_and_words(
    raw: RawCharger, charger: Charger, name: str
) -> None:
    command, action, _ = COMMANDS[name] if name in COMMANDS else OTHERS[name][:3]
    running = asyncio.ensure_future(command(charger.commands(action)))
    await raw.refuse(await raw.next_call(), "NotImplemented", "what?")
    with pytest.raises(CommandFailed) as caught:
        await running
    assert (caught.value.code, caught.value.description) == ("NotImplemented", "what?")
    assert str(caught.value) == f"{action}: NotImplemented what?"


@pytest.mark.parametrize("name", OTHERS)
async def test_a_command_with_another_answer(
    raw: RawCharger, charger: Charger, name: str
) -> None:
    command, action, payload, answer, result = OTHERS[name]
    raw.reactions[action] = answer
    found = await command(charger.commands(action))
    assert raw.log[-1].payload == payload
    if action != "GetConfiguration":
        assert found == result


@pytest.mark.parametrize(
    ("action", "word"),
    [("ChangeAvailability", "Scheduled"), ("ChangeConfiguration", "RebootRequired")],
)
async def test_words_between_yes_and_no(
    raw: RawCharger, charger: Charger, action: str, word: str
) -> None:
    raw.reactions[action] = {"status": word}
    commands = charger.commands(action)
    if action == "ChangeAvailability":
        assert await commands.change_availability(1, operative=True) == word
    else:
        assert await commands.set_configuration("Key", "1") is True


@pytest.mark.parametrize("word", ["Unknown", "Accepted"])
async def test_clearing_says_whether_there_was_something(
    raw: RawCharger, charger: Charger, word: str
) -> None:
    raw.reactions["ClearChargingProfile"] = {"status": word}
    assert await charger.commands("X").clear_profiles() is (word == "Accepted")


async def test_a_data_transfer_without_status_is_invalid(
    raw: RawCharger, charger: Charger
) -> None:
    raw.reactions["DataTransfer"] = {"data": "x"}
    with pytest.raises(InvalidAnswer):
        await charger.commands("X").data_transfer("V", None, None)


@pytest.mark.parametrize("answer", [{}, {"status": "Rejected"}, {"status": 1}])
async def test_a_composite_schedule_that_is_refused(
    raw: RawCharger, charger: Charger, answer: Payload
) -> None:
    raw.reactions["GetCompositeSchedule"] = answer
    with pytest.raises(CommandRefused) as caught:
        await charger.commands("X").composite_schedule(1, timedelta(hours=1))
    assert caught.value.status == str(answer.get("status", "nothing"))


async def test_a_composite_schedule_begins_when_the_answer_or_itself_says(
    raw: RawCharger, charger: Charger
) -> None:
    schedule: Payload = {
        "duration": 8638204649118,
        "chargingRateUnit": "W",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 11.956521739130435}],
    }
    raw.reactions["GetCompositeSchedule"] = {
        "status": "Accepted",
        "scheduleStart": "2026-11-01T00:00:00Z",
        "chargingSchedule": schedule,
    }
    commands = charger.commands("X")
    found = await commands.composite_schedule(1, timedelta(hours=1))
    assert found is not None
    assert found.start == datetime(2026, 11, 1, tzinfo=UTC)
    assert found.duration is None
    assert found.periods[0].limit == 11.956521739130435
    schedule["startSchedule"] = "2026-11-02T00:00:00Z"
    found = await commands.composite_schedule(1, timedelta(hours=1))
    assert found is not None
    assert found.start == datetime(2026, 11, 2, tzinfo=UTC)


# What we send is strict

INVALID: dict[str, Command] = {
    "a tag over 20 characters": lambda to: to.remote_start(1, "T" * 21),
    "a key over 50 characters": lambda to: to.set_configuration("K" * 51, "1"),
    "a value over 500 characters": lambda to: to.set_configuration("K", "v" * 501),
    "an unknown message": lambda to: to.trigger("Nonsense"),
    "a vendor over 255 characters": lambda to: to.data_transfer("V" * 256, None, None),
}


@pytest.mark.parametrize("name", INVALID)
async def test_what_breaks_the_standard_is_not_sent(
    raw: RawCharger, charger: Charger, name: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await INVALID[name](charger.commands("X"))
    assert caught.value.detail
    assert raw.log == []


def _changed(**changes: Any) -> Payload:
    return {**RAW_PROFILE, **changes}


def _with_period(**changes: Any) -> Payload:
    schedule = RAW_PROFILE["chargingSchedule"]
    period = {"startPeriod": 0, "limit": 16, **changes}
    return _changed(chargingSchedule={**schedule, "chargingSchedulePeriod": [period]})


@pytest.mark.parametrize(
    ("broken", "field"),
    [
        ({}, "chargingProfileId"),
        (_changed(extra=1), "extra"),
        (_changed(stackLevel="1"), "stackLevel"),
        (_changed(chargingProfilePurpose="Tx"), "chargingProfilePurpose"),
        (_changed(validFrom=NIGHT), "validFrom"),
        (_changed(chargingSchedule={}), "chargingSchedule"),
        (_with_period(limit=16.15), "limit"),
        (_with_period(limit=0.1 + 0.2), "limit"),
        (_with_period(limit=float("nan")), "limit"),
        (_with_period(limit=float("inf")), "limit"),
        (_with_period(limit="16"), "limit"),
        (_with_period(extra=1), "extra"),
        (
            _changed(
                chargingSchedule={
                    **RAW_PROFILE["chargingSchedule"],
                    "minChargingRate": 6.25,
                }
            ),
            "minChargingRate",
        ),
    ],
)
async def test_a_raw_profile_must_keep_to_the_standard(
    raw: RawCharger, charger: Charger, broken: Payload, field: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await charger.commands("X").set_raw_profile(1, broken)
    assert field in caught.value.detail
    assert "data" not in caught.value.detail
    assert raw.log == []
    assert charger.memory.profiles == {}


@pytest.mark.parametrize("limit", [0, 16, 16.1, 0.1, 31.9, 11040.7, 1e6 + 0.3])
def test_one_decimal_is_judged_by_value_and_not_by_division(limit: float) -> None:
    payload = {"connectorId": 1, "csChargingProfiles": _with_period(limit=limit)}
    schemas.check("SetChargingProfile", payload)


# Configuration


async def test_the_configuration_is_read_with_what_chargers_make_of_it(
    raw: RawCharger, charger: Charger
) -> None:
    raw.reactions["GetConfiguration"] = {
        "configurationKey": [
            {"key": "A", "readonly": True, "value": "1"},
            {"key": "B", "readonly": False},
            {"key": "C", "value": 60},
            {"key": "D" * 60, "readonly": "true", "value": "v" * 600},
            {"key": "AuthorizationKey", "readonly": False, "value": "secret"},
            {"value": "no key"},
            None,
        ],
        "unknownKey": ["X", 7, "Y" * 60],
    }
    report = await charger.commands("X").get_configuration()
    assert report.settings == {
        "A": Setting(key="A", value="1", readonly=True),
        "B": Setting(key="B", value=None, readonly=False),
        "C": Setting(key="C", value="60", readonly=False),
        "D" * 50: Setting(key="D" * 50, value="v" * 500, readonly=False),
        "AuthorizationKey": Setting(key="AuthorizationKey", value=None, readonly=False),
    }
    assert report.unknown == ("X", "7", "Y" * 50)
    assert charger.configuration == report.settings


@pytest.mark.parametrize("answer", [{"unknownKey": "X"}, {"configurationKey": "x"}])
async def test_a_configuration_that_is_none(
    raw: RawCharger, charger: Charger, answer: Payload
) -> None:
    raw.reactions["GetConfiguration"] = answer
    report = await charger.commands("X").get_configuration(["X"])
    assert (report.settings, report.unknown) == ({}, ())


async def test_a_setting_that_is_changed_is_known_and_a_password_is_not(
    raw: RawCharger, charger: Charger
) -> None:
    charger.configuration = {
        key: Setting(key=key, value="1", readonly=False)
        for key in ("Key", "AuthorizationKey")
    }
    raw.reactions["ChangeConfiguration"] = {"status": "Accepted"}
    commands = charger.commands("X")
    for key in ("Key", "AuthorizationKey", "NeverHeardOf"):
        await commands.set_configuration(key, "2")
    assert {key: each.value for key, each in charger.configuration.items()} == {
        "Key": "2",
        "AuthorizationKey": None,
    }


# What is installed


async def test_installed_profiles_are_remembered_as_the_charger_keeps_them(
    raw: RawCharger, charger: Charger
) -> None:
    raw.reactions["SetChargingProfile"] = {"status": "Accepted"}
    raw.reactions["ClearChargingProfile"] = {"status": "Accepted"}
    commands = charger.commands("X")
    await commands.set_profile(1, profile(1))
    await commands.set_profile(1, profile(2, stack_level=1))
    await commands.set_profile(2, profile(3))
    assert list(charger.memory.profiles) == [1, 2, 3]
    await commands.set_profile(1, profile(4))  # the same place as 1
    assert list(charger.memory.profiles) == [2, 3, 4]
    await commands.set_profile(2, profile(2, stack_level=5))  # the same id
    assert list(charger.memory.profiles) == [3, 4, 2]
    assert charger.memory.profiles[2].connector_id == 2
    await commands.clear_profiles(stack_level=5, connector_id=1)
    assert list(charger.memory.profiles) == [3, 4, 2]
    await commands.clear_profiles(profile_id=4)
    assert list(charger.memory.profiles) == [3, 2]
    await commands.clear_profiles(purpose=ProfilePurpose.TRANSACTION)
    assert list(charger.memory.profiles) == [3, 2]
    raw.reactions["ClearChargingProfile"] = {"status": "Unknown"}
    await commands.clear_profiles(purpose=ProfilePurpose.DEFAULT, stack_level=5)
    assert list(charger.memory.profiles) == [3]
    await commands.clear_profiles()
    assert charger.memory.profiles == {}


async def test_a_refused_profile_is_not_remembered(
    raw: RawCharger, charger: Charger
) -> None:
    raw.reactions["SetChargingProfile"] = {"status": "Rejected"}
    with pytest.raises(CommandRefused):
        await charger.commands("X").set_profile(1, profile())
    assert charger.memory.profiles == {}


async def test_what_is_remembered_as_installed_is_bounded(
    raw: RawCharger, charger: Charger
) -> None:
    raw.reactions["SetChargingProfile"] = {"status": "Accepted"}
    commands = charger.commands("X")
    for number in range(MAX_KEPT_PROFILES + 1):
        await commands.set_profile(1, profile(number, stack_level=number))
    assert list(charger.memory.profiles) == list(range(1, MAX_KEPT_PROFILES + 1))
