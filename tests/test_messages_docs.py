"""docs/messages.md names every message of OCPP 1.6, and a test for each."""

from pathlib import Path
import re

from ocpp.v16.enums import Action

TESTS = Path(__file__).parent
PAGE = (TESTS.parent / "docs" / "messages.md").read_text()


def rows() -> list[list[str]]:
    """Return the rows of all tables of the page, without their heads."""
    lines = [
        line
        for line in PAGE.splitlines()
        if line.startswith("|") and not line.startswith(("| message |", "|---"))
    ]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_every_message_of_the_standard_is_on_the_page() -> None:
    assert {row[0] for row in rows()} == {str(action.value) for action in Action}


def test_every_message_is_said_once_for_each_direction() -> None:
    said = [(row[0], row[1]) for row in rows()]
    assert len(said) == len(set(said))
    assert {direction for _, direction in said} == {"charger", "us"}
    both = {name for name, _ in said if {(name, "us"), (name, "charger")} <= {*said}}
    assert both == {"DataTransfer"}


def test_each_message_names_tests_that_there_are() -> None:
    there_are = {
        name
        for file in TESTS.rglob("test_*.py")
        for name in re.findall(
            r"^(?:async )?def (test_\w+)", file.read_text(), re.MULTILINE
        )
    }
    for name, *_, tests in rows():
        named = re.findall(r"`(\w+)`", tests)
        assert named, f"{name} without a test"
        assert set(named) <= there_are, name
