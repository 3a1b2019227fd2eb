"""What each action does: the row of `services.ACTIONS` says what it takes."""

from dataclasses import dataclass
from typing import Any

from homeassistant.const import ATTR_DEVICE_ID
from homeassistant.core import ServiceCall, ServiceResponse
from homeassistant.util import dt as dt_util

from . import devices, file_actions
from .csms import control, reservations
from .csms.authorizer import Authorizer
from .csms.charger import Charger
from .csms.errors import CommandRefused
from .csms.model import ProfilePurpose, Registration
from .csms.tags import fold
from .files import FileKind
from .helpers import (
    charger_name,
    invalid,
    is_secret_key,
    translated_errors,
    url_secrets,
)
from .hub import Hub
from .planning.override import async_owner_acts
from .profile_form import build_profile, plain, schedule_response, transaction_for

ATTR_CONNECTOR = "connector"
HIDDEN = "(hidden)"


@dataclass(frozen=True, kw_only=True)
class Target:
    """What an action is for: a charger, and a connector where one was named."""

    hub: Hub
    charger: Charger
    named: int | None
    confirm: float
    """Seconds that the charger may take to do what it has accepted."""
    authorizer: Authorizer

    def connector(self, default: int | None = None) -> int:
        """Return the connector meant, 0 being the charger as a whole.

        Without a name it is `default`, else the only connector there is. Raises a
        translated error when there are several.
        """
        if self.named is not None:
            return self.named
        if default is not None:
            return default
        if len(self.charger.connectors) == 1:
            return next(iter(self.charger.connectors))
        raise invalid("connector_needed", charger=charger_name(self.charger))

    def may_charge(self, id_tag: str) -> bool:
        """Say whether a session may be begun in the name of an id tag."""
        own = fold(id_tag) == fold(self.charger.settings.start_tag)
        return self.authorizer.rules.decide(id_tag, dt_util.utcnow(), own=own).accepted

    def one_connector(self) -> int:
        """Return the connector meant, never the charger as a whole."""
        connector_id = self.connector()
        if connector_id == 0:
            raise invalid("connector_needed", charger=charger_name(self.charger))
        return connector_id


EXTENDED_MESSAGES = frozenset({"LogStatusNotification", "SignChargePointCertificate"})
"""What only ExtendedTriggerMessage asks for (OCPP 1.6 security, §6.12)."""


def target_of(call: ServiceCall) -> Target:
    """Return what the action's device, and its connector field, stand for."""
    hub, charger, of_device = devices.resolve(call.hass, call.data[ATTR_DEVICE_ID])
    named: int | None = call.data.get(ATTR_CONNECTOR)
    if of_device is not None and named not in {None, of_device}:
        raise invalid(
            "connector_differs",
            charger=charger_name(charger, of_device),
            connector=named,
        )
    if named and named not in charger.connectors:
        raise invalid(
            "connector_unknown",
            charger=charger_name(charger),
            connector=named,
            connectors=", ".join(map(str, sorted(charger.connectors))) or "–",
        )
    return Target(
        hub=hub,
        charger=charger,
        named=named if of_device is None else of_device,
        confirm=hub.central.timing.confirm,
        authorizer=hub.central.authorizer,
    )


async def set_charging_profile(call: ServiceCall) -> ServiceResponse:
    """Install a charging profile, in the friendly form or as it is."""
    target = target_of(call)
    if "profile" in call.data:
        return await _set_raw_profile(target, call.data["profile"])
    charger = target.charger
    whole = call.data["purpose"] is ProfilePurpose.CHARGER_MAX
    connector_id = target.connector(0 if whole else None)
    profile = build_profile(charger, connector_id, call.data)
    with translated_errors(charger, connector_id):
        commands = charger.commands("SetChargingProfile")
        await commands.set_profile(connector_id, profile)
    return {ATTR_CONNECTOR: connector_id, "profile_id": profile.profile_id}


async def _set_raw_profile(target: Target, given: dict[str, Any]) -> ServiceResponse:
    """Send a `csChargingProfiles` as it is; only what OCPP forbids is refused.

    A TxProfile without a transaction id gets the running one's, which cannot be known
    when an automation is written.
    """
    charger = target.charger
    profile = {str(key): plain(value) for key, value in given.items()}
    purpose = profile.get("chargingProfilePurpose")
    whole = purpose == ProfilePurpose.CHARGER_MAX
    connector_id = target.connector(0 if whole else None)
    if purpose in set(ProfilePurpose):
        running = transaction_for(charger, connector_id, ProfilePurpose(purpose))
        if running is not None:
            profile.setdefault("transactionId", running)
    with translated_errors(charger, connector_id):
        commands = charger.commands("SetChargingProfile")
        await commands.set_raw_profile(connector_id, profile)
    return {
        ATTR_CONNECTOR: connector_id,
        "profile_id": profile.get("chargingProfileId"),
    }


