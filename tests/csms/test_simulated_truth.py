"""Sessions of simulated chargers with habits that concern them, through troubles.

Whatever a charger makes of a power failure, a lost connection or a restart of ours:
each session is in the books once, with what the car took.
"""

from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from custom_components.ocpp_charging.csms.timing import Timing
from custom_components.ocpp_charging.ledger import Session, SessionState
from simulator import PRESETS, ChargePoint, ChargePointOptions
from tests.conftest import PASSWORD
from tests.csms.house import House, house
from tests.csms.raw import until

TIMING = Timing(
    call_timeout=5, boot_grace=0.3, boot_settle=0, close_timeout=1, fatal_step=5
)
TAG = "CARD"
REGISTER_WH = 1_000_000.0
AGE_S = (datetime.now(UTC) - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()

HABITS = {
    name: replace(PRESETS[name], replay_delay_s=min(PRESETS[name].replay_delay_s, 0.2))
    for name in (
        "none",
        "session-register",
        "kilowatt-hours",
        "per-phase-only",
        "after-live",
        "late-replay",
        "no-boot",
        "silent-reconnect",
        "resumes-from-zero",
        "forgets-transactions",
        "ids-from-one",
        "negative-transaction-ids",
        "zero-transaction-ids",
        "meter-values-after-stop",
        "garbage-tag",
    )
}
"""Those that concern transactions, the register, and what is sent after a trouble."""


class Site:
    """A simulated charger at a central system; counts what its car took."""

    def __init__(self, home: House, **options: Any) -> None:
        """Make the charger; it is not connected yet."""
        self.home = home
        self.took: list[float] = []
        self.charge_point = ChargePoint(
            ChargePointOptions(
                url=f"ws://127.0.0.1:{home.central.port}",
                password=PASSWORD,
                register_wh=REGISTER_WH,
                reconnect_backoff_s=(0.05,),
                reboot_s=0.05,
                autostart_tag=TAG,
                **options,
            )
        )

    async def connect(self) -> None:
        """Connect and wait until the charger has told all that it had to tell."""
        await self.charge_point.start()
        await self.charge_point.until_accepted()
        await until(self.home.charger, lambda: self.home.charger.connected)

    async def settle(self) -> None:
        """Wait until the charger has told all that it has to tell."""
        await self.charge_point.until_accepted()

    def set_clock_back(self, by: timedelta) -> None:
        """Let the charger's clock be slow, until ours corrects it."""
        device = self.charge_point.device
        device.set(device.now() - by, asked_at=device.now())

    async def plug(self) -> None:
        """Plug in: the session begins."""
        await self.charge_point.plug()
        self.took.append(0)

    def take(self, wh: float) -> None:
        """Let the car take energy, if a session runs, and have it told."""
        connector = self.charge_point.connector(1)
        if connector.transaction is not None:
            connector.register_wh += wh
            self.took[-1] += wh
            self.charge_point.send_meter_values(connector)

    async def unplug(self) -> None:
        """End the session, if one runs, and drive off."""
        if self.charge_point.connector(1).transaction is not None:
            await self.charge_point.stop_locally()
        await self.charge_point.unplug()

    async def books(self) -> list[Session]:
        """Return the sessions in the books."""
        await self.settle()
        return await self.home.sessions()


@pytest.fixture
async def home(socket_enabled: None, tmp_path: Path) -> AsyncGenerator[House]:
    """Return a central system that sets chargers up; nobody dials in."""
    async with house(tmp_path, timing=TIMING, dials=False) as made:
        yield made


async def power_failure(site: Site) -> None:
    await site.charge_point.reboot(hard=True)
    await site.charge_point.wait_for(lambda one: not one.connected)


async def lost_connection(site: Site) -> None:
    await site.charge_point.disconnect()
    site.take(100)
    await site.connect()


async def restart_of_ours(site: Site) -> None:
    await site.home.restart()


async def stop_while_away(site: Site) -> None:
    await site.charge_point.disconnect()
    site.take(100)
    await site.unplug()
    await site.connect()


TROUBLES = [power_failure, lost_connection, restart_of_ours, stop_while_away]


@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("habit", HABITS)
async def test_what_the_car_took_is_in_the_books_whatever_happens(
    home: House, habit: str, trouble: Any
) -> None:
    site = Site(home, quirks=HABITS[habit])
    await site.connect()
    # What comes after a power failure is of another minute.
    site.set_clock_back(timedelta(minutes=2))
    try:
        await site.plug()
        await site.settle()
        site.take(300)
        await site.settle()
        await trouble(site)
        await site.settle()
        site.take(200)
        await site.unplug()
        await site.settle()
        await site.plug()
        site.take(250)
        await site.unplug()
        sessions = await site.books()
        assert [one.id_tag for one in sessions] == [TAG, TAG]
        assert {one.state for one in sessions} == {SessionState.ENDED}
        took = [one.energy_wh for one in sessions]
        assert took == pytest.approx(site.took, abs=12)
        notes = {note for one in sessions for note in one.notes}
        lost_end = habit == "forgets-transactions" and trouble is power_failure
        began_anew = habit == "resumes-from-zero" and trouble is power_failure
        assert ("no_stop" in notes) is lost_end
        assert ("reset" in notes) is (sessions[0].gap_s > 0) is began_anew
        assert home.connector.transaction is None
        assert site.charge_point.violations == []
    finally:
        await site.charge_point.stop()


@pytest.mark.parametrize(
    "offset_s",
    [
        pytest.param(7200.0, id="ahead"),
        pytest.param(-86400.0, id="behind"),
        pytest.param(-AGE_S, id="1970"),
    ],
)
@pytest.mark.parametrize("trouble", TROUBLES)
async def test_a_wrong_clock_does_not_matter_whatever_happens(
    home: House, offset_s: float, trouble: Any
) -> None:
    site = Site(home, clock_offset_s=offset_s, follow_server_time=False)
    begun = datetime.now(UTC)
    await site.connect()
    try:
        await site.plug()
        site.take(300)
        await site.settle()
        await trouble(site)
        await site.settle()
        await site.unplug()
        (session,) = await site.books()
        assert session.energy_wh == pytest.approx(site.took[0], abs=12)
        assert session.state is SessionState.ENDED
        assert abs(session.raw_started_at - begun) > timedelta(hours=1.9)
        if offset_s > 0:
            # A slow clock is only known by a second message, some time after.
            assert abs(session.started_at - begun) < timedelta(seconds=30)
    finally:
        await site.charge_point.stop()


async def test_a_session_that_began_before_the_clock_was_set_is_of_today(
    home: House,
) -> None:
    """The charger has no battery for its clock, and no connection at first."""
    site = Site(home, clock_offset_s=-AGE_S)
    await site.plug()
    site.take(300)
    begun = datetime.now(UTC)
    await site.connect()
    try:
        await site.settle()
        site.take(200)
        await site.settle()
        assert home.connector.transaction is not None
        await site.unplug()
        (session,) = await site.books()
        assert session.raw_started_at.year == 1970
        assert abs(session.started_at - begun) < timedelta(seconds=30)
        assert session.ended_at is not None
        assert abs(session.ended_at - begun) < timedelta(seconds=30)
        assert session.energy_wh == pytest.approx(500, abs=12)
    finally:
        await site.charge_point.stop()
