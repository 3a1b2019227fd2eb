"""Rules of what the store and the quality scale ask beside the code."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
import re
import struct
from typing import Any

from awesomeversion import AwesomeVersion
import homeassistant
from homeassistant.const import __version__ as ha_version
import probatio

from .manifest import schema_problems
from .tree import Problem, Project

_HACS = probatio.Schema(
    {
        probatio.Required("name"): str,
        "content_in_root": bool,
        "country": probatio.Any(str, [str]),
        "filename": str,
        "hacs": str,
        "hide_default_branch": bool,
        "homeassistant": probatio.Match(r"^\d{4}\.\d{1,2}\.\d+$"),
        "persistent_directory": str,
        "render_readme": bool,
        "zip_release": bool,
    }
)

_EXEMPT = probatio.Schema(
    {
        probatio.Required("status"): probatio.In(["done", "todo", "exempt"]),
        "comment": probatio.All(str, probatio.Length(min=10)),
    }
)

_PICTURES = {"icon.png": 256, "icon@2x.png": 512}
_PNG = b"\x89PNG\r\n\x1a\n"

_FILES = {
    "README.md": "# ",
    "info.md": "# ",
    "LICENSE": "Apache License",
    "custom_components/ocpp_charging/py.typed": "",
}


def check_hacs(project: Project) -> Iterator[Problem]:
    """hacs.json has what the store knows, and asks for no untested version."""
    content = project.json(project.root / "hacs.json")
    for text in schema_problems(_HACS, content):
        yield Problem(path="hacs.json", text=text)
    if content.get("zip_release") and "filename" not in content:
        yield Problem(path="hacs.json", text="zip_release needs a filename")
    minimum = content.get("homeassistant")
    if isinstance(minimum, str) and AwesomeVersion(minimum) > AwesomeVersion(
        ha_version
    ):
        yield Problem(
            path="hacs.json",
            text=f"homeassistant {minimum} is newer than {ha_version}, which is tested",
        )


def check_files(project: Project) -> Iterator[Problem]:
    """The files are there that the store, or a type checker, looks for."""
    for name, beginning in _FILES.items():
        if beginning not in project.read(project.root / name):
            yield Problem(path=name, text=f"does not hold {beginning!r}")
    folders = [
        entry.name
        for entry in (project.root / "custom_components").iterdir()
        if entry.is_dir() and entry.name != "__pycache__"
    ]
    if len(folders) != 1:
        yield Problem(
            path="custom_components",
            text=f"the store installs one folder only, not {', '.join(folders)}",
        )


def check_brand(project: Project) -> Iterator[Problem]:
    """The icons are PNG pictures of the sizes that Home Assistant serves."""
    for name, size in _PICTURES.items():
        try:
            head = (project.folder / "brand" / name).read_bytes()[:24]
        except OSError as error:
            yield project.problem(f"brand/{name}", str(error.strerror))
            continue
        if not head.startswith(_PNG) or struct.unpack(">II", head[16:24]) != (
            size,
            size,
        ):
            yield project.problem(
                f"brand/{name}", f"is no PNG of {size} x {size} pixels"
            )


def check_quality_scale(project: Project) -> Iterator[Problem]:
    """quality_scale.yaml speaks of every rule, and says why one does not apply."""
    name = "quality_scale.yaml"
    rules = project.yaml(project.folder / name).get("rules")
    if not isinstance(rules, dict):
        yield project.problem(name, "has no rules")
        return
    for rule in sorted(quality_rules() - rules.keys()):
        yield project.problem(name, f"lacks {rule}")
    for rule in sorted(rules.keys() - quality_rules()):
        yield project.problem(name, f"has {rule}, which is no rule")
    for rule, status in rules.items():
        for text in _status_problems(status):
            yield project.problem(name, f"{rule}: {text}")


def _status_problems(status: Any) -> Iterator[str]:
    if isinstance(status, dict):
        yield from schema_problems(_EXEMPT, status)
        if status.get("status") == "exempt" and "comment" not in status:
            yield "an exemption needs a comment"
    elif status not in {"done", "todo"}:
        yield f"must be done, todo, or exempt with a comment, not {status}"


@cache
def quality_rules() -> frozenset[str]:
    """Return the rules of the quality scale: those that any component speaks of."""
    components = Path(homeassistant.__file__).parent / "components"
    found: set[str] = set()
    for file in components.glob("*/quality_scale.yaml"):
        text = file.read_text(encoding="utf-8")
        found.update(re.findall(r"^  ([a-z-]+):", text, re.MULTILINE))
    return frozenset(found)
