"""The walls between the parts of the integration, read from their imports."""

import ast
from collections.abc import Iterator
from pathlib import Path

from homeassistant.const import Platform
import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = "custom_components.ocpp_charging"
FOLDER = ROOT / PACKAGE.replace(".", "/")

FORBIDDEN = {
    "csms": {"homeassistant", f"{PACKAGE}.charging", f"{PACKAGE}.ledger"},
    "charging": {"homeassistant", "ocpp", f"{PACKAGE}.csms"},
    "ledger": {"homeassistant", "ocpp", f"{PACKAGE}.csms"},
    "signals": {"ocpp", f"{PACKAGE}.csms", f"{PACKAGE}.ledger"},
}
"""What a folder must not import. In none of them may it be what ties them together."""

SPOKEN = {
    "signals": {
        f"{PACKAGE}.charging.{each}" for each in ("problem", "series", "surplus")
    },
}
"""What a part may import of another: signals are told in the planner's own words."""

UPWARDS = {
    "vehicles": {"ocpp", *(f"{PACKAGE}.{each}" for each in ("planning", "signals"))},
}
"""What a part that may use most others must not know: who uses it."""

LIBRARIES = {
    "homeassistant": "probatio annotatedyaml voluptuous",
}
"""Packages that are there because Home Assistant is: as good as importing it."""

PURE = (
    "bisect collections copy dataclasses datetime enum functools heapq itertools math "
    "operator typing zoneinfo highspy numpy"
)
"""All that the planner imports from outside: no clock, no files, no network, no log."""
CLOCK = {"now", "utcnow", "today", "open", "print", "input"}
"""What a part without clock, input and output does not call."""

PLATFORMS = [
    file
    for file in sorted(FOLDER.glob("*.py"))
    if file.stem in list(Platform) and "def async_setup_entry" in file.read_text()
]
LOGIC = (ast.For, ast.AsyncFor, ast.While, ast.Try, ast.Match)
"""What a table has no need of."""


def imports(file: Path) -> Iterator[str]:
    """Yield what a file imports as absolute names, relative imports resolved."""
    parts = file.relative_to(ROOT).with_suffix("").parts
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = [*parts[: len(parts) - node.level]] if node.level else []
            module = ".".join([*base, *filter(None, [node.module])])
            yield from (f"{module}.{alias.name}" for alias in node.names)


def trespasses(file: Path, forbidden: set[str]) -> list[str]:
    """Return what a file imports from behind a wall."""
    return [
        name
        for name in imports(file)
        for wall in forbidden
        if name == wall or name.startswith(f"{wall}.")
    ]


def files(folder: str) -> list[Path]:
    """Return the Python files of one of the integration's folders."""
    return sorted((FOLDER / folder).rglob("*.py"))


@pytest.mark.parametrize("folder", FORBIDDEN)
def test_a_part_imports_nothing_from_behind_its_walls(folder: str) -> None:
    forbidden = set(FORBIDDEN[folder])
    if "homeassistant" in forbidden:
        forbidden |= set(LIBRARIES["homeassistant"].split())
    found = {
        str(file.relative_to(ROOT)): names
        for file in files(folder)
        if (names := trespasses(file, forbidden))
    }
    assert not found


@pytest.mark.parametrize("folder", FORBIDDEN)
def test_a_part_imports_nothing_of_what_ties_the_parts_together(folder: str) -> None:
    allowed = (f"{PACKAGE}.{folder}.", *(f"{each}." for each in SPOKEN.get(folder, ())))
    found = {
        str(file.relative_to(ROOT)): names
        for file in files(folder)
        if (
            names := [
                name
                for name in imports(file)
                if name.startswith(PACKAGE) and not f"{name}.".startswith(allowed)
            ]
        )
    }
    assert not found


@pytest.mark.parametrize("folder", UPWARDS)
def test_a_part_does_not_know_who_uses_it(folder: str) -> None:
    assert files(folder)
    assert not [
        names for file in files(folder) if (names := trespasses(file, UPWARDS[folder]))
    ]


def test_the_planner_has_no_clock_and_no_input_or_output() -> None:
    own = f"{PACKAGE}.charging"
    assert len(files("charging")) > 10
    for file in files("charging"):
        for name in imports(file):
            outside = not f"{name}.".startswith(f"{own}.")
            assert not outside or name.split(".")[0] in PURE.split(), (
                f"{file.name}: {name}"
            )
        calls = [
            node
            for node in ast.walk(ast.parse(file.read_text()))
            if isinstance(node, ast.Call)
        ]
        for call in calls:
            called = call.func
            name = getattr(called, "attr", getattr(called, "id", ""))
            assert name not in CLOCK, f"{file.name}:{call.lineno}"


def test_the_central_system_and_the_simulator_share_no_code() -> None:
    found = {
        str(file.relative_to(ROOT)): names
        for file in sorted((ROOT / "simulator").rglob("*.py"))
        if (names := trespasses(file, {"custom_components", "homeassistant"}))
    }
    assert not found
    for file in FOLDER.rglob("*.py"):
        assert not trespasses(file, {"simulator", "tests", "bench", "scripts"})


@pytest.mark.parametrize("file", PLATFORMS, ids=lambda file: file.stem)
def test_a_platform_holds_a_table_and_no_logic(file: Path) -> None:
    assert not trespasses(file, {"ocpp", "websockets", "asyncio"})
    logic = [
        node
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, LOGIC)
    ]
    assert not [f"{file.name}:{node.lineno}" for node in logic]


def test_there_is_something_behind_the_walls() -> None:
    assert len(files("csms")) > 10
    assert len(PLATFORMS) >= 5


def test_a_trespass_is_seen_however_it_is_written(tmp_path: Path) -> None:
    file = FOLDER / "csms" / "v16" / "made_up.py"
    source = tmp_path / file.relative_to(ROOT)
    source.parent.mkdir(parents=True)
    for line in (
        "import homeassistant.core",
        "from homeassistant import core",
        "def f():\n    from homeassistant.core import HomeAssistant",
        "if TYPE_CHECKING:\n    import homeassistant",
        "from ...ledger import journal",
        "from ... import ledger",
        "from custom_components.ocpp_charging.ledger.journal import Journal",
    ):
        source.write_text(line)
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(globals(), "ROOT", tmp_path)
            assert trespasses(source, FORBIDDEN["csms"]), line
    source.write_text("from ..charger import Charger\nimport asyncio\nimport ocpp")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(globals(), "ROOT", tmp_path)
        assert not trespasses(source, FORBIDDEN["csms"])
