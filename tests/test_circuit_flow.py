"""Adding fuses, and changing them."""

from collections.abc import Mapping
from typing import Any

from homeassistant.config_entries import (
    SOURCE_RECONFIGURE,
    SOURCE_USER,
    SubentryFlowContext,
)
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from .conftest import central_system, charger_subentry, set_up
from .flows import assert_texts, suggested

type Result = Mapping[str, Any]

ROOT = ("config_subentries", "circuit")
MAIN = {"name": "Main fuse", "limit_a": 25}
GARAGE = {"name": "Garage", "limit_a": 16}


async def begin(
    hass: HomeAssistant, entry: MockConfigEntry, key: str | None = None
) -> Result:
    context = SubentryFlowContext(source=SOURCE_USER)
    if key is not None:
        context = SubentryFlowContext(source=SOURCE_RECONFIGURE, subentry_id=key)
    result = await hass.config_entries.subentries.async_init(
        (entry.entry_id, "circuit"), context=context
    )
    if result["step_id"] != "wiring":
        assert_texts(result, *ROOT)
    return result


async def answer(hass: HomeAssistant, result: Result, user_input: Any) -> Result:
    result = await hass.config_entries.subentries.async_configure(
        result["flow_id"], user_input
    )
    # The fields of the last step bear the names of the chargers.
    if result.get("step_id") != "wiring":
        assert_texts(result, *ROOT)
    await hass.async_block_till_done()
    return result


async def add(hass: HomeAssistant, entry: MockConfigEntry, **typed: Any) -> str:
    """Add a fuse with the chargers wired as usual; return its id."""
    before = set(entry.subentries)
    result = await answer(hass, await begin(hass, entry), typed)
    if result["type"] is FlowResultType.FORM:
        result = await answer(hass, result, {})
    assert result["type"] is FlowResultType.CREATE_ENTRY, result
    (made,) = set(entry.subentries) - before
    return made


def fields(result: Result) -> set[str]:
    return {str(marker) for marker in result["data_schema"].schema}


def charger_key(entry: MockConfigEntry, title: str = "CP1") -> str:
    return next(
        each.subentry_id for each in entry.subentries.values() if each.title == title
    )


@pytest.fixture
async def entry(hass: HomeAssistant, unloads: None) -> MockConfigEntry:
    """Return a central system with two chargers and no fuse."""
    return await set_up(
        hass, central_system(charger_subentry("CP1"), charger_subentry("CP2"))
    )


