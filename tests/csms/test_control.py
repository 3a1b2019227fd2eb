"""What an owner asks for, seen through until the charger has shown it."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from custom_components.ocpp_charging.csms import control
from custom_components.ocpp_charging.csms.charger import Charger
from custom_components.ocpp_charging.csms.connector import Connector
from custom_components.ocpp_charging.csms.errors import (
    ChargerNotAccepted,
    ChargerOffline,
    CommandFailed,
    CommandRefused,
    CommandTimeout,
    InvalidRequest,
)
from custom_components.ocpp_charging.csms.model import (
    ChargingProfile,
    ChargingSchedule,
    Features,
    ProfileKind,
    ProfilePurpose,
    RateUnit,
    Registration,
    SchedulePeriod,
)
from custom_components.ocpp_charging.csms.server import Timing
from custom_components.ocpp_charging.csms.tags import TagRules, UnknownTags
from tests.csms.conftest import Dial, StartCentral
from tests.csms.raw import Payload, RawCharger, settings, until

ACCEPTED = {"status": "Accepted"}
REJECTED = {"status": "Rejected"}
MAXIMUM, DEFAULT, TRANSACTION = (
    "ChargePointMaxProfile",
    "TxDefaultProfile",
    "TxProfile",
)


# Start and stop


async def test_a_start_is_done_when_the_charger_reports_it(
    raw: RawCharger, charger: Charger, connector: Connector
) -> None:
    starting = asyncio.create_task(control.start_charging(charger, 1))
    asked = await raw.next_call("RemoteStartTransaction")
    assert asked.payload == {"connectorId": 1, "idTag": "HomeAssistant"}
    await raw.answer(asked, ACCEPTED)
    await raw.status("Preparing")
    assert not starting.done()
    await raw.start(idTag="HomeAssistant")
    await starting
    assert connector.transaction is not None


async def test_a_start_takes_a_tag_and_a_profile(
    raw: RawCharger, charger: Charger
) -> None:
    profile = ChargingProfile(
        profile_id=7,
        purpose=ProfilePurpose.TRANSACTION,
        kind=ProfileKind.RELATIVE,
        schedule=ChargingSchedule(
            unit=RateUnit.AMPERE,
            periods=(SchedulePeriod(start=timedelta(0), limit=6),),
        ),
    )
    starting = asyncio.create_task(
        control.start_charging(charger, 2, id_tag="04A2B3", profile=profile)
    )
    asked = await raw.next_call("RemoteStartTransaction")
    assert asked.payload["connectorId"] == 2
    assert asked.payload["idTag"] == "04A2B3"
    assert asked.payload["chargingProfile"]["chargingProfilePurpose"] == TRANSACTION
    assert "transactionId" not in asked.payload["chargingProfile"]
    await raw.answer(asked, ACCEPTED)
    await raw.start(connectorId=2)
    await starting


async def test_nothing_is_sent_when_it_charges_already(
    raw: RawCharger, charger: Charger
) -> None:
    await raw.start()
    await control.start_charging(charger, 1)
    assert raw.log == []


async def test_a_start_that_is_accepted_and_never_comes_is_an_error(
    raw: RawCharger, charger: Charger
) -> None:
    raw.reactions["RemoteStartTransaction"] = ACCEPTED
    with pytest.raises(CommandTimeout) as caught:
        await control.start_charging(charger, 1, timeout=0.05)
    assert caught.value.action == "StartTransaction"
    assert caught.value.seconds == 0.05


async def test_a_start_with_a_refused_tag_is_none(
    start_central: StartCentral, dial: Dial
) -> None:
    central = await start_central()
    central.authorizer.rules = TagRules(unknown=UnknownTags.REFUSE)
    charger = central.add(settings())
    raw = await dial(to=central)
    raw.reactions["RemoteStartTransaction"] = ACCEPTED
    starting = asyncio.create_task(control.start_charging(charger, 1, timeout=0.2))
    await raw.start(idTag="STRANGER")
    with pytest.raises(CommandTimeout):
        await starting


async def test_a_rejected_start_is_an_error_in_the_chargers_word(
    raw: RawCharger, charger: Charger
) -> None:
    raw.reactions["RemoteStartTransaction"] = REJECTED
    with pytest.raises(CommandRefused) as caught:
        await control.start_charging(charger, 1)
    assert caught.value.status == "Rejected"


async def test_a_charger_that_leaves_while_it_starts_is_offline(
    raw: RawCharger, charger: Charger
) -> None:
    starting = asyncio.create_task(control.start_charging(charger, 1))
    await raw.answer(await raw.next_call(), ACCEPTED)
    await raw.alive()
    await raw.close()
    with pytest.raises(ChargerOffline) as caught:
        await starting
    assert caught.value.action == "StartTransaction"


async def test_a_stop_is_done_when_the_charger_reports_it(
    raw: RawCharger, charger: Charger, connector: Connector
) -> None:
    started = await raw.start()
    stopping = asyncio.create_task(control.stop_charging(charger, 1))
    asked = await raw.next_call("RemoteStopTransaction")
    assert asked.payload == {"transactionId": started["transactionId"]}
    await raw.answer(asked, ACCEPTED)
    await raw.alive()
    assert not stopping.done()
    await raw.stop(started["transactionId"], 1500, reason="Remote")
    await stopping
    assert connector.transaction is None


async def test_a_stop_that_is_accepted_and_never_comes_is_an_error(
    raw: RawCharger, charger: Charger
) -> None:
    await raw.start()
    raw.reactions["RemoteStopTransaction"] = ACCEPTED
    with pytest.raises(CommandTimeout) as caught:
        await control.stop_charging(charger, 1, timeout=0.05)
    assert caught.value.action == "StopTransaction"


async def test_a_session_that_its_status_denies_does_not_keep_from_starting(
    raw: RawCharger, charger: Charger, connector: Connector
) -> None:
    old = await raw.start(meterStart=1)
    await raw.status("Preparing")
    starting = asyncio.create_task(control.start_charging(charger, 1))
    await raw.answer(await raw.next_call("RemoteStartTransaction"), ACCEPTED)
    await raw.alive()
    assert not starting.done()
    new = await raw.start(meterStart=2)
    await starting
    assert connector.transaction is not None
    assert connector.transaction.transaction_id == new["transactionId"]
    assert new != old


async def test_a_session_that_charger_and_status_deny_is_over(
    raw: RawCharger, charger: Charger, connector: Connector
) -> None:
    await raw.start()
    await raw.status("Preparing")
    raw.reactions["RemoteStopTransaction"] = REJECTED
    await control.stop_charging(charger, 1)
    assert connector.transaction is None


async def test_a_refused_stop_is_an_error_while_it_charges(
    raw: RawCharger, charger: Charger, connector: Connector
) -> None:
    await raw.start()
    await raw.status("Charging")
    raw.reactions["RemoteStopTransaction"] = REJECTED
    with pytest.raises(CommandRefused):
        await control.stop_charging(charger, 1)
    assert connector.transaction is not None


async def test_there_must_be_something_to_stop(
    raw: RawCharger, charger: Charger
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await control.stop_charging(charger, 1)
    assert caught.value.detail == "no transaction is running"
    assert raw.log == []


async def test_nobody_can_be_asked_who_is_not_there(charger: Charger) -> None:
    with pytest.raises(ChargerOffline):
        await control.start_charging(charger, 1)
    with pytest.raises(ChargerOffline):
        await control.set_current_limit(charger, 1, 16)
    with pytest.raises(ChargerOffline):
        await control.set_availability(charger, 1, operative=False)


async def test_a_pending_charger_takes_a_password_and_no_start(
    raw: RawCharger, charger: Charger
) -> None:
    charger.update(registration=Registration.PENDING)
    with pytest.raises(ChargerNotAccepted):
        await control.start_charging(charger, 1)
    raw.reactions["ChangeConfiguration"] = ACCEPTED
    assert await control.set_password(charger, "0011") is False
    assert raw.log[-1].payload == {"key": "AuthorizationKey", "value": "0011"}
    raw.reactions["ChangeConfiguration"] = {"status": "RebootRequired"}
    assert await control.set_password(charger, "0011") is True


@pytest.mark.parametrize("word", ["Accepted", "Scheduled"])
async def test_availability_is_changed_or_scheduled(
    raw: RawCharger, charger: Charger, word: str
) -> None:
    raw.reactions["ChangeAvailability"] = {"status": word}
    assert await control.set_availability(charger, 1, operative=False) == word
    assert raw.log[-1].payload == {"connectorId": 1, "type": "Inoperative"}
    assert await control.set_availability(charger, 0, operative=True) == word
    assert raw.log[-1].payload == {"connectorId": 0, "type": "Operative"}


# The current limit


class Limited:
    """A charger's smart charging as a raw charger plays it."""

    def __init__(self, raw: RawCharger) -> None:
        """Take every profile, and have no schedule to tell."""
        self.tried: list[tuple[str, str, int]] = []
        self.profiles: list[Payload] = []
        self.takes = lambda purpose, unit, level: "Accepted"
        self.schedule: Payload | None = None
        self.obeys = lambda purpose, unit, level: True
        self._limit: tuple[str, float] | None = None
        raw.reactions["SetChargingProfile"] = self._set
        raw.reactions["GetCompositeSchedule"] = self._composite
        self.cleared: list[Payload] = []
        raw.reactions["ClearChargingProfile"] = self._clear

    def _set(self, payload: Payload) -> Payload | None:
        profile = payload["csChargingProfiles"]
        schedule = profile["chargingSchedule"]
        way = (
            profile["chargingProfilePurpose"],
            schedule["chargingRateUnit"],
            profile["stackLevel"],
        )
        self.tried.append(way)
        self.profiles.append(payload)
        word = self.takes(*way)
        if word == "Accepted" and self.obeys(*way):
            limit = schedule["chargingSchedulePeriod"][0]["limit"]
            self._limit = (schedule["chargingRateUnit"], limit)
        return {"status": word} if word else None

    def _clear(self, payload: Payload) -> Payload:
        self.cleared.append(payload)
        return ACCEPTED

    def _composite(self, payload: Payload) -> Payload:
        if self.schedule is not None:
            return self.schedule
        unit, limit = self._limit or ("A", 32.0)
        return composite(limit, unit)


