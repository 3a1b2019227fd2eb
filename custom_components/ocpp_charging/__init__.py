"""OCPP Charging: an OCPP central system inside Home Assistant."""

from functools import partial
import logging

from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import EVENT_HOMEASSISTANT_STOP, Platform
from homeassistant.core import Event, HomeAssistant
from homeassistant.exceptions import ConfigEntryError, ConfigEntryNotReady
from homeassistant.helpers import config_validation as cv, device_registry as dr
from homeassistant.helpers.typing import ConfigType

from .const import DOMAIN
from .devices import subentry_of
from .file_views import async_setup_file_views
from .http import async_setup_http
from .hub import Hub, OcppConfigEntry, database_of, make_journal
from .kept_history import async_note_entry_removed
from .planning.kept_wishes import async_remove_wishes
from .repairs import async_delete_issues
from .services import async_setup_services
from .signals.prices.kept import async_remove_prices
from .signals.set_limit import async_remove_limit
from .vehicles import async_forget_vehicles

_LOGGER = logging.getLogger(__name__)

CONFIG_SCHEMA = cv.config_entry_only_config_schema(DOMAIN)

PLATFORMS = [
    Platform.BINARY_SENSOR,
    Platform.BUTTON,
    Platform.CALENDAR,
    Platform.DATE,
    Platform.EVENT,
    Platform.NUMBER,
    Platform.SELECT,
    Platform.SENSOR,
    Platform.SWITCH,
    Platform.TIME,
    Platform.UPDATE,
]


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Set up what all central systems share: the actions and the HTTP view."""
    async_setup_services(hass)
    async_setup_http(hass)
    async_setup_file_views(hass)
    return True


async def async_setup_entry(hass: HomeAssistant, entry: OcppConfigEntry) -> bool:
    """Set up one central system."""
    hub = Hub(hass, entry)
    await hub.async_load()
    entry.runtime_data = hub
    # Entities listen before the first charger can say anything.
    await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    try:
        await hub.async_start()
    except ConfigEntryNotReady:
        await hass.config_entries.async_unload_platforms(entry, PLATFORMS)
        await hub.async_stop()
        raise

    async def stop(_event: Event) -> None:
        await hub.async_stop()

    entry.async_on_unload(hass.bus.async_listen_once(EVENT_HOMEASSISTANT_STOP, stop))
    entry.async_on_unload(entry.add_update_listener(_async_entry_updated))
    return True


async def async_unload_entry(hass: HomeAssistant, entry: OcppConfigEntry) -> bool:
    """Unload a central system: its chargers are disconnected, its port is free."""
    unloaded = await hass.config_entries.async_unload_platforms(entry, PLATFORMS)
    if unloaded:
        await entry.runtime_data.async_stop()
    return unloaded


async def async_remove_entry(hass: HomeAssistant, entry: OcppConfigEntry) -> None:
    """Delete what a central system kept; of its sessions the owner is asked."""
    async_delete_issues(hass, entry.entry_id)
    await async_remove_wishes(hass, entry.entry_id)
    await async_remove_limit(hass, entry)
    await async_remove_prices(hass, entry)
    await async_forget_vehicles(hass, entry)
    make = partial(make_journal, hass, entry)
    try:
        await async_note_entry_removed(hass, entry, make, database_of(hass, entry))
    except (ConfigEntryError, OSError) as error:
        _LOGGER.warning("The ledger of %s could not be deleted: %s", entry.title, error)


async def _async_entry_updated(hass: HomeAssistant, entry: OcppConfigEntry) -> None:
    entry.runtime_data.async_entry_updated()


async def async_remove_config_entry_device(
    hass: HomeAssistant, entry: OcppConfigEntry, device_entry: dr.AnyDeviceEntry
) -> bool:
    """Let a charger that is not connected be removed, with its subentry.

    Connectors and the central system come and go with what they belong to.
    """
    subentry_id = subentry_of(device_entry)
    if subentry_id is None:
        return False
    loaded = entry.state is ConfigEntryState.LOADED
    charger = entry.runtime_data.chargers.get(subentry_id) if loaded else None
    if charger is not None and charger.connected:
        return False
    if subentry_id in entry.subentries:
        # This removes the device, too: Home Assistant then finds it gone.
        hass.config_entries.async_remove_subentry(entry, subentry_id)
    return True
