"""Reading and setting up a charger after each boot and each reconnect."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from custom_components.ocpp_charging.csms.charger import Charger
from custom_components.ocpp_charging.csms.errors import ChargerOffline
from custom_components.ocpp_charging.csms.model import (
    ChargerInfo,
    ChargerMemory,
    Features,
    RateUnit,
    Registration,
)
from custom_components.ocpp_charging.csms.server import CentralSystem, Timing
from custom_components.ocpp_charging.csms.v16.onboarding import (
    NEEDED_MEASURANDS,
    WANTED_MEASURANDS,
    Onboarding,
)
from tests.csms.conftest import Dial, StartCentral
from tests.csms.raw import Payload, RawCharger, settings, until

SWIFT = Timing(
    call_timeout=1,
    boot_grace=0.15,
    boot_settle=0,
    close_timeout=0.5,
    fatal_step=5,
)
MEASURANDS = "MeterValuesSampledData"
INTERVAL = "MeterValueSampleInterval"
ACCEPTED = {"status": "Accepted"}


class Box:
    """A charger's configuration and triggers, as a raw charger plays them."""

    def __init__(self, **keys: str) -> None:
        """Begin with a usual configuration, changed by `keys`."""
        self.keys: dict[str, str] = {
            "NumberOfConnectors": "1",
            "SupportedFeatureProfiles": "Core, FirmwareManagement,SmartCharging",
            "ChargingScheduleAllowedChargingRateUnit": "Current,Power",
            "ChargeProfileMaxStackLevel": "8",
            "ChargingScheduleMaxPeriods": "24",
            "MaxChargingProfilesInstalled": "5",
            MEASURANDS: "Energy.Active.Import.Register",
            INTERVAL: "300",
            **keys,
        }
        self.readonly: set[str] = set()
        self.taken = set(WANTED_MEASURANDS)
        self.triggered: list[tuple[str, int | None]] = []
        self.trigger_word = "Accepted"
        self.word = "Accepted"

    def plug_into(self, raw: RawCharger) -> None:
        """Answer as this box."""
        raw.reactions.update(
            {
                "GetConfiguration": self.get,
                "ChangeConfiguration": self.change,
                "TriggerMessage": self.trigger,
                "SetChargingProfile": ACCEPTED,
                "GetCompositeSchedule": {"status": "Rejected"},
            }
        )

    def get(self, payload: Payload) -> Payload | None:
        """Answer GetConfiguration."""
        asked = payload.get("key", list(self.keys))
        return {
            "configurationKey": [
                {"key": key, "value": self.keys[key], "readonly": key in self.readonly}
                for key in asked
                if key in self.keys
            ],
            "unknownKey": [key for key in asked if key not in self.keys],
        }

    def change(self, payload: Payload) -> Payload | None:
        """Answer ChangeConfiguration."""
        key, value = payload["key"], payload["value"]
        if key in self.readonly or (
            key == MEASURANDS and not set(value.split(",")) <= self.taken
        ):
            return {"status": "Rejected"}
        self.keys[key] = value
        return {"status": self.word}

    def trigger(self, payload: Payload) -> Payload | None:
        """Answer TriggerMessage."""
        self.triggered.append((payload["requestedMessage"], payload.get("connectorId")))
        return {"status": self.trigger_word}


@pytest.fixture
def box() -> Box:
    return Box()


@pytest.fixture
async def swift(start_central: StartCentral) -> CentralSystem:
    """Return a central system that sets chargers up at once and knows CP1."""
    central = await start_central(SWIFT)
    central.add(settings())
    return central


@pytest.fixture
def one(swift: CentralSystem) -> Charger:
    """Return what it knows of CP1."""
    return swift.chargers["CP1"]


type Plug = Any


@pytest.fixture
def plug(swift: CentralSystem, dial: Dial) -> Plug:
    """Return how to connect a box as CP1."""

    async def plug_in(box: Box, *, boot: bool = False) -> RawCharger:
        raw = await dial(to=swift)
        box.plug_into(raw)
        if boot:
            await raw.boot()
        return raw

    return plug_in


