"""The configuration keys of a charge point (OCPP 1.6 §9, security whitepaper)."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
import re
from typing import Any

from .options import ChargePointOptions


class Kind(StrEnum):
    """What the text of a value must look like."""

    BOOLEAN = "boolean"
    INTEGER = "integer"
    TEXT = "text"
    LIST = "list"
    MEASURANDS = "measurands"


class Verdict(StrEnum):
    """The answers to ChangeConfiguration (OCPP 1.6 §7.22)."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    REBOOT_REQUIRED = "RebootRequired"
    NOT_SUPPORTED = "NotSupported"


@dataclass(kw_only=True)
class Key:
    """One configuration key; `value` is its text on the wire."""

    name: str
    kind: Kind
    value: str
    readonly: bool = False
    write_only: bool = False
    """Never told to anyone, as AuthorizationKey."""
    reboot_required: bool = False
    minimum: int = 0
    pending: str | None = None
    """A value that counts after the next reboot."""
    extra: dict[str, Any] = field(default_factory=dict)


MEASURANDS = frozenset(
    {
        "Current.Import",
        "Current.Offered",
        "Energy.Active.Import.Register",
        "Energy.Active.Import.Interval",
        "Frequency",
        "Power.Active.Import",
        "Power.Factor",
        "Power.Offered",
        "SoC",
        "Temperature",
        "Voltage",
    }
)
"""What the simulated meter can measure."""

_ENERGY = "Energy.Active.Import.Register"

# name, kind, value, marks: r read-only, w write-only, b needs a reboot
_TABLE: tuple[tuple[str, Kind, str, str], ...] = (
    ("AllowOfflineTxForUnknownId", Kind.BOOLEAN, "false", ""),
    ("AuthorizationCacheEnabled", Kind.BOOLEAN, "true", ""),
    ("AuthorizeRemoteTxRequests", Kind.BOOLEAN, "false", ""),
    ("BlinkRepeat", Kind.INTEGER, "3", ""),
    ("ClockAlignedDataInterval", Kind.INTEGER, "0", ""),
    ("ConnectionTimeOut", Kind.INTEGER, "60", ""),
    ("ConnectorPhaseRotation", Kind.LIST, "0.RST,1.RST", ""),
    ("ConnectorPhaseRotationMaxLength", Kind.INTEGER, "10", "r"),
    ("GetConfigurationMaxKeys", Kind.INTEGER, "50", "r"),
    ("HeartbeatInterval", Kind.INTEGER, "300", ""),
    ("LightIntensity", Kind.INTEGER, "80", ""),
    ("LocalAuthorizeOffline", Kind.BOOLEAN, "true", ""),
    ("LocalPreAuthorize", Kind.BOOLEAN, "false", ""),
    ("MaxEnergyOnInvalidId", Kind.INTEGER, "0", ""),
    ("MeterValuesAlignedData", Kind.MEASURANDS, _ENERGY, ""),
    ("MeterValuesAlignedDataMaxLength", Kind.INTEGER, "11", "r"),
    ("MeterValuesSampledData", Kind.MEASURANDS, _ENERGY, ""),
    ("MeterValuesSampledDataMaxLength", Kind.INTEGER, "11", "r"),
    ("MeterValueSampleInterval", Kind.INTEGER, "60", ""),
    ("MinimumStatusDuration", Kind.INTEGER, "0", ""),
    ("NumberOfConnectors", Kind.INTEGER, "1", "r"),
    ("ResetRetries", Kind.INTEGER, "1", ""),
    ("StopTransactionOnEVSideDisconnect", Kind.BOOLEAN, "true", ""),
    ("StopTransactionOnInvalidId", Kind.BOOLEAN, "true", ""),
    ("StopTxnAlignedData", Kind.MEASURANDS, "", ""),
    ("StopTxnAlignedDataMaxLength", Kind.INTEGER, "11", "r"),
    ("StopTxnSampledData", Kind.MEASURANDS, "", ""),
    ("StopTxnSampledDataMaxLength", Kind.INTEGER, "11", "r"),
    (
        "SupportedFeatureProfiles",
        Kind.LIST,
        "Core,FirmwareManagement,LocalAuthListManagement,Reservation,SmartCharging,RemoteTrigger",
        "r",
    ),
    ("SupportedFeatureProfilesMaxLength", Kind.INTEGER, "6", "r"),
    ("SupportedFileTransferProtocols", Kind.LIST, "HTTP,HTTPS", "r"),
    ("TransactionMessageAttempts", Kind.INTEGER, "3", ""),
    ("TransactionMessageRetryInterval", Kind.INTEGER, "10", ""),
    ("UnlockConnectorOnEVSideDisconnect", Kind.BOOLEAN, "true", ""),
    ("WebSocketPingInterval", Kind.INTEGER, "0", ""),
    ("LocalAuthListEnabled", Kind.BOOLEAN, "true", ""),
    ("LocalAuthListMaxLength", Kind.INTEGER, "100", "r"),
    ("SendLocalListMaxLength", Kind.INTEGER, "50", "r"),
    ("ReserveConnectorZeroSupported", Kind.BOOLEAN, "true", "r"),
    ("ChargeProfileMaxStackLevel", Kind.INTEGER, "8", "r"),
    ("ChargingScheduleAllowedChargingRateUnit", Kind.LIST, "Current,Power", "r"),
    ("ChargingScheduleMaxPeriods", Kind.INTEGER, "100", "r"),
    ("ConnectorSwitch3to1PhaseSupported", Kind.BOOLEAN, "false", "r"),
    ("MaxChargingProfilesInstalled", Kind.INTEGER, "20", "r"),
    ("AuthorizationKey", Kind.TEXT, "", "w"),
    ("SecurityProfile", Kind.INTEGER, "2", "b"),
    ("CpoName", Kind.TEXT, "", ""),
)


