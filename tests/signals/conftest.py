"""Fixtures for the tests of what is read from Home Assistant."""

from collections.abc import Awaitable, Callable, Generator
from datetime import date
from unittest.mock import patch
from zoneinfo import ZoneInfo

from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import HANDLERS
from homeassistant.core import HomeAssistant
import pytest

from custom_components.ocpp_charging.config_flow import OcppConfigFlow

from .fixtures import actions, attributes
from .fixtures.world import Expected, Kind, World

KINDS = {kind.name: kind for kind in (*actions.KINDS, *attributes.KINDS)}
CURRENCIES = {
    "Europe/Oslo": "NOK",
    "America/Chicago": "USD",
}

type Install = Callable[..., Awaitable[tuple[World, Expected]]]


@pytest.fixture
def install(hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> Generator[Install]:
    """Return how to put a source into Home Assistant, on a day at 14:07."""

    async def put(
        kind: Kind | str, today: date = date(2026, 11, 20), *, tomorrow: bool = True
    ) -> tuple[World, Expected]:
        kind = KINDS[kind] if isinstance(kind, str) else kind
        await hass.config.async_update(
            time_zone=kind.zone, currency=CURRENCIES.get(kind.zone, "EUR")
        )
        world = World(ZoneInfo(kind.zone), today, kind.minutes, tomorrow)
        freezer.move_to(world.now())
        return world, await kind.install(hass, world)

    # Ours registers itself when it is first imported, and is not to go with the others.
    with patch.dict(HANDLERS, ocpp_charging=OcppConfigFlow):
        yield put
