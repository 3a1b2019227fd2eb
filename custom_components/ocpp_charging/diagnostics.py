"""What helps to find out why a charger does not do what it should.

Nothing in it tells who or where the owner is: what names a person, a card, a device or
a network is blotted out, wherever it appears.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from typing import Any, Final

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.redact import REDACTED

from .const import CONF_DATABASE_URL
from .csms.charger import Charger
from .csms.connector import Connector
from .csms.model import Features
from .helpers import is_secret_key
from .hub import Hub, OcppConfigEntry
from .ledger.database import parse
from .storage_codec import encode

_STATE: Final = (
    "connected",
    "secure",
    "ready",
    "registration",
    "connected_at",
    "last_seen",
    "latency_ms",
    "clock_offset_s",
    "reconnects",
    "firmware_status",
    "diagnostics_status",
)
_CONNECTOR_STATE: Final = (
    "status",
    "status_at",
    "error_code",
    "error_info",
    "vendor_error",
    "charging_state",
    "limit_a",
    "readings",
    "transaction",
    "last_transaction",
)
_MIN_SECRET_CHARACTERS: Final = 3
"""Shorter texts are not blotted out of others: they would make holes everywhere."""

_NEVER_SHOWN: Final = frozenset(
    {"iccid", "id_tag", "idTag", "imsi", "meter_serial", "serial", "start_tag"}
)


async def async_get_config_entry_diagnostics(
    hass: HomeAssistant, entry: OcppConfigEntry
) -> dict[str, Any]:
    """Return what is to be known of a central system and its chargers."""
    if entry.state is not ConfigEntryState.LOADED:
        return {
            "state": entry.state.value,
            "reason_key": entry.error_reason_translation_key,
        }
    hub = entry.runtime_data
    return {
        "state": entry.state.value,
        "listener": _listener(hub),
        "options": _options(entry.options),
        "ledger": _ledger(hub),
        "unknown_chargers": len(hub.central.unknown),
        "chargers": [_charger(hub, charger) for charger in hub.chargers.values()],
        "tags": _tags(hub),
        "fuse": hub.fuse.diagnostics(),
        "planned_together": hub.planning.together.diagnostics(),
    }


async def async_get_device_diagnostics(
    hass: HomeAssistant, entry: OcppConfigEntry, device: dr.AnyDeviceEntry
) -> dict[str, Any]:
    """Return what is to be known of the charger that a device stands for or belongs to.

    The central system's own device has that of all.
    """
    if entry.state is ConfigEntryState.LOADED:
        hub = entry.runtime_data
        charger = hub.chargers.get(device.config_subentry_id or "")
        if charger is not None:
            return {"listener": _listener(hub), "charger": _charger(hub, charger)}
    return await async_get_config_entry_diagnostics(hass, entry)


def _options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options; of a database's address only the kind of database."""
    shown = dict(options)
    url = shown.get(CONF_DATABASE_URL)
    if url:
        shown[CONF_DATABASE_URL] = parse(url).get_backend_name()
    return shown


def _ledger(hub: Hub) -> dict[str, Any]:
    ledger = hub.journal.ledger
    return {
        "driver": parse(hub.journal.url).drivername,
        "loaded": hub.journal.loaded,
        "problem": ledger.health.cause.value if ledger.health else None,
        "waiting": ledger.waiting,
        "dropped": ledger.dropped,
        "commits": ledger.commits,
    }


def _listener(hub: Hub) -> dict[str, Any]:
    settings, certificates = hub.settings, hub.tls.certificates
    return {
        "all_interfaces": settings.host is None,
        "port": hub.central.port,
        "security": settings.security.value,
        "certificate": settings.certificate.value if settings.secure else None,
        "names": len(certificates.names) if certificates else None,
        "certificates": len(certificates.chains) if certificates else None,
        "expires": encode(certificates.expires) if certificates else None,
    }


def _tags(hub: Hub) -> dict[str, Any]:
    authorizer = hub.central.authorizer
    return {
        "listed": len(authorizer.rules.tags),
        "switched_off": sum(not tag.enabled for tag in authorizer.rules.tags.values()),
        "unknown_ones": authorizer.rules.unknown.value,
        "unknown_ones_seen": len(authorizer.seen),
    }


def _charger(hub: Hub, charger: Charger) -> dict[str, Any]:
    memory, settings = charger.memory, charger.settings
    shown = {
        **{key: encode(getattr(charger, key)) for key in _STATE},
        "settings": {
            "password_required": settings.password_required,
            "passwords": len(settings.key_hashes),
            "sample_interval_s": settings.sample_interval.total_seconds(),
            "max_current_a": settings.max_current_a,
            "switches_phases": settings.switches_phases,
        },
        "info": asdict(memory.info),
        "features": {
            field.name: encode(getattr(memory.features, field.name))
            for field in fields(Features)
        },
        "limits_a": encode(memory.limits_a),
        "phases": encode(memory.phases),
        "profiles": encode(memory.profiles),
        "tag_list": {
            "version": memory.local_list.version,
            "state": memory.local_list.state,
            "tags": len(memory.local_list.entries),
        },
        "reservations": len(memory.reservations),
        "fatal_steps": memory.fatal_steps,
        "answers_pings": memory.answers_pings,
        "configuration": {
            key: {
                "value": REDACTED if is_secret_key(key) else setting.value,
                "readonly": setting.readonly,
            }
            for key, setting in sorted(charger.configuration.items())
        },
        "main_meter": _connector(charger.main),
        "connectors": {
            str(number): _connector(connector)
            for number, connector in sorted(charger.connectors.items())
        },
    }
    secrets = sorted(_secrets(hub, charger), key=len, reverse=True)
    blotted: dict[str, Any] = _blot(shown, secrets)
    return blotted


def _connector(connector: Connector) -> dict[str, Any]:
    return {key: encode(getattr(connector, key)) for key in _CONNECTOR_STATE}


def _secrets(hub: Hub, charger: Charger) -> set[str]:
    """Return the texts of a charger that name someone or something."""
    info = charger.info
    named: Iterable[str | None] = (
        charger.identity,
        charger.remote_address,
        info.serial,
        info.meter_serial,
        info.iccid,
        info.imsi,
        *(session.id_tag for session in charger.memory.transactions.values()),
        *(kept.id_tag for kept in charger.memory.reservations.values()),
        *charger.memory.local_list.entries,
        *(tag.id_tag for tag in hub.central.authorizer.rules.tags.values()),
        *(tag.id_tag for tag in hub.central.authorizer.seen),
    )
    return {text for text in named if text and len(text) >= _MIN_SECRET_CHARACTERS}


def _blot(value: Any, secrets: Iterable[str]) -> Any:
    """Return `value` without what nobody else should read."""
    match value:
        case Mapping():
            return {
                key: REDACTED
                if key in _NEVER_SHOWN and item is not None
                else _blot(item, secrets)
                for key, item in value.items()
            }
        case list() | tuple():
            return [_blot(item, secrets) for item in value]
        case str():
            for secret in secrets:
                value = value.replace(secret, REDACTED)
            return value
        case _:
            return value
