"""The entities of cars: a device for each, and on each connector which car is there."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, override

from homeassistant.components.select import SelectEntity, SelectEntityDescription
from homeassistant.components.sensor import (
    SensorDeviceClass,
    SensorEntity,
    SensorEntityDescription,
)
from homeassistant.const import EntityCategory, Platform, UnitOfEnergy
from homeassistant.core import CALLBACK_TYPE, callback
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.helpers.device_registry import ChildDeviceInfo, DeviceInfo
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.event import async_track_point_in_utc_time
from homeassistant.util import dt as dt_util

from .const import DOMAIN
from .devices import connector_info
from .entity import Place
from .hub import Hub, OcppConfigEntry
from .vehicles import CarReason, Vehicle
from .vehicles.choices import AUTOMATIC, GUEST

NOWHERE: Final = "none"
"""The state of a car that is at none of the owner's connectors."""


@dataclass(frozen=True, kw_only=True)
class VehicleSensorDescription(SensorEntityDescription):
    """Describe a sensor of a car; `options_fn` are the words of one that has some."""

    value_fn: Callable[[Hub, Vehicle], datetime | str | None]
    options_fn: Callable[[Hub], list[str]] | None = None


def _connector_name(hub: Hub, charger_key: str, connector_id: int) -> str:
    """Name a connector by its charger, and by its number where there are several."""
    title = hub.entry.subentries[charger_key].title
    several = len(hub.chargers[charger_key].connectors) > 1
    return f"{title} #{connector_id}" if several else title


def _connected_to(hub: Hub, vehicle: Vehicle) -> str:
    place = hub.vehicles.place_of(vehicle.key)
    return NOWHERE if place is None else _connector_name(hub, *place)


def _connectors(hub: Hub) -> list[str]:
    named = [_connector_name(hub, *place) for place in hub.vehicles.places]
    return [NOWHERE, *dict.fromkeys(named)]


def _known_by(hub: Hub, vehicle: Vehicle) -> str:
    place = hub.vehicles.place_of(vehicle.key)
    return CarReason.NOTHING if place is None else hub.vehicles.at(*place).reason


VEHICLE_SENSORS: Final[Sequence[VehicleSensorDescription]] = (
    VehicleSensorDescription(
        key="next_departure",
        device_class=SensorDeviceClass.TIMESTAMP,
        value_fn=lambda _hub, vehicle: vehicle.next_departure(dt_util.utcnow()),
    ),
    VehicleSensorDescription(
        key="connected_to",
        device_class=SensorDeviceClass.ENUM,
        value_fn=_connected_to,
        options_fn=_connectors,
    ),
    VehicleSensorDescription(
        key="known_by",
        device_class=SensorDeviceClass.ENUM,
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=_known_by,
        options_fn=lambda _hub: [
            reason.value for reason in CarReason if reason is not CarReason.GUEST
        ],
    ),
)

USUAL_ENERGY: Final = SensorEntityDescription(
    key="usual_energy",
    device_class=SensorDeviceClass.ENERGY,
    native_unit_of_measurement=UnitOfEnergy.KILO_WATT_HOUR,
    suggested_display_precision=1,
)

CAR: Final = SelectEntityDescription(key="car")


def _identifier(hub: Hub, vehicle_key: str) -> tuple[str, str]:
    return DOMAIN, f"{hub.entry.entry_id}_car_{vehicle_key}"


