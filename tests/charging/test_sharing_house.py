"""A house in accelerated time: cars that follow late, an oven, a heat pump, a meter."""

from collections import deque
from dataclasses import dataclass, field, replace
from random import Random

import pytest

from custom_components.ocpp_charging.charging.claims import Claim, Reading, SharingState
from custom_components.ocpp_charging.charging.sharing import share

from .fuses import after, fuse, house

STEP = 0.5
FUSE = 25.0


@dataclass
class Car:
    """A car that follows its charger's limit late, and may draw less than it may."""

    phases: tuple[int, ...]
    delay_s: float
    greatest: float
    samples_s: float = 10.0
    bears: float = 32.0
    allowed: float = 0.0
    now_a: float = 0.0
    told: deque[tuple[float, float]] = field(default_factory=deque)
    sample: tuple[float, float] = (0.0, 0.0)

    def tell(self, at: float, current: float) -> None:
        if current != self.allowed:
            self.allowed = current
            self.told.append((at + self.delay_s, current))

    def tick(self, at: float, *, paused: bool) -> None:
        limit = self.limit
        while self.told and self.told[0][0] <= at:
            limit = self.limit = self.told.popleft()[1]
        aim = 0.0 if paused or limit < 6 else min(limit, self.bears)
        # A car falls at once, and rises by 2 A each second.
        self.now_a = min(aim, self.now_a + 2 * STEP)
        if at % self.samples_s < STEP:
            self.sample = (at, self.now_a)

    limit: float = 0.0

    def claim(self) -> Claim:
        at, current = self.sample
        drawn = [current if phase in self.phases else 0.0 for phase in (1, 2, 3)]
        return Claim(
            circuit="main",
            phases=self.phases,
            wanted_a=self.greatest,
            max_a=self.greatest,
            allowed_a=self.allowed,
            drawn_a=(drawn[0], drawn[1], drawn[2]),
            drawn_at=after(at),
        )


class Loads:
    """What the house itself needs: always something, an oven, a heat pump."""

    def __init__(self, dice: Random, *, calm: bool) -> None:
        self.dice = dice
        self.oven = self.pump = False
        self.next_oven = self.next_pump = float("inf") if calm else 60.0

    def at(self, at: float) -> list[float]:
        dice = self.dice
        if at >= self.next_oven:
            self.oven, self.next_oven = not self.oven, at + dice.uniform(20, 600)
        if at >= self.next_pump:
            self.pump, self.next_pump = not self.pump, at + dice.uniform(120, 1500)
        pump = 6.0 * self.pump
        loads = (2.0 + 11 * self.oven + pump, 1.5 + 11 * self.oven + pump, 1.0 + pump)
        return [one + dice.uniform(0, 0.5) for one in loads]


class Meter:
    """It tells every few seconds, and may freeze for minutes, time after time."""

    def __init__(self, dice: Random, every_s: float, freezes: str | None) -> None:
        self.reading = Reading(currents_a=fuse(0), at=after(0))
        self._dice, self._every_s, self._freezes = dice, every_s, freezes
        self._from = self._until = 120.0 if freezes else float("inf")

    def frozen_s(self, at: float) -> float:
        """Return for how long it has been frozen; 0 where it works."""
        if at >= self._until:
            # It has just told what there was.
            self._from = at + self._every_s * self._dice.randint(12, 48) + STEP
            self._until = self._from + self._every_s * self._dice.randint(4, 36) - STEP
        return max(0.0, at - self._from + STEP)

    def tells(self, at: float, flows: list[float]) -> bool:
        """Say whether it tells now what flows."""
        if at % self._every_s >= STEP:
            return False
        if not self.frozen_s(at):
            one, two, three = flows
            self.reading = Reading(currents_a=(one, two, three), at=after(at))
            return True
        if self._freezes == "tells_the_same":
            self.reading = replace(self.reading, at=after(at))
        return False


@dataclass
class Lived:
    """What came of some hours."""

    longest_over_s: float = 0.0
    """The longest time over the fuse after a reading that told so."""
    most_a: float = 0.0
    most_frozen_a: float = 0.0
    """The most while the meter was frozen, from when all had followed on."""
    charged: dict[str, float] = field(default_factory=dict)
    changes: int = 0


