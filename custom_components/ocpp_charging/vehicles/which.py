"""Which of the owner's cars is at a connector, from what is known at that moment."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Self

NEAR: Final = timedelta(minutes=10)
"""How far apart a plug and a car's own report of it may be: car makers poll slowly."""


class CarReason(StrEnum):
    """Why a car is held to be at a connector, or none; the surest first.

    With NOTHING no car is plugged in there.
    """

    OWNER = "owner"
    ID_TAG = "id_tag"
    PLUGGED = "plugged"
    CAME_HOME = "came_home"
    PREFERRED = "preferred"
    ONLY_ONE = "only_one"
    GUEST = "guest"
    NOTHING = "nothing"


@dataclass(frozen=True, kw_only=True)
class CarSeen:
    """What is known of a car; `None` where nothing reports it.

    `id_tags` are folded. `elsewhere` says that it is at another connector, `left_at`
    when it last left one.
    """

    key: str
    id_tags: frozenset[str] = frozenset()
    preferred_charger: str | None = None
    plugged: bool | None = None
    plugged_since: datetime | None = None
    home: bool | None = None
    home_since: datetime | None = None
    elsewhere: bool = False
    left_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class PlugSeen:
    """A plug in a connector; `charger` is the id of that charger's subentry.

    `id_tag` is folded, `None` where nobody held one to it.
    """

    charger: str
    at: datetime
    id_tag: str | None = None


@dataclass(frozen=True, kw_only=True)
class CarThere:
    """The car at a connector and why; `key` is `None` for a guest, and for nothing."""

    key: str | None
    reason: CarReason

    def surer_than(self, other: Self) -> bool:
        """Say whether there is a better reason for this than for the other."""
        return _SUREST.index(self.reason) < _SUREST.index(other.reason)


GUEST: Final = CarThere(key=None, reason=CarReason.GUEST)
NOTHING: Final = CarThere(key=None, reason=CarReason.NOTHING)
_SUREST: Final = tuple(CarReason)


def _near(since: datetime | None, at: datetime) -> bool:
    return since is not None and abs(since - at) <= NEAR


def _can_be(car: CarSeen, plug: PlugSeen) -> bool:
    """Say whether nothing speaks against a car: it came before it was plugged in."""
    if car.elsewhere or car.plugged is False or car.home is False:
        return False
    if car.left_at is not None and car.left_at > plug.at:
        return False
    # A maker that polls slowly is late with both.
    came_late = car.home_since is not None and car.home_since > plug.at + NEAR
    return car.plugged is True or not came_late


_CLUES: Final[tuple[tuple[CarReason, Callable[[CarSeen, PlugSeen], bool]], ...]] = (
    (
        CarReason.PLUGGED,
        lambda car, plug: car.plugged is True and _near(car.plugged_since, plug.at),
    ),
    (
        CarReason.CAME_HOME,
        lambda car, plug: car.home is True and _near(car.home_since, plug.at),
    ),
    (CarReason.PREFERRED, lambda car, plug: car.preferred_charger == plug.charger),
    (CarReason.ONLY_ONE, lambda _car, _plug: True),
)
"""The clues after the tag, the surest first; one speaks when it fits one car only."""


def which_car(cars: Iterable[CarSeen], plug: PlugSeen) -> CarThere:
    """Return the car that is at a connector, or a guest, and why.

    A tag that one car alone has decides, unless that car is at another connector. Else
    those that cannot be there are left out, and the first clue that fits one car
    decides.
    """
    known = tuple(cars)
    tagged = [car for car in known if plug.id_tag and plug.id_tag in car.id_tags]
    if len(tagged) == 1 and not tagged[0].elsewhere:
        return CarThere(key=tagged[0].key, reason=CarReason.ID_TAG)
    possible = [car for car in tagged or known if _can_be(car, plug)]
    for reason, fits in _CLUES:
        fitting = [car for car in possible if fits(car, plug)]
        if len(fitting) == 1:
            return CarThere(key=fitting[0].key, reason=reason)
    return GUEST


def which_cars[K](
    cars: Iterable[CarSeen],
    plugs: Mapping[K, PlugSeen],
    settled: Mapping[K, CarThere],
) -> dict[K, CarThere]:
    """Return the cars at all connectors: each is at one of them at most.

    `settled` is not asked again. Of the others the surest is decided first, then the
    one that was plugged in first.
    """
    known = tuple(cars)
    found = dict(settled)
    order = sorted(plugs.keys() - found.keys(), key=lambda each: plugs[each].at)
    while order:
        taken = {there.key for there in found.values()}
        seen = [replace(car, elsewhere=car.key in taken) for car in known]
        there = {each: which_car(seen, plugs[each]) for each in order}
        surest = min(order, key=lambda each: _SUREST.index(there[each].reason))
        if there[surest] == GUEST:
            return found | there
        found[surest] = there[surest]
        order.remove(surest)
    return found
