"""The devices: the central system, its chargers, and their connectors.

Identifiers are `{entry_id}` for the central system and `{entry_id}_{identity}_{number}`
for a connector, which is a child device; number 0 is the charger. So a charger `CP_1`
is never taken for connector 1 of a charger `CP`.
"""

from collections.abc import Callable
from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import device_registry as dr, service
from homeassistant.helpers.typing import UNDEFINED
from yarl import URL

from .const import DOMAIN
from .csms.charger import Charger
from .helpers import invalid

if TYPE_CHECKING:
    from .hub import Hub

_URL_SCHEMES = frozenset({"http", "https", "homeassistant"})
"""What Home Assistant takes as the address of a device's own page."""


def place_id(entry_id: str, identity: str, connector_id: int = 0) -> str:
    """Return what identifies a charger or one of its connectors among all of them."""
    return f"{entry_id}_{identity}_{connector_id}"


def _identifier(hub: Hub, charger: Charger, connector_id: int = 0) -> tuple[str, str]:
    return DOMAIN, place_id(hub.entry.entry_id, charger.identity, connector_id)


def charger_info(hub: Hub, charger: Charger) -> dr.DeviceInfo:
    """Return what ties an entity to its charger's device."""
    return dr.DeviceInfo(identifiers={_identifier(hub, charger)})


def connector_info(
    hub: Hub, subentry_id: str, charger: Charger, connector_id: int
) -> dr.ChildDeviceInfo:
    """Return what ties an entity to its connector's device."""
    return dr.ChildDeviceInfo(
        identifiers={_identifier(hub, charger, connector_id)},
        parent_device_id=hub.device_ids[subentry_id],
    )


def web_page(typed: str | None, remote_address: str | None) -> str | None:
    """Return the address of a charger's own web page, None when there is none.

    What the owner typed counts, with `http://` before it where no scheme stands; else
    it is the address that the charger dials in from.
    """
    if typed:
        address = typed.strip()
        try:
            url = URL(address if "://" in address else f"http://{address}")
        except ValueError:
            url = URL()
        if url.scheme in _URL_SCHEMES and url.host:
            return str(url)
    return _page_at(remote_address)


def _page_at(remote_address: str | None) -> str | None:
    try:
        address = ip_address(remote_address or "")
    except ValueError:
        return None
    if not isinstance(address, IPv6Address):
        return f"http://{address}"
    if address.ipv4_mapped is not None:
        return f"http://{address.ipv4_mapped}"
    # Which interface a link-local address belongs to, no browser can be told.
    return None if address.scope_id else f"http://[{address}]"


@callback
def async_register_central(hub: Hub) -> None:
    """Make the central system's device."""
    dr.async_get(hub.hass).async_get_or_create(
        config_entry_id=hub.entry.entry_id,
        identifiers={(DOMAIN, hub.entry.entry_id)},
        entry_type=dr.DeviceEntryType.SERVICE,
        name=hub.entry.title,
        model="OCPP central system",
    )


@callback
def async_register_charger(
    hub: Hub, subentry_id: str, charger: Charger
) -> Callable[[], None]:
    """Make the devices of a charger and its connectors, and keep them true.

    Returns how to stop that; the devices stay.
    """

    @callback
    def register() -> None:
        _update_charger(hub, subentry_id, charger)
        registry = dr.async_get(hub.hass)
        for connector_id in charger.connectors:
            registry.async_get_or_create_child(
                config_entry_id=hub.entry.entry_id,
                config_subentry_id=subentry_id,
                identifiers={_identifier(hub, charger, connector_id)},
                parent_device_id=hub.device_ids[subentry_id],
                translation_key="connector",
                translation_placeholders={"number": str(connector_id)},
            )

    register()
    unsubscribes = [
        charger.listen(0, key, register)
        for key in ("info", "remote_address", "connectors")
    ]

    def unsubscribe() -> None:
        for stop in unsubscribes:
            stop()

    return unsubscribe


def _update_charger(hub: Hub, subentry_id: str, charger: Charger) -> None:
    """Make or update a charger's device and note its id in the hub."""
    registry = dr.async_get(hub.hass)
    entry = hub.entry
    info = charger.info
    page = web_page(hub.web_address(subentry_id), charger.remote_address)
    device = registry.async_get_or_create(
        config_entry_id=entry.entry_id,
        config_subentry_id=subentry_id,
        identifiers={_identifier(hub, charger)},
        name=entry.subentries[subentry_id].title,
        manufacturer=_text(info.vendor),
        model=_text(info.model),
        serial_number=_text(info.serial),
        sw_version=_text(info.firmware),
        # Until it dials in again, the page it had last is the best there is.
        configuration_url=page or UNDEFINED,
        via_device_id=dr.async_get_device_id_by_identifier(
            hub.hass, (DOMAIN, entry.entry_id), config_entry_id=entry.entry_id
        ),
    )
    hub.device_ids[subentry_id] = device.id


def _text(value: object) -> str | None:
    """Return what a charger said of itself as text; the registry takes only that."""
    return str(value) if value else None


@callback
def subentry_of(device: dr.AnyDeviceEntry) -> str | None:
    """Return the subentry of a charger's device, None for all other devices.

    A connector is part of its charger: it has no subentry of its own.
    """
    if isinstance(device, dr.ChildDeviceEntry):
        return None
    return device.config_subentry_id


@callback
def central_of(hass: HomeAssistant, device_id: str) -> Hub | None:
    """Return the central system that a device stands for, None for other devices.

    Raises a translated `ServiceValidationError` when the device is not ours or not
    loaded.
    """
    device, entry = service.async_get_device_and_config_entry(hass, DOMAIN, device_id)
    hub: Hub = entry.runtime_data
    return hub if (DOMAIN, entry.entry_id) in device.identifiers else None


@callback
def resolve(hass: HomeAssistant, device_id: str) -> tuple[Hub, Charger, int | None]:
    """Return whom a device stands for: a charger, or one of its connectors.

    The number is None for a charger's own device. Raises a translated
    `ServiceValidationError` when the device is no charger's or not loaded.
    """
    device, entry = service.async_get_device_and_config_entry(hass, DOMAIN, device_id)
    hub: Hub = entry.runtime_data
    charger = hub.chargers.get(device.config_subentry_id or "")
    if charger is None:
        name = device.name_by_user or device.name or device_id
        raise invalid("device_no_charger", device=name)
    for connector_id in charger.connectors:
        if _identifier(hub, charger, connector_id) in device.identifiers:
            return hub, charger, connector_id
    return hub, charger, None
