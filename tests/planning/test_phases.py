"""With little sun the car charges on one phase, where the charger can switch."""

from datetime import UTC, datetime, timedelta
from typing import Any

from freezegun import api as freezing
from homeassistant.config_entries import ConfigSubentryData
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
import pytest

from custom_components.ocpp_charging import storage_codec
from custom_components.ocpp_charging.charging.phases import PhaseRules, PhaseState
from custom_components.ocpp_charging.charging.surplus import (
    Measurement,
    SolarRules,
    SolarState,
    follow_sun,
)
from custom_components.ocpp_charging.planning import ConnectorPlan, Mode
from custom_components.ocpp_charging.planning.course import Because
from custom_components.ocpp_charging.planning.sun_told import PhasesWhy, SunTold
from simulator import Car, Quirks

from ..conftest import charger_of
from ..entities import state_of, value
from .conftest import Home, Make, car
from .test_fuse import circuit
from .test_steering import meter, offered, patient, until

__all__ = ["patient"]

HOUSE = {"house": {"grid_power": "sensor.grid"}}


def flowing(home: Home) -> tuple[float, int]:
    """Return what flows into the car in W, and on how many phases it could."""
    one = home.cp.connector(1)
    return round(one.power_w), one.supply.phases


async def shine(home: Home, sun_w: float, **much: float) -> None:
    """Let the roof give so much beyond the house for a while; the car takes of it."""
    left = timedelta(**much)
    while left > timedelta(0):
        meter(home, home.cp.connector(1).power_w - sun_w)
        await home.pass_time(seconds=10)
        left -= timedelta(seconds=10)


async def sunny(
    make: Make, *subentries: ConfigSubentryData, **point: Any
) -> tuple[Home, ConnectorPlan]:
    """Return a home with a car that follows the sun."""
    made = await make(
        car(),
        *subentries,
        soc=40,
        options=HOUSE,
        **{"switches_phases": True, **point},
    )
    meter(made, 0)
    plan = made.of()
    await plan.async_set(steered=True, mode=Mode.SOLAR)
    await made.cp.plug(1, Car(soc_percent=40, max_current_a=16))
    await made.told(plan, lambda: plan.plugged_in)
    await made.pass_time(seconds=11)
    await until(made, lambda one: one.connector.transaction is not None)
    return made, plan


def entity(hass: HomeAssistant, key: str) -> str:
    """Return an entity of the first connector, or of the charger."""
    (found,) = (
        one.entity_id
        for one in er.async_get(hass).entities.values()
        if one.unique_id.endswith((f"_CP1_1_{key}", f"_CP1_0_{key}"))
    )
    return found


def state(hass: HomeAssistant, key: str) -> str:
    """Return the state of such an entity."""
    return str(value(hass, entity(hass, key)))


def told(hass: HomeAssistant) -> tuple[str, int | None]:
    """Return by what the first connector is steered, and on how many phases."""
    found = state_of(hass, entity(hass, "steered_by"))
    return found.state, found.attributes.get("phases")


async def test_with_2_kw_of_sun_it_charges_on_one_phase_and_with_8_kw_on_three(
    home: Make, hass: HomeAssistant
) -> None:
    made, plan = await sunny(home)
    assert plan.because is Because.SUN
    await shine(made, 2000, minutes=4)
    power_w, phases = flowing(made)
    assert 6 * 230 <= power_w <= 2000
    assert phases == 1
    assert plan.connector.planned_phases == 1
    assert told(hass) == ("sun", 1)
    await shine(made, 8000, minutes=15)
    assert told(hass) == ("sun", 3)
    power_w, phases = flowing(made)
    assert 6000 <= power_w <= 8000
    assert phases == 3
    assert state(hass, "phase_switching") == "possible"
    assert state(hass, "phases_in_use") == "3.0"
    await shine(made, 2000, minutes=14)
    power_w, phases = flowing(made)
    assert 6 * 230 <= power_w <= 2000
    assert phases == 1
    assert state(hass, "phases_in_use") == "1.0"


def why(hass: HomeAssistant) -> str:
    """Return what the plan's reason says."""
    return str(state_of(hass, entity(hass, "reason")).attributes["text"])


async def test_it_is_said_why_it_is_one_phase_or_three(
    home: Make, hass: HomeAssistant
) -> None:
    made, _plan = await sunny(home)
    await shine(made, 900, minutes=2)
    assert why(hass).startswith("Waiting for the sun: ")
    assert why(hass).endswith(", 1380 W are needed")
    await shine(made, 2000, minutes=4)
    assert why(hass).startswith("Charging from the sun: ")
    assert why(hass).endswith(
        " W are left for the car. On one phase: three would need 4140 W"
    )
    await shine(made, 8000, minutes=1, seconds=40)
    assert ". It is enough for three phases: they come at 18:" in why(hass)
    await shine(made, 8000, minutes=12)
    assert why(hass).endswith(" W are left for the car")
    await shine(made, 2000, minutes=2)
    assert ". Three phases need 4140 W: it goes on with one at 18:" in why(hass)


