"""Adding and changing a central system."""

from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
import socket
from typing import Any

from homeassistant.config_entries import (
    SOURCE_RECONFIGURE,
    SOURCE_USER,
    ConfigEntryState,
)
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.ocpp_charging.csms.certificates import CertificateStore

from .conftest import (
    DOMAIN,
    central_system,
    charger_of,
    charger_subentry,
    set_up,
    state_of,
)
from .flows import assert_texts, suggested

type Result = Mapping[str, Any]


@pytest.fixture(autouse=True)
async def _unload(unloads: None) -> None:
    """Unload what the flows set up."""


@pytest.fixture
def port() -> int:
    """Return a port that is free."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
async def taken() -> AsyncGenerator[int]:
    """Return a port that something else listens on."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with certificates that an owner might have."""
    folder: Path = tmp_path_factory.mktemp("owner")
    CertificateStore(folder).ensure(["127.0.0.1", "ocpp.example"], dt_util.utcnow())
    return folder


async def start(hass: HomeAssistant) -> Result:
    result = await hass.config_entries.flow.async_init(
        DOMAIN, context={"source": SOURCE_USER}
    )
    assert_texts(result, "config")
    assert result["step_id"] == "user"
    return result


async def reconfigure(hass: HomeAssistant, entry: MockConfigEntry) -> Result:
    result = await hass.config_entries.flow.async_init(
        DOMAIN, context={"source": SOURCE_RECONFIGURE, "entry_id": entry.entry_id}
    )
    assert_texts(result, "config")
    assert result["step_id"] == "reconfigure"
    return result


async def answer(hass: HomeAssistant, result: Result, user_input: Any) -> Result:
    result = await hass.config_entries.flow.async_configure(
        result["flow_id"], user_input
    )
    await hass.async_block_till_done()
    assert_texts(result, "config")
    return result


def listener(
    port: int,
    security: str = "wss_compatible",
    *,
    certificate: str = "own_ca",
    host: str = "127.0.0.1",
) -> dict[str, Any]:
    return {
        "port": port,
        "security": security,
        "advanced": {"certificate": certificate, "host": host},
    }


async def test_with_a_certificate_of_our_own(hass: HomeAssistant, port: int) -> None:
    result = await start(hass)
    result = await answer(hass, result, listener(port))
    assert result["step_id"] == "names"
    # What the mocked network says of this computer.
    assert "10.10.10.10" in suggested(result, "names")
    assert not any("127.0.0.1" in name for name in suggested(result, "names"))

    result = await answer(
        hass, result, {"names": ["ocpp.example", " 10.10.10.10 ", "ocpp.example", ""]}
    )
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["title"] == "OCPP central system"
    entry = result["result"]
    assert entry.data == {
        "port": port,
        "security": "wss_compatible",
        "certificate": "own_ca",
        "host": "127.0.0.1",
        "names": ["ocpp.example", "10.10.10.10"],
    }
    assert state_of(entry) is ConfigEntryState.LOADED
    assert entry.runtime_data.central.port == port
    # The first charger is asked for at once.
    kind, flow_id = result["next_flow"]
    assert kind == "config_subentries_flow"
    assert hass.config_entries.subentries.async_get(flow_id)["step_id"] == "user"


async def test_a_name_that_cannot_be_in_a_certificate(
    hass: HomeAssistant, port: int
) -> None:
    result = await answer(hass, await start(hass), listener(port))
    result = await answer(hass, result, {"names": ["not a name"]})
    assert result["errors"] == {"base": "invalid_name"}
    assert suggested(result, "names") == ["not a name"]
    result = await answer(hass, result, {"names": ["ocpp.example"]})
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_with_files_of_the_owner(
    hass: HomeAssistant, port: int, files: Path
) -> None:
    result = await start(hass)
    result = await answer(
        hass, result, listener(port, "wss_modern", certificate="files")
    )
    assert result["step_id"] == "files"
    first = {
        "certificate_file": str(files / "server-rsa.pem"),
        "key_file": str(files / "server-rsa.key"),
    }
    for wrong, error in (
        ({"key_file": str(files / "missing.key")}, "unreadable"),
        ({"key_file": str(files / "server-rsa.pem")}, "not_pem"),
        ({"key_file": str(files / "server-ecdsa.key")}, "key_mismatch"),
        ({"certificate_file_2": str(files / "server-ecdsa.pem")}, "half_a_pair"),
        (
            {
                "certificate_file_2": first["certificate_file"],
                "key_file_2": first["key_file"],
            },
            "same_key_type",
        ),
    ):
        result = await answer(hass, result, first | wrong)
        assert result["errors"] == {"base": error}
        assert suggested(result, "key_file") == (first | wrong)["key_file"]
    second = {
        "certificate_file_2": str(files / "server-ecdsa.pem"),
        "key_file_2": str(files / "server-ecdsa.key"),
    }
    result = await answer(hass, result, first | second)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["data"] == first | second | {
        "port": port,
        "security": "wss_modern",
        "certificate": "files",
        "host": "127.0.0.1",
    }


