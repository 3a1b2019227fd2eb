"""The house around the chargers: what its sensors tell, and what an owner names."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from .curves import CO2 as CO2_VALUES, FEED_IN, HOUR, HOUSE_W, PRICES, Curves, sun_w
from .home import Home, HomeError

PRICE = "sensor.day_ahead_price"
CO2 = "sensor.grid_co2_intensity"
SUN = "sensor.sun_on_the_roof"
EXPECTED = "sensor.sun_expected"
GRID = "sensor.power_from_the_grid"

_FLOWS = "/api/config/config_entries"
_OPTIONS = f"{_FLOWS}/options/flow"
_INTEGRATION = "demo_house"
_COUNTERS: Mapping[str, Callable[[float], float]] = {
    "from_the_grid": lambda sun: max(0.0, HOUSE_W - sun),
    "to_the_grid": lambda sun: max(0.0, sun - HOUSE_W),
    "from_the_roof": lambda sun: sun,
}
"""What has been counted, from what the roof gives, in W."""
_PAST = timedelta(days=21)


async def tell_curves(home: Home, curves: Curves, now: datetime) -> None:
    """Have the sensors say what is known of the time to come."""
    hour = curves.hour_at(now)
    await _state(
        home, PRICE, PRICES[hour], "Day-ahead price", "EUR/kWh",
        prices=curves.rows(PRICES),
    )  # fmt: skip
    await _state(
        home, CO2, CO2_VALUES[hour], "Grid CO2 intensity", "gCO2eq/kWh",
        forecast=curves.rows(CO2_VALUES),
    )  # fmt: skip
    expected = curves.sun_wh()
    day = sum(list(expected.values())[:24]) / 1000
    await _state(
        home, EXPECTED, round(day, 1), "Sun expected today", "kWh",
        device_class="energy", wh_hours=expected,
    )  # fmt: skip


async def tell_now(home: Home, curves: Curves, now: datetime, charged_w: float) -> None:
    """Have roof and meter say what flows now, with what the cars draw."""
    sun = curves.sun_w(now)
    drawn = round(HOUSE_W + charged_w - sun)
    more = {"device_class": "power", "state_class": "measurement"}
    await _state(home, SUN, sun, "Sun on the roof", "W", **more)
    await _state(home, GRID, drawn, "Power from the grid", "W", **more)


async def _state(
    home: Home, entity_id: str, value: float, name: str, unit: str, **more: Any
) -> None:
    attributes = {"friendly_name": name, "unit_of_measurement": unit, **more}
    await home.rest(
        "POST",
        f"/api/states/{entity_id}",
        {"state": f"{value:g}", "attributes": attributes},
    )


# What the owner has done before any charger came


async def move_in(home: Home, now: datetime) -> None:
    """Add the roof, three weeks of counters, and the energy dashboard's sources."""
    flow = await home.rest("POST", f"{_FLOWS}/flow", {"handler": _INTEGRATION})
    roof: str = flow["result"]["entry_id"]
    first = (now - _PAST).replace(hour=0, minute=0, second=0, microsecond=0)
    hours = [first + timedelta(hours=place) for place in range((now - first) // HOUR)]
    for counter, power in _COUNTERS.items():
        total, rows = 0.0, []
        for hour in hours:
            total += power(sun_w(hour.hour)) / 1000
            rows.append({"start": hour.isoformat(), "sum": total, "state": total})
        await home.ask(
            "recorder/import_statistics",
            metadata={
                "mean_type": 0,
                "has_sum": True,
                "name": f"Energy {counter.replace('_', ' ')}",
                "source": _INTEGRATION,
                "statistic_id": _counter(counter),
                "unit_class": "energy",
                "unit_of_measurement": "kWh",
            },
            stats=rows,
        )
    await home.ask(
        "energy/save_prefs",
        energy_sources=[
            {
                "type": "grid",
                "stat_energy_from": _counter("from_the_grid"),
                "stat_energy_to": _counter("to_the_grid"),
                "cost_adjustment_day": 0,
            },
            {
                "type": "solar",
                "stat_energy_from": _counter("from_the_roof"),
                "config_entry_solar_forecast": [roof],
            },
        ],
    )


def _counter(name: str) -> str:
    return f"{_INTEGRATION}:energy_{name}"


# The forms in which the owner names what tells when to charge


async def choose_signals(home: Home, entry_id: str) -> None:
    """Name what tells prices, CO2, and what the house draws."""
    conversations: tuple[tuple[dict[str, Any], ...], ...] = (
        (
            {"next_step_id": "prices"},
            {"next_step_id": "price"},
            {"next_step_id": "price_entity"},
            {"entity_id": PRICE},
            {"unit": "auto", "reversed": False},
            {"fee": 0, "percent": 0},
            {},
        ),
        (
            {"next_step_id": "prices"},
            {"next_step_id": "feed_in_price"},
            {"next_step_id": "price_typed"},
            {"amount": FEED_IN},
            {},
        ),
        (
            {"next_step_id": "signals"},
            {"next_step_id": "co2"},
            {"next_step_id": "co2_entity"},
            {"entity_id": CO2},
            {},
        ),
        (
            {"next_step_id": "signals"},
            {"next_step_id": "house"},
            {"next_step_id": "house_meter"},
            {"grid_power": GRID, "reversed": False, "voltage": 230},
            {},
        ),
    )
    for steps in conversations:
        flow = await home.rest("POST", _OPTIONS, {"handler": entry_id})
        await answer(home, _OPTIONS, flow, *steps)


async def choose_sun(home: Home, entry_id: str) -> None:
    """Choose the forecasts that are proposed: those of the energy dashboard."""
    flow = await home.rest("POST", _OPTIONS, {"handler": entry_id})
    for step in ("signals", "solar"):
        flow = await home.rest(
            "POST", f"{_OPTIONS}/{flow['flow_id']}", {"next_step_id": step}
        )
    fields = {one["name"]: one for one in flow["data_schema"]}
    proposed = fields["forecasts"]["default"]
    await answer(home, _OPTIONS, flow, {"forecasts": proposed, "caution": "likely"}, {})


async def add_car(
    home: Home, entry_id: str, car: dict[str, Any], habits: dict[str, Any]
) -> None:
    """Go through the forms in which an owner describes a car."""
    path = f"{_FLOWS}/subentries/flow"
    flow = await home.rest("POST", path, {"handler": [entry_id, "vehicle"]})
    soc = car.pop("soc_entity")
    departures = habits.pop("departures")
    await answer(home, path, flow, car, {"soc_entity": soc}, habits, departures)


async def answer(
    home: Home, path: str, flow: dict[str, Any], *steps: dict[str, Any]
) -> None:
    """Answer the steps of a flow to its end. Raises `HomeError` when it goes wrong."""
    for step in steps:
        flow = await home.rest("POST", f"{path}/{flow['flow_id']}", step)
        if flow.get("errors"):
            raise HomeError(f"Step {flow['step_id']} refused: {flow['errors']}")
    if flow["type"] != "create_entry":
        raise HomeError(f"A conversation did not end: {flow}")
