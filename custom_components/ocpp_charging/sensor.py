"""The sensors: what a connector measures, what its session takes, how a charger is."""

from datetime import datetime
from typing import override

from homeassistant.components.sensor import RestoreSensor, SensorEntity
from homeassistant.const import Platform
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.event import (
    async_call_later,
    async_track_point_in_utc_time,
)
from homeassistant.util import dt as dt_util

from .cost_sensor import CostSensors
from .csms.reservations import reservation_of
from .entity import OcppEntity, Place, async_setup_entities
from .fuse_sensor import FuseSensors
from .hub import OcppConfigEntry
from .plan_entity import PlanEntities
from .plan_sensor import PLAN_SENSORS, PlanSensor
from .price_sensor import PriceSensors
from .sensor_table import (
    CHARGER_SENSORS,
    CONNECTOR_SENSORS,
    ConnectorSensorDescription,
    DurationSensorDescription,
    OcppSensorDescription,
    ReservationSensorDescription,
    ReservedForSensorDescription,
    TagSensorDescription,
    Value,
    session_duration,
)
from .tag_energy import TagSensors
from .tag_names import tag_label
from .vehicle_entities import VehicleEntities

# The entities do no I/O, and the OCPP layer keeps one outstanding CALL per charger.
PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant,
    entry: OcppConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the sensors of all chargers."""
    async_setup_entities(
        entry,
        Platform.SENSOR,
        async_add_entities,
        charger_descriptions=CHARGER_SENSORS,
        connector_descriptions=CONNECTOR_SENSORS,
        factory=_make,
    )
    entry.async_on_unload(TagSensors(entry, async_add_entities).async_start())
    entry.async_on_unload(PriceSensors(entry, async_add_entities).async_start())
    entry.async_on_unload(CostSensors(entry, async_add_entities).async_start())
    plans = PlanEntities(
        entry, Platform.SENSOR, async_add_entities, PLAN_SENSORS, PlanSensor
    )
    entry.async_on_unload(plans.async_start())
    entry.async_on_unload(VehicleEntities(entry, async_add_entities).async_start())
    entry.async_on_unload(FuseSensors(entry, async_add_entities).async_start())


def _make(place: Place, description: OcppSensorDescription) -> OcppSensor:
    if isinstance(description, DurationSensorDescription):
        return SessionDurationSensor(place, description)
    if isinstance(description, TagSensorDescription):
        return TagSensor(place, description)
    if description.restored:
        return RestoredSensor(place, description)
    if isinstance(description, ReservedForSensorDescription):
        return ReservedForSensor(place, description)
    if isinstance(description, ReservationSensorDescription):
        return ReservationSensor(place, description)
    return OcppSensor(place, description)


class OcppSensor(OcppEntity, SensorEntity):
    """A value that a charger or connector has."""

    entity_description: OcppSensorDescription

    @property
    @override
    def native_value(self) -> Value:
        """Return the value as the model has it."""
        return self.entity_description.value(self.charger, self.connector)

    @property
    @override
    def last_reset(self) -> datetime | None:
        """Return when a total began."""
        description = self.entity_description
        if isinstance(description, ConnectorSensorDescription):
            return description.reset_fn(self.connector)
        return None


class RestoredSensor(OcppSensor, RestoreSensor):
    """A value of the past, which a restart does not make untrue."""

    _kept: Value = None

    @property
    @override
    def native_value(self) -> Value:
        """Return the value as the model has it, else as it was kept."""
        value = super().native_value
        return self._kept if value is None else value

    @override
    async def async_added_to_hass(self) -> None:
        """Take over what was kept."""
        await super().async_added_to_hass()
        kept = await self.async_get_last_sensor_data()
        if kept is not None and isinstance(kept.native_value, datetime):
            self._kept = kept.native_value


class SessionDurationSensor(OcppSensor):
    """How long a session lasts: written when a minute is full, not per message."""

    _lasted: Value = None
    _cancel_tick: CALLBACK_TYPE | None = None

    @property
    @override
    def available(self) -> bool:
        """Say whether it is known: of a session that is over it always is."""
        return super().available or self.connector.transaction is None

    @property
    @override
    def native_value(self) -> Value:
        """Return the minutes; what they were stays when the end was never told."""
        value = super().native_value
        if value is not None:
            self._lasted = value
        return self._lasted

    @override
    async def async_added_to_hass(self) -> None:
        """Begin to count."""
        await super().async_added_to_hass()
        self._plan_tick()

    @override
    async def async_will_remove_from_hass(self) -> None:
        """Count no more."""
        self._stop_tick()
        await super().async_will_remove_from_hass()

    @callback
    @override
    def _async_changed(self) -> None:
        self._plan_tick()
        super()._async_changed()

    @callback
    def _async_tick(self, _now: datetime) -> None:
        self._cancel_tick = None
        self._async_changed()

    def _plan_tick(self) -> None:
        """Wake up when the running session's present minute is full."""
        self._stop_tick()
        lasted = session_duration(self.charger, self.connector)
        if lasted is None or self.connector.transaction is None or not self.available:
            return
        rest = 60 - lasted.total_seconds() % 60
        self._cancel_tick = async_call_later(self.hass, rest, self._async_tick)

    def _stop_tick(self) -> None:
        if self._cancel_tick is not None:
            self._cancel_tick()
            self._cancel_tick = None


class TagSensor(OcppSensor):
    """Whose tag it was: never the tag itself, which history would keep."""

    @property
    @override
    def native_value(self) -> Value:
        """Return what the tag is called."""
        tag = super().native_value
        return tag_label(self.place.hub.entry, tag) if isinstance(tag, str) else None


class ReservationSensor(OcppSensor):
    """What is reserved, until the moment when it no longer is."""

    _cancel_end: CALLBACK_TYPE | None = None

    @override
    async def async_added_to_hass(self) -> None:
        """Wait for the end."""
        await super().async_added_to_hass()
        self._plan_end()

    @override
    async def async_will_remove_from_hass(self) -> None:
        """Wait no more."""
        self._stop_waiting()
        await super().async_will_remove_from_hass()

    @callback
    @override
    def _async_changed(self) -> None:
        self._plan_end()
        super()._async_changed()

    @callback
    def _async_ended(self, _now: datetime) -> None:
        self._cancel_end = None
        self._async_changed()

    def _plan_end(self) -> None:
        self._stop_waiting()
        now = dt_util.utcnow()
        reserved = reservation_of(self.charger, self.place.connector_id, now)
        if reserved is not None:
            self._cancel_end = async_track_point_in_utc_time(
                self.hass, self._async_ended, reserved.expires
            )

    def _stop_waiting(self) -> None:
        if self._cancel_end is not None:
            self._cancel_end()
            self._cancel_end = None


class ReservedForSensor(ReservationSensor):
    """Whom it is reserved for: what the tag is called, never the tag itself."""

    @property
    @override
    def native_value(self) -> Value:
        """Return what the tag is called."""
        tag = super().native_value
        return tag_label(self.place.hub.entry, tag) if isinstance(tag, str) else None
