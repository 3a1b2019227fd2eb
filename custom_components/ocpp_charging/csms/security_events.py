"""What a charger reports of its own security (OCPP 1.6 security, §6 and A04)."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

MAX_TYPE = 50
MAX_DETAILS = 255
"""In characters, as the standard has them (OCPP 1.6 security, §5.15)."""


class SecurityEventKind(StrEnum):
    """The kinds of events that the whitepaper names; OTHER for words outside it."""

    FIRMWARE_UPDATED = "firmware_updated"
    FAILED_TO_AUTHENTICATE_AT_CENTRAL_SYSTEM = (
        "failed_to_authenticate_at_central_system"
    )
    CENTRAL_SYSTEM_FAILED_TO_AUTHENTICATE = "central_system_failed_to_authenticate"
    SETTING_SYSTEM_TIME = "setting_system_time"
    STARTUP_OF_THE_DEVICE = "startup_of_the_device"
    RESET_OR_REBOOT = "reset_or_reboot"
    SECURITY_LOG_WAS_CLEARED = "security_log_was_cleared"
    RECONFIGURATION_OF_SECURITY_PARAMETERS = "reconfiguration_of_security_parameters"
    MEMORY_EXHAUSTION = "memory_exhaustion"
    INVALID_MESSAGES = "invalid_messages"
    ATTEMPTED_REPLAY_ATTACKS = "attempted_replay_attacks"
    TAMPER_DETECTION_ACTIVATED = "tamper_detection_activated"
    INVALID_FIRMWARE_SIGNATURE = "invalid_firmware_signature"
    INVALID_FIRMWARE_SIGNING_CERTIFICATE = "invalid_firmware_signing_certificate"
    INVALID_CENTRAL_SYSTEM_CERTIFICATE = "invalid_central_system_certificate"
    INVALID_CHARGE_POINT_CERTIFICATE = "invalid_charge_point_certificate"
    INVALID_TLS_VERSION = "invalid_tls_version"
    INVALID_TLS_CIPHER_SUITE = "invalid_tls_cipher_suite"
    OTHER = "other"


ALARMING = frozenset(
    {
        SecurityEventKind.ATTEMPTED_REPLAY_ATTACKS,
        SecurityEventKind.TAMPER_DETECTION_ACTIVATED,
        SecurityEventKind.INVALID_FIRMWARE_SIGNATURE,
        SecurityEventKind.INVALID_FIRMWARE_SIGNING_CERTIFICATE,
        SecurityEventKind.INVALID_CENTRAL_SYSTEM_CERTIFICATE,
        SecurityEventKind.INVALID_CHARGE_POINT_CERTIFICATE,
    }
)
"""What an owner should look at. The whitepaper calls more critical, such as every
start of the charger: nobody would read the rest any more."""


@dataclass(frozen=True, kw_only=True)
class SecurityEvent:
    """One report; `told` is the charger's own word for its kind.

    `at` is by the charger's clock, None where it gave no time that can be read.
    """

    kind: SecurityEventKind
    told: str
    at: datetime | None
    details: str | None = None


def kind_of(word: str) -> SecurityEventKind:
    """Return the kind that a charger's word means; case does not count."""
    return _BY_LETTERS.get(word.lower(), SecurityEventKind.OTHER)


_BY_LETTERS = {kind.replace("_", ""): kind for kind in SecurityEventKind}
