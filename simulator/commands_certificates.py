"""Answers to the calls about certificates (OCPP 1.6 security whitepaper, §5)."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .answers import Answer, accepted, rejected, status
from .commands_core import trigger_message
from .errors import SimulatedCallError
from .maintenance import Update
from .vault import CENTRAL_SYSTEM, is_certificate

if TYPE_CHECKING:
    from .charge_point import ChargePoint

type Json = dict[str, Any]


def extended_trigger_message(cp: ChargePoint, payload: Json) -> Answer:
    """§5.7: the messages of TriggerMessage, and a request for a certificate."""
    if payload["requestedMessage"] == "LogStatusNotification":
        return accepted(cp.dispatcher.maintenance.report_log)
    if payload["requestedMessage"] != "SignChargePointCertificate":
        return trigger_message(cp, payload)
    return accepted(lambda: cp.spawn(cp.ask_for_certificate()))


def certificate_signed(cp: ChargePoint, payload: Json) -> Answer:
    """§5.1."""
    return accepted() if cp.vault.take(payload["certificateChain"]) else rejected()


def install_certificate(cp: ChargePoint, payload: Json) -> Answer:
    """§5.9."""
    use, certificate = payload["certificateType"], payload["certificate"]
    return status(cp.vault.install(use, certificate))


def get_installed_certificate_ids(cp: ChargePoint, payload: Json) -> Answer:
    """§5.8."""
    found = cp.vault.ids(payload.get("certificateType", CENTRAL_SYSTEM))
    if not found:
        return status("NotFound")
    return Answer(payload={"status": "Accepted", "certificateHashData": found})


def delete_certificate(cp: ChargePoint, payload: Json) -> Answer:
    """§5.3."""
    return status(cp.vault.delete(payload["certificateHashData"]))


def signed_update_firmware(cp: ChargePoint, payload: Json) -> Answer:
    """§5.20, L01."""
    if not cp.options.signed_firmware:
        raise SimulatedCallError("NotSupported", "SignedUpdateFirmware")
    firmware = payload["firmware"]
    update = Update(
        location=firmware["location"],
        retrieve_at=firmware["retrieveDateTime"],
        retries=payload.get("retries", 0),
        request_id=payload["requestId"],
        certificate=firmware["signingCertificate"],
        signature=firmware["signature"],
    )
    if not is_certificate(update.certificate):
        return status("InvalidCertificate")
    if cp.faults.firmware_result == "RevokedCertificate":
        return status("RevokedCertificate")
    maintenance = cp.dispatcher.maintenance
    word = "AcceptedCanceled" if maintenance.updating else "Accepted"
    return Answer(payload={"status": word}, then=lambda: maintenance.update(update))


def get_log(cp: ChargePoint, payload: Json) -> Answer:
    """§5.6, N01."""
    kind, request_id = payload["logType"], payload["requestId"]
    if kind not in {"DiagnosticsLog", "SecurityLog"}:
        raise ValueError(f"no log is a {kind}")
    location = payload["log"]["remoteLocation"]
    name = f"{kind}-{cp.options.serial_number}.txt"
    maintenance = cp.dispatcher.maintenance
    word = "AcceptedCanceled" if maintenance.sending_log else "Accepted"
    return Answer(
        payload={"status": word, "filename": name},
        then=lambda: maintenance.send_log(location, name, request_id),
    )


HANDLERS: dict[str, Callable[[ChargePoint, Json], Answer]] = {
    "CertificateSigned": certificate_signed,
    "DeleteCertificate": delete_certificate,
    "ExtendedTriggerMessage": extended_trigger_message,
    "GetInstalledCertificateIds": get_installed_certificate_ids,
    "GetLog": get_log,
    "InstallCertificate": install_certificate,
    "SignedUpdateFirmware": signed_update_firmware,
}
