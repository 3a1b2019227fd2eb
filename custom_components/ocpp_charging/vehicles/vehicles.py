"""All cars of a central system, and which of them is at which connector."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
import logging
from typing import TYPE_CHECKING, Any, Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.helpers.event import async_track_state_change_event
from homeassistant.helpers.storage import Store
from homeassistant.util import dt as dt_util

from ..const import DOMAIN, SUBENTRY_VEHICLE
from ..csms.charger import Charger
from ..csms.model import Change
from ..ledger import LedgerUnavailable
from .choices import GUEST as GUEST_CHOICE
from .outlet import Outlet
from .settings import VehicleSettings
from .usual import async_usual_kwh
from .vehicle import Vehicle
from .which import NEAR, NOTHING, CarReason, CarSeen, CarThere, which_cars

if TYPE_CHECKING:
    from ..hub import Hub

_LOGGER = logging.getLogger(__name__)

_TELLING: Final = frozenset({"plugged_in", "id_tag", "presented", "connectors"})
"""Keys of a charger's model that may say which car is there."""

_SAVE_AFTER_S: Final = 5

type Place = tuple[str, int]
"""A connector: the id of its charger's subentry, and its number."""


def vehicle_store(hass: HomeAssistant, entry_id: str) -> Store[dict[str, Any]]:
    """Return where it is kept which car is where, over restarts."""
    return Store(hass, 1, f"{DOMAIN}.{entry_id}.vehicles")