class VehicleEntities:
    """Adds the sensors of each car when it is added; they go with its subentry."""

    def __init__(
        self, entry: OcppConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
    ) -> None:
        """Attend to the cars of a central system."""
        self._hub = entry.runtime_data
        self._add = async_add_entities
        self._names: dict[str, str] = {}

    @callback
    def async_start(self) -> Callable[[], None]:
        """Add what there is now, and follow the cars; returns how to stop."""
        self._look()
        return self._hub.vehicles.listen(self._look)

    def _look(self) -> None:
        vehicles = self._hub.vehicles.vehicles
        for key in self._names.keys() - vehicles.keys():
            del self._names[key]
        for key, vehicle in vehicles.items():
            name, before = vehicle.settings.name, self._names.get(key)
            if name != before:
                self._names[key] = name
                self._register(key, name)
            if before is None:
                self._add(_sensors(self._hub, vehicle), config_subentry_id=key)

    def _register(self, key: str, name: str) -> None:
        """Make the car's device, or give it its new name."""
        entry_id = self._hub.entry.entry_id
        dr.async_get(self._hub.hass).async_get_or_create(
            config_entry_id=entry_id,
            config_subentry_id=key,
            identifiers={_identifier(self._hub, key)},
            entry_type=dr.DeviceEntryType.SERVICE,
            name=name,
            model="Car",
            via_device_id=dr.async_get_device_id_by_identifier(
                self._hub.hass, (DOMAIN, entry_id), config_entry_id=entry_id
            ),
        )


def _sensors(hub: Hub, vehicle: Vehicle) -> list[SensorEntity]:
    return [
        *(VehicleSensor(hub, vehicle, each) for each in VEHICLE_SENSORS),
        UsualEnergySensor(hub, vehicle, USUAL_ENERGY),
    ]


class VehicleEntity(SensorEntity):
    """A sensor of a car."""

    _attr_has_entity_name = True
    _attr_should_poll = False

    def __init__(
        self, hub: Hub, vehicle: Vehicle, description: SensorEntityDescription
    ) -> None:
        """Bind the entity to its car."""
        self.entity_description = description
        self._hub = hub
        self._vehicle = vehicle
        device = _identifier(hub, vehicle.key)
        self._attr_translation_key = description.key
        self._attr_unique_id = f"{device[1]}_{description.key}"
        self._attr_device_info = DeviceInfo(identifiers={device})


class VehicleSensor(VehicleEntity):
    """What is known of a car: where it is, and when it leaves."""

    entity_description: VehicleSensorDescription

    _cancel_tick: CALLBACK_TYPE | None = None

    @property
    @override
    def native_value(self) -> datetime | str | None:
        """Return the value as it is now."""
        return self.entity_description.value_fn(self._hub, self._vehicle)

    @property
    @override
    def options(self) -> list[str] | None:
        """Return the words that the state can be."""
        words = self.entity_description.options_fn
        return None if words is None else words(self._hub)

    @override
    async def async_added_to_hass(self) -> None:
        """Follow the car, and the clock to the time that is shown."""
        await super().async_added_to_hass()
        self.async_on_remove(self._hub.vehicles.listen(self._async_changed))
        self.async_on_remove(self._stop_tick)
        self._plan_tick()

    @callback
    def _async_changed(self) -> None:
        # Its subentry may have been removed a moment ago.
        if self._vehicle.key in self._hub.vehicles.vehicles:
            self._plan_tick()
            self.async_write_ha_state()

    @callback
    def _async_tick(self, _now: datetime) -> None:
        self._cancel_tick = None
        self._async_changed()

    def _plan_tick(self) -> None:
        self._stop_tick()
        value = self.native_value
        if isinstance(value, datetime):
            self._cancel_tick = async_track_point_in_utc_time(
                self.hass, self._async_tick, value
            )

    @callback
    def _stop_tick(self) -> None:
        if self._cancel_tick is not None:
            self._cancel_tick()
            self._cancel_tick = None


class UsualEnergySensor(VehicleEntity):
    """What the car's last sessions took."""

    _id_tags: frozenset[str] = frozenset()

    @override
    async def async_added_to_hass(self) -> None:
        """Read it, and again when a session has ended or the car's tags are others."""
        await super().async_added_to_hass()
        self.async_on_remove(self._hub.past.async_listen(self._async_read))
        self.async_on_remove(self._hub.vehicles.listen(self._async_changed))
        await self.async_update()

    async def async_update(self) -> None:
        """Read the ledger, which is done beside the event loop."""
        self._id_tags = self._vehicle.settings.id_tags
        self._attr_native_value = await self._hub.vehicles.async_usual_kwh(
            self._vehicle.key, None, None
        )

    @callback
    def _async_read(self) -> None:
        self.async_schedule_update_ha_state(force_refresh=True)

    @callback
    def _async_changed(self) -> None:
        if self._vehicle.settings.id_tags != self._id_tags:
            self._async_read()


