"""A connector is held to its plan, with each kind of charger the simulator plays."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from freezegun import freeze_time
import pytest

from custom_components.ocpp_charging.csms import control
from custom_components.ocpp_charging.csms.charger import Charger
from custom_components.ocpp_charging.csms.connector import Connector
from custom_components.ocpp_charging.csms.model import (
    HeldBy,
    ProfilePurpose,
    RateUnit,
    ScheduleOrigin,
)
from custom_components.ocpp_charging.csms.plan_keeper import PlanKeeper
from custom_components.ocpp_charging.csms.schedules import (
    PlannedCurrent,
    PlannedSchedule,
)
from custom_components.ocpp_charging.csms.server import CentralSystem, Timing
from simulator import (
    PRESETS,
    Car,
    ChargePoint,
    ChargePointOptions,
    ManualClock,
    Quirks,
)
from simulator.quirks import AfterPowerLoss
from tests.conftest import PASSWORD
from tests.csms.conftest import StartCentral
from tests.csms.raw import settings, until

TIMING = Timing(
    call_timeout=1000,
    boot_grace=0.05,
    boot_settle=0,
    close_timeout=1,
    fatal_step=5,
    confirm=600,
    ping_interval=1e9,
    silence=1e9,
    silence_without_pongs=1e9,
)
HOUR = 3600.0
_TICK_S = 0.001
"""Time goes on a little past what is due, or rounding could keep it from being so."""
MAX, DEFAULT, TX = "ChargePointMaxProfile", "TxDefaultProfile", "TxProfile"


class Site:
    """A simulated charger at a central system, a keeper, and time that is moved."""

    def __init__(self, central: CentralSystem, frozen: Any, **options: Any) -> None:
        """Make the charger; it is not connected yet."""
        self.frozen = frozen
        self.central = central
        self.clock = ManualClock(datetime.now(UTC))
        self.charger: Charger = central.chargers["CP1"]
        self.charge_point = ChargePoint(
            ChargePointOptions(
                **{
                    "url": f"ws://127.0.0.1:{central.port}",
                    "password": PASSWORD,
                    "reconnect_backoff_s": (1.0,),
                    "follow_server_time": False,
                    "history": 100_000,
                    **options,
                }
            ),
            clock=self.clock,
        )
        self.keeper = self.new_keeper()

    def new_keeper(self) -> PlanKeeper:
        """Return another keeper, as a restart of ours would have."""
        return PlanKeeper(self.charger, 1, timing=TIMING, clock=self.clock)

    @property
    def connector(self) -> Connector:
        """Return what the central system knows of the connector."""
        return self.charger.connector(1)

    @property
    def offered_a(self) -> float:
        """Return what the car is offered."""
        return self.charge_point.connector(1).offered_a

    @property
    def now(self) -> datetime:
        """Return the present of this site."""
        return self.clock.now()

    async def start(self) -> None:
        """Connect and wait until the charger is set up."""
        await self.charge_point.start()
        await self.until(lambda: self.charger.ready)
        await self.until(lambda: self.connector.status is not None)

    async def stop(self) -> None:
        """End all."""
        await self.keeper.stop()
        await self.charge_point.stop()
        assert self.charge_point.errors == []

    async def until(self, condition: Callable[[], Any]) -> None:
        """Wait until the central system knows something."""
        await until(self.charger, condition, timeout=10)

    async def shows(self, condition: Callable[[ChargePoint], Any]) -> None:
        """Wait until the charger shows something."""
        await self.charge_point.wait_for(condition)

    async def pass_time(self, seconds: float, step: float = 1800) -> None:
        """Let time pass everywhere, and wait until all is told and done."""
        while seconds > 0:
            stretch = min(seconds, step)
            seconds -= stretch
            while stretch > 0:
                # From one thing that is due to the next: all clocks agree, and what
                # was done and told arrives before time goes on.
                tick = min(stretch, self.clock.idle_s + _TICK_S)
                stretch -= tick
                self.frozen.move_to(self.clock.now() + timedelta(seconds=tick))
                await self.clock.advance(tick)
                await self.settled()
            await self.calm()

    async def settled(self) -> None:
        """Wait until the keeper is done and the charger has told all it has to."""
        while self.keeper._task is not None and not self.keeper._task.done():
            await asyncio.wait({self.keeper._task})
        if self.charge_point.accepted and not self.charge_point.outbox.empty:
            await self.charge_point.until_accepted()

    async def calm(self) -> None:
        """Wait until neither side has anything left to say."""
        for _ in range(2):
            await self.settled()
            if self.charge_point.accepted:
                await self.charge_point.call("Heartbeat", {})

    async def plug(self, **car: Any) -> None:
        """Plug in a car."""
        await self.charge_point.plug(1, Car(**car))
        await self.until(lambda: self.connector.plugged_in)

    async def meter(self) -> None:
        """Have the meter read."""
        await self.charger.commands("TriggerMessage").trigger("MeterValues", 1)

    def plan(self, *hours: tuple[float, float], **more: Any) -> PlannedSchedule:
        """Return a plan from now on: rows of hours and amperes."""
        periods, at = [], self.now
        for length, amperes in hours:
            end = at + timedelta(hours=length)
            periods.append(PlannedCurrent(start=at, end=end, current_a=amperes))
            at = end
        return PlannedSchedule(periods=tuple(periods), **more)

    def sent(self) -> list[dict[str, Any]]:
        """Return the charging profiles that were sent."""
        return [
            payload["csChargingProfiles"]
            for payload in self.charge_point.received_calls("SetChargingProfile")
        ]


type MakeSite = Callable[..., Awaitable[Site]]


@pytest.fixture(autouse=True)
def enable_event_loop_debug() -> None:
    """Leave the event loop's debug mode off: it takes half of a night's time."""


@pytest.fixture
def frozen() -> Iterator[Any]:
    """Stop our clock; the event loop's goes on."""
    with freeze_time(datetime.now(UTC).replace(microsecond=0), real_asyncio=True) as it:
        yield it