class Configuration:
    """The keys of one charge point, and their rules."""

    def __init__(self) -> None:
        """Start with the defaults of a middle-class wallbox."""
        self._keys = {
            name.casefold(): Key(
                name=name,
                kind=kind,
                value=value,
                readonly="r" in marks,
                write_only="w" in marks,
                reboot_required="b" in marks,
            )
            for name, kind, value, marks in _TABLE
        }
        self.on_change: Callable[[str], None] = lambda name: None
        """Called with the name of a key after it has changed."""

    def __getitem__(self, name: str) -> str:
        """Return the value of a key as text; KeyError where there is no such key."""
        return self._keys[name.casefold()].value

    def integer(self, name: str) -> int:
        """Return a key as a number, 0 where the key does not exist."""
        key = self._keys.get(name.casefold())
        return int(key.value) if key else 0

    def boolean(self, name: str) -> bool:
        """Return a key as truth, false where the key does not exist."""
        key = self._keys.get(name.casefold())
        return key is not None and key.value.casefold() == "true"

    def items(self, name: str) -> list[str]:
        """Return a comma separated list, empty where the key does not exist."""
        key = self._keys.get(name.casefold())
        return (
            [part.strip() for part in key.value.split(",") if part.strip()]
            if key
            else []
        )

    def define(self, name: str, value: str | None, **marks: Any) -> None:
        """Set a key from inside, whatever its rules; None removes the key.

        `marks` are fields of `Key`, such as `readonly=True`.
        """
        if value is None:
            self._keys.pop(name.casefold(), None)
            return
        key = self._keys.setdefault(
            name.casefold(),
            Key(name=name, kind=marks.get("kind", Kind.TEXT), value=value),
        )
        key.value = value
        for mark, setting in marks.items():
            setattr(key, mark, setting)
        self.on_change(key.name)

    def read(self, names: Iterable[str]) -> tuple[list[dict[str, Any]], list[str]]:
        """Answer GetConfiguration: keys, all where none is named; unknown names."""
        wanted = list(names)
        unknown = [name for name in wanted if not self._readable(name)]
        chosen = wanted or [key.name for key in self._keys.values()]
        return [
            {"key": key.name, "readonly": key.readonly, "value": key.value}
            for key in (
                self._keys[name.casefold()] for name in chosen if self._readable(name)
            )
        ], unknown

    def change(self, name: str, value: str) -> Verdict:
        """Answer ChangeConfiguration (OCPP 1.6 §5.3)."""
        key = self._keys.get(name.casefold())
        if key is None:
            return Verdict.NOT_SUPPORTED
        if key.readonly or not self._fits(key, value):
            return Verdict.REJECTED
        if key.reboot_required:
            key.pending = value
            return Verdict.REBOOT_REQUIRED
        key.value = value
        self.on_change(key.name)
        return Verdict.ACCEPTED

    def reboot(self) -> None:
        """Let the values count that waited for a reboot."""
        for key in self._keys.values():
            if key.pending is not None:
                key.value, key.pending = key.pending, None
                self.on_change(key.name)

    def _readable(self, name: str) -> bool:
        key = self._keys.get(name.casefold())
        return key is not None and not key.write_only

    def _fits(self, key: Key, value: str) -> bool:
        match key.kind:
            case Kind.BOOLEAN:
                return value.casefold() in ("true", "false")
            case Kind.INTEGER:
                return (
                    re.fullmatch(r"-?[0-9]{1,9}", value) is not None
                    and int(value) >= key.minimum
                )
            case Kind.MEASURANDS:
                names = [part.strip() for part in value.split(",")] if value else []
                allowed = key.extra.get("allowed", MEASURANDS)
                length = self.integer(f"{key.name}MaxLength") or 100
                return len(names) <= length and all(name in allowed for name in names)
            case Kind.LIST | Kind.TEXT:
                return len(value) <= 500


def configuration_of(options: ChargePointOptions) -> Configuration:
    """Return the configuration keys as the options and quirks make them."""
    configuration = Configuration()
    configuration.define("NumberOfConnectors", str(options.connectors))
    says_so = options.switches_phases or options.quirks.ignores_phases
    switches = "true" if says_so else "false"
    configuration.define("ConnectorSwitch3to1PhaseSupported", switches)
    quirks = options.quirks
    if quirks.watts_only or quirks.amperes_only:
        unit = "Power" if quirks.watts_only else "Current"
        configuration.define("ChargingScheduleAllowedChargingRateUnit", unit)
    if quirks.max_periods is not None:
        configuration.define("ChargingScheduleMaxPeriods", str(quirks.max_periods))
    if quirks.reject_measurands:
        configuration.define(
            "MeterValuesSampledData",
            configuration["MeterValuesSampledData"],
            readonly=True,
        )
    if quirks.accepted_measurands is not None:
        extra = {"allowed": quirks.accepted_measurands}
        configuration.define(
            "MeterValuesSampledData",
            configuration["MeterValuesSampledData"],
            extra=extra,
        )
    if quirks.no_smart_charging:
        profiles = configuration["SupportedFeatureProfiles"].replace(
            "SmartCharging,", ""
        )
        configuration.define("SupportedFeatureProfiles", profiles)
        for name in (
            "ChargeProfileMaxStackLevel",
            "ChargingScheduleAllowedChargingRateUnit",
            "ChargingScheduleMaxPeriods",
            "ConnectorSwitch3to1PhaseSupported",
            "MaxChargingProfilesInstalled",
        ):
            configuration.define(name, None)
    for name, value in options.configuration.items():
        configuration.define(name, value)
    return configuration
