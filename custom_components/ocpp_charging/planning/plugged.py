"""What is followed of the car that is plugged in: its energy, charge and pauses."""

from datetime import datetime

from ..csms.connector import Connector
from ..vehicles import Vehicle


class Plugged:
    """A car's stay at a connector, in which there may be several sessions."""

    def __init__(self, connector: Connector, now: datetime) -> None:
        """Begin with what the running session has taken."""
        self._connector = connector
        session = connector.transaction
        self.began = now if session is None else min(now, session.started_at)
        """When it was plugged in; after a restart, when its session began."""
        self._before_kwh = 0.0
        """What earlier sessions of this stay took."""
        self._session = connector.transaction
        self._charging = connector.charging
        self.since: datetime | None = None
        """When it began to charge, or ended; None where that was not seen."""
        self._told: tuple[str, float] | None = None
        """The car, and the state of charge that it told last, in %."""
        self._taken_then = 0.0
        self.usual_kwh: float | None = None
        self.usual_of: str | None = None
        """What such a car usually takes, and for which it was looked up."""

    @property
    def taken_kwh(self) -> float:
        """Return what was taken since the car was plugged in, at the meter."""
        running = 0.0 if self._session is None else self._session.energy_wh / 1000
        return self._before_kwh + running

    def look(self, now: datetime) -> None:
        """Take over what the connector says."""
        session = self._connector.transaction
        if session is not self._session:
            self._before_kwh = self.taken_kwh
            self._session = session
        charging = self._connector.charging
        if charging != self._charging:
            self._charging = charging
            self.since = now

    def soc(self, vehicle: Vehicle | None) -> float | None:
        """Return the state of charge in %, None where it or the battery is not known.

        Cars report now and then: what was charged since is added. One that falls silent
        while it is plugged in, as when its maker's cloud is away, is where it was.
        """
        if vehicle is None or vehicle.settings.battery_kwh is None:
            return None
        if vehicle.soc is not None and (vehicle.key, vehicle.soc) != self._told:
            self._told = vehicle.key, vehicle.soc
            self._taken_then = self.taken_kwh
        if self._told is None or self._told[0] != vehicle.key:
            return None
        since = self.taken_kwh - self._taken_then
        gained = since * vehicle.settings.efficiency / vehicle.settings.battery_kwh
        return min(100.0, self._told[1] + gained * 100)
