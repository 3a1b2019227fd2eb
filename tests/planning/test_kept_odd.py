"""What was kept of wishes and stays is read back, whatever has become of it."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

from homeassistant.core import HomeAssistant
from hypothesis import given, strategies as st
import pytest

from custom_components.ocpp_charging.csms.connector import Connector
from custom_components.ocpp_charging.planning import Mode
from custom_components.ocpp_charging.planning.kept_wishes import KeptWishes
from custom_components.ocpp_charging.planning.plugged import Plugged
from custom_components.ocpp_charging.planning.wishes import Wishes

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
BEGAN = "2026-11-23T09:00:00+00:00"
STAY: dict[str, Any] = {
    "began": BEGAN,
    "session": None,
    "before_kwh": 0.0,
    "told": ["ioniq", 40.0],
    "taken_then": 0.0,
    "phases": [2],
}
WISHES: dict[str, Any] = {
    "steered": True,
    "mode": "smart",
    "boost": True,
    "override": "off",
    "ready_by": "07:00:00",
    "ready_on": "2026-11-24",
    "target_soc": 80.0,
    "greenness": 30.0,
    "passing": ["target_soc"],
}
ODD = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.floats()
    | st.sampled_from(["", "odd", BEGAN, BEGAN[:19], "07:00:00"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=4,
)


def part_of(whole: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Return what was kept with some of it missing or odd."""
    return st.fixed_dictionaries(
        {}, optional={name: st.just(one) | ODD for name, one in whole.items()}
    )


def plugged() -> Plugged:
    """Return the stay of a car that has no session."""
    connector = SimpleNamespace(
        transaction=None, last_transaction=None, charging=False, status=None
    )
    return Plugged(cast("Connector", connector), NOW)


@pytest.mark.parametrize(
    ("phases", "known"),
    [([2], {2}), ([1, 2, 3], {1, 2, 3}), (2, {1, 2}), (None, set()), ([], set())],
    ids=["the second", "all", "as once kept", "none", "no list"],
)
def test_the_phases_of_a_stay_outlive_a_restart(
    phases: object, known: set[int]
) -> None:
    stay = plugged()
    assert stay.recall(STAY | {"phases": phases})
    assert stay.phases == known
    assert stay.phase_count == (len(known) or None)


@pytest.mark.parametrize(
    "odd",
    [
        {"phases": [4]},
        {"phases": 7},
        {"phases": ["1"]},
        {"phases": [[1]]},
        {"phases": {"1": 1}},
        {"began": BEGAN[:19]},
        {"before_kwh": float("nan")},
        {"taken_then": None},
        {"told": 5},
        {"told": ["ioniq", float("nan")]},
    ],
    ids=str,
)
def test_an_odd_stay_is_another_one(
    odd: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    stay = plugged()
    assert not stay.recall(STAY | odd)
    assert stay.kept() == plugged().kept()
    assert len(caplog.records) == 1


@given(kept=ODD | part_of(STAY))
def test_a_stay_is_as_it_was_or_begins_anew(kept: Any) -> None:
    stay = plugged()
    if stay.recall(kept):
        assert plugged().recall(stay.kept())
    else:
        assert stay.kept() == plugged().kept()


@pytest.mark.parametrize(
    "odd",
    [{"mode": None}, {"greenness": None}, {"passing": None}, {"boost": "yes"}],
    ids=str,
)
def test_wishes_that_cannot_be_are_refused(odd: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError)):
        Wishes.from_data(WISHES | odd)


@given(kept=part_of(WISHES))
def test_wishes_are_as_they_were_or_refused(kept: dict[str, Any]) -> None:
    try:
        wishes = Wishes.from_data(kept)
    except ValueError, TypeError:
        return
    assert isinstance(wishes.mode, Mode)
    assert isinstance(wishes.follows_plan, bool)
    assert isinstance(wishes.turned_off, bool)
    assert Wishes.from_data(wishes.as_data()) == wishes


@pytest.mark.parametrize("odd", [0, 4, 2.0, "2", None, [2]], ids=str)
async def test_an_odd_count_of_phases_is_none(hass: HomeAssistant, odd: object) -> None:
    kept = KeptWishes(hass, "central")
    kept._kept["ioniq/phases"] = {"phases": odd}
    assert kept.phases("ioniq") is None