@pytest.fixture
async def site(start_central: StartCentral, frozen: Any) -> AsyncGenerator[MakeSite]:
    """Return how to build a site; its charger is set up."""
    central = await start_central(TIMING)
    made: list[Site] = []

    async def make(*, sample_s: float = 300, **options: Any) -> Site:
        central.add(settings(sample_interval=timedelta(seconds=sample_s)))
        one = Site(central, frozen, **options)
        made.append(one)
        await one.start()
        return one

    yield make
    for one in made:
        await one.stop()


async def test_a_plan_is_held_by_the_sessions_own_profile_all_night(
    site: MakeSite,
) -> None:
    one = await site(sample_s=60)
    await one.plug()
    held = await one.keeper.hold(one.plan((2, 0), (1, 16), (3, 0), (1, 10), after_a=6))
    await one.until(lambda: one.connector.transaction)
    await one.calm()
    assert one.connector.held_by is HeldBy.PROFILE
    assert held is HeldBy.PROFILE
    assert one.connector.planned_limit_a == 0
    profile = one.sent()[-1]
    assert profile["chargingProfilePurpose"] == TX
    assert one.connector.transaction is not None
    assert profile["transactionId"] == one.connector.transaction.transaction_id
    assert one.offered_a == 0
    seen = []
    for _ in range(8):
        await one.pass_time(HOUR)
        seen.append((one.offered_a, one.connector.planned_limit_a))
    assert seen == [
        (0, 0), (16, 16), (0, 0), (0, 0), (0, 0), (10, 10), (6, 6), (6, 6),
    ]  # fmt: skip
    assert [each["chargingProfilePurpose"] for each in one.sent()] == [DEFAULT, TX]


NIGHT = ((2.0, 0.0), (1.0, 16.0), (3.0, 0.0), (1.0, 10.0))
"""Hours and amperes; two hours of charging, seven in all."""

