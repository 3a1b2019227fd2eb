"""The sensors: what a connector measures, what its session takes, how a charger is."""

from datetime import datetime
from typing import override

from homeassistant.components.sensor import SensorEntity
from homeassistant.const import Platform
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.event import async_call_later

from .entity import OcppEntity, Place, async_setup_entities
from .hub import OcppConfigEntry
from .sensor_table import (
    CHARGER_SENSORS,
    CONNECTOR_SENSORS,
    ConnectorSensorDescription,
    DurationSensorDescription,
    OcppSensorDescription,
    Value,
    session_duration,
)

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


def _make(place: Place, description: OcppSensorDescription) -> OcppSensor:
    if isinstance(description, DurationSensorDescription):
        return SessionDurationSensor(place, description)
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


class SessionDurationSensor(OcppSensor):
    """How long a session lasts: written when a minute is full, not per message."""

    _lasted: Value = None
    _cancel_tick: CALLBACK_TYPE | None = None

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
