"""Which of the owner's cars is at a connector, from what is known at that moment."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

NEAR: Final = timedelta(minutes=10)
"""How far apart a plug and a car's own report of it may be: car makers poll slowly."""


class CarReason(StrEnum):
    """Why a car is held to be at a connector, or none."""

    ID_TAG = "id_tag"
    PLUGGED = "plugged"
    CAME_HOME = "came_home"
    PREFERRED = "preferred"
    ONLY_ONE = "only_one"
    GUEST = "guest"


@dataclass(frozen=True, kw_only=True)
class CarSeen:
    """What is known of a car; `None` where nothing reports it.

    `id_tags` are folded. `elsewhere` says that it is at another connector.
    """

    key: str
    id_tags: frozenset[str] = frozenset()
    preferred_charger: str | None = None
    plugged: bool | None = None
    plugged_since: datetime | None = None
    home: bool | None = None
    home_since: datetime | None = None
    elsewhere: bool = False


@dataclass(frozen=True, kw_only=True)
class PlugSeen:
    """A plug in a connector; `id_tag` is folded, `None` where nobody held one to it."""

    charger: str
    at: datetime
    id_tag: str | None = None


@dataclass(frozen=True, kw_only=True)
class CarThere:
    """The car at a connector and why; `key` is `None` for a guest."""

    key: str | None
    reason: CarReason


def _near(since: datetime | None, at: datetime) -> bool:
    return since is not None and abs(since - at) <= NEAR


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

    A tag that one car alone has decides. Else cars known to be away, unplugged or at
    another connector are left out, and the first clue that fits one car decides.
    """
    known = tuple(cars)
    tagged = [car for car in known if plug.id_tag and plug.id_tag in car.id_tags]
    if len(tagged) == 1:
        return CarThere(key=tagged[0].key, reason=CarReason.ID_TAG)
    possible = [
        car
        for car in tagged or known
        if car.plugged is not False and car.home is not False and not car.elsewhere
    ]
    for reason, fits in _CLUES:
        fitting = [car for car in possible if fits(car, plug)]
        if len(fitting) == 1:
            return CarThere(key=fitting[0].key, reason=reason)
    return CarThere(key=None, reason=CarReason.GUEST)
