"""Answers to the calls of the Core and Remote Trigger profiles (OCPP 1.6 §5)."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .answers import Answer, accepted, rejected, status
from .configuration import Verdict
from .connector import Connector, Grant
from .errors import SimulatedCallError
from .maintenance import Update
from .profiles import Profile, Purpose

if TYPE_CHECKING:
    from .charge_point import ChargePoint

type Json = dict[str, Any]


def remote_start(cp: ChargePoint, payload: Json) -> Answer:
    """§5.11: without a connector, the first with a car, else the first free one."""
    tag = payload["idTag"]
    number = payload.get("connectorId")
    chosen = [
        connector
        for connector in cp.connectors.values()
        if number in (None, connector.id)
        and connector.may_start(tag, cp.authorizer.parent(tag))
    ]
    chosen.sort(key=lambda connector: not connector.plugged)
    if not chosen or not cp.operative or len(tag) > 20:
        return rejected()
    if cp.quirks.one_session_per_plug and chosen[0].finished:
        return rejected()
    raw = payload.get("chargingProfile")
    if raw is not None:
        profile = Profile.parse(chosen[0].id, raw, cp.device.now())
        refused = cp.quirks.no_smart_charging or cp.quirks.rejects_profile_in_start
        if profile.purpose is not Purpose.TX or refused:
            return rejected()
    grant = Grant(id_tag=tag, profile=raw)
    return accepted(lambda: cp.begin_remotely(chosen[0], grant))


def remote_stop(cp: ChargePoint, payload: Json) -> Answer:
    """§5.12."""
    connector = cp.transactions.by_id(payload["transactionId"])
    if connector is None or cp.quirks.rejects_remote_stop:
        return rejected()
    return accepted(lambda: cp.transactions.stop(connector, "Remote"))


def change_availability(cp: ChargePoint, payload: Json) -> Answer:
    """§5.2: connector 0 means all; one with a transaction changes after it."""
    number = payload["connectorId"]
    operative = {"Operative": True, "Inoperative": False}[payload["type"]]
    if number != 0 and number not in cp.connectors:
        return rejected()
    chosen = list(cp.connectors.values()) if number == 0 else [cp.connectors[number]]
    busy = [connector for connector in chosen if connector.transaction]

    def change() -> None:
        if number == 0:
            cp.operative = operative
        for connector in chosen:
            if connector.transaction:
                connector.scheduled_operative = operative
            else:
                connector.operative = operative
        cp.refresh()

    word = "Scheduled" if busy and not operative else "Accepted"
    return Answer(payload={"status": word}, then=change)


def change_configuration(cp: ChargePoint, payload: Json) -> Answer:
    """§5.3."""
    key, value = payload["key"], payload["value"]
    if not isinstance(value, str):
        raise TypeError("the value of a configuration key is a text")
    if key == "MeterValueSampleInterval" and cp.quirks.ignored_sample_interval:
        return status(Verdict.ACCEPTED)
    return status(cp.configuration.change(key, value))


def get_configuration(cp: ChargePoint, payload: Json) -> Answer:
    """§5.8."""
    names = payload.get("key", [])
    if len(names) > cp.configuration.integer("GetConfigurationMaxKeys") > 0:
        raise ValueError("more keys than GetConfigurationMaxKeys")
    found, unknown = cp.configuration.read(names)
    answer: Json = {"configurationKey": found}
    if unknown:
        answer["unknownKey"] = unknown
    then: Callable[[], None] | None = None
    if cp.quirks.reboot_on_reading_measurands and "MeterValuesSampledData" in names:

        def then() -> None:
            cp.spawn(cp.reboot(hard=True))

    return Answer(payload=answer, then=then)


def clear_cache(cp: ChargePoint, payload: Json) -> Answer:
    """§5.4."""
    if not cp.configuration.boolean("AuthorizationCacheEnabled"):
        return rejected()
    cp.authorizer.cache.clear()
    return accepted()


def data_transfer(cp: ChargePoint, payload: Json) -> Answer:
    """§5.6: only messages of its own vendor are understood, and echoed."""
    if payload["vendorId"] != cp.options.vendor:
        return status("UnknownVendorId")
    if payload.get("messageId") not in (None, "Echo"):
        return status("UnknownMessageId")
    answer: Json = {"status": "Accepted"}
    if "data" in payload:
        answer["data"] = payload["data"]
    return Answer(payload=answer)


def reset(cp: ChargePoint, payload: Json) -> Answer:
    """§5.14."""
    hard = {"Hard": True, "Soft": False}[payload["type"]]
    reason = "HardReset" if hard else "SoftReset"
    return accepted(lambda: cp.spawn(cp.reboot(hard=hard, reason=reason)))


def unlock_connector(cp: ChargePoint, payload: Json) -> Answer:
    """§5.17: it ends a running transaction."""
    connector = cp.connectors.get(payload["connectorId"])
    if connector is None or cp.options.fixed_cable:
        return status("NotSupported")
    cp.transactions.stop(connector, "UnlockCommand")
    return status("Unlocked")


def trigger_message(cp: ChargePoint, payload: Json) -> Answer:
    """§5.17 of the second edition: the answer first, then the message asked for."""
    wanted = payload["requestedMessage"]
    number = payload.get("connectorId")
    if number is not None and number not in cp.connectors:
        return rejected()
    if wanted == "BootNotification" and cp.quirks.reject_boot_trigger:
        return rejected()
    chosen = [cp.connectors[number]] if number else list(cp.connectors.values())
    action = _TRIGGERS.get(wanted)
    if action is None:
        return status("NotImplemented")
    return accepted(lambda: action(cp, chosen, number))


def _trigger_statuses(
    cp: ChargePoint, chosen: list[Connector], number: int | None
) -> None:
    if number is None:
        cp.reporter.one(0, triggered=True)
    for connector in chosen:
        cp.reporter.one(connector.id, triggered=True)


def _trigger_meter_values(
    cp: ChargePoint, chosen: list[Connector], number: int | None
) -> None:
    for connector in chosen:
        cp.send_meter_values(connector)


type _Trigger = Callable[[ChargePoint, list[Connector], int | None], None]

_TRIGGERS: dict[str, _Trigger] = {
    "BootNotification": lambda cp, chosen, number: cp.presence.trigger_boot(),
    "DiagnosticsStatusNotification": lambda cp, chosen, number: (
        cp.dispatcher.maintenance.report_diagnostics()
    ),
    "FirmwareStatusNotification": lambda cp, chosen, number: (
        cp.dispatcher.maintenance.report_firmware()
    ),
    "Heartbeat": lambda cp, chosen, number: cp.presence.heartbeat_now(),
    "MeterValues": _trigger_meter_values,
    "StatusNotification": _trigger_statuses,
}


def get_diagnostics(cp: ChargePoint, payload: Json) -> Answer:
    """§5.9."""
    name = f"diagnostics-{cp.options.serial_number}.txt"
    location = payload["location"]
    return Answer(
        payload={"fileName": name},
        then=lambda: cp.dispatcher.maintenance.upload(location, name),
    )


def update_firmware(cp: ChargePoint, payload: Json) -> Answer:
    """§5.19; a charge point with secure updates takes no others (L01.FR.20)."""
    if cp.options.signed_firmware:
        raise SimulatedCallError("NotSupported", "only SignedUpdateFirmware")
    update = Update(
        location=payload["location"],
        retrieve_at=payload["retrieveDate"],
        retries=payload.get("retries", 0),
    )
    return Answer(payload={}, then=lambda: cp.dispatcher.maintenance.update(update))


HANDLERS: dict[str, Callable[[ChargePoint, Json], Answer]] = {
    "ChangeAvailability": change_availability,
    "ChangeConfiguration": change_configuration,
    "ClearCache": clear_cache,
    "DataTransfer": data_transfer,
    "GetConfiguration": get_configuration,
    "GetDiagnostics": get_diagnostics,
    "RemoteStartTransaction": remote_start,
    "RemoteStopTransaction": remote_stop,
    "Reset": reset,
    "TriggerMessage": trigger_message,
    "UnlockConnector": unlock_connector,
    "UpdateFirmware": update_firmware,
}
