"""The dashboard of the demonstration: each charger, its plan, and the house."""

from collections.abc import Mapping
from typing import Any

from .bays import BAYS, Bay
from .home import Home
from .house import CO2, EXPECTED, GRID, PRICE, SUN

DASHBOARD = "charging-demo"

_TILES = (
    ("switch.charging", "Charging", 6),
    ("charging_state", "State", 6),
    ("power", "Power", 6),
    ("soc", "Battery", 6),
    ("mode", "Mode", 12),
    ("reason", "Why", 12),
    ("next_start", "Next start", 6),
    ("expected_end", "Ready", 6),
    ("expected_cost", "Will cost", 6),
    ("expected_co2", "CO2", 6),
)
_FEATURES = {"mode": [{"type": "select-options"}]}
_HOUSE = (
    (PRICE, "Price now", "mdi:currency-eur"),
    (CO2, "CO2 of the grid", "mdi:molecule-co2"),
    (SUN, "Sun on the roof", "mdi:solar-power"),
    (GRID, "From the grid", "mdi:transmission-tower"),
    (EXPECTED, "Sun expected today", "mdi:weather-sunny"),
)
_HOURS = 24
_PERIODS = 8
"""How many lines of a plan are shown."""


async def draw_dashboard(home: Home, entities: Mapping[str, Mapping[str, str]]) -> None:
    """Make the dashboard; `entities` are ids by charger and key."""
    await home.ask(
        "lovelace/dashboards/create",
        url_path=DASHBOARD,
        title="Charging",
        icon="mdi:ev-station",
        mode="storage",
        show_in_sidebar=True,
        require_admin=False,
    )
    view = {
        "type": "sections",
        "title": "Charging",
        "max_columns": len(BAYS) + 1,
        "sections": [
            *(_charger(bay, entities[bay.identity]) for bay in BAYS),
            _house(),
        ],
    }
    config = {"title": "Charging", "views": [view]}
    await home.ask("lovelace/config/save", url_path=DASHBOARD, config=config)
    await home.ask(
        "energy/save_prefs",
        device_consumption=[
            {
                "stat_consumption": entities[bay.identity]["energy"],
                "stat_rate": entities[bay.identity]["power"],
                "name": bay.name,
            }
            for bay in BAYS
        ],
    )


def _charger(bay: Bay, ids: Mapping[str, str]) -> dict[str, Any]:
    tiles = [
        _tile(ids[key], name, columns, _FEATURES.get(key))
        for key, name, columns in _TILES
        if key in ids
    ]
    graph = {
        "type": "history-graph",
        "hours_to_show": 0.1,
        "entities": [{"entity": ids["power"], "name": "Power"}],
        "grid_options": {"columns": 12},
    }
    plan = _plan(ids["plan"], ids["expected_cost"])
    return _section(bay.name, "mdi:ev-station", [*tiles, plan, graph])


def _house() -> dict[str, Any]:
    tiles = [_tile(one, name, 6) | {"icon": icon} for one, name, icon in _HOUSE]
    return _section("Home", "mdi:home-lightning-bolt", [*tiles, _day_ahead()])


def _section(name: str, icon: str, cards: list[dict[str, Any]]) -> dict[str, Any]:
    heading = {"type": "heading", "heading": name, "icon": icon}
    return {"type": "grid", "cards": [heading, *cards]}


def _tile(
    entity_id: str, name: str, columns: int, features: object = None
) -> dict[str, Any]:
    """Return a tile; it is hidden while there is nothing to show."""
    more = {"features": features, "features_position": "inline"} if features else {}
    return {
        "type": "tile",
        "entity": entity_id,
        "name": name,
        "grid_options": {"columns": columns},
        "visibility": [
            {"condition": "state", "entity": entity_id, "state_not": "unknown"}
        ],
        **more,
    }


def _plan(plan: str, cost: str) -> dict[str, Any]:
    """Return when a car charges, how fast, and what it is compared with."""
    rows = (
        f"{{% set all = state_attr('{plan}', 'intervals') or [] %}}"
        "{% for one in all if as_datetime(one.end) > now() %}"
        f"{{% if loop.index <= {_PERIODS} %}}"
        f"| {_clock('one.start')} – {_clock('one.end')} "
        "| {{ '%.1f' | format(one.power_kw) }} "
        "| {{ '%.1f' | format(one.energy_kwh) }} |\n{% endif %}"
        "{% else %}| nothing is planned | | |\n{% endfor %}"
    )
    roof = f"{{{{ (100 * (state_attr('{plan}', 'solar_share') or 0)) | round }}}} %"
    dearer = f"€{{{{ '%.2f' | format(state_attr('{cost}', 'at_once') or 0) }}}}"
    return _table(
        f"| Plan | kW | kWh |\n|---|--:|--:|\n{rows}\n"
        f"{roof} of it from the roof. Charging at once would cost {dearer}."
    )


def _day_ahead() -> dict[str, Any]:
    """Return the prices and the sun of the coming hours."""
    rows = (
        f"{{% set sun = state_attr('{EXPECTED}', 'wh_hours') or {{}} %}}"
        f"{{% for one in (state_attr('{PRICE}', 'prices') or []) "
        "if as_datetime(one.end) > now() %}"
        f"{{% if loop.index <= {_HOURS} %}}| {_clock('one.start')} "
        "| {{ '%.2f' | format(one.value) }} | {{ '█' * (one.value * 20) | int }} "
        "| {{ '%.1f' | format(sun[one.start] / 1000) }} |\n{% endif %}{% endfor %}"
    )
    return _table(f"| Ahead | EUR/kWh | | Sun kWh |\n|---|--:|---|--:|\n{rows}")


def _clock(moment: str) -> str:
    return f"{{{{ as_timestamp({moment}) | timestamp_custom('%H:%M') }}}}"


def _table(content: str) -> dict[str, Any]:
    return {
        "type": "markdown",
        "content": content,
        "grid_options": {"columns": 12},
    }
