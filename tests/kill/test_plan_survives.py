"""A car is full in the morning although Home Assistant was killed at midnight."""

from collections import defaultdict
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from custom_components.ocpp_charging.planning.fuse import VALID_FOR
from simulator import Car, ChargePoint, ChargePointOptions, ManualClock, Quirks
from simulator.quirks import AfterPowerLoss
from tests.conftest import PASSWORD

from .night_home import (
    FUSE_A,
    HOUSE_A,
    MAIN_A,
    TURNED,
    Need,
    home,
    hours_after,
)

NEEDS = {
    "killed": Need(kwh=12, phases=3),
    "cut-off": Need(kwh=4, phases=1),
    "rebooted": Need(kwh=12, phases=3),
}
"""Each needs more than the safe value gives it in the two and a half cheap hours."""
SAFE_A = 6.0
"""What a charger falls to when nobody renews its share of the main fuse."""

type Line = tuple[datetime, int]
"""A minute, and a phase of the house."""


def house_a(moment: datetime, phase: int) -> float:
    """Return what the house draws: as much as it may, on each phase in its time."""
    return HOUSE_A if (moment.minute // 5 + phase) % 3 else 1.0


class Garage:
    """A charger with its car, which lives faster than Home Assistant."""

    def __init__(self, identity: str, need: Need, port: int, now: datetime) -> None:
        self.need = need
        wiring = TURNED if self.need.phases == 1 else "123"
        self.phases = [int(each) for each in wiring][: self.need.phases]
        self.clock = ManualClock(now)
        self.point = ChargePoint(
            ChargePointOptions(
                identity=identity,
                url=f"ws://127.0.0.1:{port}",
                password=PASSWORD,
                max_current=32.0,
                reconnect_backoff_s=(20.0,),
                quirks=Quirks(after_power_loss=AfterPowerLoss.RESUME),
            ),
            clock=self.clock,
        )
        self.car = Car(
            battery_kwh=30,
            soc_percent=80 - self.need.kwh * 0.9 / 0.3,
            phases=self.need.phases,
            target_percent=80,
            max_current_a=32,
            taper_from_percent=100,
        )
        self.hours: list[tuple[datetime, float]] = []

    async def sleep_until(self, morning: datetime, step_s: float = 60) -> None:
        """Let the night pass, a minute at a time; note what flows."""
        while self.clock.now() < morning:
            await self.clock.advance(step_s)
            connector = self.point.connector(1)
            self.hours.append((self.clock.now(), connector.current_a))


@pytest.mark.timeout(120)
@pytest.mark.usefixtures("socket_enabled")
async def test_cars_are_full_at_seven_when_nobody_is_there_since_midnight(
    tmp_path: Path,
) -> None:
    identities = list(NEEDS)
    now = datetime.now(UTC)
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(home(tmp_path, NEEDS))
        port = (await one.heard("port"))["port"]
        garages = {name: Garage(name, need, port, now) for name, need in NEEDS.items()}
        for garage in garages.values():
            stack.push_async_callback(garage.point.stop)
        for garage in garages.values():
            await garage.point.start()
            await garage.point.until_accepted()
            await garage.point.plug(1, garage.car)
        planned = {}
        for _ in identities:
            said = await one.heard("held")
            planned[said["held"]] = [
                (datetime.fromisoformat(start), datetime.fromisoformat(end), power)
                for start, end, power in said["periods"]
            ]
        # The network of one is cut first; the others lose Home Assistant itself.
        await garages["cut-off"].point.disconnect()
        await one.kill()
        for name, garage in garages.items():
            if name == "rebooted":
                start, end, _ = max(planned[name], key=lambda one: one[1] - one[0])
                await garage.sleep_until(start + (end - start) / 2)
                assert garage.point.connector(1).current_a
                await garage.point.reboot(hard=True)
            await garage.sleep_until(hours_after(now, 7))
        for name, garage in garages.items():
            _check(garage, planned[name])
        _check_main_fuse(list(garages.values()))


@pytest.mark.timeout(120)
@pytest.mark.usefixtures("socket_enabled")
async def test_a_car_that_has_more_than_its_safe_value_falls_to_it_soon_and_goes_on(
    tmp_path: Path,
) -> None:
    now = datetime.now(UTC)
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(
            home(tmp_path, {"fast": NEEDS["killed"]}, mode="fast")
        )
        port = (await one.heard("port"))["port"]
        garage = Garage("fast", NEEDS["killed"], port, now)
        stack.push_async_callback(garage.point.stop)
        await garage.point.start()
        await garage.point.until_accepted()
        await garage.point.plug(1, garage.car)
        await one.heard("held")
        await garage.point.wait_for(lambda cp: cp.connector(1).current_a > 2 * SAFE_A)
        await one.kill()
        killed_at = datetime.now(UTC)
        await garage.sleep_until(killed_at + timedelta(hours=1), step_s=10)
    slack = timedelta(seconds=20)
    falls = next(at for at, current in garage.hours if current <= SAFE_A)
    # As long as a share holds that nobody renews.
    assert falls - killed_at <= VALID_FOR + slack
    assert {current for at, current in garage.hours if at < falls} == {FUSE_A}
    assert {current for at, current in garage.hours if at >= falls} == {SAFE_A}


def _check(garage: Garage, periods: list[tuple[datetime, datetime, float]]) -> None:
    assert garage.car.soc_percent == pytest.approx(80, abs=0.5)
    now = garage.hours[0][0]
    for start, end, _ in periods:
        # Only in the cheap hours.
        rounded = timedelta(seconds=1)
        assert hours_after(now, 2) - rounded <= start < end
        assert end <= hours_after(now, 4.5) + rounded
    slack = timedelta(seconds=90)
    planned_end = max(end for _, end, _ in periods)
    for moment, current in garage.hours:
        assert current <= FUSE_A
        if not current:
            continue
        # Nobody renews its share of the main fuse: it has the safe value, and makes
        # up afterwards for what that is less than planned.
        assert current <= SAFE_A
        assert moment > planned_end or any(
            start - slack <= moment <= end + slack for start, end, _ in periods
        )


def _check_main_fuse(garages: list[Garage]) -> None:
    """Check each phase of the house, in each minute, with what the house draws."""
    cars: dict[Line, float] = defaultdict(float)
    for garage in garages:
        for moment, current in garage.hours:
            for phase in garage.phases:
                cars[moment.replace(second=0, microsecond=0), phase] += current
    for (moment, phase), current in cars.items():
        assert current + house_a(moment, phase) <= MAIN_A
    # All three charge at once on one phase only; none is above its safe value.
    most = {
        phase: max(cars[line] for line in cars if line[1] == phase)
        for phase in (1, 2, 3)
    }
    assert most == pytest.approx({1: 2 * SAFE_A, 2: 3 * SAFE_A, 3: 2 * SAFE_A})
