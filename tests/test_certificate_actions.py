"""What a charger trusts, asked and changed by actions."""

from typing import Any

from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from simulator import ChargePoint

from .actions import ROOT, Caller, last
from .conftest import Simulated, central_system, charger_of, charger_subentry, set_up


@pytest.fixture
async def entry(hass: HomeAssistant) -> MockConfigEntry:
    """Return a central system over TLS, which knows CP1."""
    return await set_up(
        hass,
        central_system(
            charger_subentry(), security="wss_compatible", names=["127.0.0.1"]
        ),
    )


@pytest.fixture
async def cp(entry: MockConfigEntry, simulated: Simulated) -> ChargePoint:
    return await simulated(entry)


@pytest.fixture
def use(hass: HomeAssistant, entry: MockConfigEntry) -> Caller:
    return Caller(hass, entry)


async def installed(use: Caller, kind: str = "central_system") -> list[Any]:
    found = await use("get_installed_certificates", use=kind)
    certificates: list[Any] = found["certificates"]
    return certificates


async def test_our_own_authority_is_installed_unless_another_is_given(
    use: Caller, cp: ChargePoint, entry: MockConfigEntry
) -> None:
    assert await installed(use) == []
    await use("install_certificate")
    own = entry.runtime_data.tls.certificates.ca_pem.decode()
    assert last(cp, "InstallCertificate") == {
        "certificateType": "CentralSystemRootCertificate",
        "certificate": own,
    }
    await use("install_certificate", use="manufacturer", certificate=ROOT)
    assert len(await installed(use)) == 1
    assert len(await installed(use, "manufacturer")) == 1


async def test_the_root_that_our_line_hangs_on_is_not_deleted(
    use: Caller, cp: ChargePoint
) -> None:
    await use("install_certificate")
    await use("install_certificate", certificate=ROOT)
    own, other = await installed(use)
    error = await use.refused("delete_certificate", **own)
    assert error.translation_key == "last_root"
    assert await use("delete_certificate", **other) == {"deleted": True}
    assert await use("delete_certificate", **other) == {"deleted": False}
    assert await installed(use) == [own]
    assert await use("delete_certificate", **own, force=True) == {"deleted": True}
    assert await installed(use) == []


async def test_the_last_root_is_not_deleted_whoever_it_is_of(
    use: Caller, cp: ChargePoint
) -> None:
    await use("install_certificate", certificate=ROOT)
    (only,) = await installed(use)
    error = await use.refused("delete_certificate", **only)
    assert error.translation_key == "last_root"
    assert await installed(use) == [only]


async def test_the_makers_root_can_be_deleted(use: Caller, cp: ChargePoint) -> None:
    await use("install_certificate", use="manufacturer", certificate=ROOT)
    (only,) = await installed(use, "manufacturer")
    assert await use("delete_certificate", **only) == {"deleted": True}


async def test_what_is_no_certificate_is_not_sent(use: Caller, cp: ChargePoint) -> None:
    error = await use.refused("install_certificate", certificate="hello")
    assert error.translation_key == "not_a_certificate"
    assert not cp.received_calls("InstallCertificate")


async def test_a_charger_says_why_it_does_not_take_one(
    use: Caller, cp: ChargePoint
) -> None:
    cp.answers["InstallCertificate"] = {"status": "Rejected"}
    error = await use.refused("install_certificate")
    assert error.translation_key == "charger_refused"
    cp.answers["GetInstalledCertificateIds"] = {"status": "Rejected"}
    error = await use.refused("get_installed_certificates")
    assert error.translation_key == "charger_refused"


async def test_without_an_authority_of_ours_one_must_be_given(
    hass: HomeAssistant, charger_entry: MockConfigEntry, simulated: Simulated
) -> None:
    await simulated(charger_entry)
    error = await Caller(hass, charger_entry).refused("install_certificate")
    assert error.translation_key == "no_own_authority"


async def test_files_that_can_not_be_read_any_more_delete_nothing(
    hass: HomeAssistant, use: Caller, cp: ChargePoint, entry: MockConfigEntry
) -> None:
    chain = entry.runtime_data.tls.certificates.chains[0][0]
    await hass.async_add_executor_job(chain.write_text, "gone")
    await use("install_certificate", certificate=ROOT)
    (only,) = await installed(use)
    error = await use.refused("delete_certificate", **only)
    assert error.translation_key == "certificate_unusable"


async def test_a_charger_is_asked_for_a_certificate_request(
    use: Caller, cp: ChargePoint, entry: MockConfigEntry
) -> None:
    cp.configuration.define("CpoName", "OCPP Charging")
    await use("trigger_message", message="sign_charge_point_certificate")
    assert last(cp, "ExtendedTriggerMessage") == {
        "requestedMessage": "SignChargePointCertificate"
    }
    await cp.wait_for(lambda one: one.vault.chains)
    assert len(charger_of(entry).settings.certificates) == 1
