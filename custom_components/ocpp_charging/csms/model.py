"""The version-neutral words: what a charger is, whatever OCPP it speaks.

The adapters (`v16`, later `v201`) translate messages to and from these types, so
that nothing above them sees a version. Energy is in Wh, power in W, current in A,
voltage in V, and every datetime is aware.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from typing import Any

type Change = tuple[int, str]
"""What changed: a connector's number (0 is the charger itself) and a key."""


class ConnectorStatus(StrEnum):
    """The nine statuses of a connector (OCPP 1.6 §7.7)."""

    AVAILABLE = "available"
    PREPARING = "preparing"
    CHARGING = "charging"
    SUSPENDED_EVSE = "suspended_evse"
    SUSPENDED_EV = "suspended_ev"
    FINISHING = "finishing"
    RESERVED = "reserved"
    UNAVAILABLE = "unavailable"
    FAULTED = "faulted"


class ChargingState(StrEnum):
    """What the car is doing, as a homeowner would say it."""

    UNPLUGGED = "unplugged"
    WAITING = "waiting"
    CHARGING = "charging"
    PAUSED_BY_CAR = "paused_by_car"
    PAUSED_BY_CHARGER = "paused_by_charger"
    FINISHED = "finished"
    FAULT = "fault"


class ErrorCode(StrEnum):
    """The error codes of a connector (OCPP 1.6 §7.6); OTHER for words outside it."""

    NO_ERROR = "no_error"
    CONNECTOR_LOCK_FAILURE = "connector_lock_failure"
    EV_COMMUNICATION_ERROR = "ev_communication_error"
    GROUND_FAILURE = "ground_failure"
    HIGH_TEMPERATURE = "high_temperature"
    INTERNAL_ERROR = "internal_error"
    LOCAL_LIST_CONFLICT = "local_list_conflict"
    OTHER_ERROR = "other_error"
    OVER_CURRENT_FAILURE = "over_current_failure"
    OVER_VOLTAGE = "over_voltage"
    POWER_METER_FAILURE = "power_meter_failure"
    POWER_SWITCH_FAILURE = "power_switch_failure"
    READER_FAILURE = "reader_failure"
    RESET_FAILURE = "reset_failure"
    UNDER_VOLTAGE = "under_voltage"
    WEAK_SIGNAL = "weak_signal"


class Registration(StrEnum):
    """How a charger's BootNotification is answered (OCPP 1.6 §4.2)."""

    ACCEPTED = "Accepted"
    PENDING = "Pending"
    REJECTED = "Rejected"


class TagDecision(StrEnum):
    """What a presented id tag is allowed to do (OCPP 1.6 §7.2)."""

    ACCEPTED = "Accepted"
    BLOCKED = "Blocked"
    EXPIRED = "Expired"
    INVALID = "Invalid"
    CONCURRENT_TX = "ConcurrentTx"


class ListState(StrEnum):
    """How a charger's own list of id tags agrees with the owner's.

    SHORTENED is as far as it fits; SWITCHED_OFF is by the charger's configuration.
    """

    IN_STEP = "in_step"
    SHORTENED = "shortened"
    FAILED = "failed"
    SWITCHED_OFF = "switched_off"
    UNSUPPORTED = "unsupported"


class EndReason(StrEnum):
    """Why a session ended (OCPP 1.6 §7.36); NOT_TOLD where its end was never told."""

    DEAUTHORIZED = "deauthorized"
    EMERGENCY_STOP = "emergency_stop"
    EV_DISCONNECTED = "ev_disconnected"
    HARD_RESET = "hard_reset"
    LOCAL = "local"
    OTHER = "other"
    POWER_LOSS = "power_loss"
    REBOOT = "reboot"
    REMOTE = "remote"
    SOFT_RESET = "soft_reset"
    UNLOCK_COMMAND = "unlock_command"
    NOT_TOLD = "not_told"


class FirmwareStatus(StrEnum):
    """Where a firmware update stands (OCPP 1.6 §7.25, and security, §6.8)."""

    IDLE = "idle"
    DOWNLOAD_SCHEDULED = "download_scheduled"
    DOWNLOADING = "downloading"
    DOWNLOAD_PAUSED = "download_paused"
    DOWNLOADED = "downloaded"
    DOWNLOAD_FAILED = "download_failed"
    SIGNATURE_VERIFIED = "signature_verified"
    INVALID_SIGNATURE = "invalid_signature"
    INSTALL_SCHEDULED = "install_scheduled"
    INSTALLING = "installing"
    INSTALL_REBOOTING = "install_rebooting"
    INSTALLED = "installed"
    INSTALL_VERIFICATION_FAILED = "install_verification_failed"
    INSTALLATION_FAILED = "installation_failed"


