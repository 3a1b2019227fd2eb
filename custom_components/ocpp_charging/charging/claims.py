"""What chargers ask of a house's fuses, what its meters say, and what each is given."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from .circuits import NOTHING, Circuits, Phases


@dataclass(frozen=True, kw_only=True, slots=True)
class House:
    """A house's fuses, what the owner has said about them, and how steadily to share.

    Raises `ValueError` for a circuit that there is not.
    """

    circuits: Circuits
    other_a: Mapping[str, Phases] = field(default_factory=dict)
    """What else a circuit is taken to carry while no meter tells, in A per phase, the
    circuits below it included. The owner's guess; 0 where there is none."""
    voltage_v: float = 230.0
    """Of one phase against neutral."""
    silent_after: timedelta = timedelta(seconds=60)
    """A reading that is older is not what is so now."""
    rise_every: timedelta = timedelta(seconds=30)
    """How long a connector keeps a current before it gets more."""
    restart_after: timedelta = timedelta(minutes=2)
    """How long one that was stopped stays so."""
    hysteresis_a: float = 1.0
    """How much stays free when a connector gets more. It may be used up then."""
    turn: timedelta = timedelta(minutes=15)
    """How long it takes until those who wait come before those who charge."""

    def __post_init__(self) -> None:
        """Refuse a circuit that there is not."""
        if unknown := set(self.other_a) - set(self.circuits.by_key):
            raise ValueError(f"no such circuit: {sorted(unknown)}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """What the car at a connector asks for. Currents are A on each phase it uses.

    Raises `ValueError` for currents or phases that there can't be.
    """

    circuit: str
    phases: tuple[int, ...] = (1, 2, 3)
    """The house's phases that the car draws from: those behind the charger's L1, L2
    and L3, as many as the car uses."""
    wanted_a: float
    """What its mode or plan asks for now. Below `min_a`: nothing."""
    max_a: float
    content_a: float | None = None
    """With so much the car has what it takes, and some to spare. What is above goes
    to others first, while they can use it. None: it takes all it is given."""
    min_a: float = 6.0
    step_a: float = 1.0
    """The steps of what the charger can be told."""
    priority: int = 0
    """Those with more come first."""
    need_kw: float | None = None
    """The energy still needed, by the time left. Among equals, those who need twice as
    much get twice as much. None: as much as anyone."""
    allowed_a: float = 0.0
    """What the charger is known to be told: the last limit that it accepted."""
    drawn_a: Phases | None = None
    """What the car was measured to draw, on the phases of the house. None: unknown."""
    drawn_at: datetime | None = None
    """When that was measured."""
    safe_a: float | None = None
    """What it gets while a meter is silent. None: its least current."""

    def __post_init__(self) -> None:
        """Refuse what no car can ask for."""
        if not 0 < self.min_a <= self.max_a or self.step_a <= 0:
            raise ValueError("0 < least current <= greatest current, and steps above 0")
        if (
            not self.phases
            or len(set(self.phases)) < len(self.phases)
            or not set(self.phases) <= {1, 2, 3}
        ):
            raise ValueError("phases are one to three of 1, 2 and 3")
        if (self.drawn_a is None) != (self.drawn_at is None):
            raise ValueError("what is drawn was measured at some time")

    @property
    def lines(self) -> tuple[int, ...]:
        """Return the phases to reckon with: those it uses, or was measured to use."""
        drawn = self.drawn_a or NOTHING
        return tuple(
            phase for phase in (1, 2, 3) if phase in self.phases or drawn[phase - 1] > 1
        )

    def reckoned_a(self, given_a: float, phase: int) -> float:
        """Return what it may draw on a phase until it has followed what it was given.

        Half an ampere above a limit is a charger's error, not a car that lags.
        """
        limit = max(given_a, self.allowed_a) if phase in self.lines else 0.0
        drawn = self.drawn_a[phase - 1] if self.drawn_a else 0.0
        return drawn if drawn > limit + 0.5 else limit


def on_house[Value](
    currents: Sequence[Value], phases: Sequence[int], nothing: Value
) -> tuple[Value, Value, Value]:
    """Return a charger's values for its L1, L2 and L3 as those of the house's phases.

    `phases` are the house's phases behind the charger's L1, L2 and L3.
    """
    behind = dict(zip(phases, currents, strict=False))
    return (behind.get(1, nothing), behind.get(2, nothing), behind.get(3, nothing))


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """What the meter of a circuit says, cars included. Below 0 is what is fed in.

    A meter that gives neither the currents nor the power is silent.
    """

    currents_a: Phases | None = None
    power_w: float | None = None
    """In all, where there are no currents: then any of it may be on any phase."""
    at: datetime | None = None
    """When it was measured."""


class Why(StrEnum):
    """Why a connector gets what it gets."""

    WANTED = "wanted"
    """It gets what it asks for."""
    FUSE = "fuse"
    """The main fuse bears no more."""
    CIRCUIT = "circuit"
    """A fuse below the main one bears no more."""
    GRID_LIMIT = "grid_limit"
    """The grid allows no more."""
    METER_SILENT = "meter_silent"
    """A meter is silent, so it gets what is safe without it."""
    ROTATION = "rotation"
    """There is not enough for all, and it is the turn of others."""
    UNUSED = "unused"
    """Its car takes less than it may, so others get the rest."""
    SLOW_RISE = "slow_rise"
    """It gets more as soon as the rest has stayed low for a while, or others have
    followed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """What a connector may draw: 0, or at least its least current."""

    current_a: float
    """On each phase."""
    why: Why
    circuit: str | None = None
    """The circuit that `why` speaks of."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Given:
    """What a connector was given, and since when. None: before there was a state."""

    current_a: float
    since: datetime | None = None
    asked: bool = False
    """Whether that was all it asked for, or took: then it need not wait to ask for
    more."""
    drew_a: Phases | None = None
    """What it drew on the house's phases when it was given that; None: unknown."""

    def waits(self, time: timedelta, now: datetime) -> bool:
        """Say whether it has to keep for so long what it was given."""
        return not self.asked and self.since is not None and now - self.since < time


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """What a meter says of a phase, or of all, and what the cars drew meanwhile."""

    value_a: float
    since: datetime
    """Since when it says the same."""
    drawn_a: float
    """What the cars drew then."""
    settled: bool = False
    """Whether all of that was measured when the meter said so already."""
    missed_a: float = 0.0
    """By how much they have changed what they draw, and the meter says the same."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """What is remembered of a circuit's meter."""

    rest_a: tuple[float, ...]
    """What the circuit carries besides the cars: per phase, or in all."""
    over_since: datetime | None = None
    """Since when it carries more than it bears."""
    said: tuple[Said, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class SharingState:
    """What is carried from one sharing to the next. Begin with an empty one."""

    at: datetime | None = None
    given: Mapping[str, Given] = field(default_factory=dict)
    drawn: Mapping[str, tuple[Phases, datetime]] = field(default_factory=dict)
    """The last measurement of each connector, and the one before it in `before`."""
    before: Mapping[str, Phases] = field(default_factory=dict)
    seen: Mapping[str, Seen] = field(default_factory=dict)
    """By circuit."""
    order: tuple[str, ...] = ()
    """Who comes first, among those of the same priority."""
    turn_since: datetime | None = None
    served: Mapping[str, float] = field(default_factory=dict)
    """For how many seconds each has charged while others waited, by its need."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shares:
    """What each connector gets, and what to hand in the next time."""

    allowed: Mapping[str, Share]
    state: SharingState
    rest_a: Mapping[str, Phases]
    """What each circuit is taken to carry besides the cars, in A per phase."""
    silent: frozenset[str] = frozenset()
    """The circuits whose meters are silent, or always say the same."""


def total(phases: Iterable[Phases]) -> Phases:
    """Return the sums per phase."""
    one, two, three = 0.0, 0.0, 0.0
    for each in phases:
        one, two, three = one + each[0], two + each[1], three + each[2]
    return (one, two, three)