@pytest.mark.parametrize(
    ("switched", "until"),
    [
        pytest.param([3], timedelta(minutes=7), id="rest"),
        pytest.param([1439, *range(200, 20, -20)], timedelta(minutes=1), id="day"),
    ],
)
def test_it_is_said_until_when_the_phases_rest(
    switched: list[int], until: timedelta
) -> None:
    now = datetime(2026, 6, 1, 12, tzinfo=UTC)
    switches = tuple(now - timedelta(minutes=each) for each in switched)
    before = SolarState(phases=PhaseState(phases=3, switches=switches))
    rules, phases = SolarRules(), PhaseRules(can_switch=True)
    measured = Measurement(grid_w=-2000, car_w=0, at=now)
    share = follow_sun(rules, phases, measured, before, now)
    told = SunTold.of(share, rules, phases, now)
    assert told.needed_w == 4140
    assert told.phases is not None
    assert told.phases.why is PhasesWhy.RESTING
    assert told.phases.one_w == 1380
    assert told.phases.at is not None
    assert until <= told.phases.at - now <= until + timedelta(minutes=1)


async def test_a_charger_that_cannot_switch_waits_for_4_1_kw(home: Make) -> None:
    made, plan = await sunny(home, switches_phases=False)
    await shine(made, 2000, minutes=4)
    assert flowing(made)[0] == 0
    assert plan.connector.planned_phases is None


async def test_a_guest_on_one_phase_needs_the_sun_for_one_once_it_has_drawn(
    home: Make,
) -> None:
    made = await home(options=HOUSE)
    meter(made, 0)
    plan = made.of()
    await plan.async_set(steered=True, mode=Mode.SOLAR)
    await made.cp.plug(1, Car(soc_percent=40, max_current_a=16, phases=1))
    await made.told(plan, lambda: plan.plugged_in)
    await made.pass_time(seconds=11)
    await until(made, lambda one: one.connector.transaction is not None)
    await shine(made, 2000, minutes=6)
    assert flowing(made)[0] == 0
    await shine(made, 5000, minutes=6)
    assert flowing(made)[0] > 1300
    await shine(made, 2000, minutes=6)
    assert 1300 < flowing(made)[0] <= 2000
    await shine(made, 0, minutes=20)
    assert flowing(made)[0] == 0
    await shine(made, 2000, minutes=8)
    assert 1300 < flowing(made)[0] <= 2000


async def test_between_two_switches_are_ten_minutes_through_a_restart_too(
    home: Make, hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, _plan = await sunny(home)
    await shine(made, 2000, minutes=4)
    await shine(made, 8000, minutes=4)
    kept = charger_of(made.entry).memory.phases[1]
    assert kept.phases == 3
    assert len(kept.switched) == 1
    await shine(made, 2000, minutes=4)
    assert flowing(made)[1] == 3
    assert charger_of(made.entry).memory.phases[1] == kept
    # What is stopped is the test's time: it is read back with the real kind.
    monkeypatch.setattr(storage_codec, "datetime", freezing.real_datetime)
    assert await hass.config_entries.async_reload(made.entry.entry_id)
    assert charger_of(made.entry).memory.phases[1] == kept


async def test_on_one_phase_the_car_keeps_its_room_on_all_of_a_fuse(
    home: Make, hass: HomeAssistant
) -> None:
    made, plan = await sunny(home, circuit())
    await shine(made, 2000, minutes=6)
    assert flowing(made)[1] == 1
    assert plan.connector.share_a is not None
    found = state_of(hass, entity(hass, "available_current"))
    assert len(found.attributes["phases"]) == 3


async def test_charging_fast_is_on_three_phases_again(home: Make) -> None:
    made, plan = await sunny(home)
    await shine(made, 2000, minutes=4)
    assert flowing(made)[1] == 1
    await plan.async_set(mode=Mode.FAST)
    await made.pass_time(seconds=1)
    await offered(made, lambda current: current == 0)
    await made.pass_time(seconds=31)
    await offered(made, lambda current: current == 16)
    assert flowing(made) == (16 * 3 * 230, 3)


async def test_a_charger_that_goes_on_with_three_is_said_and_tried_no_more(
    home: Make, hass: HomeAssistant, caplog: pytest.LogCaptureFixture
) -> None:
    made, plan = await sunny(home, quirks=Quirks(ignores_phases=True))
    await shine(made, 2000, minutes=8)
    assert state(hass, "phase_switching") == "ignored"
    assert caplog.text.count("they are not switched") == 1
    assert plan.connector.planned_phases is None
    await shine(made, 2000, minutes=8)
    assert flowing(made)[0] == 0
    await shine(made, 8000, minutes=8)
    assert 6000 <= flowing(made)[0] <= 8000


async def test_the_owner_says_that_it_can_and_later_that_it_is_to_be_tried_again(
    home: Make, hass: HomeAssistant
) -> None:
    made, plan = await sunny(
        home, configuration={"ConnectorSwitch3to1PhaseSupported": "false"}
    )
    charger = plan.charger
    assert not charger.can_switch_phases
    (subentry,) = (
        one for one in made.entry.subentries.values() if one.unique_id == "CP1"
    )
    for word, can in (("yes", True), ("no", False)):
        hass.config_entries.async_update_subentry(
            made.entry, subentry, data={**subentry.data, "phase_switching": word}
        )
        await made.settle()
        assert charger.can_switch_phases is can
