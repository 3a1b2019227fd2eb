"""What is so at a connector with the car that is there, or with one that came now."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from homeassistant.util import dt as dt_util

from ..charging import Plan
from ..csms.charger import Charger
from ..vehicles import Vehicle
from .plugged import Plugged
from .situation import Situation
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
            phases_seen=plugged.phases,
            since=plugged.since,
            began=plugged.began,
            before=before,
            due=due,
        )