def onboarding_of(central: CentralSystem) -> Onboarding:
    """Return the set-up of the connected charger."""
    return central._sessions["CP1"].onboarding


def sent(raw: RawCharger) -> list[tuple[str, Any]]:
    """Return what was asked, each with what tells it from others of its kind."""
    return [
        (
            each.action,
            each.payload.get("key")
            or each.payload.get("requestedMessage")
            or each.payload.get("connectorId"),
        )
        for each in raw.log
    ]


async def ready(charger: Charger) -> None:
    """Wait until a charger has been read."""
    await until(charger, lambda: charger.ready)


async def test_a_charger_that_boots_is_read_and_set_up(
    plug: Plug, box: Box, one: Charger
) -> None:
    raw = await plug(box, boot=True)
    await ready(one)
    assert sent(raw) == [
        ("GetConfiguration", None),
        ("TriggerMessage", "StatusNotification"),
        ("ChangeConfiguration", MEASURANDS),
        ("ChangeConfiguration", INTERVAL),
        ("TriggerMessage", "MeterValues"),
    ]
    assert box.keys[MEASURANDS] == ",".join(WANTED_MEASURANDS)
    assert box.keys[INTERVAL] == "60"
    assert one.features == Features(
        profiles=frozenset({"Core", "FirmwareManagement", "SmartCharging"}),
        connectors=1,
        rate_units=frozenset(RateUnit),
        max_stack_level=8,
        max_periods=24,
        max_profiles=5,
        measurands=WANTED_MEASURANDS,
    )
    assert list(one.connectors) == [1]
    assert one.configuration[INTERVAL].value == "60"


async def test_only_what_differs_is_set(plug: Plug, one: Charger) -> None:
    box = Box(**{MEASURANDS: ", ".join(reversed(WANTED_MEASURANDS)), INTERVAL: "60"})
    raw = await plug(box, boot=True)
    await ready(one)
    assert "ChangeConfiguration" not in {action for action, _ in sent(raw)}
    assert one.features.measurands is not None
    assert set(one.features.measurands) == set(WANTED_MEASURANDS)


async def test_the_owners_interval_is_set(
    swift: CentralSystem, plug: Plug, box: Box, one: Charger
) -> None:
    swift.configure(settings(sample_interval=timedelta(seconds=15)))
    await plug(box, boot=True)
    await ready(one)
    assert box.keys[INTERVAL] == "15"


async def test_a_new_interval_is_set_at_once(
    swift: CentralSystem, plug: Plug, box: Box, one: Charger
) -> None:
    await plug(box, boot=True)
    await ready(one)
    swift.configure(settings(sample_interval=timedelta(seconds=15)))
    await until(one, lambda: one.configuration[INTERVAL].value == "15")


async def test_refused_measurands_are_given_up_one_by_one(
    plug: Plug, box: Box, one: Charger
) -> None:
    box.taken = {*NEEDED_MEASURANDS, "Voltage"}
    raw = await plug(box, boot=True)
    await ready(one)
    agreed = (*NEEDED_MEASURANDS, "Voltage")
    assert box.keys[MEASURANDS] == ",".join(agreed)
    assert one.features.measurands == agreed
    await raw.close()
    await until(one, lambda: not one.connected)
    again = await plug(box)
    await ready(one)
    assert ("ChangeConfiguration", MEASURANDS) not in sent(again)


async def test_what_was_agreed_is_set_again_when_the_charger_forgot(
    plug: Plug, box: Box, one: Charger
) -> None:
    box.taken = set(NEEDED_MEASURANDS)
    await plug(box, boot=True)
    await ready(one)
    box.keys[MEASURANDS] = NEEDED_MEASURANDS[0]
    raw = await plug(box)
    await ready(one)
    assert box.keys[MEASURANDS] == ",".join(NEEDED_MEASURANDS)
    assert sent(raw).count(("ChangeConfiguration", MEASURANDS)) == 1