async def async_forget_vehicles(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Delete what is kept of the cars of a central system that was removed."""
    await vehicle_store(hass, entry.entry_id).async_remove()


class Vehicles:
    """The owner's cars by the id of their subentry, and where each of them is."""

    def __init__(self, hub: Hub) -> None:
        """Begin with no cars; `async_load` makes those of the subentries."""
        self._hub = hub
        self._hass = hub.hass
        self._entry = hub.entry
        self._store = vehicle_store(hub.hass, hub.entry.entry_id)
        self._outlets: dict[Place, Outlet] = {}
        self._listeners: list[Callable[[], None]] = []
        self._stop_entities: Callable[[], None] | None = None
        self._followed: frozenset[str] = frozenset()
        self._kept: Mapping[str, Any] = {}
        self._readable = True
        """Whether all could be read that was kept of the cars."""
        self._left_at: dict[str, datetime] = {}
        self.vehicles: dict[str, Vehicle] = {}

    async def async_load(self) -> None:
        """Read which car was where, and make the cars.

        What cannot be read is found out anew: it is no reason not to charge.
        """
        try:
            kept = dict(await self._store.async_load() or {})
        except Exception as error:  # noqa: BLE001
            # Whatever is wrong with a file.
            _LOGGER.error("Which car was where cannot be read: %s", error)
            kept = {}
        cars, places = kept.get("cars", {}), kept.get("places", [])
        readable = isinstance(cars, dict) and isinstance(places, list)
        self._kept = cars if isinstance(cars, dict) else {}
        for item in places if isinstance(places, list) else ():
            try:
                place = str(item["charger"]), int(item["connector"])
                self._outlets[place] = Outlet.recalled(place[0], item)
            except KeyError, TypeError, ValueError, OverflowError:
                readable = False
        self._sync()
        if not (readable and self._readable):
            _LOGGER.error("Some of what was kept of the cars cannot be read")

    @callback
    def async_start(self) -> Callable[[], None]:
        """Follow the chargers and the cars' own entities; returns how to stop."""
        stops = [self._hub.async_follow_chargers(self._follow)]
        self._follow_entities()
        self._look(changed=True)

        def stop() -> None:
            for each in stops:
                each()
            self._follow_nothing()

        return stop

    async def async_stop(self) -> None:
        """Keep which car is where."""
        await self._store.async_save(self._to_keep())

    @callback
    def async_sync(self) -> None:
        """Take over what changed in the subentries, of cars, tags and chargers."""
        changed = self._sync()
        self._follow_entities()
        self._look(changed=changed)

    @property
    def places(self) -> Collection[Place]:
        """Return the connectors at which a car can be."""
        return self._outlets.keys()

    def at(self, charger_key: str, connector_id: int) -> CarThere:
        """Return the car at a connector; `charger_key` is its charger's subentry id."""
        outlet = self._outlets.get((charger_key, connector_id))
        return NOTHING if outlet is None else outlet.there

    def place_of(self, vehicle_key: str) -> Place | None:
        """Return the connector at which a car is, `None` when it is at none of ours."""
        for place, outlet in self._outlets.items():
            if outlet.there.key == vehicle_key:
                return place
        return None

    def choice(self, charger_key: str, connector_id: int) -> str | None:
        """Return the owner's word: a car's key, `GUEST_CHOICE`, `None` for none."""
        outlet = self._outlets.get((charger_key, connector_id))
        chosen = None if outlet is None else outlet.chosen
        return chosen if chosen == GUEST_CHOICE or chosen in self.vehicles else None

    @callback
    def async_choose(
        self, charger_key: str, connector_id: int, choice: str | None
    ) -> None:
        """Take the owner's word for which car is there, `None` to find out again.

        It is a car's key or `GUEST_CHOICE` and holds until the car is unplugged. Raises
        `KeyError` for a car or a connector that does not exist.
        """
        if choice not in {None, GUEST_CHOICE}:
            _vehicle = self.vehicles[choice or ""]
            for outlet in self._outlets.values():
                if outlet.chosen == choice:
                    outlet.chosen, outlet.there = None, NOTHING
        outlet = self._outlets[charger_key, connector_id]
        outlet.chosen, outlet.there = choice, NOTHING
        self._look(changed=True)

    @callback
    def listen(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Call `changed` when a car's data change, or which car is where.

        Returns how to stop.
        """
        self._listeners.append(changed)
        return lambda: self._listeners.remove(changed)

    async def async_usual_kwh(
        self, vehicle_key: str | None, identity: str | None, connector_id: int | None
    ) -> float | None:
        """Return the median of the last sessions of a car's tags, in kWh.

        Where it has none, of the sessions at this connector, if one is named by its
        charger's identity; `None` when there are none, or the ledger cannot be read at
        present.
        """
        vehicle = self.vehicles.get(vehicle_key or "")
        id_tags = frozenset() if vehicle is None else vehicle.settings.id_tags
        ledger = self._hub.journal.ledger
        try:
            return await async_usual_kwh(ledger, id_tags, identity, connector_id)
        except LedgerUnavailable as error:
            _LOGGER.debug("What a car usually needs cannot be read: %s", error)
            return None

    # The cars

    def _sync(self) -> bool:
        """Make the cars agree with the subentries; says whether anything changed."""
        wanted = {
            each.subentry_id: VehicleSettings.from_subentry(self._entry, each)
            for each in self._entry.get_subentries_of_type(SUBENTRY_VEHICLE)
        }
        gone = self.vehicles.keys() - wanted.keys()
        changed = bool(gone)
        for key in gone:
            del self.vehicles[key]
        for key, settings in wanted.items():
            vehicle = self.vehicles.get(key)
            if vehicle is None:
                vehicle = self.vehicles[key] = Vehicle(self._hass, settings)
                self._readable &= vehicle.recall(self._kept.get(key, {}))
                vehicle.read()
                changed = True
            else:
                changed |= vehicle.configure(settings)
        return changed

    def _follow_entities(self) -> None:
        wanted = frozenset[str]().union(
            *(each.settings.entities for each in self.vehicles.values())
        )
        if wanted == self._followed:
            return
        self._follow_nothing()
        self._followed = wanted
        self._stop_entities = async_track_state_change_event(
            self._hass, wanted, self._entity_changed
        )

    def _follow_nothing(self) -> None:
        self._followed = frozenset()
        if self._stop_entities is not None:
            self._stop_entities()
            self._stop_entities = None

    @callback
    def _entity_changed(self, _event: Event[Any]) -> None:
        changed = [each.read() for each in self.vehicles.values()]
        if any(changed):
            self._look(changed=True)

    # Which of them is where

    def _follow(self, charger_key: str, charger: Charger) -> None:
        def changed(changes: frozenset[Change]) -> None:
            # A charger that is being removed may still be talking.
            if charger_key in self._hub.chargers and not _TELLING.isdisjoint(
                key for _, key in changes
            ):
                self._look({charger_key: charger})

        charger.listen_all(changed)

    def _look(
        self, chargers: Mapping[str, Charger] | None = None, *, changed: bool = False
    ) -> None:
        """See what is plugged in at these chargers, by default at all.

        Then decide which cars are where, and tell if that or `changed` is so.
        """
        before = {place: each.there for place, each in self._outlets.items()}
        now = dt_util.utcnow()
        for charger_key, charger in (chargers or self._hub.chargers).items():
            for connector_id, connector in charger.connectors.items():
                place = charger_key, connector_id
                if place not in self._outlets:
                    self._outlets[place] = Outlet(charger_key)
                self._outlets[place].look(charger, connector, now)
        for place, there in before.items():
            if place[0] not in self._hub.chargers:
                del self._outlets[place]
            elif there.key is not None and self._outlets[place].plug is None:
                self._left_at[there.key] = now
        self._decide()
        after = {place: each.there for place, each in self._outlets.items()}
        if changed or after != before:
            self._store.async_delay_save(self._to_keep, _SAVE_AFTER_S)
            for listener in tuple(self._listeners):
                listener()

    def _decide(self) -> None:
        plugs = {
            place: outlet.plug
            for place, outlet in self._outlets.items()
            if outlet.plug is not None
        }
        cars = [self._seen(vehicle) for vehicle in self.vehicles.values()]
        said = {place: there for place in plugs if (there := self._said(place))}
        fresh = which_cars(cars, plugs, said)
        kept = {place: there for place in plugs if (there := self._stays(place, fresh))}
        for place, there in which_cars(cars, plugs, kept | said).items():
            self._outlets[place].there = there

    def _seen(self, vehicle: Vehicle) -> CarSeen:
        settings = vehicle.settings
        return CarSeen(
            key=vehicle.key,
            id_tags=settings.id_tags,
            preferred_charger=settings.preferred_charger,
            plugged=vehicle.plugged,
            plugged_since=vehicle.plugged_since,
            home=vehicle.home,
            home_since=vehicle.home_since,
            left_at=self._left_at.get(vehicle.key),
        )

    def _said(self, place: Place) -> CarThere | None:
        """Return the car that the owner says is there."""
        chosen = self.choice(*place)
        if chosen is None:
            return None
        key = None if chosen == GUEST_CHOICE else chosen
        return CarThere(key=key, reason=CarReason.OWNER)

    def _stays(self, place: Place, fresh: Mapping[Place, CarThere]) -> CarThere | None:
        """Return the car that is held to be there, unless there is a better reason.

        A car does not leave while it is plugged in, whatever its integration says: what
        speaks against it counts only while all may not have reported yet.
        """
        outlet = self._outlets[place]
        before = outlet.there
        if before.key not in self.vehicles or outlet.plug is None:
            return None
        settling = dt_util.utcnow() - outlet.plug.at <= NEAR
        better = any(
            there.surer_than(before)
            for each, there in fresh.items()
            if each == place or there.key == before.key
        )
        return None if settling or better else before

    def _to_keep(self) -> dict[str, Any]:
        places = (
            (place, kept)
            for place, outlet in self._outlets.items()
            if (kept := outlet.kept()) is not None
        )
        return {
            "places": [
                {"charger": charger_key, "connector": connector_id, **kept}
                for (charger_key, connector_id), kept in places
            ],
            "cars": {key: each.kept() for key, each in self.vehicles.items()},
        }