async def clear_charging_profile(call: ServiceCall) -> ServiceResponse:
    """Remove the charging profiles that match all given criteria."""
    target = target_of(call)
    profile_id: int | None = call.data.get("profile_id")
    with translated_errors(target.charger, target.named):
        commands = target.charger.commands("ClearChargingProfile")
        cleared = await commands.clear_profiles(
            profile_id=profile_id,
            # An id is enough, and excludes criteria (OCPP 1.6 errata 4.0, 3.25).
            connector_id=target.named if profile_id is None else None,
            purpose=call.data.get("purpose"),
            stack_level=call.data.get("stack_level"),
        )
    return {"cleared": cleared}


async def get_charging_profiles(call: ServiceCall) -> ServiceResponse:
    """Return the profiles that the charger accepted, as remembered."""
    target = target_of(call)
    return {
        "profiles": [
            {
                ATTR_CONNECTOR: installed.connector_id,
                "profile": plain(installed.payload),
            }
            for _, installed in sorted(target.charger.memory.profiles.items())
            if target.named in {None, installed.connector_id}
        ]
    }


async def get_composite_schedule(call: ServiceCall) -> ServiceResponse:
    """Ask the charger what limit results from all its profiles."""
    target = target_of(call)
    connector_id = target.connector()
    with translated_errors(target.charger, connector_id):
        commands = target.charger.commands("GetCompositeSchedule")
        schedule = await commands.composite_schedule(
            connector_id, call.data["duration"], call.data.get("unit")
        )
    return {ATTR_CONNECTOR: connector_id, **schedule_response(schedule)}


async def start_transaction(call: ServiceCall) -> ServiceResponse:
    """Start charging and wait until the charger has done so."""
    target = target_of(call)
    connector_id = target.one_connector()
    id_tag: str | None = call.data.get("id_tag")
    if id_tag is not None and not target.may_charge(id_tag):
        # The charger would begin, and be told to stop.
        raise invalid("tag_refused", charger=charger_name(target.charger))
    connector = target.charger.connector(connector_id)
    with translated_errors(target.charger, connector_id, secrets=[id_tag or ""]):
        async with async_owner_acts(target.hub, target.charger, connector, on=True):
            await control.start_charging(
                target.charger, connector_id, id_tag=id_tag, timeout=target.confirm
            )
    running = target.charger.connector(connector_id).transaction
    return {
        ATTR_CONNECTOR: connector_id,
        "transaction_id": None if running is None else running.transaction_id,
    }


async def stop_transaction(call: ServiceCall) -> ServiceResponse:
    """Stop charging and wait until the charger has done so."""
    target = target_of(call)
    connector_id = target.one_connector()
    connector = target.charger.connector(connector_id)
    running = connector.transaction
    with translated_errors(target.charger, connector_id):
        async with async_owner_acts(target.hub, target.charger, connector, on=False):
            await control.stop_charging(
                target.charger, connector_id, timeout=target.confirm
            )
    return {
        ATTR_CONNECTOR: connector_id,
        "transaction_id": None if running is None else running.transaction_id,
        "energy_wh": None if running is None else running.energy_wh,
    }


async def reserve(call: ServiceCall) -> ServiceResponse:
    """Keep a connector, or any one of the charger, free for a tag and its group."""
    target = target_of(call)
    charger, connector_id = target.charger, target.connector()
    if connector_id == 0 and not _reserves_whole(charger):
        raise invalid("reserve_whole_unsupported", charger=charger_name(charger))
    id_tag: str = call.data.get("id_tag") or charger.settings.start_tag
    listed = target.authorizer.rules.find(id_tag)
    until = call.data.get("until") or dt_util.utcnow() + call.data["duration"]
    with translated_errors(charger, connector_id, secrets=[id_tag]):
        reservation = await reservations.reserve(
            charger,
            connector_id,
            id_tag=id_tag,
            until=until,
            group=None if listed is None else listed.group,
        )
    return {
        ATTR_CONNECTOR: connector_id,
        "reservation_id": reservation.reservation_id,
        "until": dt_util.as_local(reservation.expires).isoformat(),
    }


def _reserves_whole(charger: Charger) -> bool:
    """Say whether any one connector can be reserved (OCPP 1.6 §9.3)."""
    setting = charger.configuration.get("ReserveConnectorZeroSupported")
    return setting is not None and (setting.value or "").strip().lower() == "true"


async def cancel_reservation(call: ServiceCall) -> ServiceResponse:
    """Give back what was reserved."""
    target = target_of(call)
    connector_id = target.connector()
    with translated_errors(target.charger, connector_id):
        return {"known": await reservations.cancel(target.charger, connector_id)}


