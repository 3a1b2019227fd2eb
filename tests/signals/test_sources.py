"""Every source, in a Home Assistant that has it: found, recognised and read."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from homeassistant import components
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
from homeassistant.util.yaml import load_yaml_dict
import pytest

from custom_components.ocpp_charging.signals.co2 import READERS as CO2_READERS
from custom_components.ocpp_charging.signals.prices import ACTIONS, ATTRIBUTES, GENERAL
from custom_components.ocpp_charging.signals.prices.found import (
    Candidate,
    async_find,
)
from custom_components.ocpp_charging.signals.prices.reader import Asked
from custom_components.ocpp_charging.signals.prices.reading import async_read
from custom_components.ocpp_charging.signals.prices.settings import PriceSettings

from .conftest import KINDS, Install
from .fixtures.world import Expected

DOMAIN = "ocpp_charging"

NORTH = {"spring": date(2026, 3, 29), "autumn": date(2026, 10, 25)}
CHANGES: Mapping[str, Mapping[str, date]] = {
    "America/Chicago": {"spring": date(2026, 3, 8), "autumn": date(2026, 11, 1)},
    "Australia/Sydney": {"spring": date(2026, 10, 4), "autumn": date(2026, 4, 5)},
    "Pacific/Auckland": {"spring": date(2026, 9, 27), "autumn": date(2026, 4, 5)},
}
"""The days of 23 and of 25 hours."""
OWN = Path(components.__path__[0])
"""Where the integrations are that come with Home Assistant."""


async def find(hass: HomeAssistant) -> list[Candidate]:
    return await async_find(hass, dt_util.utcnow(), DOMAIN)


async def found(hass: HomeAssistant, expected: Expected) -> Candidate:
    """Return the source as it was found, checked against what is expected."""
    candidates = await find(hass)
    named = [
        candidate
        for candidate in candidates
        if candidate.source.reader == expected.reader
        and candidate.source.part in {"", expected.part}
    ]
    assert named, candidates
    assert len(candidates) == expected.count
    return named[0]


def assert_read(candidate: Candidate, expected: Expected) -> None:
    series = candidate.reading.series
    told = [(item.start, item.end, round(item.value, 6)) for item in series]
    assert told == [
        (item.start, item.end, round(item.value, 6)) for item in expected.series
    ]
    assert candidate.reading.problems == expected.problems


@pytest.mark.parametrize("name", KINDS)
async def test_a_source_is_found_and_read(
    hass: HomeAssistant, install: Install, name: str
) -> None:
    _, expected = await install(name)
    candidate = await found(hass, expected)
    assert_read(candidate, expected)
    assert (candidate.reading.currency or hass.config.currency) == expected.currency


@pytest.mark.parametrize("name", KINDS)
async def test_a_source_is_read_before_tomorrow_is_known(
    hass: HomeAssistant, install: Install, name: str
) -> None:
    _, expected = await install(name, tomorrow=False)
    assert_read(await found(hass, expected), expected)


@pytest.mark.parametrize("season", ["spring", "autumn"])
@pytest.mark.parametrize("ahead", [0, 1], ids=["today", "tomorrow"])
@pytest.mark.parametrize("name", KINDS)
async def test_a_source_is_read_when_the_clocks_change(
    hass: HomeAssistant, install: Install, name: str, ahead: int, season: str
) -> None:
    kind = KINDS[name]
    day = CHANGES.get(kind.zone, NORTH)[season]
    world, expected = await install(name, date.fromordinal(day.toordinal() - ahead))
    assert_read(await found(hass, expected), expected)
    length = world.midnight(date.fromordinal(day.toordinal() + 1)).astimezone(
        ZoneInfo("UTC")
    ) - world.midnight(day).astimezone(ZoneInfo("UTC"))
    assert length.total_seconds() == (23 if season == "spring" else 25) * 3600


@pytest.mark.parametrize("name", KINDS)
async def test_what_was_found_is_read_again_from_what_is_kept(
    hass: HomeAssistant, install: Install, name: str
) -> None:
    _, expected = await install(name)
    candidate = await found(hass, expected)
    settings = PriceSettings.from_data(candidate.source.as_data())
    assert await async_read(hass, settings, dt_util.utcnow()) == candidate.reading


@pytest.mark.parametrize(
    "key", [key for key, reader in ACTIONS.items() if (OWN / reader.domain).is_dir()]
)
def test_what_is_asked_is_what_home_assistant_s_own_action_takes(key: str) -> None:
    """No field that it does not know, and all that it needs."""
    reader = ACTIONS[key]
    actions = load_yaml_dict(str(OWN / reader.domain / "services.yaml"))
    fields = actions[reader.action]["fields"]
    needed = {
        name
        for name, field in fields.items()
        if field.get("required") and "default" not in field
    }
    asked = reader.requests(Asked(target="of the home", now=dt_util.now()))
    assert asked
    for data in asked:
        assert needed <= {*data} <= {*fields}


def test_every_reader_has_a_fixture() -> None:
    variants = {"easyenergy_return", "amber_controlled_load", "amber_feed_in"}
    assert {*ACTIONS, *ATTRIBUTES} - variants <= {*KINDS}


@pytest.mark.parametrize(
    ("page", "readers"),
    [
        ("prices.md", {**ACTIONS, **ATTRIBUTES}),
        ("signals.md", {reader.key: reader for reader in CO2_READERS}),
    ],
    ids=["prices", "CO2"],
)
def test_every_reader_is_in_the_manual(page: str, readers: Mapping[str, Any]) -> None:
    text = (Path(__file__).parents[2] / "docs" / page).read_text()
    rows = [line.casefold() for line in text.splitlines() if line.startswith("|")]
    names = {
        reader.name.partition(" (")[0].casefold()
        for key, reader in readers.items()
        if key not in GENERAL
    }
    assert names
    assert {name for name in names if not any(name in row for row in rows)} == set()


def test_a_fixture_says_what_it_is() -> None:
    kinds: Mapping[str, Any] = KINDS
    assert all(kind.install.__name__ == name for name, kind in kinds.items())
