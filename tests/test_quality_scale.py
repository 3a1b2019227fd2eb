"""What quality_scale.yaml claims, as far as the code itself can show it."""

import ast
import importlib
from pathlib import Path
from typing import Any

from homeassistant.config_entries import ConfigFlow
from homeassistant.const import Platform
from homeassistant.util.yaml import load_yaml_dict
import pytest

import custom_components.ocpp_charging as integration
from custom_components.ocpp_charging import config_flow, diagnostics

FOLDER = Path(integration.__file__).parent
ROOT = FOLDER.parents[1]
PLATFORMS = [
    file
    for file in sorted(FOLDER.glob("*.py"))
    if file.stem in list(Platform) and "def async_setup_entry" in file.read_text()
]


def rules() -> dict[str, Any]:
    """Return the status of each rule."""
    found: dict[str, Any] = load_yaml_dict(str(FOLDER / "quality_scale.yaml"))["rules"]
    return found


def is_done(rule: str) -> bool:
    """Say whether a rule is claimed to be kept."""
    return rules()[rule] == "done"


def test_nothing_is_left_to_do_for_the_scale_that_the_manifest_claims() -> None:
    assert "todo" not in rules().values()


@pytest.mark.parametrize("file", PLATFORMS, ids=lambda file: file.stem)
def test_parallel_updates(file: Path) -> None:
    assert is_done("parallel-updates")
    module = importlib.import_module(f"{integration.__name__}.{file.stem}")
    assert module.PARALLEL_UPDATES == 0


def test_icon_translations() -> None:
    assert is_done("icon-translations")
    for file in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert not node.value.startswith("mdi:"), file.name


def test_exception_translations() -> None:
    assert is_done("exception-translations")
    translated = {
        "ConfigEntryError",
        "ConfigEntryNotReady",
        "HomeAssistantError",
        "ServiceValidationError",
    }
    for file in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            match node:
                case ast.Call(func=ast.Name(id=name)) if name in translated:
                    words = {word.arg for word in node.keywords}
                    assert words >= {"translation_domain", "translation_key"}, (
                        f"{file.name}:{node.lineno}"
                    )


def test_reconfiguration_and_its_kin() -> None:
    assert is_done("reconfiguration-flow")
    assert hasattr(config_flow.OcppConfigFlow, "async_step_reconfigure")
    assert is_done("discovery")
    assert (
        config_flow.OcppConfigFlow.async_step_integration_discovery
        is not ConfigFlow.async_step_integration_discovery
    )


def test_diagnostics_and_devices_that_went() -> None:
    assert is_done("diagnostics")
    assert hasattr(diagnostics, "async_get_config_entry_diagnostics")
    assert is_done("stale-devices")
    assert hasattr(integration, "async_remove_config_entry_device")


def test_no_requests_are_made() -> None:
    assert rules()["inject-websession"]["status"] == "exempt"
    for file in FOLDER.rglob("*.py"):
        text = file.read_text()
        assert "ClientSession" not in text, file.name
        assert "import requests" not in text, file.name


def test_no_triggers_and_no_conditions() -> None:
    for rule, name in (("docs-triggers", "trigger"), ("docs-conditions", "condition")):
        assert rules()[rule]["status"] == "exempt"
        assert not list(FOLDER.glob(f"{name}*"))


def test_the_manual_has_what_the_scale_asks_for() -> None:
    manual = {file.stem for file in (ROOT / "docs").glob("*.md")}
    for rule, page in {
        "docs-actions": "actions",
        "docs-configuration-parameters": "options",
        "docs-examples": "automations",
        "docs-installation-instructions": "installation",
        "docs-supported-devices": "chargers",
        "docs-supported-functions": "entities",
        "docs-troubleshooting": "troubleshooting",
    }.items():
        assert is_done(rule)
        assert page in manual
    text = "\n".join(
        file.read_text() for file in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    )
    for rule, heading in {
        "docs-removal-instructions": "Remov",
        "docs-known-limitations": "Limit",
    }.items():
        assert is_done(rule)
        assert any(
            heading.lower() in line.lower()
            for line in text.splitlines()
            if line.startswith("#")
        ), rule
