"""Whether OCPP Charging decides at a connector, and the boost, as they are kept."""

from custom_components.ocpp_charging.planning import Mode, Wishes

from .conftest import Make


async def test_nothing_is_decided_for_a_connector_until_the_owner_wants_it(
    home: Make,
) -> None:
    made = await home(options={})
    assert not made.of().wishes.steered
    assert not made.of().wishes.boost


async def test_it_stays_over_a_restart_and_the_boost_ends_when_the_car_leaves(
    home: Make,
) -> None:
    made = await home()
    one = await made.plug()
    await one.async_set(steered=True, mode=Mode.SMART, boost=True)
    assert await made.hass.config_entries.async_reload(made.entry.entry_id)
    one = made.of()
    assert one.wishes == Wishes(steered=True, mode=Mode.SMART, boost=True)
    assert one.wishes.unplugged() == Wishes(steered=True, mode=Mode.SMART)
