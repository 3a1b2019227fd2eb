"""What the demonstration shows: one central system, two chargers, a dashboard."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from simulator import Car, ChargePoint, ChargePointOptions

from .home import Home, HomeError, free_port
from .night import CO2, PRICE, SUN, Curves, add_car, choose_signals

DOMAIN = "ocpp_charging"
DASHBOARD = "charging-demo"
SAMPLE_SECONDS = 5
STEP_SECONDS = 60
ZONE = ZoneInfo("Europe/Amsterdam")
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


@dataclass(frozen=True, kw_only=True)
class Bay:
    """One charger of the demonstration and the car that stands before it."""

    identity: str
    name: str
    model: str
    phases: int
    car_name: str
    battery_kwh: float
    soc: float
    target_soc: int
    departs: str
    register_wh: float


BAYS = (
    Bay(
        identity="garage",
        name="Garage",
        model="SimBox 1",
        phases=1,
        car_name="city car",
        battery_kwh=40,
        soc=38,
        target_soc=80,
        departs="08:30:00",
        register_wh=1_834_210,
    ),
    Bay(
        identity="driveway",
        name="Driveway",
        model="SimBox 3",
        phases=3,
        car_name="family car",
        battery_kwh=77,
        soc=52,
        target_soc=90,
        departs="07:15:00",
        register_wh=5_120_845,
    ),
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
        self._entry_id = ""
        self._battery_part = 1.0
        self._stack = AsyncExitStack()

    @classmethod
    @asynccontextmanager
    async def built(
        cls, home: Home, *, battery_part: float = 1.0
    ) -> AsyncIterator[Scene]:
        """Set everything up as an owner would; the chargers leave at the end.

        Batteries are `battery_part` of their size.
        """
        scene = cls(home)
        scene._battery_part = battery_part
        async with scene._stack:
            await scene._add_central_system()
            for bay in BAYS:
                await scene._add_charger(bay)
            await scene._find_entities()
            await Curves.of_day(datetime.now(ZONE)).tell(home)
            await choose_signals(home, scene._entry_id)
            for bay in BAYS:
                await scene._add_car(bay)
            await scene._find_entities(*PLAN_KEYS)
            await scene._draw_dashboard()
            yield scene

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
        self._entry_id = flow["result"]["entry_id"]
        path = "/api/config/config_entries/options/flow"
        options = await self.home.rest("POST", path, {"handler": self._entry_id})
        measuring = await self._step(path, options, next_step_id="measuring")
        await self._step(path, measuring, sample_interval=SAMPLE_SECONDS)

    async def _add_charger(self, bay: Bay) -> None:
        """Go through the conversation that an owner has, and be the charger in it."""
        path = "/api/config/config_entries/subentries/flow"
        handler = [self._entry_id, "charger"]
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
                max_current=32 if bay.phases == 1 else 16,
            )
        )
        await self._stack.enter_async_context(charger)
        self.chargers[bay.identity] = charger
        car = Car(
            battery_kwh=self.battery_kwh(bay),
            soc_percent=bay.soc,
            phases=bay.phases,
            max_current_a=32 if bay.phases == 1 else 16,
        )
        await charger.plug(1, car)

    async def steer(self) -> None:
        """Have both cars charged by plan."""
        for bay in BAYS:
            await self.home.call(
                "select",
                "select_option",
                entity_id=self.entities[bay.identity]["mode"],
                option="smart",
            )

    def battery_kwh(self, bay: Bay) -> float:
        """Return what the car's battery holds here."""
        return bay.battery_kwh * self._battery_part

    async def _add_car(self, bay: Bay) -> None:
        """Tell of the car, its charger, and when it leaves."""
        subentries = await self.home.ask(
            "config_entries/subentries/list", entry_id=self._entry_id
        )
        charger = next(one for one in subentries if one["title"] == bay.name)
        await add_car(
            self.home,
            self._entry_id,
            {
                "name": bay.car_name.capitalize(),
                "battery_kwh": self.battery_kwh(bay),
                "phases": str(bay.phases),
                "min_current_a": 6,
                "max_current_a": 32 if bay.phases == 1 else 16,
                "efficiency": 90,
                "soc_entity": self.entities[bay.identity]["soc"],
            },
            {
                "preferred_charger": charger["subentry_id"],
                "target_soc": bay.target_soc,
                "departures": dict.fromkeys(DAYS, bay.departs),
            },
        )

    async def _until_found(self, path: str, flow: dict[str, Any]) -> Any:
        async with _patience("the charger to be found"):
            while flow["type"] in {"progress", "progress_done"}:
                await asyncio.sleep(0.25)
                flow = await self.home.rest("GET", f"{path}/{flow['flow_id']}")
        return flow

    async def _find_entities(self, *more: str) -> None:
        """Learn the entity ids; they appear as the chargers report their values."""
        wanted = {"switch.charging", "power", "energy", "charging_state", "soc", *more}
        async with _patience("the chargers' entities"):
            while True:
                await self.read_entities()
                if all(wanted <= self.entities[bay.identity].keys() for bay in BAYS):
                    return
                await asyncio.sleep(0.25)

    async def read_entities(self) -> None:
        """Learn the ids of the entities that there are now."""
        registry = await self.home.ask("config/entity_registry/list")
        for bay in BAYS:
            prefix = f"{self._entry_id}_{bay.identity}_1_"
            self.entities[bay.identity] = {
                _key(item): item["entity_id"]
                for item in registry
                if item["unique_id"].startswith(prefix) and item["disabled_by"] is None
            }

    async def _draw_dashboard(self) -> None:
        await self.home.ask(
            "lovelace/dashboards/create",
            url_path=DASHBOARD,
            title="Charging",
            icon="mdi:ev-station",
            mode="storage",
            show_in_sidebar=True,
            require_admin=False,
        )
        config = {
            "title": "Charging",
            "views": [
                {
                    "type": "sections",
                    "title": "Charging",
                    "max_columns": len(BAYS),
                    "sections": [
                        *(self._section(bay) for bay in BAYS),
                        _signals_section(),
                    ],
                }
            ],
        }
        await self.home.ask("lovelace/config/save", url_path=DASHBOARD, config=config)
        await self.home.ask(
            "energy/save_prefs",
            device_consumption=[
                {
                    "stat_consumption": self.entities[bay.identity]["energy"],
                    "stat_rate": self.entities[bay.identity]["power"],
                    "name": bay.name,
                }
                for bay in BAYS
            ],
        )

    def _section(self, bay: Bay) -> dict[str, Any]:
        ids = self.entities[bay.identity]
        keys = (
            ("switch.charging", "Charging", 6),
            ("charging_state", "State", 6),
            ("power", "Power", 6),
            ("soc", "Battery", 6),
            ("energy", "Meter", 6),
            ("status", "Charger says", 6),
            ("current_limit", "Current limit", 6),
            ("switch.smart_charging", "Smart charging", 6),
            ("mode", "Mode", 6),
            ("reason", "Why", 12),
            ("next_start", "Next start", 6),
            ("expected_end", "Ready", 6),
            ("expected_cost", "Will cost", 6),
            ("expected_co2", "CO2", 6),
        )
        tiles: list[dict[str, Any]] = []
        for key, name, columns in keys:
            if key in ids:
                tiles.append(
                    {
                        "type": "tile",
                        "entity": ids[key],
                        "name": name,
                        "grid_options": {"columns": columns},
                    }
                )
        if "current_limit" in ids:
            limit = next(one for one in tiles if one["entity"] == ids["current_limit"])
            limit |= {
                "features": [{"type": "numeric-input", "style": "buttons"}],
                "features_position": "inline",
                "grid_options": {"columns": 12},
            }
        graph = {
            "type": "history-graph",
            "hours_to_show": 0.1,
            "entities": [{"entity": ids["power"], "name": "Power"}],
            "grid_options": {"columns": 12},
        }
        heading = {
            "type": "heading",
            "heading": bay.name,
            "icon": "mdi:ev-station",
        }
        return {"type": "grid", "cards": [heading, *tiles, graph]}


def _signals_section() -> dict[str, Any]:
    """Return what plans are made of."""
    names = {PRICE: "Price now", CO2: "CO2 of the grid", SUN: "Sun on the roof"}
    tiles = [
        {"type": "tile", "entity": one, "name": name} for one, name in names.items()
    ]
    rows = (
        f"{{% for one in (state_attr('{PRICE}', 'prices') or []) "
        "if as_datetime(one.end) > now() %}"
        "{% if loop.index <= 24 %}| {{ as_timestamp(one.start) | "
        "timestamp_custom('%H:%M') }} | {{ '%.2f' | format(one.value) }} | "
        "{{ '█' * (one.value * 40) | int }} |\n{% endif %}{% endfor %}"
    )
    text = f"| Day ahead | EUR/kWh | |\n|---|---|---|\n{rows}"
    heading = {"type": "heading", "heading": "Home", "icon": "mdi:home-lightning-bolt"}
    return {
        "type": "grid",
        "cards": [heading, *tiles, {"type": "markdown", "content": text}],
    }


@asynccontextmanager
async def _patience(what: str) -> AsyncIterator[None]:
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
