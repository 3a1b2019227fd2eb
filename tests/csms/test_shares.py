"""What the fuses leave is kept, with each kind of charger the simulator plays."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, override

from freezegun import freeze_time
import pytest

from custom_components.ocpp_charging.csms import control
from custom_components.ocpp_charging.csms.model import HeldBy
from custom_components.ocpp_charging.csms.server import CentralSystem
from custom_components.ocpp_charging.csms.shares import ShareKeeper
from simulator import PRESETS, Quirks
from tests.csms.conftest import StartCentral
from tests.csms.raw import settings

from .test_plan_keeper import MAX, QUIRKS, TIMING, TX, Site

VALID = timedelta(seconds=180)


class SharedSite(Site):
    """A site with a share of the fuse."""

    def __init__(self, central: CentralSystem, frozen: Any, **options: Any) -> None:
        super().__init__(central, frozen, **options)
        self.shares = ShareKeeper(self.charger, 1, timing=TIMING, clock=self.clock)

    @override
    async def stop(self) -> None:
        await self.shares.stop()
        await super().stop()

    @override
    async def calm(self) -> None:
        await super().calm()
        for _ in range(2):
            await self.shares.settled()
            if self.charge_point.accepted:
                await self.charge_point.until_accepted()
                await self.charge_point.call("Heartbeat", {})
        while self.keeper._task is not None and not self.keeper._task.done():
            await asyncio.wait({self.keeper._task})
        await self.shares.settled()

    async def charge(self, **car: Any) -> None:
        """Have a car charge."""
        await self.plug(**car)
        await control.start_charging(self.charger, 1)
        await self.calm()

    async def share(self, amperes: float, safe_a: float = 6.0) -> None:
        """Give a share, and wait until the charger was told."""
        self.shares.hold(amperes, safe_a=safe_a, valid_for=VALID)
        await self.calm()


type MakeSite = Callable[..., Awaitable[SharedSite]]


@pytest.fixture(autouse=True)
def enable_event_loop_debug() -> None:
    """Leave the event loop's debug mode off: it takes half of the time."""


@pytest.fixture
def frozen() -> Iterator[Any]:
    """Stop our clock; the event loop's goes on."""
    with freeze_time(datetime.now(UTC).replace(microsecond=0), real_asyncio=True) as it:
        yield it


@pytest.fixture
async def site(start_central: StartCentral, frozen: Any) -> AsyncGenerator[MakeSite]:
    """Return how to build a site; its charger is set up."""
    central = await start_central(TIMING)
    central.add(settings())
    made: list[SharedSite] = []

    async def make(**options: Any) -> SharedSite:
        one = SharedSite(central, frozen, **options)
        made.append(one)
        await one.start()
        return one

    yield make
    for one in made:
        await one.stop()


@pytest.mark.parametrize("habit", QUIRKS)
async def test_a_share_holds_and_expires_into_the_safe_value(
    site: MakeSite, habit: str
) -> None:
    one = await site(**QUIRKS[habit])
    await one.charge()
    await one.share(13)
    assert one.offered_a == 13
    await one.share(8)
    assert one.offered_a == 8
    assert one.shares.accepted_a(one.now) == 8
    await one.pass_time(600, step=30)
    assert one.offered_a == 8
    await one.shares.stop()
    await one.pass_time(60, step=20)
    assert one.offered_a == 8
    await one.pass_time(150, step=30)
    assert one.offered_a == 6
    assert one.shares.accepted_a(one.now) == 6


@pytest.mark.parametrize("habit", QUIRKS)
async def test_a_share_lies_over_the_owners_limit_and_the_plan(
    site: MakeSite, habit: str
) -> None:
    one = await site(**QUIRKS[habit])
    await control.set_current_limit(one.charger, 1, 14)
    await one.plug()
    await one.keeper.hold(one.plan((2, 16), (1, 0), (2, 10), after_a=6))
    await one.until(lambda: one.connector.transaction)
    await one.calm()
    await one.pass_time(60, step=20)
    await one.share(16)
    await one.pass_time(60, step=20)
    assert one.offered_a == 14
    await one.share(9)
    assert one.offered_a == 9
    await one.pass_time(2 * 3600, step=450)
    assert one.offered_a == 0
    await one.pass_time(3600, step=450)
    assert one.offered_a == 9
    await one.share(16)
    assert one.offered_a == 10
    await one.shares.release()
    await one.calm()
    await one.pass_time(60, step=20)
    assert one.offered_a == 10


