"""What docs/security.md says of limits and threats is so, and is tested."""

from dataclasses import fields
from pathlib import Path
import re

import pytest

from custom_components.ocpp_charging.csms import bounds
from custom_components.ocpp_charging.csms.bounds import Bounds
from custom_components.ocpp_charging.csms.identity import MAX_IDENTITY_CHARACTERS
from custom_components.ocpp_charging.csms.timing import Timing
from custom_components.ocpp_charging.csms.v16.desk import MAX_CONNECTORS
from custom_components.ocpp_charging.csms.v16.fields import MAX_TEXT
from custom_components.ocpp_charging.discovery import MAX_PENDING

TESTS = Path(__file__).parent
PAGE = (TESTS.parent / "docs" / "security.md").read_text()


def rows(section: str) -> list[list[str]]:
    """Return the rows of a section's table, without its head."""
    text = PAGE.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def written(number: float) -> str:
    """Return a number as it stands in the manual."""
    if number == 1024 * 1024:
        return "1 MiB"
    if number == 16 * 1024:
        return "16 KiB"
    return f"{number:,.0f}"


@pytest.mark.parametrize(
    "number",
    [
        *(getattr(Bounds(), each.name) for each in fields(Bounds)),
        Timing().open_timeout,
        Timing().call_timeout,
        MAX_PENDING,
        MAX_IDENTITY_CHARACTERS,
        MAX_TEXT,
        MAX_CONNECTORS,
        bounds.MAX_MESSAGE_BYTES,
        bounds.MAX_WAITING_CALLS,
        bounds.MAX_WAITING_BYTES,
        bounds.MAX_KEPT_ANSWERS,
        bounds.MAX_UNKNOWN,
        bounds.MAX_HASHES_AT_ONCE,
        bounds.MAX_REMEMBERED_FAILURES,
        bounds.MAX_SETTINGS,
    ],
)
def test_each_limit_is_in_the_manual_as_it_is(number: float) -> None:
    limits = " ".join(" ".join(row) for row in rows("Limits"))
    assert re.search(rf"(?<![\d,]){re.escape(written(number))}(?![\d,]\d)", limits)


def test_each_threat_names_tests_that_there_are() -> None:
    there_are = {
        name
        for file in TESTS.rglob("test_*.py")
        for name in re.findall(
            r"^(?:async )?def (test_\w+)", file.read_text(), re.MULTILINE
        )
    }
    threats = rows("Threats")
    assert len(threats) > 30
    for *_, tests in threats:
        named = re.findall(r"`(\w+)`", tests)
        assert named, "a threat without a test"
        assert set(named) <= there_are
