"""The listener of a config entry: its settings, its certificates, its address."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
import errno
from ipaddress import IPv6Address, ip_address
import logging
from pathlib import Path
import socket
import ssl
from typing import Any, Final, Self, override

from homeassistant.components import network
from homeassistant.const import CONF_HOST, CONF_PORT
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.event import async_track_time_interval
from homeassistant.helpers.network import NoURLAvailableError, get_url
from homeassistant.helpers.singleton import singleton
from homeassistant.helpers.storage import STORAGE_DIR
from homeassistant.helpers.translation import async_get_translations
from homeassistant.util import dt as dt_util
from homeassistant.util.hass_dict import HassKey
from yarl import URL

from .const import (
    CONF_ALSO_PLAIN,
    CONF_CERTIFICATE,
    CONF_CERTIFICATE_FILE,
    CONF_CERTIFICATE_FILE_2,
    CONF_KEY_FILE,
    CONF_KEY_FILE_2,
    CONF_NAMES,
    CONF_SECURITY,
    DOMAIN,
    CertificateSource,
    Security,
)
from .csms.certificates import (
    CertificateError,
    CertificateFault,
    CertificateStore,
    FileMarks,
    ServerCertificates,
    fingerprint_of_files,
    load_own,
)
from .csms.tls import Chain, ServerContext, TlsMode, reload, server_context

_LOGGER = logging.getLogger(__name__)

FILE_CHECK_INTERVAL: Final = timedelta(minutes=1)
RENEWAL_CHECK_INTERVAL: Final = timedelta(days=1)

_CERTIFICATES: HassKey[CertificateStore] = HassKey(f"{DOMAIN}.certificates")

_MODES = {
    Security.WSS_COMPATIBLE: TlsMode.COMPATIBLE,
    Security.WSS_MODERN: TlsMode.MODERN,
}


@dataclass(frozen=True, kw_only=True)
class ListenerSettings:
    """What the owner decided about a listener.

    `host` None is all interfaces. `names` are the host names and addresses in a
    certificate of our own; `files` the owner's pairs of certificate and key. With
    `also_plain` an encrypted port takes others as well, until all chargers have changed
    over.
    """

    host: str | None
    port: int
    security: Security
    certificate: CertificateSource
    names: tuple[str, ...] = ()
    files: tuple[tuple[str, str], ...] = ()
    also_plain: bool = False

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Self:
        """Read them from the data of a config entry."""
        pairs = (
            (data.get(CONF_CERTIFICATE_FILE), data.get(CONF_KEY_FILE)),
            (data.get(CONF_CERTIFICATE_FILE_2), data.get(CONF_KEY_FILE_2)),
        )
        return cls(
            host=data.get(CONF_HOST) or None,
            port=data[CONF_PORT],
            security=Security(data[CONF_SECURITY]),
            certificate=CertificateSource(
                data.get(CONF_CERTIFICATE, CertificateSource.OWN_CA)
            ),
            names=tuple(data.get(CONF_NAMES, ())),
            files=tuple((cert, key) for cert, key in pairs if cert and key),
            also_plain=bool(data.get(CONF_ALSO_PLAIN)),
        )

    @property
    def secure(self) -> bool:
        """Say whether the line is encrypted."""
        return self.security is not Security.WS

    @property
    def own_ca(self) -> bool:
        """Say whether the certificate is made by us."""
        return self.secure and self.certificate is CertificateSource.OWN_CA


@singleton(_CERTIFICATES)
@callback
def _async_certificate_store(hass: HomeAssistant) -> CertificateStore:
    """Return the one authority of this Home Assistant.

    It outlives the config entries: a charger that trusts it still does after its
    central system was removed and added again.
    """
    return CertificateStore(
        Path(hass.config.path(STORAGE_DIR, f"{DOMAIN}.certificates"))
    )


async def async_obtain_certificates(
    hass: HomeAssistant, settings: ListenerSettings
) -> ServerCertificates:
    """Make, renew or check the certificates of a listener.

    The listeners of one Home Assistant share its authority and one certificate that
    has the names of all. Raises `CertificateError`.
    """
    now = dt_util.utcnow()
    if not settings.own_ca:
        chains = _chains(hass, settings)
        second = chains[1] if len(chains) > 1 else None
        return await hass.async_add_executor_job(
            lambda: load_own(*chains[0], second, now=now)
        )
    known = (
        ListenerSettings.from_data(entry.data)
        for entry in hass.config_entries.async_entries(DOMAIN, include_ignore=False)
    )
    # In the same order for all, or each would have the certificate made anew.
    shared = [name for other in known if other.own_ca for name in other.names]
    names = list(dict.fromkeys((*shared, *settings.names)))
    store = _async_certificate_store(hass)
    return await hass.async_add_executor_job(store.ensure, names, now)


async def async_make_context(
    hass: HomeAssistant,
    settings: ListenerSettings,
    certificates: ServerCertificates,
    client_ca: bytes | None = None,
) -> ServerContext:
    """Load certificates into a TLS context. Raises `CertificateError`.

    `client_ca` is the authority of the certificates that chargers may show.
    """
    try:
        return await hass.async_add_executor_job(
            server_context, _MODES[settings.security], certificates.chains, client_ca
        )
    except OSError as error:
        raise _unloadable(error) from error


def _unloadable(error: OSError) -> CertificateError:
    fault = (
        CertificateFault.UNSUPPORTED_KEY
        if isinstance(error, ssl.SSLError)
        else CertificateFault.UNREADABLE
    )
    return CertificateError(fault, str(error.strerror or error))


def _chains(hass: HomeAssistant, settings: ListenerSettings) -> tuple[Chain, ...]:
    """Return the owner's files; a relative path is one in the configuration folder."""
    return tuple(
        (Path(hass.config.path(certificate)), Path(hass.config.path(key)))
        for certificate, key in settings.files
    )