QUIRKS: dict[str, Any] = {
    "none": {},
    "watts": {"quirks": Quirks(watts_only=True)},
    "amperes": {"quirks": Quirks(amperes_only=True)},
    "three periods": {"quirks": Quirks(max_periods=3)},
    "one period": {"quirks": Quirks(max_periods=1)},
    "level zero": {"quirks": Quirks(only_stack_level_zero=True)},
    "no session profile": {"quirks": PRESETS["rejects-tx-profile"]},
    "default only": {"quirks": PRESETS["default-profile-only"]},
    "maximum only": {"quirks": PRESETS["maximum-profile-only"]},
    "session profile only": {"quirks": PRESETS["tx-profile-only"]},
    "no relative": {"quirks": Quirks(rejects_relative=True)},
    "no absolute": {"quirks": Quirks(rejects_absolute=True)},
    "one profile": {"configuration": {"MaxChargingProfilesInstalled": "1"}},
    "keeps session profiles": {"quirks": Quirks(keeps_tx_profiles=True)},
    "negative for none": {"quirks": Quirks(composite_negative_limit=True)},
    "default hidden": {"quirks": Quirks(tx_profile_hides_default=True)},
    "slow clock": {"clock_offset_s": -7200.0},
}
LIMITED = ("none", "watts", "level zero", "default only", "maximum only", "one profile")
BY_PROFILE = {HeldBy.PROFILE, HeldBy.MERGED}


@pytest.mark.parametrize(
    ("habit", "limited"),
    [
        *((habit, False) for habit in QUIRKS),
        *((habit, True) for habit in LIMITED),
    ],
)
async def test_the_plan_is_kept_whatever_profiles_a_charger_takes(
    site: MakeSite, habit: str, limited: bool
) -> None:
    one = await site(**QUIRKS[habit])
    if limited:
        await control.set_current_limit(one.charger, 1, 13)
    await one.plug()
    await one.keeper.hold(one.plan(*NIGHT, after_a=6))
    await one.until(lambda: one.connector.transaction)
    await one.calm()
    assert one.connector.held_by in BY_PROFILE
    seen = []
    for _ in range(8):
        await one.pass_time(HOUR / 2)
        seen.append(one.offered_a)
        await one.pass_time(HOUR / 2)
    most = 13 if limited else 16
    assert seen == [0, 0, most, 0, 0, 0, 10, 6]
    assert one.connector.planned_limit_a == 6
    assert one.connector.held_by in BY_PROFILE
    assert one.keeper.problem is None
    assert one.charge_point.violations == []
    await one.charge_point.stop_locally()
    await one.until(lambda: one.connector.transaction is None)
    await one.calm()
    left = {each.id for each in one.charge_point.stack.installed}
    assert not left & set(range(1300, 1600))
    await one.keeper.release()
    assert one.connector.held_by is None
    assert one.connector.planned_limit_a is None
    if limited:
        await control.start_charging(one.charger, 1)
        await one.calm()
        assert one.offered_a == 13


@pytest.mark.parametrize(
    ("habit", "found"),
    [
        ("watts", {"plan_unit": RateUnit.WATT}),
        ("level zero", {"plan_level": 0}),
        ("no session profile", {"plan_purpose": ProfilePurpose.DEFAULT}),
        ("maximum only", {"plan_purpose": ProfilePurpose.CHARGER_MAX}),
        ("no absolute", {"plan_origin": ScheduleOrigin.SESSION}),
        ("none", {"plan_purpose": ProfilePurpose.TRANSACTION, "plan_level": 1}),
    ],
)
async def test_what_a_charger_keeps_to_is_remembered_and_tried_first(
    site: MakeSite, habit: str, found: dict[str, Any]
) -> None:
    one = await site(**QUIRKS[habit])
    await one.plug()
    await one.keeper.hold(one.plan((1, 8), (1, 16)))
    await one.until(lambda: one.connector.transaction)
    await one.calm()
    known = vars(one.charger.features)
    assert {key: known[key] for key in found} == found
    before = len(one.sent())
    await one.pass_time(31)
    await one.keeper.hold(one.plan((1, 10), (1, 16)))
    assert len(one.sent()) == before + 1
    assert one.offered_a == 10


