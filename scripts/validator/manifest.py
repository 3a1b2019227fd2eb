"""Rules of manifest.json, and of what its promises mean for the code."""

import ast
from collections.abc import Iterable, Iterator
from importlib.metadata import requires
import json
from pathlib import Path
import re
import sys
import tomllib
from typing import Any

from awesomeversion import (
    AwesomeVersion,
    AwesomeVersionException,
    AwesomeVersionStrategy,
)
import homeassistant
from homeassistant.const import Platform
from homeassistant.helpers import config_validation as cv
import probatio

from .tree import DOMAIN, Problem, Project

_VERSIONS = [
    AwesomeVersionStrategy.CALVER,
    AwesomeVersionStrategy.SEMVER,
    AwesomeVersionStrategy.SIMPLEVER,
    AwesomeVersionStrategy.BUILDVER,
    AwesomeVersionStrategy.PEP440,
]

# Components that every Home Assistant has, so that nobody need depend on them.
_ALWAYS_THERE = {platform.value for platform in Platform} | {
    "automation",
    "conversation",
    "device_automation",
    "diagnostics",
    "frontend",
    "homeassistant",
    "lovelace",
    "persistent_notification",
    "repairs",
    "script",
    "system_health",
    "system_log",
    "webhook",
    "websocket_api",
    "zone",
}


def _version(value: Any) -> str:
    try:
        AwesomeVersion(str(value), ensure_strategy=_VERSIONS)
    except AwesomeVersionException as error:
        raise probatio.Invalid(f"no version: {error}") from error
    return str(value)


def _https(value: Any) -> str:
    url: str = cv.url(value)
    if not url.startswith("https://"):
        raise probatio.Invalid("must begin with https://")
    if url.startswith("https://www.home-assistant.io/integrations"):
        raise probatio.Invalid("must be the integration's own documentation")
    return url


def _known(list_name: str) -> Any:
    """Return a validator of slugs against a list that some versions ship."""
    file = Path(homeassistant.__file__).parent / "generated" / f"{list_name}.json"
    if file.exists():
        return probatio.In(list(json.loads(file.read_text(encoding="utf-8"))))
    return probatio.Match(r"^[a-z_]+(\.[a-z_]+)*$")


_SCHEMA = probatio.Schema(
    {
        probatio.Required("domain"): DOMAIN,
        probatio.Required("name"): str,
        "after_dependencies": [str],
        "categories": [_known("integration_categories")],
        # One who answers is asked for from silver on.
        probatio.Required("codeowners"): probatio.All(
            [probatio.Match(r"^@[\w-]+(/[\w-]+)?$")], probatio.Length(min=1)
        ),
        "config_flow": bool,
        "connectivity": [_known("integration_connectivity")],
        "dependencies": [str],
        probatio.Required("documentation"): _https,
        "import_executor": bool,
        "integration_type": probatio.In(
            ["device", "entity", "hardware", "helper", "hub", "service", "system"]
        ),
        probatio.Required("iot_class"): probatio.In(
            [
                "assumed_state",
                "calculated",
                "cloud_polling",
                "cloud_push",
                "local_polling",
                "local_push",
            ]
        ),
        # Home Assistant can do without; its store cannot.
        probatio.Required("issue_tracker"): _https,
        "loggers": [str],
        "quality_scale": probatio.In(["bronze", "silver", "gold", "platinum"]),
        "requirements": [probatio.Match(r"^[A-Za-z0-9_.-]+(\[[a-z,]+\])?==[\w.]+$")],
        "single_config_entry": bool,
        probatio.Required("version"): _version,
    }
)


def schema_problems(schema: probatio.Schema, content: Any) -> Iterator[str]:
    """Yield what a schema finds wrong in `content`, with where it is."""
    try:
        schema(content)
    except probatio.MultipleInvalid as error:
        for one in error.errors:
            where = ".".join(str(part) for part in one.path)
            yield f"{where}: {one.msg}" if where else str(one.msg)


