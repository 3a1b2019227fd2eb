"""What the user interface is told of the actions agrees with what they take."""

import json
from pathlib import Path
from typing import Any

from homeassistant.helpers.service import _SERVICES_SCHEMA
from homeassistant.util.yaml import load_yaml_dict
import probatio

import custom_components.ocpp_charging as integration
from custom_components.ocpp_charging.services import ACTIONS

from .actions import BY_NAME

FOLDER = Path(integration.__file__).parent


def _described() -> dict[str, dict[str, Any]]:
    """Return the fields of services.yaml by action, those in sections among them."""
    services: dict[str, Any] = _SERVICES_SCHEMA(
        load_yaml_dict(str(FOLDER / "services.yaml"))
    )
    flat: dict[str, dict[str, Any]] = {}
    for name, service in services.items():
        flat[name] = {}
        for field, config in service["fields"].items():
            flat[name] |= config.get("fields", {field: config})
    return flat


def test_every_field_is_described_named_and_has_a_selector() -> None:
    described = _described()
    texts = json.loads((FOLDER / "translations/en.json").read_text())
    icons = json.loads((FOLDER / "icons.json").read_text())["services"]
    assert set(described) == set(BY_NAME) == set(icons) == set(texts["services"])
    for action in ACTIONS:
        fields = {str(field) for field in action.fields}
        text = texts["services"][action.name]
        assert fields == set(described[action.name]) == set(text["fields"])
        assert all(config["selector"] for config in described[action.name].values())
        assert all(
            field["name"] and field["description"] for field in text["fields"].values()
        )


def test_every_choice_offered_is_taken_and_named() -> None:
    texts = json.loads((FOLDER / "translations/en.json").read_text())["selector"]
    checked = 0
    for name, fields in _described().items():
        validators = {str(key): check for key, check in BY_NAME[name].fields.items()}
        for field, config in fields.items():
            select = config["selector"].get("select")
            if select is None:
                continue
            for option in select["options"]:
                probatio.Schema(validators[field])(option)
                checked += 1
            if key := select.get("translation_key"):
                assert set(texts[key]["options"]) == set(select["options"])
    assert checked > 10