async def test_the_first_fuse_is_the_main_one_and_one_number_is_for_all_phases(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    result = await begin(hass, entry)
    assert result["step_id"] == "main"
    assert suggested(result, "name") == "Main fuse"
    assert "parent" not in fields(result)
    result = await answer(
        hass, result, {**MAIN, "name": "  Main fuse ", "other_a": 8, "safe_a": 0}
    )
    assert result["step_id"] == "wiring"
    assert fields(result) == {"CP1", "CP2"}
    result = await answer(hass, result, {"CP1": "231", "CP2": "123"})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    (made,) = entry.get_subentries_of_type("circuit")
    assert made.title == "Main fuse"
    assert dict(made.data) == {
        "limit_a": [25, 25, 25],
        "other_a": 8,
        "safe_a": 0,
        "wiring": {charger_key(entry): "231", charger_key(entry, "CP2"): "123"},
    }
    home = entry.runtime_data.fuse.home
    assert home.wiring(charger_key(entry)) == (2, 3, 1)
    assert home.safe_a(charger_key(entry)) == 0


async def test_a_house_with_one_phase_is_not_asked_how_it_is_wired(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    key = await add(hass, entry, **MAIN, limit_l2_a=0, limit_l3_a=0)
    assert dict(entry.subentries[key].data) == {"limit_a": [25, 0, 0]}


async def test_a_smaller_fuse_says_what_feeds_it_and_what_hangs_on_it(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    main = await add(hass, entry, **MAIN)
    result = await begin(hass, entry)
    assert result["step_id"] == "below"
    first = charger_key(entry)
    result = await answer(
        hass, result, {**GARAGE, "limit_l3_a": 10, "parent": main, "chargers": [first]}
    )
    assert fields(result) == {"CP1"}
    result = await answer(hass, result, {"CP1": "1"})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    garage = entry.get_subentries_of_type("circuit")
    made = next(each for each in garage if each.title == "Garage")
    assert dict(made.data) == {
        "limit_a": [16, 16, 10],
        "parent": main,
        "chargers": [first],
        "wiring": {first: "1"},
    }
    home = entry.runtime_data.fuse.home
    assert [each.key for each in home.tree.path(made.subentry_id)] == [
        made.subentry_id,
        main,
    ]

    # It cannot hang on two.
    result = await begin(hass, entry)
    result = await answer(
        hass,
        result,
        {"name": "Shed", "limit_a": 16, "parent": main, "chargers": [first]},
    )
    assert result["errors"] == {"chargers": "charger_elsewhere"}
    # On the main fuse are the others.
    result = await begin(hass, entry, main)
    result = await answer(hass, result, MAIN)
    assert fields(result) == {"CP2"}


async def test_a_fuse_is_shown_as_it_is_and_changed(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    main = await add(hass, entry, **MAIN, limit_l2_a=20, limit_l3_a=16, safe_a=8)
    result = await begin(hass, entry, main)
    assert result["step_id"] == "main"
    shown = ("name", "limit_a", "limit_l2_a", "limit_l3_a", "safe_a", "other_a")
    assert [suggested(result, each) for each in shown] == [
        "Main fuse", 25, 20, 16, 8, None,
    ]  # fmt: skip
    result = await answer(hass, result, {"name": "House", "limit_a": 35})
    result = await answer(hass, result, {"CP1": "312", "CP2": "123"})
    assert result["reason"] == "reconfigure_successful"
    subentry = entry.subentries[main]
    assert subentry.title == "House"
    assert subentry.data["limit_a"] == [35, 35, 35]
    assert "safe_a" not in subentry.data
    assert entry.runtime_data.fuse.home.main.limit_a == (35, 35, 35)


async def test_a_fuse_cannot_be_fed_by_what_it_feeds(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    main = await add(hass, entry, **MAIN)
    garage = await add(hass, entry, **GARAGE, parent=main)
    shed = await add(hass, entry, name="Shed", limit_a=10, parent=garage)
    result = await begin(hass, entry, garage)
    marker = next(
        each for each in result["data_schema"].schema if str(each) == "parent"
    )
    options = result["data_schema"].schema[marker].config["options"]
    assert [each["value"] for each in options] == [main]

    # When the one between is removed, what it fed moves up.
    hass.config_entries.async_remove_subentry(entry, garage)
    await hass.async_block_till_done()
    assert entry.subentries[shed].data["parent"] == main
    # Without the main fuse the last one can become it.
    hass.config_entries.async_remove_subentry(entry, main)
    await hass.async_block_till_done()
    result = await begin(hass, entry, shed)
    assert result["step_id"] == "main"
    result = await answer(hass, result, {"name": "Shed", "limit_a": 10})
    await answer(hass, result, {})
    assert entry.runtime_data.fuse.home.has_main


async def test_what_is_wrong_is_said(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    for number in (1, 2):
        hass.states.async_set(f"sensor.l{number}", "1", {"unit_of_measurement": "A"})
    hass.states.async_set("sensor.dead", "unavailable")
    result = await begin(hass, entry)
    result = await answer(hass, result, {"name": "Main"})
    assert result["errors"] == {"limit_a": "limit_missing"}
    for typed, errors in (
        ({"name": " "}, {"name": "name_missing"}),
        ({"meter": ["sensor.l1", "sensor.l2"]}, {"meter": "sensors_for_phases"}),
        ({"meter": ["sensor.dead"]}, {"meter": "no_meter"}),
    ):
        result = await answer(hass, result, {**MAIN, **typed})
        assert result["errors"] == errors
    result = await answer(
        hass, result, {**MAIN, "limit_l3_a": 0, "meter": ["sensor.l1", "sensor.l2"]}
    )
    assert result["step_id"] == "wiring"


async def test_chargers_of_the_same_name_are_told_apart(
    hass: HomeAssistant, unloads: None
) -> None:
    one, two = charger_subentry("CP1"), charger_subentry("CP2")
    one["title"] = two["title"] = "Charger"
    entry = await set_up(hass, central_system(one, two))
    result = await answer(hass, await begin(hass, entry), MAIN)
    assert fields(result) == {"Charger", "Charger #2"}
    result = await answer(hass, result, {"Charger": "123", "Charger #2": "231"})
    (made,) = entry.get_subentries_of_type("circuit")
    assert sorted(made.data["wiring"].values()) == ["123", "231"]