async def test_the_plan_goes_on_when_we_are_gone(site: MakeSite) -> None:
    one = await site()
    await one.plug()
    await one.keeper.hold(one.plan(*NIGHT, after_a=6))
    await one.until(lambda: one.connector.transaction)
    await one.calm()
    await one.keeper.stop()
    await one.charge_point.disconnect()
    seen = []
    for _ in range(8):
        await one.clock.advance(HOUR / 2)
        seen.append(one.offered_a)
        await one.clock.advance(HOUR / 2)
    assert seen == [0, 0, 16, 0, 0, 0, 10, 6]


async def test_a_charger_without_profiles_is_started_and_stopped(
    site: MakeSite,
) -> None:
    one = await site(quirks=Quirks(no_smart_charging=True))
    await one.plug()
    await one.keeper.hold(one.plan(*NIGHT))
    assert one.connector.held_by is HeldBy.START_STOP
    assert one.connector.transaction is None
    seen = []
    for _ in range(8):
        await one.pass_time(HOUR / 2)
        seen.append(one.offered_a)
        await one.pass_time(HOUR / 2)
    assert seen == [0, 0, 32, 0, 0, 0, 32, 32]
    assert one.charger.features.plan_refused
    assert one.connector.held_by is None


async def test_a_session_that_begins_by_itself_is_stopped_when_nothing_may_flow(
    site: MakeSite,
) -> None:
    one = await site(
        quirks=Quirks(rejected_purposes=frozenset({MAX, DEFAULT, TX})),
        autostart_tag="CARD",
    )
    await one.plug()
    await one.until(lambda: one.connector.transaction)
    await one.keeper.hold(one.plan((1, 0), (1, 16)))
    await one.calm()
    assert one.connector.held_by is HeldBy.START_STOP
    assert one.connector.transaction is None
    await one.pass_time(HOUR + 60)
    assert one.connector.transaction is not None
    assert one.connector.planned_limit_a == 16


async def test_profiles_without_effect_show_in_the_composite_schedule(
    site: MakeSite,
) -> None:
    one = await site(quirks=Quirks(ignored_purposes=frozenset({MAX, DEFAULT, TX})))
    await one.plug()
    await one.keeper.hold(one.plan((1, 0), (1, 16)))
    await one.calm()
    assert one.connector.held_by is HeldBy.IGNORED
    assert one.connector.transaction is None
    assert one.charge_point.stack.installed == []
    await one.pass_time(HOUR + 60)
    assert one.connector.transaction is not None


def started_with(one: Site) -> list[bool]:
    """Say of each remote start whether a profile was in it."""
    return [
        "chargingProfile" in payload
        for payload in one.charge_point.received_calls("RemoteStartTransaction")
    ]


async def test_a_session_begins_with_its_plan_where_none_can_be_there_before(
    site: MakeSite,
) -> None:
    one = await site(quirks=PRESETS["tx-profile-only"])
    await one.plug()
    await one.keeper.hold(one.plan((1, 0), (1, 16)))
    await one.until(lambda: one.connector.transaction)
    # Nobody has told the charger anything since its session began.
    assert one.offered_a == 0
    assert started_with(one) == [True]
    await one.pass_time(HOUR + 60)
    assert one.offered_a == 16


async def test_a_plan_that_is_there_is_not_in_the_start(site: MakeSite) -> None:
    one = await site()
    await one.plug()
    await one.keeper.hold(one.plan((1, 0), (1, 16)))
    await one.until(lambda: one.connector.transaction)
    assert started_with(one) == [False]