@pytest.mark.parametrize("taken", [set(), {"Voltage"}])
async def test_a_charger_that_takes_next_to_no_measurand_is_set_up_all_the_same(
    plug: Plug, box: Box, one: Charger, taken: set[str]
) -> None:
    box.taken = taken
    await plug(box, boot=True)
    await ready(one)
    assert one.features.measurands == (("Voltage",) if taken else None)
    assert box.keys[INTERVAL] == "60"


async def test_readonly_measurands_are_left_alone(
    plug: Plug, box: Box, one: Charger
) -> None:
    box.readonly = {MEASURANDS}
    raw = await plug(box, boot=True)
    await ready(one)
    assert ("ChangeConfiguration", MEASURANDS) not in sent(raw)
    assert one.features.measurands is None


async def test_a_charger_that_must_restart_for_it_is_not_refusing(
    plug: Plug, box: Box, one: Charger
) -> None:
    box.word = "RebootRequired"
    raw = await plug(box, boot=True)
    await ready(one)
    assert sent(raw).count(("ChangeConfiguration", MEASURANDS)) == 1
    assert one.features.measurands == WANTED_MEASURANDS


async def test_what_a_charger_sends_already_stays(
    plug: Plug, box: Box, one: Charger
) -> None:
    box.taken |= {"RPM"}
    box.keys[MEASURANDS] = "RPM,Voltage"
    await plug(box, boot=True)
    await ready(one)
    assert set(box.keys[MEASURANDS].split(",")) == {*WANTED_MEASURANDS, "RPM"}
    assert box.keys[MEASURANDS].startswith(",".join((*NEEDED_MEASURANDS, "RPM")))


async def test_a_charger_that_sends_more_than_is_wanted_is_left_alone(
    plug: Plug, one: Charger
) -> None:
    box = Box(**{MEASURANDS: ",".join((*WANTED_MEASURANDS, "RPM"))})
    raw = await plug(box, boot=True)
    await ready(one)
    assert ("ChangeConfiguration", MEASURANDS) not in sent(raw)


async def test_no_more_measurands_are_asked_for_than_a_charger_can_hold(
    plug: Plug, one: Charger
) -> None:
    box = Box(MeterValuesSampledDataMaxLength="3", **{MEASURANDS: "SoC"})
    raw = await plug(box, boot=True)
    await ready(one)
    assert box.keys[MEASURANDS].split(",") == [*NEEDED_MEASURANDS, "SoC"]
    assert sent(raw).count(("ChangeConfiguration", MEASURANDS)) == 1


