"""The CA certificate can be fetched without a login."""

from http import HTTPStatus
import ssl

from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from .conftest import central_system, set_up


@pytest.fixture
async def secure_entry(hass: HomeAssistant, unloads: None) -> MockConfigEntry:
    return await set_up(
        hass, central_system(security="wss_compatible", names=["127.0.0.1"])
    )


async def test_the_certificate_is_a_download(
    hass: HomeAssistant,
    hass_client_no_auth: ClientSessionGenerator,
    secure_entry: MockConfigEntry,
) -> None:
    client = await hass_client_no_auth()
    response = await client.get(f"/api/ocpp_charging/ca/{secure_entry.entry_id}")
    assert response.status == HTTPStatus.OK
    assert response.content_type == "application/x-pem-file"
    assert "ocpp-charging-ca.pem" in response.headers["Content-Disposition"]
    text = await response.text()
    assert "PRIVATE" not in text
    context = ssl.create_default_context(cadata=text)
    (authority,) = context.get_ca_certs()
    assert ("organizationName", "OCPP Charging") in [
        part for parts in authority["subject"] for part in parts
    ]


async def test_there_is_none_where_there_is_none(
    hass: HomeAssistant,
    hass_client_no_auth: ClientSessionGenerator,
    secure_entry: MockConfigEntry,
) -> None:
    plain = await set_up(hass, central_system())
    other = MockConfigEntry(domain="other")
    other.add_to_hass(hass)
    client = await hass_client_no_auth()
    for entry_id in (plain.entry_id, other.entry_id, "unknown"):
        response = await client.get(f"/api/ocpp_charging/ca/{entry_id}")
        assert response.status == HTTPStatus.NOT_FOUND
    await hass.config_entries.async_unload(secure_entry.entry_id)
    response = await client.get(f"/api/ocpp_charging/ca/{secure_entry.entry_id}")
    assert response.status == HTTPStatus.NOT_FOUND