def composite(limit: Any, unit: str = "A", **period: Any) -> Payload:
    """Return a composite schedule of one period."""
    return {
        "status": "Accepted",
        "connectorId": 1,
        "scheduleStart": "2026-11-01T00:00:00Z",
        "chargingSchedule": {
            "chargingRateUnit": unit,
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit, **period}],
        },
    }


@pytest.fixture
def limited(raw: RawCharger, connector: Connector) -> Limited:
    return Limited(raw)


def know(charger: Charger, **features: Any) -> None:
    """Let a feature be known of a charger."""
    charger.remember(features=replace(charger.features, **features))


async def test_a_limit_goes_to_the_whole_charger_where_it_has_one_connector(
    limited: Limited, charger: Charger, connector: Connector
) -> None:
    told: list[str] = []
    charger.listen(1, "limit_a", lambda: told.append("limit_a"))
    before = datetime.now(UTC)
    await control.set_current_limit(charger, 1, 10)
    assert limited.tried == [(MAXIMUM, "A", 0)]
    payload = limited.profiles[0]
    assert payload["connectorId"] == 0
    profile = payload["csChargingProfiles"]
    assert profile["chargingProfileKind"] == "Absolute"
    schedule = profile["chargingSchedule"]
    assert schedule["chargingSchedulePeriod"] == [{"startPeriod": 0, "limit": 10}]
    assert "duration" not in schedule
    assert datetime.fromisoformat(schedule["startSchedule"]) < before
    assert connector.limit_a == 10
    assert charger.memory.limits_a == {1: 10}
    assert charger.features.limit_purpose is ProfilePurpose.CHARGER_MAX
    assert charger.features.limit_unit is RateUnit.AMPERE
    assert told == ["limit_a"]


