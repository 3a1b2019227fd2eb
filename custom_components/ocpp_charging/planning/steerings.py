"""The steering of all connectors: who begins with each, and who ends with them."""

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from homeassistant.core import callback

from .connector_plan import ConnectorPlan
from .steering import Steering
from .sunshine import Sunshine

if TYPE_CHECKING:
    from ..hub import Hub


class Steerings:
    """The steering of all connectors of a central system."""

    def __init__(self, hub: Hub) -> None:
        """Begin with none; `async_start` makes one for each connector."""
        self._hub = hub
        self._steerings: dict[tuple[str, int], Steering] = {}

    def of(self, subentry_id: str, connector_id: int) -> Steering | None:
        """Return who steers a connector."""
        return self._steerings.get((subentry_id, connector_id))

    @property
    def sunshines(self) -> list[Sunshine]:
        """Return who follows the sun for each connector, or may."""
        return [each.sunshine for each in self._steerings.values()]

    @callback
    def async_start(self) -> Callable[[], None]:
        """Begin to steer; returns how to stop."""
        unfollow = self._hub.planning.async_follow(self._added)

        def stop() -> None:
            unfollow()
            for each in self._steerings.values():
                each.async_stop()

        return stop

    async def async_stop(self) -> None:
        """End; what is on the chargers stays, and goes on there."""
        for each in self._steerings.values():
            each.async_stop()
            await each.async_close()
        self._steerings.clear()

    @callback
    def async_forget(self, subentry_id: str) -> list[Coroutine[Any, Any, None]]:
        """Steer a charger no more; returns what takes the plans off it."""
        gone = [each for each in self._steerings if each[0] == subentry_id]
        return [self._steerings.pop(key).async_release() for key in gone]

    @callback
    def _added(self, plan: ConnectorPlan) -> None:
        made = self._steerings[plan.key] = Steering(self._hub, plan)
        made.async_start()