def live(
    seed: int,
    *,
    hours: float = 1.0,
    meter_s: float = 5.0,
    samples_s: float = 10.0,
    calm: bool = False,
    bears: float = 32.0,
    freezes: str | None = None,
) -> Lived:
    """Live some hours; while the meter is frozen the house needs the same."""
    dice = Random(seed)
    cars = {
        "one": Car(
            phases=(1,),
            delay_s=dice.choice([2.0, 3.5, 4.5]),
            greatest=32.0,
            samples_s=samples_s,
            bears=bears,
        ),
        "three": Car(
            phases=(2, 3, 1),
            delay_s=dice.choice([2.0, 3.5, 4.5]),
            greatest=16.0,
            samples_s=samples_s,
        ),
    }
    home = house(FUSE, hysteresis_a=1.0)
    lived = Lived(charged=dict.fromkeys(cars, 0.0))
    state, pause_until = SharingState(), 0.0
    loads = Loads(dice, calm=calm)
    over_since: float | None = None
    meter = Meter(dice, meter_s, freezes)
    needs = loads.at(0)
    for step in range(int(hours * 3600 / STEP)):
        at = step * STEP
        if not calm and dice.random() < STEP / 1200:
            pause_until = at + dice.uniform(30, 300)
        frozen_s = meter.frozen_s(at)
        if not frozen_s:
            needs = loads.at(at)
        rest = list(needs)
        for key, one in cars.items():
            one.tick(at, paused=key == "one" and at < pause_until)
            lived.charged[key] += one.now_a * STEP / 3600
            for phase in one.phases:
                rest[phase - 1] += one.now_a
        lived.most_a = max(lived.most_a, *rest)
        if max(rest) <= FUSE + 0.5:
            over_since = None
        elif over_since is not None:
            lived.longest_over_s = max(lived.longest_over_s, at - over_since)
        if frozen_s > 5:
            lived.most_frozen_a = max(lived.most_frozen_a, *rest)
        if meter.tells(at, rest) and max(rest) > FUSE + 0.5 and over_since is None:
            over_since = at
        if at % 1 < STEP:
            claims = {key: one.claim() for key, one in cars.items()}
            shares = share(home, claims, {"main": meter.reading}, state, after(at))
            state = shares.state
            for key, one in cars.items():
                current = shares.allowed[key].current_a
                lived.changes += current != one.allowed
                one.tell(at, current)
    return lived


@pytest.mark.parametrize("meter_s", [1.0, 5.0, 10.0])
@pytest.mark.parametrize("seed", range(3))
def test_the_fuse_is_exceeded_for_5_s_at_most_after_a_reading(
    seed: int, meter_s: float
) -> None:
    lived = live(seed, meter_s=meter_s)
    assert lived.longest_over_s <= 5.0
    assert lived.most_a <= FUSE + 17.5  # oven and heat pump at once
    assert min(lived.charged.values()) > 3


@pytest.mark.parametrize("freezes", ["tells_nothing", "tells_the_same"])
@pytest.mark.parametrize("seed", [0, 1, 3])
def test_with_a_frozen_meter_no_car_exceeds_the_fuse(seed: int, freezes: str) -> None:
    lived = live(seed, freezes=freezes)
    assert 0 < lived.most_frozen_a <= FUSE


@pytest.mark.parametrize("bears", [10.0, 16.0])
@pytest.mark.parametrize("samples_s", [5.0, 10.0, 60.0])
def test_nor_with_cars_that_draw_less_than_they_may(
    bears: float, samples_s: float
) -> None:
    lived = live(7, samples_s=samples_s, bears=bears)
    assert lived.longest_over_s <= 5.0


@pytest.mark.parametrize("samples_s", [10.0, 60.0])
@pytest.mark.parametrize("meter_s", [1.0, 10.0])
def test_a_house_that_is_calm_leaves_the_cars_alone(
    meter_s: float, samples_s: float
) -> None:
    lived = live(1, meter_s=meter_s, samples_s=samples_s, calm=True)
    assert lived.longest_over_s == 0
    assert lived.most_a <= FUSE
    assert lived.changes <= 12
    # 22 A of L1 are free: 11 for each, and what is left of a step.
    assert sum(lived.charged.values()) >= 19.5
