"""What the tests of the flows share."""

from collections.abc import Mapping
from functools import cache
import json
from pathlib import Path
from typing import Any

from homeassistant.data_entry_flow import FlowResultType, section

import custom_components.ocpp_charging as integration

_EN = Path(integration.__file__).parent / "translations" / "en.json"


@cache
def _texts() -> dict[str, Any]:
    texts: dict[str, Any] = json.loads(_EN.read_text())
    return texts


def say(
    texts: Mapping[str, Any], path: str, placeholders: Mapping[str, str] | None
) -> str:
    """Return a text with its placeholders filled; fails when there is none."""
    found: Any = texts
    for part in path.split("."):
        assert part in found, f"no text {path}"
        found = found[part]
    assert isinstance(found, str)
    assert found
    return found.format(**(placeholders or {}))


def assert_texts(result: Mapping[str, Any], *root: str) -> None:
    """Check that the owner can read everything that a step of a flow shows.

    `root` is where the flow's texts are, such as `config`.
    """
    texts = _texts()
    for part in root:
        texts = texts[part]
    placeholders = result.get("description_placeholders")
    match result["type"]:
        case FlowResultType.ABORT:
            if result.get("translation_domain") is None:
                say(texts, f"abort.{result['reason']}", placeholders)
        case FlowResultType.SHOW_PROGRESS:
            say(texts, f"progress.{result['progress_action']}", placeholders)
        case FlowResultType.MENU:
            step = f"step.{result['step_id']}"
            for part in ("title", "description"):
                say(texts, f"{step}.{part}", placeholders)
            for option in result["menu_options"]:
                say(texts, f"{step}.menu_options.{option}", placeholders)
        case FlowResultType.FORM:
            _assert_form(result, texts, placeholders)


def _assert_form(
    result: Mapping[str, Any],
    texts: Mapping[str, Any],
    placeholders: Mapping[str, str] | None,
) -> None:
    step = f"step.{result['step_id']}"
    say(texts, f"{step}.title", placeholders)
    if "description" in texts["step"][result["step_id"]]:
        say(texts, f"{step}.description", placeholders)
    schema = result["data_schema"].schema if result["data_schema"] else {}
    for key, field in schema.items():
        if isinstance(field, section):
            say(texts, f"{step}.sections.{key}.name", placeholders)
            for inner in field.schema.schema:
                for part in ("data", "data_description"):
                    say(texts, f"{step}.sections.{key}.{part}.{inner}", placeholders)
        else:
            for part in ("data", "data_description"):
                say(texts, f"{step}.{part}.{key}", placeholders)
    for error in (result["errors"] or {}).values():
        say(texts, f"error.{error}", placeholders)


def suggested(result: Mapping[str, Any], key: str) -> Any:
    """Return what a form suggests for a field, or what it shows in it."""
    for marker in result["data_schema"].schema:
        if marker == key:
            if marker.description:
                return marker.description["suggested_value"]
            return marker.default()
    raise AssertionError(f"no field {key}")


def issue_texts(kind: str, placeholders: Mapping[str, str] | None) -> None:
    """Check that the owner can read everything about an issue."""
    texts = _texts()["issues"][kind]
    for path in (
        "title",
        "fix_flow.step.confirm.title",
        "fix_flow.step.confirm.description",
        "fix_flow.abort.gone",
        "fix_flow.abort.open_settings",
    ):
        say(texts, path, placeholders)


def shown(result: Mapping[str, Any], placeholder: str) -> str:
    """Return what a step's description shows in place of a placeholder."""
    value: str = result["description_placeholders"][placeholder]
    return value
