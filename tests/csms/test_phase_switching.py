"""A charger switches between one phase and three by its plan, with each habit."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from freezegun import freeze_time
import pytest

from custom_components.ocpp_charging.csms.model import HeldBy
from custom_components.ocpp_charging.csms.schedules import (
    PlannedCurrent,
    PlannedSchedule,
)
from custom_components.ocpp_charging.csms.shares import ShareKeeper
from simulator import Quirks

from .conftest import StartCentral
from .raw import settings
from .test_plan_keeper import HOUR, QUIRKS, TIMING, Site

MINUTE = HOUR / 60


class PhaseSite(Site):
    """A simulated charger that is held to plans on a number of phases."""

    def on(self, *hours: tuple[float, float, int | None]) -> PlannedSchedule:
        """Return a plan from now on: rows of hours, amperes and phases."""
        periods, at = [], self.now
        for length, amperes, phases in hours:
            end = at + timedelta(hours=length)
            periods.append(
                PlannedCurrent(start=at, end=end, current_a=amperes, phases=phases)
            )
            at = end
        return PlannedSchedule(periods=tuple(periods))

    @property
    def used(self) -> tuple[float, int]:
        """Return what flows, in A per phase, and on how many phases it could."""
        one = self.charge_point.connector(1)
        return round(one.current_a, 1), one.supply.phases

    @property
    def switched(self) -> int:
        """Return how many switches are kept of the connector."""
        return len(self.charger.memory.phases[1].switched)

    async def charge(self, *hours: tuple[float, float, int | None]) -> None:
        """Hold a car to a plan, in a session."""
        await self.plug()
        await self.keeper.hold(self.on(*hours))
        await self.until(lambda: self.connector.transaction)
        await self.pass_time(MINUTE, step=5)


type MakeSite = Callable[..., Awaitable[PhaseSite]]


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
    """Return how to build a site; its charger can switch, and is set up."""
    central = await start_central(TIMING)
    made: list[PhaseSite] = []

    async def make(*, said: bool | None = None, **options: Any) -> PhaseSite:
        often = timedelta(seconds=20)
        central.add(settings(sample_interval=often, switches_phases=said))
        one = PhaseSite(central, frozen, **{"switches_phases": True, **options})
        made.append(one)
        await one.start()
        return one

    yield make
    for one in made:
        await one.stop()


@pytest.mark.parametrize(
    "habit",
    [
        "none",
        "watts",
        "amperes",
        "three periods",
        "level zero",
        "no session profile",
        "default only",
        "maximum only",
        "no absolute",
        "slow clock",
    ],
)
async def test_phases_are_switched_both_ways_with_a_pause_before(
    site: MakeSite, habit: str
) -> None:
    one = await site(**QUIRKS[habit])
    await one.charge((5, 10, 3))
    assert one.used == (10, 3)
    await one.keeper.hold(one.on((5, 8, 1)))
    await one.calm()
    assert one.used[0] == 0
    assert one.connector.planned_limit_a == 0
    await one.pass_time(20, step=5)
    assert one.used[0] == 0
    await one.pass_time(15, step=5)
    assert one.used == (8, 1)
    assert one.connector.planned_phases == 1
    await one.pass_time(5 * MINUTE, step=30)
    assert one.used == (8, 1)
    await one.keeper.hold(one.on((5, 7, 3)))
    await one.calm()
    assert one.used[0] == 0
    await one.pass_time(35, step=5)
    assert one.used == (7, 3)
    assert one.switched == 2
    assert one.connector.held_by in {HeldBy.PROFILE, HeldBy.MERGED}


async def test_a_switch_that_is_planned_happens_when_we_are_gone(
    site: MakeSite,
) -> None:
    one = await site()
    await one.charge((1, 8, 1), (1, 10, 3))
    assert one.used == (8, 1)
    await one.keeper.stop()
    await one.pass_time(59 * MINUTE - 5, step=60)
    assert one.used == (8, 1)
    await one.pass_time(10, step=1)
    assert one.used[0] == 0
    await one.pass_time(40, step=5)
    assert one.used == (10, 3)


async def test_a_switch_of_the_plan_is_noted_and_not_sent_again(
    site: MakeSite,
) -> None:
    one = await site()
    await one.charge((1, 8, 1), (1, 10, 3))
    before = len(one.sent())
    await one.pass_time(65 * MINUTE, step=10)
    assert one.used == (10, 3)
    assert one.switched == 1
    assert len(one.sent()) == before


async def test_a_switch_does_not_wait_for_its_turn_among_the_changes_of_a_plan(
    site: MakeSite,
) -> None:
    one = await site()
    await one.charge((5, 10, 3))
    await one.keeper.hold(one.on((5, 9, 3)))
    await one.pass_time(5)
    assert one.used == (9, 3)
    await one.keeper.hold(one.on((5, 8, 1)))
    await one.calm()
    assert one.used[0] == 0
    await one.pass_time(31, step=5)
    assert one.used == (8, 1)


async def test_a_share_in_watts_is_that_of_one_phase_while_one_is_charged_on(
    site: MakeSite,
) -> None:
    one = await site(quirks=Quirks(watts_only=True))
    await one.charge((5, 16, 1))
    shares = ShareKeeper(one.charger, 1, timing=TIMING, clock=one.clock)
    shares.hold(10, safe_a=6, valid_for=None)
    await shares.settled()
    assert one.used == (10, 1)
    await one.keeper.hold(one.on((5, 16, 3)))
    await one.pass_time(MINUTE, step=5)
    await shares.settled()
    assert one.used == (10, 3)
    await one.keeper.hold(one.on((5, 16, 1)))
    await one.pass_time(MINUTE, step=5)
    await shares.settled()
    assert one.used == (10, 1)
    await shares.stop()


async def test_another_current_on_as_many_phases_needs_no_pause(
    site: MakeSite,
) -> None:
    one = await site()
    await one.charge((5, 8, 1))
    await one.keeper.hold(one.on((5, 12, 1)))
    lowest = 8.0
    for _ in range(8):
        await one.pass_time(5)
        lowest = min(lowest, one.used[0])
    assert (lowest, one.used) == (8, (12, 1))


async def test_where_a_session_ends_at_0_a_phases_are_switched_without_a_pause(
    site: MakeSite,
) -> None:
    one = await site(quirks=Quirks(ends_transaction_below_minimum=True))
    await one.plug()
    await one.keeper.hold(one.on((0.5, 0, 3), (5, 10, 3)))
    await one.until(lambda: one.connector.last_transaction)
    await one.pass_time(HOUR, step=60)
    session = one.connector.transaction
    assert session is not None
    assert one.used == (10, 3)
    await one.keeper.hold(one.on((5, 8, 1)))
    await one.pass_time(MINUTE, step=5)
    assert one.used == (8, 1)
    assert one.connector.transaction is not None
    assert one.connector.transaction.transaction_id == session.transaction_id


async def test_a_charger_that_is_away_gets_the_whole_pause_when_it_is_back(
    site: MakeSite,
) -> None:
    one = await site(reconnect_backoff_s=(MINUTE,))
    await one.charge((5, 10, 3))
    await one.charge_point.disconnect()
    await one.until(lambda: not one.charger.connected)
    await one.keeper.hold(one.on((5, 8, 1)))
    await one.pass_time(MINUTE - 5, step=5)
    assert one.used == (10, 3)
    await one.pass_time(10)
    await one.until(lambda: one.charger.ready)
    await one.calm()
    assert one.used[0] == 0
    await one.pass_time(25, step=5)
    assert one.used[0] == 0
    await one.pass_time(15, step=5)
    assert one.used == (8, 1)


@pytest.mark.parametrize("told", [True, False], ids=["per phase", "by the power"])
async def test_a_charger_that_goes_on_with_three_is_found_out_and_told_no_number(
    site: MakeSite, told: bool, caplog: pytest.LogCaptureFixture
) -> None:
    shown = None if told else frozenset({"Power.Active.Import"})
    quirks = Quirks(ignores_phases=True, delivered_measurands=shown)
    one = await site(quirks=quirks)
    await one.charge((5, 10, 3))
    await one.keeper.hold(one.on((5, 8, 1)))
    await one.pass_time(4 * MINUTE, step=10)
    assert one.charger.features.plan_phases_ignored
    assert not one.charger.can_switch_phases
    assert one.used == (8, 3)
    assert one.connector.planned_phases is None
    assert one.connector.held_by is HeldBy.PROFILE
    assert not one.charger.features.plan_ignored
    period = one.sent()[-1]["chargingSchedule"]["chargingSchedulePeriod"][0]
    assert period.get("numberPhases") is None
    assert caplog.text.count("they are not switched") == 1


async def test_a_car_of_one_phase_is_no_reason_to_doubt_the_charger(
    site: MakeSite,
) -> None:
    one = await site()
    await one.plug(phases=1)
    await one.keeper.hold(one.on((5, 10, 3)))
    await one.until(lambda: one.connector.transaction)
    await one.keeper.hold(one.on((5, 8, 1)))
    await one.pass_time(5 * MINUTE, step=20)
    assert one.charger.can_switch_phases


@pytest.mark.parametrize(
    ("reported", "said", "can"),
    [
        (True, None, True),
        (False, None, False),
        (False, True, True),
        (True, False, False),
    ],
    ids=["reported", "not reported", "owner says yes", "owner says no"],
)
async def test_the_owners_word_counts_more_than_what_a_charger_reports(
    site: MakeSite, reported: bool, said: bool | None, can: bool
) -> None:
    key = {"ConnectorSwitch3to1PhaseSupported": str(reported).lower()}
    one = await site(said=said, configuration=key)
    assert one.charger.features.switches_phases is reported
    assert one.charger.can_switch_phases is can
    await one.charge((5, 8, 1))
    assert one.used == (8, 1 if can else 3)