class DiagnosticsStatus(StrEnum):
    """Where a diagnostics upload stands (OCPP 1.6 §7.24)."""

    IDLE = "idle"
    UPLOADING = "uploading"
    UPLOADED = "uploaded"
    UPLOAD_FAILED = "upload_failed"


class RateUnit(StrEnum):
    """The unit of a limit: A is per phase, W the total (OCPP 1.6 §7.9)."""

    AMPERE = "A"
    WATT = "W"


class ProfilePurpose(StrEnum):
    """The layer a charging profile belongs to (OCPP 1.6 §7.11)."""

    CHARGER_MAX = "ChargePointMaxProfile"
    DEFAULT = "TxDefaultProfile"
    TRANSACTION = "TxProfile"


class HeldBy(StrEnum):
    """By what a connector is held to its plan.

    Only PROFILE and MERGED go on when the central system is gone.
    """

    PROFILE = "profile"
    """A charging profile beside that of the owner's limit."""
    MERGED = "merged"
    """One charging profile with the plan and the owner's limit in it."""
    START_STOP = "start_stop"
    """Sessions are started and stopped: the charger takes no plan."""
    IGNORED = "ignored"
    """The same, as the charger accepts a plan and does not keep to it."""
    PENDING = "pending"
    """Not yet: the charger is away, or takes a plan in a session only."""
    OVERRIDDEN = "overridden"
    """Not any more: the owner has installed or removed a charging profile."""


class ScheduleOrigin(StrEnum):
    """From when on a charger counts the periods of a plan."""

    ABSOLUTE = "absolute"
    """From the time that the schedule names, by the charger's own clock."""
    SESSION = "session"
    """Relative to the begin of the transaction."""
    RECEIVED = "received"
    """Relative to when the profile came."""


class ProfileKind(StrEnum):
    """How a charging profile's schedule lies in time (OCPP 1.6 §7.10)."""

    ABSOLUTE = "Absolute"
    RECURRING = "Recurring"
    RELATIVE = "Relative"


class Recurrency(StrEnum):
    """How often a recurring schedule begins anew (OCPP 1.6 §7.12)."""

    DAILY = "Daily"
    WEEKLY = "Weekly"


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One measured value in its canonical unit, and when it was measured."""

    value: float
    at: datetime


class RegisterKind(StrEnum):
    """What an energy register was read for.

    A BEGIN is what it showed when the transaction began, whenever that is told.
    """

    SAMPLE = "sample"
    BEGIN = "begin"
    END = "end"


@dataclass(frozen=True, kw_only=True)
class RegisterValue:
    """What an energy register showed in Wh, at a time by the charger's clock."""

    at: datetime
    wh: float
    kind: RegisterKind = RegisterKind.SAMPLE


@dataclass(frozen=True, kw_only=True)
class ChargerInfo:
    """What a charger says of itself when it boots; None where it says nothing."""

    vendor: str | None = None
    model: str | None = None
    serial: str | None = None
    firmware: str | None = None
    meter_type: str | None = None
    meter_serial: str | None = None
    iccid: str | None = None
    imsi: str | None = None

    def completed_by(self, known: ChargerInfo) -> ChargerInfo:
        """Return this with what only an earlier boot has told.

        Another serial number is another charger: nothing is taken over from it.
        """
        if self.serial and known.serial and self.serial != known.serial:
            return self
        said = {key: value for key, value in vars(self).items() if value is not None}
        return replace(known, **said)


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One configuration key of a charger; `value` is None when it has none."""

    key: str
    value: str | None
    readonly: bool


@dataclass(frozen=True, kw_only=True)
class ConfigurationReport:
    """The answer to reading the configuration: the settings, and unknown keys."""

    settings: Mapping[str, Setting]
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class SchedulePeriod:
    """A limit from `start` after the schedule's beginning until the next period.

    `limit` is in the schedule's unit, with at most one decimal on the wire.
    """

    start: timedelta
    limit: float
    phases: int | None = None


@dataclass(frozen=True, kw_only=True)
class ChargingSchedule:
    """Limits over time; the first period starts at 0 (OCPP 1.6 §7.13)."""

    unit: RateUnit
    periods: tuple[SchedulePeriod, ...]
    duration: timedelta | None = None
    start: datetime | None = None
    min_rate: float | None = None


@dataclass(frozen=True, kw_only=True)
class ChargingProfile:
    """A charging profile as one layer of a charger's limits (OCPP 1.6 §7.8)."""

    profile_id: int
    purpose: ProfilePurpose
    schedule: ChargingSchedule
    stack_level: int = 0
    kind: ProfileKind = ProfileKind.ABSOLUTE
    recurrency: Recurrency | None = None
    transaction_id: int | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class InstalledProfile:
    """A profile that a charger accepted, as it was sent, and for which connector."""

    connector_id: int
    payload: Mapping[str, Any]


