"""The home as the joint planner sees it: its fuses, and what else flows there."""

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from homeassistant.util import dt as dt_util

from ..charging.joint_site import Place, Site, load_of_power
from ..charging.series import Series
from .circuits import CircuitSettings, HomeCircuits

if TYPE_CHECKING:
    from ..hub import Hub

LONGEST: Final = timedelta(days=8)
"""How far what the owner has typed of the house reaches; no plan is longer."""


def car_name(key: tuple[str, int]) -> str:
    """Return what sharing and joint planning call the car at a connector.

    `key` is its charger's subentry id and its number.
    """
    return f"{key[0]}_{key[1]}"


def site_of(hub: Hub) -> Site:
    """Return what all cars of a home share, cars named by `car_name`.

    Without a fuse that was typed there is the grid's limit only.
    """
    limit = hub.board.signals.limit
    home = HomeCircuits.of(hub.entry)
    claimants = hub.planning.connectors
    if home is None:
        ranks = {car_name(key): hub.fuse.priority_of(key) for key in claimants}
        places = {name: Place(priority=rank) for name, rank in ranks.items()}
        return Site(grid_limit=limit, places=places)
    return Site(
        circuits=home.tree,
        base_load=_base_load(hub, home),
        grid_limit=limit,
        places={
            car_name(key): Place(
                circuit=home.of_charger(key[0]).key,
                phases=home.wiring(key[0]),
                priority=hub.fuse.priority_of(key),
            )
            for key in claimants
        },
    )


def _base_load(
    hub: Hub, home: HomeCircuits
) -> dict[str, tuple[Series, Series, Series]]:
    """Return what else flows through each fuse: as usual, else as was typed."""
    loads = {each.key: _typed(each) for each in home.settings if each.other_a}
    usual = hub.board.house.known.series
    if usual and home.has_main:
        phases = sum(1 for limit in home.main.limit_a if limit)
        loads[home.main.key] = load_of_power(usual, phases=phases)
    return loads


def _typed(circuit: CircuitSettings) -> tuple[Series, Series, Series]:
    now = dt_util.utcnow()
    one, two, three = (
        Series.constant(each, now, now + LONGEST) if each else Series()
        for each in circuit.other_by_phase
    )
    return one, two, three
