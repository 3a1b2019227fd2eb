"""Which car is at a connector: a table of what is known and what follows."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, strategies as st
import pytest

from custom_components.ocpp_charging.vehicles.which import (
    NEAR,
    CarReason,
    CarSeen,
    CarThere,
    PlugSeen,
    which_car,
    which_cars,
)

AT = datetime(2026, 1, 5, 18, tzinfo=UTC)
OLD = AT - NEAR - timedelta(seconds=1)
LATER = AT + NEAR + timedelta(seconds=1)
PLUG = PlugSeen(charger="garage", at=AT)
TAGGED = PlugSeen(charger="garage", at=AT, id_tag="t")
T = frozenset({"t"})
A, B = CarSeen(key="a"), CarSeen(key="b")


@pytest.mark.parametrize(
    ("cars", "plug", "key", "reason"),
    [
        ([], PLUG, None, CarReason.GUEST),
        ([A], PLUG, "a", CarReason.ONLY_ONE),
        ([A, B], PLUG, None, CarReason.GUEST),
        ([CarSeen(key="a", id_tags=T, home=False), B], TAGGED, "a", CarReason.ID_TAG),
        ([CarSeen(key="a", id_tags=T), B], PLUG, None, CarReason.GUEST),
        (
            [
                CarSeen(key="a", id_tags=T, home=False),
                CarSeen(key="b", id_tags=T),
                CarSeen(key="c"),
            ],
            TAGGED,
            "b",
            CarReason.ONLY_ONE,
        ),
        (
            [CarSeen(key="a", plugged=True, plugged_since=AT + NEAR), B],
            PLUG,
            "a",
            CarReason.PLUGGED,
        ),
        (
            [CarSeen(key="a", plugged=True, plugged_since=OLD), B],
            PLUG,
            None,
            CarReason.GUEST,
        ),
        (
            [
                CarSeen(key="a", home=True, home_since=AT - NEAR),
                CarSeen(key="b", preferred_charger="garage"),
            ],
            PLUG,
            "a",
            CarReason.CAME_HOME,
        ),
        (
            [CarSeen(key="a", preferred_charger="garage"), B],
            PLUG,
            "a",
            CarReason.PREFERRED,
        ),
        ([CarSeen(key="a", plugged=False), B], PLUG, "b", CarReason.ONLY_ONE),
        ([CarSeen(key="a", home=False)], PLUG, None, CarReason.GUEST),
        ([CarSeen(key="a", elsewhere=True), B], PLUG, "b", CarReason.ONLY_ONE),
    ],
)
def test_the_car_at_a_connector_is_told_with_its_reason(
    cars: list[CarSeen], plug: PlugSeen, key: str | None, reason: CarReason
) -> None:
    """The surest clue that fits one car decides, else it is a guest."""
    assert which_car(cars, plug) == CarThere(key=key, reason=reason)
    assert which_car(reversed(cars), plug) == CarThere(key=key, reason=reason)


@pytest.mark.parametrize(
    ("car", "key"),
    [
        (CarSeen(key="a", id_tags=T, elsewhere=True), None),
        (CarSeen(key="a", left_at=AT), "a"),
        (CarSeen(key="a", left_at=AT + timedelta(seconds=1)), None),
        (CarSeen(key="a", home=True, home_since=AT + NEAR), "a"),
        (CarSeen(key="a", home=True, home_since=LATER), None),
        (CarSeen(key="a", home=True, home_since=LATER, plugged=True), "a"),
        (CarSeen(key="a", plugged=True, plugged_since=LATER), "a"),
    ],
)
def test_a_car_that_came_after_the_plug_or_is_elsewhere_is_not_there(
    car: CarSeen, key: str | None
) -> None:
    assert which_car([car], TAGGED).key == key


def test_the_surest_is_decided_first_wherever_it_was_plugged_in() -> None:
    cars = [CarSeen(key="a", id_tags=T, preferred_charger="garage"), B]
    later = PlugSeen(charger="street", at=AT + NEAR, id_tag="t")
    assert which_cars(cars, {1: PLUG, 2: later}, {}) == {
        1: CarThere(key="b", reason=CarReason.ONLY_ONE),
        2: CarThere(key="a", reason=CarReason.ID_TAG),
    }


@st.composite
def scenes(draw: st.DrawFn) -> tuple[list[CarSeen], dict[int, PlugSeen]]:
    """Draw some cars and some plugs, with whatever is known of them."""
    moments = st.integers(-30, 30).map(lambda minutes: AT + timedelta(minutes=minutes))
    maybe = st.one_of(st.none(), st.booleans())
    cars = [
        CarSeen(
            key=key,
            id_tags=draw(st.frozensets(st.sampled_from("tu"))),
            preferred_charger=draw(st.sampled_from([None, "garage", "street"])),
            plugged=draw(maybe),
            plugged_since=draw(moments),
            home=draw(maybe),
            home_since=draw(moments),
            left_at=draw(st.one_of(st.none(), moments)),
        )
        for key in draw(st.sets(st.sampled_from("abcd")))
    ]
    plugs = {
        number: PlugSeen(
            charger=draw(st.sampled_from(["garage", "street"])),
            at=draw(moments),
            id_tag=draw(st.sampled_from([None, "t", "u"])),
        )
        for number in range(draw(st.integers(0, 4)))
    }
    return cars, plugs


@given(scene=scenes(), data=st.data())
def test_a_car_is_at_one_place_at_most_and_what_is_settled_stays(
    scene: tuple[list[CarSeen], dict[int, PlugSeen]], data: st.DataObject
) -> None:
    cars, plugs = scene
    settled: dict[int, CarThere] = {}
    if cars and plugs:
        place = data.draw(st.sampled_from(sorted(plugs)))
        chosen = data.draw(st.sampled_from([None, *sorted(each.key for each in cars)]))
        settled = {place: CarThere(key=chosen, reason=CarReason.OWNER)}
    found = which_cars(cars, plugs, settled)
    assert found.keys() == plugs.keys()
    assert found | settled == found
    keys = [there.key for there in found.values() if there.key is not None]
    assert len(keys) == len(set(keys))
    assert which_cars(reversed(cars), plugs, settled) == found
