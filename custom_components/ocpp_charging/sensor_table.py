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
    EndReason,
    ErrorCode,
    FirmwareStatus,
    ListState,
    PastSession,
    Reservation,
)
from .csms.phase_turn import in_use
from .csms.reservations import reservation_of
from .entity import OcppEntityDescription

type Value = datetime | float | str | None


@dataclass(frozen=True, kw_only=True)
class OcppSensorDescription(OcppEntityDescription, SensorEntityDescription):
    """Describe a sensor; it exists from its first value on.

    One that is `restored` shows what Home Assistant kept of it over a restart, until
    there is a new value: what it shows is of the past and stays true.
    """

    restored: bool = False

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
class PhasesSensorDescription(ConnectorSensorDescription):
    """Describe a sensor of the phases; it is there where they can be switched."""

    @override
    def exists(self, charger: Charger, connector: Connector) -> bool:
        return charger.switches_phases and super().exists(charger, connector)


@dataclass(frozen=True, kw_only=True)
class DurationSensorDescription(OcppSensorDescription):
    """Describe the sensor of a session's duration in whole minutes."""

    @override
    def value(self, charger: Charger, connector: Connector) -> Value:
        lasted = session_duration(charger, connector)
        return None if lasted is None else whole_minutes(lasted)


def whole_minutes(lasted: timedelta) -> int:
    """Return a length of time in full minutes."""
    return int(lasted.total_seconds() // 60)


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


@dataclass(frozen=True, kw_only=True)
class PastSessionSensorDescription(OcppSensorDescription):
    """Describe a sensor of the session that ended last: history, always available."""

    keys: tuple[str, ...] = ("past_session",)
    stays_available: bool = True
    value_fn: Callable[[PastSession], Value]

    @override
    def value(self, charger: Charger, connector: Connector) -> Value:
        past = connector.past_session
        return None if past is None else self.value_fn(past)

    @override
    def exists(self, charger: Charger, connector: Connector) -> bool:
        return connector.past_session is not None


@dataclass(frozen=True, kw_only=True)
class TagSensorDescription(PastSessionSensorDescription):
    """Describe a sensor of whose tag it was; what it is called is shown."""

    charger_keys: tuple[str, ...] = ("tag_rules",)


@dataclass(frozen=True, kw_only=True)
class ReservationSensorDescription(OcppSensorDescription):
    """Describe a sensor of what is reserved; it holds while a charger is away."""

    keys: tuple[str, ...] = ("reservation",)
    stays_available: bool = True
    value_fn: Callable[[Reservation], Value]

    @override
    def value(self, charger: Charger, connector: Connector) -> Value:
        now = dt_util.utcnow()
        reservation = reservation_of(charger, connector.connector_id, now)
        return None if reservation is None else self.value_fn(reservation)


@dataclass(frozen=True, kw_only=True)
class ReservedForSensorDescription(ReservationSensorDescription):
    """Describe the sensor of whom it is reserved for, by what the tag is called."""


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

RESERVATION: tuple[ReservationSensorDescription, ...] = (
    ReservationSensorDescription(
        key="reserved_until",
        device_class=SensorDeviceClass.TIMESTAMP,
        value_fn=lambda reservation: reservation.expires,
    ),
    ReservedForSensorDescription(
        key="reserved_for",
        value_fn=lambda reservation: reservation.id_tag,
    ),
)
"""Of a connector, and of the whole charger where any one connector is reserved."""

PAST_SESSION: tuple[PastSessionSensorDescription, ...] = (
    # No state class: it is of one session, and there is no sense in adding it up.
    PastSessionSensorDescription(
        key="last_session_energy",
        device_class=SensorDeviceClass.ENERGY,
        native_unit_of_measurement=UnitOfEnergy.WATT_HOUR,
        suggested_display_precision=2,
        suggested_unit_of_measurement=UnitOfEnergy.KILO_WATT_HOUR,
        value_fn=lambda past: past.energy_wh,
    ),
    PastSessionSensorDescription(
        key="last_session_duration",
        device_class=SensorDeviceClass.DURATION,
        native_unit_of_measurement=UnitOfTime.MINUTES,
        value_fn=lambda past: whole_minutes(past.ended_at - past.started_at),
    ),
    PastSessionSensorDescription(
        key="last_session_end",
        device_class=SensorDeviceClass.TIMESTAMP,
        value_fn=lambda past: past.ended_at,
    ),
    TagSensorDescription(
        key="last_session_tag",
        value_fn=lambda past: past.id_tag,
    ),
    PastSessionSensorDescription(
        key="last_session_reason",
        device_class=SensorDeviceClass.ENUM,
        entity_category=EntityCategory.DIAGNOSTIC,
        options=[word.value for word in EndReason],
        value_fn=lambda past: past.reason,
    ),
)

PHASE_SWITCHING = ("possible", "no_plans", "ignored")
"""What there is to the switching of a charger's phases."""


def _phases_in_use(connector: Connector) -> float | None:
    if connector.charging is not True:
        return None if connector.charging is None else 0
    measured = in_use(connector)
    return None if measured is None else measured.value


def _phase_switching(charger: Charger) -> str | None:
    if not charger.switches_phases:
        return None
    if charger.can_switch_phases:
        return "possible"
    return "ignored" if charger.features.plan_phases_ignored else "no_plans"


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
    PhasesSensorDescription(
        key="phases_in_use",
        keys=(*(f"current_l{phase}" for phase in (1, 2, 3)), "power", "charging"),
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=0,
        value_fn=_phases_in_use,
    ),
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
        stays_available=True,
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
        stays_available=True,
        value_fn=lambda connector: connector.session_start,
    ),
    # Whose tag it is, is personal: it is there for those who ask for it.
    ConnectorSensorDescription(
        key="id_tag",
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        value_fn=lambda connector: connector.id_tag,
    ),
    *PAST_SESSION,
    *RESERVATION,
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
        key="phase_switching",
        keys=("features", "settings"),
        device_class=SensorDeviceClass.ENUM,
        entity_category=EntityCategory.DIAGNOSTIC,
        options=list(PHASE_SWITCHING),
        value_fn=_phase_switching,
    ),
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
        restored=True,
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
    ChargerSensorDescription(
        key="tag_list",
        keys=("local_list",),
        device_class=SensorDeviceClass.ENUM,
        entity_category=EntityCategory.DIAGNOSTIC,
        options=[word.value for word in ListState],
        value_fn=lambda charger: charger.memory.local_list.state,
    ),
    ChargerSensorDescription(
        key="tag_list_version",
        keys=("local_list",),
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=lambda charger: charger.memory.local_list.version or None,
    ),
    *RESERVATION,
    # What a charger measures for connector 0 is its main meter (OCPP 1.6 §4.7).
    *READINGS,
)