async def test_with_two_connectors_each_has_its_own_limit(
    limited: Limited, charger: Charger
) -> None:
    charger.connector(2)
    await control.set_current_limit(charger, 1, 10)
    await control.set_current_limit(charger, 2, 16)
    assert limited.tried == [(DEFAULT, "A", 0)] * 2
    assert [each["connectorId"] for each in limited.profiles] == [1, 2]
    ids = {each["csChargingProfiles"]["chargingProfileId"] for each in limited.profiles}
    assert len(ids) == 2
    assert charger.memory.limits_a == {1: 10, 2: 16}


@pytest.mark.parametrize("limit", [6.1, 16.1, 13.05, 10.349, 31.95, 0.1 + 0.2])
async def test_a_limit_has_at_most_one_decimal_on_the_wire(
    limited: Limited, charger: Charger, limit: float
) -> None:
    await control.set_current_limit(charger, 1, limit)  # the raw charger checks it
    know(charger, rate_units=frozenset({RateUnit.WATT}), limit_unit=None)
    await control.set_current_limit(charger, 1, limit)
    assert [unit for _, unit, _ in limited.tried] == ["A", "W"]


@pytest.mark.parametrize(("phases", "watts"), [(0, 2300), (1, 2300), (3, 6900)])
async def test_a_charger_that_counts_in_watts_gets_the_sum_of_its_phases(
    limited: Limited, raw: RawCharger, charger: Charger, phases: int, watts: float
) -> None:
    know(charger, rate_units=frozenset({RateUnit.WATT}))
    if phases:
        await raw.meter(
            *(
                {"value": "0", "measurand": "Current.Import", "phase": f"L{number + 1}"}
                for number in range(phases)
            )
        )
    await control.set_current_limit(charger, 1, 10)
    schedule = limited.profiles[0]["csChargingProfiles"]["chargingSchedule"]
    assert schedule["chargingRateUnit"] == "W"
    assert schedule["chargingSchedulePeriod"] == [
        {"startPeriod": 0, "limit": watts, "numberPhases": phases or 1}
    ]


