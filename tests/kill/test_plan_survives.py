"""A car is full in the morning although Home Assistant was killed at midnight."""

from collections import defaultdict
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from simulator import Car, ChargePoint, ChargePointOptions, ManualClock, Quirks
from simulator.quirks import AfterPowerLoss
from tests.conftest import PASSWORD

from .night_home import FUSE_A, MAIN_A, home, hours_after

KWH = 14.0
"""More than a third of what the main fuse bears in the two and a half cheap hours."""
SAFE_A = 6.0
"""What a charger falls to when nobody renews its share of the main fuse."""


class Garage:
    """A charger with its car, which lives faster than Home Assistant."""

    def __init__(self, identity: str, port: int, now: datetime) -> None:
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
            soc_percent=80 - KWH * 0.9 / 0.3,
            target_percent=80,
            max_current_a=32,
            taper_from_percent=100,
        )
        self.hours: list[tuple[datetime, float]] = []

    async def sleep_until(self, morning: datetime) -> None:
        """Let the night pass minute by minute; note what flows."""
        while self.clock.now() < morning:
            await self.clock.advance(60)
            connector = self.point.connector(1)
            self.hours.append((self.clock.now(), connector.current_a))


@pytest.mark.timeout(120)
@pytest.mark.usefixtures("socket_enabled")
async def test_cars_are_full_at_seven_when_nobody_is_there_since_midnight(
    tmp_path: Path,
) -> None:
    names = ["killed", "cut off", "rebooted"]
    identities = [name.replace(" ", "-") for name in names]
    now = datetime.now(UTC)
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(home(tmp_path, identities, kwh=KWH))
        port = (await one.heard("port"))["port"]
        garages = {name: Garage(name, port, now) for name in identities}
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
                await garage.sleep_until(hours_after(now, 3))
                await garage.point.reboot(hard=True)
            await garage.sleep_until(hours_after(now, 7))
        for name, garage in garages.items():
            _check(garage, planned[name])
        _check_main_fuse(list(garages.values()))


def _check(garage: Garage, periods: list[tuple[datetime, datetime, float]]) -> None:
    assert garage.car.soc_percent == pytest.approx(80, abs=1)
    now = garage.hours[0][0]
    assert any(start < hours_after(now, 3) < end for start, end, _ in periods)
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
    together: dict[datetime, float] = defaultdict(float)
    for garage in garages:
        for moment, current in garage.hours:
            together[moment.replace(second=0, microsecond=0)] += current
    assert 0 < max(together.values()) <= MAIN_A
