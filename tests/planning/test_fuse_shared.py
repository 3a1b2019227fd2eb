"""Several cars on one fuse: turns, what one doesn't take, meters that fail."""

from datetime import datetime, timedelta
from functools import partial
from types import MappingProxyType
from typing import Any

from homeassistant.config_entries import ConfigSubentry, ConfigSubentryData
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.ocpp_charging.charging import rest
from custom_components.ocpp_charging.charging.claims import House, Why
from custom_components.ocpp_charging.csms.charger import Charger
from custom_components.ocpp_charging.csms.model import HeldBy
from custom_components.ocpp_charging.planning import (
    Mode,
    car_use,
    fuse,
    fuse_issues,
    plugged,
)
from simulator import Car, ChargePoint

from ..conftest import (
    Simulated,
    central_system,
    charger_of,
    set_up,
    wait_for_charger,
    wait_for_state,
)
from .conftest import PRICE
from .test_fuse import (
    HOUSE,
    Metered,
    charge,
    charger,
    circuit,
    draws,
    fuse_of,
    issues,
    meter,
    offered,
    offers,
    phases_of,
    subentry_of,
    told,
)

BOARD = ("sensor.g1", "sensor.g2", "sensor.g3")


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a house in which nothing takes minutes."""
    moment = timedelta(seconds=1)
    house = partial(House, rise_every=moment, restart_after=moment, turn=2 * moment)
    monkeypatch.setattr(fuse, "House", house)
    monkeypatch.setattr(rest, "FOLLOWED_AFTER", moment)
    monkeypatch.setattr(fuse_issues, "SILENT_FOR", timedelta(0))


async def samples(entry: MockConfigEntry, amperes: float, count: int) -> None:
    """Wait until a charger has measured so much so often, from now on."""
    connector = charger_of(entry).connector(1)
    seen: set[datetime] = set()

    def so(_charger: Charger) -> bool:
        told = connector.readings.get("current")
        if told is not None and told.value == pytest.approx(amperes):
            seen.add(told.at)
        return len(seen) >= count

    await wait_for_charger(charger_of(entry), so, 30)


class Sums:
    """What several chargers offered together, whenever the fuses were looked at."""

    def __init__(self, entry: MockConfigEntry, *points: ChargePoint) -> None:
        self.greatest = 0.0
        self._points = points
        self.stop = fuse_of(entry).listen(self._look)

    def _look(self) -> None:
        self.greatest = max(self.greatest, sum(map(offered, self._points)))


def why(entry: MockConfigEntry, identity: str) -> Why | None:
    """Return why a charger gets what it gets."""
    share = fuse_of(entry).share_of((subentry_of(entry, identity), 1))
    return None if share is None else share.why


async def test_what_a_car_does_not_take_goes_to_the_other_and_comes_back(
    hass: HomeAssistant,
    simulated: Simulated,
    unloads: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(car_use, "LESS_FOR", timedelta(seconds=2))
    entry = await set_up(
        hass, central_system(charger("CP1"), charger("CP2"), circuit())
    )
    modest, greedy = await simulated(entry, "CP1"), await simulated(entry, "CP2")
    sums = Sums(entry, modest, greedy)
    await charge(entry, greedy)
    await offers(greedy, 16)
    car = Car(max_current_a=7)
    await modest.plug(1, car)
    await modest.present_tag(1, "HomeAssistant")

    # It takes 7 A and keeps 9 A; the other has all it can have.
    await offers(modest, 9)
    await offers(greedy, 15)
    assert why(entry, "CP1") is Why.UNUSED
    state = await wait_for_state(
        hass, "sensor.cp1_connector_1_available_current", "9.0"
    )
    assert state.attributes["why"] == "unused"

    car.max_current_a = 16
    await modest.wait_for(lambda one: offered(one) >= 12, 30)
    await greedy.wait_for(lambda one: offered(one) <= 13, 30)
    sums.stop()
    assert sums.greatest <= 25


async def test_what_an_almost_full_car_and_one_asleep_leave_goes_to_the_third(
    hass: HomeAssistant,
    simulated: Simulated,
    unloads: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(car_use, "LESS_FOR", timedelta(seconds=2))
    meter(hass, 4, 4, 4)
    names = ("CP1", "CP2", "CP3")
    entry = await set_up(
        hass,
        central_system(
            *(charger(each, max_current_a=32.0) for each in names),
            circuit(limit_a=[40.0, 40.0, 40.0]),
            options=HOUSE,
        ),
    )
    points = [await simulated(entry, each) for each in names]
    full, asleep, greedy = points
    almost = Car(soc_percent=97, max_current_a=16)
    sleeper = Car(max_current_a=16, paused=True)
    with Metered(hass, 4) as house:
        house.points += points
        await asleep.plug(1, sleeper)
        await asleep.present_tag(1, "HomeAssistant")
        await full.plug(1, almost)
        await full.present_tag(1, "HomeAssistant")
        await charge(entry, greedy, max_current_a=32)

        # It takes 7.5 A and keeps 10 A, the other its least; 1 A more or less is not
        # worth a message.
        await full.wait_for(lambda one: 10 <= offered(one) <= 11, 30)
        await asleep.wait_for(lambda one: 6 <= offered(one) <= 7, 30)
        await greedy.wait_for(lambda one: offered(one) >= 17, 30)
        await told(entry, lambda: why(entry, "CP1") is why(entry, "CP2") is Why.UNUSED)

        house.greatest_a = 0
        almost.soc_percent = 100
        await full.wait_for(lambda one: 6 <= offered(one) <= 7, 30)
        await greedy.wait_for(lambda one: offered(one) >= 20, 30)

        # It wakes up and takes what it has: it gets its part.
        sleeper.paused = False
        await asleep.wait_for(lambda one: offered(one) >= 13, 30)
        await greedy.wait_for(lambda one: offered(one) <= 17, 30)
        assert house.greatest_a <= 40


async def test_a_car_alone_has_all_whatever_it_takes(
    hass: HomeAssistant,
    simulated: Simulated,
    unloads: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(car_use, "LESS_FOR", timedelta(0))
    entry = await set_up(hass, central_system(charger(), circuit()))
    point = await simulated(entry)
    await charge(entry, point, max_current_a=7)
    await draws(entry, 7)
    key = (subentry_of(entry, "CP1"), 1)

    def is_content() -> bool:
        claim = fuse_of(entry).claim_of(key)
        return claim is not None and claim.content_a == 9

    await told(entry, is_content)
    assert offered(point) == 16
    assert why(entry, "CP1") is Why.WANTED


@pytest.mark.parametrize(("typed", "drawn"), [(3, 1), (1, 3)], ids=["one", "three"])
async def test_the_phases_of_a_known_car_are_remembered_for_its_next_stay(
    hass: HomeAssistant,
    simulated: Simulated,
    unloads: None,
    monkeypatch: pytest.MonkeyPatch,
    typed: int,
    drawn: int,
) -> None:
    monkeypatch.setattr(plugged, "SURE_AFTER", timedelta(0))
    vehicle = ConfigSubentryData(
        data={"battery_kwh": 40.0, "phases": typed},
        subentry_type="vehicle",
        title="Car",
        unique_id=None,
    )
    entry = await set_up(hass, central_system(charger(), circuit(), vehicle))
    key = subentry_of(entry, "CP1")
    point = await simulated(entry)
    (plan,) = entry.runtime_data.planning.connectors.values()
    await charge(entry, point, phases=drawn)
    car = plan.car.key
    assert car is not None
    kept = entry.runtime_data.planning.kept
    await told(entry, lambda: kept.phases(car) == drawn)
    await point.unplug(1)
    await wait_for_charger(
        charger_of(entry), lambda one: one.connector(1).plugged_in is False
    )
    await point.stop()

    assert await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    point = await simulated(entry)
    # It doesn't draw yet, and the charger tells of three phases.
    await charge(entry, point, paused=True)
    await wait_for_charger(
        charger_of(entry), lambda one: one.connector(1).known_phases == 3
    )
    await told(entry, lambda: phases_of(entry, key) is not None)
    assert phases_of(entry, key) == (1, 2, 3)[:drawn]
    # The plan reckons with them, too, and not with what was typed.
    (plan,) = entry.runtime_data.planning.connectors.values()
    assert plan.phase_count == drawn


async def test_where_there_is_not_enough_for_two_they_take_turns(
    hass: HomeAssistant, simulated: Simulated, unloads: None
) -> None:
    entry = await set_up(
        hass,
        central_system(
            charger("CP1"), charger("CP2"), circuit(limit_a=[10.0, 10.0, 10.0])
        ),
    )
    points = [await simulated(entry, "CP1"), await simulated(entry, "CP2")]
    sums = Sums(entry, *points)
    for point in points:
        await charge(entry, point)
    await told(entry, lambda: len(fuse_of(entry).shares) == 2)
    for _ in range(2):
        for identity, one, other in (
            ("CP2", points[0], points[1]),
            ("CP1", points[1], points[0]),
        ):
            await one.wait_for(lambda one: offered(one) >= 6, 30)
            assert offered(other) == 0
            assert why(entry, identity) in {Why.ROTATION, Why.SLOW_RISE}
    sums.stop()
    assert sums.greatest <= 10


async def test_three_cars_with_room_for_two_take_turns_at_their_least_current(
    hass: HomeAssistant, simulated: Simulated, unloads: None
) -> None:
    meter(hass, 3, 3, 3)
    names = ("CP1", "CP2", "CP3")
    entry = await set_up(
        hass,
        central_system(
            *map(charger, names), circuit(limit_a=[16.0, 16.0, 16.0]), options=HOUSE
        ),
    )
    points = [await simulated(entry, each) for each in names]
    with Metered(hass, 3) as house:
        house.points += points
        for point in points:
            await charge(entry, point)
        await told(entry, lambda: len(fuse_of(entry).shares) == 3)
        await points[2].wait_for(lambda one: offered(one) == 6, 30)
        sums = Sums(entry, *points)
        house.greatest_a = 0
        for waiting in (*points, points[0]):
            await waiting.wait_for(lambda one: offered(one) == 0, 30)
            for other in points:
                if other is not waiting:
                    await other.wait_for(lambda one: offered(one) == 6, 30)
    sums.stop()
    assert sums.greatest <= 13
    assert house.greatest_a <= 16


async def test_a_meter_that_always_says_the_same_is_not_believed_and_told_of(
    hass: HomeAssistant,
    simulated: Simulated,
    unloads: None,
    issue_registry: ir.IssueRegistry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rest, "FROZEN_AFTER", timedelta(seconds=2))
    meter(hass, 2, 2, 2)
    entry = await set_up(hass, central_system(charger(), circuit(), options=HOUSE))
    point = await simulated(entry)
    car = Car()
    with Metered(hass, 2) as house:
        house.points.append(point)
        await point.plug(1, car)
        await point.present_tag(1, "HomeAssistant")
        await draws(entry, 16)
        await told(entry, lambda: why(entry, "CP1") is Why.WANTED)
        house.works = False
        await samples(entry, 16, 4)
        car.paused = True
        await draws(entry, 0)
        await told(entry, lambda: why(entry, "CP1") is Why.METER_SILENT, 20)
        await offers(point, 6)
        assert issues(issue_registry, "fuse_meter_silent")
        entity_id = "sensor.cp1_connector_1_available_current"
        shown = await wait_for_state(hass, entity_id, "6.0")
        assert shown.attributes["why"] == "meter_silent"

        house.works = True
        await offers(point, 16)
        assert not issues(issue_registry, "fuse_meter_silent")


@pytest.mark.parametrize("how", ["tells_nothing_more", "tells_the_same"])
async def test_no_share_rises_on_a_reading_that_has_not_changed(
    hass: HomeAssistant, simulated: Simulated, unloads: None, how: str
) -> None:
    meter(hass, 15, 15, 15)
    entry = await set_up(hass, central_system(charger(), circuit(), options=HOUSE))
    point = await simulated(entry)
    car = Car(max_current_a=7)
    with Metered(hass, 15) as house:
        house.points.append(point)
        await point.plug(1, car)
        await point.present_tag(1, "HomeAssistant")
        await offers(point, 9)
        await samples(entry, 7, 4)
        house.works, house.dead = False, how == "tells_nothing_more"
        # It told of 22 A, 7 of them the car's. Were 9 of them, it could have 2 more.
        car.max_current_a = 16
        await samples(entry, 9, 6)
        assert offered(point) == 9

        house.rest_a, house.works, house.dead = 8, True, False
        await offers(point, 16)


async def test_with_a_plan_a_reading_above_the_limit_is_a_lower_limit_within_5_s(
    hass: HomeAssistant, simulated: Simulated, unloads: None
) -> None:
    meter(hass, 2, 2, 2)
    options = {**HOUSE, "price": PRICE}
    entry = await set_up(hass, central_system(charger(), circuit(), options=options))
    point = await simulated(entry)
    (plan,) = entry.runtime_data.planning.connectors.values()
    soon = (dt_util.now() + timedelta(minutes=45)).time().replace(microsecond=0)
    await plan.async_set(steered=True, mode=Mode.SMART, ready_by=soon)
    await point.plug(1, Car())
    await wait_for_charger(
        charger_of(entry), lambda one: one.connector(1).held_by is HeldBy.PROFILE, 20
    )
    await offers(point, 16)
    await draws(entry, 16)
    begin = dt_util.utcnow()
    meter(hass, 31, 18, 18)
    await offers(point, 10)
    assert dt_util.utcnow() - begin < timedelta(seconds=5)
    assert plan.connector.held_by is HeldBy.PROFILE
    assert plan.plan is not None
    assert plan.plan.periods[0].power_w > 10 * 3 * 230


async def test_a_board_with_its_own_meter_limits_its_own_charger_alone(
    hass: HomeAssistant, simulated: Simulated, unloads: None
) -> None:
    meter(hass, 2, 2, 2)
    board(hass, 1, 1, 1)
    entry = await set_up(
        hass,
        central_system(
            charger("CP1"),
            charger("CP2"),
            circuit(limit_a=[63.0, 63.0, 63.0]),
            options=HOUSE,
        ),
    )
    main = next(
        each for each in entry.subentries.values() if each.subentry_type == "circuit"
    )
    hass.config_entries.async_add_subentry(
        entry,
        ConfigSubentry(
            data=MappingProxyType(
                {
                    "limit_a": [20.0, 20.0, 20.0],
                    "parent": main.subentry_id,
                    "chargers": [subentry_of(entry, "CP2")],
                    "meter": list(BOARD),
                }
            ),
            subentry_type="circuit",
            title="Garage",
            unique_id=None,
        ),
    )
    free, below = await simulated(entry, "CP1"), await simulated(entry, "CP2")
    with Metered(hass, 2) as house, Metered(hass, 1, BOARD) as garage:
        house.points += [free, below]
        garage.points.append(below)
        for point in (free, below):
            await charge(entry, point)
            await offers(point, 16)
            await draws(entry, 16, point.identity)
        garage.rest_a = 8
        await offers(below, 12)
        assert why(entry, "CP2") is Why.CIRCUIT
        assert offered(free) == 16

        garage.dead = True
        hass.states.async_set(BOARD[0], "unavailable")
        await offers(below, 6)
        assert why(entry, "CP2") is Why.METER_SILENT
        assert offered(free) == 16

        garage.dead, garage.rest_a = False, 1
        await offers(below, 16)


def board(hass: HomeAssistant, *amperes: float) -> None:
    """Have the meter of a board tell what flows there."""
    for entity_id, value in zip(BOARD, amperes, strict=True):
        attributes: dict[str, Any] = {"unit_of_measurement": "A"}
        hass.states.async_set(entity_id, str(value), attributes)