async def test_a_limit_in_watts_follows_the_phases(
    limited: Limited, raw: RawCharger, charger: Charger
) -> None:
    know(charger, rate_units=frozenset({RateUnit.WATT}))
    await control.set_current_limit(charger, 1, 16)
    for _ in range(2):
        await raw.meter(
            *(
                {"value": "1", "measurand": "Current.Import", "phase": phase}
                for phase in ("L1", "L2", "L3")
            )
        )
        await until(charger, lambda: len(limited.profiles) == 2)
        await raw.alive()
    first, second = (
        each["csChargingProfiles"]["chargingSchedule"]["chargingSchedulePeriod"]
        for each in limited.profiles
    )
    assert first == [{"startPeriod": 0, "limit": 3680, "numberPhases": 1}]
    assert second == [{"startPeriod": 0, "limit": 11040, "numberPhases": 3}]


@pytest.mark.parametrize("answer", ["Accepted", "Unknown"])
async def test_a_cleared_limit_is_forgotten(
    limited: Limited,
    raw: RawCharger,
    charger: Charger,
    connector: Connector,
    answer: str,
) -> None:
    await control.set_current_limit(charger, 1, 10)
    told: list[float | None] = []
    charger.listen(1, "limit_a", lambda: told.append(connector.limit_a))
    raw.reactions["ClearChargingProfile"] = {"status": answer}
    await charger.commands("ClearChargingProfile").clear_profiles(profile_id=5)
    assert charger.memory.limits_a == {1: 10}
    await charger.commands("ClearChargingProfile").clear_profiles()
    assert charger.memory.limits_a == {}
    assert told == [None]


