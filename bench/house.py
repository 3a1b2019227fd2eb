"""A real Home Assistant core with this integration, in this process, for measuring."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
import tempfile
from types import MappingProxyType

from homeassistant import loader
from homeassistant.config_entries import ConfigSubentry
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_test_home_assistant,
)

from custom_components.ocpp_charging.const import DOMAIN, SUBENTRY_CHARGER
from custom_components.ocpp_charging.csms.credentials import KeyHash
from custom_components.ocpp_charging.hub import Hub

PASSWORD = "bench-password-123"


def identity(number: int) -> str:
    """Return the identity of the bench's charger with this number, from 0."""
    return f"BENCH{number:04d}"


def _entry(identities: Sequence[str], *, secure: bool) -> MockConfigEntry:
    """Return a central system that knows these chargers."""
    key_hash = str(KeyHash.make(PASSWORD.encode()))
    return MockConfigEntry(
        domain=DOMAIN,
        title="Bench",
        data={
            "host": "127.0.0.1",
            "port": 0,
            "security": "wss_compatible" if secure else "ws",
            "certificate": "own_ca",
            "names": ["localhost", "127.0.0.1"],
        },
        subentries_data=[
            ConfigSubentry(
                data=MappingProxyType(
                    {
                        "identity": each,
                        "key_hashes": [key_hash],
                        "password_required": True,
                    }
                ),
                subentry_type=SUBENTRY_CHARGER,
                title=each,
                unique_id=each,
            ).as_dict()
            for each in identities
        ],
    )


@asynccontextmanager
async def street(
    groups: Sequence[Sequence[str]], *, secure: bool = False
) -> AsyncIterator[tuple[HomeAssistant, list[Hub]]]:
    """Run a Home Assistant with a central system for each group of chargers."""
    with tempfile.TemporaryDirectory(prefix="ocpp-charging-bench-") as folder:
        async with async_test_home_assistant(config_dir=folder) as hass:
            (Path(folder) / ".storage").mkdir(exist_ok=True)
            hass.data.pop(loader.DATA_CUSTOM_COMPONENTS, None)
            await async_setup_component(hass, "http", {})
            entries = [_entry(group, secure=secure) for group in groups]
            for entry in entries:
                entry.add_to_hass(hass)
            # The first sets up the integration, and with it all of its entries.
            if not await hass.config_entries.async_setup(entries[0].entry_id):
                raise SystemExit("The integration could not be set up.")
            await hass.async_block_till_done()
            try:
                yield hass, [entry.runtime_data for entry in entries]
            finally:
                for entry in entries:
                    await hass.config_entries.async_unload(entry.entry_id)
                await hass.async_block_till_done()
                await hass.async_stop(force=True)
                await asyncio.sleep(0)


@asynccontextmanager
async def house(
    chargers: int, *, secure: bool = False
) -> AsyncIterator[tuple[HomeAssistant, Hub]]:
    """Run a Home Assistant with one central system that knows so many chargers."""
    identities = [identity(number) for number in range(chargers)]
    async with street([identities], secure=secure) as (hass, hubs):
        yield hass, hubs[0]
