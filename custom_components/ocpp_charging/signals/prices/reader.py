"""What a reader of prices declares: how its source is recognised, and how it reads."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import Any

from ..told import Point, Told
from ..units import Unit

PER_KWH = Unit()
EUR_PER_KWH = Unit(currency="EUR")

type Parts = Mapping[str, Told]
"""What each part of an answer told: an area, a home; `""` where there is only one."""
type Layers = Sequence[Told]
"""What lists told, the most trusted first: a later one only fills the gaps."""


class Target(StrEnum):
    """Whom an action asks: the integration, one of its entries, or of its devices."""

    INTEGRATION = "integration"
    ENTRY = "entry"
    DEVICE = "device"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """For when an action is asked: `now`, in the time zone of the home."""

    target: str
    now: datetime

    def days(self, zone: tzinfo | None = None) -> list[date]:
        """Return today and tomorrow, in the market's zone where that is another one."""
        today = (self.now.astimezone(zone) if zone else self.now).date()
        return [today, today + timedelta(days=1)]

    @property
    def midnights(self) -> tuple[datetime, datetime]:
        """Return when today began, and when tomorrow ends."""
        today = self.now.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
        return today, today + timedelta(days=2)


@dataclass(frozen=True, kw_only=True)
class Look:
    """An entity's state as it is `now`, in the time zone of the home.

    `day` is the local day when it last changed, so that of a list called `today`.
    """

    state: str
    attributes: Mapping[str, Any]
    day: date
    now: datetime
    zone: tzinfo


@dataclass(frozen=True, kw_only=True)
class ActionReader:
    """Reads prices from the answer of an integration's action.

    `requests` are the data of the calls, one each; where not all of them succeed, what
    the others told is taken. `every` is how often the answer changes; without it the
    prices are those of days, told on the day before. `currency_key` is where the
    entry's data has the currency that the integration was set up with. `present` reads
    the present price from the entry's entities, for answers that only tell the future.
    `feed_in` says that it is what the owner is paid.
    """

    key: str
    name: str
    domain: str
    action: str
    target: Target
    requests: Callable[[Asked], Sequence[Mapping[str, Any]]]
    read: Callable[[Mapping[str, Any], tzinfo], Parts]
    unit: Unit = PER_KWH
    every: timedelta | None = None
    currency_key: str | None = None
    present: Callable[[Look], Told] | None = None
    feed_in: bool = False


@dataclass(frozen=True, kw_only=True)
class Companion:
    """Another entity that tells the rest: its id is the first one's with a new part."""

    domain: str
    old: str
    new: str


@dataclass(frozen=True, kw_only=True)
class AttributeReader:
    """Reads prices from the attributes of an entity, and of its companions.

    It is recognised by the shape of its attributes and, where `domain` is given, by the
    integration that it belongs to. `unit` counts where the entity has no unit of a
    price.
    """

    key: str
    name: str
    recognise: Callable[[Look], bool]
    read: Callable[[Sequence[Look]], Layers]
    domain: str | None = None
    unit: Unit = PER_KWH
    companions: tuple[Companion, ...] = field(default=())


def has_list(look: Look, attribute: str, *keys: str) -> bool:
    """Say whether an attribute is a list of mappings that have all these keys."""
    items = look.attributes.get(attribute)
    if not isinstance(items, list | tuple) or not items:
        return False
    return isinstance(items[0], Mapping) and all(key in items[0] for key in keys)


def present(value: float, look: Look) -> Told:
    """Return a value that is known for the running hour alone."""
    start = look.now.replace(minute=0, second=0, microsecond=0).astimezone(UTC)
    return Told(
        points=(Point(start=start, end=start + timedelta(hours=1), value=value),)
    )
