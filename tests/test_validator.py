"""The offline validator: it finds nothing in the project, and each fault put there."""

from collections.abc import Callable
import json
from pathlib import Path
import re
import shutil
from typing import Any

import pytest

from scripts.validate import RULES, validate

ROOT = Path(__file__).parents[1]
INTEGRATION = "custom_components/ocpp_charging"
EN = f"{INTEGRATION}/translations/en.json"
MANIFEST = f"{INTEGRATION}/manifest.json"
ICONS = f"{INTEGRATION}/icons.json"

type Break = Callable[[Path], None]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a copy of what the validator reads."""
    shutil.copytree(
        ROOT / INTEGRATION,
        tmp_path / INTEGRATION,
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    for name in (
        "README.md",
        "info.md",
        "LICENSE",
        "hacs.json",
        "pyproject.toml",
        "requirements_test.txt",
    ):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def found(root: Path) -> list[str]:
    """Return what the validator prints of a project."""
    return [str(problem) for problem in validate(root)]


def change(name: str, *path: str, to: Any) -> Break:
    """Return what sets, or with None removes, a value in a JSON file."""

    def do(root: Path) -> None:
        content = json.loads((root / name).read_text())
        part = content
        for key in path[:-1]:
            part = part.setdefault(key, {})
        if to is None:
            del part[path[-1]]
        else:
            part[path[-1]] = to
        (root / name).write_text(json.dumps(content))

    return do


def replace(name: str, old: str, new: str) -> Break:
    """Return what replaces a part of a text file, which must have it."""

    def do(root: Path) -> None:
        text = (root / name).read_text()
        assert old in text
        (root / name).write_text(text.replace(old, new))

    return do


def append(name: str, text: str) -> Break:
    """Return what adds code to the end of a file of the integration."""

    def do(root: Path) -> None:
        file = root / INTEGRATION / name
        file.write_text((file.read_text() if file.exists() else "") + f"\n{text}\n")

    return do


def remove(name: str) -> Break:
    """Return what removes a file."""
    return lambda root: (root / name).unlink()


def replace_file(name: str, other: str) -> Break:
    """Return what puts another file of the integration in a file's place."""

    def do(root: Path) -> None:
        folder = root / INTEGRATION
        shutil.copy(folder / other, folder / name)

    return do


def german(path: tuple[str, ...], to: str | None) -> Break:
    """Return what adds a translation that differs from English in one text."""

    def do(root: Path) -> None:
        name = f"{INTEGRATION}/translations/de.json"
        shutil.copy(root / EN, root / name)
        change(name, *path, to=to)(root)

    return do


def reverse_manifest(root: Path) -> None:
    content = json.loads((root / MANIFEST).read_text())
    (root / MANIFEST).write_text(json.dumps(dict(reversed(content.items()))))


OFFLINE = ("exceptions", "charger_offline", "message")
EXEMPT = "  inject-websession:\n    status: exempt\n    comment: "