@dataclass(kw_only=True)
class Transaction:
    """One charging session, from StartTransaction to StopTransaction.

    Times are those of the charger's messages, but for a start from before the clock
    was set: `raw_started_at` is then what the charger wrote. `meter_start_wh` is None
    for a session that was found running; `energy_wh` is what it has taken so far.

    `own_number` is what the charger calls it where that is no id of ours, `found_at`
    when it was first seen to; `named` says that it knows our id. `end_matched` says
    that its end named no id, and could only be its.
    """

    transaction_id: int
    connector_id: int
    id_tag: str | None
    started_at: datetime
    meter_start_wh: int | None
    energy_wh: float = 0.0
    session_relative: bool = False
    accepted: bool = True
    ended_at: datetime | None = None
    meter_stop_wh: int | None = None
    stop_reason: str | None = None
    raw_started_at: datetime | None = None
    own_number: int | None = None
    found_at: datetime | None = None
    named: bool = False
    end_matched: bool = False


@dataclass(frozen=True, kw_only=True)
class TagInfo:
    """What a charger is told of an id tag (`idTagInfo`, OCPP 1.6 §7.27)."""

    decision: TagDecision
    expires: datetime | None = None
    group: str | None = None

    @property
    def accepted(self) -> bool:
        """Say whether the tag may charge."""
        return self.decision is TagDecision.ACCEPTED


@dataclass(frozen=True, kw_only=True)
class LocalList:
    """What a charger was told to know by heart (OCPP 1.6 §3.5.2).

    `version` is that of the last list that it took, 0 without one; `entries` is what
    was in it. `firmware` is the one that said it has no such list. `rules` tells the
    owner's rules apart for which the charger's cache was last emptied.
    """

    version: int = 0
    entries: dict[str, TagInfo] = field(default_factory=dict)
    state: ListState | None = None
    firmware: str | None = None
    rules: str | None = None


@dataclass(frozen=True, kw_only=True)
class Reservation:
    """A connector (0: any one) kept free for a tag and its group (§3.11)."""

    reservation_id: int
    connector_id: int
    id_tag: str
    expires: datetime
    group: str | None = None


@dataclass(frozen=True, kw_only=True)
class PastSession:
    """A session that is over, as it is kept; its times are by our clock.

    `energy_wh` is None when it cannot be known.
    """

    transaction_id: int
    id_tag: str | None
    started_at: datetime
    ended_at: datetime
    energy_wh: float | None
    reason: EndReason


@dataclass(frozen=True, kw_only=True)
class DataTransferAnswer:
    """A charger's answer to a DataTransfer: its status word and optional text."""

    status: str
    data: str | None


@dataclass(kw_only=True)
class Features:
    """What a charger can do, learned from its configuration and its answers.

    `profiles` are OCPP's feature profile names; None while not known.
    `rate_units`, `max_stack_level`, `max_periods` and `max_profiles` bound what it
    takes as charging profiles (OCPP 1.6 §9.4). `limit_purpose` and so on are what it
    was seen to obey, `plan_purpose` and so on the same for a plan in a session;
    with `plan_refused` it takes none. It was seen to draw more than a plan of the
    purposes `plan_ignored` allowed, and with `ends_at_zero` to end a session to which
    a limit of 0 A was given.

    `switches_phases` is whether it says that it can charge on one phase in place of
    three (ConnectorSwitch3to1PhaseSupported, OCPP 1.6 §9.4); with
    `plan_phases_ignored` it was seen not to.
    """

    profiles: frozenset[str] | None = None
    connectors: int | None = None
    rate_units: frozenset[RateUnit] | None = None
    max_stack_level: int | None = None
    max_periods: int | None = None
    max_profiles: int | None = None
    measurands: tuple[str, ...] | None = None
    limit_purpose: ProfilePurpose | None = None
    limit_unit: RateUnit | None = None
    limit_kind: ProfileKind = ProfileKind.ABSOLUTE
    plan_purpose: ProfilePurpose | None = None
    plan_unit: RateUnit | None = None
    plan_level: int | None = None
    plan_origin: ScheduleOrigin | None = None
    plan_refused: bool = False
    plan_ignored: frozenset[ProfilePurpose] = frozenset()
    share_purpose: ProfilePurpose | None = None
    share_unit: RateUnit | None = None
    share_level: int | None = None
    share_origin: ScheduleOrigin | None = None
    share_ignored: frozenset[ProfilePurpose] = frozenset()
    """The same five of the share of a fuse."""
    ends_at_zero: bool = False
    switches_phases: bool | None = None
    plan_phases_ignored: bool = False

    def renewed(self) -> Features:
        """Return what is still true of a charger with new firmware.

        It may do what the old one refused, ignored or died of.
        """
        fresh = Features()
        return replace(
            self,
            **{
                name: getattr(fresh, name)
                for name in vars(fresh)
                if name.startswith(("plan_", "share_"))
                or name in {"measurands", "limit_purpose", "ends_at_zero"}
            },
        )

    def has(self, profile: str) -> bool | None:
        """Say whether a feature profile is supported; None while not known."""
        return None if self.profiles is None else profile in self.profiles