async def test_a_charger_that_refuses_a_start_with_a_profile_starts_without(
    site: MakeSite,
) -> None:
    quirks = replace(PRESETS["tx-profile-only"], rejects_profile_in_start=True)
    one = await site(quirks=quirks)
    await one.plug()
    await one.keeper.hold(one.plan((1, 0), (1, 16)))
    await one.until(lambda: one.connector.transaction)
    await one.calm()
    assert started_with(one) == [True, False]
    assert one.offered_a == 0
    assert one.keeper.held_by is HeldBy.PROFILE


async def test_what_the_car_really_draws_unmasks_a_charger(site: MakeSite) -> None:
    one = await site(sample_s=60, quirks=Quirks(disobeys_profiles=True))
    await one.plug()
    told: list[HeldBy | None] = []
    one.charger.listen(1, "held_by", lambda: told.append(one.connector.held_by))
    await one.keeper.hold(one.plan((1, 0), (1, 16)))
    await one.until(lambda: one.connector.transaction)
    await one.calm()
    assert told[-1] is HeldBy.PROFILE
    assert one.offered_a == 32
    # Three purposes are tried, and each has less than a minute.
    await one.pass_time(150, step=5)
    assert one.connector.held_by is HeldBy.IGNORED
    assert one.charger.features.plan_ignored == frozenset(ProfilePurpose)
    assert one.connector.transaction is None
    await one.pass_time(HOUR)
    assert one.connector.transaction is not None
    assert one.connector.held_by is HeldBy.IGNORED


async def test_off_ends_the_session_of_a_charger_that_goes_on(site: MakeSite) -> None:
    one = await site(sample_s=5, quirks=Quirks(disobeys_profiles=True))
    await one.plug()
    await one.keeper.hold(one.plan((2, 16)))
    await one.until(lambda: one.connector.transaction)
    await one.pass_time(60, step=5)
    await one.keeper.hold(one.plan((2, 0)), start=False, anew=True)
    off = one.now
    while one.connector.transaction is not None:
        await one.pass_time(1)
    assert one.now - off <= timedelta(seconds=35)
    assert one.offered_a == 0
    await one.pass_time(HOUR)
    assert one.connector.transaction is None


async def test_a_lower_plan_that_waits_for_its_turn_blames_nobody(
    site: MakeSite,
) -> None:
    one = await site(sample_s=5)
    await one.plug(max_current_a=32)
    await one.keeper.hold(one.plan((2, 32)))
    await one.until(lambda: one.connector.transaction)
    await one.pass_time(60, step=5)
    assert one.offered_a == 32
    # As the sun goes down: what is sent is soon too much, and what comes next waits.
    for amps, seconds in ((31, 2), (6, 120)):
        await one.keeper.hold(one.plan((2, amps)))
        await one.pass_time(seconds, step=1)
    assert one.charger.features.plan_ignored == frozenset()
    assert one.connector.held_by is HeldBy.PROFILE
    assert one.offered_a == 6


async def test_a_charger_that_ends_sessions_at_zero_is_started_later(
    site: MakeSite,
) -> None:
    one = await site(sample_s=60, quirks=Quirks(ends_transaction_below_minimum=True))
    await one.plug()
    await one.keeper.hold(one.plan((1, 0), (1, 16), (1, 0), (1, 10)))
    await one.until(lambda: one.connector.last_transaction)
    await one.calm()
    assert one.charger.features.ends_at_zero
    assert one.connector.transaction is None
    assert one.connector.held_by is HeldBy.START_STOP
    seen = []
    for _ in range(4):
        await one.pass_time(HOUR / 2)
        seen.append(one.offered_a)
        await one.pass_time(HOUR / 2)
    assert seen == [0, 16, 0, 10]


