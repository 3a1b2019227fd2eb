"""Actions about the authorities that a charger trusts (OCPP 1.6 security, M03-M05)."""

from cryptography import x509
from homeassistant.const import ATTR_DEVICE_ID
from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse

from . import devices
from .csms.certificates import CertificateError
from .csms.model import CertificateId, RootUse
from .csms.pki import load_certificates
from .csms.trust import LastRoot, delete_root
from .helpers import charger_name, invalid, translated_errors
from .hub import Hub

USES = {
    "central_system": RootUse.CENTRAL_SYSTEM,
    "manufacturer": RootUse.MANUFACTURER,
}
"""What an authority's certificate is for."""


async def install_certificate(call: ServiceCall) -> None:
    """Have a charger trust an authority: ours, unless another one is given."""
    hub, charger, _ = devices.resolve(call.hass, call.data[ATTR_DEVICE_ID])
    text: str | None = call.data.get("certificate")
    if text is None:
        own = hub.tls.certificates
        if own is None or own.ca_pem is None:
            raise invalid("no_own_authority", name=hub.entry.title)
        text = own.ca_pem.decode("ascii")
    try:
        x509.load_pem_x509_certificate(text.encode("ascii", "replace"))
    except ValueError:
        raise invalid("not_a_certificate") from None
    with translated_errors(charger):
        commands = charger.commands("InstallCertificate")
        await commands.install_certificate(call.data["use"], text)


async def get_installed_certificates(call: ServiceCall) -> ServiceResponse:
    """Ask a charger which authorities it trusts."""
    _, charger, _ = devices.resolve(call.hass, call.data[ATTR_DEVICE_ID])
    with translated_errors(charger):
        commands = charger.commands("GetInstalledCertificateIds")
        found = await commands.installed_certificates(call.data["use"])
    return {
        "certificates": [
            {
                "hash_algorithm": each.algorithm,
                "issuer_name_hash": each.issuer_name_hash,
                "issuer_key_hash": each.issuer_key_hash,
                "serial_number": each.serial,
            }
            for each in found
        ]
    }


async def delete_certificate(call: ServiceCall) -> ServiceResponse:
    """Have a charger trust an authority no more, unless it could not come back."""
    hub, charger, _ = devices.resolve(call.hass, call.data[ATTR_DEVICE_ID])
    certificate = CertificateId(
        algorithm=call.data["hash_algorithm"],
        issuer_name_hash=call.data["issuer_name_hash"],
        issuer_key_hash=call.data["issuer_key_hash"],
        serial=call.data["serial_number"],
    )
    chain = await _async_chain(call.hass, hub)
    with translated_errors(charger):
        try:
            deleted = await delete_root(
                charger, certificate, chain, force=call.data["force"]
            )
        except LastRoot:
            raise invalid("last_root", charger=charger_name(charger)) from None
    return {"deleted": deleted}


async def _async_chain(hass: HomeAssistant, hub: Hub) -> list[x509.Certificate]:
    """Return what our listener presents, all of its chains."""
    chains = hub.tls.certificates.chains if hub.tls.certificates else ()

    def load() -> list[x509.Certificate]:
        return [each for file, _ in chains for each in load_certificates(file)]

    try:
        return await hass.async_add_executor_job(load)
    except CertificateError as error:
        raise invalid("certificate_unusable", reason=error) from error
