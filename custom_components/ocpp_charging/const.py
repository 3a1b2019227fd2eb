"""Names that several modules of the integration share."""

from datetime import timedelta
from enum import StrEnum
from typing import Final

DOMAIN: Final = "ocpp_charging"

SUBENTRY_CHARGER: Final = "charger"
"""The type of the subentries: each is a charger that the owner added."""

DEFAULT_PORT: Final = 9000
DEFAULT_SAMPLE_INTERVAL: Final = timedelta(seconds=60)
DEFAULT_READINGS_KEPT: Final = timedelta(days=14)
DEFAULT_MAX_CURRENT_A: Final = 32.0
DEFAULT_START_TAG: Final = "HomeAssistant"

# The central system (config entry data).
CONF_SECURITY: Final = "security"
CONF_CERTIFICATE: Final = "certificate"
CONF_NAMES: Final = "names"
CONF_CERTIFICATE_FILE: Final = "certificate_file"
CONF_KEY_FILE: Final = "key_file"
CONF_CERTIFICATE_FILE_2: Final = "certificate_file_2"
CONF_KEY_FILE_2: Final = "key_file_2"
CONF_ALSO_PLAIN: Final = "also_plain"
"""Whether the encrypted port takes others too, while chargers change over."""

# Its options, and where a charger has one of its own, that charger's.
CONF_SAMPLE_INTERVAL: Final = "sample_interval"

CONF_READINGS_KEPT_DAYS: Final = "readings_kept_days"
CONF_DATABASE_URL: Final = "database_url"
"""Where the ledger is kept, as a SQLAlchemy URL; without it in a file of its own."""

# A charger (config subentry data).
CONF_IDENTITY: Final = "identity"
CONF_KEY_HASHES: Final = "key_hashes"
CONF_PASSWORD_REQUIRED: Final = "password_required"
CONF_MAX_CURRENT_A: Final = "max_current_a"
CONF_PHASE_SWITCHING: Final = "phase_switching"
CONF_START_TAG: Final = "start_tag"
CONF_WEB_ADDRESS: Final = "web_address"
CONF_SECURITY_PROFILE: Final = "security_profile"
"""The lowest that it may come in with, as a number (`csms.model.SecurityProfile`)."""
CONF_CERTIFICATES: Final = "certificates"
"""What is kept of those that let it in (`csms.model.ClientCertificate`)."""


class Security(StrEnum):
    """How the line between the chargers and the central system is protected."""

    WSS_COMPATIBLE = "wss_compatible"
    WSS_MODERN = "wss_modern"
    WS = "ws"


class CertificateSource(StrEnum):
    """Where the central system's certificate comes from."""

    OWN_CA = "own_ca"
    FILES = "files"


# Id tags: one of them (config subentry data; see `tag_names`), and the options.
CONF_EXPIRES: Final = "expires"
CONF_GROUP: Final = "group"
CONF_ENABLED: Final = "enabled"
CONF_UNKNOWN_TAGS: Final = "unknown_tags"
CONF_ONE_SESSION: Final = "one_session"
CONF_OFFLINE_TAGS: Final = "offline_tags"
CONF_PRE_AUTHORIZE: Final = "pre_authorize"

# A car (config subentry data).
SUBENTRY_VEHICLE: Final = "vehicle"
CONF_BATTERY_KWH: Final = "battery_kwh"
CONF_PHASES: Final = "phases"
CONF_MIN_CURRENT_A: Final = "min_current_a"
CONF_EFFICIENCY: Final = "efficiency"
"""What arrives in the battery of what is charged, in percent."""
CONF_TAPER_FROM: Final = "taper_from"
"""From which state of charge on it takes ever less, in percent."""
CONF_SOC_ENTITY: Final = "soc_entity"
CONF_LIMIT_ENTITY: Final = "limit_entity"
CONF_PLUGGED_ENTITY: Final = "plugged_entity"
CONF_HOME_ENTITY: Final = "home_entity"
CONF_TAGS: Final = "tags"
"""The ids of the subentries of its tags."""
CONF_PREFERRED_CHARGER: Final = "preferred_charger"
CONF_TARGET_SOC: Final = "target_soc"
CONF_MINIMUM_SOC: Final = "minimum_soc"
CONF_PRIORITY: Final = "priority"
CONF_ENERGY_KWH: Final = "energy_kwh"
"""What it usually needs, where nothing tells its state of charge."""
CONF_DEPARTURES: Final = "departures"
"""By the names of the weekdays: when it leaves, as `HH:MM:SS` by the local clock."""
DEFAULT_MIN_CURRENT_A: Final = 6.0
DEFAULT_CAR_CURRENT_A: Final = 16.0
DEFAULT_PHASES: Final = 1
DEFAULT_EFFICIENCY: Final = 90.0

# A fuse, and what it feeds (config subentry data).
SUBENTRY_CIRCUIT: Final = "circuit"
CONF_LIMIT_A: Final = "limit_a"
"""What it bears on L1, L2 and L3, in A; 0 is a phase that it doesn't have."""
CONF_PARENT: Final = "parent"
"""The id of the subentry of the circuit that feeds it; absent: the main fuse."""
CONF_CHARGERS: Final = "chargers"
"""The ids of the subentries of those that hang on it."""
CONF_WIRING: Final = "wiring"
"""By charger: the house's phases behind its L1, L2 and L3, such as `231`."""
CONF_METER: Final = "meter"
"""The sensors that measure what flows through it."""
CONF_OTHER_A: Final = "other_a"
CONF_SAFE_A: Final = "safe_a"
