"""What the tests of the cars share."""

import asyncio
from collections.abc import Callable
from typing import Any

from homeassistant.config_entries import ConfigSubentryDataWithId
from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.ocpp_charging.vehicles import Vehicles

from ..conftest import central_system, charger_data
from ..tags import ANNA

CHARGER = "garage"
TAG = "anna"


def car(key: str, title: str | None = None, **data: Any) -> Any:
    """Return a car's subentry; by default it is called as its id is."""
    return ConfigSubentryDataWithId(
        data=data,
        subentry_id=key,
        subentry_type="vehicle",
        title=title or key.capitalize(),
        unique_id=None,
    )


def charger(key: str = CHARGER, identity: str = "CP1") -> Any:
    """Return a charger's subentry with an id that is known."""
    return ConfigSubentryDataWithId(
        data=charger_data(identity),
        subentry_id=key,
        subentry_type="charger",
        title=identity,
        unique_id=identity,
    )


def tag(key: str = TAG, id_tag: str = ANNA) -> Any:
    """Return a tag's subentry with an id that is known."""
    return ConfigSubentryDataWithId(
        data={"id_tag": id_tag, "enabled": True},
        subentry_id=key,
        subentry_type="tag",
        title=key.capitalize(),
        unique_id=f"tag:{id_tag.casefold()}",
    )


def home(*subentries: Any) -> MockConfigEntry:
    """Return a central system with one charger, one tag, and what else is passed."""
    return central_system(charger(), tag(), *subentries)


def vehicles_of(entry: MockConfigEntry) -> Vehicles:
    """Return the cars of a loaded central system."""
    vehicles: Vehicles = entry.runtime_data.vehicles
    return vehicles


async def wait_for_cars(
    entry: MockConfigEntry, condition: Callable[[Vehicles], Any]
) -> None:
    """Wait until a condition holds; it is asked after every change."""
    vehicles = vehicles_of(entry)
    changed = asyncio.Event()
    stop = vehicles.listen(changed.set)
    try:
        async with asyncio.timeout(10):
            while not condition(vehicles):
                changed.clear()
                await changed.wait()
    finally:
        stop()


def change(hass: HomeAssistant, entry: MockConfigEntry, key: str, **data: Any) -> None:
    """Change a subentry's data as its flow does."""
    subentry = entry.subentries[key]
    hass.config_entries.async_update_subentry(
        entry, subentry, data={**subentry.data, **data}
    )
