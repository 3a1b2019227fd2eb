"""A house for several cars: where each is, what else is on, and what a peak costs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from .circuits import Circuit, Circuits
from .series import Series

PHASES = (1, 2, 3)


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a car charges, and who goes first.

    Raises `ValueError` for phases that there are not.
    """

    circuit: str | None = None
    """What feeds the charger, None when no circuit limits it."""
    phases: tuple[int, ...] = PHASES
    """The house's phases behind the charger's L1, L2 and L3, in this order. A car that
    uses one phase uses the first of them."""
    priority: int = 0
    """When not all can have what they ask for, those with more come first."""

    def __post_init__(self) -> None:
        """Refuse phases that there are not."""
        if (
            not self.phases
            or len(set(self.phases)) < len(self.phases)
            or not set(self.phases) <= set(PHASES)
        ):
            raise ValueError("phases are one to three of 1, 2 and 3")


@dataclass(frozen=True, kw_only=True, slots=True)
class PeakTariff:
    """What the highest mean power from the grid costs.

    The mean is taken over windows of a fixed length, one after the other.
    """

    price_per_kw: float
    """Of the highest mean, for all that is billed together: most often a month."""
    window: timedelta = timedelta(hours=1)
    ahead: timedelta = timedelta(0)
    """How far the clock that the windows go by is ahead of UTC: they begin at its
    midnight. Below 0 where it is behind."""
    so_far_kw: float = 0.0
    """The highest mean that is billed already: up to it, power is free."""
    used_kwh: float = 0.0
    """What has been taken from the grid since the running window began."""
    house: Series = field(default_factory=Series)
    """What the house takes from the grid without the cars, in W. 0 where unknown."""

    def __post_init__(self) -> None:
        """Refuse a price or a window that there can't be."""
        if self.price_per_kw < 0 or self.window <= timedelta(0):
            raise ValueError("a peak costs at least 0, over a time above 0")


def load_of_power(
    watts: Series, *, phases: int = 3, voltage_v: float = 230.0
) -> tuple[Series, Series, Series]:
    """Return a power in W as currents per phase in A: equal on the first `phases`."""
    each = watts.map(lambda one: one / (phases * voltage_v))
    none = Series()
    return (each, each if phases > 1 else none, each if phases > 2 else none)


@dataclass(frozen=True, kw_only=True, slots=True)
class Site:
    """All that several cars share.

    Raises `ValueError` for a load or a car on a circuit that there is not.
    """

    circuits: Circuits | None = None
    """The main fuse and what is below it. None: nothing is known of fuses."""
    base_load: Mapping[str, tuple[Series, Series, Series]] = field(default_factory=dict)
    """What flows through a circuit besides the cars, in A per phase, what flows on to
    circuits below it included. 0 where unknown. See `load_of_power`."""
    grid_limit: Series = field(default_factory=Series)
    """What all cars together may draw, in W. No limit where unknown."""
    peak: PeakTariff | None = None
    places: Mapping[str, Place] = field(default_factory=dict)
    """Where each car is. One that is not named is on no circuit."""

    def __post_init__(self) -> None:
        """Refuse what hangs on no circuit."""
        asked = set(self.base_load)
        asked |= {one.circuit for one in self.places.values() if one.circuit}
        known = set(self.circuits.by_key) if self.circuits else set()
        if unknown := asked - known:
            raise ValueError(f"there is no circuit {min(unknown)}")

    def place(self, car: str) -> Place:
        """Return where a car is."""
        return self.places.get(car, Place())

    def above(self, car: str) -> tuple[Circuit, ...]:
        """Return the circuits that feed a car, the main fuse last."""
        circuit = self.place(car).circuit
        if self.circuits is None or circuit is None:
            return ()
        return self.circuits.path(circuit)


def window_edges(
    tariff: PeakTariff, now: datetime, until: float
) -> Iterator[tuple[float, float]]:
    """Yield the starts and ends of a tariff's windows from now on, in seconds."""
    length = tariff.window.total_seconds()
    start = -((now.timestamp() + tariff.ahead.total_seconds()) % length)
    while start < until:
        yield start, start + length
        start += length
