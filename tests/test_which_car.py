"""Which car is at a connector: a table of what is known and what follows."""

from datetime import UTC, datetime, timedelta

import pytest

from custom_components.ocpp_charging.which_car import (
    NEAR,
    CarReason,
    CarSeen,
    CarThere,
    PlugSeen,
    which_car,
)

AT = datetime(2026, 1, 5, 18, tzinfo=UTC)
OLD = AT - NEAR - timedelta(seconds=1)
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