async def async_describe(hass: HomeAssistant, error: CertificateError) -> str:
    """Say in the owner's language what is wrong with a certificate, and with which."""
    texts = await async_get_translations(hass, hass.config.language, "config", {DOMAIN})
    key = f"component.{DOMAIN}.config.error.{error.fault}"
    return texts.get(key, "{detail}").replace("{detail}", error.detail)


class TlsKeeper:
    """Keeps the TLS context of a running listener fresh.

    `context`, `certificates` and `authority` (which makes the chargers' certificates)
    are None for a listener without TLS, and before `async_load`.
    """

    def __init__(self, hass: HomeAssistant, settings: ListenerSettings) -> None:
        """Begin with nothing loaded."""
        self._hass = hass
        self._settings = settings
        self._marks: FileMarks = ()
        self.context: ServerContext | None = None
        self.certificates: ServerCertificates | None = None
        self.authority: CertificateStore | None = None

    async def async_load(self) -> None:
        """Make or check the certificates and the context.

        Raises `CertificateError`.
        """
        if not self._settings.secure:
            return
        self._marks = await self._read_marks()
        self.certificates = await async_obtain_certificates(self._hass, self._settings)
        client_ca = self.certificates.ca_pem or await self._async_client_ca()
        if client_ca is not None:
            self.authority = _async_certificate_store(self._hass)
        self.context = await async_make_context(
            self._hass, self._settings, self.certificates, client_ca
        )

    async def _async_client_ca(self) -> bytes | None:
        """Return the authority for chargers where the listener's own is another."""
        store = _async_certificate_store(self._hass)
        try:
            return await self._hass.async_add_executor_job(
                store.authority, dt_util.utcnow()
            )
        except CertificateError as error:
            _LOGGER.warning("Chargers can't get certificates: %s", error)
            return None

    @callback
    def async_keep_fresh(
        self, checked: Callable[[CertificateError | None], Awaitable[None]]
    ) -> Callable[[], None]:
        """Watch the owner's files, and renew our own certificates in time.

        `checked` is called after each look with what is wrong, None for nothing.
        Connected chargers notice nothing. Returns how to stop it.
        """
        if not self._settings.secure:
            return lambda: None

        async def look_at_files(_now: datetime) -> None:
            marks = await self._read_marks()
            if marks != self._marks:
                self._marks = marks
                await checked(await self._async_renew(files_changed=True))

        async def renew(_now: datetime) -> None:
            await checked(await self._async_renew())

        stops = [
            async_track_time_interval(
                self._hass, renew, RENEWAL_CHECK_INTERVAL, cancel_on_shutdown=True
            )
        ]
        if not self._settings.own_ca:
            stops.append(
                async_track_time_interval(
                    self._hass,
                    look_at_files,
                    FILE_CHECK_INTERVAL,
                    cancel_on_shutdown=True,
                )
            )

        def stop() -> None:
            for stop_one in stops:
                stop_one()

        return stop

    async def _async_renew(
        self, *, files_changed: bool = False
    ) -> CertificateError | None:
        """Present what is there now; on an error the old certificates stay in use.

        After `files_changed` they are loaded even where they hold the same
        certificates: the key may be the one that changed.
        """
        assert self.context is not None
        before = self.certificates
        try:
            certificates = await async_obtain_certificates(self._hass, self._settings)
            if certificates == before and not files_changed:
                return None
            await self._hass.async_add_executor_job(
                reload, self.context, certificates.chains
            )
        except CertificateError as error:
            _LOGGER.warning("The certificate in use is kept: %s", error)
            return error
        except OSError as error:
            _LOGGER.warning("The certificate in use is kept: %s", error)
            return _unloadable(error)
        self.certificates = certificates
        _LOGGER.info("Chargers get the new certificate from now on")
        return None

    async def _read_marks(self) -> FileMarks:
        paths = [
            path for chain in _chains(self._hass, self._settings) for path in chain
        ]
        return await self._hass.async_add_executor_job(fingerprint_of_files, paths)