class CarSelects:
    """Adds to each connector a choice of the car, while there are cars."""

    def __init__(
        self, entry: OcppConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
    ) -> None:
        """Attend to the connectors of a central system."""
        self._hub = entry.runtime_data
        self._add = async_add_entities
        self._present: dict[tuple[str, int], str] = {}
        """By connector the unique id of its choice."""

    @callback
    def async_start(self) -> Callable[[], None]:
        """Add what there is now, and follow the cars; returns how to stop."""
        self._look()
        return self._hub.vehicles.listen(self._look)

    def _look(self) -> None:
        hub = self._hub
        places = hub.vehicles.places if hub.vehicles.vehicles else ()
        for gone in self._present.keys() - set(places):
            self._remove(self._present.pop(gone))
        for charger_key, connector_id in places:
            if (charger_key, connector_id) in self._present:
                continue
            place = Place(
                hub=hub,
                subentry_id=charger_key,
                charger=hub.chargers[charger_key],
                connector_id=connector_id,
            )
            self._present[charger_key, connector_id] = place.unique_id(CAR.key)
            self._add([CarSelect(place)], config_subentry_id=charger_key)

    def _remove(self, unique_id: str) -> None:
        registry = er.async_get(self._hub.hass)
        known = registry.async_get_entity_id(Platform.SELECT, DOMAIN, unique_id)
        if known is not None:
            registry.async_remove(known)


class CarSelect(SelectEntity):
    """The car at a connector, as it is recognised or as the owner says."""

    _attr_has_entity_name = True
    _attr_should_poll = False

    def __init__(self, place: Place) -> None:
        """Bind the choice to its connector."""
        self.entity_description = CAR
        self._place = place
        self._key = place.subentry_id, place.connector_id
        self._vehicles = place.hub.vehicles
        self._attr_translation_key = CAR.key
        self._attr_unique_id = place.unique_id(CAR.key)

    @property
    @override
    def device_info(self) -> ChildDeviceInfo:
        """Return the connector's device."""
        place = self._place
        return connector_info(
            place.hub, place.subentry_id, place.charger, place.connector_id
        )

    @property
    @override
    def options(self) -> list[str]:
        """Return the names of the cars, after what is always there."""
        names = (each.settings.name for each in self._vehicles.vehicles.values())
        return [AUTOMATIC, GUEST, *sorted(names, key=str.casefold)]

    @property
    @override
    def current_option(self) -> str:
        """Return the car that is there, or is said to come next."""
        there = self._vehicles.at(*self._key)
        key = there.key or self._vehicles.choice(*self._key)
        vehicle = self._vehicles.vehicles.get(key or "")
        if vehicle is not None:
            return vehicle.settings.name
        is_guest = there.reason is not CarReason.NOTHING or key == GUEST
        return GUEST if is_guest else AUTOMATIC

    @override
    async def async_select_option(self, option: str) -> None:
        """Take the owner's word, which holds until the car is unplugged."""
        choices: dict[str, str | None] = {
            each.settings.name: key for key, each in self._vehicles.vehicles.items()
        }
        choices |= {AUTOMATIC: None, GUEST: GUEST}
        self._vehicles.async_choose(*self._key, choices[option])

    @override
    async def async_added_to_hass(self) -> None:
        """Follow which car is where."""
        await super().async_added_to_hass()
        self.async_on_remove(self._vehicles.listen(self._async_changed))

    @callback
    def _async_changed(self) -> None:
        # The last car or the charger may have been removed a moment ago.
        if self._vehicles.vehicles and self._key in self._vehicles.places:
            self.async_write_ha_state()
