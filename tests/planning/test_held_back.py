"""What its owner switches off gives nothing, also where the charger ends no session."""

from collections.abc import Awaitable, Callable

from homeassistant.const import STATE_OFF, STATE_ON
from homeassistant.exceptions import HomeAssistantError
import pytest

from custom_components.ocpp_charging.csms.model import HeldBy
from custom_components.ocpp_charging.planning import Mode
from custom_components.ocpp_charging.planning.wishes import Override
from simulator import PRESETS, Quirks

from .conftest import Home, Make, car
from .test_kept_stay import Restart, restart
from .test_steering import by_action, by_switch, offered, patient, steered, until

__all__ = ["patient", "restart"]

REFUSES = PRESETS["rejects-remote-stop"]
BY = pytest.mark.parametrize("by", [by_switch, by_action], ids=["switch", "action"])

type By = Callable[[Home, bool], Awaitable[None]]


def free(current_a: float) -> bool:
    """Say whether a car may take what it will."""
    return current_a >= 16


def switch(home: Home) -> str:
    """Return the state of the switch that charges."""
    found = home.hass.states.get("switch.cp1_connector_1_charging")
    assert found is not None
    return found.state


async def alone(home: Make, quirks: Quirks) -> Home:
    """Return a home in which a car charges that nothing steers."""
    made = await home(car(), soc=40, quirks=quirks)
    await made.plug()
    await by_switch(made, True)
    await offered(made, free)
    return made


@BY
async def test_a_car_that_is_steered_gets_nothing_where_its_session_does_not_end(
    home: Make, by: By, caplog: pytest.LogCaptureFixture
) -> None:
    made = await home(car(), soc=40, quirks=REFUSES)
    plan = await steered(made, mode=Mode.FAST)
    await until(made, lambda one: one.held_by is HeldBy.PROFILE)
    await offered(made, lambda current: current == 16)
    await by(made, False)
    assert plan.override is Override.OFF
    assert plan.connector.transaction is not None
    await offered(made, lambda current: current == 0)
    await made.pass_time(seconds=31)
    assert switch(made) == STATE_OFF
    assert "the session goes on, without current" in caplog.text
    await by(made, True)
    await made.pass_time(seconds=31)
    await offered(made, lambda current: current == 16)


@BY
async def test_so_it_is_where_nothing_steers(
    home: Make, by: By, restart: Restart, caplog: pytest.LogCaptureFixture
) -> None:
    made = await alone(home, REFUSES)
    assert switch(made) == STATE_ON
    await by(made, False)
    await offered(made, lambda current: current == 0)
    await made.pass_time(seconds=31)
    assert switch(made) == STATE_OFF
    assert "the session goes on, without current" in caplog.text
    await restart(made)
    assert made.of().connector.transaction is not None
    assert made.cp.connector(1).offered_a == 0
    await by(made, True)
    await offered(made, free)
    await until(made, lambda one: one.held_by is None)
    assert switch(made) == STATE_ON


async def test_the_next_session_is_free(home: Make) -> None:
    made = await alone(home, REFUSES)
    await by_switch(made, False)
    await offered(made, lambda current: current == 0)
    await made.pass_time(seconds=31)
    await made.cp.stop_locally(1)
    await until(made, lambda one: one.connector.transaction is None)
    await until(made, lambda one: one.held_by is None)
    await by_switch(made, True)
    await offered(made, free)


@pytest.mark.parametrize("smart", [True, False], ids=["steered", "alone"])
async def test_so_it_is_with_a_session_whose_start_was_never_told(
    home: Make, smart: bool
) -> None:
    made = await home(car(), soc=40, quirks=PRESETS["start-untold"])
    await made.plug()
    await made.cp.present_tag(1, "HomeAssistant")
    await until(made, lambda one: one.connector.charging)
    assert made.of().connector.transaction is None
    if smart:
        await made.of().async_set(steered=True, mode=Mode.OFF)
    else:
        await by_switch(made, False)
    await offered(made, lambda current: current == 0)
    await made.pass_time(minutes=5)
    assert made.cp.connector(1).offered_a == 0
    assert switch(made) == STATE_OFF
    await by_switch(made, True)
    await offered(made, free)
    await by_switch(made, False)
    await offered(made, lambda current: current == 0)
    await made.unplug()
    await until(made, lambda one: one.held_by is None)


@pytest.mark.parametrize("smart", [True, False], ids=["steered", "alone"])
async def test_a_charger_that_heeds_neither_is_said_to_refuse(
    home: Make, smart: bool
) -> None:
    quirks = Quirks(rejects_remote_stop=True, no_smart_charging=True)
    made = await alone(home, quirks)
    if smart:
        await made.of().async_set(steered=True, mode=Mode.FAST)
        await made.settle()
    with pytest.raises(HomeAssistantError) as caught:
        await by_switch(made, False)
    assert caught.value.translation_key == "charger_refused"
    await made.pass_time(seconds=31)
    assert made.cp.connector(1).offered_a > 0
    assert made.of().override is None
    assert switch(made) == STATE_ON
