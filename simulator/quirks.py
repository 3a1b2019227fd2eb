"""Deviations seen on real charge points, and named sets of them.

Every flag is off by default, which is a charge point that keeps to the
specification. The presets bear the name of what they do rather than of a product; the
comment says where it was reported.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class ReplayOrder(StrEnum):
    """When what was queued without a connection is delivered."""

    CHRONOLOGICAL = "chronological"
    AFTER_LIVE = "after live"
    """After Boot and the statuses: Available first, then the old StopTransaction."""


class AfterPowerLoss(StrEnum):
    """What becomes of a transaction when the power fails."""

    STOP = "stop"
    RESUME = "resume"
    RESUME_REGISTER_ZERO = "resume, register from zero"
    FORGET = "forget"


class KeyChange(StrEnum):
    """When a new AuthorizationKey is used."""

    NEXT_CONNECT = "next connect"
    AT_ONCE = "at once"
    AFTER_REBOOT = "after reboot"
    NEVER = "never"


class KeyFormat(StrEnum):
    """What the password is, given the text of AuthorizationKey."""

    HEX = "hex"
    """32 to 40 hex digits stand for bytes (OCPP-J 1.6 §6.2.2); all else is text."""
    TEXT = "text"


@dataclass(frozen=True, kw_only=True)
class Quirks:
    """What one charge point does differently."""

    # Connection
    no_subprotocol: bool = False
    ignore_pings: bool = False
    no_boot_after_reconnect: bool = False
    no_status_after_reconnect: bool = False
    never_connector_zero: bool = False
    answer_delay_s: float = 0.0
    replay_order: ReplayOrder = ReplayOrder.CHRONOLOGICAL
    replay_delay_s: float = 0.0
    key_change: KeyChange = KeyChange.NEXT_CONNECT
    key_format: KeyFormat = KeyFormat.HEX
    message_ids_from_one: bool = False
    """Message ids count from 1 anew on every connection."""
    reject_boot_trigger: bool = False

    # Certificates
    wrong_certificate_request: bool = False
    """Its request bears another name."""
    ignores_profile: bool = False
    """SecurityProfile is accepted, and without effect."""
    lost_after_profile: bool = False
    """After a change of SecurityProfile it never connects again."""

    # Configuration
    reboot_on_reading_measurands: bool = False
    reject_measurands: bool = False
    accepted_measurands: frozenset[str] | None = None
    """Lists with anything else are rejected."""
    delivered_measurands: frozenset[str] | None = None
    """Every list is accepted, only these are ever sent."""
    ignored_sample_interval: bool = False

    # Smart charging
    no_smart_charging: bool = False
    ignored_purposes: frozenset[str] = frozenset()
    """Accepted and without effect."""
    rejected_purposes: frozenset[str] = frozenset()
    only_stack_level_zero: bool = False
    watts_only: bool = False
    amperes_only: bool = False
    rejects_relative: bool = False
    rejects_absolute: bool = False
    max_periods: int | None = None
    """ChargingScheduleMaxPeriods, and longer schedules are rejected."""
    disobeys_profiles: bool = False
    """Profiles are kept and told in composite schedules, and the car draws its fill."""
    ignores_phases: bool = False
    """It says that it switches phases, and numberPhases is without effect."""
    forgets_profiles: bool = False
    """No profile outlives a restart."""
    keeps_tx_profiles: bool = False
    """A TxProfile outlives its transaction, and limits the next ones."""
    tx_profile_hides_default: bool = False
    ends_transaction_below_minimum: bool = False
    rejects_tx_profile_when_suspended: bool = False
    """Once a TxProfile has suspended its transaction, it can't be replaced or
    cleared."""
    leaves_absolute_unanswered: bool = False
    """A profile of the kind Absolute is never answered."""
    least_limit_a: float = 0.0
    """Lower limits are without effect, 0 A too."""
    goes_on_at_zero: bool = False
    """At 0 A the least current still flows."""
    set_in_app_a: float | None = None
    """What the owner has set in the maker's app: no profile can raise it."""
    composite_negative_limit: bool = False
    """A composite schedule says -1 where no profile limits."""

    # Transactions
    remote_start_without_effect: bool = False
    remote_start_delay_s: float = 0.0
    """How long after it is accepted the transaction begins."""
    rejects_remote_stop: bool = False
    one_session_per_plug: bool = False
    """After a session RemoteStartTransaction is rejected until the car is unplugged."""
    rejects_profile_in_start: bool = False
    """A RemoteStartTransaction with a charging profile is rejected."""
    reported_transaction_id: int | None = None
    """Own id, used in MeterValues and StopTransaction in place of the issued one."""
    untold_start: bool = False
    """StartTransaction is given up at once: the central system never hears of it."""
    idle_transaction_id: int | None = None
    """Id in meter values outside a transaction."""
    tag_suffix: str = ""
    """Garbage after the id tag in StopTransaction."""
    meter_values_after_stop: bool = False
    after_power_loss: AfterPowerLoss = AfterPowerLoss.STOP

    # Meter
    kilowatt_hours: bool = False
    per_phase_only: bool = False
    no_units: bool = False
    numbers_as_values: bool = False
    fractional_values: bool = False
    session_register: bool = False
    """Energy in meter values counts from the begin of the session."""
    no_context: bool = False
    tagged_single_phase: bool = False
    """A single-phase charger names the phase L1 with every value."""

    # Status
    status_info: str | None = None
    """Text in every StatusNotification."""
    unknown_error_code: str | None = None
    """Takes the place of NoError."""


