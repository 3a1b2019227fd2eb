"""The manual is true: its links lead somewhere, its examples work, its names exist."""

from collections.abc import Iterator
import json
from pathlib import Path
import re
from typing import Any

from homeassistant.components.automation.config import PLATFORM_SCHEMA
from homeassistant.core import HomeAssistant
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.template import Template
from homeassistant.util import slugify
from homeassistant.util.yaml import parse_yaml
import pytest

from custom_components.ocpp_charging.services import ACTIONS, Action
from simulator.cli import parser
from simulator.console import COMMANDS

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
TEXTS = json.loads(
    (ROOT / "custom_components/ocpp_charging/translations/en.json").read_text()
)
SCHEMAS = {action.name: action for action in ACTIONS}
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
BLOCK = re.compile(r"```(\w*)\n(.*?)```", re.DOTALL)
LATER = {ROOT / "docs/images/demo.png"}
"""Made from the running demo, and not by every run of the tests."""


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as code hosts make them."""
    without_code = BLOCK.sub("", page.read_text())
    headings = re.findall(r"^#+ (.*)$", without_code, re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in headings
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for link in LINK.findall(page.read_text()):
        if link.startswith("https://"):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists() or target in LATER, link
        if anchor:
            assert anchor in anchors(target), link


def yaml_blocks() -> Iterator[tuple[str, Any]]:
    """Yield the YAML examples with the page that they stand on."""
    for page in PAGES:
        for language, block in BLOCK.findall(page.read_text()):
            if language == "yaml":
                yield page.name, parse_yaml(block)


def steps(example: Any) -> Iterator[dict[str, Any]]:
    """Yield the actions called anywhere in an example."""
    if isinstance(example, dict):
        if "action" in example:
            yield example
        for part in example.values():
            yield from steps(part)
    elif isinstance(example, list):
        for part in example:
            yield from steps(part)


async def test_examples_use_actions_as_they_are(hass: HomeAssistant) -> None:
    used = set()
    for _, example in yaml_blocks():
        for step in steps(example):
            cv.SERVICE_SCHEMA(dict(step))
            domain, _, name = step["action"].partition(".")
            if domain == "ocpp_charging":
                data = {
                    field: Template(value, hass).async_render(parse_result=False)
                    if "today_at" in str(value)
                    else value
                    for field, value in step["data"].items()
                }
                SCHEMAS[name].schema(data)
                used.add(name)
    assert used == set(SCHEMAS)


async def test_automations_are_valid(hass: HomeAssistant) -> None:
    automations = [example for _, example in yaml_blocks() if "triggers" in example]
    assert len(automations) > 4
    for automation in automations:
        PLATFORM_SCHEMA(automation)


def test_every_entity_is_in_the_manual() -> None:
    page = (ROOT / "docs/entities.md").read_text()
    missing = [
        text["name"]
        for entities in TEXTS["entity"].values()
        for key, text in entities.items()
        # Those of the phases stand behind the first one's name.
        if text["name"].partition("{")[0] not in page
        and not key.endswith(("_l2", "_l3"))
    ]
    assert not missing


def test_entities_of_the_examples_exist() -> None:
    known = {
        f"{platform}.garage_{place}{slugify(text['name'])}"
        for platform, entities in TEXTS["entity"].items()
        for text in entities.values()
        for place in ("", "connector_1_")
    }
    for page in PAGES:
        for named in re.findall(r"\b\w+\.garage_\w+", page.read_text()):
            assert named in known, f"{page.name}: {named}"


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.name)
def test_every_field_of_an_action_is_in_the_manual(action: Action) -> None:
    page = (ROOT / "docs/actions.md").read_text()
    part = page.split(f"\n## {action.name}\n")[1].split("\n## ")[0]
    common = {"device_id", "connector"}
    missing = [
        str(field)
        for field in action.fields
        if str(field) not in common and f"`{field}`" not in part
    ]
    assert not missing


def test_every_option_of_the_simulator_is_in_the_manual() -> None:
    page = (ROOT / "docs/simulator.md").read_text()
    options = set(re.findall(r"--[a-z][a-z-]+", parser().format_help())) - {"--help"}
    assert options == set(re.findall(r"--[a-z][a-z-]+", page))
    assert all(f"`{name}" in page for name in COMMANDS)
