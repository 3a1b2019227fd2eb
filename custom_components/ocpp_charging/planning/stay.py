"""What is so at a connector with the car that is there, or with one that came now."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from homeassistant.util import dt as dt_util

from ..charging import Plan
from ..charging.phases import ALL
from ..csms.charger import Charger
from ..vehicles import Vehicle
from .plugged import Plugged
from .situation import Situation, most_a
from .wishes import Wishes

if TYPE_CHECKING:
    from .planning import Planning

_PLUGGED: Final = "plugged"


@dataclass(kw_only=True, eq=False)
class Stay:
    """The stay of a car at a connector; `plugged` is None while there is none."""

    planning: Planning
    key: tuple[str, int]
    charger: Charger
    plugged: Plugged | None = None

    @property
    def present(self) -> Plugged:
        """Return the stay of the car that is there, else as if one came now."""
        connector = self.charger.connector(self.key[1])
        return self.plugged or Plugged(connector, dt_util.utcnow())

    def begin(self) -> None:
        """Note that there is a car: the one that was there before a restart, or not."""
        self.plugged = plugged = self.present
        kept = self.planning.kept
        known = kept.stay(self.key).get(_PLUGGED)
        if known is not None and not plugged.recall(known):
            kept.async_end_stay(self.key)

    def keep(self) -> None:
        """Keep what is known of the car that is there over restarts."""
        if self.plugged is not None:
            self.planning.kept.async_note(self.key, _PLUGGED, self.plugged.kept())

    def look_at_phases(self, now: datetime, vehicle: Vehicle | None) -> bool:
        """See from which phases the car draws; say whether their number is news.

        It is kept, for this stay, and of a known car for later ones. From fewer than
        three draws such a car by itself only where it was offered all.
        """
        plugged = self.plugged
        if plugged is None:
            return False
        connector = self.charger.connector(self.key[1])
        most = most_a(self.charger, connector, vehicle)
        before = plugged.phases
        news = plugged.look_at_phases(now, most_a=most)
        if plugged.phases != before:
            self.keep()
        count = len(plugged.phases)
        all_there = connector.known_phases == ALL and not (
            self.charger.can_switch_phases
        )
        if vehicle is not None and count and (count == ALL or all_there):
            self.planning.kept.async_set_phases(vehicle.key, count)
        return news

    def phase_count(self, vehicle: Vehicle | None) -> int | None:
        """Return on how many phases such a car charges here; None where unknown.

        What it draws says so, or drew before in this stay; else the fewer of what the
        connector has and the car uses, by an earlier stay or by what the owner typed.
        """
        if self.plugged is not None and self.plugged.phase_count is not None:
            return self.plugged.phase_count
        of_car = None
        if vehicle is not None:
            seen = self.planning.kept.phases(vehicle.key)
            of_car = seen or vehicle.settings.phases
        told = (self.charger.connector(self.key[1]).known_phases, of_car)
        return min((count for count in told if count), default=None)

    async def async_situation(
        self,
        now: datetime,
        plugged: Plugged,
        vehicle: Vehicle | None,
        *,
        wishes: Wishes,
        before: Plan | None,
        due: datetime | None,
    ) -> Situation:
        """Return what a plan is made of, after looking up what the car usually needs.

        `before` is the plan so far, `due` a time that has just passed without the goal
        being met.
        """
        car = "" if vehicle is None else vehicle.key
        if plugged.usual_of != car:
            vehicles = self.planning.hub.vehicles
            identity, number = self.charger.identity, self.key[1]
            usual = await vehicles.async_usual_kwh(car or None, identity, number)
            plugged.usual_of, plugged.usual_kwh = car, usual
        return self.situation(
            now, plugged, vehicle, wishes=wishes, before=before, due=due
        )

    def situation(
        self,
        now: datetime,
        plugged: Plugged,
        vehicle: Vehicle | None,
        *,
        wishes: Wishes,
        before: Plan | None,
        due: datetime | None,
    ) -> Situation:
        """Return what a plan is made of, with what is known so far."""
        soc = plugged.soc(vehicle)
        self.keep()
        return Situation(
            now=now,
            signals=self.planning.hub.board.signals,
            settings=self.planning.settings,
            charger=self.charger,
            connector=self.charger.connector(self.key[1]),
            wishes=wishes,
            vehicle=vehicle,
            soc=soc,
            taken_kwh=plugged.taken_kwh,
            usual_kwh=plugged.usual_kwh,
            phases=self.phase_count(vehicle) or 1,
            takes_a=plugged.takes_a,
            since=plugged.since,
            began=plugged.began,
            before=before,
            due=due,
        )