async def async_default_names(hass: HomeAssistant) -> list[str]:
    """Return how chargers can reach this Home Assistant, the surest way first.

    Addresses come first: hardly a charger resolves the `.local` names of mDNS.
    """
    names: list[str | None] = [await _source_address(hass)]
    for adapter in await network.async_get_adapters(hass):
        if adapter["enabled"]:
            names.extend(address["address"] for address in adapter["ipv4"])
    try:
        url = get_url(hass, allow_external=False, allow_cloud=False)
        names.append(URL(url).host)
    except NoURLAvailableError:
        _LOGGER.debug("There is no internal URL to take a name from")
    hostname = socket.gethostname().lower()
    names.append(hostname if "." in hostname else f"{hostname}.local")
    if "." not in hostname:
        names.append(hostname)
    return list(dict.fromkeys(name for name in names if name and _is_reachable(name)))


async def _source_address(hass: HomeAssistant) -> str | None:
    try:
        return await network.async_get_source_ip(hass)
    except HomeAssistantError:
        _LOGGER.debug("There is no network address to take as a name")
        return None


def _is_reachable(name: str) -> bool:
    """Say whether others can dial this; a loopback is only reached from here."""
    if name.partition(".")[0] == "localhost":
        return False
    try:
        return not ip_address(name).is_loopback
    except ValueError:
        return True


async def async_dial_url(
    hass: HomeAssistant,
    settings: ListenerSettings,
    port: int,
    certificates: ServerCertificates | None,
) -> str:
    """Return the URL to type into a charger, up to and without its identity.

    It names what the certificate names, since chargers compare the two.
    """
    names = certificates.names if certificates else ()
    if settings.own_ca:
        names = settings.names
    dialled = (name for name in names if not name.startswith("*"))
    host = next(dialled, settings.host)
    if host is None:
        host = next(iter(await async_default_names(hass)), "127.0.0.1")
    scheme = "wss" if settings.secure else "ws"
    return f"{scheme}://{_bracketed(host)}:{port}/"


def _bracketed(host: str) -> str:
    try:
        address = ip_address(host)
    except ValueError:
        return host
    return f"[{host}]" if isinstance(address, IPv6Address) else host


async def async_try_bind(
    hass: HomeAssistant, host: str | None, port: int
) -> str | None:
    """Try to listen on `port`; returns the error to show in a form, None for none."""
    try:
        server = await hass.loop.create_server(_Nobody, host, port)
    except OSError as error:
        return "port_in_use" if error.errno == errno.EADDRINUSE else "cannot_bind"
    server.close()
    await server.wait_closed()
    return None


class _Nobody(asyncio.Protocol):
    """Hangs up on who dials in while a port is being tried."""

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """End the connection."""
        transport.close()