_ONE = {"MaxChargingProfilesInstalled": "1"}
LITTLE_ROOM: dict[str, Any] = {
    "one profile": {"configuration": _ONE},
    "one profile of two connectors": {"configuration": _ONE, "connectors": 2},
    "one period in one profile": {
        "configuration": _ONE,
        "quirks": Quirks(max_periods=1),
    },
    "one level for two connectors": {
        "quirks": Quirks(only_stack_level_zero=True),
        "connectors": 2,
    },
}


@pytest.mark.parametrize("order", ["share first", "plan first"])
@pytest.mark.parametrize("habit", LITTLE_ROOM)
async def test_limit_plan_and_share_are_one_profile_where_there_is_room_for_one(
    site: MakeSite, habit: str, order: str
) -> None:
    one = await site(**LITTLE_ROOM[habit])
    await one.charge()
    await control.set_current_limit(one.charger, 1, 14)
    if order == "share first":
        await one.share(12)
    await one.keeper.hold(one.plan((1, 0), (1, 16), (1, 9), (1, 0), after_a=6))
    await one.share(12)
    await one.pass_time(60, step=20)
    assert one.offered_a == 0
    seen = []
    for _ in range(4):
        await one.pass_time(1800, step=60)
        seen.append(one.offered_a)
        await one.pass_time(1800, step=60)
    assert seen == [0, 12, 9, 0]
    before = len(one.sent())
    await one.pass_time(600, step=60)
    # A share is renewed in half its time; nobody argues about the one place.
    assert len(one.sent()) - before <= 8
    assert one.keeper.held_by is HeldBy.MERGED


async def test_a_plan_goes_on_in_time_within_a_share_of_one_period(
    site: MakeSite,
) -> None:
    one = await site(**LITTLE_ROOM["one period in one profile"])
    await one.charge()
    await one.share(12)
    # The change comes between two renewals of the share.
    await one.keeper.hold(one.plan((0.51, 16), (1, 0), (1, 16), after_a=6))
    await one.calm()
    await one.pass_time(0.51 * 3600 - 5, step=60)
    assert one.offered_a == 12
    await one.pass_time(10, step=5)
    assert one.offered_a == 0


async def test_a_lower_share_is_sent_at_once_and_renewed_in_half_its_time(
    site: MakeSite,
) -> None:
    one = await site()
    await one.charge()
    await one.share(16)
    (first,) = one.sent()
    assert first["chargingProfilePurpose"] == MAX
    periods = first["chargingSchedule"]["chargingSchedulePeriod"]
    assert [each["limit"] for each in periods] == [16, 6]
    # A minute before now, so that no moment is without a limit.
    assert periods[1]["startPeriod"] == 60 + 180
    assert "duration" not in first["chargingSchedule"]
    await one.pass_time(80, step=20)
    assert len(one.sent()) == 1
    await one.pass_time(20)
    assert len(one.sent()) == 2
    for amperes in (15, 14, 13):
        await one.share(amperes)
    assert len(one.sent()) == 5
    assert one.offered_a == 13


async def test_a_safe_value_for_good_is_not_renewed(site: MakeSite) -> None:
    one = await site()
    one.shares.hold(6, safe_a=6, valid_for=None)
    await one.calm()
    await one.pass_time(7200)
    assert len(one.sent()) == 1
    await one.charge()
    assert one.offered_a == 6


async def test_a_charger_that_reboots_is_told_again(site: MakeSite) -> None:
    one = await site()
    await one.charge()
    await one.share(8)
    before = len(one.sent())
    await one.charge_point.reboot(hard=True)
    await one.pass_time(120, step=5)
    await one.until(lambda: one.charger.ready)
    await one.calm()
    assert len(one.sent()) > before


