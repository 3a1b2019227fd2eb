"""The table of the sensors: what each shows, in which unit, and when it exists."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import override

from homeassistant.components.sensor import (
    SensorDeviceClass,
    SensorEntityDescription,
    SensorStateClass,
)
from homeassistant.const import (
    REVOLUTIONS_PER_MINUTE,
    EntityCategory,
    UnitOfElectricCurrent,
    UnitOfElectricPotential,
    UnitOfEnergy,
    UnitOfFrequency,
    UnitOfPower,
    UnitOfRatio,
    UnitOfReactivePower,
    UnitOfTemperature,
    UnitOfTime,
)
from homeassistant.util import dt as dt_util

from .csms.charger import Charger
from .csms.connector import Connector
from .csms.model import (
    ChargingState,
    ConnectorStatus,
    DiagnosticsStatus,
    ErrorCode,
    FirmwareStatus,
)
from .entity import OcppEntityDescription

type Value = datetime | float | str | None


@dataclass(frozen=True, kw_only=True)
class OcppSensorDescription(OcppEntityDescription, SensorEntityDescription):
    """Describe a sensor; it exists from its first value on."""

    def value(self, charger: Charger, connector: Connector) -> Value:
        """Return the sensor's value, None when the charger has not told it."""
        raise NotImplementedError

    @override
    def exists(self, charger: Charger, connector: Connector) -> bool:
        return self.value(charger, connector) is not None


@dataclass(frozen=True, kw_only=True)
class ReadingSensorDescription(OcppSensorDescription):
    """Describe a sensor of a measured value; its key is that of the reading."""

    @override
    def value(self, charger: Charger, connector: Connector) -> Value:
        return connector.reading(self.key)


@dataclass(frozen=True, kw_only=True)
class ConnectorSensorDescription(OcppSensorDescription):
    """Describe a sensor of a connector."""

    value_fn: Callable[[Connector], Value]
    reset_fn: Callable[[Connector], datetime | None] = lambda _: None

    @override
    def value(self, charger: Charger, connector: Connector) -> Value:
        return self.value_fn(connector)


@dataclass(frozen=True, kw_only=True)
class ChargerSensorDescription(OcppSensorDescription):
    """Describe a sensor of a charger."""

    value_fn: Callable[[Charger], Value]

    @override
    def value(self, charger: Charger, connector: Connector) -> Value:
        return self.value_fn(charger)


