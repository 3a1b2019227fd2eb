"""A charger is removed while it stands under a fuse: what is left on it, and said."""

from types import MappingProxyType

from homeassistant.config_entries import ConfigSubentry
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from ..conftest import (
    Simulated,
    central_system,
    charger_data,
    charger_of,
    set_up,
    wait_for_charger,
)
from .test_fuse import (
    charge,
    charger,
    circuit,
    fuse_of,
    issues,
    limits,
    offered,
    offers,
    profiles,
    subentry_of,
    told,
)


async def remove(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Delete the charger, and wait until that is done."""
    hass.config_entries.async_remove_subentry(entry, subentry_of(entry, "CP1"))
    await hass.async_block_till_done(wait_background_tasks=True)
    assert not entry.runtime_data.central.chargers
    assert fuse_of(entry).shares == {}


@pytest.mark.parametrize("in_session", [True, False], ids=["charging", "idle"])
async def test_one_that_the_fuse_bears_has_no_share_any_more(
    hass: HomeAssistant,
    simulated: Simulated,
    unloads: None,
    issue_registry: ir.IssueRegistry,
    in_session: bool,
) -> None:
    entry = await set_up(hass, central_system(charger(), circuit(other_a=5.0)))
    point = await simulated(entry)
    await point.wait_for(lambda one: one.received_calls("SetChargingProfile"))
    assert limits(profiles(point)[-1]) == [6]
    if in_session:
        await charge(entry, point)
        await offers(point, 16)
    await remove(hass, entry)
    left = {each.id for each in point.stack.installed}
    assert profiles(point)[-1]["chargingProfileId"] not in left
    assert issues(issue_registry, "fuse_left") == []


async def test_one_that_the_fuse_does_not_bear_keeps_to_what_is_safe_and_that_is_said(
    hass: HomeAssistant,
    simulated: Simulated,
    unloads: None,
    issue_registry: ir.IssueRegistry,
) -> None:
    small = circuit(limit_a=[13.0, 13.0, 13.0], other_a=3.0)
    entry = await set_up(hass, central_system(charger(), small))
    point = await simulated(entry)
    await charge(entry, point)
    await offers(point, 9)
    await remove(hass, entry)
    assert offered(point) == 6
    assert limits(profiles(point)[-1]) == [6]
    assert "duration" not in profiles(point)[-1]["chargingSchedule"]
    (issue,) = issues(issue_registry, "fuse_left")
    assert issue.translation_placeholders == {"name": "CP1", "current": "6"}

    hass.config_entries.async_add_subentry(
        entry,
        ConfigSubentry(
            data=MappingProxyType(charger_data("CP1")),
            subentry_type="charger",
            title="CP1",
            unique_id="CP1",
        ),
    )
    await told(entry, lambda: not issues(issue_registry, "fuse_left"))


async def test_one_that_cannot_be_told_keeps_its_share_and_that_is_said(
    hass: HomeAssistant,
    simulated: Simulated,
    unloads: None,
    issue_registry: ir.IssueRegistry,
) -> None:
    entry = await set_up(hass, central_system(charger(), circuit(other_a=5.0)))
    point = await simulated(entry)
    await charge(entry, point)
    await offers(point, 16)
    await point.stop()
    await wait_for_charger(charger_of(entry), lambda one: not one.connected)
    await remove(hass, entry)
    (issue,) = issues(issue_registry, "fuse_left")
    assert issue.translation_placeholders == {"name": "CP1", "current": "6"}


async def test_one_under_no_fuse_is_removed_without_a_word(
    hass: HomeAssistant,
    simulated: Simulated,
    unloads: None,
    issue_registry: ir.IssueRegistry,
) -> None:
    entry = await set_up(hass, central_system(charger()))
    point = await simulated(entry)
    await charge(entry, point)
    await remove(hass, entry)
    assert point.received_calls("SetChargingProfile") == []
    assert point.received_calls("ClearChargingProfile") == []
    assert issues(issue_registry, "fuse_left") == []