async def test_that_a_charger_must_restart_for_it_is_noted_and_told_once(
    swift: CentralSystem,
    plug: Plug,
    box: Box,
    one: Charger,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    box.word = "RebootRequired"
    await plug(box, boot=True)
    await ready(one)
    outcomes = onboarding_of(swift).outcomes
    late = {name for name, outcome in outcomes.items() if "restart" in outcome}
    assert late == {"measurands", "interval"}
    assert caplog.text.count("only after a restart") == 1


async def test_connectors_appear_as_many_as_the_charger_has(
    plug: Plug, one: Charger
) -> None:
    await plug(Box(NumberOfConnectors="2"), boot=True)
    await ready(one)
    assert sorted(one.connectors) == [1, 2]


@pytest.mark.parametrize("number", ["0", "", "many", "-1", "99999999"])
async def test_a_charger_has_at_least_one_connector(
    plug: Plug, one: Charger, number: str
) -> None:
    await plug(Box(NumberOfConnectors=number), boot=True)
    await ready(one)
    assert sorted(one.connectors) == [1]


async def test_the_number_of_connectors_is_believed_within_reason(
    plug: Plug, one: Charger
) -> None:
    await plug(Box(NumberOfConnectors="5000"), boot=True)
    await ready(one)
    assert len(one.connectors) == 16


async def test_what_is_known_stays_when_the_charger_tells_less(
    swift: CentralSystem, plug: Plug, one: Charger
) -> None:
    await plug(Box(), boot=True)
    await ready(one)
    poor = Box()
    for key in ("SupportedFeatureProfiles", "ChargingScheduleAllowedChargingRateUnit"):
        poor.keys[key] = "" if key.startswith("S") else "Volts"
    await plug(poor)
    await ready(one)
    assert one.features.profiles is not None
    assert one.features.rate_units == frozenset(RateUnit)


async def test_keys_are_read_one_by_one_where_all_at_once_fails(
    plug: Plug, box: Box, one: Charger
) -> None:
    get = box.get
    box.get = lambda payload: get(payload) if "key" in payload else {}  # type: ignore[method-assign]
    raw = await plug(box, boot=True)
    await ready(one)
    asked = [each.payload["key"] for each in raw.log[1:8]]
    assert asked == [
        ["NumberOfConnectors"], ["SupportedFeatureProfiles"], [INTERVAL],
        ["ChargingScheduleAllowedChargingRateUnit"], ["ChargeProfileMaxStackLevel"],
        ["ChargingScheduleMaxPeriods"], ["MaxChargingProfilesInstalled"],
    ]  # fmt: skip
    assert one.features.max_periods == 24


# When


async def test_a_charger_that_reconnects_without_boot_is_read_after_a_grace(
    plug: Plug, box: Box, one: Charger
) -> None:
    one.memory.accepted = True
    raw = await plug(box)
    await ready(one)
    assert sent(raw)[0] == ("GetConfiguration", None)


async def test_a_boot_ends_the_grace(start_central: StartCentral, dial: Dial) -> None:
    central = await start_central(Timing(call_timeout=1, boot_grace=60, boot_settle=0))
    charger = central.add(settings())
    raw = await dial(to=central)
    Box().plug_into(raw)
    await raw.alive()
    assert raw.log == []
    await raw.boot()
    await ready(charger)


async def test_a_second_boot_sets_the_charger_up_again(
    plug: Plug, box: Box, one: Charger
) -> None:
    raw = await plug(box, boot=True)
    await ready(one)
    box.keys[INTERVAL] = "900"
    raw.log.clear()
    await raw.boot()
    await until(one, lambda: one.configuration[INTERVAL].value == "60")


async def test_boots_in_quick_succession_set_up_once(
    start_central: StartCentral, dial: Dial
) -> None:
    central = await start_central(
        Timing(call_timeout=1, boot_grace=60, boot_settle=0.3)
    )
    charger = central.add(settings())
    raw = await dial(to=central)
    Box().plug_into(raw)
    for _ in range(3):
        await raw.boot()
    await ready(charger)
    assert [action for action, _ in sent(raw)].count("GetConfiguration") == 1


async def test_a_boot_while_it_is_set_up_does_not_disturb(
    plug: Plug, box: Box, one: Charger
) -> None:
    raw = await plug(box)
    del raw.reactions["GetConfiguration"]
    asked = await raw.next_call("GetConfiguration")
    await raw.boot()
    box.plug_into(raw)
    answer = box.get(asked.payload)
    await raw.answer(asked, answer)
    await ready(one)
    assert [action for action, _ in sent(raw)].count("GetConfiguration") == 1


async def test_a_rejected_charger_is_not_asked_anything(
    start_central: StartCentral, dial: Dial
) -> None:
    decisions = [Registration.REJECTED]
    central = await start_central(SWIFT, registration=lambda _: decisions[-1])
    charger = central.add(settings())
    raw = await dial(to=central)
    Box().plug_into(raw)
    await raw.boot()
    await asyncio.sleep(2 * SWIFT.boot_grace)
    await raw.boot()
    assert raw.log == []
    decisions.append(Registration.ACCEPTED)
    await raw.boot()
    await ready(charger)


async def test_a_pending_charger_is_read_but_not_limited(
    start_central: StartCentral, dial: Dial
) -> None:
    central = await start_central(SWIFT, registration=lambda _: Registration.PENDING)
    charger = central.add(settings(), ChargerMemory(limits_a={1: 10}))
    raw = await dial(to=central)
    Box().plug_into(raw)
    await raw.boot()
    await ready(charger)
    assert "SetChargingProfile" not in {action for action, _ in sent(raw)}


# BootNotification is asked for only where nobody knows who the charger is


async def test_a_charger_that_never_said_who_it_is_is_asked(
    plug: Plug, box: Box, one: Charger
) -> None:
    await plug(box)
    await ready(one)
    assert box.triggered[0] == ("BootNotification", None)


async def test_the_boot_that_was_asked_for_does_not_begin_it_all_anew(
    plug: Plug, box: Box, one: Charger
) -> None:
    raw = await plug(box)
    boots: list[asyncio.Task[Payload]] = []
    trigger = box.trigger

    def boot_when_asked(payload: Payload) -> Payload | None:
        if payload["requestedMessage"] == "BootNotification":
            boots.append(asyncio.create_task(raw.boot()))
        return trigger(payload)

    raw.reactions["TriggerMessage"] = boot_when_asked
    await ready(one)
    await boots[0]
    assert one.info.vendor == "Raw"
    assert [action for action, _ in sent(raw)].count("GetConfiguration") == 1
    await raw.alive()
    assert box.triggered.count(("BootNotification", None)) == 1


@pytest.mark.parametrize("how", ["boot", "accepted before"])
async def test_an_accepted_charger_is_never_asked_to_boot(
    plug: Plug, box: Box, one: Charger, how: str
) -> None:
    one.memory.accepted = how != "boot"
    await plug(box, boot=how == "boot")
    await ready(one)
    assert ("BootNotification", None) not in box.triggered


# A step that fails costs itself alone


STEPS = ["configuration", "boot", "status", "measurands", "interval", "meter_values"]
OF_STEP = {
    "configuration": lambda each: each.action == "GetConfiguration",
    "boot": lambda each: each.payload.get("requestedMessage") == "BootNotification",
    "status": lambda each: each.payload.get("requestedMessage") == "StatusNotification",
    "measurands": lambda each: each.payload.get("key") == MEASURANDS,
    "interval": lambda each: each.payload.get("key") == INTERVAL,
    "meter_values": lambda each: each.payload.get("requestedMessage") == "MeterValues",
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("failure", ["silence", "garbage", "error", "refusal"])
async def test_a_step_that_fails_costs_that_step_alone(
    start_central: StartCentral, dial: Dial, box: Box, step: str, failure: str
) -> None:
    patience = 0.3 if failure == "silence" else 2
    central = await start_central(Timing(call_timeout=patience, boot_grace=0))
    one = central.add(settings())
    raw = await dial(to=central)
    usual = {
        "GetConfiguration": box.get,
        "ChangeConfiguration": box.change,
        "TriggerMessage": box.trigger,
    }
    failed = 0

    async def play() -> None:
        nonlocal failed
        while True:
            asked = await raw.asked.get()
            if not OF_STEP[step](asked):
                await raw.answer(asked, usual[asked.action](asked.payload))
                continue
            failed += 1
            if failure == "garbage":
                await raw.answer(asked, [{"status": None}])
            elif failure == "error":
                await raw.refuse(asked, "InternalError", "oops")
            elif failure == "refusal":
                await raw.answer(asked, {"status": "Rejected"})

    playing = asyncio.create_task(play())
    await ready(one)
    playing.cancel()
    assert failed
    outcomes = onboarding_of(central).outcomes
    assert list(outcomes) == [*STEPS, "limits", "tags"]
    failures = {name for name, outcome in outcomes.items() if outcome != "done"}
    # That the configuration or the measurands could not be had is no failure.
    assert failures <= {step}
    for name in STEPS:
        if name not in {step, "configuration"}:
            assert any(OF_STEP[name](each) for each in raw.log)


async def test_statuses_are_asked_for_by_connector_where_they_must_be(
    plug: Plug, one: Charger
) -> None:
    box = Box(NumberOfConnectors="2")
    trigger = box.trigger

    def by_connector(payload: Payload) -> Payload | None:
        trigger(payload)
        every = "connectorId" not in payload
        return {"status": "Rejected" if every else "Accepted"}

    box.trigger = by_connector  # type: ignore[method-assign]
    await plug(box, boot=True)
    await ready(one)
    assert box.triggered[:3] == [
        ("StatusNotification", None), ("StatusNotification", 1),
        ("StatusNotification", 2),
    ]  # fmt: skip


class Fatal(Box):
    """A charger that restarts when it is asked for its measurands."""

    def __init__(self, raws: list[RawCharger]) -> None:
        super().__init__()
        self.raws = raws
        self.deaths = 0

    def change(self, payload: Payload) -> Payload | None:
        if payload["key"] != MEASURANDS:
            return super().change(payload)
        self.deaths += 1
        transport: Any = self.raws[-1].socket.transport
        transport.abort()
        return None


async def test_a_step_that_kills_the_connection_twice_is_left_out(
    swift: CentralSystem, plug: Plug, one: Charger
) -> None:
    raws: list[RawCharger] = []
    box = Fatal(raws)
    for _ in range(2):
        raws.append(await plug(box))
        await until(one, lambda: not one.connected)
    assert one.memory.fatal_steps == {"measurands": 2}
    raws.append(await plug(box))
    await ready(one)
    assert box.deaths == 2
    outcomes = onboarding_of(swift).outcomes
    assert outcomes["measurands"].startswith("left out")
    assert outcomes["interval"] == "done"
    await raws[-1].boot(firmwareVersion="a new one")
    await until(one, lambda: not one.connected)
    assert box.deaths == 3


async def test_a_key_that_kills_the_connection_counts_for_its_step(
    plug: Plug, box: Box, one: Charger
) -> None:
    raw = await plug(box)
    transport: Any = raw.socket.transport
    raw.reactions["GetConfiguration"] = lambda payload: (
        transport.abort() if "key" in payload else {}
    )
    await until(one, lambda: not one.connected)
    assert one.memory.fatal_steps == {"configuration": 1}


async def test_a_set_up_that_waits_for_its_turn_ends_with_the_connection(
    swift: CentralSystem, plug: Plug, box: Box, one: Charger
) -> None:
    raw = await plug(box)
    command = asyncio.ensure_future(one.commands("X").clear_cache())
    await raw.next_call("ClearCache")
    onboarding = onboarding_of(swift)
    while not onboarding.running:  # noqa: ASYNC110 - nothing tells of it
        await asyncio.sleep(0.005)
    await raw.close()
    with pytest.raises(ChargerOffline):
        await command
    await until(one, lambda: not one.connected)
    assert not onboarding.running
    assert not one.ready


async def test_a_step_that_goes_well_is_forgiven(
    plug: Plug, box: Box, one: Charger
) -> None:
    one.memory.fatal_steps = {"measurands": 1, "status": 1, "elsewhere": 1}
    await plug(box)
    await ready(one)
    assert one.memory.fatal_steps == {"elsewhere": 1}


async def test_that_we_stop_is_no_fault_of_a_step(
    swift: CentralSystem, dial: Dial, one: Charger
) -> None:
    raw = await dial(to=swift)
    await raw.next_call("GetConfiguration")
    await swift.stop()
    assert one.memory.fatal_steps == {}


async def test_a_connection_that_ends_long_after_a_question_is_no_fault_of_it(
    start_central: StartCentral, dial: Dial
) -> None:
    central = await start_central(Timing(call_timeout=5, boot_grace=0, fatal_step=0))
    charger = central.add(settings())
    raw = await dial(to=central)
    await raw.next_call("GetConfiguration")
    await raw.close()
    await until(charger, lambda: not charger.connected)
    assert charger.memory.fatal_steps == {}


# Limits


async def test_limits_are_set_again_after_a_boot(
    plug: Plug, box: Box, one: Charger
) -> None:
    one.memory.limits_a = {1: 10.0}
    raw = await plug(box, boot=True)
    await ready(one)
    limits = [each for each in raw.log if each.action == "SetChargingProfile"]
    (limit,) = limits
    schedule = limit.payload["csChargingProfiles"]["chargingSchedule"]
    assert schedule["chargingSchedulePeriod"][0]["limit"] == 10


async def test_limits_are_left_alone_after_a_reconnect_without_boot(
    plug: Plug, box: Box, one: Charger
) -> None:
    one.memory.accepted = True
    one.memory.limits_a = {1: 10.0}
    raw = await plug(box)
    await ready(one)
    assert "SetChargingProfile" not in {action for action, _ in sent(raw)}


# Refresh


async def test_a_refresh_reads_everything_anew(
    plug: Plug, box: Box, one: Charger
) -> None:
    raw = await plug(box, boot=True)
    await ready(one)
    box.keys["ChargingScheduleMaxPeriods"] = "48"
    one.remember(fatal_steps={"configuration": 2})
    raw.log.clear()
    await one.commands("GetConfiguration").refresh()
    assert one.features.max_periods == 48
    assert ("TriggerMessage", "StatusNotification") in sent(raw)
    assert ("TriggerMessage", "MeterValues") in sent(raw)


async def test_a_refresh_takes_the_place_of_a_set_up_under_way(
    plug: Plug, box: Box, one: Charger
) -> None:
    raw = await plug(box)
    del raw.reactions["GetConfiguration"]
    first = await raw.next_call("GetConfiguration")
    refreshing = asyncio.ensure_future(one.commands("X").refresh())
    await raw.alive()
    assert raw.asked.empty()
    box.plug_into(raw)
    await raw.answer(first, {})
    await refreshing
    assert one.ready


async def test_two_refreshes_at_once_are_one(
    plug: Plug, box: Box, one: Charger
) -> None:
    raw = await plug(box, boot=True)
    await ready(one)
    raw.log.clear()
    del raw.reactions["GetConfiguration"]
    commands = one.commands("X")
    both = asyncio.gather(commands.refresh(), commands.refresh())
    asked = await raw.next_call("GetConfiguration")
    await raw.boot()  # it does not begin yet another one
    await raw.answer(asked, box.get(asked.payload))
    await both
    actions = [each.action for each in raw.log]
    assert actions.count("GetConfiguration") == 1
    assert actions.count("TriggerMessage") == 2


async def test_that_we_stop_during_a_refresh_is_no_fault_of_a_step(
    swift: CentralSystem, plug: Plug, box: Box, one: Charger
) -> None:
    raw = await plug(box, boot=True)
    await ready(one)
    del raw.reactions["GetConfiguration"]
    refreshing = asyncio.ensure_future(one.commands("X").refresh())
    await raw.next_call("GetConfiguration")
    await swift.stop()
    with pytest.raises(ChargerOffline):
        await refreshing
    assert one.memory.fatal_steps == {}


async def test_a_refresh_whose_charger_leaves_is_an_error(
    plug: Plug, box: Box, one: Charger
) -> None:
    raw = await plug(box, boot=True)
    await ready(one)
    del raw.reactions["GetConfiguration"]
    refreshing = asyncio.ensure_future(one.commands("X").refresh())
    await raw.next_call("GetConfiguration")
    await raw.close()
    with pytest.raises(ChargerOffline):
        await refreshing


async def test_a_bug_in_the_set_up_is_logged_and_the_session_lives(
    plug: Plug,
    box: Box,
    one: Charger,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def fail(self: Onboarding) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(Onboarding, "run", fail)
    raw = await plug(box)
    await asyncio.sleep(2 * SWIFT.boot_grace)
    await raw.alive()
    assert "could not be set up" in caplog.text


async def test_it_is_known_who_the_charger_is_from_before(
    start_central: StartCentral,
) -> None:
    central = await start_central()
    memory = ChargerMemory(
        info=ChargerInfo(vendor="V"), features=Features(connectors=2), limits_a={2: 8}
    )
    charger = central.add(settings(), memory)
    assert sorted(charger.connectors) == [1, 2]
    assert charger.connectors[2].limit_a == 8
    assert charger.info.vendor == "V"
