"""The sensors of what each id tag has charged, on the central system's device.

A home has a few cards and sees them all; a workplace with hundreds is not flooded: the
first `ENABLED` tags have a sensor, and from there on only those with a name, disabled
until somebody wants to see them.
"""

from collections.abc import Callable
from hashlib import blake2b
from typing import Final, override

from homeassistant.components.sensor import (
    DOMAIN as SENSOR_DOMAIN,
    SensorDeviceClass,
    SensorEntity,
    SensorEntityDescription,
    SensorStateClass,
)
from homeassistant.const import UnitOfEnergy
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.device_registry import DeviceInfo
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .const import DOMAIN
from .hub import Hub, OcppConfigEntry
from .tag_names import mask, tag_names

ENABLED: Final = 20
"""So many tags have a sensor that is enabled."""

# A total, not one that only increases: it falls when the owner deletes the history of
# a charger, which is no new meter that begins at 0.
TAG_ENERGY: Final = SensorEntityDescription(
    key="tag_energy",
    translation_key="tag_energy",
    device_class=SensorDeviceClass.ENERGY,
    native_unit_of_measurement=UnitOfEnergy.WATT_HOUR,
    state_class=SensorStateClass.TOTAL,
    suggested_display_precision=2,
    suggested_unit_of_measurement=UnitOfEnergy.KILO_WATT_HOUR,
)


def tag_unique_id(entry_id: str, id_tag: str) -> str:
    """Return the unique id of a tag's sensor, in which the tag cannot be read."""
    digest = blake2b(id_tag.encode(), key=entry_id.encode()[:64], digest_size=8)
    return f"{entry_id}_{TAG_ENERGY.key}_{digest.hexdigest()}"


class TagEnergySensor(SensorEntity):
    """What one tag took in all its sessions that have ended, at all chargers."""

    _attr_has_entity_name = True
    _attr_should_poll = False

    def __init__(self, hub: Hub, id_tag: str, label: str, *, enabled: bool) -> None:
        """Bind the tag, as `PastSessions` has it, and what it is called."""
        self.entity_description = TAG_ENERGY
        self._past = hub.past
        self.id_tag = id_tag
        self.label = label
        self._attr_unique_id = tag_unique_id(hub.entry.entry_id, id_tag)
        self._attr_translation_placeholders = {"tag": label}
        self._attr_entity_registry_enabled_default = enabled
        self._attr_device_info = DeviceInfo(identifiers={(DOMAIN, hub.entry.entry_id)})
        self._written = self.native_value

    @property
    @override
    def native_value(self) -> int | None:
        """Return the energy in Wh."""
        return self._past.energy_wh.get(self.id_tag)

    @override
    async def async_added_to_hass(self) -> None:
        """Follow the energy."""
        await super().async_added_to_hass()
        self.async_on_remove(self._past.async_listen(self._async_changed))

    @callback
    def _async_changed(self) -> None:
        if self.native_value != self._written:
            self._written = self.native_value
            self.async_write_ha_state()


class TagSensors:
    """Adds the sensors as tags charge and renames them; those without sessions go."""

    def __init__(
        self, entry: OcppConfigEntry, add: AddConfigEntryEntitiesCallback
    ) -> None:
        """Begin with none."""
        self._entry = entry
        self._hub = entry.runtime_data
        self._registry = er.async_get(self._hub.hass)
        self._add = add
        self._shown: dict[str, TagEnergySensor] = {}
        self._agreed: dict[str, bool] | None = None

    @callback
    def async_start(self) -> Callable[[], None]:
        """Add what there is, and follow; returns how to stop."""
        self._async_agree()
        stops = (
            self._hub.past.async_listen(self._async_agree),
            self._entry.add_update_listener(self._async_entry_updated),
        )

        def stop() -> None:
            for each in stops:
                each()

        return stop

    @callback
    def _async_agree(self) -> None:
        """Make the sensors agree with the tags that have charged."""
        if not self._hub.past.known:
            # Those that are registered may all have charged.
            return
        charged = {tag: wh > 0 for tag, wh in self._hub.past.energy_wh.items()}
        if charged == self._agreed:
            return
        self._agreed = charged
        entry_id, energy_wh = self._entry.entry_id, self._hub.past.energy_wh
        registered = {
            each.unique_id: each.entity_id
            for each in er.async_entries_for_config_entry(self._registry, entry_id)
            if each.unique_id.startswith(f"{entry_id}_{TAG_ENERGY.key}_")
        }
        ids = {tag: tag_unique_id(entry_id, tag) for tag in energy_wh}
        for unique_id in registered.keys() - set(ids.values()):
            self._registry.async_remove(registered.pop(unique_id))
        names = tag_names(self._entry)
        for tag in self._shown.keys() - energy_wh.keys():
            del self._shown[tag]
        added = []
        # First come those that have a name, then who took the most.
        for tag in sorted(
            energy_wh.keys() - self._shown.keys(),
            key=lambda tag: (tag not in names, -energy_wh[tag], tag),
        ):
            known = ids[tag] in registered
            room = len(registered) < ENABLED
            if known or (energy_wh[tag] and (room or tag in names)):
                label = names.get(tag) or mask(tag)
                sensor = TagEnergySensor(self._hub, tag, label, enabled=room)
                added.append(sensor)
                registered.setdefault(ids[tag], SENSOR_DOMAIN)
        self._shown.update((each.id_tag, each) for each in added)
        if added:
            self._add(added)

    async def _async_entry_updated(
        self, _hass: HomeAssistant, entry: OcppConfigEntry
    ) -> None:
        """Take over the names that the owner has given."""
        names = tag_names(entry)
        for tag, sensor in tuple(self._shown.items()):
            if sensor.label != (names.get(tag) or mask(tag)):
                del self._shown[tag]
                # An entity gets its name when it is added.
                if sensor.hass is not None:
                    await sensor.async_remove()
        self._agreed = None
        self._async_agree()
