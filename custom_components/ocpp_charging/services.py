"""The actions: everything that OCPP can ask of a charger, addressed by device.

Each action is a row of `ACTIONS`. Those that reconfigure a charger, make it fetch or
send files, or speak its maker's private language are for administrators; those that a
household needs beside its charger (start, stop, limit, unlock, restart) are for
everyone, as are the switches and buttons that do the same.
"""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from homeassistant.const import ATTR_DEVICE_ID
from homeassistant.core import (
    HomeAssistant,
    ServiceCall,
    ServiceResponse,
    SupportsResponse,
    callback,
)
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.service import async_register_admin_service
import probatio

from . import (
    actions,
    certificate_actions,
    firmware_actions,
    grid_actions,
    log_actions,
    plan_actions,
    sessions,
)
from .actions import ATTR_CONNECTOR
from .const import DOMAIN
from .ledger import SessionState
from .profile_form import PROFILE_FIELDS, PURPOSES, aware, choice, stack_level, unit

MESSAGES = {
    "boot_notification": "BootNotification",
    "diagnostics_status_notification": "DiagnosticsStatusNotification",
    "firmware_status_notification": "FirmwareStatusNotification",
    "heartbeat": "Heartbeat",
    "log_status_notification": "LogStatusNotification",
    "meter_values": "MeterValues",
    "sign_charge_point_certificate": "SignChargePointCertificate",
    "status_notification": "StatusNotification",
}
"""What a charger can be asked to send (OCPP 1.6 §7.33, and security §6.12)."""

_DEVICE: dict[probatio.Marker, Any] = {probatio.Required(ATTR_DEVICE_ID): cv.string}
_CONNECTOR: dict[probatio.Marker, Any] = {
    **_DEVICE,
    probatio.Optional(ATTR_CONNECTOR): probatio.All(
        probatio.Coerce(int), probatio.Range(min=0)
    ),
}
_ID_TAG = probatio.All(cv.string, probatio.Length(min=1, max=20))
_ROOT_USE: dict[probatio.Marker, Any] = {
    probatio.Required("use", default="central_system"): choice(certificate_actions.USES)
}
_HASH = probatio.All(cv.string, probatio.Length(min=1, max=128))
_RETRIES: dict[probatio.Marker, Any] = {
    probatio.Optional("retries"): probatio.All(
        probatio.Coerce(int), probatio.Range(min=0, max=100)
    ),
    probatio.Optional("retry_interval"): cv.positive_time_period,
}


def _url(value: object) -> str:
    """Validate an address that a charger shall fetch from or send to."""
    text = cv.string(value).strip()
    try:
        parts = urlsplit(text)
    except ValueError as error:
        raise probatio.Invalid("is not a URL") from error
    if not parts.scheme or not parts.hostname:
        raise probatio.Invalid("must be a URL such as ftp://192.168.1.10/folder/")
    return text


def _form(data: dict[str, Any]) -> dict[str, Any]:
    """Validate that a profile is given in one form: raw, a limit or periods."""
    if "profile" in data:
        # What has a default is always there; the rest would be passed over.
        friendly = {str(key) for key in PROFILE_FIELDS} - {"unit", "purpose"}
        if given := sorted(friendly & data.keys()):
            raise probatio.Invalid(f"give either profile or {', '.join(given)}")
    elif not {"limit", "periods"} & data.keys():
        raise probatio.Invalid("give a limit, periods or a profile")
    return data


def _criteria(data: dict[str, Any]) -> dict[str, Any]:
    """Validate that profiles are named by an id or by criteria, not by both."""
    if "profile_id" in data and {"purpose", "stack_level"} & data.keys():
        raise probatio.Invalid("give either profile_id, or purpose and stack_level")
    return data


def _end(data: dict[str, Any]) -> dict[str, Any]:
    """Validate that a reservation ends."""
    if not {"until", "duration"} & data.keys():
        raise probatio.Invalid("give a duration or until when")
    return data


def _source(data: dict[str, Any]) -> dict[str, Any]:
    """Validate that it is said where the firmware comes from."""
    if not {"url", "file"} & data.keys():
        raise probatio.Invalid("give a file or a url")
    return data


@dataclass(frozen=True, kw_only=True)
class Action:
    """One action: its fields, what it does, and who may use it."""

    name: str
    handler: Callable[[ServiceCall], Coroutine[Any, Any, ServiceResponse]]
    fields: dict[probatio.Marker, Any]
    response: SupportsResponse = SupportsResponse.NONE
    admin: bool = False
    check: Callable[[dict[str, Any]], dict[str, Any]] | None = None

    @property
    def schema(self) -> probatio.Schema | probatio.All[Any]:
        """Return what validates the fields."""
        fields = probatio.Schema(self.fields)
        return fields if self.check is None else probatio.All(fields, self.check)


