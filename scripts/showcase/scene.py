"""What the demonstration shows: a house, its chargers, and the cars before them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
import math
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from simulator import Car, ChargePoint, ChargePointOptions, ManualClock

from .bays import BAYS, Bay
from .curves import Curves
from .dashboard import draw_dashboard
from .home import ZONE as ZONE_NAME, Home, HomeError, free_port
from .house import (
    add_car,
    choose_signals,
    choose_sun,
    move_in,
    tell_curves,
    tell_now,
)

DOMAIN = "ocpp_charging"
SAMPLE_SECONDS = 5
STEP_SECONDS = 60
AWAY_S = 1e6
"""Longer than any night, for chargers whose network is cut."""

TELL_SECONDS = 5
"""How often the house's meter tells what flows."""
ZONE = ZoneInfo(ZONE_NAME)
DAYS = (
    "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday",
)  # fmt: skip
PLAN_KEYS = (
    "switch.smart_charging",
    "mode",
    "ready_by",
    "target_soc",
    "reason",
    "plan",
)


class Scene:
    """The furnished home: its chargers and the entities that stand for them."""

    def __init__(self, home: Home) -> None:
        """Begin with an empty home."""
        self.home = home
        self.port = free_port(9000)
        self.chargers: dict[str, ChargePoint] = {}
        self.entities: dict[str, dict[str, str]] = {}
        """Entity ids by charger identity, then by the entity's key."""
        self.entry_id = ""
        self.clock: ManualClock | None = None
        """The chargers' own; None for the world's."""
        self.came = datetime.now(ZONE)
        """When the cars came home."""
        self._curves: Curves | None = None
        self._stack = AsyncExitStack()

    @classmethod
    @asynccontextmanager
    async def built(
        cls,
        home: Home,
        curves: Curves | None = None,
        clock: ManualClock | None = None,
    ) -> AsyncIterator[Scene]:
        """Set everything up as an owner would; the chargers leave at the end.

        Without `curves` the house tells today's. With a `clock` of their own chargers
        stay away once the network is cut.
        """
        scene = cls(home)
        scene._curves, scene.clock = curves, clock
        async with scene._stack:
            await scene._add_central_system()
            await move_in(home, scene.came)
            for bay in BAYS:
                await scene._add_charger(bay)
            await scene._find_entities()
            for bay in BAYS:
                await scene._add_car(bay)
            await scene.tell()
            await choose_signals(home, scene.entry_id)
            await choose_sun(home, scene.entry_id)
            await scene._find_entities(*PLAN_KEYS)
            await draw_dashboard(home, scene.entities)
            yield scene

    async def tell(self) -> None:
        """Have the house's sensors say what is so now, and what is to come."""
        now = datetime.now(ZONE)
        curves = self._curves or Curves.of_day(now)
        for charger in self.chargers.values():
            charger.refresh()
        charged = sum(one.connector(1).power_w for one in self.chargers.values())
        await tell_curves(self.home, curves, now)
        await tell_now(self.home, curves, now, charged)

    async def live(self, seconds: float = math.inf) -> None:
        """Have the house's sensors go on for a while."""
        end = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < end:
            await self.tell()
            await asyncio.sleep(TELL_SECONDS)

    async def _step(self, path: str, flow: dict[str, Any], **answer: Any) -> Any:
        """Answer one step of a flow."""
        result = await self.home.rest("POST", f"{path}/{flow['flow_id']}", answer)
        if result.get("errors"):
            raise HomeError(f"Step {result['step_id']} refused: {result['errors']}")
        return result

    async def _add_central_system(self) -> None:
        path = "/api/config/config_entries/flow"
        flow = await self.home.rest("POST", path, {"handler": DOMAIN})
        flow = await self._step(
            path,
            flow,
            port=self.port,
            security="wss_compatible",
            advanced={"certificate": "own_ca"},
        )
        flow = await self._step(path, flow, names=["localhost", "127.0.0.1"])
        self.entry_id = flow["result"]["entry_id"]
        path = "/api/config/config_entries/options/flow"
        options = await self.home.rest("POST", path, {"handler": self.entry_id})
        measuring = await self._step(path, options, next_step_id="measuring")
        await self._step(path, measuring, sample_interval=SAMPLE_SECONDS)

    async def _add_charger(self, bay: Bay) -> None:
        """Go through the conversation that an owner has, and be the charger in it."""
        path = "/api/config/config_entries/subentries/flow"
        handler = [self.entry_id, "charger"]
        flow = await self.home.rest("POST", path, {"handler": handler})
        made = {field["name"]: field for field in flow["data_schema"]}
        password = made["password"]["description"]["suggested_value"]
        flow = await self._step(
            path, flow, identity=bay.identity, password=password, no_password=False
        )
        shown = flow["description_placeholders"]
        flow = await self._step(path, flow)
        await self._plug_in(bay, shown, await self._ca_file(shown["ca_url"]))
        flow = await self._until_found(path, flow)
        result = await self._step(path, flow, name=bay.name, max_current_a=32)
        if result["type"] != "create_entry":
            raise HomeError(f"The charger {bay.name} could not be added: {result}")

    async def _ca_file(self, url: str) -> Path:
        """Fetch the CA certificate, as an owner does for the charger."""
        file = self.home.folder / "ca-for-chargers.pem"
        content = await self.home.download(url)
        await asyncio.to_thread(file.write_bytes, content)
        return file

    async def _plug_in(self, bay: Bay, shown: dict[str, str], ca_file: Path) -> None:
        charger = ChargePoint(
            ChargePointOptions(
                identity=bay.identity,
                url=f"wss://localhost:{self.port}",
                password=shown["password"],
                ca_file=ca_file,
                model=bay.model,
                firmware="2.4.1",
                phases=bay.phases,
                register_wh=bay.register_wh,
                max_current=bay.max_current_a,
                reconnect_backoff_s=(2.0, 10.0) if self.clock is None else (AWAY_S,),
            ),
            clock=self.clock,
        )
        await self._stack.enter_async_context(charger)
        self.chargers[bay.identity] = charger
        car = Car(
            battery_kwh=bay.battery_kwh,
            soc_percent=bay.soc,
            phases=bay.phases,
            max_current_a=bay.max_current_a,
            # So slow a charge does not tire a battery before it is all but full.
            taper_from_percent=95,
        )
        await charger.plug(1, car)

    async def steer(self, mode: str | None = None) -> None:
        """Have both cars charged by plan, in a mode or each in its own."""
        for bay in BAYS:
            await self.home.call(
                "select",
                "select_option",
                entity_id=self.entities[bay.identity]["mode"],
                option=mode or bay.mode,
            )

    async def _add_car(self, bay: Bay) -> None:
        """Tell of the car, its charger, and when it leaves."""
        leaves = bay.leaves(self.came)
        subentries = await self.home.ask(
            "config_entries/subentries/list", entry_id=self.entry_id
        )
        charger = next(one for one in subentries if one["title"] == bay.name)
        await add_car(
            self.home,
            self.entry_id,
            {
                "name": bay.car_name.capitalize(),
                "battery_kwh": bay.battery_kwh,
                "phases": str(bay.phases),
                "min_current_a": 6,
                "max_current_a": bay.max_current_a,
                "efficiency": 90,
                "soc_entity": self.entities[bay.identity]["soc"],
            },
            {
                "preferred_charger": charger["subentry_id"],
                "target_soc": bay.target_soc,
                "departures": dict.fromkeys(DAYS, f"{leaves:%H:%M:%S}"),
            },
        )

    async def _until_found(self, path: str, flow: dict[str, Any]) -> Any:
        async with patience("the charger to be found"):
            while flow["type"] in {"progress", "progress_done"}:
                await asyncio.sleep(0.25)
                flow = await self.home.rest("GET", f"{path}/{flow['flow_id']}")
        return flow

    async def _find_entities(self, *more: str) -> None:
        """Learn the entity ids; they appear as the chargers report their values."""
        wanted = {"switch.charging", "power", "energy", "charging_state", "soc", *more}
        async with patience("the chargers' entities"):
            while True:
                await self.read_entities()
                if all(wanted <= self.entities[bay.identity].keys() for bay in BAYS):
                    return
                await asyncio.sleep(0.25)

    async def read_entities(self) -> None:
        """Learn the ids of the entities that there are now."""
        registry = await self.home.ask("config/entity_registry/list")
        for bay in BAYS:
            prefix = f"{self.entry_id}_{bay.identity}_1_"
            self.entities[bay.identity] = {
                _key(item): item["entity_id"]
                for item in registry
                if item["unique_id"].startswith(prefix) and item["disabled_by"] is None
            }


@asynccontextmanager
async def patience(what: str) -> AsyncIterator[None]:
    """Wait for a while; raises `HomeError` that names what did not come."""
    try:
        async with asyncio.timeout(STEP_SECONDS):
            yield
    except TimeoutError:
        raise HomeError(f"waited {STEP_SECONDS} s in vain for {what}") from None


def _key(item: dict[str, Any]) -> str:
    """Return an entity's key; a switch and a binary sensor may share theirs."""
    key: str = item["unique_id"].partition("_1_")[2]
    domain = item["entity_id"].partition(".")[0]
    return f"{domain}.{key}" if domain == "switch" else key