async def test_a_charger_that_keeps_to_nothing_loses_its_session_and_is_told_of(
    site: MakeSite, caplog: pytest.LogCaptureFixture
) -> None:
    one = await site(quirks=PRESETS["disobeys-profiles"])
    await one.charge()
    await one.meter()
    told: list[bool] = []
    one.charger.listen(1, "share_ignored", lambda: told.append(one.shares.ignored))
    await one.share(8)
    for _ in range(60):
        await one.pass_time(2, step=2)
    assert one.connector.transaction is None
    assert told == [True]
    assert "keeps to no limit of the fuse" in caplog.text


async def test_what_a_charger_ignores_is_told_it_in_another_way(
    site: MakeSite,
) -> None:
    one = await site(quirks=PRESETS["ignores-maximum-profile"])
    await one.charge()
    await one.share(8)
    assert one.offered_a == 8
    assert one.sent()[-1]["chargingProfilePurpose"] != MAX


async def test_a_plan_for_the_session_does_not_hide_the_share(site: MakeSite) -> None:
    one = await site(connectors=2)
    await one.plug()
    one.shares.hold(9, safe_a=6, valid_for=VALID)
    await one.keeper.hold(one.plan((3, 16), after_a=6))
    await one.until(lambda: one.connector.transaction)
    await one.calm()
    await one.pass_time(10, step=2)
    assert one.offered_a == 9
    assert TX in {
        each["chargingProfilePurpose"]
        for each in one.sent()
        if each["chargingProfileId"] >= 1600
    }


async def test_without_a_fuse_the_owners_limit_alone_counts_again(
    site: MakeSite,
) -> None:
    one = await site(quirks=Quirks(only_stack_level_zero=True))
    await control.set_current_limit(one.charger, 1, 12)
    await one.charge()
    await one.share(8)
    assert one.offered_a == 8
    await one.shares.release()
    await one.calm()
    assert one.offered_a == 12
    assert one.connector.share_a is None


async def test_a_share_that_is_taken_off_while_it_is_told_is_taken_off(
    site: MakeSite,
) -> None:
    one = await site()
    await one.charge()
    one.shares.hold(8, safe_a=6, valid_for=VALID)
    await asyncio.sleep(0)  # It begins to be told.
    assert one.shares._task is not None
    await one.shares.release()
    await one.calm()
    assert one.charge_point.received_calls("SetChargingProfile")
    assert one.offered_a == 32
    assert one.connector.share_a is None


async def test_a_session_that_a_charger_ends_at_0_a_goes_on_when_there_is_more(
    site: MakeSite,
) -> None:
    one = await site(quirks=PRESETS["ends-below-minimum"])
    await one.charge()
    await one.share(12)
    await one.share(0)
    await one.until(lambda: one.connector.transaction is None)
    await one.calm()
    assert one.shares.interrupted
    assert one.charger.features.ends_at_zero
    await one.pass_time(120, step=20)
    assert one.connector.transaction is None
    await one.share(9)
    await one.until(lambda: one.connector.transaction)
    await one.calm()
    assert one.offered_a == 9
    assert not one.shares.interrupted


async def test_a_session_that_its_owner_ends_is_not_begun_again(
    site: MakeSite,
) -> None:
    one = await site()
    await one.charge()
    await one.share(0)
    await one.pass_time(120, step=20)
    await control.stop_charging(one.charger, 1)
    await one.share(9)
    assert not one.shares.interrupted
    assert one.connector.transaction is None


async def test_a_plan_that_falls_below_the_share_over_it_is_still_taken(
    site: MakeSite,
) -> None:
    one = await site(connectors=2)
    await one.plug()
    await one.keeper.hold(one.plan((5, 12)))
    await one.calm()
    await one.share(12)
    assert one.offered_a == 12
    await one.pass_time(60, step=20)
    await one.keeper.hold(one.plan((5, 7)))
    await one.calm()
    assert one.offered_a == 7
    assert not one.charger.features.plan_refused
