"""The chargers of the demonstration and the cars that stand before them."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, kw_only=True)
class Bay:
    """One charger of the demonstration and the car that stands before it."""

    identity: str
    name: str
    model: str
    phases: int
    car_name: str
    battery_kwh: float
    soc: float
    target_soc: int
    stays: timedelta
    """How long it is before the car leaves."""
    mode: str
    register_wh: float

    def leaves(self, now: datetime) -> datetime:
        """Return when the car leaves: at half past or at the full hour."""
        late = now + self.stays
        return late.replace(minute=late.minute // 30 * 30, second=0, microsecond=0)

    @property
    def most_w(self) -> float:
        """Return the most that the car draws here, in W."""
        return self.phases * self.max_current_a * 230

    @property
    def max_current_a(self) -> int:
        """Return the most that car and charger bear, per phase."""
        return 32 if self.phases == 1 else 16


BAYS = (
    Bay(
        identity="garage",
        name="Garage",
        model="SimBox 1",
        phases=1,
        car_name="city car",
        battery_kwh=40,
        soc=38,
        target_soc=80,
        # A day and a bit: at whatever time one looks, the sun of a day is ahead.
        stays=timedelta(hours=21),
        mode="smart_solar",
        register_wh=1_834_210,
    ),
    Bay(
        identity="driveway",
        name="Driveway",
        model="SimBox 3",
        phases=3,
        car_name="family car",
        battery_kwh=77,
        soc=52,
        target_soc=90,
        stays=timedelta(hours=11),
        mode="smart",
        register_wh=5_120_845,
    ),
)
