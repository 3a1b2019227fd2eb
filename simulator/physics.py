"""How current flows: limits, their sharing between connectors, and energy over time."""

from collections.abc import Callable
from datetime import datetime
import math

from .clock import Clock, DeviceClock, Timer
from .connector import MINIMUM_CURRENT_A, Connector
from .profiles import ProfileStack
from .quirks import Quirks

# The shortest time a timer is armed for, so that rounding can't make it fire for ever.
_TICK_S = 0.001


class Physics:
    """Moves the connectors of one charge point through time.

    Between two calls of `refresh` nothing about the supply changes, so the energy
    of that stretch is exact. A timer calls it whenever something changes by itself: a
    charging schedule, or the car.
    """

    def __init__(
        self,
        clock: Clock,
        device: DeviceClock,
        stack: ProfileStack,
        connectors: dict[int, Connector],
        settled: Callable[[], None],
        *,
        quirks: Quirks,
        most_a: float,
    ) -> None:
        """`settled` is called at the end of every refresh; `most_a` is the hardware's.

        One that disobeys has profiles without effect.
        """
        self._quirks = quirks
        self._most_a = most_a
        self._obeyed = stack.without_profiles() if quirks.disobeys_profiles else stack
        self._clock = clock
        self._device = device
        self._stack = stack
        self._connectors = connectors
        self._settled = settled
        self._at_s = clock.seconds()
        self._timers: list[Timer] = []
        self.powered = True
        """Whether the charge point is switched on; without power no current flows."""

    def refresh(self) -> None:
        """Bring everything to now."""
        self.accrue()
        moment = self._device.now()
        for connector in self._connectors.values():
            connector.limit = self._obeyed.limit_at(
                connector.id, moment, connector.session(moment)
            )
        self._offer(moment)
        self._arm(moment)
        self._settled()

    def accrue(self) -> None:
        """Bring meters and batteries to now under the present supply, and no more."""
        now_s = self._clock.seconds()
        for connector in self._connectors.values():
            connector.charge(now_s - self._at_s)
        self._at_s = now_s

    def stop(self) -> None:
        """Disarm the timers."""
        for timer in self._timers:
            timer.cancel()
        self._timers = []

    def _offer(self, moment: datetime) -> None:
        """Give each connector its current, within what all together may draw."""
        offers = {
            connector.id: connector.limit_a
            if connector.energised and self.powered
            else 0.0
            for connector in self._connectors.values()
        }
        maximum = self._obeyed.maximum_at(moment)
        if maximum and sum(offers.values()) > maximum.current_a:
            offers.update(self._shared(maximum.current_a, offers, moment))
        for connector in self._connectors.values():
            connector.offered_a = self._oddly(connector, offers[connector.id])

    def _oddly(self, connector: Connector, offer_a: float) -> float:
        """Return what a connector really offers of a current."""
        quirks = self._quirks
        flows = connector.energised and self.powered
        if flows and offer_a < quirks.least_limit_a:
            offer_a = self._most_a
        if flows and quirks.set_in_app_a is not None:
            offer_a = min(offer_a, quirks.set_in_app_a)
        if flows and quirks.goes_on_at_zero:
            offer_a = max(offer_a, MINIMUM_CURRENT_A)
        return offer_a if offer_a >= MINIMUM_CURRENT_A else 0.0

    def _shared(
        self, total_a: float, offers: dict[int, float], moment: datetime
    ) -> dict[int, float]:
        """Share a total between the cars that want to charge, the first come first.

        A car that wants nothing now keeps the minimum on offer: it draws none of it.
        """
        waiting = [
            connector
            for connector in self._connectors.values()
            if offers[connector.id] >= MINIMUM_CURRENT_A and connector.transaction
        ]
        hungry = [one for one in waiting if one.car and one.car.wants()]
        hungry.sort(key=lambda one: one.session(moment).start)
        served = hungry[: max(0, math.floor(total_a / MINIMUM_CURRENT_A + 1e-9))]
        shares = dict.fromkeys(offers, 0.0)
        if total_a >= MINIMUM_CURRENT_A:
            for connector in waiting:
                shares[connector.id] = 0.0 if connector in hungry else MINIMUM_CURRENT_A
        left = total_a
        for place, connector in enumerate(
            sorted(served, key=lambda one: offers[one.id])
        ):
            shares[connector.id] = min(
                offers[connector.id], left / (len(served) - place)
            )
            left -= shares[connector.id]
        return shares

    def _arm(self, moment: datetime) -> None:
        self.stop()
        sessions = {one.id: one.session(moment) for one in self._connectors.values()}
        change = self._stack.next_change(list(sessions), moment, sessions)
        if change:
            wall_s = (change - moment).total_seconds()
            self._timers.append(
                self._clock.later_wall(max(wall_s, _TICK_S), self.refresh)
            )
        spans = [one.seconds_to_change() for one in self._connectors.values()]
        soonest = min((span for span in spans if span is not None), default=None)
        if soonest is not None:
            self._timers.append(self._clock.later(max(soonest, _TICK_S), self.refresh))