async def test_without_encryption_needs_a_confirmation(
    hass: HomeAssistant, port: int
) -> None:
    result = await answer(hass, await start(hass), listener(port, "ws"))
    assert result["step_id"] == "plain"
    result = await answer(hass, result, {"confirm": False})
    assert result["errors"] == {"confirm": "not_confirmed"}
    result = await answer(hass, result, {"confirm": True})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["data"]["security"] == "ws"


async def test_a_port_that_is_taken(hass: HomeAssistant, port: int, taken: int) -> None:
    result = await answer(hass, await start(hass), listener(taken, "ws"))
    assert result["step_id"] == "user"
    assert result["errors"] == {"base": "port_in_use"}
    result = await answer(hass, result, listener(port, "ws"))
    result = await answer(hass, result, {"confirm": True})
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_an_address_that_is_not_ours(hass: HomeAssistant, port: int) -> None:
    result = await answer(
        hass, await start(hass), listener(port, "ws", host="192.0.2.1")
    )
    assert result["errors"] == {"base": "cannot_bind"}
    result = await answer(hass, result, listener(port, "ws"))
    result = await answer(hass, result, {"confirm": True})
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_a_port_that_another_central_system_has(
    hass: HomeAssistant, port: int
) -> None:
    central_system(port=port).add_to_hass(hass)
    result = await answer(hass, await start(hass), listener(port, "ws"))
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "already_configured"


async def test_a_second_central_system_has_its_port_in_its_title(
    hass: HomeAssistant, port: int
) -> None:
    central_system(port=1).add_to_hass(hass)
    result = await answer(hass, await start(hass), listener(port, "ws"))
    result = await answer(hass, result, {"confirm": True})
    assert result["title"] == f"OCPP central system {port}"


async def test_no_charger_is_asked_for_when_the_set_up_fails(
    hass: HomeAssistant, port: int
) -> None:
    result = await answer(hass, await start(hass), listener(port, "ws"))
    # Someone is faster than the owner.
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        result = await answer(hass, result, {"confirm": True})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["result"].state is ConfigEntryState.SETUP_RETRY
    assert "next_flow" not in result


# Reconfigure


async def test_another_port_reloads_the_central_system(
    hass: HomeAssistant, central_entry: MockConfigEntry, port: int
) -> None:
    result = await reconfigure(hass, central_entry)
    result = await answer(hass, result, listener(port, "ws"))
    result = await answer(hass, result, {"confirm": True})
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "reconfigure_successful"
    await hass.async_block_till_done()
    assert state_of(central_entry) is ConfigEntryState.LOADED
    assert central_entry.runtime_data.central.port == port


async def test_the_port_it_has_is_not_tried_against_itself(
    hass: HomeAssistant, port: int
) -> None:
    entry = await set_up(hass, central_system(port=port))
    result = await reconfigure(hass, entry)
    result = await answer(hass, result, listener(port))
    assert result["step_id"] == "names"
    result = await answer(hass, result, {"names": ["127.0.0.1"]})
    assert result["reason"] == "reconfigure_successful"
    await hass.async_block_till_done()
    assert state_of(entry) is ConfigEntryState.LOADED
    assert entry.runtime_data.tls.context is not None


async def test_errors_can_be_put_right_when_reconfiguring(
    hass: HomeAssistant, central_entry: MockConfigEntry, port: int, taken: int
) -> None:
    result = await reconfigure(hass, central_entry)
    result = await answer(hass, result, listener(taken, "ws"))
    assert result["step_id"] == "reconfigure"
    assert result["errors"] == {"base": "port_in_use"}
    result = await answer(hass, result, listener(port, "ws"))
    result = await answer(hass, result, {"confirm": True})
    assert result["reason"] == "reconfigure_successful"


async def test_another_entrys_port_cannot_be_taken_over(
    hass: HomeAssistant, central_entry: MockConfigEntry, port: int
) -> None:
    central_system(port=port).add_to_hass(hass)
    result = await reconfigure(hass, central_entry)
    result = await answer(hass, result, listener(port, "ws"))
    assert result["reason"] == "already_configured"


async def test_one_that_could_not_start_is_started_again(
    hass: HomeAssistant, port: int, taken: int
) -> None:
    entry = central_system(port=taken)
    entry.add_to_hass(hass)
    await hass.config_entries.async_setup(entry.entry_id)
    assert state_of(entry) is ConfigEntryState.SETUP_RETRY
    result = await reconfigure(hass, entry)
    result = await answer(hass, result, listener(port, "ws"))
    result = await answer(hass, result, {"confirm": True})
    assert result["reason"] == "reconfigure_successful"
    await hass.async_block_till_done()
    assert state_of(entry) is ConfigEntryState.LOADED


# Options


async def test_a_chargers_own_interval_counts_more(hass: HomeAssistant) -> None:
    entry = await set_up(
        hass,
        central_system(
            charger_subentry("A"),
            charger_subentry("B", sample_interval=10),
            options={"sample_interval": 30},
        ),
    )
    seconds = [
        charger_of(entry, identity).settings.sample_interval.total_seconds()
        for identity in "AB"
    ]
    assert seconds == [30, 10]