async def test_while_it_waits_for_its_start_a_charger_is_held_by_one_thing(
    site: MakeSite,
) -> None:
    one = await site(sample_s=60, quirks=Quirks(ends_transaction_below_minimum=True))
    await one.plug()
    await one.keeper.hold(one.plan((1, 0), (1, 16), (1, 0), (1, 10)))
    await one.until(lambda: one.connector.last_transaction)
    await one.calm()
    told: list[HeldBy | None] = []
    one.charger.listen(1, "held_by", lambda: told.append(one.connector.held_by))
    await one.pass_time(HOUR / 3, step=60)
    await control.set_current_limit(one.charger, 1, 14)
    await one.pass_time(HOUR / 3, step=60)
    assert told == []
    await one.pass_time(HOUR, step=60)
    assert told == [HeldBy.PROFILE]


async def test_a_restart_that_loses_profiles_is_noticed(site: MakeSite) -> None:
    one = await site(
        quirks=Quirks(forgets_profiles=True, after_power_loss=AfterPowerLoss.RESUME)
    )
    await one.plug()
    await one.keeper.hold(one.plan(*NIGHT))
    await one.until(lambda: one.connector.transaction)
    await one.calm()
    await one.pass_time(60)
    boots, before = one.charger.boots, len(one.sent())
    await one.charge_point.reboot(hard=True)
    await one.until(lambda: not one.charger.connected)
    await one.pass_time(10, step=1)
    await one.until(lambda: one.charger.boots > boots and one.charger.ready)
    await one.calm()
    assert len(one.sent()) == before + 1
    assert one.offered_a == 0
    assert one.connector.held_by is HeldBy.PROFILE


async def test_a_lost_connection_changes_nothing(site: MakeSite) -> None:
    one = await site(boot_on_reconnect=False)
    await one.plug()
    await one.keeper.hold(one.plan(*NIGHT))
    await one.until(lambda: one.connector.transaction)
    await one.calm()
    await one.pass_time(60)
    before = len(one.sent())
    await one.charge_point.disconnect()
    await one.until(lambda: not one.charger.connected)
    assert one.connector.held_by is HeldBy.PROFILE
    await one.pass_time(2, step=1)
    await one.until(lambda: one.charger.ready)
    await one.calm()
    assert len(one.sent()) == before
    assert one.connector.held_by is HeldBy.PROFILE


async def test_a_plan_for_a_charger_that_is_away_waits_for_it(site: MakeSite) -> None:
    one = await site()
    await one.plug()
    await one.charge_point.disconnect()
    await one.until(lambda: not one.charger.connected)
    assert await one.keeper.hold(one.plan(*NIGHT)) is HeldBy.PENDING
    await one.pass_time(2, step=1)
    await one.until(lambda: one.connector.transaction)
    await one.calm()
    assert one.connector.held_by is HeldBy.PROFILE


async def test_a_changed_plan_goes_out_at_most_every_half_minute_the_last_one_wins(
    site: MakeSite,
) -> None:
    one = await site()
    await one.plug()
    await one.keeper.hold(one.plan((1, 16), (1, 0)))
    await one.until(lambda: one.connector.transaction)
    await one.calm()
    before = len(one.sent())
    for amperes in (15.0, 14.0, 13.0):
        await one.keeper.hold(one.plan((1, amperes), (1, 0)))
    await one.keeper.hold(one.plan((1, 12.0), (1, 0)))
    assert len(one.sent()) == before
    await one.pass_time(29, step=29)
    assert len(one.sent()) == before
    await one.pass_time(3, step=3)
    assert len(one.sent()) == before + 1
    assert one.offered_a == 12
    await one.pass_time(60)
    await one.keeper.hold(one.plan((1, 12.04), (1, 0)))
    assert len(one.sent()) == before + 2  # its end has moved by a minute
    await one.pass_time(60)
    await one.keeper.hold(
        PlannedSchedule(
            periods=(
                PlannedCurrent(
                    start=one.now,
                    end=one.now + timedelta(minutes=59),
                    current_a=12.01,
                ),
                PlannedCurrent(
                    start=one.now + timedelta(minutes=59),
                    end=one.now + timedelta(minutes=119),
                    current_a=0,
                ),
            )
        )
    )
    assert len(one.sent()) == before + 2