@dataclass(frozen=True, kw_only=True)
class DurationSensorDescription(OcppSensorDescription):
    """Describe the sensor of a session's duration in whole minutes."""

    @override
    def value(self, charger: Charger, connector: Connector) -> Value:
        lasted = session_duration(charger, connector)
        return None if lasted is None else int(lasted.total_seconds() // 60)


def session_duration(charger: Charger, connector: Connector) -> timedelta | None:
    """Return how long the running session has lasted, or the last one did.

    Sessions begin and end by the charger's clock, so it is also by that clock that a
    running one is measured. None without a session, and where its end was never told.
    """
    session = connector.session
    if session is None:
        return None
    end = session.ended_at
    if end is None and session is connector.transaction:
        end = dt_util.utcnow() + timedelta(seconds=charger.clock_offset_s or 0)
    return None if end is None else max(end - session.started_at, timedelta())


POWER = ReadingSensorDescription(
    key="power",
    device_class=SensorDeviceClass.POWER,
    native_unit_of_measurement=UnitOfPower.WATT,
    state_class=SensorStateClass.MEASUREMENT,
    suggested_display_precision=0,
)
ENERGY = ReadingSensorDescription(
    key="energy",
    device_class=SensorDeviceClass.ENERGY,
    native_unit_of_measurement=UnitOfEnergy.WATT_HOUR,
    state_class=SensorStateClass.TOTAL_INCREASING,
    suggested_display_precision=2,
    suggested_unit_of_measurement=UnitOfEnergy.KILO_WATT_HOUR,
)
CURRENT = ReadingSensorDescription(
    key="current",
    device_class=SensorDeviceClass.CURRENT,
    entity_registry_enabled_default=False,
    native_unit_of_measurement=UnitOfElectricCurrent.AMPERE,
    state_class=SensorStateClass.MEASUREMENT,
    suggested_display_precision=1,
)
VOLTAGE = ReadingSensorDescription(
    key="voltage",
    device_class=SensorDeviceClass.VOLTAGE,
    entity_registry_enabled_default=False,
    native_unit_of_measurement=UnitOfElectricPotential.VOLT,
    state_class=SensorStateClass.MEASUREMENT,
    suggested_display_precision=0,
)
PER_PHASE: tuple[ReadingSensorDescription, ...] = tuple(
    replace(
        description,
        key=f"{description.key}_l{phase}",
        entity_registry_enabled_default=False,
    )
    for description in (POWER, CURRENT, VOLTAGE)
    for phase in (1, 2, 3)
)
READINGS: tuple[ReadingSensorDescription, ...] = (
    POWER,
    ENERGY,
    CURRENT,
    VOLTAGE,
    *PER_PHASE,
    replace(POWER, key="power_export", entity_registry_enabled_default=False),
    replace(ENERGY, key="energy_export", entity_registry_enabled_default=False),
    replace(CURRENT, key="current_export"),
    replace(POWER, key="power_offered", entity_registry_enabled_default=False),
    replace(CURRENT, key="current_offered"),
    ReadingSensorDescription(
        key="reactive_power",
        device_class=SensorDeviceClass.REACTIVE_POWER,
        entity_registry_enabled_default=False,
        native_unit_of_measurement=UnitOfReactivePower.VOLT_AMPERE_REACTIVE,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=0,
    ),
    ReadingSensorDescription(
        key="power_factor",
        device_class=SensorDeviceClass.POWER_FACTOR,
        entity_registry_enabled_default=False,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=2,
    ),
    ReadingSensorDescription(
        key="frequency",
        device_class=SensorDeviceClass.FREQUENCY,
        entity_registry_enabled_default=False,
        native_unit_of_measurement=UnitOfFrequency.HERTZ,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=2,
    ),
    ReadingSensorDescription(
        key="temperature",
        device_class=SensorDeviceClass.TEMPERATURE,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        native_unit_of_measurement=UnitOfTemperature.CELSIUS,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=1,
    ),
    ReadingSensorDescription(
        key="fan_speed",
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        native_unit_of_measurement=REVOLUTIONS_PER_MINUTE,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=0,
    ),
    ReadingSensorDescription(
        key="soc",
        device_class=SensorDeviceClass.BATTERY,
        native_unit_of_measurement=UnitOfRatio.PERCENTAGE,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=0,
    ),
)

CONNECTOR_SENSORS: tuple[OcppSensorDescription, ...] = (
    ConnectorSensorDescription(
        key="status",
        device_class=SensorDeviceClass.ENUM,
        options=[word.value for word in ConnectorStatus],
        value_fn=lambda connector: connector.status,
    ),
    ConnectorSensorDescription(
        key="charging_state",
        device_class=SensorDeviceClass.ENUM,
        options=[word.value for word in ChargingState],
        value_fn=lambda connector: connector.charging_state,
    ),
    *READINGS,
    # A total that begins anew with each session: `last_reset` tells the statistics so
    # even where a new session has taken more than the old one when first heard of.
    ConnectorSensorDescription(
        key="session_energy",
        keys=("session_energy", "session_start"),
        device_class=SensorDeviceClass.ENERGY,
        native_unit_of_measurement=UnitOfEnergy.WATT_HOUR,
        state_class=SensorStateClass.TOTAL,
        suggested_display_precision=2,
        suggested_unit_of_measurement=UnitOfEnergy.KILO_WATT_HOUR,
        value_fn=lambda connector: connector.session_energy,
        reset_fn=lambda connector: connector.session_start,
    ),
    DurationSensorDescription(
        key="session_duration",
        keys=("session_start", "transaction"),
        device_class=SensorDeviceClass.DURATION,
        native_unit_of_measurement=UnitOfTime.MINUTES,
    ),
    ConnectorSensorDescription(
        key="session_start",
        device_class=SensorDeviceClass.TIMESTAMP,
        entity_registry_enabled_default=False,
        value_fn=lambda connector: connector.session_start,
    ),
    # Whose tag it is, is personal: it is there for those who ask for it.
    ConnectorSensorDescription(
        key="id_tag",
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        value_fn=lambda connector: connector.id_tag,
    ),
    ConnectorSensorDescription(
        key="error_code",
        device_class=SensorDeviceClass.ENUM,
        entity_category=EntityCategory.DIAGNOSTIC,
        options=[word.value for word in ErrorCode],
        value_fn=lambda connector: connector.error_code,
    ),
    ConnectorSensorDescription(
        key="error_info",
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        value_fn=lambda connector: connector.error_info,
    ),
    ConnectorSensorDescription(
        key="vendor_error",
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        value_fn=lambda connector: connector.vendor_error,
    ),
)

CHARGER_SENSORS: tuple[OcppSensorDescription, ...] = (
    ChargerSensorDescription(
        key="firmware_version",
        keys=("info",),
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=lambda charger: charger.info.firmware,
    ),
    ChargerSensorDescription(
        key="firmware_status",
        device_class=SensorDeviceClass.ENUM,
        entity_category=EntityCategory.DIAGNOSTIC,
        options=[word.value for word in FirmwareStatus],
        value_fn=lambda charger: charger.firmware_status,
    ),
    ChargerSensorDescription(
        key="diagnostics_status",
        device_class=SensorDeviceClass.ENUM,
        entity_category=EntityCategory.DIAGNOSTIC,
        options=[word.value for word in DiagnosticsStatus],
        value_fn=lambda charger: charger.diagnostics_status,
    ),
    ChargerSensorDescription(
        key="last_seen",
        device_class=SensorDeviceClass.TIMESTAMP,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        stays_available=True,
        value_fn=lambda charger: charger.last_seen,
    ),
    ChargerSensorDescription(
        key="latency",
        keys=("latency_ms",),
        device_class=SensorDeviceClass.DURATION,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        native_unit_of_measurement=UnitOfTime.MILLISECONDS,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=0,
        value_fn=lambda charger: charger.latency_ms,
    ),
    ChargerSensorDescription(
        key="clock_offset",
        keys=("clock_offset_s",),
        device_class=SensorDeviceClass.DURATION,
        entity_category=EntityCategory.DIAGNOSTIC,
        native_unit_of_measurement=UnitOfTime.SECONDS,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=0,
        value_fn=lambda charger: charger.clock_offset_s,
    ),
    ChargerSensorDescription(
        key="reconnects",
        entity_category=EntityCategory.DIAGNOSTIC,
        state_class=SensorStateClass.TOTAL_INCREASING,
        stays_available=True,
        value_fn=lambda charger: charger.reconnects,
    ),
    # What a charger measures for connector 0 is its main meter (OCPP 1.6 §4.7).
    *READINGS,
)
