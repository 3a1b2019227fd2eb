"""A car as a charge point sees it: what it draws, and how long it will go on doing so.

The current is constant while the battery is low. From `taper_from_percent` on, the
car allows less and less, in a straight line over the state of charge, down to
its minimum when it is full. Between two changes of the offered current this has a
closed solution, so energy is exact over any stretch of time.
"""

from dataclasses import dataclass
import math


@dataclass(frozen=True, kw_only=True)
class Supply:
    """What the charge point offers the car.

    `current_a` is per phase and already 0 when nothing may flow; `voltage_v` is a
    phase to neutral.
    """

    current_a: float
    phases: int
    voltage_v: float = 230.0


@dataclass(kw_only=True)
class Car:
    """A battery with an on-board charger. It is changed by being charged."""

    battery_kwh: float = 60.0
    soc_percent: float = 40.0
    phases: int = 3
    max_current_a: float = 16.0
    min_current_a: float = 6.0
    taper_from_percent: float = 80.0
    target_percent: float = 100.0
    """The owner's own limit; the car stops there."""
    efficiency: float = 0.9
    """The part of the energy from the plug that reaches the battery."""
    wake_up_s: float = 0.0
    """How long the car waits after current is offered before it draws."""
    paused: bool = False
    """The car (its own timer, its owner's app) does not want to charge now."""

    @property
    def full(self) -> bool:
        """Return whether the car has reached what it wants."""
        return self.soc_percent >= self.target_percent - 1e-9

    def wants(self) -> bool:
        """Return whether the car would take current now if it were offered."""
        return not (self.full or self.paused or self.wake_up_s > 0)

    def current_a(self, supply: Supply) -> float:
        """Return the current per phase that the car draws at this moment."""
        if not self.wants() or supply.current_a < self.min_current_a - 1e-9:
            return 0.0
        return min(supply.current_a, self._allowed_a(self.soc_percent))

    def phases_used(self, supply: Supply) -> int:
        """Return over how many phases the car charges."""
        return min(self.phases, supply.phases)

    def power_w(self, supply: Supply) -> float:
        """Return the power drawn over all phases."""
        return self.current_a(supply) * self.phases_used(supply) * supply.voltage_v

    def advance(self, supply: Supply, seconds: float) -> float:
        """Charge for a while under one supply; return the energy drawn in Wh."""
        energy = 0.0
        left = seconds
        while left > 1e-9:
            stretch = self.seconds_to_change(supply)
            step = left if stretch is None else min(left, stretch)
            energy += self._charge(supply, step)
            left -= step
            if stretch is None:
                break
        return energy

    def seconds_to_change(self, supply: Supply) -> float | None:
        """Return how long until the car behaves differently by itself, None for never.

        That is its waking up, the begin of the taper, and being full.
        """
        if self.full or self.paused or supply.current_a < self.min_current_a - 1e-9:
            return None
        if self.wake_up_s > 0:
            return self.wake_up_s
        knee = self._knee_percent(supply.current_a)
        if self.soc_percent < knee - 1e-9:
            end = min(knee, self.target_percent)
            missing_wh = (end - self.soc_percent) / 100 * self.battery_kwh * 1000
            return missing_wh / self.efficiency / self.power_w(supply) * 3600
        now_a = self._allowed_a(self.soc_percent)
        end_a = self._allowed_a(self.target_percent)
        return math.log(now_a / end_a) / self._decay_per_s(supply)

    def _charge(self, supply: Supply, seconds: float) -> float:
        """Advance within a stretch in which `seconds_to_change` is not passed."""
        if self.wake_up_s > 0 and self.seconds_to_change(supply) is not None:
            left = self.wake_up_s - seconds
            self.wake_up_s = left if left > 1e-6 else 0.0
            return 0.0
        current = self.current_a(supply)
        if current <= 0:
            return 0.0
        per_ampere_wh_s = self.phases_used(supply) * supply.voltage_v / 3600
        if self.soc_percent < self._knee_percent(supply.current_a) - 1e-9:
            energy = current * per_ampere_wh_s * seconds
        else:
            decay = self._decay_per_s(supply)
            energy = current * per_ampere_wh_s * -math.expm1(-decay * seconds) / decay
        self.soc_percent += energy * self.efficiency / (self.battery_kwh * 10)
        if self.soc_percent > self.target_percent - 1e-7:
            self.soc_percent = self.target_percent
        return energy

    def _allowed_a(self, soc_percent: float) -> float:
        """Return what the battery takes at a state of charge."""
        if soc_percent <= self.taper_from_percent or self.taper_from_percent >= 100:
            return self.max_current_a
        done = (soc_percent - self.taper_from_percent) / (100 - self.taper_from_percent)
        return self.max_current_a - (self.max_current_a - self.min_current_a) * done

    def _knee_percent(self, offered_a: float) -> float:
        """Return the state of charge from which the battery is the limit."""
        span = self.max_current_a - self.min_current_a
        if span <= 0 or self.taper_from_percent >= 100:
            return 100.0
        below = max(0.0, self.max_current_a - offered_a) / span
        return self.taper_from_percent + below * (100 - self.taper_from_percent)

    def _decay_per_s(self, supply: Supply) -> float:
        """Return the rate at which the current falls off in the taper, per second."""
        taper_wh = (100 - self.taper_from_percent) / 100 * self.battery_kwh * 1000
        battery_wh_per_ampere_s = (
            self.phases_used(supply) * supply.voltage_v / 3600 * self.efficiency
        )
        return (
            (self.max_current_a - self.min_current_a)
            / taper_wh
            * battery_wh_per_ampere_s
        )
