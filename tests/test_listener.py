"""The names of this Home Assistant, the URL to dial, and what goes wrong with files."""

import ssl
from typing import Any
from unittest.mock import patch

from homeassistant.components import network
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util import dt as dt_util
import pytest

from custom_components.ocpp_charging import listener
from custom_components.ocpp_charging.csms.certificates import (
    CertificateError,
    CertificateFault,
    ServerCertificates,
)
from custom_components.ocpp_charging.listener import ListenerSettings

from .conftest import central_system


def settings(**changes: Any) -> ListenerSettings:
    return ListenerSettings.from_data({**central_system(**changes).data})


def presented(*names: str) -> ServerCertificates:
    return ServerCertificates(
        chains=(), names=names, expires=dt_util.utcnow(), fingerprints=()
    )


async def test_addresses_are_the_first_names(hass: HomeAssistant) -> None:
    await hass.config.async_update(internal_url="http://ha.example:8123")
    with patch("socket.gethostname", return_value="Box"):
        names = await listener.async_default_names(hass)
    assert names == ["10.10.10.10", "ha.example", "box.local", "box"]


async def test_a_full_host_name_is_a_name_as_it_is(hass: HomeAssistant) -> None:
    with patch("socket.gethostname", return_value="box.example"):
        names = await listener.async_default_names(hass)
    assert names == ["10.10.10.10", "box.example"]


async def test_without_a_network_there_is_still_the_host_name(
    hass: HomeAssistant,
) -> None:
    hass.config.api = None
    with (
        patch("socket.gethostname", return_value="localhost"),
        patch.object(network, "async_get_source_ip", side_effect=HomeAssistantError),
        patch.object(network, "async_get_adapters", return_value=[]),
    ):
        assert await listener.async_default_names(hass) == []
        url = await listener.async_dial_url(hass, settings(host=None), 9000, None)
    assert url == "ws://127.0.0.1:9000/"


async def test_loopback_addresses_are_no_names(hass: HomeAssistant) -> None:
    hass.config.api = None
    with (
        patch("socket.gethostname", return_value="box.example"),
        patch.object(network, "async_get_source_ip", return_value="127.0.0.1"),
        patch.object(network, "async_get_adapters", return_value=[]),
    ):
        assert await listener.async_default_names(hass) == ["box.example"]


@pytest.mark.parametrize(
    ("changes", "names", "url"),
    [
        ({"host": "192.0.2.7"}, None, "ws://192.0.2.7:9000/"),
        ({"host": None}, None, "ws://10.10.10.10:9000/"),
        (
            {"security": "wss_modern", "names": ["ha.example", "192.0.2.7"]},
            ["192.0.2.7", "ha.example"],
            "wss://ha.example:9000/",
        ),
        (
            {"security": "wss_modern", "certificate": "files"},
            ["*.example", "ocpp.example"],
            "wss://ocpp.example:9000/",
        ),
        (
            {"security": "wss_modern", "certificate": "files", "host": "2001:db8::7"},
            ["*.example"],
            "wss://[2001:db8::7]:9000/",
        ),
    ],
)
async def test_the_url_names_what_the_certificate_names(
    hass: HomeAssistant, changes: Any, names: Any, url: Any
) -> None:
    certificates = presented(*names) if names else None
    assert (
        await listener.async_dial_url(hass, settings(**changes), 9000, certificates)
        == url
    )


@pytest.mark.parametrize(
    ("raised", "fault"),
    [
        (PermissionError(13, "Permission denied"), CertificateFault.UNREADABLE),
        (ssl.SSLError(1, "KEY_TOO_SMALL"), CertificateFault.UNSUPPORTED_KEY),
    ],
)
async def test_what_openssl_does_not_take_is_a_fault_of_the_certificate(
    hass: HomeAssistant, raised: Any, fault: Any
) -> None:
    wanted = settings(security="wss_modern")
    with (
        patch.object(listener, "server_context", side_effect=raised),
        pytest.raises(CertificateError) as caught,
    ):
        await listener.async_make_context(hass, wanted, presented("a"))
    assert caught.value.fault is fault
    assert caught.value.detail == raised.strerror


async def test_a_context_that_cannot_be_reloaded_keeps_what_it_has(
    hass: HomeAssistant,
) -> None:
    keeper = listener.TlsKeeper(
        hass, settings(security="wss_compatible", names=["a.example"])
    )
    await keeper.async_load()
    before = keeper.certificates
    errors: list[CertificateError | None] = []

    async def checked(error: CertificateError | None) -> None:
        errors.append(error)

    with (
        patch.object(
            listener,
            "async_obtain_certificates",
            return_value=presented("b.example"),
        ),
        patch.object(listener, "reload", side_effect=PermissionError(13, "denied")),
    ):
        await checked(await keeper._async_renew())
    assert errors[0] is not None
    assert errors[0].fault is CertificateFault.UNREADABLE
    assert keeper.certificates is before


async def test_files_of_the_owner_are_loaded_again_only_when_they_have_changed(
    hass: HomeAssistant,
) -> None:
    keeper = listener.TlsKeeper(
        hass, settings(security="wss_compatible", names=["a.example"])
    )
    await keeper.async_load()
    assert keeper.certificates is not None
    made = keeper.certificates.chains
    keeper = listener.TlsKeeper(
        hass,
        settings(
            security="wss_compatible",
            certificate="files",
            certificate_file=str(made[0][0]),
            key_file=str(made[0][1]),
        ),
    )
    await keeper.async_load()
    assert keeper.context is not None
    before = keeper.context.current
    assert await keeper._async_renew() is None
    assert keeper.context.current is before
    assert await keeper._async_renew(files_changed=True) is None
    assert keeper.context.current is not before


async def test_who_dials_while_the_port_is_tried_is_hung_up_on() -> None:
    class Transport:
        closed = False

        def close(self) -> None:
            self.closed = True

    transport = Transport()
    listener._Nobody().connection_made(transport)  # type: ignore[arg-type]
    assert transport.closed


async def test_a_listener_without_tls_has_nothing_to_keep_fresh(
    hass: HomeAssistant,
) -> None:
    keeper = listener.TlsKeeper(hass, settings())
    await keeper.async_load()
    assert keeper.context is None

    async def checked(_error: CertificateError | None) -> None:
        pytest.fail("there is nothing to check")

    keeper.async_keep_fresh(checked)()
