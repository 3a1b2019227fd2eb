"""How much a car needs, and how that is known."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ..csms.connector import Connector
from ..csms.model import ChargingState
from ..vehicles import Vehicle
from .wishes import Wishes

ASSUMED_KWH: Final = 20.0
"""What a session is taken to need when nothing at all is known: some 100 km."""
MORE_KWH: Final = 3.0
"""What is added when a car goes on after it took what was only a guess."""


class NeedSource(StrEnum):
    """How it is known how much a car needs."""

    TARGET_KWH = "target_kwh"
    """The owner set it at the connector."""
    TARGET_SOC = "target_soc"
    """From the state of charge."""
    VEHICLE = "vehicle"
    """The owner said what the car usually needs."""
    PAST_SESSIONS = "past_sessions"
    ASSUMED = "assumed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Need:
    """What is still needed at the charger's meter; `soc` where that is known, in %."""

    kwh: float
    source: NeedSource
    target_soc: float | None = None
    soc: float | None = None


def need_of(
    wishes: Wishes,
    vehicle: Vehicle | None,
    connector: Connector,
    *,
    soc: float | None,
    taken_kwh: float,
    usual_kwh: float | None,
) -> Need:
    """Return what a car needs, of the surest source there is.

    `soc` is None where it, or the battery's size, is not known. `taken_kwh` is what the
    car took since it was plugged in.
    """
    if wishes.target_kwh is not None:
        left = max(0.0, wishes.target_kwh - taken_kwh)
        return Need(kwh=left, source=NeedSource.TARGET_KWH, soc=soc)
    if vehicle is not None and soc is not None:
        battery = vehicle.settings.battery_kwh
        assert battery is not None
        target = target_soc(wishes, vehicle)
        left = (target - soc) / 100 * battery / vehicle.settings.efficiency
        return Need(
            kwh=max(0.0, left),
            source=NeedSource.TARGET_SOC,
            target_soc=target,
            soc=soc,
        )
    typed = None if vehicle is None else vehicle.settings.energy_kwh
    guess, source = typed, NeedSource.VEHICLE
    if guess is None:
        guess, source = usual_kwh, NeedSource.PAST_SESSIONS
    if guess is None:
        guess, source = ASSUMED_KWH, NeedSource.ASSUMED
    left = guess - taken_kwh
    if left <= 0 and connector.charging_state is not ChargingState.PAUSED_BY_CAR:
        # It was only a guess, and the car does not say that it is full.
        left = MORE_KWH - (-left) % MORE_KWH
    return Need(kwh=max(0.0, left), source=source)


def target_soc(wishes: Wishes, vehicle: Vehicle) -> float:
    """Return the state of charge to reach, in %: never above the car's own limit."""
    limit = 100.0 if vehicle.charge_limit is None else vehicle.charge_limit
    wanted = wishes.target_soc
    if wanted is None:
        wanted = vehicle.settings.target_soc
    return limit if wanted is None else min(wanted, limit)