class SecurityProfile(IntEnum):
    """How a charger proves who it is, and over which line (OCPP 1.6 security, §2)."""

    OPEN = 0
    """Without a password, which is outside of the standard."""
    BASIC = 1
    """With a password, over a line that anyone in the network can read."""
    TLS = 2
    """With a password, encrypted."""
    CERTIFICATE = 3
    """With a certificate of its own, encrypted."""


@dataclass(frozen=True, kw_only=True)
class ClientCertificate:
    """A certificate that we made for a charger.

    `fingerprint` is its SHA-256 (``AB:CD:...``), `serial` its number in hexadecimal.
    """

    fingerprint: str
    serial: str
    issued: datetime
    expires: datetime


class RootUse(StrEnum):
    """What a charger needs an authority's certificate for (OCPP 1.6 security, §5.9)."""

    CENTRAL_SYSTEM = "CentralSystemRootCertificate"
    """To know the central system by."""
    MANUFACTURER = "ManufacturerRootCertificate"
    """To know its maker's firmware by."""


@dataclass(frozen=True, kw_only=True)
class CertificateId:
    """How a charger names a certificate (OCPP 1.6 security, CertificateHashDataType).

    The hashes and the serial number are hexadecimal; `algorithm` is `SHA256`, `SHA384`
    or `SHA512`.
    """

    algorithm: str
    issuer_name_hash: str
    issuer_key_hash: str
    serial: str


@dataclass(frozen=True, kw_only=True)
class ChargerSettings:
    """What the owner decided about one charger.

    `key_hashes` are the salted hashes of the passwords that let it in (text form of
    `credentials.KeyHash`); with `password_required` False it is let in without one,
    from private addresses only. `sample_interval` is how often it shall measure,
    `start_tag` the id tag that remote starts use (at most 16 characters: some
    chargers garble longer ones), `max_current_a` the upper end of the limit.

    `profile` is the lowest security profile that it may come in with: that to which it
    has been raised. `certificates` are those that let it in, the newest last.

    `switches_phases` is whether it can charge on one phase in place of three; None is
    what it says itself.
    """

    identity: str
    key_hashes: tuple[str, ...] = ()
    password_required: bool = True
    sample_interval: timedelta = timedelta(seconds=60)
    start_tag: str = "HomeAssistant"
    max_current_a: float = 32.0
    profile: SecurityProfile = SecurityProfile.OPEN
    certificates: tuple[ClientCertificate, ...] = ()
    switches_phases: bool | None = None


@dataclass(frozen=True, kw_only=True)
class PhasesTold:
    """On how many phases a connector was told to charge.

    `switched` is when that changed within the last day, the latest last.
    """

    phases: int
    switched: tuple[datetime, ...] = ()


@dataclass(kw_only=True)
class ChargerMemory:
    """What is kept of a charger between connections and restarts.

    `phases` is by connector what it was last told of its phases, where they can be
    switched.
    """

    info: ChargerInfo = field(default_factory=ChargerInfo)
    accepted: bool = False
    features: Features = field(default_factory=Features)
    limits_a: dict[int, float] = field(default_factory=dict)
    profiles: dict[int, InstalledProfile] = field(default_factory=dict)
    fatal_steps: dict[str, int] = field(default_factory=dict)
    answers_pings: bool = False
    transactions: dict[int, Transaction] = field(default_factory=dict)
    clock_offset_s: float | None = None
    local_list: LocalList = field(default_factory=LocalList)
    reservations: dict[int, Reservation] = field(default_factory=dict)
    last_reservation: int = 0
    phases: dict[int, PhasesTold] = field(default_factory=dict)