@pytest.mark.parametrize("anew", [False, True])
async def test_what_stops_charging_and_what_the_owner_wants_does_not_wait(
    site: MakeSite, anew: bool
) -> None:
    one = await site()
    await one.plug()
    await one.keeper.hold(one.plan((1, 16), (1, 0)))
    await one.until(lambda: one.connector.transaction)
    await one.calm()
    before = len(one.sent())
    # The owner's word counts at once, and so does that nothing may flow any more.
    meant = 10.0 if anew else 0.0
    await one.keeper.hold(one.plan((1, meant), (1, 8)), anew=anew)
    assert len(one.sent()) == before + 1
    assert one.offered_a == meant
    await one.keeper.hold(one.plan((1, 12.0), (1, 0)))
    assert len(one.sent()) == before + 1


async def test_the_owners_own_profile_is_not_fought(site: MakeSite) -> None:
    one = await site()
    await one.plug()
    await one.keeper.hold(one.plan(*NIGHT))
    await one.until(lambda: one.connector.transaction)
    await one.calm()
    await one.pass_time(60)
    before = len(one.sent())
    transaction = one.connector.transaction
    assert transaction is not None
    await one.charger.commands("SetChargingProfile").set_raw_profile(
        1,
        {
            "chargingProfileId": 30103,
            "transactionId": transaction.transaction_id,
            "stackLevel": 3,
            "chargingProfilePurpose": TX,
            "chargingProfileKind": "Relative",
            "chargingSchedule": {
                "chargingRateUnit": "A",
                "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 20}],
            },
        },
    )
    await one.calm()
    assert one.connector.held_by is HeldBy.OVERRIDDEN
    assert one.connector.planned_limit_a is None
    await one.keeper.hold(one.plan((1, 8), (1, 0)))
    await one.pass_time(HOUR)
    assert len(one.sent()) == before + 1
    assert one.offered_a == 20


async def test_a_session_that_its_owner_ends_is_not_begun_again(
    site: MakeSite,
) -> None:
    one = await site()
    await one.plug()
    await one.keeper.hold(one.plan((2, 16)))
    await one.until(lambda: one.connector.transaction)
    await one.calm()
    await control.stop_charging(one.charger, 1)
    await one.pass_time(HOUR)
    assert one.connector.transaction is None
    assert one.connector.held_by is HeldBy.PENDING
    assert one.charge_point.stack.installed == []
    await one.keeper.hold(one.plan((2, 12)))
    await one.calm()
    assert one.connector.transaction is None
    await one.charge_point.unplug()
    await one.until(lambda: one.connector.plugged_in is False)
    await one.plug()
    await one.until(lambda: one.connector.transaction)
    await one.calm()
    assert one.offered_a == 12


async def test_the_owners_new_limit_counts_in(site: MakeSite) -> None:
    one = await site(quirks=Quirks(only_stack_level_zero=True))
    await one.plug()
    await control.set_current_limit(one.charger, 1, 20)
    await one.keeper.hold(one.plan((2, 16), (1, 0)))
    await one.until(lambda: one.connector.transaction)
    await one.calm()
    assert one.offered_a == 16
    await control.set_current_limit(one.charger, 1, 9)
    await one.calm()
    await one.pass_time(31)
    assert one.offered_a == 9
    assert one.connector.planned_limit_a == 9


async def test_after_a_restart_of_ours_a_release_finds_what_was_left(
    site: MakeSite,
) -> None:
    one = await site()
    await one.plug()
    await one.keeper.hold(one.plan((2, 0)))
    await one.until(lambda: one.connector.transaction)
    await one.calm()
    await one.keeper.stop()
    one.keeper = one.new_keeper()
    assert one.offered_a == 0
    await one.keeper.release()
    assert one.offered_a == 32
    assert one.charge_point.stack.installed == []