async def unlock(call: ServiceCall) -> None:
    """Unlock a connector's cable."""
    target = target_of(call)
    connector_id = target.one_connector()
    with translated_errors(target.charger, connector_id):
        await target.charger.commands("UnlockConnector").unlock(connector_id)


async def reset(call: ServiceCall) -> None:
    """Restart the charger."""
    target = target_of(call)
    with translated_errors(target.charger):
        commands = target.charger.commands("Reset")
        await commands.reset(hard=call.data["type"] == "hard")


async def change_availability(call: ServiceCall) -> ServiceResponse:
    """Take a connector, or the whole charger, in or out of service."""
    target = target_of(call)
    connector_id = target.connector(0)
    with translated_errors(target.charger, connector_id):
        status = await control.set_availability(
            target.charger, connector_id, operative=call.data["available"]
        )
    return {ATTR_CONNECTOR: connector_id, "status": status.lower()}


async def get_configuration(call: ServiceCall) -> ServiceResponse:
    """Read configuration keys; what is secret is not shown."""
    target = target_of(call)
    with translated_errors(target.charger):
        commands = target.charger.commands("GetConfiguration", pending=True)
        report = await commands.get_configuration(call.data.get("keys"))
    return {
        "settings": {
            setting.key: {
                "value": (
                    HIDDEN
                    if setting.value and is_secret_key(setting.key)
                    else setting.value
                ),
                "readonly": setting.readonly,
            }
            for setting in report.settings.values()
        },
        "unknown": list(report.unknown),
    }


async def set_configuration(call: ServiceCall) -> ServiceResponse:
    """Write one configuration key."""
    target = target_of(call)
    key, value = call.data["key"].strip(), call.data["value"]
    if key.lower() == "authorizationkey":
        # The central system must learn a new password in the same breath, or the
        # charger is locked out.
        raise invalid("password_by_reconfigure", charger=charger_name(target.charger))
    secrets = [value] if is_secret_key(key) else []
    with translated_errors(target.charger, secrets=secrets):
        commands = target.charger.commands("ChangeConfiguration", pending=True)
        return {"reboot_required": await commands.set_configuration(key, value)}


async def trigger_message(call: ServiceCall) -> None:
    """Ask the charger to send a message now."""
    target = target_of(call)
    charger, message = target.charger, call.data["message"]
    accepted = charger.registration is Registration.ACCEPTED
    if message == "BootNotification" and charger.connected and accepted:
        # Not after it has been accepted (OCPP 1.6 errata 4.0, 3.40); some chargers
        # then drop the connection each time.
        raise invalid("already_booted", charger=charger_name(charger))
    extended = message in EXTENDED_MESSAGES
    action = "ExtendedTriggerMessage" if extended else "TriggerMessage"
    with translated_errors(charger, target.named):
        commands = charger.commands(action, pending=True)
        trigger = commands.extended_trigger if extended else commands.trigger
        await trigger(message, target.named or None)


async def clear_cache(call: ServiceCall) -> None:
    """Empty the charger's authorization cache."""
    target = target_of(call)
    with translated_errors(target.charger):
        await target.charger.commands("ClearCache").clear_cache()


async def data_transfer(call: ServiceCall) -> ServiceResponse:
    """Send something in the private language of the charger's maker."""
    target = target_of(call)
    with translated_errors(target.charger):
        commands = target.charger.commands("DataTransfer")
        answer = await commands.data_transfer(
            call.data["vendor_id"], call.data.get("message_id"), call.data.get("data")
        )
        if answer.status != "Accepted":
            words = " ".join(filter(None, (answer.status, answer.data)))
            raise CommandRefused("DataTransfer", words)
    return {"status": answer.status, "data": answer.data}


async def get_diagnostics(call: ServiceCall) -> ServiceResponse:
    """Have the charger send its diagnostics: to us, unless an address is given."""
    target = target_of(call)
    url: str | None = call.data.get("url")
    start, stop = call.data.get("start"), call.data.get("stop")
    if start is not None and stop is not None and start >= stop:
        raise invalid("stop_before_start")
    if url is not None:
        return {"file_name": await _order_diagnostics(call, target, url)}
    charger = target.charger
    with file_actions.address(call.hass, charger, FileKind.DIAGNOSTICS) as expected:
        file_name = await _order_diagnostics(call, target, expected.url)
        if file_name is None:
            return {"file_name": None}
        kept = await file_actions.wait_for_file(charger, expected.ticket)
    return {"file_name": file_name, **file_actions.file_response(call.hass, kept)}


async def _order_diagnostics(call: ServiceCall, target: Target, url: str) -> str | None:
    with translated_errors(target.charger, secrets=url_secrets(url)):
        commands = target.charger.commands("GetDiagnostics")
        return await commands.get_diagnostics(
            url,
            start=call.data.get("start"),
            stop=call.data.get("stop"),
            retries=call.data.get("retries"),
            retry_interval=call.data.get("retry_interval"),
        )