@pytest.mark.parametrize("word", ["Rejected", None], ids=["rejects", "silent"])
async def test_a_charger_that_takes_no_absolute_schedule_gets_a_relative_one(
    limited: Limited, raw: RawCharger, charger: Charger, word: str | None
) -> None:
    def takes(payload: Payload) -> Payload | None:
        profile = payload["csChargingProfiles"]
        purpose = profile["chargingProfilePurpose"]
        kind = profile["chargingProfileKind"]
        limited.tried.append((purpose, kind, profile["stackLevel"]))
        if purpose == MAXIMUM:
            return {"status": "NotSupported"}
        if kind == "Absolute":
            return None if word is None else {"status": word}
        assert "startSchedule" not in profile["chargingSchedule"]
        return ACCEPTED

    raw.reactions["SetChargingProfile"] = takes
    await control.set_current_limit(charger, 1, 10)
    assert limited.tried[-1] == (DEFAULT, "Relative", 0)
    assert charger.features.limit_kind is ProfileKind.RELATIVE
    # Who doesn't answer is not asked in the same way again and again.
    assert word or limited.tried.count((DEFAULT, "Absolute", 0)) == 1
    limited.tried.clear()
    await control.set_current_limit(charger, 1, 12)
    assert limited.tried == [(DEFAULT, "Relative", 0)]


async def test_a_default_that_a_session_does_not_obey_is_set_in_another_way(
    limited: Limited, raw: RawCharger, charger: Charger
) -> None:
    limited.takes = lambda purpose, unit, level: (
        "Rejected" if purpose == MAXIMUM else "Accepted"
    )
    limited.obeys = lambda purpose, unit, level: purpose == TRANSACTION
    await control.set_current_limit(charger, 1, 10)
    assert charger.features.limit_purpose is ProfilePurpose.DEFAULT
    await raw.start()
    await until(
        charger, lambda: charger.features.limit_purpose is ProfilePurpose.TRANSACTION
    )
    assert charger.memory.limits_a == {1: 10}


async def test_a_default_that_a_session_obeys_is_not_sent_again(
    limited: Limited, raw: RawCharger, charger: Charger
) -> None:
    limited.takes = lambda purpose, unit, level: (
        "Rejected" if purpose == MAXIMUM else "Accepted"
    )
    await control.set_current_limit(charger, 1, 10)
    sent = len(limited.tried)
    await raw.start()
    async with asyncio.timeout(5):
        while raw.log[-1].action != "GetCompositeSchedule":
            await raw.alive()
    await raw.alive()
    assert len(limited.tried) == sent


async def test_the_first_limit_of_a_charger_that_takes_them_in_sessions_is_kept(
    limited: Limited, raw: RawCharger, charger: Charger, connector: Connector
) -> None:
    limited.takes = lambda purpose, unit, level: (
        "Accepted" if purpose == TRANSACTION else "Rejected"
    )
    await control.set_current_limit(charger, 1, 10)
    assert connector.limit_a == 10
    await raw.start()
    await until(
        charger, lambda: charger.features.limit_purpose is ProfilePurpose.TRANSACTION
    )


async def test_a_charger_without_limits_is_no_charger_of_limits_in_sessions(
    limited: Limited, charger: Charger, connector: Connector
) -> None:
    limited.takes = lambda purpose, unit, level: "NotSupported"
    with pytest.raises(CommandRefused):
        await control.set_current_limit(charger, 1, 10)
    assert connector.limit_a is None


async def test_what_the_charger_refuses_is_passed_over(
    limited: Limited, charger: Charger
) -> None:
    limited.takes = lambda purpose, unit, level: (
        "Accepted" if (purpose, unit) == (DEFAULT, "W") else "Rejected"
    )
    await control.set_current_limit(charger, 1, 10)
    assert limited.tried == [
        (MAXIMUM, "A", 0), (MAXIMUM, "W", 0), (DEFAULT, "A", 0), (DEFAULT, "W", 0),
    ]  # fmt: skip
    limited.tried.clear()
    await control.set_current_limit(charger, 1, 12)
    assert limited.tried == [(DEFAULT, "W", 0)]


@pytest.mark.parametrize("word", ["Rejected", "NotSupported"])
async def test_the_transactions_own_profile_is_the_last_resort(
    limited: Limited, raw: RawCharger, charger: Charger, word: str
) -> None:
    started = await raw.start()
    limited.takes = lambda purpose, unit, level: (
        "Accepted" if purpose == TRANSACTION else word
    )
    know(charger, rate_units=frozenset({RateUnit.AMPERE}))
    await control.set_current_limit(charger, 1, 10)
    assert [purpose for purpose, _, _ in limited.tried] == [
        MAXIMUM, DEFAULT, TRANSACTION,
    ]  # fmt: skip
    payload = limited.profiles[-1]
    assert payload["connectorId"] == 1
    profile = payload["csChargingProfiles"]
    assert profile["transactionId"] == started["transactionId"]
    assert "transactionId" not in limited.profiles[0]["csChargingProfiles"]


