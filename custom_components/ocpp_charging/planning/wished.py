"""What is wished at a connector, and who hears of it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from homeassistant.core import callback

from ..csms.charger import Charger
from ..csms.connector import Connector
from ..csms.model import HeldBy
from ..vehicles import CarThere, Vehicle
from .course import Because
from .happenings import Happenings
from .planned import Planned
from .situation import MIN_CURRENT_A
from .stay import Stay
from .sun_told import SunTold
from .wishes import OF_CAR, OF_GOAL, Override, Wishes
from .words import Words

if TYPE_CHECKING:
    from .planning import Planning


class Wished(Planned):
    """What the owner wishes at a connector, and what is so there.

    `key` is the charger's subentry id and the connector's number.
    """

    def __init__(
        self, planning: Planning, key: tuple[str, int], charger: Charger
    ) -> None:
        """Begin with what was wished before."""
        super().__init__()
        self._planning = planning
        self._hass = planning.hub.hass
        self.key = key
        self.charger = charger
        self.connector: Connector = charger.connector(key[1])
        self.wishes: Wishes = planning.kept.get(key)
        self.because: Because | None = None
        """By what the car is steered now; None where it is not."""
        self.asleep = False
        """Whether the car draws nothing of what it is given, and nothing woke it."""
        self.delayed_until: datetime | None = None
        """Until when what is planned for now waits by chance."""
        self.sun: SunTold | None = None
        """What the car gets of the sun, and why; None where it doesn't follow it."""
        self.happenings = Happenings()
        """What happens to the plan: for an event entity."""
        self._stay = Stay(planning=planning, key=key, charger=charger)
        self._goal_changed = False
        self._listeners: list[Callable[[], None]] = []

    # What is so

    @property
    def car(self) -> CarThere:
        """Return which car is there, and why it is held to be that one."""
        return self._planning.hub.vehicles.at(*self.key)

    @property
    def vehicle(self) -> Vehicle | None:
        """Return the owner's car that is there; None for a guest."""
        return self._planning.hub.vehicles.vehicles.get(self.car.key or "")

    @property
    def plugged_in(self) -> bool:
        """Say whether there is a car to plan for."""
        return self._stay.plugged is not None

    @property
    def phases_seen(self) -> frozenset[int]:
        """Return the charger's phases that the car was seen to draw from, 1 to 3."""
        stay = self._stay.plugged
        return frozenset() if stay is None else stay.phases

    @property
    def phase_count(self) -> int | None:
        """Return on how many phases the car charges here; None where unknown."""
        return self._stay.phase_count(self.vehicle)

    @property
    def least_a(self) -> float:
        """Return the least current that the car takes."""
        vehicle = self.vehicle
        return MIN_CURRENT_A if vehicle is None else vehicle.settings.min_current_a

    @property
    def content_a(self) -> float | None:
        """Return with how much the car is content now; None: it takes all it gets."""
        stay = self._stay.plugged
        return None if stay is None else stay.use.content_a(self.least_a)

    @property
    def plugged_in_at(self) -> datetime:
        """Return when the car was plugged in; without one, the end of all days."""
        stay = self._stay.plugged
        return datetime.max.replace(tzinfo=UTC) if stay is None else stay.began

    @property
    def wanted(self) -> bool:
        """Say whether the owner has anything to plan with, or has planned."""
        planning = self._planning
        return self.connector.status is not None and (
            planning.has_signals
            or bool(planning.hub.vehicles.vehicles)
            or self.wishes != Wishes()
        )

    @property
    def override(self) -> Override | None:
        """Return what the owner has switched by hand, until the car is unplugged."""
        return self.wishes.override

    @property
    def held_by(self) -> HeldBy | None:
        """Return by what the charger is held to it; None where it is not."""
        return self.connector.held_by

    @property
    def title(self) -> str:
        """Return what the owner calls the charger, or one of several connectors."""
        return self._planning.title(self)

    @property
    def words(self) -> Words:
        """Return who puts the plan into words."""
        planning = self._planning
        return Words(self._hass, planning.currency, planning.called)

    @property
    def currency(self) -> str:
        """Return the currency that the plan's costs are in."""
        return self._planning.currency

    @property
    def knows_soc(self) -> bool:
        """Say whether the state of charge is known of the car that is planned for."""
        vehicle = self.likely_vehicle
        return self._stay.present.soc(vehicle) is not None

    @property
    def likely_vehicle(self) -> Vehicle | None:
        """Return the car that is there, else the one that will most likely be."""
        if self._stay.plugged is not None:
            return self.vehicle
        cars = list(self._planning.hub.vehicles.vehicles.values())
        own = [one for one in cars if one.settings.preferred_charger == self.key[0]]
        return own[0] if len(own) == 1 else cars[0] if len(cars) == 1 else None

    # What the owner does

    async def async_set(self, **changes: Any) -> None:
        """Change wishes, and plan by them; returns when that plan is made.

        Where the car that is plugged in has a value of its own, the wish is for this
        stay only. Raises `ValueError` or `TypeError` for what is no wish.
        """
        passing = frozenset(changes.keys() & OF_CAR & self._of_car)
        if "ready_on" in changes and "ready_by" in passing:
            passing |= {"ready_on"}
        self._take(self.wishes.changed(changes, passing))
        await self.async_replan()

    async def async_set_boost(self, on: bool) -> None:
        """Charge at once until the car has what it needs or leaves, or no more so.

        It is the owner's later word: what was switched off by hand is not any more.
        """
        off = self.wishes.override is Override.OFF
        await self.async_set(boost=on, **({"override": None} if on and off else {}))

    async def async_clear_override(self) -> None:
        """Forget what was switched by hand: the mode counts again."""
        await self.async_set(override=None)

    @callback
    def async_override(self, override: Override | None) -> None:
        """Note what the owner has switched by hand; None is nothing."""
        self._take(replace(self.wishes, override=override))

    async def async_clear_goal(self) -> None:
        """Forget what makes the goal: then the car's own values hold."""
        await self.async_set(**dict.fromkeys(OF_GOAL))

    async def async_replan(self, *, afresh: bool = False) -> None:
        """Plan by what is so now; returns when it is done."""
        raise NotImplementedError

    @property
    def _of_car(self) -> frozenset[str]:
        """Return the wishes for which the car that is here has values of its own."""
        vehicle = self.vehicle
        if self._stay.plugged is None or vehicle is None:
            return frozenset()
        own = vehicle.settings
        named: dict[str, object] = {
            "ready_by": own.departures or None,
            "target_soc": own.target_soc,
            "target_kwh": own.energy_kwh if own.target_soc is None else own.target_soc,
            "minimum_soc": own.minimum_soc,
        }
        return frozenset(name for name, value in named.items() if value is not None)

    def _take(self, wishes: Wishes) -> None:
        """Take over wishes that have changed, and keep them."""
        before, self.wishes = self.wishes, wishes
        if wishes == before:
            return
        self._goal_changed = True
        self._planning.kept.async_set(self.key, wishes)
        self._tell()

    # Observers

    @callback
    def listen(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Call `changed` when wishes, plan or what it says now change.

        Returns how to stop.
        """
        self._listeners.append(changed)
        return lambda: self._listeners.remove(changed)

    @callback
    def _tell(self) -> None:
        for listener in tuple(self._listeners):
            listener()

    @callback
    def async_steered(
        self,
        because: Because | None,
        *,
        asleep: bool,
        delayed_until: datetime | None,
        sun: SunTold | None,
    ) -> None:
        """Show because of what the connector is given what it gets now."""
        shown = self.because, self.asleep, self.delayed_until, self.sun
        if shown != (because, asleep, delayed_until, sun):
            self.because, self.asleep = because, asleep
            self.delayed_until, self.sun = delayed_until, sun
            self._tell()
