"""A home with a charger, typed prices and a car, and its plans."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from freezegun import freeze_time
from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import ConfigSubentryData
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)

from custom_components.ocpp_charging import hub
from custom_components.ocpp_charging.planning import ConnectorPlan
from simulator import ChargePoint
from simulator.errors import Disconnected

from ..conftest import Simulated, central_system, charger_subentry, set_up

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 20, 18, 3, tzinfo=BERLIN)
"""A Friday evening."""
PRICE = {
    "reader": "typed",
    "title": "Day and night",
    "amount": 0.30,
    "periods": [{"start": "01:00", "end": "05:00", "amount": 0.20}],
}
CAR = {
    "battery_kwh": 60.0,
    "phases": 3,
    "min_current_a": 6.0,
    "max_current_a": 16.0,
    "efficiency": 90.0,
    "soc_entity": "sensor.car_soc",
}


def car(**data: Any) -> ConfigSubentryData:
    """Return a car's subentry."""
    return ConfigSubentryData(
        data={**CAR, **data}, subentry_type="vehicle", title="Car", unique_id=None
    )


class Home:
    """A home in which time passes when the test says so."""

    def __init__(
        self,
        hass: HomeAssistant,
        freezer: FrozenDateTimeFactory,
        entry: MockConfigEntry,
        charge_point: ChargePoint,
    ) -> None:
        self.hass = hass
        self.freezer = freezer
        self.entry = entry
        self.cp = charge_point
        self.gives_up_s: float | None = None
        """After how long a call is given up that the charger leaves unanswered; None
        where it answers all."""
        self.waits_s: float | None = None
        """How much time passes at each turn for what a charger takes its time to do;
        None where it does all at once."""
        self._given_up = 0

    def of(self, connector: int = 1) -> ConnectorPlan:
        """Return the plan of a connector."""
        plans = self.entry.runtime_data.planning.connectors
        (found,) = (one for key, one in plans.items() if key[1] == connector)
        assert isinstance(found, ConnectorPlan)
        return found

    async def settle(self) -> None:
        """Let what is under way be done; what is never answered is given up."""
        if self.gives_up_s is None and self.waits_s is None:
            await self.hass.async_block_till_done()
            await self._exchange()
            return
        done = asyncio.ensure_future(self.hass.async_block_till_done())
        while not done.done():
            await self.cp.call("Heartbeat", {})
            if self.cp.wire.unanswered != self._given_up:
                self._given_up = self.cp.wire.unanswered
                # A little more, or rounding could keep it from being due.
                self.freezer.tick(timedelta(seconds=(self.gives_up_s or 0) + 1))
            if self.waits_s is not None and not done.done():
                self.freezer.tick(timedelta(seconds=self.waits_s))
        await done

    async def _exchange(self) -> None:
        """Let both sides say what they have to, until nothing comes between two turns.

        A night's leaps of 15 minutes would else take them by surprise with what was
        said in the evening.
        """
        for _ in range(50):
            if not self.cp.accepted:
                return
            try:
                await self.cp.call("Heartbeat", {})
            except Disconnected:
                return
            await self.hass.async_block_till_done()
            asked, answered = list(self.cp.wire.frames)[-2:]
            if (asked.action, answered.message[1]) == ("Heartbeat", asked.message[1]):
                return

    async def pass_time(self, **much: float) -> None:
        """Let time pass at one go, and what is due be done.

        The network is real: who is dialling is not given up for the time of the test.
        """
        await self.cp.wait_for(lambda one: not one.wire.dialling)
        self.freezer.tick(timedelta(**much))
        async_fire_time_changed(self.hass, dt_util.utcnow())
        await self.settle()

    async def comes(
        self, so: Callable[[], object], *, step: float = 1, steps: int = 120
    ) -> None:
        """Let time pass until something is so, `step` seconds each."""
        for _ in range(steps):
            # Time stands still: a round trip lets both sides say what they have to.
            for _ in range(10):
                if so():
                    await self.settle()
                    return
                await self.settle()
            await self.pass_time(seconds=step)
        connector = self.of().connector
        pytest.fail(
            f"it never came to be so: {self.cp.describe()}; held by "
            f"{connector.held_by}, transaction {connector.transaction}"
        )

    def soc(self, percent: float | None) -> None:
        """Have the car tell its state of charge."""
        value = "unavailable" if percent is None else str(percent)
        self.hass.states.async_set(
            "sensor.car_soc", value, {"unit_of_measurement": "%"}
        )

    async def plug(self, connector: int = 1) -> ConnectorPlan:
        """Plug a car in and wait for its plan."""
        await self.cp.plug(connector)
        found = self.of(connector)
        await self.told(found, lambda: found.plugged_in)
        await self.pass_time(seconds=11)
        return found

    async def charge(self, connector: int = 1) -> int:
        """Have the car charge; return the transaction's id."""
        one = self.cp.connector(connector)
        response = await self.cp.call(
            "StartTransaction",
            {
                "connectorId": connector,
                "idTag": "HomeAssistant",
                "meterStart": 0,
                "timestamp": dt_util.utcnow().isoformat(),
            },
        )
        assert one is not None
        found: int = response["transactionId"]
        return found

    async def unplug(self, connector: int = 1) -> None:
        """Unplug the car."""
        await self.cp.unplug(connector)
        found = self.of(connector)
        await self.told(found, lambda: not found.plugged_in)

    async def told(self, plan: ConnectorPlan, so: Callable[[], object]) -> None:
        """Wait until something is so; it is looked at when the plan tells."""
        changed = asyncio.Event()
        stop = plan.listen(changed.set)
        try:
            async with asyncio.timeout(10):
                while not so():
                    changed.clear()
                    await changed.wait()
        finally:
            stop()


type Make = Callable[..., Awaitable[Home]]


@pytest.fixture
async def home(
    hass: HomeAssistant,
    simulated: Simulated,
    unloads: None,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncGenerator[Make]:
    """Return how to make a home at `NOW`, of subentries and options.

    Time runs until the charger is there, which needs some, and stands still then. As
    it leaps from there, a charger may be silent for a day.
    """
    day = 24 * 3600
    patient = replace(hub.TIMING, silence=day, silence_without_pongs=day)
    monkeypatch.setattr(hub, "TIMING", patient)
    await hass.config.async_update(time_zone="Europe/Berlin", currency="EUR")
    stops = ExitStack()

    async def make(
        *subentries: ConfigSubentryData,
        soc: float | None = None,
        options: Any = None,
        **point: Any,
    ) -> Home:
        if soc is not None:
            hass.states.async_set(
                "sensor.car_soc", str(soc), {"unit_of_measurement": "%"}
            )
        chosen = {"price": PRICE} if options is None else options
        with freeze_time(NOW - timedelta(minutes=1), tick=True):
            entry = await set_up(
                hass, central_system(charger_subentry(), *subentries, options=chosen)
            )
            charge_point = await simulated(entry, connectors=2, **point)
        freezer = stops.enter_context(freeze_time(NOW))
        assert isinstance(freezer, FrozenDateTimeFactory)
        made = Home(hass, freezer, entry, charge_point)
        await made.settle()
        return made

    with stops:
        yield make