_ONLY, _OPTIONAL = SupportsResponse.ONLY, SupportsResponse.OPTIONAL

ACTIONS = (
    Action(
        name="set_charging_profile",
        handler=actions.set_charging_profile,
        fields={**_CONNECTOR, **PROFILE_FIELDS, probatio.Optional("profile"): dict},
        response=_OPTIONAL,
        check=_form,
    ),
    Action(
        name="clear_charging_profile",
        handler=actions.clear_charging_profile,
        fields={
            **_CONNECTOR,
            probatio.Optional("profile_id"): probatio.Coerce(int),
            probatio.Optional("purpose"): choice(PURPOSES),
            probatio.Optional("stack_level"): stack_level,
        },
        response=_OPTIONAL,
        check=_criteria,
    ),
    Action(
        name="get_charging_profiles",
        handler=actions.get_charging_profiles,
        fields=_CONNECTOR,
        response=_ONLY,
    ),
    Action(
        name="get_composite_schedule",
        handler=actions.get_composite_schedule,
        fields={
            **_CONNECTOR,
            probatio.Optional("duration", default=timedelta(days=1)): (
                cv.positive_time_period
            ),
            probatio.Optional("unit"): unit,
        },
        response=_ONLY,
    ),
    Action(
        name="start_transaction",
        handler=actions.start_transaction,
        fields={**_CONNECTOR, probatio.Optional("id_tag"): _ID_TAG},
        response=_OPTIONAL,
    ),
    Action(
        name="stop_transaction",
        handler=actions.stop_transaction,
        fields=_CONNECTOR,
        response=_OPTIONAL,
    ),
    Action(
        name="reserve",
        handler=actions.reserve,
        fields={
            **_CONNECTOR,
            probatio.Optional("id_tag"): _ID_TAG,
            probatio.Exclusive("until", "end"): aware,
            probatio.Exclusive("duration", "end"): cv.positive_time_period,
        },
        response=_OPTIONAL,
        check=_end,
    ),
    Action(
        name="cancel_reservation",
        handler=actions.cancel_reservation,
        fields=_CONNECTOR,
        response=_OPTIONAL,
    ),
    Action(name="unlock", handler=actions.unlock, fields=_CONNECTOR),
    Action(
        name="reset",
        handler=actions.reset,
        fields={
            **_DEVICE,
            probatio.Optional("type", default="soft"): probatio.In(["soft", "hard"]),
        },
    ),
    Action(
        name="change_availability",
        handler=actions.change_availability,
        fields={**_CONNECTOR, probatio.Required("available"): cv.boolean},
        response=_OPTIONAL,
    ),
    Action(
        name="get_configuration",
        handler=actions.get_configuration,
        fields={
            **_DEVICE,
            probatio.Optional("keys"): probatio.All(
                cv.ensure_list,
                probatio.Length(min=1),
                [probatio.All(cv.string, probatio.Length(1, 50))],
            ),
        },
        response=_ONLY,
        admin=True,
    ),
    Action(
        name="set_configuration",
        handler=actions.set_configuration,
        fields={
            **_DEVICE,
            probatio.Required("key"): probatio.All(cv.string, probatio.Length(1, 50)),
            probatio.Required("value"): probatio.All(
                cv.string, probatio.Length(0, 500)
            ),
        },
        response=_OPTIONAL,
        admin=True,
    ),
    Action(
        name="get_sessions",
        handler=sessions.get_sessions,
        fields={
            **_CONNECTOR,
            probatio.Optional("start"): aware,
            probatio.Optional("end"): aware,
            probatio.Optional("id_tag"): _ID_TAG,
            probatio.Optional("state"): choice(
                {state.value: state for state in SessionState}
            ),
            probatio.Optional("limit", default=100): probatio.All(
                probatio.Coerce(int),
                probatio.Range(min=1, max=sessions.MAX_SESSIONS),
            ),
        },
        response=_ONLY,
    ),
    Action(
        name="trigger_message",
        handler=actions.trigger_message,
        fields={**_CONNECTOR, probatio.Required("message"): choice(MESSAGES)},
    ),
    Action(name="clear_cache", handler=actions.clear_cache, fields=_DEVICE, admin=True),
    Action(
        name="data_transfer",
        handler=actions.data_transfer,
        fields={
            **_DEVICE,
            probatio.Required("vendor_id"): probatio.All(
                cv.string, probatio.Length(1, 255)
            ),
            probatio.Optional("message_id"): probatio.All(
                cv.string, probatio.Length(1, 50)
            ),
            probatio.Optional("data"): cv.string,
        },
        response=_OPTIONAL,
        admin=True,
    ),
    Action(
        name="update_firmware",
        handler=firmware_actions.update_firmware,
        fields={
            **_DEVICE,
            probatio.Exclusive("url", "source"): _url,
            probatio.Exclusive("file", "source"): probatio.All(
                cv.string, probatio.Length(1, 4096)
            ),
            probatio.Optional("version"): probatio.All(
                cv.string, probatio.Length(1, 50)
            ),
            probatio.Inclusive("signing_certificate", "signed"): probatio.All(
                cv.string, probatio.Length(1, 5500)
            ),
            probatio.Inclusive("signature", "signed"): probatio.All(
                cv.string, probatio.Length(1, 800)
            ),
            probatio.Optional("retrieve_at"): aware,
            **_RETRIES,
        },
        admin=True,
        check=_source,
    ),
    Action(
        name="get_diagnostics",
        handler=actions.get_diagnostics,
        fields={
            **_DEVICE,
            probatio.Optional("url"): _url,
            probatio.Optional("start"): aware,
            probatio.Optional("stop"): aware,
            **_RETRIES,
        },
        response=_OPTIONAL,
        admin=True,
    ),
    Action(
        name="get_log",
        handler=log_actions.get_log,
        fields={
            **_DEVICE,
            probatio.Required("type", default="diagnostics"): choice(log_actions.LOGS),
            probatio.Optional("url"): _url,
            probatio.Optional("oldest"): aware,
            probatio.Optional("latest"): aware,
            **_RETRIES,
        },
        response=_OPTIONAL,
        admin=True,
    ),
    Action(
        name="install_certificate",
        handler=certificate_actions.install_certificate,
        fields={**_DEVICE, **_ROOT_USE, probatio.Optional("certificate"): cv.string},
        admin=True,
    ),
    Action(
        name="get_installed_certificates",
        handler=certificate_actions.get_installed_certificates,
        fields={**_DEVICE, **_ROOT_USE},
        response=_ONLY,
        admin=True,
    ),
    Action(
        name="delete_certificate",
        handler=certificate_actions.delete_certificate,
        fields={
            **_DEVICE,
            probatio.Required("hash_algorithm"): probatio.In(
                ["SHA256", "SHA384", "SHA512"]
            ),
            probatio.Required("issuer_name_hash"): _HASH,
            probatio.Required("issuer_key_hash"): _HASH,
            probatio.Required("serial_number"): probatio.All(
                cv.string, probatio.Length(min=1, max=40)
            ),
            probatio.Required("force", default=False): cv.boolean,
        },
        response=_OPTIONAL,
        admin=True,
    ),
    Action(
        name="get_plan",
        handler=plan_actions.get_plan,
        fields={**_CONNECTOR, **plan_actions.PLAN_FIELDS},
        response=_ONLY,
    ),
    Action(
        name="set_goal",
        handler=plan_actions.set_goal,
        fields={**_CONNECTOR, **plan_actions.GOAL_FIELDS},
        response=_OPTIONAL,
        check=plan_actions.some,
    ),
    Action(
        name="clear_goal",
        handler=plan_actions.clear_goal,
        fields=_CONNECTOR,
        response=_OPTIONAL,
    ),
    Action(
        name="replan",
        handler=plan_actions.replan,
        fields=_CONNECTOR,
        response=_OPTIONAL,
    ),
    Action(
        name="set_grid_limit",
        handler=grid_actions.set_grid_limit,
        fields=grid_actions.LIMIT_FIELDS,
        response=_OPTIONAL,
        check=grid_actions.ends,
    ),
)


@callback
def async_setup_services(hass: HomeAssistant) -> None:
    """Register all actions; they stay when an entry is unloaded, and then say so."""
    for action in ACTIONS:
        if action.admin:
            async_register_admin_service(
                hass,
                DOMAIN,
                action.name,
                action.handler,
                schema=action.schema,
                supports_response=action.response,
            )
        else:
            hass.services.async_register(
                DOMAIN,
                action.name,
                action.handler,
                schema=action.schema,
                supports_response=action.response,
            )