FAULTS: dict[str, tuple[Break, str]] = {
    # The manifest
    "no manifest": (remove(MANIFEST), "manifest.json: No such file"),
    "damaged manifest": (replace(MANIFEST, "{", "["), "manifest.json: "),
    "manifest key": (change(MANIFEST, "color", to="blue"), "manifest.json: color"),
    "manifest order": (reverse_manifest, "keys must be in this order: domain, name"),
    "no name": (change(MANIFEST, "name", to=None), "manifest.json: name: required"),
    "other domain": (change(MANIFEST, "domain", to="ocpp"), "manifest.json: domain"),
    "bad version": (change(MANIFEST, "version", to="new"), "version: no version"),
    "other version": (change(MANIFEST, "version", to="9.9.9"), "as in pyproject.toml"),
    "bad class": (change(MANIFEST, "iot_class", to="push"), "manifest.json: iot_class"),
    "no owner": (change(MANIFEST, "codeowners", to=[]), "manifest.json: codeowners"),
    "http": (
        change(MANIFEST, "documentation", to="http://example.com"),
        "documentation: must begin with https://",
    ),
    "core's documentation": (
        change(
            MANIFEST,
            "documentation",
            to="https://www.home-assistant.io/integrations/ocpp",
        ),
        "documentation: must be the integration's own",
    ),
    "unpinned": (
        change(MANIFEST, "requirements", to=["ocpp>=2"]),
        "manifest.json: requirements.0",
    ),
    "untested requirement": (
        change(MANIFEST, "requirements", to=["ocpp==2.0.0"]),
        "requirements_test.txt: lacks ocpp==2.0.0",
    ),
    "bad category": (
        change(MANIFEST, "categories", to=["Energy!"]),
        "manifest.json: categories.0",
    ),
    "config_flow false": (
        change(MANIFEST, "config_flow", to=False),
        "config_flow must be true",
    ),
    "no such component": (
        change(MANIFEST, "dependencies", to=["http", "network", "nothing"]),
        "there is no component nothing",
    ),
    "undeclared component": (
        append("hub.py", "from homeassistant.components.mqtt import client"),
        "hub.py: uses the component mqtt",
    ),
    "undeclared component, other form": (
        append("hub.py", "def f():\n    from homeassistant.components import mqtt"),
        "hub.py: uses the component mqtt",
    ),
    "undeclared package": (
        append("hub.py", "import pandas"),
        "hub.py: imports pandas, which the manifest does not require",
    ),
    "no CONFIG_SCHEMA": (
        replace(f"{INTEGRATION}/__init__.py", "CONFIG_SCHEMA", "SCHEMA"),
        "has async_setup but no CONFIG_SCHEMA",
    ),
    "no Python": (append("hub.py", "def def"), "hub.py: is no Python"),
    # The store and the quality scale
    "hacs key": (change("hacs.json", "colour", to=1), "hacs.json: colour"),
    "hacs type": (change("hacs.json", "hacs", to=2), "hacs.json: hacs"),
    "hacs name": (change("hacs.json", "name", to=None), "hacs.json: name: required"),
    "zip without a name": (
        change("hacs.json", "zip_release", to=True),
        "zip_release needs a filename",
    ),
    "newer than tested": (
        change("hacs.json", "homeassistant", to="2099.1.0"),
        "homeassistant 2099.1.0 is newer",
    ),
    "no readme": (remove("README.md"), "README.md: No such file"),
    "no py.typed": (remove(f"{INTEGRATION}/py.typed"), "py.typed: No such file"),
    "other licence": (replace("LICENSE", "Apache License", "A License"), "LICENSE: "),
    "second integration": (
        lambda root: (root / "custom_components" / "other").mkdir(),
        "the store installs one folder only",
    ),
    "no icon": (remove(f"{INTEGRATION}/brand/icon.png"), "brand/icon.png: No such"),
    "small icon": (
        replace_file("brand/icon@2x.png", "brand/icon.png"),
        "brand/icon@2x.png: is no PNG of 512 x 512 pixels",
    ),
    "missing rule": (
        replace(f"{INTEGRATION}/quality_scale.yaml", "  brands: done\n", ""),
        "quality_scale.yaml: lacks brands",
    ),
    "invented rule": (
        replace(f"{INTEGRATION}/quality_scale.yaml", "brands", "brandy"),
        "quality_scale.yaml: has brandy",
    ),
    "bad status": (
        replace(f"{INTEGRATION}/quality_scale.yaml", "brands: done", "brands: maybe"),
        "brands: must be done, todo, or exempt",
    ),
    "no reason": (
        replace(f"{INTEGRATION}/quality_scale.yaml", EXEMPT, EXEMPT[:-11] + "# "),
        "inject-websession: an exemption needs a comment",
    ),
    # Texts
    "unknown part": (change(EN, "panels", to={"a": "b"}), "en.json: panels"),
    "no title": (
        change(EN, "config", "step", "user", "title", to=None),
        "config.step.user.title: required",
    ),
    "empty text": (change(EN, *OFFLINE, to=""), "charger_offline.message"),
    "no slug": (change(EN, "exceptions", "A b", to={"message": "c"}), "is no slug"),
    "HTML": (change(EN, *OFFLINE, to="<b>{charger}</b>"), "has HTML"),
    "address": (change(EN, *OFFLINE, to="{charger} http://a.b"), "has an address"),
    "quoted": (change(EN, *OFFLINE, to="'{charger}'"), "placeholder in single quotes"),
    "reference": (
        change(EN, *OFFLINE, to="{charger} [%key:common::a%]"),
        "has a reference",
    ),
    "no description of a field": (
        change(EN, "config", "step", "user", "data_description", "port", to=None),
        "config.step.user: port is not in data_description",
    ),
    "no name of a field": (
        change(EN, "options", "step", "measuring", "data", "sample_interval", to=None),
        "options.step.measuring: sample_interval is not in data",
    ),
    "form without a word": (
        change(EN, "config", "step", "user", to={"title": "Set up"}),
        "config.step.user: nothing says what it is about",
    ),
    "missing translation": (
        german(OFFLINE, None),
        "de.json: lacks exceptions.charger_offline.message",
    ),
    "additional translation": (
        german(("exceptions", "neu"), "x"),
        "de.json: has, unlike English, exceptions.neu",
    ),
    "other placeholders": (
        german(OFFLINE, "{lader} ist nicht verbunden"),
        "de.json: exceptions.charger_offline.message: its placeholders differ",
    ),
    # Actions and icons
    "no selector": (
        append("services.yaml", "made_up:\n  fields:\n    a:\n      required: true"),
        "services.yaml: made_up.a has no selector",
    ),
    "bad selector": (
        append("services.yaml", "made_up:\n  fields:\n    a:\n      selector: {x: {}}"),
        "services.yaml: ",
    ),
    "no text of an action": (
        append("services.yaml", "made_up:"),
        "en.json: lacks services.made_up",
    ),
    "no icon of an action": (
        append("services.yaml", "made_up:"),
        "icons.json: lacks services.made_up",
    ),
    "no text of a field": (
        change(EN, "services", "reset", "fields", "type", to=None),
        "en.json: lacks services.reset.fields.type",
    ),
    "no description of an action": (
        change(EN, "services", "reset", "description", to=None),
        "services.reset.description: required",
    ),
    "no text of a choice": (
        change(EN, "selector", "reset_type", "options", "hard", to=None),
        "en.json: lacks selector.reset_type.options.hard",
    ),
    "no services.yaml": (
        remove(f"{INTEGRATION}/services.yaml"),
        "registers actions without a services.yaml",
    ),
    "other icons": (
        change(ICONS, "services", "reset", "service", to="fa:bolt"),
        "icons.json: services.reset.service",
    ),
    "icon of nothing": (
        change(ICONS, "entity", "sensor", "made_up", to={"default": "mdi:car"}),
        "entity.sensor.made_up is no entity",
    ),
    "state like default": (
        change(
            ICONS,
            "entity",
            "sensor",
            "status",
            to={"default": "mdi:car", "state": {"faulted": "mdi:car"}},
        ),
        "entity.sensor.status.state.faulted is the default icon",
    ),
    "icon of no state": (
        change(ICONS, "entity", "sensor", "status", "state", to={"odd": "mdi:car"}),
        "entity.sensor.status.state.odd is no state",
    ),
    # Code and texts
    "exception without text": (
        change(EN, "exceptions", "no_transaction", to=None),
        "lacks exceptions.no_transaction",
    ),
    "placeholder not filled in": (
        change(EN, "exceptions", "no_transaction", "message", to="{charger} {who}"),
        "gives exceptions.no_transaction no {who}",
    ),
    "issue without text": (
        append("hub.py", 'ir.async_create_issue(translation_key="made_up")'),
        "lacks issues.made_up",
    ),
    "device without text": (
        change(EN, "device", "connector", to=None),
        "lacks device.connector",
    ),
    "selector without text": (
        append("hub.py", 'SelectSelectorConfig(translation_key="made_up")'),
        "lacks selector.made_up",
    ),
    "text of nothing": (
        change(EN, "exceptions", "made_up", to={"message": "x"}),
        "exceptions.made_up is named nowhere",
    ),
    "error of nothing": (
        change(EN, "config", "error", "made_up", to="x"),
        "config.error.made_up is named nowhere",
    ),
    "step without text": (
        append("config_flow.py", 'x.async_show_form(step_id="made_up")'),
        "has no step made_up",
    ),
    "text of no step": (
        change(EN, "config", "step", "made_up", to={"title": "a", "description": "b"}),
        "step made_up: there is no async_step_made_up",
    ),
    "error without text": (
        append("config_flow.py", 'errors["base"] = "made_up"'),
        "has no error made_up",
    ),
    "abort without text": (
        append("config_flow.py", 'x.async_abort(reason="made_up")'),
        "has no abort made_up",
    ),
    "field without text": (
        append("config_flow.py", 'probatio.Required("made_up")'),
        "no step has the field made_up",
    ),
    "field by its constant": (
        append("config_flow.py", 'CONF_ODD = "made_up"\nprobatio.Optional(CONF_ODD)'),
        "no step has the field made_up",
    ),
    "entity without name": (
        append("sensor_table.py", 'X = ReadingSensorDescription(key="made_up")'),
        "lacks entity.sensor.made_up.name",
    ),
    "entity without icon": (
        append("sensor_table.py", 'X = ReadingSensorDescription(key="made_up")'),
        "icons.json: lacks entity.sensor.made_up",
    ),
    "copied entity without name": (
        append("sensor_table.py", 'X = replace(POWER, key="made_up")'),
        "lacks entity.sensor.made_up.name",
    ),
    "choice without states": (
        change(EN, "entity", "sensor", "status", "state", to={}),
        "lacks the states of entity.sensor.status",
    ),
}


def test_nothing_is_wrong_with_the_project() -> None:
    assert found(ROOT) == []


def test_nothing_is_wrong_with_a_copy_of_it(copy: Path) -> None:
    assert found(copy) == []


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found(copy: Path, fault: str) -> None:
    spoil, said = FAULTS[fault]
    spoil(copy)
    problems = found(copy)
    assert any(said in problem for problem in problems), problems


def test_every_rule_finds_a_fault_when_nothing_is_there(tmp_path: Path) -> None:
    (tmp_path / INTEGRATION).mkdir(parents=True)
    problems = found(tmp_path)
    assert any(EN in problem for problem in problems)
    assert any(MANIFEST in problem for problem in problems)
    assert any("hacs.json" in problem for problem in problems)


def test_every_problem_names_a_file(copy: Path) -> None:
    for fault in ("no name", "hacs name", "no icon", "HTML", "exception without text"):
        FAULTS[fault][0](copy)
    for problem in found(copy):
        assert re.match(r"[\w./@]+: .", problem), problem


def test_every_rule_says_what_it_asks() -> None:
    assert all(rule.__doc__ for rule in RULES)
