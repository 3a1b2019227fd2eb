"""What was kept of the cars is read back, whatever has become of it."""

import logging
from typing import Any

from homeassistant.core import HomeAssistant
from hypothesis import HealthCheck, given, settings, strategies as st
import pytest

from custom_components.ocpp_charging.vehicles import Vehicle, VehicleSettings
from custom_components.ocpp_charging.vehicles.outlet import Outlet
from custom_components.ocpp_charging.vehicles.vehicles import vehicle_store

from ..conftest import set_up
from .cars import CHARGER, car, home, vehicles_of

SINCE = "2026-11-22T17:30:00+00:00"
PLACE: dict[str, Any] = {
    "charger": CHARGER,
    "connector": 1,
    "at": SINCE,
    "id_tag": "ABCD",
    "chosen": None,
    "key": "ioniq",
    "reason": "id_tag",
}
CAR: dict[str, Any] = {
    "plugged": {"value": True, "since": SINCE},
    "home": {"value": True, "since": None},
    "charge_limit": 80,
}
"""As the first version with cars has written them."""
NAN = float("nan")
OURS = "custom_components.ocpp_charging"
SETTINGS = VehicleSettings(
    key="ioniq",
    name="Ioniq",
    plugged_entity="binary_sensor.plug",
    home_entity="device_tracker.car",
    limit_entity="number.limit",
)


@pytest.mark.parametrize(
    ("data", "known", "errors"),
    [
        ({"places": [PLACE], "cars": {"ioniq": CAR}}, True, 0),
        ({"places": [PLACE]}, True, 0),
        ({"places": [PLACE, {}, 7, None], "cars": {"ioniq": CAR}}, True, 1),
        ({"places": [PLACE], "cars": [CAR]}, True, 1),
        ({"places": [PLACE], "cars": {"ioniq": {"plugged": 3}}}, True, 1),
        ({"places": {"a": PLACE}, "cars": {"ioniq": CAR}}, False, 1),
        ({"places": [PLACE | {"at": "2026-11-22T17:30:00"}]}, False, 1),
        ({"places": [PLACE | {"at": 5}]}, False, 1),
        ({"places": [PLACE | {"reason": "magic"}]}, False, 1),
        ({"places": [PLACE | {"key": ["ioniq"]}]}, False, 1),
        ({"places": [PLACE | {"connector": NAN}]}, False, 1),
        ([1, 2], False, 1),
        ("text", False, 1),
        (None, False, 0),
    ],
    ids=[
        "as it was first written",
        "no cars yet",
        "places that are none",
        "cars are no mapping",
        "a report that is none",
        "places are no list",
        "a time without a zone",
        "a time that is none",
        "an unknown reason",
        "a car that is none",
        "a connector that is none",
        "a list",
        "a text",
        "nothing",
    ],
)
async def test_what_is_kept_of_the_cars_never_stops_the_start(
    hass: HomeAssistant,
    hass_storage: dict[str, Any],
    unloads: None,
    caplog: pytest.LogCaptureFixture,
    data: object,
    known: bool,
    errors: int,
) -> None:
    entry = home(car("ioniq"), car("zoe"))
    key = vehicle_store(hass, entry.entry_id).key
    hass_storage[key] = {"version": 1, "minor_version": 1, "key": key, "data": data}
    entry = await set_up(hass, entry)
    assert vehicles_of(entry).vehicles.keys() == {"ioniq", "zoe"}
    there = vehicles_of(entry).at(CHARGER, 1)
    assert there.key == ("ioniq" if known else None)
    ours = [each for each in caplog.records if each.name.startswith(OURS)]
    assert sum(each.levelno >= logging.ERROR for each in ours) == errors
    assert not any("ABCD" in each.getMessage() for each in ours)


ODD = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from([SINCE, "2026-11-22T17:30:00", "id_tag"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from([*PLACE, *CAR, "value", "since"]), inner, max_size=4
        )
    ),
    max_leaves=6,
)


def part_of(whole: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Return what was kept with some of it missing or odd."""
    return st.fixed_dictionaries(
        {}, optional={name: st.just(one) | ODD for name, one in whole.items()}
    )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kept=ODD | part_of(CAR))
def test_a_car_takes_over_what_it_can_of_what_was_kept(
    hass: HomeAssistant, kept: Any
) -> None:
    found = Vehicle(hass, SETTINGS)
    found.recall(kept)
    assert found.charge_limit is None or 0 <= found.charge_limit <= 100
    # What was taken over can be kept, and read, again.
    assert Vehicle(hass, SETTINGS).recall(found.kept())


@given(kept=part_of(PLACE))
def test_a_place_is_as_it_was_or_not_known(kept: Any) -> None:
    try:
        found = Outlet.recalled(CHARGER, kept)
    except KeyError, TypeError, ValueError:
        return
    assert found.plug is None or found.plug.at.tzinfo is not None
    if (again := found.kept()) is not None:
        assert Outlet.recalled(CHARGER, again).kept() == again