_MAX = "ChargePointMaxProfile"
_TX = "TxProfile"
_DEFAULT = "TxDefaultProfile"

PRESETS: Mapping[str, Quirks] = MappingProxyType(
    {
        "none": Quirks(),
        # Grizzl-E
        "no-subprotocol": Quirks(no_subprotocol=True),
        "ignores-maximum-profile": Quirks(ignored_purposes=frozenset({_MAX})),
        "session-register": Quirks(session_register=True),
        # EN+
        "ignores-pings": Quirks(ignore_pings=True),
        # ABB Terra
        "stack-level-zero": Quirks(only_stack_level_zero=True),
        "reboots-on-measurands": Quirks(reboot_on_reading_measurands=True),
        # Huawei, and a C++ stack
        "watts-only": Quirks(watts_only=True),
        # A C++ stack
        "kilowatt-hours": Quirks(kilowatt_hours=True),
        "per-phase-only": Quirks(per_phase_only=True, no_units=True),
        "after-live": Quirks(replay_order=ReplayOrder.AFTER_LIVE),
        "late-replay": Quirks(replay_order=ReplayOrder.AFTER_LIVE, replay_delay_s=30.0),
        "no-boot": Quirks(no_boot_after_reconnect=True),
        "silent-reconnect": Quirks(
            no_boot_after_reconnect=True, no_status_after_reconnect=True
        ),
        "resumes-from-zero": Quirks(
            after_power_loss=AfterPowerLoss.RESUME_REGISTER_ZERO
        ),
        "forgets-transactions": Quirks(after_power_loss=AfterPowerLoss.FORGET),
        "accepts-does-nothing": Quirks(
            remote_start_without_effect=True,
            ignored_purposes=frozenset({_MAX, _TX, _DEFAULT}),
        ),
        "ids-from-one": Quirks(message_ids_from_one=True),
        # Etrel, Wallbox
        "negative-transaction-ids": Quirks(reported_transaction_id=-1),
        "zero-transaction-ids": Quirks(
            reported_transaction_id=0, idle_transaction_id=0
        ),
        # EVBox, Alfen
        "rejects-measurands": Quirks(
            reject_measurands=True, rejected_purposes=frozenset({_MAX})
        ),
        # Timxon
        "default-profile-only": Quirks(rejected_purposes=frozenset({_MAX, _TX})),
        # Ocular and siblings
        "meter-values-after-stop": Quirks(meter_values_after_stop=True),
        "garbage-tag": Quirks(tag_suffix="\x00\x07"),
        # Several
        "long-info": Quirks(
            status_info="Everything is well; cable lock, relay and meter were tested."
        ),
        # Legrand
        "unknown-error-code": Quirks(unknown_error_code="Error"),
        "remote-start-without-effect": Quirks(remote_start_without_effect=True),
        # OpenEVSE
        "numbers-as-values": Quirks(numbers_as_values=True),
        # EPenguin
        "no-connector-zero": Quirks(never_connector_zero=True),
        # Mennekes, much shortened
        "slow-answers": Quirks(answer_delay_s=3.0),
        # zappi
        "core-only": Quirks(no_smart_charging=True),
        # NEcharge, EN+, Huawei
        "ends-below-minimum": Quirks(ends_transaction_below_minimum=True),
        # Certificates gone wrong
        "wrong-certificate-request": Quirks(wrong_certificate_request=True),
        "ignores-security-profile": Quirks(ignores_profile=True),
        "lost-after-security-profile": Quirks(lost_after_profile=True),
        # Grizzl-E 3.09, Heidelberg
        "disobeys-profiles": Quirks(disobeys_profiles=True),
        # Several simple ones
        "three-periods": Quirks(max_periods=3),
        "amperes-only": Quirks(amperes_only=True),
        "maximum-profile-only": Quirks(rejected_purposes=frozenset({_TX, _DEFAULT})),
        "tx-profile-only": Quirks(rejected_purposes=frozenset({_MAX, _DEFAULT})),
        "rejects-tx-profile": Quirks(rejected_purposes=frozenset({_TX})),
        "rejects-absolute": Quirks(rejects_absolute=True),
        "forgets-profiles": Quirks(forgets_profiles=True),
        "ignores-phases": Quirks(ignores_phases=True),
        # Huawei
        "keeps-tx-profiles": Quirks(keeps_tx_profiles=True),
        # EVBox Elvi that starts by itself, ZJ Beny
        "rejects-remote-stop": Quirks(rejects_remote_stop=True),
        # Schneider EVlink, BS and Ocular, Autel
        "one-session-per-plug": Quirks(one_session_per_plug=True),
        # A C++ library, after an outage
        "start-untold": Quirks(untold_start=True),
        # Delta, and BMW's of it
        "stuck-when-suspended": Quirks(rejects_tx_profile_when_suspended=True),
        # Timxon, the other half of its habits
        "absolute-unanswered": Quirks(
            leaves_absolute_unanswered=True, rejected_purposes=frozenset({_MAX, _TX})
        ),
        # Seen in a log: accepted, and begun 46 s later
        "starts-late": Quirks(remote_start_delay_s=46.0),
        # Grizzl-E, newer
        "least-limit": Quirks(least_limit_a=7.0, only_stack_level_zero=True),
        # Wallbox
        "goes-on-at-zero": Quirks(goes_on_at_zero=True),
        # Rolec, Injet
        "set-in-app": Quirks(set_in_app_a=10.0),
        # Autel
        "rejects-relative": Quirks(rejects_relative=True),
    }
)
