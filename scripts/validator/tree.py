"""The project's files as the rules see them: read once, parsed once."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
import json
from pathlib import Path
from typing import Any, override

from homeassistant.exceptions import HomeAssistantError
from homeassistant.util.yaml import parse_yaml

DOMAIN = "ocpp_charging"


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Something that is wrong, and the file in which to put it right."""

    path: str
    text: str

    @override
    def __str__(self) -> str:
        """Return it as one line, the way compilers do."""
        return f"{self.path}: {self.text}"


class Unreadable(Exception):
    """A file that a rule needs is missing or damaged."""

    def __init__(self, path: str, text: str) -> None:
        """Say which file, and what is wrong with it."""
        super().__init__(f"{path}: {text}")
        self.problem = Problem(path=path, text=text)


@dataclass(frozen=True, kw_only=True, eq=False)
class Module:
    """One Python file of the integration."""

    path: str
    """Its path below the project's folder."""

    name: str
    """Its path below the integration's folder, such as `csms/server`."""

    tree: ast.Module

    @cached_property
    def imports(self) -> frozenset[str]:
        """Return the absolute dotted names that run-time code imports.

        `from a import b` counts as `a.b`. What stands below `if TYPE_CHECKING:` is
        not imported when the program runs and does not count.
        """
        return frozenset(_imports(self.tree))

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """Return everything in the file, from the outside inwards."""
        return tuple(ast.walk(self.tree))

    @cached_property
    def calls(self) -> tuple[ast.Call, ...]:
        """Return the calls in the file."""
        return tuple(node for node in self.nodes if isinstance(node, ast.Call))

    @cached_property
    def literals(self) -> frozenset[str]:
        """Return the strings in the file."""
        return frozenset(
            node.value
            for node in self.nodes
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        )


class Project:
    """The project in a folder."""

    def __init__(self, root: Path) -> None:
        """Look at the project in `root`; nothing is read yet."""
        self.root = root
        self.folder = root / "custom_components" / DOMAIN

    def path(self, name: str) -> str:
        """Return how messages name the integration's file `name`."""
        return f"custom_components/{DOMAIN}/{name}"

    def problem(self, name: str, text: str) -> Problem:
        """Return a problem of the integration's file `name`."""
        return Problem(path=self.path(name), text=text)

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """Return manifest.json."""
        return self.json(self.folder / "manifest.json")

    @cached_property
    def english(self) -> dict[str, Any]:
        """Return translations/en.json."""
        return self.json(self.folder / "translations" / "en.json")

    @cached_property
    def icons(self) -> dict[str, Any]:
        """Return icons.json."""
        return self.json(self.folder / "icons.json")

    @cached_property
    def modules(self) -> tuple[Module, ...]:
        """Return the integration's Python files."""
        return tuple(
            _module(
                str(file.relative_to(self.root)),
                str(file.relative_to(self.folder).with_suffix("")),
                file.read_text(encoding="utf-8"),
            )
            for file in sorted(self.folder.rglob("*.py"))
        )

    @cached_property
    def literals(self) -> frozenset[str]:
        """Return every string that stands in the integration's code."""
        return frozenset().union(*(module.literals for module in self.modules))

    @cached_property
    def constants(self) -> dict[str, str]:
        """Return the integration's module constants that are strings, by name."""
        return {
            target.id: value.value
            for module in self.modules
            for node in module.tree.body
            if isinstance(node, ast.Assign | ast.AnnAssign)
            for target in (
                node.targets if isinstance(node, ast.Assign) else [node.target]
            )
            if isinstance(target, ast.Name)
            and isinstance(value := node.value, ast.Constant)
            and isinstance(value.value, str)
        }

    def read(self, path: Path) -> str:
        """Return a file's text. Raises `Unreadable` when there is none."""
        try:
            return path.read_text(encoding="utf-8")
        except OSError as error:
            raise Unreadable(
                str(path.relative_to(self.root)), f"{error.strerror}"
            ) from error

    def json(self, path: Path) -> dict[str, Any]:
        """Return a JSON object. Raises `Unreadable` for anything else."""
        return self._mapping(path, json.loads)

    def yaml(self, path: Path) -> dict[str, Any]:
        """Return a YAML mapping. Raises `Unreadable` for anything else."""
        return self._mapping(path, parse_yaml)

    def _mapping(self, path: Path, parse: Any) -> dict[str, Any]:
        try:
            content = parse(self.read(path))
        except (ValueError, HomeAssistantError) as error:
            raise Unreadable(str(path.relative_to(self.root)), str(error)) from error
        if not isinstance(content, dict):
            raise Unreadable(str(path.relative_to(self.root)), "is no mapping")
        return content


@cache
def _module(path: str, name: str, text: str) -> Module:
    """Parse a file: once, however many copies of the project have it."""
    try:
        return Module(path=path, name=name, tree=ast.parse(text))
    except SyntaxError as error:
        raise Unreadable(path, f"is no Python: {error}") from error


def _imports(node: ast.AST) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.If(test=ast.Name(id="TYPE_CHECKING"), orelse=orelse):
                for statement in orelse:
                    yield from _imports(statement)
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=str(module), names=names, level=0):
                yield from (f"{module}.{alias.name}" for alias in names)
            case _:
                yield from _imports(child)
