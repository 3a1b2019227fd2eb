"""The plans of all connectors of a central system."""

from collections.abc import Callable, Coroutine
from functools import partial
import logging
from typing import TYPE_CHECKING, Any

from homeassistant.core import callback

from ..csms.charger import Charger
from ..helpers import charger_name
from ..signals.keeper import Topic
from .connector_plan import ConnectorPlan
from .kept_wishes import KeptWishes
from .peak import Peak
from .settings import PlanningSettings
from .site import car_name
from .together import Together
from .wished import Wished

if TYPE_CHECKING:
    from ..hub import Hub

_LOGGER = logging.getLogger(__name__)

type PlanFollower = Callable[[ConnectorPlan], None]


class Planning:
    """Makes a plan for each car that is plugged in, and keeps it up to date.

    `connectors` are by the charger's subentry id and the connector's number.
    """

    def __init__(self, hub: Hub) -> None:
        """Begin with no connectors; `async_load` makes those that are known."""
        self.hub = hub
        self.kept = KeptWishes(hub.hass, hub.entry.entry_id)
        self.settings = PlanningSettings()
        self.peak = Peak(self)
        self.together = Together(self)
        self.connectors: dict[tuple[str, int], ConnectorPlan] = {}
        self._followers: list[PlanFollower] = []
        self._stops: dict[str, Callable[[], None]] = {}
        self._started = False

    async def async_load(self) -> None:
        """Read what was wished, and make the plans' places."""
        await self.kept.async_load()
        self._read_settings()
        self.hub.async_follow_chargers(self._follow)

    @callback
    def async_start(self) -> Callable[[], None]:
        """Begin to plan; returns how to stop."""
        self._started = True
        stops = [
            self.hub.board.listen(self._signals_changed),
            self.hub.vehicles.listen(self._vehicles_changed),
            self.peak.async_start(),
        ]
        for each in self.connectors.values():
            each.async_start()

        def stop() -> None:
            self._started = False
            for one in (
                *stops,
                *(each.async_stop for each in self.connectors.values()),
            ):
                one()

        return stop

    async def async_stop(self) -> None:
        """Keep what is wished."""
        for stop in self._stops.values():
            stop()
        self._stops.clear()
        await self.kept.async_stop()

    @callback
    def async_configure(self) -> None:
        """Take over what is in the options now, and forget cars that were removed."""
        self.kept.async_keep_cars(self.hub.vehicles.vehicles)
        if self._read_settings():
            self._signals_changed()

    @callback
    def async_follow(self, added: PlanFollower) -> Callable[[], None]:
        """Call `added` with each connector's plan, now and when there is another.

        Returns how to stop.
        """
        self._followers.append(added)
        for each in tuple(self.connectors.values()):
            added(each)
        return lambda: self._followers.remove(added)

    @callback
    def async_forget(self, subentry_id: str) -> None:
        """Plan no more for a charger that was removed; keep nothing of it."""
        self._stops.pop(subentry_id)()
        for key in [each for each in self.connectors if each[0] == subentry_id]:
            self.connectors.pop(key).async_stop()
        self.kept.async_forget(subentry_id)

    @property
    def has_signals(self) -> bool:
        """Say whether the owner has a source of prices, CO2 or the sun."""
        board = self.hub.board
        sources = (*board.prices.signals, board.co2, board.solar)
        return any(each.settings is not None for each in sources)

    @property
    def currency(self) -> str:
        """Return the currency that costs are in."""
        return self.hub.prices.price.currency

    def title(self, of: Wished) -> str:
        """Return what the owner calls a charger, or one of several connectors."""
        charger_key, number = of.key
        subentry = self.hub.entry.subentries.get(charger_key)
        title = of.charger.identity if subentry is None else subentry.title
        several = sum(1 for other in self.connectors if other[0] == charger_key) > 1
        return f"{title} #{number}" if several else title

    def called(self, car: str) -> str | None:
        """Return what the owner calls a car of `car_name`, else where it is.

        None for one at a connector that there is not any more.
        """
        for key, each in self.connectors.items():
            if car_name(key) == car:
                vehicle = each.vehicle
                return self.title(each) if vehicle is None else vehicle.settings.name
        return None

    def name(self, connector_plan: ConnectorPlan) -> str:
        """Return what a connector is called in the log."""
        return charger_name(connector_plan.charger, connector_plan.key[1])

    @callback
    def async_run(self, work: Coroutine[Any, Any, None], of: ConnectorPlan) -> None:
        """Have a plan made: it takes milliseconds, and is waited for at the end."""
        name = f"plan for {self.name(of)}"
        _task = self.hub.entry.async_create_task(self.hub.hass, work, name)

    def _read_settings(self) -> bool:
        """Take over the settings and say whether they have changed."""
        before = self.settings
        try:
            self.settings = PlanningSettings.from_options(self.hub.entry.options)
        except (TypeError, ValueError) as error:
            # Only another version of this integration can have kept something else.
            _LOGGER.error("The settings of planning cannot be used: %s", error)
        return self.settings != before

    @callback
    def _follow(self, subentry_id: str, charger: Charger) -> None:
        look = partial(self._add_connectors, subentry_id, charger)
        self._stops[subentry_id] = charger.listen(0, "connectors", look)
        look()

    @callback
    def _add_connectors(self, subentry_id: str, charger: Charger) -> None:
        for number in charger.connectors:
            key = (subentry_id, number)
            if key in self.connectors:
                continue
            made = self.connectors[key] = ConnectorPlan(self, key, charger)
            if self._started:
                made.async_start()
            for added in tuple(self._followers):
                added(made)

    @callback
    def _signals_changed(self, _topic: Topic | None = None) -> None:
        for each in self.connectors.values():
            each.async_request()

    @callback
    def _vehicles_changed(self) -> None:
        for each in self.connectors.values():
            each.async_car_changed()
