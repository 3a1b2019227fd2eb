"""Gives the CA certificate to whoever sets up a charger."""

from http import HTTPStatus
from typing import Final

from aiohttp import web
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.http import KEY_HASS, HomeAssistantView

from .const import DOMAIN

CA_URL: Final = f"/api/{DOMAIN}/ca/{{entry_id}}"


def ca_path(entry_id: str) -> str:
    """Return the path under which a central system's CA certificate is found."""
    return CA_URL.format(entry_id=entry_id)


class CaCertificateView(HomeAssistantView):
    """The certificate of a central system's own authority, as a download.

    It is public by its nature and often fetched by the charger itself, or from a phone
    that stands before it: no login is asked for. The key stays where it is.
    """

    url = CA_URL
    name = f"api:{DOMAIN}:ca"
    requires_auth = False

    async def get(self, request: web.Request, entry_id: str) -> web.Response:
        """Answer with the certificate in PEM form, 404 where there is none."""
        entry = request.app[KEY_HASS].config_entries.async_get_entry(entry_id)
        if (
            entry is None
            or entry.domain != DOMAIN
            or entry.state is not ConfigEntryState.LOADED
            or (certificates := entry.runtime_data.tls.certificates) is None
            or certificates.ca_pem is None
        ):
            return web.Response(status=HTTPStatus.NOT_FOUND)
        return web.Response(
            body=certificates.ca_pem,
            content_type="application/x-pem-file",
            headers={
                "Content-Disposition": 'attachment; filename="ocpp-charging-ca.pem"'
            },
        )


@callback
def async_setup_http(hass: HomeAssistant) -> None:
    """Offer the certificates; views cannot be taken back, so it is done once."""
    hass.http.register_view(CaCertificateView)