def check_manifest(project: Project) -> Iterator[Problem]:
    """The manifest has the keys it must have, of the right kind and in order."""
    for text in schema_problems(_SCHEMA, project.manifest):
        yield project.problem("manifest.json", text)
    keys = list(project.manifest)
    wanted = ["domain", "name", *sorted(set(keys) - {"domain", "name"})]
    if keys != wanted:
        yield project.problem(
            "manifest.json", f"keys must be in this order: {', '.join(wanted)}"
        )


def check_version(project: Project) -> Iterator[Problem]:
    """The manifest and pyproject.toml name the same version."""
    text = project.read(project.root / "pyproject.toml")
    wanted = tomllib.loads(text)["project"]["version"]
    if project.manifest.get("version") != wanted:
        yield project.problem(
            "manifest.json", f"version is not {wanted} as in pyproject.toml"
        )


def check_requirements(project: Project) -> Iterator[Problem]:
    """Tests run against the very versions that users will get."""
    tested = project.read(project.root / "requirements_test.txt").splitlines()
    for requirement in project.manifest.get("requirements", []):
        if requirement not in tested:
            yield Problem(
                path="requirements_test.txt",
                text=f"lacks {requirement}, which the manifest requires",
            )


def check_config_flow(project: Project) -> Iterator[Problem]:
    """There is a config_flow.py exactly when the manifest says so."""
    there = (project.folder / "config_flow.py").exists()
    if there != project.manifest.get("config_flow", False):
        yield project.problem(
            "manifest.json",
            f"config_flow must be {str(there).lower()}, as config_flow.py "
            + ("exists" if there else "does not exist"),
        )


def check_config_schema(project: Project) -> Iterator[Problem]:
    """An integration with `async_setup` says what it takes in configuration.yaml."""
    for module in project.modules:
        if module.name != "__init__":
            continue
        names = {
            target.id
            for node in module.tree.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        } | {
            node.target.id
            for node in module.tree.body
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
        }
        setups = [
            node
            for node in module.tree.body
            if isinstance(node, ast.AsyncFunctionDef | ast.FunctionDef)
            and node.name in {"async_setup", "setup"}
        ]
        if setups and "CONFIG_SCHEMA" not in names:
            yield project.problem("__init__.py", "has async_setup but no CONFIG_SCHEMA")


def check_dependencies(project: Project) -> Iterator[Problem]:
    """Every component whose code is used is depended on, and exists."""
    declared = {DOMAIN} | _ALWAYS_THERE
    components = Path(homeassistant.__file__).parent / "components"
    for key in ("dependencies", "after_dependencies"):
        for component in project.manifest.get(key, []):
            declared.add(component)
            if not (components / component).is_dir():
                yield project.problem(
                    "manifest.json", f"{key}: there is no component {component}"
                )
    for module in project.modules:
        used = _below("homeassistant.components", module.imports)
        # A platform file of a component is only loaded by that component.
        for component in sorted(used - declared - {module.name}):
            yield Problem(
                path=module.path,
                text=f"uses the component {component}, which is neither in "
                "dependencies nor in after_dependencies of the manifest",
            )


def check_imports(project: Project) -> Iterator[Problem]:
    """Every package that is imported is required, by us or by Home Assistant."""
    ours = project.manifest.get("requirements", [])
    theirs = requires("homeassistant") or []
    known = {_import_name(text) for text in [*ours, *theirs]}
    known |= {"homeassistant"} | sys.stdlib_module_names
    for module in project.modules:
        roots = {_normal(name.partition(".")[0]) for name in module.imports}
        for name in sorted(roots - known):
            yield Problem(
                path=module.path,
                text=f"imports {name}, which the manifest does not require",
            )


def _below(package: str, names: Iterable[str]) -> set[str]:
    prefix = f"{package}."
    return {
        name.removeprefix(prefix).partition(".")[0]
        for name in names
        if name.startswith(prefix)
    }


# The few whose import is not named like the package.
_IMPORT_NAMES = {"pyjwt": "jwt", "pyopenssl": "openssl", "pyyaml": "yaml"}


def _normal(name: str) -> str:
    return name if name in sys.stdlib_module_names else name.lower().replace("-", "_")


def _import_name(requirement: str) -> str:
    match = re.match(r"[A-Za-z0-9_.-]+", requirement)
    name = _normal(match[0] if match else requirement)
    return _IMPORT_NAMES.get(name, name)