async def test_an_unanswered_profile_is_passed_over(
    start_central: StartCentral, dial: Dial
) -> None:
    central = await start_central(Timing(call_timeout=1, boot_grace=60))
    charger = central.add(settings())
    raw = await dial(to=central)
    charger.connector(1)
    limited = Limited(raw)
    limited.takes = lambda purpose, unit, level: (
        "Accepted" if purpose == DEFAULT else ""
    )
    await control.set_current_limit(charger, 1, 10)
    assert limited.tried[-1] == (DEFAULT, "A", 0)


async def test_a_profile_that_is_accepted_and_ignored_is_noticed(
    limited: Limited, charger: Charger
) -> None:
    limited.obeys = lambda purpose, unit, level: purpose == DEFAULT
    await control.set_current_limit(charger, 1, 10)
    assert limited.tried[-1] == (DEFAULT, "A", 0)
    assert charger.features.limit_purpose is ProfilePurpose.DEFAULT


async def test_a_higher_stack_level_only_where_level_0_does_not_count(
    limited: Limited, charger: Charger
) -> None:
    know(charger, max_stack_level=3)
    limited.obeys = lambda purpose, unit, level: level == 3
    await control.set_current_limit(charger, 1, 10)
    assert limited.tried == [(MAXIMUM, "A", 0), (MAXIMUM, "A", 3)]


async def test_stack_level_0_only_is_enough(limited: Limited, charger: Charger) -> None:
    know(charger, max_stack_level=3)
    limited.takes = lambda purpose, unit, level: "Rejected" if level else "Accepted"
    await control.set_current_limit(charger, 1, 10)
    assert limited.tried == [(MAXIMUM, "A", 0)]


async def test_a_profile_that_is_ignored_is_taken_back(
    limited: Limited, charger: Charger
) -> None:
    limited.obeys = lambda purpose, unit, level: purpose == DEFAULT
    await control.set_current_limit(charger, 1, 10)
    ignored = {
        profile["csChargingProfiles"]["chargingProfileId"]
        for profile in (limited.profiles)
        if profile["csChargingProfiles"]["chargingProfilePurpose"] == MAXIMUM
    }
    assert {payload["id"] for payload in limited.cleared} == ignored
    assert ignored.isdisjoint(charger.memory.profiles)


async def test_a_default_for_sessions_is_believed_while_there_is_none(
    limited: Limited, charger: Charger
) -> None:
    limited.takes = lambda purpose, unit, level: (
        "Accepted" if purpose == DEFAULT else "Rejected"
    )
    limited.schedule = composite(32.0)
    await control.set_current_limit(charger, 1, 10)
    assert limited.tried[-1] == (DEFAULT, "A", 0)
    assert charger.memory.limits_a == {1: 10}


async def test_a_charger_that_obeys_none_is_an_error_and_nothing_is_remembered(
    limited: Limited, raw: RawCharger, charger: Charger, connector: Connector
) -> None:
    await raw.start()
    limited.obeys = lambda purpose, unit, level: False
    with pytest.raises(CommandRefused) as caught:
        await control.set_current_limit(charger, 1, 10)
    assert caught.value.status == "Ignored"
    assert connector.limit_a is None
    assert charger.memory.limits_a == {}
    assert charger.features.limit_purpose is None


async def test_the_last_refusal_is_the_error(
    limited: Limited, raw: RawCharger, charger: Charger
) -> None:
    del raw.reactions["SetChargingProfile"]
    know(charger, rate_units=frozenset({RateUnit.AMPERE}))
    setting = asyncio.create_task(control.set_current_limit(charger, 1, 10))
    for _ in range(2):
        await raw.answer(await raw.next_call(), REJECTED)
    await raw.refuse(await raw.next_call(), "NotSupported", "no smart charging")
    with pytest.raises(CommandFailed) as caught:
        await setting
    assert caught.value.unsupported


