"""Finds the entities of a car's own integration, to propose them to the owner.

A car is a device with a battery in percent and something that only cars have: a plug, a
charge limit. Telephones have a battery, too, and their integrations are left out.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from homeassistant.components.binary_sensor.const import BinarySensorDeviceClass
from homeassistant.components.sensor import SensorDeviceClass
from homeassistant.const import PERCENTAGE
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import device_registry as dr, entity_registry as er

from ..const import (
    CONF_HOME_ENTITY,
    CONF_LIMIT_ENTITY,
    CONF_PLUGGED_ENTITY,
    CONF_SOC_ENTITY,
    DOMAIN,
)

_NO_CARS: Final = frozenset({DOMAIN, "mobile_app", "icloud", "icloud3"})
_LIMIT_WORDS: Final = ("limit", "target", "max")
_PLUG_WORDS: Final = ("plug", "cable", "connect", "charging_status", "charging_state")


@callback
def find_car(
    hass: HomeAssistant, name: str, taken: frozenset[str]
) -> Mapping[str, str]:
    """Return the entities of the car that is most likely meant, by their CONF keys.

    That is the one whose device is called as the owner calls the car, else the one of
    which most is found. Those in `taken` are other cars'. Empty when there is none.
    """
    devices = dr.async_get(hass)
    by_device: dict[str, list[er.RegistryEntry]] = {}
    for entry in er.async_get(hass).entities.values():
        usable = entry.disabled_by is None and entry.platform not in _NO_CARS
        if entry.device_id is not None and usable:
            by_device.setdefault(entry.device_id, []).append(entry)
    found: list[tuple[bool, int, str, Mapping[str, str]]] = []
    for device_id, entries in by_device.items():
        car = _car(entries)
        device = devices.async_get(device_id)
        if car is None or device is None or not taken.isdisjoint(car.values()):
            continue
        called = (device.name_by_user or device.name or "").casefold()
        wanted = name.casefold()
        alike = bool(called) and (wanted in called or called in wanted)
        found.append((alike, len(car), device_id, car))
    if not found:
        return {}
    # Between equals the same one each time.
    return max(found, key=lambda each: (each[0], each[1], each[2]))[3]


def _car(entries: Iterable[er.RegistryEntry]) -> Mapping[str, str] | None:
    """Return what a device has of a car; `None` when it is none."""
    found: dict[str, str] = {}
    for entry in sorted(entries, key=lambda each: each.entity_id):
        key = _role(entry)
        if key is not None:
            found.setdefault(key, entry.entity_id)
    is_car = CONF_SOC_ENTITY in found and (
        CONF_PLUGGED_ENTITY in found or CONF_LIMIT_ENTITY in found
    )
    return found if is_car else None


def _role(entry: er.RegistryEntry) -> str | None:
    """Return for what an entity can stand."""
    kind = entry.device_class or entry.original_device_class
    words = f"{entry.entity_id} {entry.translation_key or ''}"
    percent = entry.unit_of_measurement == PERCENTAGE
    match entry.domain:
        case "device_tracker":
            return CONF_HOME_ENTITY
        case "binary_sensor" if kind == BinarySensorDeviceClass.PLUG:
            return CONF_PLUGGED_ENTITY
        case "sensor" | "number" if percent and _has(words, _LIMIT_WORDS):
            return CONF_LIMIT_ENTITY
        case "sensor" if percent and kind == SensorDeviceClass.BATTERY:
            return CONF_SOC_ENTITY
        case "sensor" if kind == SensorDeviceClass.ENUM and _has(words, _PLUG_WORDS):
            return CONF_PLUGGED_ENTITY
        case "binary_sensor" if _has(words, _PLUG_WORDS) and kind is None:
            return CONF_PLUGGED_ENTITY
    return None


def _has(words: str, wanted: Iterable[str]) -> bool:
    return any(word in words for word in wanted)