async def test_a_charger_that_goes_away_meanwhile_is_offline(
    limited: Limited, raw: RawCharger, charger: Charger
) -> None:
    del raw.reactions["SetChargingProfile"]
    setting = asyncio.create_task(control.set_current_limit(charger, 1, 10))
    await raw.next_call()
    await raw.close()
    with pytest.raises(ChargerOffline):
        await setting


@pytest.mark.parametrize(
    "schedule",
    [
        REJECTED,
        {"status": "Accepted"},
        {},
        composite(-1),
        composite("x"),
        composite(10.4),
        composite(11.956521739130435 * 230 / 12, "W"),
        composite(6900, "W", numberPhases=3),
        {"status": "Accepted", "chargingSchedule": {"chargingRateUnit": "A"}},
    ],
)
async def test_a_charger_that_cannot_tell_its_schedule_is_believed(
    limited: Limited, charger: Charger, schedule: Payload
) -> None:
    limited.schedule = schedule
    await control.set_current_limit(charger, 1, 10)
    assert limited.tried == [(MAXIMUM, "A", 0)]


@pytest.mark.parametrize(
    "schedule",
    [composite(10.6), composite(7400, "W"), composite(7360, "W", numberPhases=3)],
)
async def test_a_schedule_above_the_limit_is_not_obeyed(
    limited: Limited, raw: RawCharger, charger: Charger, schedule: Payload
) -> None:
    await raw.start()
    limited.schedule = schedule
    with pytest.raises(CommandRefused):
        await control.set_current_limit(charger, 1, 10)


async def test_a_limit_that_only_sessions_take_is_set_for_the_next_one(
    limited: Limited, raw: RawCharger, charger: Charger, connector: Connector
) -> None:
    know(charger, limit_purpose=ProfilePurpose.TRANSACTION, limit_unit=RateUnit.AMPERE)
    await control.set_current_limit(charger, 1, 10)
    assert limited.tried == []
    assert connector.limit_a == 10
    await raw.start()
    await until(charger, lambda: charger.memory.profiles)
    assert limited.tried == [(TRANSACTION, "A", 0)]
    profile = limited.profiles[0]["csChargingProfiles"]
    assert connector.transaction is not None
    assert profile["transactionId"] == connector.transaction.transaction_id
    assert profile["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"] == 10


async def test_a_session_whose_limit_is_refused_is_told_of(
    limited: Limited,
    raw: RawCharger,
    charger: Charger,
    caplog: pytest.LogCaptureFixture,
) -> None:
    know(charger, limit_purpose=ProfilePurpose.TRANSACTION, limit_unit=RateUnit.AMPERE)
    await control.set_current_limit(charger, 1, 10)
    limited.takes = lambda purpose, unit, level: "Rejected"
    await raw.start()
    async with asyncio.timeout(5):
        while "the limit was not set for this session" not in caplog.text:
            await raw.call("Heartbeat")


async def test_a_session_without_a_limit_gets_none(
    limited: Limited, raw: RawCharger, charger: Charger
) -> None:
    know(charger, limit_purpose=ProfilePurpose.TRANSACTION, limit_unit=RateUnit.AMPERE)
    await raw.start()
    await raw.call("Heartbeat")
    assert limited.tried == []


def test_features_are_unknown_until_the_charger_has_told() -> None:
    assert Features().has("SmartCharging") is None
    known = Features(profiles=frozenset({"Core", "SmartCharging"}))
    assert known.has("SmartCharging") is True
    assert known.has("Reservation") is False


async def test_a_wait_ends_with_what_is_true_already(
    raw: RawCharger, charger: Charger
) -> None:
    from custom_components.ocpp_charging.csms.waiting import wait_until

    await wait_until(charger, lambda: True, action="X", timeout=0)
    waiting = asyncio.create_task(
        wait_until(charger, lambda: charger.ready, action="X", timeout=5)
    )
    await asyncio.sleep(0)
    charger.update(ready=True)
    await waiting
    await raw.close()
    await until(charger, lambda: not charger.connected)
